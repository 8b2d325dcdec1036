/** Runs clang-19 on C text with the headers of native/include, where it is installed. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const include = fileURLToPath(new URL('../../native/include', import.meta.url));

export const hasClang = spawnSync('clang-19', ['--version']).status === 0;
if (!hasClang) console.warn('tests of native/include are skipped: clang-19 is not installed');

const FLAGS = [
  '--target=x86_64-pc-windows-msvc',
  '-ffreestanding',
  '-fms-extensions',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-unknown-pragmas',
  '-I',
  include,
];

/** Compiles a text; gives what the compiler said, '' when it said nothing. */
export function compile(text: string, options: readonly string[] = [], language: 'c' | 'c++' = 'c'): string {
  const folder = mkdtempSync(join(tmpdir(), 'ndisbox-headers-'));
  try {
    const source = join(folder, language === 'c' ? 'text.c' : 'text.cpp');
    writeFileSync(source, text);
    const result = spawnSync('clang-19', [...FLAGS, ...options, '-fsyntax-only', source], {
      encoding: 'utf8',
    });
    if (result.error !== undefined) return result.error.message;
    return result.status === 0 ? result.stderr : result.stderr || `exit code ${result.status}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
