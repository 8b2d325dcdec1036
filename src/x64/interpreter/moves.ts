/**
 * Moves between registers, memory and immediates, addresses, and the stack where its page needs a closer look.
 * Implements MOV, MOVZX, MOVSXD, LEA, PUSH, POP, RET, MOVUPS, PXOR of the Intel 64 manual, volume 2.
 */

import type { Address } from '../../memory/index.ts';
import { RSP, STATE_GENERAL } from '../state.ts';
import type { CodeCache } from './codeCache.ts';
import type { Cpu } from './cpu.ts';
import { FAST_READ, FAST_WRITE, IMMEDIATE_SLOT, type Op, REGISTER_END } from './op.ts';

const RSP_LOW = (STATE_GENERAL + RSP * 8) >> 2;

export function move8(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  if (s === IMMEDIATE_SLOT) {
    data.setInt32(d, op.low, true);
    data.setInt32(d + 4, op.high, true);
    return;
  }
  const low = data.getInt32(s, true);
  const high = data.getInt32(s + 4, true);
  data.setInt32(d, low, true);
  data.setInt32(d + 4, high, true);
}

export function move4(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  data.setInt32(d, s === IMMEDIATE_SLOT ? op.low : data.getInt32(s, true), true);
  if (d < REGISTER_END) data.setInt32(d + 4, 0, true);
}

export function move2(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  data.setInt16(d, s === IMMEDIATE_SLOT ? op.low : data.getInt16(s, true), true);
}

export function move1(cpu: Cpu, op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  data.setInt8(d, s === IMMEDIATE_SLOT ? op.low : data.getInt8(s));
}

/** To 4 or 8 bytes of a register. */
export function zeroExtend1(cpu: Cpu, _op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  data.setInt32(d, data.getUint8(s), true);
  data.setInt32(d + 4, 0, true);
}

export function zeroExtend2(cpu: Cpu, _op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  data.setInt32(d, data.getUint16(s, true), true);
  data.setInt32(d + 4, 0, true);
}

/** From 4 to 8 bytes of a register. */
export function signExtend4(cpu: Cpu, _op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  const low = data.getInt32(s, true);
  data.setInt32(d, low, true);
  data.setInt32(d + 4, low >> 31, true);
}

/** lea of any form. */
export function loadAddress(cpu: Cpu, op: Op, d: Address): void {
  const { data } = cpu;
  cpu.computeAddress(op);
  if (op.width === 2) {
    data.setInt16(d, cpu.addressLow, true);
    return;
  }
  data.setInt32(d, cpu.addressLow, true);
  data.setInt32(d + 4, op.width === 8 ? cpu.addressHigh : 0, true);
}

/** All 16 bytes, aligned or not. */
export function move16(cpu: Cpu, _op: Op, d: Address, s: Address): void {
  const { data } = cpu;
  const w0 = data.getInt32(s, true);
  const w1 = data.getInt32(s + 4, true);
  const w2 = data.getInt32(s + 8, true);
  const w3 = data.getInt32(s + 12, true);
  data.setInt32(d, w0, true);
  data.setInt32(d + 4, w1, true);
  data.setInt32(d + 8, w2, true);
  data.setInt32(d + 12, w3, true);
}

export function exclusiveOr16(cpu: Cpu, _op: Op, d: Address, s: Address): void {
  const { i32 } = cpu;
  const to = d >> 2;
  const from = s >> 2;
  i32[to] ^= i32[from];
  i32[to + 1] ^= i32[from + 1];
  i32[to + 2] ^= i32[from + 2];
  i32[to + 3] ^= i32[from + 3];
}

/** Address in memory of `size` bytes below the top of the stack; rsp is not changed yet. @throws Fault */
export function belowStack(cpu: Cpu, size: number): Address {
  const { i32 } = cpu;
  const low = (i32[RSP_LOW] - size) | 0;
  const high = i32[RSP_LOW + 1] - (i32[RSP_LOW] >>> 0 < size ? 1 : 0);
  return cpu.check(low, high, size, FAST_WRITE);
}

/** Adds to rsp, all 64 bits. */
export function moveStack(cpu: Cpu, by: number): void {
  const { i32 } = cpu;
  const before = i32[RSP_LOW] >>> 0;
  const after = before + by;
  i32[RSP_LOW] = after;
  if (after < 0) i32[RSP_LOW + 1]--;
  else if (after > 0xffff_ffff) i32[RSP_LOW + 1]++;
}

export function pushSlowly(cpu: Cpu, low: number, high: number): void {
  const at = belowStack(cpu, 8);
  cpu.data.setInt32(at, low, true);
  cpu.data.setInt32(at + 4, high, true);
  moveStack(cpu, -8);
}

/** Address in memory of what is on top of the stack. @throws Fault */
export function topOfStack(cpu: Cpu, size: number): Address {
  return cpu.check(cpu.i32[RSP_LOW], cpu.i32[RSP_LOW + 1], size, FAST_READ);
}

export function popSlowly(cpu: Cpu, d: Address): void {
  const at = topOfStack(cpu, 8);
  const low = cpu.data.getInt32(at, true);
  const high = cpu.data.getInt32(at + 4, true);
  moveStack(cpu, 8);
  cpu.data.setInt32(d, low, true);
  cpu.data.setInt32(d + 4, high, true);
}

export function returnSlowly(cpu: Cpu, code: CodeCache, removed: number): Op {
  const at = topOfStack(cpu, 8);
  const target = code.at(cpu.data.getInt32(at, true), cpu.data.getInt32(at + 4, true));
  moveStack(cpu, 8 + removed);
  return target;
}
