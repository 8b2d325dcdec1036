/**
 * The compiled drivers in native/fixtures are what their sources give: they are built again here, and compared byte for
 * byte. Needs clang-19, lld-19 and llvm-19; without them the test is skipped, but never where CI is set.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseImage } from '../src/image/index.ts';

const fixtures = fileURLToPath(new URL('../native/fixtures', import.meta.url));
const script = fileURLToPath(new URL('../native/build.mjs', import.meta.url));
const TOOLS = ['clang-19', 'lld-link-19', 'llvm-dlltool-19'];
/** Bytes of all fixtures: they travel with every clone. */
const SIZE_LIMIT = 1_000_000;

const missing = TOOLS.filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
const imagesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sys') && path.includes('/'))
    .sort();
const images = imagesIn(fixtures);
const skipped = missing.length > 0 && process.env['CI'] === undefined;
const title = skipped ? `building again (skipped: ${missing.join(', ')} not installed)` : 'building again';

describe.skipIf(skipped)(title, () => {
  let out = '';
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'ndisbox-fixtures-'));
    const { status, stderr } = spawnSync(process.execPath, [script, '--out', out], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  }, 300_000);
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  test('gives the same files', () => {
    expect(imagesIn(out), 'run npm run native and commit native/fixtures').toEqual(images);
  });

  test.each(images)('gives the same %s', (path) => {
    const same =
      Buffer.compare(
        new Uint8Array(readFileSync(join(out, path))),
        new Uint8Array(readFileSync(join(fixtures, path))),
      ) === 0;
    expect(same, 'run npm run native and commit native/fixtures').toBe(true);
  });
});

test('the fixtures are small', () => {
  const bytes = images.reduce((sum, path) => sum + statSync(join(fixtures, path)).size, 0);
  expect(bytes).toBeLessThan(SIZE_LIMIT);
});

test.each(images)('%s says nothing of the machine that built it', (path) => {
  const bytes = readFileSync(join(fixtures, path));
  expect(bytes.includes('/work/')).toBe(false);
  expect(bytes.includes(tmpdir())).toBe(false);
  expect(bytes.includes('.pdb')).toBe(false);
});

test.each(images)('%s has the stack cookie and the guard of its variant, and nothing odd', (path) => {
  const image = parseImage(new Uint8Array(readFileSync(join(fixtures, path))), path);
  const { securityCookie, guardDispatchSlot, guardFunctions } = image.loadConfiguration;
  const guarded = path.includes('-guarded');
  expect(securityCookie !== 0).toBe(guarded);
  expect(guardDispatchSlot !== 0).toBe(guarded);
  expect(guardFunctions.length > 0).toBe(guarded);
  expect(image.notes).toEqual([]);
  expect(image.computedChecksum).toBe(image.checksum);
});
