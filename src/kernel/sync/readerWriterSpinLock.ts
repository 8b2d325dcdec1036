/**
 * Reader-writer spin locks: an EX_SPIN_LOCK (LONG) holds the number of readers, or the sign bit for a writer.
 * Implements "Reader-Writer Spin Locks" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import { SPIN_LOCK_ALREADY_OWNED, SPIN_LOCK_NOT_OWNED } from '../generated/constants/bugCheck.ts';
import type { Irql } from '../irql.ts';
import type { Kernel } from '../kernel.ts';
import { synchronous } from './declare.ts';
import { lowerIrql } from './irql.ts';

/** The word while a writer holds the lock. */
const EXCLUSIVE = -0x8000_0000;

function tryShared(kernel: Kernel, lock: Address): boolean {
  const { i32 } = kernel.memory;
  if (i32[lock >> 2] < 0) return false;
  i32[lock >> 2] += 1;
  kernel.scheduler.processor.spinLocksHeld++;
  return true;
}

function tryExclusive(kernel: Kernel, lock: Address): boolean {
  const { i32 } = kernel.memory;
  if (i32[lock >> 2] !== 0) return false;
  i32[lock >> 2] = EXCLUSIVE;
  kernel.scheduler.processor.spinLocksHeld++;
  return true;
}

/**
 * Takes a reader-writer spin lock. Nothing preempts a processor that holds a spin lock, so who finds it taken would
 * spin for ever: bug check SPIN_LOCK_ALREADY_OWNED.
 */
function acquire(kernel: Kernel, lock: Address, exclusive: boolean): void {
  if (exclusive ? tryExclusive(kernel, lock) : tryShared(kernel, lock)) return;
  const word = kernel.memory.i32[lock >> 2];
  kernel.bugCheck(
    SPIN_LOCK_ALREADY_OWNED,
    [lock, word >>> 0, exclusive ? 1 : 0, 0],
    `the reader-writer spin lock at 0x${lock.toString(16)} was acquired while ${
      word < 0 ? 'a writer holds it' : `${word} reader(s) hold it`
    } and nobody else can release it; release it first`,
  );
}

function release(kernel: Kernel, lock: Address, exclusive: boolean): void {
  const { i32 } = kernel.memory;
  const word = i32[lock >> 2];
  if (exclusive ? word !== EXCLUSIVE : word <= 0) {
    kernel.bugCheck(
      SPIN_LOCK_NOT_OWNED,
      [lock, word >>> 0, exclusive ? 1 : 0, 0],
      `the reader-writer spin lock at 0x${lock.toString(16)} was released ${
        exclusive ? 'by a writer' : 'by a reader'
      } that does not hold it`,
    );
  }
  i32[lock >> 2] = exclusive ? 0 : word - 1;
  kernel.scheduler.processor.spinLocksHeld--;
}

function acquireRaising(kernel: Kernel, lock: Address, exclusive: boolean): Irql {
  const { processor } = kernel.scheduler;
  const before = processor.irql;
  if (before < DISPATCH_LEVEL) processor.irql = DISPATCH_LEVEL;
  acquire(kernel, lock, exclusive);
  return before;
}

/** Takes the lock as a reader, at DISPATCH_LEVEL; returns the IRQL before. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exacquirespinlockshared */
export const ExAcquireSpinLockShared = synchronous(
  'KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)',
  '<=DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exacquirespinlockshared',
  (kernel) => (SpinLock: Address) => acquireRaising(kernel, SpinLock, false),
);

/** Takes the lock as a reader without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-exacquirespinlocksharedatdpclevel */
export const ExAcquireSpinLockSharedAtDpcLevel = synchronous(
  'VOID ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)',
  '>=DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exacquirespinlocksharedatdpclevel',
  (kernel) => (SpinLock: Address) => acquire(kernel, SpinLock, false),
);

/** Takes the lock as a reader if that is possible at once. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-exacquirespinlocksharedatdpclevel */
export const ExTryAcquireSpinLockSharedAtDpcLevel = synchronous(
  'LOGICAL ExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)',
  '>=DISPATCH_LEVEL',
  '8',
  'wdm/nf-wdm-exacquirespinlocksharedatdpclevel',
  (kernel) => (SpinLock: Address) => (tryShared(kernel, SpinLock) ? 1 : 0),
);

/** Gives the lock back as a reader and returns to `OldIrql`; bug check SPIN_LOCK_NOT_OWNED where it is not held so. DISPATCH_LEVEL. wdm/nf-wdm-exreleasespinlockshared */
export const ExReleaseSpinLockShared = synchronous(
  'VOID ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)',
  'DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exreleasespinlockshared',
  (kernel) => (SpinLock: Address, OldIrql: number) => {
    release(kernel, SpinLock, false);
    lowerIrql(kernel, OldIrql);
  },
);

/** Gives the lock back as a reader without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-exreleasespinlocksharedfromdpclevel */
export const ExReleaseSpinLockSharedFromDpcLevel = synchronous(
  'VOID ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock)',
  '>=DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exreleasespinlocksharedfromdpclevel',
  (kernel) => (SpinLock: Address) => release(kernel, SpinLock, false),
);

/** Takes the lock as a writer, at DISPATCH_LEVEL; returns the IRQL before. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exacquirespinlockexclusive */
export const ExAcquireSpinLockExclusive = synchronous(
  'KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)',
  '<=DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exacquirespinlockexclusive',
  (kernel) => (SpinLock: Address) => acquireRaising(kernel, SpinLock, true),
);

/** Takes the lock as a writer without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-exacquirespinlockexclusiveatdpclevel */
export const ExAcquireSpinLockExclusiveAtDpcLevel = synchronous(
  'VOID ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)',
  '>=DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exacquirespinlockexclusiveatdpclevel',
  (kernel) => (SpinLock: Address) => acquire(kernel, SpinLock, true),
);

/** Takes the lock as a writer if that is possible at once. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-exacquirespinlockexclusiveatdpclevel */
export const ExTryAcquireSpinLockExclusiveAtDpcLevel = synchronous(
  'LOGICAL ExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)',
  '>=DISPATCH_LEVEL',
  '8',
  'wdm/nf-wdm-exacquirespinlockexclusiveatdpclevel',
  (kernel) => (SpinLock: Address) => (tryExclusive(kernel, SpinLock) ? 1 : 0),
);

/** Gives the lock back as a writer and returns to `OldIrql`; bug check SPIN_LOCK_NOT_OWNED where it is not held so. DISPATCH_LEVEL. wdm/nf-wdm-exreleasespinlockexclusive */
export const ExReleaseSpinLockExclusive = synchronous(
  'VOID ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)',
  'DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exreleasespinlockexclusive',
  (kernel) => (SpinLock: Address, OldIrql: number) => {
    release(kernel, SpinLock, true);
    lowerIrql(kernel, OldIrql);
  },
);

/** Gives the lock back as a writer without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-exreleasespinlockexclusivefromdpclevel */
export const ExReleaseSpinLockExclusiveFromDpcLevel = synchronous(
  'VOID ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock)',
  '>=DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-exreleasespinlockexclusivefromdpclevel',
  (kernel) => (SpinLock: Address) => release(kernel, SpinLock, true),
);

/** Makes the only reader the writer; FALSE, and still a reader, where there are others. DISPATCH_LEVEL. wdm/nf-wdm-extryconvertsharedspinlockexclusive */
export const ExTryConvertSharedSpinLockExclusive = synchronous(
  'LOGICAL ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock)',
  '>=DISPATCH_LEVEL',
  'Vista SP1',
  'wdm/nf-wdm-extryconvertsharedspinlockexclusive',
  ({ memory: { i32 } }) =>
    (SpinLock: Address) => {
      if (i32[SpinLock >> 2] !== 1) return 0;
      i32[SpinLock >> 2] = EXCLUSIVE;
      return 1;
    },
);
