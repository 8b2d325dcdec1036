/**
 * What the pools of net buffers and of net buffer lists have in common: equal blocks, allocated from the tagged pool
 * when they are first needed, and kept in a stack beside memory when they are freed. So the memory bounds a pool,
 * and no driver can damage its free list.
 */

import { type Driver, type Kernel, poolOf } from '../../kernel/index.ts';
import { type Address, type KernelMemory, type Pool, poolType } from '../../memory/index.ts';
import { NdisObject } from '../library.ts';
import { buildMdl, mdlBytes } from './mdl.ts';
import { BLOCK_FREE, MDL_PREFIX, MDL_STATE, MDL_STATE_EMBEDDED } from './offsets.ts';

/** A pool as its creator described it. */
export interface BlockPoolOptions {
  /** Who is charged for the blocks; null for the library itself. */
  readonly driver: Driver | null;
  readonly tag: number;
  /** Bytes of data behind each net buffer; 0 for none. */
  readonly dataSize: number;
  /** Freed blocks go back to the tagged pool at once, so that a use after free is found. */
  readonly verify: boolean;
}

/** Addresses named in a finding about blocks that were not freed. */
const NAMED_BLOCKS = 8;

export abstract class BlockPool extends NdisObject {
  readonly memory: KernelMemory;
  readonly options: BlockPoolOptions;
  readonly blockSize: number;
  readonly #pool: Pool;
  readonly #owner: number;
  readonly #stateOffset: number;
  /** Every block that is allocated from the tagged pool. */
  readonly #blocks = new Set<Address>();
  /** Blocks that wait for reuse; the last one freed is the first one taken. */
  #free = new Int32Array(64);
  #freeCount = 0;

  constructor(kernel: Kernel, options: BlockPoolOptions, blockSize: number, stateOffset: number) {
    super();
    this.memory = kernel.memory;
    this.options = options;
    this.blockSize = blockSize;
    this.#pool = poolOf(kernel);
    this.#owner = options.driver?.id ?? 0;
    this.#stateOffset = stateOffset;
  }

  /** Blocks that are not freed. */
  get outstanding(): number {
    return this.#blocks.size - this.#freeCount;
  }

  /** Addresses of blocks that are not freed, for a message. */
  describeOutstanding(): string {
    const names: string[] = [];
    for (const block of this.#blocks) {
      if (this.memory.i32[(block + this.#stateOffset) >> 2] === BLOCK_FREE) continue;
      if (names.length === NAMED_BLOCKS) return `${names.join(', ')}, ...`;
      names.push(`0x${block.toString(16)}`);
    }
    return names.join(', ');
  }

  /** Gives the memory of free blocks back; the pool is over. What is outstanding stays with its owner. */
  destroy(): void {
    for (let index = 0; index < this.#freeCount; index++) {
      const block = this.#free[index];
      this.#blocks.delete(block);
      this.#pool.free(block, this.options.tag);
    }
    this.#freeCount = 0;
  }

  /** A block whose parts are laid out, or 0 when memory is short. */
  protected takeBlock(): Address {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount];
    const block = this.#pool.allocate(poolType.nonPagedNx, this.blockSize, this.options.tag, this.#owner);
    if (block === 0) return 0;
    this.memory.u8.fill(0, block, block + this.blockSize);
    this.#blocks.add(block);
    this.layOut(block);
    return block;
  }

  /** Takes a block back. */
  protected giveBack(block: Address): void {
    this.memory.i32[(block + this.#stateOffset) >> 2] = BLOCK_FREE;
    if (this.options.verify) {
      this.#blocks.delete(block);
      this.#pool.free(block, this.options.tag);
      return;
    }
    if (this.#freeCount === this.#free.length) {
      const longer = new Int32Array(this.#free.length * 2);
      longer.set(this.#free);
      this.#free = longer;
    }
    this.#free[this.#freeCount++] = block;
  }

  /** Writes what stays the same in a new block as long as it lives. */
  protected abstract layOut(block: Address): void;

  /** Bytes of an MDL with its prefix and the data it describes, wherever they come to lie. */
  static bytesOfMdlAndData(dataSize: number): number {
    // Data that begins at the last byte of a page touches the most pages.
    return dataSize === 0 ? 0 : MDL_PREFIX + roundUp(mdlBytes(0xfff, dataSize)) + roundUp(dataSize);
  }

  /** Builds the MDL at the start of the space for MDL and data. @returns the MDL. */
  protected layOutMdl(at: Address): Address {
    const { dataSize } = this.options;
    const mdl = at + MDL_PREFIX;
    this.memory.i32[(mdl + MDL_STATE) >> 2] = MDL_STATE_EMBEDDED;
    this.rebuildMdl(mdl);
    return dataSize === 0 ? 0 : mdl;
  }

  /** Makes the MDL of a block describe all its data again, whatever a driver did to it. */
  protected rebuildMdl(mdl: Address): void {
    const { dataSize } = this.options;
    const data = mdl + roundUp(mdlBytes(0xfff, dataSize));
    buildMdl(this.memory, mdl, data, dataSize, 4);
  }
}

/** The next multiple of 16. */
export function roundUp(size: number): number {
  return (size + 15) & ~15;
}
