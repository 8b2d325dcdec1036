/**
 * Nonpaged pool memory, generic objects and plain memory operations.
 * Implements "NdisAllocateMemoryWithTagPriority", "NdisAllocateGenericObject", "NdisMoveMemory" and their kin (ndis.h).
 */

import { copyBytes, declareFunction, type Handle, type OutPointer, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_GENERIC_OBJECT } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { flaggedMemoryOf } from './flaggedMemory.ts';

const GENERIC_PAGE = 'ndis/nf-ndis-ndisallocategenericobject';

/** Bytes on which data that processors share is best aligned: a cache line of an x64 processor. */
const SHARED_DATA_ALIGNMENT = 64;
/** Revision of NDIS_GENERIC_OBJECT. */
const GENERIC_REVISION = 1;

/**
 * Allocates nonpaged memory; its contents are not defined. All priorities are served alike.
 * @returns its address, or NULL when memory is short.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisallocatememorywithtagpriority.
 */
export const NdisAllocateMemoryWithTagPriority = declareFunction('ndis', {
  prototype:
    'PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length, ULONG Tag, EX_POOL_PRIORITY Priority)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisallocatememorywithtagpriority',
  implement: (ndis: NdisLibrary, driver) => {
    const pool = poolOf(ndis.kernel);
    return (_NdisHandle: Handle, Length: number, Tag: number, _Priority: number): Address =>
      pool.allocate(poolType.nonPagedNx, Length, Tag, driver.id);
  },
});

/**
 * The older form of NdisAllocateMemoryWithTagPriority: writes the address, NULL when memory is short.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE when memory is short. IRQL <= DISPATCH_LEVEL.
 * Page ndis/nf-ndis-ndisallocatememorywithtag.
 */
export const NdisAllocateMemoryWithTag = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisAllocateMemoryWithTag(PVOID* VirtualAddress, UINT Length, ULONG Tag)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.0',
  page: 'ndis/nf-ndis-ndisallocatememorywithtag',
  implement: ({ kernel, memory }: NdisLibrary, driver) => {
    const pool = poolOf(kernel);
    return (VirtualAddress: OutPointer, Length: number, Tag: number): number => {
      const address = pool.allocate(poolType.nonPagedNx, Length, Tag, driver.id);
      memory.writePointer(VirtualAddress, address);
      return address === 0 ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
    };
  },
});

/**
 * Frees memory of NdisAllocateMemoryWithTagPriority or NdisAllocateMemory; Length is ignored, and other MemoryFlags than
 * at the allocation, 0 for the first, are the finding BAD_MEMORY_FLAGS.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisfreememory.
 */
export const NdisFreeMemory = declareFunction('ndis', {
  prototype: 'VOID NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisfreememory',
  implement: (ndis: NdisLibrary, driver) => {
    const pool = poolOf(ndis.kernel);
    const page = 'ndis/nf-ndis-ndisfreememory';
    const flagged = flaggedMemoryOf(ndis);
    return (VirtualAddress: Address, _Length: number, MemoryFlags: number): void => {
      const flags = flagged.get(VirtualAddress) ?? 0;
      flagged.delete(VirtualAddress);
      if (MemoryFlags !== flags) {
        const text = `NdisFreeMemory: MemoryFlags 0x${MemoryFlags.toString(16)} must be 0x${flags.toString(16)}, as the memory was allocated`;
        ndis.kernel.report('BAD_MEMORY_FLAGS', driver, text, page);
      }
      pool.free(VirtualAddress);
    };
  },
});

/**
 * Frees memory by its tag; deprecated.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisfreememorywithtag.
 */
export const NdisFreeMemoryWithTag = declareFunction('ndis', {
  prototype: 'VOID NdisFreeMemoryWithTag(PVOID VirtualAddress, ULONG Tag)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.20',
  page: 'ndis/nf-ndis-ndisfreememorywithtag',
  implement: (ndis: NdisLibrary) => {
    const pool = poolOf(ndis.kernel);
    return (VirtualAddress: Address, Tag: number): void => pool.free(VirtualAddress, Tag);
  },
});

/**
 * Frees memory of NdisAllocateMemoryWithTagPriority by its tag; another tag is a bug check.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisfreememorywithtagpriority.
 */
export const NdisFreeMemoryWithTagPriority = declareFunction('ndis', {
  prototype: 'VOID NdisFreeMemoryWithTagPriority(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, ULONG Tag)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.20',
  page: 'ndis/nf-ndis-ndisfreememorywithtagpriority',
  implement: (ndis: NdisLibrary) => {
    const pool = poolOf(ndis.kernel);
    return (_NdisHandle: Handle, VirtualAddress: Address, Tag: number): void =>
      pool.free(VirtualAddress, Tag);
  },
});

/**
 * Allocates an object that serves as NDIS handle for a component without one, with Size bytes of the caller's own
 * behind it, all zero.
 * @returns its address, or NULL when memory is short.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisallocategenericobject.
 */
export const NdisAllocateGenericObject = declareFunction('ndis', {
  prototype:
    'PNDIS_GENERIC_OBJECT NdisAllocateGenericObject(PDRIVER_OBJECT DriverObject, ULONG Tag, USHORT Size)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: GENERIC_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const pool = poolOf(ndis.kernel);
    return (DriverObject: Address, Tag: number, Size: number): Address => {
      const size = NDIS_GENERIC_OBJECT.size + Size;
      const address = pool.allocateZeroed(poolType.nonPagedNx, size, Tag, driver.id);
      if (address === 0) return 0;
      const object = NDIS_GENERIC_OBJECT.at(ndis.memory, address);
      object.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
      object.Header.Revision = GENERIC_REVISION;
      object.Header.Size = NDIS_GENERIC_OBJECT.size;
      object.DriverObject = DriverObject;
      driver.own(`generic object ${address}`, {
        kind: 'generic object',
        name: `0x${address.toString(16)}`,
        releasedBy: 'NdisFreeGenericObject',
        release: () => pool.free(address),
      });
      return address;
    };
  },
});

/** Frees a generic object. IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisfreegenericobject. */
export const NdisFreeGenericObject = declareFunction('ndis', {
  prototype: 'VOID NdisFreeGenericObject(PNDIS_GENERIC_OBJECT NdisObject)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfreegenericobject',
  implement: (ndis: NdisLibrary, driver) => {
    const pool = poolOf(ndis.kernel);
    return (NdisObject: Address): void => {
      driver.disown(`generic object ${NdisObject}`);
      pool.free(NdisObject);
    };
  },
});

/** Bytes on which data shared by processors is best aligned. IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisgetshareddataalignment. */
export const NdisGetSharedDataAlignment = declareFunction('ndis', {
  prototype: 'ULONG NdisGetSharedDataAlignment(VOID)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisgetshareddataalignment',
  implement: () => (): number => SHARED_DATA_ALIGNMENT,
});

/** Copies bytes. Any IRQL for resident memory. Page ndis/nf-ndis-ndismovememory. */
export const NdisMoveMemory = declareFunction('ndis', {
  prototype: 'VOID NdisMoveMemory(PVOID Destination, PVOID Source, ULONG Length)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismovememory',
  inline: true,
  implement:
    ({ memory }: NdisLibrary) =>
    (Destination: Address, Source: Address, Length: number): void =>
      copyBytes(memory, Destination, Source, Length),
});

/** Sets bytes to zero. Any IRQL for resident memory. Page ndis/nf-ndis-ndiszeromemory. */
export const NdisZeroMemory = declareFunction('ndis', {
  prototype: 'VOID NdisZeroMemory(PVOID Destination, ULONG Length)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndiszeromemory',
  inline: true,
  implement:
    ({ memory: { u8 } }: NdisLibrary) =>
    (Destination: Address, Length: number): void => {
      u8.fill(0, Destination, Destination + Length);
    },
});

/** Sets bytes to a value. Any IRQL for resident memory. Page ndis/nf-ndis-ndisfillmemory. */
export const NdisFillMemory = declareFunction('ndis', {
  prototype: 'VOID NdisFillMemory(PVOID Destination, ULONG Length, UCHAR Fill)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfillmemory',
  inline: true,
  implement:
    ({ memory: { u8 } }: NdisLibrary) =>
    (Destination: Address, Length: number, Fill: number): void => {
      u8.fill(Fill, Destination, Destination + Length);
    },
});

/** 1 where two ranges hold the same bytes, else 0. IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisequalmemory. */
export const NdisEqualMemory = declareFunction('ndis', {
  prototype: 'ULONG NdisEqualMemory(const VOID * Source1, const VOID * Source2, ULONG Length)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisequalmemory',
  inline: true,
  implement:
    ({ memory: { u8 } }: NdisLibrary) =>
    (Source1: Address, Source2: Address, Length: number): number => {
      for (let index = 0; index < Length; index++) {
        if (u8[Source1 + index] !== u8[Source2 + index]) return 0;
      }
      return 1;
    },
});
