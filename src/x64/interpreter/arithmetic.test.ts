import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODE, makeTestMachine } from '../../../test/support/machineCode.ts';
import {
  FLAG_AF,
  FLAG_CF,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  RAX,
  RCX,
  RDX,
  STATE_FLAGS,
} from '../state.ts';

/**
 * Arithmetic and flags against formulas over integers of any size, for hosts that are no x86-64 themselves. The flags
 * are those of "EFLAGS Cross-Reference" of the Intel 64 manual, volume 1, appendix A.
 */

type Bits = 8 | 16 | 32 | 64;
const ALL_SIZES: readonly Bits[] = [8, 16, 32, 64];

/** Opcode for 8 bits; the one after it is for the other sizes. Operands: first rax, second rcx. */
function encode(bits: Bits, opcode: readonly number[], modrm: number): number[] {
  const last = opcode[opcode.length - 1] | (bits === 8 ? 0 : 1);
  const prefix = bits === 16 ? [0x66] : bits === 64 ? [0x48] : [];
  return [...prefix, ...opcode.slice(0, -1), last, modrm];
}

const machine = makeTestMachine();

interface Outcome {
  readonly rax: bigint;
  readonly rcx: bigint;
  readonly rdx: bigint;
  readonly flags: number;
  readonly vector: number;
}

function execute(code: readonly number[], rax: bigint, rcx: bigint, rdx = 0n, flags = 0x202): Outcome {
  machine.start([...code, 0xc3]);
  machine.set(RAX, rax);
  machine.set(RCX, rcx);
  machine.set(RDX, rdx);
  machine.memory.i32[STATE_FLAGS >> 2] = flags;
  const exit = machine.run();
  const vector = exit.kind === 'exception' ? exit.vector : -1;
  if (vector !== -1) expect(machine.rip()).toBe(CODE);
  return {
    rax: machine.get(RAX),
    rcx: machine.get(RCX),
    rdx: machine.get(RDX),
    flags: machine.flags(),
    vector,
  };
}

/** A register after a write of `bits`: 32 clear the upper half, fewer leave the rest. */
function written(bits: Bits, before: bigint, value: bigint): bigint {
  const low = BigInt.asUintN(bits, value);
  if (bits >= 32) return low;
  return BigInt.asUintN(64, before & ~((1n << BigInt(bits)) - 1n)) | low;
}

/** Cuts an integer to a number of bits, signed or not. */
function cutter(signed: boolean): (bits: number, value: bigint) => bigint {
  return (bits, value) => (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
}

function parityEven(value: bigint): boolean {
  let ones = 0;
  for (let bit = 0n; bit < 8n; bit++) ones += Number((value >> bit) & 1n);
  return ones % 2 === 0;
}

function resultFlags(bits: Bits, value: bigint): number {
  const low = BigInt.asUintN(bits, value);
  return (
    (low === 0n ? FLAG_ZF : 0) |
    (low >> BigInt(bits - 1) === 1n ? FLAG_SF : 0) |
    (parityEven(low) ? FLAG_PF : 0)
  );
}

const SUM_FLAGS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;

function sumFlags(bits: Bits, x: bigint, y: bigint, carry: bigint, subtract: boolean): number {
  const [ux, uy] = [BigInt.asUintN(bits, x), BigInt.asUintN(bits, y)];
  const [sx, sy] = [BigInt.asIntN(bits, x), BigInt.asIntN(bits, y)];
  const unsigned = subtract ? ux - uy - carry : ux + uy + carry;
  const signed = subtract ? sx - sy - carry : sx + sy + carry;
  const nibble = subtract ? (ux & 15n) - (uy & 15n) - carry : (ux & 15n) + (uy & 15n) + carry;
  return (
    resultFlags(bits, unsigned) |
    (unsigned < 0n || unsigned >> BigInt(bits) !== 0n ? FLAG_CF : 0) |
    (BigInt.asIntN(bits, signed) !== signed ? FLAG_OF : 0) |
    (nibble < 0n || nibble > 15n ? FLAG_AF : 0)
  );
}

/** Edges as often as anything else. */
const word = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(
    0n,
    1n,
    0x7fn,
    0x80n,
    0xffn,
    0x7fffn,
    0x8000n,
    0xffffn,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
  ),
  fc.constantFrom(0x1_0000_0000n, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn),
);
const sizes = fc.constantFrom(...ALL_SIZES);

describe('sums and differences', () => {
  const cases = [
    { name: 'add', opcode: 0x00, subtract: false, carries: false, stores: true },
    { name: 'adc', opcode: 0x10, subtract: false, carries: true, stores: true },
    { name: 'sub', opcode: 0x28, subtract: true, carries: false, stores: true },
    { name: 'sbb', opcode: 0x18, subtract: true, carries: true, stores: true },
    { name: 'cmp', opcode: 0x38, subtract: true, carries: false, stores: false },
  ];
  for (const { name, opcode, subtract, carries, stores } of cases) {
    it(`${name} of every size`, () => {
      fc.assert(
        fc.property(sizes, word, word, fc.boolean(), (bits, x, y, carry) => {
          const given = 0x202 | (carry ? FLAG_CF : 0);
          const found = execute(encode(bits, [opcode], 0xc8), x, y, 0n, given);
          const into = carries && carry ? 1n : 0n;
          const value = subtract ? x - y - into : x + y + into;
          expect(found.rax).toBe(stores ? written(bits, x, value) : x);
          expect(found.flags & SUM_FLAGS).toBe(sumFlags(bits, x, y, into, subtract));
        }),
        { numRuns: 300 },
      );
    });
  }

  it('inc and dec keep the carry, neg is a difference from zero', () => {
    fc.assert(
      fc.property(sizes, word, fc.boolean(), (bits, x, carry) => {
        const given = 0x202 | (carry ? FLAG_CF : 0);
        const increment = execute(encode(bits, [0xfe], 0xc0), x, 0n, 0n, given);
        expect(increment.rax).toBe(written(bits, x, x + 1n));
        expect(increment.flags & SUM_FLAGS).toBe(
          (sumFlags(bits, x, 1n, 0n, false) & ~FLAG_CF) | (carry ? FLAG_CF : 0),
        );
        const decrement = execute(encode(bits, [0xfe], 0xc8), x, 0n, 0n, given);
        expect(decrement.rax).toBe(written(bits, x, x - 1n));
        expect(decrement.flags & SUM_FLAGS).toBe(
          (sumFlags(bits, x, 1n, 0n, true) & ~FLAG_CF) | (carry ? FLAG_CF : 0),
        );
        const negated = execute(encode(bits, [0xf6], 0xd8), x, 0n);
        expect(negated.rax).toBe(written(bits, x, -x));
        expect(negated.flags & SUM_FLAGS).toBe(sumFlags(bits, 0n, x, 0n, true));
      }),
      { numRuns: 200 },
    );
  });
});

describe('logic', () => {
  const cases = [
    { name: 'and', opcode: 0x20, of: (x: bigint, y: bigint) => x & y },
    { name: 'or', opcode: 0x08, of: (x: bigint, y: bigint) => x | y },
    { name: 'xor', opcode: 0x30, of: (x: bigint, y: bigint) => x ^ y },
  ];
  for (const { name, opcode, of } of cases) {
    it(`${name} of every size`, () => {
      fc.assert(
        fc.property(sizes, word, word, (bits, x, y) => {
          const found = execute(encode(bits, [opcode], 0xc8), x, y, 0n, 0xad7);
          expect(found.rax).toBe(written(bits, x, of(x, y)));
          expect(found.flags & (SUM_FLAGS & ~FLAG_AF)).toBe(resultFlags(bits, of(x, y)));
        }),
        { numRuns: 200 },
      );
    });
  }
});

describe('shifts by cl', () => {
  const cases = [
    { name: 'shl', modrm: 0xe0, of: (x: bigint, count: bigint) => x << count },
    {
      name: 'shr',
      modrm: 0xe8,
      of: (x: bigint, count: bigint, bits: Bits) => BigInt.asUintN(bits, x) >> count,
    },
    {
      name: 'sar',
      modrm: 0xf8,
      of: (x: bigint, count: bigint, bits: Bits) => BigInt.asIntN(bits, x) >> count,
    },
  ];
  for (const { name, modrm, of } of cases) {
    it(`${name}: result, and flags where the manual defines them`, () => {
      fc.assert(
        fc.property(sizes, word, fc.nat(255), (bits, x, cl) => {
          const found = execute(encode(bits, [0xd2], modrm), x, BigInt(cl), 0n, 0xad7);
          const count = cl & (bits === 64 ? 63 : 31);
          if (count === 0) {
            expect(found.rax).toBe(bits === 32 ? BigInt.asUintN(32, x) : x);
            expect(found.flags).toBe(0xad7);
            return;
          }
          const value = of(x, BigInt(count), bits);
          expect(found.rax).toBe(written(bits, x, value));
          expect(found.flags & (FLAG_ZF | FLAG_SF | FLAG_PF)).toBe(resultFlags(bits, value));
          if (name !== 'sar' && count > bits) return;
          const last =
            name === 'shl'
              ? (BigInt.asUintN(bits, x) >> BigInt(bits - count)) & 1n
              : (BigInt.asIntN(bits, x) >> BigInt(count - 1)) & 1n;
          expect(found.flags & FLAG_CF).toBe(Number(last));
        }),
        { numRuns: 400 },
      );
    });
  }
});

describe('multiplication and division', () => {
  it('mul and imul give both halves', () => {
    fc.assert(
      fc.property(sizes, word, word, fc.boolean(), (bits, x, y, signed) => {
        const found = execute(encode(bits, [0xf6], signed ? 0xe9 : 0xe1), x, y);
        const cut = cutter(signed);
        const product = cut(bits, x) * cut(bits, y);
        if (bits === 8) {
          expect(found.rax).toBe(written(16, x, product));
        } else {
          expect(found.rax).toBe(written(bits, x, product));
          expect(found.rdx).toBe(written(bits, 0n, product >> BigInt(bits)));
        }
        const lost = cut(bits, product) !== product;
        expect(found.flags & (FLAG_CF | FLAG_OF)).toBe(lost ? FLAG_CF | FLAG_OF : 0);
      }),
      { numRuns: 400 },
    );
  });

  it('div and idiv divide the double width, or fault without a trace', () => {
    fc.assert(
      fc.property(sizes, word, word, word, fc.boolean(), fc.boolean(), (bits, x, y, high, signed, short) => {
        // Random upper halves nearly always overflow.
        const cut = cutter(signed);
        const sign = signed && cut(bits, x) < 0n ? -1n : 0n;
        const rdx = BigInt.asUintN(64, short ? sign : high);
        const rax = bits === 8 ? written(16, x, short ? cut(8, x) : x) : x;
        const found = execute(encode(bits, [0xf6], signed ? 0xf9 : 0xf1), rax, y, rdx);
        const dividend =
          bits === 8
            ? cut(16, rax)
            : cut(bits * 2, (BigInt.asUintN(bits, rdx) << BigInt(bits)) | BigInt.asUintN(bits, rax));
        const divisor = cut(bits, y);
        if (divisor === 0n || cut(bits, dividend / divisor) !== dividend / divisor) {
          expect(found).toMatchObject({ vector: 0, rax, rdx, rcx: y });
          return;
        }
        const [quotient, remainder] = [dividend / divisor, dividend % divisor];
        if (bits === 8) {
          expect(found.rax).toBe(written(16, rax, (remainder << 8n) | BigInt.asUintN(8, quotient)));
        } else {
          expect(found.rax).toBe(written(bits, rax, quotient));
          expect(found.rdx).toBe(written(bits, rdx, remainder));
        }
      }),
      { numRuns: 600 },
    );
  });
});
