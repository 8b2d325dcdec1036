/**
 * The pages of kernel memory: which are in use and what may be done with them, and a deterministic first-fit
 * allocator of contiguous ranges. Implements decision 1 of the design; protections follow the x64 page tables.
 */

import { type Address, FIRST_MAPPED_ADDRESS, PAGE_SIZE } from './addressSpace.ts';
import type { KernelMemory } from './memory.ts';

/** What may be done with a page: any sum of these. */
export const PAGE_NONE = 0;
export const PAGE_READ = 1;
export const PAGE_WRITE = 2;
export const PAGE_EXECUTE = 4;
/** Never touched on purpose: an access is an overrun of the range before it. */
export const PAGE_GUARD = 8;
/** Registers of a device: neither read nor written like memory, every access goes to who knows the device. */
export const PAGE_DEVICE = 16;
export const PAGE_READ_WRITE = PAGE_READ | PAGE_WRITE;

/** Set for every page in use, whatever its protection. */
const IN_USE = 0x80;
const PAGE_SHIFT = 12;

/** Pages that cover `size` bytes. */
export function pagesOfSize(size: number): number {
  return Math.ceil(size / PAGE_SIZE);
}

/** What happened to pages: taken, given back, or allowed other accesses than before. */
export type PageChange = 'allocated' | 'released' | 'protected';
export type PageWatcher = (first: number, count: number, change: PageChange) => void;

/** Where a contiguous range may lie. */
export interface RangeLimits {
  /** Lowest address of its first byte. */
  readonly lowest?: Address;
  /** Highest address of its last byte. */
  readonly highest?: Address;
  /** Multiple, in bytes, that the range must not cross; 0 for none. */
  readonly boundary?: number;
  /** Alignment of its first byte, a power of two of at least PAGE_SIZE. */
  readonly align?: number;
}

/** Thrown at the host when it frees or protects what was never allocated; a mistake of ours, never of a driver's. */
export class PageRangeError extends RangeError {
  readonly code = 'PAGE_RANGE';
}

export class Pages {
  readonly memory: KernelMemory;
  /** Told of every change after it happened: who keeps what it knows about pages must forget it then. */
  readonly watchers: PageWatcher[] = [];
  /** Number of pages of memory, mapped or not. */
  readonly count: number;
  /** Protection and use of each page. */
  readonly #state: Uint8Array;
  /** Id of the process whose user page it is; 0 for pages of the kernel. */
  readonly #process: Uint16Array;
  /** No page below this one is free. */
  #lowestFree: number;
  #used = 0;

  constructor(memory: KernelMemory) {
    this.memory = memory;
    this.count = memory.size >> PAGE_SHIFT;
    this.#state = new Uint8Array(this.count);
    this.#process = new Uint16Array(this.count);
    this.#lowestFree = FIRST_MAPPED_ADDRESS >> PAGE_SHIFT;
  }

  /** Pages in use. */
  get used(): number {
    return this.#used;
  }

  /** Pages that may still be allocated. */
  get free(): number {
    return this.count - (FIRST_MAPPED_ADDRESS >> PAGE_SHIFT) - this.#used;
  }

  /**
   * A contiguous range of `count` pages, the lowest that fits. Contents are what was there before.
   * @returns its address, or 0 when no range of that length is free.
   */
  allocate(count: number, protection = PAGE_READ_WRITE, limits?: RangeLimits): Address {
    if (!Number.isInteger(count) || count <= 0 || count > this.count) return 0;
    const first = limits === undefined ? this.#findFree(count) : this.#findWithin(count, limits);
    if (first === 0) return 0;
    this.#state.fill(IN_USE | protection, first, first + count);
    this.#used += count;
    if (first === this.#lowestFree) this.#lowestFree = first + count;
    this.#tell(first, count, 'allocated');
    return first << PAGE_SHIFT;
  }

  /**
   * Takes a range at a fixed address.
   * @returns false when a page of it is in use already or lies outside of what may be mapped.
   */
  reserve(address: Address, count: number, protection = PAGE_READ_WRITE): boolean {
    const first = address >>> PAGE_SHIFT;
    if (address % PAGE_SIZE !== 0 || first < FIRST_MAPPED_ADDRESS >> PAGE_SHIFT) return false;
    if (first + count > this.count) return false;
    for (let page = first; page < first + count; page++) if (this.#state[page] !== 0) return false;
    this.#state.fill(IN_USE | protection, first, first + count);
    this.#used += count;
    this.#tell(first, count, 'allocated');
    return true;
  }

  /** Gives a range back. @throws PageRangeError when a page of it is not in use. */
  release(address: Address, count: number): void {
    const first = this.#firstOf(address, count, 'release');
    this.#state.fill(0, first, first + count);
    this.#process.fill(0, first, first + count);
    this.#used -= count;
    if (first < this.#lowestFree) this.#lowestFree = first;
    this.#tell(first, count, 'released');
  }

  /** Changes what may be done with a range. @throws PageRangeError when a page of it is not in use. */
  protect(address: Address, count: number, protection: number): void {
    const first = this.#firstOf(address, count, 'protect');
    this.#state.fill(IN_USE | protection, first, first + count);
    this.#tell(first, count, 'protected');
  }

  /**
   * Makes a range in use the user memory of a process, 1 to 65535; 0 makes it the kernel's again.
   * @throws PageRangeError when a page of it is not in use.
   */
  assign(address: Address, count: number, process: number): void {
    const first = this.#firstOf(address, count, 'assign');
    this.#process.fill(process, first, first + count);
  }

  /** Id of the process that the page around `address` belongs to; 0 for pages of the kernel and none. */
  processAt(address: Address): number {
    return this.#process[address >>> PAGE_SHIFT] ?? 0;
  }

  /** Protection of the page around `address`; PAGE_NONE where nothing is mapped. */
  protectionAt(address: Address): number {
    return (this.#state[address >>> PAGE_SHIFT] ?? 0) & ~IN_USE;
  }

  /** Whether every byte of a range lies in a page that may be read. */
  isMapped(address: Address, size = 1): boolean {
    return this.allows(address, size, PAGE_READ);
  }

  /** Whether everything in `access` may be done with every byte of a range. */
  allows(address: Address, size: number, access: number): boolean {
    return this.firstFault(address, size, access) === -1;
  }

  /** The first address of a range that may not be accessed so, -1 when all may. An empty range never faults. */
  firstFault(address: Address, size: number, access: number): Address {
    if (size <= 0) return -1;
    if (address < 0 || address + size > this.memory.size) return Math.max(address, 0);
    const last = (address + size - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= last; page++) {
      const state = this.#state[page];
      if ((state & access) !== access || (state & PAGE_GUARD) !== 0) {
        return Math.max(address, page << PAGE_SHIFT);
      }
    }
    return -1;
  }

  #tell(first: number, count: number, change: PageChange): void {
    const { watchers } = this;
    for (let index = 0; index < watchers.length; index++) watchers[index](first, count, change);
  }

  #firstOf(address: Address, count: number, what: string): number {
    const first = address >>> PAGE_SHIFT;
    let wrong = address % PAGE_SIZE !== 0 || count < 0 || first + count > this.count;
    for (let page = first; !wrong && page < first + count; page++) wrong = this.#state[page] === 0;
    if (wrong) {
      throw new PageRangeError(
        `cannot ${what} ${count} pages at 0x${address.toString(16)}: not all of them were allocated`,
      );
    }
    return first;
  }

  #findFree(count: number): number {
    const state = this.#state;
    let page = this.#lowestFree;
    while (page < this.count && state[page] !== 0) page++;
    this.#lowestFree = page;
    let run = 0;
    for (; page < this.count; page++) {
      run = state[page] === 0 ? run + 1 : 0;
      if (run === count) return page - count + 1;
    }
    return 0;
  }

  #findWithin(count: number, limits: RangeLimits): number {
    const { lowest = 0, highest = this.memory.size - 1, boundary = 0, align = PAGE_SIZE } = limits;
    const step = Math.max(1, align >> PAGE_SHIFT);
    const low = Math.max(FIRST_MAPPED_ADDRESS, lowest);
    let first = Math.ceil(low / PAGE_SIZE / step) * step;
    const end = Math.min(this.count, Math.floor((highest + 1) / PAGE_SIZE));
    for (; first + count <= end; first += step) {
      const bytes = first * PAGE_SIZE;
      const crosses =
        boundary > 0 &&
        Math.floor(bytes / boundary) !== Math.floor((bytes + count * PAGE_SIZE - 1) / boundary);
      if (!crosses && this.#allFree(first, count)) return first;
    }
    return 0;
  }

  #allFree(first: number, count: number): boolean {
    for (let page = first; page < first + count; page++) if (this.#state[page] !== 0) return false;
    return true;
  }
}
