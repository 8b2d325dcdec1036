/**
 * Loops, stack frames and flags. Implements LOOPcc, JRCXZ, PUSH, POP, PUSHF, POPF, ENTER, LEAVE, SAHF, LAHF, XLAT and the
 * instructions that set single flags, of the Intel 64 manual, volume 2.
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import {
  FLAG_DF,
  FLAG_IF,
  FLAG_OF,
  RAX,
  RBP,
  RBX,
  RCX,
  RSP,
  STATE_FS_BASE,
  STATE_GENERAL,
  STATE_GS_BASE,
} from '../state.ts';
import type { Cpu } from './cpu.ts';
import { ARITHMETIC_FLAGS, flagsOf, setArithmeticFlags, setFlags } from './flags.ts';
import { FAST_READ, FAST_WRITE, type Handler, type Op, ZERO_SLOT } from './op.ts';
import { belowStack, moveStack, topOfStack } from './stack.ts';
import { always, type HandlerChoice, type Handlers, readHigh, readLow, write } from './values.ts';

const RAX_AT = STATE_GENERAL + RAX * 8;
const RBX_AT = STATE_GENERAL + RBX * 8;
const RCX_AT = STATE_GENERAL + RCX * 8;
const RSP_AT = STATE_GENERAL + RSP * 8;
const RBP_AT = STATE_GENERAL + RBP * 8;
/** Flags that pushf shows: all but RF and VM. */
const PUSHED_FLAGS = 0xfc_ffff;
/** Flags that sahf and lahf move: SF, ZF, AF, PF, CF. */
const LOW_FLAGS = 0xd5;

/** Counts rcx down. @returns whether it is not zero. */
function countDown(cpu: Cpu, short: boolean): boolean {
  const { data } = cpu;
  const low = data.getInt32(RCX_AT, true);
  const high = short ? 0 : data.getInt32(RCX_AT + 4, true);
  const nextLow = (low - 1) | 0;
  const nextHigh = short ? 0 : low === 0 ? (high - 1) | 0 : high;
  data.setInt32(RCX_AT, nextLow, true);
  data.setInt32(RCX_AT + 4, nextHigh, true);
  return (nextLow | nextHigh) !== 0;
}

function loop(condition: (cpu: Cpu) => boolean): HandlerChoice {
  return ({ addressSize }: Instruction): Handler =>
    (cpu, op) => {
      const again = countDown(cpu, addressSize === 4);
      if (again && condition(cpu)) cpu.target = op.taken;
    };
}

const isZero = (cpu: Cpu) => (cpu.resultLow | cpu.resultHigh) === 0;

const jumpIfCountIsZero: HandlerChoice =
  ({ addressSize }) =>
  (cpu, op) => {
    const low = cpu.data.getInt32(RCX_AT, true);
    const high = addressSize === 4 ? 0 : cpu.data.getInt32(RCX_AT + 4, true);
    if ((low | high) === 0) cpu.target = op.taken;
  };

function pushValue(cpu: Cpu, size: number, low: number, high: number): void {
  write(cpu, belowStack(cpu, size), size, low, high);
  moveStack(cpu, -size);
}

const push: HandlerChoice = ({ size, operands }) => {
  // fs and gs have the selectors that Windows gives them.
  if (operands[0].kind === 'segment')
    return (cpu) =>
      pushValue(cpu, size, operands[0].kind === 'segment' && operands[0].register === 4 ? 0x53 : 0x2b, 0);
  if (operands[0].kind === 'immediate') return (cpu, op) => pushValue(cpu, size, op.low, op.high);
  return (cpu, _op, d) => pushValue(cpu, size, readLow(cpu, d, size), readHigh(cpu, d, size));
};

/** A memory operand is addressed with rsp as it is after the pop. */
const pop: HandlerChoice = ({ size, operands }) => {
  const [operand] = operands;
  if (operand.kind === 'segment') {
    return (cpu) => {
      topOfStack(cpu, size);
      moveStack(cpu, size);
    };
  }
  return (cpu, op, d) => {
    const at = topOfStack(cpu, size);
    const low = readLow(cpu, at, size);
    const high = readHigh(cpu, at, size);
    let to = d;
    if (operand.kind === 'memory' && op.base === RSP_AT >> 2) {
      moveStack(cpu, size);
      try {
        cpu.computeAddress(op);
        to = cpu.check(cpu.addressLow, cpu.addressHigh, size, FAST_WRITE);
      } catch (error) {
        moveStack(cpu, -size);
        throw error;
      }
    } else {
      moveStack(cpu, size);
    }
    write(cpu, to, size, low, high);
  };
};

const pushFlags: HandlerChoice =
  ({ size }) =>
  (cpu) =>
    pushValue(cpu, size, flagsOf(cpu) & PUSHED_FLAGS, 0);

const popFlags: HandlerChoice =
  ({ size }) =>
  (cpu) => {
    const at = topOfStack(cpu, size);
    const flags =
      size === 2 ? (flagsOf(cpu) & ~0xffff) | cpu.data.getUint16(at, true) : cpu.data.getInt32(at, true);
    moveStack(cpu, size);
    setFlags(cpu, flags);
  };

const enter: HandlerChoice = ({ size, operands }) => {
  const [frame, depth] = operands;
  const bytes = frame.kind === 'immediate' ? frame.low : 0;
  const levels = depth.kind === 'immediate' ? depth.low & 31 : 0;
  return (cpu) => {
    const { data } = cpu;
    // All that is written is checked first: the old rbp, and `levels` pointers of outer frames.
    const words = [[readLow(cpu, RBP_AT, size), readHigh(cpu, RBP_AT, size)]];
    const low = data.getInt32(RBP_AT, true);
    for (let level = 1; level < levels; level++) {
      const outer = low - size * level;
      const high = data.getInt32(RBP_AT + 4, true) - (low >>> 0 < size * level ? 1 : 0);
      const at = cpu.check(outer, high, size, FAST_READ);
      words.push([readLow(cpu, at, size), readHigh(cpu, at, size)]);
    }
    const frameLow = (data.getInt32(RSP_AT, true) - size) | 0;
    const frameHigh = data.getInt32(RSP_AT + 4, true) - (data.getInt32(RSP_AT, true) >>> 0 < size ? 1 : 0);
    if (levels > 0) words.push([frameLow, frameHigh]);
    const to = belowStack(cpu, size * words.length);
    words.forEach(([l, h], index) => {
      write(cpu, to + size * (words.length - 1 - index), size, l, h);
    });
    moveStack(cpu, -size * words.length - bytes);
    write(cpu, RBP_AT, size, frameLow, frameHigh);
  };
};

const leaveFrame: HandlerChoice =
  ({ size }) =>
  (cpu) => {
    const { data } = cpu;
    const low = data.getInt32(RBP_AT, true);
    const high = data.getInt32(RBP_AT + 4, true);
    const at = cpu.check(low, high, size, FAST_READ);
    const frameLow = readLow(cpu, at, size);
    const frameHigh = readHigh(cpu, at, size);
    write(cpu, RSP_AT, 8, low, high);
    moveStack(cpu, size);
    write(cpu, RBP_AT, size, frameLow, frameHigh);
  };

const setFlag = (change: (cpu: Cpu) => void): HandlerChoice => always((cpu) => change(cpu));

/** al = the byte at rbx + al. */
const translate: HandlerChoice = ({ segment, addressSize }) => {
  const base = segment === 'gs' ? STATE_GS_BASE : segment === 'fs' ? STATE_FS_BASE : ZERO_SLOT;
  return (cpu: Cpu, op: Op, _d: Address): void => {
    op.base = RBX_AT >> 2;
    op.segmentBase = base >> 2;
    op.addressMask = addressSize === 4 ? 0 : -1;
    op.displacement = cpu.data.getUint8(RAX_AT);
    cpu.computeAddress(op);
    cpu.data.setUint8(RAX_AT, cpu.data.getUint8(cpu.check(cpu.addressLow, cpu.addressHigh, 1, FAST_READ)));
  };
};

export const CONTROL_HANDLERS: Handlers = {
  loop: loop(() => true),
  loope: loop(isZero),
  loopne: loop((cpu) => !isZero(cpu)),
  jrcxz: jumpIfCountIsZero,
  push,
  pop,
  pushf: pushFlags,
  popf: popFlags,
  enter,
  leave: leaveFrame,
  sahf: always((cpu) => {
    const low = cpu.data.getUint8(RAX_AT + 1) & LOW_FLAGS;
    setArithmeticFlags(cpu, low | (flagsOf(cpu) & ARITHMETIC_FLAGS & FLAG_OF));
  }),
  lahf: always((cpu) => cpu.data.setUint8(RAX_AT + 1, (flagsOf(cpu) & LOW_FLAGS) | 2)),
  cmc: setFlag((cpu) => {
    cpu.carry = ~cpu.carry;
  }),
  clc: setFlag((cpu) => {
    cpu.carry = 0;
  }),
  stc: setFlag((cpu) => {
    cpu.carry = -1;
  }),
  cld: setFlag((cpu) => {
    cpu.otherFlags &= ~FLAG_DF;
  }),
  std: setFlag((cpu) => {
    cpu.otherFlags |= FLAG_DF;
  }),
  cli: setFlag((cpu) => {
    cpu.otherFlags &= ~FLAG_IF;
  }),
  sti: setFlag((cpu) => {
    cpu.otherFlags |= FLAG_IF;
  }),
  xlat: translate,
};
