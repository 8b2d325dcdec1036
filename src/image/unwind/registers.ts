/**
 * A copy of the registers of a strand, in the layout that they have in memory at STATE, and checked reads of the
 * guest memory that they point to. Implements "Overview of x64 ABI conventions", register usage (Microsoft C++).
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  KERNEL_WINDOW_HIGH,
  type KernelMemory,
} from '../../memory/index.ts';
import { RSP, STATE, STATE_FLAGS, STATE_MXCSR, STATE_RIP, STATE_SIZE, STATE_XMM } from '../../x64/index.ts';

/** The words of a strand's register block: two for each general register, low half first, four for each XMM one. */
export type Registers = Int32Array;

/** Words of the block. */
export const REGISTER_WORDS = STATE_SIZE >> 2;
/** Where rip, RFLAGS, MXCSR and the XMM registers lie in the block; general register n lies at word 2n. */
export const RIP_WORD = (STATE_RIP - STATE) >> 2;
export const FLAGS_WORD = (STATE_FLAGS - STATE) >> 2;
export const MXCSR_WORD = (STATE_MXCSR - STATE) >> 2;
export const XMM_WORD = (STATE_XMM - STATE) >> 2;
const RSP_WORD = RSP * 2;

/** A copy of the registers of the strand that runs. */
export function readRegisters(memory: KernelMemory): Registers {
  const first = STATE >> 2;
  return memory.i32.slice(first, first + REGISTER_WORDS);
}

/** Gives the strand that runs these registers; fuel and the bases of fs: and gs: stay its own. */
export function writeRegisters(memory: KernelMemory, registers: Registers): void {
  const first = STATE >> 2;
  memory.i32.set(registers.subarray(0, MXCSR_WORD + 1), first);
  memory.i32.set(registers.subarray(XMM_WORD), first + XMM_WORD);
}

/** Low half of rsp as an unsigned number. */
export function stackPointer(registers: Registers): Address {
  return registers[RSP_WORD] >>> 0;
}

/** Low half of rip as an unsigned number. */
export function instructionPointer(registers: Registers): Address {
  return registers[RIP_WORD] >>> 0;
}

/** Whether rip lies in the window of kernel pointers. */
export function ripIsKernel(registers: Registers): boolean {
  return registers[RIP_WORD + 1] === KERNEL_WINDOW_HIGH;
}

/** Sets rip to a kernel address. */
export function setInstructionPointer(registers: Registers, address: Address): void {
  registers[RIP_WORD] = address;
  registers[RIP_WORD + 1] = KERNEL_WINDOW_HIGH;
}

/** Sets rsp to a kernel address. */
export function setStackPointer(registers: Registers, address: Address): void {
  registers[RSP_WORD] = address;
  registers[RSP_WORD + 1] = KERNEL_WINDOW_HIGH;
}

/** Whether `size` bytes at the 64-bit address are kernel memory that exists. */
export function isKernelMemory(memory: KernelMemory, low: number, high: number, size: number): boolean {
  const start = low >>> 0;
  return high === KERNEL_WINDOW_HIGH && start >= FIRST_MAPPED_ADDRESS && start + size <= memory.size;
}

/** Copies `words` words from the 64-bit address to `registers[word]`; false where there is no such memory. */
export function loadWords(
  memory: KernelMemory,
  registers: Registers,
  word: number,
  words: number,
  low: number,
  high: number,
): boolean {
  if (!isKernelMemory(memory, low, high, words * 4)) return false;
  const start = low >>> 0;
  for (let i = 0; i < words; i++) registers[word + i] = memory.data.getInt32(start + i * 4, true);
  return true;
}

/** Pops 8 bytes from the stack into `registers[word]`; false where rsp points to no memory. */
export function popWords(memory: KernelMemory, registers: Registers, word: number): boolean {
  const low = registers[RSP_WORD];
  if (!loadWords(memory, registers, word, 2, low, registers[RSP_WORD + 1])) return false;
  // Memory ends below 2 GiB, so a stack pointer that could be read does not carry; popping rsp itself replaces it.
  if (word !== RSP_WORD) registers[RSP_WORD] = low + 8;
  return true;
}
