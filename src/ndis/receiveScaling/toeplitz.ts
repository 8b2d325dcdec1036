/**
 * The Toeplitz hash: each bit of the input that is set adds the 32 bits of the key that begin at its place.
 * Implements "RSS Hashing Functions" (network).
 */

/** Bytes of the secret key. */
export const TOEPLITZ_KEY_SIZE = 40;
/** The longest input of a 40-byte key: two IPv6 addresses and two ports. */
export const TOEPLITZ_INPUT_LIMIT = 36;

/** The hash function with one key, made ready: what each value of each input byte adds is looked up. */
export class Toeplitz {
  readonly #contributions = new Uint32Array(TOEPLITZ_INPUT_LIMIT * 256);

  /** @param key TOEPLITZ_KEY_SIZE bytes; what a shorter key lacks is 0. */
  constructor(key: Uint8Array) {
    for (let position = 0; position < TOEPLITZ_INPUT_LIMIT; position++) {
      for (let value = 1; value < 256; value++) {
        const lowest = value & -value;
        const bit = 7 - Math.log2(lowest);
        const rest = this.#contributions[position * 256 + (value ^ lowest)];
        this.#contributions[position * 256 + value] = rest ^ window(key, position * 8 + bit);
      }
    }
  }

  /** Continues `hash` with the byte that stands at `position` of the input. */
  add(hash: number, position: number, value: number): number {
    return hash ^ this.#contributions[position * 256 + value];
  }

  /** The hash of the first bytes of an input, at most TOEPLITZ_INPUT_LIMIT. */
  hash(input: Uint8Array, length = input.length): number {
    let hash = 0;
    for (let position = 0; position < length; position++) hash = this.add(hash, position, input[position]);
    return hash >>> 0;
  }
}

/** 32 bits of the key from bit `start` on, the highest bit of a byte first. */
function window(key: Uint8Array, start: number): number {
  const first = start >> 3;
  const shift = start & 7;
  let value = 0;
  for (let index = 0; index < 4; index++) value = (value << 8) | (key[first + index] ?? 0);
  const next = key[first + 4] ?? 0;
  return shift === 0 ? value : (value << shift) | (next >> (8 - shift));
}
