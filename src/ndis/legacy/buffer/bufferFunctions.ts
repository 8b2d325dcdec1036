/**
 * Buffer descriptors of NDIS 5: MDLs of the I/O manager, because NdisFreeBuffer is IoFreeMdl in C drivers. A pool is a
 * handle alone, as it has been since Windows NT; memory bounds it.
 * Implements nf-ndis-ndisallocatebuffer, nf-ndis-ndisallocatebufferpool and the NDIS_BUFFER macros of ddk/ndis.h.
 */

import {
  allocateMdl,
  buildForNonPagedPool,
  type Driver,
  freeMdl,
  type Handle,
  type OutPointer,
} from '../../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import { type NdisLibrary, NdisObject } from '../../library.ts';
import { mdlAddress, spanPages, storePointer } from '../../netBuffer/mdl.ts';
import { mdlPages } from '../../netBuffer/mdlFunctions.ts';
import {
  MDL_BYTE_COUNT,
  MDL_BYTE_OFFSET,
  MDL_NEXT,
  MDL_SIZE,
  MDL_SIZE_FIELD,
} from '../../netBuffer/offsets.ts';
import { legacyFunction, legacyMacro, legacyPage } from '../declareLegacy.ts';

/** What stands behind the handle of NdisAllocateBufferPool. */
export class BufferPool extends NdisObject {}

/**
 * Creates a pool of buffer descriptors; their number is no limit. `Status`: NDIS_STATUS_SUCCESS.
 * IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisallocatebufferpool
 */
export const NdisAllocateBufferPool = legacyFunction(
  'VOID NdisAllocateBufferPool(PNDIS_STATUS Status, PNDIS_HANDLE PoolHandle, UINT NumberOfDescriptors)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (Status: OutPointer, PoolHandle: OutPointer, _NumberOfDescriptors: number): void => {
      const pool = new BufferPool();
      const handle = ndis.register(pool);
      driver.own(`buffer pool ${handle}`, {
        kind: 'buffer pool',
        name: `0x${handle.toString(16)}`,
        releasedBy: 'NdisFreeBufferPool',
        release: () => ndis.unregister(pool),
      });
      ndis.memory.writePointer(PoolHandle, handle);
      ndis.memory.u32[Status >> 2] = NDIS_STATUS_SUCCESS;
    },
);

/** Ends a pool of buffer descriptors. IRQL <= DISPATCH_LEVEL. */
export const NdisFreeBufferPool = legacyFunction(
  'VOID NdisFreeBufferPool(NDIS_HANDLE PoolHandle)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (PoolHandle: Handle): void => {
      const page = legacyPage('NdisFreeBufferPool');
      const pool = ndis.expect(PoolHandle, BufferPool, driver, 'NdisFreeBufferPool', page);
      if (pool === null) return;
      driver.disown(`buffer pool ${PoolHandle}`);
      ndis.unregister(pool);
    },
);

/** An MDL for nonpaged memory, 0 when memory is short or the bytes lie in none, which is a finding. */
function describe(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
  length: number,
): Address {
  if (address < FIRST_MAPPED_ADDRESS || address + length > ndis.memory.size) {
    const text = `${call}: ${length} bytes at 0x${address.toString(16)} are no memory`;
    ndis.kernel.report('BAD_ALLOCATION', driver, text, legacyPage(call));
    return 0;
  }
  const mdl = allocateMdl(ndis.kernel, driver.id, address, length);
  if (mdl !== 0) buildForNonPagedPool(ndis.kernel, mdl);
  return mdl;
}

/**
 * Makes a buffer descriptor for bytes of nonpaged memory. `Status`: NDIS_STATUS_SUCCESS, or NDIS_STATUS_FAILURE when
 * memory is short or the bytes are none (a finding). IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisallocatebuffer
 */
export const NdisAllocateBuffer = legacyFunction(
  'VOID NdisAllocateBuffer(PNDIS_STATUS Status, PNDIS_BUFFER * Buffer, NDIS_HANDLE PoolHandle, PVOID VirtualAddress, UINT Length)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (
      Status: OutPointer,
      Buffer: OutPointer,
      PoolHandle: Handle,
      VirtualAddress: Address,
      Length: number,
    ): void => {
      const call = 'NdisAllocateBuffer';
      if (PoolHandle !== 0) ndis.expect(PoolHandle, BufferPool, driver, call, legacyPage(call));
      const mdl = describe(ndis, driver, call, VirtualAddress, Length);
      ndis.memory.writePointer(Buffer, mdl);
      ndis.memory.u32[Status >> 2] = mdl === 0 ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
    },
);

/**
 * Makes a buffer descriptor for a part of what another one describes. `Status`: NDIS_STATUS_SUCCESS,
 * NDIS_STATUS_FAILURE where the part does not lie in it, NDIS_STATUS_RESOURCES when memory is short.
 * IRQL <= DISPATCH_LEVEL.
 */
export const NdisCopyBuffer = legacyFunction(
  'VOID NdisCopyBuffer(PNDIS_STATUS Status, PNDIS_BUFFER * Buffer, NDIS_HANDLE PoolHandle, PVOID MemoryDescriptor, UINT Offset, UINT Length)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (
      Status: OutPointer,
      Buffer: OutPointer,
      _PoolHandle: Handle,
      MemoryDescriptor: Address,
      Offset: number,
      Length: number,
    ): void => {
      const { memory } = ndis;
      const fits = Offset + Length <= memory.u32[(MemoryDescriptor + MDL_BYTE_COUNT) >> 2];
      const at = mdlAddress(memory.i32, MemoryDescriptor) + Offset;
      const mdl = fits ? describe(ndis, driver, 'NdisCopyBuffer', at, Length) : 0;
      memory.writePointer(Buffer, mdl);
      const failure = fits ? NDIS_STATUS_RESOURCES : NDIS_STATUS_FAILURE;
      memory.u32[Status >> 2] = mdl === 0 ? failure : NDIS_STATUS_SUCCESS;
    },
);

/** Frees a buffer descriptor, not the memory it describes: IoFreeMdl. IRQL <= DISPATCH_LEVEL. */
export const NdisFreeBuffer = legacyMacro(
  'VOID NdisFreeBuffer(PNDIS_BUFFER Buffer)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (Buffer: Address): void =>
      freeMdl(ndis.kernel, driver, Buffer),
);

/** Sets how many bytes a buffer describes; never more than it was made for, else the finding MDL_TOO_LONG. Any IRQL. */
export const NdisAdjustBufferLength = legacyMacro(
  'VOID NdisAdjustBufferLength(PNDIS_BUFFER Buffer, UINT Length)',
  'any',
  (ndis, driver) =>
    (Buffer: Address, Length: number): void => {
      const { i32, u16 } = ndis.memory;
      const pages = (u16[(Buffer + MDL_SIZE_FIELD) >> 1] - MDL_SIZE) >> 3;
      if (spanPages(i32[(Buffer + MDL_BYTE_OFFSET) >> 2], Length) > pages) {
        const text = `NdisAdjustBufferLength: ${Length} bytes do not fit the buffer 0x${Buffer.toString(16)} of ${pages} pages`;
        ndis.kernel.report('MDL_TOO_LONG', driver, text, legacyPage('NdisAdjustBufferLength'));
        return;
      }
      i32[(Buffer + MDL_BYTE_COUNT) >> 2] = Length;
    },
);

/** Bytes that a buffer describes. Any IRQL. */
export const NdisBufferLength = legacyMacro(
  'ULONG NdisBufferLength(PNDIS_BUFFER Buffer)',
  'any',
  ({ memory: { i32 } }) =>
    (Buffer: Address): number =>
      i32[(Buffer + MDL_BYTE_COUNT) >> 2],
);

/** Where the bytes lie that a buffer describes. IRQL <= DISPATCH_LEVEL. */
export const NdisBufferVirtualAddress = legacyMacro(
  'PVOID NdisBufferVirtualAddress(PNDIS_BUFFER Buffer)',
  '<=DISPATCH_LEVEL',
  ({ memory: { i32 } }) =>
    (Buffer: Address): Address =>
      mdlAddress(i32, Buffer),
);

/** As NdisBufferVirtualAddress; all memory is mapped, so the result is never NULL. IRQL <= DISPATCH_LEVEL. */
export const NdisBufferVirtualAddressSafe = legacyMacro(
  'PVOID NdisBufferVirtualAddressSafe(PNDIS_BUFFER Buffer, MM_PAGE_PRIORITY Priority)',
  '<=DISPATCH_LEVEL',
  ({ memory: { i32 } }) =>
    (Buffer: Address, _Priority: number): Address =>
      mdlAddress(i32, Buffer),
);

/** Writes address and length of what a buffer describes; the address is optional. */
function query({ memory }: NdisLibrary, buffer: Address, addressAt: Address, lengthAt: Address): void {
  if (addressAt !== 0) memory.writePointer(addressAt, mdlAddress(memory.i32, buffer));
  memory.i32[lengthAt >> 2] = memory.i32[(buffer + MDL_BYTE_COUNT) >> 2];
}

/** Gives where the bytes of a buffer lie and how many they are. IRQL <= DISPATCH_LEVEL. */
export const NdisQueryBuffer = legacyMacro(
  'VOID NdisQueryBuffer(PNDIS_BUFFER _Buffer, PVOID * _VirtualAddress, PUINT _Length)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (_Buffer: Address, _VirtualAddress: OutPointer, _Length: OutPointer): void =>
      query(ndis, _Buffer, _VirtualAddress, _Length),
);

/** As NdisQueryBuffer; all memory is mapped, so the address is never NULL. IRQL <= DISPATCH_LEVEL. */
export const NdisQueryBufferSafe = legacyMacro(
  'VOID NdisQueryBufferSafe(PNDIS_BUFFER _Buffer, PVOID * _VirtualAddress, PUINT _Length, MM_PAGE_PRIORITY _Priority)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (_Buffer: Address, _VirtualAddress: OutPointer, _Length: OutPointer, _Priority: number): void =>
      query(ndis, _Buffer, _VirtualAddress, _Length),
);

/** Gives the offset in its page and the length of what a buffer describes. IRQL <= DISPATCH_LEVEL. */
export const NdisQueryBufferOffset = legacyMacro(
  'VOID NdisQueryBufferOffset(PNDIS_BUFFER _Buffer, PUINT _Offset, PUINT _Length)',
  '<=DISPATCH_LEVEL',
  ({ memory: { i32 } }) =>
    (_Buffer: Address, _Offset: OutPointer, _Length: OutPointer): void => {
      i32[_Offset >> 2] = i32[(_Buffer + MDL_BYTE_OFFSET) >> 2];
      i32[_Length >> 2] = i32[(_Buffer + MDL_BYTE_COUNT) >> 2];
    },
);

/** Gives the pages behind a buffer. IRQL <= DISPATCH_LEVEL. */
export const NdisGetBufferPhysicalArraySize = legacyMacro(
  'VOID NdisGetBufferPhysicalArraySize(PNDIS_BUFFER Buffer, PUINT ArraySize)',
  '<=DISPATCH_LEVEL',
  ({ memory: { i32 } }) =>
    (Buffer: Address, ArraySize: OutPointer): void => {
      i32[ArraySize >> 2] = mdlPages(i32, Buffer);
    },
);

/** Gives the next buffer of a chain, or NULL. Any IRQL. */
export const NdisGetNextBuffer = legacyMacro(
  'VOID NdisGetNextBuffer(PNDIS_BUFFER CurrentBuffer, PNDIS_BUFFER * NextBuffer)',
  'any',
  ({ memory }) =>
    (CurrentBuffer: Address, NextBuffer: OutPointer): void =>
      memory.writePointer(NextBuffer, memory.i32[(CurrentBuffer + MDL_NEXT) >> 2]),
);

/** The next buffer of a chain; in C it can be assigned, so a second argument stores a new one. Any IRQL. */
export const NDIS_BUFFER_LINKAGE = legacyMacro(
  'PNDIS_BUFFER NDIS_BUFFER_LINKAGE(PNDIS_BUFFER Buffer)',
  'any',
  ({ memory: { i32 } }) =>
    (Buffer: Address, next?: Address): Address => {
      if (next !== undefined) storePointer(i32, Buffer + MDL_NEXT, next);
      return i32[(Buffer + MDL_NEXT) >> 2];
    },
);

/** Flushes the caches before or after DMA of a buffer: nothing to do where caches are coherent, as on x64. IRQL <= DISPATCH_LEVEL. */
export const NdisFlushBuffer = legacyMacro(
  'VOID NdisFlushBuffer(PNDIS_BUFFER Buffer, BOOLEAN WriteToDevice)',
  '<=DISPATCH_LEVEL',
  () =>
    (_Buffer: Address, _WriteToDevice: boolean | number): void => {},
);
