/**
 * The memory of lists that stand for packets: a NET_BUFFER_LIST with one NET_BUFFER. Leaner than a pool of lists, because
 * what nobody changes stays as it was laid out, and because it is paid for every packet.
 */

import { type Kernel, poolOf } from '../../../kernel/index.ts';
import {
  type Address,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  type Pool,
  poolType,
} from '../../../memory/index.ts';
import { NdisObject } from '../../library.ts';
import { storePointer } from '../../netBuffer/mdl.ts';
import { initializeNetBuffer } from '../../netBuffer/netBufferPool.ts';
import {
  BLOCK_FREE,
  BLOCK_TRANSLATED,
  BLOCK_WITH_LIST,
  NB_CHECKSUM_BIAS,
  NB_CURRENT_MDL,
  NB_DATA_LENGTH,
  NB_DATA_OFFSET,
  NB_MDL_CHAIN,
  NB_SIZE,
  NBL_CONTEXT,
  NBL_FIRST_NET_BUFFER,
  NBL_FLAGS,
  NBL_HOLDER,
  NBL_INFO,
  NBL_NBL_FLAGS,
  NBL_PACKET,
  NBL_PARENT,
  NBL_POOL_HANDLE,
  NBL_SCRATCH,
  NBL_SIZE,
  NBL_SOURCE_HANDLE,
  NBL_STATE,
  NBL_TRUE_POOL,
} from '../../netBuffer/offsets.ts';

/** `NDxl` */
const LIST_TAG = 0x6c78_444e;
/** Free blocks that are kept; more go back to the pool. */
const KEPT_LIMIT = 4096;
const BLOCK_SIZE = NBL_SIZE + NB_SIZE;

export class ListBlocks extends NdisObject {
  readonly #memory: KernelMemory;
  readonly #f64: Float64Array;
  readonly #pool: Pool;
  readonly #free = new Int32Array(KEPT_LIMIT);
  #freeCount = 0;
  #outstanding = 0;

  constructor(kernel: Kernel) {
    super();
    this.#memory = kernel.memory;
    this.#pool = poolOf(kernel);
    this.#f64 = new Float64Array(kernel.memory.memory.buffer);
  }

  /** Lists that are not given back. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** A list over `length` bytes of a chain of MDLs, or 0 when memory is short. */
  allocate(packet: Address, source: Address, chain: Address, length: number): Address {
    const list = this.#freeCount > 0 ? this.#free[--this.#freeCount] : this.#another();
    if (list === 0) return 0;
    this.#outstanding++;
    const { i32 } = this.#memory;
    clearList(this.#f64, list >> 3);
    const at = list >> 2;
    i32[at + (NBL_STATE >> 2)] = BLOCK_TRANSLATED;
    i32[at + (NBL_PACKET >> 2)] = packet;
    i32[at + (NBL_SOURCE_HANDLE >> 2)] = source;
    i32[at + (NBL_SOURCE_HANDLE >> 2) + 1] = KERNEL_WINDOW_HIGH;
    const nb = (list + NBL_SIZE) >> 2;
    i32[nb + (NB_DATA_LENGTH >> 2)] = length;
    i32[nb + (NB_CURRENT_MDL >> 2)] = chain;
    i32[nb + (NB_MDL_CHAIN >> 2)] = chain;
    if (chain === 0) this.#describeNothing(list + NBL_SIZE);
    else if (i32[nb + (NB_MDL_CHAIN >> 2) + 1] === 0) {
      i32[nb + (NB_CURRENT_MDL >> 2) + 1] = KERNEL_WINDOW_HIGH;
      i32[nb + (NB_MDL_CHAIN >> 2) + 1] = KERNEL_WINDOW_HIGH;
    }
    return list;
  }

  /** Takes a list back. */
  free(list: Address): void {
    this.#outstanding--;
    const { i32 } = this.#memory;
    i32[(list + NBL_STATE) >> 2] = BLOCK_FREE;
    i32[(list + NBL_PACKET) >> 2] = 0;
    if (this.#freeCount < KEPT_LIMIT) this.#free[this.#freeCount++] = list;
    else this.#pool.free(list, LIST_TAG);
  }

  #describeNothing(netBuffer: Address): void {
    storePointer(this.#memory.i32, netBuffer + NB_CURRENT_MDL, 0);
    storePointer(this.#memory.i32, netBuffer + NB_MDL_CHAIN, 0);
  }

  #another(): Address {
    const list = this.#pool.allocateZeroed(poolType.nonPagedNx, BLOCK_SIZE, LIST_TAG, 0);
    if (list === 0) return 0;
    const { i32 } = this.#memory;
    storePointer(i32, list + NBL_FIRST_NET_BUFFER, list + NBL_SIZE);
    storePointer(i32, list + NBL_POOL_HANDLE, this.handle);
    i32[(list + NBL_TRUE_POOL) >> 2] = this.handle;
    initializeNetBuffer(i32, list + NBL_SIZE, this.handle, BLOCK_WITH_LIST);
    return list;
  }
}

/** Zeroes what drivers may have changed, from the double `first` on. Written out, because that costs half of a loop. */
function clearList(f64: Float64Array, first: number): void {
  f64[first] = 0;
  f64[first + (NBL_CONTEXT >> 3)] = 0;
  f64[first + (NBL_PARENT >> 3)] = 0;
  f64[first + (NBL_HOLDER >> 3)] = 0;
  f64[first + (NBL_SCRATCH >> 3)] = 0;
  f64[first + (NBL_NBL_FLAGS >> 3)] = 0;
  f64[first + (NBL_FLAGS >> 3)] = 0;
  const info = first + (NBL_INFO >> 3);
  f64[info] = 0;
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
  const nb = first + (NBL_SIZE >> 3);
  f64[nb] = 0;
  f64[nb + 2] = 0;
  f64[nb + (NB_DATA_LENGTH >> 3)] = 0;
  f64[nb + (NB_DATA_OFFSET >> 3)] = 0;
  f64[nb + (NB_CHECKSUM_BIAS >> 3)] = 0;
}
