/**
 * Instructions as text, for traces, bug checks and the verifier. Implements the Intel syntax of the Intel 64 manual,
 * volume 2: destination first, sizes before memory operands, numbers in hexadecimal with 0x where they have more
 * than one digit.
 */

import { type Address, KERNEL_WINDOW_HIGH } from '../memory/index.ts';
import type { Instruction, MemoryOperand, Operand } from './instruction.ts';
import { OPERATIONS } from './table/index.ts';

/** A name for an address of the kernel window, such as `mux.sys+0x1040`, or undefined where it has none. */
export type SymbolOf = (address: Address) => string | undefined;

/** Conditions by their encoding, as they end jcc, setcc and cmovcc. */
export const CONDITION_NAMES: readonly string[] = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
];

const NAMES_8 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const NAMES_4 = 'eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d'.split(' ');
const NAMES_2 = 'ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w'.split(' ');
const NAMES_1 = 'al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b'.split(' ');
const HIGH_NAMES = ['ah', 'ch', 'dh', 'bh'];
const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const SIZE_NAMES: Readonly<Record<number, string>> = {
  1: 'byte',
  2: 'word',
  4: 'dword',
  8: 'qword',
  16: 'xmmword',
};
const STRING_SUFFIXES: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'd', 8: 'q' };

/** Name of a general register. */
export function registerName(register: number, size: number, high = false): string {
  if (high) return HIGH_NAMES[register];
  return (size === 8 ? NAMES_8 : size === 4 ? NAMES_4 : size === 2 ? NAMES_2 : NAMES_1)[register];
}

function hexadecimal(value: number): string {
  return value < 10 ? String(value) : `0x${value.toString(16)}`;
}

/** Two halves as one number. */
function wide(low: number, high: number): string {
  if (high === 0) return hexadecimal(low >>> 0);
  return `0x${(high >>> 0).toString(16)}${(low >>> 0).toString(16).padStart(8, '0')}`;
}

function addressText(address: Address, symbolOf: SymbolOf | undefined): string {
  return symbolOf?.(address) ?? wide(address, KERNEL_WINDOW_HIGH);
}

function memoryText(operand: MemoryOperand, symbolOf: SymbolOf | undefined): string {
  const segment = operand.segment === 'none' ? '' : `${operand.segment}:`;
  if (operand.ripRelative) return `${segment}[${addressText(operand.displacement, symbolOf)}]`;
  let text = operand.base >= 0 ? registerName(operand.base, operand.addressSize) : '';
  if (operand.index >= 0) {
    if (text !== '') text += '+';
    text += registerName(operand.index, operand.addressSize);
    if (operand.scale !== 1) text += `*${operand.scale}`;
  }
  const { displacement } = operand;
  if (text === '') {
    text = wide(displacement, operand.addressSize === 4 ? 0 : operand.displacementHigh);
  } else if (displacement !== 0) {
    text += displacement < 0 ? `-${hexadecimal(-displacement)}` : `+${hexadecimal(displacement)}`;
  }
  return `${segment}[${text}]`;
}

function operandText(operand: Operand, sized: boolean, symbolOf: SymbolOf | undefined): string {
  switch (operand.kind) {
    case 'general':
      return registerName(operand.register, operand.size, operand.high);
    case 'xmm':
      return `xmm${operand.register}`;
    case 'control':
      return `cr${operand.register}`;
    case 'debug':
      return `dr${operand.register}`;
    case 'segment':
      return SEGMENT_NAMES[operand.register];
    case 'target':
      return addressText(operand.address, symbolOf);
    case 'memory':
      return `${sized ? `${SIZE_NAMES[operand.size]} ptr ` : ''}${memoryText(operand, symbolOf)}`;
    case 'immediate': {
      const { size, low, high } = operand;
      if (size === 8) return wide(low, high);
      return hexadecimal(size === 4 ? low >>> 0 : low & (size === 2 ? 0xffff : 0xff));
    }
  }
}

/** The mnemonic with its condition or size: `jne`, `movsq`, `cdqe`. */
export function mnemonicOf(instruction: Instruction): string {
  const { operation, size, condition } = instruction;
  if (condition >= 0) return operation.replace('cc', CONDITION_NAMES[condition]);
  const entry = OPERATIONS[instruction.operationNumber];
  if (entry.repeat !== 'none') return `${operation}${STRING_SUFFIXES[size]}`;
  if (operation === 'jrcxz' && instruction.addressSize === 4) return 'jecxz';
  return entry.mnemonics[size === 1 ? 0 : size === 2 ? 1 : size === 4 ? 2 : size === 8 ? 3 : 4];
}

/**
 * One line of Intel syntax, such as `mov rax, qword ptr [rcx+8]`.
 * @param symbolOf names for branch targets and rip-relative operands; without one they are 64-bit addresses.
 */
export function disassemble(instruction: Instruction, symbolOf?: SymbolOf): string {
  if (instruction.exception >= 0) return `invalid (${instruction.reason})`;
  let text = instruction.lock ? 'lock ' : '';
  if (instruction.repeat !== 'none') text += instruction.repeat === 'rep' ? 'rep ' : 'repne ';
  text += mnemonicOf(instruction);
  // Only the address matters to these.
  const sized = instruction.operation !== 'lea';
  const { operands } = instruction;
  for (let i = 0; i < operands.length; i++) {
    text += `${i === 0 ? ' ' : ', '}${operandText(operands[i], sized, symbolOf)}`;
  }
  return text;
}
