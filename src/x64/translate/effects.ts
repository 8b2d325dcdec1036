/**
 * Which registers and flags an instruction reads and writes, taken from the instruction table. Implements the
 * dependencies that the Intel 64 manual, volume 2, gives for each operation.
 */

import type { Instruction, Operand } from '../instruction.ts';
import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF, RAX, RDX } from '../state.ts';
import { FORMS, OPERATIONS } from '../table/index.ts';

/** Registers as bits: general ones from bit 0, XMM from bit 16. */
export type Registers = number;

export const ALL_REGISTERS: Registers = -1;
export const ARITHMETIC_FLAGS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;

export interface Effects {
  readonly reads: Registers;
  /** Registers that change, wholly or in part; a part counts as read too. */
  readonly writes: Registers;
  /** Flags that decide something. */
  readonly flagsRead: number;
  /** Flags that have nothing of their old value afterwards. */
  readonly flagsKilled: number;
  /** Flags that get a defined value. */
  readonly flagsWritten: number;
}

/** Flags of each pair of conditions: o, b, e, be, s, p, l, le. */
const CONDITION_FLAGS = [
  FLAG_OF,
  FLAG_CF,
  FLAG_ZF,
  FLAG_CF | FLAG_ZF,
  FLAG_SF,
  FLAG_PF,
  FLAG_SF | FLAG_OF,
  FLAG_SF | FLAG_OF | FLAG_ZF,
];

/** Access of each operand, one letter each. */
export function accessOf(instruction: Instruction): string {
  return instruction.form < 0
    ? OPERATIONS[instruction.operationNumber].access
    : FORMS[instruction.form].access;
}

function addressReads(operand: Operand): Registers {
  if (operand.kind !== 'memory') return 0;
  return (operand.base >= 0 ? 1 << operand.base : 0) | (operand.index >= 0 ? 1 << operand.index : 0);
}

/** Whether writing an operand leaves nothing of the register's old value. */
function isWhole(instruction: Instruction, operand: Operand): boolean {
  if (operand.kind === 'general') return operand.size >= 4;
  if (instruction.operation === 'movd' || instruction.operation === 'movq') return true;
  const source = instruction.operands[1];
  const loads = source !== undefined && source.kind === 'memory';
  if (instruction.operation === 'movss' || instruction.operation === 'movsd') return loads;
  return operand.size === 16;
}

/** A register combined with itself by xor, sub or pxor: its old value does not matter. */
function isCleared(instruction: Instruction): boolean {
  const [first, second] = instruction.operands;
  if (first === undefined || second === undefined || first.kind !== second.kind) return false;
  const { operation } = instruction;
  if (first.kind === 'xmm' && second.kind === 'xmm')
    return first.register === second.register && (operation === 'pxor' || operation === 'xorps');
  if (first.kind !== 'general' || second.kind !== 'general') return false;
  return (
    first.register === second.register && first.size >= 4 && (operation === 'xor' || operation === 'sub')
  );
}

export function effectsOf(instruction: Instruction): Effects {
  const operation = OPERATIONS[instruction.operationNumber];
  const access = accessOf(instruction);
  let reads = operation.implicitReads;
  let writes = operation.implicitWrites;
  // Narrow implicit results leave the rest of the register.
  if (instruction.size < 4) reads |= operation.implicitWrites;
  if ((operation.name === 'imul' || operation.name === 'mul') && instruction.operands.length === 1) {
    reads |= 1 << RAX;
    writes |= (1 << RAX) | (1 << RDX);
    if (instruction.size < 4) reads |= 1 << RDX;
  }
  if (instruction.repeat !== 'none') reads |= writes;
  instruction.operands.forEach((operand, index) => {
    reads |= addressReads(operand);
    if (operand.kind !== 'general' && operand.kind !== 'xmm') return;
    const bit = operand.kind === 'general' ? 1 << operand.register : 1 << (16 + operand.register);
    const letter = access[index] ?? (index === 0 ? 'x' : 'r');
    const isWritten = letter === 'w' || letter === 'x';
    if (isWritten) writes |= bit;
    if (letter === 'r' || letter === 'x' || (isWritten && !isWhole(instruction, operand))) reads |= bit;
  });
  if (isCleared(instruction)) reads = 0;
  return { reads, writes, ...flagEffects(instruction) };
}

function flagEffects(instruction: Instruction) {
  const operation = OPERATIONS[instruction.operationNumber];
  const { condition } = instruction;
  const flagsRead = condition >= 0 ? CONDITION_FLAGS[condition >> 1] : operation.flagsRead & ARITHMETIC_FLAGS;
  const flagsWritten = operation.flagsWritten & ARITHMETIC_FLAGS;
  // What is undefined keeps nothing that a program could count on. Shifts by cl may leave all flags alone.
  const killed = flagsWritten | (operation.flagsUndefined & ARITHMETIC_FLAGS);
  return { flagsRead, flagsWritten, flagsKilled: mayKeepFlags(instruction) ? 0 : killed };
}

const SHIFTS = new Set(['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr', 'shld', 'shrd']);

/** Shifts with a count that is not known, or zero; repeated comparisons of no element. */
function mayKeepFlags(instruction: Instruction): boolean {
  if (instruction.repeat !== 'none') return true;
  if (!SHIFTS.has(instruction.operation)) return false;
  const count = instruction.operands[instruction.operands.length - 1];
  const mask = instruction.size === 8 ? 63 : 31;
  return count.kind !== 'immediate' || (count.low & mask) === 0;
}
