/**
 * Addition, subtraction, comparison, logic and increments of 8 and 4 bytes in 32-bit halves: the instructions that
 * drivers consist of. Implements ADD, SUB, CMP, AND, OR, XOR, TEST, INC, DEC of the Intel 64 manual, volume 2.
 * A carry out of bit 31 is the sign of a Boolean expression of operands and result, so that nothing branches.
 */

import type { Address } from '../../memory/index.ts';
import type { Cpu } from './cpu.ts';
import { IMMEDIATE_SLOT, type Op, REGISTER_END } from './op.ts';

export function add8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function add4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function subtract8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function subtract4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function compare8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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
}

export function compare4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  const x = data.getInt32(d, true);
  const y = s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true);
  const r = (x - y) | 0;
  cpu.resultLow = r;
  cpu.resultHigh = r;
  cpu.carry = (~x & y) | ((~x | y) & r);
  cpu.overflow = (x ^ y) & (x ^ r);
  cpu.adjust = (x ^ y) & 0x10;
}

export function and8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function and4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function or8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function or4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function xor8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function xor4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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

export function test8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
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
}

export function test4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  const x = data.getInt32(d, true);
  const y = s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true);
  const r = x & y;
  cpu.resultLow = r;
  cpu.resultHigh = r;
  cpu.carry = 0;
  cpu.overflow = 0;
  cpu.adjust = r & 0x10;
}

export function increment8(cpu: Cpu, _op: Op, d: Address): void {
  const { data } = cpu;
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

export function increment4(cpu: Cpu, _op: Op, d: Address): void {
  const { data } = cpu;
  const x = data.getInt32(d, true);
  const r = (x + 1) | 0;
  cpu.resultLow = r;
  cpu.resultHigh = r;
  cpu.overflow = ~x & r;
  cpu.adjust = x & 0x10;
  data.setInt32(d, r, true);
  if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
}

export function decrement8(cpu: Cpu, _op: Op, d: Address): void {
  const { data } = cpu;
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

export function decrement4(cpu: Cpu, _op: Op, d: Address): void {
  const { data } = cpu;
  const x = data.getInt32(d, true);
  const r = (x - 1) | 0;
  cpu.resultLow = r;
  cpu.resultHigh = r;
  cpu.overflow = x & ~r;
  cpu.adjust = x & 0x10;
  data.setInt32(d, r, true);
  if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
}

export function compare1(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  const x = data.getUint8(d);
  const y = s === IMMEDIATE_SLOT ? op.low & 0xff : data.getUint8(s);
  const r = x - y;
  cpu.resultLow = r & 0xff;
  cpu.resultHigh = r << 24;
  cpu.carry = r;
  cpu.overflow = ((x ^ y) & (x ^ r)) << 24;
  cpu.adjust = (x ^ y) & 0x10;
}

export function test1(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  const x = data.getUint8(d);
  const y = s === IMMEDIATE_SLOT ? op.low & 0xff : data.getUint8(s);
  const r = x & y;
  cpu.resultLow = r;
  cpu.resultHigh = r << 24;
  cpu.carry = 0;
  cpu.overflow = 0;
  cpu.adjust = r & 0x10;
}
