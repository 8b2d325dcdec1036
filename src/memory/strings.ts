/**
 * Counted strings in kernel memory: UNICODE_STRING (UTF-16, not terminated) and ANSI_STRING (here Latin-1).
 * Implements https://learn.microsoft.com/windows/win32/api/ntdef/ns-ntdef-_unicode_string.
 */

import { type Address, KERNEL_WINDOW_HIGH } from './addressSpace.ts';
import type { KernelMemory } from './memory.ts';
import { scalars } from './scalar.ts';

/** Bytes of UNICODE_STRING and of ANSI_STRING. */
export const COUNTED_STRING_SIZE = 16;
/** Offsets of the members both structures share. */
const MAXIMUM_LENGTH = 2;
const BUFFER = 8;
/** Longest length in bytes that the 16-bit Length can hold for whole UTF-16 units. */
export const LONGEST_UNICODE_STRING = 0xfffe;

/** The text of the UNICODE_STRING at `address`; NULL and an empty string give `''`. */
export function readUnicodeString(memory: KernelMemory, address: Address): string {
  if (address === 0) return '';
  return readUtf16(memory, bufferOf(memory, address), lengthOf(memory, address) >> 1);
}

/** `units` UTF-16 units at `address`. */
export function readUtf16(memory: KernelMemory, address: Address, units: number): string {
  checkText(memory, address, units * 2);
  let text = '';
  for (let unit = 0; unit < units; unit++) {
    text += String.fromCharCode(memory.data.getUint16(address + unit * 2, true));
  }
  return text;
}

/** Writes `text` as UTF-16 units at `address`, without terminator; returns the bytes written. */
export function writeUtf16(memory: KernelMemory, address: Address, text: string): number {
  checkText(memory, address, text.length * 2);
  for (let unit = 0; unit < text.length; unit++) {
    memory.data.setUint16(address + unit * 2, text.charCodeAt(unit), true);
  }
  return text.length * 2;
}

/**
 * Writes `text` to `buffer` and makes the UNICODE_STRING at `address` describe it.
 * @param maximumLength bytes available at `buffer`; Length when left out.
 * @throws RangeError when the text does not fit.
 */
export function writeUnicodeString(
  memory: KernelMemory,
  address: Address,
  text: string,
  buffer: Address,
  maximumLength: number = text.length * 2,
): void {
  checkFit(text.length * 2, maximumLength, LONGEST_UNICODE_STRING + 1);
  checkText(memory, address, COUNTED_STRING_SIZE);
  writeCounted(memory, address, writeUtf16(memory, buffer, text), maximumLength, buffer);
}

/** The text of the ANSI_STRING at `address`; each byte is one Latin-1 character. */
export function readAnsiString(memory: KernelMemory, address: Address): string {
  if (address === 0) return '';
  const buffer = bufferOf(memory, address);
  const length = lengthOf(memory, address);
  checkText(memory, buffer, length);
  let text = '';
  for (let index = 0; index < length; index++) text += String.fromCharCode(memory.u8[buffer + index]);
  return text;
}

/**
 * Writes `text` to `buffer` and makes the ANSI_STRING at `address` describe it; characters beyond Latin-1
 * become `?`, as Windows does for characters its code page lacks.
 * @throws RangeError when the text does not fit.
 */
export function writeAnsiString(
  memory: KernelMemory,
  address: Address,
  text: string,
  buffer: Address,
  maximumLength: number = text.length,
): void {
  checkFit(text.length, maximumLength, 0xffff);
  checkText(memory, address, COUNTED_STRING_SIZE);
  checkText(memory, buffer, text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    memory.u8[buffer + index] = code > 0xff ? 0x3f : code;
  }
  writeCounted(memory, address, text.length, maximumLength, buffer);
}

/**
 * The text up to a zero unit at `address`, as a PWSTR; at most `limit` units are looked at.
 * @throws RangeError when `address` is not NULL and does not lie in kernel memory.
 */
export function readTerminatedUtf16(memory: KernelMemory, address: Address, limit = 0x7fff): string {
  if (address === 0) return '';
  checkText(memory, address, 2);
  let units = 0;
  while (units < limit && address + units * 2 + 2 <= memory.size) {
    if (memory.data.getUint16(address + units * 2, true) === 0) break;
    units++;
  }
  return readUtf16(memory, address, units);
}

/** The text up to a zero byte at `address`, as a PSTR; at most `limit` bytes are looked at, none outside of memory. */
export function readTerminatedAnsi(memory: KernelMemory, address: Address, limit = 0x7fff): string {
  const { u8, size } = memory;
  let text = '';
  if (address <= 0) return text;
  for (let at = address; text.length < limit && at < size && u8[at] !== 0; at++)
    text += String.fromCharCode(u8[at]);
  return text;
}

function lengthOf(memory: KernelMemory, address: Address): number {
  checkText(memory, address, COUNTED_STRING_SIZE);
  return memory.data.getUint16(address, true);
}

function bufferOf(memory: KernelMemory, address: Address): Address {
  checkText(memory, address, COUNTED_STRING_SIZE);
  return Number(scalars.pointer.read(memory, address + BUFFER));
}

function writeCounted(
  memory: KernelMemory,
  address: Address,
  length: number,
  maximumLength: number,
  buffer: Address,
): void {
  memory.data.setUint16(address, length, true);
  memory.data.setUint16(address + MAXIMUM_LENGTH, maximumLength, true);
  memory.data.setUint32(address + 4, 0, true);
  memory.data.setInt32(address + BUFFER, buffer, true);
  memory.data.setInt32(address + BUFFER + 4, buffer === 0 ? 0 : KERNEL_WINDOW_HIGH, true);
}

function checkFit(length: number, maximumLength: number, limit: number): void {
  if (length > maximumLength || maximumLength > limit) {
    throw new RangeError(`a text of ${length} bytes does not fit a counted string of ${maximumLength} bytes`);
  }
}

function checkText(memory: KernelMemory, address: Address, length: number): void {
  if (length !== 0 && (address <= 0 || address + length > memory.size)) {
    throw new RangeError(
      `a text of ${length} bytes at 0x${(address >>> 0).toString(16)} does not lie in kernel memory`,
    );
  }
}
