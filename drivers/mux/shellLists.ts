/**
 * Net buffer lists without buffers: each describes the frame of another list, so that it can be indicated to somebody
 * else without a copy. Implements "NET_BUFFER_LIST Management" and "Derived NET_BUFFER_LIST Structures" (network).
 */

import {
  type Address,
  type DriverImports,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NET_BUFFER,
  NET_BUFFER_LIST,
  NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
} from '../../src/machine/index.ts';

const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_PARENT = NET_BUFFER_LIST.offset.ParentNetBufferList;
const NBL_MINIPORT_RESERVED = NET_BUFFER_LIST.offset.MiniportReserved;
const NB_CURRENT_MDL = NET_BUFFER.offset.CurrentMdl;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const NB_DATA_OFFSET = NET_BUFFER.offset.DataOffset;
const NB_MDL_CHAIN = NET_BUFFER.offset.MdlChain;

/** Free shells, as a stack. */
export class ShellLists {
  readonly #imports: DriverImports;
  readonly #free: Int32Array;
  #freeCount = 0;
  #pool: Address = 0;

  /** Makes `count` shells, or null when memory is short. */
  static create(imports: DriverImports, owner: Address, tag: number, count: number): ShellLists | null {
    const shells = new ShellLists(imports, count);
    if (shells.#allocate(owner, tag)) return shells;
    shells.destroy();
    return null;
  }

  private constructor(imports: DriverImports, count: number) {
    this.#imports = imports;
    this.#free = new Int32Array(count);
  }

  /** A shell around the first frame of `list`, which `originalOf` then gives; 0 when no shell is free. */
  wrap(list: Address): Address {
    if (this.#freeCount === 0) return 0;
    const shell = this.#free[--this.#freeCount];
    const { memory } = this.#imports;
    const { i32, u32 } = memory;
    const from = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    const to = i32[(shell + NBL_FIRST_NET_BUFFER) >> 2];
    memory.writePointer(to + NB_CURRENT_MDL, i32[(from + NB_CURRENT_MDL) >> 2]);
    memory.writePointer(to + NB_MDL_CHAIN, i32[(from + NB_MDL_CHAIN) >> 2]);
    u32[(to + NB_CURRENT_MDL_OFFSET) >> 2] = u32[(from + NB_CURRENT_MDL_OFFSET) >> 2];
    u32[(to + NB_DATA_LENGTH) >> 2] = u32[(from + NB_DATA_LENGTH) >> 2];
    u32[(to + NB_DATA_OFFSET) >> 2] = u32[(from + NB_DATA_OFFSET) >> 2];
    memory.writePointer(shell + NBL_NEXT, 0);
    memory.writePointer(shell + NBL_PARENT, list);
    memory.writePointer(shell + NBL_MINIPORT_RESERVED, list);
    return shell;
  }

  /** The list that a shell was made around; 0 for a list that is no shell. */
  originalOf(list: Address): Address {
    return this.#imports.memory.i32[(list + NBL_MINIPORT_RESERVED) >> 2];
  }

  /** Takes a shell back. */
  give(shell: Address): void {
    this.#free[this.#freeCount++] = shell;
  }

  /** Frees the shells, all of which have come back. */
  destroy(): void {
    const { ndis, memory } = this.#imports;
    while (this.#freeCount > 0) {
      const shell = this.#free[--this.#freeCount];
      // The MDLs belong to whoever received the frame.
      const buffer = memory.i32[(shell + NBL_FIRST_NET_BUFFER) >> 2];
      memory.writePointer(buffer + NB_CURRENT_MDL, 0);
      memory.writePointer(buffer + NB_MDL_CHAIN, 0);
      memory.writePointer(shell + NBL_PARENT, 0);
      ndis.NdisFreeNetBufferList(shell);
    }
    if (this.#pool !== 0) ndis.NdisFreeNetBufferListPool(this.#pool);
    this.#pool = 0;
  }

  #allocate(owner: Address, tag: number): boolean {
    const { ndis } = this.#imports;
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
    for (let index = 0; index < this.#free.length; index++) {
      const shell = ndis.NdisAllocateNetBufferAndNetBufferList(this.#pool, 0, 0, 0, 0, 0);
      if (shell === 0) return false;
      this.give(shell);
    }
    return true;
  }
}
