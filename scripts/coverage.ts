/**
 * Writes docs/coverage.md from the facts, the declarations and what the last run of the tests called.
 * Run: npm run coverage. With --check nothing is written: it fails when the page is stale, and with
 * --require-complete also when an entry that is due is not proven. --no-tests uses the observations that are there.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { coveragePage } from './coverage/page.ts';
import { coverageRows, readObservations } from './coverage/rows.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = `${root}docs/coverage.md`;
const folder = `${root}coverage/ddi`;
const has = (flag: string): boolean => process.argv.includes(flag);

if (!has('--no-tests')) {
  rmSync(folder, { recursive: true, force: true });
  execFileSync('npx', ['vitest', 'run', '--reporter=agent'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NDISBOX_COVERAGE: '1' },
  });
}

const observations = readObservations(folder);
if (observations.length === 0) {
  console.warn(
    'no observations in coverage/ddi: no test called an entry, or the tests ran without NDISBOX_COVERAGE=1',
  );
}
const rows = coverageRows(observations);
const text = coveragePage(rows);
const missing = rows.filter((row) => row.state === 'missing');
const done = rows.filter((row) => row.state === 'implemented' || row.state === 'inline').length;
console.log(`${rows.length} entries: ${done} proven by calls, ${missing.length} due and not proven`);

if (has('--check')) {
  if (!existsSync(page) || readFileSync(page, 'utf8') !== text) {
    console.error('docs/coverage.md is stale: run npm run coverage and commit it');
    process.exitCode = 1;
  }
} else {
  writeFileSync(page, text);
}
if (has('--require-complete') && missing.length > 0) {
  for (const { entry, remark } of missing) console.error(`${entry.group}: ${entry.name}: ${remark}`);
  process.exitCode = 1;
}
