import { describe, expect, test } from 'vitest';
import { createTestProtocol, registerProtocol } from '../../../../test/support/drivers.ts';
import {
  createLegacyMiniport,
  registerLegacy,
  startLegacy,
} from '../../../../test/support/legacyMiniport.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import { poolOf } from '../../../kernel/index.ts';
import { poolType } from '../../../memory/index.ts';
import {
  callThrough,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_MINIPORT_BLOCK,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventPowerProfileChanged,
  NET_DEVICE_PNP_EVENT,
  shutdownAdapters,
} from '../../index.ts';

describe('MiniportShutdown', () => {
  const shutDown = (t: ReturnType<typeof createTestNdis>) => {
    t.kernel.scheduler.createThread('shutdown', shutdownAdapters, t.ndis, { adapters: [], index: 0 });
    return t.runAll();
  };

  test('of the characteristics of 5.1 gets the adapter context', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    const seen: unknown[] = [];
    await startLegacy(t, m, { AdapterShutdownHandler: (context: unknown) => void seen.push(context) });
    await shutDown(t);
    expect(seen).toMatchObject([{ handle: m.adapters[0] }]);
  });

  test.each([true, false])(
    'of NdisMRegisterAdapterShutdownHandler has a context of its own; taken back: %s',
    async (back) => {
      const t = createTestNdis();
      const m = createLegacyMiniport(t);
      const seen: unknown[] = [];
      await startLegacy(t, m);
      const context = { own: 1 };
      await t.run(() => {
        const { ndis } = m.driver;
        ndis.NdisMRegisterAdapterShutdownHandler(
          m.adapters[0],
          context,
          (given: unknown) => void seen.push(given),
        );
        if (back) ndis.NdisMDeregisterAdapterShutdownHandler(m.adapters[0]);
      });
      await shutDown(t);
      expect(seen).toEqual(back ? [] : [context]);
      expect(t.findings()).toEqual([]);
    },
  );
});

test('MiniportPnPEventNotify gets the events that NDIS 5.1 has', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  const seen: unknown[] = [];
  const adapter = await startLegacy(t, m, {
    PnPEventNotifyHandler: (_context: unknown, event: number, buffer: number, length: number) =>
      void seen.push([event, buffer, length]),
  });
  // NDIS tells every adapter of the power profile when it is up.
  seen.length = 0;
  const notify = adapter.miniport.handlers?.devicePnPEventNotify;
  for (const code of [NdisDevicePnPEventPowerProfileChanged, 99]) {
    const event = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, NET_DEVICE_PNP_EVENT.size, 1, 0);
    NET_DEVICE_PNP_EVENT.fill(t.memory, event, { DevicePnPEvent: code, InformationBufferLength: 4 });
    await t.run(async () => notify?.invoke(adapter.context, event as never));
  }
  expect(seen).toEqual([[NdisDevicePnPEventPowerProfileChanged, 0, 4]]);
});

test.each([0, NDIS_ATTRIBUTE_DESERIALIZE])(
  'NdisMAllocateSharedMemoryAsync gives the memory to MiniportAllocateComplete, attributes %i',
  async (attributes) => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    m.attributes = attributes;
    const given: { address: number; physical: bigint; length: number; context: unknown }[] = [];
    await startLegacy(t, m, {
      AllocateCompleteHandler: (
        _adapter: unknown,
        address: number,
        physical: { address: number } | number,
        length: number,
        context: unknown,
      ) => {
        const at = typeof physical === 'number' ? physical : physical.address;
        given.push({ address, physical: t.memory.data.getBigUint64(at, true), length, context });
      },
    });
    const [handle] = m.adapters;
    const context = { mine: true };
    expect(await t.run(() => m.driver.ndis.NdisMAllocateSharedMemoryAsync(handle, 256, true, context))).toBe(
      NDIS_STATUS_PENDING,
    );
    await t.runAll();
    expect(given).toMatchObject([{ length: 256, context }]);
    expect(given[0].physical).toBe(BigInt(given[0].address));
    await t.run(() =>
      m.driver.ndis.NdisMFreeSharedMemory(handle, 256, true, given[0].address, given[0].physical),
    );
    expect(t.findings()).toEqual([]);
  },
);

test('NdisMAllocateSharedMemoryAsync fails for a driver without AllocateCompleteHandler', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  await startLegacy(t, m);
  const status = await t.run(() =>
    m.driver.ndis.NdisMAllocateSharedMemoryAsync(m.adapters[0], 9, false, null),
  );
  expect(status).toBe(NDIS_STATUS_FAILURE);
});

test('a bundle: NdisMSetMiniportSecondary and NdisMPromoteMiniport keep PrimaryMiniport of the blocks', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  await startLegacy(t, m);
  t.addAdapter(m.object(), 'Ethernet 2');
  await t.runAll();
  const [first, second] = m.adapters;
  const { ndis } = m.driver;
  const primaries = () =>
    [first, second].map((handle) => NDIS_MINIPORT_BLOCK.at(t.memory, handle).PrimaryMiniport);
  expect(primaries()).toEqual([first, second]);
  expect(await t.run(() => ndis.NdisMPromoteMiniport(second))).toBe(NDIS_STATUS_FAILURE);
  expect(await t.run(() => ndis.NdisMSetMiniportSecondary(second, second))).toBe(NDIS_STATUS_FAILURE);
  expect(await t.run(() => ndis.NdisMSetMiniportSecondary(second, first))).toBe(NDIS_STATUS_SUCCESS);
  expect(primaries()).toEqual([first, first]);
  expect(await t.run(() => ndis.NdisMPromoteMiniport(second))).toBe(NDIS_STATUS_SUCCESS);
  expect(primaries()).toEqual([second, second]);
  expect(t.findings()).toEqual([]);
});

test('NDIS_BUFFER_TO_SPAN_PAGES counts the pages of a buffer', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 9000, 1, 0);
  const pages = await t.run(() =>
    m.driver.ndis.NDIS_BUFFER_TO_SPAN_PAGES(m.driver.ndis.NdisAllocateMdl(0, at, 8192)),
  );
  expect(pages).toBe((at & 0xfff) === 0 ? 2 : 3);
});

test('a packet of Arcnet goes up with its header; a longer one than Arcnet has is a finding', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  const adapter = await startLegacy(t, m);
  const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 64, 1, 0);
  await t.run(() => {
    m.driver.ndis.NdisMArcIndicateReceive(m.adapters[0], at, at, 8);
    m.driver.ndis.NdisMArcIndicateReceiveComplete(m.adapters[0]);
  });
  // Nobody is bound, so it came back at once.
  expect(adapter.receivesOutstanding).toBe(0);
  expect(t.findings()).toEqual([]);
  await t.run(() => m.driver.ndis.NdisMArcIndicateReceive(m.adapters[0], at, at, 600));
  expect(t.findings()).toEqual(['BAD_RECEIVE_INDICATION legacy']);
});

describe('NdisMRegisterDevice (ndis/nf-ndis-ndismregisterdevice)', () => {
  test('makes a device for the wrapper of a miniport driver, and for nobody else', async () => {
    const t = createTestNdis();
    const m = createLegacyMiniport(t);
    await registerLegacy(t, m);
    const { ndis } = m.driver;
    const [device, handle] = [m.driver.cell(), m.driver.cell()];
    const table = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 28 * 8, 1, 0);
    const status = await t.run(() =>
      ndis.NdisMRegisterDevice(
        m.wrapper.value,
        '\\Device\\Legacy',
        '\\DosDevices\\Legacy',
        table,
        device,
        handle,
      ),
    );
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(device.value).not.toBe(0);
    expect(await t.run(() => ndis.NdisMDeregisterDevice(handle.value))).toBe(NDIS_STATUS_SUCCESS);
    const refused = await t.run(() =>
      ndis.NdisMRegisterDevice(0x66, '\\Device\\B', '\\DosDevices\\B', table, device, handle),
    );
    expect(refused).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(t.findings()).toEqual(['BAD_HANDLE legacy']);
  });
});

test('a reset is completed through ResetCompleteHandler of the block, as the macro of the headers does', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  m.onReset = () => NDIS_STATUS_PENDING;
  const adapter = await startLegacy(t, m);
  await t.run(() => m.driver.ndis.NdisMResetMiniport(m.adapters[0]));
  await t.runAll();
  expect(adapter.pendingReset).not.toBeNull();
  const at = m.adapters[0] + NDIS_MINIPORT_BLOCK.offset.ResetCompleteHandler;
  await t.run(() => void callThrough(t.ndis, at, m.adapters[0], NDIS_STATUS_SUCCESS, 0));
  await t.runAll();
  expect(adapter.pendingReset).toBeNull();
  expect(t.findings()).toEqual([]);
});

test('MiniportCancelSendPackets gets the cancel id of NdisCancelSendNetBufferLists (ndis/nf-ndis-ndiscancelsendnetbufferlists)', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  const p = createTestProtocol(t);
  const seen: unknown[] = [];
  await registerProtocol(t, p);
  await startLegacy(t, m, {
    CancelSendPacketsHandler: (_context: unknown, cancelId: unknown) => void seen.push(cancelId),
  });
  const [binding] = [...p.object().bindings];
  await t.run(() => p.driver.ndis.NdisCancelSendNetBufferLists(binding.handle, 0x1234_0000));
  expect(seen).toEqual([0x1234_0000]);
});

test('NdisMRegisterUnloadHandler takes a handler for a wrapper, and a wrong one is a finding', async () => {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  await registerLegacy(t, m);
  await t.run(() => m.driver.ndis.NdisMRegisterUnloadHandler(m.wrapper.value, () => {}));
  expect(t.findings()).toEqual([]);
  await t.run(() => m.driver.ndis.NdisMRegisterUnloadHandler(0x99, () => {}));
  expect(t.findings()).toEqual(['BAD_HANDLE legacy']);
});
