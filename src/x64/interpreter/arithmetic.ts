/**
 * Addition, subtraction, comparison, logic and increments of 8 and 4 bytes in 32-bit halves: the instructions that
 * drivers consist of. Implements ADD, SUB, CMP, AND, OR, XOR, TEST, INC, DEC of the Intel 64 manual, volume 2.
 * A carry out of bit 31 is the sign of a Boolean expression of operands and result, so that nothing branches. The functions are
 * made for one processor, because V8 then takes its memory and flags for constants.
 */

import type { Address } from '../../memory/index.ts';
import type { Cpu } from './cpu.ts';
import type { Op } from './op.ts';
import * as slots from './op.ts';

// Constants of other modules are loads for V8, its own are none.
const IMMEDIATE_SLOT = slots.IMMEDIATE_SLOT;
const REGISTER_END = slots.REGISTER_END;

export function makeArithmetic(cpu: Cpu) {
  const { data } = cpu;

  function add8(op: Op, d: Address, s: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    let yl = op.low;
    let yh = op.high;
    if (s !== IMMEDIATE_SLOT) {
      yl = data.getInt32(s, true);
      yh = data.getInt32(s + 4, true);
    }
    const rl = (xl + yl) | 0;
    const rh = (xh + yh + (((xl & yl) | ((xl | yl) & ~rl)) >>> 31)) | 0;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.carry = (xh & yh) | ((xh | yh) & ~rh);
    cpu.overflow = (xh ^ rh) & (yh ^ rh);
    cpu.adjust = (xl ^ yl) & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function add4(op: Op, d: Address, s: Address): void {
    const x = data.getInt32(d, true);
    const y = s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true);
    const r = (x + y) | 0;
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.carry = (x & y) | ((x | y) & ~r);
    cpu.overflow = (x ^ r) & (y ^ r);
    cpu.adjust = (x ^ y) & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function subtract8(op: Op, d: Address, s: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    let yl = op.low;
    let yh = op.high;
    if (s !== IMMEDIATE_SLOT) {
      yl = data.getInt32(s, true);
      yh = data.getInt32(s + 4, true);
    }
    const rl = (xl - yl) | 0;
    const rh = (xh - yh - (((~xl & yl) | ((~xl | yl) & rl)) >>> 31)) | 0;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.carry = (~xh & yh) | ((~xh | yh) & rh);
    cpu.overflow = (xh ^ yh) & (xh ^ rh);
    cpu.adjust = (xl ^ yl) & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function subtract4(op: Op, d: Address, s: Address): void {
    const x = data.getInt32(d, true);
    const y = s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true);
    const r = (x - y) | 0;
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.carry = (~x & y) | ((~x | y) & r);
    cpu.overflow = (x ^ y) & (x ^ r);
    cpu.adjust = (x ^ y) & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function and8(op: Op, d: Address, s: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    let yl = op.low;
    let yh = op.high;
    if (s !== IMMEDIATE_SLOT) {
      yl = data.getInt32(s, true);
      yh = data.getInt32(s + 4, true);
    }
    const rl = xl & yl;
    const rh = xh & yh;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.carry = 0;
    cpu.overflow = 0;
    cpu.adjust = rl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function and4(op: Op, d: Address, s: Address): void {
    const x = data.getInt32(d, true);
    const y = s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true);
    const r = x & y;
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.carry = 0;
    cpu.overflow = 0;
    cpu.adjust = r & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function or8(op: Op, d: Address, s: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    let yl = op.low;
    let yh = op.high;
    if (s !== IMMEDIATE_SLOT) {
      yl = data.getInt32(s, true);
      yh = data.getInt32(s + 4, true);
    }
    const rl = xl | yl;
    const rh = xh | yh;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.carry = 0;
    cpu.overflow = 0;
    cpu.adjust = rl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function or4(op: Op, d: Address, s: Address): void {
    const x = data.getInt32(d, true);
    const y = s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true);
    const r = x | y;
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.carry = 0;
    cpu.overflow = 0;
    cpu.adjust = r & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function xor8(op: Op, d: Address, s: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    let yl = op.low;
    let yh = op.high;
    if (s !== IMMEDIATE_SLOT) {
      yl = data.getInt32(s, true);
      yh = data.getInt32(s + 4, true);
    }
    const rl = xl ^ yl;
    const rh = xh ^ yh;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.carry = 0;
    cpu.overflow = 0;
    cpu.adjust = rl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function xor4(op: Op, d: Address, s: Address): void {
    const x = data.getInt32(d, true);
    const y = s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true);
    const r = x ^ y;
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.carry = 0;
    cpu.overflow = 0;
    cpu.adjust = r & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function increment8(_op: Op, d: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    const rl = (xl + 1) | 0;
    const rh = rl === 0 ? (xh + 1) | 0 : xh;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.overflow = ~xh & rh;
    cpu.adjust = xl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function increment4(_op: Op, d: Address): void {
    const x = data.getInt32(d, true);
    const r = (x + 1) | 0;
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.overflow = ~x & r;
    cpu.adjust = x & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function decrement8(_op: Op, d: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    const rl = (xl - 1) | 0;
    const rh = xl === 0 ? (xh - 1) | 0 : xh;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.overflow = xh & ~rh;
    cpu.adjust = xl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function decrement4(_op: Op, d: Address): void {
    const x = data.getInt32(d, true);
    const r = (x - 1) | 0;
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.overflow = x & ~r;
    cpu.adjust = x & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function compare1(op: Op, d: Address, s: Address): void {
    const x = data.getUint8(d);
    const y = s === IMMEDIATE_SLOT ? op.low & 0xff : data.getUint8(s);
    const r = x - y;
    cpu.resultLow = r & 0xff;
    cpu.resultHigh = r << 24;
    cpu.carry = r;
    cpu.overflow = ((x ^ y) & (x ^ r)) << 24;
    cpu.adjust = (x ^ y) & 0x10;
  }

  function test1(op: Op, d: Address, s: Address): void {
    const x = data.getUint8(d);
    const y = s === IMMEDIATE_SLOT ? op.low & 0xff : data.getUint8(s);
    const r = x & y;
    cpu.resultLow = r;
    cpu.resultHigh = r << 24;
    cpu.carry = 0;
    cpu.overflow = 0;
    cpu.adjust = r & 0x10;
  }

  return {
    add8,
    add4,
    subtract8,
    subtract4,
    and8,
    and4,
    or8,
    or4,
    xor8,
    xor4,
    increment8,
    increment4,
    decrement8,
    decrement4,
    compare1,
    test1,
  };
}
