/**
 * Moving the start of the used data of net buffers: back, into unused data space or into memory allocated for it,
 * and forward again.
 * Implements "Retreat and Advance Operations" (windows-driver-docs-pr/network).
 */

import { type Driver, type DriverCallback, MDL_NETWORK_HEADER, poolOf } from '../../kernel/index.ts';
import { type Address, type Pool, poolType } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { roundUp } from './blockPool.ts';
import type { NET_BUFFER_ALLOCATE_MDL, NET_BUFFER_FREE_MDL } from './callbacks.ts';
import { buildMdl, mdlBytes, storePointer } from './mdl.ts';
import { adjustCurrentMdl, MDL_CHAIN_LIMIT } from './netBufferAccess.ts';
import {
  MDL_BYTE_COUNT,
  MDL_FLAGS,
  MDL_NEXT,
  MDL_PREFIX,
  MDL_STATE,
  MDL_STATE_FREE,
  MDL_STATE_RETREAT,
  NB_CURRENT_MDL,
  NB_CURRENT_MDL_OFFSET,
  NB_DATA_LENGTH,
  NB_DATA_OFFSET,
  NB_MDL_CHAIN,
  NB_NEXT,
  NBL_FIRST_NET_BUFFER,
} from './offsets.ts';

export type AllocateMdl = DriverCallback<NET_BUFFER_ALLOCATE_MDL>;
export type FreeMdl = DriverCallback<NET_BUFFER_FREE_MDL>;

/** Pool tag of memory that a retreat allocates, `NDrt`. */
const RETREAT_TAG = 0x7472444e;
/** MDL_SOURCE_IS_NONPAGED_POOL with the mark of a retreat's MDL. */
const RETREAT_FLAGS = 4 | MDL_NETWORK_HEADER;

export class DataStart {
  readonly #ndis: NdisLibrary;
  readonly #pool: Pool;
  /** Where a driver's function to allocate an MDL finds the size. */
  #sizeCell: Address = 0;

  constructor(ndis: NdisLibrary) {
    this.#ndis = ndis;
    this.#pool = poolOf(ndis.kernel);
  }

  /**
   * Makes `delta` more bytes before the data used. @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES when memory is
   * short, or NDIS_STATUS_FAILURE when the driver's function gave an MDL that is too small.
   */
  retreat(
    nb: Address,
    delta: number,
    backFill: number,
    allocate: AllocateMdl | null,
    driver: Driver,
  ): number {
    const { memory } = this.#ndis;
    const { i32, u32 } = memory;
    const offset = u32[(nb + NB_DATA_OFFSET) >> 2];
    if (delta <= offset) {
      u32[(nb + NB_DATA_OFFSET) >> 2] = offset - delta;
      u32[(nb + NB_DATA_LENGTH) >> 2] += delta;
      const inCurrent = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2];
      if (delta <= inCurrent) u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] = inCurrent - delta;
      else adjustCurrentMdl(memory, nb);
      return NDIS_STATUS_SUCCESS;
    }
    // What unused space there is lies right before the data, so it is used and the rest comes before it.
    const missing = delta - offset;
    const wanted = missing + backFill;
    if (wanted > memory.size) return NDIS_STATUS_RESOURCES;
    const mdl = allocate === null ? this.#allocate(wanted, driver) : this.#allocateBy(allocate, wanted);
    if (mdl === 0) return NDIS_STATUS_RESOURCES;
    const given = u32[(mdl + MDL_BYTE_COUNT) >> 2];
    if (given < missing) {
      const text = `NetAllocateMdl gave an MDL of ${given} bytes where ${wanted} were asked for; it was not used`;
      const page = 'nblapi/nc-nblapi-net_buffer_allocate_mdl';
      this.#ndis.kernel.report('RETREAT_MDL_TOO_SMALL', driver, text, page);
      return NDIS_STATUS_FAILURE;
    }
    storePointer(i32, mdl + MDL_NEXT, i32[(nb + NB_MDL_CHAIN) >> 2]);
    storePointer(i32, nb + NB_MDL_CHAIN, mdl);
    storePointer(i32, nb + NB_CURRENT_MDL, mdl);
    u32[(nb + NB_DATA_OFFSET) >> 2] = given - missing;
    u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] = given - missing;
    u32[(nb + NB_DATA_LENGTH) >> 2] += delta;
    return NDIS_STATUS_SUCCESS;
  }

  /**
   * Makes `delta` bytes at the start of the data unused.
   * @param freeMdls whether MDLs that a retreat allocated and that hold no used byte any more are freed.
   * @returns false, with nothing done, when the data is shorter.
   */
  advance(nb: Address, delta: number, freeMdls: boolean, free: FreeMdl | null): boolean {
    const { memory } = this.#ndis;
    const { i32, u32 } = memory;
    const length = u32[(nb + NB_DATA_LENGTH) >> 2];
    if (delta > length) return false;
    u32[(nb + NB_DATA_LENGTH) >> 2] = length - delta;
    u32[(nb + NB_DATA_OFFSET) >> 2] += delta;
    if (freeMdls && this.#freeUnused(nb, free)) {
      adjustCurrentMdl(memory, nb);
      return true;
    }
    const inCurrent = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] + delta;
    const current = i32[(nb + NB_CURRENT_MDL) >> 2];
    if (current !== 0 && inCurrent < u32[(current + MDL_BYTE_COUNT) >> 2]) {
      u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] = inCurrent;
    } else {
      adjustCurrentMdl(memory, nb);
    }
    return true;
  }

  /** Retreats every net buffer of a list; when one fails, those before it are as they were. */
  retreatList(
    nbl: Address,
    delta: number,
    backFill: number,
    allocate: AllocateMdl | null,
    free: FreeMdl | null,
    driver: Driver,
  ): number {
    const { i32 } = this.#ndis.memory;
    const first = i32[(nbl + NBL_FIRST_NET_BUFFER) >> 2];
    for (let nb = first; nb !== 0; nb = i32[(nb + NB_NEXT) >> 2]) {
      const status = this.retreat(nb, delta, backFill, allocate, driver);
      if (status !== NDIS_STATUS_SUCCESS) {
        for (let done = first; done !== nb; done = i32[(done + NB_NEXT) >> 2]) {
          this.advance(done, delta, true, free);
        }
        return status;
      }
    }
    return NDIS_STATUS_SUCCESS;
  }

  /** Frees leading MDLs of retreats that lie wholly before the data. @returns whether there were any. */
  #freeUnused(nb: Address, free: FreeMdl | null): boolean {
    const { i32, u32, u16 } = this.#ndis.memory;
    let freed = false;
    for (let step = 0; step < MDL_CHAIN_LIMIT; step++) {
      const mdl = i32[(nb + NB_MDL_CHAIN) >> 2];
      if (mdl === 0 || (u16[(mdl + MDL_FLAGS) >> 1] & MDL_NETWORK_HEADER) === 0) break;
      const count = u32[(mdl + MDL_BYTE_COUNT) >> 2];
      const offset = u32[(nb + NB_DATA_OFFSET) >> 2];
      if (count > offset) break;
      const own = i32[(mdl + MDL_STATE) >> 2] === MDL_STATE_RETREAT;
      // An MDL of the driver's own waits for an advance that names its function.
      if (!own && free === null) break;
      storePointer(i32, nb + NB_MDL_CHAIN, i32[(mdl + MDL_NEXT) >> 2]);
      u32[(nb + NB_DATA_OFFSET) >> 2] = offset - count;
      storePointer(i32, mdl + MDL_NEXT, 0);
      freed = true;
      if (own) {
        i32[(mdl + MDL_STATE) >> 2] = MDL_STATE_FREE;
        this.#pool.free(mdl - MDL_PREFIX, RETREAT_TAG);
      } else {
        u16[(mdl + MDL_FLAGS) >> 1] &= ~MDL_NETWORK_HEADER;
        free?.invoke(mdl);
      }
    }
    return freed;
  }

  #allocate(size: number, driver: Driver): Address {
    const { memory } = this.#ndis;
    const descriptor = roundUp(mdlBytes(0xfff, size));
    const bytes = MDL_PREFIX + descriptor + size;
    const block = this.#pool.allocate(poolType.nonPagedNx, bytes, RETREAT_TAG, driver.id);
    if (block === 0) return 0;
    const mdl = block + MDL_PREFIX;
    memory.i32[(mdl + MDL_STATE) >> 2] = MDL_STATE_RETREAT;
    buildMdl(memory, mdl, mdl + descriptor, size, RETREAT_FLAGS);
    return mdl;
  }

  #allocateBy(allocate: AllocateMdl, size: number): Address {
    const { memory } = this.#ndis;
    if (this.#sizeCell === 0) {
      this.#sizeCell = this.#pool.allocate(poolType.nonPagedNx, 16, RETREAT_TAG, 0);
      if (this.#sizeCell === 0) return 0;
    }
    memory.u32[this.#sizeCell >> 2] = size;
    const mdl = allocate.invoke(this.#sizeCell);
    if (mdl !== 0) memory.u16[(mdl + MDL_FLAGS) >> 1] |= MDL_NETWORK_HEADER;
    return mdl;
  }
}

/** The retreats and advances of a library. */
export const dataStartOf = perNdis('dataStart', (ndis) => new DataStart(ndis));
