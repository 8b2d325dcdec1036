/**
 * Single bits and bit fields. Implements BT, BTS, BTR, BTC, BSF, BSR, TZCNT, LZCNT, POPCNT, CRC32, ANDN, BLSR, BLSMSK,
 * BLSI, BEXTR, BZHI, PEXT, PDEP of the Intel 64 manual, volume 2.
 */

import type { Address } from '../../memory/index.ts';
import type { Cpu } from './cpu.ts';
import { setLogic, setResult } from './flags.ts';
import { FAST_READ, FAST_WRITE, type Op } from './op.ts';
import { type HandlerChoice, type Handlers, readHigh, readLow, write } from './values.ts';

type BitChange = 'test' | 'set' | 'reset' | 'complement';

/** A bit number in a register reaches beyond a memory operand, by signed multiples of its size. */
function bitOperandAddress(
  cpu: Cpu,
  op: Op,
  size: number,
  low: number,
  high: number,
  access: number,
): Address {
  cpu.computeAddress(op);
  const signedLow = size === 2 ? (low << 16) >> 16 : low;
  const signedHigh = size === 8 ? high : signedLow >> 31;
  const shift = size === 8 ? 6 : size === 4 ? 5 : 4;
  // Arithmetic shift to the number of the element, then to bytes.
  const elementLow = (signedLow >>> shift) | (signedHigh << (32 - shift));
  const elementHigh = signedHigh >> shift;
  const scale = shift - 3;
  const byteLow = elementLow << scale;
  const byteHigh = (elementHigh << scale) | (elementLow >>> (32 - scale));
  const sum = (cpu.addressLow + byteLow) | 0;
  const carry = sum >>> 0 < byteLow >>> 0 ? 1 : 0;
  const sumHigh = op.addressMask === 0 ? cpu.addressHigh : (cpu.addressHigh + byteHigh + carry) | 0;
  return cpu.check(sum, sumHigh, size, access);
}

function changeBit(cpu: Cpu, at: Address, bit: number, change: BitChange): void {
  const { data } = cpu;
  const byte = at + (bit >> 3);
  const mask = 1 << (bit & 7);
  const value = data.getUint8(byte);
  if (change === 'set') data.setUint8(byte, value | mask);
  else if (change === 'reset') data.setUint8(byte, value & ~mask);
  else if (change === 'complement') data.setUint8(byte, value ^ mask);
  cpu.carry = (value & mask) !== 0 ? -1 : 0;
}

function bitTest(change: BitChange): HandlerChoice {
  const access = change === 'test' ? FAST_READ : FAST_READ | FAST_WRITE;
  return ({ size, operands }) => {
    const mask = size * 8 - 1;
    if (operands[0].kind === 'memory' && operands[1].kind !== 'immediate') {
      return (cpu, op, _d, s) => {
        const low = readLow(cpu, s, size);
        const at = bitOperandAddress(cpu, op, size, low, readHigh(cpu, s, size), access);
        changeBit(cpu, at, low & mask, change);
      };
    }
    return (cpu, _op, d, s) => {
      changeBit(cpu, d, cpu.data.getUint8(s) & mask, change);
      // Of 4 bytes in a register the upper half is cleared.
      if (size === 4 && change !== 'test') write(cpu, d, 4, readLow(cpu, d, 4), 0);
    };
  };
}

/** Number of the lowest bit that is set; the number of bits where none is. */
function lowestBit(low: number, high: number, bits: number): number {
  if (low !== 0) return 31 - Math.clz32(low & -low);
  return high !== 0 ? 63 - Math.clz32(high & -high) : bits;
}

/** Number of zero bits above the highest that is set. */
function leadingZeros(low: number, high: number, size: number): number {
  if (size === 8) return high !== 0 ? Math.clz32(high) : 32 + Math.clz32(low);
  return Math.clz32(low) - (32 - size * 8);
}

/** bsf and bsr leave the destination alone where there is no bit. */
function scan(forward: boolean): HandlerChoice {
  return ({ size }) =>
    (cpu, _op, d, s) => {
      const low = readLow(cpu, s, size);
      const high = readHigh(cpu, s, size);
      const none = (low | high) === 0;
      if (!none) {
        const bit = forward ? lowestBit(low, high, 0) : size * 8 - 1 - leadingZeros(low, high, size);
        write(cpu, d, size, bit, 0);
      }
      setLogic(cpu, none ? 0 : 1, 0);
    };
}

function count(leading: boolean): HandlerChoice {
  return ({ size }) =>
    (cpu, _op, d, s) => {
      const low = readLow(cpu, s, size);
      const high = readHigh(cpu, s, size);
      const result = leading ? leadingZeros(low, high, size) : lowestBit(low, high, size * 8);
      write(cpu, d, size, result, 0);
      setLogic(cpu, result, 0);
      cpu.carry = (low | high) === 0 ? -1 : 0;
    };
}

function ones(value: number): number {
  let x = value - ((value >>> 1) & 0x5555_5555);
  x = (x & 0x3333_3333) + ((x >>> 2) & 0x3333_3333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

const population: HandlerChoice =
  ({ size }) =>
  (cpu, _op, d, s) => {
    const result = ones(readLow(cpu, s, size)) + ones(readHigh(cpu, s, size));
    write(cpu, d, size, result, 0);
    // All flags but ZF are cleared: a result with an odd number of ones in its low byte.
    setLogic(cpu, result === 0 ? 0 : 0x100, 0);
    cpu.adjust = 1;
  };

/** Castagnoli's polynomial, bits reversed. */
const CRC_TABLE = new Int32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f6_3b78 : 0);
  return value;
});

const crc: HandlerChoice = ({ size, operands }) => {
  const bytes = operands[1].size;
  return (cpu, _op, d, s) => {
    let value = cpu.data.getInt32(d, true);
    for (let i = 0; i < bytes; i++) {
      value = CRC_TABLE[(value ^ cpu.data.getUint8(s + i)) & 0xff] ^ (value >>> 8);
    }
    write(cpu, d, size, value, 0);
  };
};

function setBitFieldFlags(cpu: Cpu, size: number, low: number, high: number, carry: boolean): void {
  setLogic(cpu, 0, 0);
  setResult(cpu, size, low, high);
  cpu.carry = carry ? -1 : 0;
}

/** andn: the third operand is inverted. */
const andNot: HandlerChoice =
  ({ size }) =>
  (cpu, op, d, s) => {
    const low = ~readLow(cpu, op.third, size) & readLow(cpu, s, size);
    const high = ~readHigh(cpu, op.third, size) & readHigh(cpu, s, size);
    write(cpu, d, size, low, high);
    setBitFieldFlags(cpu, size, low, high, false);
  };

function lowest(kind: 'reset' | 'mask' | 'isolate'): HandlerChoice {
  return ({ size }) =>
    (cpu, _op, d, s) => {
      const xl = readLow(cpu, s, size);
      const xh = readHigh(cpu, s, size);
      const ml = (xl - 1) | 0;
      const mh = xl === 0 ? (xh - 1) | 0 : xh;
      let low = xl & ml;
      let high = xh & mh;
      if (kind === 'mask') {
        low = xl ^ ml;
        high = xh ^ mh;
      } else if (kind === 'isolate') {
        low = xl & ~ml;
        high = xh & ~mh;
      }
      const none = (size === 8 ? xl | xh : xl) === 0;
      write(cpu, d, size, low, high);
      setBitFieldFlags(cpu, size, low, high, kind === 'isolate' ? !none : none);
    };
}

/** Bits from 0 up to `length`, 0 to 64, as two halves. */
function lowMask(length: number): number {
  return length >= 32 ? -1 : (1 << length) - 1;
}

const extractField: HandlerChoice =
  ({ size }) =>
  (cpu, op, d, s) => {
    const start = cpu.data.getUint8(op.third);
    const length = cpu.data.getUint8(op.third + 1);
    let low = readLow(cpu, s, size);
    let high = readHigh(cpu, s, size);
    if (start >= 64) low = high = 0;
    else if (start >= 32) {
      low = high >>> (start - 32);
      high = 0;
    } else if (start > 0) {
      low = (low >>> start) | (high << (32 - start));
      high >>>= start;
    }
    low &= lowMask(length);
    high &= length > 32 ? lowMask(length - 32) : 0;
    write(cpu, d, size, low, high);
    setBitFieldFlags(cpu, size, low, high, false);
  };

const zeroHigh: HandlerChoice =
  ({ size }) =>
  (cpu, op, d, s) => {
    const length = cpu.data.getUint8(op.third);
    const whole = length >= size * 8;
    const low = readLow(cpu, s, size) & (whole ? -1 : lowMask(length));
    const high = readHigh(cpu, s, size) & (whole ? -1 : length > 32 ? lowMask(length - 32) : 0);
    write(cpu, d, size, low, high);
    setBitFieldFlags(cpu, size, low, high, length > size * 8 - 1);
  };

/** pext gathers the bits under the mask, pdep scatters the lowest ones to it. */
function parallel(gather: boolean): HandlerChoice {
  return ({ size }) =>
    (cpu, op, d, s) => {
      const value = [readLow(cpu, op.third, size), readHigh(cpu, op.third, size)];
      const mask = [readLow(cpu, s, size), readHigh(cpu, s, size)];
      const result = [0, 0];
      let packed = 0;
      for (let bit = 0; bit < size * 8; bit++) {
        if (((mask[bit >> 5] >>> (bit & 31)) & 1) === 0) continue;
        const from = gather ? bit : packed;
        const to = gather ? packed : bit;
        result[to >> 5] |= ((value[from >> 5] >>> (from & 31)) & 1) << (to & 31);
        packed++;
      }
      write(cpu, d, size, result[0], result[1]);
    };
}

export const BIT_HANDLERS: Handlers = {
  bt: bitTest('test'),
  bts: bitTest('set'),
  btr: bitTest('reset'),
  btc: bitTest('complement'),
  bsf: scan(true),
  bsr: scan(false),
  tzcnt: count(false),
  lzcnt: count(true),
  popcnt: population,
  crc32: crc,
  andn: andNot,
  blsr: lowest('reset'),
  blsmsk: lowest('mask'),
  blsi: lowest('isolate'),
  bextr: extractField,
  bzhi: zeroHigh,
  pext: parallel(true),
  pdep: parallel(false),
};
