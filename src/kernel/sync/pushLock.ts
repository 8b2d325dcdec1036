/**
 * Push locks: an EX_PUSH_LOCK word that many readers or one writer hold. Bit 0 is set for a writer; from bit 4 on it
 * counts readers. Implements ExInitializePushLock, ExAcquirePushLockExclusive and their kin (wdm).
 */

import type { Address } from '../../memory/index.ts';
import { namedBehaviours } from '../dispatcherObjects.ts';
import type { Driver } from '../driver.ts';
import type { Kernel } from '../kernel.ts';
import { synchronous, waiting } from './declare.ts';
import { acquireLock, lockReleased } from './lockWait.ts';

const EXCLUSIVE = 1;
const READER = 16;
const AS_EXCLUSIVE = 'push lock, exclusive';
const AS_SHARED = 'push lock, shared';

namedBehaviours.set(AS_EXCLUSIVE, {
  signaled: ({ memory }, lock) => memory.i32[lock >> 2] === 0,
  satisfy: ({ memory }, lock) => {
    memory.i32[lock >> 2] = EXCLUSIVE;
    return false;
  },
});
namedBehaviours.set(AS_SHARED, {
  // A reader does not overtake a writer that waits, so that writers are not starved.
  signaled: (kernel, lock, thread) =>
    kernel.memory.i32[lock >> 2] !== EXCLUSIVE &&
    !kernel.scheduler.waits.isBehind(lock, thread, AS_EXCLUSIVE),
  satisfy: ({ memory }, lock) => {
    memory.i32[lock >> 2] += READER;
    return false;
  },
});

function checkRegion(kernel: Kernel, driver: Driver, name: string): void {
  const { thread, processor } = kernel.scheduler;
  if (thread === null || processor.irql > 0 || thread.criticalRegionDepth + thread.guardedRegionDepth > 0)
    return;
  kernel.report(
    'APCS_NOT_DISABLED',
    driver,
    `${name} was called with normal kernel APCs enabled; call KeEnterCriticalRegion first`,
    'wdm/nf-wdm-exacquirepushlockexclusive',
  );
}

function release(kernel: Kernel, driver: Driver, lock: Address, exclusive: boolean, name: string): void {
  const { i32 } = kernel.memory;
  const word = i32[lock >> 2];
  if (exclusive ? word !== EXCLUSIVE : word < READER) {
    kernel.report(
      'PUSH_LOCK_NOT_OWNED',
      driver,
      `${name} was called for the push lock at 0x${lock.toString(16)}, which is not held so`,
      'wdm/nf-wdm-exreleasepushlockexclusive',
    );
    return;
  }
  i32[lock >> 2] = exclusive ? 0 : word - READER;
  lockReleased(kernel, lock);
}

/** Makes a free push lock. wdm/nf-wdm-exinitializepushlock */
export const ExInitializePushLock = synchronous(
  'VOID ExInitializePushLock(PEX_PUSH_LOCK PushLock)',
  '<=APC_LEVEL',
  '10',
  'wdm/nf-wdm-exinitializepushlock',
  ({ memory }) =>
    (PushLock: Address) => {
      memory.i32[PushLock >> 2] = 0;
      memory.i32[(PushLock >> 2) + 1] = 0;
    },
);

/** Waits for the lock as its only holder; inside a critical region. IRQL <= APC_LEVEL. wdm/nf-wdm-exacquirepushlockexclusive */
export const ExAcquirePushLockExclusiveEx = waiting(
  'VOID ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)',
  '<=APC_LEVEL',
  '10',
  'wdm/nf-wdm-exacquirepushlockexclusive',
  (kernel, driver) => (PushLock: Address, _Flags: number) => {
    checkRegion(kernel, driver, 'ExAcquirePushLockExclusive');
    return acquireLock(kernel, AS_EXCLUSIVE, PushLock, 'ExAcquirePushLockExclusive');
  },
);
/** Waits for the lock as one of its readers; inside a critical region. IRQL <= APC_LEVEL. wdm/nf-wdm-exacquirepushlockshared */
export const ExAcquirePushLockSharedEx = waiting(
  'VOID ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)',
  '<=APC_LEVEL',
  '10',
  'wdm/nf-wdm-exacquirepushlockshared',
  (kernel, driver) => (PushLock: Address, _Flags: number) => {
    checkRegion(kernel, driver, 'ExAcquirePushLockShared');
    return acquireLock(kernel, AS_SHARED, PushLock, 'ExAcquirePushLockShared');
  },
);
/** Gives back a lock held as its only holder. IRQL <= APC_LEVEL. wdm/nf-wdm-exreleasepushlockexclusive */
export const ExReleasePushLockExclusiveEx = synchronous(
  'VOID ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)',
  '<=APC_LEVEL',
  '10',
  'wdm/nf-wdm-exreleasepushlockexclusive',
  (kernel, driver) => (PushLock: Address, _Flags: number) =>
    release(kernel, driver, PushLock, true, 'ExReleasePushLockExclusive'),
);
/** Gives back a lock held as a reader. IRQL <= APC_LEVEL. wdm/nf-wdm-exreleasepushlockshared */
export const ExReleasePushLockSharedEx = synchronous(
  'VOID ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)',
  '<=APC_LEVEL',
  '10',
  'wdm/nf-wdm-exreleasepushlockshared',
  (kernel, driver) => (PushLock: Address, _Flags: number) =>
    release(kernel, driver, PushLock, false, 'ExReleasePushLockShared'),
);
