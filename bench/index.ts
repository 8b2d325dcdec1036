/** Runs every benchmark of this folder, one after the other, each in a process of its own. Run: npm run bench [NAME...] */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const given = process.argv.slice(2);
/** Options go to every benchmark that runs. */
const options = given.filter((word) => word.startsWith('--'));
const wanted = given.filter((word) => !word.startsWith('--'));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.js') && file !== 'index.js')
  .map((file) => file.replace(/\.js$/, ''))
  .sort();
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}: there are ${names.join(', ')}`);
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : names) {
  console.log(`== ${name}`);
  const { status } = spawnSync(process.execPath, [`${folder}${name}.js`, ...options], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = status ?? 1;
}
