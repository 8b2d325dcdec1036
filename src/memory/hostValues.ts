/**
 * Opaque addresses for values of the host: handles and contexts of TypeScript drivers (`memory.objects`) and
 * callable functions (`memory.callables`). Implements the reserved ranges of decision 1 of the design.
 */

import type { Address } from './addressSpace.ts';

/** Bytes from one address to the next. */
const SLOT_SIZE = 16;
/** Values that may be registered at once; the other address bits number the reuses of a slot. */
export const HOST_VALUE_LIMIT = 0x8_0000;
const SLOT_MASK = HOST_VALUE_LIMIT - 1;
/** Reuses of a slot before its addresses repeat: a range of 128 MiB holds 2^23 addresses. */
const GENERATIONS = 16;

/** No more values fit. */
export class HostValueLimitError extends RangeError {
  readonly code = 'HOST_VALUE_LIMIT';
}

/** Who keeps a value registered: a driver, a machine part. Released as a whole. */
export type Owner = object | string;

/** A range of addresses that stand for values of the host. */
export class HostValues {
  readonly #start: Address;
  readonly #what: string;
  /** Values by slot; `undefined` where free. */
  readonly #values: unknown[] = [];
  /** The address under which each slot's value is valid now, or 0. */
  readonly #addresses: Address[] = [];
  readonly #generations: number[] = [];
  readonly #owned = new Map<Owner, Map<unknown, Address>>();
  /** Released slots, reused oldest first. */
  #free: number[] = [];
  #nextFree = 0;
  /** Owner of values that are registered without naming one; the import seam sets it to the running driver. */
  owner: Owner = 'machine';

  /** @param what names the range in messages, such as `object`. */
  constructor(start: Address, what: string) {
    this.#start = start;
    this.#what = what;
  }

  /** Number of values registered now. */
  get size(): number {
    return this.#values.length - (this.#free.length - this.#nextFree);
  }

  /**
   * The address of `value` for `owner`: the same each time until the owner is released.
   * @throws HostValueLimitError when HOST_VALUE_LIMIT values are registered.
   */
  addressOf(value: unknown, owner: Owner = this.owner): Address {
    let owned = this.#owned.get(owner);
    if (owned === undefined) {
      owned = new Map();
      this.#owned.set(owner, owned);
    }
    const known = owned.get(value);
    if (known !== undefined) return known;
    const slot = this.#takeSlot();
    const address = this.#start + (this.#generations[slot] * HOST_VALUE_LIMIT + slot) * SLOT_SIZE;
    this.#values[slot] = value;
    this.#addresses[slot] = address;
    owned.set(value, address);
    return address;
  }

  /** The value behind `address`; undefined when it was released or never handed out. */
  valueAt(address: Address): unknown {
    const slot = ((address - this.#start) >> 4) & SLOT_MASK;
    return this.#addresses[slot] === address ? this.#values[slot] : undefined;
  }

  /** Whether `address` was once handed out here and is not valid any more. */
  isStale(address: Address): boolean {
    const index = (address - this.#start) / SLOT_SIZE;
    if (!Number.isInteger(index) || index < 0 || index >= HOST_VALUE_LIMIT * GENERATIONS) return false;
    const slot = index & SLOT_MASK;
    return slot < this.#values.length && this.#addresses[slot] !== address;
  }

  /** Forgets one value of an owner. Its slot may be reused, under another address. */
  releaseValue(value: unknown, owner: Owner = this.owner): void {
    const owned = this.#owned.get(owner);
    const address = owned?.get(value);
    if (owned === undefined || address === undefined) return;
    owned.delete(value);
    if (owned.size === 0) this.#owned.delete(owner);
    this.#freeSlot(address);
  }

  /** Forgets every value of an owner. */
  release(owner: Owner): void {
    const owned = this.#owned.get(owner);
    if (owned === undefined) return;
    this.#owned.delete(owner);
    for (const address of owned.values()) this.#freeSlot(address);
  }

  #freeSlot(address: Address): void {
    const slot = ((address - this.#start) >> 4) & SLOT_MASK;
    this.#values[slot] = undefined;
    this.#addresses[slot] = 0;
    this.#generations[slot] = (this.#generations[slot] + 1) % GENERATIONS;
    this.#free.push(slot);
  }

  #takeSlot(): number {
    if (this.#nextFree < this.#free.length) {
      const slot = this.#free[this.#nextFree++];
      // The consumed half of the queue is dropped once it outweighs the rest.
      if (this.#nextFree > 1024 && this.#nextFree * 2 > this.#free.length) {
        this.#free = this.#free.slice(this.#nextFree);
        this.#nextFree = 0;
      }
      return slot;
    }
    const slot = this.#values.length;
    if (slot >= HOST_VALUE_LIMIT) {
      throw new HostValueLimitError(
        `${HOST_VALUE_LIMIT} ${this.#what} addresses are in use: a driver registers values that are never released`,
      );
    }
    this.#values.push(undefined);
    this.#addresses.push(0);
    this.#generations.push(0);
    return slot;
  }
}
