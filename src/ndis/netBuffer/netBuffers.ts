/**
 * The net buffers of a library: pools behind their handles, NDIS's own pools for what comes without one, and what is
 * reported when a driver frees what it must not. Shared by the declared functions and the library's data path.
 */

import { type Driver, poolOf } from '../../kernel/index.ts';
import type { Address, KernelMemory } from '../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { type MdlAllocator, mdlsOf, storePointer } from './mdl.ts';
import { netBufferFault } from './netBufferAccess.ts';
import { NetBufferListPool } from './netBufferListPool.ts';
import { NetBufferPool } from './netBufferPool.ts';
import {
  BLOCK_ALLOCATED,
  BLOCK_CLONE,
  BLOCK_CLONE_SHARING,
  BLOCK_FRAGMENT,
  BLOCK_FREE,
  BLOCK_REASSEMBLED,
  BLOCK_WITH_LIST,
  CONTEXT_ADDED,
  CONTEXT_NEXT,
  CONTEXT_ORIGIN,
  NB_POOL_HANDLE,
  NB_STATE,
  NB_TRUE_POOL,
  NBL_CONTEXT,
  NBL_HOLDER,
  NBL_POOL_HANDLE,
  NBL_STATE,
  NBL_TRUE_POOL,
} from './offsets.ts';

/** Pool tag of NDIS's own net buffers, `NDnb`. */
const OWN_TAG = 0x626e444e;

/** What frees a list in each state. */
const FREED_BY: Readonly<Record<number, string>> = {
  [BLOCK_ALLOCATED]: 'NdisFreeNetBufferList',
  [BLOCK_CLONE]: 'NdisFreeCloneNetBufferList without NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS',
  [BLOCK_CLONE_SHARING]: 'NdisFreeCloneNetBufferList with NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS',
  [BLOCK_FRAGMENT]: 'NdisFreeFragmentNetBufferList',
  [BLOCK_REASSEMBLED]: 'NdisFreeReassembledNetBufferList',
};

export class NetBuffers {
  readonly ndis: NdisLibrary;
  readonly memory: KernelMemory;
  readonly mdls: MdlAllocator;
  #ownLists: NetBufferListPool | null = null;
  #ownBuffers: NetBufferPool | null = null;
  /** The pools used last: most calls name the same one again. */
  #lastLists: NetBufferListPool | null = null;
  #lastBuffers: NetBufferPool | null = null;

  constructor(ndis: NdisLibrary) {
    this.ndis = ndis;
    this.memory = ndis.memory;
    this.mdls = mdlsOf(ndis);
  }

  /** The pool of lists behind a handle, or null. */
  listPool(handle: Address): NetBufferListPool | null {
    const last = this.#lastLists;
    if (last !== null && last.handle === handle) return last;
    const pool = this.ndis.resolve(handle, NetBufferListPool);
    if (pool !== null) this.#lastLists = pool;
    return pool;
  }

  /** The pool of net buffers behind a handle, or null. */
  bufferPool(handle: Address): NetBufferPool | null {
    const last = this.#lastBuffers;
    if (last !== null && last.handle === handle) return last;
    const pool = this.ndis.resolve(handle, NetBufferPool);
    if (pool !== null) this.#lastBuffers = pool;
    return pool;
  }

  /** NDIS's own pool of lists without net buffer, context and data. */
  get ownLists(): NetBufferListPool {
    if (this.#ownLists === null) {
      this.#ownLists = new NetBufferListPool(this.ndis.kernel, {
        driver: null,
        tag: OWN_TAG,
        dataSize: 0,
        verify: false,
        protocolId: 0,
        withNetBuffer: false,
        contextSize: 0,
      });
      this.ndis.register(this.#ownLists);
    }
    return this.#ownLists;
  }

  /** NDIS's own pool of net buffers without data. */
  get ownBuffers(): NetBufferPool {
    if (this.#ownBuffers === null) {
      this.#ownBuffers = new NetBufferPool(this.ndis.kernel, {
        driver: null,
        tag: OWN_TAG,
        dataSize: 0,
        verify: false,
      });
      this.ndis.register(this.#ownBuffers);
    }
    return this.#ownBuffers;
  }

  /** Notes which driver holds a list, so that another that frees it is reported; 0 for the one that allocated it. */
  setHolder(nbl: Address, driverId: number): void {
    this.memory.i32[(nbl + NBL_HOLDER) >> 2] = driverId;
  }

  /** The pool that takes a list back, which must be in `state`; anything else is a finding and gives null. */
  poolToFree(
    nbl: Address,
    state: number,
    driver: Driver | null,
    call: string,
    page: string,
  ): NetBufferListPool | null {
    const { i32 } = this.memory;
    const pool = this.listPool(i32[(nbl + NBL_TRUE_POOL) >> 2]);
    const index = nbl >> 2;
    if (
      pool !== null &&
      i32[index + (NBL_STATE >> 2)] === state &&
      i32[index + (NBL_POOL_HANDLE >> 2)] === pool.handle &&
      i32[index + (NBL_HOLDER >> 2)] === 0
    ) {
      return pool;
    }
    return this.#mayFreeList(nbl, pool, state, driver, call, page) ? pool : null;
  }

  /** Frees a list that must be in `state`; anything else is a finding and frees nothing. */
  freeList(nbl: Address, state: number, driver: Driver | null, call: string, page: string): void {
    const pool = this.poolToFree(nbl, state, driver, call, page);
    if (pool !== null) this.freeInto(pool, nbl, driver, call, page);
  }

  /** Frees a list that `poolToFree` let pass, with the context space that is left. */
  freeInto(pool: NetBufferListPool, nbl: Address, driver: Driver | null, call: string, page: string): void {
    const { i32 } = this.memory;
    const index = nbl >> 2;
    const context = i32[index + (NBL_CONTEXT >> 2)];
    if (context !== 0 && i32[(context + CONTEXT_NEXT) >> 2] !== 0) {
      this.#releaseContexts(nbl, context, driver, call, page);
    } else if (context !== 0 && this.memory.u16[(context + CONTEXT_ORIGIN) >> 1] === CONTEXT_ADDED) {
      this.#releaseContexts(nbl, context, driver, call, page);
    }
    pool.free(nbl);
  }

  /** Frees a net buffer that was allocated on its own; anything else is a finding and frees nothing. */
  freeBuffer(nb: Address, driver: Driver | null, call: string, page: string): boolean {
    const { i32 } = this.memory;
    const state = i32[(nb + NB_STATE) >> 2];
    const pool = this.bufferPool(i32[(nb + NB_TRUE_POOL) >> 2]);
    if (pool === null || state !== BLOCK_ALLOCATED) {
      const text =
        state === BLOCK_FREE
          ? 'it is free already; free each net buffer once'
          : state === BLOCK_WITH_LIST
            ? 'it belongs to the NET_BUFFER_LIST it was allocated with; NdisFreeNetBufferList frees both'
            : pool === null
              ? 'its pool does not exist; free net buffers before their pool, and only such that NDIS allocated'
              : 'it was not allocated';
      this.#report('NET_BUFFER_FREE', driver, call, nb, text, page);
      return false;
    }
    if (i32[(nb + NB_POOL_HANDLE) >> 2] !== pool.handle) {
      this.#report(
        'NET_BUFFER_POOL_CHANGED',
        driver,
        call,
        nb,
        'NdisPoolHandle was changed; it went back to the pool it came from',
        page,
      );
    }
    pool.free(nb);
    return true;
  }

  /** Whether a net buffer was allocated with a list and goes with it; also just after it went. */
  isPartOfList(nb: Address): boolean {
    const { i32 } = this.memory;
    return (
      i32[(nb + NB_STATE) >> 2] === BLOCK_WITH_LIST || this.listPool(i32[(nb + NB_TRUE_POOL) >> 2]) !== null
    );
  }

  /** Reports net buffers whose data and MDL chain do not fit together. */
  checkNetBuffer(nb: Address, driver: Driver | null, call: string, page: string): boolean {
    const fault = netBufferFault(this.memory, nb);
    if (fault === null) return true;
    this.#report('NET_BUFFER_INCONSISTENT', driver, call, nb, fault, page);
    return false;
  }

  #mayFreeList(
    nbl: Address,
    pool: NetBufferListPool | null,
    state: number,
    driver: Driver | null,
    call: string,
    page: string,
  ): boolean {
    const { i32 } = this.memory;
    const found = i32[(nbl + NBL_STATE) >> 2];
    const holder = i32[(nbl + NBL_HOLDER) >> 2];
    if (found === BLOCK_FREE) {
      this.#report('NBL_FREED_TWICE', driver, call, nbl, 'it is free already; free each list once', page);
      return false;
    }
    if (pool === null) {
      const text = 'its pool does not exist; free lists before their pool, and only such that NDIS allocated';
      this.#report('NBL_WITHOUT_POOL', driver, call, nbl, text, page);
      return false;
    }
    if (found !== state) {
      const by = FREED_BY[found];
      const text = by === undefined ? 'it was not allocated' : `it must be freed with ${by}`;
      this.#report('NBL_FREED_BY_WRONG_CALL', driver, call, nbl, text, page);
      return false;
    }
    if (holder !== 0 && holder !== driver?.id) {
      const name = this.ndis.kernel.drivers[holder - 1]?.name ?? `driver ${holder}`;
      const text = `it is held by ${name}; wait until it comes back before freeing it`;
      this.#report('NBL_FREED_WHILE_HELD', driver, call, nbl, text, page);
      return false;
    }
    if (i32[(nbl + NBL_POOL_HANDLE) >> 2] !== pool.handle) {
      const text = 'NdisPoolHandle was changed; it went back to the pool it came from';
      this.#report('NBL_POOL_CHANGED', driver, call, nbl, text, page);
    }
    return true;
  }

  /** Frees context space that a driver added and did not free. */
  #releaseContexts(nbl: Address, first: Address, driver: Driver | null, call: string, page: string): void {
    const { i32, u16 } = this.memory;
    let context = first;
    let count = 0;
    while (context !== 0 && u16[(context + CONTEXT_ORIGIN) >> 1] === CONTEXT_ADDED) {
      const next = i32[(context + CONTEXT_NEXT) >> 2];
      storePointer(i32, nbl + NBL_CONTEXT, next);
      poolOf(this.ndis.kernel).free(context);
      context = next;
      count++;
    }
    const text = `${count} blocks of context space were not freed; call NdisFreeNetBufferListContext first`;
    this.#report('NBL_CONTEXT_NOT_FREED', driver, call, nbl, text, page);
  }

  #report(
    code: string,
    driver: Driver | null,
    call: string,
    address: Address,
    text: string,
    page: string,
  ): void {
    this.ndis.kernel.report(code, driver, `${call}: 0x${address.toString(16)}: ${text}`, page);
  }
}

/** The net buffers of a library. */
export const netBuffersOf = perNdis('netBuffers', (ndis) => new NetBuffers(ndis));
