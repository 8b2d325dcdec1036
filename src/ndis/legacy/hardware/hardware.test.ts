/** Hardware of miniport drivers for NDIS 5: interrupts by line, resources, configuration space, DMA, buses long gone. */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../../test/support/cells.ts';
import { createLegacyMiniport, startLegacy } from '../../../../test/support/legacyMiniport.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import { DISMISS, SCRATCH, TestDevice } from '../../../../test/support/testDevice.ts';
import { busOf, poolOf, systemDmaOf } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  connectHardware,
  enableInterrupts,
  inventoryOf,
  NDIS_ATTRIBUTE_BUS_MASTER,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_MINIPORT_INTERRUPT,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../index.ts';

async function setUp(
  attributes = NDIS_ATTRIBUTE_DESERIALIZE | NDIS_ATTRIBUTE_BUS_MASTER,
  changes: object = {},
) {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  m.attributes = attributes;
  const device = new TestDevice(t.memory);
  const target = busOf(t.kernel).attach(device);
  const log: string[] = [];
  const at = (what: string) => log.push(`${what} ${t.kernel.irql}`);
  await startLegacy(t, m, {
    ISRHandler: (recognized: Address, queue: Address) => {
      const mine = device.raised;
      if (mine) busOf(t.kernel).writeMemory(target.ranges[0].start + DISMISS, 4, 0);
      t.memory.u8[recognized] = mine ? 1 : 0;
      t.memory.u8[queue] = mine ? 1 : 0;
      at(`isr ${mine}`);
    },
    HandleInterruptHandler: () => at('handle'),
    DisableInterruptHandler: () => {
      busOf(t.kernel).writeMemory(target.ranges[0].start + DISMISS, 4, 0);
      at('disable');
    },
    EnableInterruptHandler: () => at('enable'),
    ...changes,
  });
  const [handle] = m.adapters;
  const [found] = inventoryOf(t.ndis).adapters;
  connectHardware(t.ndis, found, target);
  const { ndis } = m.driver;
  return { t, m, ndis, device, target, handle, adapter: found, log, cell: bytesAt(t.kernel, 64) };
}

describe('NdisMRegisterInterrupt (ddk/ndis.h)', () => {
  const register = (
    s: Awaited<ReturnType<typeof setUp>>,
    interrupt: Address,
    changes: { vector?: number; level?: number; isr?: boolean; shared?: boolean; handle?: Address } = {},
  ) =>
    s.ndis.NdisMRegisterInterrupt(
      interrupt,
      changes.handle ?? s.handle,
      changes.vector ?? 0x51,
      changes.level ?? 5,
      changes.isr ?? true,
      changes.shared ?? true,
      0,
    );

  test.each([NDIS_ATTRIBUTE_DESERIALIZE, 0])(
    'calls MiniportISR at DIRQL, then MiniportHandleInterrupt and MiniportEnableInterrupt (attributes %i)',
    async (attributes) => {
      const s = await setUp(attributes);
      const interrupt = bytesAt(s.t.kernel, NDIS_MINIPORT_INTERRUPT.size);
      await s.t.run(() => {
        expect(register(s, interrupt)).toBe(NDIS_STATUS_SUCCESS);
        s.device.raise();
      });
      await s.t.runAll();
      expect(s.log).toEqual(['isr true 5', 'handle 2', 'enable 2']);
      const run = (context: unknown) => context === s;
      await s.t.run(() => {
        expect(s.ndis.NdisMSynchronizeWithInterrupt(interrupt, run as never, s)).toBe(1);
        enableInterrupts(s.t.ndis, s.adapter, false);
        s.ndis.NdisMDeregisterInterrupt(interrupt);
        s.ndis.NdisMDeregisterInterrupt(interrupt);
        expect(s.ndis.NdisMSynchronizeWithInterrupt(interrupt, run as never, s)).toBe(0);
      });
      expect(s.log.at(-1)).toBe('disable 5');
      expect(s.t.findings()).toEqual(['BAD_HANDLE legacy', 'BAD_HANDLE legacy']);
    },
  );

  test('without a MiniportISR asked for, disables the card and defers', async () => {
    const s = await setUp();
    const interrupt = bytesAt(s.t.kernel, NDIS_MINIPORT_INTERRUPT.size);
    await s.t.run(() => {
      expect(register(s, interrupt, { isr: false, shared: false })).toBe(NDIS_STATUS_SUCCESS);
      s.device.raise();
    });
    await s.t.runAll();
    expect(s.log).toEqual(['disable 5', 'handle 2', 'enable 2']);
    const other = bytesAt(s.t.kernel, NDIS_MINIPORT_INTERRUPT.size);
    await s.t.run(() => {
      expect(register(s, other)).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
      s.ndis.NdisMDeregisterInterrupt(interrupt);
    });
  });

  test('refuses other vectors and levels, missing handlers, short memory, wrong handles', async () => {
    const s = await setUp();
    const bare = await setUp(4, { HandleInterruptHandler: null, ISRHandler: null });
    const interrupt = bytesAt(s.t.kernel, NDIS_MINIPORT_INTERRUPT.size);
    await s.t.run(() => {
      expect(register(s, interrupt, { vector: 0x61 })).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
      expect(register(s, interrupt, { level: 6 })).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
      expect(register(s, interrupt, { handle: 0x44 })).toBe(NDIS_STATUS_FAILURE);
      poolOf(s.t.kernel).fail = () => true;
      expect(register(s, interrupt)).toBe(NDIS_STATUS_RESOURCES);
      poolOf(s.t.kernel).fail = undefined;
    });
    const cell = bytesAt(bare.t.kernel, NDIS_MINIPORT_INTERRUPT.size);
    await bare.t.run(() => expect(register(bare, cell)).toBe(NDIS_STATUS_FAILURE));
  });
});

test('resources are copied, and name the line (NdisMQueryAdapterResources, NdisPciAssignResources)', async () => {
  const s = await setUp();
  const { u32 } = s.t.memory;
  const [status, size, list] = [s.cell, s.cell + 16, bytesAt(s.t.kernel, 128)];
  await s.t.run(() => {
    const query = (handle: Address, room: number): number => {
      u32[size >> 2] = room;
      s.ndis.NdisMQueryAdapterResources(status, handle, list, size);
      return u32[status >> 2];
    };
    expect(query(s.handle, 67)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    expect(u32[size >> 2]).toBe(68);
    expect(query(s.handle, 128)).toBe(NDIS_STATUS_SUCCESS);
    expect(u32[(list + 4) >> 2]).toBe(3);
    expect(u32[(list + 8 + 40 + 8) >> 2]).toBe(0x51);
    expect(query(0x44, 128)).toBe(NDIS_STATUS_FAILURE);
    const { ndis } = s;
    expect(ndis.NdisPciAssignResources(0, 0, s.handle, 0, status)).toBe(NDIS_STATUS_SUCCESS);
    expect(u32[(s.t.memory.readPointer(status) + 4) >> 2]).toBe(3);
    expect(ndis.NdisPciAssignResources(0, 0, 0x44, 0, status)).toBe(NDIS_STATUS_FAILURE);
  });
});

test('configuration space is that of the adapter (NdisReadPciSlotInformation, NdisWritePciSlotInformation)', async () => {
  const s = await setUp();
  await s.t.run(() => {
    expect(s.ndis.NdisReadPciSlotInformation(s.handle, 9, 0, s.cell, 4)).toBe(4);
    expect(s.t.memory.u32[s.cell >> 2]).toBe(0x10ff_1af4);
    expect(s.ndis.NdisWritePciSlotInformation(s.handle, 9, 0x0c, s.cell, 1)).toBe(1);
    expect(s.ndis.NdisReadPciSlotInformation(0x44, 0, 0, s.cell, 4)).toBe(0);
  });
});

test('buses that the machine has not give their documented failures', async () => {
  const s = await setUp();
  const { ndis } = s;
  await s.t.run(() => {
    s.t.memory.u32[(s.cell + 16) >> 2] = 7;
    ndis.NdisReadEisaSlotInformation(s.cell, s.handle, s.cell + 32, s.cell + 48);
    expect(s.t.memory.u32[s.cell >> 2]).toBe(NDIS_STATUS_FAILURE);
    ndis.NdisReadEisaSlotInformationEx(s.cell, s.handle, s.cell + 32, s.cell + 48, s.cell + 16);
    expect(s.t.memory.u32[(s.cell + 16) >> 2]).toBe(0);
    expect(ndis.NdisReadPcmciaAttributeMemory(s.handle, 0, s.cell, 4)).toBe(0);
    expect(ndis.NdisWritePcmciaAttributeMemory(s.handle, 0, s.cell, 4)).toBe(0);
  });
});

test('device memory is reached before it is mapped (NdisImmediateReadSharedMemory)', async () => {
  const s = await setUp();
  const { start } = s.target.ranges[0];
  await s.t.run(() => {
    s.t.memory.u8[s.cell] = 0x5a;
    s.ndis.NdisImmediateWriteSharedMemory(s.handle, start + SCRATCH, s.cell, 1);
    s.ndis.NdisImmediateReadSharedMemory(s.handle, start + SCRATCH, s.cell + 1, 1);
    expect(s.t.memory.u8[s.cell + 1]).toBe(0x5a);
    s.ndis.NdisImmediateReadSharedMemory(s.handle, 0x10000, s.cell + 1, 1);
    expect(s.t.memory.u8[s.cell + 1]).toBe(0xff);
    s.ndis.NdisImmediateWriteSharedMemory(s.handle, 0x10000, s.cell, 1);
  });
  expect(s.t.findings()).toEqual(['NO_HARDWARE legacy', 'NO_HARDWARE legacy']);
});

test('map registers are reserved once, by bus masters, up to 64 (NdisMAllocateMapRegisters)', async () => {
  const s = await setUp();
  const slave = await setUp(NDIS_ATTRIBUTE_DESERIALIZE);
  await s.t.run(() => {
    const allocate = (count: number, handle = s.handle) =>
      s.ndis.NdisMAllocateMapRegisters(handle, 0, 1, count, 4096);
    expect(allocate(65)).toBe(NDIS_STATUS_RESOURCES);
    expect(allocate(0)).toBe(NDIS_STATUS_RESOURCES);
    expect(allocate(64)).toBe(NDIS_STATUS_SUCCESS);
    expect(allocate(1)).toBe(NDIS_STATUS_RESOURCES);
    expect(allocate(1, 0x44)).toBe(NDIS_STATUS_FAILURE);
    s.ndis.NdisMFreeMapRegisters(s.handle);
    s.ndis.NdisMFreeMapRegisters(s.handle);
    s.ndis.NdisUpdateSharedMemory(s.handle, 1, s.cell, 0n as never);
    s.ndis.NdisMUpdateSharedMemory(s.handle, 1, s.cell, 0n as never);
  });
  await slave.t.run(() =>
    expect(slave.ndis.NdisMAllocateMapRegisters(slave.handle, 0, 1, 1, 4096)).toBe(NDIS_STATUS_NOT_SUPPORTED),
  );
  expect(s.t.findings()).toEqual(['BAD_HANDLE legacy', 'NO_MAP_REGISTERS legacy']);
});

test('transfers of the controller of the system (NdisSetupDmaTransfer, NdisFreeDmaChannel)', async () => {
  const s = await setUp(NDIS_ATTRIBUTE_DESERIALIZE);
  const { ndis, t } = s;
  await t.run(() => {
    const description = { DmaChannelSpecified: true, DmaChannel: 2 } as never;
    expect(ndis.NdisMRegisterDmaChannel(s.cell, s.handle, 0, true, description, 64)).toBe(0);
    const channel = t.memory.readPointer(s.cell);
    const mdl = ndis.NdisAllocateMdl(0, bytesAt(t.kernel, 64), 64);
    ndis.NdisSetupDmaTransfer(s.cell + 16, channel, mdl, 0, 8, true);
    expect(t.memory.u32[(s.cell + 16) >> 2]).toBe(NDIS_STATUS_SUCCESS);
    expect(systemDmaOf(t.kernel).remaining(2)).toBe(8);
    ndis.NdisSetupDmaTransfer(s.cell + 16, channel, mdl, 0, 8, true);
    expect(t.memory.u32[(s.cell + 16) >> 2]).toBe(NDIS_STATUS_RESOURCES);
    ndis.NdisFreeDmaChannel(channel);
    ndis.NdisFreeMdl(mdl);
  });
  expect(t.findings()).toEqual([]);
});
