import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { bindInLevels, createTestIntermediate } from '../../../test/support/intermediate.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { inventoryOf, ProtocolDriver } from '../index.ts';

const operation = fc.oneof(
  fc.constant('add' as const),
  fc.constant('halt' as const),
  fc.constant('register' as const),
  fc.constant('deregister' as const),
  fc.constant('unbind' as const),
  fc.constant('reEnumerate' as const),
  fc.constant('settle' as const),
);

/** Does operations without waiting for each to end, except where `settle` says so. */
async function play(seed: number, processors: number, operations: readonly string[]): Promise<string[]> {
  const t = createTestNdis({ seed, processors });
  const inventory = inventoryOf(t.ndis);
  const nic = createTestMiniport(t, 'nic');
  const top = createTestProtocol(t, 'top');
  await registerMiniport(t, nic);
  const im = await createTestIntermediate(t);
  bindInLevels(t, 'top');
  let number = 0;
  const registered = () => t.ndis.resolve(top.handle.value, ProtocolDriver) !== null;
  for (const what of operations) {
    const adapters = [...inventory.adapters].filter((adapter) => !adapter.virtual);
    if (what === 'add') t.addAdapter(nic.object(), `Ethernet ${number++}`);
    else if (what === 'halt' && adapters.length > 0) t.halt(adapters[number % adapters.length]);
    else if (what === 'register' && !registered()) await registerProtocol(t, top);
    else if (what === 'deregister' && registered())
      await t.run(() => top.driver.ndis.NdisDeregisterProtocolDriver(top.handle.value));
    else if (what === 'unbind') {
      for (const protocol of [im.p, top]) {
        const open = protocol.bindings.find((binding) => {
          const object = t.memory.objects.valueAt(binding.handle.value);
          return (
            object !== undefined &&
            [...inventory.protocols].some((q) =>
              [...q.bindings].some((b) => b === object && b.openState === 'open' && !b.unbindContext.active),
            )
          );
        });
        if (open !== undefined) await t.run(() => protocol.driver.ndis.NdisUnbindAdapter(open.handle.value));
      }
    } else if (what === 'reEnumerate') {
      await t.run(() => im.p.driver.ndis.NdisReEnumerateProtocolBindings(im.p.handle.value));
      if (registered()) await t.run(() => top.driver.ndis.NdisReEnumerateProtocolBindings(top.handle.value));
    } else if (what === 'settle') await t.runAll();
  }
  await t.runAll();
  for (const adapter of inventory.adapters) expect(adapter.state).toBe('Running');
  for (const protocol of inventory.protocols)
    for (const binding of protocol.bindings) expect(binding.state).toBe('Running');
  for (const adapter of [...inventory.adapters].filter((a) => !a.virtual)) t.halt(adapter);
  await t.runAll();
  expect(inventory.adapters.size).toBe(0);
  for (const protocol of inventory.protocols) expect(protocol.bindings.size).toBe(0);
  return t.findings();
}

test.each([1, 2, 4])(
  'any sequence of adding, halting, registering, unbinding and binding anew keeps to the tables of states, %i processors (network/binding-states-of-a-protocol-driver, network/miniport-adapter-states-and-operations)',
  async (processors) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(operation, { maxLength: 14 }),
        async (seed, operations) => {
          expect(await play(seed, processors, operations)).toEqual([]);
        },
      ),
      { numRuns: 15, seed: 7 },
    );
  },
  60_000,
);
