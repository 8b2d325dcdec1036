/**
 * Memory descriptor lists as plain functions on numbers over the kernel memory, and where NDIS allocates them.
 * Implements the MDL layout of wdm.h and "NdisAllocateMdl" (mdlapi.h): NDIS builds each MDL for nonpaged memory.
 */

import {
  type Kernel,
  MDL_ALLOCATED_FIXED_SIZE,
  MDL_MAPPED_TO_SYSTEM_VA,
  MDL_PARTIAL,
  MDL_SOURCE_IS_NONPAGED_POOL,
  poolOf,
} from '../../kernel/index.ts';
import {
  type Address,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
  type Pool,
  poolType,
} from '../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import {
  MDL_BYTE_COUNT,
  MDL_BYTE_OFFSET,
  MDL_FLAGS,
  MDL_MAPPED_SYSTEM_VA,
  MDL_NEXT,
  MDL_OWNER,
  MDL_PREFIX,
  MDL_PROCESS,
  MDL_SIZE,
  MDL_SIZE_FIELD,
  MDL_START_VA,
  MDL_STATE,
  MDL_STATE_FREE,
} from './offsets.ts';

const PAGE_MASK = 0xfff;
/** An MDL for at most this many pages comes from the list of equal blocks. */
const FIXED_PAGES = 4;
const FIXED_SIZE = MDL_PREFIX + MDL_SIZE + FIXED_PAGES * 8;
/** Free equal blocks that are kept; more go back to the pool. */
const FIXED_LIMIT = 4096;
/** Pool tag `NDmd`. */
const MDL_TAG = 0x646d444e;

/** Stores a pointer, both halves. */
export function storePointer(i32: Int32Array, at: Address, value: Address): void {
  const index = at >> 2;
  i32[index] = value;
  i32[index + 1] = value === 0 ? 0 : KERNEL_WINDOW_HIGH;
}

/** Pages that `length` bytes at `address` touch. */
export function spanPages(address: Address, length: number): number {
  return ((address & PAGE_MASK) + length + PAGE_MASK) >>> 12;
}

/** Bytes of an MDL that describes `length` bytes at `address`. */
export function mdlBytes(address: Address, length: number): number {
  return MDL_SIZE + spanPages(address, length) * 8;
}

/** Where the bytes lie that an MDL describes. */
export function mdlAddress(i32: Int32Array, mdl: Address): Address {
  const mapped = i32[(mdl + MDL_MAPPED_SYSTEM_VA) >> 2];
  return mapped !== 0 ? mapped : i32[(mdl + MDL_START_VA) >> 2] + i32[(mdl + MDL_BYTE_OFFSET) >> 2];
}

/** Writes an MDL for `length` bytes of nonpaged memory; the page frame behind an address is its page. */
export function buildMdl(
  memory: KernelMemory,
  mdl: Address,
  address: Address,
  length: number,
  flags: number,
): void {
  const { i32 } = memory;
  const pages = spanPages(address, length);
  const page = address & ~PAGE_MASK;
  i32[(mdl + MDL_NEXT) >> 2] = 0;
  i32[(mdl + MDL_NEXT + 4) >> 2] = 0;
  i32[(mdl + MDL_SIZE_FIELD) >> 2] = (MDL_SIZE + pages * 8) | (flags << 16);
  i32[(mdl + MDL_SIZE_FIELD + 4) >> 2] = 0;
  i32[(mdl + MDL_PROCESS) >> 2] = 0;
  i32[(mdl + MDL_PROCESS + 4) >> 2] = 0;
  storePointer(i32, mdl + MDL_MAPPED_SYSTEM_VA, address);
  storePointer(i32, mdl + MDL_START_VA, page);
  i32[(mdl + MDL_BYTE_COUNT) >> 2] = length;
  i32[(mdl + MDL_BYTE_OFFSET) >> 2] = address & PAGE_MASK;
  let frame = (mdl + MDL_SIZE) >> 2;
  for (let index = 0; index < pages; index++) {
    i32[frame] = (page >>> 12) + index;
    i32[frame + 1] = 0;
    frame += 2;
  }
}

/** The MDLs that NDIS allocates. */
export class MdlAllocator {
  readonly #memory: KernelMemory;
  readonly #pool: Pool;
  /** Addresses of free equal blocks. */
  readonly #free = new Int32Array(FIXED_LIMIT);
  #freeCount = 0;
  readonly #keep: boolean;
  /** MDLs that each driver has not freed, by id. */
  #outstanding = new Int32Array(64);

  constructor(kernel: Kernel) {
    this.#memory = kernel.memory;
    this.#pool = poolOf(kernel);
    // With red zones every block goes through the pool, which checks it.
    this.#keep = kernel.poolOptions.redZones !== true;
  }

  /** MDLs that `driver` has not freed. */
  outstandingOf(driver: number): number {
    return this.#outstanding[driver] ?? 0;
  }

  /** An MDL for `length` bytes of nonpaged memory at `address`, or 0 when memory is short. */
  allocate(address: Address, length: number, state: number, driver: number): Address {
    const mdl = this.#take(spanPages(address, length));
    if (mdl === 0) return 0;
    const fixed = spanPages(address, length) <= FIXED_PAGES ? MDL_ALLOCATED_FIXED_SIZE : 0;
    buildMdl(this.#memory, mdl, address, length, MDL_SOURCE_IS_NONPAGED_POOL | fixed);
    this.#note(mdl, state, driver);
    return mdl;
  }

  /** An MDL for a part of what `source` describes: `length` bytes from `offset` on. */
  allocatePartial(source: Address, offset: number, length: number, state: number, driver: number): Address {
    const { i32, i16 } = this.#memory;
    const mdl = this.allocate(mdlAddress(i32, source) + offset, length, state, driver);
    if (mdl === 0) return 0;
    if ((i16[(source + MDL_FLAGS) >> 1] & MDL_SOURCE_IS_NONPAGED_POOL) === 0) {
      const flags = i16[(mdl + MDL_FLAGS) >> 1] & ~MDL_SOURCE_IS_NONPAGED_POOL;
      i16[(mdl + MDL_FLAGS) >> 1] = flags | MDL_PARTIAL | MDL_MAPPED_TO_SYSTEM_VA;
    }
    return mdl;
  }

  /** Frees an MDL whose state the caller has checked. */
  free(mdl: Address): void {
    const { i32, i16 } = this.#memory;
    i32[(mdl + MDL_STATE) >> 2] = MDL_STATE_FREE;
    this.#outstanding[i32[(mdl + MDL_OWNER) >> 2]]--;
    const fixed = (i16[(mdl + MDL_FLAGS) >> 1] & MDL_ALLOCATED_FIXED_SIZE) !== 0;
    if (fixed && this.#keep && this.#freeCount < FIXED_LIMIT) this.#free[this.#freeCount++] = mdl;
    else this.#pool.free(mdl - MDL_PREFIX, MDL_TAG);
  }

  #take(pages: number): Address {
    if (pages <= FIXED_PAGES && this.#freeCount > 0) return this.#free[--this.#freeCount];
    const size = pages <= FIXED_PAGES ? FIXED_SIZE : MDL_PREFIX + MDL_SIZE + pages * 8;
    const block = this.#pool.allocate(poolType.nonPagedNx, size, MDL_TAG, 0);
    return block === 0 ? 0 : block + MDL_PREFIX;
  }

  #note(mdl: Address, state: number, driver: number): void {
    const { i32 } = this.#memory;
    i32[(mdl + MDL_STATE) >> 2] = state;
    i32[(mdl + MDL_OWNER) >> 2] = driver;
    if (driver >= this.#outstanding.length) {
      const longer = new Int32Array(driver * 2);
      longer.set(this.#outstanding);
      this.#outstanding = longer;
    }
    this.#outstanding[driver]++;
  }
}

/** The MDLs of a library. */
export const mdlsOf = perNdis('mdls', (ndis: NdisLibrary) => new MdlAllocator(ndis.kernel));
