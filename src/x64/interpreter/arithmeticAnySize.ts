/**
 * Integer arithmetic, logic, exchanges and conditional moves of every size that has no case of its own in the main
 * loop. Implements ADC, SBB, NEG, NOT, XCHG, XADD, CMPXCHG, CMPXCHG16B, SETcc, CMOVcc, MOVSX, CBW, CWD and their like of
 * the Intel 64 manual, volume 2.
 */

import { FLAG_ZF, RAX, RBX, RCX, RDX, STATE_GENERAL } from '../state.ts';
import type { Cpu } from './cpu.ts';
import { flagsOf, holds, setArithmeticFlags, setLogic, setResult } from './flags.ts';
import { type Handler, type Op, REGISTER_END } from './op.ts';
import {
  add,
  always,
  type HandlerChoice,
  type Handlers,
  readHigh,
  readLow,
  subtract,
  write,
  writeResult,
} from './values.ts';

const RAX_AT = STATE_GENERAL + RAX * 8;
const RBX_AT = STATE_GENERAL + RBX * 8;
const RCX_AT = STATE_GENERAL + RCX * 8;
const RDX_AT = STATE_GENERAL + RDX * 8;

type Sum = typeof add;

/** add, adc, sub, sbb, cmp. */
function sum(operation: Sum, withCarry: boolean, store: boolean): HandlerChoice {
  return ({ size }) =>
    (cpu, _op, d, s) => {
      const carry = withCarry && cpu.carry < 0 ? 1 : 0;
      operation(
        cpu,
        size,
        readLow(cpu, d, size),
        readHigh(cpu, d, size),
        readLow(cpu, s, size),
        readHigh(cpu, s, size),
        carry,
      );
      if (store) writeResult(cpu, d, size);
    };
}

/** and, or, xor, test. */
function logic(of: (x: number, y: number) => number, store: boolean): HandlerChoice {
  return ({ size }) =>
    (cpu, _op, d, s) => {
      const low = of(readLow(cpu, d, size), readLow(cpu, s, size));
      const high = of(readHigh(cpu, d, size), readHigh(cpu, s, size));
      setLogic(cpu, 0, 0);
      setResult(cpu, size, low, high);
      if (store) write(cpu, d, size, low, high);
    };
}

/** inc and dec keep the carry. */
function step(operation: Sum): HandlerChoice {
  return ({ size }) =>
    (cpu, _op, d) => {
      const { carry } = cpu;
      operation(cpu, size, readLow(cpu, d, size), readHigh(cpu, d, size), 1, 0, 0);
      cpu.carry = carry;
      writeResult(cpu, d, size);
    };
}

const negate: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d) => {
    subtract(cpu, size, 0, 0, readLow(cpu, d, size), readHigh(cpu, d, size), 0);
    writeResult(cpu, d, size);
  };

const invert: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d) => {
    write(cpu, d, size, ~readLow(cpu, d, size), ~readHigh(cpu, d, size));
  };

const exchange: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d, s) => {
    const low = readLow(cpu, d, size);
    const high = readHigh(cpu, d, size);
    write(cpu, d, size, readLow(cpu, s, size), readHigh(cpu, s, size));
    write(cpu, s, size, low, high);
  };

const exchangeAndAdd: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d, s) => {
    const low = readLow(cpu, d, size);
    const high = readHigh(cpu, d, size);
    add(cpu, size, low, high, readLow(cpu, s, size), readHigh(cpu, s, size), 0);
    write(cpu, s, size, low, high);
    writeResult(cpu, d, size);
  };

const compareAndExchange: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d, s) => {
    const low = readLow(cpu, d, size);
    const high = readHigh(cpu, d, size);
    const sourceLow = readLow(cpu, s, size);
    const sourceHigh = readHigh(cpu, s, size);
    subtract(cpu, size, readLow(cpu, RAX_AT, size), readHigh(cpu, RAX_AT, size), low, high, 0);
    if ((cpu.resultLow | cpu.resultHigh) === 0) {
      write(cpu, d, size, sourceLow, sourceHigh);
    } else {
      // Memory is written back; a register keeps even its upper half.
      if (d >= REGISTER_END) write(cpu, d, size, low, high);
      write(cpu, RAX_AT, size, low, high);
    }
  };

/** Of 8 or 16 bytes, each half in two registers. */
const compareAndExchangePair: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d) => {
    const half = size >> 1;
    const { data } = cpu;
    let equal = true;
    for (let at = 0; at < half && equal; at += 4) {
      equal =
        data.getInt32(d + at, true) === data.getInt32(RAX_AT + at, true) &&
        data.getInt32(d + half + at, true) === data.getInt32(RDX_AT + at, true);
    }
    const flags = flagsOf(cpu);
    setArithmeticFlags(cpu, equal ? flags | FLAG_ZF : flags & ~FLAG_ZF);
    if (equal) {
      write(cpu, d, half, readLow(cpu, RBX_AT, half), readHigh(cpu, RBX_AT, half));
      write(cpu, d + half, half, readLow(cpu, RCX_AT, half), readHigh(cpu, RCX_AT, half));
    } else {
      write(cpu, RAX_AT, half, readLow(cpu, d, half), readHigh(cpu, d, half));
      write(cpu, RDX_AT, half, readLow(cpu, d + half, half), readHigh(cpu, d + half, half));
    }
  };

function setOnCondition(cpu: Cpu, op: Op, d: number): void {
  cpu.data.setInt8(d, holds(cpu, op.condition) ? 1 : 0);
}

const moveOnCondition: HandlerChoice = ({ size }) => {
  if (size === 8) {
    return (cpu, op, d, s) => {
      if (!holds(cpu, op.condition)) return;
      write(cpu, d, 8, cpu.data.getInt32(s, true), cpu.data.getInt32(s + 4, true));
    };
  }
  // Of 4 bytes the upper half is cleared in any case.
  return (cpu, op, d, s) => {
    write(cpu, d, size, readLow(cpu, holds(cpu, op.condition) ? s : d, size), 0);
  };
};

const signExtend: HandlerChoice = ({ size, operands }) => {
  const shift = operands[1].size === 1 ? 24 : 16;
  const from = operands[1].size;
  return (cpu, _op, d, s) => {
    const low = (readLow(cpu, s, from) << shift) >> shift;
    write(cpu, d, size, low, low >> 31);
  };
};

const zeroExtend: HandlerChoice =
  ({ size, operands }) =>
  (cpu, _op, d, s) => {
    write(cpu, d, size, readLow(cpu, s, operands[1].size), 0);
  };

/** cbw, cwde, cdqe: the accumulator from half its size. */
const extendAccumulator: HandlerChoice =
  ({ size }) =>
  (cpu) => {
    const shift = 32 - size * 4;
    const low = (cpu.data.getInt32(RAX_AT, true) << shift) >> shift;
    write(cpu, RAX_AT, size, low, low >> 31);
  };

/** cwd, cdq, cqo: the sign of the accumulator fills rdx. */
const spreadSign: HandlerChoice =
  ({ size }) =>
  (cpu) => {
    const top = size === 8 ? readHigh(cpu, RAX_AT, 8) : readLow(cpu, RAX_AT, size) << (32 - size * 8);
    write(cpu, RDX_AT, size, top >> 31, top >> 31);
  };

function swap(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/** bswap, and movbe with its own source. */
function reverse(cpu: Cpu, size: number, d: number, s: number): void {
  const low = swap(readLow(cpu, s, size));
  if (size === 8) write(cpu, d, 8, swap(readHigh(cpu, s, 8)), low);
  else write(cpu, d, size, size === 2 ? low >>> 16 : low, 0);
}

const byteSwap: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d) => {
    // Of 16 bits processors give zero.
    if (size === 2) cpu.data.setInt16(d, 0, true);
    else reverse(cpu, size, d, d);
  };

const moveReversed: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d, s) =>
    reverse(cpu, size, d, s);

const moveAnySize: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d, s) =>
    write(cpu, d, size, readLow(cpu, s, size), readHigh(cpu, s, size));

const nothing: Handler = () => {};

export const ARITHMETIC_HANDLERS: Handlers = {
  add: sum(add, false, true),
  adc: sum(add, true, true),
  sub: sum(subtract, false, true),
  sbb: sum(subtract, true, true),
  cmp: sum(subtract, false, false),
  and: logic((x, y) => x & y, true),
  or: logic((x, y) => x | y, true),
  xor: logic((x, y) => x ^ y, true),
  test: logic((x, y) => x & y, false),
  inc: step(add),
  dec: step(subtract),
  neg: negate,
  not: invert,
  xchg: exchange,
  xadd: exchangeAndAdd,
  cmpxchg: compareAndExchange,
  cmpxchg8b: compareAndExchangePair,
  setcc: always(setOnCondition),
  cmovcc: moveOnCondition,
  movsx: signExtend,
  movzx: zeroExtend,
  cbw: extendAccumulator,
  cwd: spreadSign,
  bswap: byteSwap,
  movbe: moveReversed,
  mov: moveAnySize,
  movnti: moveAnySize,
  nop: always(nothing),
};
