/**
 * Counters and lists that several processors share.
 * Implements NdisInterlockedIncrement, NdisInterlockedInsertHeadList, NdisInterlockedPushEntrySList and their kin (ndis).
 */

import {
  acquireSpinLock,
  type Driver,
  initializeListHead,
  insertHeadList,
  insertTailList,
  type LIST_ENTRY,
  type OutPointer,
  type Pointer,
  popEntrySList,
  pushEntrySList,
  releaseSpinLock,
  removeEntryList,
  type SLIST_ENTRY,
  type SLIST_HEADER,
  spinLockOwner,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { macro, synchronous } from '../declareNdis.ts';
import type { NDIS_SPIN_LOCK } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';

const page = (name: string): string => `ndis/nf-ndis-${name.toLowerCase()}`;
/** Offset of LIST_ENTRY.Blink. */
const BLINK = 8;

/** The depth of a sequenced list has 16 bits. */
const LARGEST_DEPTH = 0xffff;

/** Adds 1 and returns the sum. Any IRQL. ndis/nf-ndis-ndisinterlockedincrement */
export const NdisInterlockedIncrement = synchronous(
  'LONG NdisInterlockedIncrement(PLONG Addend)',
  'any',
  '5.1',
  page('NdisInterlockedIncrement'),
  ({ memory: { i32 } }) =>
    (Addend: OutPointer) =>
      (i32[Addend >> 2] += 1) | 0,
);

/** Subtracts 1 and returns the difference. Any IRQL. ndis/nf-ndis-ndisinterlockeddecrement */
export const NdisInterlockedDecrement = synchronous(
  'LONG NdisInterlockedDecrement(PLONG Addend)',
  'any',
  '5.1',
  page('NdisInterlockedDecrement'),
  ({ memory: { i32 } }) =>
    (Addend: OutPointer) =>
      (i32[Addend >> 2] -= 1) | 0,
);

/** Adds to a ULONG under a spin lock; a lock that this processor holds is a bug check. ndis/nf-ndis-ndisinterlockedaddulong */
export const NdisInterlockedAddUlong = synchronous(
  'VOID NdisInterlockedAddUlong(PULONG _Addend, ULONG _Increment, PNDIS_SPIN_LOCK _SpinLock)',
  'any',
  '5.1',
  page('NdisInterlockedAddUlong'),
  ({ kernel, memory: { u32 } }) =>
    (Addend: OutPointer, Increment: number, SpinLock: Pointer<NDIS_SPIN_LOCK>) => {
      const before = acquireSpinLock(kernel, SpinLock);
      u32[Addend >> 2] += Increment;
      releaseSpinLock(kernel, SpinLock, before);
    },
);

/** Adds a ULONG to a 64-bit statistic. Any IRQL. ndis/nf-ndis-ndisinterlockedaddlargestatistic */
export const NdisInterlockedAddLargeStatistic = macro(
  'VOID NdisInterlockedAddLargeStatistic(PLARGE_INTEGER _Addend, ULONG _Increment)',
  'any',
  '5.1',
  page('NdisInterlockedAddLargeStatistic'),
  ({ memory: { u32 } }) =>
    (Addend: OutPointer, Increment: number) => {
      // In halves: a BigInt would be allocated for every packet.
      const index = Addend >> 2;
      const sum = u32[index] + (Increment >>> 0);
      u32[index] = sum;
      if (sum > 0xffff_ffff) u32[index + 1]++;
    },
);

/** Makes an empty doubly linked list. Any IRQL. ndis/nf-ndis-ndisinitializelisthead */
export const NdisInitializeListHead = macro(
  'VOID NdisInitializeListHead(PLIST_ENTRY _ListHead)',
  'any',
  '5.1',
  page('NdisInitializeListHead'),
  ({ memory }) =>
    (ListHead: Pointer<LIST_ENTRY>) =>
      initializeListHead(memory, ListHead),
);

/** Inserts at the head under the lock; returns what was first, NULL for an empty list. ndis/nf-ndis-ndisinterlockedinsertheadlist */
export const NdisInterlockedInsertHeadList = macro(
  'PLIST_ENTRY NdisInterlockedInsertHeadList(PLIST_ENTRY _ListHead, PLIST_ENTRY _ListEntry, PNDIS_SPIN_LOCK _SpinLock)',
  'any',
  '5.1',
  page('NdisInterlockedInsertHeadList'),
  ({ kernel, memory }) =>
    (
      ListHead: Pointer<LIST_ENTRY>,
      ListEntry: Pointer<LIST_ENTRY>,
      SpinLock: Pointer<NDIS_SPIN_LOCK>,
    ): Address => {
      const before = acquireSpinLock(kernel, SpinLock);
      const first = memory.readPointer(ListHead);
      insertHeadList(memory, ListHead, ListEntry);
      releaseSpinLock(kernel, SpinLock, before);
      return first === ListHead ? 0 : first;
    },
);

/** Inserts at the tail under the lock; returns what was last, NULL for an empty list. ndis/nf-ndis-ndisinterlockedinserttaillist */
export const NdisInterlockedInsertTailList = macro(
  'PLIST_ENTRY NdisInterlockedInsertTailList(PLIST_ENTRY _ListHead, PLIST_ENTRY _ListEntry, PNDIS_SPIN_LOCK _SpinLock)',
  'any',
  '5.1',
  page('NdisInterlockedInsertTailList'),
  ({ kernel, memory }) =>
    (
      ListHead: Pointer<LIST_ENTRY>,
      ListEntry: Pointer<LIST_ENTRY>,
      SpinLock: Pointer<NDIS_SPIN_LOCK>,
    ): Address => {
      const before = acquireSpinLock(kernel, SpinLock);
      const last = memory.readPointer(ListHead + BLINK);
      insertTailList(memory, ListHead, ListEntry);
      releaseSpinLock(kernel, SpinLock, before);
      return last === ListHead ? 0 : last;
    },
);

/** Takes the first entry out under the lock; NULL for an empty list. Any IRQL. ndis/nf-ndis-ndisinterlockedremoveheadlist */
export const NdisInterlockedRemoveHeadList = macro(
  'PLIST_ENTRY NdisInterlockedRemoveHeadList(PLIST_ENTRY _ListHead, PNDIS_SPIN_LOCK _SpinLock)',
  'any',
  '5.1',
  page('NdisInterlockedRemoveHeadList'),
  ({ kernel, memory }) =>
    (ListHead: Pointer<LIST_ENTRY>, SpinLock: Pointer<NDIS_SPIN_LOCK>): Address => {
      const before = acquireSpinLock(kernel, SpinLock);
      const first = memory.readPointer(ListHead);
      if (first !== ListHead) removeEntryList(memory, first);
      releaseSpinLock(kernel, SpinLock, before);
      return first === ListHead ? 0 : first;
    },
);

/** Makes an empty sequenced list, aligned to 16 bytes. Any IRQL. ndis/nf-ndis-ndisinitializeslisthead */
export const NdisInitializeSListHead = macro(
  'VOID NdisInitializeSListHead(PSLIST_HEADER SListHead)',
  'any',
  '5.1',
  page('NdisInitializeSListHead'),
  ({ memory }) =>
    (SListHead: Pointer<SLIST_HEADER>) => {
      memory.u8.fill(0, SListHead, SListHead + 16);
    },
);

/** The lock of a sequenced list must not be held by the caller; on x64 the list needs none, so it is only a finding. */
function checkNotHeld(ndis: NdisLibrary, driver: Driver, lock: Address, call: string): void {
  const { kernel } = ndis;
  if (lock === 0 || spinLockOwner(kernel, lock) !== kernel.scheduler.processor.number) return;
  kernel.report(
    'SLIST_LOCK_HELD',
    driver,
    `${call} was called with the lock at 0x${lock.toString(16)} held; it takes that lock itself`,
    page(call),
  );
}

/** Pushes an entry aligned to 16 bytes; returns what was first. A full list (65535) is a finding. ndis/nf-ndis-ndisinterlockedpushentryslist */
export const NdisInterlockedPushEntrySList = macro(
  'PSLIST_ENTRY NdisInterlockedPushEntrySList(PSLIST_HEADER SListHead, PSLIST_ENTRY SListEntry, PNDIS_SPIN_LOCK Lock)',
  'any',
  '5.1',
  page('NdisInterlockedPushEntrySList'),
  (ndis, driver) => {
    const { kernel, memory } = ndis;
    const call = 'NdisInterlockedPushEntrySList';
    return (
      SListHead: Pointer<SLIST_HEADER>,
      SListEntry: Pointer<SLIST_ENTRY>,
      Lock: Pointer<NDIS_SPIN_LOCK>,
    ): Address => {
      checkNotHeld(ndis, driver, Lock, call);
      if ((SListEntry & 15) !== 0 || memory.u16[SListHead >> 1] === LARGEST_DEPTH) {
        kernel.report(
          'BAD_SLIST_ENTRY',
          driver,
          `${call}: the entry 0x${SListEntry.toString(16)} is not aligned to 16 bytes, or the list holds ${LARGEST_DEPTH} entries already`,
          page(call),
        );
      }
      return pushEntrySList(memory, SListHead, SListEntry);
    };
  },
);

/** Pops the first entry; NULL for an empty list. Any IRQL. ndis/nf-ndis-ndisinterlockedpopentryslist */
export const NdisInterlockedPopEntrySList = macro(
  'PSLIST_ENTRY NdisInterlockedPopEntrySList(PSLIST_HEADER SListHead, PNDIS_SPIN_LOCK Lock)',
  'any',
  '5.1',
  page('NdisInterlockedPopEntrySList'),
  (ndis, driver) =>
    (SListHead: Pointer<SLIST_HEADER>, Lock: Pointer<NDIS_SPIN_LOCK>): Address => {
      checkNotHeld(ndis, driver, Lock, 'NdisInterlockedPopEntrySList');
      return popEntrySList(ndis.memory, SListHead);
    },
);

/** The number of entries, 0 to 65535. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisquerydepthslist */
export const NdisQueryDepthSList = macro(
  'USHORT NdisQueryDepthSList(PSLIST_HEADER SListHead)',
  '<=DISPATCH_LEVEL',
  '5.1',
  page('NdisQueryDepthSList'),
  ({ memory: { u16 } }) =>
    (SListHead: Pointer<SLIST_HEADER>) =>
      u16[SListHead >> 1],
);
