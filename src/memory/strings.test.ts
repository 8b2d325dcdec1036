/** Counted strings: every text comes back, and what does not fit or does not lie in memory is refused. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KernelMemory } from './memory.ts';
import {
  LONGEST_UNICODE_STRING,
  readAnsiString,
  readTerminatedUtf16,
  readUnicodeString,
  readUtf16,
  writeAnsiString,
  writeUnicodeString,
  writeUtf16,
} from './strings.ts';

const memory = new KernelMemory(0x8_0000);
const AT = 0x1_0000;
const BUFFER = 0x2_0001;

test('a UNICODE_STRING holds any text, lone surrogates too', () => {
  const text = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 9 }), (value, spare) => {
      writeUnicodeString(memory, AT, value, BUFFER, value.length * 2 + spare);
      expect(readUnicodeString(memory, AT)).toBe(value);
      expect(memory.u16[AT >> 1]).toBe(value.length * 2);
      expect(memory.u16[(AT >> 1) + 1]).toBe(value.length * 2 + spare);
      expect(readUtf16(memory, BUFFER, value.length)).toBe(value);
    }),
  );
});

test('an ANSI_STRING holds Latin-1 and a question mark for everything else', () => {
  const latin = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  });
  fc.assert(
    fc.property(latin, (value) => {
      writeAnsiString(memory, AT, value, BUFFER);
      expect(readAnsiString(memory, AT)).toBe(value);
    }),
  );
  writeAnsiString(memory, AT, 'Größe 5 €', BUFFER);
  expect(readAnsiString(memory, AT)).toBe('Größe 5 ?');
});

test('NULL and empty strings give no text', () => {
  expect(readUnicodeString(memory, 0)).toBe('');
  expect(readAnsiString(memory, 0)).toBe('');
  expect(readTerminatedUtf16(memory, 0)).toBe('');
  writeUnicodeString(memory, AT, '', 0);
  expect(readUnicodeString(memory, AT)).toBe('');
  expect(memory.u8.subarray(AT, AT + 16).every((byte) => byte === 0)).toBe(true);
});

test('a text ends at its zero unit, at the limit or at the end of memory', () => {
  writeUtf16(memory, BUFFER, 'ab\0cd');
  expect(readTerminatedUtf16(memory, BUFFER)).toBe('ab');
  expect(readTerminatedUtf16(memory, BUFFER, 1)).toBe('a');
  writeUtf16(memory, memory.size - 4, 'yz');
  expect(readTerminatedUtf16(memory, memory.size - 4)).toBe('yz');
});

test('a text that does not fit leaves the string and the buffer as they were', () => {
  memory.u8.fill(0xee, AT, AT + 16);
  memory.u8.fill(0xee, BUFFER, BUFFER + 16);
  expect(() => writeUnicodeString(memory, AT, 'abc', BUFFER, 5)).toThrow(/6 bytes does not fit/);
  expect(() => writeAnsiString(memory, AT, 'abc', BUFFER, 2)).toThrow(RangeError);
  expect(() => writeUnicodeString(memory, AT, 'x'.repeat(LONGEST_UNICODE_STRING / 2 + 1), BUFFER)).toThrow(
    RangeError,
  );
  expect(() => writeUnicodeString(memory, memory.size - 8, 'abc', BUFFER)).toThrow(RangeError);
  expect(() => writeUnicodeString(memory, AT, 'abc', memory.size - 4)).toThrow(RangeError);
  expect(memory.u8.subarray(AT, AT + 16).every((byte) => byte === 0xee)).toBe(true);
  expect(memory.u8.subarray(BUFFER, BUFFER + 16).every((byte) => byte === 0xee)).toBe(true);
});

test('addresses outside of memory are refused, not read as empty', () => {
  for (const address of [-4, memory.size, memory.size + 100, 0x7000_0000]) {
    expect(() => readUnicodeString(memory, address)).toThrow(/does not lie in kernel memory/);
    expect(() => readAnsiString(memory, address)).toThrow(RangeError);
    expect(() => readTerminatedUtf16(memory, address)).toThrow(RangeError);
  }
  writeUnicodeString(memory, AT, 'abc', BUFFER);
  memory.i32[(AT + 8) >> 2] = -1;
  expect(() => readUnicodeString(memory, AT)).toThrow(RangeError);
});
