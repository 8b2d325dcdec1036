/**
 * Shifts of 8 and 4 bytes by a constant that is not zero. Implements SHL, SHR, SAR of the Intel 64 manual, volume 2.
 * All other shifts and the rotations are in `shifts.ts`.
 */

import type { Address } from '../../memory/index.ts';
import type { Cpu } from './cpu.ts';
import type { Op } from './op.ts';
import * as slots from './op.ts';

// A constant of another module is a load for V8, its own is none.
const REGISTER_END = slots.REGISTER_END;

export function makeShifts(cpu: Cpu) {
  const { data } = cpu;

  function shiftLeft4(op: Op, d: Address): void {
    const x = data.getInt32(d, true);
    const count = op.low;
    const r = x << count;
    cpu.carry = x << (count - 1);
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.overflow = cpu.carry ^ r;
    cpu.adjust = r & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function shiftRight4(op: Op, d: Address): void {
    const x = data.getInt32(d, true);
    const count = op.low;
    const r = (x >>> count) | 0;
    cpu.carry = x << (32 - count);
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.overflow = count === 1 ? x : 0;
    cpu.adjust = r & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function shiftArithmetic4(op: Op, d: Address): void {
    const x = data.getInt32(d, true);
    const count = op.low;
    const r = x >> count;
    cpu.carry = x << (32 - count);
    cpu.resultLow = r;
    cpu.resultHigh = r;
    cpu.overflow = 0;
    cpu.adjust = r & 0x10;
    data.setInt32(d, r, true);
    if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
  }

  function shiftLeft8(op: Op, d: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    const count = op.low;
    let rl = xl << count;
    let rh = (xh << count) | (xl >>> (32 - count));
    let carry = xh << (count - 1);
    if (count >= 32) {
      rl = 0;
      rh = xl << count;
      carry = count === 32 ? xh << 31 : xl << (count - 1);
    }
    cpu.carry = carry;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.overflow = carry ^ rh;
    cpu.adjust = rl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function shiftRight8(op: Op, d: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    const count = op.low;
    let rl = (xl >>> count) | (xh << (32 - count));
    let rh = (xh >>> count) | 0;
    let carry = xl << (32 - count);
    if (count >= 32) {
      rl = (xh >>> count) | 0;
      rh = 0;
      carry = count === 32 ? xl : xh << (32 - count);
    }
    cpu.carry = carry;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.overflow = count === 1 ? xh : 0;
    cpu.adjust = rl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  function shiftArithmetic8(op: Op, d: Address): void {
    const xl = data.getInt32(d, true);
    const xh = data.getInt32(d + 4, true);
    const count = op.low;
    let rl = (xl >>> count) | (xh << (32 - count));
    let rh = xh >> count;
    let carry = xl << (32 - count);
    if (count >= 32) {
      rl = xh >> count;
      rh = xh >> 31;
      carry = count === 32 ? xl : xh << (32 - count);
    }
    cpu.carry = carry;
    cpu.resultLow = rl;
    cpu.resultHigh = rh;
    cpu.overflow = 0;
    cpu.adjust = rl & 0x10;
    data.setInt32(d, rl, true);
    data.setInt32(d + 4, rh, true);
  }

  return {
    shiftLeft4,
    shiftRight4,
    shiftArithmetic4,
    shiftLeft8,
    shiftRight8,
    shiftArithmetic8,
  };
}

export type Shifts = ReturnType<typeof makeShifts>;
