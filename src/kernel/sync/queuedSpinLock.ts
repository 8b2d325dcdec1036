/**
 * In-stack queued spin locks: a KSPIN_LOCK with a KLOCK_QUEUE_HANDLE of the caller's.
 * Implements "Queued Spin Locks" (windows-driver-docs-pr/kernel).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import type { Pointer } from '../edge.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import type { KLOCK_QUEUE_HANDLE } from '../generated/structures/common.ts';
import { synchronous } from './declare.ts';
import {
  acquireSpinLock,
  acquireSpinLockAtDpcLevel,
  releaseSpinLock,
  releaseSpinLockFromDpcLevel,
} from './spinLock.ts';

/** Offsets in KLOCK_QUEUE_HANDLE. */
const LOCK = 8;
const OLD_IRQL = 16;

function fill(memory: KernelMemory, handle: Address, lock: Address, irql: number): void {
  memory.writePointer(handle, 0);
  memory.writePointer(handle + LOCK, lock);
  memory.u8[handle + OLD_IRQL] = irql;
}

/** Raises to DISPATCH_LEVEL and takes the lock; the IRQL before is kept in `LockHandle`. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keacquireinstackqueuedspinlock */
export const KeAcquireInStackQueuedSpinLock = synchronous(
  'VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)',
  '<=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-keacquireinstackqueuedspinlock',
  (kernel) => (SpinLock: Address, LockHandle: Pointer<KLOCK_QUEUE_HANDLE>) =>
    fill(kernel.memory, LockHandle, SpinLock, acquireSpinLock(kernel, SpinLock)),
);

/** Gives the lock back and restores the IRQL; bug check SPIN_LOCK_NOT_OWNED when it is not held. DISPATCH_LEVEL. wdm/nf-wdm-kereleaseinstackqueuedspinlock */
export const KeReleaseInStackQueuedSpinLock = synchronous(
  'VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)',
  'DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-kereleaseinstackqueuedspinlock',
  (kernel) => (LockHandle: Pointer<KLOCK_QUEUE_HANDLE>) =>
    releaseSpinLock(
      kernel,
      kernel.memory.readPointer(LockHandle + LOCK),
      kernel.memory.u8[LockHandle + OLD_IRQL],
    ),
);

/** For threaded DPCs, as the form that raises the IRQL. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keacquireinstackqueuedspinlockfordpc */
export const KeAcquireInStackQueuedSpinLockForDpc = synchronous(
  'VOID KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)',
  '<=DISPATCH_LEVEL',
  'Vista',
  'wdm/nf-wdm-keacquireinstackqueuedspinlockfordpc',
  (kernel) => (SpinLock: Address, LockHandle: Pointer<KLOCK_QUEUE_HANDLE>) =>
    fill(kernel.memory, LockHandle, SpinLock, acquireSpinLock(kernel, SpinLock)),
);

/** Gives the lock back and restores the IRQL; bug check SPIN_LOCK_NOT_OWNED when it is not held. DISPATCH_LEVEL. wdm/nf-wdm-kereleaseinstackqueuedspinlockfordpc */
export const KeReleaseInStackQueuedSpinLockForDpc = synchronous(
  'VOID KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)',
  'DISPATCH_LEVEL',
  'Vista',
  'wdm/nf-wdm-kereleaseinstackqueuedspinlockfordpc',
  (kernel) => (LockHandle: Pointer<KLOCK_QUEUE_HANDLE>) =>
    releaseSpinLock(
      kernel,
      kernel.memory.readPointer(LockHandle + LOCK),
      kernel.memory.u8[LockHandle + OLD_IRQL],
    ),
);

/** Takes the lock without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-keacquireinstackqueuedspinlockatdpclevel */
export const KeAcquireInStackQueuedSpinLockAtDpcLevel = synchronous(
  'VOID KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)',
  '>=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-keacquireinstackqueuedspinlockatdpclevel',
  (kernel) => (SpinLock: Address, LockHandle: Pointer<KLOCK_QUEUE_HANDLE>) => {
    acquireSpinLockAtDpcLevel(kernel, SpinLock);
    fill(kernel.memory, LockHandle, SpinLock, DISPATCH_LEVEL);
  },
);

/** Gives the lock back without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-kereleaseinstackqueuedspinlockfromdpclevel */
export const KeReleaseInStackQueuedSpinLockFromDpcLevel = synchronous(
  'VOID KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)',
  '>=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-kereleaseinstackqueuedspinlockfromdpclevel',
  (kernel) => (LockHandle: Pointer<KLOCK_QUEUE_HANDLE>) =>
    releaseSpinLockFromDpcLevel(kernel, kernel.memory.readPointer(LockHandle + LOCK)),
);
