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
  FILTER_ATTRIBUTES,
  moduleOf,
  registerFilter,
  type TestFilter,
} from '../../../test/support/filter.ts';
import { createTestNdis, type TestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';
import { poolOf } from '../../kernel/index.ts';
import { type Address, poolType, readUnicodeString } from '../../memory/index.ts';
import {
  inventoryOf,
  NDIS_FILTER_ATTACH_PARAMETERS,
  type NDIS_FILTER_RESTART_PARAMETERS,
  NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS,
  NDIS_PROTOCOL_RESTART_PARAMETERS,
  NDIS_RESTART_ATTRIBUTES,
  NDIS_RESTART_GENERAL_ATTRIBUTES,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventRestart,
} from '../index.ts';

describe('NdisFRegisterFilterDriver (ndis/nf-ndis-ndisfregisterfilterdriver)', () => {
  const header = { Type: 0x8b, Revision: 2, Size: 0xe0 };
  test.each([
    ['no FilterAttach', { AttachHandler: null }, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['no FilterPause', { PauseHandler: null }, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['no name', { UniqueName: '' }, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['another type', { Header: { ...header, Type: 0x95 } }, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['too small a size', { Header: { ...header, Size: 0xc8 } }, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['a version that does not exist', { MinorNdisVersion: 7 }, NDIS_STATUS_BAD_VERSION],
  ])('%s is refused', async (_, changes, status) => {
    const t = createTestNdis();
    expect(await registerFilter(t, createTestFilter(t), changes)).toBe(status);
    expect(inventoryOf(t.ndis).filters.size).toBe(0);
  });

  test('another driver object, and a UniqueName that is taken, are refused', async () => {
    const t = createTestNdis();
    const f = createTestFilter(t);
    const { ndis, driver } = f.driver;
    expect(await t.run(() => ndis.NdisFRegisterFilterDriver(0, null, 0, f.handle))).toBe(
      NDIS_STATUS_INVALID_PARAMETER,
    );
    expect(await registerFilter(t, f)).toBe(NDIS_STATUS_SUCCESS);
    const first = f.handle.value;
    expect(await registerFilter(t, f)).toBe(NDIS_STATUS_FAILURE);
    expect(f.handle.value).toBe(first);
    expect(driver.name).toBe('filter');
    expect(t.findings()).toEqual([]);
  });

  test('FilterSetOptions runs inside the call with the handle; what it fails with ends the registration', async () => {
    const t = createTestNdis();
    const f = createTestFilter(t);
    const seen: unknown[] = [];
    expect(
      await registerFilter(t, f, {
        SetOptionsHandler: (handle: Address) => {
          seen.push(handle === f.handle.value);
          return NDIS_STATUS_RESOURCES;
        },
      }),
    ).toBe(NDIS_STATUS_RESOURCES);
    expect(seen).toEqual([true]);
    expect(inventoryOf(t.ndis).filters.size).toBe(0);
  });

  test('a receive handler without FilterStatus is found (network/data-bypass-mode)', async () => {
    const t = createTestNdis();
    await registerFilter(t, createTestFilter(t), { StatusHandler: null });
    expect(t.findings()).toEqual(['STATUS_HANDLER_MISSING filter']);
  });
});

/** A stack with one filter, running. */
async function stack(changes: object = {}, before: (f: TestFilter, t: TestNdis) => object = () => ({})) {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  const f = createTestFilter(t);
  await registerMiniport(t, m);
  await registerProtocol(t, p);
  await registerFilter(t, f, { ...BYPASSING, ...changes, ...before(f, t) });
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  return { t, m, p, f, adapter };
}

describe('attaching', () => {
  test('FilterAttach learns of the adapter and of the module below (ndis/ns-ndis-_ndis_filter_attach_parameters)', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    await registerMiniport(t, m);
    const seen: Record<string, unknown>[] = [];
    for (const [name, minor] of [
      ['lower', 0],
      ['upper', 30],
    ] as const) {
      const f = createTestFilter(t, name);
      await registerFilter(t, f, {
        ...BYPASSING,
        MinorNdisVersion: minor,
        AttachHandler: (handle: Address, _context: unknown, given: NDIS_FILTER_ATTACH_PARAMETERS) => {
          const view = NDIS_FILTER_ATTACH_PARAMETERS.at(t.memory, given.address);
          seen.push({
            type: view.Header.Type,
            revision: view.Header.Revision,
            ifIndex: view.IfIndex,
            lower: view.LowerIfIndex,
            base: view.BaseMiniportIfIndex,
            guid: readUnicodeString(t.memory, view.FilterModuleGuidName),
            instance: readUnicodeString(t.memory, view.BaseMiniportInstanceName),
            device: readUnicodeString(t.memory, view.BaseMiniportName),
            mac: [...view.CurrentMacAddress.subarray(0, view.MacAddressLength)],
            speed: view.XmitLinkSpeed,
          });
          return f.driver.ndis.NdisFSetAttributes(handle, { handle }, FILTER_ATTRIBUTES);
        },
      });
    }
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    const [upper, lower] = adapter.filters;
    const common = {
      type: NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS,
      base: adapter.ifIndex,
      instance: 'Ethernet',
      device: '\\Device\\{Ethernet}',
      mac: [2, 0, 0, 0, 0, 1],
      speed: 1_000_000_000n,
    };
    expect(seen).toEqual([
      { ...common, revision: 1, ifIndex: lower.ifIndex, lower: adapter.ifIndex, guid: lower.name },
      { ...common, revision: 4, ifIndex: upper.ifIndex, lower: lower.ifIndex, guid: upper.name },
    ]);
  });

  test('NdisFSetAttributes is for FilterAttach alone and checks its structure (ndis/nf-ndis-ndisfsetattributes)', async () => {
    const statuses: number[] = [];
    const { t, f } = await stack({}, (filter) => ({
      AttachHandler: (handle: Address) => {
        const { ndis } = filter.driver;
        filter.modules.push({ handle });
        const Header = { ...FILTER_ATTRIBUTES.Header, Size: 4 };
        statuses.push(ndis.NdisFSetAttributes(handle, { handle }, { Header }));
        statuses.push(ndis.NdisFSetAttributes(handle, { handle }, FILTER_ATTRIBUTES));
        return NDIS_STATUS_SUCCESS;
      },
    }));
    const [{ handle }] = f.modules;
    statuses.push(await t.run(() => f.driver.ndis.NdisFSetAttributes(handle, {}, FILTER_ATTRIBUTES)));
    expect(statuses).toEqual([NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE]);
    expect(t.findings()).toEqual(['ATTRIBUTES_OUTSIDE_OF_ATTACH filter']);
  });

  test('an attach that fails leaves the module Detached and its handle stale (ndis/nc-ndis-filter_attach)', async () => {
    let stale: Address = 0;
    const { t, f, adapter } = await stack({
      AttachHandler: (handle: Address) => {
        stale = handle;
        return NDIS_STATUS_RESOURCES;
      },
    });
    expect(adapter.filters).toEqual([]);
    expect(adapter.state).toBe('Running');
    expect(await t.run(() => f.driver.ndis.NdisFRestartFilter(stale))).toBe(NDIS_STATUS_FAILURE);
    expect(t.findings()).toEqual(['BAD_HANDLE filter']);
  });
});

describe('restart attributes', () => {
  test('what the miniport and each module add or change goes up to the protocols, with the names of the modules, and is freed (ndis/ns-ndis-_ndis_restart_attributes)', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    const { size } = NDIS_RESTART_ATTRIBUTES;
    const at = (entry: Address) => NDIS_RESTART_ATTRIBUTES.at(t.memory, entry);
    const add = (parameters: { RestartAttributes: Address }, oid: number): number => {
      const entry = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, size, 0x11, 0);
      at(entry).Oid = oid;
      at(entry).Next = at(parameters.RestartAttributes).Next;
      at(parameters.RestartAttributes).Next = entry;
      return NDIS_STATUS_SUCCESS;
    };
    const oids: number[] = [];
    const mtus: number[] = [];
    const names: string[] = [];
    await registerMiniport(t, m, {
      RestartHandler: (_context: unknown, parameters: { RestartAttributes: Address }) =>
        add(parameters, 0x1001),
    });
    await registerProtocol(t, p, {
      NetPnPEventHandler: (_context: unknown, { NetPnPEvent }: NET_PNP_EVENT_NOTIFICATION) => {
        if (NetPnPEvent.NetEvent !== NetEventRestart) return NDIS_STATUS_SUCCESS;
        const parameters = NDIS_PROTOCOL_RESTART_PARAMETERS.at(t.memory, NetPnPEvent.Buffer);
        let entry = parameters.RestartAttributes;
        mtus.push(
          NDIS_RESTART_GENERAL_ATTRIBUTES.at(t.memory, entry + NDIS_RESTART_ATTRIBUTES.offset.Data).MtuSize,
        );
        for (; entry !== 0; entry = at(entry).Next) oids.push(at(entry).Oid);
        const buffer = parameters.FilterModuleNameBuffer;
        const end = buffer + parameters.FilterModuleNameBufferLength;
        for (let from = buffer; from < end; from += 2 + t.memory.u16[from >> 1]) {
          const length = t.memory.u16[from >> 1] / 2;
          names.push(
            String.fromCharCode(...t.memory.u16.subarray((from >> 1) + 1, (from >> 1) + 1 + length)),
          );
        }
        return NDIS_STATUS_SUCCESS;
      },
    });
    for (const [name, oid] of [
      ['lower', 0x2001],
      ['upper', 0x2002],
    ] as const) {
      const f = createTestFilter(t, name);
      await registerFilter(t, f, {
        ...BYPASSING,
        RestartHandler: (_context: unknown, parameters: NDIS_FILTER_RESTART_PARAMETERS) => {
          const general = parameters.RestartAttributes + NDIS_RESTART_ATTRIBUTES.offset.Data;
          NDIS_RESTART_GENERAL_ATTRIBUTES.at(t.memory, general).MtuSize -= 4;
          return add(parameters, oid);
        },
      });
    }
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect(mtus).toEqual([1492]);
    expect(oids.slice(1).toSorted((a, b) => a - b)).toEqual([0x1001, 0x2001, 0x2002]);
    expect(names).toEqual(adapter.filters.map((module) => module.name));
    expect(adapter.restartAttributes).toBe(0);
    expect(adapter.general?.mtuSize).toBe(1500);
    expect(poolOf(t.kernel).useOfTag(0x11)).toMatchObject({ blocks: 0 });
    expect(t.findings()).toEqual([]);
  });
});

describe('leaving', () => {
  test('from a handler NdisFDeregisterFilterDriver is found and done later (ndis/nf-ndis-ndisfderegisterfilterdriver)', async () => {
    const { t, adapter } = await stack({}, (f) => ({
      RestartHandler: async () => {
        await f.driver.ndis.NdisFDeregisterFilterDriver(f.handle.value);
        return NDIS_STATUS_SUCCESS;
      },
    }));
    await runDown(t);
    expect([adapter.state, adapter.filters.length, inventoryOf(t.ndis).filters.size]).toEqual([
      'Running',
      0,
      0,
    ]);
    expect(t.findings()).toEqual(['DEREGISTER_IN_CALLBACK filter']);
  });

  test('a handle that is no filter driver is refused', async () => {
    const { t, f } = await stack();
    await t.run(() => f.driver.ndis.NdisFDeregisterFilterDriver(f.modules[0].handle));
    expect(t.findings()).toEqual(['BAD_HANDLE filter']);
  });

  test('registering and deregistering again and again leaves nothing (network/unloading-a-filter-driver)', async () => {
    const { t, f, adapter } = await stack();
    const handles = new Set<Address>();
    for (let i = 0; i < 20; i++) {
      handles.add(f.handle.value);
      await t.run(() => f.driver.ndis.NdisFDeregisterFilterDriver(f.handle.value));
      expect(adapter.filters).toEqual([]);
      await registerFilter(t, f, BYPASSING);
      await t.runAll();
      expect(adapter.filters.map((module) => module.state)).toEqual(['Running']);
    }
    expect(f.log.filter((line) => line === 'attach').length).toBe(21);
    expect(f.log.filter((line) => line === 'detach').length).toBe(20);
    expect(t.findings()).toEqual([]);
  });
});

interface Case {
  readonly name: string;
  readonly changes: (f: TestFilter) => object;
  readonly findings: readonly string[];
}

const GARBAGE = 0x1234_5678;
const cases: readonly Case[] = [
  {
    name: 'a FilterPause that is never completed',
    changes: () => ({ PauseHandler: () => NDIS_STATUS_PENDING }),
    findings: ['NEVER_COMPLETED filter'],
  },
  {
    name: 'a FilterPause that returns garbage',
    changes: () => ({ PauseHandler: () => GARBAGE }),
    findings: ['PAUSE_FAILED filter'],
  },
  {
    name: 'a FilterPause that is completed twice',
    changes: (f) => ({
      PauseHandler: (context: unknown) => {
        f.driver.ndis.NdisFPauseComplete(moduleOf(context));
        f.driver.ndis.NdisFPauseComplete(moduleOf(context));
        return NDIS_STATUS_PENDING;
      },
    }),
    findings: ['NOT_PENDING filter'],
  },
  {
    name: 'a FilterPause that completes and returns success',
    changes: (f) => ({
      PauseHandler: (context: unknown) => {
        f.driver.ndis.NdisFPauseComplete(moduleOf(context));
        return NDIS_STATUS_SUCCESS;
      },
    }),
    findings: ['COMPLETED_WITHOUT_PENDING filter'],
  },
  {
    name: 'a FilterRestart that is never completed',
    changes: () => ({ RestartHandler: () => NDIS_STATUS_PENDING }),
    findings: ['NEVER_COMPLETED filter'],
  },
  {
    name: 'a FilterRestart that is completed twice',
    changes: (f) => ({
      RestartHandler: (context: unknown) => {
        f.driver.ndis.NdisFRestartComplete(moduleOf(context), NDIS_STATUS_SUCCESS);
        f.driver.ndis.NdisFRestartComplete(moduleOf(context), NDIS_STATUS_SUCCESS);
        return NDIS_STATUS_PENDING;
      },
    }),
    findings: ['NOT_PENDING filter'],
  },
  {
    name: 'a FilterRestart that returns garbage',
    changes: () => ({ RestartHandler: () => GARBAGE }),
    findings: [],
  },
  {
    name: 'a FilterAttach that returns NDIS_STATUS_PENDING',
    changes: () => ({ AttachHandler: () => NDIS_STATUS_PENDING }),
    findings: ['PENDING_FROM_ATTACH filter'],
  },
  {
    name: 'a FilterAttach without NdisFSetAttributes',
    changes: () => ({ AttachHandler: () => NDIS_STATUS_SUCCESS }),
    findings: ['ATTRIBUTES_MISSING filter'],
  },
  {
    name: 'a FilterSetModuleOptions that fails',
    changes: () => ({ SetFilterModuleOptionsHandler: () => NDIS_STATUS_RESOURCES }),
    findings: [],
  },
  {
    name: 'a module that asks for its restart whenever it is restarted',
    changes: (f) => {
      let left = 50;
      return {
        RestartHandler: (context: unknown) => {
          if (left-- > 0) f.driver.ndis.NdisFRestartFilter(moduleOf(context));
          return NDIS_STATUS_SUCCESS;
        },
      };
    },
    findings: [],
  },
];

describe.each([1, 2, 4])(
  'filters that misbehave, %i processors: a finding, and the stack still works and comes down',
  (processors) => {
    test.each(cases.map((wrong) => [wrong.name, wrong] as const))('%s', async (_, wrong) => {
      for (let seed = 1; seed <= 2; seed++) {
        const t = createTestNdis({ seed, processors });
        const m = createTestMiniport(t);
        const p = createTestProtocol(t);
        const f = createTestFilter(t);
        await registerMiniport(t, m);
        await registerProtocol(t, p);
        await registerFilter(t, f, { ...BYPASSING, ...wrong.changes(f) });
        const adapter = t.addAdapter(m.object(), 'Ethernet');
        await runDown(t);
        expect(adapter.state).toBe('Running');
        t.halt(adapter);
        await runDown(t);
        expect(adapter.halted).toBe(true);
        await t.run(() => f.driver.ndis.NdisFDeregisterFilterDriver(f.handle.value));
        expect(inventoryOf(t.ndis).filters.size).toBe(0);
        const findings = t.findings();
        for (const expected of wrong.findings) expect(findings).toContain(expected);
        if (wrong.findings.length === 0) expect(findings).toEqual([]);
        expect(findings.filter((line) => line.startsWith('ILLEGAL_TRANSITION'))).toEqual([]);
      }
    });
  },
);
