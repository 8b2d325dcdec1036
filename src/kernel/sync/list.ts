/**
 * Doubly linked lists under a spin lock and sequenced singly linked lists, as drivers import them. The lists lie in
 * kernel memory. Implements ExInterlockedInsertHeadList, ExInterlockedPushEntrySList and their kin (wdm).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import type { Pointer } from '../edge.ts';
import type { LIST_ENTRY, SLIST_ENTRY, SLIST_HEADER } from '../generated/structures/common.ts';
import { inlined, synchronous } from './declare.ts';

const BLINK = 8;

/** Makes an empty list of the LIST_ENTRY at `head`. */
export function initializeListHead(memory: KernelMemory, head: Address): void {
  memory.writePointer(head, head);
  memory.writePointer(head + BLINK, head);
}

/** Puts `entry` behind `previous`: at the head of a list, if that is the list head. */
export function insertHeadList(memory: KernelMemory, previous: Address, entry: Address): void {
  const next = memory.readPointer(previous);
  memory.writePointer(entry, next);
  memory.writePointer(entry + BLINK, previous);
  memory.writePointer(next + BLINK, entry);
  memory.writePointer(previous, entry);
}

/** Puts `entry` before `next`: at the tail of a list, if that is the list head. */
export function insertTailList(memory: KernelMemory, next: Address, entry: Address): void {
  insertHeadList(memory, memory.readPointer(next + BLINK), entry);
}

/** Takes `entry` out of its list; true when the list is empty then. */
export function removeEntryList(memory: KernelMemory, entry: Address): boolean {
  const next = memory.readPointer(entry);
  const previous = memory.readPointer(entry + BLINK);
  memory.writePointer(previous, next);
  memory.writePointer(next + BLINK, previous);
  return next === previous;
}

/** The first entry of a list, or 0 when it is empty. */
function firstEntry(memory: KernelMemory, head: Address): Address {
  const first = memory.readPointer(head);
  return first === head ? 0 : first;
}

/** Inserts at the head; returns the entry that was first, NULL for an empty list. Any IRQL. wdm/nf-wdm-exinterlockedinsertheadlist */
export const ExInterlockedInsertHeadList = synchronous(
  'PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedinsertheadlist',
  ({ memory }) =>
    (ListHead: Pointer<LIST_ENTRY>, ListEntry: Pointer<LIST_ENTRY>, _Lock: Address): Address => {
      const first = firstEntry(memory, ListHead);
      insertHeadList(memory, ListHead, ListEntry);
      return first;
    },
);

/** Inserts at the tail; returns the entry that was last, NULL for an empty list. Any IRQL. wdm/nf-wdm-exinterlockedinserttaillist */
export const ExInterlockedInsertTailList = synchronous(
  'PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedinserttaillist',
  ({ memory }) =>
    (ListHead: Pointer<LIST_ENTRY>, ListEntry: Pointer<LIST_ENTRY>, _Lock: Address): Address => {
      const last = memory.readPointer(ListHead + BLINK);
      insertTailList(memory, ListHead, ListEntry);
      return last === ListHead ? 0 : last;
    },
);

/** Takes the first entry out; NULL for an empty list. Any IRQL. wdm/nf-wdm-exinterlockedremoveheadlist */
export const ExInterlockedRemoveHeadList = synchronous(
  'PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedremoveheadlist',
  ({ memory }) =>
    (ListHead: Pointer<LIST_ENTRY>, _Lock: Address): Address => {
      const first = firstEntry(memory, ListHead);
      if (first !== 0) removeEntryList(memory, first);
      return first;
    },
);

/** Pushes on a singly linked list; returns the entry that was first. Any IRQL. wdm/nf-wdm-exinterlockedpushentrylist */
export const ExInterlockedPushEntryList = synchronous(
  'PSINGLE_LIST_ENTRY ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedpushentrylist',
  ({ memory }) =>
    (ListHead: Address, ListEntry: Address, _Lock: Address): Address => {
      const first = memory.readPointer(ListHead);
      memory.writePointer(ListEntry, first);
      memory.writePointer(ListHead, ListEntry);
      return first;
    },
);

/** Pops from a singly linked list; NULL when it is empty. Any IRQL. wdm/nf-wdm-exinterlockedpopentrylist */
export const ExInterlockedPopEntryList = synchronous(
  'PSINGLE_LIST_ENTRY ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedpopentrylist',
  ({ memory }) =>
    (ListHead: Address, _Lock: Address): Address => {
      const first = memory.readPointer(ListHead);
      if (first !== 0) memory.writePointer(ListHead, memory.readPointer(first));
      return first;
    },
);

/**
 * The first entry of a sequenced list. In the SLIST_HEADER of x64 the depth has 16 bits, the sequence number the
 * next 48, and the second half holds the address with its low four bits free.
 */
export function firstSList(memory: KernelMemory, header: Address): Address {
  return memory.i32[(header + 8) >> 2] & ~15;
}

function setSList(memory: KernelMemory, header: Address, first: Address, depth: number): void {
  memory.u16[header >> 1] = depth;
  memory.u32[(header + 4) >> 2] += memory.u16[(header + 2) >> 1] === 0xffff ? 1 : 0;
  memory.u16[(header + 2) >> 1] += 1;
  memory.writePointer(header + 8, first);
}

/** Pushes an entry aligned to 16 bytes; returns the entry that was first. */
export function pushEntrySList(memory: KernelMemory, header: Address, entry: Address): Address {
  const first = firstSList(memory, header);
  memory.writePointer(entry, first);
  setSList(memory, header, entry, memory.u16[header >> 1] + 1);
  return first;
}

/** Pops the first entry, 0 when the list is empty. */
export function popEntrySList(memory: KernelMemory, header: Address): Address {
  const first = firstSList(memory, header);
  if (first !== 0) setSList(memory, header, memory.readPointer(first), memory.u16[header >> 1] - 1);
  return first;
}

/** Makes an empty sequenced list; aligned to 16 bytes. Any IRQL. wdm/nf-wdm-initializeslisthead */
export const InitializeSListHead = synchronous(
  'VOID InitializeSListHead(PSLIST_HEADER SListHead)',
  'any',
  '2000',
  'wdm/nf-wdm-initializeslisthead',
  ({ memory }) =>
    (SListHead: Pointer<SLIST_HEADER>) => {
      memory.u8.fill(0, SListHead, SListHead + 16);
    },
);

/** Another name of InitializeSListHead. wdm/nf-wdm-initializeslisthead */
export const ExInitializeSListHead = inlined(
  'VOID ExInitializeSListHead(PSLIST_HEADER SListHead)',
  'any',
  '2000',
  'wdm/nf-wdm-initializeslisthead',
  ({ memory }) =>
    (SListHead: Pointer<SLIST_HEADER>) => {
      memory.u8.fill(0, SListHead, SListHead + 16);
    },
);

/** What ExInterlockedPushEntrySList is on x64. Any IRQL. wdm/nf-wdm-exinterlockedpushentryslist */
export const ExpInterlockedPushEntrySList = synchronous(
  'PSLIST_ENTRY ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedpushentryslist',
  ({ memory }) =>
    (ListHead: Pointer<SLIST_HEADER>, ListEntry: Pointer<SLIST_ENTRY>) =>
      pushEntrySList(memory, ListHead, ListEntry),
);

/** What ExInterlockedPopEntrySList is on x64; NULL when the list is empty. Any IRQL. wdm/nf-wdm-exinterlockedpopentryslist */
export const ExpInterlockedPopEntrySList = synchronous(
  'PSLIST_ENTRY ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedpopentryslist',
  ({ memory }) =>
    (ListHead: Pointer<SLIST_HEADER>) =>
      popEntrySList(memory, ListHead),
);

/** What ExInterlockedFlushSList is on x64: takes all entries, NULL when there are none. Any IRQL. wdm/nf-wdm-exinterlockedflushslist */
export const ExpInterlockedFlushSList = synchronous(
  'PSLIST_ENTRY ExpInterlockedFlushSList(PSLIST_HEADER ListHead)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedflushslist',
  ({ memory }) =>
    (ListHead: Pointer<SLIST_HEADER>) => {
      const first = firstSList(memory, ListHead);
      if (first !== 0) setSList(memory, ListHead, 0, 0);
      return first;
    },
);

/** Pushes an entry; returns the entry that was first. Any IRQL. wdm/nf-wdm-exinterlockedpushentryslist */
export const ExInterlockedPushEntrySList = inlined(
  'PSLIST_ENTRY ExInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedpushentryslist',
  ({ memory }) =>
    (ListHead: Pointer<SLIST_HEADER>, ListEntry: Pointer<SLIST_ENTRY>, _Lock: Address) =>
      pushEntrySList(memory, ListHead, ListEntry),
);

/** Pops the first entry; NULL when the list is empty. Any IRQL. wdm/nf-wdm-exinterlockedpopentryslist */
export const ExInterlockedPopEntrySList = inlined(
  'PSLIST_ENTRY ExInterlockedPopEntrySList(PSLIST_HEADER ListHead, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  'wdm/nf-wdm-exinterlockedpopentryslist',
  ({ memory }) =>
    (ListHead: Pointer<SLIST_HEADER>, _Lock: Address) =>
      popEntrySList(memory, ListHead),
);

/** Entries in the list. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exquerydepthslist */
export const ExQueryDepthSList = synchronous(
  'USHORT ExQueryDepthSList(PSLIST_HEADER SListHead)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-exquerydepthslist',
  ({ memory }) =>
    (SListHead: Pointer<SLIST_HEADER>) =>
      memory.u16[SListHead >> 1],
);
