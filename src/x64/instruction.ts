/**
 * A decoded instruction, as the decoder gives it to interpreter, translator and disassembly. Implements "Instruction
 * Format" of the Intel 64 manual, volume 2, chapter 2.
 */

import type { Address } from '../memory/index.ts';

/** Bytes that an operand has. */
export type OperandSize = 1 | 2 | 4 | 8 | 16;

/** A memory operand: segment base + base + index * scale + displacement. */
export interface MemoryOperand {
  readonly kind: 'memory';
  readonly size: OperandSize;
  /** Encoding number of the base register, -1 for none; rip-relative ones are resolved into `displacement`. */
  readonly base: number;
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  /** Low half of the sign-extended displacement; of the whole address where `ripRelative`. */
  readonly displacement: number;
  /** The operand was rip-relative: `displacement` is the low half of an address in the kernel window. */
  readonly ripRelative: boolean;
  readonly segment: 'none' | 'fs' | 'gs';
  /** 67 prefix: the address is computed in 32 bits and zero-extended. */
  readonly addressSize: 4 | 8;
  /** 64-bit absolute address of the moffs forms, where `displacement` is not enough. */
  readonly displacementHigh: number;
}

export type Operand =
  /** `high`: ah, ch, dh, bh, as bits 8 to 15 of register 0 to 3. */
  | {
      readonly kind: 'general';
      readonly size: 1 | 2 | 4 | 8;
      readonly register: number;
      readonly high: boolean;
    }
  | { readonly kind: 'xmm'; readonly size: OperandSize; readonly register: number }
  | { readonly kind: 'control'; readonly size: 8; readonly register: number }
  | { readonly kind: 'debug'; readonly size: 8; readonly register: number }
  | { readonly kind: 'segment'; readonly size: 2; readonly register: number }
  /** Sign-extended to 64 bits: both halves as signed 32-bit numbers. */
  | { readonly kind: 'immediate'; readonly size: OperandSize; readonly low: number; readonly high: number }
  /** Target of a direct jump or call: low half of an address in the kernel window. */
  | { readonly kind: 'target'; readonly size: 8; readonly address: Address }
  | MemoryOperand;

export type Repeat = 'none' | 'rep' | 'repne';

/** One decoded instruction. Objects are made once per address and cached, all with the same shape. */
export interface Instruction {
  /** Low half of its address, which lies in the kernel window. */
  readonly address: Address;
  /** 1 to 15 bytes. */
  readonly length: number;
  /**
   * What it does: the Intel mnemonic in lower case, `add`, `movzx`, `pshufd`; families that differ in their condition
   * are one: `jcc`, `setcc`, `cmovcc`. String instructions are `movs`, `cmps`, `stos`, `lods`, `scas`, `ins`, `outs`.
   * Families that differ in size are one: `cbw`, `cwd`, `cmpxchg8b`, `movd`, `pextrd`, `pinsrd`, `pushf`, `popf`. Moves of
   * control, debug and segment registers are `movcr`, `movdr`, `movsr`. Each has one entry in OPERATIONS.
   */
  readonly operation: string;
  /** Number of the operation in the table: dense, from 0, for dispatch. */
  readonly operationNumber: number;
  /** Bytes of the operation: of its first operand, or of an element for string instructions. */
  readonly size: OperandSize;
  /** 0 to 15, the low nibble of the condition's encoding; -1 where there is none. */
  readonly condition: number;
  /**
   * Destination first, as Intel writes them; implicit operands are not listed. Immediates that are sign-extended by the
   * instruction have the operation's size; control bytes, counts, ports and the numbers of `int`, `ret` and `enter`
   * are unsigned.
   */
  readonly operands: readonly Operand[];
  readonly lock: boolean;
  /** Of string instructions only; elsewhere such prefixes mean nothing. */
  readonly repeat: Repeat;
  /** Of implicit memory operands: string instructions, xlat, maskmovdqu. `none` where an explicit one has its own. */
  readonly segment: 'none' | 'fs' | 'gs';
  /** 4 with a 67 prefix: string instructions, loops and jrcxz count in ecx and address with esi and edi then. */
  readonly addressSize: 4 | 8;
  /** Number of its encoding in FORMS, -1 where invalid. */
  readonly form: number;
  /**
   * -1, or the vector that its execution raises because it could not be decoded (operation `invalid`): 6 invalid
   * opcode, 13 more than 15 bytes, 14 a byte of it lies in a page that may not be executed.
   */
  readonly exception: number;
  /** Exception 14: the address of that byte. Else 0. */
  readonly faultAddress: Address;
  /** Of an invalid one: what it would have been, such as `fld` or `vaddps`, or why it is none. Else empty. */
  readonly reason: string;
}
