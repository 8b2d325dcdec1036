/**
 * Reading and writing the scalar kinds of structure members at any address, aligned or not.
 * Implements the x64 data types of the Windows binary interface: little endian, BOOLEAN is one byte.
 */

import type { Address } from './addressSpace.ts';
import type { KernelMemory } from './memory.ts';
import { addressFromHalves, highHalfOf, lowHalfOf } from './pointer.ts';

/** What a scalar member holds. `status` is an NTSTATUS or NDIS_STATUS, always read as an unsigned number. */
export type ScalarKind =
  | 'u8'
  | 'i8'
  | 'u16'
  | 'i16'
  | 'u32'
  | 'i32'
  | 'u64'
  | 'i64'
  | 'boolean'
  | 'status'
  | 'pointer'
  | 'handle'
  | 'callback'
  | 'context';

/** The value of a scalar: 64-bit integers are bigints, BOOLEAN is a boolean, everything else is a number. */
export type ScalarValue = number | bigint | boolean;

/** One way to read and write a scalar. */
export interface ScalarAccess {
  readonly size: number;
  readonly read: (memory: KernelMemory, at: Address) => ScalarValue;
  readonly write: (memory: KernelMemory, at: Address, value: ScalarValue) => void;
}

/**
 * An integer from what a driver assigned; anything else is a mistake that must not be stored as 0. Integers that
 * the member does not hold lose their upper bits, as in C.
 */
function numeric(value: ScalarValue): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'bigint') return Number(BigInt.asIntN(32, value));
  throw new TypeError(
    `expected an integer, got ${typeof value === 'number' ? value : value === null ? 'null' : typeof value}`,
  );
}

/** A bigint from what a driver assigned; fractions are refused. */
function big(value: ScalarValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  throw new TypeError(`expected a bigint or an integer, got ${value === null ? 'null' : String(value)}`);
}

const u8: ScalarAccess = {
  size: 1,
  read: (memory, at) => memory.u8[at],
  write: (memory, at, value) => {
    memory.u8[at] = numeric(value);
  },
};
const i8: ScalarAccess = {
  size: 1,
  read: (memory, at) => memory.i8[at],
  write: (memory, at, value) => {
    memory.i8[at] = numeric(value);
  },
};
const u16: ScalarAccess = {
  size: 2,
  read: (memory, at) => ((at & 1) === 0 ? memory.u16[at >> 1] : memory.data.getUint16(at, true)),
  write: (memory, at, value) => {
    if ((at & 1) === 0) memory.u16[at >> 1] = numeric(value);
    else memory.data.setUint16(at, numeric(value), true);
  },
};
const i16: ScalarAccess = {
  size: 2,
  read: (memory, at) => ((at & 1) === 0 ? memory.i16[at >> 1] : memory.data.getInt16(at, true)),
  write: u16.write,
};
const u32: ScalarAccess = {
  size: 4,
  read: (memory, at) => ((at & 3) === 0 ? memory.u32[at >> 2] : memory.data.getUint32(at, true)),
  write: (memory, at, value) => {
    if ((at & 3) === 0) memory.u32[at >> 2] = numeric(value);
    else memory.data.setUint32(at, numeric(value), true);
  },
};
const i32: ScalarAccess = {
  size: 4,
  read: (memory, at) => ((at & 3) === 0 ? memory.i32[at >> 2] : memory.data.getInt32(at, true)),
  write: u32.write,
};
const u64: ScalarAccess = {
  size: 8,
  read: (memory, at) => ((at & 7) === 0 ? memory.u64[at >> 3] : memory.data.getBigUint64(at, true)),
  write: (memory, at, value) => {
    if ((at & 7) === 0) memory.u64[at >> 3] = big(value);
    else memory.data.setBigUint64(at, big(value), true);
  },
};
const i64: ScalarAccess = {
  size: 8,
  read: (memory, at) => ((at & 7) === 0 ? memory.i64[at >> 3] : memory.data.getBigInt64(at, true)),
  write: u64.write,
};
const boolean: ScalarAccess = {
  size: 1,
  read: (memory, at) => memory.u8[at] !== 0,
  write: (memory, at, value) => {
    memory.u8[at] = numeric(value) === 0 ? 0 : 1;
  },
};
const pointer: ScalarAccess = {
  size: 8,
  read: (memory, at) =>
    addressFromHalves(memory, Number(i32.read(memory, at)), Number(i32.read(memory, at + 4))),
  write: (memory, at, value) => {
    const address = numeric(value);
    i32.write(memory, at, lowHalfOf(memory, address));
    i32.write(memory, at + 4, highHalfOf(memory, address));
  },
};

/** How each kind is read and written. */
export const scalars: Readonly<Record<ScalarKind, ScalarAccess>> = {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  boolean,
  status: u32,
  pointer,
  handle: pointer,
  callback: pointer,
  context: pointer,
};

/** Reads `width` bits from bit `start` of a unit; up to 32 bits give a number, more a bigint. */
export function readBits(
  memory: KernelMemory,
  unit: ScalarKind,
  at: Address,
  start: number,
  width: number,
): number | bigint {
  if (scalars[unit].size === 8) {
    const value = (big(u64.read(memory, at)) >> BigInt(start)) & ((1n << BigInt(width)) - 1n);
    return width <= 32 ? Number(value) : value;
  }
  const value = numeric(scalars[unit].read(memory, at)) >>> start;
  return width === 32 ? value : (value & (2 ** width - 1)) >>> 0;
}

/** Writes `width` bits from bit `start` of a unit and leaves the other bits of the unit as they are. */
export function writeBits(
  memory: KernelMemory,
  unit: ScalarKind,
  at: Address,
  start: number,
  width: number,
  value: ScalarValue,
): void {
  if (scalars[unit].size === 8) {
    const mask = ((1n << BigInt(width)) - 1n) << BigInt(start);
    const old = big(u64.read(memory, at));
    u64.write(memory, at, (old & ~mask) | ((big(value) << BigInt(start)) & mask));
    return;
  }
  const mask = ((width === 32 ? -1 : 2 ** width - 1) << start) | 0;
  const old = numeric(scalars[unit].read(memory, at)) | 0;
  scalars[unit].write(memory, at, (old & ~mask) | ((numeric(value) << start) & mask));
}
