/**
 * Semaphore objects: a KSEMAPHORE in kernel memory.
 * Implements "Semaphore Objects" (windows-driver-docs-pr/kernel) and KeInitializeSemaphore, KeReleaseSemaphore (wdm).
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import { DISPATCHER_SIGNAL_STATE, DispatcherType, initializeDispatcherHeader } from '../dispatcherObjects.ts';
import type { Pointer } from '../edge.ts';
import { STATUS_SEMAPHORE_LIMIT_EXCEEDED } from '../generated/constants/ntstatus.ts';
import { KSEMAPHORE } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import { RaisedStatusError } from '../raisedStatus.ts';

const LIMIT = 24;

/** Makes a semaphore of the KSEMAPHORE at `semaphore`. */
export function initializeSemaphore(kernel: Kernel, semaphore: Address, count: number, limit: number): void {
  initializeDispatcherHeader(kernel, semaphore, DispatcherType.semaphore, KSEMAPHORE.size, count);
  kernel.memory.i32[(semaphore + LIMIT) >> 2] = limit;
}

/** Adds to the count and wakes as many as it satisfies; returns the count before. */
export function releaseSemaphore(kernel: Kernel, semaphore: Address, adjustment: number): number {
  const { i32 } = kernel.memory;
  const index = (semaphore + DISPATCHER_SIGNAL_STATE) >> 2;
  const before = i32[index];
  const limit = i32[(semaphore + LIMIT) >> 2];
  if (adjustment < 1 || before + adjustment > limit) {
    throw new RaisedStatusError(
      STATUS_SEMAPHORE_LIMIT_EXCEEDED,
      `KeReleaseSemaphore would add ${adjustment} to ${before} of the semaphore at 0x${semaphore.toString(16)}, whose limit is ${limit}`,
    );
  }
  i32[index] = before + adjustment;
  kernel.scheduler.waits.signaled(semaphore);
  return before;
}

/** Makes a semaphore with `Count` of at most `Limit`. PASSIVE_LEVEL. wdm/nf-wdm-keinitializesemaphore */
export const KeInitializeSemaphore = declareFunction('ntoskrnl', {
  prototype: 'VOID KeInitializeSemaphore(PKSEMAPHORE Semaphore, LONG Count, LONG Limit)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinitializesemaphore',
  implement: (kernel: Kernel) => (Semaphore: Pointer<KSEMAPHORE>, Count: number, Limit: number) =>
    initializeSemaphore(kernel, Semaphore, Count, Limit),
});

/**
 * Adds `Adjustment` (positive) to the count and returns the count before. Raises STATUS_SEMAPHORE_LIMIT_EXCEEDED
 * and adds nothing where the limit would be exceeded. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kereleasesemaphore
 */
export const KeReleaseSemaphore = declareFunction('ntoskrnl', {
  prototype:
    'LONG KeReleaseSemaphore(PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereleasesemaphore',
  implement:
    (kernel: Kernel) =>
    (Semaphore: Pointer<KSEMAPHORE>, _Increment: number, Adjustment: number, _Wait: boolean) =>
      releaseSemaphore(kernel, Semaphore, Adjustment),
});

/** The count. Any IRQL. wdm/nf-wdm-kereadstatesemaphore */
export const KeReadStateSemaphore = declareFunction('ntoskrnl', {
  prototype: 'LONG KeReadStateSemaphore(PKSEMAPHORE Semaphore)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereadstatesemaphore',
  implement: (kernel: Kernel) => (Semaphore: Pointer<KSEMAPHORE>) =>
    kernel.memory.i32[(Semaphore + DISPATCHER_SIGNAL_STATE) >> 2],
});
