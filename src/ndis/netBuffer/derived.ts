/**
 * Lists derived from others without copying data: clones, fragments and reassembled lists. Each has net buffers of
 * its own and, but for clones that share the MDLs of the original, MDLs over the data of the original.
 * Implements "Derived NET_BUFFER_LIST Structures" (windows-driver-docs-pr/network).
 */

import type { Driver } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { type DataStart, dataStartOf } from './dataStart.ts';
import { storePointer } from './mdl.ts';
import { setNetBufferData } from './netBufferAccess.ts';
import type { NetBufferListPool } from './netBufferListPool.ts';
import type { NetBufferPool } from './netBufferPool.ts';
import { type NetBuffers, netBuffersOf } from './netBuffers.ts';
import {
  BLOCK_CLONE,
  BLOCK_CLONE_SHARING,
  BLOCK_FRAGMENT,
  BLOCK_REASSEMBLED,
  MDL_BYTE_COUNT,
  MDL_NEXT,
  MDL_STATE,
  MDL_STATE_DERIVED,
  NB_CURRENT_MDL,
  NB_CURRENT_MDL_OFFSET,
  NB_DATA_LENGTH,
  NB_MDL_CHAIN,
  NB_NEXT,
  NBL_FIRST_NET_BUFFER,
} from './offsets.ts';

/** Where a derived list and its net buffers come from. */
export interface DerivedPools {
  readonly lists: NetBufferListPool;
  readonly buffers: NetBufferPool;
}

/** Memory is short. */
const SHORT = -1;

export class DerivedLists {
  readonly #netBuffers: NetBuffers;
  readonly #dataStart: DataStart;

  constructor(ndis: NdisLibrary) {
    this.#netBuffers = netBuffersOf(ndis);
    this.#dataStart = dataStartOf(ndis);
  }

  /** A clone, with MDLs of its own or those of the original; 0 when memory is short. */
  clone(original: Address, pools: DerivedPools, share: boolean, driver: Driver): Address {
    const { i32, u32 } = this.#netBuffers.memory;
    const clone = pools.lists.allocate(share ? BLOCK_CLONE_SHARING : BLOCK_CLONE, 0, 0, 0, 0, 0);
    if (clone === 0) return 0;
    let previous = 0;
    let source = i32[(original + NBL_FIRST_NET_BUFFER) >> 2];
    for (; source !== 0; source = i32[(source + NB_NEXT) >> 2]) {
      const length = u32[(source + NB_DATA_LENGTH) >> 2];
      // Only the used data space is cloned: the clone begins with the MDL in which it starts.
      const chain = share
        ? i32[(source + NB_CURRENT_MDL) >> 2]
        : this.#describe(source, 0, length, driver, 0, 0);
      const offset = share ? u32[(source + NB_CURRENT_MDL_OFFSET) >> 2] : 0;
      const nb = chain === SHORT ? 0 : this.#append(clone, previous, pools, chain, offset, length);
      if (nb === 0) {
        if (!share && chain !== SHORT) this.#freeMdls(chain);
        this.#discard(clone, pools.lists, !share, 0);
        return 0;
      }
      previous = nb;
    }
    return clone;
  }

  /**
   * A list of net buffers of at most `maximum` bytes each over the data behind `start` of each net buffer of the
   * original, with `delta` bytes of new used data space before each. 0 when memory is short or nothing is left.
   */
  fragment(
    original: Address,
    pools: DerivedPools,
    start: number,
    maximum: number,
    delta: number,
    backFill: number,
    driver: Driver,
  ): Address {
    const { i32, u32 } = this.#netBuffers.memory;
    const list = pools.lists.allocate(BLOCK_FRAGMENT, 0, 0, 0, 0, 0);
    if (list === 0) return 0;
    let previous = 0;
    let source = i32[(original + NBL_FIRST_NET_BUFFER) >> 2];
    for (; source !== 0; source = i32[(source + NB_NEXT) >> 2]) {
      const end = u32[(source + NB_DATA_LENGTH) >> 2];
      for (let at = start; at < end; at += maximum) {
        const length = Math.min(maximum, end - at);
        const chain = this.#describe(source, at, length, driver, 0, 0);
        const nb = chain === SHORT ? 0 : this.#append(list, previous, pools, chain, 0, length);
        if (nb === 0 && chain !== SHORT) this.#freeMdls(chain);
        if (nb === 0 || this.#dataStart.retreat(nb, delta, backFill, null, driver) !== NDIS_STATUS_SUCCESS) {
          // The last net buffer has not been retreated, which an advance past its data must not hide.
          this.#discard(list, pools.lists, true, delta, nb);
          return 0;
        }
        previous = nb;
      }
    }
    if (previous !== 0) return list;
    this.#discard(list, pools.lists, true, 0);
    return 0;
  }

  /**
   * A list of one net buffer over the data behind `start` of all net buffers of the original in a row, with `delta`
   * bytes of new used data space before it. 0 when memory is short.
   */
  reassemble(
    original: Address,
    pools: DerivedPools,
    start: number,
    delta: number,
    backFill: number,
    driver: Driver,
  ): Address {
    const { i32, u32 } = this.#netBuffers.memory;
    const list = pools.lists.allocate(BLOCK_REASSEMBLED, 0, 0, 0, 0, 0);
    if (list === 0) return 0;
    let chain = 0;
    let last = 0;
    let total = 0;
    let source = i32[(original + NBL_FIRST_NET_BUFFER) >> 2];
    for (; source !== 0; source = i32[(source + NB_NEXT) >> 2]) {
      const length = u32[(source + NB_DATA_LENGTH) >> 2] - start;
      if (length <= 0) continue;
      // On failure the whole chain so far is freed.
      const described = this.#describe(source, start, length, driver, chain, last);
      if (described === SHORT) {
        this.#discard(list, pools.lists, true, 0);
        return 0;
      }
      chain = described;
      last = lastMdl(i32, last === 0 ? chain : last);
      total += length;
    }
    const nb = this.#append(list, 0, pools, chain, 0, total);
    if (nb === 0) this.#freeMdls(chain);
    if (nb === 0 || this.#dataStart.retreat(nb, delta, backFill, null, driver) !== NDIS_STATUS_SUCCESS) {
      this.#discard(list, pools.lists, true, delta, nb);
      return 0;
    }
    return list;
  }

  /** Frees a derived list with its net buffers and MDLs; a list that is none is a finding. */
  free(
    list: Address,
    state: number,
    ownMdls: boolean,
    delta: number,
    driver: Driver,
    call: string,
    page: string,
  ): void {
    const { i32 } = this.#netBuffers.memory;
    const pool = this.#netBuffers.poolToFree(list, state, driver, call, page);
    if (pool === null) return;
    const first = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    this.#freeBuffers(first, ownMdls, delta, 0, driver, call, page);
    this.#netBuffers.freeInto(pool, list, driver, call, page);
  }

  /** Undoes an unfinished list. `last`, if given, was not retreated. */
  #discard(list: Address, pool: NetBufferListPool, ownMdls: boolean, delta: number, last = 0): void {
    const first = this.#netBuffers.memory.i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    this.#freeBuffers(first, ownMdls, delta, last, null, '', '');
    pool.free(list);
  }

  #freeBuffers(
    first: Address,
    ownMdls: boolean,
    delta: number,
    notRetreated: Address,
    driver: Driver | null,
    call: string,
    page: string,
  ): void {
    const { i32 } = this.#netBuffers.memory;
    let nb = first;
    while (nb !== 0) {
      const next = i32[(nb + NB_NEXT) >> 2];
      if (delta > 0 && nb !== notRetreated) this.#dataStart.advance(nb, delta, true, null);
      if (ownMdls) this.#freeMdls(i32[(nb + NB_MDL_CHAIN) >> 2]);
      // The first one may belong to the list, with which it goes.
      if (!this.#netBuffers.isPartOfList(nb)) this.#netBuffers.freeBuffer(nb, driver, call, page);
      nb = next;
    }
  }

  #freeMdls(chain: Address): void {
    const { i32 } = this.#netBuffers.memory;
    let mdl = chain;
    while (mdl !== 0) {
      const next = i32[(mdl + MDL_NEXT) >> 2];
      // A driver that put MDLs of its own into the chain keeps them.
      if (i32[(mdl + MDL_STATE) >> 2] === MDL_STATE_DERIVED) this.#netBuffers.mdls.free(mdl);
      mdl = next;
    }
  }

  /** Puts a net buffer over a chain at the end of a list; the first comes with the list where its pool does so. */
  #append(
    list: Address,
    previous: Address,
    pools: DerivedPools,
    chain: Address,
    offset: number,
    length: number,
  ): Address {
    const { memory } = this.#netBuffers;
    const own = previous === 0 ? pools.lists.ownNetBuffer(list) : 0;
    const nb = own !== 0 ? own : pools.buffers.allocate(chain, offset, length);
    if (nb === 0) return 0;
    if (own !== 0) setNetBufferData(memory, nb, chain, offset, length);
    const link = previous === 0 ? list + NBL_FIRST_NET_BUFFER : previous + NB_NEXT;
    storePointer(memory.i32, link, nb);
    return nb;
  }

  /**
   * New MDLs over used data of a net buffer, behind the chain that `first` and `last` begin and end, 0 for none.
   * @returns the first MDL of the chain; SHORT, with the chain freed, when memory is short.
   */
  #describe(
    nb: Address,
    start: number,
    length: number,
    driver: Driver,
    first: Address,
    last: Address,
  ): Address {
    const { i32, u32 } = this.#netBuffers.memory;
    let chain = first;
    let previous = last;
    let left = length;
    let mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
    let skip = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] + start;
    while (mdl !== 0 && left > 0) {
      const count = u32[(mdl + MDL_BYTE_COUNT) >> 2];
      if (skip < count) {
        const part = Math.min(count - skip, left);
        const made = this.#netBuffers.mdls.allocatePartial(mdl, skip, part, MDL_STATE_DERIVED, driver.id);
        if (made === 0) {
          this.#freeMdls(chain);
          return SHORT;
        }
        if (previous === 0) chain = made;
        else storePointer(i32, previous + MDL_NEXT, made);
        previous = made;
        left -= part;
        skip = 0;
      } else {
        skip -= count;
      }
      mdl = i32[(mdl + MDL_NEXT) >> 2];
    }
    return chain;
  }
}

function lastMdl(i32: Int32Array, mdl: Address): Address {
  let last = mdl;
  for (let next = mdl; next !== 0; next = i32[(next + MDL_NEXT) >> 2]) last = next;
  return last;
}

/** The derived lists of a library. */
export const derivedListsOf = perNdis('derivedLists', (ndis) => new DerivedLists(ndis));
