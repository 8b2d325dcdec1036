/**
 * NDIS_RW_LOCK: read-write locks in the driver's own storage, deprecated since NDIS 6.20.
 * Implements NdisInitializeReadWriteLock, NdisAcquireReadWriteLock, NdisReleaseReadWriteLock and the Dpr forms (ndis).
 */

import { DISPATCH_LEVEL, type Driver, lowerIrql, type Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import { type LOCK_STATE, NDIS_RW_LOCK } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import {
  acquireForRead,
  acquireForWrite,
  initializeReadWriteLock,
  type ReadWriteLockKind,
  releaseReadWriteLock,
} from './readWriteLockState.ts';

const INITIALIZE_PAGE = 'ndis/nf-ndis-ndisinitializereadwritelock';
const ACQUIRE_PAGE = 'ndis/nf-ndis-ndisacquirereadwritelock';
const RELEASE_PAGE = 'ndis/nf-ndis-ndisreleasereadwritelock';
const DPR_ACQUIRE_PAGE = 'ndis/nf-ndis-ndisdpracquirereadwritelock';
const DPR_RELEASE_PAGE = 'ndis/nf-ndis-ndisdprreleasereadwritelock';

/** Bits of LOCK_STATE.LockState while an acquisition lasts; 0 after its release. */
const HELD = 1;
const FOR_WRITE = 2;
const BY_DPR = 4;
/** Offset of LOCK_STATE.OldIrql. */
const OLD_IRQL = 2;

const kind: ReadWriteLockKind = { stride: 16, acquire: 'NdisAcquireReadWriteLock', page: ACQUIRE_PAGE };

function acquire(
  ndis: NdisLibrary,
  driver: Driver,
  lock: Address,
  write: boolean,
  state: Address,
  dpr: boolean,
): void {
  const { kernel, memory } = ndis;
  const before = kernel.irql;
  if (!dpr && before < DISPATCH_LEVEL) kernel.irql = DISPATCH_LEVEL;
  let how: 'read' | 'write' = 'write';
  if (write) acquireForWrite(kernel, driver, lock, kind);
  else how = acquireForRead(kernel, lock, kind);
  memory.u16[state >> 1] = HELD | (how === 'write' ? FOR_WRITE : 0) | (dpr ? BY_DPR : 0);
  memory.u8[state + OLD_IRQL] = before;
}

function giveBack(ndis: NdisLibrary, driver: Driver, lock: Address, state: Address, dpr: boolean): void {
  const { kernel, memory } = ndis;
  const bits = memory.u16[state >> 1];
  const page = dpr ? DPR_RELEASE_PAGE : RELEASE_PAGE;
  const call = dpr ? 'NdisDprReleaseReadWriteLock' : 'NdisReleaseReadWriteLock';
  const held = (bits & HELD) !== 0 && bits <= (HELD | FOR_WRITE | BY_DPR);
  if (!held || !releaseReadWriteLock(kernel, lock, kind, (bits & FOR_WRITE) !== 0 ? 'write' : 'read')) {
    kernel.report(
      'RW_LOCK_NOT_HELD',
      driver,
      `${call}: this LOCK_STATE stands for no access to the lock at 0x${lock.toString(16)}; release each acquisition once`,
      page,
    );
    return;
  }
  if (((bits & BY_DPR) !== 0) !== dpr) {
    kernel.report(
      'RW_LOCK_MIXED_RELEASE',
      driver,
      `${call} released what ${dpr ? 'NdisAcquireReadWriteLock' : 'NdisDprAcquireReadWriteLock'} acquired; use the functions in pairs`,
      page,
    );
  }
  memory.u16[state >> 1] = 0;
  const before = memory.u8[state + OLD_IRQL];
  if (!dpr && before < DISPATCH_LEVEL) lowerIrql(kernel, before);
}

/** Makes the 1040 bytes at `Lock` a free lock. Any IRQL. ndis/nf-ndis-ndisinitializereadwritelock */
export const NdisInitializeReadWriteLock = synchronous(
  'VOID NdisInitializeReadWriteLock(PNDIS_RW_LOCK Lock)',
  'any',
  '5.1',
  INITIALIZE_PAGE,
  ({ kernel }) =>
    (Lock: Pointer<NDIS_RW_LOCK>) => {
      initializeReadWriteLock(kernel, Lock, NDIS_RW_LOCK.size);
    },
);

/** Takes the lock for writing (`fWrite`) or reading and raises to DISPATCH_LEVEL. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisacquirereadwritelock */
export const NdisAcquireReadWriteLock = synchronous(
  'VOID NdisAcquireReadWriteLock(PNDIS_RW_LOCK Lock, BOOLEAN fWrite, PLOCK_STATE LockState)',
  '<=DISPATCH_LEVEL',
  '5.1',
  ACQUIRE_PAGE,
  (ndis, driver) => (Lock: Pointer<NDIS_RW_LOCK>, fWrite: boolean, LockState: Pointer<LOCK_STATE>) => {
    acquire(ndis, driver, Lock, Boolean(fWrite), LockState, false);
  },
);

/** Gives the access back and returns to the IRQL before; what is not held is a finding. DISPATCH_LEVEL. ndis/nf-ndis-ndisreleasereadwritelock */
export const NdisReleaseReadWriteLock = synchronous(
  'VOID NdisReleaseReadWriteLock(PNDIS_RW_LOCK Lock, PLOCK_STATE LockState)',
  'DISPATCH_LEVEL',
  '5.1',
  RELEASE_PAGE,
  (ndis, driver) => (Lock: Pointer<NDIS_RW_LOCK>, LockState: Pointer<LOCK_STATE>) => {
    giveBack(ndis, driver, Lock, LockState, false);
  },
);

/** As NdisAcquireReadWriteLock for callers at DISPATCH_LEVEL. ndis/nf-ndis-ndisdpracquirereadwritelock */
export const NdisDprAcquireReadWriteLock = synchronous(
  'VOID NdisDprAcquireReadWriteLock(PNDIS_RW_LOCK Lock, BOOLEAN fWrite, PLOCK_STATE LockState)',
  'DISPATCH_LEVEL',
  '6.0',
  DPR_ACQUIRE_PAGE,
  (ndis, driver) => (Lock: Pointer<NDIS_RW_LOCK>, fWrite: boolean, LockState: Pointer<LOCK_STATE>) => {
    acquire(ndis, driver, Lock, Boolean(fWrite), LockState, true);
  },
);

/** Gives back what NdisDprAcquireReadWriteLock took and leaves the IRQL. DISPATCH_LEVEL. ndis/nf-ndis-ndisdprreleasereadwritelock */
export const NdisDprReleaseReadWriteLock = synchronous(
  'VOID NdisDprReleaseReadWriteLock(PNDIS_RW_LOCK Lock, PLOCK_STATE LockState)',
  'DISPATCH_LEVEL',
  '6.0',
  DPR_RELEASE_PAGE,
  (ndis, driver) => (Lock: Pointer<NDIS_RW_LOCK>, LockState: Pointer<LOCK_STATE>) => {
    giveBack(ndis, driver, Lock, LockState, true);
  },
);
