/**
 * Memory and the small macros of NDIS 5. Implements NdisAllocateMemory, the macros for memory of devices and of
 * lookahead, and the lists under a lock (ddk/ndis.h).
 */

import {
  copyBytes,
  ExInterlockedPopEntryList,
  ExInterlockedPushEntryList,
  ExpInterlockedFlushSList,
  type OutPointer,
  type Pointer,
  poolOf,
  type SLIST_HEADER,
  type TextPointer,
} from '../../../kernel/index.ts';
import { type Address, poolType, readUnicodeString } from '../../../memory/index.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import type { NDIS_SPIN_LOCK } from '../../generated/structures/index.ts';
import { flaggedMemoryOf } from '../../memory/flaggedMemory.ts';
import { legacyFunction, legacyMacro } from '../declareLegacy.ts';

/** `NDam` */
const MEMORY_TAG = 0x6d61_444e;
const UNITS_PER_MILLISECOND = 10_000;

/**
 * Allocates nonpaged memory; all of it is contiguous and cached. Free it with NdisFreeMemory and the same MemoryFlags.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE, with NULL, when memory is short or lies above
 * HighestAcceptableAddress. IRQL <= DISPATCH_LEVEL.
 */
export const NdisAllocateMemory = legacyFunction(
  'NDIS_STATUS NdisAllocateMemory(PVOID * VirtualAddress, UINT Length, UINT MemoryFlags, NDIS_PHYSICAL_ADDRESS HighestAcceptableAddress)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const pool = poolOf(ndis.kernel);
    return (
      VirtualAddress: OutPointer,
      Length: number,
      MemoryFlags: number,
      HighestAcceptableAddress: bigint,
    ): number => {
      let address = pool.allocate(poolType.nonPagedNx, Length, MEMORY_TAG, driver.id);
      // A page's physical address is the low half of its kernel address.
      const highest = BigInt.asUintN(64, BigInt(HighestAcceptableAddress));
      if (address !== 0 && BigInt(address + Length) > highest + 1n) {
        pool.free(address, MEMORY_TAG);
        address = 0;
      }
      ndis.memory.writePointer(VirtualAddress, address);
      if (address === 0) return NDIS_STATUS_FAILURE;
      if (MemoryFlags !== 0) flaggedMemoryOf(ndis).set(address, MemoryFlags);
      return NDIS_STATUS_SUCCESS;
    };
  },
);

/** Stores the milliseconds since the machine started, which begin again after 49 days. Any IRQL. */
export const NdisGetSystemUpTime = legacyFunction(
  'VOID NdisGetSystemUpTime(PULONG pSystemUpTime)',
  'any',
  ({ kernel }) =>
    (pSystemUpTime: OutPointer): void => {
      kernel.memory.u32[pSystemUpTime >> 2] = Math.floor(kernel.clock.read() / UNITS_PER_MILLISECOND);
    },
);

function copier(name: string) {
  return legacyMacro(
    `VOID ${name}(PVOID Destination, PVOID Source, ULONG Length)`,
    'any',
    ({ memory }) =>
      (Destination: Address, Source: Address, Length: number): void =>
        copyBytes(memory, Destination, Source, Length),
  );
}

/** Copies between memory of a device and other memory. Any IRQL. */
export const NdisMoveMappedMemory = copier('NdisMoveMappedMemory');
/** Copies from memory of a device. Any IRQL. */
export const NdisMoveFromMappedMemory = copier('NdisMoveFromMappedMemory');
/** Copies to memory of a device. Any IRQL. */
export const NdisMoveToMappedMemory = copier('NdisMoveToMappedMemory');

/** Copies lookahead data; MacOptions do not matter on x64. Any IRQL. */
export const NdisCopyLookaheadData = legacyMacro(
  'VOID NdisCopyLookaheadData(PVOID Destination, PVOID Source, ULONG Length, ULONG MacOptions)',
  'any',
  ({ memory }) =>
    (Destination: Address, Source: Address, Length: number, _MacOptions: number): void =>
      copyBytes(memory, Destination, Source, Length),
);

/** Gives a lookahead buffer for shared memory: the memory itself, which processors see as any other. Any IRQL. */
export const NdisCreateLookaheadBufferFromSharedMemory = legacyMacro(
  'VOID NdisCreateLookaheadBufferFromSharedMemory(PVOID _S, UINT _L, PVOID * _B)',
  'any',
  ({ memory }) =>
    (_S: Address, _L: number, _B: OutPointer): void =>
      memory.writePointer(_B, _S),
);

/** Ends the use of such a buffer: nothing to do. Any IRQL. */
export const NdisDestroyLookaheadBufferFromSharedMemory = legacyFunction(
  'VOID NdisDestroyLookaheadBufferFromSharedMemory(PVOID pLookaheadBuffer)',
  'any',
  () =>
    (_pLookaheadBuffer: Address): void => {},
);

/** Pushes on a singly linked list under a lock; returns the entry that was first. Any IRQL. */
export const NdisInterlockedPushEntryList = legacyMacro(
  'PSINGLE_LIST_ENTRY NdisInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry, PNDIS_SPIN_LOCK Lock)',
  'any',
  ({ kernel }, driver) => {
    const push = ExInterlockedPushEntryList.implement(kernel, driver);
    return (ListHead: Address, ListEntry: Address, Lock: Pointer<NDIS_SPIN_LOCK>): Address =>
      push(ListHead, ListEntry, Lock);
  },
);

/** Pops from a singly linked list under a lock; NULL when it is empty. Any IRQL. */
export const NdisInterlockedPopEntryList = legacyMacro(
  'PSINGLE_LIST_ENTRY NdisInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PNDIS_SPIN_LOCK Lock)',
  'any',
  ({ kernel }, driver) => {
    const pop = ExInterlockedPopEntryList.implement(kernel, driver);
    return (ListHead: Address, Lock: Pointer<NDIS_SPIN_LOCK>): Address => pop(ListHead, Lock);
  },
);

/** Empties a sequenced list; gives what was first. Any IRQL. */
export const NdisInterlockedFlushSList = legacyMacro(
  'PSLIST_ENTRY NdisInterlockedFlushSList(PSLIST_HEADER SListHead)',
  'any',
  ({ kernel }, driver) => {
    const flush = ExpInterlockedFlushSList.implement(kernel, driver);
    return (SListHead: Pointer<SLIST_HEADER>): Address => flush(SListHead);
  },
);

/** Prints a string to the trace. PASSIVE_LEVEL. */
export const NdisPrintString = legacyMacro(
  'VOID NdisPrintString(PNDIS_STRING _s)',
  'PASSIVE_LEVEL',
  ({ kernel, memory }, driver) =>
    (_s: TextPointer): void =>
      kernel.note(driver.name, readUnicodeString(memory, _s)),
);
