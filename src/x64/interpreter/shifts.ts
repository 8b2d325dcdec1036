/**
 * Shifts and rotations of any size and count. Implements SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD, and SHLX, SARX,
 * SHRX, RORX of the Intel 64 manual, volume 2. What the manual leaves undefined is as processors do it.
 */

import type { Instruction } from '../instruction.ts';
import type { Cpu } from './cpu.ts';
import { setResult } from './flags.ts';
import type { Handler } from './op.ts';
import type { Shifts } from './shiftsByConstant.ts';
import { type HandlerChoice, type Handlers, readHigh, readLow, write } from './values.ts';

type WideShift = keyof Shifts;

/** Writes the operand back as it was: of 4 bytes in a register that clears the upper half. */
function keep(cpu: Cpu, d: number, size: number): void {
  if (size === 4) write(cpu, d, 4, cpu.data.getInt32(d, true), 0);
}

function shift(
  wide8: WideShift,
  wide4: WideShift,
  short: (cpu: Cpu, d: number, size: number, count: number) => void,
): HandlerChoice {
  return ({ size }): Handler => {
    const mask = size === 8 ? 63 : 31;
    return (cpu, op, d, s) => {
      const count = cpu.data.getUint8(s) & mask;
      if (count === 0) {
        keep(cpu, d, size);
      } else if (size >= 4) {
        op.low = count;
        cpu.shifts[size === 8 ? wide8 : wide4](op, d);
      } else {
        short(cpu, d, size, count);
      }
    };
  };
}

/** Of 1 or 2 bytes. The carry is the last bit shifted out, moved to the sign. */
function shortLeft(cpu: Cpu, d: number, size: number, count: number): void {
  const bits = size * 8;
  const x = readLow(cpu, d, size);
  const result = x << count;
  setResult(cpu, size, result, 0);
  cpu.carry = (x << (count - 1)) << (32 - bits);
  cpu.overflow = cpu.carry ^ cpu.resultHigh;
  write(cpu, d, size, result, 0);
}

function shortRight(cpu: Cpu, d: number, size: number, count: number): void {
  const x = readLow(cpu, d, size);
  const result = x >>> count;
  setResult(cpu, size, result, 0);
  cpu.carry = (x >>> (count - 1)) << 31;
  cpu.overflow = count === 1 ? x << (32 - size * 8) : 0;
  write(cpu, d, size, result, 0);
}

function shortArithmetic(cpu: Cpu, d: number, size: number, count: number): void {
  const up = 32 - size * 8;
  const x = (readLow(cpu, d, size) << up) >> up;
  const result = x >> count;
  setResult(cpu, size, result, 0);
  cpu.carry = (x >> (count - 1)) << 31;
  cpu.overflow = 0;
  write(cpu, d, size, result, 0);
}

/** Rotates 64 bits, or a shorter operand that fills a power of two. Counts are below the number of bits. */
function rotateLeft(cpu: Cpu, d: number, size: number, count: number): void {
  const low = readLow(cpu, d, size);
  if (size < 4) {
    write(cpu, d, size, (low << count) | (low >>> (size * 8 - count)), 0);
  } else if (size === 4) {
    write(cpu, d, 4, (low << count) | (low >>> (32 - count)), 0);
  } else {
    rotate8(cpu, d, low, readHigh(cpu, d, 8), count);
  }
}

function rotate8(cpu: Cpu, d: number, low: number, high: number, count: number): void {
  const part = count & 31;
  const l = count < 32 ? low : high;
  const h = count < 32 ? high : low;
  if (part === 0) write(cpu, d, 8, l, h);
  else write(cpu, d, 8, (l << part) | (h >>> (32 - part)), (h << part) | (l >>> (32 - part)));
}

function rotation(left: boolean): HandlerChoice {
  return ({ size }) => {
    const bits = size * 8;
    const mask = size === 8 ? 63 : 31;
    return (cpu, _op, d, s) => {
      const given = cpu.data.getUint8(s) & mask;
      const count = given & (bits - 1);
      if (count !== 0) rotateLeft(cpu, d, size, left ? count : bits - count);
      else keep(cpu, d, size);
      if (given === 0) return;
      const top = topOf(cpu, d, size);
      if (left) {
        cpu.carry = cpu.data.getUint8(d) << 31;
        cpu.overflow = top ^ cpu.carry;
      } else {
        cpu.carry = top;
        cpu.overflow = top ^ (top << 1);
      }
    };
  };
}

/** The operand moved to the top of 32 bits: its highest bit is the sign, the next one follows. */
function topOf(cpu: Cpu, d: number, size: number): number {
  return size === 8 ? readHigh(cpu, d, 8) : readLow(cpu, d, size) << (32 - size * 8);
}

/** Through the carry, bit by bit. */
function rotationThroughCarry(left: boolean): HandlerChoice {
  return ({ size }) => {
    const mask = size === 8 ? 63 : 31;
    return (cpu, _op, d, s) => {
      const given = cpu.data.getUint8(s) & mask;
      const count = size < 4 ? given % (size * 8 + 1) : given;
      let low = readLow(cpu, d, size);
      let high = readHigh(cpu, d, size);
      const up = 32 - (size & 3) * 8;
      let carry = cpu.carry >>> 31;
      for (let i = 0; i < count; i++) {
        const top = size === 8 ? high >>> 31 : (low << (up & 31)) >>> 31;
        if (left) {
          if (size === 8) high = (high << 1) | (low >>> 31);
          low = (low << 1) | carry;
          carry = top;
        } else {
          const out = low & 1;
          const into = size === 8 ? high << 31 : size === 4 ? carry << 31 : carry << (size * 8 - 1);
          low = size >= 4 ? (low >>> 1) | into : ((low & (size === 1 ? 0xff : 0xffff)) >>> 1) | into;
          if (size === 8) high = (high >>> 1) | (carry << 31);
          carry = out;
        }
      }
      write(cpu, d, size, low | 0, high | 0);
      if (count === 0) return;
      cpu.carry = carry << 31;
      const top = topOf(cpu, d, size);
      cpu.overflow = left ? top ^ cpu.carry : top ^ (top << 1);
    };
  };
}

/** shld and shrd; the count is an immediate or cl. */
function doubleShift(left: boolean): HandlerChoice {
  return (instruction: Instruction): Handler => {
    const { size } = instruction;
    const immediate = instruction.operands[2].kind === 'immediate';
    const mask = size === 8 ? 63 : 31;
    return (cpu, op, d, s) => {
      const count = (immediate ? op.low : cpu.data.getUint8(op.third)) & mask;
      if (count === 0) {
        keep(cpu, d, size);
        return;
      }
      if (size === 8) doubleShift8(cpu, d, s, count, left);
      else doubleShiftShort(cpu, d, s, size, count, left);
    };
  };
}

/** 64 bits out of the 128 of two operands. */
function doubleShift8(cpu: Cpu, d: number, s: number, count: number, left: boolean): void {
  const words = left
    ? [readLow(cpu, s, 8), readHigh(cpu, s, 8), readLow(cpu, d, 8), readHigh(cpu, d, 8)]
    : [readLow(cpu, d, 8), readHigh(cpu, d, 8), readLow(cpu, s, 8), readHigh(cpu, s, 8)];
  // Left by n is the upper half of the pair, shifted right by 64 - n.
  const by = left ? 64 - count : count;
  const word = (bit: number) => {
    const at = bit >> 5;
    const part = bit & 31;
    if (part === 0) return words[at];
    return (words[at] >>> part) | ((words[at + 1] ?? 0) << (32 - part));
  };
  const before = words[left ? 3 : 1];
  const low = word(by) | 0;
  const high = word(by + 32) | 0;
  setResult(cpu, 8, low, high);
  const last = left ? 128 - count : count - 1;
  cpu.carry = words[last >> 5] << (31 - (last & 31));
  cpu.overflow = before ^ high;
  write(cpu, d, 8, low, high);
}

function doubleShiftShort(cpu: Cpu, d: number, s: number, size: number, count: number, left: boolean): void {
  const x = readLow(cpu, d, size);
  const y = readLow(cpu, s, size);
  let result: number;
  let carry: number;
  if (size === 4) {
    result = left ? (x << count) | (y >>> (32 - count)) : (x >>> count) | (y << (32 - count));
    carry = left ? x << (count - 1) : x << (32 - count);
  } else {
    // Counts above 16 go on with the destination's own bits, as processors do.
    const pair = left ? [x, y, x] : [x, y, x];
    const bit = (n: number) => (pair[n >> 4] >>> (left ? 15 - (n & 15) : n & 15)) & 1;
    result = 0;
    for (let i = 0; i < 16; i++) result |= bit(count + i) << (left ? 15 - i : i);
    carry = bit(count - 1) << 31;
  }
  setResult(cpu, size, result, 0);
  cpu.carry = carry;
  cpu.overflow = (x << (32 - size * 8)) ^ cpu.resultHigh;
  write(cpu, d, size, result, 0);
}

/** shlx, sarx, shrx: no flags. The count is the third operand. */
function shiftWithoutFlags(kind: 'left' | 'right' | 'arithmetic'): HandlerChoice {
  return ({ size }) =>
    (cpu, op, d, s) => {
      const count = cpu.data.getUint8(op.third) & (size === 8 ? 63 : 31);
      const low = readLow(cpu, s, size);
      const high = readHigh(cpu, s, size);
      if (size === 4) {
        write(cpu, d, 4, kind === 'left' ? low << count : kind === 'right' ? low >>> count : low >> count, 0);
        return;
      }
      const part = count & 31;
      const crossed = count >= 32;
      const fill = kind === 'arithmetic' ? high >> 31 : 0;
      if (kind === 'left') {
        const l = crossed ? 0 : low;
        const h = crossed ? low : high;
        write(cpu, d, 8, l << part, part === 0 ? h : (h << part) | (l >>> (32 - part)));
      } else {
        const l = crossed ? high : low;
        const h = crossed ? fill : high;
        const shifted = kind === 'right' ? h >>> part : h >> part;
        write(cpu, d, 8, part === 0 ? l : (l >>> part) | (h << (32 - part)), shifted);
      }
    };
}

const rotateWithoutFlags: HandlerChoice =
  ({ size }) =>
  (cpu, op, d, s) => {
    const bits = size * 8;
    const count = op.low & (bits - 1);
    const low = readLow(cpu, s, size);
    if (size === 8) rotate8(cpu, d, low, readHigh(cpu, s, 8), (64 - count) & 63);
    else write(cpu, d, 4, count === 0 ? low : (low >>> count) | (low << (32 - count)), 0);
  };

export const SHIFT_HANDLERS: Handlers = {
  shl: shift('shiftLeft8', 'shiftLeft4', shortLeft),
  shr: shift('shiftRight8', 'shiftRight4', shortRight),
  sar: shift('shiftArithmetic8', 'shiftArithmetic4', shortArithmetic),
  rol: rotation(true),
  ror: rotation(false),
  rcl: rotationThroughCarry(true),
  rcr: rotationThroughCarry(false),
  shld: doubleShift(true),
  shrd: doubleShift(false),
  shlx: shiftWithoutFlags('left'),
  shrx: shiftWithoutFlags('right'),
  sarx: shiftWithoutFlags('arithmetic'),
  rorx: rotateWithoutFlags,
};
