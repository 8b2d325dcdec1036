/**
 * The tagged pool: blocks of kernel memory in slabs of one page, free lists per size class, larger blocks in pages
 * of their own. What is known of a block stands in tables beside memory, so that no driver can damage the pool.
 * Implements "ExAllocatePool2" (wdm.h): 16-byte alignment, page alignment from PAGE_SIZE on, no block below
 * PAGE_SIZE crosses a page.
 */

import { type Address, PAGE_SIZE } from './addressSpace.ts';
import type { Generations } from './memory.ts';
import { PAGE_EXECUTE, PAGE_READ_WRITE, type Pages, pagesOfSize } from './pages.ts';
import { PoolAccounts, type PoolUse } from './poolAccounts.ts';
import { type PoolBlock, type PoolFault, type PoolFaultKind, type PoolType, poolType } from './poolBlock.ts';
import { CLASS_COUNT, CLASS_OF, CLASS_SIZES, LARGE_LIST, LIST_COUNT, RECIPROCAL } from './poolClasses.ts';
import { ALLOCATED_FILL, FREED_FILL, fillRange, firstOther, RED_ZONE, RED_ZONE_FILL } from './poolZones.ts';
import type { Shadow } from './shadow.ts';

/** Numbers of a slot, and what they are. */
const SLOT = 8;
/** Next free slot; for a large block in use, its number of pages. */
const NEXT = 0;
const START = 1;
/** Bytes asked for, FREE for a freed block. */
const SIZE = 2;
const TAG = 3;
const TAG_INDEX = 4;
const OWNER = 5;
const FLAGS = 6;
const GENERATION = 7;
const FREE = -1;
/** In the flags: charged to the quota. The low bits are the pool. */
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
  /** Told of every block to the byte; only with `redZones`. */
  readonly shadow?: Shadow | undefined;
  /** Names what allocates or frees, for reports; asked each time. */
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
  /** What is known of each block: SLOT numbers a block. A slot is the index of its first number; 0 is no slot. */
  #slots = new Int32Array(8192);
  #slotEnd = SLOT;
  /** Slots of large blocks that were freed. */
  #freeLargeSlot = 0;
  #lastGeneration = 0;
  /** Freed slots, oldest first, that wait for reuse. */
  readonly #delayed: number[] = [];
  #delayedFirst = 0;
  readonly #callers = new Map<number, string>();
  readonly #freers = new Map<number, string>();
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
    this.#heads[list] = this.#slots[slot + NEXT];
    this.#take(slot, size, tag, owner, type);
    return this.#slots[slot + START];
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
    this.#slots[this.#slotAt(address) + FLAGS] |= QUOTA;
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
    const slots = this.#slots;
    const size = slots[slot + SIZE];
    if (slots[slot + START] !== address) return this.#fault('notBlockStart', address, tag);
    if (size === FREE)
      return this.#fault(slots[slot + GENERATION] === 0 ? 'notPool' : 'freedTwice', address, tag);
    if (tag !== undefined && slots[slot + TAG] !== (tag | 0)) return this.#fault('wrongTag', address, tag);
    const fault = this.#front === 0 ? null : this.#checkZones(slot, address, tag);
    this.accounts.tags.remove(slots[slot + TAG_INDEX], size);
    const owner = this.accounts.ownerIndex(slots[slot + OWNER]);
    this.accounts.owners.remove(owner, size);
    if ((slots[slot + FLAGS] & QUOTA) !== 0) this.accounts.quota[owner] -= size;
    slots[slot + SIZE] = FREE;
    slots[slot + GENERATION] = ++this.#lastGeneration;
    if (this.#front !== 0) this.#keepBack(slot, size);
    else this.#recycle(slot);
    return fault;
  }

  /** Changes when the block around `address` is freed or handed out anew; 0 where no block ever was. */
  generationAt(address: Address): number {
    const slot = this.#slotAt(address);
    return slot === 0 ? (this.#pageGeneration[address >>> 12] ?? 0) : this.#slots[slot + GENERATION];
  }

  /** The block around `address`, freed ones included as long as their memory is not reused; null for none. */
  blockAt(address: Address): PoolBlock | null {
    const slot = this.#slotAt(address);
    return slot === 0 || this.#slots[slot + START] === 0 || this.#slots[slot + GENERATION] === 0
      ? null
      : this.#describe(slot);
  }

  /** Whether `address` lies in paged pool. */
  isPaged(address: Address): boolean {
    const slot = this.#slotAt(address);
    return slot !== 0 && (this.#slots[slot + FLAGS] & 3) === poolType.paged;
  }

  /** Blocks that `owner` has not freed, in order of address. */
  leaks(owner: number): PoolBlock[] {
    const blocks: PoolBlock[] = [];
    for (let slot = SLOT; slot < this.#slotEnd; slot += SLOT) {
      if (this.#slots[slot + SIZE] !== FREE && this.#slots[slot + OWNER] === owner)
        blocks.push(this.#describe(slot));
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
    for (let slot = SLOT; slot < this.#slotEnd; slot += SLOT) {
      if (this.#slots[slot + SIZE] === FREE) continue;
      const fault = this.#checkZones(slot, this.#slots[slot + START], undefined);
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
    return base + (Math.imul(address & 0xfff, RECIPROCAL[this.#pageList[page]]) >>> 24) * SLOT;
  }

  #take(slot: number, size: number, tag: number, owner: number, type: PoolType): void {
    const { accounts } = this;
    const slots = this.#slots;
    const tagIndex = accounts.tagIndex(tag);
    slots[slot + SIZE] = size;
    slots[slot + TAG] = tag;
    slots[slot + TAG_INDEX] = tagIndex;
    slots[slot + OWNER] = owner;
    slots[slot + FLAGS] = type;
    slots[slot + GENERATION] = ++this.#lastGeneration;
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
    if (this.#front === 0) return this.#slots[slot + START];
    const address = this.#grossStart(slot) + front;
    this.#slots[slot + START] = address;
    const { memory } = this.pages;
    fillRange(memory, RED_ZONE_FILL, address - front, address);
    fillRange(memory, ALLOCATED_FILL, address, address + size);
    fillRange(memory, RED_ZONE_FILL, address + size, this.#grossEnd(slot));
    this.#freers.delete(slot);
    const { shadow } = this.#options;
    if (shadow !== undefined) {
      const start = address - front;
      shadow.forbid(start, this.#grossEnd(slot) - start, 'redZone');
      shadow.allow(address, size);
    }
    return address;
  }

  #takeSmall(type: PoolType, gross: number): number {
    const list = type * CLASS_COUNT + CLASS_OF[(gross + 15) >> 4];
    const slot = this.#heads[list] === 0 ? this.#refill(list) : this.#heads[list];
    if (slot !== 0) this.#heads[list] = this.#slots[slot + NEXT];
    return slot;
  }

  #takeLarge(type: PoolType, gross: number): number {
    const count = pagesOfSize(gross);
    const address = this.#allocatePages(count, type);
    if (address === 0) return 0;
    let slot = this.#freeLargeSlot;
    if (slot === 0) slot = this.#newSlots(1);
    else this.#freeLargeSlot = this.#slots[slot + NEXT];
    const page = address >>> 12;
    this.#pageSlot.fill(slot, page, page + count);
    this.#pageList.fill(LARGE_LIST, page, page + count);
    this.#slots[slot + START] = address;
    // Number of pages, while the block is in use.
    this.#slots[slot + NEXT] = count;
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
    this.#options.shadow?.forbid(address, PAGE_SIZE, 'emptySlab');
    for (let index = 0; index < count; index++) {
      const slot = first + index * SLOT;
      this.#slots[slot + START] = address + index * size;
      this.#slots[slot + GENERATION] = 0;
      this.#slots[slot + NEXT] = index + 1 < count ? slot + SLOT : head;
    }
    this.#heads[list] = first;
    return first;
  }

  #newSlots(count: number): number {
    const first = this.#slotEnd;
    this.#slotEnd += count * SLOT;
    if (this.#slotEnd > this.#slots.length) {
      const grown = new Int32Array(Math.max(this.#slotEnd, this.#slots.length * 2));
      grown.set(this.#slots);
      this.#slots = grown;
    }
    for (let slot = first; slot < this.#slotEnd; slot += SLOT) this.#slots[slot + SIZE] = FREE;
    return first;
  }

  /** Makes a freed slot available again. */
  #recycle(slot: number): void {
    const page = this.#slots[slot + START] >>> 12;
    const list = this.#pageList[page];
    if (list !== LARGE_LIST) {
      this.#slots[slot + NEXT] = this.#heads[list];
      this.#heads[list] = slot;
      return;
    }
    const count = this.#slots[slot + NEXT];
    this.#forgetPages(page, count);
    this.#slots[slot + START] = 0;
    this.#slots[slot + NEXT] = this.#freeLargeSlot;
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
      const end = first + count * SLOT;
      for (let slot = first; slot < end && !used; slot += SLOT) used = this.#slots[slot + SIZE] !== FREE;
      if (used) continue;
      for (let slot = first; slot < end; slot += SLOT) empty.add(slot);
    }
    if (empty.size === 0) return;
    for (let list = 0; list < LIST_COUNT; list++) this.#dropFromList(list, empty);
    for (const slot of empty) {
      const page = this.#slots[slot + START] >>> 12;
      if (this.#pageSlot[page] === slot) {
        this.#spareSlots[this.#pageList[page] % CLASS_COUNT].push(slot);
        this.#forgetPages(page, 1);
      }
    }
    for (const slot of empty) this.#slots[slot + START] = 0;
  }

  #dropFromList(list: number, dropped: ReadonlySet<number>): void {
    const kept: number[] = [];
    for (let slot = this.#heads[list]; slot !== 0; slot = this.#slots[slot + NEXT]) {
      if (!dropped.has(slot)) kept.push(slot);
    }
    this.#heads[list] = 0;
    for (const slot of kept.reverse()) {
      this.#slots[slot + NEXT] = this.#heads[list];
      this.#heads[list] = slot;
    }
  }

  /** First byte of the memory behind a slot, red zones included. */
  #grossStart(slot: number): Address {
    const start = this.#slots[slot + START];
    const list = this.#pageList[start >>> 12];
    if (list === LARGE_LIST) return start & ~0xfff;
    return (
      (start & ~0xfff) + ((slot - this.#pageSlot[start >>> 12]) / SLOT) * CLASS_SIZES[list % CLASS_COUNT]
    );
  }

  #grossEnd(slot: number): Address {
    const start = this.#grossStart(slot);
    const list = this.#pageList[start >>> 12];
    return (
      start + (list === LARGE_LIST ? this.#slots[slot + NEXT] * PAGE_SIZE : CLASS_SIZES[list % CLASS_COUNT])
    );
  }

  #checkZones(slot: number, address: Address, tag: number | undefined): PoolFault | null {
    const before = firstOther(this.pages.memory, RED_ZONE_FILL, this.#grossStart(slot), address);
    if (before !== 0) return this.#fault('underrun', address, tag, before);
    const behind = firstOther(
      this.pages.memory,
      RED_ZONE_FILL,
      address + this.#slots[slot + SIZE],
      this.#grossEnd(slot),
    );
    return behind === 0 ? null : this.#fault('overrun', address, tag, behind);
  }

  #checkFreed(slot: number): PoolFault | null {
    const at = firstOther(this.pages.memory, FREED_FILL, this.#grossStart(slot), this.#grossEnd(slot));
    return at === 0 ? null : this.#fault('writtenAfterFree', this.#slots[slot + START], undefined, at);
  }

  #keepBack(slot: number, size: number): void {
    fillRange(this.pages.memory, FREED_FILL, this.#grossStart(slot), this.#grossEnd(slot));
    const start = this.#grossStart(slot);
    this.#options.shadow?.forbid(start, this.#grossEnd(slot) - start, 'freedBlock');
    const { caller } = this.#options;
    if (caller !== undefined) this.#freers.set(slot, caller());
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
    const freed = this.#slots[slot + SIZE] === FREE;
    return {
      start: this.#slots[slot + START],
      size: freed ? (this.#freedSizes.get(slot) ?? 0) : this.#slots[slot + SIZE],
      tag: this.#slots[slot + TAG] >>> 0,
      type: (this.#slots[slot + FLAGS] & 3) as PoolType,
      owner: this.#slots[slot + OWNER],
      allocatedBy: this.#callers.get(slot) ?? '',
      freedBy: freed ? (this.#freers.get(slot) ?? '') : '',
      freed,
    };
  }

  #fault(kind: PoolFaultKind, address: Address, tag: number | undefined, at: Address = address): PoolFault {
    const found = this.pages.memory.u8[at] ?? 0;
    return { kind, address, at, found, tag: tag ?? 0, block: this.blockAt(address) };
  }
}
