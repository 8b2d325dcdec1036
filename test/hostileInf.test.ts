/**
 * Hostile INF files: those of our drivers, damaged in every way, and files written to do harm. Each installs, or is refused
 * with a code; no file lies outside of C:, what cannot be saved and loaded again never comes to be, and nothing hangs.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InstalledSystem, installPackage, joinPath, uninstall } from '../src/install/index.ts';
import { packageFolder } from '../src/install/node.ts';
import { NdisboxError } from '../src/kernel/index.ts';
import { repositoryFile } from './support/command.ts';
import { adapterInf, memorySource } from './support/packages.ts';

const INFS = ['drivers', 'native/drivers'].flatMap((folder) =>
  readdirSync(repositoryFile(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.inf'))
    .map((name) => repositoryFile(join(folder, name))),
);

/** Installs a text; what is left has to be sound. Returns the code of the refusal, or null. */
function attempt(path: string, text: string | Uint8Array): string | null {
  const system = new InstalledSystem();
  const { source } = packageFolder(path, [repositoryFile('native/fixtures/optimised')]);
  const name = basename(path);
  try {
    const read = (file: string): Uint8Array | null =>
      file === name ? (typeof text === 'string' ? new TextEncoder().encode(text) : text) : source.read(file);
    installPackage(system, { name: dirname(path), read }, name);
  } catch (error) {
    if (error instanceof NdisboxError) return error.code;
    throw error;
  }
  for (const file of system.files.list()) expect(joinPath(file.path)).toEqual({ path: file.path });
  const saved = system.save();
  expect([...InstalledSystem.load(saved).save()]).toEqual([...saved]);
  uninstall(system, 'oem0.inf');
  expect(system.files.list()).toEqual([]);
  return null;
}

test('our INF files install as they are', () => {
  expect(INFS.length).toBeGreaterThan(10);
  for (const path of INFS)
    expect([path, attempt(path, new Uint8Array(readFileSync(path)))]).toEqual([path, null]);
});

describe('damaged files', () => {
  const texts = INFS.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  /** Pieces that mean something in an INF file. */
  const piece = fc.oneof(
    fc.constantFrom(
      '[',
      ']',
      '=',
      ',',
      ';',
      '"',
      '%',
      '%%',
      '\\',
      '\\\r\n',
      '\r\n',
      '..\\..\\',
      'C:\\',
      '%10%',
      '%13%',
      '0x00010001',
      '-1',
      'HKLM,',
      'HKR,',
      '{4D36E972-E325-11CE-BFC1-08002BE10318}',
      'Needs = Install.NTamd64',
      '\0',
      '\u202e',
      '4294967296',
    ),
    fc.string({ maxLength: 5 }),
  );
  const edit = fc.record({ at: fc.nat(9999), length: fc.nat(30), piece });

  test('with pieces cut, replaced and put in', () => {
    const codes = new Set<string | null>();
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(edit, { minLength: 1, maxLength: 5 }),
        ({ path, text }, edits) => {
          let damaged = text;
          for (const { at, length, piece: put } of edits) {
            const start = Math.floor((at / 10_000) * damaged.length);
            damaged = damaged.slice(0, start) + put + damaged.slice(start + length);
          }
          codes.add(attempt(path, damaged));
        },
      ),
      { numRuns: 600 },
    );
    // The damage reaches every layer.
    expect(codes.size).toBeGreaterThan(12);
  }, 180_000);

  test('with lines left out, doubled and exchanged', () => {
    const choice = fc.array(fc.tuple(fc.constantFrom('drop', 'double', 'swap'), fc.nat(200), fc.nat(200)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.constantFrom(...texts), choice, ({ path, text }, changes) => {
        const lines = text.split('\r\n');
        for (const [what, a, b] of changes) {
          const [i, j] = [a % lines.length, b % lines.length];
          if (what === 'drop') lines.splice(i, 1);
          else if (what === 'double') lines.splice(j, 0, lines[i]);
          else [lines[i], lines[j]] = [lines[j], lines[i]];
        }
        attempt(path, lines.join('\r\n'));
      }),
      { numRuns: 400 },
    );
  }, 180_000);

  test('cut at any byte', () => {
    const bytes = new Uint8Array(readFileSync(INFS[0]));
    for (let length = 0; length < bytes.length; length += 13) attempt(INFS[0], bytes.subarray(0, length));
  }, 60_000);
});

describe('files written to do harm', () => {
  const install = (text: string): string | null => {
    try {
      installPackage(new InstalledSystem(), memorySource({ 'x.inf': text }), 'x.inf', {});
      return null;
    } catch (error) {
      if (error instanceof NdisboxError) return error.code;
      throw error;
    }
  };

  test.each([
    [
      'a section that copies 100,000 times',
      adapterInf({ name: 'x', install: [`CopyFiles = ${'@x.sys,'.repeat(19_000)}@x.sys`] }),
      null,
    ],
    [
      'AddReg of the same large section again and again',
      adapterInf({
        name: 'x',
        install: [`AddReg = Registry,${'Big,'.repeat(500)}Big`],
        sections: `[Big]\n${'HKR,,v,,x\n'.repeat(500)}`,
      }),
      'INF_TOO_MANY',
    ],
    [
      'values that fill the registry',
      adapterInf({
        name: 'x',
        sections: `[Fill]\n${Array.from({ length: 12_000 }, (_, i) => `HKR,K,v${i},,%Big%`).join('\n')}\n`,
        install: ['AddReg = Registry,Fill'],
      }).replace('[Strings]', `[Strings]\nBig = "${'y'.repeat(4000)}"`),
      'INF_VALUE',
    ],
    [
      'keys as deep as a value is long',
      adapterInf({ name: 'x', registry: [`HKR,"${'a\\'.repeat(2000)}",,,`] }),
      'INF_VALUE',
    ],
    [
      'texts that grow a thousandfold',
      adapterInf({
        name: 'x',
        sections: `[Grow]\n${`HKR,,v,0x00010000${',%Big%'.repeat(9000)}\n`.repeat(50)}`,
        install: ['AddReg = Registry,Grow'],
      }).replace('[Strings]', `[Strings]\nBig = "${'y'.repeat(4000)}"`),
      'INF_TOO_LARGE',
    ],
    [
      'a thousand models',
      adapterInf({ name: 'x', sections: `[Models.NTamd64]\n${'d = Install,A\n'.repeat(5000)}` }),
      null,
    ],
    [
      'a service that depends on itself',
      adapterInf({ name: 'x', service: ['Dependencies = x, +NDIS, x'] }),
      null,
    ],
    ['a class of its own', adapterInf({ name: 'x' }).replace('Class = Net', 'Class = Evil'), 'INF_CLASS'],
    [
      'a store folder of another package',
      adapterInf({ name: 'x', service: ['ServiceBinary = %11%\\ntoskrnl.exe'] }),
      'INF_FILE_MISSING',
    ],
    [
      'strings that refer to each other',
      adapterInf({ name: 'x' }).replace('Me = "Tests"', 'Me = "%Description%"'),
      null,
    ],
  ])(
    '%s',
    (_name, text, expected) => {
      expect(install(text)).toBe(expected);
    },
    120_000,
  );
});
