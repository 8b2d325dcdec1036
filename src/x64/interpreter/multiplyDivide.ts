/**
 * Multiplication and division with double-width intermediate values. Implements MUL, IMUL, DIV, IDIV, MULX of the
 * Intel 64 manual, volume 2. A quotient that does not fit is the divide error, as is division by zero.
 */

import { RAX, RDX, STATE_GENERAL } from '../state.ts';
import { type Cpu, Fault, VECTOR_DIVIDE } from './cpu.ts';
import type { Handler } from './op.ts';
import { type HandlerChoice, type Handlers, readHigh, readLow, write } from './values.ts';

const RAX_AT = STATE_GENERAL + RAX * 8;
const RDX_AT = STATE_GENERAL + RDX * 8;

/** High 32 bits of the product of two unsigned 32-bit numbers. */
export function multiplyHigh(x: number, y: number): number {
  const xl = x & 0xffff;
  const xh = x >>> 16;
  const yl = y & 0xffff;
  const yh = y >>> 16;
  // Each product is below 2^32; the sums stay below 2^53, so numbers hold them exactly.
  const low = (Math.imul(xl, yl) >>> 16) + (Math.imul(xh, yl) >>> 0);
  const middle = (low & 0xffff) + (Math.imul(xl, yh) >>> 0);
  return ((Math.imul(xh, yh) >>> 0) + Math.floor(low / 0x1_0000) + Math.floor(middle / 0x1_0000)) | 0;
}

/** The four words of a 64 by 64 bit product, lowest first. */
const product = new Int32Array(4);

function multiply64(xl: number, xh: number, yl: number, yh: number, signed: boolean): void {
  const ah = multiplyHigh(xl, yl);
  const bl = Math.imul(xl, yh);
  const bh = multiplyHigh(xl, yh);
  const cl = Math.imul(xh, yl);
  const ch = multiplyHigh(xh, yl);
  const one = (ah >>> 0) + (bl >>> 0) + (cl >>> 0);
  const two = (bh >>> 0) + (ch >>> 0) + (Math.imul(xh, yh) >>> 0) + Math.floor(one / 0x1_0000_0000);
  product[0] = Math.imul(xl, yl);
  product[1] = one | 0;
  product[2] = two | 0;
  product[3] = multiplyHigh(xh, yh) + Math.floor(two / 0x1_0000_0000);
  if (!signed) return;
  // A negative factor counted 2^64 too much.
  if (xh < 0) subtractHigh(yl, yh);
  if (yh < 0) subtractHigh(xl, xh);
}

function subtractHigh(low: number, high: number): void {
  const borrow = product[2] >>> 0 < low >>> 0 ? 1 : 0;
  product[2] -= low;
  product[3] = product[3] - high - borrow;
}

function setOverflow(cpu: Cpu, lost: boolean): void {
  cpu.carry = lost ? -1 : 0;
  cpu.overflow = cpu.carry;
}

/** rdx:rax (ax for one byte) = rax * operand. */
function multiply(signed: boolean): HandlerChoice {
  return ({ size }): Handler => {
    if (size === 8) {
      return (cpu, _op, d) => {
        const { data } = cpu;
        const rax = data.getInt32(RAX_AT, true);
        multiply64(
          rax,
          data.getInt32(RAX_AT + 4, true),
          data.getInt32(d, true),
          data.getInt32(d + 4, true),
          signed,
        );
        write(cpu, RAX_AT, 8, product[0], product[1]);
        write(cpu, RDX_AT, 8, product[2], product[3]);
        const sign = signed ? product[1] >> 31 : 0;
        setOverflow(cpu, product[2] !== sign || product[3] !== sign);
      };
    }
    if (size === 4) {
      return (cpu, _op, d) => {
        const x = cpu.data.getInt32(RAX_AT, true);
        const y = cpu.data.getInt32(d, true);
        const low = Math.imul(x, y);
        const high = signed ? multiplyHighSigned(x, y) : multiplyHigh(x, y);
        write(cpu, RAX_AT, 4, low, 0);
        write(cpu, RDX_AT, 4, high, 0);
        setOverflow(cpu, high !== (signed ? low >> 31 : 0));
      };
    }
    return (cpu, _op, d) => {
      const shift = signed ? 32 - size * 8 : 0;
      const x = (readLow(cpu, RAX_AT, size) << shift) >> shift;
      const y = (readLow(cpu, d, size) << shift) >> shift;
      const result = Math.imul(x, y);
      const kept = signed ? (result << shift) >> shift : result & (size === 1 ? 0xff : 0xffff);
      if (size === 1) {
        write(cpu, RAX_AT, 2, result, 0);
      } else {
        write(cpu, RAX_AT, 2, result, 0);
        write(cpu, RDX_AT, 2, result >> 16, 0);
      }
      setOverflow(cpu, kept !== result);
    };
  };
}

function multiplyHighSigned(x: number, y: number): number {
  return (multiplyHigh(x, y) - (x < 0 ? y : 0) - (y < 0 ? x : 0)) | 0;
}

/** destination = one * other, cut to its size. Two or three operands. */
function multiplyInto(cpu: Cpu, size: number, d: number, one: number, other: number): void {
  if (size === 8) {
    const { data } = cpu;
    const xl = data.getInt32(one, true);
    const xh = data.getInt32(one + 4, true);
    const yl = data.getInt32(other, true);
    const yh = data.getInt32(other + 4, true);
    if (xh === xl >> 31 && yh === yl >> 31) {
      // Both fit in 32 bits, as most do.
      const low = Math.imul(xl, yl);
      write(cpu, d, 8, low, multiplyHighSigned(xl, yl));
      setOverflow(cpu, false);
      return;
    }
    multiply64(xl, xh, yl, yh, true);
    write(cpu, d, 8, product[0], product[1]);
    const sign = product[1] >> 31;
    setOverflow(cpu, product[2] !== sign || product[3] !== sign);
  } else if (size === 4) {
    const x = cpu.data.getInt32(one, true);
    const y = cpu.data.getInt32(other, true);
    const low = Math.imul(x, y);
    write(cpu, d, 4, low, 0);
    setOverflow(cpu, multiplyHighSigned(x, y) !== low >> 31);
  } else {
    const result = Math.imul((readLow(cpu, one, 2) << 16) >> 16, (readLow(cpu, other, 2) << 16) >> 16);
    write(cpu, d, 2, result, 0);
    setOverflow(cpu, (result << 16) >> 16 !== result);
  }
}

const signedMultiply: HandlerChoice = (instruction) => {
  const { operands, size } = instruction;
  if (operands.length === 1) return multiply(true)(instruction);
  if (operands.length === 2) return (cpu, _op, d, s) => multiplyInto(cpu, size, d, d, s);
  return (cpu, op, d, s) => {
    cpu.data.setInt32(op.third, op.low, true);
    cpu.data.setInt32(op.third + 4, op.high, true);
    multiplyInto(cpu, size, d, s, op.third);
  };
};

/** High half to the first operand, low half to the second, no flags; rdx times the source. */
const multiplyWithoutFlags: HandlerChoice =
  ({ size }) =>
  (cpu, op, d, s) => {
    if (size === 8) {
      const { data } = cpu;
      const rdx = data.getInt32(RDX_AT, true);
      multiply64(
        rdx,
        data.getInt32(RDX_AT + 4, true),
        data.getInt32(s, true),
        data.getInt32(s + 4, true),
        false,
      );
      write(cpu, op.third, 8, product[0], product[1]);
      write(cpu, d, 8, product[2], product[3]);
    } else {
      const x = cpu.data.getInt32(RDX_AT, true);
      const y = cpu.data.getInt32(s, true);
      write(cpu, op.third, 4, Math.imul(x, y), 0);
      write(cpu, d, 4, multiplyHigh(x, y), 0);
    }
  };

const BITS_64 = 64n;

/** An operand as an integer of any width. */
function wide(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Division of rdx:rax where it does not fit in a number. */
function divideWide(cpu: Cpu, size: number, d: number, signed: boolean): void {
  const bits = size * 8;
  let divisor = wide(readLow(cpu, d, size), readHigh(cpu, d, size));
  let dividend =
    (wide(readLow(cpu, RDX_AT, size), readHigh(cpu, RDX_AT, size)) << BigInt(bits)) |
    wide(readLow(cpu, RAX_AT, size), readHigh(cpu, RAX_AT, size));
  if (signed) {
    divisor = BigInt.asIntN(bits, divisor);
    dividend = BigInt.asIntN(bits * 2, dividend);
  }
  if (divisor === 0n) throw new Fault(VECTOR_DIVIDE);
  const quotient = dividend / divisor;
  const fits = signed ? BigInt.asIntN(bits, quotient) : BigInt.asUintN(bits, quotient);
  if (fits !== quotient) throw new Fault(VECTOR_DIVIDE);
  writeWide(cpu, RAX_AT, size, quotient);
  writeWide(cpu, RDX_AT, size, dividend % divisor);
}

function writeWide(cpu: Cpu, at: number, size: number, value: bigint): void {
  const bits = BigInt.asUintN(64, value);
  write(cpu, at, size, Number(bits & 0xffff_ffffn) | 0, Number(bits >> (BITS_64 / 2n)) | 0);
}

/** rdx:rax by the operand. */
function divide(signed: boolean): HandlerChoice {
  return ({ size }): Handler => {
    if (size === 1) return signed ? divideByteSigned : divideByte;
    return (cpu, _op, d) => {
      const { data } = cpu;
      if (size === 2) {
        const low = data.getUint16(RAX_AT, true);
        const dividend = (data.getUint16(RDX_AT, true) << 16) | low;
        const divisor = signed ? data.getInt16(d, true) : data.getUint16(d, true);
        divideNumbers(cpu, signed ? dividend : dividend >>> 0, divisor, size, signed);
        return;
      }
      // Most dividends are the extension of a short number.
      const rax = data.getInt32(RAX_AT, true);
      if (size === 4) {
        const rdx = data.getInt32(RDX_AT, true);
        if (signed ? rdx === rax >> 31 : rdx === 0) {
          const divisor = data.getInt32(d, true);
          divideNumbers(cpu, signed ? rax : rax >>> 0, signed ? divisor : divisor >>> 0, size, signed);
          return;
        }
      } else if (fastDivide8(cpu, d, signed)) {
        return;
      }
      divideWide(cpu, size, d, signed);
    };
  };
}

/** @returns false where the numbers are too large for exact arithmetic with numbers. */
function fastDivide8(cpu: Cpu, d: number, signed: boolean): boolean {
  const { data } = cpu;
  const high = data.getInt32(RAX_AT + 4, true);
  const divisorHigh = data.getInt32(d + 4, true);
  const sign = signed ? high >> 31 : 0;
  if (data.getInt32(RDX_AT, true) !== sign || data.getInt32(RDX_AT + 4, true) !== sign) return false;
  if (high >>> 21 !== 0 || divisorHigh >>> 21 !== 0) return false;
  const dividend = high * 0x1_0000_0000 + (data.getInt32(RAX_AT, true) >>> 0);
  const divisor = divisorHigh * 0x1_0000_0000 + (data.getInt32(d, true) >>> 0);
  if (divisor === 0) throw new Fault(VECTOR_DIVIDE);
  const remainder = dividend % divisor;
  const quotient = (dividend - remainder) / divisor;
  write(cpu, RAX_AT, 8, quotient | 0, Math.floor(quotient / 0x1_0000_0000));
  write(cpu, RDX_AT, 8, remainder | 0, Math.floor(remainder / 0x1_0000_0000));
  return true;
}

/** Of 2 or 4 bytes; the numbers are exact. */
function divideNumbers(cpu: Cpu, dividend: number, divisor: number, size: number, signed: boolean): void {
  if (divisor === 0) throw new Fault(VECTOR_DIVIDE);
  const remainder = dividend % divisor;
  const quotient = (dividend - remainder) / divisor;
  const limit = 2 ** (size * 8 - (signed ? 1 : 0));
  if (quotient >= limit || quotient < (signed ? -limit : 0)) throw new Fault(VECTOR_DIVIDE);
  write(cpu, RAX_AT, size, quotient | 0, 0);
  write(cpu, RDX_AT, size, remainder | 0, 0);
}

/** ax by a byte: quotient in al, remainder in ah. */
function divideByte(cpu: Cpu, _op: unknown, d: number): void {
  const dividend = cpu.data.getUint16(RAX_AT, true);
  const divisor = cpu.data.getUint8(d);
  if (divisor === 0 || dividend >>> 8 >= divisor) throw new Fault(VECTOR_DIVIDE);
  const remainder = dividend % divisor;
  write(cpu, RAX_AT, 2, (remainder << 8) | ((dividend - remainder) / divisor), 0);
}

function divideByteSigned(cpu: Cpu, _op: unknown, d: number): void {
  const dividend = cpu.data.getInt16(RAX_AT, true);
  const divisor = cpu.data.getInt8(d);
  if (divisor === 0) throw new Fault(VECTOR_DIVIDE);
  const remainder = dividend % divisor;
  const quotient = (dividend - remainder) / divisor;
  if (quotient > 127 || quotient < -128) throw new Fault(VECTOR_DIVIDE);
  write(cpu, RAX_AT, 2, (remainder << 8) | (quotient & 0xff), 0);
}

export const MULTIPLY_HANDLERS: Handlers = {
  mul: multiply(false),
  imul: signedMultiply,
  mulx: multiplyWithoutFlags,
  div: divide(false),
  idiv: divide(true),
};
