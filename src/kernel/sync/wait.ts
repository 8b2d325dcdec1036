/**
 * Waiting: the plain functions, and KeWaitForSingleObject, KeWaitForMultipleObjects and KeDelayExecutionThread (wdm)
 * as drivers import them. A wait with time-out 0 is synchronous and may be made at DISPATCH_LEVEL.
 */

import type { Address } from '../../memory/index.ts';
import { SYSTEM_TIME_AT_START } from '../clock.ts';
import { declareFunction } from '../declaration.ts';
import type { Context, OutPointer, Pointer } from '../edge.ts';
import { APC_LEVEL } from '../generated/constants/basic.ts';
import {
  ATTEMPTED_SWITCH_FROM_DPC,
  IRQL_NOT_LESS_OR_EQUAL,
  MAXIMUM_WAIT_OBJECTS_EXCEEDED,
} from '../generated/constants/bugCheck.ts';
import { MAXIMUM_WAIT_OBJECTS, THREAD_WAIT_OBJECTS } from '../generated/constants/common.ts';
import { STATUS_TIMEOUT } from '../generated/constants/ntstatus.ts';
import type { KWAIT_BLOCK, LARGE_INTEGER } from '../generated/structures/common.ts';
import { irqlName } from '../irql.ts';
import type { Kernel } from '../kernel.ts';
import { procedure, type WaitRequest } from '../procedure.ts';

/** Waits as a procedure, for the library: `step.run(next, waitProcedure, kernel, { request })`. */
export const waitProcedure = procedure<Kernel, { readonly request: WaitRequest }>('Wait', {
  start: (_kernel, locals, step) => step.wait('over', locals.request),
  over: (_kernel, _locals, step, result) => step.done(result),
});

/**
 * Units of 100 ns from now of the LARGE_INTEGER at `timeout`: null for NULL (wait for ever), 0 for a poll. An
 * absolute time that lies behind gives the smallest wait.
 */
export function timeoutAt(kernel: Kernel, timeout: Address): number | null {
  if (timeout === 0) return null;
  const time = kernel.memory.data.getBigInt64(timeout, true);
  if (time <= 0n) return Number(-time);
  return Math.max(1, Number(time - SYSTEM_TIME_AT_START) - kernel.clock.now);
}

/** Tries a wait once and takes what it is for; STATUS_TIMEOUT when it is not satisfied. IRQL <= DISPATCH_LEVEL. */
export function pollObjects(
  kernel: Kernel,
  objects: readonly Address[],
  type: 'any' | 'all' = 'any',
): number {
  return kernel.scheduler.waits.poll(kernel.scheduler.thread, { objects, type, timeout: 0, reason: 'poll' });
}

/**
 * Bug check when the caller may not wait: ATTEMPTED_SWITCH_FROM_DPC in a DPC, IRQL_NOT_LESS_OR_EQUAL above APC_LEVEL.
 */
export function requireWaitable(kernel: Kernel, what: string, object: Address): void {
  const { processor } = kernel.scheduler;
  if (processor.irql <= APC_LEVEL) return;
  const advice = `${what} would wait at ${irqlName(processor.irql)}; wait at APC_LEVEL or below, or with time-out 0`;
  if (processor.dpcActive) {
    kernel.bugCheck(
      ATTEMPTED_SWITCH_FROM_DPC,
      [processor.thread?.address ?? 0, 0, 0, 0],
      `in a DPC ${advice}`,
    );
  }
  kernel.bugCheck(IRQL_NOT_LESS_OR_EQUAL, [object, processor.irql, 0, 0], advice);
}

/** Waits for a TypeScript caller: at once where it is satisfied or polled, else as a promise. */
export function waitFor(kernel: Kernel, request: WaitRequest): number | Promise<number> {
  if (request.timeout === 0 && request.objects.length > 0)
    return kernel.scheduler.waits.poll(kernel.scheduler.thread, request);
  requireWaitable(kernel, request.reason, request.objects[0] ?? 0);
  if (kernel.scheduler.mustNotWait > 0 && request.objects.length > 0) {
    const status = kernel.scheduler.waits.poll(kernel.scheduler.thread, { ...request, timeout: 0 });
    if (status !== STATUS_TIMEOUT) return status;
  }
  return kernel.scheduler.execute(waitProcedure, kernel, { request });
}

/**
 * Waits for one dispatcher object (event, mutex, semaphore, thread, timer). `Timeout` NULL waits for ever, 0 polls
 * and returns the status itself instead of a promise. STATUS_SUCCESS, STATUS_TIMEOUT or STATUS_ABANDONED_WAIT_0.
 * IRQL <= APC_LEVEL, a poll <= DISPATCH_LEVEL; a wait above is a bug check. wdm/nf-wdm-kewaitforsingleobject
 */
export const KeWaitForSingleObject = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nf-wdm-kewaitforsingleobject',
  implement:
    (kernel: Kernel) =>
    (
      Object: OutPointer,
      _WaitReason: number,
      _WaitMode: number,
      _Alertable: boolean,
      Timeout: Pointer<LARGE_INTEGER>,
    ): number | Promise<number> =>
      waitFor(kernel, {
        objects: [Object],
        type: 'any',
        timeout: timeoutAt(kernel, Timeout),
        reason: 'KeWaitForSingleObject',
      }),
});

/**
 * Waits for any (`WaitType` WaitAny, 1) or all (WaitAll, 0) of `Count` objects. A TypeScript driver may give an
 * array of addresses or views for `Object`. STATUS_WAIT_0 + index, STATUS_ABANDONED_WAIT_0 + index, STATUS_TIMEOUT.
 * Bug check MAXIMUM_WAIT_OBJECTS_EXCEEDED above 64 objects, or above 3 without a `WaitBlockArray`.
 * IRQL as KeWaitForSingleObject. wdm/nf-wdm-kewaitformultipleobjects
 */
export const KeWaitForMultipleObjects = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID* Object, WAIT_TYPE WaitType, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout, PKWAIT_BLOCK WaitBlockArray)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nf-wdm-kewaitformultipleobjects',
  implement:
    (kernel: Kernel) =>
    (
      Count: number,
      Object: Context,
      WaitType: number,
      _WaitReason: number,
      _WaitMode: number,
      _Alertable: boolean,
      Timeout: Pointer<LARGE_INTEGER>,
      WaitBlockArray: Pointer<KWAIT_BLOCK>,
    ): number | Promise<number> => {
      const limit = Number(WaitBlockArray) === 0 ? THREAD_WAIT_OBJECTS : MAXIMUM_WAIT_OBJECTS;
      if (Count > limit) {
        kernel.bugCheck(
          MAXIMUM_WAIT_OBJECTS_EXCEEDED,
          [Count, limit, 0, 0],
          `KeWaitForMultipleObjects was given ${Count} objects; at most ${limit} fit (64 with a WaitBlockArray)`,
        );
      }
      return waitFor(kernel, {
        objects: objectArray(kernel, Object, Count),
        type: WaitType === 0 ? 'all' : 'any',
        timeout: timeoutAt(kernel, Timeout),
        reason: 'KeWaitForMultipleObjects',
      });
    },
});

/**
 * Waits until a time: `Interval` in 100 ns, negative from now, else system time. STATUS_SUCCESS. IRQL <= APC_LEVEL.
 * wdm/nf-wdm-kedelayexecutionthread
 */
export const KeDelayExecutionThread = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)',
  irql: '<=APC_LEVEL',
  waits: 'always',
  since: '2000',
  page: 'wdm/nf-wdm-kedelayexecutionthread',
  implement:
    (kernel: Kernel) =>
    (_WaitMode: number, _Alertable: boolean, Interval: Pointer<LARGE_INTEGER>): number | Promise<number> => {
      requireWaitable(kernel, 'KeDelayExecutionThread', 0);
      // An interval of 0 gives the processor to other threads, as a time that lies just ahead does.
      const timeout = Math.max(1, timeoutAt(kernel, Interval) ?? 1);
      return kernel.scheduler.execute(waitProcedure, kernel, {
        request: { objects: [], type: 'any', timeout, reason: 'KeDelayExecutionThread' },
      });
    },
});

/** The addresses in an array of pointers: in kernel memory, or an array of a TypeScript driver. */
function objectArray(kernel: Kernel, array: Address, count: number): Address[] {
  const { memory } = kernel;
  const given = memory.objects.valueAt(array);
  if (Array.isArray(given)) {
    memory.objects.releaseValue(given);
    return given.slice(0, count).map((item: unknown) => addressOfItem(item));
  }
  return Array.from({ length: count }, (_, index) => memory.readPointer(array + 8 * index));
}

function addressOfItem(item: unknown): Address {
  if (typeof item === 'number') return item;
  if (typeof item === 'object' && item !== null && 'address' in item && typeof item.address === 'number')
    return item.address;
  throw new TypeError('KeWaitForMultipleObjects: Object may hold addresses and views only');
}
