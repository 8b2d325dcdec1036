/** Numbers and machine words for generated tests: the same on each run, with the values at which arithmetic breaks. */

/** A number from 0 to below `below`. */
export type RandomNumbers = (below: number) => number;

export function randomNumbers(seed: number): RandomNumbers {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below;
  };
}

export function pick<T>(random: RandomNumbers, values: readonly T[]): T {
  return values[random(values.length)];
}

function random64(random: RandomNumbers): bigint {
  return (BigInt(random(0x1_0000_0000)) << 32n) | BigInt(random(0x1_0000_0000));
}

const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x0fn,
  0x10n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x1_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_0000_0000n,
  0xffff_ffff_7fff_ffffn,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_ffff_ff80n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];

/** A 64-bit word: an edge, something near one, a single bit, or anything. */
export function randomWord(random: RandomNumbers): bigint {
  switch (random(5)) {
    case 0:
    case 1:
      return pick(random, EDGES);
    case 2:
      return BigInt.asUintN(64, pick(random, EDGES) + BigInt(random(5) - 2));
    case 3:
      return 1n << BigInt(random(64));
    default:
      return random64(random);
  }
}

const FLOATS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  1.5,
  -2.5,
  0.5,
  3,
  1e10,
  -1e10,
  1e30,
  -1e-30,
  1e300,
  -1e-300,
  2147483647,
  2147483648,
  -2147483648,
  -2147483649,
  4294967295.5,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  1.7e308,
  5e-324,
  1.4e-45,
  1.1754942e-38,
  3.4028234e38,
  3.5e38,
  Infinity,
  -Infinity,
  0.1,
  2.0000001,
  127.5,
  -128.5,
  65535.5,
  1 / 3,
];
/** Bits of numbers that are none: quiet and signalling, both signs, with and without a payload. */
const NAN_32: readonly number[] = [0x7fc00000, 0xffc00000, 0x7f800001, 0xff812345, 0x7fc54321];
const NAN_64: readonly bigint[] = [
  0x7ff8_0000_0000_0000n,
  0xfff8_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0xfff0_1234_5678_9abcn,
  0x7ff9_8765_4321_0000n,
];

const scratch = new DataView(new ArrayBuffer(8));

function random32Bits(random: RandomNumbers): bigint {
  if (random(6) === 0) return BigInt(pick(random, NAN_32));
  scratch.setFloat32(0, pick(random, FLOATS));
  return BigInt(scratch.getUint32(0));
}

function random64Bits(random: RandomNumbers): bigint {
  if (random(6) === 0) return pick(random, NAN_64);
  scratch.setFloat64(0, pick(random, FLOATS));
  return scratch.getBigUint64(0);
}

/** Sixteen bytes for an XMM register: lanes of integers or of floating-point numbers. */
function randomLanes(random: RandomNumbers, floats: boolean, target: DataView, offset: number): void {
  const kind = floats ? 3 + random(3) : random(6);
  for (let at = offset; at < offset + 16; at += 8) {
    switch (kind) {
      case 0:
      case 1:
        target.setBigUint64(at, randomWord(random), true);
        break;
      case 2:
        for (let i = 0; i < 8; i++)
          target.setUint8(at + i, pick(random, [0, 1, 0x7f, 0x80, 0xff, random(256), random(256)]));
        break;
      case 3:
        target.setBigUint64(at, random32Bits(random) | (random32Bits(random) << 32n), true);
        break;
      case 4:
        target.setBigUint64(at, random64Bits(random), true);
        break;
      default:
        target.setBigUint64(at, random64(random), true);
    }
  }
}

/** Entries of a pool; a power of two. */
const POOL = 4096;

/** Words and lanes made beforehand, as pairs and fours of 32 bits: cases draw from them without making numbers. */
export class ValuePool {
  readonly #words: Int32Array;
  readonly #integers: Int32Array;
  readonly #floats: Int32Array;

  constructor(random: RandomNumbers) {
    const words = new DataView(new ArrayBuffer(POOL * 8));
    const integers = new DataView(new ArrayBuffer(POOL * 16));
    const floats = new DataView(new ArrayBuffer(POOL * 16));
    for (let i = 0; i < POOL; i++) {
      words.setBigUint64(i * 8, randomWord(random), true);
      randomLanes(random, false, integers, i * 16);
      randomLanes(random, true, floats, i * 16);
    }
    this.#words = new Int32Array(words.buffer);
    this.#integers = new Int32Array(integers.buffer);
    this.#floats = new Int32Array(floats.buffer);
  }

  /** Fills a range with 64-bit words; both ends in 32-bit units. */
  fillWords(random: RandomNumbers, target: Int32Array, from: number, to: number): void {
    for (let at = from; at < to; at += 2) {
      const source = random(POOL) * 2;
      target[at] = this.#words[source];
      target[at + 1] = this.#words[source + 1];
    }
  }

  /** Fills a range with lanes of 16 bytes. */
  fillLanes(random: RandomNumbers, floats: boolean, target: Int32Array, from: number, to: number): void {
    const values = floats ? this.#floats : this.#integers;
    for (let at = from; at < to; at += 4) {
      const source = random(POOL) * 4;
      for (let i = 0; i < 4; i++) target[at + i] = values[source + i];
    }
  }
}
