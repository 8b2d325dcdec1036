/**
 * NDIS_SPIN_LOCK: a kernel spin lock at offset 0 and the IRQL to return to at offset 8.
 * Implements NdisAllocateSpinLock, NdisAcquireSpinLock, NdisDprAcquireSpinLock and their counterparts (ndis).
 */

import {
  acquireSpinLock,
  acquireSpinLockAtDpcLevel,
  initializeSpinLock,
  type Pointer,
  releaseSpinLock,
  releaseSpinLockFromDpcLevel,
  spinLockOwner,
} from '../../kernel/index.ts';
import { synchronous } from '../declareNdis.ts';
import type { NDIS_SPIN_LOCK } from '../generated/structures/index.ts';

/** Offset of NDIS_SPIN_LOCK.OldIrql. */
const OLD_IRQL = 8;
const FREE_PAGE = 'ndis/nf-ndis-ndisfreespinlock';

/** Makes the lock at `SpinLock` free and ready for use; the driver supplies resident storage. Any IRQL. ndis/nf-ndis-ndisallocatespinlock */
export const NdisAllocateSpinLock = synchronous(
  'VOID NdisAllocateSpinLock(PNDIS_SPIN_LOCK SpinLock)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndisallocatespinlock',
  ({ kernel }) =>
    (SpinLock: Pointer<NDIS_SPIN_LOCK>) => {
      initializeSpinLock(kernel, SpinLock);
      kernel.memory.u8[SpinLock + OLD_IRQL] = 0;
    },
);

/** Ends the use of a lock. One that is still held is a finding (SPIN_LOCK_FREED_WHILE_HELD). Any IRQL. ndis/nf-ndis-ndisfreespinlock */
export const NdisFreeSpinLock = synchronous(
  'VOID NdisFreeSpinLock(PNDIS_SPIN_LOCK SpinLock)',
  'any',
  '5.1',
  FREE_PAGE,
  ({ kernel }, driver) =>
    (SpinLock: Pointer<NDIS_SPIN_LOCK>) => {
      const owner = spinLockOwner(kernel, SpinLock);
      if (owner < 0) return;
      kernel.report(
        'SPIN_LOCK_FREED_WHILE_HELD',
        driver,
        `NdisFreeSpinLock: processor ${owner} holds the lock at 0x${SpinLock.toString(16)}; release it first`,
        FREE_PAGE,
      );
    },
);

/**
 * Takes the lock at DISPATCH_LEVEL and keeps the IRQL before in it. Bug check SPIN_LOCK_ALREADY_OWNED where this
 * processor holds it. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisacquirespinlock
 */
export const NdisAcquireSpinLock = synchronous(
  'VOID NdisAcquireSpinLock(PNDIS_SPIN_LOCK _SpinLock)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndisacquirespinlock',
  ({ kernel }) => {
    const { u8 } = kernel.memory;
    return (SpinLock: Pointer<NDIS_SPIN_LOCK>) => {
      const before = acquireSpinLock(kernel, SpinLock);
      u8[SpinLock + OLD_IRQL] = before;
    };
  },
);

/**
 * Gives the lock back and returns to the IRQL before NdisAcquireSpinLock. Bug check SPIN_LOCK_NOT_OWNED where this
 * processor does not hold it. DISPATCH_LEVEL. ndis/nf-ndis-ndisreleasespinlock
 */
export const NdisReleaseSpinLock = synchronous(
  'VOID NdisReleaseSpinLock(PNDIS_SPIN_LOCK _SpinLock)',
  'DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndisreleasespinlock',
  ({ kernel }) => {
    const { u8 } = kernel.memory;
    return (SpinLock: Pointer<NDIS_SPIN_LOCK>) => releaseSpinLock(kernel, SpinLock, u8[SpinLock + OLD_IRQL]);
  },
);

/** Takes the lock and leaves the IRQL. DISPATCH_LEVEL. ndis/nf-ndis-ndisdpracquirespinlock */
export const NdisDprAcquireSpinLock = synchronous(
  'VOID NdisDprAcquireSpinLock(PNDIS_SPIN_LOCK _SpinLock)',
  'DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndisdpracquirespinlock',
  ({ kernel }) =>
    (SpinLock: Pointer<NDIS_SPIN_LOCK>) => {
      acquireSpinLockAtDpcLevel(kernel, SpinLock);
    },
);

/** Gives back what NdisDprAcquireSpinLock took and leaves the IRQL. DISPATCH_LEVEL. ndis/nf-ndis-ndisdprreleasespinlock */
export const NdisDprReleaseSpinLock = synchronous(
  'VOID NdisDprReleaseSpinLock(PNDIS_SPIN_LOCK _SpinLock)',
  'DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndisdprreleasespinlock',
  ({ kernel }) =>
    (SpinLock: Pointer<NDIS_SPIN_LOCK>) => {
      releaseSpinLockFromDpcLevel(kernel, SpinLock);
    },
);
