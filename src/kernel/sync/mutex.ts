/**
 * Mutex objects: a KMUTANT in kernel memory that belongs to a thread.
 * Implements "Mutex Objects" (windows-driver-docs-pr/kernel) and KeInitializeMutex, KeReleaseMutex (wdm).
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import {
  DISPATCHER_SIGNAL_STATE,
  DispatcherType,
  initializeDispatcherHeader,
  MUTANT_FLAGS,
  MUTANT_OWNER,
  ownerAddress,
} from '../dispatcherObjects.ts';
import type { Pointer } from '../edge.ts';
import { THREAD_TERMINATE_HELD_MUTEX } from '../generated/constants/bugCheck.ts';
import { STATUS_MUTANT_NOT_OWNED } from '../generated/constants/ntstatus.ts';
import { KMUTANT } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import type { Thread } from '../thread.ts';

/** Makes a free mutex of the KMUTANT at `mutex`. */
export function initializeMutex(kernel: Kernel, mutex: Address): void {
  const { memory } = kernel;
  memory.u8.fill(0, mutex, mutex + KMUTANT.size);
  initializeDispatcherHeader(kernel, mutex, DispatcherType.mutant, KMUTANT.size, 1);
  // ApcDisable: who holds it is not interrupted by normal kernel APCs.
  memory.u8[mutex + MUTANT_FLAGS + 1] = 1;
}

/** Releases a mutex once; returns the SignalState before: 0 when it became free. */
export function releaseMutex(kernel: Kernel, mutex: Address): number {
  const { memory } = kernel;
  const { thread } = kernel.scheduler;
  const index = (mutex + DISPATCHER_SIGNAL_STATE) >> 2;
  const before = memory.i32[index];
  if (before > 0 || memory.readPointer(mutex + MUTANT_OWNER) !== ownerAddress(thread)) {
    throw new RaisedStatusError(
      STATUS_MUTANT_NOT_OWNED,
      `KeReleaseMutex was called for the mutex at 0x${mutex.toString(16)} by a thread that does not own it`,
    );
  }
  memory.i32[index] = before + 1;
  if (before !== 0) return before;
  memory.writePointer(mutex + MUTANT_OWNER, 0);
  if (thread !== null) {
    const position = thread.mutexes.indexOf(mutex);
    if (position >= 0) thread.mutexes.splice(position, 1);
  }
  kernel.scheduler.waits.signaled(mutex);
  return before;
}

/**
 * A thread ended. One that still owns a mutex of KeInitializeMutex stops the machine (bug check
 * THREAD_TERMINATE_HELD_MUTEX); a mutant of a program, which does not disable APCs, is abandoned instead and the next
 * owner is told.
 */
export function abandonMutexes(kernel: Kernel, thread: Thread): void {
  const { memory } = kernel;
  for (const mutex of thread.mutexes.splice(0)) {
    const text = `thread ${thread.id} (${thread.name}) ended while it owned the mutex at 0x${mutex.toString(16)}`;
    if (memory.u8[mutex + MUTANT_FLAGS + 1] !== 0) {
      kernel.bugCheck(
        THREAD_TERMINATE_HELD_MUTEX,
        [thread.address, mutex, 0, 0],
        `${text}; release it before the thread ends`,
      );
    }
    kernel.report('MUTEX_ABANDONED', null, text, 'wdm/nf-wdm-kereleasemutex');
    memory.writePointer(mutex + MUTANT_OWNER, 0);
    memory.u8[mutex + MUTANT_FLAGS] |= 1;
    memory.i32[(mutex + DISPATCHER_SIGNAL_STATE) >> 2] = 1;
    kernel.scheduler.waits.signaled(mutex);
  }
}

/** Makes a mutex object, free. `Level` is reserved, 0. Any IRQL. wdm/nf-wdm-keinitializemutex */
export const KeInitializeMutex = declareFunction('ntoskrnl', {
  prototype: 'VOID KeInitializeMutex(PKMUTEX Mutex, ULONG Level)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinitializemutex',
  implement: (kernel: Kernel) => (Mutex: Pointer<KMUTANT>, _Level: number) => initializeMutex(kernel, Mutex),
});

/**
 * Releases a mutex that this thread owns; 0 when it became free. Raises STATUS_MUTANT_NOT_OWNED at who does not own
 * it. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kereleasemutex
 */
export const KeReleaseMutex = declareFunction('ntoskrnl', {
  prototype: 'LONG KeReleaseMutex(PKMUTEX Mutex, BOOLEAN Wait)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereleasemutex',
  implement: (kernel: Kernel) => (Mutex: Pointer<KMUTANT>, _Wait: boolean) => releaseMutex(kernel, Mutex),
});

/** 1 while the mutex is free, else 0 or less. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kereadstatemutex */
export const KeReadStateMutex = declareFunction('ntoskrnl', {
  prototype: 'LONG KeReadStateMutex(PKMUTEX Mutex)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereadstatemutex',
  implement: (kernel: Kernel) => (Mutex: Pointer<KMUTANT>) =>
    kernel.memory.i32[(Mutex + DISPATCHER_SIGNAL_STATE) >> 2],
});
