/** Files that come with the package: found from the sources as well as from the compiled command. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliError } from './cliError.ts';

/** Folders between this file and the package: src/cli, or dist/src/cli. */
const LEVELS = 4;

function packageDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < LEVELS; level++) {
    if (existsSync(join(directory, 'package.json'))) return directory;
    directory = dirname(directory);
  }
  throw new CliError(
    'INPUT_UNREADABLE',
    'the package of ndisbox is incomplete: its package.json is missing; install it again.',
  );
}

/** The path of a file of the package. @throws CliError INPUT_UNREADABLE */
export function packageFile(path: string): string {
  const file = join(packageDirectory(), path);
  if (!existsSync(file)) {
    throw new CliError(
      'INPUT_UNREADABLE',
      `${file} is missing from the package of ndisbox; install it again.`,
    );
  }
  return file;
}

/** The version of the package. */
export function packageVersion(): string {
  const value: unknown = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
  return typeof value === 'object' && value !== null && 'version' in value
    ? String(value.version)
    : 'unknown';
}
