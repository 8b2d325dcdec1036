/**
 * Reads vitest's JSON report: names what failed and what was skipped, and prints 'N passed, N failed' last. Fails
 * when anything was skipped, because a skipped test in CI proves nothing. Run: node scripts/testSummary.mjs FILE.
 */

import { existsSync, readFileSync } from 'node:fs';

const file = process.argv[2];
if (file === undefined || !existsSync(file)) {
  console.log(`there is no test report at ${file}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}
/** @type {{ testResults: { name: string, status: string, message: string,
 *   assertionResults: { fullName: string, status: string }[] }[] }} */
const report = JSON.parse(readFileSync(file, 'utf8'));
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const { name, status, message, assertionResults } of report.testResults) {
  for (const test of assertionResults) {
    if (test.status === 'passed') counts.passed++;
    else {
      counts[test.status === 'failed' ? 'failed' : 'skipped']++;
      console.log(`${test.status}: ${name}: ${test.fullName}`);
    }
  }
  // A file that could not be loaded has no tests to count.
  if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
    counts.failed++;
    console.log(`failed: ${name}: ${message}`);
  }
}
if (counts.passed === 0) console.log('no test ran');
if (counts.skipped > 0) console.log(`${counts.skipped} tests were skipped; in CI every test has to run`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
if (counts.failed > 0 || counts.skipped > 0 || counts.passed === 0) process.exitCode = 1;
