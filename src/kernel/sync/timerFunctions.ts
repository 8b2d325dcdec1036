/** Timers as drivers import them. Implements KeInitializeTimer, KeSetTimer, KeCancelTimer and their kin (wdm). */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Pointer } from '../edge.ts';
import type { KDPC, KTIMER } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import { cancelTimer, dueTimeOf, initializeTimer, readStateTimer, setTimer } from './timer.ts';

/** Makes a notification timer, not set. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keinitializetimer */
export const KeInitializeTimer = declareFunction('ntoskrnl', {
  prototype: 'VOID KeInitializeTimer(PKTIMER Timer)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinitializetimer',
  implement: (kernel: Kernel) => (Timer: Pointer<KTIMER>) => initializeTimer(kernel, Timer),
});

/** Makes a timer: `Type` 0 notification, 1 synchronization. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keinitializetimerex */
export const KeInitializeTimerEx = declareFunction('ntoskrnl', {
  prototype: 'VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinitializetimerex',
  implement: (kernel: Kernel) => (Timer: Pointer<KTIMER>, Type: number) =>
    initializeTimer(kernel, Timer, Type === 1),
});

/**
 * Sets a timer that expires once at `DueTime` (100 ns; negative from now, else system time) and queues `Dpc`.
 * TRUE when it was set before. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kesettimer
 */
export const KeSetTimer = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kesettimer',
  implement: (kernel: Kernel) => (Timer: Pointer<KTIMER>, DueTime: bigint, Dpc: Pointer<KDPC>) =>
    set(kernel, Timer, DueTime, 0, 0, Dpc),
});

/** As KeSetTimer; with a `Period` in milliseconds it expires again and again. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kesettimerex */
export const KeSetTimerEx = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kesettimerex',
  implement:
    (kernel: Kernel) => (Timer: Pointer<KTIMER>, DueTime: bigint, Period: number, Dpc: Pointer<KDPC>) =>
      set(kernel, Timer, DueTime, Period, 0, Dpc),
});

/**
 * As KeSetTimerEx; it may expire up to `TolerableDelay` milliseconds later, together with others: see
 * `coalescedDue`. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kesetcoalescabletimer
 */
export const KeSetCoalescableTimer = declareFunction('ntoskrnl', {
  prototype:
    'BOOLEAN KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period, ULONG TolerableDelay, PKDPC Dpc)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '7',
  page: 'wdm/nf-wdm-kesetcoalescabletimer',
  implement:
    (kernel: Kernel) =>
    (Timer: Pointer<KTIMER>, DueTime: bigint, Period: number, TolerableDelay: number, Dpc: Pointer<KDPC>) =>
      set(kernel, Timer, DueTime, Period, TolerableDelay, Dpc),
});

/** Takes a timer out of the queue; TRUE when it was in it, always so for a periodic one. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kecanceltimer */
export const KeCancelTimer = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeCancelTimer(PKTIMER Timer)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kecanceltimer',
  implement: (kernel: Kernel) => (Timer: Pointer<KTIMER>) => (cancelTimer(kernel, Timer) ? 1 : 0),
});

/** TRUE when the timer is signaled: it expired since it was set. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kereadstatetimer */
export const KeReadStateTimer = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeReadStateTimer(PKTIMER Timer)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereadstatetimer',
  implement: (kernel: Kernel) => (Timer: Pointer<KTIMER>) => (readStateTimer(kernel, Timer) ? 1 : 0),
});

function set(
  kernel: Kernel,
  timer: Address,
  dueTime: bigint,
  period: number,
  tolerance: number,
  dpc: Address,
): number {
  return setTimer(kernel, timer, dueTimeOf(kernel, dueTime), period, dpc, tolerance) ? 1 : 0;
}
