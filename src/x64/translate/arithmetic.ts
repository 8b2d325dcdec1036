/**
 * Handlers of moves, arithmetic, logic and comparisons on general registers and memory. Implements the instruction
 * reference of the Intel 64 manual, volume 2.
 */

import type { Instruction, Operand } from '../instruction.ts';
import { FLAG_CF, RAX, RDX } from '../state.ts';
import { ADDRESS, FLAG_A32, SCRATCH32, SCRATCH64, SECOND_SCRATCH32, SECOND_SCRATCH64 } from './convention.ts';
import { ARITHMETIC_FLAGS } from './effects.ts';
import type { Emitter, Handler, Place } from './emitter.ts';
import type { FlagSource } from './flags.ts';
import { op } from './opcodes.ts';

/** The code for the size of the operation: 64-bit codes follow the 32-bit ones at the same distance in each group. */
export function sized(code32: number, code64: number, size: number): number {
  return size === 8 ? code64 : code32;
}

/** Where the first operand is: `null` for a register. */
function placeOf(e: Emitter, operand: Operand, writes: boolean): Place | null {
  return operand.kind === 'memory' ? e.place(operand, operand.size, writes, ADDRESS) : null;
}

function pushFirst(e: Emitter, operand: Operand, place: Place | null): void {
  if (place !== null) e.load(place, operand.size);
  else e.pushOperand(operand, ADDRESS);
}

/** Takes the result from the stack into the first operand. */
function setFirst(e: Emitter, operand: Operand, place: Place | null): void {
  if (operand.kind === 'general') e.setRegister(operand.register, operand.size, operand.high);
  else if (place !== null) {
    const scratch = operand.size === 8 ? SCRATCH64 : SCRATCH32;
    e.body.set(scratch);
    e.pushPlace(place);
    e.body.get(scratch);
    e.store(place, operand.size);
  }
}

/** Flags that somebody reads of those that the instruction sets. */
function liveOf(e: Emitter): number {
  return e.liveFlags & e.step.effects.flagsWritten;
}

/** A flag that stays and is kept only in the operands that are about to change becomes a bit. */
function keep(e: Emitter, mask: number): void {
  const kept = e.liveFlags & mask;
  if (kept !== 0) e.flags.toBits(kept);
}

function binary(code32: number, code64: number, source: FlagSource): Handler {
  return (e, { operands, size }) => {
    const [first, second] = operands;
    const place = placeOf(e, first, true);
    const live = liveOf(e) !== 0;
    const { body, flags } = e;
    const isLogic = source === 'logic';
    pushFirst(e, first, place);
    if (live && !isLogic) body.tee(flags.a(size));
    e.pushOperand(second, ADDRESS);
    if (live && !isLogic) body.tee(flags.b(size));
    body.op(sized(code32, code64, size));
    if (live && isLogic) {
      // Of zero-extended operands and, or and xor are zero-extended.
      body.tee(flags.a(size));
    }
    setFirst(e, first, place);
    if (live) flags.setSource(source, size);
  };
}

/** xor and sub of a register with itself: zero, whatever it was. */
function clearing(handler: Handler): Handler {
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    const same =
      first.kind === 'general' &&
      second.kind === 'general' &&
      first.register === second.register &&
      first.size >= 4;
    if (!same) {
      handler(e, instruction);
      return;
    }
    e.body.i64(0);
    e.body.set(first.register);
    if (liveOf(e) === 0) return;
    e.body.i32(0);
    e.body.set(FLAG_A32);
    e.flags.setSource('logic', 4);
  };
}

const compare: Handler = (e, { operands, size }) => {
  const [first, second] = operands;
  const place = placeOf(e, first, false);
  // Without readers of the flags the access must still be checked, which is done.
  if (liveOf(e) === 0) {
    if (second.kind === 'memory') placeOf(e, second, false);
    return;
  }
  pushFirst(e, first, place);
  e.pushOperand(second, ADDRESS);
  e.body.set(e.flags.b(size));
  e.body.set(e.flags.a(size));
  e.flags.setSource('subtract', size);
};

const test: Handler = (e, { operands, size }) => {
  const [first, second] = operands;
  const place = placeOf(e, first, false);
  if (liveOf(e) === 0) return;
  pushFirst(e, first, place);
  const same =
    first.kind === 'general' &&
    second.kind === 'general' &&
    first.register === second.register &&
    first.high === second.high;
  if (!same) {
    e.pushOperand(second, ADDRESS);
    e.body.op(sized(op.i32And, op.i64And, size));
  }
  e.body.set(e.flags.a(size));
  e.flags.setSource('logic', size);
};

/** adc and sbb: the flags that are read become bits. */
function withCarry(isAdd: boolean): Handler {
  return (e, { operands, size }) => {
    const [first, second] = operands;
    const { body, flags } = e;
    const place = placeOf(e, first, true);
    const scratch = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
    const live = liveOf(e);
    flags.toBits(FLAG_CF);
    pushFirst(e, first, place);
    if (live !== 0) body.tee(flags.a(size));
    e.pushOperand(second, ADDRESS);
    if (live !== 0) body.tee(flags.b(size));
    body.op(isAdd ? sized(op.i32Add, op.i64Add, size) : sized(op.i32Sub, op.i64Sub, size));
    flags.push(FLAG_CF);
    if (size === 8) body.op(op.i64ExtendI32U);
    body.op(isAdd ? sized(op.i32Add, op.i64Add, size) : sized(op.i32Sub, op.i64Sub, size));
    if (size < 4) e.zeroExtend(size);
    body.set(scratch);
    if (live !== 0) carryFlags(e, isAdd, size, scratch, live);
    body.get(scratch);
    setFirst(e, first, place);
  };
}

/** Flags of A op B op carry = result, as bits. */
function carryFlags(e: Emitter, isAdd: boolean, size: number, result: number, live: number): void {
  const { body, flags } = e;
  const a = flags.a(size);
  const b = flags.b(size);
  const and = sized(op.i32And, op.i64And, size);
  const or = sized(op.i32Or, op.i64Or, size);
  const xor = sized(op.i32Xor, op.i64Xor, size);
  const not = () => {
    if (size === 8) body.i64(-1);
    else body.i32(-1);
    body.op(xor);
  };
  const topBit = () => {
    if (size === 8) {
      body.i64(63);
      body.op(op.i64ShrU);
      body.op(op.i32WrapI64);
    } else {
      body.i32(size * 8 - 1);
      body.op(op.i32ShrU);
      body.i32(1);
      body.op(op.i32And);
    }
  };
  if ((live & 0x800) !== 0) {
    // Overflow: for a sum both operands differ in sign from the result, for a difference the operands differ.
    body.get(a);
    body.get(isAdd ? result : b);
    body.op(xor);
    body.get(isAdd ? b : a);
    body.get(result);
    body.op(xor);
    body.op(and);
    topBit();
    flags.setBit(0x800);
  }
  if ((live & 0x10) !== 0) {
    body.get(a);
    body.get(b);
    body.op(xor);
    body.get(result);
    body.op(xor);
    if (size === 8) body.op(op.i32WrapI64);
    body.i32(4);
    body.op(op.i32ShrU);
    body.i32(1);
    body.op(op.i32And);
    flags.setBit(0x10);
  }
  if ((live & FLAG_CF) !== 0) {
    // The top bit of (a & b) | ((a | b) & ~result), with ~a instead of a for a difference, result instead of ~result.
    const first = () => {
      body.get(a);
      if (!isAdd) not();
    };
    first();
    body.get(b);
    body.op(and);
    first();
    body.get(b);
    body.op(or);
    body.get(result);
    if (isAdd) not();
    body.op(and);
    body.op(or);
    topBit();
    flags.setBit(FLAG_CF);
  }
  if ((live & 0xc4) === 0) return;
  body.get(result);
  body.set(a);
  flags.setSource('logic', size, 0xc4);
}

function step1(source: 'increment' | 'decrement'): Handler {
  return (e, { operands, size }) => {
    const [first] = operands;
    const { body, flags } = e;
    const place = placeOf(e, first, true);
    const live = liveOf(e) !== 0;
    if (live) keep(e, FLAG_CF);
    pushFirst(e, first, place);
    if (size === 8) body.i64(1);
    else body.i32(1);
    const isAdd = source === 'increment';
    body.op(isAdd ? sized(op.i32Add, op.i64Add, size) : sized(op.i32Sub, op.i64Sub, size));
    if (live) {
      if (size < 4) e.zeroExtend(size);
      body.tee(flags.a(size));
    }
    setFirst(e, first, place);
    if (live) flags.setSource(source, size, ARITHMETIC_FLAGS & ~FLAG_CF);
  };
}

const negate: Handler = (e, { operands, size }) => {
  const [first] = operands;
  const { body, flags } = e;
  const place = placeOf(e, first, true);
  const scratch = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
  pushFirst(e, first, place);
  body.set(scratch);
  const zero = () => {
    if (size === 8) body.i64(0);
    else body.i32(0);
  };
  if (liveOf(e) !== 0) {
    zero();
    body.set(flags.a(size));
    body.get(scratch);
    body.set(flags.b(size));
    flags.setSource('subtract', size);
  }
  zero();
  body.get(scratch);
  body.op(sized(op.i32Sub, op.i64Sub, size));
  setFirst(e, first, place);
};

const invert: Handler = (e, { operands, size }) => {
  const [first] = operands;
  const place = placeOf(e, first, true);
  pushFirst(e, first, place);
  if (size === 8) e.body.i64(-1);
  else e.body.i32(-1);
  e.body.op(sized(op.i32Xor, op.i64Xor, size));
  setFirst(e, first, place);
};

const move: Handler = (e, { operands, size }) => {
  const [first, second] = operands;
  const place = placeOf(e, first, true);
  if (place === null) {
    if (second.kind === 'immediate' && first.kind === 'general' && size === 4) {
      // Zero-extended at once.
      e.body.i64(second.low, 0);
      e.body.set(first.register);
      return;
    }
    if (second.kind === 'general' && !second.high) e.pushLoose(second.register, second.size);
    else e.pushOperand(second, ADDRESS);
    setFirst(e, first, null);
    return;
  }
  e.pushPlace(place);
  if (second.kind === 'general' && !second.high) e.pushLoose(second.register, second.size);
  else e.pushOperand(second, ADDRESS);
  e.store(place, size);
};

function extending(signed: boolean): Handler {
  return (e, { operands }) => {
    const [first, second] = operands;
    if (first.kind !== 'general') return;
    e.pushOperand(second, ADDRESS);
    if (signed) e.signExtend(second.size);
    // A source of 4 bytes is that of movsxd.
    if (first.size === 8 && second.size < 8) {
      e.body.op(signed ? op.i64ExtendI32S : op.i64ExtendI32U);
      e.body.set(first.register);
    } else setFirst(e, first, null);
  };
}

const loadAddress: Handler = (e, { operands, size }) => {
  const [first, second] = operands;
  if (first.kind !== 'general' || second.kind !== 'memory') return;
  // Segment bases do not count.
  e.pushEffective({ ...second, segment: 'none' });
  if (size !== 8) e.body.op(op.i32WrapI64);
  setFirst(e, first, null);
};

const exchange: Handler = (e, { operands, size }) => {
  const [first, second] = operands;
  if (first.kind === 'general' && second.kind === 'memory') {
    exchangeWith(e, second, first, size);
    return;
  }
  exchangeWith(e, first, second, size);
};

function exchangeWith(e: Emitter, first: Operand, second: Operand, size: number): void {
  const place = placeOf(e, first, true);
  const scratch = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
  pushFirst(e, first, place);
  e.body.set(scratch);
  e.pushOperand(second, ADDRESS);
  setFirst(e, first, place);
  e.body.get(scratch);
  setFirst(e, second, null);
}

const exchangeAdd: Handler = (e, { operands, size }) => {
  const [first, second] = operands;
  const { body, flags } = e;
  const place = placeOf(e, first, true);
  // The operands are kept in any case. Memory is written first, as the other register may be part of its address; of
  // two registers the sum is written last, over the old value if they are the same.
  pushFirst(e, first, place);
  body.set(flags.a(size));
  e.pushOperand(second, ADDRESS);
  body.set(flags.b(size));
  flags.setSource('add', size);
  if (place === null) {
    body.get(flags.a(size));
    setFirst(e, second, null);
  }
  body.get(flags.a(size));
  body.get(flags.b(size));
  body.op(sized(op.i32Add, op.i64Add, size));
  setFirst(e, first, place);
  if (place === null) return;
  body.get(flags.a(size));
  setFirst(e, second, null);
};

const compareExchange: Handler = (e, { operands, size }) => {
  const [first, second] = operands;
  const { body, flags } = e;
  const place = placeOf(e, first, true);
  e.pushRegister(RAX, size);
  body.set(flags.a(size));
  pushFirst(e, first, place);
  body.set(flags.b(size));
  flags.setSource('subtract', size);
  // Equal: the destination gets the source. Else the accumulator gets the destination, which is written back.
  e.pushOperand(second, ADDRESS);
  body.get(flags.b(size));
  flags.push(0x40);
  body.op(op.select);
  const result = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
  body.set(result);
  // Before the accumulator, which may be part of its address.
  if (place !== null) {
    body.get(result);
    setFirst(e, first, place);
  }
  flags.push(0x40);
  body.op(op.i32Eqz);
  body.open(op.if);
  body.get(flags.b(size));
  e.setRegister(RAX, size);
  body.close();
  if (place !== null) return;
  // Equal or not, a register of 32 bits is zero-extended only where it is written.
  flags.push(0x40);
  body.open(op.if);
  body.get(result);
  setFirst(e, first, null);
  body.close();
};

const setCondition: Handler = (e, { operands, condition }) => {
  const [first] = operands;
  const place = placeOf(e, first, true);
  e.flags.pushCondition(condition);
  setFirst(e, first, place);
};

const moveCondition: Handler = (e, { operands, condition, size }) => {
  const [first, second] = operands;
  if (first.kind !== 'general') return;
  // The source is read, and faults, in any case; 32 bits are zero-extended in any case.
  e.pushOperand(second, ADDRESS);
  e.pushRegister(first.register, size);
  e.flags.pushCondition(condition);
  e.body.op(op.select);
  setFirst(e, first, null);
};

/** cbw, cwde, cdqe. */
const extendAccumulator: Handler = (e, { size }) => {
  const { body } = e;
  body.get(RAX);
  if (size === 8) {
    body.op(op.i64Extend32S);
    body.set(RAX);
    return;
  }
  body.op(op.i32WrapI64);
  body.op(size === 4 ? op.i32Extend16S : op.i32Extend8S);
  e.setRegister(RAX, size);
};

/** cwd, cdq, cqo. */
const signOfAccumulator: Handler = (e, { size }) => {
  const { body } = e;
  body.get(RAX);
  if (size === 8) {
    body.i64(63);
    body.op(op.i64ShrS);
    body.set(RDX);
    return;
  }
  body.op(op.i32WrapI64);
  if (size === 2) body.op(op.i32Extend16S);
  body.i32(31);
  body.op(op.i32ShrS);
  e.setRegister(RDX, size);
};

const nothing: Handler = () => {};

export const ARITHMETIC: Readonly<Record<string, Handler>> = {
  mov: move,
  movnti: move,
  movzx: extending(false),
  movsx: extending(true),
  movsxd: extending(true),
  lea: loadAddress,
  add: binary(op.i32Add, op.i64Add, 'add'),
  sub: clearing(binary(op.i32Sub, op.i64Sub, 'subtract')),
  and: binary(op.i32And, op.i64And, 'logic'),
  or: binary(op.i32Or, op.i64Or, 'logic'),
  xor: clearing(binary(op.i32Xor, op.i64Xor, 'logic')),
  cmp: compare,
  test,
  adc: withCarry(true),
  sbb: withCarry(false),
  inc: step1('increment'),
  dec: step1('decrement'),
  neg: negate,
  not: invert,
  xchg: exchange,
  xadd: exchangeAdd,
  cmpxchg: compareExchange,
  setcc: setCondition,
  cmovcc: moveCondition,
  cbw: extendAccumulator,
  cwd: signOfAccumulator,
  nop: nothing,
  pause: nothing,
  endbr64: nothing,
  lfence: nothing,
  mfence: nothing,
  sfence: nothing,
  prefetch: nothing,
  prefetchw: nothing,
  prefetchwt1: nothing,
  prefetchnta: nothing,
  prefetcht0: nothing,
  prefetcht1: nothing,
  prefetcht2: nothing,
};

/** Whether the handlers above can do it. */
export function canDoArithmetic(instruction: Instruction): boolean {
  // Locals of operand A and B have no form for a segment register or a control register.
  if (instruction.operation === 'cmpxchg' && instruction.operands[0].kind !== 'memory') return false;
  return instruction.operands.every(
    ({ kind }) => kind === 'general' || kind === 'memory' || kind === 'immediate',
  );
}
