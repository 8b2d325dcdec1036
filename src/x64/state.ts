/**
 * The registers of the strand that runs, in the part of memory that no guest address reaches: the first 64 KiB.
 * Interpreter, translated code and host share them there. Implements "Basic Execution Environment" of the Intel 64
 * manual, volume 1, chapter 3.
 */

import type { Address } from '../memory/index.ts';

/** Where the registers lie. Guest addresses below 64 KiB are never mapped, so machine code cannot reach them. */
export const STATE: Address = 0x1000;
/** Bytes that belong to a strand: what is saved and restored when another one runs. */
export const STATE_SIZE = 0x240;

/** Sixteen general registers of 8 bytes, in the order of their encoding: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8.. */
export const STATE_GENERAL: Address = STATE;
/** The instruction pointer, 8 bytes. */
export const STATE_RIP: Address = STATE + 0x80;
/** RFLAGS, 4 bytes; always materialized where the host can look. */
export const STATE_FLAGS: Address = STATE + 0x88;
/** MXCSR, 4 bytes. */
export const STATE_MXCSR: Address = STATE + 0x8c;
/** Instructions that may still run before the engine leaves with `fuel`; signed, 4 bytes. */
export const STATE_FUEL: Address = STATE + 0x90;
/** The base of gs:, 8 bytes. */
export const STATE_GS_BASE: Address = STATE + 0x98;
/** The base of fs:, 8 bytes. */
export const STATE_FS_BASE: Address = STATE + 0xa0;
/** Sixteen XMM registers of 16 bytes. */
export const STATE_XMM: Address = STATE + 0x100;
/** Free for the interpreter of one machine: constants, and operands brought to an aligned place. */
export const INTERPRETER_SCRATCH: Address = 0x1400;
/** Free for the translated code of one machine (not per strand): inline caches, scratch. */
export const ENGINE_SCRATCH: Address = 0x2000;
/** One past the scratch area. */
export const ENGINE_SCRATCH_END: Address = 0x1_0000;

/** Encoding numbers of the general registers. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;

/** Bits of RFLAGS. */
export const FLAG_CF = 0x1;
export const FLAG_PF = 0x4;
export const FLAG_AF = 0x10;
export const FLAG_ZF = 0x40;
export const FLAG_SF = 0x80;
export const FLAG_TF = 0x100;
export const FLAG_IF = 0x200;
export const FLAG_DF = 0x400;
export const FLAG_OF = 0x800;
