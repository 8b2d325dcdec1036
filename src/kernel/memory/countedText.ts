/**
 * Reading and writing UNICODE_STRING and ANSI_STRING for the Rtl string routines; what does not fit is told, never
 * cut. Implements the UNICODE_STRING page of wdm.h and the case rules of RtlUpcaseUnicodeChar.
 */

import {
  type Address,
  type KernelMemory,
  poolType,
  readTerminatedUtf16,
  scalars,
} from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MEMORY,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import type { NTSTATUS } from '../status.ts';
import { TRANSIENT_END } from '../transientMemory.ts';
import { poolOf } from './kernelPool.ts';

/** `Strg`, the tag of buffers that string routines allocate. */
export const STRING_TAG = 0x67727453;
const MAXIMUM_LENGTH = 2;
const BUFFER = 8;
/** Longest Length of a UNICODE_STRING. */
export const LONGEST = 0xfffe;

export const lengthOf = (memory: KernelMemory, string: Address): number =>
  memory.data.getUint16(string, true);
export const maximumOf = (memory: KernelMemory, string: Address): number =>
  memory.data.getUint16(string + MAXIMUM_LENGTH, true);
export const bufferOf = (memory: KernelMemory, string: Address): Address =>
  Number(scalars.pointer.read(memory, string + BUFFER));

/** Writes the header of a counted string. */
export function setString(
  memory: KernelMemory,
  string: Address,
  length: number,
  maximum: number,
  buffer: Address,
): void {
  memory.data.setUint16(string, length, true);
  memory.data.setUint16(string + MAXIMUM_LENGTH, maximum, true);
  memory.writePointer(string + BUFFER, buffer);
}

export function setLength(memory: KernelMemory, string: Address, length: number): void {
  memory.data.setUint16(string, length, true);
}

/** Number of characters before the zero byte. */
export function terminatedLength(memory: KernelMemory, text: Address): number {
  const end = memory.u8.indexOf(0, text);
  return (end === -1 ? memory.size : end) - text;
}

/** Number of UTF-16 units before the zero unit. */
export function terminatedUnits(memory: KernelMemory, text: Address): number {
  let units = 0;
  while (text + units * 2 + 2 <= memory.size && memory.data.getUint16(text + units * 2, true) !== 0) units++;
  return units;
}

/** One UTF-16 unit in upper case; what has no upper case of one unit stays. */
export function upcaseUnit(unit: number): number {
  const upper = String.fromCharCode(unit).toUpperCase();
  return upper.length === 1 ? upper.charCodeAt(0) : unit;
}

/** One UTF-16 unit in lower case. */
export function downcaseUnit(unit: number): number {
  const lower = String.fromCharCode(unit).toLowerCase();
  return lower.length === 1 ? lower.charCodeAt(0) : unit;
}

/** Negative, 0 or positive, as the first units that differ are; then the shorter is less. */
export function compareUnits(
  memory: KernelMemory,
  left: Address,
  right: Address,
  leftUnits: number,
  rightUnits: number,
  fold: boolean,
): number {
  const units = Math.min(leftUnits, rightUnits);
  for (let index = 0; index < units; index++) {
    let a = memory.data.getUint16(left + index * 2, true);
    let b = memory.data.getUint16(right + index * 2, true);
    if (fold && a !== b) {
      a = upcaseUnit(a);
      b = upcaseUnit(b);
    }
    if (a !== b) return a - b;
  }
  return leftUnits - rightUnits;
}

/** compareUnits of two UNICODE_STRINGs. */
export function compareStrings(memory: KernelMemory, left: Address, right: Address, fold: boolean): number {
  const [a, b] = [bufferOf(memory, left), bufferOf(memory, right)];
  return compareUnits(memory, a, b, lengthOf(memory, left) >> 1, lengthOf(memory, right) >> 1, fold);
}

/** Texts that TypeScript drivers gave as literals, by driver: in C they would lie in the driver's image. */
const literalsOf = perKernel('text literals of drivers', () => new Map<number, Map<string, Address>>());

/**
 * Where a zero-terminated text stays while the driver is loaded: a literal of a TypeScript driver lies in memory that
 * lasts as long as the call and is copied once; every other text stays where it is.
 */
export function lastingText(kernel: Kernel, driver: Driver, text: Address, wide: boolean): Address {
  const { memory } = kernel;
  if (text === 0 || text >= TRANSIENT_END) return text;
  const size = wide ? terminatedUnits(memory, text) * 2 + 2 : terminatedLength(memory, text) + 1;
  const key = wide
    ? `w${readTerminatedUtf16(memory, text)}`
    : `a${String.fromCharCode(...memory.u8.subarray(text, text + size - 1))}`;
  let literals = literalsOf(kernel).get(driver.id);
  if (literals === undefined) {
    literals = new Map();
    literalsOf(kernel).set(driver.id, literals);
  }
  let address = literals.get(key) ?? 0;
  if (address === 0) {
    address = poolOf(kernel).allocate(poolType.nonPagedNx, size, STRING_TAG, 0);
    if (address === 0) return text;
    memory.u8.copyWithin(address, text, text + size);
    literals.set(key, address);
  }
  return address;
}

/**
 * Gives a string room for `bytes` bytes and a terminator: a new buffer of the driver's, or the one it has.
 * @returns STATUS_SUCCESS, STATUS_NO_MEMORY or, where the buffer it has is too small, STATUS_BUFFER_OVERFLOW.
 */
export function makeRoom(
  kernel: Kernel,
  driver: Driver,
  string: Address,
  bytes: number,
  terminator: number,
  allocate: boolean,
): NTSTATUS {
  const { memory } = kernel;
  if (!allocate) return bytes > maximumOf(memory, string) ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
  if (bytes + terminator > 0xffff) return STATUS_INVALID_PARAMETER;
  const buffer = poolOf(kernel).allocateZeroed(poolType.paged, bytes + terminator, STRING_TAG, driver.id);
  if (buffer === 0) return STATUS_NO_MEMORY;
  setString(memory, string, 0, bytes + terminator, buffer);
  return STATUS_SUCCESS;
}
