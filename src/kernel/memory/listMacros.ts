/**
 * Linked lists in driver memory: LIST_ENTRY and SINGLE_LIST_ENTRY. A LIST_ENTRY whose neighbours do not point back
 * at it is bug check KERNEL_SECURITY_CHECK_FAILURE, as on Windows 8 and later.
 * Implements "Singly and Doubly Linked Lists" (windows-driver-docs-pr/kernel) and the list pages of wdm.h.
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { Pointer } from '../edge.ts';
import { KERNEL_SECURITY_CHECK_FAILURE } from '../generated/constants/bugCheck.ts';
import type { LIST_ENTRY, SINGLE_LIST_ENTRY } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';

/** Offset of Blink; Flink is at 0. */
const BLINK = 8;
/** FAST_FAIL_CORRUPT_LIST_ENTRY, the first parameter of the bug check. */
const CORRUPT_LIST_ENTRY = 3;

function corrupt(kernel: Kernel, driver: Driver | null, entry: Address): never {
  return kernel.bugCheck(
    KERNEL_SECURITY_CHECK_FAILURE,
    [CORRUPT_LIST_ENTRY, 0, 0, 0],
    `the list around the LIST_ENTRY at 0x${entry.toString(16)} is corrupt (found by ${driver?.name ?? 'the kernel'}): a neighbour does not point back at it; look for an entry that was inserted or removed twice, or freed while in a list`,
  );
}

/** Makes an empty list. */
export function initializeList(kernel: Kernel, head: Address): void {
  kernel.memory.writePointer(head, head);
  kernel.memory.writePointer(head + BLINK, head);
}

/** Puts an entry between two neighbours. */
function insertBetween(kernel: Kernel, entry: Address, before: Address, behind: Address): void {
  const { memory } = kernel;
  memory.writePointer(entry, behind);
  memory.writePointer(entry + BLINK, before);
  memory.writePointer(before, entry);
  memory.writePointer(behind + BLINK, entry);
}

/** InsertHeadList. */
export function insertHead(kernel: Kernel, driver: Driver | null, head: Address, entry: Address): void {
  const first = kernel.memory.readPointer(head);
  if (kernel.memory.readPointer(first + BLINK) !== head) corrupt(kernel, driver, head);
  insertBetween(kernel, entry, head, first);
}

/** InsertTailList. */
export function insertTail(kernel: Kernel, driver: Driver | null, head: Address, entry: Address): void {
  const last = kernel.memory.readPointer(head + BLINK);
  if (kernel.memory.readPointer(last) !== head) corrupt(kernel, driver, head);
  insertBetween(kernel, entry, last, head);
}

/** RemoveEntryList. @returns whether the list is empty now. */
export function removeEntry(kernel: Kernel, driver: Driver | null, entry: Address): boolean {
  const { memory } = kernel;
  const behind = memory.readPointer(entry);
  const before = memory.readPointer(entry + BLINK);
  if (memory.readPointer(behind + BLINK) !== entry || memory.readPointer(before) !== entry) {
    corrupt(kernel, driver, entry);
  }
  memory.writePointer(before, behind);
  memory.writePointer(behind + BLINK, before);
  return before === behind;
}

const common = { irql: 'any', waits: 'never', since: '2000', inline: true } as const;
type Entry = Pointer<LIST_ENTRY>;
type Single = Pointer<SINGLE_LIST_ENTRY>;

/** Makes an empty list. wdm/nf-wdm-initializelisthead */
export const InitializeListHead = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID InitializeListHead(PLIST_ENTRY ListHead)',
  page: 'wdm/nf-wdm-initializelisthead',
  implement: (kernel: Kernel) => (ListHead: Entry) => initializeList(kernel, ListHead),
});

/** Whether a list has no entries. wdm/nf-wdm-islistempty */
export const IsListEmpty = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'BOOLEAN IsListEmpty(PLIST_ENTRY ListHead)',
  page: 'wdm/nf-wdm-islistempty',
  implement: (kernel: Kernel) => (ListHead: Entry) =>
    kernel.memory.readPointer(ListHead) === ListHead ? 1 : 0,
});

/** Puts an entry first. wdm/nf-wdm-insertheadlist */
export const InsertHeadList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)',
  page: 'wdm/nf-wdm-insertheadlist',
  implement: (kernel: Kernel, driver) => (ListHead: Entry, Entry: Entry) =>
    insertHead(kernel, driver, ListHead, Entry),
});

/** Puts an entry last. wdm/nf-wdm-inserttaillist */
export const InsertTailList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)',
  page: 'wdm/nf-wdm-inserttaillist',
  implement: (kernel: Kernel, driver) => (ListHead: Entry, Entry: Entry) =>
    insertTail(kernel, driver, ListHead, Entry),
});

/** Takes an entry out; TRUE when the list is empty then. wdm/nf-wdm-removeentrylist */
export const RemoveEntryList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)',
  page: 'wdm/nf-wdm-removeentrylist',
  implement: (kernel: Kernel, driver) => (Entry: Entry) => (removeEntry(kernel, driver, Entry) ? 1 : 0),
});

/** Takes the first entry out; the head itself when the list is empty. wdm/nf-wdm-removeheadlist */
export const RemoveHeadList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead)',
  page: 'wdm/nf-wdm-removeheadlist',
  implement: (kernel: Kernel, driver) => (ListHead: Entry) => {
    const entry = kernel.memory.readPointer(ListHead);
    removeEntry(kernel, driver, entry);
    return entry;
  },
});

/** Takes the last entry out; the head itself when the list is empty. wdm/nf-wdm-removetaillist */
export const RemoveTailList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead)',
  page: 'wdm/nf-wdm-removetaillist',
  implement: (kernel: Kernel, driver) => (ListHead: Entry) => {
    const entry = kernel.memory.readPointer(ListHead + BLINK);
    removeEntry(kernel, driver, entry);
    return entry;
  },
});

/** Appends the entries of one list, given by any entry of it, to another. wdm/nf-wdm-appendtaillist */
export const AppendTailList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID AppendTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListToAppend)',
  page: 'wdm/nf-wdm-appendtaillist',
  implement: (kernel: Kernel, driver) => (ListHead: Entry, ListToAppend: Entry) => {
    const { memory } = kernel;
    const last = memory.readPointer(ListHead + BLINK);
    const appendedLast = memory.readPointer(ListToAppend + BLINK);
    if (memory.readPointer(last) !== ListHead) corrupt(kernel, driver, ListHead);
    if (memory.readPointer(appendedLast) !== ListToAppend) corrupt(kernel, driver, ListToAppend);
    memory.writePointer(last, ListToAppend);
    memory.writePointer(ListHead + BLINK, appendedLast);
    memory.writePointer(appendedLast, ListHead);
    memory.writePointer(ListToAppend + BLINK, last);
  },
});

/** Puts an entry first in a singly linked list. wdm/nf-wdm-pushentrylist */
export const PushEntryList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID PushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY Entry)',
  page: 'wdm/nf-wdm-pushentrylist',
  implement: (kernel: Kernel) => (ListHead: Single, Entry: Single) => {
    kernel.memory.writePointer(Entry, kernel.memory.readPointer(ListHead));
    kernel.memory.writePointer(ListHead, Entry);
  },
});

/** Takes the first entry out of a singly linked list; NULL when it is empty. wdm/nf-wdm-popentrylist */
export const PopEntryList = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY ListHead)',
  page: 'wdm/nf-wdm-popentrylist',
  implement: (kernel: Kernel) => (ListHead: Single) => {
    const entry = kernel.memory.readPointer(ListHead);
    if (entry !== 0) kernel.memory.writePointer(ListHead, kernel.memory.readPointer(entry));
    return entry;
  },
});

/** The address of the structure whose member lies at an address; `Field` is the member's offset. ntdef.h */
export const CONTAINING_RECORD = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'PVOID CONTAINING_RECORD(PVOID Address, ULONG Field)',
  page: 'ntdef/nf-ntdef-containing_record',
  implement: () => (Address: Address, Field: number) => Address - Field,
});
