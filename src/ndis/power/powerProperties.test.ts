/**
 * Power, removal, binding and traffic in every order: whatever happens, the tables hold and everything is released.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTestProtocol, registerProtocol, type TestProtocol } from '../../../test/support/drivers.ts';
import { bindInLevels, createTestIntermediate } from '../../../test/support/intermediate.ts';
import { createFrames } from '../../../test/support/lists.ts';
import { place } from '../../../test/support/placed.ts';
import { createPowerStack } from '../../../test/support/powerStack.ts';
import {
  deviceOf,
  inventoryOf,
  type MiniportAdapter,
  NDIS_MINIPORT_SS_CHARACTERISTICS,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
  NdisDeviceStateD2,
  oidRequestsOf,
  ProtocolDriver,
  powerOf,
  queueOperation,
  signalWake,
  surpriseRemove,
} from '../index.ts';

const operation = fc.oneof(
  fc.constantFrom(
    'add',
    'remove',
    'surprise',
    'stop',
    'start',
    'cancel stop',
    'query remove',
    'cancel remove',
  ),
  fc.constantFrom('D0', 'D1', 'D2', 'D3', 'query power', 'wake', 'idle', 'force idle'),
  fc.constantFrom(
    'register',
    'deregister',
    'unbind',
    'reEnumerate',
    'pause',
    'restart',
    'reset',
    'send',
    'ask',
  ),
  fc.constantFrom('settle', 'sleep'),
);

/** Whether a driver leaves what it may complete later to a thread of its own. */
interface Shape {
  readonly seed: number;
  readonly processors: number;
  readonly knowsPower: boolean;
  readonly lazy: boolean;
}

async function play(shape: Shape, operations: readonly string[]): Promise<string[]> {
  const { seed, processors, knowsPower, lazy } = shape;
  const later: (() => void)[] = [];
  const s = await createPowerStack({
    seed,
    processors,
    protocols: 2,
    capabilities: knowsPower ? { Flags: 2, SupportedWoLPacketPatterns: 2, MinMagicPacketWakeUp: 4 } : null,
    keywords: { '*SSIdleTimeout': '2' },
    setOptions: (t, m, handle) =>
      m.driver.ndis.NdisSetOptionalHandlers(
        handle,
        place(t, m.driver, NDIS_MINIPORT_SS_CHARACTERISTICS, {
          Header: { Type: 0xb4, Revision: 1, Size: 24 },
          IdleNotificationHandler: async (context: { handle: number }) => {
            await m.driver.ndis.NdisMIdleNotificationConfirm(context.handle, NdisDeviceStateD2);
            return NDIS_STATUS_PENDING;
          },
          CancelIdleNotificationHandler: (context: { handle: number }) =>
            m.driver.ndis.NdisMIdleNotificationComplete(context.handle),
        }),
      ),
    miniport: {
      ResetHandlerEx: () => NDIS_STATUS_SUCCESS,
      ...(lazy
        ? {
            PauseHandler: (context: { handle: number }) => {
              later.push(() => s.m.driver.ndis.NdisMPauseComplete(context.handle));
              return NDIS_STATUS_PENDING;
            },
          }
        : {}),
    },
  });
  const { t, m } = s;
  const inventory = inventoryOf(t.ndis);
  const top = createTestProtocol(t, 'top');
  const all: TestProtocol[] = [...s.protocols, top];
  const settle = async (): Promise<void> => {
    await t.runAll();
    while (later.length > 0) {
      for (const complete of later.splice(0)) await t.run(() => complete());
      await t.runAll();
    }
  };
  let number = 0;
  const pick = (): MiniportAdapter | undefined => {
    const adapters = [...inventory.adapters];
    return adapters[number % Math.max(1, adapters.length)];
  };
  const registered = (p: TestProtocol) => t.ndis.resolve(p.handle.value, ProtocolDriver);
  const bindings = () =>
    all.flatMap((p) => [...(registered(p)?.bindings ?? [])].map((binding) => ({ p, binding })));
  const queue = (work: object): void => {
    const adapter = pick();
    // Each `work` is an operation without its event.
    if (adapter !== undefined) queueOperation(t.ndis, adapter, { ...work, event: 0 } as never);
  };
  const device = (request: string): void => queue({ kind: 'device', request });
  for (const what of operations) {
    number++;
    switch (what) {
      case 'add':
        if (inventory.adapters.size < 4) t.addAdapter(m.object(), `Ethernet ${number}`);
        break;
      case 'remove':
        queue({ kind: 'halt', action: 0 });
        break;
      case 'surprise': {
        const adapter = pick();
        if (adapter !== undefined) surpriseRemove(t.ndis, adapter, 0);
        break;
      }
      case 'stop':
        device('IRP_MN_QUERY_STOP_DEVICE');
        device('IRP_MN_STOP_DEVICE');
        break;
      case 'start':
        device('IRP_MN_START_DEVICE');
        break;
      case 'cancel stop':
        device('IRP_MN_QUERY_STOP_DEVICE');
        device('IRP_MN_CANCEL_STOP_DEVICE');
        break;
      case 'query remove':
        device('IRP_MN_QUERY_REMOVE_DEVICE');
        break;
      case 'cancel remove':
        device('IRP_MN_CANCEL_REMOVE_DEVICE');
        break;
      case 'D0':
      case 'D1':
      case 'D2':
      case 'D3':
        queue({ kind: 'power', query: false, state: 1 + Number(what[1]) });
        break;
      case 'query power':
        queue({ kind: 'power', query: true, state: 4 });
        break;
      case 'idle':
      case 'force idle':
        queue({ kind: 'idle', forced: what === 'force idle' });
        break;
      case 'wake': {
        const adapter = pick();
        if (adapter !== undefined) signalWake(t.ndis, adapter);
        break;
      }
      case 'pause':
        queue({ kind: 'pause', reason: 1 });
        break;
      case 'restart':
        queue({ kind: 'restart' });
        break;
      case 'reset': {
        const adapter = pick();
        if (adapter !== undefined) m.driver.ndis.NdisMResetMiniport(adapter.handle);
        break;
      }
      case 'register':
        if (registered(top) === null) await registerProtocol(t, top);
        break;
      case 'deregister':
        // A pause that is pending holds the unbind; a driver that waits for it here would wait for itself.
        await settle();
        if (registered(top) !== null && !lazy)
          await t.run(() => top.driver.ndis.NdisDeregisterProtocolDriver(top.handle.value));
        break;
      case 'unbind':
      case 'ask':
      case 'send': {
        // A request is made where nothing happens to its binding meanwhile.
        if (what === 'ask') await settle();
        const found = bindings().find(
          ({ binding }) => binding.openState === 'open' && !binding.unbindContext.active,
        );
        if (found === undefined) break;
        const { ndis } = found.p.driver;
        const { handle } = found.binding;
        if (what === 'unbind') {
          await t.run(() => {
            if (found.binding.openState === 'open') ndis.NdisUnbindAdapter(handle);
          });
        } else if (what === 'send' && found.binding.state === 'Running') {
          await t.run(() => {
            const frame = createFrames(t, found.p.driver);
            if (found.binding.state === 'Running')
              ndis.NdisSendNetBufferLists(handle, frame([2, 0, 0, 0, 0, 9], handle), 0, 0);
          });
        } else if (what === 'ask' && lazy === false && found.p !== top) {
          const protocol = s.protocols.indexOf(found.p);
          if (found.p.bindings[0]?.handle.value === handle) await s.ask({ oid: 0x0001_010c, protocol });
        }
        break;
      }
      case 'reEnumerate':
        for (const p of all)
          if (registered(p) !== null)
            await t.run(() => p.driver.ndis.NdisReEnumerateProtocolBindings(p.handle.value));
        break;
      case 'sleep':
        await t.run(() => m.driver.ndis.NdisMSleep(3_000_000));
        break;
      case 'settle':
        await settle();
        break;
    }
  }
  await settle();
  // Whatever was left asleep comes back to work where its device is started.
  for (const adapter of inventory.adapters) {
    queueOperation(t.ndis, adapter, { kind: 'power', query: false, state: NdisDeviceStateD0, event: 0 });
    queueOperation(t.ndis, adapter, { kind: 'restart', event: 0 });
  }
  await settle();
  for (const adapter of inventory.adapters) {
    expect(powerOf(t.ndis, adapter).state).toBe('D0');
    const stopped = deviceOf(t.ndis, adapter).state === 'Stopped';
    expect([adapter.state, adapter.sendsOutstanding]).toEqual([stopped ? 'Halted' : 'Running', 0]);
    for (const binding of adapter.bindings) expect(binding.state).toBe('Running');
  }
  for (const adapter of inventory.adapters) t.halt(adapter);
  await settle();
  expect(inventory.adapters.size).toBe(0);
  for (const protocol of inventory.protocols) expect(protocol.bindings.size).toBe(0);
  expect(oidRequestsOf(t.ndis).records.size).toBe(0);
  return t.findings();
}

test.each([1, 2, 4])(
  'any sequence of power, removal, stop, idleness, binding, resets and traffic keeps to the tables and leaves nothing behind, %i processors (network/device-power-states-for-network-adapters, kernel/state-transitions-for-pnp-devices)',
  async (processors) => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.integer({ min: 1, max: 1000 }),
          processors: fc.constant(processors),
          knowsPower: fc.boolean(),
          lazy: fc.boolean(),
        }),
        fc.array(operation, { maxLength: 16 }),
        async (shape, operations) => {
          expect(await play(shape, operations)).toEqual([]);
        },
      ),
      { numRuns: 25, seed: 23 },
    );
  },
  120_000,
);

test('virtual miniports sleep and wake apart from the adapters below them (network/handling-a-set-power-request)', async () => {
  const s = await createPowerStack({ protocols: 0 });
  const { t } = s;
  const im = await createTestIntermediate(t);
  bindInLevels(t, 'top');
  const top = createTestProtocol(t, 'top');
  await registerProtocol(t, top);
  await t.runAll();
  const inventory = inventoryOf(t.ndis);
  const virtual = [...inventory.adapters].find((adapter) => adapter.virtual);
  if (virtual === undefined) throw new Error('no virtual adapter');
  const set = async (adapter: MiniportAdapter, state: number): Promise<void> => {
    queueOperation(t.ndis, adapter, { kind: 'power', query: false, state, event: 0 });
    await t.runAll();
  };
  await set(s.adapter, 4);
  expect([s.adapter.state, virtual.state]).toEqual(['Paused', 'Running']);
  await set(virtual, 4);
  await set(s.adapter, 1);
  expect([s.adapter.state, powerOf(t.ndis, virtual).state]).toEqual(['Running', 'D3']);
  t.halt(s.adapter);
  await t.runAll();
  expect(inventory.adapters.size).toBe(0);
  expect(im.m.log).toContain('halt');
  expect(t.findings()).toEqual([]);
});
