/**
 * The translated tier against the interpreter: random functions with the same registers and memory, every exit of one
 * must be an exit of the other, with the same state, whatever the fuel. Arithmetic flags count where somebody reads
 * them: by the calling convention nobody does across returns.
 */

import fc from 'fast-check';
import { describe, test } from 'vitest';
import { compare, compareWalk } from './tiers.ts';

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff });
const RUNS = { numRuns: 60 };

describe('translated code does what interpreted code does', () => {
  test('for integer functions with memory and calls', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 25 }), (seed, length) => {
        compare(seed, length, false, false, 30_000);
      }),
      RUNS,
    );
  });

  test('at every fault', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 12 }), (seed, length) => {
        compare(seed, length, true, false, 30_000);
      }),
      RUNS,
    );
  });

  test('wherever fuel ends', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 40 }),
        (seed, length, fuel) => {
          compare(seed, length, seed % 2 === 0, false, fuel);
        },
      ),
      RUNS,
    );
  });

  test('for vectors', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 25 }), (seed, length) => {
        compare(seed, length, true, true, 30_000);
      }),
      RUNS,
    );
  });

  test('with memory safety', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 6 }), (seed, length) => {
        compare(seed, length, false, true, 30_000, true);
      }),
      RUNS,
    );
  });

  test.each([false, true])('in loops that walk out of what they may touch, memory safety %s', (safe) => {
    fc.assert(
      fc.property(
        fc.integer({ min: -0x100, max: 0x3100 }),
        fc.constantFrom(0x20, 0xf90, 0x2f80, 0x200),
        fc.constantFrom(4, 8, 1, -4, -8, -1, 16, 60),
        fc.integer({ min: 1, max: 120 }),
        fc.constantFrom(30_000, 50, 7),
        (from, to, step, rounds, fuel) => {
          compareWalk(from, to, step, rounds, fuel, safe);
        },
      ),
      { numRuns: 120 },
    );
  });
});
