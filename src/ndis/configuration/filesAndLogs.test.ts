/** Conformance tests of files, miniport logs and the event log. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesAt, wideText } from '../../../test/support/cells.ts';
import { createTestLibrary } from '../../../test/support/netBuffers.ts';
import {
  NDIS_ERROR_CODE_HARDWARE_FAILURE,
  NDIS_STATUS_ALREADY_MAPPED,
  NDIS_STATUS_BUFFER_OVERFLOW,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_ERROR_READING_FILE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { MiniportDriver } from '../miniport/miniportDriver.ts';
import { eventLogOf } from './eventLog.ts';
import { fileStoreOf } from './fileStore.ts';
import { takeLogData } from './miniportLog.ts';

function make() {
  const t = createTestLibrary();
  const adapter = new MiniportAdapter(new MiniportDriver(t.driver, 85, 0, null), '{A}', 'a', {
    ifIndex: 1,
    ifType: 6,
    netLuidIndex: 1,
  });
  const handle = t.ndis.register(adapter);
  const [status, output, length] = [bytesAt(t.kernel, 8), bytesAt(t.kernel, 8), bytesAt(t.kernel, 8)];
  const statusOf = () => t.memory.u32[status >> 2];
  return { ...t, adapter, handle, status, output, length, statusOf };
}

test('a file of the host is opened, mapped by one caller at a time, and closed (ndis/nf-ndis-ndisopenfile)', async () => {
  const t = make();
  fileStoreOf(t.ndis).add('firmware.bin', new Uint8Array([1, 2, 3]));
  await t.run(() => {
    t.imports.NdisOpenFile(t.status, t.output, t.length, '\\SystemRoot\\Firmware.BIN', -1n);
    expect([t.statusOf(), t.memory.u32[t.length >> 2]]).toEqual([NDIS_STATUS_SUCCESS, 3]);
    const file = t.memory.readPointer(t.output);
    t.imports.NdisMapFile(t.status, t.output, file);
    const bytes = t.memory.readPointer(t.output);
    expect([...t.memory.u8.subarray(bytes, bytes + 3)]).toEqual([1, 2, 3]);
    t.imports.NdisMapFile(t.status, t.output, file);
    expect([t.statusOf(), t.memory.readPointer(t.output)]).toEqual([NDIS_STATUS_ALREADY_MAPPED, 0]);
    t.imports.NdisUnmapFile(file);
    t.imports.NdisMapFile(t.status, t.output, file);
    expect(t.statusOf()).toBe(NDIS_STATUS_SUCCESS);
    t.imports.NdisUnmapFile(file);
    t.imports.NdisUnmapFile(file);
    t.imports.NdisCloseFile(file);
    t.imports.NdisCloseFile(file);
  });
  expect(t.codes()).toEqual(['FILE_NOT_MAPPED', 'BAD_HANDLE']);
  expect(t.driver.owned).toEqual([]);
});

test('a file that is not there, cannot be read, or does not fit gives its status (ndis/nf-ndis-ndisopenfile)', async () => {
  const t = make();
  fileStoreOf(t.ndis).add('bad', 'unreadable');
  fileStoreOf(t.ndis).add('good', new Uint8Array(16));
  await t.run(() => {
    const open = (name: string) => {
      t.imports.NdisOpenFile(t.status, t.output, t.length, name, -1n);
      return t.statusOf();
    };
    expect(open('none')).toBe(NDIS_STATUS_FILE_NOT_FOUND);
    expect(open('bad')).toBe(NDIS_STATUS_ERROR_READING_FILE);
    t.failAllocations(true);
    expect(open('good')).toBe(NDIS_STATUS_RESOURCES);
    t.failAllocations(false);
  });
});

test('an adapter has one log, which a write larger than it overflows (ndis/nf-ndis-ndismcreatelog)', async () => {
  const t = make();
  await t.run(() => {
    t.failAllocations(true);
    expect(t.imports.NdisMCreateLog(t.handle, 8, t.output)).toBe(NDIS_STATUS_RESOURCES);
    t.failAllocations(false);
    expect(t.imports.NdisMCreateLog(t.handle, 8, t.output)).toBe(NDIS_STATUS_SUCCESS);
    expect(t.imports.NdisMCreateLog(t.handle, 8, t.output)).toBe(NDIS_STATUS_FAILURE);
    const log = t.memory.readPointer(t.output);
    expect(t.imports.NdisMWriteLogData(log, t.status, 9)).toBe(NDIS_STATUS_BUFFER_OVERFLOW);
    expect(t.imports.NdisMWriteLogData(log, t.status, 8)).toBe(NDIS_STATUS_SUCCESS);
    t.imports.NdisMFlushLog(log);
    expect(takeLogData(t.ndis, t.adapter)).toHaveLength(0);
    const lock = bytesAt(t.kernel, 16);
    t.imports.NdisAllocateSpinLock(lock);
    t.imports.NdisAcquireSpinLock(lock);
    t.imports.NdisMFlushLog(log);
    t.imports.NdisReleaseSpinLock(lock);
    t.imports.NdisMCloseLog(log);
    t.imports.NdisMFlushLog(log);
    expect(t.imports.NdisMWriteLogData(log, t.status, 1)).toBe(NDIS_STATUS_FAILURE);
  });
  expect(t.codes()).toEqual(['SPIN_LOCK_HELD', 'BAD_HANDLE', 'BAD_HANDLE']);
});

test('a log keeps the last bytes that were written to it (ndis/nf-ndis-ndismwritelogdata)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(20),
      fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 8 }),
      async (extra, writes) => {
        const size = extra + 1;
        const t = make();
        await t.run(() => {
          t.imports.NdisMCreateLog(t.handle, size, t.output);
          const log = t.memory.readPointer(t.output);
          const data = bytesAt(t.kernel, 16);
          const kept: number[] = [];
          for (const bytes of writes) {
            t.memory.u8.set(bytes, data);
            const status = t.imports.NdisMWriteLogData(log, data, bytes.length);
            expect(status).toBe(bytes.length > size ? NDIS_STATUS_BUFFER_OVERFLOW : NDIS_STATUS_SUCCESS);
            if (status === NDIS_STATUS_SUCCESS) kept.push(...bytes);
          }
          expect([...takeLogData(t.ndis, t.adapter)]).toEqual(kept.slice(-size));
          t.imports.NdisMCloseLog(log);
        });
      },
    ),
    { numRuns: 30 },
  );
});

test('an error of an adapter is logged with its values, which are limited (ndis/nf-ndis-ndiswriteerrorlogentry)', async () => {
  const t = make();
  await t.run(() => {
    t.imports.NdisWriteErrorLogEntry(t.handle, NDIS_ERROR_CODE_HARDWARE_FAILURE, 2, 7, 0xffff_ffff);
    expect(t.codes()).toEqual([]);
    t.imports.NdisWriteErrorLogEntry(
      t.handle,
      NDIS_ERROR_CODE_HARDWARE_FAILURE,
      49,
      ...Array<number>(49).fill(1),
    );
    t.imports.NdisWriteErrorLogEntry(0x7000_4440, NDIS_ERROR_CODE_HARDWARE_FAILURE, 0);
  });
  const [first, second] = eventLogOf(t.ndis).entries;
  expect(first).toMatchObject({ adapter: '{A}', code: NDIS_ERROR_CODE_HARDWARE_FAILURE });
  expect([...first.data]).toEqual([7, 0, 0, 0, 255, 255, 255, 255]);
  expect(second.data).toHaveLength(48 * 4);
  expect(t.codes()).toEqual(['BAD_ERROR_LOG_ENTRY', 'BAD_HANDLE']);
  expect(t.events.some((event) => event.kind === 'note' && event.subject === 'NdisWriteErrorLogEntry')).toBe(
    true,
  );
});

test('an event is logged with texts and padded data up to the limit (ndis/nf-ndis-ndiswriteeventlogentry)', async () => {
  const t = make();
  await t.run(() => {
    const list = bytesAt(t.kernel, 16);
    t.memory.writePointer(list, wideText(t.kernel, 'driver'));
    t.memory.writePointer(list + 8, wideText(t.kernel, 'text'));
    const data = bytesAt(t.kernel, 256);
    t.memory.u8.set([1, 2, 3, 4, 5], data);
    const log = (strings: number, size: number) =>
      t.imports.NdisWriteEventLogEntry(0, 0x4000_0001, 9, strings, list, size, data);
    expect(log(2, 5)).toBe(NDIS_STATUS_SUCCESS);
    expect(log(0, 196)).toBe(NDIS_STATUS_SUCCESS);
    expect(log(0, 197)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    expect(log(2, 180)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    t.failAllocations(true);
    expect(log(2, 5)).toBe(NDIS_STATUS_RESOURCES);
    t.failAllocations(false);
  });
  const { entries } = eventLogOf(t.ndis);
  expect(entries).toHaveLength(2);
  expect(entries[0]).toMatchObject({ uniqueValue: 9, strings: ['driver', 'text'] });
  expect([...entries[0].data]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
});
