/**
 * The tagged pool: blocks of kernel memory in slabs of one page, free lists per size class, larger blocks in pages
 * of their own. What is known of a block stands in tables beside memory, so that no driver can damage the pool.
 * Implements "ExAllocatePool2" (wdm.h): 16-byte alignment, page alignment from PAGE_SIZE on, no block below
 * PAGE_SIZE crosses a page.
 */

import { type Address, type Generations, PAGE_SIZE } from './memory.ts';
import { PAGE_EXECUTE, PAGE_READ_WRITE, type Pages, pagesOfSize } from './pages.ts';
import { PoolAccounts, type PoolUse } from './poolAccounts.ts';
import { type PoolBlock, type PoolFault, type PoolFaultKind, type PoolType, poolType } from './poolBlock.ts';

/** Blocks of each class; every class fills a page as well as its multiple of 16 allows. */
const CLASS_SIZES = [
  16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 336, 368, 400, 448, 512, 576,
  672, 816, 1024, 1360, 2048, 4096,
];
const CLASS_COUNT = CLASS_SIZES.length;
const LIST_COUNT = CLASS_COUNT * 3;
/** Stands for blocks with pages of their own. */
const LARGE_LIST = LIST_COUNT;
/** Smallest class that holds n 16-byte units. */
const CLASS_OF = Uint8Array.from({ length: PAGE_SIZE / 16 + 1 }, (_, units) =>
  CLASS_SIZES.findIndex((size) => size >= units * 16),
);
/** 2^24 / size, rounded up: multiplying by it divides an offset in a page by the block size of a list. */
const RECIPROCAL = Uint32Array.from({ length: LIST_COUNT + 1 }, (_, list) =>
  list === LARGE_LIST ? 0 : Math.ceil(0x100_0000 / CLASS_SIZES[list % CLASS_COUNT]),
);

/** Bytes that must stay as they are before and behind a block. */
const RED_ZONE = 16;
const RED_ZONE_FILL = 0xfd;
const ALLOCATED_FILL = 0xcd;
const FREED_FILL = 0xdd;
const FREE = -1;
const QUOTA = 4;

/** Chosen when the machine is built. */
export interface PoolOptions {
  /** Fill, surround and check every block: overruns and writes to freed blocks are found when it is freed. */
  readonly redZones?: boolean;
  /** Freed blocks kept back before their memory is reused, 0 to 65536; only with `redZones`. Default 1024. */
  readonly delay?: number;
  /** Most bytes that one owner may have charged to its quota; default unlimited. */
  readonly quota?: number;
  /** Asked at each allocation: true makes it fail. */
  readonly fail?: PoolFailure | undefined;
  /** Names what allocates, for reports; asked at each allocation. */
  readonly caller?: (() => string) | undefined;
}

/** Decides whether an allocation fails. */
export type PoolFailure = (type: PoolType, size: number, tag: number, owner: number) => boolean;

export class Pool implements Generations {
  readonly pages: Pages;
  readonly accounts = new PoolAccounts();
  /** Told of misuse; the kernel stops the machine in it. */
  onFault: (fault: PoolFault) => void = () => {};
  /** Allocations that were refused. */
  failures = 0;
  readonly #options: PoolOptions;
  #fail: PoolFailure | undefined;
  /** Bytes before the address of a block. */
  readonly #front: number;
  readonly #delay: number;
  #careful: boolean;
  /** First slot of the slab in each page, or the slot of the large block; 0 where there is none. */
  readonly #pageSlot: Int32Array;
  readonly #pageList: Uint8Array;
  /** Generation of what is no block now. */
  readonly #pageGeneration: Uint32Array;
  readonly #heads = new Int32Array(LIST_COUNT);
  #slotCount = 1;
  /** Slots of large blocks that were freed. */
  #freeLargeSlot = 0;
  #next = new Int32Array(1024);
  #start = new Int32Array(1024);
  #size = new Int32Array(1024).fill(FREE);
  #tag = new Uint32Array(1024);
  #tagIndex = new Uint16Array(1024);
  #owner = new Int32Array(1024);
  #flags = new Uint8Array(1024);
  #generation = new Uint32Array(1024);
  #lastGeneration = 0;
  /** Freed slots, oldest first, that wait for reuse. */
  readonly #delayed: number[] = [];
  #delayedFirst = 0;
  readonly #callers = new Map<number, string>();
  /** Sizes of the blocks kept back, for reports. */
  readonly #freedSizes = new Map<number, number>();
  /** Slot ranges of slabs that were given back, by class. */
  readonly #spareSlots: number[][] = CLASS_SIZES.map(() => []);

  constructor(pages: Pages, options: PoolOptions = {}) {
    this.pages = pages;
    this.#options = options;
    this.#front = options.redZones === true ? RED_ZONE : 0;
    this.#delay = options.redZones === true ? Math.min(Math.max(options.delay ?? 1024, 0), 65536) : 0;
    this.#fail = options.fail;
    this.#careful = false;
    this.#pageSlot = new Int32Array(pages.count);
    this.#pageList = new Uint8Array(pages.count);
    this.#pageGeneration = new Uint32Array(pages.count);
    this.#chooseCare();
  }

  /** Replaces the predicate that makes allocations fail; undefined lets all succeed. */
  set fail(predicate: PoolFailure | undefined) {
    this.#fail = predicate;
    this.#chooseCare();
  }

  /**
   * A block of `size` bytes; its contents are whatever was there. 0 bytes give a block of no usable bytes.
   * @param owner id of the driver that is charged, 0 for the machine.
   * @returns its address, or 0 when memory is short.
   */
  allocate(type: PoolType, size: number, tag: number, owner: number): Address {
    if (this.#careful || !(size >= 0 && size <= PAGE_SIZE))
      return this.#allocateCarefully(type, size, tag, owner);
    const list = type * CLASS_COUNT + CLASS_OF[(size + 15) >> 4];
    let slot = this.#heads[list];
    if (slot === 0) {
      slot = this.#refill(list);
      if (slot === 0) return this.#refuse();
    }
    this.#heads[list] = this.#next[slot];
    this.#take(slot, size, tag, owner, type);
    return this.#start[slot];
  }

  /** `allocate`, with all bytes zero. */
  allocateZeroed(type: PoolType, size: number, tag: number, owner: number): Address {
    const address = this.allocate(type, size, tag, owner);
    if (address !== 0) this.pages.memory.u8.fill(0, address, address + size);
    return address;
  }

  /** `allocate`, charged to the owner's quota. @returns 0 also when the quota is used up. */
  allocateWithQuota(type: PoolType, size: number, tag: number, owner: number): Address {
    const account = this.accounts.ownerIndex(owner);
    const { quota } = this.accounts;
    if (quota[account] + size > (this.#options.quota ?? Number.POSITIVE_INFINITY)) return this.#refuse();
    const address = this.allocate(type, size, tag, owner);
    if (address === 0) return 0;
    quota[account] += size;
    this.#flags[this.#slotAt(address)] |= QUOTA;
    return address;
  }

  /** Frees a block; misuse goes to `onFault`. @param tag the tag it must have; any when left out. */
  free(address: Address, tag?: number): void {
    const fault = this.tryFree(address, tag);
    if (fault !== null) this.onFault(fault);
  }

  /** Frees a block. @returns null, or what is wrong; then nothing was freed unless the block was overrun. */
  tryFree(address: Address, tag?: number): PoolFault | null {
    const slot = this.#slotAt(address);
    if (slot === 0)
      return this.#fault(this.generationAt(address) === 0 ? 'notPool' : 'freedTwice', address, tag);
    const size = this.#size[slot];
    if (this.#start[slot] !== address) return this.#fault('notBlockStart', address, tag);
    if (size === FREE)
      return this.#fault(this.#generation[slot] === 0 ? 'notPool' : 'freedTwice', address, tag);
    if (tag !== undefined && this.#tag[slot] !== tag >>> 0) return this.#fault('wrongTag', address, tag);
    const fault = this.#front === 0 ? null : this.#checkZones(slot, address, tag);
    this.accounts.tags.remove(this.#tagIndex[slot], size);
    const owner = this.accounts.ownerIndex(this.#owner[slot]);
    this.accounts.owners.remove(owner, size);
    if ((this.#flags[slot] & QUOTA) !== 0) this.accounts.quota[owner] -= size;
    this.#size[slot] = FREE;
    this.#generation[slot] = ++this.#lastGeneration;
    if (this.#front !== 0) this.#keepBack(slot, size);
    else this.#recycle(slot);
    return fault;
  }

  /** Changes when the block around `address` is freed or handed out anew; 0 where no block ever was. */
  generationAt(address: Address): number {
    const slot = this.#slotAt(address);
    return slot === 0 ? (this.#pageGeneration[address >>> 12] ?? 0) : this.#generation[slot];
  }

  /** The block around `address`, freed ones included as long as their memory is not reused; null for none. */
  blockAt(address: Address): PoolBlock | null {
    const slot = this.#slotAt(address);
    return slot === 0 || this.#start[slot] === 0 || this.#generation[slot] === 0
      ? null
      : this.#describe(slot);
  }

  /** Whether `address` lies in paged pool. */
  isPaged(address: Address): boolean {
    const slot = this.#slotAt(address);
    return slot !== 0 && (this.#flags[slot] & 3) === poolType.paged;
  }

  /** Blocks that `owner` has not freed, in order of address. */
  leaks(owner: number): PoolBlock[] {
    const blocks: PoolBlock[] = [];
    for (let slot = 1; slot < this.#slotCount; slot++) {
      if (this.#size[slot] !== FREE && this.#owner[slot] === owner) blocks.push(this.#describe(slot));
    }
    return blocks.sort((left, right) => left.start - right.start);
  }

  /** What is allocated now under `tag`. */
  useOfTag(tag: number): PoolUse {
    return this.accounts.tags.use(this.accounts.tagIndex(tag));
  }

  /** What is allocated now by `owner`. */
  useOfOwner(owner: number): PoolUse {
    return this.accounts.owners.use(this.accounts.ownerIndex(owner));
  }

  /** Checks every block in use and every block kept back; the first thing found wrong, or null. */
  verify(): PoolFault | null {
    if (this.#front === 0) return null;
    for (let slot = 1; slot < this.#slotCount; slot++) {
      if (this.#size[slot] === FREE) continue;
      const fault = this.#checkZones(slot, this.#start[slot], undefined);
      if (fault !== null) return fault;
    }
    for (let index = this.#delayedFirst; index < this.#delayed.length; index++) {
      const fault = this.#checkFreed(this.#delayed[index]);
      if (fault !== null) return fault;
    }
    return null;
  }

  #chooseCare(): void {
    this.#careful = this.#front !== 0 || this.#fail !== undefined || this.#options.caller !== undefined;
  }

  #refuse(): Address {
    this.failures++;
    return 0;
  }

  #slotAt(address: Address): number {
    const page = address >>> 12;
    const base = this.#pageSlot[page] ?? 0;
    if (base === 0) return 0;
    return base + (Math.imul(address & 0xfff, RECIPROCAL[this.#pageList[page]]) >>> 24);
  }

  #take(slot: number, size: number, tag: number, owner: number, type: PoolType): void {
    const { accounts } = this;
    const tagIndex = accounts.tagIndex(tag);
    this.#size[slot] = size;
    this.#tag[slot] = tag;
    this.#tagIndex[slot] = tagIndex;
    this.#owner[slot] = owner;
    this.#flags[slot] = type;
    this.#generation[slot] = ++this.#lastGeneration;
    accounts.tags.add(tagIndex, size);
    accounts.owners.add(accounts.ownerIndex(owner), size);
  }

  #allocateCarefully(type: PoolType, size: number, tag: number, owner: number): Address {
    if (!Number.isInteger(size) || size < 0 || size > this.pages.memory.size) return this.#refuse();
    if (this.#fail?.(type, size, tag, owner) === true) return this.#refuse();
    // A block of about a page starts its page, so that it crosses none; there is no red zone before it.
    const front = size > PAGE_SIZE - 2 * this.#front ? 0 : this.#front;
    const gross = front + size + this.#front;
    const slot =
      gross > PAGE_SIZE || front !== this.#front
        ? this.#takeLarge(type, gross)
        : this.#takeSmall(type, gross);
    if (slot === 0) return this.#refuse();
    this.#take(slot, size, tag, owner, type);
    const { caller } = this.#options;
    if (caller !== undefined) this.#callers.set(slot, caller());
    if (this.#front === 0) return this.#start[slot];
    const address = this.#grossStart(slot) + front;
    this.#start[slot] = address;
    const { u8 } = this.pages.memory;
    u8.fill(RED_ZONE_FILL, address - front, address);
    u8.fill(ALLOCATED_FILL, address, address + size);
    u8.fill(RED_ZONE_FILL, address + size, this.#grossEnd(slot));
    return address;
  }

  #takeSmall(type: PoolType, gross: number): number {
    const list = type * CLASS_COUNT + CLASS_OF[(gross + 15) >> 4];
    const slot = this.#heads[list] === 0 ? this.#refill(list) : this.#heads[list];
    if (slot !== 0) this.#heads[list] = this.#next[slot];
    return slot;
  }

  #takeLarge(type: PoolType, gross: number): number {
    const count = pagesOfSize(gross);
    const address = this.#allocatePages(count, type);
    if (address === 0) return 0;
    let slot = this.#freeLargeSlot;
    if (slot === 0) slot = this.#newSlots(1);
    else this.#freeLargeSlot = this.#next[slot];
    const page = address >>> 12;
    this.#pageSlot.fill(slot, page, page + count);
    this.#pageList.fill(LARGE_LIST, page, page + count);
    this.#start[slot] = address;
    // Number of pages, while the block is in use.
    this.#next[slot] = count;
    return slot;
  }

  /** Pages for blocks; what is kept back or empty is given up before the answer is no. */
  #allocatePages(count: number, type: PoolType): Address {
    const protection = type === poolType.nonPaged ? PAGE_READ_WRITE | PAGE_EXECUTE : PAGE_READ_WRITE;
    const address = this.pages.allocate(count, protection);
    if (address !== 0) return address;
    while (this.#delayedFirst < this.#delayed.length) this.#reuseOldest();
    this.#trim();
    return this.pages.allocate(count, protection);
  }

  /** A new slab for a list; its first slot, 0 when there is no page for it. */
  #refill(list: number): number {
    const address = this.#allocatePages(1, Math.floor(list / CLASS_COUNT) as PoolType);
    if (address === 0) return 0;
    // Giving up what was kept back may have filled the list.
    const head = this.#heads[list];
    const size = CLASS_SIZES[list % CLASS_COUNT];
    const count = Math.floor(PAGE_SIZE / size);
    // A slot without a block stands for the bytes behind the last block.
    const first = this.#spareSlots[list % CLASS_COUNT].pop() ?? this.#newSlots(Math.ceil(PAGE_SIZE / size));
    this.#pageSlot[address >>> 12] = first;
    this.#pageList[address >>> 12] = list;
    for (let index = 0; index < count; index++) {
      this.#start[first + index] = address + index * size;
      this.#generation[first + index] = 0;
      this.#next[first + index] = index + 1 < count ? first + index + 1 : head;
    }
    this.#heads[list] = first;
    return first;
  }

  #newSlots(count: number): number {
    const first = this.#slotCount;
    this.#slotCount += count;
    if (this.#slotCount > this.#next.length)
      this.#growTables(Math.max(this.#slotCount, this.#next.length * 2));
    return first;
  }

  #growTables(length: number): void {
    const grow = <T extends Int32Array | Uint32Array | Uint16Array | Uint8Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.#next = grow(this.#next, new Int32Array(length));
    this.#start = grow(this.#start, new Int32Array(length));
    this.#size = grow(this.#size, new Int32Array(length).fill(FREE));
    this.#tag = grow(this.#tag, new Uint32Array(length));
    this.#tagIndex = grow(this.#tagIndex, new Uint16Array(length));
    this.#owner = grow(this.#owner, new Int32Array(length));
    this.#flags = grow(this.#flags, new Uint8Array(length));
    this.#generation = grow(this.#generation, new Uint32Array(length));
  }

  /** Makes a freed slot available again. */
  #recycle(slot: number): void {
    const page = this.#start[slot] >>> 12;
    const list = this.#pageList[page];
    if (list !== LARGE_LIST) {
      this.#next[slot] = this.#heads[list];
      this.#heads[list] = slot;
      return;
    }
    const count = this.#next[slot];
    this.#forgetPages(page, count);
    this.#start[slot] = 0;
    this.#next[slot] = this.#freeLargeSlot;
    this.#freeLargeSlot = slot;
  }

  #forgetPages(page: number, count: number): void {
    this.#pageSlot.fill(0, page, page + count);
    this.#pageGeneration.fill(++this.#lastGeneration, page, page + count);
    this.pages.release(page << 12, count);
  }

  /** Gives slabs without a block in use back to the pages. */
  #trim(): void {
    const empty = new Set<number>();
    for (let page = 0; page < this.#pageSlot.length; page++) {
      const first = this.#pageSlot[page];
      const list = this.#pageList[page];
      if (first === 0 || list === LARGE_LIST) continue;
      const count = Math.floor(PAGE_SIZE / CLASS_SIZES[list % CLASS_COUNT]);
      let used = false;
      for (let slot = first; slot < first + count && !used; slot++) used = this.#size[slot] !== FREE;
      if (used) continue;
      for (let slot = first; slot < first + count; slot++) empty.add(slot);
    }
    if (empty.size === 0) return;
    for (let list = 0; list < LIST_COUNT; list++) this.#dropFromList(list, empty);
    for (const slot of empty) {
      const page = this.#start[slot] >>> 12;
      if (this.#pageSlot[page] === slot) {
        this.#spareSlots[this.#pageList[page] % CLASS_COUNT].push(slot);
        this.#forgetPages(page, 1);
      }
    }
    for (const slot of empty) this.#start[slot] = 0;
  }

  #dropFromList(list: number, dropped: ReadonlySet<number>): void {
    const kept: number[] = [];
    for (let slot = this.#heads[list]; slot !== 0; slot = this.#next[slot]) {
      if (!dropped.has(slot)) kept.push(slot);
    }
    this.#heads[list] = 0;
    for (const slot of kept.reverse()) {
      this.#next[slot] = this.#heads[list];
      this.#heads[list] = slot;
    }
  }

  /** First byte of the memory behind a slot, red zones included. */
  #grossStart(slot: number): Address {
    const start = this.#start[slot];
    const list = this.#pageList[start >>> 12];
    if (list === LARGE_LIST) return start & ~0xfff;
    return (start & ~0xfff) + (slot - this.#pageSlot[start >>> 12]) * CLASS_SIZES[list % CLASS_COUNT];
  }

  #grossEnd(slot: number): Address {
    const start = this.#grossStart(slot);
    const list = this.#pageList[start >>> 12];
    return start + (list === LARGE_LIST ? this.#next[slot] * PAGE_SIZE : CLASS_SIZES[list % CLASS_COUNT]);
  }

  #checkZones(slot: number, address: Address, tag: number | undefined): PoolFault | null {
    const before = this.#firstOther(this.#grossStart(slot), address, RED_ZONE_FILL);
    if (before !== 0) return this.#fault('underrun', address, tag, before);
    const behind = this.#firstOther(address + this.#size[slot], this.#grossEnd(slot), RED_ZONE_FILL);
    return behind === 0 ? null : this.#fault('overrun', address, tag, behind);
  }

  #checkFreed(slot: number): PoolFault | null {
    const at = this.#firstOther(this.#grossStart(slot), this.#grossEnd(slot), FREED_FILL);
    return at === 0 ? null : this.#fault('writtenAfterFree', this.#start[slot], undefined, at);
  }

  /** The first address in a range whose byte is not `fill`, 0 for none. */
  #firstOther(start: Address, end: Address, fill: number): Address {
    const { u8 } = this.pages.memory;
    for (let at = start; at < end; at++) if (u8[at] !== fill) return at;
    return 0;
  }

  #keepBack(slot: number, size: number): void {
    this.pages.memory.u8.fill(FREED_FILL, this.#grossStart(slot), this.#grossEnd(slot));
    this.#freedSizes.set(slot, size);
    this.#delayed.push(slot);
    if (this.#delayed.length - this.#delayedFirst > this.#delay) this.#reuseOldest();
  }

  #reuseOldest(): void {
    const slot = this.#delayed[this.#delayedFirst++];
    if (this.#delayedFirst > 4096 && this.#delayedFirst * 2 > this.#delayed.length) {
      this.#delayed.splice(0, this.#delayedFirst);
      this.#delayedFirst = 0;
    }
    const fault = this.#checkFreed(slot);
    this.#freedSizes.delete(slot);
    this.#recycle(slot);
    if (fault !== null) this.onFault(fault);
  }

  #describe(slot: number): PoolBlock {
    const freed = this.#size[slot] === FREE;
    return {
      start: this.#start[slot],
      size: freed ? (this.#freedSizes.get(slot) ?? 0) : this.#size[slot],
      tag: this.#tag[slot],
      type: (this.#flags[slot] & 3) as PoolType,
      owner: this.#owner[slot],
      allocatedBy: this.#callers.get(slot) ?? '',
      freed,
    };
  }

  #fault(kind: PoolFaultKind, address: Address, tag: number | undefined, at: Address = address): PoolFault {
    return { kind, address, at, tag: tag ?? 0, block: this.blockAt(address) };
  }
}
