/** Timers, work items, configuration and memory of NDIS 5 through a driver's imports. */

import { describe, expect, test } from 'vitest';
import { createTestMiniport, registerMiniport } from '../../../../test/support/drivers.ts';
import { createTestNdis, type TestDriver, type TestNdis } from '../../../../test/support/ndis.ts';
import { registryOf } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_MEMORY_CONTIGUOUS,
  NDIS_MINIPORT_TIMER,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  NDIS_TIMER,
  NDIS_WORK_ITEM,
} from '../../index.ts';

interface Scene {
  readonly t: TestNdis;
  readonly d: TestDriver;
  readonly ndis: TestDriver['ndis'];
  readonly allocate: (size: number) => Address;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
}

function scene(): Scene {
  const t = createTestNdis();
  const d = t.createDriver('legacy');
  return {
    t,
    d,
    ndis: d.ndis,
    allocate: (size) => d.ntoskrnl.ExAllocatePoolWithTag(512, size, 1),
    sleep: async (milliseconds) => d.ndis.NdisMSleep(milliseconds * 1000),
  };
}

describe('timers', () => {
  test('fire once after their delay, with their context', async () => {
    const { t, d, ndis, allocate, sleep } = scene();
    const fired: unknown[] = [];
    await t.run(async () => {
      const timer = allocate(NDIS_TIMER.size);
      const cancelled = d.cell();
      const context = { name: 'mine' };
      ndis.NdisInitializeTimer(timer, (_dpc: unknown, given: unknown) => void fired.push(given), context);
      ndis.NdisSetTimer(timer, 10);
      await sleep(5);
      expect(fired).toEqual([]);
      await sleep(10);
      expect(fired).toEqual([context]);
      ndis.NdisCancelTimer(timer, cancelled);
      expect(t.memory.u8[cancelled.address]).toBe(0);
      ndis.NdisSetTimerEx(timer, 10, 7);
      await sleep(11);
      expect(fired).toEqual([context, 7]);
      ndis.NdisSetTimer(timer, 10);
      ndis.NdisCancelTimer(timer, cancelled);
      expect(t.memory.u8[cancelled.address]).toBe(1);
      await sleep(20);
      expect(fired.length).toBe(2);
    });
  });

  test('fire again and again where they are periodic', async () => {
    const { t, d, ndis, allocate, sleep } = scene();
    let fired = 0;
    await t.run(async () => {
      const timer = allocate(NDIS_TIMER.size);
      ndis.NdisInitializeTimer(timer, () => void fired++, 0);
      ndis.NdisSetPeriodicTimer(timer, 10);
      await sleep(35);
      expect(fired).toBe(3);
      ndis.NdisCancelTimer(timer, d.cell());
    });
  });

  test('of adapters call the driver of the adapter', async () => {
    const { t } = scene();
    const m = createTestMiniport(t);
    await registerMiniport(t, m);
    t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    const { ndis, ntoskrnl } = m.driver;
    const fired: unknown[] = [];
    await t.run(async () => {
      const timer = ntoskrnl.ExAllocatePoolWithTag(512, NDIS_MINIPORT_TIMER.size, 1);
      const cancelled = m.driver.cell();
      const context = { adapter: 1 };
      ndis.NdisMInitializeTimer(
        timer,
        m.adapters[0],
        (_one: unknown, given: unknown) => void fired.push(given),
        context,
      );
      ndis.NdisMSetTimer(timer, 10);
      await ndis.NdisMSleep(15_000);
      expect(fired).toEqual([context]);
      ndis.NdisMSetPeriodicTimer(timer, 10);
      await ndis.NdisMSleep(25_000);
      expect(fired.length).toBe(3);
      ndis.NdisMCancelTimer(timer, cancelled);
      expect(t.memory.u8[cancelled.address]).toBe(1);
      await ndis.NdisMSleep(25_000);
      expect(fired.length).toBe(3);
      ndis.NdisMInitializeTimer(timer, 0x1234, () => {}, 0);
    });
    expect(t.findings()).toEqual(['BAD_HANDLE miniport']);
  });
});

describe('work items', () => {
  test('run on a worker, which may wait, and may be queued again from there (nf-ndis-ndisscheduleworkitem)', async () => {
    const { t, ndis, allocate, sleep } = scene();
    const seen: unknown[] = [];
    await t.run(() => {
      const item = allocate(NDIS_WORK_ITEM.size);
      const context = { name: 'mine' };
      ndis.NdisInitializeWorkItem(
        item,
        async (work, given) => {
          await sleep(1);
          seen.push([work.address, given]);
          if (seen.length < 2) ndis.NdisScheduleWorkItem(item);
        },
        context,
      );
      expect(ndis.NdisScheduleWorkItem(item)).toBe(NDIS_STATUS_SUCCESS);
    });
    await t.runAll();
    expect(seen.length).toBe(2);
    expect(seen[0]).toEqual([expect.any(Number), { name: 'mine' }]);
  });

  test('that wait are not queued again', async () => {
    const { t, ndis, allocate } = scene();
    const queueTwice = t.run(() => {
      const item = allocate(NDIS_WORK_ITEM.size);
      ndis.NdisInitializeWorkItem(item, () => {}, 0);
      ndis.NdisScheduleWorkItem(item);
      ndis.NdisScheduleWorkItem(item);
    });
    await expect(queueTwice).rejects.toThrow(/is queued and has not run yet/);
  });
});

test('NdisOpenConfiguration opens the key of an adapter', async () => {
  const { t } = scene();
  const m = createTestMiniport(t);
  await registerMiniport(t, m);
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  registryOf(t.kernel).create(adapter.configurationKeyPath);
  const { ndis } = m.driver;
  await t.run(() => {
    const [status, handle] = [m.driver.cell(), m.driver.cell()];
    ndis.NdisOpenConfiguration(status, handle, m.adapters[0]);
    expect(t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_SUCCESS);
    ndis.NdisCloseConfiguration(handle.value);
    ndis.NdisOpenConfiguration(status, handle, 0x1234);
    expect([t.memory.u32[status.address >> 2], handle.value]).toEqual([NDIS_STATUS_FAILURE, 0]);
  });
  expect(t.findings()).toEqual(['BAD_HANDLE miniport']);
});

test('NdisOpenProtocolConfiguration opens what a protocol keeps about an adapter (nf-ndis-ndisopenprotocolconfiguration)', async () => {
  const { t, d, ndis } = scene();
  const path = '\\Registry\\Machine\\System\\CurrentControlSet\\Services\\legacy\\Parameters\\Adapters\\{1}';
  registryOf(t.kernel).create(path);
  await t.run(() => {
    const [status, handle] = [d.cell(), d.cell()];
    ndis.NdisOpenProtocolConfiguration(status, handle, path);
    expect(t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_SUCCESS);
    ndis.NdisCloseConfiguration(handle.value);
    ndis.NdisOpenProtocolConfiguration(status, handle, `${path}2`);
    expect([t.memory.u32[status.address >> 2], handle.value]).toEqual([NDIS_STATUS_FAILURE, 0]);
  });
});

describe('memory', () => {
  test('is freed with the flags it was allocated with', async () => {
    const { t, d, ndis } = scene();
    await t.run(() => {
      const at = d.cell();
      expect(ndis.NdisAllocateMemory(at, 100, NDIS_MEMORY_CONTIGUOUS, -1n)).toBe(NDIS_STATUS_SUCCESS);
      ndis.NdisFreeMemory(at.value, 100, NDIS_MEMORY_CONTIGUOUS);
      ndis.NdisAllocateMemory(at, 100, 0, -1n);
      ndis.NdisFreeMemory(at.value, 100, 0);
      expect(t.findings()).toEqual([]);
      expect(ndis.NdisAllocateMemory(at, 100, 0, 0xffn)).toBe(NDIS_STATUS_FAILURE);
      expect(at.value).toBe(0);
      ndis.NdisAllocateMemory(at, 100, NDIS_MEMORY_CONTIGUOUS, -1n);
      ndis.NdisFreeMemory(at.value, 100, 0);
    });
    expect(t.findings()).toEqual(['BAD_MEMORY_FLAGS legacy']);
  });

  test('is copied by the macros for devices and lookahead', async () => {
    const { t, d, ndis, allocate } = scene();
    await t.run(() => {
      const [from, to] = [allocate(16), allocate(16)];
      t.memory.u8.set([1, 2, 3, 4], from);
      const copied = (copy: () => void): number[] => {
        t.memory.u8.fill(0, to, to + 4);
        copy();
        return [...t.memory.u8.subarray(to, to + 4)];
      };
      expect(copied(() => ndis.NdisMoveMappedMemory(to, from, 4))).toEqual([1, 2, 3, 4]);
      expect(copied(() => ndis.NdisMoveFromMappedMemory(to, from, 3))).toEqual([1, 2, 3, 0]);
      expect(copied(() => ndis.NdisMoveToMappedMemory(to, from, 2))).toEqual([1, 2, 0, 0]);
      expect(copied(() => ndis.NdisCopyLookaheadData(to, from, 4, 0))).toEqual([1, 2, 3, 4]);
      const buffer = d.cell();
      ndis.NdisCreateLookaheadBufferFromSharedMemory(from, 4, buffer);
      expect(buffer.value).toBe(from);
      ndis.NdisDestroyLookaheadBufferFromSharedMemory(buffer.value);
    });
  });
});

test('lists under a lock give their entries back last in, first out', async () => {
  const { t, d, ndis, allocate } = scene();
  await t.run(() => {
    const lock = allocate(16);
    const [head, first, second] = [d.cell().address, allocate(16), allocate(16)];
    expect(ndis.NdisInterlockedPushEntryList(head, first, lock)).toBe(0);
    expect(ndis.NdisInterlockedPushEntryList(head, second, lock)).toBe(first);
    expect(ndis.NdisInterlockedPopEntryList(head, lock)).toBe(second);
    expect(ndis.NdisInterlockedPopEntryList(head, lock)).toBe(first);
    expect(ndis.NdisInterlockedPopEntryList(head, lock)).toBe(0);
    const list = allocate(16);
    ndis.NdisInitializeSListHead(list);
    ndis.NdisInterlockedPushEntrySList(list, first, lock);
    expect(ndis.NdisInterlockedFlushSList(list)).toBe(first);
    expect(ndis.NdisInterlockedFlushSList(list)).toBe(0);
  });
});

test('time since the start is in milliseconds, and strings are printed to the trace', async () => {
  const { t, d, ndis, sleep } = scene();
  await t.run(async () => {
    const [before, after] = [d.cell(), d.cell()];
    ndis.NdisGetSystemUpTime(before);
    await sleep(20);
    ndis.NdisGetSystemUpTime(after);
    expect(t.memory.u32[after.address >> 2] - t.memory.u32[before.address >> 2]).toBe(20);
    ndis.NdisPrintString('adapter found');
  });
  expect(JSON.stringify(t.events)).toContain('adapter found');
});
