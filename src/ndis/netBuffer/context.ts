/**
 * Context space of net buffer lists: each driver of a stack takes some from the front of what is there, and more is
 * allocated when it does not suffice.
 * Implements "NdisAllocateNetBufferListContext" and "NdisFreeNetBufferListContext" (nblapi.h).
 */

import { declareFunction, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { storePointer } from './mdl.ts';
import {
  CONTEXT_ADDED,
  CONTEXT_DATA_SIZE,
  CONTEXT_FLOOR,
  CONTEXT_NEXT,
  CONTEXT_OFFSET,
  CONTEXT_ORIGIN,
  CONTEXT_SIZE,
  NBL_CONTEXT,
} from './offsets.ts';

const ALLOCATE_PAGE = 'nblapi/nf-nblapi-ndisallocatenetbufferlistcontext';
const FREE_PAGE = 'nblapi/nf-nblapi-ndisfreenetbufferlistcontext';

/** Context space is given in units of this many bytes, the size of a pointer. */
const UNIT = 8;
/** NET_BUFFER_LIST_CONTEXT.Size is a USHORT. */
const LIMIT = 0xffff;

/**
 * Takes ContextSize more bytes of context space: unused ones of the list where they suffice, else new ones.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES when memory is short; NDIS_STATUS_FAILURE for sizes that are
 * no multiple of the size of a pointer or do not fit a USHORT.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatenetbufferlistcontext.
 */
export const NdisAllocateNetBufferListContext = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisAllocateNetBufferListContext(PNET_BUFFER_LIST NetBufferList, USHORT ContextSize, ' +
    'USHORT ContextBackFill, ULONG PoolTag)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: ALLOCATE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { i32, u16 } = ndis.memory;
    const pool = poolOf(ndis.kernel);
    return (
      NetBufferList: Address,
      ContextSize: number,
      ContextBackFill: number,
      PoolTag: number,
    ): number => {
      if ((ContextSize | ContextBackFill) % UNIT !== 0) return NDIS_STATUS_FAILURE;
      const first = i32[(NetBufferList + NBL_CONTEXT) >> 2];
      if (first !== 0 && u16[(first + CONTEXT_OFFSET) >> 1] >= ContextSize) {
        u16[(first + CONTEXT_OFFSET) >> 1] -= ContextSize;
        return NDIS_STATUS_SUCCESS;
      }
      const size = ContextSize + ContextBackFill;
      if (size > LIMIT) return NDIS_STATUS_FAILURE;
      const context = pool.allocate(poolType.nonPagedNx, CONTEXT_SIZE + size, PoolTag, driver.id);
      if (context === 0) return NDIS_STATUS_RESOURCES;
      storePointer(i32, context + CONTEXT_NEXT, first);
      u16[(context + CONTEXT_DATA_SIZE) >> 1] = size;
      u16[(context + CONTEXT_OFFSET) >> 1] = ContextBackFill;
      u16[(context + CONTEXT_ORIGIN) >> 1] = CONTEXT_ADDED;
      u16[(context + CONTEXT_FLOOR) >> 1] = size;
      storePointer(i32, NetBufferList + NBL_CONTEXT, context);
      return NDIS_STATUS_SUCCESS;
    };
  },
});

/**
 * Gives ContextSize bytes of context space back, and the memory they lie in where it was allocated for them.
 * More than was taken is a finding and changes nothing.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreenetbufferlistcontext.
 */
export const NdisFreeNetBufferListContext = declareFunction('ndis', {
  prototype: 'VOID NdisFreeNetBufferListContext(PNET_BUFFER_LIST NetBufferList, USHORT ContextSize)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: FREE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { i32, u16 } = ndis.memory;
    const pool = poolOf(ndis.kernel);
    return (NetBufferList: Address, ContextSize: number): void => {
      const context = i32[(NetBufferList + NBL_CONTEXT) >> 2];
      const offset = context === 0 ? 0 : u16[(context + CONTEXT_OFFSET) >> 1] + ContextSize;
      if (context === 0 || offset > u16[(context + CONTEXT_FLOOR) >> 1]) {
        const text =
          `NdisFreeNetBufferListContext: ${ContextSize} bytes of the list 0x${NetBufferList.toString(16)} are more ` +
          'than NdisAllocateNetBufferListContext gave; free what was allocated, once';
        ndis.kernel.report('NBL_CONTEXT_FREE', driver, text, FREE_PAGE);
        return;
      }
      u16[(context + CONTEXT_OFFSET) >> 1] = offset;
      const added = u16[(context + CONTEXT_ORIGIN) >> 1] === CONTEXT_ADDED;
      if (added && offset === u16[(context + CONTEXT_DATA_SIZE) >> 1]) {
        storePointer(i32, NetBufferList + NBL_CONTEXT, i32[(context + CONTEXT_NEXT) >> 2]);
        pool.free(context);
      }
    };
  },
});
