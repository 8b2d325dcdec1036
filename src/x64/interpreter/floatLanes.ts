/**
 * Floating-point lanes: arithmetic, minimum and maximum, comparisons. Implements ADDPS to MAXSD, SQRT, CMP, COMIS,
 * UCOMIS, HADD, HSUB, ADDSUB, DPPS, DPPD, RCP and RSQRT of the Intel 64 manual, volume 2. Plain numbers are used where
 * they give the same bits and flags, exact arithmetic everywhere else.
 */

import { type Address, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import { FLAG_CF, FLAG_PF, FLAG_ZF, STATE_MXCSR } from '../state.ts';
import { type Cpu, Fault, VECTOR_SIMD } from './cpu.ts';
import { setArithmeticFlags } from './flags.ts';
import { type Handler, RESULT_SLOT } from './op.ts';
import { compareFloats, type Order } from './softConvert.ts';
import {
  type Arithmetic,
  calculate,
  DENORMALS_ARE_ZERO,
  DOUBLE,
  defaultNaN,
  FloatState,
  type Format,
  INEXACT,
  OPERAND_FLAGS,
  SINGLE,
} from './softFloat.ts';
import { always, type Handlers } from './values.ts';

/** Everything masked, nearest, no flushing; the low six bits are flags. */
const ORDINARY = 0x1f80;
const SMALLEST: Readonly<Record<4 | 8, number>> = { 4: 2 ** -126, 8: 2 ** -1022 };
const LARGEST: Readonly<Record<4 | 8, number>> = { 4: (2 - 2 ** -23) * 2 ** 127, 8: Number.MAX_VALUE };

export function readBits(cpu: Cpu, format: Format, at: Address): bigint {
  return format.bytes === 4 ? BigInt(cpu.data.getUint32(at, true)) : cpu.data.getBigUint64(at, true);
}

export function writeBits(cpu: Cpu, format: Format, at: Address, bits: bigint): void {
  if (format.bytes === 4) cpu.data.setUint32(at, Number(bits), true);
  else cpu.data.setBigUint64(at, bits, true);
}

export function floatState(cpu: Cpu): FloatState {
  return new FloatState(cpu.data.getInt32(STATE_MXCSR, true));
}

/** Keeps the flags that were raised. @throws Fault where one of them is not masked: then nothing may be written. */
export function finish(cpu: Cpu, state: FloatState): void {
  if (state.raised === 0) return;
  // What operands alone show comes first: where that is not masked, nothing has been computed.
  if ((state.unmasked & OPERAND_FLAGS) !== 0) state.raised &= OPERAND_FLAGS;
  cpu.data.setInt32(STATE_MXCSR, state.control | state.raised, true);
  if (state.unmasked !== 0) throw new Fault(VECTOR_SIMD, 'execute', 0, KERNEL_WINDOW_HIGH, 0);
}

export function copyResult(cpu: Cpu, to: Address, bytes: number): void {
  cpu.u8.copyWithin(to, RESULT_SLOT, RESULT_SLOT + bytes);
}

/** Whether plain numbers raise the same flags: none but one that is raised already. */
function isOrdinary(cpu: Cpu): boolean {
  const control = cpu.data.getInt32(STATE_MXCSR, true);
  return (control & ~0x3f) === ORDINARY && (control & INEXACT) !== 0;
}

function readNumber(cpu: Cpu, format: Format, at: Address): number {
  return format.bytes === 4 ? cpu.data.getFloat32(at, true) : cpu.data.getFloat64(at, true);
}

function isNormal(value: number, bytes: 4 | 8): boolean {
  const magnitude = Math.abs(value);
  return magnitude > SMALLEST[bytes] && magnitude <= LARGEST[bytes];
}

function plain(operation: Arithmetic, x: number, y: number): number {
  switch (operation) {
    case 'add':
      return x + y;
    case 'subtract':
      return x - y;
    case 'multiply':
      return x * y;
    case 'divide':
      return x / y;
    case 'squareRoot':
      return Math.sqrt(y);
  }
}

/** One lane, written to `to`. */
function lane(
  cpu: Cpu,
  operation: Arithmetic,
  format: Format,
  state: FloatState | null,
  to: Address,
  x: Address,
  y: Address,
): FloatState | null {
  const { bytes } = format;
  if (state === null) {
    const other = readNumber(cpu, format, y);
    const one = operation === 'squareRoot' ? other : readNumber(cpu, format, x);
    if (isNormal(one, bytes) && isNormal(other, bytes)) {
      const exact = plain(operation, one, other);
      const result = bytes === 4 ? Math.fround(exact) : exact;
      if (isNormal(result, bytes)) {
        if (bytes === 4) cpu.data.setFloat32(to, result, true);
        else cpu.data.setFloat64(to, result, true);
        return null;
      }
    }
  }
  const used = state ?? floatState(cpu);
  writeBits(
    cpu,
    format,
    to,
    calculate(operation, format, used, readBits(cpu, format, x), readBits(cpu, format, y)),
  );
  return used;
}

function arithmetic(operation: Arithmetic, format: Format, scalar: boolean): Handler {
  const length = scalar ? format.bytes : 16;
  return (cpu, _op, d, s) => {
    let state = isOrdinary(cpu) ? null : floatState(cpu);
    for (let at = 0; at < length; at += format.bytes) {
      state = lane(cpu, operation, format, state, RESULT_SLOT + at, d + at, s + at);
    }
    if (state !== null) finish(cpu, state);
    copyResult(cpu, d, length);
  };
}

/** Every lane through a function of bits. */
export function eachLane(
  format: Format,
  length: number,
  of: (state: FloatState, x: bigint, y: bigint) => bigint,
): Handler {
  return (cpu, _op, d, s) => {
    const state = floatState(cpu);
    for (let at = 0; at < length; at += format.bytes) {
      const result = of(state, readBits(cpu, format, d + at), readBits(cpu, format, s + at));
      writeBits(cpu, format, RESULT_SLOT + at, result);
    }
    finish(cpu, state);
    copyResult(cpu, d, length);
  };
}

/** Denormals that count as zero are zero in the result, too. */
function asOperand(format: Format, state: FloatState, bits: bigint): bigint {
  if ((state.control & DENORMALS_ARE_ZERO) === 0) return bits;
  const exponent = (bits >> BigInt(format.precision - 1)) & BigInt(format.special);
  return exponent === 0n ? bits & (1n << BigInt(format.bytes * 8 - 1)) : bits;
}

/** The second operand wherever the comparison does not say that it is the first. */
function extreme(wanted: Order, format: Format, scalar: boolean): Handler {
  return eachLane(format, scalar ? format.bytes : 16, (state, x, y) => {
    const order = compareFloats(format, state, x, y, true);
    return asOperand(format, state, order === wanted ? x : y);
  });
}

/** Handlers of the operations that the table describes as float lanes. */
export function floatOperation(operator: string, format: Format, scalar: boolean): Handler | null {
  switch (operator) {
    case 'add':
    case 'subtract':
    case 'multiply':
    case 'divide':
    case 'squareRoot':
      return arithmetic(operator, format, scalar);
    case 'minimum':
      return extreme('less', format, scalar);
    case 'maximum':
      return extreme('greater', format, scalar);
    case 'reciprocal':
    case 'reciprocalSquareRoot':
      return approximation(operator, scalar);
    default:
      return null;
  }
}

function holdsFor(predicate: number, order: Order): boolean {
  const inverted = predicate >= 4;
  const [equal, less, unordered] = [order === 'equal', order === 'less', order === 'unordered'];
  const plainly = [equal, less, less || equal, unordered][predicate & 3];
  return inverted ? !plainly : plainly;
}

/** Comparison by a predicate: all ones or zero. */
export function floatCompare(format: Format, scalar: boolean, immediate: number): Handler {
  const predicate = immediate & 7;
  // The four that ask for less are invalid for quiet ones.
  const signalQuiet = (predicate & 3) === 1 || (predicate & 3) === 2;
  const ones = (1n << BigInt(format.bytes * 8)) - 1n;
  return eachLane(format, scalar ? format.bytes : 16, (state, x, y) =>
    holdsFor(predicate, compareFloats(format, state, x, y, signalQuiet)) ? ones : 0n,
  );
}

const ORDER_FLAGS: Readonly<Record<Order, number>> = {
  unordered: FLAG_ZF | FLAG_PF | FLAG_CF,
  greater: 0,
  less: FLAG_CF,
  equal: FLAG_ZF,
};

function compareToFlags(format: Format, signalQuiet: boolean): Handler {
  return (cpu, _op, d, s) => {
    const state = floatState(cpu);
    const order = compareFloats(
      format,
      state,
      readBits(cpu, format, d),
      readBits(cpu, format, s),
      signalQuiet,
    );
    finish(cpu, state);
    setArithmeticFlags(cpu, ORDER_FLAGS[order]);
  };
}

/** Twelve bits of 1 / x or 1 / sqrt(x): no flags, denormals are zero in and out. */
function approximation(operator: 'reciprocal' | 'reciprocalSquareRoot', scalar: boolean): Handler {
  const length = scalar ? 4 : 16;
  const root = operator === 'reciprocalSquareRoot';
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let at = 0; at < length; at += 4) {
      const bits = data.getInt32(s + at, true);
      const value = data.getFloat32(s + at, true);
      const to = RESULT_SLOT + at;
      if (Number.isNaN(value)) data.setInt32(to, bits | 0x40_0000, true);
      else if (Math.abs(value) < SMALLEST[4]) data.setInt32(to, (bits & 0x8000_0000) | 0x7f80_0000, true);
      else if (root && value < 0) data.setInt32(to, Number(defaultNaN(SINGLE)), true);
      else {
        const result = Math.fround(root ? 1 / Math.sqrt(value) : 1 / value);
        data.setFloat32(to, Math.abs(result) < SMALLEST[4] ? (value < 0 ? -0 : 0) : result, true);
        // Low bits are as little defined as processors leave them.
        data.setInt32(to, data.getInt32(to, true) & 0xffff_f000, true);
      }
    }
    copyResult(cpu, d, length);
  };
}

/** Sums or differences of neighbours: of the first operand, then of the second. */
export function floatHorizontal(format: Format, operation: Arithmetic): Handler {
  const { bytes } = format;
  return (cpu, _op, d, s) => {
    const state = floatState(cpu);
    for (let at = 0; at < 16; at += bytes) {
      const from = at < 8 ? d + at * 2 : s + (at - 8) * 2;
      const result = calculate(
        operation,
        format,
        state,
        readBits(cpu, format, from),
        readBits(cpu, format, from + bytes),
      );
      writeBits(cpu, format, RESULT_SLOT + at, result);
    }
    finish(cpu, state);
    copyResult(cpu, d, 16);
  };
}

function addSubtract(format: Format): Handler {
  return (cpu, _op, d, s) => {
    const state = floatState(cpu);
    for (let at = 0; at < 16; at += format.bytes) {
      const operation = (at / format.bytes) % 2 === 0 ? 'subtract' : 'add';
      const result = calculate(
        operation,
        format,
        state,
        readBits(cpu, format, d + at),
        readBits(cpu, format, s + at),
      );
      writeBits(cpu, format, RESULT_SLOT + at, result);
    }
    finish(cpu, state);
    copyResult(cpu, d, 16);
  };
}

/** Bits 4 to 7 of the immediate choose products, bits 0 to 3 where their sum goes. */
function dotProduct(format: Format): Handler {
  const lanes = 16 / format.bytes;
  return (cpu, op, d, s) => {
    const state = floatState(cpu);
    const products: bigint[] = [];
    for (let i = 0; i < lanes; i++) {
      const chosen = (op.low & (0x10 << i)) !== 0;
      const at = i * format.bytes;
      products.push(
        chosen
          ? calculate('multiply', format, state, readBits(cpu, format, d + at), readBits(cpu, format, s + at))
          : 0n,
      );
    }
    const sums = format === SINGLE ? fourSums(state, products) : twoSums(state, products);
    finish(cpu, state);
    for (let i = 0; i < lanes; i++) {
      writeBits(cpu, format, d + i * format.bytes, (op.low & (1 << i)) !== 0 ? sums[i] : 0n);
    }
  };
}

function twoSums(state: FloatState, products: readonly bigint[]): bigint[] {
  return products.map((product, i) => calculate('add', DOUBLE, state, product, products[i ^ 1]));
}

/** Neighbours first. Each lane adds in an order of its own, which shows where several are not numbers. */
function fourSums(state: FloatState, products: readonly bigint[]): bigint[] {
  const pairs = products.map((product, i) => calculate('add', SINGLE, state, products[i ^ 1], product));
  return pairs.map((pair, i) => calculate('add', SINGLE, state, pair, pairs[i ^ 2]));
}

export const FLOAT_HANDLERS: Handlers = {
  comiss: always(compareToFlags(SINGLE, true)),
  comisd: always(compareToFlags(DOUBLE, true)),
  ucomiss: always(compareToFlags(SINGLE, false)),
  ucomisd: always(compareToFlags(DOUBLE, false)),
  addsubps: always(addSubtract(SINGLE)),
  addsubpd: always(addSubtract(DOUBLE)),
  dpps: always(dotProduct(SINGLE)),
  dppd: always(dotProduct(DOUBLE)),
};
