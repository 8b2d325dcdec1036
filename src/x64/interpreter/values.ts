/**
 * Operands of any size at their addresses, registers and memory alike, and the additions and subtractions of any size.
 * Implements "Operand Addressing" of the Intel 64 manual, volume 1, section 3.7, and the flags of its appendix A.
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import type { Cpu } from './cpu.ts';
import { type Handler, REGISTER_END } from './op.ts';

/** Finds the handler of an instruction. */
export type HandlerChoice = (instruction: Instruction) => Handler;
export type Handlers = Readonly<Record<string, HandlerChoice>>;

/** The same handler for every form. */
export function always(handler: Handler): HandlerChoice {
  return () => handler;
}

/** Low half of an operand, zero-extended where it is shorter. */
export function readLow(cpu: Cpu, at: Address, size: number): number {
  const { data } = cpu;
  if (size >= 4) return data.getInt32(at, true);
  return size === 2 ? data.getUint16(at, true) : data.getUint8(at);
}

/** High half of an operand of 8 bytes, else 0. */
export function readHigh(cpu: Cpu, at: Address, size: number): number {
  return size === 8 ? cpu.data.getInt32(at + 4, true) : 0;
}

/** Writes an operand; 4 bytes of a register clear its upper half. */
export function write(cpu: Cpu, at: Address, size: number, low: number, high: number): void {
  const { data } = cpu;
  if (size >= 4) {
    data.setInt32(at, low, true);
    if (size === 8) data.setInt32(at + 4, high, true);
    else if (at < REGISTER_END) data.setInt32(at + 4, 0, true);
  } else if (size === 2) {
    data.setInt16(at, low, true);
  } else {
    data.setInt8(at, low);
  }
}

/** Writes the result that `add` or `subtract` left. */
export function writeResult(cpu: Cpu, at: Address, size: number): void {
  write(cpu, at, size, cpu.resultLow, cpu.resultHigh);
}

/**
 * Adds two operands and `carry` (0 or 1), and sets all flags; the result is left in resultLow and resultHigh.
 * Operands shorter than 4 bytes are moved to the top of 32 bits, where carry and overflow come out by themselves.
 */
export function add(
  cpu: Cpu,
  size: number,
  xl: number,
  xh: number,
  yl: number,
  yh: number,
  carry: number,
): void {
  cpu.adjust = (xl ^ yl) & 0x10;
  if (size === 8) {
    const rl = (xl + yl + carry) | 0;
    const rh = (xh + yh + (((xl & yl) | ((xl | yl) & ~rl)) >>> 31)) | 0;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.carry = (xh & yh) | ((xh | yh) & ~rh);
    cpu.overflow = (xh ^ rh) & (yh ^ rh);
    return;
  }
  const shift = 32 - size * 8;
  const x = xl << shift;
  const y = yl << shift;
  const r = (x + y + (carry << shift)) | 0;
  cpu.resultLow = shift === 0 ? r : r >>> shift;
  cpu.resultHigh = r;
  cpu.carry = (x & y) | ((x | y) & ~r);
  cpu.overflow = (x ^ r) & (y ^ r);
}

/** Subtracts the second operand and `borrow` (0 or 1) from the first, as `add`. */
export function subtract(
  cpu: Cpu,
  size: number,
  xl: number,
  xh: number,
  yl: number,
  yh: number,
  borrow: number,
): void {
  cpu.adjust = (xl ^ yl) & 0x10;
  if (size === 8) {
    const rl = (xl - yl - borrow) | 0;
    const rh = (xh - yh - (((~xl & yl) | ((~xl | yl) & rl)) >>> 31)) | 0;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.carry = (~xh & yh) | ((~xh | yh) & rh);
    cpu.overflow = (xh ^ yh) & (xh ^ rh);
    return;
  }
  const shift = 32 - size * 8;
  const x = xl << shift;
  const y = yl << shift;
  const r = (x - y - (borrow << shift)) | 0;
  cpu.resultLow = shift === 0 ? r : r >>> shift;
  cpu.resultHigh = r;
  cpu.carry = (~x & y) | ((~x | y) & r);
  cpu.overflow = (x ^ y) & (x ^ r);
}
