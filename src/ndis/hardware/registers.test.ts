/** Resources, configuration space, claims on registers and ports, and the macros that access them. */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createHardwareStack, type HardwareStack } from '../../../test/support/hardwareStack.ts';
import { READS, SCRATCH, TestDevice } from '../../../test/support/testDevice.ts';
import { busOf } from '../../kernel/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_SUCCESS,
  partialResourceListOf,
} from '../index.ts';

/** Descriptors of an NDIS_RESOURCE_LIST: type, sharing, flags, and three words. */
function descriptors(s: HardwareStack, list: number): number[][] {
  const { u8, u16, u32 } = s.t.memory;
  return Array.from({ length: u32[(list + 4) >> 2] }, (_, index) => {
    const at = list + 8 + 20 * index;
    return [
      u8[at],
      u8[at + 1],
      u16[(at + 2) >> 1],
      u32[(at + 4) >> 2],
      u32[(at + 8) >> 2],
      u32[(at + 12) >> 2],
    ];
  });
}

describe('resources', () => {
  test('come with the initialization parameters (ndis/ns-ndis-_ndis_miniport_init_parameters)', async () => {
    let list = 0;
    const s = await createHardwareStack({
      initialize: (_s, parameters) => {
        list = parameters.AllocatedResources;
      },
      attach: { interrupts: 'line' },
    });
    const [memory, ports] = s.target.ranges;
    expect(descriptors(s, list)).toEqual([
      [3, 1, 0, memory.start, 0, 8192],
      [1, 1, 1, ports.start, 0, 32],
      [2, 3, 0, 5, 0x51, 1],
    ]);
    expect(list).toBe(partialResourceListOf(s.t.ndis, s.adapter));
    await s.t.run(() => {
      const cell = s.driver.cell();
      s.ndis.NdisMGetDeviceProperty(s.handle, 0, 0, 0, cell, 0);
      expect(cell.value).toBe(list - 12);
    });
  });

  test('name each message', async () => {
    const s = await createHardwareStack({ processors: 2 });
    const list = partialResourceListOf(s.t.ndis, s.adapter);
    expect(descriptors(s, list).slice(2)).toEqual([
      [2, 1, 3, 9, 0x90, 1],
      [2, 1, 3, 9, 0x91, 2],
      [2, 1, 3, 9, 0x92, 1],
      [2, 1, 3, 9, 0x93, 2],
    ]);
  });

  test('there are none without a device', async () => {
    const s = await createHardwareStack({
      bare: true,
      initialize: (_s, parameters) => expect(parameters.AllocatedResources).toBe(0),
    });
    expect(s.adapter.state).toBe('Running');
  });
});

describe('configuration space', () => {
  test('is read and written (ndis/nf-ndis-ndismgetbusdata, ndis/nf-ndis-ndismsetbusdata)', async () => {
    const s = await createHardwareStack();
    const buffer = bytesAt(s.t.kernel, 16);
    await s.t.run(() => {
      expect(s.ndis.NdisMGetBusData(s.handle, 0, 0, buffer, 4)).toBe(4);
      expect(s.t.memory.u32[buffer >> 2]).toBe(0x10ff_1af4);
      s.t.memory.u8[buffer] = 0x40;
      expect(s.ndis.NdisMSetBusData(s.handle, 0, 0x0c, buffer, 1)).toBe(1);
      expect(s.ndis.NdisMGetBusData(s.handle, 0, 0x0c, buffer + 4, 1)).toBe(1);
      expect(s.t.memory.u8[buffer + 4]).toBe(0x40);
    });
  });

  test('there is nothing of another space, beyond the end, without a device, after it was pulled out', async () => {
    const s = await createHardwareStack();
    const bare = await createHardwareStack({ bare: true });
    await s.t.run(() => {
      const buffer = bytesAt(s.t.kernel, 16);
      expect(s.ndis.NdisMGetBusData(s.handle, 0x52696350, 0, buffer, 4)).toBe(0);
      expect(s.ndis.NdisMGetBusData(s.handle, 0, 256, buffer, 4)).toBe(0);
      expect(s.ndis.NdisMSetBusData(s.handle, 1, 0, buffer, 4)).toBe(0);
      s.target.remove();
      expect(s.ndis.NdisMGetBusData(s.handle, 0, 0, buffer, 4)).toBe(0);
      expect(s.t.memory.u32[buffer >> 2]).toBe(0xffff_ffff);
      expect(s.ndis.NdisMSetBusData(s.handle, 0, 4, buffer, 2)).toBe(0);
    });
    await bare.t.run(() => {
      expect(bare.ndis.NdisMGetBusData(bare.handle, 0, 0, bytesAt(bare.t.kernel, 16), 4)).toBe(0);
      expect(bare.ndis.NdisMSetBusData(0x44, 0, 0, bytesAt(bare.t.kernel, 16), 4)).toBe(0);
    });
    expect(bare.t.findings()).toEqual(['BAD_HANDLE miniport']);
  });
});

describe('registers in memory', () => {
  test('are mapped and accessed by the macros (ndis/nf-ndis-ndismmapiospace)', async () => {
    const s = await createHardwareStack();
    const { ndis, t } = s;
    await t.run(() => {
      const cell = s.driver.cell();
      const { start } = s.target.ranges[0];
      expect(ndis.NdisMMapIoSpace(cell, s.handle, BigInt(start) as never, 4096)).toBe(NDIS_STATUS_SUCCESS);
      const at = cell.value;
      const data = bytesAt(t.kernel, 16);
      ndis.NdisWriteRegisterUlong(at + SCRATCH, 0x8877_6655);
      ndis.NdisReadRegisterUlong(at + SCRATCH, data);
      expect(t.memory.u32[data >> 2]).toBe(0x8877_6655);
      ndis.NdisWriteRegisterUshort(at + SCRATCH, 0x1234);
      ndis.NdisReadRegisterUshort(at + SCRATCH, data);
      expect(t.memory.u16[data >> 1]).toBe(0x1234);
      ndis.NdisWriteRegisterUchar(at + SCRATCH, 0x77);
      ndis.NdisReadRegisterUchar(at + SCRATCH, data);
      expect(t.memory.u8[data]).toBe(0x77);
      ndis.NdisReadRegisterUlong(at + READS, data);
      ndis.NdisReadRegisterUlong(at + READS, data);
      expect(t.memory.u32[data >> 2]).toBe(2);
      s.device.writes.length = 0;
      ndis.NdisZeroMappedMemory(at + 0x102, 8);
      expect(s.device.writes).toEqual(['102:1=0', '103:1=0', '104:4=0', '108:1=0', '109:1=0']);
      ndis.NdisMUnmapIoSpace(s.handle, at, 4096);
      ndis.NdisMUnmapIoSpace(s.handle, at, 4096);
    });
    expect(t.findings()).toEqual(['NOT_MAPPED miniport']);
  });

  test('of others and of nobody are refused; a mapping left at halt is a finding', async () => {
    const s = await createHardwareStack();
    const other = busOf(s.t.kernel).attach(new TestDevice(s.t.memory));
    await s.t.run(() => {
      const cell = s.driver.cell();
      const map = (start: number, length = 4096) =>
        s.ndis.NdisMMapIoSpace(cell, s.handle, BigInt(start) as never, length);
      expect(map(other.ranges[0].start)).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
      expect(cell.value).toBe(0);
      expect(map(0x10000)).toBe(NDIS_STATUS_FAILURE);
      expect(map(s.target.ranges[0].start, 0)).toBe(NDIS_STATUS_FAILURE);
      expect(map(s.target.ranges[0].start)).toBe(NDIS_STATUS_SUCCESS);
      expect(s.ndis.NdisMMapIoSpace(cell, 0x44, 0n as never, 1)).toBe(NDIS_STATUS_FAILURE);
      s.ndis.NdisMUnmapIoSpace(0x44, 0x10000, 1);
    });
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(s.t.findings()).toEqual([
      'BAD_HANDLE miniport',
      'BAD_HANDLE miniport',
      'REGISTERS_CLAIMED miniport',
    ]);
    expect(busOf(s.t.kernel).slots[0]).toBeNull();
  });

  test('that are not mapped stop the machine when they are read', async () => {
    const s = await createHardwareStack();
    const { start } = s.target.ranges[0];
    const read = s.t.run(() => s.ndis.NdisReadRegisterUlong(start, s.driver.cell()));
    await expect(read).rejects.toMatchObject({ bugCheckCode: 0x50 });
  });
});

describe('ports', () => {
  test('are registered and accessed by the macros (ndis/nf-ndis-ndismregisterioportrange)', async () => {
    const s = await createHardwareStack();
    const { ndis, t } = s;
    await t.run(() => {
      const cell = s.driver.cell();
      const { start } = s.target.ranges[1];
      expect(ndis.NdisMRegisterIoPortRange(cell, s.handle, start, 32)).toBe(NDIS_STATUS_SUCCESS);
      const port = cell.value;
      const data = bytesAt(t.kernel, 32);
      ndis.NdisRawWritePortUlong(port + SCRATCH, 0x8877_6655);
      ndis.NdisRawReadPortUlong(port + SCRATCH, data);
      expect(t.memory.u32[data >> 2]).toBe(0x8877_6655);
      ndis.NdisRawWritePortUshort(port + SCRATCH, 0x1234);
      ndis.NdisRawReadPortUshort(port + SCRATCH, data);
      expect(t.memory.u16[data >> 1]).toBe(0x1234);
      ndis.NdisRawWritePortUchar(port + SCRATCH, 0x77);
      ndis.NdisRawReadPortUchar(port + SCRATCH, data);
      expect(t.memory.u8[data]).toBe(0x77);
      ndis.NdisRawReadPortBufferUlong(port + READS, data, 3);
      expect([...t.memory.u32.subarray(data >> 2, (data >> 2) + 3)]).toEqual([1, 2, 3]);
      ndis.NdisRawReadPortBufferUshort(port + READS, data, 2);
      expect([...t.memory.u16.subarray(data >> 1, (data >> 1) + 2)]).toEqual([4, 5]);
      ndis.NdisRawReadPortBufferUchar(port + READS, data, 3);
      expect([...t.memory.u8.subarray(data, data + 3)]).toEqual([6, 7, 8]);
      s.device.writes.length = 0;
      t.memory.u32.set([0x0403_0201, 0x0807_0605], data >> 2);
      ndis.NdisRawWritePortBufferUlong(port + SCRATCH, data, 2);
      ndis.NdisRawWritePortBufferUshort(port + SCRATCH, data, 1);
      ndis.NdisRawWritePortBufferUchar(port + SCRATCH, data, 2);
      expect(s.device.writes).toEqual(['0:4=4030201', '0:4=8070605', '0:2=201', '0:1=1', '0:1=2']);
      ndis.NdisMDeregisterIoPortRange(s.handle, start, 16, port);
      ndis.NdisMDeregisterIoPortRange(s.handle, start, 32, port);
    });
    expect(t.findings()).toEqual(['PORTS_NOT_REGISTERED miniport']);
  });

  test('of others and of nobody are refused', async () => {
    const s = await createHardwareStack();
    const other = busOf(s.t.kernel).attach(new TestDevice(s.t.memory));
    await s.t.run(() => {
      const register = (port: number, count: number, handle = s.handle) =>
        s.ndis.NdisMRegisterIoPortRange(s.driver.cell(), handle, port, count);
      expect(register(other.ranges[1].start, 1)).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
      expect(register(0x300, 4)).toBe(NDIS_STATUS_FAILURE);
      expect(register(s.target.ranges[1].start, 33)).toBe(NDIS_STATUS_FAILURE);
      expect(register(s.target.ranges[1].start, 1, 0x44)).toBe(NDIS_STATUS_FAILURE);
      s.ndis.NdisMDeregisterIoPortRange(0x44, 0, 0, 0);
    });
  });
});
