import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import {
  BYPASSING,
  createTestFilter,
  registerFilter,
  type TestFilter,
} from '../../../test/support/filter.ts';
import { createTestNdis, type TestNdis } from '../../../test/support/ndis.ts';
import {
  DEFAULT_FILTER_CONFIGURATION,
  FilterDriver,
  inventoryOf,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  ProtocolDriver,
  queueOperation,
} from '../index.ts';
import { configuredStack } from './order.ts';

const NAMES = ['scheduler', 'custom', 'monitor', 'guard'] as const;

const operation = fc.oneof(
  { weight: 2, arbitrary: fc.constant('add' as const) },
  { weight: 1, arbitrary: fc.constant('halt' as const) },
  { weight: 1, arbitrary: fc.constant('protocol' as const) },
  { weight: 1, arbitrary: fc.constant('pause' as const) },
  { weight: 2, arbitrary: fc.constant('restart' as const) },
  { weight: 2, arbitrary: fc.constant('settle' as const) },
  { weight: 6, arbitrary: fc.constantFrom(...NAMES) },
);

/** A filter whose pauses and restarts are now done at once, now later, and whose attach fails now and then. */
function moody(t: TestNdis, f: TestFilter, mood: () => number): object {
  const { ndis } = f.driver;
  const later = (complete: () => void): number => {
    if (mood() % 2 === 0) return NDIS_STATUS_SUCCESS;
    t.start(() => {
      complete();
      return 0;
    });
    return NDIS_STATUS_PENDING;
  };
  const handleOf = (context: unknown) => (context as { readonly handle: number }).handle;
  return {
    ...BYPASSING,
    PauseHandler: (context: unknown) => later(() => ndis.NdisFPauseComplete(handleOf(context))),
    RestartHandler: (context: unknown) => {
      if (mood() % 11 === 0) return NDIS_STATUS_FAILURE;
      if (mood() % 5 === 0) ndis.NdisFRestartFilter(handleOf(context));
      return later(() => ndis.NdisFRestartComplete(handleOf(context), NDIS_STATUS_SUCCESS));
    },
  };
}

async function play(seed: number, processors: number, operations: readonly string[]): Promise<void> {
  const t = createTestNdis({ seed, processors });
  const inventory = inventoryOf(t.ndis);
  inventory.filterConfiguration = (filter) => ({
    ...DEFAULT_FILTER_CONFIGURATION,
    type: filter.name === 'monitor' ? 'monitoring' : 'modifying',
    mandatory: filter.name === 'guard',
    filterClass: filter.name === 'scheduler' ? 'scheduler' : 'custom',
  });
  let moods = seed;
  const mood = () => {
    moods = (moods * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return moods >> 8;
  };
  const nic = createTestMiniport(t, 'nic');
  const top = createTestProtocol(t, 'top');
  await registerMiniport(t, nic);
  const filters = new Map(NAMES.map((name) => [name as string, createTestFilter(t, name)]));
  const leaving = new Set<FilterDriver>();
  let number = 0;
  for (const what of operations) {
    const adapters = [...inventory.adapters];
    const one = adapters[number % Math.max(1, adapters.length)];
    const f = filters.get(what);
    if (what === 'add') t.addAdapter(nic.object(), `Ethernet ${number++}`);
    else if (what === 'halt' && one !== undefined) t.halt(one);
    else if (what === 'pause' && one !== undefined)
      queueOperation(t.ndis, one, { kind: 'pause', reason: 1, event: 0 });
    else if (what === 'restart' && one !== undefined)
      queueOperation(t.ndis, one, { kind: 'restart', event: 0 });
    else if (what === 'protocol') {
      if (t.ndis.resolve(top.handle.value, ProtocolDriver) === null) await registerProtocol(t, top);
      else await t.run(() => top.driver.ndis.NdisDeregisterProtocolDriver(top.handle.value));
    } else if (what === 'settle') await t.runAll();
    else if (f !== undefined) {
      const registered = t.ndis.resolve(f.handle.value, FilterDriver);
      if (registered === null) await registerFilter(t, f, moody(t, f, mood));
      else if (!leaving.has(registered)) {
        leaving.add(registered);
        t.start(() => f.driver.ndis.NdisFDeregisterFilterDriver(registered.handle));
      }
    }
  }
  await t.runAll();
  for (const adapter of inventory.adapters) queueOperation(t.ndis, adapter, { kind: 'restart', event: 0 });
  await t.runAll();
  for (const adapter of inventory.adapters) {
    expect(adapter.state).toBe(adapter.blockedBy === null ? 'Running' : 'Paused');
    // What lies on it is what is configured, in that order, but for those that failed.
    const wanted = configuredStack(t.ndis, adapter).map(({ filter }) => filter.name);
    const present = adapter.filters.map((module) => module.filter.name).toReversed();
    let at = 0;
    for (const name of wanted) if (present[at] === name) at++;
    expect(at, `${present.join()} in ${wanted.join()}`).toBe(present.length);
    if (adapter.failedFilters.size === 0) expect(present).toEqual(wanted);
    for (const module of adapter.filters)
      expect(module.state).toBe(adapter.blockedBy === null ? 'Running' : 'Paused');
    for (const binding of adapter.bindings) expect(binding.state).toBe('Running');
  }
  for (const adapter of inventory.adapters) t.halt(adapter);
  await t.runAll();
  expect(inventory.adapters.size).toBe(0);
  for (const filter of inventory.filters) expect(filter.modules.size).toBe(0);
  expect(t.findings()).toEqual([]);
}

test.each([1, 2, 4])(
  'any sequence of coming, going, pausing and failing keeps to the table of states and ends in the configured order, %i processors (network/filter-module-states-and-operations)',
  async (processors) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(operation, { minLength: 4, maxLength: 24 }),
        (seed, operations) => play(seed, processors, operations),
      ),
      { numRuns: 25, seed: 5 },
    );
  },
  120_000,
);
