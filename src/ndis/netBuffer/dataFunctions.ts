/**
 * Reading and copying the data of net buffers.
 * Implements "NdisGetDataBuffer", "NdisCopyFromNetBufferToNetBuffer", "NdisQueryNetBufferPhysicalCount" and
 * "NdisAdjustNetBufferCurrentMdl" (nblapi.h).
 */

import {
  declareFunction,
  MDL_MAPPED_TO_SYSTEM_VA,
  MDL_PAGES_LOCKED,
  MDL_PARTIAL,
  MDL_SOURCE_IS_NONPAGED_POOL,
  type OutPointer,
} from '../../kernel/index.ts';
import type { Address, KernelMemory } from '../../memory/index.ts';
import { NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { mdlAddress } from './mdl.ts';
import { mdlPages } from './mdlFunctions.ts';
import { adjustCurrentMdl, copyFromNetBuffer, copyToNetBuffer, MDL_CHAIN_LIMIT } from './netBufferAccess.ts';
import {
  MDL_BYTE_COUNT,
  MDL_FLAGS,
  MDL_NEXT,
  NB_CURRENT_MDL,
  NB_CURRENT_MDL_OFFSET,
  NB_DATA_LENGTH,
  NB_MDL_CHAIN,
} from './offsets.ts';

/**
 * Gives the first BytesNeeded bytes of data in one piece: in place where they lie so and as aligned as asked for,
 * else as a copy in Storage.
 * @returns their address, or NULL when there is less data or a copy is needed and Storage is NULL.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisgetdatabuffer.
 */
export const NdisGetDataBuffer = declareFunction('ndis', {
  prototype:
    'PVOID NdisGetDataBuffer(PNET_BUFFER NetBuffer, ULONG BytesNeeded, PVOID Storage, UINT AlignMultiple, UINT AlignOffset)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisgetdatabuffer',
  implement: (ndis: NdisLibrary) => {
    const { memory } = ndis;
    const { i32, u32 } = memory;
    return (
      NetBuffer: Address,
      BytesNeeded: number,
      Storage: Address,
      AlignMultiple: number,
      AlignOffset: number,
    ): Address => {
      if (BytesNeeded > u32[(NetBuffer + NB_DATA_LENGTH) >> 2]) return 0;
      const mdl = i32[(NetBuffer + NB_CURRENT_MDL) >> 2];
      if (mdl === 0) return 0;
      const offset = u32[(NetBuffer + NB_CURRENT_MDL_OFFSET) >> 2];
      if (offset + BytesNeeded <= u32[(mdl + MDL_BYTE_COUNT) >> 2]) {
        const address = mdlAddress(i32, mdl) + offset;
        if (AlignMultiple <= 1 || ((address - AlignOffset) & (AlignMultiple - 1)) === 0) return address;
      }
      if (Storage === 0) return 0;
      return copyFromNetBuffer(memory, NetBuffer, 0, Storage, BytesNeeded) === BytesNeeded ? Storage : 0;
    };
  },
});

/**
 * Copies data from one net buffer into another, from offsets that count from the start of the used data of each.
 * Stops where the data of the source or the space of the destination ends, and gives the number of bytes copied.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES where an MDL cannot be mapped, because its pages are neither
 * nonpaged nor locked, and for a chain that is a cycle. IRQL <= DISPATCH_LEVEL.
 * Page nblapi/nf-nblapi-ndiscopyfromnetbuffertonetbuffer.
 */
export const NdisCopyFromNetBufferToNetBuffer = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisCopyFromNetBufferToNetBuffer(PNET_BUFFER Destination, ULONG DestinationOffset, ' +
    'ULONG BytesToCopy, PNET_BUFFER Source, ULONG SourceOffset, PULONG BytesCopied)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndiscopyfromnetbuffertonetbuffer',
  implement: (ndis: NdisLibrary) => {
    const { memory } = ndis;
    const { i32, u32 } = memory;
    return (
      Destination: Address,
      DestinationOffset: number,
      BytesToCopy: number,
      Source: Address,
      SourceOffset: number,
      BytesCopied: OutPointer,
    ): number => {
      const available = u32[(Source + NB_DATA_LENGTH) >> 2] - SourceOffset;
      const wanted = Math.max(0, Math.min(BytesToCopy, available));
      if (
        !canMap(memory, Source, SourceOffset + wanted) ||
        !canMap(memory, Destination, wanted === 0 ? 0 : DestinationOffset + wanted)
      ) {
        u32[BytesCopied >> 2] = 0;
        return NDIS_STATUS_RESOURCES;
      }
      let left = wanted;
      let copied = 0;
      let mdl = i32[(Source + NB_CURRENT_MDL) >> 2];
      let skip = u32[(Source + NB_CURRENT_MDL_OFFSET) >> 2] + SourceOffset;
      // canMap has walked the chain up to here: it has an end.
      while (mdl !== 0 && left > 0) {
        const count = u32[(mdl + MDL_BYTE_COUNT) >> 2];
        if (skip < count) {
          const part = Math.min(count - skip, left);
          const from = mdlAddress(i32, mdl) + skip;
          const done = copyToNetBuffer(memory, Destination, DestinationOffset + copied, from, part);
          copied += done;
          left -= part;
          skip = 0;
          if (done < part) break;
        } else {
          skip -= count;
        }
        mdl = i32[(mdl + MDL_NEXT) >> 2];
      }
      u32[BytesCopied >> 2] = copied;
      return NDIS_STATUS_SUCCESS;
    };
  },
});

/** Whether the MDLs that hold the first `length` bytes of used data have, or can be given, an address. */
function canMap(memory: KernelMemory, nb: Address, length: number): boolean {
  const { i32, u32, i16 } = memory;
  let mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
  let left = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] + length;
  for (let step = 0; mdl !== 0 && left > 0; step++) {
    if (step === MDL_CHAIN_LIMIT || (i16[(mdl + MDL_FLAGS) >> 1] & MAPPABLE) === 0) return false;
    left -= u32[(mdl + MDL_BYTE_COUNT) >> 2];
    mdl = i32[(mdl + MDL_NEXT) >> 2];
  }
  return true;
}

/** Flags of which an MDL has one when its pages are there: mapped already, never paged, locked, or part of such. */
const MAPPABLE = MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PAGES_LOCKED | MDL_PARTIAL;

/**
 * The most physical pieces that the MDLs of a net buffer have: their pages.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisquerynetbufferphysicalcount.
 */
export const NdisQueryNetBufferPhysicalCount = declareFunction('ndis', {
  prototype: 'ULONG NdisQueryNetBufferPhysicalCount(PNET_BUFFER NetBuffer)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisquerynetbufferphysicalcount',
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (NetBuffer: Address): number => {
      let pages = 0;
      let steps = 0;
      let mdl = i32[(NetBuffer + NB_MDL_CHAIN) >> 2];
      for (; mdl !== 0 && steps < MDL_CHAIN_LIMIT; steps++) {
        pages += mdlPages(i32, mdl);
        mdl = i32[(mdl + MDL_NEXT) >> 2];
      }
      return pages;
    };
  },
});

/**
 * Sets CurrentMdl and CurrentMdlOffset from DataOffset.
 * Any IRQL. Page nblapi/nf-nblapi-ndisadjustnetbuffercurrentmdl.
 */
export const NdisAdjustNetBufferCurrentMdl = declareFunction('ndis', {
  prototype: 'VOID NdisAdjustNetBufferCurrentMdl(PNET_BUFFER NetBuffer)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisadjustnetbuffercurrentmdl',
  implement:
    (ndis: NdisLibrary) =>
    (NetBuffer: Address): void =>
      adjustCurrentMdl(ndis.memory, NetBuffer),
});
