import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  Account,
  createTrafficFilter,
  createTrafficMiniport,
  createTrafficProtocol,
  fill,
} from '../../../test/support/filterTraffic.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { updateReceivers } from '../dataPath/receivers.ts';
import { DEFAULT_FILTER_CONFIGURATION, inventoryOf, queueOperation } from '../index.ts';

const FILTERS = 3;

const index = fc.nat({ max: FILTERS - 1 });
const count = fc.integer({ min: 1, max: 5 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), count }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('indicate' as const), count, lend: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('complete' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('return' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('originate' as const), index, count }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('come or go' as const), index }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('toggle' as const), index, choice: fc.nat({ max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function play(seed: number, processors: number, steps: readonly Step[]) {
  const t = createTestNdis({ seed, processors });
  const account = new Account();
  const types = ['modifying', 'modifying', 'monitoring'] as const;
  inventoryOf(t.ndis).filterConfiguration = (filter) => ({
    ...DEFAULT_FILTER_CONFIGURATION,
    type: types[Number(filter.name.at(-1))],
    mandatory: filter.name.endsWith('1'),
  });
  const nic = await createTrafficMiniport(t, account);
  const protocols = [
    await createTrafficProtocol(t, 'p0', account),
    await createTrafficProtocol(t, 'p1', account),
  ];
  const filters = Array.from({ length: FILTERS }, (_, number) =>
    createTrafficFilter(t, `filter${number}`, account, number + 1),
  );
  await fill(t, nic.m.driver, account, 64);
  const adapter = t.addAdapter(nic.m.object(), 'Ethernet');
  await t.runAll();
  const receiveAll = () => {
    for (const binding of adapter.bindings) binding.packetFilter = 0x20;
    updateReceivers(adapter);
  };
  for (const what of steps) {
    receiveAll();
    if (what.kind === 'send') for (const p of protocols) await p.send(what.count);
    else if (what.kind === 'indicate') await nic.indicate(what.count, what.lend);
    else if (what.kind === 'complete') await nic.complete();
    else if (what.kind === 'return') for (const p of protocols) await p.returnKept();
    else if (what.kind === 'originate') await filters[what.index].originate(what.count);
    else if (what.kind === 'flush') await filters[what.index].flush();
    else if (what.kind === 'toggle') await filters[what.index].toggle(what.choice);
    else if (what.kind === 'come or go') {
      const f = filters[what.index];
      if (f.registered) f.deregister();
      else if (t.memory.objects.valueAt(f.f.handle.value) === undefined) await f.register();
    } else
      queueOperation(
        t.ndis,
        adapter,
        what.kind === 'pause' ? { kind: 'pause', reason: 1, event: 0 } : { kind: 'restart', event: 0 },
      );
    for (const p of protocols) await p.finishPause();
    await t.runAll();
  }
  // Everybody gives back what he has, until nothing moves.
  const calm = async () => {
    for (let round = 0; round < 12; round++) {
      for (const f of filters) await f.flush();
      await nic.complete();
      for (const p of protocols) {
        await p.returnKept();
        await p.finishPause();
      }
      await t.runAll();
    }
  };
  await calm();
  queueOperation(t.ndis, adapter, { kind: 'restart', event: 0 });
  await t.runAll();
  const sentBefore = nic.sent();
  await protocols[0].send(1);
  await calm();
  expect(nic.sent()).toBe(sentBefore + 1);
  expect(account.mistakes).toEqual([]);
  expect(account.out).toBe(0);
  expect(adapter.state).toBe('Running');
  expect([adapter.sendsOutstanding, adapter.receivesOutstanding]).toEqual([0, 0]);
  for (const binding of adapter.bindings) expect([binding.state, binding.drained]).toEqual(['Running', true]);
  for (const module of adapter.filters) expect([module.state, module.drained]).toEqual(['Running', true]);
  t.halt(adapter);
  await t.runAll();
  expect(adapter.halted).toBe(true);
  expect(t.findings()).toEqual([]);
  return account.sent;
}

test.each([1, 2, 4])(
  'while packets flow, modules come and go, change their handlers and are paused: no list is lost, none comes back twice, %i processors (network/modifying-a-running-driver-stack)',
  async (processors) => {
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 10_000 }),
        fc.array(step, { minLength: 10, maxLength: 60 }),
        async (seed, steps) => {
          sent += await play(seed, processors, steps);
        },
      ),
      { numRuns: 20, seed: 11 },
    );
    expect(sent).toBeGreaterThan(400);
  },
  120_000,
);
