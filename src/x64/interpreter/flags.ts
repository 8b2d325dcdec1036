/**
 * The arithmetic flags: made cheaply by each instruction, read by conditions, gathered into RFLAGS where somebody
 * looks. Implements "EFLAGS Register" of the Intel 64 manual, volume 1, section 3.4.3, and its appendix B on conditions.
 */

import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../state.ts';
import type { Cpu } from './cpu.ts';

/** All six arithmetic flags. */
export const ARITHMETIC_FLAGS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;
/** Bits of RFLAGS that exist besides them: TF, IF, DF, IOPL, NT, AC, ID; bit 1 is always set. */
const OTHER_FLAGS = 0x24_7700;

/** Whether the low byte of the result has an even number of ones. */
export function parity(cpu: Cpu): boolean {
  const byte = (cpu.resultLow ^ (cpu.resultLow >> 4)) & 15;
  // Bit n of the constant: whether n has an odd number of ones.
  return (((0x6996 >> byte) ^ cpu.adjust) & 1) === 0;
}

/** RFLAGS as machine code sees it. */
export function flagsOf(cpu: Cpu): number {
  const { resultLow, resultHigh, adjust } = cpu;
  let flags = cpu.otherFlags;
  if (cpu.carry < 0) flags |= FLAG_CF;
  if (parity(cpu)) flags |= FLAG_PF;
  flags |= (resultLow ^ adjust) & FLAG_AF;
  if ((resultLow | resultHigh) === 0) flags |= FLAG_ZF;
  if ((resultHigh ^ (adjust << 30)) < 0) flags |= FLAG_SF;
  if (cpu.overflow < 0) flags |= FLAG_OF;
  return flags;
}

/** Sets the arithmetic flags to those in `flags`. */
export function setArithmeticFlags(cpu: Cpu, flags: number): void {
  const zero = (flags & FLAG_ZF) !== 0;
  const sign = (flags & FLAG_SF) !== 0;
  cpu.carry = 0 - (flags & FLAG_CF);
  cpu.overflow = (flags & FLAG_OF) !== 0 ? -1 : 0;
  cpu.resultLow = zero ? 0 : 0x100;
  cpu.resultHigh = sign && !zero ? -1 : 0;
  cpu.adjust = (flags & FLAG_AF) | ((flags & FLAG_PF) !== 0 ? 0 : 1) | (sign && zero ? 2 : 0);
}

/** Sets all of RFLAGS. */
export function setFlags(cpu: Cpu, flags: number): void {
  setArithmeticFlags(cpu, flags);
  cpu.otherFlags = (flags & OTHER_FLAGS) | 2;
}

/** Whether a condition, as the low nibble of its encoding, holds. */
export function holds(cpu: Cpu, condition: number): boolean {
  const wanted = (condition & 1) === 0;
  switch (condition >> 1) {
    case 0:
      return cpu.overflow < 0 === wanted;
    case 1:
      return cpu.carry < 0 === wanted;
    case 2:
      return ((cpu.resultLow | cpu.resultHigh) === 0) === wanted;
    case 3:
      return (cpu.carry < 0 || (cpu.resultLow | cpu.resultHigh) === 0) === wanted;
    case 4:
      return (cpu.resultHigh ^ (cpu.adjust << 30)) < 0 === wanted;
    case 5:
      return parity(cpu) === wanted;
    case 6:
      return (cpu.resultHigh ^ (cpu.adjust << 30) ^ cpu.overflow) < 0 === wanted;
    default:
      return (
        ((cpu.resultHigh ^ (cpu.adjust << 30) ^ cpu.overflow) < 0 ||
          (cpu.resultLow | cpu.resultHigh) === 0) === wanted
      );
  }
}

/** Flags of a logical operation: carry and overflow are clear. The parts are those of a result of 8 bytes. */
export function setLogic(cpu: Cpu, low: number, high: number): void {
  cpu.resultLow = low;
  cpu.resultHigh = high;
  cpu.carry = 0;
  cpu.overflow = 0;
  cpu.adjust = low & 0x10;
}

/**
 * Zero, sign and parity from a result of 1, 2, 4 or 8 bytes; auxiliary carry is cleared.
 * @param low @param high halves of the result; what lies above its size is ignored.
 */
export function setResult(cpu: Cpu, size: number, low: number, high: number): void {
  if (size === 8) {
    cpu.resultLow = low;
    cpu.resultHigh = high;
  } else if (size === 4) {
    cpu.resultLow = low;
    cpu.resultHigh = low;
  } else if (size === 2) {
    cpu.resultLow = low & 0xffff;
    cpu.resultHigh = low << 16;
  } else {
    cpu.resultLow = low & 0xff;
    cpu.resultHigh = low << 24;
  }
  cpu.adjust = cpu.resultLow & 0x10;
}
