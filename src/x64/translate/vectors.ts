/**
 * Handlers of SSE moves and of operations on integer lanes, as WebAssembly SIMD. Floating-point arithmetic is left to
 * the interpreter: rounding, exceptions and the bits of results that are no numbers follow MXCSR. Implements the
 * instruction reference of the Intel 64 manual, volume 2.
 */

import type { Instruction, Operand } from '../instruction.ts';
import { OPERATIONS, type Semantics } from '../table/index.ts';
import { ADDRESS, SCRATCH128 } from './convention.ts';
import type { Emitter, Handler, Place } from './emitter.ts';
import { op } from './opcodes.ts';
import { LANE_OPERATORS, simd } from './simdOpcodes.ts';

const XMM = 16;

/** Checks a memory operand of a vector instruction; misaligned ones are left to the interpreter, which faults. */
function placeOf(e: Emitter, instruction: Instruction, operand: Operand, writes: boolean): Place | null {
  if (operand.kind !== 'memory') return null;
  const place = e.place(operand, operand.size, writes, ADDRESS);
  if (operand.size === 16 && OPERATIONS[instruction.operationNumber].aligned) {
    e.pushPlace(place);
    e.body.i32(place.offset);
    e.body.op(op.i32Add);
    e.body.i32(15);
    e.body.op(op.i32And);
    e.leaveIf();
  }
  return place;
}

/** Pushes a vector: a register, or 16, 8 or 4 bytes of memory with zeros above. */
function pushVector(e: Emitter, instruction: Instruction, operand: Operand): void {
  if (operand.kind === 'xmm') {
    e.body.get(XMM + operand.register);
    return;
  }
  const place = placeOf(e, instruction, operand, false);
  if (place === null) throw new Error(`translator: operand ${operand.kind} is no vector`);
  e.pushPlace(place);
  const load = { 16: simd.load, 8: simd.load64Zero, 4: simd.load32Zero, 2: 0, 1: 0 }[operand.size];
  e.body.simdMemory(load, place.offset);
}

function registerOf(operand: Operand): number {
  if (operand.kind !== 'xmm') throw new Error(`translator: operand ${operand.kind} is no XMM register`);
  return XMM + operand.register;
}

/** Stores lane 0, or `lane`, of a register: 4 or 8 bytes. */
function storeLane(e: Emitter, place: Place, register: number, size: number, lane: number): void {
  e.pushPlace(place);
  e.body.get(register);
  e.body.simdMemory(size === 8 ? simd.store64Lane : simd.store32Lane, place.offset);
  e.body.op(lane);
}

/** Pushes two vectors before it; the lanes of the result by number of byte, 16 and above of the second. */
function shuffle(e: Emitter, bytes: readonly number[]): void {
  e.body.simd(simd.shuffle);
  for (const byte of bytes) e.body.op(byte);
}

function pushZero(e: Emitter): void {
  e.body.simd(simd.const);
  for (let byte = 0; byte < 16; byte++) e.body.op(0);
}

/** Whole registers, to and from memory. */
const moveWhole: Handler = (e, instruction) => {
  const [first, second] = instruction.operands;
  const place = placeOf(e, instruction, first, true);
  if (place !== null) {
    e.pushPlace(place);
    e.body.get(registerOf(second));
    e.store(place, 16);
    return;
  }
  pushVector(e, instruction, second);
  e.body.set(registerOf(first));
};

/** movss and movsd: from memory the rest becomes zero, from a register it stays. */
function moveScalar(size: 4 | 8): Handler {
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    const place = placeOf(e, instruction, first, true);
    if (place !== null) {
      storeLane(e, place, registerOf(second), size, 0);
      return;
    }
    if (second.kind === 'memory') pushVector(e, instruction, second);
    else {
      e.body.get(registerOf(first));
      e.body.get(registerOf(second));
      shuffle(
        e,
        bytesOf((byte) => (byte < size ? 16 + byte : byte)),
      );
    }
    e.body.set(registerOf(first));
  };
}

function bytesOf(byteAt: (byte: number) => number): number[] {
  return Array.from({ length: 16 }, (_each, byte) => byteAt(byte));
}

/** movlps, movhps and their kin: one half, to or from memory. */
function moveHalf(lane: 0 | 1): Handler {
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    if (first.kind === 'memory') {
      const place = placeOf(e, instruction, first, true);
      if (place !== null) storeLane(e, place, registerOf(second), 8, lane);
      return;
    }
    const place = placeOf(e, instruction, second, false);
    if (place === null) return;
    e.pushPlace(place);
    e.body.get(registerOf(first));
    e.body.simdMemory(simd.load64Lane, place.offset);
    e.body.op(lane);
    e.body.set(registerOf(first));
  };
}

/** movhlps and movlhps. */
function moveBetweenHalves(toHigh: boolean): Handler {
  return (e, { operands }) => {
    const [first, second] = operands;
    e.body.get(registerOf(first));
    e.body.get(registerOf(second));
    shuffle(
      e,
      bytesOf((byte) => (toHigh ? (byte < 8 ? byte : 8 + byte) : byte < 8 ? 24 + byte : byte)),
    );
    e.body.set(registerOf(first));
  };
}

/** movd and movq between general and XMM registers, or memory. */
const moveGeneral: Handler = (e, instruction) => {
  const [first, second] = instruction.operands;
  const { body } = e;
  if (first.kind === 'xmm') {
    if (second.kind === 'general') {
      pushZero(e);
      e.pushLoose(second.register, second.size);
      body.simd(second.size === 8 ? simd.i64x2ReplaceLane : simd.i32x4ReplaceLane);
      body.op(0);
    } else if (second.kind === 'xmm') {
      // movq between registers clears the high half.
      body.get(registerOf(second));
      pushZero(e);
      shuffle(
        e,
        bytesOf((byte) => (byte < 8 ? byte : 16 + byte)),
      );
    } else pushVector(e, instruction, second);
    body.set(registerOf(first));
    return;
  }
  const place = placeOf(e, instruction, first, true);
  if (place !== null) {
    storeLane(e, place, registerOf(second), first.size, 0);
    return;
  }
  if (first.kind !== 'general') return;
  body.get(registerOf(second));
  body.simd(first.size === 8 ? simd.i64x2ExtractLane : simd.i32x4ExtractLane);
  body.op(0);
  e.setRegister(first.register, first.size);
};

/** The sign bits of lanes as an integer. */
function signs(bitmask: number): Handler {
  return (e, { operands }) => {
    const [first, second] = operands;
    if (first.kind !== 'general') return;
    e.body.get(registerOf(second));
    e.body.simd(bitmask);
    e.setRegister(first.register, 4);
  };
}

const insertWord: Handler = (e, instruction) => {
  const [first, second, third] = instruction.operands;
  if (third.kind !== 'immediate') return;
  e.body.get(registerOf(first));
  if (second.kind === 'general') e.pushLoose(second.register, 4);
  else e.pushOperand(second, ADDRESS);
  e.body.simd(simd.i16x8ReplaceLane);
  e.body.op(third.low & 7);
  e.body.set(registerOf(first));
};

const extractWord: Handler = (e, { operands }) => {
  const [first, second, third] = operands;
  if (third.kind !== 'immediate' || first.kind !== 'general') return;
  e.body.get(registerOf(second));
  e.body.simd(simd.i16x8ExtractLaneU);
  e.body.op(third.low & 7);
  e.setRegister(first.register, 4);
};

/** a * b of the even 32-bit lanes. */
const multiplyEven: Handler = (e, instruction) => {
  const [first, second] = instruction.operands;
  const { body } = e;
  const lowHalves = () => {
    body.i64(-1, 0);
    body.simd(simd.i64x2Splat);
    body.simd(simd.and);
  };
  body.get(registerOf(first));
  lowHalves();
  pushVector(e, instruction, second);
  lowHalves();
  body.simd(simd.i64x2Mul);
  body.set(registerOf(first));
};

const multiplyAdd: Handler = (e, instruction) => {
  const [first, second] = instruction.operands;
  e.body.get(registerOf(first));
  pushVector(e, instruction, second);
  e.body.simd(simd.i32x4DotI16x8);
  e.body.set(registerOf(first));
};

/** Bytes by index: bit 7 gives zero, else the low four bits count. */
const shuffleBytes: Handler = (e, instruction) => {
  const [first, second] = instruction.operands;
  e.body.get(registerOf(first));
  pushVector(e, instruction, second);
  e.body.i32(0x8f);
  e.body.simd(simd.i8x16Splat);
  e.body.simd(simd.and);
  e.body.simd(simd.swizzle);
  e.body.set(registerOf(first));
};

type SemanticsOf<K extends Semantics['kind']> = Extract<Semantics, { kind: K }>;

function bitwise({ operator }: SemanticsOf<'bitwise'>): Handler {
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    if (operator === 'andNot') {
      // WebAssembly negates the second operand, SSE the first.
      pushVector(e, instruction, second);
      e.body.get(registerOf(first));
      e.body.simd(simd.andNot);
    } else {
      e.body.get(registerOf(first));
      pushVector(e, instruction, second);
      e.body.simd({ and: simd.and, or: simd.or, xor: simd.xor }[operator]);
    }
    e.body.set(registerOf(first));
  };
}

function lanes({ lane, operator }: SemanticsOf<'lanes'>): Handler | undefined {
  const code = LANE_OPERATORS[`${lane} ${operator}`];
  if (code === undefined) return undefined;
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    e.body.get(registerOf(first));
    pushVector(e, instruction, second);
    e.body.simd(code);
    e.body.set(registerOf(first));
  };
}

function shift({ lane, operator }: SemanticsOf<'shift'>): Handler {
  const bits = Number(lane.slice(1));
  const codes = {
    i16: { left: 139, right: 141, arithmetic: 140 },
    i32: { left: 171, right: 173, arithmetic: 172 },
    i64: { left: 203, right: 205, arithmetic: 204 },
  }[lane];
  return (e, { operands }) => {
    const [first, second] = operands;
    if (second.kind !== 'immediate') return;
    const isAll = second.low >= bits;
    if (isAll && operator !== 'arithmetic') pushZero(e);
    else {
      e.body.get(registerOf(first));
      e.body.i32(isAll ? bits - 1 : second.low);
      e.body.simd(codes[operator]);
    }
    e.body.set(registerOf(first));
  };
}

function shiftBytes({ operator }: SemanticsOf<'shiftBytes'>): Handler {
  return (e, { operands }) => {
    const [first, second] = operands;
    if (second.kind !== 'immediate') return;
    const count = Math.min(second.low, 16);
    e.body.get(registerOf(first));
    pushZero(e);
    const from = (byte: number) => (operator === 'left' ? byte - count : byte + count);
    shuffle(
      e,
      bytesOf((byte) => (from(byte) >= 0 && from(byte) < 16 ? from(byte) : 16)),
    );
    e.body.set(registerOf(first));
  };
}

function unpack({ width, half }: SemanticsOf<'unpack'>): Handler {
  const start = half === 'low' ? 0 : 8;
  const bytes = bytesOf((byte) => {
    const lane = Math.floor(byte / width);
    return (lane % 2) * 16 + start + Math.floor(lane / 2) * width + (byte % width);
  });
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    e.body.get(registerOf(first));
    pushVector(e, instruction, second);
    shuffle(e, bytes);
    e.body.set(registerOf(first));
  };
}

function pack({ from, to }: SemanticsOf<'pack'>): Handler {
  const signed = to.startsWith('i');
  const code = from === 'i16' ? (signed ? 101 : 102) : signed ? 133 : 134;
  return (e, instruction) => {
    const [first, second] = instruction.operands;
    e.body.get(registerOf(first));
    pushVector(e, instruction, second);
    e.body.simd(code);
    e.body.set(registerOf(first));
  };
}

/** Number of the byte that each byte of the result comes from; from 16 on of the second operand. */
function shuffled({ width, part }: SemanticsOf<'shuffle'>, control: number): number[] {
  return bytesOf((byte) => {
    const lane = Math.floor(byte / width);
    const rest = byte % width;
    if (part === 'all') return ((control >> (lane * 2)) & 3) * width + rest;
    if (part === 'both' && width === 8) return (lane === 0 ? 0 : 16) + ((control >> lane) & 1) * 8 + rest;
    if (part === 'both') return (lane < 2 ? 0 : 16) + ((control >> (lane * 2)) & 3) * 4 + rest;
    const isMoved = part === 'low' ? lane < 4 : lane >= 4;
    if (!isMoved) return byte;
    return (part === 'low' ? 0 : 8) + ((control >> ((lane & 3) * 2)) & 3) * 2 + rest;
  });
}

function shuffleLanes(semantics: SemanticsOf<'shuffle'>): Handler {
  return (e, instruction) => {
    const [first, second, third] = instruction.operands;
    if (third.kind !== 'immediate') return;
    const bytes = shuffled(semantics, third.low);
    if (semantics.part === 'both') {
      e.body.get(registerOf(first));
      pushVector(e, instruction, second);
    } else {
      pushVector(e, instruction, second);
      e.body.tee(SCRATCH128);
      e.body.get(SCRATCH128);
    }
    shuffle(e, bytes);
    e.body.set(registerOf(first));
  };
}

const WHOLE = ['movups', 'movupd', 'movaps', 'movapd', 'movdqa', 'movdqu', 'lddqu', 'movntps', 'movntpd'];

const BY_NAME: Readonly<Record<string, Handler>> = {
  ...Object.fromEntries([...WHOLE, 'movntdq', 'movntdqa'].map((name) => [name, moveWhole])),
  movss: moveScalar(4),
  movsd: moveScalar(8),
  movlps: moveHalf(0),
  movlpd: moveHalf(0),
  movhps: moveHalf(1),
  movhpd: moveHalf(1),
  movhlps: moveBetweenHalves(false),
  movlhps: moveBetweenHalves(true),
  movd: moveGeneral,
  movq: moveGeneral,
  pmovmskb: signs(simd.i8x16Bitmask),
  movmskps: signs(simd.i32x4Bitmask),
  movmskpd: signs(simd.i64x2Bitmask),
  pinsrw: insertWord,
  pextrw: extractWord,
  pmuludq: multiplyEven,
  pmaddwd: multiplyAdd,
  pshufb: shuffleBytes,
};

function bySemantics(semantics: Semantics | undefined): Handler | undefined {
  switch (semantics?.kind) {
    case 'bitwise':
      return bitwise(semantics);
    case 'lanes':
      return lanes(semantics);
    case 'shift':
      return shift(semantics);
    case 'shiftBytes':
      return shiftBytes(semantics);
    case 'unpack':
      return unpack(semantics);
    case 'pack':
      return pack(semantics);
    case 'shuffle':
      return shuffleLanes(semantics);
    default:
      return undefined;
  }
}

export const VECTORS: ReadonlyMap<string, Handler> = new Map(
  OPERATIONS.flatMap(({ name, semantics }) => {
    const handler = BY_NAME[name] ?? bySemantics(semantics);
    return handler === undefined ? [] : [[name, handler] as const];
  }),
);

/** Whether the handlers above can do it; the rest is for the interpreter. */
export function canDoVectors(instruction: Instruction): boolean {
  const { operation, operands } = instruction;
  const { semantics } = OPERATIONS[instruction.operationNumber];
  if (semantics?.kind === 'shift') return operands[1].kind === 'immediate';
  if (operation === 'pextrw') return operands[0].kind === 'general';
  return operands.every(({ kind }) => kind !== 'control' && kind !== 'segment' && kind !== 'debug');
}
