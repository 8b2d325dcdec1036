/** Builds and runs the harness that executes cases on this host's processor. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Feature } from '../../src/x64/index.ts';
import type { Case } from './cases.ts';
import { RECORD_SIZE, REGISTERS_SIZE, Registers, writeRecord } from './records.ts';

const SOURCE = fileURLToPath(new URL('../../native/silicon/harness.c', import.meta.url));

/** Why nothing can be compared on this host; empty where it can. */
export function whyNoSilicon(): string {
  if (process.arch !== 'x64' || process.platform !== 'linux') return 'the host is no x86-64 Linux';
  try {
    execFileSync('gcc', ['--version'], { stdio: 'pipe' });
    return '';
  } catch {
    return 'gcc is not installed';
  }
}

/** What each feature is called in /proc/cpuinfo. */
const CPUINFO_NAMES: Readonly<Record<Feature, string>> = {
  base: 'lm',
  sse: 'sse',
  sse2: 'sse2',
  sse3: 'pni',
  ssse3: 'ssse3',
  'sse4.1': 'sse4_1',
  'sse4.2': 'sse4_2',
  popcnt: 'popcnt',
  lzcnt: 'abm',
  movbe: 'movbe',
  cx16: 'cx16',
  clflush: 'clflush',
  bmi1: 'bmi1',
  bmi2: 'bmi2',
};

/** Features of the table that this host's processor lacks. */
export function absentFeatures(): ReadonlySet<Feature> {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(/\s+/) ?? [];
  const present = new Set(flags);
  // The names are the keys.
  const names = Object.entries(CPUINFO_NAMES) as [Feature, string][];
  return new Set(names.filter(([, name]) => !present.has(name)).map(([feature]) => feature));
}

/** What the processor makes of each case. */
export function runOnSilicon(cases: readonly Case[]): Registers[] {
  const folder = mkdtempSync(join(tmpdir(), 'ndisbox-silicon-'));
  try {
    const harness = join(folder, 'harness');
    execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', harness, SOURCE]);
    const records = new Uint8Array(cases.length * RECORD_SIZE);
    cases.forEach((each, i) =>
      writeRecord(records.subarray(i * RECORD_SIZE, (i + 1) * RECORD_SIZE), each.before, each.code),
    );
    writeFileSync(join(folder, 'cases'), records);
    execFileSync(harness, [join(folder, 'cases'), join(folder, 'results')]);
    const results = new Uint8Array(readFileSync(join(folder, 'results')));
    if (results.length !== cases.length * REGISTERS_SIZE)
      throw new Error(`the harness answered ${results.length} bytes`);
    return cases.map((_, i) => new Registers(results.subarray(i * REGISTERS_SIZE, (i + 1) * REGISTERS_SIZE)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
