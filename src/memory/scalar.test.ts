/** Scalars and bit fields, at aligned and odd addresses: what is written is read, and nothing around it changes. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KernelMemory } from './memory.ts';
import { readBits, type ScalarKind, scalars, writeBits } from './scalar.ts';

const memory = new KernelMemory(0x2_0000);
const AT = 0x1_0100;

/** The bytes around AT, filled with `seed`. */
function prepare(seed: Uint8Array): void {
  memory.u8.set(seed, AT - 16);
}
const surroundings = fc.uint8Array({ minLength: 48, maxLength: 48 });
const KINDS: readonly (readonly [ScalarKind, fc.Arbitrary<number | bigint | boolean>])[] = [
  ['u8', fc.integer({ min: 0, max: 0xff })],
  ['i8', fc.integer({ min: -0x80, max: 0x7f })],
  ['u16', fc.integer({ min: 0, max: 0xffff })],
  ['i16', fc.integer({ min: -0x8000, max: 0x7fff })],
  ['u32', fc.integer({ min: 0, max: 0xffff_ffff })],
  ['i32', fc.integer()],
  ['u64', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  ['i64', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['boolean', fc.boolean()],
  ['status', fc.integer({ min: 0, max: 0xffff_ffff })],
  ['pointer', fc.integer({ min: 0, max: 0x7fff_ffff })],
];

test.each(KINDS)('%s: what is written is read and nothing around it changes', (kind, values) => {
  const { read, write, size } = scalars[kind];
  fc.assert(
    fc.property(surroundings, fc.integer({ min: 0, max: 8 }), values, (bytes, shift, value) => {
      prepare(bytes);
      write(memory, AT + shift, value);
      expect(read(memory, AT + shift)).toBe(value);
      for (let index = 0; index < 48; index++) {
        const inside = index >= 16 + shift && index < 16 + shift + size;
        if (!inside) expect(memory.u8[AT - 16 + index]).toBe(bytes[index]);
      }
    }),
  );
});

test('a pointer has the kernel window in its high half, and NULL is all zero', () => {
  const address = 0x1_2345;
  scalars.pointer.write(memory, AT + 3, address);
  expect(memory.data.getBigUint64(AT + 3, true)).toBe(0xffff8000_00012345n);
  scalars.pointer.write(memory, AT + 3, 0);
  expect(memory.data.getBigUint64(AT + 3, true)).toBe(0n);
});

test('integers that do not fit lose their upper bits, as in C', () => {
  scalars.u8.write(memory, AT, 0x1ff);
  expect(scalars.u8.read(memory, AT)).toBe(0xff);
  scalars.u32.write(memory, AT, -1);
  expect(scalars.u32.read(memory, AT)).toBe(0xffff_ffff);
  scalars.status.write(memory, AT, 0xc000_0001 | 0);
  expect(scalars.status.read(memory, AT)).toBe(0xc000_0001);
  scalars.u32.write(memory, AT, 0x1_2345_6789_abcdn);
  expect(scalars.u32.read(memory, AT)).toBe(0x6789_abcd);
});

test.each([Number.NaN, 1.5, Number.POSITIVE_INFINITY, null, undefined, '1', {}])(
  '%s is refused rather than stored as something else',
  (value) => {
    for (const [kind] of KINDS) {
      // The types forbid it; JavaScript drivers can do it all the same.
      expect(() => scalars[kind].write(memory, AT, value as number)).toThrow(TypeError);
    }
  },
);

test('bit fields keep the other bits of their unit', () => {
  const field = fc
    .constantFrom<ScalarKind>('u8', 'u16', 'u32', 'u64')
    .chain((unit) => fc.tuple(fc.constant(unit), fc.integer({ min: 0, max: scalars[unit].size * 8 - 1 })))
    .chain(([unit, start]) =>
      fc.record({
        unit: fc.constant(unit),
        start: fc.constant(start),
        width: fc.integer({ min: 1, max: scalars[unit].size * 8 - start }),
      }),
    );
  const fits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(surroundings, field, fits, fc.integer({ min: 0, max: 8 }), (bytes, bits, value, shift) => {
      const { unit, start, width } = bits;
      prepare(bytes);
      const before = memory.data.getBigUint64(AT + shift, true);
      const mask = ((1n << BigInt(width)) - 1n) << BigInt(start);
      const given = value & (mask >> BigInt(start));
      writeBits(memory, unit, AT + shift, start, width, width <= 32 ? Number(given) : given);
      expect(BigInt(readBits(memory, unit, AT + shift, start, width))).toBe(given);
      expect(typeof readBits(memory, unit, AT + shift, start, width)).toBe(width <= 32 ? 'number' : 'bigint');
      const after = memory.data.getBigUint64(AT + shift, true);
      expect(after).toBe((before & ~mask) | (given << BigInt(start)));
    }),
    { numRuns: 1000 },
  );
});
