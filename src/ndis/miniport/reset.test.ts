import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  generalAttributes,
  registerMiniport,
  registerProtocol,
  registrationAttributes,
} from '../../../test/support/drivers.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { poolOf } from '../../kernel/index.ts';
import {
  MiniportAdapter,
  type NDIS_OID_REQUEST,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_HARD_ERRORS,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
  shutdownAdapters,
} from '../index.ts';

interface Options {
  readonly seed?: number;
  readonly processors?: number;
  readonly seconds?: number;
  readonly hangs?: () => boolean;
  readonly reset?: (addressing: number) => number;
  readonly flags?: number;
  readonly minor?: number;
}

async function stack(options: Options = {}) {
  const t = createTestNdis({ seed: options.seed ?? 1, processors: options.processors ?? 1 });
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  const oids: number[] = [];
  const statuses: number[] = [];
  await registerMiniport(t, m, {
    MinorNdisVersion: options.minor ?? 30,
    InitializeHandlerEx: (handle: number) => {
      m.adapters.push(handle);
      const given = registrationAttributes({ handle }) as { RegistrationAttributes: object };
      const { ndis } = m.driver;
      ndis.NdisMSetMiniportAttributes(handle, {
        RegistrationAttributes: {
          ...given.RegistrationAttributes,
          CheckForHangTimeInSeconds: options.seconds ?? 0,
          AttributeFlags: options.flags ?? 0,
        },
      });
      ndis.NdisMSetMiniportAttributes(handle, generalAttributes());
      return NDIS_STATUS_SUCCESS;
    },
    ...(options.hangs === undefined
      ? {}
      : {
          CheckForHangHandlerEx: () => {
            m.log.push(`check ${Math.round(t.kernel.clock.now / 10_000_000)}`);
            return options.hangs?.() ?? false;
          },
        }),
    ResetHandlerEx: (_context: unknown, addressing: number) => {
      m.log.push('reset');
      return options.reset?.(addressing) ?? NDIS_STATUS_SUCCESS;
    },
    OidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST) => {
      oids.push(request.DATA.Oid);
      return NDIS_STATUS_SUCCESS;
    },
  });
  await registerProtocol(t, p, {
    StatusHandlerEx: (_context: unknown, indication: NDIS_STATUS_INDICATION) => {
      statuses.push(indication.StatusCode);
    },
  });
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  m.log.length = 0;
  const runFor = (seconds: number) =>
    t.kernel.scheduler.run(() => false, t.kernel.clock.now + seconds * 10_000_000);
  return { t, m, p, adapter, oids, statuses, runFor };
}

describe('MiniportCheckForHangEx (ndis/nc-ndis-miniport_check_for_hang)', () => {
  test.each([1, 2, 4])(
    'is called about every two seconds and does not keep a machine busy, %i processors',
    async (processors) => {
      const { t, m, runFor } = await stack({ hangs: () => false, processors });
      await t.runAll();
      expect(m.log).toEqual([]);
      await runFor(7);
      expect(m.log).toEqual(['check 2', 'check 4', 'check 6']);
    },
  );

  test('is called as often as CheckForHangTimeInSeconds says, and not after the adapter is halted', async () => {
    const { t, m, adapter, runFor } = await stack({ hangs: () => false, seconds: 5 });
    await runFor(11);
    expect(m.log).toEqual(['check 5', 'check 10']);
    t.halt(adapter);
    await t.runAll();
    m.log.length = 0;
    await runFor(20);
    expect(m.log).toEqual([]);
  });

  test('TRUE makes NDIS reset the adapter; protocols hear that the reset begins and ends (network/ndis-status-reset-start)', async () => {
    let hangs = true;
    const { m, statuses, runFor, adapter } = await stack({
      hangs: () => {
        const result = hangs;
        hangs = false;
        return result;
      },
    });
    await runFor(5);
    expect(m.log).toEqual(['check 2', 'reset', 'check 4']);
    expect(statuses).toEqual([NDIS_STATUS_RESET_START, NDIS_STATUS_RESET_END]);
    expect(adapter.state).toBe('Running');
  });
});

describe('resets (ndis/nc-ndis-miniport_reset)', () => {
  test('NdisMResetMiniport makes NDIS call MiniportResetEx later, not inside the call', async () => {
    const { t, m } = await stack();
    await t.run(() => {
      m.driver.ndis.NdisMResetMiniport(m.adapters[0]);
      expect(m.log).toEqual([]);
    });
    await t.runAll();
    expect(m.log).toEqual(['reset']);
    await t.run(() => m.driver.ndis.NdisMResetMiniport(0x123));
    expect(t.findings()).toEqual(['BAD_HANDLE miniport']);
  });

  test.each([true, false])(
    'AddressingReset %s at the variable: NDIS restores packet filter and multicast list only when it is TRUE (network/hardware-reset)',
    async (addressing) => {
      const s = await stack({
        reset: (at) => {
          s.t.memory.u8[at] = addressing ? 1 : 0;
          return NDIS_STATUS_SUCCESS;
        },
      });
      const [binding] = s.p.object().bindings;
      binding.packetFilter = 5;
      binding.multicastList = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
      s.oids.length = 0;
      await s.t.run(() => s.m.driver.ndis.NdisMResetMiniport(s.m.adapters[0]));
      await s.t.runAll();
      expect(s.oids).toEqual(addressing ? [OID_GEN_CURRENT_PACKET_FILTER, OID_802_3_MULTICAST_LIST] : []);
    },
  );

  test('a reset that fails ends as one that succeeds, but restores nothing (ndis/nc-ndis-miniport_reset)', async () => {
    const s = await stack({
      reset: (at) => {
        s.t.memory.u8[at] = 1;
        return NDIS_STATUS_HARD_ERRORS;
      },
    });
    const [binding] = s.p.object().bindings;
    binding.packetFilter = 5;
    s.oids.length = 0;
    await s.t.run(() => s.m.driver.ndis.NdisMResetMiniport(s.m.adapters[0]));
    await s.t.runAll();
    expect(s.statuses).toEqual([NDIS_STATUS_RESET_START, NDIS_STATUS_RESET_END]);
    expect([s.oids, s.adapter.state, s.t.findings()]).toEqual([[], 'Running', []]);
  });

  test('a pending reset is completed by NdisMResetComplete with its AddressingReset; a second completion is a finding (ndis/nf-ndis-ndismresetcomplete)', async () => {
    const { t, m, p, oids, statuses } = await stack({ reset: () => NDIS_STATUS_PENDING });
    const [binding] = p.object().bindings;
    binding.packetFilter = 5;
    binding.multicastList = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
    oids.length = 0;
    await t.run(() => m.driver.ndis.NdisMResetMiniport(m.adapters[0]));
    await t.runAll();
    expect(statuses).toEqual([NDIS_STATUS_RESET_START]);
    await t.run(() => m.driver.ndis.NdisMResetComplete(m.adapters[0], NDIS_STATUS_SUCCESS, 1));
    await t.runAll();
    expect(statuses).toEqual([NDIS_STATUS_RESET_START, NDIS_STATUS_RESET_END]);
    expect(oids).toEqual([OID_GEN_CURRENT_PACKET_FILTER, OID_802_3_MULTICAST_LIST]);
    expect(t.findings()).toEqual([]);
    await t.run(() => m.driver.ndis.NdisMResetComplete(m.adapters[0], NDIS_STATUS_SUCCESS, 0));
    expect(t.findings()).toEqual(['NOT_PENDING miniport']);
  });

  test('the adapter may be paused while a reset is pending; the halt waits for the reset (network/miniport-adapter-states-and-operations)', async () => {
    const { t, m, adapter } = await stack({ reset: () => NDIS_STATUS_PENDING });
    await t.run(() => m.driver.ndis.NdisMResetMiniport(m.adapters[0]));
    await t.runAll();
    t.halt(adapter);
    await t.runAll();
    expect(m.log).toEqual(['reset', 'pause']);
    await t.run(() => m.driver.ndis.NdisMResetComplete(m.adapters[0], NDIS_STATUS_SUCCESS, 0));
    await t.runAll();
    expect(m.log).toEqual(['reset', 'pause', 'halt']);
    expect(t.findings()).toEqual([]);
  });
});

describe('NdisMRemoveMiniport (ndis/nf-ndis-ndismremoveminiport)', () => {
  test('removes an adapter: its bindings are undone and it is halted; a second call and a wrong handle fail', async () => {
    const { t, m, p, adapter } = await stack();
    const statuses = await t.run(() => {
      const { NdisMRemoveMiniport: remove } = m.driver.ndis;
      return [remove(m.adapters[0]), remove(m.adapters[0]), remove(0x77)];
    });
    expect(statuses).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE, NDIS_STATUS_FAILURE]);
    await t.runAll();
    expect(adapter.halted).toBe(true);
    expect(p.object().bindings.size).toBe(0);
    expect(t.findings()).toEqual(['BAD_HANDLE miniport']);
  });
});

describe('friendly names', () => {
  test('are allocated for the caller, who frees them; NDIS_STATUS_RESOURCES when memory is short (ndis/nf-ndis-ndisqueryadapterinstancename)', async () => {
    const { t, m, p } = await stack();
    const at = p.driver.cell().address;
    const [binding] = p.object().bindings;
    await t.run(() => {
      const calls = [
        () => m.driver.ndis.NdisMQueryAdapterInstanceName(at, m.adapters[0]),
        () => p.driver.ndis.NdisQueryAdapterInstanceName(at, binding.handle),
      ];
      for (const [index, call] of calls.entries()) {
        expect(call()).toBe(NDIS_STATUS_SUCCESS);
        const buffer = t.memory.readPointer(at + 8);
        const length = t.memory.u16[at >> 1];
        expect(String.fromCharCode(...t.memory.u16.subarray(buffer >> 1, (buffer + length) >> 1))).toBe(
          'Ethernet',
        );
        (index === 0 ? m : p).driver.ndis.NdisFreeMemory(buffer, 0, 0);
        poolOf(t.kernel).fail = () => true;
        expect(call()).toBe(NDIS_STATUS_RESOURCES);
        poolOf(t.kernel).fail = undefined;
      }
    });
    expect(t.findings()).toEqual([]);
  });

  test('a protocol may ask before it opens, with the BindContext (ndis/nf-ndis-ndisquerybindinstancename)', async () => {
    const { t, m } = await stack();
    const p = createTestProtocol(t, 'other');
    const at = p.driver.cell().address;
    const statuses: number[] = [];
    await registerProtocol(t, p, {
      BindAdapterHandlerEx: (_context: unknown, bindContext: number) => {
        const { NdisQueryBindInstanceName: query, NdisFreeMemory } = p.driver.ndis;
        statuses.push(query(at, bindContext));
        NdisFreeMemory(t.memory.readPointer(at + 8), 0, 0);
        poolOf(t.kernel).fail = () => true;
        statuses.push(query(at, bindContext));
        poolOf(t.kernel).fail = undefined;
        return NDIS_STATUS_FAILURE;
      },
    });
    await t.runAll();
    expect(statuses).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES]);
    expect(m.log).toEqual(['pause', 'restart']);
    expect(t.findings()).toEqual([]);
  });
});

describe('MiniportShutdownEx (ndis/nc-ndis-miniport_shutdown)', () => {
  test('runs when the system shuts down; the adapter is in Shutdown and nothing else is called', async () => {
    const { t, m, adapter, runFor } = await stack({ hangs: () => true });
    t.kernel.scheduler.createThread('shutdown', shutdownAdapters, t.ndis, { adapters: [], index: 0 });
    await t.runAll();
    expect(m.log).toEqual(['shutdown']);
    expect(adapter.state).toBe('Shutdown');
    await runFor(10);
    expect(m.log).toEqual(['shutdown']);
  });

  test.each([
    ['before NDIS 6.30', 20, 0, 1],
    ['from 6.30 on without the flag', 30, 0, 0],
    ['from 6.30 on with NDIS_MINIPORT_ATTRIBUTES_REGISTER_BUGCHECK_CALLBACK', 30, 0x400, 1],
  ])('a bug check calls it %s', async (_, minor, flags, times) => {
    const { t, m } = await stack({ minor, flags });
    expect(() => t.kernel.bugCheck(0xe2, [0, 0, 0, 0], 'test')).toThrow();
    expect(m.log.filter((line) => line === 'shutdown')).toHaveLength(times);
    expect(t.ndis.resolve(m.adapters[0], MiniportAdapter)?.state).toBe(times === 1 ? 'Shutdown' : 'Running');
  });
});
