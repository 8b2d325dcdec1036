/**
 * The translated tier against the interpreter: random functions with the same registers and memory, every exit of one
 * must be an exit of the other, with the same state, whatever the fuel. Arithmetic flags count where somebody reads
 * them: by the calling convention nobody does across returns.
 */

import fc from 'fast-check';
import { describe, test } from 'vitest';
import { compare } from './tiers.ts';

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff });
const RUNS = { numRuns: 60 };

describe('translated code does what interpreted code does', () => {
  test('for integer functions with memory and calls', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 25 }), (seed, length) => {
        compare(seed, length, false, false, 1_000_000);
      }),
      RUNS,
    );
  });

  test('at every fault', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 12 }), (seed, length) => {
        compare(seed, length, true, false, 1_000_000);
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
        compare(seed, length, true, true, 1_000_000);
      }),
      RUNS,
    );
  });

  test('with memory safety', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 6 }), (seed, length) => {
        compare(seed, length, false, true, 1_000_000, true);
      }),
      RUNS,
    );
  });
});
