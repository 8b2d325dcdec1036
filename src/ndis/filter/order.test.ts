import { describe, expect, test } from 'vitest';
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
import { poolOf } from '../../kernel/index.ts';
import { poolType, readUnicodeString } from '../../memory/index.ts';
import {
  DEFAULT_FILTER_CONFIGURATION,
  FILTER_CLASSES,
  type FilterConfiguration,
  inventoryOf,
  NDIS_ENUM_FILTERS,
  NDIS_FILTER_INTERFACE,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '../index.ts';

type Configurations = Readonly<Record<string, Partial<FilterConfiguration>>>;

function configure(t: TestNdis, configurations: Configurations): void {
  inventoryOf(t.ndis).filterConfiguration = (filter) => ({
    ...DEFAULT_FILTER_CONFIGURATION,
    ...configurations[filter.name],
  });
}

/** An adapter with a protocol, and filters registered in this order. */
async function stack(
  names: readonly string[],
  configurations: Configurations,
  changes: Readonly<Record<string, object>> = {},
) {
  const t = createTestNdis();
  configure(t, configurations);
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  await registerMiniport(t, m);
  await registerProtocol(t, p);
  const filters = new Map<string, TestFilter>();
  for (const name of names) {
    const f = createTestFilter(t, name);
    filters.set(name, f);
    await registerFilter(t, f, { ...BYPASSING, ...changes[name] });
  }
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  const order = () => adapter.filters.map((module) => module.filter.name);
  return { t, m, p, adapter, filters, order };
}

describe('the order of modules (network/configuring-an-inf-file-for-a-modifying-filter-driver)', () => {
  test('modifying filters lie by class, whatever the order of their registration', async () => {
    const configurations = Object.fromEntries(FILTER_CLASSES.map((name) => [name, { filterClass: name }]));
    const shuffled = FILTER_CLASSES.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
    const { order, t } = await stack(shuffled, configurations);
    expect(order()).toEqual([...FILTER_CLASSES]);
    expect(t.findings()).toEqual([]);
  });

  test('of one class the first is the closest to the miniport; one that comes later goes to its place in the running stack', async () => {
    const { order, t } = await stack(['a', 'b', 'top'], { top: { filterClass: 'scheduler' } });
    const late = createTestFilter(t, 'late');
    await registerFilter(t, late, BYPASSING);
    await t.runAll();
    expect(order()).toEqual(['top', 'late', 'b', 'a']);
  });

  test('a monitoring filter lies over the miniport and over every modifying one, the first closest (network/configuring-an-inf-file-for-a-monitoring-filter-driver)', async () => {
    const monitoring = { type: 'monitoring', filterClass: '' } as const;
    const { order, t, filters, adapter } = await stack(['x', 'm1', 'm2'], { m1: monitoring, m2: monitoring });
    expect(order()).toEqual(['m2', 'm1', 'x', 'm2', 'm1']);
    expect(new Set(adapter.filters.map((module) => module.name)).size).toBe(5);
    const y = createTestFilter(t, 'y');
    await registerFilter(t, y, BYPASSING);
    await t.runAll();
    expect(order()).toEqual(['m2', 'm1', 'y', 'm2', 'm1', 'x', 'm2', 'm1']);
    const x = filters.get('x');
    await t.run(() => x?.driver.ndis.NdisFDeregisterFilterDriver(x.handle.value));
    expect(order()).toEqual(['m2', 'm1', 'y', 'm2', 'm1']);
    expect(t.findings()).toEqual([]);
  });

  test('a filter is only on adapters of its media types (network/specifying-filter-driver-binding-relationships)', async () => {
    const { order } = await stack(['ethernet', 'atm'], {
      ethernet: { mediaTypes: ['Ethernet'] },
      atm: { mediaTypes: ['atm', 'wan'] },
    });
    expect(order()).toEqual(['ethernet']);
  });
});

const failing = { AttachHandler: () => NDIS_STATUS_FAILURE };

describe('mandatory filters (network/mandatory-filter-drivers)', () => {
  test('an optional filter that does not attach is left out', async () => {
    const { order, adapter, p, t } = await stack(['good', 'bad'], {}, { bad: failing });
    expect(order()).toEqual(['good']);
    expect([adapter.state, p.object().bindings.size]).toEqual(['Running', 1]);
    expect(t.findings()).toEqual([]);
  });

  test('without a mandatory filter no protocol is bound', async () => {
    const { adapter, p, t } = await stack(['good', 'bad'], { bad: { mandatory: true } }, { bad: failing });
    expect([adapter.state, adapter.blockedBy, p.object().bindings.size]).toEqual(['Paused', 'bad', 0]);
    expect(p.log).toEqual([]);
    t.halt(adapter);
    await t.runAll();
    expect(adapter.halted).toBe(true);
    expect(t.findings()).toEqual([]);
  });

  test('a mandatory filter is attached to a running stack with every protocol unbound, and detached so', async () => {
    const { t, p, adapter } = await stack([], { guard: { mandatory: true } });
    const guard = createTestFilter(t, 'guard');
    await registerFilter(t, guard, BYPASSING);
    await t.runAll();
    const events = () => p.log.filter((line) => !/Complete|event/.test(line));
    expect(events()).toEqual([
      'bind',
      'netEventRestart',
      'netEventPause',
      'unbind',
      'bind',
      'netEventRestart',
    ]);
    p.log.length = 0;
    await t.run(() => guard.driver.ndis.NdisFDeregisterFilterDriver(guard.handle.value));
    await t.runAll();
    expect(events()).toEqual(['netEventPause', 'unbind', 'bind', 'netEventRestart']);
    expect(adapter.state).toBe('Running');
    expect(t.findings()).toEqual([]);
  });

  test('one that does not attach to a running stack takes its protocols down; the stack comes back when it is gone', async () => {
    const { t, p, adapter } = await stack([], { guard: { mandatory: true } });
    const guard = createTestFilter(t, 'guard');
    await registerFilter(t, guard, { ...BYPASSING, ...failing });
    await t.runAll();
    expect([adapter.state, p.object().bindings.size]).toEqual(['Paused', 0]);
    await t.run(() => guard.driver.ndis.NdisFDeregisterFilterDriver(guard.handle.value));
    await t.runAll();
    expect([adapter.state, p.object().bindings.size]).toEqual(['Running', 1]);
    expect(t.findings()).toEqual([]);
  });

  test('a mandatory monitoring filter lacks where the filter under it did not attach (network/configuring-an-inf-file-for-a-monitoring-filter-driver)', async () => {
    const { adapter, order } = await stack(
      ['lower', 'monitor'],
      { monitor: { type: 'monitoring', mandatory: true } },
      { lower: failing },
    );
    expect(order()).toEqual(['monitor']);
    expect([adapter.state, adapter.blockedBy]).toEqual(['Paused', 'monitor']);
  });

  test('a filter that does not restart is detached: an optional one alone, with a mandatory one the protocols (network/starting-a-filter-module)', async () => {
    const unready = { RestartHandler: () => NDIS_STATUS_FAILURE };
    const optional = await stack(['good', 'bad'], {}, { bad: unready });
    expect(optional.order()).toEqual(['good']);
    expect(optional.filters.get('bad')?.log).toEqual(['attach', 'detach']);
    expect([optional.adapter.state, optional.p.object().bindings.size]).toEqual(['Running', 1]);
    const mandatory = await stack(['good', 'bad'], { bad: { mandatory: true } }, { bad: unready });
    expect([mandatory.adapter.state, mandatory.p.object().bindings.size]).toEqual(['Paused', 0]);
    expect([...optional.t.findings(), ...mandatory.t.findings()]).toEqual([]);
  });
});

describe('NdisEnumerateFilterModules (ndis/nf-ndis-ndisenumeratefiltermodules)', () => {
  async function prepared() {
    const s = await stack(['lower', 'upper'], {
      upper: { mandatory: true, filterClass: 'scheduler' },
      lower: { type: 'monitoring', filterClass: '' },
    });
    const { t, filters } = s;
    const { ndis, cell } = (filters.get('lower') as TestFilter).driver;
    const [needed, written] = [cell(), cell()];
    const buffer = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 4096, 1, 0);
    const enumerate = (handle: number, length: number) =>
      t.run(() => ndis.NdisEnumerateFilterModules(handle, buffer, length, needed.address, written.address));
    return { ...s, buffer, enumerate, needed, written };
  }

  test('lists the modules from the top with type, class, name and interface, for an adapter, a binding and a module', async () => {
    const { t, adapter, p, buffer, enumerate, needed, written } = await prepared();
    const handles = [adapter.handle, [...p.object().bindings][0].handle, adapter.filters[0].handle];
    for (const handle of handles) {
      t.memory.u8.fill(0xcc, buffer, buffer + 4096);
      expect(await enumerate(handle, 4096)).toBe(NDIS_STATUS_SUCCESS);
      const list = NDIS_ENUM_FILTERS.at(t.memory, buffer);
      expect(list.NumberOfFilters).toBe(3);
      expect(written.value).toBe(needed.value);
      const entries = adapter.filters.map((_, index) =>
        NDIS_FILTER_INTERFACE.at(
          t.memory,
          buffer + list.OffsetFirstFilter + index * NDIS_FILTER_INTERFACE.size,
        ),
      );
      expect(
        entries.map((entry) => [
          entry.FilterType,
          entry.FilterRunType,
          readUnicodeString(t.memory, entry.FilterClass.address),
          readUnicodeString(t.memory, entry.FilterInstanceName.address),
          entry.IfIndex,
          entry.Flags,
        ]),
      ).toEqual([
        [1, 2, '', 'Ethernet-lower filter-0001', adapter.filters[0].ifIndex, 0xe],
        [2, 1, 'scheduler', 'Ethernet-upper filter-0000', adapter.filters[1].ifIndex, 0xe],
        [1, 2, '', 'Ethernet-lower filter-0000', adapter.filters[2].ifIndex, 0xe],
      ]);
      expect(entries.map((entry) => entry.NetLuid.Value)).toEqual(
        adapter.filters.map((module) => module.netLuid),
      );
    }
  });

  test('a short buffer and a wrong handle are refused', async () => {
    const { adapter, p, enumerate, needed, written } = await prepared();
    expect(await enumerate(adapter.handle, 100)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    expect(needed.value).toBeGreaterThan(3 * NDIS_FILTER_INTERFACE.size);
    expect(written.value).toBe(0);
    expect(await enumerate(p.handle.value, 4096)).toBe(NDIS_STATUS_INVALID_PARAMETER);
  });
});
