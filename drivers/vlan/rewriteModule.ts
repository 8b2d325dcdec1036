/**
 * A module of vlan that rewrites ids: its pools for copies, and how many copies are under way, for which a pause waits.
 * Implements "Pausing a Filter Module" and "Filter Driver Buffer Management" (network).
 */

import {
  type Address,
  type DriverImports,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NET_BUFFER_POOL_PARAMETERS_REVISION_1,
} from '../../src/machine/index.ts';

/** `Vlan` as a pool tag. */
const TAG = 0x6e616c56;
/** Copies of one module that may be under way; lists that need one more are refused with NDIS_STATUS_RESOURCES. */
export const COPY_LIMIT = 256;

export class RewriteModule {
  readonly handle: Address;
  readonly listPool: Address;
  readonly bufferPool: Address;
  /** From FilterRestart to FilterPause. */
  running = false;
  readonly #imports: DriverImports;
  #copies = 0;
  #pausing = false;

  /** With the pools, or null where memory is short. */
  static create(imports: DriverImports, handle: Address): RewriteModule | null {
    const { ndis } = imports;
    const listPool = ndis.NdisAllocateNetBufferListPool(handle, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
      },
      fAllocateNetBuffer: true,
      PoolTag: TAG,
    });
    const bufferPool = ndis.NdisAllocateNetBufferPool(handle, {
      Header: {
        Type: NDIS_OBJECT_TYPE_DEFAULT,
        Revision: NET_BUFFER_POOL_PARAMETERS_REVISION_1,
        Size: NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1,
      },
      PoolTag: TAG,
    });
    const module = new RewriteModule(imports, handle, listPool, bufferPool);
    if (listPool !== 0 && bufferPool !== 0) return module;
    module.destroy();
    return null;
  }

  private constructor(imports: DriverImports, handle: Address, listPool: Address, bufferPool: Address) {
    this.#imports = imports;
    this.handle = handle;
    this.listPool = listPool;
    this.bufferPool = bufferPool;
  }

  /** Counts a copy that is to be made; false where there are enough. */
  takeCopy(): boolean {
    if (this.#copies === COPY_LIMIT) return false;
    this.#copies++;
    return true;
  }

  /** Copies are freed, and their lists are back with their owners: completes the pause that waits for the last one. */
  giveCopies(count: number): void {
    this.#copies -= count;
    if (this.#copies > 0 || !this.#pausing) return;
    this.#pausing = false;
    this.#imports.ndis.NdisFPauseComplete(this.handle);
  }

  pause(): number {
    this.running = false;
    this.#pausing = this.#copies > 0;
    return this.#pausing ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
  }

  restart(): number {
    this.running = true;
    return NDIS_STATUS_SUCCESS;
  }

  /** Frees the pools, to which everything has come back. */
  destroy(): void {
    const { ndis } = this.#imports;
    if (this.bufferPool !== 0) ndis.NdisFreeNetBufferPool(this.bufferPool);
    if (this.listPool !== 0) ndis.NdisFreeNetBufferListPool(this.listPool);
  }
}
