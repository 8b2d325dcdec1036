/**
 * The records in which machine code sees an exception: EXCEPTION_RECORD, CONTEXT, EXCEPTION_POINTERS and
 * DISPATCHER_CONTEXT, at their places in guest memory. Implements ntddk.h and "x64 exception handling", language
 * specific handler (Microsoft C++).
 */

import { type Address, KERNEL_WINDOW_HIGH, type KernelMemory } from '../../memory/index.ts';
import {
  FLAGS_WORD,
  instructionPointer,
  isKernelMemory,
  MXCSR_WORD,
  REGISTER_WORDS,
  type Registers,
  XMM_WORD,
} from '../unwind/index.ts';

/** Bits of ExceptionFlags. */
export const EXCEPTION_NONCONTINUABLE = 0x1;
export const EXCEPTION_UNWINDING = 0x2;
export const EXCEPTION_EXIT_UNWIND = 0x4;
export const EXCEPTION_STACK_INVALID = 0x8;
export const EXCEPTION_NESTED_CALL = 0x10;
export const EXCEPTION_TARGET_UNWIND = 0x20;
export const EXCEPTION_COLLIDED_UNWIND = 0x40;

/** What a language handler answers: EXCEPTION_DISPOSITION. */
export const EXCEPTION_CONTINUE_EXECUTION = 0;
export const EXCEPTION_CONTINUE_SEARCH = 1;

/** Bytes of the records, rounded up to the alignment of CONTEXT where they lie one after the other. */
export const CONTEXT_SIZE = 0x4d0;
export const RECORD_SIZE = 0xa0;
export const DISPATCHER_SIZE = 0x50;

/** An exception, apart from the registers it happened at. */
export interface ExceptionDescription {
  /** ExceptionCode, an NTSTATUS. */
  readonly code: number;
  readonly flags: number;
  /** Address of the EXCEPTION_RECORD of the exception that this one happened in, 0 for none. */
  readonly nested: Address;
  /** The 64-bit ExceptionAddress. */
  readonly address: bigint;
  /** ExceptionInformation, at most 15. */
  readonly information: readonly bigint[];
}

const MOST_PARAMETERS = 15;
const CONTEXT_FULL_WITH_SEGMENTS = 0x10_000f;
/** General registers and rip lie together, in the order of their encoding, as in the register block. */
const CONTEXT_GENERAL = 120;
const GENERAL_AND_RIP_WORDS = 34;
const CONTEXT_XMM = 416;
/** The flags that code may set: arithmetic and direction; interrupts stay on. */
const RESTORED_FLAGS = 0xcd5;
const FIXED_FLAGS = 0x202;

/** The 64-bit value of two halves. */
export function wide(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Writes an EXCEPTION_RECORD at `at`, aligned to 8. */
export function storeRecord(memory: KernelMemory, at: Address, exception: ExceptionDescription): void {
  memory.u8.fill(0, at, at + RECORD_SIZE);
  const information = exception.information.slice(0, MOST_PARAMETERS);
  memory.u32[at >> 2] = exception.code;
  memory.u32[(at + 4) >> 2] = exception.flags;
  memory.writePointer(at + 8, exception.nested);
  memory.u64[(at + 16) >> 3] = exception.address;
  memory.u32[(at + 24) >> 2] = information.length;
  for (let i = 0; i < information.length; i++) memory.u64[(at + 32 + i * 8) >> 3] = information[i] ?? 0n;
}

/** Reads an EXCEPTION_RECORD that machine code may have written; null where it points to no memory. */
export function loadRecord(memory: KernelMemory, at: Address): ExceptionDescription | null {
  if (!isKernelMemory(memory, at, KERNEL_WINDOW_HIGH, RECORD_SIZE)) return null;
  const { data } = memory;
  const count = Math.min(data.getUint32(at + 24, true), MOST_PARAMETERS);
  return {
    code: data.getUint32(at, true),
    flags: data.getUint32(at + 4, true),
    nested: data.getUint32(at + 8, true),
    address: data.getBigUint64(at + 16, true),
    information: Array.from({ length: count }, (_, index) => data.getBigUint64(at + 32 + index * 8, true)),
  };
}

/** ExceptionFlags of the record at `at`. */
export function recordFlags(memory: KernelMemory, at: Address): number {
  return memory.data.getUint32(at + 4, true);
}

/** Sets and clears bits of ExceptionFlags. */
export function changeRecordFlags(memory: KernelMemory, at: Address, set: number, clear = 0): void {
  memory.data.setUint32(at + 4, (recordFlags(memory, at) | set) & ~clear, true);
}

/** Writes a CONTEXT at `at`, aligned to 8. */
export function storeContext(memory: KernelMemory, at: Address, registers: Registers): void {
  const { i32, u16 } = memory;
  memory.u8.fill(0, at, at + CONTEXT_SIZE);
  i32[(at + 48) >> 2] = CONTEXT_FULL_WITH_SEGMENTS;
  i32[(at + 52) >> 2] = registers[MXCSR_WORD];
  // The selectors of kernel code and data; user data in ds, es and gs, as Windows leaves them.
  u16.set([0x10, 0x2b, 0x2b, 0x53, 0x2b, 0x18], (at + 56) >> 1);
  i32[(at + 68) >> 2] = registers[FLAGS_WORD];
  i32.set(registers.subarray(0, GENERAL_AND_RIP_WORDS), (at + CONTEXT_GENERAL) >> 2);
  i32[(at + 256 + 24) >> 2] = registers[MXCSR_WORD];
  i32.set(registers.subarray(XMM_WORD, XMM_WORD + 64), (at + CONTEXT_XMM) >> 2);
}

/** Reads a CONTEXT that machine code may have written; null where it points to no memory. */
export function loadContext(memory: KernelMemory, at: Address): Registers | null {
  if (at % 8 !== 0 || !isKernelMemory(memory, at, KERNEL_WINDOW_HIGH, CONTEXT_SIZE)) return null;
  const { i32 } = memory;
  const registers = new Int32Array(REGISTER_WORDS);
  const general = (at + CONTEXT_GENERAL) >> 2;
  registers.set(i32.subarray(general, general + GENERAL_AND_RIP_WORDS));
  registers[FLAGS_WORD] = (i32[(at + 68) >> 2] & RESTORED_FLAGS) | FIXED_FLAGS;
  registers[MXCSR_WORD] = i32[(at + 52) >> 2] & 0xffff;
  const xmm = (at + CONTEXT_XMM) >> 2;
  registers.set(i32.subarray(xmm, xmm + 64), XMM_WORD);
  return registers;
}

/** What a dispatcher tells a language handler of its frame. */
export interface FrameFacts {
  readonly controlPc: Address;
  readonly imageBase: Address;
  readonly functionEntry: Address;
  readonly establisherFrame: Address;
  readonly handler: Address;
  readonly handlerData: Address;
}

/** Writes a DISPATCHER_CONTEXT at `at`, aligned to 8. */
export function storeDispatcher(
  memory: KernelMemory,
  at: Address,
  frame: FrameFacts,
  targetIp: Address,
  context: Address,
  scopeIndex: number,
): void {
  memory.writePointer(at, frame.controlPc);
  memory.writePointer(at + 8, frame.imageBase);
  memory.writePointer(at + 16, frame.functionEntry);
  memory.writePointer(at + 24, frame.establisherFrame);
  memory.writePointer(at + 32, targetIp);
  memory.writePointer(at + 40, context);
  memory.writePointer(at + 48, frame.handler);
  memory.writePointer(at + 56, frame.handlerData);
  memory.writePointer(at + 64, 0);
  memory.u32[(at + 72) >> 2] = scopeIndex;
  memory.u32[(at + 76) >> 2] = 0;
}

/** Where ScopeIndex lies: the first scope of the frame that has not been looked at. */
export const DISPATCHER_SCOPE_INDEX = 72;

/** Address of the instruction of a register block as a 64-bit number. */
export function addressOf(registers: Registers): bigint {
  return wide(instructionPointer(registers), registers[33]);
}

/** A 64-bit value as bug check parameters hold it: kernel addresses by their low half. */
export function hostNumber(value: bigint): number {
  const KERNEL_WINDOW = 0xffff_8000n;
  return value >> 32n === KERNEL_WINDOW ? Number(value & 0xffff_ffffn) : Number(value);
}
