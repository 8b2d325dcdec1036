/**
 * What the instruction table says about an operation, and the notation in which its encodings are written. Implements
 * "Instruction Format" and the opcode map notation of the Intel 64 manual, volume 2, chapter 2 and appendix A.
 */

import { FLAG_AF, FLAG_CF, FLAG_DF, FLAG_IF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_TF, FLAG_ZF } from '../state.ts';
import type { Semantics } from './semantics.ts';

/** Which processors have an operation, as cpuid reports it; `base` is every x86-64 one. */
export type Feature =
  | 'base'
  | 'sse'
  | 'sse2'
  | 'sse3'
  | 'ssse3'
  | 'sse4.1'
  | 'sse4.2'
  | 'popcnt'
  | 'lzcnt'
  | 'movbe'
  | 'cx16'
  | 'clflush'
  | 'bmi1'
  | 'bmi2';

/** Where control goes after an operation, if not to the next instruction. */
export type ControlFlow = 'none' | 'jump' | 'conditional' | 'call' | 'return' | 'interrupt' | 'halt';

/** What an operation does with an operand: reads, writes, both, or only takes its address. */
export type OperandAccess = 'r' | 'w' | 'x' | 'n';

/** What is said about an operation where the table defines it; everything left out has the value of the comment. */
export interface Facts {
  /** Flags that decide what happens, as letters of `oszapcdit`. None. */
  readonly reads?: string;
  /** Flags that get a defined value. None. */
  readonly writes?: string;
  /** Flags whose value afterwards is undefined. None. */
  readonly undefined?: string;
  /** Access of each operand, one letter each. The first `x`, the others `r`. */
  readonly access?: string;
  /** May have a lock prefix where the first operand is memory. No. */
  readonly lock?: boolean;
  /** String instruction: `rep` repeats it, or repeats it while ZF says so. None. */
  readonly repeat?: 'rep' | 'repWhile';
  /** `base`. */
  readonly feature?: Feature;
  /** Only for ring 0, or touches what only the operating system may. No. */
  readonly privileged?: boolean;
  /** `none`. */
  readonly control?: ControlFlow;
  /** General registers read and written that are no operands, by encoding number. None. */
  readonly implicitReads?: readonly number[];
  readonly implicitWrites?: readonly number[];
  /** Its result goes to xmm0, which is no operand. No. */
  readonly writesXmm0?: boolean;
  /** A memory operand of 16 bytes need not be aligned to 16. No: it must. */
  readonly unaligned?: boolean;
  /** The mod field of ModRM is ignored: always a register. No. */
  readonly ignoresMod?: boolean;
  /** What the disassembly shows, if not the name. With several, the one for operations of 2, 4, 8 (then 1 and 16) bytes. */
  readonly mnemonics?: string;
  readonly semantics?: Semantics;
}

/** One operation of the table. */
export interface Operation {
  /** Its index in OPERATIONS. */
  readonly number: number;
  readonly name: string;
  /** Masks of RFLAGS bits. */
  readonly flagsRead: number;
  readonly flagsWritten: number;
  readonly flagsUndefined: number;
  readonly access: string;
  readonly lock: boolean;
  readonly repeat: 'none' | 'rep' | 'repWhile';
  readonly feature: Feature;
  readonly privileged: boolean;
  readonly control: ControlFlow;
  /** Bit n: general register n. */
  readonly implicitReads: number;
  readonly implicitWrites: number;
  readonly writesXmm0: boolean;
  /** A memory operand of 16 bytes must be aligned to 16, else general protection. */
  readonly aligned: boolean;
  /** The mod field of ModRM is ignored: always a register. */
  readonly ignoresMod: boolean;
  /** Mnemonics for sizes 1, 2, 4, 8, 16, in this order. */
  readonly mnemonics: readonly string[];
  /** What it does as data, where that can be said; else its name is all. */
  readonly semantics: Semantics | undefined;
  readonly forms: readonly Form[];
}

/** Opcode maps: one byte, 0F, 0F 38, 0F 3A, and the same last three after a VEX prefix. */
export type OpcodeMap = 0 | 1 | 2 | 3 | 5 | 6 | 7;
export const VEX_MAPS = 4;

/** Which prefix selects a form: none of 66, F3, F2; one of them; or any of them, then it keeps its own meaning. */
export type MandatoryPrefix = 'none' | '66' | 'f3' | 'f2' | 'any';

/** Kinds of operands in an encoding, numbered for dispatch. */
export const OPERAND_RM = 0;
export const OPERAND_RM_MEMORY = 1;
export const OPERAND_RM_REGISTER = 2;
export const OPERAND_REG = 3;
export const OPERAND_OPCODE_REGISTER = 4;
export const OPERAND_FIXED_REGISTER = 5;
export const OPERAND_XMM_RM = 6;
export const OPERAND_XMM_RM_REGISTER = 7;
export const OPERAND_XMM_REG = 8;
export const OPERAND_XMM_ZERO = 9;
export const OPERAND_IMMEDIATE = 10;
export const OPERAND_IMMEDIATE_BYTE_SIGNED = 11;
export const OPERAND_IMMEDIATE_UNSIGNED = 12;
export const OPERAND_ONE = 13;
export const OPERAND_RELATIVE = 14;
export const OPERAND_ABSOLUTE_OFFSET = 15;
export const OPERAND_CONTROL = 16;
export const OPERAND_DEBUG = 17;
export const OPERAND_SEGMENT = 18;
export const OPERAND_FIXED_SEGMENT = 19;
export const OPERAND_VEX_REGISTER = 20;

/** Sizes that depend on prefixes; others are the number of bytes. */
export const SIZE_V = 32;
export const SIZE_Z = 33;
export const SIZE_Y = 34;
/** Twice SIZE_Y: cmpxchg8b and cmpxchg16b. */
export const SIZE_T = 35;

/** One operand of an encoding. */
export interface OperandForm {
  readonly kind: number;
  /** Bytes, or one of SIZE_*; of the register where memory has another size. */
  readonly size: number;
  /** Bytes in memory, or one of SIZE_*. */
  readonly memorySize: number;
  /** Number of a fixed register. */
  readonly register: number;
}

/** One encoding of an operation. */
export interface Form {
  /** Its index in FORMS. */
  readonly number: number;
  readonly operation: Operation;
  /** As written in the table. */
  readonly text: string;
  readonly map: OpcodeMap;
  readonly prefix: MandatoryPrefix;
  readonly opcode: number;
  /** Low bits of the opcode that are not part of it: 7 for a register, 15 for a condition, else 0. */
  readonly opcodeMask: number;
  readonly condition: boolean;
  /** A ModRM byte follows the opcode. */
  readonly modrm: boolean;
  /** Reg field of ModRM, -1 for any. */
  readonly extension: number;
  /** The whole ModRM byte, -1 for any. */
  readonly fixedModrm: number;
  /** ModRM must name a register, though no operand lies there. */
  readonly registerOnly: boolean;
  readonly operands: readonly OperandForm[];
  /** One of them is the register of a VEX prefix. */
  readonly hasVexRegister: boolean;
  /** SIZE_* or bytes of the operation where no operand says it; 0: the first operand. */
  readonly size: number;
  /** Operand size: 0 by prefixes, 1 is 8 unless 66 says 2, 2 is always 8. */
  readonly default64: 0 | 1 | 2;
  /** Access of each operand; the operation's unless the form has its own. */
  readonly access: string;
}

/** An operation as a table file defines it. */
export interface Definition {
  readonly name: string;
  readonly facts: Facts;
  /** See `parseForm` for the notation. */
  readonly forms: readonly string[];
}

export function define(name: string, facts: Facts, ...forms: string[]): Definition {
  return { name, facts, forms };
}

const FLAG_LETTERS: Readonly<Record<string, number>> = {
  o: FLAG_OF,
  s: FLAG_SF,
  z: FLAG_ZF,
  a: FLAG_AF,
  p: FLAG_PF,
  c: FLAG_CF,
  d: FLAG_DF,
  i: FLAG_IF,
  t: FLAG_TF,
};

/** Mask of RFLAGS bits for letters. */
export function flagMask(letters: string): number {
  let mask = 0;
  for (const letter of letters) mask |= FLAG_LETTERS[letter];
  return mask;
}

/** All flags that instructions compute from results. */
export const STATUS_FLAGS = flagMask('oszapc');
