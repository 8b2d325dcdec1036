/**
 * Spin locks as plain functions, for the library and for the declared functions. The KSPIN_LOCK word is 0 while the
 * lock is free; else bit 0 is set and the bits above say which processor holds it.
 * Implements "Introduction to Spin Locks" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import { DPC_WATCHDOG_VIOLATION } from '../dpcQueues.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import { SPIN_LOCK_ALREADY_OWNED, SPIN_LOCK_NOT_OWNED } from '../generated/constants/bugCheck.ts';
import type { Irql } from '../irql.ts';
import type { Kernel } from '../kernel.ts';

/** Makes the 8 bytes at `lock` a free spin lock. */
export function initializeSpinLock(kernel: Kernel, lock: Address): void {
  const { i32 } = kernel.memory;
  i32[lock >> 2] = 0;
  i32[(lock >> 2) + 1] = 0;
}

/** Takes a spin lock; the caller runs at DISPATCH_LEVEL or above. */
export function acquireSpinLockAtDpcLevel(kernel: Kernel, lock: Address): void {
  const { i32 } = kernel.memory;
  const { processor } = kernel.scheduler;
  if (i32[lock >> 2] !== 0) contended(kernel, lock);
  i32[lock >> 2] = (processor.number << 1) | 1;
  processor.spinLocksHeld++;
}

/** Takes a spin lock if it is free. */
export function tryAcquireSpinLockAtDpcLevel(kernel: Kernel, lock: Address): boolean {
  const { i32 } = kernel.memory;
  const { processor } = kernel.scheduler;
  if (i32[lock >> 2] !== 0) return false;
  i32[lock >> 2] = (processor.number << 1) | 1;
  processor.spinLocksHeld++;
  return true;
}

/** Gives a spin lock back and leaves the IRQL as it is. */
export function releaseSpinLockFromDpcLevel(kernel: Kernel, lock: Address): void {
  const { i32 } = kernel.memory;
  const { processor } = kernel.scheduler;
  if (i32[lock >> 2] !== ((processor.number << 1) | 1)) notOwned(kernel, lock);
  i32[lock >> 2] = 0;
  processor.spinLocksHeld--;
}

/** Raises to DISPATCH_LEVEL, takes a spin lock, and returns the IRQL before. */
export function acquireSpinLock(kernel: Kernel, lock: Address): Irql {
  const { i32 } = kernel.memory;
  const { processor } = kernel.scheduler;
  const before = processor.irql;
  if (before < DISPATCH_LEVEL) processor.irql = DISPATCH_LEVEL;
  if (i32[lock >> 2] !== 0) contended(kernel, lock);
  i32[lock >> 2] = (processor.number << 1) | 1;
  processor.spinLocksHeld++;
  return before;
}

/** Gives a spin lock back and returns to `irql`; DPCs that became due run. */
export function releaseSpinLock(kernel: Kernel, lock: Address, irql: Irql): void {
  const { i32 } = kernel.memory;
  const { scheduler } = kernel;
  const { processor } = scheduler;
  if (i32[lock >> 2] !== ((processor.number << 1) | 1)) notOwned(kernel, lock);
  i32[lock >> 2] = 0;
  processor.spinLocksHeld--;
  processor.irql = irql;
  if (irql < DISPATCH_LEVEL && processor.dpcs.length > 0) scheduler.dpcs.drain();
}

/** The number of the processor that holds a lock, -1 while it is free. */
export function spinLockOwner(kernel: Kernel, lock: Address): number {
  const word = kernel.memory.i32[lock >> 2];
  return word === 0 ? -1 : word >> 1;
}

/**
 * The lock is held. Its own processor would spin for ever; another processor can hold it here only if it returned
 * from its DPC or thread without releasing it, since nothing preempts a processor that holds a spin lock.
 */
function contended(kernel: Kernel, lock: Address): never {
  const owner = spinLockOwner(kernel, lock);
  const { number } = kernel.scheduler.processor;
  const name = `the spin lock at 0x${lock.toString(16)}`;
  if (owner === number) {
    kernel.bugCheck(
      SPIN_LOCK_ALREADY_OWNED,
      [lock, number, 0, 0],
      `${name} was acquired by processor ${number}, which holds it already; release it first`,
    );
  }
  kernel.bugCheck(
    DPC_WATCHDOG_VIOLATION,
    [0, lock, owner, number],
    `processor ${number} spins for ${name}, which processor ${owner} never released (or which was not initialized)`,
  );
}

function notOwned(kernel: Kernel, lock: Address): never {
  const owner = spinLockOwner(kernel, lock);
  const { number } = kernel.scheduler.processor;
  kernel.bugCheck(
    SPIN_LOCK_NOT_OWNED,
    [lock, number, owner, 0],
    `the spin lock at 0x${lock.toString(16)} was released by processor ${number}, but ${
      owner < 0 ? 'it is not held' : `processor ${owner} holds it`
    }; acquire it first`,
  );
}
