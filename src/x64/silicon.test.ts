/**
 * Interpreter and translator beside the processor of this host: every form of the instruction table with edge and random
 * operands, and random sequences, compared in registers, defined flags, XMM registers and memory, bit for bit.
 * The Intel 64 manual says which flags are undefined; there, and in the low bits of reciprocal approximations, processors may
 * differ.
 */

import { describe, expect, it } from 'vitest';
import { type Case, casesOfTable, whyNotCompared } from '../../test/x64/cases.ts';
import { differences, instructionsOf, report } from '../../test/x64/compare.ts';
import { Guest, type MakeEngine } from '../../test/x64/guest.ts';
import { absentFeatures, runOnSilicon, whyNoSilicon } from '../../test/x64/native.ts';
import { randomNumbers } from '../../test/x64/random.ts';
import { MOST_CASES, type Registers } from '../../test/x64/records.ts';
import { sequences } from '../../test/x64/sequences.ts';
import { Engine, FORMS } from './index.ts';

const SEED = 0x51_11_c0;
const why = whyNoSilicon();
/** Reports shown; all are counted. */
const MOST_REPORTS = 40;

const INTERPRETER: MakeEngine = (memory, host, pages) => new Engine(memory, host, { pages });

/** Runs all cases in a guest and gives reports of those that went wrong. */
function compare(makeEngine: MakeEngine, cases: readonly Case[], expected: readonly Registers[]): string[] {
  const guest = new Guest(makeEngine);
  guest.load(cases);
  const reports: string[] = [];
  cases.forEach((each, number) => {
    const instructions = instructionsOf(guest.memory, each, number);
    let wrong: string[];
    try {
      const found = guest.run(each, number);
      wrong = differences(each, instructions, expected[number], found);
    } catch (error) {
      wrong = [`the engine threw ${String(error)}`];
    }
    if (wrong.length > 0) reports.push(report(each, instructions, wrong));
  });
  return reports;
}

function expectNone(reports: readonly string[]): void {
  const more = reports.length > MOST_REPORTS ? [`and ${reports.length - MOST_REPORTS} more`] : [];
  expect([...reports.slice(0, MOST_REPORTS), ...more]).toEqual([]);
}

describe.skipIf(why !== '' && process.env['CI'] === undefined)(
  `silicon${why === '' ? '' : ` (skipped: ${why})`}`,
  () => {
    const absent = why === '' ? absentFeatures() : new Set<never>();

    it('has what the table has', () => {
      expect(why).toBe('');
      const reasons = new Map<string, number>();
      for (const form of FORMS) {
        const reason = whyNotCompared(form, absent);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
      // A processor without one of the features compares less, and says so here.
      expect([...absent]).toEqual([]);
      expect(reasons.get('')).toBeGreaterThan(530);
    });

    it('agrees with the interpreter on every form of the table', () => {
      const cases = casesOfTable(randomNumbers(SEED), absent);
      expect(cases.length).toBeGreaterThan(15_000);
      expect(cases.length).toBeLessThanOrEqual(MOST_CASES);
      expectNone(compare(INTERPRETER, cases, runOnSilicon(cases)));
    });

    it('agrees with the interpreter on random sequences', () => {
      const cases = sequences(randomNumbers(SEED + 1), 8000, absent);
      expectNone(compare(INTERPRETER, cases, runOnSilicon(cases)));
    });
  },
);
