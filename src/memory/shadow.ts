/**
 * The shadow of memory safety: one byte for every eight bytes of kernel memory, behind the memory itself where no guest
 * address reaches. Interpreter and translated code look there before each access; the pool, stacks and images say what
 * may be touched. Implements decision 1 of the design ("poison checks are chosen when a machine is built").
 *
 * | byte     | meaning                                                   |
 * |----------|-----------------------------------------------------------|
 * | 8        | all eight bytes may be accessed                           |
 * | 1 to 7   | the first so many may be accessed, the rest is a red zone |
 * | 0        | nothing was ever there                                    |
 * | negative | why not: see `ShadowReason`                               |
 */

import { type Address, PAGE_SIZE } from './addressSpace.ts';
import { PAGE_MAPS_SIZE } from './engineArea.ts';
import type { KernelMemory } from './memory.ts';
import { PAGE_GUARD, PAGE_READ, type Pages } from './pages.ts';

/** Why bytes must not be touched. */
export type ShadowReason =
  | 'neverAllocated'
  | 'redZone'
  | 'freedBlock'
  | 'freedPages'
  | 'emptySlab'
  | 'emptyStack'
  | 'endOfSection'
  | 'discarded';

/** Shadow bytes of the reasons; those of accessible bytes are positive. */
const CODES: Readonly<Record<ShadowReason, number>> = {
  neverAllocated: 0,
  redZone: -1,
  freedBlock: -2,
  freedPages: -3,
  emptySlab: -4,
  emptyStack: -5,
  endOfSection: -6,
  discarded: -7,
};
const REASONS = new Map(Object.entries(CODES).map(([reason, code]) => [code, reason as ShadowReason]));
const WHOLE = 8;

/** Translated code looks at the shadow only, so that what may not be read must not be accessible in it. */
function isReadable(pages: Pages, address: Address): boolean {
  const protection = pages.protectionAt(address);
  return (protection & PAGE_READ) !== 0 && (protection & PAGE_GUARD) === 0;
}

export class Shadow {
  readonly #bytes: Int8Array;

  /** @param memory made with `memorySafety`. */
  constructor(memory: KernelMemory) {
    if (!memory.hasShadow) throw new RangeError('this memory was made without room for a shadow');
    this.#bytes = new Int8Array(memory.memory.buffer, memory.engineArea + PAGE_MAPS_SIZE, memory.size >>> 3);
  }

  /** Every page that may be read may be touched from now on, no other; finer marks come on top. */
  follow(pages: Pages): void {
    pages.watchers.push((first, count, change) => {
      const address = first << 12;
      const size = count << 12;
      if (change === 'released') this.forbid(address, size, 'freedPages');
      else if (!isReadable(pages, address)) this.forbid(address, size, 'neverAllocated');
      else if (change === 'allocated') this.allow(address, size);
      else for (let page = address; page < address + size; page += PAGE_SIZE) this.#allowUntouched(page);
    });
  }

  /** A page becomes accessible that was not; marks of one that was stay. */
  #allowUntouched(page: Address): void {
    const first = page >>> 3;
    const end = first + PAGE_SIZE / 8;
    if (this.#bytes.subarray(first, end).every((byte) => byte === CODES.neverAllocated))
      this.#bytes.fill(WHOLE, first, end);
  }

  /** The bytes may be accessed. @param address a multiple of 8. */
  allow(address: Address, size: number): void {
    const first = address >>> 3;
    const whole = first + (size >>> 3);
    this.#bytes.fill(WHOLE, first, whole);
    if ((size & 7) !== 0) this.#bytes[whole] = size & 7;
  }

  /** The bytes must not be accessed. Of eight bytes that are partly accessible the accessible ones stay so. */
  forbid(address: Address, size: number, reason: ShadowReason): void {
    const end = (address + size + 7) >>> 3;
    let first = address >>> 3;
    if ((address & 7) !== 0) {
      if (this.#bytes[first] > (address & 7)) this.#bytes[first] = address & 7;
      first++;
    }
    if (first < end) this.#bytes.fill(CODES[reason], first, end);
  }

  /** The first byte of an access that must not be touched, -1 when all may. */
  firstViolation(address: Address, size: number): Address {
    const end = address + size;
    for (let at = address; at < end; at = (at | 7) + 1) {
      const accessible = this.#bytes[at >>> 3];
      if (accessible === WHOLE) continue;
      const allowed = Math.max(0, accessible);
      const wanted = Math.min(end - (at & ~7), WHOLE);
      if (wanted > allowed) return Math.max(at, (at & ~7) + allowed);
    }
    return -1;
  }

  /** Why a byte must not be touched; null where it may. */
  reasonAt(address: Address): ShadowReason | null {
    const code = this.#bytes[address >>> 3] ?? 0;
    if (code <= 0) return REASONS.get(code) ?? 'neverAllocated';
    return (address & 7) < code ? null : 'redZone';
  }
}
