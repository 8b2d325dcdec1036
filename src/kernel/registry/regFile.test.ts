import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exportRegFile, importRegFile, parseRegFile, RegFileError } from './regFile.ts';
import { Registry } from './registry.ts';
import { utf16Bytes } from './valueData.ts';

const HEADER = 'Windows Registry Editor Version 5.00';
const parse = (...lines: string[]) => {
  const registry = new Registry(() => 0);
  importRegFile(registry, [HEADER, ...lines].join('\r\n'));
  return registry;
};

test('every form of a value is read (support 310516)', () => {
  const registry = parse(
    '; comment',
    '[HKEY_LOCAL_MACHINE\\Software\\T]',
    '@="default"',
    '"a\\\\b\\"c"="x\\\\y"',
    '"d"=dword:0000000a',
    '"b"=hex:01,02,\\',
    '  03',
    '"e"=hex(2):25,00,00,00',
    '"m"=hex(7):61,00,00,00,00,00',
    '"q"=hex(b):01,00,00,00,00,00,00,00',
    '"gone"="x"',
    '"gone"=-',
    '[HKEY_LOCAL_MACHINE\\Software\\T\\Sub]',
    '[-HKEY_LOCAL_MACHINE\\Software\\T\\Sub]',
  );
  const key = registry.open('HKLM\\Software\\T');
  expect(Object.fromEntries(key?.values().map(({ name, data }) => [name, data]) ?? [])).toEqual({
    '': 'default',
    'a\\b"c': 'x\\y',
    d: 10,
    b: Uint8Array.of(1, 2, 3),
    e: '%',
    m: ['a'],
    q: 1n,
  });
  expect(key?.keys()).toEqual([]);
});

test('REGEDIT4 keeps hex(2) and hex(7) in bytes; UTF-16LE with BOM and UTF-8 are read', () => {
  const registry = new Registry(() => 0);
  importRegFile(registry, 'REGEDIT4\n[HKEY_USERS\\X]\n"e"=hex(2):61,62,00');
  expect(registry.open('HKU\\X')?.get('e')).toBe('ab');
  const text = `${HEADER}\r\n[HKEY_USERS\\X]\r\n"u"="\u00e4"\r\n`;
  importRegFile(registry, Uint8Array.from([0xff, 0xfe, ...utf16Bytes(text)]));
  expect(registry.open('HKU\\X')?.get('u')).toBe('\u00e4');
  importRegFile(registry, new TextEncoder().encode(text.replace('"u"', '"v"')));
  expect(registry.open('HKU\\X')?.get('v')).toBe('\u00e4');
});

test.each([
  ['nothing', 'REG_FILE_HEADER', 1, 1],
  [`${HEADER}\n"a"="b"`, 'REG_FILE_VALUE', 2, 1],
  [`${HEADER}\n[C:\\x]`, 'REG_FILE_KEY', 2, 2],
  [`${HEADER}\n[HKEY_USERS\\x`, 'REG_FILE_KEY', 2, 13],
  [`${HEADER}\n[HKEY_USERS\\x]\n"a"=word:1`, 'REG_FILE_VALUE', 3, 5],
  [`${HEADER}\n[HKEY_USERS\\x]\n"a"=hex:01,\\\n  zz`, 'REG_FILE_HEX', 4, 1],
])('a broken file says where and what: %j', (text, code, line, column) => {
  expect(() => parseRegFile(text)).toThrow(expect.objectContaining({ code, line, column }));
});

test('what is exported comes back the same', () => {
  const value = fc.record({
    name: fc.string({ maxLength: 6 }).filter((name) => !/[\r\n]/.test(name)),
    type: fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 11, 0x1234),
    data: fc.uint8Array({ maxLength: 60 }),
  });
  fc.assert(
    fc.property(fc.array(value, { maxLength: 8 }), (values) => {
      const registry = new Registry(() => 0);
      const key = registry.create('HKLM\\Software\\T');
      for (const { name, type, data } of values) registry.setValue(key.key, name, type, data);
      const copy = new Registry(() => 0);
      importRegFile(copy, exportRegFile(key.key));
      expect(copy.open('HKLM\\Software\\T')?.key.values).toEqual(key.key.values);
    }),
    { numRuns: 50 },
  );
});

test('hostile text gives entries or a RegFileError, never anything else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('[', ']', '"', '\\', '=', 'hex:', '@', '\n', '-', 'HKLM', ',', '0f', ';')),
      (parts) => {
        try {
          parseRegFile(`${HEADER}\n${parts.join('')}`);
        } catch (error) {
          expect(error).toBeInstanceOf(RegFileError);
        }
      },
    ),
    { numRuns: 200 },
  );
});
