/**
 * Collects which declared functions and callbacks the tests called through the seam, and with what outcome, for
 * docs/coverage.md. Written to coverage/ddi/ when the environment has NDISBOX_COVERAGE.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, expect } from 'vitest';

/** What the tests of one file showed of one entry: the first test for each outcome. */
interface Observation {
  success?: string;
  failure?: string;
}

const observations = new Map<string, Observation>();

/** Told by the seam of every call that returned. */
export function observe(name: string, result: unknown): void {
  let entry = observations.get(name);
  if (entry === undefined) {
    entry = {};
    observations.set(name, entry);
  }
  const failed =
    (typeof result === 'number' && result >>> 30 === 3) ||
    (result === 0 && /Allocate|Get|Open|Create|Pop|Remove/.test(name));
  const outcome = failed ? 'failure' : 'success';
  entry[outcome] ??= expect.getState().currentTestName ?? 'outside of a test';
}

if (process.env['NDISBOX_COVERAGE'] !== undefined) {
  afterAll(() => {
    const path = expect.getState().testPath;
    if (path === undefined || observations.size === 0) return;
    const file = path.slice(process.cwd().length + 1);
    const folder = join('coverage', 'ddi');
    mkdirSync(folder, { recursive: true });
    const name = `${file.replaceAll('/', '-')}-${basename(path)}.json`;
    writeFileSync(join(folder, name), JSON.stringify({ file, entries: Object.fromEntries(observations) }));
  });
}
