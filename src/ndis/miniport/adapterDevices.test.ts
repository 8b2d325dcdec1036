/** Device objects of adapters and their properties, processors, and the older allocation of memory. */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createOidStack } from '../../../test/support/oidStack.ts';
import {
  DEVICE_OBJECT,
  objectsOf,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER_2,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../kernel/index.ts';
import { readTerminatedUtf16 } from '../../memory/index.ts';
import {
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../index.ts';

const TAG = 0x3154_6554;

describe('NdisMGetDeviceProperty (ndis/nf-ndis-ndismgetdeviceproperty)', () => {
  test('gives the same devices each time, and the physical one has properties (wdm/nf-wdm-iogetdeviceproperty)', async () => {
    const s = await createOidStack();
    const { memory, kernel } = s.t;
    const { ndis, ntoskrnl } = s.m.driver;
    const cells = Array.from({ length: 5 }, () => bytesAt(kernel, 16));
    for (const cell of cells) memory.writePointer(cell, 1);
    const get = () => {
      ndis.NdisMGetDeviceProperty(s.m.adapters[0], ...(cells as [number, number, number, number, number]));
      return cells.map((cell) => memory.readPointer(cell));
    };
    await s.t.run(() => {
      const [physical, functional, next, raw, translated] = get();
      expect(next).toBe(physical);
      expect([raw, translated]).toEqual([0, 0]);
      expect(get()).toEqual([physical, functional, next, raw, translated]);
      expect(DEVICE_OBJECT.at(memory, physical).AttachedDevice).toBe(functional);
      expect(DEVICE_OBJECT.at(memory, functional).DriverObject).toBe(s.m.driver.driverObject);
      const [buffer, length] = [bytesAt(kernel, 64), cells[0]];
      const query = (device: number, property: number, size: number) =>
        ntoskrnl.IoGetDeviceProperty(device, property, size, buffer, length);
      expect(query(physical, 0, 17)).toBe(STATUS_BUFFER_TOO_SMALL);
      expect(memory.u32[length >> 2]).toBe(18);
      expect(query(physical, 0, 18)).toBe(STATUS_SUCCESS);
      expect(readTerminatedUtf16(memory, buffer)).toBe('Ethernet');
      expect([query(physical, 16, 4), memory.u32[buffer >> 2]]).toEqual([STATUS_SUCCESS, 0xffff_ffff]);
      expect(query(physical, 1, 64)).toBe(STATUS_OBJECT_NAME_NOT_FOUND);
      expect(query(physical, 0x17, 64)).toBe(STATUS_INVALID_PARAMETER_2);
      expect(query(functional, 0, 64)).toBe(STATUS_INVALID_DEVICE_REQUEST);
    });
  });

  test('writes NULL for a wrong handle', async () => {
    const s = await createOidStack();
    const { memory, kernel } = s.t;
    const cell = bytesAt(kernel, 16);
    await s.t.run(() => s.m.driver.ndis.NdisMGetDeviceProperty(s.m.adapters[0], cell, 0, 0, 0, 0));
    const physical = memory.readPointer(cell);
    expect(objectsOf(kernel).at(physical)?.type).toBe('Device');
    await s.t.run(() => s.m.driver.ndis.NdisMGetDeviceProperty(0x1234, cell, 0, 0, 0, 0));
    expect(memory.readPointer(cell)).toBe(0);
    expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
  });
});

test('the rights of files are what the generic ones stand for (ntddk/nf-ntddk-iogetfileobjectgenericmapping)', async () => {
  const s = await createOidStack();
  const { memory } = s.t;
  const mapping = await s.t.run(() => s.m.driver.ntoskrnl.IoGetFileObjectGenericMapping());
  expect([...memory.u32.subarray(mapping >> 2, (mapping >> 2) + 4)]).toEqual([
    0x12_0089, 0x12_0116, 0x12_00a0, 0x1f_01ff,
  ]);
});

describe('processors', () => {
  test('are counted in group 0 (ndis/nf-ndis-ndisgroupactiveprocessorcount)', async () => {
    const s = await createOidStack({ processors: 3 });
    const { ndis } = s.m.driver;
    await s.t.run(() => {
      expect([0, 1, 0xffff].map((group) => ndis.NdisGroupActiveProcessorCount(group))).toEqual([3, 0, 3]);
      const number = bytesAt(s.t.kernel, 16);
      s.t.memory.u8[number + 2] = 2;
      expect(ndis.NdisProcessorNumberToIndex(number)).toBe(2);
      s.t.memory.u8[number + 2] = 3;
      expect(ndis.NdisProcessorNumberToIndex(number)).toBe(0xffff_ffff);
    });
  });

  test('that receive side scaling may use are listed (ndis/nf-ndis-ndisgetrssprocessorinformation)', async () => {
    const s = await createOidStack({ processors: 2 });
    const { memory, kernel } = s.t;
    await s.t.run(() => {
      const [buffer, size] = [bytesAt(kernel, 64), bytesAt(kernel, 16)];
      const get = (given: bigint) => {
        memory.u64[size >> 3] = given;
        return s.m.driver.ndis.NdisGetRssProcessorInformation(s.m.adapters[0], buffer, size);
      };
      expect([get(55n), memory.u64[size >> 3]]).toEqual([NDIS_STATUS_BUFFER_TOO_SHORT, 56n]);
      expect([get(64n), memory.u64[size >> 3]]).toEqual([NDIS_STATUS_SUCCESS, 56n]);
      const information = NDIS_RSS_PROCESSOR_INFO.at(memory, buffer);
      const { RssProcessorCount, RssProcessorEntrySize, RssProcessorArrayOffset } = information;
      expect([RssProcessorCount, RssProcessorEntrySize, RssProcessorArrayOffset]).toEqual([2, 8, 40]);
      expect([memory.u8[buffer + 42], memory.u8[buffer + 50]]).toEqual([0, 1]);
    });
  });
});

test('the older allocation writes the address, or NULL with a failure (ndis/nf-ndis-ndisallocatememorywithtag)', async () => {
  const s = await createOidStack();
  const { memory, kernel } = s.t;
  const { ndis } = s.m.driver;
  await s.t.run(() => {
    const cell = bytesAt(kernel, 16);
    expect(ndis.NdisAllocateMemoryWithTag(cell, 100, TAG)).toBe(NDIS_STATUS_SUCCESS);
    ndis.NdisFreeMemory(memory.readPointer(cell), 100, 0);
    expect(ndis.NdisAllocateMemoryWithTag(cell, 0x4000_0000, TAG)).toBe(NDIS_STATUS_FAILURE);
    expect(memory.readPointer(cell)).toBe(0);
  });
});
