/**
 * Net buffer lists with a buffer each, made once and used again and again.
 * Implements "NET_BUFFER_LIST Management" (network).
 */

import {
  type Address,
  type DriverImports,
  MDL,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NET_BUFFER,
  NET_BUFFER_LIST,
  NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
} from '../../src/machine/index.ts';

const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_DATA_OFFSET = NET_BUFFER.offset.DataOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const NB_MDL_CHAIN = NET_BUFFER.offset.MdlChain;
const MDL_ADDRESS = MDL.offset.MappedSystemVa;

/** Free lists, as a stack. A list knows its buffer by its MDL. */
export class OwnLists {
  readonly bufferSize: number;
  readonly capacity: number;
  readonly #imports: DriverImports;
  readonly #free: Int32Array;
  #freeCount = 0;
  #pool: Address = 0;
  #buffers: Address = 0;

  /** Makes `count` lists with buffers of at least `bufferSize` bytes, or null when memory is short. */
  static create(
    imports: DriverImports,
    owner: Address,
    tag: number,
    count: number,
    bufferSize: number,
  ): OwnLists | null {
    const lists = new OwnLists(imports, count, (bufferSize + 63) & ~63);
    if (lists.#allocate(owner, tag)) return lists;
    lists.destroy();
    return null;
  }

  private constructor(imports: DriverImports, count: number, bufferSize: number) {
    this.#imports = imports;
    this.capacity = count;
    this.bufferSize = bufferSize;
    this.#free = new Int32Array(count);
  }

  /** Lists that are free. */
  get freeCount(): number {
    return this.#freeCount;
  }

  /** A free list, or 0. */
  take(): Address {
    return this.#freeCount === 0 ? 0 : this.#free[--this.#freeCount];
  }

  /** Gives a list back. */
  give(list: Address): void {
    this.#free[this.#freeCount++] = list;
  }

  /** Calls `prepare` for every list that is free, with its buffer. */
  each(prepare: (list: Address, buffer: Address) => void): void {
    for (const list of this.#free.subarray(0, this.#freeCount)) prepare(list, this.bufferOf(list));
  }

  /** Where the buffer of a list begins. */
  bufferOf(list: Address): Address {
    const { i32 } = this.#imports.memory;
    const buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    return i32[(i32[(buffer + NB_MDL_CHAIN) >> 2] + MDL_ADDRESS) >> 2];
  }

  /** Says that the frame lies `offset` bytes into the buffer and is `length` bytes long. */
  setFrame(list: Address, offset: number, length: number): void {
    const { i32, u32 } = this.#imports.memory;
    const buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    u32[(buffer + NB_DATA_OFFSET) >> 2] = offset;
    u32[(buffer + NB_CURRENT_MDL_OFFSET) >> 2] = offset;
    u32[(buffer + NB_DATA_LENGTH) >> 2] = length;
  }

  /** Frees the lists, all of which have come back, and their buffers. */
  destroy(): void {
    const { ndis } = this.#imports;
    while (this.#freeCount > 0) {
      const list = this.#free[--this.#freeCount];
      const mdl = ndis.NET_BUFFER_FIRST_MDL(ndis.NET_BUFFER_LIST_FIRST_NB(list));
      ndis.NdisFreeNetBufferList(list);
      ndis.NdisFreeMdl(mdl);
    }
    if (this.#pool !== 0) ndis.NdisFreeNetBufferListPool(this.#pool);
    if (this.#buffers !== 0) ndis.NdisFreeMemory(this.#buffers, 0, 0);
    this.#pool = 0;
    this.#buffers = 0;
  }

  #allocate(owner: Address, tag: number): boolean {
    const { ndis } = this.#imports;
    this.#buffers = ndis.NdisAllocateMemoryWithTagPriority(owner, this.capacity * this.bufferSize, tag, 0);
    if (this.#buffers === 0) return false;
    this.#pool = ndis.NdisAllocateNetBufferListPool(owner, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
      },
      fAllocateNetBuffer: true,
      PoolTag: tag,
    });
    if (this.#pool === 0) return false;
    for (let index = 0; index < this.capacity; index++) {
      const mdl = ndis.NdisAllocateMdl(owner, this.#buffers + index * this.bufferSize, this.bufferSize);
      if (mdl === 0) return false;
      const list = ndis.NdisAllocateNetBufferAndNetBufferList(this.#pool, 0, 0, mdl, 0, 0);
      if (list === 0) {
        ndis.NdisFreeMdl(mdl);
        return false;
      }
      this.give(list);
    }
    return true;
  }
}
