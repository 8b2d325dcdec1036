import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  generalAttributes,
  registerMiniport,
  registrationAttributes,
  type TestMiniport,
} from '../../../test/support/drivers.ts';
import { createTestNdis, type TestNdis } from '../../../test/support/ndis.ts';
import { poolOf } from '../../kernel/index.ts';
import { type Address, poolType, type Structure, type View } from '../../memory/index.ts';
import {
  inventoryOf,
  NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
  NDIS_MINIPORT_PNP_CHARACTERISTICS,
  NDIS_MINIPORT_SS_CHARACTERISTICS,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../index.ts';

const notes = (t: TestNdis) => t.events.flatMap((event) => (event.kind === 'note' ? [event.text] : []));

async function registered(changes: object = {}) {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  return { t, m, status: await registerMiniport(t, m, changes) };
}

describe('NdisMRegisterMiniportDriver (ndis/nf-ndis-ndismregisterminiportdriver)', () => {
  test.each([
    'InitializeHandlerEx',
    'HaltHandlerEx',
    'UnloadHandler',
    'PauseHandler',
    'RestartHandler',
    'OidRequestHandler',
    'SendNetBufferListsHandler',
    'ReturnNetBufferListsHandler',
    'CancelSendHandler',
    'DevicePnPEventNotifyHandler',
    'ShutdownHandlerEx',
    'CancelOidRequestHandler',
  ])(
    'without the required %s it gives NDIS_STATUS_BAD_CHARACTERISTICS, and the trace names the member',
    async (member) => {
      const { status, t } = await registered({ [member]: null });
      expect(status).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(notes(t).some((text) => text.includes(member))).toBe(true);
      expect(inventoryOf(t.ndis).miniports.size).toBe(0);
    },
  );

  test('MiniportCheckForHangEx needs MiniportResetEx', async () => {
    expect((await registered({ CheckForHangHandlerEx: () => 0 })).status).toBe(
      NDIS_STATUS_BAD_CHARACTERISTICS,
    );
  });

  test('a version that does not exist gives NDIS_STATUS_BAD_VERSION', async () => {
    expect((await registered({ MinorNdisVersion: 9 })).status).toBe(NDIS_STATUS_BAD_VERSION);
  });

  test('a driver object that is not that of DriverEntry gives NDIS_STATUS_FAILURE', async () => {
    const { t, m } = await registered();
    const status = await t.run(() => m.driver.ndis.NdisMRegisterMiniportDriver(0, '', null, {}, m.handle));
    expect(status).toBe(NDIS_STATUS_FAILURE);
  });

  test('short memory gives NDIS_STATUS_RESOURCES', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    poolOf(t.kernel).fail = () => true;
    expect(await registerMiniport(t, m)).toBe(NDIS_STATUS_RESOURCES);
  });

  test('MiniportSetOptions runs inside the call with the handle; when it fails the registration is undone', async () => {
    const { status, t, m } = await registered({
      SetOptionsHandler: (handle: number) => {
        m2.push(handle);
        return NDIS_STATUS_RESOURCES;
      },
    });
    expect(status).toBe(NDIS_STATUS_RESOURCES);
    expect(m2).toEqual([m.handle.value]);
    expect(inventoryOf(t.ndis).miniports.size).toBe(0);
  });
  const m2: number[] = [];
});

describe('NdisMDeregisterMiniportDriver (ndis/nf-ndis-ndismderegisterminiportdriver)', () => {
  test('in a DriverEntry that fails it undoes the registration; at another time it is a finding', async () => {
    const { t, m } = await registered();
    await t.run(() => m.driver.ndis.NdisMDeregisterMiniportDriver(m.handle.value));
    expect([inventoryOf(t.ndis).miniports.size, t.findings()]).toEqual([0, []]);
    const other = await registered();
    other.m.driver.driver.state = 'loaded';
    await other.t.run(() => other.m.driver.ndis.NdisMDeregisterMiniportDriver(other.m.handle.value));
    expect(other.t.findings()).toEqual(['DEREGISTER_OUT_OF_TIME miniport']);
    await other.t.run(() => other.m.driver.ndis.NdisMDeregisterMiniportDriver(other.m.handle.value));
    expect(other.t.findings()).toContain('BAD_HANDLE miniport');
  });
});

/** Initializes an adapter whose MiniportInitializeEx is `initialize`. */
async function initialized(initialize: (m: TestMiniport, handle: Address) => number) {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  await registerMiniport(t, m, { InitializeHandlerEx: (handle: Address) => initialize(m, handle) });
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  return { t, m, adapter };
}

describe('NdisMSetMiniportAttributes (ndis/nf-ndis-ndismsetminiportattributes)', () => {
  test('registration attributes come first; wrong headers, unknown kinds and members out of range are refused', async () => {
    const statuses: number[] = [];
    const { t, adapter } = await initialized((m, handle) => {
      const { NdisMSetMiniportAttributes: set } = m.driver.ndis;
      const general = generalAttributes() as { GeneralAttributes: object };
      statuses.push(
        set(handle, generalAttributes()),
        set(handle, { RegistrationAttributes: { Header: { Type: 0x9e, Revision: 0, Size: 40 } } }),
        set(handle, registrationAttributes({})),
        set(handle, { RegistrationAttributes: { Header: { Type: 0x33, Revision: 1, Size: 40 } } }),
        set(handle, { GeneralAttributes: { ...general.GeneralAttributes, MacAddressLength: 33 } }),
        set(handle, 0),
        set(handle, generalAttributes()),
      );
      return NDIS_STATUS_SUCCESS;
    });
    expect(statuses).toEqual([
      NDIS_STATUS_FAILURE,
      NDIS_STATUS_BAD_CHARACTERISTICS,
      NDIS_STATUS_SUCCESS,
      NDIS_STATUS_BAD_CHARACTERISTICS,
      NDIS_STATUS_INVALID_PARAMETER,
      NDIS_STATUS_INVALID_PARAMETER,
      NDIS_STATUS_SUCCESS,
    ]);
    expect([adapter.state, t.findings()]).toEqual(['Running', []]);
  });

  test('outside of MiniportInitializeEx it fails, with a finding', async () => {
    const { t, m } = await initialized((miniport, handle) => {
      miniport.adapters.push(handle);
      miniport.driver.ndis.NdisMSetMiniportAttributes(handle, registrationAttributes({ handle }));
      miniport.driver.ndis.NdisMSetMiniportAttributes(handle, generalAttributes());
      return NDIS_STATUS_SUCCESS;
    });
    const status = await t.run(() =>
      m.driver.ndis.NdisMSetMiniportAttributes(m.adapters[0], generalAttributes()),
    );
    expect([status, t.findings()]).toEqual([NDIS_STATUS_FAILURE, ['ATTRIBUTES_OUT_OF_TIME miniport']]);
  });

  test('a MiniportInitializeEx that fails leaves the adapter Halted, and MiniportHaltEx is not called (ndis/nc-ndis-miniport_initialize)', async () => {
    const { m, adapter, t } = await initialized(() => NDIS_STATUS_RESOURCES);
    expect([adapter.state, adapter.startStatus, m.log]).toEqual(['Halted', NDIS_STATUS_RESOURCES, []]);
    expect(t.findings()).toEqual([]);
  });
});

describe('pauses and restarts that are completed later (ndis/nf-ndis-ndismpausecomplete, ndis/nf-ndis-ndismrestartcomplete)', () => {
  test.each([NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES])(
    'restart completed with 0x%i: Running, or still Paused',
    async (final) => {
      const t = createTestNdis();
      const m = createTestMiniport(t);
      const { NdisMRestartComplete, NdisMPauseComplete } = m.driver.ndis;
      await registerMiniport(t, m, {
        RestartHandler: () => NDIS_STATUS_PENDING,
        PauseHandler: () => NDIS_STATUS_PENDING,
      });
      const adapter = t.addAdapter(m.object(), 'Ethernet');
      await t.runAll();
      expect(adapter.state).toBe('Restarting');
      await t.run(() => NdisMRestartComplete(m.adapters[0], final));
      await t.runAll();
      expect(adapter.state).toBe(final === NDIS_STATUS_SUCCESS ? 'Running' : 'Paused');
      t.halt(adapter);
      await t.runAll();
      if (final === NDIS_STATUS_SUCCESS) {
        expect(adapter.state).toBe('Pausing');
        await t.run(() => NdisMPauseComplete(m.adapters[0]));
        await t.runAll();
      }
      expect([adapter.state, adapter.halted, t.findings()]).toEqual(['Halted', true, []]);
    },
  );

  test('a MiniportRestart that fails at once leaves the adapter Paused (ndis/nc-ndis-miniport_restart)', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    await registerMiniport(t, m, { RestartHandler: () => NDIS_STATUS_RESOURCES });
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect(adapter.state).toBe('Paused');
    t.halt(adapter);
    await t.runAll();
    expect([m.log, t.findings()]).toEqual([['initialize', 'halt'], []]);
  });

  test('without anything pending they are findings', async () => {
    const { t, m } = await initialized((miniport, handle) => {
      miniport.adapters.push(handle);
      miniport.driver.ndis.NdisMSetMiniportAttributes(handle, registrationAttributes({ handle }));
      miniport.driver.ndis.NdisMSetMiniportAttributes(handle, generalAttributes());
      return NDIS_STATUS_SUCCESS;
    });
    await t.run(() => {
      m.driver.ndis.NdisMPauseComplete(m.adapters[0]);
      m.driver.ndis.NdisMRestartComplete(m.adapters[0], 0);
    });
    expect(t.findings()).toEqual(['NOT_PENDING miniport', 'NOT_PENDING miniport']);
  });
});

describe('NdisSetOptionalHandlers (ndis/nf-ndis-ndissetoptionalhandlers)', () => {
  /** A structure in memory of the driver. */
  function put<V extends View, P extends string>(
    t: TestNdis,
    m: TestMiniport,
    structure: Structure<V, P>,
    fields: object,
  ) {
    const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, structure.size, 1, 0);
    structure.fill(t.memory, at, fields as never, {
      callableAddress: (handler) => t.memory.callables.addressOf(handler, m.driver.driver),
      objectAddress: (object) => t.memory.objects.addressOf(object, m.driver.driver),
      unicodeString: () => ({ Buffer: 0, Length: 0 }),
    });
    return at;
  }

  test('MiniportAddDevice and MiniportRemoveDevice, registered from MiniportSetOptions, frame the life of a device (ndis/nc-ndis-miniport_add_device)', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const statuses: number[] = [];
    const Header = { Type: 0x92, Revision: 1, Size: 0x2c };
    const handlers = {
      MiniportAddDeviceHandler: () => {
        m.log.push('addDevice');
        return NDIS_STATUS_SUCCESS;
      },
      MiniportRemoveDeviceHandler: () => void m.log.push('removeDevice'),
    };
    const status = await registerMiniport(t, m, {
      MinorNdisVersion: 20,
      SetOptionsHandler: (handle: number) => {
        const { NdisSetOptionalHandlers: set } = m.driver.ndis;
        const pnp = put(t, m, NDIS_MINIPORT_PNP_CHARACTERISTICS, { Header, ...handlers });
        statuses.push(
          set(handle, put(t, m, NDIS_MINIPORT_PNP_CHARACTERISTICS, { Header })),
          set(handle, 0),
          set(handle, put(t, m, NDIS_MINIPORT_PNP_CHARACTERISTICS, { Header: { ...Header, Size: 8 } })),
          set(
            handle,
            put(t, m, NDIS_MINIPORT_SS_CHARACTERISTICS, { Header: { Type: 0xb4, Revision: 1, Size: 24 } }),
          ),
        );
        poolOf(t.kernel).fail = () => true;
        statuses.push(set(handle, pnp));
        poolOf(t.kernel).fail = undefined;
        statuses.push(set(handle, pnp));
        return NDIS_STATUS_SUCCESS;
      },
    });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(statuses).toEqual([
      NDIS_STATUS_FAILURE,
      NDIS_STATUS_FAILURE,
      NDIS_STATUS_FAILURE,
      NDIS_STATUS_NOT_SUPPORTED,
      NDIS_STATUS_RESOURCES,
      NDIS_STATUS_SUCCESS,
    ]);
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    t.halt(adapter);
    await t.runAll();
    expect(m.log).toEqual(['addDevice', 'initialize', 'restart', 'pause', 'halt', 'removeDevice']);
    expect(t.findings()).toEqual([]);
  });

  test('a MiniportAddDevice that fails: the adapter is not initialized, and nothing is removed (ndis/nc-ndis-miniport_add_device)', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const handlers = {
      Header: { Type: 0x92, Revision: 1, Size: 0x2c },
      MiniportAddDeviceHandler: () => NDIS_STATUS_RESOURCES,
      MiniportRemoveDeviceHandler: () => void m.log.push('removeDevice'),
    };
    await registerMiniport(t, m, {
      SetOptionsHandler: (handle: number) =>
        m.driver.ndis.NdisSetOptionalHandlers(handle, put(t, m, NDIS_MINIPORT_PNP_CHARACTERISTICS, handlers)),
    });
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect([adapter.state, adapter.startStatus]).toEqual(['Halted', NDIS_STATUS_RESOURCES]);
    expect([m.log, t.findings()]).toEqual([[], []]);
  });

  test('at another time, with the structure of another kind of driver, or with a wrong handle it fails, with a finding', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const { NdisSetOptionalHandlers: set } = m.driver.ndis;
    const client = put(t, m, NDIS_CO_CLIENT_OPTIONAL_HANDLERS, {
      Header: { Type: 0xa6, Revision: 1, Size: 0xa0 },
    });
    const statuses: number[] = [];
    await registerMiniport(t, m, {
      SetOptionsHandler: (handle: number) => {
        statuses.push(set(handle, client));
        return NDIS_STATUS_SUCCESS;
      },
    });
    statuses.push(...(await t.run(() => [set(m.handle.value, client), set(0x44, client)])));
    expect(statuses).toEqual([NDIS_STATUS_FAILURE, NDIS_STATUS_FAILURE, NDIS_STATUS_FAILURE]);
    expect(t.findings()).toEqual([
      'OPTIONAL_HANDLERS_REFUSED miniport',
      'OPTIONAL_HANDLERS_REFUSED miniport',
      'BAD_HANDLE miniport',
    ]);
  });
});
