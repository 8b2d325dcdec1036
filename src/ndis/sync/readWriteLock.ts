/**
 * NDIS_RW_LOCK_EX: read-write locks that NDIS allocates, for NDIS 6.20 and later.
 * Implements NdisAllocateRWLock, NdisAcquireRWLockRead, NdisAcquireRWLockWrite, NdisReleaseRWLock, NdisFreeRWLock.
 */

import {
  DISPATCH_LEVEL,
  type Driver,
  type Handle,
  lowerIrql,
  type Pointer,
  poolOf,
} from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS, poolType } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import { NDIS_RWL_AT_DISPATCH_LEVEL } from '../generated/constants/index.ts';
import type { LOCK_STATE_EX } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject } from '../library.ts';
import {
  acquireForRead,
  acquireForWrite,
  initializeReadWriteLock,
  isReadWriteLockHeld,
  type ReadWriteLockKind,
  releaseReadWriteLock,
} from './readWriteLockState.ts';

const ALLOCATE_PAGE = 'ndis/nf-ndis-ndisallocaterwlock';
const READ_PAGE = 'ndis/nf-ndis-ndisacquirerwlockread';
const WRITE_PAGE = 'ndis/nf-ndis-ndisacquirerwlockwrite';
const RELEASE_PAGE = 'ndis/nf-ndis-ndisreleaserwlock';
const FREE_PAGE = 'ndis/nf-ndis-ndisfreerwlock';

/** Offset of the mark that tells a lock from other memory; the shared state leaves these bytes free. */
const MARK = 8;
const MARK_VALUE = 0x4c57_5245;
/** Counts of 64 processors follow the first 16 bytes. */
const LOCK_SIZE = 16 + 64 * 4;
/** `NdRL` */
const LOCK_TAG = 0x4c52_644e;

/** LOCK_STATE_EX: OldIrql, LockState, Flags, a byte each. */
const LOCK_STATE = 1;
const FLAGS = 2;
const RELEASED = 0;
const HELD_FOR_READ = 1;
const HELD_FOR_WRITE = 2;

const readKind: ReadWriteLockKind = { stride: 4, acquire: 'NdisAcquireRWLockRead', page: READ_PAGE };
const writeKind: ReadWriteLockKind = { stride: 4, acquire: 'NdisAcquireRWLockWrite', page: WRITE_PAGE };

function isLock(ndis: NdisLibrary, driver: Driver, lock: Address, call: string, page: string): boolean {
  const { memory, kernel } = ndis;
  const inMemory = lock >= FIRST_MAPPED_ADDRESS && lock + LOCK_SIZE <= memory.size && (lock & 7) === 0;
  if (inMemory && memory.u32[(lock + MARK) >> 2] === MARK_VALUE) return true;
  kernel.report(
    'BAD_RW_LOCK',
    driver,
    `${call}: 0x${lock.toString(16)} is no read-write lock that NdisAllocateRWLock gave (any more)`,
    page,
  );
  return false;
}

/** Raises as the flags say; returns the IRQL to restore. */
function raise(ndis: NdisLibrary, driver: Driver, flags: number, kind: ReadWriteLockKind): number {
  const { kernel } = ndis;
  const before = kernel.irql;
  if ((flags & NDIS_RWL_AT_DISPATCH_LEVEL) !== 0 && before !== DISPATCH_LEVEL) {
    kernel.report(
      'RW_LOCK_NOT_AT_DISPATCH_LEVEL',
      driver,
      `${kind.acquire} was given NDIS_RWL_AT_DISPATCH_LEVEL at IRQL ${before}; give 0 where the IRQL is lower or unknown`,
      kind.page,
    );
  }
  if (before < DISPATCH_LEVEL) kernel.irql = DISPATCH_LEVEL;
  return before;
}

/**
 * Allocates a lock. `NdisHandle` is any handle of the driver, or NULL where it has none yet.
 * @returns the lock, NULL when memory is short or the handle is wrong (a finding). IRQL <= DISPATCH_LEVEL.
 * ndis/nf-ndis-ndisallocaterwlock
 */
export const NdisAllocateRWLock = synchronous(
  'PNDIS_RW_LOCK_EX NdisAllocateRWLock(NDIS_HANDLE NdisHandle)',
  '<=DISPATCH_LEVEL',
  '6.20',
  ALLOCATE_PAGE,
  (ndis, driver) =>
    (NdisHandle: Handle): Address => {
      const { kernel, memory } = ndis;
      if (
        NdisHandle !== 0 &&
        ndis.expect(NdisHandle, NdisObject, driver, 'NdisAllocateRWLock', ALLOCATE_PAGE) === null
      )
        return 0;
      const lock = poolOf(kernel).allocate(poolType.nonPagedNx, LOCK_SIZE, LOCK_TAG, 0);
      if (lock === 0) return 0;
      initializeReadWriteLock(kernel, lock, LOCK_SIZE);
      memory.u32[(lock + MARK) >> 2] = MARK_VALUE;
      driver.own(`read-write lock ${lock}`, {
        kind: 'read-write lock',
        name: `0x${lock.toString(16)}`,
        releasedBy: 'NdisFreeRWLock',
        release: () => freeLock(ndis, lock),
      });
      return lock;
    },
);

function freeLock(ndis: NdisLibrary, lock: Address): void {
  ndis.memory.u32[(lock + MARK) >> 2] = 0;
  poolOf(ndis.kernel).free(lock, LOCK_TAG);
}

/** Frees a lock; one that is held is a finding and is freed all the same. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisfreerwlock */
export const NdisFreeRWLock = synchronous(
  'VOID NdisFreeRWLock(PNDIS_RW_LOCK_EX Lock)',
  '<=DISPATCH_LEVEL',
  '6.20',
  FREE_PAGE,
  (ndis, driver) =>
    (Lock: Address): void => {
      if (!isLock(ndis, driver, Lock, 'NdisFreeRWLock', FREE_PAGE)) return;
      if (isReadWriteLockHeld(ndis.kernel, Lock, readKind)) {
        ndis.kernel.report(
          'RW_LOCK_FREED_WHILE_HELD',
          driver,
          `NdisFreeRWLock: the lock at 0x${Lock.toString(16)} is held; call NdisReleaseRWLock first`,
          FREE_PAGE,
        );
      }
      driver.disown(`read-write lock ${Lock}`);
      freeLock(ndis, Lock);
    },
);

/**
 * Takes a lock for reading, as often as the driver likes, and raises to DISPATCH_LEVEL. `LockState` (3 bytes) is the
 * caller's for this acquisition. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisacquirerwlockread
 */
export const NdisAcquireRWLockRead = synchronous(
  'VOID NdisAcquireRWLockRead(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags)',
  '<=DISPATCH_LEVEL',
  '6.20',
  READ_PAGE,
  (ndis, driver) => {
    const { u8 } = ndis.memory;
    return (Lock: Address, LockState: Pointer<LOCK_STATE_EX>, Flags: number): void => {
      if (!isLock(ndis, driver, Lock, 'NdisAcquireRWLockRead', READ_PAGE)) return;
      u8[LockState] = raise(ndis, driver, Flags, readKind);
      const how = acquireForRead(ndis.kernel, Lock, readKind);
      u8[LockState + LOCK_STATE] = how === 'read' ? HELD_FOR_READ : HELD_FOR_WRITE;
      u8[LockState + FLAGS] = Flags;
    };
  },
);

/**
 * Takes a lock for writing, recursively where this processor writes already, and raises to DISPATCH_LEVEL. A
 * processor that reads under it is a finding and a bug check: there is no promotion. IRQL <= DISPATCH_LEVEL.
 * ndis/nf-ndis-ndisacquirerwlockwrite
 */
export const NdisAcquireRWLockWrite = synchronous(
  'VOID NdisAcquireRWLockWrite(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags)',
  '<=DISPATCH_LEVEL',
  '6.20',
  WRITE_PAGE,
  (ndis, driver) => {
    const { u8 } = ndis.memory;
    return (Lock: Address, LockState: Pointer<LOCK_STATE_EX>, Flags: number): void => {
      if (!isLock(ndis, driver, Lock, 'NdisAcquireRWLockWrite', WRITE_PAGE)) return;
      u8[LockState] = raise(ndis, driver, Flags, writeKind);
      acquireForWrite(ndis.kernel, driver, Lock, writeKind);
      u8[LockState + LOCK_STATE] = HELD_FOR_WRITE;
      u8[LockState + FLAGS] = Flags;
    };
  },
);

/**
 * Gives back the acquisition that `LockState` stands for and returns to the IRQL before it; on the processor that
 * acquired it. Anything else is a finding and changes nothing. DISPATCH_LEVEL. ndis/nf-ndis-ndisreleaserwlock
 */
export const NdisReleaseRWLock = synchronous(
  'VOID NdisReleaseRWLock(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState)',
  'DISPATCH_LEVEL',
  '6.20',
  RELEASE_PAGE,
  (ndis, driver) => {
    const { u8 } = ndis.memory;
    const { kernel } = ndis;
    return (Lock: Address, LockState: Pointer<LOCK_STATE_EX>): void => {
      if (!isLock(ndis, driver, Lock, 'NdisReleaseRWLock', RELEASE_PAGE)) return;
      const state = u8[LockState + LOCK_STATE];
      const held = state === HELD_FOR_READ || state === HELD_FOR_WRITE;
      if (
        !held ||
        !releaseReadWriteLock(kernel, Lock, readKind, state === HELD_FOR_READ ? 'read' : 'write')
      ) {
        kernel.report(
          'RW_LOCK_NOT_HELD',
          driver,
          `NdisReleaseRWLock: processor ${kernel.scheduler.processor.number} holds no access to the lock at 0x${Lock.toString(16)} under this LOCK_STATE_EX; release each acquisition once, with its own state, on its processor`,
          RELEASE_PAGE,
        );
        return;
      }
      u8[LockState + LOCK_STATE] = RELEASED;
      const before = u8[LockState];
      if (before < DISPATCH_LEVEL) lowerIrql(kernel, before);
    };
  },
);
