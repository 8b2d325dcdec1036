/** What differs between two outcomes of a case, where the manual defines it. */

import type { KernelMemory } from '../../src/memory/index.ts';
import {
  Decoder,
  disassemble,
  FLAG_AF,
  FLAG_CF,
  FLAG_DF,
  FLAG_OF,
  type Form,
  type Instruction,
  OPERATIONS,
  RCX,
  registerName,
  STATUS_FLAGS,
} from '../../src/x64/index.ts';
import type { Case } from './cases.ts';
import { CODE_ADDRESS, CODE_STRIDE, type Registers } from './records.ts';

const COMPARED_FLAGS = STATUS_FLAGS | FLAG_DF;
/** Approximations, whose bits differ between processors: name and the width of their lanes. */
const APPROXIMATE = /^r(sqrt|cp)[ps]s$/;
/** Twice the error that the manual allows each: 1.5 * 2^-12. */
const APPROXIMATION_ERROR = 3 / 4096;

/** Count of a shift or rotate, as the processor masks it. */
function countOf(instruction: Instruction, before: Registers): number {
  const last = instruction.operands[instruction.operands.length - 1];
  const raw = last.kind === 'immediate' ? last.low : Number(before.general(RCX) & 0xffn);
  return raw & (instruction.size === 8 ? 63 : 31);
}

/** Flags that the manual leaves undefined after an instruction with these operands. */
function undefinedFlags(instruction: Instruction, before: Registers): number {
  const { operation, size } = instruction;
  switch (operation) {
    case 'shl':
    case 'shr':
    case 'sar':
    case 'shld':
    case 'shrd': {
      const count = countOf(instruction, before);
      if (count === 0) return 0;
      const wide = operation !== 'sar' && count >= size * 8;
      return FLAG_AF | (count === 1 ? 0 : FLAG_OF) | (wide ? FLAG_CF : 0);
    }
    case 'rol':
    case 'ror':
    case 'rcl':
    case 'rcr': {
      const count = countOf(instruction, before);
      return count > 1 ? FLAG_OF : 0;
    }
    default:
      return OPERATIONS[instruction.operationNumber].flagsUndefined;
  }
}

/** Instructions of a case, decoded where the guest has them. */
export function instructionsOf(memory: KernelMemory, each: Case, number: number): Instruction[] {
  const decoder = new Decoder(memory);
  const start = CODE_ADDRESS + number * CODE_STRIDE;
  const instructions: Instruction[] = [];
  let at = start;
  while (at < start + each.code.length) {
    const instruction = decoder.decode(at);
    instructions.push(instruction);
    at += instruction.length;
  }
  return instructions;
}

function close(a: number, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) === Number.isNaN(b);
  if (!Number.isFinite(a) || !Number.isFinite(b) || a === 0 || b === 0) return a === b;
  return Math.abs(a - b) <= Math.abs(a) * APPROXIMATION_ERROR;
}

function closeLanes(a: Uint8Array, b: Uint8Array): boolean {
  const x = new DataView(a.buffer, a.byteOffset, 16);
  const y = new DataView(b.buffer, b.byteOffset, 16);
  for (let at = 0; at < 16; at += 4) {
    if (x.getUint32(at) !== y.getUint32(at) && !close(x.getFloat32(at, true), y.getFloat32(at, true)))
      return false;
  }
  return true;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function flagsText(flags: number): string {
  const letters: readonly [number, string][] = [
    [0x800, 'o'],
    [0x400, 'd'],
    [0x80, 's'],
    [0x40, 'z'],
    [0x10, 'a'],
    [4, 'p'],
    [1, 'c'],
  ];
  return letters.map(([bit, letter]) => ((flags & bit) !== 0 ? letter.toUpperCase() : letter)).join('');
}

/**
 * What is wrong with `found` where silicon has `expected`; empty when nothing is.
 * @param flagsAtFaults false: flags that nothing reads any more may be missing where a sequence faults.
 */
export function differences(
  each: Case,
  instructions: readonly Instruction[],
  expected: Registers,
  found: Registers,
  flagsAtFaults = true,
): string[] {
  const wrong: string[] = [];
  const { before } = each;
  if (expected.vector !== found.vector) return [`exception ${found.vector}, expected ${expected.vector}`];
  if (expected.vector >= 0 && expected.rip !== found.rip) {
    wrong.push(`exception at 0x${found.rip.toString(16)}, expected at 0x${expected.rip.toString(16)}`);
  }
  for (let register = 0; register < 16; register++) {
    const a = expected.general(register);
    const b = found.general(register);
    if (a !== b)
      wrong.push(
        `${registerName(register, 8)} ${b.toString(16)}, expected ${a.toString(16)}, was ${before.general(register).toString(16)}`,
      );
  }
  // An instruction that raises an exception has not changed flags.
  const excepted =
    expected.vector < 0
      ? (each.undefinedFlags ?? undefinedFlags(instructions[0], before))
      : flagsAtFaults || instructions.length === 1
        ? (each.undefinedAtFault ?? 0)
        : -1;
  const mask = COMPARED_FLAGS & ~excepted;
  if ((expected.flags & mask) !== (found.flags & mask)) {
    wrong.push(
      `flags ${flagsText(found.flags & mask)}, expected ${flagsText(expected.flags & mask)}, was ${flagsText(before.flags)}`,
    );
  }
  if (expected.mxcsr !== found.mxcsr) {
    wrong.push(
      `mxcsr ${found.mxcsr.toString(16)}, expected ${expected.mxcsr.toString(16)}, was ${before.mxcsr.toString(16)}`,
    );
  }
  const approximate = each.forms.some((form: Form) => APPROXIMATE.test(form.operation.name));
  for (let register = 0; register < 16; register++) {
    const a = expected.xmm(register);
    const b = found.xmm(register);
    if (same(a, b) || (approximate && closeLanes(a, b))) continue;
    wrong.push(`xmm${register} ${hex(b)}, expected ${hex(a)}, was ${hex(before.xmm(register))}`);
  }
  if (!same(expected.window, found.window)) {
    let at = 0;
    while (expected.window[at] === found.window[at]) at++;
    const end = at + 16;
    wrong.push(
      `memory at window+0x${at.toString(16)}: ${hex(found.window.subarray(at, end))}, expected ` +
        `${hex(expected.window.subarray(at, end))}, was ${hex(before.window.subarray(at, end))}`,
    );
  }
  return wrong;
}

/** A report of a case that went wrong. */
export function report(each: Case, instructions: readonly Instruction[], wrong: readonly string[]): string {
  const text = instructions.map((instruction) => disassemble(instruction)).join('; ');
  const bytes = each.code.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const inputs: string[] = [];
  for (const { operands } of instructions.slice(0, 1)) {
    for (const operand of operands) {
      if (operand.kind === 'general')
        inputs.push(
          `${registerName(operand.register, 8)}=${each.before.general(operand.register).toString(16)}`,
        );
      if (operand.kind === 'xmm')
        inputs.push(`xmm${operand.register}=${hex(each.before.xmm(operand.register))}`);
    }
  }
  return `${text} (${bytes}) with ${inputs.join(' ')}: ${wrong.join('; ')}`;
}
