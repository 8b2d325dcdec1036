/**
 * Moves between registers, memory and immediates, and addresses: the frequent forms. Implements MOV, MOVZX, MOVSXD, LEA,
 * MOVUPS, PXOR of the Intel 64 manual, volume 2. The functions are made for one processor, because V8 then takes its
 * memory for a constant.
 */

import type { Address } from '../../memory/index.ts';
import type { Cpu } from './cpu.ts';
import type { Op } from './op.ts';
import * as slots from './op.ts';

// Constants of other modules are loads for V8, its own are none.
const IMMEDIATE_SLOT = slots.IMMEDIATE_SLOT;

export function makeMoves(cpu: Cpu) {
  const { data } = cpu;

  function move2(op: Op, d: Address, s: Address): void {
    data.setInt16(d, s === IMMEDIATE_SLOT ? op.low : data.getInt16(s, true), true);
  }

  function move1(op: Op, d: Address, s: Address): void {
    data.setInt8(d, s === IMMEDIATE_SLOT ? op.low : data.getInt8(s));
  }

  /** From 4 to 8 bytes of a register. */
  function signExtend4(_op: Op, d: Address, s: Address): void {
    const low = data.getInt32(s, true);
    data.setInt32(d, low, true);
    data.setInt32(d + 4, low >> 31, true);
  }

  /** lea of any form. */
  function loadAddress(op: Op, d: Address): void {
    cpu.computeAddress(op);
    if (op.width === 2) {
      data.setInt16(d, cpu.addressLow, true);
      return;
    }
    data.setInt32(d, cpu.addressLow, true);
    data.setInt32(d + 4, op.width === 8 ? cpu.addressHigh : 0, true);
  }

  return {
    move2,
    move1,
    signExtend4,
    loadAddress,
  };
}
