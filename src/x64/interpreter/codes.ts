/**
 * Which instructions have a case of their own in the main loop, and its number there.
 */

import type { Instruction } from '../instruction.ts';
import { CODE_HANDLER, IMMEDIATE_SLOT, type Op, ZERO_SLOT } from './op.ts';

const NOTHING = 6;
const MOVE_8 = 8;
const MOVE_4 = 9;
const MOVE_2 = 10;
const MOVE_1 = 11;
const ZERO_EXTEND_1 = 12;
const ZERO_EXTEND_2 = 13;
const SIGN_EXTEND_4 = 14;
const LOAD_ADDRESS_OF_BASE = 15;
const LOAD_ADDRESS = 16;
const MOVE_16 = 17;
const EXCLUSIVE_OR_16 = 18;
const COMPARE_1 = 34;
const TEST_1 = 35;
const PUSH = 60;
const POP = 61;
const CALL = 62;
const CALL_OPERAND = 63;
const RETURN = 64;
const JUMP_OPERAND = 65;
const JUMP = 66;
const JUMP_CONDITION = 70;

/** Operations of 8 bytes; those of 4 bytes have the next number. */
const BINARY: Readonly<Record<string, number>> = {
  add: 20,
  sub: 22,
  cmp: 24,
  and: 26,
  or: 28,
  xor: 30,
  test: 32,
};
/** Those that write to a register. */
const BINARY_REGISTER: Readonly<Record<string, number>> = { add: 100, sub: 102, and: 104, or: 106, xor: 108 };
const UNARY_REGISTER: Readonly<Record<string, number>> = { inc: 110, dec: 112 };
const UNARY: Readonly<Record<string, number>> = { inc: 36, dec: 38 };
const SHIFT: Readonly<Record<string, number>> = { shl: 40, shr: 42, sar: 44 };

const WITHOUT_EFFECT = new Set([
  'nop',
  'endbr64',
  'pause',
  'lfence',
  'mfence',
  'sfence',
  'clflush',
  'prefetchnta',
  'prefetcht0',
  'prefetcht1',
  'prefetcht2',
  'prefetch',
  'prefetchw',
  'prefetchwt1',
]);
const MOVES_OF_16 = new Set([
  'movups',
  'movupd',
  'movaps',
  'movapd',
  'movdqa',
  'movdqu',
  'lddqu',
  'movntps',
  'movntpd',
  'movntdq',
  'movntdqa',
]);
const EXCLUSIVE_ORS = new Set(['pxor', 'xorps', 'xorpd']);

/** The number of the case for an instruction; CODE_HANDLER where it has none. */
export function frequentCode(op: Op, instruction: Instruction): number {
  const { operation, size, operands } = instruction;
  const [first, second] = operands;
  const wide = size === 8 || size === 4;
  const step = size === 8 ? 0 : 1;
  if (BINARY[operation] !== undefined) {
    if (wide) return ((op.destination !== 0 && BINARY_REGISTER[operation]) || BINARY[operation]) + step;
    if (size === 1 && operation === 'cmp') return COMPARE_1;
    return size === 1 && operation === 'test' ? TEST_1 : CODE_HANDLER;
  }
  if (UNARY[operation] !== undefined) {
    if (!wide) return CODE_HANDLER;
    return (op.destination === 0 ? UNARY : UNARY_REGISTER)[operation] + step;
  }
  if (SHIFT[operation] !== undefined && op.source === IMMEDIATE_SLOT && wide) {
    op.low &= size === 8 ? 63 : 31;
    return op.low === 0 ? CODE_HANDLER : SHIFT[operation] + step;
  }
  switch (operation) {
    case 'mov':
      return size === 8 ? MOVE_8 : size === 4 ? MOVE_4 : size === 2 ? MOVE_2 : MOVE_1;
    case 'movzx':
      return size === 2 ? CODE_HANDLER : second.size === 1 ? ZERO_EXTEND_1 : ZERO_EXTEND_2;
    case 'movsxd':
      return size === 8 ? SIGN_EXTEND_4 : size === 4 ? MOVE_4 : MOVE_2;
    case 'lea': {
      const plain = op.index === ZERO_SLOT >> 2 && op.addressMask === -1 && size === 8;
      return plain ? LOAD_ADDRESS_OF_BASE : LOAD_ADDRESS;
    }
    case 'push':
      return size === 8 && first.kind !== 'segment' ? PUSH : CODE_HANDLER;
    case 'pop':
      return size === 8 && first.kind === 'general' ? POP : CODE_HANDLER;
    case 'call':
      return first.kind === 'target' ? CALL : CALL_OPERAND;
    case 'ret':
      return RETURN;
    case 'jmp':
      return first.kind === 'target' ? JUMP : JUMP_OPERAND;
    case 'jcc':
      return JUMP_CONDITION + instruction.condition;
    default:
      if (WITHOUT_EFFECT.has(operation)) return NOTHING;
      if (MOVES_OF_16.has(operation)) return MOVE_16;
      return EXCLUSIVE_ORS.has(operation) ? EXCLUSIVE_OR_16 : CODE_HANDLER;
  }
}
