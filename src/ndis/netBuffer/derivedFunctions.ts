/**
 * Cloning, fragmenting and reassembling lists, as drivers call it.
 * Implements "NdisAllocateCloneNetBufferList", "NdisAllocateFragmentNetBufferList",
 * "NdisAllocateReassembledNetBufferList" and their counterparts (nblapi.h).
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { type DerivedPools, derivedListsOf } from './derived.ts';
import { NetBufferListPool } from './netBufferListPool.ts';
import { NetBufferPool } from './netBufferPool.ts';
import { netBuffersOf } from './netBuffers.ts';
import { BLOCK_CLONE, BLOCK_CLONE_SHARING, BLOCK_FRAGMENT, BLOCK_REASSEMBLED } from './offsets.ts';

const CLONE_PAGE = 'nblapi/nf-nblapi-ndisallocateclonenetbufferlist';
const FREE_CLONE_PAGE = 'nblapi/nf-nblapi-ndisfreeclonenetbufferlist';
const FRAGMENT_PAGE = 'nblapi/nf-nblapi-ndisallocatefragmentnetbufferlist';
const FREE_FRAGMENT_PAGE = 'nblapi/nf-nblapi-ndisfreefragmentnetbufferlist';
const REASSEMBLE_PAGE = 'nblapi/nf-nblapi-ndisallocatereassemblednetbufferlist';
const FREE_REASSEMBLED_PAGE = 'nblapi/nf-nblapi-ndisfreereassemblednetbufferlist';

/** Finds the pools that a call names, NDIS's own for NULL; null, with a finding, for handles of no pool. */
function poolFinder(ndis: NdisLibrary, driver: Driver, call: string, page: string) {
  const netBuffers = netBuffersOf(ndis);
  // One object for all calls: it is read before the next call overwrites it.
  const found = { lists: netBuffers.ownLists, buffers: netBuffers.ownBuffers };
  return (lists: Handle, buffers: Handle): DerivedPools | null => {
    const listPool = lists === 0 ? netBuffers.ownLists : netBuffers.listPool(lists);
    const bufferPool = buffers === 0 ? netBuffers.ownBuffers : netBuffers.bufferPool(buffers);
    if (listPool === null) ndis.expect(lists, NetBufferListPool, driver, call, page);
    if (bufferPool === null) ndis.expect(buffers, NetBufferPool, driver, call, page);
    if (listPool === null || bufferPool === null) return null;
    if (listPool.options.dataSize !== 0 || bufferPool.options.dataSize !== 0) {
      const text = `${call}: a pool with a DataSize gives data of its own; name a pool without`;
      ndis.kernel.report('BAD_ALLOCATION', driver, text, page);
      return null;
    }
    found.lists = listPool;
    found.buffers = bufferPool;
    return found;
  };
}

/**
 * Makes a list that describes the used data of another: with new MDLs, or with those of the original where
 * NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS is set. It has no context space; parent and child count are the caller's.
 * @returns the clone, or NULL when memory is short or a handle is of no pool (a finding).
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocateclonenetbufferlist.
 */
export const NdisAllocateCloneNetBufferList = declareFunction('ndis', {
  prototype:
    'PNET_BUFFER_LIST NdisAllocateCloneNetBufferList(PNET_BUFFER_LIST OriginalNetBufferList, ' +
    'NDIS_HANDLE NetBufferListPoolHandle, NDIS_HANDLE NetBufferPoolHandle, ULONG AllocateCloneFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: CLONE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const derived = derivedListsOf(ndis);
    const poolsOf = poolFinder(ndis, driver, 'NdisAllocateCloneNetBufferList', CLONE_PAGE);
    return (
      OriginalNetBufferList: Address,
      NetBufferListPoolHandle: Handle,
      NetBufferPoolHandle: Handle,
      AllocateCloneFlags: number,
    ): Address => {
      const pools = poolsOf(NetBufferListPoolHandle, NetBufferPoolHandle);
      if (pools === null) return 0;
      const share = (AllocateCloneFlags & NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS) !== 0;
      return derived.clone(OriginalNetBufferList, pools, share, driver);
    };
  },
});

/**
 * Frees a clone with its net buffers and, unless FreeCloneFlags says it shares them, its MDLs. The flags must be
 * those it was allocated with; others are a finding and free nothing.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreeclonenetbufferlist.
 */
export const NdisFreeCloneNetBufferList = declareFunction('ndis', {
  prototype: 'VOID NdisFreeCloneNetBufferList(PNET_BUFFER_LIST CloneNetBufferList, ULONG FreeCloneFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: FREE_CLONE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const derived = derivedListsOf(ndis);
    const call = 'NdisFreeCloneNetBufferList';
    return (CloneNetBufferList: Address, FreeCloneFlags: number): void => {
      const share = (FreeCloneFlags & NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS) !== 0;
      const state = share ? BLOCK_CLONE_SHARING : BLOCK_CLONE;
      derived.free(CloneNetBufferList, state, !share, 0, driver, call, FREE_CLONE_PAGE);
    };
  },
});

/**
 * Makes a list whose net buffers each describe at most MaximumLength bytes of another's data, after StartOffset bytes
 * of each of its net buffers, with DataOffsetDelta bytes of new used data space before each.
 * @returns the list, or NULL when memory is short, nothing is left to describe, or an argument is wrong (a finding).
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatefragmentnetbufferlist.
 */
export const NdisAllocateFragmentNetBufferList = declareFunction('ndis', {
  prototype:
    'PNET_BUFFER_LIST NdisAllocateFragmentNetBufferList(PNET_BUFFER_LIST OriginalNetBufferList, ' +
    'NDIS_HANDLE NetBufferListPool, NDIS_HANDLE NetBufferPool, ULONG StartOffset, ULONG MaximumLength, ' +
    'ULONG DataOffsetDelta, ULONG DataBackFill, ULONG AllocateFragmentFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: FRAGMENT_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const derived = derivedListsOf(ndis);
    const call = 'NdisAllocateFragmentNetBufferList';
    const poolsOf = poolFinder(ndis, driver, call, FRAGMENT_PAGE);
    return (
      OriginalNetBufferList: Address,
      NetBufferListPool: Handle,
      NetBufferPool: Handle,
      StartOffset: number,
      MaximumLength: number,
      DataOffsetDelta: number,
      DataBackFill: number,
      _AllocateFragmentFlags: number,
    ): Address => {
      if (MaximumLength === 0) {
        ndis.kernel.report('BAD_ALLOCATION', driver, `${call}: MaximumLength must not be 0`, FRAGMENT_PAGE);
        return 0;
      }
      const pools = poolsOf(NetBufferListPool, NetBufferPool);
      if (pools === null) return 0;
      return derived.fragment(
        OriginalNetBufferList,
        pools,
        StartOffset,
        MaximumLength,
        DataOffsetDelta,
        DataBackFill,
        driver,
      );
    };
  },
});

/**
 * Advances the net buffers of a fragment list by DataOffsetDelta and frees it with them and their MDLs.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreefragmentnetbufferlist.
 */
export const NdisFreeFragmentNetBufferList = declareFunction('ndis', {
  prototype:
    'VOID NdisFreeFragmentNetBufferList(PNET_BUFFER_LIST FragmentNetBufferList, ULONG DataOffsetDelta, ' +
    'ULONG FreeFragmentFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: FREE_FRAGMENT_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const derived = derivedListsOf(ndis);
    const call = 'NdisFreeFragmentNetBufferList';
    return (FragmentNetBufferList: Address, DataOffsetDelta: number, _FreeFragmentFlags: number): void =>
      derived.free(
        FragmentNetBufferList,
        BLOCK_FRAGMENT,
        true,
        DataOffsetDelta,
        driver,
        call,
        FREE_FRAGMENT_PAGE,
      );
  },
});

/**
 * Makes a list of one net buffer that describes the data of all net buffers of another in a row, without StartOffset
 * bytes of each, with DataOffsetDelta bytes of new used data space before it.
 * @returns the list, or NULL when memory is short or the handle is of no fitting pool (a finding).
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisallocatereassemblednetbufferlist.
 */
export const NdisAllocateReassembledNetBufferList = declareFunction('ndis', {
  prototype:
    'PNET_BUFFER_LIST NdisAllocateReassembledNetBufferList(PNET_BUFFER_LIST FragmentNetBufferList, ' +
    'NDIS_HANDLE NetBufferAndNetBufferListPoolHandle, ULONG StartOffset, ULONG DataOffsetDelta, ' +
    'ULONG DataBackFill, ULONG AllocateReassembleFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: REASSEMBLE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const derived = derivedListsOf(ndis);
    const call = 'NdisAllocateReassembledNetBufferList';
    const poolsOf = poolFinder(ndis, driver, call, REASSEMBLE_PAGE);
    return (
      FragmentNetBufferList: Address,
      NetBufferAndNetBufferListPoolHandle: Handle,
      StartOffset: number,
      DataOffsetDelta: number,
      DataBackFill: number,
      _AllocateReassembleFlags: number,
    ): Address => {
      const pools = poolsOf(NetBufferAndNetBufferListPoolHandle, 0);
      if (pools === null) return 0;
      if (NetBufferAndNetBufferListPoolHandle !== 0 && !pools.lists.options.withNetBuffer) {
        const text = `${call}: the pool must have been created with fAllocateNetBuffer TRUE and DataSize 0`;
        ndis.kernel.report('BAD_ALLOCATION', driver, text, REASSEMBLE_PAGE);
        return 0;
      }
      return derived.reassemble(
        FragmentNetBufferList,
        pools,
        StartOffset,
        DataOffsetDelta,
        DataBackFill,
        driver,
      );
    };
  },
});

/**
 * Advances the net buffer of a reassembled list by DataOffsetDelta and frees it with its net buffer and MDLs.
 * IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndisfreereassemblednetbufferlist.
 */
export const NdisFreeReassembledNetBufferList = declareFunction('ndis', {
  prototype:
    'VOID NdisFreeReassembledNetBufferList(PNET_BUFFER_LIST ReassembledNetBufferList, ULONG DataOffsetDelta, ' +
    'ULONG FreeReassembleFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: FREE_REASSEMBLED_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const derived = derivedListsOf(ndis);
    const call = 'NdisFreeReassembledNetBufferList';
    return (ReassembledNetBufferList: Address, DataOffsetDelta: number, _FreeReassembleFlags: number): void =>
      derived.free(
        ReassembledNetBufferList,
        BLOCK_REASSEMBLED,
        true,
        DataOffsetDelta,
        driver,
        call,
        FREE_REASSEMBLED_PAGE,
      );
  },
});
