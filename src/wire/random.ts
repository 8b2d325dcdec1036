/**
 * The random numbers of segments and fault injectors: xoshiro128**, seeded by splitmix32 (Blackman and Vigna,
 * "Scrambled linear pseudorandom number generators"). The state is four numbers, so it can be saved.
 */

/** A deterministic stream of random numbers: same seed, same numbers, on every machine. */
export class Random {
  /** The whole state. */
  readonly state = new Uint32Array(4);

  /** @param seed any integer; its low 32 bits count. */
  constructor(seed: number) {
    let mixed = seed >>> 0;
    for (let index = 0; index < 4; index++) {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let word = mixed;
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      this.state[index] = word ^ (word >>> 15);
    }
  }

  /** The next 32 bits, unsigned. */
  next(): number {
    const state = this.state;
    const product = Math.imul(state[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = (state[3] << 11) | (state[3] >>> 21);
    return result;
  }

  /** A whole number from 0 up to, not including, `limit`; `limit` from 1 to 2^32. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** A whole number from `minimum` to `maximum`, both included, less than 2^53 apart. */
  between(minimum: number, maximum: number): number {
    const high = this.next() >>> 11;
    const fraction = (high * 0x1_0000_0000 + this.next()) / 0x20_0000_0000_0000;
    return Math.min(maximum, minimum + Math.floor(fraction * (maximum - minimum + 1)));
  }

  /** True with the given probability; never for 0, always for 1. Draws one number in every case. */
  chance(probability: number): boolean {
    return this.next() / 0x1_0000_0000 < probability;
  }
}
