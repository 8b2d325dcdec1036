/**
 * Creating and freeing pools of net buffers and net buffer lists.
 * Implements "NdisAllocateNetBufferListPool", "NdisAllocateNetBufferPool" and their kin (nblapi.h).
 */

import { type Driver, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_PROTOCOL_ID_MAX,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_2,
  NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_2,
  NET_BUFFER_LIST_POOL_FLAG_VERIFY,
  NET_BUFFER_POOL_FLAG_VERIFY,
} from '../generated/constants/index.ts';
import {
  NET_BUFFER_LIST_POOL_PARAMETERS,
  NET_BUFFER_POOL_PARAMETERS,
} from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import type { BlockPool } from './blockPool.ts';
import { NetBufferListPool } from './netBufferListPool.ts';
import { NetBufferPool } from './netBufferPool.ts';
import { NB_POOL_HANDLE, NBL_POOL_HANDLE } from './offsets.ts';

/** MEMORY_ALLOCATION_ALIGNMENT of x64. */
export const ALLOCATION_ALIGNMENT = 16;

const LIST_POOL_PAGE = 'nblapi/nf-nblapi-ndisallocatenetbufferlistpool';
const POOL_PAGE = 'nblapi/nf-nblapi-ndisallocatenetbufferpool';

const listPoolHeader: HeaderRule = {
  structure: 'NET_BUFFER_LIST_POOL_PARAMETERS',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    { revision: 1, size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1, minorVersion: 0 },
    { revision: 2, size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_2, minorVersion: 87 },
  ],
  page: LIST_POOL_PAGE,
};

const poolHeader: HeaderRule = {
  structure: 'NET_BUFFER_POOL_PARAMETERS',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    { revision: 1, size: NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1, minorVersion: 0 },
    { revision: 2, size: NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_2, minorVersion: 87 },
  ],
  page: POOL_PAGE,
};

const LIST_FLAGS_OFFSET = 16;
const FLAGS_OFFSET = 12;

/** Reports an NdisHandle that NDIS did not give out. A generic object lies in pool memory and is not looked up. */
function checkNdisHandle(
  ndis: NdisLibrary,
  driver: Driver,
  handle: Handle,
  call: string,
  page: string,
): void {
  if (handle === 0 || handle < ndis.memory.size) return;
  ndis.expect(handle, NdisObject, driver, call, page);
}

/** Registers a pool and notes that the driver owns it. */
function own(ndis: NdisLibrary, driver: Driver, pool: BlockPool, kind: string, releasedBy: string): Handle {
  const handle = ndis.register(pool);
  driver.own(`${kind} ${handle}`, {
    kind,
    name: `0x${handle.toString(16)}`,
    releasedBy,
    release: () => {
      pool.destroy();
      ndis.unregister(pool);
    },
  });
  return handle;
}

/** Ends a pool; what is still allocated from it is named in a finding and stays with its driver. */
function end(
  ndis: NdisLibrary,
  driver: Driver,
  pool: BlockPool,
  what: { readonly kind: string; readonly code: string; readonly call: string; readonly page: string },
): void {
  if (pool.outstanding > 0) {
    ndis.kernel.report(
      what.code,
      driver,
      `${what.call}: ${pool.outstanding} of the pool 0x${pool.handle.toString(16)} are not freed ` +
        `(${pool.describeOutstanding()}); free them before their pool`,
      what.page,
    );
  }
  pool.options.driver?.disown(`${what.kind} ${pool.handle}`);
  pool.destroy();
  ndis.unregister(pool);
}

/**
 * Creates a pool of net buffer lists.
 * @returns its handle, or NULL when Parameters are wrong (a note or finding says which member) or memory is short.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatenetbufferlistpool.
 */
export const NdisAllocateNetBufferListPool = declareFunction('ndis', {
  prototype:
    'NDIS_HANDLE NdisAllocateNetBufferListPool(NDIS_HANDLE NdisHandle, PNET_BUFFER_LIST_POOL_PARAMETERS Parameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: LIST_POOL_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisHandle: Handle, Parameters: Pointer<NET_BUFFER_LIST_POOL_PARAMETERS>): Handle => {
      const call = 'NdisAllocateNetBufferListPool';
      const revision = checkHeader(ndis, driver, call, Parameters, listPoolHeader);
      if (revision === null) return 0;
      checkNdisHandle(ndis, driver, NdisHandle, call, LIST_POOL_PAGE);
      const given = NET_BUFFER_LIST_POOL_PARAMETERS.at(ndis.memory, Parameters);
      const flags = revision.revision >= 2 ? ndis.memory.u32[(Parameters + LIST_FLAGS_OFFSET) >> 2] : 0;
      const refuse = (text: string): Handle => {
        ndis.kernel.report('BAD_POOL_PARAMETERS', driver, `${call}: ${text}`, LIST_POOL_PAGE);
        return 0;
      };
      if (given.ContextSize % ALLOCATION_ALIGNMENT !== 0) {
        return refuse(`ContextSize ${given.ContextSize} is no multiple of MEMORY_ALLOCATION_ALIGNMENT (16)`);
      }
      if (given.DataSize !== 0 && !given.fAllocateNetBuffer) {
        return refuse(`DataSize ${given.DataSize} needs fAllocateNetBuffer TRUE`);
      }
      if (given.ProtocolId > NDIS_PROTOCOL_ID_MAX)
        return refuse(`ProtocolId ${given.ProtocolId} does not exist`);
      if (given.DataSize > ndis.memory.size) return 0;
      const pool = new NetBufferListPool(ndis.kernel, {
        driver,
        tag: given.PoolTag,
        dataSize: given.DataSize,
        verify: (flags & NET_BUFFER_LIST_POOL_FLAG_VERIFY) !== 0,
        protocolId: given.ProtocolId,
        withNetBuffer: given.fAllocateNetBuffer,
        contextSize: given.ContextSize,
      });
      return own(ndis, driver, pool, 'NET_BUFFER_LIST pool', 'NdisFreeNetBufferListPool');
    },
});

/**
 * Frees a pool of net buffer lists. All its lists must be free; others are a finding that names them.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreenetbufferlistpool.
 */
export const NdisFreeNetBufferListPool = declareFunction('ndis', {
  prototype: 'VOID NdisFreeNetBufferListPool(NDIS_HANDLE PoolHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisfreenetbufferlistpool',
  implement:
    (ndis: NdisLibrary, driver) =>
    (PoolHandle: Handle): void => {
      const call = 'NdisFreeNetBufferListPool';
      const page = 'nblapi/nf-nblapi-ndisfreenetbufferlistpool';
      const pool = ndis.expect(PoolHandle, NetBufferListPool, driver, call, page);
      if (pool === null) return;
      end(ndis, driver, pool, { kind: 'NET_BUFFER_LIST pool', code: 'NBL_POOL_IN_USE', call, page });
    },
});

/**
 * Creates a pool of net buffers.
 * @returns its handle, or NULL when Parameters are wrong (a note says which member) or memory is short.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatenetbufferpool.
 */
export const NdisAllocateNetBufferPool = declareFunction('ndis', {
  prototype:
    'NDIS_HANDLE NdisAllocateNetBufferPool(NDIS_HANDLE NdisHandle, PNET_BUFFER_POOL_PARAMETERS Parameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: POOL_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisHandle: Handle, Parameters: Pointer<NET_BUFFER_POOL_PARAMETERS>): Handle => {
      const call = 'NdisAllocateNetBufferPool';
      const revision = checkHeader(ndis, driver, call, Parameters, poolHeader);
      if (revision === null) return 0;
      checkNdisHandle(ndis, driver, NdisHandle, call, POOL_PAGE);
      const given = NET_BUFFER_POOL_PARAMETERS.at(ndis.memory, Parameters);
      const flags = revision.revision >= 2 ? ndis.memory.u32[(Parameters + FLAGS_OFFSET) >> 2] : 0;
      if (given.DataSize > ndis.memory.size) return 0;
      const pool = new NetBufferPool(ndis.kernel, {
        driver,
        tag: given.PoolTag,
        dataSize: given.DataSize,
        verify: (flags & NET_BUFFER_POOL_FLAG_VERIFY) !== 0,
      });
      return own(ndis, driver, pool, 'NET_BUFFER pool', 'NdisFreeNetBufferPool');
    },
});

/**
 * Frees a pool of net buffers. All its net buffers must be free; others are a finding that names them.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreenetbufferpool.
 */
export const NdisFreeNetBufferPool = declareFunction('ndis', {
  prototype: 'VOID NdisFreeNetBufferPool(NDIS_HANDLE PoolHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisfreenetbufferpool',
  implement:
    (ndis: NdisLibrary, driver) =>
    (PoolHandle: Handle): void => {
      const call = 'NdisFreeNetBufferPool';
      const page = 'nblapi/nf-nblapi-ndisfreenetbufferpool';
      const pool = ndis.expect(PoolHandle, NetBufferPool, driver, call, page);
      if (pool === null) return;
      end(ndis, driver, pool, { kind: 'NET_BUFFER pool', code: 'NET_BUFFER_POOL_IN_USE', call, page });
    },
});

/**
 * The pool that a net buffer came from: of net buffers, or of lists where it came with a list.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisgetpoolfromnetbuffer.
 */
export const NdisGetPoolFromNetBuffer = declareFunction('ndis', {
  prototype: 'NDIS_HANDLE NdisGetPoolFromNetBuffer(PNET_BUFFER NetBuffer)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisgetpoolfromnetbuffer',
  implement:
    (ndis: NdisLibrary) =>
    (NetBuffer: Address): Handle =>
      ndis.memory.readPointer(NetBuffer + NB_POOL_HANDLE),
});

/**
 * The pool that a list came from.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisgetpoolfromnetbufferlist.
 */
export const NdisGetPoolFromNetBufferList = declareFunction('ndis', {
  prototype: 'NDIS_HANDLE NdisGetPoolFromNetBufferList(PNET_BUFFER_LIST NetBufferList)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisgetpoolfromnetbufferlist',
  implement:
    (ndis: NdisLibrary) =>
    (NetBufferList: Address): Handle =>
      ndis.memory.readPointer(NetBufferList + NBL_POOL_HANDLE),
});
