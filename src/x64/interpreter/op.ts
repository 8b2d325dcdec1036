/**
 * One decoded instruction in the form that the interpreter executes: small numbers, addresses of registers and links
 * to the instructions that follow. Made from an Instruction by `compile.ts`.
 */

import { type Address, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { INTERPRETER_SCRATCH } from '../state.ts';
import type { Cpu } from './cpu.ts';

/**
 * Executes one instruction: all it may fault at is checked before it changes anything.
 * @param destination address of the first operand, be it a register in the state block or guest memory.
 * @param source address of the second operand, an immediate one included.
 */
export type Handler = (cpu: Cpu, op: Op, destination: Address, source: Address) => void;

/** Sixteen bytes that are always zero: the register that an address without base or index names. */
export const ZERO_SLOT: Address = INTERPRETER_SCRATCH;
/** Where an immediate operand lies while its instruction runs. */
export const IMMEDIATE_SLOT: Address = INTERPRETER_SCRATCH + 0x10;
/** Results that are made while the operands are still read. */
export const RESULT_SLOT: Address = INTERPRETER_SCRATCH + 0x30;

/** The arithmetic flags as the last instruction left them: five words, see `Cpu`. */
export const FLAG_SLOTS: Address = INTERPRETER_SCRATCH + 0x80;

/** Everything below is no guest memory: an operand there is a register or an immediate. */
export const REGISTER_END: Address = 0x1_0000;

/** Values of Op.pre: how the address of the memory operand is found. */
export const PRE_NONE = 0;
export const PRE_BASE = 1;
export const PRE_ABSOLUTE = 2;
export const PRE_INDEX = 3;
export const PRE_OTHER = 4;

/** Bits of Op.access and of the map of pages that need no closer look. */
export const FAST_READ = 1;
export const FAST_WRITE = 2;

/** Values of Op.code that the cache of decoded code sets; the others are in `codes.ts`. */
export const CODE_UNDECODED = 0;
export const CODE_CHANGED = 1;
export const CODE_CALLABLE = 2;
export const CODE_ENTRY = 3;
export const CODE_HANDLER = 4;
export const CODE_JUMP_HANDLER = 5;

function noHandler(): void {
  throw new Error('an instruction ran before it was decoded');
}

/** One address of code. It stays the same object for as long as the cache knows the address, so links never dangle. */
export class Op {
  /** Low half of the address. */
  readonly address: Address;
  /** High half; another than the kernel window's where nothing can be executed. */
  readonly window: number;
  /** What the main loop does. */
  code = CODE_UNDECODED;
  pre = PRE_NONE;
  /** Address of the next instruction. */
  end: Address;
  /** Register operands, as addresses in the state block; 0 for the memory operand. */
  destination: Address = 0;
  source: Address = 0;
  /** Immediate operand; of an address without access, its displacement. */
  low = 0;
  high = 0;
  /** The memory operand. Registers are given by the number of their first word in memory. */
  base = ZERO_SLOT >> 2;
  index = ZERO_SLOT >> 2;
  shift = 0;
  displacement = 0;
  displacementHigh = 0;
  segmentBase = ZERO_SLOT >> 2;
  addressMask = -1;
  /** Accesses to the memory operand, and its bytes. */
  access = 0;
  /** Accesses that exploration is asked about: those of instructions, too, that check their operands themselves. */
  observed = 0;
  size = 0;
  /** The memory operand lies within a page, and aligned if it must be, when (address & mask) <= limit. */
  mask = 0xfff;
  limit = 0xfff;
  /** A misaligned memory operand is a general protection fault. */
  aligned = false;
  condition = -1;
  /** Of a conditional jump: bit n says whether it is taken where CF, ZF, SF, OF are the bits of n. 0: ask the loop. */
  takenFor = 0;
  /** Bytes of the operation. */
  width = 0;
  next: Op | null = null;
  /** Target of a direct jump or call. */
  taken: Op | null = null;
  /** 1 where the target of the direct jump is not behind it: fuel is looked at. */
  backward = 0;
  /** A third register operand. */
  third: Address = 0;
  /** Calls and backward jumps to here until the engine is told. */
  callsLeft = 0;
  loopsLeft = 0;
  run: Handler = noHandler;
  instruction: Instruction | null = null;

  constructor(address: Address, window = KERNEL_WINDOW_HIGH) {
    this.address = address;
    this.window = window;
    this.end = address;
  }

  /** Forgets what it was decoded to. Its links stay, because the instruction may be in the middle of running. */
  drop(code = CODE_UNDECODED): void {
    this.code = code;
    this.pre = PRE_NONE;
    this.takenFor = 0;
  }
}
