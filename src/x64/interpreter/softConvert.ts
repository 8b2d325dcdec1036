/**
 * Exact conversions, rounding and comparison of floating-point bits. Implements "Floating-Point Format Conversions" and
 * "Comparison" of the Intel 64 manual, volume 1, sections 4.8 and 11.6, and appendix E.
 */

import {
  assemble,
  DENORMAL,
  FloatState,
  type Format,
  INEXACT,
  INVALID,
  infinity,
  isNaNKind,
  noteDenormals,
  type Parts,
  quietBit,
  roundShift,
  signBit,
  signed,
  takeApart,
} from './softFloat.ts';

/** To another format; a payload keeps its highest bits. */
export function convertFormat(from: Format, to: Format, state: FloatState, bits: bigint): bigint {
  const parts = takeApart(from, bits, state);
  if (isNaNKind(parts)) {
    if (parts.kind === 'signaling') state.raised |= INVALID;
    const by = BigInt(to.precision - from.precision);
    const payload = by >= 0n ? parts.significand << by : parts.significand >> -by;
    return signed(infinity(to) | payload | quietBit(to), parts.negative, to);
  }
  if (parts.kind === 'infinite') return signed(infinity(to), parts.negative, to);
  if (parts.denormal) state.raised |= DENORMAL;
  return assemble(to, state, parts.negative, parts.significand, parts.exponent);
}

export function fromInteger(format: Format, state: FloatState, value: bigint): bigint {
  return assemble(format, state, value < 0n, value < 0n ? -value : value, 0);
}

/** To an integer of `bits` bits; what does not fit is the indefinite integer, the lowest one. */
export function toInteger(
  format: Format,
  state: FloatState,
  value: bigint,
  bits: number,
  mode: number,
): bigint {
  const parts = takeApart(format, value, state);
  const indefinite = -(1n << BigInt(bits - 1));
  if (parts.kind === 'finite') {
    const rounded = roundShift(parts.significand, -parts.exponent, false, parts.negative, mode);
    const integer = parts.negative ? -rounded.value : rounded.value;
    if (integer >= indefinite && integer < -indefinite) {
      if (!rounded.exact) state.raised |= INEXACT;
      return integer;
    }
  }
  state.raised |= INVALID;
  return indefinite;
}

/** To an integral value of the same format. */
export function roundToIntegral(
  format: Format,
  state: FloatState,
  bits: bigint,
  mode: number,
  quietly: boolean,
): bigint {
  const parts = takeApart(format, bits, state);
  if (isNaNKind(parts)) {
    if (parts.kind === 'signaling') state.raised |= INVALID;
    return bits | quietBit(format);
  }
  if (parts.kind === 'infinite' || parts.exponent >= 0) return bits;
  if (parts.significand === 0n) return signed(0n, parts.negative, format);
  const rounded = roundShift(parts.significand, -parts.exponent, false, parts.negative, mode);
  if (!rounded.exact && !quietly) state.raised |= INEXACT;
  // An integer below 2^precision: nothing is lost.
  return assemble(format, new FloatState(0), parts.negative, rounded.value, 0);
}

export type Order = 'less' | 'equal' | 'greater' | 'unordered';

/** @param signalQuiet quiet ones are invalid too. */
export function compareFloats(
  format: Format,
  state: FloatState,
  x: bigint,
  y: bigint,
  signalQuiet: boolean,
): Order {
  const px = takeApart(format, x, state);
  const py = takeApart(format, y, state);
  if (isNaNKind(px) || isNaNKind(py)) {
    if (signalQuiet || px.kind === 'signaling' || py.kind === 'signaling') state.raised |= INVALID;
    return 'unordered';
  }
  noteDenormals(state, px, py);
  const rank = (parts: Parts, bits: bigint) => {
    if (parts.kind === 'finite' && parts.significand === 0n) return 0n;
    const magnitude = bits & ~signBit(format);
    return parts.negative ? -magnitude : magnitude;
  };
  const rx = rank(px, x);
  const ry = rank(py, y);
  return rx < ry ? 'less' : rx > ry ? 'greater' : 'equal';
}
