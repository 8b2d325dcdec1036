import { describe, expect, test } from 'vitest';
import {
  createLegacyMiniport,
  legacyCharacteristics,
  registerLegacy,
  startLegacy,
} from '../../../../test/support/legacyMiniport.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import {
  inventoryOf,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_MINIPORT_BLOCK,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  OID_GEN_LINK_SPEED,
} from '../../index.ts';

describe('NdisMRegisterMiniport', () => {
  test.each([
    [4, 0, 136],
    [5, 0, 184],
    [5, 1, 240],
  ])(
    'takes the characteristics of NDIS %i.%i in %i bytes (ndis/nf-ndis-ndisimregisterlayeredminiport)',
    async (MajorNdisVersion, MinorNdisVersion, length) => {
      const t = createTestNdis();
      const m = createLegacyMiniport(t);
      expect(await registerLegacy(t, m, { MajorNdisVersion, MinorNdisVersion }, length)).toBe(
        NDIS_STATUS_SUCCESS,
      );
      const adapter = t.addAdapter(m.object(), 'Ethernet');
      await t.runAll();
      expect(adapter.state).toBe('Running');
      expect(t.findings()).toEqual([]);
    },
  );

  test.each([
    ['NDIS 3.0', { MajorNdisVersion: 3, MinorNdisVersion: 0 }, 240, NDIS_STATUS_BAD_VERSION],
    ['NDIS 6.0', { MajorNdisVersion: 6, MinorNdisVersion: 0 }, 240, NDIS_STATUS_BAD_VERSION],
    ['a length of 4.0 for 5.1', {}, 136, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['no InitializeHandler', { InitializeHandler: null }, 240, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['no ResetHandler', { ResetHandler: null }, 240, NDIS_STATUS_BAD_CHARACTERISTICS],
    ['no way to send', { SendHandler: null }, 240, NDIS_STATUS_BAD_CHARACTERISTICS],
  ])('refuses %s', async (_what, changes, length, status) => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    expect(await registerLegacy(t, m, changes, length)).toBe(status);
    expect(inventoryOf(t.ndis).miniports.size).toBe(0);
    await t.run(() => m.driver.ndis.NdisTerminateWrapper(m.wrapper.value, null));
    expect(m.driver.driver.owned).toEqual([]);
    expect(t.findings()).toEqual([]);
  });

  test('reserved members that are not zero show that the structure was not cleared', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    expect(await registerLegacy(t, m, { Reserved2: 0x1234 })).toBe(NDIS_STATUS_SUCCESS);
    expect(t.findings()).toEqual(['CHARACTERISTICS_NOT_CLEARED legacy']);
  });

  test('an optional handler that is no function is taken for NULL and reported', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    expect(await registerLegacy(t, m, { TransferDataHandler: 0x30000 })).toBe(NDIS_STATUS_SUCCESS);
    expect(t.findings()).toEqual(['CHARACTERISTICS_NOT_CLEARED legacy']);
  });

  test('one driver registers once', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    await registerLegacy(t, m);
    const again = await t.run(() =>
      m.driver.ndis.NdisMRegisterMiniport(m.wrapper.value, legacyCharacteristics(t, m) as object, 240),
    );
    expect(again).toBe(NDIS_STATUS_FAILURE);
    expect(t.findings()).toEqual(['REGISTERED_TWICE legacy']);
  });

  test('MiniportInitialize of a device that was there before runs inside the call', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    inventoryOf(t.ndis).claimDevices = (miniport) => [t.createAdapter(miniport, 'Ethernet')];
    const order: string[] = [];
    await t.run(async () => {
      const { ndis } = m.driver;
      ndis.NdisInitializeWrapper(m.wrapper, m.driver.driverObject, 0, null);
      const status = await ndis.NdisMRegisterMiniport(
        m.wrapper.value,
        legacyCharacteristics(t, m) as object,
        240,
      );
      order.push(...m.log, `returned ${status}`);
    });
    expect(order).toEqual(['initialize', 'returned 0']);
  });

  test('a wrong wrapper handle is a finding', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    const status = await t.run(() =>
      m.driver.ndis.NdisMRegisterMiniport(0x44, legacyCharacteristics(t, m) as object, 240),
    );
    expect(status).toBe(NDIS_STATUS_FAILURE);
    await t.run(() => m.driver.ndis.NdisTerminateWrapper(0x44, null));
    expect(t.findings()).toEqual(['BAD_HANDLE legacy', 'BAD_HANDLE legacy']);
  });

  test('a wrapper needs the DRIVER_OBJECT of DriverEntry', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    m.wrapper.value = 0x77;
    await t.run(() => m.driver.ndis.NdisInitializeWrapper(m.wrapper, 0x20000, 0, null));
    expect(m.wrapper.value).toBe(0);
    expect(t.findings()).toEqual(['BAD_DRIVER_OBJECT legacy']);
  });
});

describe('an adapter', () => {
  test('is what its driver answers to the OIDs that every driver has to answer', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    const adapter = await startLegacy(t, m);
    expect(adapter.general).toMatchObject({
      mediaType: 0,
      mtuSize: 1500,
      lookaheadSize: 1500,
      maxXmitLinkSpeed: 1_000_000_000n,
      maxMulticastListSize: 32,
      currentMacAddress: Uint8Array.of(2, 0, 0, 0, 0, 5),
    });
    expect(adapter.link.mediaConnectState).toBe(1);
    expect(t.findings()).toEqual([]);
  });

  test('has the address of its NDIS_MINIPORT_BLOCK for a handle', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    const adapter = await startLegacy(t, m);
    const [handle] = m.adapters;
    expect(handle).not.toBe(adapter.handle);
    const block = NDIS_MINIPORT_BLOCK.at(t.memory, handle);
    expect(block.MiniportName.Length).toBe(2 * adapter.deviceName.length);
    expect(block.MaxSendPackets).toBe(8);
    expect(block.EthDB).not.toBe(0);
    expect(t.memory.callables.valueAt(block.SendCompleteHandler)).toBeTypeOf('function');
    t.halt(adapter);
    await t.runAll();
    expect(m.log).toEqual(['initialize', 'halt']);
    await t.run(() => m.driver.ndis.NdisMSendResourcesAvailable(handle));
    expect(t.findings()).toEqual(['BAD_HANDLE legacy']);
  });

  test('comes up with defaults and a finding where a required OID is not answered', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    m.answers.delete(OID_GEN_LINK_SPEED);
    const adapter = await startLegacy(t, m);
    expect(adapter.state).toBe('Running');
    expect(t.findings()).toEqual(['REQUIRED_OID_FAILED legacy']);
  });

  test('of a driver that never answers is not up, and the machine goes on', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    m.onQuery = (oid) => (oid === OID_GEN_LINK_SPEED ? 0x103 : null);
    const adapter = await startLegacy(t, m);
    expect(adapter.state).toBe('Running');
    expect(t.findings()).toEqual(['OID_REQUEST_NEVER_COMPLETED legacy', 'REQUIRED_OID_FAILED legacy']);
  });

  test('whose MiniportInitialize fails is not there, and its driver stays registered', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    m.initializeStatus = NDIS_STATUS_FAILURE;
    const adapter = await startLegacy(t, m);
    expect(adapter.halted).toBe(true);
    expect(m.log).toEqual(['initialize']);
    m.initializeStatus = NDIS_STATUS_SUCCESS;
    const later = t.addAdapter(m.object(), 'Ethernet 2');
    await t.runAll();
    expect(later.state).toBe('Running');
    expect(t.findings()).toEqual([]);
  });

  test('without attributes, or a medium of the array, is halted with a finding (ndis/nf-ndis-ndismsetattributesex)', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    const adapter = await startLegacy(t, m, { InitializeHandler: () => NDIS_STATUS_SUCCESS });
    expect(adapter.halted).toBe(true);
    expect(m.log).toEqual(['halt']);
    expect(t.findings()).toEqual(['ATTRIBUTES_MISSING legacy']);
  });

  test('NdisMSetAttributes makes a serialized driver; outside of MiniportInitialize it is a finding', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    m.attributes = NDIS_ATTRIBUTE_DESERIALIZE;
    await startLegacy(t, m);
    await t.run(() => m.driver.ndis.NdisMSetAttributes(m.adapters[0], { a: 1 }, true, 0));
    expect(t.findings()).toEqual(['ATTRIBUTES_OUT_OF_TIME legacy']);
  });
});
