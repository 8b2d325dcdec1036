/**
 * The state of a read-write lock in kernel memory, as plain data that both kinds of lock share: who writes, how
 * deep, and how often each processor reads.
 * Implements the rules of NdisAcquireRWLockRead and NdisAcquireRWLockWrite (ndis).
 */

import { DPC_WATCHDOG_VIOLATION, type Driver, type Kernel } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';

/** Offsets: writer is the processor number + 1, 0 for none; then its depth; then one count of readers a processor. */
const WRITER = 0;
const DEPTH = 4;
const READERS = 16;

/** What a lock is called in reports, and how its counts lie. */
export interface ReadWriteLockKind {
  /** Bytes from one processor's count to the next. */
  readonly stride: number;
  readonly acquire: string;
  readonly page: string;
}

/** Makes the lock free. */
export function initializeReadWriteLock(kernel: Kernel, lock: Address, size: number): void {
  kernel.memory.u8.fill(0, lock, lock + size);
}

/** Read acquisitions of one processor. */
export function readersOn(kernel: Kernel, lock: Address, kind: ReadWriteLockKind, processor: number): number {
  return kernel.memory.u32[(lock + READERS + processor * kind.stride) >> 2];
}

/** The processor that writes, -1 for none. */
export function writerOf(kernel: Kernel, lock: Address): number {
  return kernel.memory.u32[(lock + WRITER) >> 2] - 1;
}

/** Whether anybody holds the lock. */
export function isReadWriteLockHeld(kernel: Kernel, lock: Address, kind: ReadWriteLockKind): boolean {
  return writerOf(kernel, lock) >= 0 || readingProcessor(kernel, lock, kind) >= 0;
}

/** Takes the lock for reading at DISPATCH_LEVEL; a processor that writes already goes deeper instead. */
export function acquireForRead(kernel: Kernel, lock: Address, kind: ReadWriteLockKind): 'read' | 'write' {
  const { u32 } = kernel.memory;
  const { processor } = kernel.scheduler;
  const writer = writerOf(kernel, lock);
  if (writer >= 0 && writer !== processor.number) spinsForever(kernel, lock, kind, writer);
  processor.spinLocksHeld++;
  if (writer === processor.number) {
    u32[(lock + DEPTH) >> 2]++;
    return 'write';
  }
  u32[(lock + READERS + processor.number * kind.stride) >> 2]++;
  return 'read';
}

/**
 * Takes the lock for writing at DISPATCH_LEVEL. A processor that reads already would wait for itself: a finding,
 * then the bug check that Windows would end with.
 */
export function acquireForWrite(
  kernel: Kernel,
  driver: Driver,
  lock: Address,
  kind: ReadWriteLockKind,
): void {
  const { u32 } = kernel.memory;
  const { processor } = kernel.scheduler;
  const writer = writerOf(kernel, lock);
  if (writer >= 0 && writer !== processor.number) spinsForever(kernel, lock, kind, writer);
  const reader = readingProcessor(kernel, lock, kind);
  if (reader >= 0) {
    if (readersOn(kernel, lock, kind, processor.number) > 0) {
      kernel.report(
        'RW_LOCK_PROMOTED',
        driver,
        `${kind.acquire}: processor ${processor.number} reads under the lock at 0x${lock.toString(16)} and asked to write; release the read access first`,
        kind.page,
      );
    }
    spinsForever(kernel, lock, kind, reader);
  }
  u32[(lock + WRITER) >> 2] = processor.number + 1;
  u32[(lock + DEPTH) >> 2]++;
  processor.spinLocksHeld++;
}

/** Gives one acquisition of this processor back; false where it holds none of that kind. */
export function releaseReadWriteLock(
  kernel: Kernel,
  lock: Address,
  kind: ReadWriteLockKind,
  how: 'read' | 'write',
): boolean {
  const { u32 } = kernel.memory;
  const { processor } = kernel.scheduler;
  if (how === 'read') {
    const index = (lock + READERS + processor.number * kind.stride) >> 2;
    if (u32[index] === 0) return false;
    u32[index]--;
  } else {
    if (writerOf(kernel, lock) !== processor.number) return false;
    u32[(lock + DEPTH) >> 2]--;
    if (u32[(lock + DEPTH) >> 2] === 0) u32[(lock + WRITER) >> 2] = 0;
  }
  processor.spinLocksHeld--;
  return true;
}

function readingProcessor(kernel: Kernel, lock: Address, kind: ReadWriteLockKind): number {
  for (const { number } of kernel.scheduler.processors) {
    if (readersOn(kernel, lock, kind, number) > 0) return number;
  }
  return -1;
}

/** Nothing preempts a processor that holds a lock, so what is held here was never released. */
function spinsForever(kernel: Kernel, lock: Address, kind: ReadWriteLockKind, owner: number): never {
  const { number } = kernel.scheduler.processor;
  kernel.bugCheck(
    DPC_WATCHDOG_VIOLATION,
    [0, lock, owner, number],
    `${kind.acquire}: processor ${number} spins for the read-write lock at 0x${lock.toString(16)}, which processor ${owner} holds and never releases`,
  );
}
