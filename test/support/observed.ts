/**
 * Collects which declared functions and callbacks the tests called through the seam, and with what outcome, for
 * docs/coverage.md. Written to coverage/ddi/ when the environment has NDISBOX_COVERAGE.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, expect } from 'vitest';
import { ddiEntries } from '../../scripts/coverage/facts.ts';
import { type Outcome, outcomeOf } from '../../scripts/coverage/outcome.ts';
import type { SeamObserver } from '../../src/kernel/index.ts';

/** What the tests of one file showed of one entry: the first test for each outcome. */
type Observation = Partial<Record<Outcome, string>>;

const observations = new Map<string, Observation>();
const statusParameters = new Map(
  ddiEntries.flatMap(({ name, returnsVia }) =>
    returnsVia === undefined ? [] : [[name, returnsVia] as const],
  ),
);

/** Told by the seam of every call that returned. */
export const observe: SeamObserver = (declaration, args, result, memory) => {
  const { name, returns, parameters } = declaration.parsed;
  const read = (address: number): number => memory.data.getUint32(address, true);
  const outcome = outcomeOf({ name, returns, parameters, args, result, read }, statusParameters.get(name));
  const entry = observations.get(name) ?? {};
  observations.set(name, entry);
  entry[outcome] ??= expect.getState().currentTestName ?? 'outside of a test';
};

if (process.env['NDISBOX_COVERAGE'] !== undefined) {
  afterAll(() => {
    const path = expect.getState().testPath;
    if (path === undefined || observations.size === 0) return;
    const file = relative(process.cwd(), path).replaceAll('\\', '/');
    const folder = join('coverage', 'ddi');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, `${file.replaceAll('/', '-')}.json`),
      JSON.stringify({ file, entries: Object.fromEntries(observations) }),
    );
  });
}
