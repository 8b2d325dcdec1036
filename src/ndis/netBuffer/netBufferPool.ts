/**
 * Pools of net buffers: what stands behind the handle of NdisAllocateNetBufferPool. A block holds a NET_BUFFER and,
 * where the pool has a data size, its MDL and data.
 */

import type { Kernel } from '../../kernel/index.ts';
import { type Address, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import { BlockPool, type BlockPoolOptions } from './blockPool.ts';
import { setNetBufferData } from './netBufferAccess.ts';
import {
  BLOCK_ALLOCATED,
  MDL_PREFIX,
  NB_CHECKSUM_BIAS,
  NB_DATA_PHYSICAL_ADDRESS,
  NB_NEXT,
  NB_POOL_HANDLE,
  NB_SHARED_MEMORY_INFO,
  NB_SIZE,
  NB_STATE,
  NB_TRUE_POOL,
} from './offsets.ts';

export class NetBufferPool extends BlockPool {
  constructor(kernel: Kernel, options: BlockPoolOptions) {
    super(kernel, options, NB_SIZE + BlockPool.bytesOfMdlAndData(options.dataSize), NB_STATE);
  }

  /** A net buffer that describes `length` bytes from `offset` on in a chain, or 0 when memory is short. */
  allocate(mdlChain: Address, offset: number, length: number): Address {
    const nb = this.takeBlock();
    if (nb === 0) return 0;
    initializeNetBuffer(this.memory.i32, nb, this.handle, BLOCK_ALLOCATED);
    setNetBufferData(this.memory, nb, mdlChain, offset, length);
    return nb;
  }

  /** A net buffer with the MDL and data of its block, all of it unused data space; 0 when memory is short. */
  allocateWithData(): Address {
    const nb = this.takeBlock();
    if (nb === 0) return 0;
    const mdl = nb + NB_SIZE + MDL_PREFIX;
    initializeNetBuffer(this.memory.i32, nb, this.handle, BLOCK_ALLOCATED);
    this.rebuildMdl(mdl);
    setNetBufferData(this.memory, nb, mdl, this.options.dataSize, 0);
    return nb;
  }

  /** Takes back a net buffer whose state the caller has checked. */
  free(nb: Address): void {
    this.giveBack(nb);
  }

  protected override layOut(nb: Address): void {
    if (this.options.dataSize !== 0) this.layOutMdl(nb + NB_SIZE);
  }
}

/** Writes the members of a new net buffer apart from its data. The areas reserved for drivers stay as they are. */
export function initializeNetBuffer(i32: Int32Array, nb: Address, pool: Address, state: number): void {
  const index = nb >> 2;
  i32[index + (NB_NEXT >> 2)] = 0;
  i32[index + (NB_NEXT >> 2) + 1] = 0;
  i32[index + (NB_CHECKSUM_BIAS >> 2)] = 0;
  i32[index + (NB_POOL_HANDLE >> 2)] = pool;
  i32[index + (NB_POOL_HANDLE >> 2) + 1] = KERNEL_WINDOW_HIGH;
  i32[index + (NB_STATE >> 2)] = state;
  i32[index + (NB_TRUE_POOL >> 2)] = pool;
  i32[index + (NB_DATA_PHYSICAL_ADDRESS >> 2)] = 0;
  i32[index + (NB_DATA_PHYSICAL_ADDRESS >> 2) + 1] = 0;
  i32[index + (NB_SHARED_MEMORY_INFO >> 2)] = 0;
  i32[index + (NB_SHARED_MEMORY_INFO >> 2) + 1] = 0;
}
