/**
 * How translated functions call each other, and what lies where for them. Each takes rsp, fuel, rcx, rdx and r8; it
 * gives the fuel that is left and rax, when it returned to its caller. Nothing documented: chosen by measurement.
 */

import { ENGINE_SCRATCH, R8, RAX, RCX, RDX, RSP, STATE_GENERAL, STATE_XMM } from '../state.ts';
import { OTHER_I32, OTHER_I64, OTHER_V128 } from './body.ts';
import type { Registers } from './effects.ts';
import type { FunctionType } from './module.ts';
import { I32, I64 } from './opcodes.ts';

/** Why a translated function did not return: the negated first result. All registers are in the state block then. */
export const REASON_LEAVE = 0;
export const REASON_FUEL = 1;
export const REASON_STOP = 2;
/** The frame does not fit in what is known of the stack. */
export const REASON_STACK = 3;
/** A host function is done; the return address is still on the stack. */
export const REASON_POP = 4;
/** The registers are those of the instruction at rip: execution goes on there, translated or not. */
export const REASON_CONTINUE = 5;

/** Meanings of locals. */
export const FUEL = OTHER_I32;
export const RIP = OTHER_I32 + 1;
export const REASON = OTHER_I32 + 2;
/** Operands of the last instruction that set flags, 32 bits or less. */
export const FLAG_A32 = OTHER_I32 + 3;
export const FLAG_B32 = OTHER_I32 + 4;
/** Single flags, 0 or 1, by the index of `FLAG_ORDER`. */
export const FLAG_BITS = OTHER_I32 + 5;
/** Address of the memory operand in the WebAssembly memory. */
export const ADDRESS = OTHER_I32 + 11;
export const SECOND_ADDRESS = OTHER_I32 + 12;
export const SCRATCH32 = OTHER_I32 + 13;
export const SECOND_SCRATCH32 = OTHER_I32 + 14;
export const THIRD_SCRATCH32 = OTHER_I32 + 15;
export const SWITCH_INDEX = OTHER_I32 + 16;
/** Number of the next block, where control flow cannot be structured. */
export const NEXT_BLOCK = OTHER_I32 + 17;
export const COUNT = OTHER_I32 + 18;

export const EFFECTIVE = OTHER_I64;
export const FLAG_A64 = OTHER_I64 + 1;
export const FLAG_B64 = OTHER_I64 + 2;
export const SCRATCH64 = OTHER_I64 + 3;
export const SECOND_SCRATCH64 = OTHER_I64 + 4;
export const TARGET = OTHER_I64 + 5;
export const THIRD_SCRATCH64 = OTHER_I64 + 6;
/** The page that rsp points to when the function begins. */
export const ENTRY_PAGE = OTHER_I64 + 7;
/** Stretches of accessible pages for loops of one block, in pairs: lowest address, number of addresses. */
export const FAST_WINDOWS = OTHER_I64 + 8;
/** Pages known to be accessible, one per base register and kind of access. */
export const WINDOWS = OTHER_I64 + 16;

export const SCRATCH128 = OTHER_V128;

export const PARAMETERS: readonly number[] = [RSP, FUEL, RCX, RDX, R8];
/** Registers that are passed as parameters. */
export const PASSED: Registers = (1 << RSP) | (1 << RCX) | (1 << RDX) | (1 << R8);
export const RSP_BIT: Registers = 1 << RSP;
export const RAX_BIT: Registers = 1 << RAX;

/** Types of every module, by index. */
export const TYPE_GUEST = 0;
export const TYPE_HOST = 1;
export const TYPE_MULTIPLY = 2;
export const TYPE_RANGE = 3;
export const TYPE_WINDOW = 4;
export const TYPES: readonly FunctionType[] = [
  { parameters: [I64, I32, I64, I64, I64], results: [I32, I64] },
  { parameters: [I32], results: [I32] },
  { parameters: [I64, I64], results: [I64] },
  { parameters: [I32, I32], results: [I32] },
  { parameters: [I64, I32, I32], results: [I64, I64] },
];

/** Imported functions of every module, by index. */
export const IMPORT_HOST = 0;
export const IMPORT_STEP = 1;
export const IMPORT_RESOLVE = 2;
export const IMPORT_MULTIPLY_HIGH_UNSIGNED = 3;
export const IMPORT_MULTIPLY_HIGH_SIGNED = 4;
export const IMPORT_CAN_READ = 5;
export const IMPORT_CAN_WRITE = 6;
export const IMPORT_OPEN_WINDOW = 7;
export const IMPORTS = [
  { name: 'host', type: TYPE_HOST },
  { name: 'step', type: TYPE_HOST },
  { name: 'resolve', type: TYPE_HOST },
  { name: 'multiplyHighUnsigned', type: TYPE_MULTIPLY },
  { name: 'multiplyHighSigned', type: TYPE_MULTIPLY },
  { name: 'canRead', type: TYPE_RANGE },
  { name: 'canWrite', type: TYPE_RANGE },
  { name: 'openWindow', type: TYPE_WINDOW },
] as const;

/** Lowest and one past the highest stack address that may be touched without a check; 64-bit addresses. */
export const STACK_LOW = ENGINE_SCRATCH;
export const STACK_HIGH = ENGINE_SCRATCH + 8;
/** Slots of indirect call targets: low half of the address, number of the table element. */
export const CALL_CACHE = ENGINE_SCRATCH + 0x1000;
export const CALL_CACHE_ENTRIES = 1024;

/** Where a register lies in the state block. */
export function stateOf(register: number): number {
  return register < 16 ? STATE_GENERAL + register * 8 : STATE_XMM + (register - 16) * 16;
}

/** How memory accesses are checked; offsets in the WebAssembly memory. */
export interface CheckMap {
  /** A byte for each page of the low half: 0 where it may be read. */
  readonly readMap: number;
  /** A byte for each page: 0 where it may be read and written, and holds no code that was decoded. */
  readonly writeMap: number;
  /** Shadow byte of address 0, -1 where memory safety is off. */
  readonly shadow: number;
}
