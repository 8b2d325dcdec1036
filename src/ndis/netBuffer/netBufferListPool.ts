/**
 * Pools of net buffer lists: what stands behind the handle of NdisAllocateNetBufferListPool. A block holds a
 * NET_BUFFER_LIST and, as the pool was described, its context space, a NET_BUFFER, an MDL and data.
 */

import { type Kernel, poolOf } from '../../kernel/index.ts';
import { type Address, KERNEL_WINDOW_HIGH, type Pool, poolType } from '../../memory/index.ts';
import { BlockPool, type BlockPoolOptions, roundUp } from './blockPool.ts';
import { storePointer } from './mdl.ts';
import { setNetBufferData } from './netBufferAccess.ts';
import { initializeNetBuffer } from './netBufferPool.ts';
import {
  BLOCK_FREE,
  BLOCK_WITH_LIST,
  CONTEXT_DATA_SIZE,
  CONTEXT_EMBEDDED,
  CONTEXT_FLOOR,
  CONTEXT_NEXT,
  CONTEXT_OFFSET,
  CONTEXT_ORIGIN,
  CONTEXT_SIZE,
  CONTEXT_WITH_LIST,
  MDL_PREFIX,
  NB_SIZE,
  NB_STATE,
  NBL_CONTEXT,
  NBL_FIRST_NET_BUFFER,
  NBL_FLAGS,
  NBL_HOLDER,
  NBL_INFO,
  NBL_NBL_FLAGS,
  NBL_PARENT,
  NBL_POOL_HANDLE,
  NBL_SCRATCH,
  NBL_SIZE,
  NBL_SOURCE_HANDLE,
  NBL_STATE,
  NBL_TRUE_POOL,
} from './offsets.ts';

/** A pool as its creator described it. */
export interface NetBufferListPoolOptions extends BlockPoolOptions {
  readonly protocolId: number;
  /** Whether each list comes with a net buffer. */
  readonly withNetBuffer: boolean;
  /** Bytes of context space in each block. */
  readonly contextSize: number;
}

/** Index of NetBufferListProtocolId in NetBufferListInfo. */
const PROTOCOL_ID = 7;

export class NetBufferListPool extends BlockPool {
  declare readonly options: NetBufferListPoolOptions;
  readonly #tagged: Pool;
  readonly #owner: number;
  readonly #f64: Float64Array;
  readonly #contextSize: number;
  readonly #withNetBuffer: boolean;
  readonly #dataSize: number;
  readonly #protocolId: number;
  /** From a list to the net buffer of its block. */
  readonly #netBuffer: number;

  constructor(kernel: Kernel, options: NetBufferListPoolOptions) {
    const context = options.contextSize === 0 ? 0 : CONTEXT_SIZE + roundUp(options.contextSize);
    const netBuffer = options.withNetBuffer ? NB_SIZE + BlockPool.bytesOfMdlAndData(options.dataSize) : 0;
    super(kernel, options, NBL_SIZE + context + netBuffer, NBL_STATE);
    this.#tagged = poolOf(kernel);
    this.#owner = options.driver?.id ?? 0;
    this.#f64 = new Float64Array(kernel.memory.memory.buffer);
    this.#contextSize = options.contextSize;
    this.#withNetBuffer = options.withNetBuffer;
    this.#dataSize = options.dataSize;
    this.#protocolId = options.protocolId;
    this.#netBuffer = NBL_SIZE + context;
  }

  /**
   * A list with its net buffer, where the pool has one, and context space.
   * @param mdlChain what the net buffer describes; in a pool with a data size its own MDL, all unused data space.
   * @returns the list, or 0 when memory is short.
   */
  allocate(
    state: number,
    contextSize: number,
    contextBackFill: number,
    mdlChain: Address,
    offset: number,
    length: number,
  ): Address {
    const nbl = this.takeBlock();
    if (nbl === 0) return 0;
    const { i32 } = this.memory;
    const index = nbl >> 2;
    // Everything but the areas reserved for protocol and miniport drivers, and what `layOut` and `free` see to.
    clearList(this.#f64, nbl >> 3);
    i32[index + (NBL_STATE >> 2)] = state;
    if (this.#protocolId !== 0) i32[index + ((NBL_INFO + PROTOCOL_ID * 8) >> 2)] = this.#protocolId;
    const needed = contextSize + contextBackFill;
    if (needed > 0 || this.#contextSize > 0) {
      if (!this.#provideContext(nbl, contextSize, needed)) {
        this.giveBack(nbl);
        return 0;
      }
    }
    if (this.#withNetBuffer) this.#provideNetBuffer(nbl, mdlChain, offset, length);
    return nbl;
  }

  /** Takes back a list whose state and context the caller has checked. */
  free(nbl: Address): void {
    const { i32, u16 } = this.memory;
    const context = i32[(nbl + NBL_CONTEXT) >> 2];
    if (context !== 0 && u16[(context + CONTEXT_ORIGIN) >> 1] === CONTEXT_WITH_LIST) {
      this.#tagged.free(context, this.options.tag);
    }
    if (this.#withNetBuffer) i32[(nbl + this.#netBuffer + NB_STATE) >> 2] = BLOCK_FREE;
    const index = nbl >> 2;
    // What a driver may have changed of what `layOut` wrote.
    if (i32[index + (NBL_HOLDER >> 2)] !== 0 || i32[index + (NBL_POOL_HANDLE >> 2)] !== this.handle) {
      this.#writeOwner(nbl);
    }
    this.giveBack(nbl);
  }

  /** The net buffer that belongs to a list of this pool, or 0. */
  ownNetBuffer(nbl: Address): Address {
    return this.#withNetBuffer ? nbl + this.#netBuffer : 0;
  }

  /** Writes which pool a list belongs to, and that who allocated it holds it. */
  #writeOwner(nbl: Address): void {
    const { i32 } = this.memory;
    const index = nbl >> 2;
    i32[index + (NBL_POOL_HANDLE >> 2)] = this.handle;
    i32[index + (NBL_POOL_HANDLE >> 2) + 1] = KERNEL_WINDOW_HIGH;
    i32[index + (NBL_TRUE_POOL >> 2)] = this.handle;
    i32[index + (NBL_HOLDER >> 2)] = 0;
  }

  #provideNetBuffer(nbl: Address, mdlChain: Address, offset: number, length: number): void {
    const { i32 } = this.memory;
    const nb = nbl + this.#netBuffer;
    storePointer(i32, nbl + NBL_FIRST_NET_BUFFER, nb);
    initializeNetBuffer(i32, nb, this.handle, BLOCK_WITH_LIST);
    if (this.#dataSize === 0) {
      setNetBufferData(this.memory, nb, mdlChain, offset, length);
    } else {
      const mdl = nb + NB_SIZE + MDL_PREFIX;
      this.rebuildMdl(mdl);
      setNetBufferData(this.memory, nb, mdl, this.#dataSize, 0);
    }
  }

  /** Points the list to context space of which `used` bytes are used. @returns false when memory is short. */
  #provideContext(nbl: Address, used: number, needed: number): boolean {
    const { i32, u16 } = this.memory;
    let context = nbl + NBL_SIZE;
    let size = this.#contextSize;
    let origin = CONTEXT_EMBEDDED;
    if (needed > size) {
      size = needed;
      origin = CONTEXT_WITH_LIST;
      context = this.#tagged.allocate(
        poolType.nonPagedNx,
        CONTEXT_SIZE + size,
        this.options.tag,
        this.#owner,
      );
      if (context === 0) return false;
    }
    storePointer(i32, context + CONTEXT_NEXT, 0);
    u16[(context + CONTEXT_DATA_SIZE) >> 1] = size;
    u16[(context + CONTEXT_OFFSET) >> 1] = size - used;
    u16[(context + CONTEXT_ORIGIN) >> 1] = origin;
    u16[(context + CONTEXT_FLOOR) >> 1] = size - used;
    storePointer(i32, nbl + NBL_CONTEXT, context);
    return true;
  }

  protected override layOut(nbl: Address): void {
    this.#writeOwner(nbl);
    if (this.options.withNetBuffer && this.options.dataSize !== 0) {
      this.layOutMdl(nbl + this.#netBuffer + NB_SIZE);
    }
  }
}

/**
 * Zeroes the list that begins `first` doubles into memory, all but what NDIS and the drivers reserved. Written out, because that costs half of a loop and a third of `fill`.
 */
function clearList(f64: Float64Array, first: number): void {
  f64[first] = 0;
  f64[first + (NBL_FIRST_NET_BUFFER >> 3)] = 0;
  f64[first + (NBL_CONTEXT >> 3)] = 0;
  f64[first + (NBL_PARENT >> 3)] = 0;
  f64[first + (NBL_SCRATCH >> 3)] = 0;
  f64[first + (NBL_SOURCE_HANDLE >> 3)] = 0;
  f64[first + (NBL_NBL_FLAGS >> 3)] = 0;
  f64[first + (NBL_FLAGS >> 3)] = 0;
  const info = first + (NBL_INFO >> 3);
  f64[info + 0] = 0;
  f64[info + 1] = 0;
  f64[info + 2] = 0;
  f64[info + 3] = 0;
  f64[info + 4] = 0;
  f64[info + 5] = 0;
  f64[info + 6] = 0;
  f64[info + 7] = 0;
  f64[info + 8] = 0;
  f64[info + 9] = 0;
  f64[info + 10] = 0;
  f64[info + 11] = 0;
  f64[info + 12] = 0;
  f64[info + 13] = 0;
  f64[info + 14] = 0;
  f64[info + 15] = 0;
  f64[info + 16] = 0;
  f64[info + 17] = 0;
  f64[info + 18] = 0;
  f64[info + 19] = 0;
  f64[info + 20] = 0;
  f64[info + 21] = 0;
  f64[info + 22] = 0;
  f64[info + 23] = 0;
  f64[info + 24] = 0;
  f64[info + 25] = 0;
  f64[info + 26] = 0;
  f64[info + 27] = 0;
}
