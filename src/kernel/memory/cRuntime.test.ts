/** The C runtime of the kernel, over raw memory, against what JavaScript says of the same texts. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { readTerminatedUtf16 } from '../../memory/index.ts';
import * as functions from '../functions.ts';
import { RaisedStatusError } from '../raisedStatus.ts';

function setup() {
  const { kernel, driver, seam } = createTestKernel(functions, { trace: null, seam: { trace: false } });
  const { memory } = kernel;
  const imports = seam.imports(functions, kernel, driver);
  const texts = {
    1: {
      put: (at: number, text: string): number => {
        for (let i = 0; i <= text.length; i++) memory.u8[at + i] = text.charCodeAt(i) || 0;
        return at;
      },
      get: (at: number) => {
        let text = '';
        for (let i = at; memory.u8[i] !== 0; i++) text += String.fromCharCode(memory.u8[i]);
        return text;
      },
    },
    2: {
      put: (at: number, text: string): number => {
        for (let i = 0; i <= text.length; i++) memory.u16[(at >> 1) + i] = text.charCodeAt(i) || 0;
        return at;
      },
      get: (at: number) => readTerminatedUtf16(memory, at),
    },
  };
  return { kernel, memory, imports, texts };
}

const A = 0x6_0000;
const B = 0x6_2000;
const OUT = 0x6_4000;
const ascii = fc.string({ unit: fc.constantFrom('a', 'B', 'b', 'C', ' '), maxLength: 12 });

describe.each([1, 2] as const)('texts of %s byte(s) a character', (width) => {
  const { imports: i, texts } = setup();
  const { put, get } = texts[width];
  const f =
    width === 1
      ? {
          compare: i.strcmp,
          compareN: i.strncmp,
          compareCase: i._strnicmp,
          cat: i.strcat,
          copyN: i.strncpy,
          catN: i.strncat,
          copyS: i.strcpy_s,
          catS: i.strcat_s,
          chr: i.strchr,
          rchr: i.strrchr,
          str: i.strstr,
          len: i.strnlen,
          lower: i._strlwr,
          upper: i._strupr,
          copy: i.strcpy,
        }
      : {
          compare: i.wcscmp,
          compareN: i.wcsncmp,
          compareCase: i._wcsnicmp,
          cat: i.wcscat,
          copyN: i.wcsncpy,
          catN: i.wcsncat,
          copyS: i.wcscpy_s,
          catS: i.wcscat_s,
          chr: i.wcschr,
          rchr: i.wcsrchr,
          str: i.wcsstr,
          len: i.wcsnlen,
          lower: i._wcslwr,
          upper: i._wcsupr,
          copy: i.wcscpy,
        };
  const order = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

  test('are compared as their characters are', () => {
    fc.assert(
      fc.property(ascii, ascii, fc.nat(14), (left, right, count) => {
        const [a, b] = [put(A, left), put(B, right)];
        expect(Math.sign(f.compare(a, b))).toBe(order(left, right));
        expect(Math.sign(f.compareN(a, b, count))).toBe(order(left.slice(0, count), right.slice(0, count)));
        expect(Math.sign(f.compareCase(a, b, count))).toBe(
          order(left.slice(0, count).toLowerCase(), right.slice(0, count).toLowerCase()),
        );
      }),
    );
  });

  test('are copied, appended, searched and changed', () => {
    fc.assert(
      fc.property(ascii, ascii, fc.nat(14), (left, right, count) => {
        const [a, b] = [put(A, left), put(B, right)];
        expect([f.copy(OUT, a), get(OUT)]).toEqual([OUT, left]);
        f.cat(OUT, b);
        expect(get(OUT)).toBe(left + right);
        put(OUT, left);
        f.catN(OUT, b, count);
        expect(get(OUT)).toBe(left + right.slice(0, count));
        put(OUT, 'x'.repeat(20));
        f.copyN(OUT, a, count);
        expect(get(OUT)).toBe(count > left.length ? left : left.slice(0, count) + 'x'.repeat(20 - count));
        expect(f.len(a, count)).toBe(Math.min(count, left.length));
        const place = (index: number) => (index < 0 ? 0 : A + index * width);
        expect(f.chr(a, 0x42)).toBe(place(left.indexOf('B')));
        expect(f.rchr(a, 0x42)).toBe(place(left.lastIndexOf('B')));
        expect(f.chr(a, 0)).toBe(place(left.length));
        expect(f.str(a, b)).toBe(place(left.indexOf(right)));
        f.upper(put(OUT, left));
        expect(get(OUT)).toBe(left.toUpperCase());
        f.lower(OUT);
        expect(get(OUT)).toBe(left.toLowerCase());
      }),
    );
  });

  test('that do not fit leave an empty text and say so', () => {
    const text = put(A, 'four');
    expect([f.copyS(OUT, 5, text), get(OUT)]).toEqual([0, 'four']);
    expect([f.copyS(OUT, 4, text), get(OUT)]).toEqual([34, '']);
    put(OUT, 'one');
    expect([f.catS(OUT, 8, text), get(OUT)]).toEqual([0, 'onefour']);
    put(OUT, 'one');
    expect([f.catS(OUT, 7, text), get(OUT)]).toEqual([34, '']);
    expect([f.copyS(0, 4, text), f.copyS(OUT, 0, text), f.copyS(OUT, 4, 0)]).toEqual([22, 22, 22]);
  });

  test('at wild addresses fault', () => {
    expect(() => f.compare(8, A)).toThrow(RaisedStatusError);
    expect(() => f.copy(0x1000, put(A, 'x'))).toThrow(RaisedStatusError);
  });
});

test('UTF-16 formats take UTF-16 texts', () => {
  const { imports, texts } = setup();
  const format = texts[2].put(A, '%s/%hs/%S %d');
  const [wide, narrow] = [texts[2].put(B, 'wide'), texts[1].put(B + 64, 'narrow')];
  expect(imports.swprintf(OUT, format, wide, narrow, narrow, 7)).toBe(20);
  expect(texts[2].get(OUT)).toBe('wide/narrow/narrow 7');
  texts[2].put(OUT, 'xxxxxxxxxxxx');
  expect(imports._snwprintf(OUT, 4, format, wide, narrow, narrow, 7)).toBe(-1);
  expect(texts[2].get(OUT)).toBe('widexxxxxxxx');
});

test('characters, numbers and bytes', () => {
  const { imports, texts, memory } = setup();
  expect([imports.isdigit(0x35), imports.isdigit(0x41), imports.isdigit(-1)]).toEqual([1, 0, 0]);
  expect([imports.isspace(9), imports.isspace(0x20), imports.isspace(0x41)]).toEqual([1, 1, 0]);
  expect([imports.isxdigit(0x66), imports.isxdigit(0x67), imports.isupper(0x5a)]).toEqual([1, 0, 1]);
  expect([imports.toupper(0x61), imports.tolower(0x41), imports.towupper(0xe4)]).toEqual([0x41, 0x61, 0xc4]);
  const numbers = [' -12x', '+7', 'x', '99999999999', ''];
  expect(numbers.map((text) => imports.atoi(texts[1].put(A, text)))).toEqual([-12, 7, 0, 0x7fff_ffff, 0]);
  memory.u8.set([1, 2, 3, 2], A);
  expect([imports.memchr(A, 2, 4), imports.memchr(A, 9, 4), imports.memchr(A, 3, 2)]).toEqual([A + 1, 0, 0]);
});
