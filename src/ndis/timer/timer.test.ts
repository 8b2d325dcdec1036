/** Conformance tests of timers, work items and time. */

import { describe, expect, test } from 'vitest';
import { createTestLibrary } from '../../../test/support/netBuffers.ts';
import { bugCheckOf } from '../../../test/support/syncMachine.ts';
import {
  DISPATCH_LEVEL,
  IRQL_NOT_LESS_OR_EQUAL,
  PASSIVE_LEVEL,
  SYSTEM_TIME_AT_START,
  WORKER_INVALID,
} from '../../kernel/index.ts';
import {
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NdisObject } from '../library.ts';
import { type NDIS_TIMER_FUNCTION, TimerObject } from './timerObject.ts';

const MILLISECOND = 10_000;

describe.each([1, 2, 4])('with %i processors', (processors) => {
  const make = () => {
    const t = createTestLibrary({ checks: true }, { processors });
    const owner = t.ndis.register(new NdisObject());
    const output = t.allocate(16);
    /** Allocates a timer; its handle, or the status where there is none. */
    const timer = (TimerFunction: NDIS_TIMER_FUNCTION | null, FunctionContext: unknown = 7, header = {}) => {
      const status = t.imports.NdisAllocateTimerObject(
        owner,
        {
          Header: { Type: 0x97, Revision: 1, Size: 24, ...header },
          AllocationTag: 0x31_3233,
          TimerFunction,
          FunctionContext: FunctionContext as object,
        },
        output,
      );
      return status === NDIS_STATUS_SUCCESS ? t.memory.readPointer(output) : status;
    };
    return { ...t, owner, output, timer };
  };
  const relative = (milliseconds: number) => BigInt(-milliseconds * MILLISECOND);

  test('a one-shot timer fires once at DISPATCH_LEVEL after its time with the context of its setting or else its own (ndis/nf-ndis-ndissettimerobject)', async () => {
    const t = make();
    const fired: [unknown, number, number][] = [];
    const own = { name: 'own' };
    const given = { name: 'given' };
    await t.run(async () => {
      const handle = t.timer((_1, context) => {
        fired.push([context, t.kernel.irql, Math.floor(t.kernel.clock.now / MILLISECOND)]);
      }, own);
      expect(t.imports.NdisSetTimerObject(handle, relative(5), 0, null)).toBe(0);
      expect(t.imports.NdisSetTimerObject(handle, relative(10), 0, null)).toBe(1);
      await t.imports.NdisMSleep(50_000);
      t.imports.NdisSetTimerObject(handle, relative(1), 0, given);
      await t.imports.NdisMSleep(50_000);
      expect(t.imports.NdisCancelTimerObject(handle)).toBe(0);
      t.imports.NdisFreeTimerObject(handle);
    });
    expect(fired).toEqual([
      [own, DISPATCH_LEVEL, 10],
      [given, DISPATCH_LEVEL, 51],
    ]);
    expect([t.codes(), t.driver.owned]).toEqual([[], []]);
  });

  test('an absolute time is system time (ndis/nf-ndis-ndissettimerobject)', async () => {
    const t = make();
    let at = 0;
    await t.run(async () => {
      const handle = t.timer(() => {
        at = t.kernel.clock.now;
      });
      t.imports.NdisSetTimerObject(handle, SYSTEM_TIME_AT_START + 300_000n, 0, null);
      await t.imports.NdisMSleep(100_000);
    });
    expect(at).toBeGreaterThanOrEqual(300_000);
    expect(at).toBeLessThan(310_000);
  });

  test('a periodic timer fires again and again, and not once more after its cancelling returned (ndis/nf-ndis-ndiscanceltimerobject)', async () => {
    const t = make();
    let count = 0;
    await t.run(async () => {
      const handle = t.timer(() => {
        count++;
      });
      t.imports.NdisSetTimerObject(handle, relative(10), 10, null);
      await t.imports.NdisMSleep(55_000);
      expect(t.imports.NdisCancelTimerObject(handle)).toBe(1);
      expect(t.imports.NdisCancelTimerObject(handle)).toBe(0);
      const cancelled = count;
      await t.imports.NdisMSleep(55_000);
      expect(count).toBe(cancelled);
      t.imports.NdisFreeTimerObject(handle);
    });
    expect(count).toBe(5);
    expect(t.codes()).toEqual([]);
  });

  test('a callback that is due already runs before the cancelling of its periodic timer returns (ndis/nf-ndis-ndiscanceltimerobject)', async () => {
    const t = make();
    let count = 0;
    await t.run(() => {
      const handle = t.timer(() => {
        count++;
      });
      t.imports.NdisSetTimerObject(handle, relative(10), 10, null);
      const block = t.ndis.resolve(handle, TimerObject)?.block ?? 0;
      t.kernel.irql = DISPATCH_LEVEL;
      t.kernel.clock.advance(10 * MILLISECOND);
      t.kernel.expireTimer(block);
      t.kernel.irql = PASSIVE_LEVEL;
      expect(count).toBe(0);
      t.imports.NdisCancelTimerObject(handle);
      expect(count).toBe(1);
      t.imports.NdisFreeTimerObject(handle);
    });
    expect(t.codes()).toEqual([]);
  });

  test('a periodic timer is cancelled at PASSIVE_LEVEL, and no timer is freed while it is set (ndis/nf-ndis-ndiscanceltimerobject)', async () => {
    const t = make();
    let count = 0;
    await t.run(async () => {
      const handle = t.timer(() => {
        count++;
      });
      t.imports.NdisSetTimerObject(handle, relative(10), 10, null);
      t.imports.NDIS_RAISE_IRQL_TO_DISPATCH(t.output);
      t.imports.NdisCancelTimerObject(handle);
      t.imports.NDIS_LOWER_IRQL(PASSIVE_LEVEL, DISPATCH_LEVEL);
      t.imports.NdisSetTimerObject(handle, relative(10), 0, null);
      t.imports.NdisFreeTimerObject(handle);
      expect(t.imports.NdisSetTimerObject(handle, relative(1), 0, null)).toBe(0);
      await t.imports.NdisMSleep(50_000);
    });
    expect(count).toBe(0);
    expect(t.codes()).toEqual([
      'PERIODIC_TIMER_CANCELLED_AT_RAISED_IRQL',
      'TIMER_FREED_WHILE_SET',
      'BAD_HANDLE',
    ]);
  });

  test('a coalescable timer fires no later than its tolerance allows; a period beyond MAXLONG is refused (ndis/nf-ndis-ndissetcoalescabletimerobject)', async () => {
    const t = make();
    let at = 0;
    await t.run(async () => {
      const handle = t.timer(() => {
        at = t.kernel.clock.now;
      });
      expect(t.imports.NdisSetCoalescableTimerObject(handle, relative(60), 0, null, 25)).toBe(0);
      expect(t.imports.NdisSetCoalescableTimerObject(handle, relative(30), 0, null, 25)).toBe(1);
      await t.imports.NdisMSleep(100_000);
      expect(at).toBeGreaterThanOrEqual(30 * MILLISECOND);
      expect(at).toBeLessThanOrEqual(56 * MILLISECOND);
      expect(t.imports.NdisSetTimerObject(handle, relative(1), -1, null)).toBe(0);
      expect(t.imports.NdisCancelTimerObject(handle)).toBe(0);
    });
    expect(t.codes()).toEqual(['TIMER_PERIOD_TOO_LONG']);
  });

  test('characteristics need their header and a function; memory may be short; the handle must be one (ndis/nf-ndis-ndisallocatetimerobject)', async () => {
    const t = make();
    await t.run(() => {
      expect(t.timer(null)).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(t.timer(() => {}, 0, { Type: 0x98 })).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      expect(t.timer(() => {}, 0, { Size: 23 })).toBe(NDIS_STATUS_BAD_CHARACTERISTICS);
      t.failAllocations(true);
      expect(t.timer(() => {})).toBe(NDIS_STATUS_RESOURCES);
      t.failAllocations(false);
      t.ndis.unregister(t.ndis.expect(t.owner, NdisObject, t.driver, 'test', 'test') ?? new NdisObject());
      expect(t.timer(() => {})).toBe(NDIS_STATUS_FAILURE);
    });
    expect(t.codes()).toEqual(['BAD_HANDLE']);
  });

  test('a work item runs at PASSIVE_LEVEL, may wait, and may free itself (ndis/nf-ndis-ndisqueueioworkitem)', async () => {
    const t = make();
    const seen: unknown[] = [];
    const context = { work: 1 };
    await t.run(async () => {
      const item = t.imports.NdisAllocateIoWorkItem(t.owner);
      t.imports.NDIS_RAISE_IRQL_TO_DISPATCH(t.output);
      const routine = async (given: unknown, handle: number) => {
        seen.push(given, t.kernel.irql, handle === item);
        t.imports.NdisFreeIoWorkItem(handle);
        await t.imports.NdisMSleep(10);
        seen.push('slept');
      };
      t.imports.NdisQueueIoWorkItem(item, routine, context);
      t.imports.NDIS_LOWER_IRQL(PASSIVE_LEVEL, DISPATCH_LEVEL);
      await t.imports.NdisMSleep(1000);
    });
    expect(seen).toEqual([context, PASSIVE_LEVEL, true, 'slept']);
    expect([t.codes(), t.driver.owned]).toEqual([[], []]);
  });

  test('a work item is not queued again or freed before it ran; a wrong handle gives none (ndis/nf-ndis-ndisfreeioworkitem)', async () => {
    const t = make();
    const run = t.run(() => {
      expect(t.imports.NdisAllocateIoWorkItem(0x7000_4440)).toBe(0);
      const item = t.imports.NdisAllocateIoWorkItem(t.owner);
      t.imports.NdisQueueIoWorkItem(item, () => {}, 0);
      t.imports.NdisFreeIoWorkItem(item);
    });
    expect(await bugCheckOf(run)).toBe(WORKER_INVALID);
    expect(t.codes()).toEqual(['BAD_HANDLE']);
  });

  test('sleeping and stalling pass time, within their limits (ndis/nf-ndis-ndismsleep)', async () => {
    const t = make();
    await t.run(async () => {
      const start = t.kernel.clock.now;
      t.imports.NdisStallExecution(50);
      expect(t.kernel.clock.now - start).toBe(500);
      await t.imports.NdisMSleep(2_000_000);
      t.imports.NdisGetSystemUpTimeEx(t.output);
      expect(t.memory.i64[t.output >> 3]).toBe(2000n);
      t.imports.NdisGetCurrentSystemTime(t.output);
      expect(t.memory.i64[t.output >> 3]).toBe(SYSTEM_TIME_AT_START + BigInt(t.kernel.clock.now));
      expect(t.codes()).toEqual([]);
      t.imports.NdisStallExecution(51);
      await t.imports.NdisMSleep(30_000_001);
    });
    expect(t.codes()).toEqual(['STALL_TOO_LONG', 'SLEEP_TOO_LONG']);
    const run = t.run(() => {
      t.kernel.irql = DISPATCH_LEVEL;
      return t.imports.NdisMSleep(1);
    });
    expect(await bugCheckOf(run)).toBe(IRQL_NOT_LESS_OR_EQUAL);
  });
});
