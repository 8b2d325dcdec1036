import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  protocolCharacteristics,
  registerMiniport,
  registerProtocol,
  type TestProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis, type TestNdis } from '../../../test/support/ndis.ts';
import { poolOf, startLoadingDriver, startUnloadingDriver } from '../../kernel/index.ts';
import {
  inventoryOf,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventBindsComplete,
} from '../index.ts';

const notes = (t: TestNdis) => t.events.flatMap((event) => (event.kind === 'note' ? [event.text] : []));

async function registered(options: Parameters<typeof createTestNdis>[0] = {}, changes: object = {}) {
  const t = createTestNdis(options);
  const p = createTestProtocol(t);
  const status = await registerProtocol(t, p, changes);
  return { t, p, status };
}

describe('NdisRegisterProtocolDriver', () => {
  test.each([
    ['MajorNdisVersion', { MajorNdisVersion: 7 }],
    ['MinorNdisVersion', { MinorNdisVersion: 2 }],
    ['NDIS 5', { MajorNdisVersion: 5, MinorNdisVersion: 1 }],
  ])(
    'a version that does not exist gives NDIS_STATUS_BAD_VERSION: %s (ndis/nf-ndis-ndisregisterprotocoldriver)',
    async (_, changes) => {
      const { status, p, t } = await registered({}, changes);
      expect(status).toBe(NDIS_STATUS_BAD_VERSION);
      expect(p.handle.value).toBe(0);
      expect(inventoryOf(t.ndis).protocols.size).toBe(0);
    },
  );

  test.each([
    'BindAdapterHandlerEx',
    'UnbindAdapterHandlerEx',
    'OpenAdapterCompleteHandlerEx',
    'CloseAdapterCompleteHandlerEx',
    'NetPnPEventHandler',
    'OidRequestCompleteHandler',
    'ReceiveNetBufferListsHandler',
    'SendNetBufferListsCompleteHandler',
  ])(
    'without the required %s it gives NDIS_STATUS_BAD_CHARACTERISTICS and the trace names the member (ndis/ns-ndis-_ndis_protocol_driver_characteristics)',
    async (member) => {
      const { status, t } = await registered({}, { [member]: null });
      expect(status).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(notes(t).some((text) => text.includes(member))).toBe(true);
    },
  );

  test('a wrong type, an unknown revision and a size that is too small are bad characteristics, each named (ndis/ns-objectheader-ndis_object_header)', async () => {
    for (const [Header, word] of [
      [{ Type: 0x8b, Revision: 2, Size: 128 }, 'Header.Type'],
      [{ Type: 0x95, Revision: 0, Size: 128 }, 'Header.Revision'],
      [{ Type: 0x95, Revision: 1, Size: 8 }, 'Header.Size'],
    ] as const) {
      const { status, t } = await registered({}, { Header });
      expect(status).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(notes(t).some((text) => text.includes(word))).toBe(true);
    }
  });

  test('NDIS_OBJECT_TYPE_DEFAULT as type is accepted and noted: real drivers use it', async () => {
    const { Header } = protocolCharacteristics(createTestProtocol(createTestNdis()));
    const { status, t } = await registered({}, { Header: { ...Header, Type: 0x80 } });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(notes(t).some((text) => text.includes('NDIS_OBJECT_TYPE_DEFAULT'))).toBe(true);
  });

  test('short memory gives NDIS_STATUS_RESOURCES and nothing stays registered', async () => {
    const t = createTestNdis();
    const p = createTestProtocol(t);
    poolOf(t.kernel).fail = () => true;
    expect(await registerProtocol(t, p)).toBe(NDIS_STATUS_RESOURCES);
    expect(inventoryOf(t.ndis).protocols.size).toBe(0);
    expect(p.driver.driver.owned).toEqual([]);
  });

  test('without a place for the handle it gives NDIS_STATUS_FAILURE', async () => {
    const t = createTestNdis();
    const p = createTestProtocol(t);
    const status = await t.run(() =>
      p.driver.ndis.NdisRegisterProtocolDriver(null, protocolCharacteristics(p) as object, null),
    );
    expect(status).toBe(NDIS_STATUS_FAILURE);
  });

  test('the characteristics are copied: what the caller changes later has no effect', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    await registerMiniport(t, m);
    const given = poolOf(t.kernel).allocateZeroed(0, NDIS_PROTOCOL_DRIVER_CHARACTERISTICS.size, 1, 0);
    const name = 'copied';
    const status = await t.run(() => {
      const { memory } = t;
      NDIS_PROTOCOL_DRIVER_CHARACTERISTICS.fill(memory, given, protocolCharacteristics(p) as object, {
        callableAddress: (handler) => memory.callables.addressOf(handler, p.driver.driver),
        objectAddress: (object) => memory.objects.addressOf(object, p.driver.driver),
        unicodeString: (text) => {
          const at = poolOf(t.kernel).allocateZeroed(0, 2 * text.length + 2, 1, 0);
          for (let i = 0; i < text.length; i++) memory.u16[(at >> 1) + i] = text.charCodeAt(i);
          return { Buffer: at, Length: 2 * text.length };
        },
      });
      return p.driver.ndis.NdisRegisterProtocolDriver({ name }, given, p.handle);
    });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    t.memory.u8.fill(0, given, given + NDIS_PROTOCOL_DRIVER_CHARACTERISTICS.size);
    t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect(p.log).toContain('bind');
    expect(p.object().name).toBe('protocol');
  });

  test('the handle is written before ProtocolSetOptions and any bind; ProtocolSetOptions runs inside the call with ProtocolDriverContext (ndis/nc-ndis-set_options)', async () => {
    for (const bindInsideRegistration of [false, true]) {
      const t = createTestNdis({ ndis: { bindInsideRegistration } });
      const m = createTestMiniport(t);
      const p = createTestProtocol(t);
      await registerMiniport(t, m);
      t.addAdapter(m.object(), 'Ethernet');
      await t.runAll();
      const context = { mine: true };
      const seen: string[] = [];
      const given = protocolCharacteristics(p);
      const status = await t.run(async () => {
        const result = await p.driver.ndis.NdisRegisterProtocolDriver(
          context,
          {
            ...given,
            SetOptionsHandler: (handle: number, driverContext: unknown) => {
              seen.push(`options ${handle === p.handle.value} ${driverContext === context}`);
              return NDIS_STATUS_SUCCESS;
            },
            BindAdapterHandlerEx: (...args: Parameters<typeof given.BindAdapterHandlerEx>) => {
              seen.push(`bind ${p.handle.value !== 0} ${args[0] === context}`);
              return given.BindAdapterHandlerEx(...args);
            },
          } as object,
          p.handle,
        );
        seen.push('registered');
        return result;
      });
      expect(status).toBe(NDIS_STATUS_SUCCESS);
      await t.runAll();
      expect(seen).toEqual(
        bindInsideRegistration
          ? ['options true true', 'bind true true', 'registered']
          : ['options true true', 'registered', 'bind true true'],
      );
    }
  });

  test('when ProtocolSetOptions fails the registration fails with its status and is undone; NDIS_STATUS_PENDING is no answer', async () => {
    const failed = await registered({}, { SetOptionsHandler: () => NDIS_STATUS_RESOURCES });
    expect(failed.status).toBe(NDIS_STATUS_RESOURCES);
    expect(inventoryOf(failed.t.ndis).protocols.size).toBe(0);
    expect(failed.t.findings()).toEqual([]);
    const pending = await registered({}, { SetOptionsHandler: () => NDIS_STATUS_PENDING });
    expect(pending.status).toBe(NDIS_STATUS_FAILURE);
    expect(pending.t.findings()).toEqual(['PENDING_FROM_SET_OPTIONS protocol']);
  });
});

/** A stack of one adapter with one protocol. */
async function bound(seed: number): Promise<{ t: TestNdis; p: TestProtocol }> {
  const t = createTestNdis({ seed });
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  await registerMiniport(t, m);
  await registerProtocol(t, p);
  t.addAdapter(m.object(), 'Ethernet 1');
  t.addAdapter(m.object(), 'Ethernet 2');
  await t.runAll();
  return { t, p };
}

describe('NdisDeregisterProtocolDriver', () => {
  test.each([1, 2, 3, 4, 5])(
    'calls ProtocolUnbindAdapterEx once for each binding, waits, and invalidates the handle (ndis/nf-ndis-ndisderegisterprotocoldriver), seed %i',
    async (seed) => {
      const { t, p } = await bound(seed);
      await t.run(() => p.driver.ndis.NdisDeregisterProtocolDriver(p.handle.value));
      expect(p.log.filter((line) => line === 'unbind')).toHaveLength(2);
      expect(inventoryOf(t.ndis).protocols.size).toBe(0);
      expect(p.driver.driver.owned).toEqual([]);
      await t.run(() => p.driver.ndis.NdisDeregisterProtocolDriver(p.handle.value));
      expect(t.findings()).toEqual(['BAD_HANDLE protocol']);
    },
  );

  test('from a function that NDIS calls it would wait for itself: a finding, and it is done later', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    await registerMiniport(t, m);
    await registerProtocol(t, p, {
      NetPnPEventHandler: async (_context: unknown, { NetPnPEvent }: NET_PNP_EVENT_NOTIFICATION) => {
        if (NetPnPEvent.NetEvent === NetEventBindsComplete) return NDIS_STATUS_SUCCESS;
        await p.driver.ndis.NdisDeregisterProtocolDriver(p.handle.value);
        return NDIS_STATUS_SUCCESS;
      },
    });
    t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect(t.findings()[0]).toBe('DEREGISTER_IN_CALLBACK protocol');
    expect(p.log).toContain('unbind');
    expect(inventoryOf(t.ndis).protocols.size).toBe(0);
  });
});

describe('DriverEntry of a protocol driver (network/initializing-a-protocol-driver)', () => {
  async function load(status: number, deregister: boolean) {
    const t = createTestNdis();
    const p = createTestProtocol(t);
    let result = -1;
    startLoadingDriver(
      t.kernel,
      p.driver.driver,
      async () => {
        await p.driver.ndis.NdisRegisterProtocolDriver(null, protocolCharacteristics(p) as object, p.handle);
        if (deregister) await p.driver.ndis.NdisDeregisterProtocolDriver(p.handle.value);
        return status;
      },
      (value) => {
        result = value;
      },
    );
    await t.runAll();
    return { t, p, result };
  }

  test('that fails after registering and did not deregister: what is left is named and released', async () => {
    const { t, result } = await load(0xc000_009a, false);
    expect(result).toBe(0xc000_009a);
    expect(t.findings()).toContain('LEFT_AFTER_DRIVER_ENTRY protocol');
    expect(inventoryOf(t.ndis).protocols.size).toBe(0);
  });

  test('that fails after it deregistered leaves nothing', async () => {
    const { t } = await load(0xc000_009a, true);
    expect(t.findings()).not.toContain('LEFT_AFTER_DRIVER_ENTRY protocol');
    expect(inventoryOf(t.ndis).protocols.size).toBe(0);
  });

  test('STATUS_PENDING is refused; success keeps the driver; a driver without Unload cannot be unloaded', async () => {
    expect((await load(0x103, false)).t.findings()).toContain('STATUS_PENDING_FROM_DRIVER_ENTRY protocol');
    const { t, p, result } = await load(0, false);
    expect(result).toBe(0);
    let unloaded = -1;
    startUnloadingDriver(t.kernel, p.driver.driver, (value) => {
      unloaded = value;
    });
    await t.runAll();
    expect(unloaded).toBe(0xc000_0010);
    expect(inventoryOf(t.ndis).protocols.size).toBe(1);
    expect(t.findings()).toEqual([]);
  });
});
