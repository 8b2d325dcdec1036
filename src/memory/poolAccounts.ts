/**
 * What the pool knows of its use: bytes and blocks per tag and per owner, in typed arrays so that counting a block
 * allocates nothing. Implements the pool tags of "ExAllocatePool2" (wdm.h).
 */

/** Use of the pool by one tag or one owner. */
export interface PoolUse {
  /** Bytes asked for and not yet freed. */
  readonly bytes: number;
  /** Blocks not yet freed. */
  readonly blocks: number;
  /** Blocks ever allocated. */
  readonly allocations: number;
  /** Highest value of `bytes`. */
  readonly peakBytes: number;
}

/** Tags with an account of their own; further ones share the last account. */
export const TAG_LIMIT = 4096;
/** Owners with an account of their own; further ones share the last account. */
export const OWNER_LIMIT = 4096;

/** Numbers of an account: bytes, blocks, allocations, highest bytes. */
const ACCOUNT = 4;

/** Accounts by index. */
class Accounts {
  readonly #numbers: Float64Array;

  constructor(limit: number) {
    this.#numbers = new Float64Array(limit * ACCOUNT);
  }
  add(index: number, size: number): void {
    const numbers = this.#numbers;
    const at = index * ACCOUNT;
    const bytes = numbers[at] + size;
    numbers[at] = bytes;
    numbers[at + 1]++;
    numbers[at + 2]++;
    if (bytes > numbers[at + 3]) numbers[at + 3] = bytes;
  }
  remove(index: number, size: number): void {
    const numbers = this.#numbers;
    numbers[index * ACCOUNT] -= size;
    numbers[index * ACCOUNT + 1]--;
  }
  use(index: number): PoolUse {
    const [bytes, blocks, allocations, peakBytes] = this.#numbers.subarray(index * ACCOUNT);
    return { bytes, blocks, allocations, peakBytes };
  }
}

const HASH_SIZE = TAG_LIMIT * 2;

/** The index of each tag: an open hash table in typed arrays. */
export class PoolAccounts {
  readonly tags = new Accounts(TAG_LIMIT);
  readonly owners = new Accounts(OWNER_LIMIT);
  /** Bytes charged against the quota, by owner. */
  readonly quota = new Float64Array(OWNER_LIMIT);
  readonly #tagOf = new Uint32Array(TAG_LIMIT);
  /** Index + 1 of a tag by hash; 0 where free. */
  readonly #hash = new Uint16Array(HASH_SIZE);
  #tagCount = 0;

  /** The account of `tag`. */
  tagIndex(tag: number): number {
    let at = (Math.imul(tag, 0x9e3779b1) >>> 19) & (HASH_SIZE - 1);
    for (;;) {
      const index = this.#hash[at] - 1;
      if (index < 0) break;
      if (this.#tagOf[index] === tag >>> 0) return index;
      at = (at + 1) & (HASH_SIZE - 1);
    }
    // The last account stands for every tag that found no place.
    if (this.#tagCount >= TAG_LIMIT - 1) return TAG_LIMIT - 1;
    this.#tagOf[this.#tagCount] = tag;
    this.#hash[at] = ++this.#tagCount;
    return this.#tagCount - 1;
  }

  /** The account of an owner. */
  ownerIndex(owner: number): number {
    return owner < OWNER_LIMIT ? owner : OWNER_LIMIT - 1;
  }

  /** Use by tag, in order of first use. */
  usesByTag(): { readonly tag: number; readonly use: PoolUse }[] {
    return Array.from({ length: this.#tagCount }, (_, index) => ({
      tag: this.#tagOf[index],
      use: this.tags.use(index),
    }));
  }
}
