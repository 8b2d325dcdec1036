/** Hostile `.reg` files: whatever stands in them, the parser ends, throws its own error or none, and loses nothing. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NdisboxError } from '../errors.ts';
import type { RegistryKey } from './key.ts';
import { exportRegFile, importRegFile, parseRegFile, RegFileError } from './regFile.ts';
import { Registry } from './registry.ts';
import { encodeValue } from './valueData.ts';

const HEADER = 'Windows Registry Editor Version 5.00\r\n';
const KEY = '[HKEY_LOCAL_MACHINE\\Software\\Test]\r\n';

/** The code and the line of the error, or null. */
function failure(text: string | Uint8Array): [code: string, line: number] | null {
  try {
    parseRegFile(text);
    return null;
  } catch (error) {
    if (error instanceof RegFileError) return [error.code, error.line];
    throw error;
  }
}

describe('files made to break a parser', () => {
  test.each([
    ['a long text', `"a"="${'x'.repeat(2_000_000)}"`],
    ['a long text of backslashes', `"a"="${'\\\\'.repeat(1_000_000)}"`],
    ['an open text of backslashes', `"a"="${'\\'.repeat(1_999_999)}`],
    ['a long name', `"${'x'.repeat(2_000_000)}"="y"`],
    ['an open name', `"${'\\"'.repeat(1_000_000)}`],
    ['many bytes', `"a"=hex:${'00,'.repeat(400_000)}00`],
    ['many bytes in many lines', `"a"=hex:${'00,\\\r\n  '.repeat(200_000)}00`],
    ['commas alone', `"a"=hex:${','.repeat(2_000_000)}`],
    ['lines that continue for ever', `"a"=hex:${'\\\r\n'.repeat(500_000)}`],
    ['blanks', `"a"${' '.repeat(2_000_000)}="x"`],
    ['blanks behind a value', `"a"="x"${' '.repeat(2_000_000)}y`],
    ['a deep key', `[HKEY_LOCAL_MACHINE${'\\a'.repeat(500_000)}]`],
    ['brackets', '['.repeat(1_000_000)],
    ['keys', '[HKEY_LOCAL_MACHINE\\a]\r\n'.repeat(100_000)],
  ])(
    '%s',
    (_name, body) => {
      for (const header of [HEADER, 'REGEDIT4\r\n']) {
        failure(header + KEY + body);
        failure(header + KEY + body.replace('hex:', 'hex(7):'));
      }
    },
    60_000,
  );

  test('limits of the registry are errors with a code when a file is imported', () => {
    const code = (body: string): string => {
      try {
        importRegFile(new Registry(() => 0), HEADER + body);
      } catch (error) {
        if (error instanceof NdisboxError) return error.code;
        throw error;
      }
      return 'no error';
    };
    expect(code(`[HKEY_LOCAL_MACHINE${'\\a'.repeat(600)}]`)).toBe('REGISTRY_LIMIT');
    expect(code(`[HKEY_LOCAL_MACHINE\\${'a'.repeat(256)}]`)).toBe('REGISTRY_LIMIT');
    expect(code(`${KEY}"${'n'.repeat(16_384)}"="x"`)).toBe('REGISTRY_LIMIT');
    expect(code(`${KEY}"n"="${'x'.repeat(600_000)}"`)).toBe('REGISTRY_LIMIT');
    expect(code('[-HKEY_LOCAL_MACHINE]')).toBe('REGISTRY_LIMIT');
    expect(
      code(Array.from({ length: 80 }, (_, i) => `${KEY}"n${i}"="${'x'.repeat(500_000)}"\r\n`).join('')),
    ).toBe('REGISTRY_FULL');
  }, 60_000);
});

describe('whatever the file is', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '[',
        ']',
        '[-',
        '"',
        '"a"=',
        '@=',
        '=',
        '\\',
        '\\\r\n',
        '\r\n',
        'hex:',
        'hex(7):',
        'hex(',
        'dword:',
        '0',
        'ff,',
        '-',
        ';',
        'HKLM\\',
        'HKEY_LOCAL_MACHINE\\Software',
        '\0',
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 40 },
  );

  test('the parser throws its own error or none', () => {
    fc.assert(
      fc.property(fc.constantFrom(HEADER, 'REGEDIT4\r\n', ''), pieces, (header, parts) => {
        failure(header + KEY + parts.join(''));
      }),
      { numRuns: 3000 },
    );
  });

  test('random bytes too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void failure(bytes)),
      { numRuns: 2000 },
    );
  });

  test('what is exported comes back, whatever names and values are', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1, maxLength: 12 }),
      fc.constantFrom(']', '[x]', '"', '@', '-', ';', 'a]b', ' ', ' x ', '\n', '\r\n[HKLM]', '\0', 'ü'),
    );
    // The names of keys have no way to hold a line break in such a file.
    const keyName = name.filter((text) => !/[\\\r\n]/.test(text));
    const value = fc.tuple(
      name,
      fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 11, 0x38),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(keyName, fc.array(value, { maxLength: 6 }), (key, values) => {
        const registry = new Registry(() => 0);
        const made = registry.create('HKLM\\Software').create(key);
        for (const [valueName, type, data] of values) made.set(valueName, data, type);
        made.set('text', encodeValue(1, 'a\r\nb "c" \\'), 1);
        const again = new Registry(() => 0);
        importRegFile(again, new TextEncoder().encode(exportRegFile(registry.root)));
        expect(dump(again.root)).toEqual(dump(registry.root));
      }),
      { numRuns: 1000 },
    );
  });
});

/** A key with all below it as plain data; the alias of the control set is left out. */
function dump(key: RegistryKey): unknown {
  return {
    values: [...key.values.values()].map(({ name, type, data }) => [name, type, [...data]]),
    keys: [...key.subkeys.values()]
      .filter(({ target }) => target === null)
      .map((child) => [child.name, dump(child)]),
  };
}
