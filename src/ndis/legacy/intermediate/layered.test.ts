import { describe, expect, test } from 'vitest';
import { createLegacyMiniport, legacyCharacteristics } from '../../../../test/support/legacyMiniport.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import {
  inventoryOf,
  NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_SUCCESS,
  NetEventReconfigure,
} from '../../index.ts';

/** An intermediate driver that is registered, without its protocol edge. */
async function layered(changes: object = {}) {
  const t = createTestNdis({ seed: 2 });
  const m = createLegacyMiniport(t);
  m.attributes = NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER;
  const handle = m.driver.cell();
  const { ndis } = m.driver;
  const status = await t.run(() => {
    ndis.NdisMInitializeWrapper(m.wrapper, m.driver.driverObject, 0, null);
    return ndis.NdisIMRegisterLayeredMiniport(
      m.wrapper.value,
      { ...legacyCharacteristics(t, m), ResetHandler: null, ...changes } as object,
      240,
      handle,
    );
  });
  return { t, m, ndis, handle, status };
}

describe('NdisIMRegisterLayeredMiniport (ndis/nf-ndis-ndisimregisterlayeredminiport)', () => {
  test('initializes nothing; NdisIMInitializeDeviceInstance does', async () => {
    const { t, m, ndis, handle, status } = await layered();
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    await t.runAll();
    expect(m.log).toEqual([]);
    expect(await t.run(() => ndis.NdisIMInitializeDeviceInstance(handle.value, '\\Device\\Virtual'))).toBe(
      NDIS_STATUS_SUCCESS,
    );
    await t.runAll();
    expect(m.log).toEqual(['initialize']);
    const [adapter] = inventoryOf(t.ndis).adapters;
    expect(adapter).toMatchObject({ state: 'Running', virtual: true });
    expect(await t.run(() => ndis.NdisIMInitializeDeviceInstance(handle.value, '\\Device\\Virtual'))).toBe(
      NDIS_STATUS_NOT_ACCEPTED,
    );
    expect(t.findings()).toEqual([]);
  });

  test('gives NULL and the documented status where the characteristics are wrong', async () => {
    const { handle, status } = await layered({ MajorNdisVersion: 2 });
    expect(status).toBe(NDIS_STATUS_BAD_VERSION);
    expect(handle.value).toBe(0);
  });

  test('a virtual miniport without NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER is a finding (ndis/nf-ndis-ndismsetattributesex)', async () => {
    const { t, m, ndis, handle } = await layered();
    m.attributes = 0;
    await t.run(() => ndis.NdisIMInitializeDeviceInstance(handle.value, '\\Device\\Virtual'));
    await t.runAll();
    expect(t.findings()).toEqual(['NOT_INTERMEDIATE legacy']);
  });
});

test('NdisIMGetDeviceContext gives MiniportInitialize what NdisIMInitializeDeviceInstanceEx was given', async () => {
  const { t, m, ndis, handle } = await layered();
  const context = { below: true };
  await t.run(() => ndis.NdisIMInitializeDeviceInstanceEx(handle.value, '\\Device\\Virtual', context));
  await t.runAll();
  const address = await t.run(() => ndis.NdisIMGetDeviceContext(m.adapters[0]));
  expect(t.ndis.contextValue(address)).toBe(context);
  expect(await t.run(() => ndis.NdisIMGetDeviceContext(0x55))).toBe(0);
  expect(t.findings()).toEqual(['BAD_HANDLE legacy']);
});

test('NdisIMNotifyPnPEvent passes an event to the protocols above, and fails for what is no virtual miniport', async () => {
  const { t, m, ndis, handle } = await layered();
  await t.run(() => ndis.NdisIMInitializeDeviceInstance(handle.value, '\\Device\\Virtual'));
  await t.runAll();
  const event = { NetEvent: NetEventReconfigure };
  expect(await t.run(() => ndis.NdisIMNotifyPnPEvent(m.adapters[0], event))).toBe(NDIS_STATUS_SUCCESS);
  expect(await t.run(() => ndis.NdisIMNotifyPnPEvent(0x55, event))).toBe(NDIS_STATUS_FAILURE);
  expect(t.findings()).toEqual(['BAD_HANDLE legacy']);
});

test('NdisIMDeregisterLayeredMiniport halts what is left and forgets the driver', async () => {
  const { t, m, ndis, handle } = await layered();
  await t.run(() => ndis.NdisIMInitializeDeviceInstance(handle.value, '\\Device\\Virtual'));
  await t.runAll();
  await t.run(() => ndis.NdisIMDeregisterLayeredMiniport(handle.value));
  expect(m.log).toEqual(['initialize', 'halt']);
  expect(inventoryOf(t.ndis).miniports.size).toBe(0);
  await t.run(() => ndis.NdisTerminateWrapper(m.wrapper.value, null));
  expect(m.driver.driver.owned).toEqual([]);
  expect(t.findings()).toEqual([]);
});
