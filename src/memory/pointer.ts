/**
 * The 64-bit forms of pointers: which window the high half names, and which number the host knows a pointer by.
 * Implements decision 1 of the design. Both ways are exact: what a driver stores comes back bit for bit.
 *
 * | 64-bit value                                         | number of the host                     |
 * |------------------------------------------------------|----------------------------------------|
 * | NULL                                                 | 0                                      |
 * | kernel window, low half at least 64 KiB, below 2^31  | the low half                           |
 * | user window, a page of a process                     | the low half; alias of the kernel page |
 * | below 64 KiB: integers that drivers pass as contexts | itself                                 |
 * | -2^31 to -1: kernel handles, (HANDLE)-1              | itself, negative                       |
 * | anything else: wild, half-valid or opaque            | an address of the opaque range         |
 *
 * Nothing is mapped in the opaque range: who dereferences such a number finds no memory there.
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  OPAQUE_MASK,
  OPAQUE_RANGE_START,
  USER_WINDOW_HIGH,
} from './addressSpace.ts';

/** Bytes from one number to the next: what is added to a wild pointer stays beside it, and is no other one. */
const SLOT_SIZE = 0x400;
/** Values kept; beyond it the oldest is forgotten and its number stands for the newest. */
export const OPAQUE_VALUE_LIMIT = 0x4_0000;

/** The 64-bit values that are no address of the machine, under numbers of their own. */
export class OpaqueValues {
  /** Numbers by high half, then by low half. */
  readonly #numbers = new Map<number, Map<number, Address>>();
  readonly #lows: number[] = [];
  readonly #highs: number[] = [];
  /** Slot that is used next once all are taken. */
  #oldest = 0;

  /** Values known now. */
  get size(): number {
    return this.#lows.length;
  }

  /** The number of a value, the same each time. */
  numberOf(low: number, high: number): Address {
    let numbers = this.#numbers.get(high);
    if (numbers === undefined) {
      numbers = new Map();
      this.#numbers.set(high, numbers);
    }
    let number = numbers.get(low);
    if (number === undefined) {
      const slot = this.#takeSlot();
      this.#lows[slot] = low;
      this.#highs[slot] = high;
      number = OPAQUE_RANGE_START + slot * SLOT_SIZE;
      numbers.set(low, number);
    }
    return number;
  }

  /** Low half of the value behind a number, plus what was added to the number. */
  lowOf(number: Address): number {
    const distance = number - OPAQUE_RANGE_START;
    const slot = Math.floor(distance / SLOT_SIZE);
    return slot < this.#lows.length ? (this.#lows[slot] + (distance % SLOT_SIZE)) | 0 : number;
  }

  /** High half of the value behind a number; of the kernel window where the number was never handed out. */
  highOf(number: Address): number {
    const distance = number - OPAQUE_RANGE_START;
    const slot = Math.floor(distance / SLOT_SIZE);
    if (slot >= this.#lows.length) return KERNEL_WINDOW_HIGH;
    const carry = (this.#lows[slot] >>> 0) + (distance % SLOT_SIZE) >= 0x1_0000_0000 ? 1 : 0;
    return (this.#highs[slot] + carry) | 0;
  }

  #takeSlot(): number {
    if (this.#lows.length < OPAQUE_VALUE_LIMIT) return this.#lows.length;
    const slot = this.#oldest;
    this.#oldest = (slot + 1) % OPAQUE_VALUE_LIMIT;
    const numbers = this.#numbers.get(this.#highs[slot]);
    numbers?.delete(this.#lows[slot]);
    if (numbers?.size === 0) this.#numbers.delete(this.#highs[slot]);
    return slot;
  }
}

/** Says which pages belong to user processes; the kernel supplies it. */
export interface UserSpace {
  /** Whether a process has a user page at `low`. Whether it may be accessed now is asked where it is accessed. */
  isUser(low: Address): boolean;
}

/** What converting needs of a memory. */
export interface PointerSpace {
  readonly opaques: OpaqueValues;
  readonly userSpace: UserSpace;
}

/** Whether a number of the host stands for a 64-bit value that is no address of the machine. */
export function isOpaque(number: Address): boolean {
  return (number & OPAQUE_MASK) === OPAQUE_RANGE_START;
}

/** The number of the host for a 64-bit value given as two signed halves. */
export function addressFromHalves(memory: PointerSpace, low: number, high: number): Address {
  if (high === KERNEL_WINDOW_HIGH) {
    if (low >= FIRST_MAPPED_ADDRESS) return low;
  } else if (high === 0) {
    if (low >>> 0 < FIRST_MAPPED_ADDRESS) return low;
  } else if (high === -1) {
    if (low < 0) return low;
  } else if (high === USER_WINDOW_HIGH && low > 0 && memory.userSpace.isUser(low)) {
    return low;
  }
  return memory.opaques.numberOf(low, high);
}

/** Low half of the 64-bit form of a number of the host. */
export function lowHalfOf(memory: PointerSpace, number: Address): number {
  return isOpaque(number) ? memory.opaques.lowOf(number) : number | 0;
}

/** High half of the 64-bit form of a number of the host; addresses lie in the kernel window. */
export function highHalfOf(memory: PointerSpace, number: Address): number {
  if (isOpaque(number)) return memory.opaques.highOf(number);
  return number < 0 ? -1 : number < FIRST_MAPPED_ADDRESS ? 0 : KERNEL_WINDOW_HIGH;
}

/** A pointer as people write it: `0xFFFF8000_00012340`. */
export function pointerText(memory: PointerSpace, number: Address): string {
  return halvesText(lowHalfOf(memory, number), highHalfOf(memory, number));
}

/** A 64-bit value as people write it. */
export function halvesText(low: number, high: number): string {
  const text = (half: number): string => (half >>> 0).toString(16).toUpperCase().padStart(8, '0');
  return `0x${text(high)}_${text(low)}`;
}
