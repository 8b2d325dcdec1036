/**
 * Memory for what cannot fail: a pause, an unbind and a halt have no status for "memory is short", so what they need
 * comes from blocks that were set aside when the library was made.
 * Implements the rule that no pause may fail (network/pausing-a-driver-stack).
 */

import { type Kernel, NdisboxError, perKernel, poolOf } from '../kernel/index.ts';
import { type Address, poolType } from '../memory/index.ts';

/** `NDev` as a pool tag. */
export const NDIS_POOL_TAG = 0x7665444e;
/** Bytes of a block: the largest structure that is asked for fits. */
const BLOCK_SIZE = 256;
/** Blocks; each operation that waits for a driver needs at most three. */
const BLOCK_COUNT = 128;

class Reserve {
  readonly #start: Address;
  readonly #free: Address[] = [];

  constructor(kernel: Kernel) {
    this.#start = poolOf(kernel).allocateZeroed(
      poolType.nonPagedNx,
      BLOCK_SIZE * BLOCK_COUNT,
      NDIS_POOL_TAG,
      0,
    );
    if (this.#start === 0) return;
    for (let i = BLOCK_COUNT - 1; i >= 0; i--) this.#free.push(this.#start + i * BLOCK_SIZE);
  }

  /** A block, or 0 when all are in use or `size` is too large. */
  take(size: number): Address {
    return size > BLOCK_SIZE ? 0 : (this.#free.pop() ?? 0);
  }

  /** Takes a block back; false for an address that is none of its. */
  giveBack(address: Address): boolean {
    if (this.#start === 0 || address < this.#start || address >= this.#start + BLOCK_SIZE * BLOCK_COUNT)
      return false;
    this.#free.push(address);
    return true;
  }
}

/** The blocks set aside; made with the library, so that they are there when memory is short. */
export const reserveOf = perKernel('NDIS reserve', (kernel) => new Reserve(kernel));

/**
 * Zeroed non-paged memory from the pool, or from the reserve when the pool is exhausted.
 * @throws NdisboxError OUT_OF_MEMORY when both are: the machine cannot go on.
 */
export function allocateCertain(kernel: Kernel, size: number): Address {
  const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (address !== 0) return address;
  const block = reserveOf(kernel).take(size);
  if (block === 0) {
    throw new NdisboxError(
      'OUT_OF_MEMORY',
      `the pool is exhausted and so are the ${BLOCK_COUNT} blocks that NDIS keeps for operations that cannot fail; give the machine more memory`,
    );
  }
  kernel.memory.u8.fill(0, block, block + size);
  return block;
}

/** Frees memory of the library's own, wherever it came from; 0 is ignored. */
export function freeCertain(kernel: Kernel, address: Address): void {
  if (address === 0 || reserveOf(kernel).giveBack(address)) return;
  poolOf(kernel).free(address, NDIS_POOL_TAG);
}
