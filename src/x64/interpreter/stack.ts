/**
 * The stack where its page needs a closer look, or where other than 8 bytes are moved. Implements "Procedure Stack" of
 * the Intel 64 manual, volume 1, section 6.2.
 */

import type { Address } from '../../memory/index.ts';
import { RSP, STATE_GENERAL } from '../state.ts';
import type { CodeCache } from './codeCache.ts';
import type { Cpu } from './cpu.ts';
import { FAST_READ, FAST_WRITE, type Op } from './op.ts';

const RSP_LOW = (STATE_GENERAL + RSP * 8) >> 2;

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
