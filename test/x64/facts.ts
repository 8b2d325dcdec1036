/**
 * What the instruction table says about reading and writing, held against the host's processor: each case runs twice,
 * the second time with other values in everything that its operation does not read.
 */

import {
  FORMS,
  type Instruction,
  OPERATIONS,
  type Operation,
  registerName,
  STATUS_FLAGS,
} from '../../src/x64/index.ts';
import type { Case } from './cases.ts';
import type { RandomNumbers, ValuePool } from './random.ts';
import { Registers } from './records.ts';

/** Registers and flags that an instruction reads or writes, as masks; bit n is register n. */
interface Uses {
  general: number;
  xmm: number;
}

function accessOf(instruction: Instruction, position: number): string {
  const { access } = FORMS[instruction.form];
  return access[position] ?? 'r';
}

/** Registers of the operands, and those that the table names without. */
function uses(instruction: Instruction, wanted: 'read' | 'written'): Uses {
  const operation = OPERATIONS[instruction.operationNumber];
  const found: Uses = {
    general: wanted === 'read' ? operation.implicitReads : operation.implicitWrites,
    xmm: wanted === 'written' && operation.writesXmm0 ? 1 : 0,
  };
  const other = wanted === 'read' ? 'w' : 'r';
  instruction.operands.forEach((operand, position) => {
    if (operand.kind === 'memory') {
      // Its address is read, whatever is done with it.
      if (wanted === 'written') return;
      if (operand.base >= 0) found.general |= 1 << operand.base;
      if (operand.index >= 0) found.general |= 1 << operand.index;
      return;
    }
    const access = accessOf(instruction, position);
    if (access === other || access === 'n') return;
    if (operand.kind === 'general') found.general |= 1 << operand.register;
    if (operand.kind === 'xmm') found.xmm |= 1 << operand.register;
  });
  // imul of one operand is as mul; the table has one entry for all its forms.
  if (operation.name === 'imul' && instruction.operands.length === 1)
    found.general |= wanted === 'read' ? 1 : 5;
  return found;
}

/** The same case with other values wherever its instruction does not look. */
export function perturbed(
  each: Case,
  instruction: Instruction,
  random: RandomNumbers,
  pool: ValuePool,
): Case {
  const before = new Registers();
  before.fill(random, pool, false);
  const read = uses(instruction, 'read');
  const { flagsRead } = OPERATIONS[instruction.operationNumber];
  for (let register = 0; register < 16; register++) {
    if (((read.general >> register) & 1) !== 0) before.setGeneral(register, each.before.general(register));
    if (((read.xmm >> register) & 1) !== 0) before.xmm(register).set(each.before.xmm(register));
  }
  before.window.set(each.before.window);
  const kept = flagsRead | ~STATUS_FLAGS;
  before.flags = (each.before.flags & kept) | (random(0x1000) & STATUS_FLAGS & ~kept);
  before.mxcsr = each.before.mxcsr;
  return { ...each, before };
}

/** Bytes of a general register that an instruction writes: all, unless it is an operand of 1 or 2 bytes. */
function writtenBits(instruction: Instruction, register: number): bigint {
  let mask = 0n;
  instruction.operands.forEach((operand, position) => {
    if (
      operand.kind !== 'general' ||
      operand.register !== register ||
      accessOf(instruction, position) === 'r'
    )
      return;
    if (operand.size >= 4) mask = -1n;
    else mask |= ((1n << BigInt(operand.size * 8)) - 1n) << (operand.high ? 8n : 0n);
  });
  const { implicitWrites } = OPERATIONS[instruction.operationNumber];
  if (((implicitWrites >> register) & 1) !== 0 && instruction.size >= 4) mask = -1n;
  // Of 1 and 2 bytes implicit results are parts of rax and rdx; what is left of them is not looked at here.
  return mask === 0n ? 0xffn : BigInt.asUintN(64, mask);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}

function checkGeneral(
  instruction: Instruction,
  one: readonly [Registers, Registers],
  two: readonly [Registers, Registers],
): string[] {
  const written = uses(instruction, 'written').general;
  const wrong: string[] = [];
  for (let register = 0; register < 16; register++) {
    const name = registerName(register, 8);
    const changed = [one, two].map(([before, after]) => before.general(register) !== after.general(register));
    if (((written >> register) & 1) === 0) {
      if (changed[0] || changed[1]) wrong.push(`${name} is written`);
      continue;
    }
    const mask = writtenBits(instruction, register);
    const results = [one[1].general(register) & mask, two[1].general(register) & mask];
    if (results[0] !== results[1] && (changed[0] || changed[1]))
      wrong.push(`${name} depends on what is not read`);
  }
  return wrong;
}

function checkXmm(
  instruction: Instruction,
  one: readonly [Registers, Registers],
  two: readonly [Registers, Registers],
): string[] {
  const written = uses(instruction, 'written').xmm;
  const wrong: string[] = [];
  for (let register = 0; register < 16; register++) {
    const isWritten = ((written >> register) & 1) !== 0;
    if (isWritten && !sameBytes(one[1].xmm(register), two[1].xmm(register)))
      wrong.push(`xmm${register} depends on what is not read`);
    if (!isWritten && !sameBytes(one[0].xmm(register), one[1].xmm(register)))
      wrong.push(`xmm${register} is written`);
  }
  return wrong;
}

function checkFlags(
  operation: Operation,
  one: readonly [Registers, Registers],
  two: readonly [Registers, Registers],
): string[] {
  const { flagsWritten, flagsUndefined } = operation;
  const wrong: string[] = [];
  for (const [before, after] of [one, two]) {
    const changed = (before.flags ^ after.flags) & STATUS_FLAGS & ~(flagsWritten | flagsUndefined);
    if (changed !== 0) wrong.push(`flags 0x${changed.toString(16)} are written`);
  }
  // A flag that both left alone was not written this time: shifts by 0, repetitions of nothing.
  const left = ~(one[0].flags ^ one[1].flags) & ~(two[0].flags ^ two[1].flags);
  const different = (one[1].flags ^ two[1].flags) & flagsWritten & ~flagsUndefined & STATUS_FLAGS & ~left;
  if (different !== 0) wrong.push(`flags 0x${different.toString(16)} depend on what is not read`);
  return wrong;
}

/** What the table says wrongly about the instruction of a case, by its two outcomes. */
export function wrongFacts(
  instruction: Instruction,
  one: readonly [Registers, Registers],
  two: readonly [Registers, Registers],
): string[] {
  if (one[1].vector !== two[1].vector) return ['its exception depends on what is not read'];
  if (one[1].vector >= 0) return [];
  // Jumps: what they skip has effects of its own.
  if (OPERATIONS[instruction.operationNumber].control !== 'none') return [];
  const wrong = [
    ...checkGeneral(instruction, one, two),
    ...checkXmm(instruction, one, two),
    ...checkFlags(OPERATIONS[instruction.operationNumber], one, two),
  ];
  if (!sameBytes(one[1].window, two[1].window)) wrong.push('memory depends on what is not read');
  return wrong;
}
