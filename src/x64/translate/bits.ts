/**
 * Handlers of shifts, rotates, bit tests, bit scans, multiplication and division. Implements the instruction reference
 * of the Intel 64 manual, volume 2.
 */

import type { Instruction, Operand } from '../instruction.ts';
import { FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF, RAX, RCX, RDX } from '../state.ts';
import { sized } from './arithmetic.ts';
import {
  ADDRESS,
  COUNT,
  FLAG_BITS,
  IMPORT_MULTIPLY_HIGH_SIGNED,
  IMPORT_MULTIPLY_HIGH_UNSIGNED,
  SCRATCH32,
  SCRATCH64,
  SECOND_SCRATCH32,
  SECOND_SCRATCH64,
  THIRD_SCRATCH32,
  THIRD_SCRATCH64,
} from './convention.ts';
import type { Emitter, Handler, Place } from './emitter.ts';
import { op } from './opcodes.ts';

const RESULT_FLAGS = FLAG_ZF | FLAG_SF | FLAG_PF;

function placeOf(e: Emitter, operand: Operand, writes: boolean): Place | null {
  return operand.kind === 'memory' ? e.place(operand, operand.size, writes, ADDRESS) : null;
}

function pushFirst(e: Emitter, operand: Operand, place: Place | null): void {
  if (place !== null) e.load(place, operand.size);
  else e.pushOperand(operand, ADDRESS);
}

/** Takes the result from a local into the first operand. */
function setFirst(e: Emitter, operand: Operand, place: Place | null, local: number): void {
  if (place === null) {
    e.body.get(local);
    if (operand.kind === 'general') e.setRegister(operand.register, operand.size, operand.high);
    return;
  }
  e.pushPlace(place);
  e.body.get(local);
  e.store(place, operand.size);
}

function constant(e: Emitter, value: number, size: number): void {
  if (size === 8) e.body.i64(value);
  else e.body.i32(value);
}

/** The number on the stack as i32, without more than bit 0. */
function bit0(e: Emitter, size: number): void {
  if (size === 8) e.body.op(op.i32WrapI64);
  e.body.i32(1);
  e.body.op(op.i32And);
}

type Shift = 'shl' | 'shr' | 'sar' | 'rol' | 'ror';

/** Pushes value shifted by a count, both in locals or constants; the result is cut to the size. */
function pushShifted(e: Emitter, kind: Shift, value: number, pushCount: () => void, size: number): void {
  const { body } = e;
  body.get(value);
  if (kind === 'sar') e.signExtend(size);
  if (size < 4 && (kind === 'rol' || kind === 'ror')) {
    pushNarrowRotation(e, kind, pushCount, size);
    return;
  }
  pushCount();
  if (size === 8) body.op(op.i64ExtendI32U);
  const codes = {
    shl: sized(op.i32Shl, op.i64Shl, size),
    shr: sized(op.i32ShrU, op.i64ShrU, size),
    sar: sized(op.i32ShrS, op.i64ShrS, size),
    rol: sized(op.i32Rotl, op.i64Rotl, size),
    ror: sized(op.i32Rotr, op.i64Rotr, size),
  };
  body.op(codes[kind]);
  e.zeroExtend(size);
}

/** The value is on the stack: doubled until it fills 32 bits, a rotation of those is one of the narrow value. */
function pushNarrowRotation(e: Emitter, kind: Shift, pushCount: () => void, size: number): void {
  const { body } = e;
  const factor = size === 1 ? 0x01010101 : 0x00010001;
  body.i32(factor);
  body.op(op.i32Mul);
  pushCount();
  body.op(kind === 'rol' ? op.i32Rotl : op.i32Rotr);
  e.zeroExtend(size);
}

function shift(kind: Shift): Handler {
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    const { size } = instruction;
    const mask = size === 8 ? 63 : 31;
    const { body } = e;
    const place = placeOf(e, first, true);
    const value = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
    const result = size === 8 ? THIRD_SCRATCH64 : THIRD_SCRATCH32;
    const fixed = second.kind === 'immediate' ? second.low & mask : -1;
    pushFirst(e, first, place);
    body.set(value);
    if (fixed < 0) {
      body.get(RCX);
      body.op(op.i32WrapI64);
      body.i32(mask);
      body.op(op.i32And);
      body.set(COUNT);
    }
    const pushCount = () => (fixed < 0 ? body.get(COUNT) : body.i32(fixed));
    pushShifted(e, kind, value, pushCount, size);
    body.set(result);
    const live = e.liveFlags & e.step.effects.flagsWritten;
    if (live !== 0 && fixed !== 0) {
      if (fixed < 0) dynamicFlags(e, kind, value, result, size, live);
      else fixedFlags(e, kind, value, result, size, fixed, live);
    }
    setFirst(e, first, place, result);
  };
}

/** Pushes the carry of a shift by a count that is not zero. */
function pushCarry(
  e: Emitter,
  kind: Shift,
  value: number,
  result: number,
  pushCount: () => void,
  size: number,
) {
  const { body } = e;
  const bits = size * 8;
  if (kind === 'rol' || kind === 'ror') {
    body.get(result);
    if (kind === 'ror') {
      constant(e, bits - 1, size);
      body.op(sized(op.i32ShrU, op.i64ShrU, size));
    }
    bit0(e, size);
    return;
  }
  body.get(value);
  if (kind === 'sar') e.signExtend(size);
  if (kind === 'shl') {
    body.i32(bits);
    pushCount();
    body.op(op.i32Sub);
    if (size < 4) {
      // Counts above the width shift out zeros: the distance is negative and taken modulo 32.
      body.op(op.i32ShrU);
      bit0(e, 4);
      pushCount();
      body.i32(bits);
      body.op(op.i32LeU);
      body.op(op.i32And);
      return;
    }
  } else {
    pushCount();
    body.i32(1);
    body.op(op.i32Sub);
  }
  if (size === 8) body.op(op.i64ExtendI32U);
  body.op(kind === 'sar' ? sized(op.i32ShrS, op.i64ShrS, size) : sized(op.i32ShrU, op.i64ShrU, size));
  bit0(e, size);
}

/** Pushes the overflow flag of a shift by one; for other counts it is undefined. */
function pushOverflow(
  e: Emitter,
  kind: Shift,
  value: number,
  result: number,
  pushCount: () => void,
  size: number,
) {
  const { body } = e;
  const top = (local: number, from: number) => {
    body.get(local);
    constant(e, size * 8 - from, size);
    body.op(sized(op.i32ShrU, op.i64ShrU, size));
    bit0(e, size);
  };
  switch (kind) {
    case 'sar':
      body.i32(0);
      return;
    case 'shr':
      top(value, 1);
      return;
    case 'ror':
      top(result, 1);
      top(result, 2);
      body.op(op.i32Xor);
      return;
    default:
      top(result, 1);
      pushCarry(e, kind, value, result, pushCount, size);
      body.op(op.i32Xor);
  }
}

function fixedFlags(
  e: Emitter,
  kind: Shift,
  value: number,
  result: number,
  size: number,
  count: number,
  live: number,
): void {
  const { body, flags } = e;
  const pushCount = () => body.i32(count);
  const isRotation = kind === 'rol' || kind === 'ror';
  if ((live & FLAG_CF) !== 0) {
    pushCarry(e, kind, value, result, pushCount, size);
    flags.setBit(FLAG_CF);
  }
  if ((live & FLAG_OF) !== 0) {
    pushOverflow(e, kind, value, result, pushCount, size);
    flags.setBit(FLAG_OF);
  }
  if (isRotation || (live & RESULT_FLAGS) === 0) return;
  // Carry and overflow are bits now, or nobody reads them.
  body.get(result);
  body.set(flags.a(size));
  flags.setSource('logic', size, RESULT_FLAGS);
}

/** A count of zero leaves all flags: each live one is chosen. */
function dynamicFlags(
  e: Emitter,
  kind: Shift,
  value: number,
  result: number,
  size: number,
  live: number,
): void {
  const { body, flags } = e;
  flags.toBits(live | (e.liveFlags & ~live));
  const pushCount = () => body.get(COUNT);
  const choose = (flag: number, bit: number, push: () => void) => {
    if ((live & flag) === 0) return;
    push();
    body.get(FLAG_BITS + bit);
    body.get(COUNT);
    body.op(op.select);
    body.set(FLAG_BITS + bit);
  };
  choose(FLAG_OF, 5, () => pushOverflow(e, kind, value, result, pushCount, size));
  choose(FLAG_CF, 0, () => pushCarry(e, kind, value, result, pushCount, size));
  if (kind === 'rol' || kind === 'ror') return;
  choose(FLAG_ZF, 3, () => {
    body.get(result);
    body.op(sized(op.i32Eqz, op.i64Eqz, size));
  });
  choose(FLAG_SF, 4, () => {
    body.get(result);
    constant(e, size * 8 - 1, size);
    body.op(sized(op.i32ShrU, op.i64ShrU, size));
    bit0(e, size);
  });
  choose(FLAG_PF, 1, () => {
    body.get(result);
    if (size === 8) body.op(op.i32WrapI64);
    body.i32(0xff);
    body.op(op.i32And);
    body.op(op.i32Popcnt);
    body.i32(1);
    body.op(op.i32And);
    body.op(op.i32Eqz);
  });
}

/** shld and shrd by an immediate. */
function doubleShift(isLeft: boolean): Handler {
  return (e, { operands, size }) => {
    const [first, second, third] = operands;
    if (third.kind !== 'immediate') return;
    const { body } = e;
    const count = third.low & (size === 8 ? 63 : 31);
    const place = placeOf(e, first, true);
    const result = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
    pushFirst(e, first, place);
    if (count !== 0) {
      const bits = size * 8;
      constant(e, count, size);
      body.op(isLeft ? sized(op.i32Shl, op.i64Shl, size) : sized(op.i32ShrU, op.i64ShrU, size));
      e.pushOperand(second, ADDRESS);
      constant(e, bits - count, size);
      body.op(isLeft ? sized(op.i32ShrU, op.i64ShrU, size) : sized(op.i32Shl, op.i64Shl, size));
      body.op(sized(op.i32Or, op.i64Or, size));
    }
    body.set(result);
    const live = e.liveFlags & e.step.effects.flagsWritten;
    if (live !== 0 && count !== 0) doubleShiftFlags(e, first, place, result, isLeft, count, live);
    setFirst(e, first, place, result);
  };
}

/** The carry is the last bit shifted out; overflow, for a count of 1, a change of sign. */
function doubleShiftFlags(
  e: Emitter,
  first: Operand,
  place: Place | null,
  result: number,
  isLeft: boolean,
  count: number,
  live: number,
): void {
  const { body, flags } = e;
  const { size } = first;
  const oldBit = (bit: number) => {
    pushFirst(e, first, place);
    constant(e, bit, size);
    body.op(sized(op.i32ShrU, op.i64ShrU, size));
    bit0(e, size);
  };
  if ((live & FLAG_CF) !== 0) {
    oldBit(isLeft ? size * 8 - count : count - 1);
    flags.setBit(FLAG_CF);
  }
  if ((live & FLAG_OF) !== 0) {
    oldBit(size * 8 - 1);
    body.get(result);
    constant(e, size * 8 - 1, size);
    body.op(sized(op.i32ShrU, op.i64ShrU, size));
    bit0(e, size);
    body.op(op.i32Xor);
    flags.setBit(FLAG_OF);
  }
  if ((live & RESULT_FLAGS) === 0) return;
  body.get(result);
  body.set(flags.a(size));
  flags.setSource('logic', size, RESULT_FLAGS);
}

function bitTest(change: 'none' | 'set' | 'reset' | 'complement'): Handler {
  return (e, { operands, size }) => {
    const [first, second] = operands;
    const { body, flags } = e;
    const place = placeOf(e, first, change !== 'none');
    const value = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
    const bit = size === 8 ? THIRD_SCRATCH64 : THIRD_SCRATCH32;
    const isRead = (e.liveFlags & FLAG_CF) !== 0;
    if (change === 'none' && !isRead) return;
    pushFirst(e, first, place);
    body.set(value);
    if (second.kind === 'general') e.pushRegister(second.register, size);
    else if (second.kind === 'immediate') constant(e, second.low, size);
    constant(e, size * 8 - 1, size);
    body.op(sized(op.i32And, op.i64And, size));
    body.set(bit);
    if (change !== 'none') {
      body.get(value);
      constant(e, 1, size);
      body.get(bit);
      body.op(sized(op.i32Shl, op.i64Shl, size));
      if (change === 'set') body.op(sized(op.i32Or, op.i64Or, size));
      else {
        if (change === 'reset') {
          constant(e, -1, size);
          body.op(sized(op.i32Xor, op.i64Xor, size));
        }
        body.op(change === 'reset' ? sized(op.i32And, op.i64And, size) : sized(op.i32Xor, op.i64Xor, size));
      }
      const result = size === 8 ? SCRATCH64 : SCRATCH32;
      body.set(result);
      setFirst(e, first, place, result);
    }
    if (!isRead) return;
    body.get(value);
    body.get(bit);
    body.op(sized(op.i32ShrU, op.i64ShrU, size));
    bit0(e, size);
    flags.setBit(FLAG_CF);
  };
}

/** bsf and bsr: the destination stays for a source of zero. */
function scan(isForward: boolean): Handler {
  return (e, { operands, size }) => {
    const [first, second] = operands;
    if (first.kind !== 'general') return;
    const { body, flags } = e;
    const value = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
    e.pushOperand(second, ADDRESS);
    body.set(value);
    body.get(value);
    if (isForward) body.op(sized(op.i32Ctz, op.i64Ctz, size));
    else {
      body.op(sized(op.i32Clz, op.i64Clz, size));
      constant(e, size === 8 ? 63 : 31, size);
      body.op(sized(op.i32Xor, op.i64Xor, size));
    }
    if (size === 8) {
      body.get(first.register);
      body.get(value);
      body.op(op.i64Eqz);
      body.op(op.i32Eqz);
      body.op(op.select);
      body.set(first.register);
    } else {
      // Silicon leaves all 64 bits alone.
      body.set(SCRATCH32);
      body.get(value);
      body.open(op.if);
      body.get(SCRATCH32);
      e.setRegister(first.register, size);
      body.close();
    }
    if ((e.liveFlags & FLAG_ZF) === 0) return;
    body.get(value);
    body.op(sized(op.i32Eqz, op.i64Eqz, size));
    flags.setBit(FLAG_ZF);
  };
}

type Counter = 'tzcnt' | 'lzcnt' | 'popcnt';

function count(kind: Counter): Handler {
  return (e, { operands, size }) => {
    const [first, second] = operands;
    if (first.kind !== 'general') return;
    const { body, flags } = e;
    const value = size === 8 ? SECOND_SCRATCH64 : SECOND_SCRATCH32;
    const result = size === 8 ? THIRD_SCRATCH64 : THIRD_SCRATCH32;
    e.pushOperand(second, ADDRESS);
    body.tee(value);
    if (kind === 'popcnt') body.op(sized(op.i32Popcnt, op.i64Popcnt, size));
    else if (kind === 'tzcnt') {
      // A bit above the width stops the count there.
      if (size === 2) {
        body.i32(0x1_0000);
        body.op(op.i32Or);
      }
      body.op(sized(op.i32Ctz, op.i64Ctz, size));
    } else {
      body.op(sized(op.i32Clz, op.i64Clz, size));
      if (size === 2) {
        body.i32(16);
        body.op(op.i32Sub);
      }
    }
    body.tee(result);
    e.setRegister(first.register, size);
    const live = e.liveFlags & e.step.effects.flagsWritten;
    if (live === 0) return;
    if (kind === 'popcnt') {
      // All flags but ZF are clear, and ZF says that the source was zero.
      for (const flag of [0x1, 0x4, 0x10, 0x80, 0x800]) {
        if ((live & flag) === 0) continue;
        body.i32(0);
        flags.setBit(flag);
      }
    } else if ((live & FLAG_CF) !== 0) {
      body.get(value);
      body.op(sized(op.i32Eqz, op.i64Eqz, size));
      flags.setBit(FLAG_CF);
    }
    if ((live & FLAG_ZF) === 0) return;
    body.get(result);
    body.op(sized(op.i32Eqz, op.i64Eqz, size));
    flags.setBit(FLAG_ZF);
  };
}

const swapBytes: Handler = (e, { operands, size }) => {
  const [first] = operands;
  if (first.kind !== 'general') return;
  const { body } = e;
  const swap32 = (local: number) => {
    body.get(local);
    body.i32(8);
    body.op(op.i32Rotl);
    body.i32(0x00ff00ff);
    body.op(op.i32And);
    body.get(local);
    body.i32(8);
    body.op(op.i32Rotr);
    body.i32(0xff00ff00 | 0);
    body.op(op.i32And);
    body.op(op.i32Or);
  };
  body.get(first.register);
  body.op(op.i32WrapI64);
  body.set(SCRATCH32);
  if (size === 8) {
    body.get(first.register);
    body.i64(32);
    body.op(op.i64ShrU);
    body.op(op.i32WrapI64);
    body.set(SECOND_SCRATCH32);
  }
  swap32(SCRATCH32);
  body.op(op.i64ExtendI32U);
  if (size === 8) {
    body.i64(32);
    body.op(op.i64Shl);
    swap32(SECOND_SCRATCH32);
    body.op(op.i64ExtendI32U);
    body.op(op.i64Or);
  }
  body.set(first.register);
};

/** imul with two or three operands. */
function multiplyInto(e: Emitter, { operands, size }: Instruction): void {
  const first = operands[0];
  if (first.kind !== 'general') return;
  const { body } = e;
  const left = operands.length === 3 ? operands[1] : first;
  const right = operands[operands.length - 1];
  const live = e.liveFlags & (FLAG_CF | FLAG_OF);
  if (size === 8) {
    e.pushOperand(left, ADDRESS);
    body.set(SCRATCH64);
    e.pushOperand(right, ADDRESS);
    body.set(SECOND_SCRATCH64);
    if (live !== 0) {
      body.get(SCRATCH64);
      body.get(SECOND_SCRATCH64);
      body.call(IMPORT_MULTIPLY_HIGH_SIGNED);
      body.set(THIRD_SCRATCH64);
    }
    body.get(SCRATCH64);
    body.get(SECOND_SCRATCH64);
    body.op(op.i64Mul);
    body.set(first.register);
    if (live === 0) return;
    body.get(first.register);
    body.i64(63);
    body.op(op.i64ShrS);
    body.get(THIRD_SCRATCH64);
    body.op(op.i64Ne);
  } else {
    const push = (operand: Operand) => {
      e.pushOperand(operand, ADDRESS);
      e.signExtend(size);
      if (live !== 0) body.op(op.i64ExtendI32S);
    };
    push(left);
    push(right);
    body.op(live !== 0 ? op.i64Mul : op.i32Mul);
    if (live !== 0) {
      body.tee(SCRATCH64);
      body.op(op.i32WrapI64);
    }
    e.setRegister(first.register, size);
    if (live === 0) return;
    body.get(SCRATCH64);
    body.get(SCRATCH64);
    body.op(size === 4 ? op.i64Extend32S : op.i64Extend16S);
    body.op(op.i64Ne);
  }
  body.set(SCRATCH32);
  overflowBits(e, live);
}

/** Carry and overflow from SCRATCH32. */
function overflowBits(e: Emitter, live: number): void {
  for (const flag of [FLAG_CF, FLAG_OF]) {
    if ((live & flag) === 0) continue;
    e.body.get(SCRATCH32);
    e.flags.setBit(flag);
  }
}

/** mul, and imul with one operand, of 4 and 8 bytes. */
function multiplyWide(signed: boolean): Handler {
  return (e, instruction) => {
    const { operands, size } = instruction;
    if (operands.length > 1) {
      multiplyInto(e, instruction);
      return;
    }
    const { body } = e;
    const live = e.liveFlags & (FLAG_CF | FLAG_OF);
    e.pushOperand(operands[0], ADDRESS);
    if (size === 8) {
      body.set(SCRATCH64);
      body.get(RAX);
      body.get(SCRATCH64);
      body.call(signed ? IMPORT_MULTIPLY_HIGH_SIGNED : IMPORT_MULTIPLY_HIGH_UNSIGNED);
      body.set(RDX);
      body.get(RAX);
      body.get(SCRATCH64);
      body.op(op.i64Mul);
      body.set(RAX);
    } else {
      const extend = signed ? op.i64ExtendI32S : op.i64ExtendI32U;
      body.op(extend);
      body.get(RAX);
      body.op(op.i32WrapI64);
      body.op(extend);
      body.op(op.i64Mul);
      body.tee(SCRATCH64);
      body.i64(32);
      body.op(op.i64ShrU);
      body.set(RDX);
      body.get(SCRATCH64);
      body.op(op.i32WrapI64);
      body.op(op.i64ExtendI32U);
      body.set(RAX);
    }
    if (live === 0) return;
    // The high half is more than the low half's sign, or more than zero.
    body.get(RDX);
    if (signed && size === 8) {
      body.get(RAX);
      body.i64(63);
      body.op(op.i64ShrS);
    } else if (signed) {
      body.get(RAX);
      body.op(op.i32WrapI64);
      body.i32(31);
      body.op(op.i32ShrS);
      body.op(op.i64ExtendI32U);
    } else body.i64(0);
    body.op(op.i64Ne);
    body.set(SCRATCH32);
    overflowBits(e, live);
  };
}

/** div and idiv of 4 and 8 bytes; what faults, and dividends of more than 64 bits, are left to the interpreter. */
function divide(signed: boolean): Handler {
  return (e, { operands, size }) => {
    const { body } = e;
    const divisor = SECOND_SCRATCH64;
    const dividend = SCRATCH64;
    e.pushOperand(operands[0], ADDRESS);
    if (size === 4) body.op(signed ? op.i64ExtendI32S : op.i64ExtendI32U);
    body.tee(divisor);
    body.op(op.i64Eqz);
    if (size === 8) {
      body.get(RDX);
      if (signed) {
        body.get(RAX);
        body.i64(63);
        body.op(op.i64ShrS);
        body.op(op.i64Ne);
      } else {
        body.op(op.i64Eqz);
        body.op(op.i32Eqz);
      }
      body.op(op.i32Or);
      body.get(RAX);
      body.set(dividend);
    } else {
      body.get(RDX);
      body.i64(32);
      body.op(op.i64Shl);
      body.get(RAX);
      body.op(op.i32WrapI64);
      body.op(op.i64ExtendI32U);
      body.op(op.i64Or);
      body.set(dividend);
    }
    if (signed) {
      // The one quotient that does not fit would trap.
      body.get(dividend);
      body.i64(0, 0x8000_0000 | 0);
      body.op(op.i64Eq);
      body.get(divisor);
      body.i64(-1);
      body.op(op.i64Eq);
      body.op(op.i32And);
      body.op(op.i32Or);
    }
    e.leaveIf();
    body.get(dividend);
    body.get(divisor);
    body.op(signed ? op.i64DivS : op.i64DivU);
    body.set(THIRD_SCRATCH64);
    if (size === 4) {
      body.get(THIRD_SCRATCH64);
      if (signed) {
        body.get(THIRD_SCRATCH64);
        body.op(op.i64Extend32S);
        body.op(op.i64Ne);
      } else {
        body.i64(32);
        body.op(op.i64ShrU);
        body.op(op.i64Eqz);
        body.op(op.i32Eqz);
      }
      e.leaveIf();
    }
    body.get(dividend);
    body.get(divisor);
    body.op(signed ? op.i64RemS : op.i64RemU);
    if (size === 4) body.op(op.i32WrapI64);
    e.setRegister(RDX, size);
    body.get(THIRD_SCRATCH64);
    if (size === 4) body.op(op.i32WrapI64);
    e.setRegister(RAX, size);
  };
}

export const BITS: Readonly<Record<string, Handler>> = {
  shl: shift('shl'),
  shr: shift('shr'),
  sar: shift('sar'),
  rol: shift('rol'),
  ror: shift('ror'),
  shld: doubleShift(true),
  shrd: doubleShift(false),
  bt: bitTest('none'),
  bts: bitTest('set'),
  btr: bitTest('reset'),
  btc: bitTest('complement'),
  bsf: scan(true),
  bsr: scan(false),
  tzcnt: count('tzcnt'),
  lzcnt: count('lzcnt'),
  popcnt: count('popcnt'),
  bswap: swapBytes,
  imul: multiplyWide(true),
  mul: multiplyWide(false),
  div: divide(false),
  idiv: divide(true),
};

/** Whether the handlers above can do it; the rest is for the interpreter. */
export function canDoBits(instruction: Instruction): boolean {
  const { operation, size, operands } = instruction;
  const last = operands[operands.length - 1];
  switch (operation) {
    case 'bswap':
    case 'div':
    case 'idiv':
    case 'mul':
      return size >= 4;
    case 'imul':
      return size >= 4 || (operands.length > 1 && size === 2);
    case 'shl':
    case 'shr':
    case 'sar':
      // Counts above the width of narrow operands have a carry of their own.
      return size >= 4 || (last.kind === 'immediate' && (last.low & 31) < size * 8);
    case 'rol':
    case 'ror':
      return size >= 4 || (last.kind === 'immediate' && (last.low & 31) < size * 8);
    case 'shld':
    case 'shrd':
      return size >= 4 && last.kind === 'immediate';
    case 'bt':
    case 'bts':
    case 'btr':
    case 'btc':
      return operands[0].kind === 'general' || last.kind === 'immediate';
    default:
      return true;
  }
}
