/**
 * Allocating and freeing net buffer lists and net buffers.
 * Implements "NdisAllocateNetBufferList", "NdisAllocateNetBufferAndNetBufferList", "NdisAllocateNetBuffer",
 * "NdisAllocateNetBufferMdlAndData" and their counterparts (nblapi.h).
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { NdisLibrary } from '../library.ts';
import { NetBufferListPool } from './netBufferListPool.ts';
import { NetBufferPool } from './netBufferPool.ts';
import { netBuffersOf } from './netBuffers.ts';
import { BLOCK_ALLOCATED, NBL_FIRST_NET_BUFFER } from './offsets.ts';

const LIST_PAGE = 'nblapi/nf-nblapi-ndisallocatenetbufferlist';
const BOTH_PAGE = 'nblapi/nf-nblapi-ndisallocatenetbufferandnetbufferlist';
const BUFFER_PAGE = 'nblapi/nf-nblapi-ndisallocatenetbuffer';
const DATA_PAGE = 'nblapi/nf-nblapi-ndisallocatenetbuffermdlanddata';

/** Largest context space: NET_BUFFER_LIST_CONTEXT.Size is a USHORT. */
const CONTEXT_LIMIT = 0xffff;

/** What is wrong with context sizes, or null. */
function contextFault(size: number, backFill: number): string | null {
  if (((size | backFill) & 15) !== 0) {
    return `ContextSize ${size} and ContextBackFill ${backFill} must be multiples of MEMORY_ALLOCATION_ALIGNMENT (16)`;
  }
  return size + backFill > CONTEXT_LIMIT
    ? `ContextSize and ContextBackFill pass ${CONTEXT_LIMIT} bytes`
    : null;
}

/** Reports arguments with which nothing can be allocated. */
function refuse(ndis: NdisLibrary, driver: Driver, call: string, text: string, page: string): Address {
  ndis.kernel.report('BAD_ALLOCATION', driver, `${call}: ${text}`, page);
  return 0;
}

/**
 * Allocates a list from a pool. Where the pool preallocates net buffers, the list comes with one, and with an MDL
 * and data where the pool has a data size: all of it unused data space.
 * @returns the list, or NULL when memory is short or an argument is wrong (a finding).
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatenetbufferlist.
 */
export const NdisAllocateNetBufferList = declareFunction('ndis', {
  prototype:
    'PNET_BUFFER_LIST NdisAllocateNetBufferList(NDIS_HANDLE PoolHandle, USHORT ContextSize, USHORT ContextBackFill)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: LIST_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const netBuffers = netBuffersOf(ndis);
    const call = 'NdisAllocateNetBufferList';
    return (PoolHandle: Handle, ContextSize: number, ContextBackFill: number): Address => {
      const pool = netBuffers.listPool(PoolHandle);
      if (pool === null) {
        ndis.expect(PoolHandle, NetBufferListPool, driver, call, LIST_PAGE);
        return 0;
      }
      if ((ContextSize | ContextBackFill) !== 0) {
        const fault = contextFault(ContextSize, ContextBackFill);
        if (fault !== null) return refuse(ndis, driver, call, fault, LIST_PAGE);
      }
      return pool.allocate(BLOCK_ALLOCATED, ContextSize, ContextBackFill, 0, 0, 0);
    };
  },
});

/**
 * Allocates a list with the net buffer that its pool preallocates, which describes DataLength bytes from DataOffset
 * on in MdlChain. The pool must have fAllocateNetBuffer TRUE and no DataSize.
 * @returns the list, or NULL when memory is short or an argument is wrong (a finding).
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatenetbufferandnetbufferlist.
 */
export const NdisAllocateNetBufferAndNetBufferList = declareFunction('ndis', {
  prototype:
    'PNET_BUFFER_LIST NdisAllocateNetBufferAndNetBufferList(NDIS_HANDLE PoolHandle, USHORT ContextSize, ' +
    'USHORT ContextBackFill, PMDL MdlChain, ULONG DataOffset, SIZE_T DataLength)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: BOTH_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const netBuffers = netBuffersOf(ndis);
    const checks = ndis.options.checks === true;
    const { i32 } = ndis.memory;
    const call = 'NdisAllocateNetBufferAndNetBufferList';
    return (
      PoolHandle: Handle,
      ContextSize: number,
      ContextBackFill: number,
      MdlChain: Address,
      DataOffset: number,
      DataLength: number,
    ): Address => {
      const pool = netBuffers.listPool(PoolHandle);
      if (pool === null) {
        ndis.expect(PoolHandle, NetBufferListPool, driver, call, BOTH_PAGE);
        return 0;
      }
      if (!pool.options.withNetBuffer || pool.options.dataSize !== 0) {
        const text = 'the pool must have been created with fAllocateNetBuffer TRUE and DataSize 0';
        return refuse(ndis, driver, call, text, BOTH_PAGE);
      }
      if ((ContextSize | ContextBackFill) !== 0) {
        const fault = contextFault(ContextSize, ContextBackFill);
        if (fault !== null) return refuse(ndis, driver, call, fault, BOTH_PAGE);
      }
      if (MdlChain === 0 && (DataOffset | DataLength) !== 0) {
        return refuse(ndis, driver, call, 'without MdlChain, DataOffset and DataLength must be 0', BOTH_PAGE);
      }
      const nbl = pool.allocate(
        BLOCK_ALLOCATED,
        ContextSize,
        ContextBackFill,
        MdlChain,
        DataOffset,
        DataLength,
      );
      if (checks && nbl !== 0) {
        netBuffers.checkNetBuffer(i32[(nbl + NBL_FIRST_NET_BUFFER) >> 2], driver, call, BOTH_PAGE);
      }
      return nbl;
    };
  },
});

/**
 * Frees a list and the net buffer, MDL and data that were allocated with it. Net buffers that the driver allocated
 * itself stay allocated.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreenetbufferlist.
 */
export const NdisFreeNetBufferList = declareFunction('ndis', {
  prototype: 'VOID NdisFreeNetBufferList(PNET_BUFFER_LIST NetBufferList)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisfreenetbufferlist',
  implement: (ndis: NdisLibrary, driver) => {
    const netBuffers = netBuffersOf(ndis);
    return (NetBufferList: Address): void => {
      const page = 'nblapi/nf-nblapi-ndisfreenetbufferlist';
      netBuffers.freeList(NetBufferList, BLOCK_ALLOCATED, driver, 'NdisFreeNetBufferList', page);
    };
  },
});

/**
 * Allocates a net buffer that describes DataLength bytes from DataOffset on in MdlChain. Not for pools with a data
 * size, from which NdisAllocateNetBufferMdlAndData allocates.
 * @returns the net buffer, or NULL when memory is short or an argument is wrong (a finding).
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatenetbuffer.
 */
export const NdisAllocateNetBuffer = declareFunction('ndis', {
  prototype:
    'PNET_BUFFER NdisAllocateNetBuffer(NDIS_HANDLE PoolHandle, PMDL MdlChain, ULONG DataOffset, SIZE_T DataLength)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: BUFFER_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const netBuffers = netBuffersOf(ndis);
    const checks = ndis.options.checks === true;
    const call = 'NdisAllocateNetBuffer';
    return (PoolHandle: Handle, MdlChain: Address, DataOffset: number, DataLength: number): Address => {
      const pool = netBuffers.bufferPool(PoolHandle);
      if (pool === null) {
        ndis.expect(PoolHandle, NetBufferPool, driver, call, BUFFER_PAGE);
        return 0;
      }
      if (pool.options.dataSize !== 0) {
        const text = 'the pool has a DataSize; call NdisAllocateNetBufferMdlAndData';
        return refuse(ndis, driver, call, text, BUFFER_PAGE);
      }
      if (MdlChain === 0 && (DataOffset | DataLength) !== 0) {
        const text = 'without MdlChain, DataOffset and DataLength must be 0';
        return refuse(ndis, driver, call, text, BUFFER_PAGE);
      }
      const nb = pool.allocate(MdlChain, DataOffset, DataLength);
      if (checks && nb !== 0) netBuffers.checkNetBuffer(nb, driver, call, BUFFER_PAGE);
      return nb;
    };
  },
});

/**
 * Allocates a net buffer with an MDL and data in one block; all the data is unused data space, so a retreat makes
 * room in it. The pool must have a data size.
 * @returns the net buffer, or NULL when memory is short or the pool is a wrong one (a finding).
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatenetbuffermdlanddata.
 */
export const NdisAllocateNetBufferMdlAndData = declareFunction('ndis', {
  prototype: 'PNET_BUFFER NdisAllocateNetBufferMdlAndData(NDIS_HANDLE PoolHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: DATA_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const netBuffers = netBuffersOf(ndis);
    const call = 'NdisAllocateNetBufferMdlAndData';
    return (PoolHandle: Handle): Address => {
      const pool = netBuffers.bufferPool(PoolHandle);
      if (pool === null) {
        ndis.expect(PoolHandle, NetBufferPool, driver, call, DATA_PAGE);
        return 0;
      }
      if (pool.options.dataSize === 0) {
        return refuse(ndis, driver, call, 'the pool must have been created with a DataSize', DATA_PAGE);
      }
      return pool.allocateWithData();
    };
  },
});

/**
 * Frees a net buffer, and the MDL and data that were allocated with it.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreenetbuffer.
 */
export const NdisFreeNetBuffer = declareFunction('ndis', {
  prototype: 'VOID NdisFreeNetBuffer(PNET_BUFFER NetBuffer)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisfreenetbuffer',
  implement: (ndis: NdisLibrary, driver) => {
    const netBuffers = netBuffersOf(ndis);
    return (NetBuffer: Address): void => {
      netBuffers.freeBuffer(NetBuffer, driver, 'NdisFreeNetBuffer', 'nblapi/nf-nblapi-ndisfreenetbuffer');
    };
  },
});
