/** The syntax of INF files: General Syntax Rules for INF Files, INF Strings Section (windows-driver-docs-pr/install). */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InfDocument } from './document.ts';
import { LARGEST_INF } from './encoding.ts';
import { InfError, InfWarnings } from './infError.ts';
import { parseInf } from './parse.ts';
import { printInf } from './print.ts';
import type { InfSyntax } from './syntax.ts';

/** Lines of a section as texts: key, then values. */
function linesOf(text: string, section = 'a'): (string | null)[][] {
  const found = parseInf('t.inf', text).sections.find(({ name }) => name === section);
  return (found?.lines ?? []).map(({ key, values }) => [
    key?.text ?? null,
    ...values.map((value) => value.text),
  ]);
}

function failure(source: string | Uint8Array): InfError {
  try {
    parseInf('t.inf', source);
  } catch (error) {
    if (error instanceof InfError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

/** The codes of warnings with their lines. */
function warnings(text: string): string[] {
  const document = InfDocument.parse('t.inf', text);
  for (const name of document.sectionNames())
    for (const line of document.section(name)?.lines ?? [])
      for (const field of line.values) document.text(field);
  return document.warnings.list.map(({ code, place }) => `${code} ${place.line}:${place.column}`);
}

describe('lines (general-syntax-rules-for-inf-files)', () => {
  test.each([
    ['commas part values, and blanks around them do not count', '[a]\n x , y ,z ', [[null, 'x', 'y', 'z']]],
    ['the first equals sign parts key and value; later ones are text', '[a]\nk = v=w', [['k', 'v=w']]],
    ['an equals sign behind a comma is text', '[a]\nHKR,,n,,a=b', [[null, 'HKR', '', 'n', '', 'a=b']]],
    ['omitted values are empty', '[a]\nf = 1,,3,', [['f', '1', '', '3', '']]],
    ['quotation marks keep blanks, commas and semicolons', '[a]\nk = " x, y; z " ; no', [['k', ' x, y; z ']]],
    ['two quotation marks in a text are one', '[a]\nk = "say ""yes"""', [['k', 'say "yes"']]],
    ['a text may be quoted in part', '[a]\nk = a" b "c', [['k', 'a b c']]],
    [
      'a semicolon begins a comment',
      '[a]\nk = v;c\n;d\nl = w ; e',
      [
        ['k', 'v'],
        ['l', 'w'],
      ],
    ],
    ['a semicolon in a string token does not', '[a]\nk = %a;b%', [['k', '%a;b%']]],
    ['a percent sign alone is text', '[a]\nk = 5% ;c', [['k', '5%']]],
    ['a backslash at the end continues the line', '[a]\nk = x,\\\n  y', [['k', 'x', 'y']]],
    ['with a comment behind it too', '[a]\nk = "d\\"\\ ; comment\n ,f', [['k', 'd\\', 'f']]],
    ['of two backslashes neither is text', '[a]\nk = d\\\\\n,f', [['k', 'd', 'f']]],
    ['a backslash within a line is text', '[a]\nk = d\\f', [['k', 'd\\f']]],
    ['a backslash at the end of the file ends it', '[a]\nk = x\\', [['k', 'x']]],
    [
      'lines end with CR LF, LF or CR',
      '[a]\r\nk = 1\rl = 2\nm = 3',
      [
        ['k', '1'],
        ['l', '2'],
        ['m', '3'],
      ],
    ],
    ['the old end-of-file character ends the file', '[a]\nk = 1\n\u001a[b]\nl', [['k', '1']]],
  ])('%s', (_rule, text, expected) => {
    expect(linesOf(text)).toEqual(expected);
  });

  test('sections of one name become one, without regard to case', () => {
    expect(linesOf('[a]\nx\n[b]\ny\n[A]\nz')).toEqual([
      [null, 'x'],
      [null, 'z'],
    ]);
  });

  test('the name of a section may hold what is between the brackets', () => {
    expect(linesOf('[;; Std Mfg]\nx', ';; Std Mfg')).toEqual([[null, 'x']]);
  });
});

describe('errors have a place', () => {
  test.each([
    ['k = v', 'INF_OUTSIDE_SECTION', 1, 1],
    ['[a]\n\n  [b', 'INF_SECTION_NAME', 3, 3],
    ['[a]\n[ ]', 'INF_SECTION_NAME', 2, 2],
    [`[a]\n[${'n'.repeat(256)}]`, 'INF_SECTION_NAME', 2, 2],
    ['[a]\nk = a\u0000b', 'INF_CHARACTER', 2, 6],
    ['[a]\nk = "a\u0007"', 'INF_CHARACTER', 2, 7],
    [`[a]\nk = x, ${'v'.repeat(5000)}`, 'INF_FIELD_TOO_LONG', 2, 8],
    [`[a]\nk = ${'v\\\n'.repeat(5000)}`, 'INF_FIELD_TOO_LONG', 2, 5],
    [`[a]\nk = ${','.repeat(30_000)}`, 'INF_TOO_MANY', 2, 20_005],
  ])('%j', (text, code, line, column) => {
    const { code: actual, place } = failure(text);
    expect([actual, place.line, place.column]).toEqual([code, line, column]);
  });

  test('a file that is too large is refused before it is read', () => {
    expect(failure(new Uint8Array(LARGEST_INF + 1)).code).toBe('INF_TOO_LARGE');
  });

  test('a place counts continued lines', () => {
    const [, , third] = parseInf('t.inf', '[a]\nk = 1,\\\n 2,\\\n   3').sections[0].lines[0].values;
    expect([third.line, third.column]).toEqual([4, 4]);
  });

  test('an open quotation mark is a warning, and the text ends with its line', () => {
    expect(linesOf('[a]\nk = "x y\nl = z')).toEqual([
      ['k', 'x y'],
      ['l', 'z'],
    ]);
    expect(warnings('[a]\nk = "x')).toEqual(['QUOTE_OPEN 2:5']);
  });
});

describe('encodings', () => {
  const text = '[a]\r\nk = "é€"\r\n';
  const utf16 = (bigEndian: boolean): Uint8Array => {
    const bytes = new Uint8Array(2 + text.length * 2);
    const view = new DataView(bytes.buffer);
    for (const [index, unit] of `\ufeff${text}`.split('').entries())
      view.setUint16(index * 2, unit.charCodeAt(0), !bigEndian);
    return bytes;
  };
  test.each([
    ['UTF-16, little-endian', utf16(false), 'é€'],
    ['UTF-16, big-endian', utf16(true), 'é€'],
    ['UTF-8 with a mark', new TextEncoder().encode(`\ufeff${text}`), 'é€'],
    ['UTF-8 without a mark', new TextEncoder().encode(text), 'é€'],
    [
      'the code page 1252',
      new Uint8Array([...new TextEncoder().encode('[a]\nk = "'), 0xe9, 0x80, 0x22]),
      'é€',
    ],
    ['UTF-16 without a mark', utf16(false).subarray(2), 'é€'],
  ])('%s', (_name, bytes, expected) => {
    const [section] = parseInf('t.inf', bytes).sections;
    expect(section.lines[0].values[0].text).toBe(expected);
  });

  test('half a character at the end is an error', () => {
    expect(failure(utf16(false).subarray(0, 11)).code).toBe('INF_ENCODING');
  });
});

describe('strings (inf-strings-section)', () => {
  const value = (text: string, language?: number): string => {
    const document = InfDocument.parse('t.inf', text, language === undefined ? {} : { language });
    const line = document.section('a')?.lines[0];
    return line === undefined ? '' : document.value(line, 0);
  };
  test.each([
    ['%key% is replaced, without regard to case', '[a]\nk = x%Name%y\n[Strings]\nname = "-"', 'x-y'],
    ['%% is one percent sign', '[a]\nk = "%%SystemRoot%%\\x"', '%SystemRoot%\\x'],
    ['several in one value', '[a]\nk = "%A% %B%"\n[Strings]\nA = 1\nB = 2', '1 2'],
    ['what a string contains is not replaced again', '[a]\nk = %a%\n[Strings]\na = "%b%"\nb = "x"', '%b%'],
    ['a key that is not defined stays', '[a]\nk = %no%', '%no%'],
    ['keys may stand between percent signs', '[a]\nk = %f%\n[Strings]\n%f% = "x"', 'x'],
  ])('%s', (_rule, text, expected) => {
    expect(value(text)).toBe(expected);
  });

  test('the section of the language is taken: exact, neutral, related, else the plain one', () => {
    const sections = ['Strings', 'Strings.0007', 'Strings.0407', 'Strings.0C07'];
    const file = (names: string[]): string =>
      `[a]\nk = %x%\n${names.map((name) => `[${name}]\nx = "${name}"`).join('\n')}`;
    expect(value(file(sections), 0x0407)).toBe('Strings.0407');
    expect(value(file(sections), 0x0807)).toBe('Strings.0007');
    expect(value(file(['Strings', 'Strings.0C07']), 0x0407)).toBe('Strings.0C07');
    expect(value(file(sections), 0x040c)).toBe('Strings');
  });

  test('names of sections have strings too', () => {
    const document = InfDocument.parse('t.inf', '[Models%x%]\nk\n[Strings]\nx = ".NTamd64"');
    expect(document.section('models.ntamd64')?.lines).toHaveLength(1);
  });

  test('a value that grows beyond the limit is an error, however its strings nest', () => {
    const bomb = `[a]\nk = ${'%x%'.repeat(1000)}\n[Strings]\nx = "${'y'.repeat(4000)}"`;
    expect(() => value(bomb)).toThrow(/INF|more than 4095/);
    expect(value('[a]\nk = %a%\n[Strings]\na = "%a%%a%"')).toBe('%a%%a%');
  });

  test('missing and doubtful strings are warnings with places', () => {
    expect(warnings('[a]\nk = x, %no%\n[Strings]\na = b, c\na = d')).toEqual([
      'TEXT_IGNORED 4:8',
      'STRING_TWICE 5:1',
      'STRING_UNDEFINED 2:8',
    ]);
  });
});

/** Without places, which printing changes. */
function shape({ sections }: InfSyntax): unknown {
  return sections.map(({ name, lines }) => [
    name,
    lines.map(({ key, values }) => [key?.text ?? null, values.map((field) => field.text)]),
  ]);
}

describe('whatever the file is', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '[',
        ']',
        '=',
        ',',
        ';',
        '"',
        '""',
        '%',
        '%%',
        '\\',
        '\\\r\n',
        '\n',
        '\r',
        ' ',
        '\t',
        '[a]\n',
        '%x%',
        '\u001a',
      ),
      fc.string({ maxLength: 8 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 60 },
  );

  test('the parser throws its own error or none, and printing gives the same syntax', () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        let syntax: InfSyntax;
        try {
          syntax = parseInf('t.inf', `[s]\n${parts.join('')}`);
        } catch (error) {
          expect(error).toBeInstanceOf(InfError);
          return;
        }
        expect(shape(parseInf('t.inf', printInf(syntax)))).toEqual(shape(syntax));
      }),
      { numRuns: 3000 },
    );
  });

  test('random bytes give an error of the parser or a syntax', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          parseInf('t.inf', bytes, new InfWarnings());
        } catch (error) {
          expect(error).toBeInstanceOf(InfError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['backslashes', '\\'.repeat(3_000_000)],
    ['quotation marks', '"'.repeat(3_000_001)],
    ['percent signs', '%'.repeat(3_000_000)],
    ['commas', ','.repeat(3_000_000)],
    ['blanks', ' '.repeat(3_000_000)],
    ['continued lines', '\\\n'.repeat(1_500_000)],
    ['sections', '[a]\n'.repeat(700_000)],
    ['open tokens', '%a\n'.repeat(1_000_000)],
  ])(
    'a flood of %s ends soon',
    (_name, flood) => {
      try {
        parseInf('t.inf', `[s]\nk = ${flood}`);
      } catch (error) {
        expect(error).toBeInstanceOf(InfError);
      }
    },
    20_000,
  );
});
