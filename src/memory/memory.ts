/**
 * The one kernel memory of a machine: a WebAssembly.Memory of fixed size and the typed arrays over it.
 * Implements decision 1 of the design: an address is a number below 2^31; in memory a pointer has 8 bytes,
 * its high half names the window and its low half is the address.
 */

import {
  type Address,
  CALLABLE_RANGE_START,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  OBJECT_RANGE_START,
  OPAQUE_RANGE_START,
  USER_WINDOW_HIGH,
} from './addressSpace.ts';
import { PAGE_MAPS_SIZE, SHADOW_SIZE } from './engineArea.ts';
import { HostValues } from './hostValues.ts';
import { addressFromHalves, highHalfOf, lowHalfOf, OpaqueValues, type UserSpace } from './pointer.ts';
import { ViewCache } from './viewCache.ts';

/** Tells a freed and reused block from the one before; the pool supplies it. */
export interface Generations {
  /** A number that changes when the block around `address` is freed or handed out anew. */
  generationAt(address: Address): number;
}

/** The bytes of a machine and the typed arrays over them. All arrays alias the same memory and never move. */
export class KernelMemory {
  readonly memory: WebAssembly.Memory;
  /** Size in bytes. */
  readonly size: number;
  /** Bytes of the WebAssembly memory behind `size`, which no guest address reaches, start here; see engineArea.ts. */
  readonly engineArea: number;
  /** Whether a shadow of all addresses lies there too: memory safety can be checked. */
  readonly hasShadow: boolean;
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  readonly i64: BigInt64Array;
  /** For members that are not aligned to their size. */
  readonly data: DataView;
  /** Generation of the blocks of memory; 0 everywhere until a pool supplies it. */
  generations: Generations = { generationAt: () => 0 };
  /** The views handed out, so that each stays canonical. */
  readonly views = new ViewCache();
  /** Opaque addresses of host objects: handles and contexts. */
  readonly objects = new HostValues(OBJECT_RANGE_START, 'object');
  /** Callable addresses of host functions. */
  readonly callables = new HostValues(CALLABLE_RANGE_START, 'callable');
  /** 64-bit values that are no address of the machine. */
  readonly opaques = new OpaqueValues();
  /** Which pages are user pages; none until the kernel supplies it. */
  userSpace: UserSpace = { isUser: () => false };

  /**
   * @param size bytes; a multiple of 64 KiB, at most 1 GiB so that addresses stay below the object range.
   * @param options memorySafety: room for the shadow, 512 MiB of addresses of which only what is used takes memory.
   */
  constructor(size: number = 256 * 1024 * 1024, options: { readonly memorySafety?: boolean } = {}) {
    if (
      !Number.isInteger(size) ||
      size <= FIRST_MAPPED_ADDRESS ||
      size % 0x1_0000 !== 0 ||
      size > 0x4000_0000
    ) {
      throw new RangeError(
        `kernel memory of ${size} bytes: give a multiple of 65536 between 131072 and 1073741824`,
      );
    }
    this.hasShadow = options.memorySafety === true;
    this.engineArea = size;
    const pages = (size + PAGE_MAPS_SIZE + (this.hasShadow ? SHADOW_SIZE : 0)) / 0x1_0000;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const buffer = this.memory.buffer;
    this.size = size;
    this.u8 = new Uint8Array(buffer, 0, size);
    this.i8 = new Int8Array(buffer, 0, size);
    this.u16 = new Uint16Array(buffer, 0, size / 2);
    this.i16 = new Int16Array(buffer, 0, size / 2);
    this.u32 = new Uint32Array(buffer, 0, size / 4);
    this.i32 = new Int32Array(buffer, 0, size / 4);
    this.u64 = new BigUint64Array(buffer, 0, size / 8);
    this.i64 = new BigInt64Array(buffer, 0, size / 8);
    this.data = new DataView(buffer, 0, size);
  }

  /** The number of the pointer stored at `at`, which must be aligned to 8 (pointer.ts: which numbers there are). */
  readPointer(at: Address): Address {
    const index = at >> 2;
    const low = this.i32[index];
    const high = this.i32[index + 1];
    if (high === KERNEL_WINDOW_HIGH && low >= FIRST_MAPPED_ADDRESS) return low;
    return (low | high) === 0 ? 0 : addressFromHalves(this, low, high);
  }

  /** Stores a pointer, both halves, at `at`, which must be aligned to 8. Addresses lie in the kernel window. */
  writePointer(at: Address, value: Address): void {
    const index = at >> 2;
    this.i32[index] = value;
    if (value === 0) this.i32[index + 1] = 0;
    else if (value >= FIRST_MAPPED_ADDRESS && value < OPAQUE_RANGE_START) {
      this.i32[index + 1] = KERNEL_WINDOW_HIGH;
    } else this.#writeOther(index, value);
  }

  #writeOther(index: number, value: Address): void {
    this.i32[index] = lowHalfOf(this, value);
    this.i32[index + 1] = highHalfOf(this, value);
  }

  /** Stores a pointer into the user address space at `at`, which must be aligned to 8. */
  writeUserPointer(at: Address, value: Address): void {
    this.i32[at >> 2] = value;
    this.i32[(at >> 2) + 1] = value === 0 ? 0 : USER_WINDOW_HIGH;
  }
}
