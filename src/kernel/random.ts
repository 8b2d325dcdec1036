/**
 * The seeded source of every choice the documentation leaves open. Its state is one array of numbers, so that
 * it can be kept in a snapshot. Implements sfc32 (Chris Doty-Humphrey's small fast counting generator).
 */

export class Random {
  /** The whole state: four 32-bit numbers. */
  readonly state: Int32Array;

  /** @param seed any integer; equal seeds give equal sequences. */
  constructor(seed: number) {
    this.state = new Int32Array([seed | 0, Math.floor(seed / 0x1_0000_0000) | 0, 0x9e3779b9 | 0, 1]);
    for (let round = 0; round < 12; round++) this.next();
  }

  /** The next 32 bits, unsigned. */
  next(): number {
    const s = this.state;
    const sum = (((s[0] + s[1]) | 0) + s[3]) | 0;
    s[3] = (s[3] + 1) | 0;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = (s[2] + (s[2] << 3)) | 0;
    s[2] = (s[2] << 21) | (s[2] >>> 11);
    s[2] = (s[2] + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 up to and without `limit`. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** True in `numerator` of `denominator` cases. */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }
}
