/**
 * Exact IEEE 754 arithmetic on bits, with every rounding mode, flush to zero, denormals as zero and the exception flags
 * of MXCSR. Implements "SIMD Floating-Point Exceptions" and "MXCSR Control and Status Register" of the Intel 64 manual,
 * volume 1, sections 10.2.3, 11.5 and appendix E. It serves whenever plain numbers could give another result or flag.
 */

export const INVALID = 0x01;
export const DENORMAL = 0x02;
export const DIVIDE_BY_ZERO = 0x04;
export const OVERFLOW = 0x08;
export const UNDERFLOW = 0x10;
export const INEXACT = 0x20;
/** Flags that the operands show before anything is computed. */
export const OPERAND_FLAGS = INVALID | DENORMAL | DIVIDE_BY_ZERO;
export const DENORMALS_ARE_ZERO = 0x40;
/** The masks are the flags, seven bits higher. */
export const MASK_SHIFT = 7;
export const FLUSH_TO_ZERO = 0x8000;
const ROUNDING_SHIFT = 13;

export const NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const TRUNCATE = 3;

/** A binary format. */
export interface Format {
  readonly bytes: 4 | 8;
  /** Bits of the significand, the hidden one included. */
  readonly precision: number;
  readonly bias: number;
  /** Largest biased exponent: of infinities and of what is not a number. */
  readonly special: number;
}

export const SINGLE: Format = { bytes: 4, precision: 24, bias: 127, special: 255 };
export const DOUBLE: Format = { bytes: 8, precision: 53, bias: 1023, special: 2047 };

export type Arithmetic = 'add' | 'subtract' | 'multiply' | 'divide' | 'squareRoot';

/** A value taken apart: significand * 2^exponent. */
export interface Parts {
  readonly negative: boolean;
  /** 0 for zero; infinities and what is not a number are told by `kind`. */
  readonly significand: bigint;
  readonly exponent: number;
  readonly kind: 'finite' | 'infinite' | 'quiet' | 'signaling';
  readonly denormal: boolean;
}

/** The environment of one instruction: control bits, and the flags that it raises. */
export class FloatState {
  readonly control: number;
  raised = 0;

  constructor(mxcsr: number) {
    this.control = mxcsr;
  }

  get rounding(): number {
    return (this.control >> ROUNDING_SHIFT) & 3;
  }

  /** Flags that were raised and are not masked. */
  get unmasked(): number {
    return this.raised & ~(this.control >> MASK_SHIFT);
  }
}

export function signBit(format: Format): bigint {
  return 1n << BigInt(format.bytes * 8 - 1);
}

export function quietBit(format: Format): bigint {
  return 1n << BigInt(format.precision - 2);
}

/** The negative quiet one without a payload. */
export function defaultNaN(format: Format): bigint {
  return signBit(format) | infinity(format) | quietBit(format);
}

export function infinity(format: Format): bigint {
  return BigInt(format.special) << BigInt(format.precision - 1);
}

/** @param state tells whether denormals count as zero; left out, they do not. */
export function takeApart(format: Format, bits: bigint, state?: FloatState): Parts {
  const fractionBits = BigInt(format.precision - 1);
  const negative = (bits & signBit(format)) !== 0n;
  const fraction = bits & ((1n << fractionBits) - 1n);
  const biased = Number((bits >> fractionBits) & BigInt(format.special));
  if (biased === format.special) {
    const quiet = (fraction & quietBit(format)) !== 0n;
    const kind = fraction === 0n ? 'infinite' : quiet ? 'quiet' : 'signaling';
    return { negative, significand: fraction, exponent: 0, kind, denormal: false };
  }
  const lowest = 1 - format.bias - (format.precision - 1);
  if (biased === 0) {
    const zeroed = state !== undefined && (state.control & DENORMALS_ARE_ZERO) !== 0;
    const significand = zeroed ? 0n : fraction;
    return { negative, significand, exponent: lowest, kind: 'finite', denormal: significand !== 0n };
  }
  const significand = fraction | (1n << fractionBits);
  return { negative, significand, exponent: biased - 1 + lowest, kind: 'finite', denormal: false };
}

export function isNaNKind(parts: Parts): boolean {
  return parts.kind === 'quiet' || parts.kind === 'signaling';
}

function bitLength(value: bigint): number {
  return value.toString(16).length * 4 - Math.clz32(Number.parseInt(value.toString(16)[0], 16)) + 28;
}

/** Divides by 2^shift and rounds. `sticky`: a bit below was lost before. @returns the quotient. */
export function roundShift(
  value: bigint,
  shift: number,
  sticky: boolean,
  negative: boolean,
  mode: number,
): { readonly value: bigint; readonly exact: boolean } {
  if (shift <= 0) return { value: value << BigInt(-shift), exact: !sticky };
  const by = BigInt(shift);
  const quotient = value >> by;
  const rest = value - (quotient << by);
  if (rest === 0n && !sticky) return { value: quotient, exact: true };
  let up = false;
  if (mode === NEAREST) {
    const half = 1n << (by - 1n);
    up = rest > half || (rest === half && (sticky || (quotient & 1n) === 1n));
  } else if (mode !== TRUNCATE) {
    up = (mode === DOWN) === negative;
  }
  return { value: up ? quotient + 1n : quotient, exact: false };
}

/**
 * The nearest value of a format to ±significand * 2^exponent, by the rounding mode.
 * @param sticky the true value is a little larger; the significand then has at least two bits more than the format.
 */
export function assemble(
  format: Format,
  state: FloatState,
  negative: boolean,
  significand: bigint,
  exponent: number,
  sticky = false,
): bigint {
  const sign = negative ? signBit(format) : 0n;
  if (significand === 0n) return sign;
  const mode = state.rounding;
  const { precision, bias } = format;
  const length = bitLength(significand);
  const lowest = 1 - bias - (precision - 1);
  // As if exponents had no limits: decides overflow, and whether the result is tiny.
  let rounded = roundShift(significand, length - precision, sticky, negative, mode);
  let at = exponent + length - precision;
  if (bitLength(rounded.value) > precision) {
    rounded = { value: rounded.value >> 1n, exact: rounded.exact };
    at++;
  }
  if (at < lowest) {
    const denormal = roundShift(significand, lowest - exponent, sticky, negative, mode);
    const masked = (state.control & (UNDERFLOW << MASK_SHIFT)) !== 0;
    if (!denormal.exact || !masked) state.raised |= UNDERFLOW;
    if (masked && (state.control & FLUSH_TO_ZERO) !== 0) {
      state.raised |= UNDERFLOW | INEXACT;
      return sign;
    }
    // Unmasked, the handler would get the result with its true exponent.
    if (masked ? !denormal.exact : !rounded.exact) state.raised |= INEXACT;
    return sign | denormal.value;
  }
  const biased = at - lowest + 1;
  if (biased >= format.special) {
    const masked = (state.control & (OVERFLOW << MASK_SHIFT)) !== 0;
    state.raised |= masked || !rounded.exact ? OVERFLOW | INEXACT : OVERFLOW;
    const toInfinity = mode === NEAREST || (mode === DOWN && negative) || (mode === UP && !negative);
    return sign | (toInfinity ? infinity(format) : infinity(format) - 1n);
  }
  if (!rounded.exact) state.raised |= INEXACT;
  const hidden = 1n << BigInt(precision - 1);
  return sign | (BigInt(biased) << BigInt(precision - 1)) | (rounded.value - hidden);
}

/** The result where an operand is not a number: the first that is none, made quiet; null where both are numbers. */
export function propagate(
  format: Format,
  state: FloatState,
  x: bigint,
  y: bigint,
  px: Parts,
  py: Parts,
): bigint | null {
  if (!isNaNKind(px) && !isNaNKind(py)) return null;
  if (px.kind === 'signaling' || py.kind === 'signaling') state.raised |= INVALID;
  return (isNaNKind(px) ? x : y) | quietBit(format);
}

function invalid(format: Format, state: FloatState): bigint {
  state.raised |= INVALID;
  return defaultNaN(format);
}

/** x operation y; of squareRoot, the root of y. */
export function calculate(
  operation: Arithmetic,
  format: Format,
  state: FloatState,
  x: bigint,
  y: bigint,
): bigint {
  const py = takeApart(format, y, state);
  const px = operation === 'squareRoot' ? py : takeApart(format, x, state);
  const given = propagate(format, state, operation === 'squareRoot' ? y : x, y, px, py);
  if (given !== null) return given;
  switch (operation) {
    case 'add':
      return sum(format, state, px, py);
    case 'subtract':
      return sum(format, state, px, { ...py, negative: !py.negative });
    case 'multiply':
      return product(format, state, px, py);
    case 'divide':
      return quotient(format, state, px, py);
    case 'squareRoot':
      return root(format, state, py);
  }
}

export function noteDenormals(state: FloatState, x: Parts, y: Parts): void {
  if (x.denormal || y.denormal) state.raised |= DENORMAL;
}

export function signed(bits: bigint, negative: boolean, format: Format): bigint {
  return negative ? bits | signBit(format) : bits;
}

function sum(format: Format, state: FloatState, x: Parts, y: Parts): bigint {
  if (x.kind === 'infinite' || y.kind === 'infinite') {
    if (x.kind === y.kind && x.negative !== y.negative) return invalid(format, state);
    noteDenormals(state, x, y);
    return signed(infinity(format), x.kind === 'infinite' ? x.negative : y.negative, format);
  }
  noteDenormals(state, x, y);
  const exponent = Math.min(x.exponent, y.exponent);
  const xs = x.significand << BigInt(x.exponent - exponent);
  const ys = y.significand << BigInt(y.exponent - exponent);
  const total = (x.negative ? -xs : xs) + (y.negative ? -ys : ys);
  if (total === 0n) {
    const negative = x.negative === y.negative ? x.negative : state.rounding === DOWN;
    return signed(0n, negative, format);
  }
  return assemble(format, state, total < 0n, total < 0n ? -total : total, exponent);
}

function product(format: Format, state: FloatState, x: Parts, y: Parts): bigint {
  const negative = x.negative !== y.negative;
  if (x.kind === 'infinite' || y.kind === 'infinite') {
    const other = x.kind === 'infinite' ? y : x;
    if (other.kind === 'finite' && other.significand === 0n) return invalid(format, state);
    noteDenormals(state, x, y);
    return signed(infinity(format), negative, format);
  }
  noteDenormals(state, x, y);
  return assemble(format, state, negative, x.significand * y.significand, x.exponent + y.exponent);
}

function quotient(format: Format, state: FloatState, x: Parts, y: Parts): bigint {
  const negative = x.negative !== y.negative;
  if (x.kind === 'infinite') {
    if (y.kind === 'infinite') return invalid(format, state);
    noteDenormals(state, x, y);
    return signed(infinity(format), negative, format);
  }
  if (y.kind === 'infinite') {
    noteDenormals(state, x, y);
    return signed(0n, negative, format);
  }
  if (y.significand === 0n) {
    if (x.significand === 0n) return invalid(format, state);
    state.raised |= DIVIDE_BY_ZERO;
    return signed(infinity(format), negative, format);
  }
  noteDenormals(state, x, y);
  if (x.significand === 0n) return signed(0n, negative, format);
  // Enough bits that the quotient has more than the format, whatever the operands.
  const scale = BigInt(2 * format.precision + 4);
  const scaled = x.significand << scale;
  const whole = scaled / y.significand;
  const sticky = whole * y.significand !== scaled;
  return assemble(format, state, negative, whole, x.exponent - y.exponent - Number(scale), sticky);
}

function root(format: Format, state: FloatState, x: Parts): bigint {
  if (x.kind === 'finite' && x.significand === 0n) return signed(0n, x.negative, format);
  if (x.negative) return invalid(format, state);
  if (x.kind === 'infinite') return infinity(format);
  noteDenormals(state, x, x);
  let scale = 2 * format.precision + 4;
  if (((x.exponent - scale) & 1) !== 0) scale++;
  const scaled = x.significand << BigInt(scale);
  const whole = squareRootOf(scaled);
  return assemble(format, state, false, whole, (x.exponent - scale) / 2, whole * whole !== scaled);
}

/** The integer part of a square root. */
function squareRootOf(value: bigint): bigint {
  let guess = 1n << BigInt(Math.ceil(bitLength(value) / 2));
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}
