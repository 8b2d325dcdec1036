/**
 * Interpreter and translator beside the processor of this host: every form of the instruction table with edge and random
 * operands, and random sequences, compared in registers, defined flags, XMM registers and memory, bit for bit.
 * The Intel 64 manual says which flags are undefined; there, and in the low bits of reciprocal approximations, processors may
 * differ.
 */

import { describe, expect, it } from 'vitest';
import { type Case, casesOfTable, whyNotCompared } from '../../test/x64/cases.ts';
import { differences, instructionsOf, report } from '../../test/x64/compare.ts';
import { perturbed, wrongFacts } from '../../test/x64/facts.ts';
import { Guest, type MakeEngine } from '../../test/x64/guest.ts';
import { absentFeatures, runOnSilicon, whyNoSilicon } from '../../test/x64/native.ts';
import { randomNumbers, ValuePool } from '../../test/x64/random.ts';
import { MOST_CASES, type Registers } from '../../test/x64/records.ts';
import { sequences } from '../../test/x64/sequences.ts';
import { KERNEL_WINDOW_HIGH, Shadow } from '../memory/index.ts';
import { Engine, FORMS } from './index.ts';

/** A limit against hangs: on a busy machine modules of thousands of functions take their time. */
const TIMEOUT = 300_000;
const SEED = 0x51_11_c0;
const why = whyNoSilicon();
/** There nothing may be skipped. */
const isRequired = process.env['CI'] !== undefined && process.arch === 'x64' && process.platform === 'linux';
/** Reports shown; all are counted. */
const MOST_REPORTS = 40;

const INTERPRETER: MakeEngine = (memory, host, pages) =>
  new Engine(memory, host, { pages, translate: false });

/** Counts that no case reaches: only what is made ready is translated. */
const NEVER = 1 << 30;

/** Everything is translated before it runs, as far as the translator can. */
function translator(): { readonly makeEngine: MakeEngine; readonly translated: () => number } {
  const engines: Engine[] = [];
  const makeEngine: MakeEngine = (memory, host, pages) => {
    const safety = memory.hasShadow ? { safety: new Shadow(memory) } : {};
    const engine = new Engine(memory, host, {
      ...safety,
      pages,
      translate: true,
      thresholds: { calls: NEVER, loops: NEVER },
    });
    engines.push(engine);
    return {
      run: () => engine.run(),
      prepare: (address) => engine.translated?.hotCall(engine.code.at(address, KERNEL_WINDOW_HIGH)),
    };
  };
  return { makeEngine, translated: () => engines[0]?.translated?.counts.functions ?? 0 };
}

/** Runs all cases in a guest and gives reports of those that went wrong. */
function compare(
  makeEngine: MakeEngine,
  cases: readonly Case[],
  expected: readonly Registers[],
  memorySafety = false,
): string[] {
  const guest = new Guest(makeEngine, memorySafety);
  guest.load(cases);
  const reports: string[] = [];
  cases.forEach((each, number) => {
    const instructions = instructionsOf(guest.memory, each, number);
    let wrong: string[];
    try {
      const found = guest.run(each, number);
      wrong = differences(each, instructions, expected[number], found, makeEngine === INTERPRETER);
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

describe.skipIf(why !== '' && !isRequired)(
  `silicon${why === '' ? '' : ` (skipped: ${why})`}`,
  { timeout: TIMEOUT },
  () => {
    const absent = why === '' ? absentFeatures() : new Set<never>();

    it('has what the table has', () => {
      expect(why).toBe('');
      const reasons = new Map<string, number>();
      for (const form of FORMS) {
        const reason = whyNotCompared(form, absent);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
      // A processor without one of the features compares less, which must not go unnoticed where it counts.
      if (isRequired) expect([...absent]).toEqual([]);
      if (absent.size === 0) expect(reasons.get('')).toBeGreaterThan(530);
    });

    // Made once, run by interpreter and translator.
    const make = (cases: readonly Case[]) => ({ cases, expected: runOnSilicon(cases) });
    let table: ReturnType<typeof make> | undefined;
    let random: ReturnType<typeof make> | undefined;
    const casesOf = () => (table ??= make(casesOfTable(randomNumbers(SEED), absent)));
    const sequencesOf = () => (random ??= make(sequences(randomNumbers(SEED + 1), 8000, absent)));

    it('agrees with the interpreter on every form of the table', () => {
      const { cases, expected } = casesOf();
      expect(cases.length).toBeGreaterThan(15_000);
      expect(cases.length).toBeLessThanOrEqual(MOST_CASES);
      expectNone(compare(INTERPRETER, cases, expected));
    });

    it('agrees with the interpreter on random sequences', () => {
      const { cases, expected } = sequencesOf();
      expectNone(compare(INTERPRETER, cases, expected));
    });

    it('reads and writes what the table says', () => {
      const { cases, expected } = casesOf();
      const guest = new Guest(INTERPRETER);
      guest.load(cases);
      const random = randomNumbers(SEED + 2);
      const pool = new ValuePool(random);
      const instructions = cases.map((each, number) => instructionsOf(guest.memory, each, number)[0]);
      const others = cases.map((each, number) => perturbed(each, instructions[number], random, pool));
      const reports: string[] = [];
      runOnSilicon(others).forEach((after, number) => {
        const wrong = wrongFacts(
          instructions[number],
          [cases[number].before, expected[number]],
          [others[number].before, after],
        );
        if (wrong.length > 0) reports.push(report(cases[number], [instructions[number]], wrong));
      });
      expectNone(reports);
    });

    it('agrees with translated code on every form of the table', () => {
      const { cases, expected } = casesOf();
      const { makeEngine, translated } = translator();
      expectNone(compare(makeEngine, cases, expected));
      // All but those that have no instruction at all, such as ud2.
      expect(translated()).toBeGreaterThan(cases.length * 0.95);
    });

    it('agrees with translated code on random sequences', () => {
      const { cases, expected } = sequencesOf();
      const { makeEngine, translated } = translator();
      expectNone(compare(makeEngine, cases, expected));
      expect(translated()).toBeGreaterThan(cases.length * 0.95);
    });

    it('agrees with translated code that checks memory safety, on random sequences', () => {
      const { cases, expected } = sequencesOf();
      const { makeEngine, translated } = translator();
      expectNone(compare(makeEngine, cases, expected, true));
      expect(translated()).toBeGreaterThan(cases.length * 0.95);
    });
  },
);
