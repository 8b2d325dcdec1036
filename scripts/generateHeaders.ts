/**
 * Generates the parts of native/include and the import definitions of native/lib that follow from the facts and the
 * declarations. Run: npm run headers [-- --check]. With --check nothing is written; it fails on any difference.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callbacks, callbackText } from './headers/callbacks.ts';
import { constantHeaders } from './headers/constants.ts';
import { definitions } from './headers/definitions.ts';
import { enumerations, enumerationText } from './headers/enumerations.ts';
import { structureHeaders } from './headers/families.ts';
import { functionHeaders } from './headers/functions.ts';
import { guesses, nameLines } from './headers/names.ts';
import { header } from './headers/text.ts';

const native = fileURLToPath(new URL('../native/', import.meta.url));
const GENERATED_FOLDER = 'include/ndisbox/generated';

/** Every generated file: path below native to text. */
function generate(): Map<string, string> {
  const files = new Map<string, string>();
  for (const floor of ['kernel', 'ndis'] as const) {
    const put = (file: string, text: string): void => {
      files.set(`${GENERATED_FOLDER}/${floor}/${file}`, text);
    };
    put('names.h', header('Names of structures and other types.', nameLines[floor]));
    const enumerated = enumerations.filter((one) => one.floor === floor);
    put('enumerations.h', header('Enumerations.', [enumerated.map(enumerationText).join('\n\n')]));
    const registered = callbacks.filter((one) => one.floor === floor);
    put('callbacks.h', header('What drivers register.', [registered.map(callbackText).join('\n\n')]));
    for (const parts of [constantHeaders(floor), structureHeaders(floor), functionHeaders(floor)]) {
      for (const [file, text] of parts) put(file, text);
      const [[first]] = parts;
      const folder = dirname(first);
      const includes = [...parts.keys()].map((file) => `#include "${file}"`);
      put(`${folder}.h`, header(`All ${folder}.`, includes));
    }
  }
  for (const [file, text] of definitions()) files.set(`lib/${file}`, text);
  return files;
}

function existing(folder: string, extension: string): string[] {
  if (!existsSync(join(native, folder))) return [];
  return readdirSync(join(native, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith(extension));
}

const files = generate();
const check = process.argv.includes('--check');
const stale: string[] = [];
for (const path of [...existing(GENERATED_FOLDER, '.h'), ...existing('lib', '.def')]) {
  if (files.has(path)) continue;
  stale.push(path);
  if (!check) rmSync(join(native, path));
}
for (const [path, text] of files) {
  const target = join(native, path);
  if (existsSync(target) && readFileSync(target, 'utf8') === text) continue;
  stale.push(path);
  if (check) continue;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
if (process.argv.includes('--guesses')) console.log(guesses.join('\n'));
if (check && stale.length > 0) {
  console.error(`generated headers differ from the facts; run npm run headers:\n${stale.join('\n')}`);
  process.exitCode = 1;
} else {
  console.log(`${files.size} generated files, ${stale.length} ${check ? 'differ' : 'written'} (native)`);
}
