/**
 * Conversions between integers and floating point, between the formats, and rounding to integral values. Implements the
 * CVT instructions and ROUNDPS to ROUNDSD of the Intel 64 manual, volume 2. What does not fit becomes the indefinite
 * integer.
 */

import type { Cpu } from './cpu.ts';
import { copyResult, eachLane, finish, floatState, readBits, writeBits } from './floatLanes.ts';
import { type Handler, RESULT_SLOT } from './op.ts';
import { convertFormat, fromInteger, roundToIntegral, toInteger } from './softConvert.ts';
import { DOUBLE, type Format, SINGLE, TRUNCATE } from './softFloat.ts';
import { always, type HandlerChoice, type Handlers, write } from './values.ts';

/** A general register or memory, to lane 0. */
function scalarFromInteger(format: Format): HandlerChoice {
  return ({ operands }) => {
    const wide = operands[1].size === 8;
    return (cpu, _op, d, s) => {
      const value = wide ? cpu.data.getBigInt64(s, true) : BigInt(cpu.data.getInt32(s, true));
      const state = floatState(cpu);
      const result = fromInteger(format, state, value);
      finish(cpu, state);
      writeBits(cpu, format, d, result);
    };
  };
}

function scalarToInteger(format: Format, truncating: boolean): HandlerChoice {
  return ({ size }) =>
    (cpu, _op, d, s) => {
      const state = floatState(cpu);
      const mode = truncating ? TRUNCATE : state.rounding;
      const value = toInteger(format, state, readOperand(cpu, format, s, state.control), size * 8, mode);
      finish(cpu, state);
      const bits = BigInt.asUintN(64, value);
      write(cpu, d, size, Number(bits & 0xffff_ffffn) | 0, Number(bits >> 32n) | 0);
    };
}

/** Denormals may count as zero; they raise no flag of their own here. */
function readOperand(cpu: Cpu, format: Format, at: number, control: number): bigint {
  const bits = readBits(cpu, format, at);
  if ((control & 0x40) === 0) return bits;
  const exponent = (bits >> BigInt(format.precision - 1)) & BigInt(format.special);
  return exponent === 0n ? bits & (1n << BigInt(format.bytes * 8 - 1)) : bits;
}

/** Lanes of one kind to lanes of another, lowest first; what is left of the register becomes zero. */
function packed(
  count: number,
  from: number,
  to: number,
  convert: (cpu: Cpu, state: ReturnType<typeof floatState>, target: number, source: number) => void,
): HandlerChoice {
  return always((cpu, _op, d, s) => {
    const state = floatState(cpu);
    cpu.u8.fill(0, RESULT_SLOT, RESULT_SLOT + 16);
    for (let i = 0; i < count; i++) convert(cpu, state, RESULT_SLOT + i * to, s + i * from);
    finish(cpu, state);
    copyResult(cpu, d, 16);
  });
}

function packedFromInteger(format: Format): HandlerChoice {
  return packed(16 / format.bytes, 4, format.bytes, (cpu, state, target, source) => {
    writeBits(cpu, format, target, fromInteger(format, state, BigInt(cpu.data.getInt32(source, true))));
  });
}

function packedToInteger(format: Format, truncating: boolean): HandlerChoice {
  return packed(16 / format.bytes, format.bytes, 4, (cpu, state, target, source) => {
    const mode = truncating ? TRUNCATE : state.rounding;
    const value = toInteger(format, state, readOperand(cpu, format, source, state.control), 32, mode);
    cpu.data.setInt32(target, Number(value), true);
  });
}

function packedConversion(from: Format, to: Format): HandlerChoice {
  return packed(2, from.bytes, to.bytes, (cpu, state, target, source) => {
    writeBits(cpu, to, target, convertFormat(from, to, state, readBits(cpu, from, source)));
  });
}

function scalarConversion(from: Format, to: Format): HandlerChoice {
  return always((cpu, _op, d, s) => {
    const state = floatState(cpu);
    const result = convertFormat(from, to, state, readBits(cpu, from, s));
    finish(cpu, state);
    writeBits(cpu, to, d, result);
  });
}

/** Bits 0 and 1 of the immediate are the mode, bit 2 takes MXCSR's instead, bit 3 raises no inexactness. */
function round(format: Format, scalar: boolean): HandlerChoice {
  return ({ operands }): Handler => {
    const [, , immediate] = operands;
    const control = immediate.kind === 'immediate' ? immediate.low : 0;
    return eachLane(format, scalar ? format.bytes : 16, (state, _x, y) => {
      const mode = (control & 4) !== 0 ? state.rounding : control & 3;
      return roundToIntegral(format, state, y, mode, (control & 8) !== 0);
    });
  };
}

export const CONVERT_HANDLERS: Handlers = {
  cvtsi2ss: scalarFromInteger(SINGLE),
  cvtsi2sd: scalarFromInteger(DOUBLE),
  cvttss2si: scalarToInteger(SINGLE, true),
  cvttsd2si: scalarToInteger(DOUBLE, true),
  cvtss2si: scalarToInteger(SINGLE, false),
  cvtsd2si: scalarToInteger(DOUBLE, false),
  cvtps2pd: packedConversion(SINGLE, DOUBLE),
  cvtpd2ps: packedConversion(DOUBLE, SINGLE),
  cvtss2sd: scalarConversion(SINGLE, DOUBLE),
  cvtsd2ss: scalarConversion(DOUBLE, SINGLE),
  cvtdq2ps: packedFromInteger(SINGLE),
  cvtdq2pd: packedFromInteger(DOUBLE),
  cvtps2dq: packedToInteger(SINGLE, false),
  cvttps2dq: packedToInteger(SINGLE, true),
  cvtpd2dq: packedToInteger(DOUBLE, false),
  cvttpd2dq: packedToInteger(DOUBLE, true),
  roundps: round(SINGLE, false),
  roundpd: round(DOUBLE, false),
  roundss: round(SINGLE, true),
  roundsd: round(DOUBLE, true),
};
