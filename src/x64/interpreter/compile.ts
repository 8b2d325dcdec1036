/**
 * Makes the record that the main loop executes out of a decoded instruction: addresses of operands, the way to the
 * memory operand, and either the number of a frequent case or a handler.
 */

import { type Address, KERNEL_WINDOW_HIGH, PAGE_SIZE } from '../../memory/index.ts';
import type { Instruction, MemoryOperand, Operand } from '../instruction.ts';
import { RDI, RSI, STATE_FS_BASE, STATE_GENERAL, STATE_GS_BASE, STATE_XMM } from '../state.ts';
import { FORMS, OPERATIONS } from '../table/index.ts';
import type { CodeCache } from './codeCache.ts';
import { frequentCode } from './codes.ts';
import type { Cpu } from './cpu.ts';
import { chooseHandler } from './handlers.ts';
import {
  CODE_HANDLER,
  CODE_JUMP_HANDLER,
  FAST_READ,
  FAST_WRITE,
  IMMEDIATE_SLOT,
  type Op,
  PRE_ABSOLUTE,
  PRE_BASE,
  PRE_INDEX,
  PRE_NONE,
  PRE_OTHER,
  ZERO_SLOT,
} from './op.ts';

const ACCESS_BITS: Readonly<Record<string, number>> = {
  r: FAST_READ,
  w: FAST_WRITE,
  x: FAST_READ | FAST_WRITE,
  n: 0,
};

/** Handlers that say where to go on. */
const JUMPS = new Set(['loop', 'loope', 'loopne', 'jrcxz', 'movcr']);
/** Their middle operand is the third register, their last one the source. */
const SOURCE_LAST = new Set(['andn', 'pdep', 'pext', 'mulx']);
/** Where string instructions access memory that others may see. */
const STRING_REGISTERS: Readonly<Record<string, number>> = {
  movs: RDI,
  stos: RDI,
  ins: RDI,
  scas: RDI,
  cmps: RSI,
  lods: RSI,
  outs: RSI,
};
/** They compute the address of a memory operand themselves. */
const BIT_TESTS = new Set(['bt', 'bts', 'btr', 'btc']);

/** See Op.takenFor, by condition; those of parity are left to the main loop. */
const TAKEN_FOR = Array.from({ length: 16 }, (_, condition) => {
  let mask = 0;
  for (let flags = 0; flags < 16; flags++) {
    const [carry, zero] = [(flags & 1) !== 0, (flags & 2) !== 0];
    const [sign, overflow] = [(flags & 4) !== 0, (flags & 8) !== 0];
    const less = sign !== overflow;
    const holds = [overflow, carry, zero, carry || zero, sign, false, less, less || zero][condition >> 1];
    if (holds !== ((condition & 1) === 1)) mask |= 1 << flags;
  }
  return condition >> 1 === 5 ? 0 : mask;
});

/** Address of the general register with an encoding number. */
export function registerAddress(register: number): Address {
  return STATE_GENERAL + register * 8;
}

/** Fills a record. Links to the following instruction and the target are made, decoded or not. */
export function compile(op: Op, instruction: Instruction, cpu: Cpu, code: CodeCache): void {
  op.instruction = instruction;
  op.end = instruction.address + instruction.length;
  op.next = code.at(op.end, KERNEL_WINDOW_HIGH);
  op.taken = null;
  op.width = instruction.size;
  op.condition = instruction.condition;
  op.destination = op.source = op.third = 0;
  op.low = op.high = 0;
  setAddress(op, null);
  setOperands(op, instruction, code);
  const memory = instruction.operands.findIndex((operand) => operand.kind === 'memory');
  op.pre = memory === -1 ? PRE_NONE : setMemory(op, instruction, memory);
  if (cpu.observing !== 0) {
    op.pre = PRE_OTHER;
    observeString(op, instruction);
  }
  op.takenFor = instruction.operation === 'jcc' && cpu.observing === 0 ? TAKEN_FOR[instruction.condition] : 0;
  const number = frequentCode(op, instruction);
  op.code = number;
  if (number === CODE_HANDLER) {
    op.run = chooseHandler(instruction);
    if (JUMPS.has(instruction.operation)) op.code = CODE_JUMP_HANDLER;
  }
}

function setOperands(op: Op, instruction: Instruction, code: CodeCache): void {
  const [first, second, third] = instruction.operands;
  if (first !== undefined) op.destination = setOperand(op, first, code);
  if (second !== undefined) op.source = setOperand(op, second, code);
  if (third !== undefined) op.third = setOperand(op, third, code);
  if (op.destination === IMMEDIATE_SLOT) {
    // The port of out, or the only operand of push.
    op.destination = 0;
    if (second === undefined) op.source = IMMEDIATE_SLOT;
  }
  if (SOURCE_LAST.has(instruction.operation)) [op.source, op.third] = [op.third, op.source];
}

/** Address of an operand that is none of memory; 0 for memory. */
function setOperand(op: Op, operand: Operand, code: CodeCache): Address {
  switch (operand.kind) {
    case 'general':
      return registerAddress(operand.register) + (operand.high ? 1 : 0);
    case 'xmm':
      return STATE_XMM + operand.register * 16;
    case 'immediate':
      op.low = operand.low;
      op.high = operand.high;
      return IMMEDIATE_SLOT;
    case 'target':
      op.taken = code.at(operand.address, KERNEL_WINDOW_HIGH);
      op.backward = operand.address <= op.address ? 1 : 0;
      return 0;
    case 'memory':
    case 'control':
    case 'debug':
    case 'segment':
      return 0;
  }
}

function setAddress(op: Op, operand: MemoryOperand | null): void {
  op.base = op.index = op.segmentBase = ZERO_SLOT >> 2;
  op.shift = op.displacement = op.displacementHigh = op.access = op.observed = op.size = 0;
  op.addressMask = -1;
  op.aligned = false;
  op.mask = 0xfff;
  if (operand === null) return;
  if (operand.base >= 0) op.base = registerAddress(operand.base) >> 2;
  if (operand.index >= 0) {
    op.index = registerAddress(operand.index) >> 2;
    op.shift = operand.scale === 8 ? 3 : operand.scale >> 1;
  }
  op.displacement = operand.displacement;
  op.displacementHigh = operand.ripRelative ? KERNEL_WINDOW_HIGH : operand.displacementHigh;
  if (operand.addressSize === 4) op.addressMask = 0;
  if (operand.segment === 'gs') op.segmentBase = STATE_GS_BASE >> 2;
  else if (operand.segment === 'fs') op.segmentBase = STATE_FS_BASE >> 2;
}

/** @returns how the main loop finds the address. */
function setMemory(op: Op, instruction: Instruction, position: number): number {
  // The caller found it by its kind.
  const operand = instruction.operands[position] as MemoryOperand;
  const operation = OPERATIONS[instruction.operationNumber];
  setAddress(op, operand);
  op.size = operand.size;
  op.access = ACCESS_BITS[FORMS[instruction.form].access[position]];
  op.observed = op.access;
  if (op.access === 0 || BIT_TESTS.has(instruction.operation)) {
    // Only bit tests with a constant stay within the operand.
    const within = op.access !== 0 && op.source === IMMEDIATE_SLOT;
    if (!within) {
      if (op.access === 0) op.segmentBase = ZERO_SLOT >> 2;
      op.access = 0;
      return PRE_NONE;
    }
  }
  op.aligned = operand.size === 16 && operation.aligned;
  op.mask = op.aligned ? 15 : 0xfff;
  op.limit = op.aligned ? 0 : PAGE_SIZE - operand.size;
  if (operand.segment !== 'none' || operand.addressSize === 4) return PRE_OTHER;
  if (operand.index >= 0) return PRE_INDEX;
  if (operand.base >= 0) return PRE_BASE;
  const simple = op.displacementHigh === KERNEL_WINDOW_HIGH && (op.displacement & op.mask) <= op.limit;
  return simple ? PRE_ABSOLUTE : PRE_OTHER;
}

/** Exploration sees string instructions at the address where they begin. */
function observeString(op: Op, instruction: Instruction): void {
  const register = STRING_REGISTERS[instruction.operation];
  if (register === undefined || instruction.operands.length > 0) return;
  op.base = registerAddress(register) >> 2;
  op.size = instruction.size;
  op.observed = register === RSI || instruction.operation === 'scas' ? FAST_READ : FAST_WRITE;
}
