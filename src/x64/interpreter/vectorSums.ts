/**
 * Products and sums across lanes, tests, and comparisons of strings in XMM registers. Implements PMULUDQ, PMULDQ, PMADDWD,
 * PMADDUBSW, PSADBW, MPSADBW, PHMINPOSUW, PTEST and PCMPESTRI to PCMPISTRM of the Intel 64 manual, volume 2 (section
 * 4.1 on string comparisons).
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { FLAG_CF, FLAG_OF, FLAG_SF, FLAG_ZF, RAX, RCX, RDX, STATE_GENERAL, STATE_XMM } from '../state.ts';
import type { Cpu } from './cpu.ts';
import { setArithmeticFlags } from './flags.ts';
import { copyResult } from './floatLanes.ts';
import { multiplyHigh } from './multiplyDivide.ts';
import { type Handler, RESULT_SLOT } from './op.ts';
import { always, type Handlers, write } from './values.ts';

/** The low halves of both quads, to products of 64 bits. */
function multiplyQuads(signed: boolean): Handler {
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let at = 0; at < 16; at += 8) {
      const x = data.getInt32(d + at, true);
      const y = data.getInt32(s + at, true);
      let high = multiplyHigh(x, y);
      if (signed) high = high - (x < 0 ? y : 0) - (y < 0 ? x : 0);
      data.setInt32(d + at, Math.imul(x, y), true);
      data.setInt32(d + at + 4, high | 0, true);
    }
  };
}

function multiplyAndAdd(cpu: Cpu, _op: unknown, d: Address, s: Address): void {
  const { data } = cpu;
  for (let at = 0; at < 16; at += 4) {
    const first = Math.imul(data.getInt16(d + at, true), data.getInt16(s + at, true));
    const second = Math.imul(data.getInt16(d + at + 2, true), data.getInt16(s + at + 2, true));
    data.setInt32(d + at, first + second, true);
  }
}

/** Unsigned bytes of the destination by signed ones of the source, neighbours added with saturation. */
function multiplyAndAddBytes(cpu: Cpu, _op: unknown, d: Address, s: Address): void {
  const { data } = cpu;
  for (let at = 0; at < 16; at += 2) {
    const sum =
      data.getUint8(d + at) * data.getInt8(s + at) + data.getUint8(d + at + 1) * data.getInt8(s + at + 1);
    data.setInt16(d + at, Math.max(-0x8000, Math.min(0x7fff, sum)), true);
  }
}

function sumOfDifferences(cpu: Cpu, _op: unknown, d: Address, s: Address): void {
  const { data, u8 } = cpu;
  for (let half = 0; half < 16; half += 8) {
    let sum = 0;
    for (let i = half; i < half + 8; i++) sum += Math.abs(u8[d + i] - u8[s + i]);
    data.setInt32(d + half, sum, true);
    data.setInt32(d + half + 4, 0, true);
  }
}

/** Four bytes of the source against eleven of the destination, at eight places. */
const slidingDifferences: Handler = (cpu, op, d, s) => {
  const { data, u8 } = cpu;
  const from = s + (op.low & 3) * 4;
  const start = d + ((op.low >> 2) & 1) * 4;
  for (let i = 0; i < 8; i++) {
    let sum = 0;
    for (let j = 0; j < 4; j++) sum += Math.abs(u8[start + i + j] - u8[from + j]);
    data.setInt16(RESULT_SLOT + i * 2, sum, true);
  }
  copyResult(cpu, d, 16);
};

function smallestWord(cpu: Cpu, _op: unknown, d: Address, s: Address): void {
  const { data } = cpu;
  let at = 0;
  for (let i = 1; i < 8; i++) if (data.getUint16(s + i * 2, true) < data.getUint16(s + at * 2, true)) at = i;
  const smallest = data.getUint16(s + at * 2, true);
  cpu.u8.fill(0, d, d + 16);
  data.setUint16(d, smallest, true);
  data.setUint16(d + 2, at, true);
}

function test(cpu: Cpu, _op: unknown, d: Address, s: Address): void {
  const { data } = cpu;
  let both = 0;
  let missing = 0;
  for (let at = 0; at < 16; at += 4) {
    const x = data.getInt32(d + at, true);
    const y = data.getInt32(s + at, true);
    both |= x & y;
    missing |= ~x & y;
  }
  setArithmeticFlags(cpu, (both === 0 ? FLAG_ZF : 0) | (missing === 0 ? FLAG_CF : 0));
}

/** The elements of an operand, and how many count. */
interface Elements {
  readonly values: readonly number[];
  readonly length: number;
}

function readElements(cpu: Cpu, at: Address, control: number, explicit: number | null): Elements {
  const words = (control & 1) !== 0;
  const signed = (control & 2) !== 0;
  const count = words ? 8 : 16;
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    const { data } = cpu;
    if (words) values.push(signed ? data.getInt16(at + i * 2, true) : data.getUint16(at + i * 2, true));
    else values.push(signed ? data.getInt8(at + i) : data.getUint8(at + i));
  }
  if (explicit !== null) return { values, length: Math.min(explicit, count) };
  const end = values.indexOf(0);
  return { values, length: end === -1 ? count : end };
}

/** The magnitude of rax or rdx; of 4 bytes without REX.W. */
function explicitLength(cpu: Cpu, register: number, wide: boolean): number {
  const { data } = cpu;
  const at = STATE_GENERAL + register * 8;
  const value = wide ? Number(data.getBigInt64(at, true)) : data.getInt32(at, true);
  return Math.abs(value);
}

/** Whether an instruction has REX.W, which no operand of it shows: it stands right before the opcode. */
function hasWidePrefix(cpu: Cpu, address: Address): boolean {
  let at = address;
  while (cpu.u8[at + 1] !== 0x0f) at++;
  return (cpu.u8[at] & 0xf8) === 0x48;
}

/** Whether elements match, with what the manual says of elements beyond the end. */
function matches(aggregation: number, x: Elements, y: Elements, i: number, j: number): boolean {
  const xValid = i < x.length;
  const yValid = j < y.length;
  if (xValid && yValid) {
    if (aggregation !== 1) return x.values[i] === y.values[j];
    return (i & 1) === 0 ? x.values[i] <= y.values[j] : x.values[i] >= y.values[j];
  }
  if (aggregation === 2) return !xValid && !yValid;
  if (aggregation === 3) return !xValid;
  return false;
}

/** One bit for each element of y. */
function aggregate(aggregation: number, x: Elements, y: Elements): number {
  const count = y.values.length;
  let result = 0;
  for (let j = 0; j < count; j++) {
    let hit = false;
    if (aggregation === 0) {
      for (let i = 0; i < count && !hit; i++) hit = matches(0, x, y, i, j);
    } else if (aggregation === 1) {
      for (let i = 0; i < count && !hit; i += 2) hit = matches(1, x, y, i, j) && matches(1, x, y, i + 1, j);
    } else if (aggregation === 2) {
      hit = matches(2, x, y, j, j);
    } else {
      hit = true;
      for (let i = 0; i + j < count && hit; i++) hit = matches(3, x, y, i, i + j);
    }
    if (hit) result |= 1 << j;
  }
  return result;
}

function polarity(control: number, result: number, y: Elements): number {
  const all = (1 << y.values.length) - 1;
  const valid = (1 << y.length) - 1;
  if ((control & 0x30) === 0x10) return result ^ all;
  return (control & 0x30) === 0x30 ? result ^ valid : result;
}

function writeMask(cpu: Cpu, control: number, result: number, count: number): void {
  cpu.u8.fill(0, STATE_XMM, STATE_XMM + 16);
  if ((control & 0x40) === 0) {
    cpu.data.setUint16(STATE_XMM, result, true);
    return;
  }
  const width = 16 / count;
  for (let i = 0; i < count; i++) {
    if ((result & (1 << i)) !== 0) cpu.u8.fill(0xff, STATE_XMM + i * width, STATE_XMM + (i + 1) * width);
  }
}

/** pcmpXstrX: lengths given in rax and rdx or by a zero element; the result an index in rcx or a mask in xmm0. */
function compareStrings(explicit: boolean, index: boolean): (instruction: Instruction) => Handler {
  return ({ operands }) => {
    const [, , immediate] = operands;
    const control = immediate.kind === 'immediate' ? immediate.low : 0;
    return (cpu, op, d, s) => {
      const wide = explicit && hasWidePrefix(cpu, op.address);
      const x = readElements(cpu, d, control, explicit ? explicitLength(cpu, RAX, wide) : null);
      const y = readElements(cpu, s, control, explicit ? explicitLength(cpu, RDX, wide) : null);
      const count = x.values.length;
      const result = polarity(control, aggregate((control >> 2) & 3, x, y), y);
      if (index) {
        const highest = 31 - Math.clz32(result);
        const lowest = 31 - Math.clz32(result & -result);
        const found = result === 0 ? count : (control & 0x40) !== 0 ? highest : lowest;
        write(cpu, STATE_GENERAL + RCX * 8, 8, found, 0);
      } else {
        writeMask(cpu, control, result, count);
      }
      setArithmeticFlags(
        cpu,
        (result !== 0 ? FLAG_CF : 0) |
          (y.length < count ? FLAG_ZF : 0) |
          (x.length < count ? FLAG_SF : 0) |
          ((result & 1) !== 0 ? FLAG_OF : 0),
      );
    };
  };
}

export const VECTOR_SUM_HANDLERS: Handlers = {
  pmuludq: always(multiplyQuads(false)),
  pmuldq: always(multiplyQuads(true)),
  pmaddwd: always(multiplyAndAdd),
  pmaddubsw: always(multiplyAndAddBytes),
  psadbw: always(sumOfDifferences),
  mpsadbw: always(slidingDifferences),
  phminposuw: always(smallestWord),
  ptest: always(test),
  pcmpestri: compareStrings(true, true),
  pcmpestrm: compareStrings(true, false),
  pcmpistri: compareStrings(false, true),
  pcmpistrm: compareStrings(false, false),
};
