import { expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';
import { type Kernel, poolOf } from '../../kernel/index.ts';
import {
  inventoryOf,
  MiniportDriver,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  ProtocolDriver,
} from '../index.ts';
import { NDIS_POOL_TAG } from '../reserve.ts';

const bytesOfNdis = (kernel: Kernel) => {
  const use = poolOf(kernel)
    .accounts.usesByTag()
    .find(({ tag }) => tag === NDIS_POOL_TAG)?.use;
  return [use?.bytes ?? 0, use?.blocks ?? 0];
};

/**
 * Registers, brings a stack up and takes it down while the allocation number `failing` of NDIS's own fails, or all
 * from it on. Returns how many allocations there were.
 */
async function life(failing: number, andLater: boolean, seed: number): Promise<number> {
  const t = createTestNdis({ seed });
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  const before = bytesOfNdis(t.kernel);
  let count = 0;
  poolOf(t.kernel).fail = (_type, _bytes, tag) => {
    if (tag !== NDIS_POOL_TAG) return false;
    const number = count++;
    return andLater ? number >= failing : number === failing;
  };
  const statuses = [await registerMiniport(t, m), await registerProtocol(t, p)];
  for (const status of statuses) expect([NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES]).toContain(status);
  if (t.ndis.resolve(m.handle.value, MiniportDriver) !== null) {
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await runDown(t);
    expect(['Running', 'Halted']).toContain(adapter.state);
    if (!adapter.halted) t.halt(adapter);
    await runDown(t);
    expect(adapter.halted).toBe(true);
    expect(adapter.handle).toBe(0);
    m.driver.driver.state = 'loading';
    await t.run(() => m.driver.ndis.NdisMDeregisterMiniportDriver(m.handle.value));
  }
  if (t.ndis.resolve(p.handle.value, ProtocolDriver) !== null) {
    await t.run(() => p.driver.ndis.NdisDeregisterProtocolDriver(p.handle.value));
  }
  await t.runAll();
  expect(t.findings()).toEqual([]);
  expect(inventoryOf(t.ndis).adapters.size).toBe(0);
  expect([m.driver.driver.owned, p.driver.driver.owned]).toEqual([[], []]);
  expect(bytesOfNdis(t.kernel)).toEqual(before);
  return count;
}

test.each([1, 2])(
  'each allocation of NDIS fails in turn: documented statuses, no finding, nothing leaks (ndis/nf-ndis-ndisregisterprotocoldriver, ndis/nf-ndis-ndisopenadapterex: NDIS_STATUS_RESOURCES), seed %i',
  async (seed) => {
    const total = await life(Number.POSITIVE_INFINITY, false, seed);
    expect(total).toBeGreaterThan(15);
    for (let failing = 0; failing < total; failing++) await life(failing, false, seed);
  },
);

test('memory runs out at any moment and stays out: what cannot fail still ends (network/pausing-a-driver-stack)', async () => {
  const total = await life(Number.POSITIVE_INFINITY, false, 5);
  for (let failing = 0; failing < total; failing++) await life(failing, true, 5);
});
