/**
 * Generates the tables of structures and constants from the facts, so that each is declared once.
 * Run: npx tsx scripts/generateTables.ts [--check]. With --check nothing is written; it fails on any difference.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constantModules } from './tables/constants.ts';
import { requiredPointersModule } from './tables/requiredPointers.ts';
import { structureModules } from './tables/structures.ts';

const source = fileURLToPath(new URL('../src/', import.meta.url));

/** Every generated file: path below src to text. */
function generate(): Map<string, string> {
  const files = new Map<string, string>();
  for (const floor of ['kernel', 'ndis'] as const) {
    const modules = [
      ['structures', structureModules(floor)],
      ['constants', constantModules(floor)],
    ] as const;
    files.set(join(floor, 'generated', 'requiredPointers.ts'), requiredPointersModule(floor));
    for (const [folder, texts] of modules) {
      for (const [file, text] of texts) files.set(join(floor, 'generated', folder, file), text);
    }
  }
  return files;
}

function existing(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
}

const files = generate();
const check = process.argv.includes('--check');
const stale: string[] = [];
for (const floor of ['kernel', 'ndis']) {
  for (const file of existing(join(source, floor, 'generated'))) {
    const path = join(floor, 'generated', file);
    if (files.has(path)) continue;
    stale.push(path);
    if (!check) rmSync(join(source, path));
  }
}
for (const [path, text] of files) {
  const target = join(source, path);
  if (existsSync(target) && readFileSync(target, 'utf8') === text) continue;
  stale.push(path);
  if (check) continue;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
if (check && stale.length > 0) {
  console.error(
    `generated tables differ from the facts; run npx tsx scripts/generateTables.ts:\n${stale.join('\n')}`,
  );
  process.exitCode = 1;
} else {
  console.log(
    `${files.size} generated files, ${stale.length} ${check ? 'differ' : 'written'} (${relative('.', source)})`,
  );
}
