/**
 * Remove locks: a count of what goes on with a device, and a wait until it is nothing.
 * Implements "Using Remove Locks" (windows-driver-docs-pr/kernel) and the pages of IoInitializeRemoveLock and its kin.
 */

import type { Address } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import type { Context, Pointer } from '../edge.ts';
import { STATUS_DELETE_PENDING, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import { IO_REMOVE_LOCK, IO_REMOVE_LOCK_COMMON_BLOCK } from '../generated/structures/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { procedure } from '../procedure.ts';
import type { NTSTATUS } from '../status.ts';
import { inlined, synchronous, waiting } from '../sync/declare.ts';
import { initializeEvent, setEvent } from '../sync/event.ts';

const { offset } = IO_REMOVE_LOCK_COMMON_BLOCK;
const RELEASE_PAGE = 'wdm/nf-wdm-ioreleaseremovelock';
/** Tags that are remembered of one lock; beyond them a wrong tag is not found. */
const TAG_LIMIT = 4096;

/** The tags with which each lock is held, for findings. */
const tagsOf = perKernel('tags of remove locks', () => new Map<Address, Address[]>());

function initialize(kernel: Kernel, lock: Address): void {
  const { memory } = kernel;
  memory.u8.fill(0, lock, lock + IO_REMOVE_LOCK.size);
  // The driver's own hold, which IoReleaseRemoveLockAndWait gives back.
  memory.i32[(lock + offset.IoCount) >> 2] = 1;
  initializeEvent(kernel, lock + offset.RemoveEvent, true, false);
  tagsOf(kernel).delete(lock);
}

function acquire(kernel: Kernel, lock: Address, tag: Address): NTSTATUS {
  const { memory } = kernel;
  if (memory.u8[lock + offset.Removed] !== 0) return STATUS_DELETE_PENDING;
  memory.i32[(lock + offset.IoCount) >> 2]++;
  const tags = tagsOf(kernel).get(lock);
  if (tags === undefined) tagsOf(kernel).set(lock, [tag]);
  else if (tags.length < TAG_LIMIT) tags.push(tag);
  return STATUS_SUCCESS;
}

/** Gives back one hold; false where the lock was not held, which is a finding. */
function release(kernel: Kernel, driver: Driver, lock: Address, tag: Address): boolean {
  const { memory } = kernel;
  const removed = memory.u8[lock + offset.Removed] !== 0;
  const tags = tagsOf(kernel).get(lock) ?? [];
  const index = tags.indexOf(tag);
  const held = memory.i32[(lock + offset.IoCount) >> 2] - (removed ? 0 : 1);
  if (held <= 0 || (index < 0 && tags.length < TAG_LIMIT)) {
    const text =
      held <= 0
        ? 'which is not held; release it as often as it was acquired'
        : `with the tag 0x${(tag >>> 0).toString(16)}, with which it is not held; give the tag of the acquisition`;
    kernel.report(
      held <= 0 ? 'REMOVE_LOCK_NOT_HELD' : 'REMOVE_LOCK_TAG',
      driver,
      `${driver.name} released the remove lock at 0x${lock.toString(16)}, ${text}`,
      RELEASE_PAGE,
    );
    if (held <= 0) return false;
  }
  tags.splice(Math.max(index, 0), 1);
  memory.i32[(lock + offset.IoCount) >> 2]--;
  if (removed && held === 1) setEvent(kernel, lock + offset.RemoveEvent);
  return true;
}

const releaseAndWait = procedure<
  Kernel,
  { readonly lock: Address; readonly tag: Address; readonly driver: number }
>('IoReleaseRemoveLockAndWait', {
  start: (kernel, { lock, tag, driver }, step) => {
    const { memory } = kernel;
    release(kernel, kernel.drivers[driver - 1], lock, tag);
    if (memory.u8[lock + offset.Removed] !== 0) return step.done(STATUS_SUCCESS);
    memory.u8[lock + offset.Removed] = 1;
    const left = --memory.i32[(lock + offset.IoCount) >> 2];
    if (left <= 0) return step.go('free');
    return step.wait('free', {
      objects: [lock + offset.RemoveEvent],
      type: 'any',
      timeout: null,
      reason: 'IoReleaseRemoveLockAndWait',
    });
  },
  free: (kernel, { lock }, step) => {
    tagsOf(kernel).delete(lock);
    return step.done(STATUS_SUCCESS);
  },
});

/**
 * Makes a remove lock in the device extension, held once. The limits are for a verifier; they have no effect.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-ioinitializeremovelock
 */
export const IoInitializeRemoveLockEx = synchronous(
  'VOID IoInitializeRemoveLockEx(PIO_REMOVE_LOCK Lock, ULONG AllocateTag, ULONG MaxLockedMinutes, ULONG HighWatermark, ULONG RemlockSize)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-ioinitializeremovelock',
  (kernel) => (Lock: Pointer<IO_REMOVE_LOCK>, _tag: number, _minutes: number, _mark: number, _size: number) =>
    initialize(kernel, Lock),
);
/** The macro around IoInitializeRemoveLockEx. @source wdm/nf-wdm-ioinitializeremovelock */
export const IoInitializeRemoveLock = inlined(
  'VOID IoInitializeRemoveLock(PIO_REMOVE_LOCK Lock, ULONG Tag, ULONG Maxmin, ULONG HighWater)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-ioinitializeremovelock',
  (kernel) => (Lock: Pointer<IO_REMOVE_LOCK>, _Tag: number, _Maxmin: number, _HighWater: number) =>
    initialize(kernel, Lock),
);

/**
 * Holds a device for an operation. @returns STATUS_SUCCESS, STATUS_DELETE_PENDING once the driver waits for the end of
 * all operations. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-ioacquireremovelock
 */
export const IoAcquireRemoveLockEx = synchronous(
  'NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID TagContext, PCSTR File, ULONG Line, ULONG RemlockSize)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-ioacquireremovelock',
  (kernel) =>
    (RemoveLock: Pointer<IO_REMOVE_LOCK>, Tag: Context, _file: Address, _line: number, _size: number) =>
      acquire(kernel, RemoveLock, Tag),
);
/** The macro around IoAcquireRemoveLockEx. @source wdm/nf-wdm-ioacquireremovelock */
export const IoAcquireRemoveLock = inlined(
  'NTSTATUS IoAcquireRemoveLock(PIO_REMOVE_LOCK RemoveLock, PVOID TagContext)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-ioacquireremovelock',
  (kernel) => (RemoveLock: Pointer<IO_REMOVE_LOCK>, Tag: Context) => acquire(kernel, RemoveLock, Tag),
);

/** Ends the operation with this tag. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-ioreleaseremovelock */
export const IoReleaseRemoveLockEx = synchronous(
  'VOID IoReleaseRemoveLockEx(PIO_REMOVE_LOCK RemoveLock, PVOID TagContext, ULONG RemlockSize)',
  '<=DISPATCH_LEVEL',
  '2000',
  RELEASE_PAGE,
  (kernel, driver) =>
    (RemoveLock: Pointer<IO_REMOVE_LOCK>, Tag: Context, _size: number): void => {
      release(kernel, driver, RemoveLock, Tag);
    },
);
/** The macro around IoReleaseRemoveLockEx. @source wdm/nf-wdm-ioreleaseremovelock */
export const IoReleaseRemoveLock = inlined(
  'VOID IoReleaseRemoveLock(PIO_REMOVE_LOCK RemoveLock, PVOID TagContext)',
  '<=DISPATCH_LEVEL',
  '2000',
  RELEASE_PAGE,
  (kernel, driver) =>
    (RemoveLock: Pointer<IO_REMOVE_LOCK>, Tag: Context): void => {
      release(kernel, driver, RemoveLock, Tag);
    },
);

/**
 * Ends the operation with this tag, refuses new ones, and waits until all have ended; to be awaited.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-ioreleaseremovelockandwait
 */
export const IoReleaseRemoveLockAndWaitEx = waiting(
  'VOID IoReleaseRemoveLockAndWaitEx(PIO_REMOVE_LOCK RemoveLock, PVOID TagContext, ULONG RemlockSize)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-ioreleaseremovelockandwait',
  (kernel, driver) => (RemoveLock: Pointer<IO_REMOVE_LOCK>, Tag: Context, _size: number) =>
    kernel.scheduler.execute(releaseAndWait, kernel, { lock: RemoveLock, tag: Tag, driver: driver.id }),
);
/** The macro around IoReleaseRemoveLockAndWaitEx. @source wdm/nf-wdm-ioreleaseremovelockandwait */
export const IoReleaseRemoveLockAndWait = waiting(
  'VOID IoReleaseRemoveLockAndWait(PIO_REMOVE_LOCK RemoveLock, PVOID TagContext)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-ioreleaseremovelockandwait',
  (kernel, driver) => (RemoveLock: Pointer<IO_REMOVE_LOCK>, Tag: Context) =>
    kernel.scheduler.execute(releaseAndWait, kernel, { lock: RemoveLock, tag: Tag, driver: driver.id }),
);
