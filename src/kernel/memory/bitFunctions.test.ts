import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { tagOfText } from '../../memory/index.ts';
import * as functions from './functions.ts';

const BITS = 100;

/** The first run at or after the hint, which is rounded down to its byte, else from the start. */
function findRun(bits: readonly number[], count: number, hint: number, value: number): number {
  for (const start of hint < BITS ? [hint & ~7, 0] : [0]) {
    for (let at = start; at + count <= BITS; at++) {
      if (bits.slice(at, at + count).every((bit) => bit === value)) return at;
    }
  }
  return 0xffff_ffff;
}

test('bitmaps are what a list of bits is, whole bytes or not (wdm/nf-wdm-rtlfindsetbits)', async () => {
  const { run, imports, kernel } = createTestKernel(functions, {});
  const { memory } = kernel;
  await run(() => {
    const map = imports.ExAllocatePool2(0x40, 64, tagOfText('Test'));
    const change = fc.record({
      value: fc.boolean(),
      start: fc.nat(BITS - 1),
      count: fc.nat(BITS),
      length: fc.integer({ min: 1, max: 40 }),
      hint: fc.nat(BITS + 10),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const bits = Array.from({ length: BITS }, () => 0);
        imports.RtlInitializeBitMap(map, map + 16, BITS);
        imports.RtlClearAllBits(map);
        // What lies behind the last bit stays.
        memory.u8[map + 16 + 12] |= 0xf0;
        for (const { value, start, count, length, hint } of changes) {
          if (value) imports.RtlSetBits(map, start, count);
          else imports.RtlClearBits(map, start, count);
          bits.fill(value ? 1 : 0, start, Math.min(start + count, BITS));
          const set = bits.filter((bit) => bit === 1).length;
          expect(imports.RtlNumberOfSetBits(map)).toBe(set);
          expect(imports.RtlNumberOfClearBits(map)).toBe(BITS - set);
          expect(imports.RtlFindSetBits(map, length, hint)).toBe(findRun(bits, length, hint, 1));
          expect(imports.RtlFindClearBits(map, length, hint)).toBe(findRun(bits, length, hint, 0));
          const clear = start + length <= BITS && bits.slice(start, start + length).every((bit) => bit === 0);
          expect(imports.RtlAreBitsClear(map, start, length)).toBe(clear ? 1 : 0);
          expect(memory.u8[map + 16 + 12] & 0xf0).toBe(0xf0);
        }
      }),
    );
  });
});
