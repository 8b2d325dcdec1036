/**
 * Operations on the lanes of XMM registers, made from what the table says of them. Implements the packed integer
 * instructions of the Intel 64 manual, volume 2; floating-point lanes are in `floatLanes.ts`.
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import type { Lane, LaneOperator, Semantics } from '../table/index.ts';
import { OPERATIONS } from '../table/index.ts';
import type { Cpu } from './cpu.ts';
import { copyResult, floatCompare, floatHorizontal, floatOperation } from './floatLanes.ts';
import { type Handler, RESULT_SLOT } from './op.ts';
import { DOUBLE, SINGLE } from './softFloat.ts';

/** Bytes of a lane. */
function widthOf(lane: Lane): number {
  return Number(lane.slice(1)) / 8;
}

/** Lanes of up to 32 bits as numbers. */
export function readLane(data: DataView, lane: Lane, at: Address): number {
  switch (lane) {
    case 'i8':
      return data.getInt8(at);
    case 'u8':
      return data.getUint8(at);
    case 'i16':
      return data.getInt16(at, true);
    case 'u16':
      return data.getUint16(at, true);
    case 'u32':
      return data.getUint32(at, true);
    default:
      return data.getInt32(at, true);
  }
}

/** Writes the low bits of a number as a lane of `width` bytes; of 8 bytes by its sign or zero. */
function writeLane(data: DataView, width: number, at: Address, value: number): void {
  if (width === 1) data.setInt8(at, value);
  else if (width === 2) data.setInt16(at, value, true);
  else data.setInt32(at, value, true);
  if (width === 8) data.setInt32(at + 4, value < 0 ? -1 : 0, true);
}

function limits(lane: Lane): readonly [number, number] {
  const bits = widthOf(lane) * 8;
  return lane[0] === 'u' ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

function clamp(lane: Lane): (value: number) => number {
  const [lowest, highest] = limits(lane);
  return (value) => (value < lowest ? lowest : value > highest ? highest : value);
}

/** What two lanes of up to 32 bits become. */
function laneFunction(lane: Lane, operator: LaneOperator): (x: number, y: number) => number {
  const fit = clamp(lane);
  switch (operator) {
    case 'add':
      return (x, y) => x + y;
    case 'subtract':
      return (x, y) => x - y;
    case 'addSaturating':
      return (x, y) => fit(x + y);
    case 'subtractSaturating':
      return (x, y) => fit(x - y);
    case 'multiply':
    case 'multiplyLow':
      return (x, y) => Math.imul(x, y);
    case 'multiplyHigh':
      return (x, y) => Math.imul(x, y) >> 16;
    case 'minimum':
      return (x, y) => (x < y ? x : y);
    case 'maximum':
      return (x, y) => (x > y ? x : y);
    case 'average':
      return (x, y) => (x + y + 1) >> 1;
    case 'equal':
      return (x, y) => (x === y ? -1 : 0);
    case 'greater':
      return (x, y) => (x > y ? -1 : 0);
    case 'sign':
      return (x, y) => (y < 0 ? -x : y === 0 ? 0 : x);
    case 'multiplyRounded':
      return (x, y) => ((Math.imul(x, y) >> 14) + 1) >> 1;
    case 'divide':
      throw new Error('integer lanes are never divided');
  }
}

function integerLanes(lane: Lane, operator: LaneOperator): Handler {
  if (lane === 'i64' || lane === 'u64') return quadLanes(operator);
  const width = widthOf(lane);
  const of = laneFunction(lane, operator);
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let at = 0; at < 16; at += width) {
      writeLane(data, width, d + at, of(readLane(data, lane, d + at), readLane(data, lane, s + at)) | 0);
    }
  };
}

/** Lanes of 64 bits: add, subtract, equal, greater. */
function quadLanes(operator: LaneOperator): Handler {
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let at = 0; at < 16; at += 8) {
      const xl = data.getInt32(d + at, true);
      const xh = data.getInt32(d + at + 4, true);
      const yl = data.getInt32(s + at, true);
      const yh = data.getInt32(s + at + 4, true);
      let low: number;
      let high: number;
      if (operator === 'add') {
        low = (xl + yl) | 0;
        high = xh + yh + (low >>> 0 < xl >>> 0 ? 1 : 0);
      } else if (operator === 'subtract') {
        low = (xl - yl) | 0;
        high = xh - yh - (xl >>> 0 < yl >>> 0 ? 1 : 0);
      } else {
        const same = xl === yl && xh === yh;
        const greater = xh > yh || (xh === yh && xl >>> 0 > yl >>> 0);
        low = high = (operator === 'equal' ? same : greater) ? -1 : 0;
      }
      data.setInt32(d + at, low, true);
      data.setInt32(d + at + 4, high | 0, true);
    }
  };
}

function absoluteLanes(lane: Lane): Handler {
  const width = widthOf(lane);
  return (cpu, _op, d, s) => {
    for (let at = 0; at < 16; at += width) {
      writeLane(cpu.data, width, d + at, Math.abs(readLane(cpu.data, lane, s + at)) | 0);
    }
  };
}

function bitwise(operator: 'and' | 'andNot' | 'or' | 'xor'): Handler {
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let at = 0; at < 16; at += 4) {
      const x = data.getInt32(d + at, true);
      const y = data.getInt32(s + at, true);
      const result =
        operator === 'and' ? x & y : operator === 'or' ? x | y : operator === 'xor' ? x ^ y : ~x & y;
      data.setInt32(d + at, result, true);
    }
  };
}

/** The count is an immediate byte or the low 64 bits of the source. */
function shiftCount(cpu: Cpu, instruction: Instruction, low: number, s: Address): number {
  if (instruction.operands[1].kind === 'immediate') return low & 0xff;
  const { data } = cpu;
  return data.getInt32(s + 4, true) !== 0 ? 0xffff : Math.min(data.getUint32(s, true), 0xffff);
}

function shiftLanes(lane: 'i16' | 'i32' | 'i64', operator: string, instruction: Instruction): Handler {
  const width = widthOf(lane);
  const bits = width * 8;
  return (cpu, op, d, s) => {
    const { data } = cpu;
    const given = shiftCount(cpu, instruction, op.low, s);
    const count = operator === 'arithmetic' ? Math.min(given, bits - 1) : given;
    if (count >= bits) {
      cpu.u8.fill(0, d, d + 16);
      return;
    }
    for (let at = d; at < d + 16; at += width) {
      if (width === 8) shiftQuad(data, at, count, operator === 'left');
      else if (operator === 'left') writeLane(data, width, at, readLane(data, lane, at) << count);
      else if (operator === 'arithmetic') writeLane(data, width, at, readLane(data, lane, at) >> count);
      else writeLane(data, width, at, readLane(data, width === 2 ? 'u16' : 'u32', at) >>> count);
    }
  };
}

function shiftQuad(data: DataView, at: Address, count: number, left: boolean): void {
  let low = data.getInt32(at, true);
  let high = data.getInt32(at + 4, true);
  const part = count & 31;
  if (left) {
    if (count >= 32) {
      high = low;
      low = 0;
    }
    if (part !== 0) high = (high << part) | (low >>> (32 - part));
    low <<= part;
  } else {
    if (count >= 32) {
      low = high;
      high = 0;
    }
    if (part !== 0) low = (low >>> part) | (high << (32 - part));
    high >>>= part;
  }
  data.setInt32(at, low, true);
  data.setInt32(at + 4, high, true);
}

function shiftBytes(left: boolean): Handler {
  return (cpu, op, d) => {
    const count = Math.min(op.low & 0xff, 16);
    const { u8 } = cpu;
    if (left) {
      u8.copyWithin(d + count, d, d + 16 - count);
      u8.fill(0, d, d + count);
    } else {
      u8.copyWithin(d, d + count, d + 16);
      u8.fill(0, d + 16 - count, d + 16);
    }
  };
}

function unpack(width: number, half: 'low' | 'high'): Handler {
  const from = half === 'low' ? 0 : 8;
  return (cpu, _op, d, s) => {
    const { u8 } = cpu;
    for (let at = 0; at < 8; at += width) {
      u8.copyWithin(RESULT_SLOT + at * 2, d + from + at, d + from + at + width);
      u8.copyWithin(RESULT_SLOT + at * 2 + width, s + from + at, s + from + at + width);
    }
    copyResult(cpu, d, 16);
  };
}

function pack(from: Lane, to: Lane): Handler {
  const wide = widthOf(from);
  const narrow = widthOf(to);
  const fit = clamp(to);
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let i = 0; i < 8 / narrow; i++) {
      writeLane(data, narrow, RESULT_SLOT + i * narrow, fit(readLane(data, from, d + i * wide)));
      writeLane(data, narrow, RESULT_SLOT + 8 + i * narrow, fit(readLane(data, from, s + i * wide)));
    }
    copyResult(cpu, d, 16);
  };
}

function extend(from: Lane, to: Lane): Handler {
  const narrow = widthOf(from);
  const wide = widthOf(to);
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let i = 0; i < 16 / wide; i++) {
      const value = readLane(data, from, s + i * narrow);
      const at = RESULT_SLOT + i * wide;
      writeLane(data, wide, at, value | 0);
      if (wide === 8) data.setInt32(at + 4, value < 0 ? -1 : 0, true);
    }
    copyResult(cpu, d, 16);
  };
}

function horizontal(lane: Lane, operator: LaneOperator): Handler {
  const width = widthOf(lane);
  const of = laneFunction(lane, operator);
  return (cpu, _op, d, s) => {
    const { data } = cpu;
    for (let at = 0; at < 8; at += width) {
      const from = at * 2;
      writeLane(
        data,
        width,
        RESULT_SLOT + at,
        of(readLane(data, lane, d + from), readLane(data, lane, d + from + width)) | 0,
      );
      writeLane(
        data,
        width,
        RESULT_SLOT + 8 + at,
        of(readLane(data, lane, s + from), readLane(data, lane, s + from + width)) | 0,
      );
    }
    copyResult(cpu, d, 16);
  };
}

/** The fields of the immediate choose lanes: of the source, or the upper ones of it and the lower ones of d. */
function shuffle(width: number, part: 'all' | 'low' | 'high' | 'both'): Handler {
  return (cpu, op, d, s) => {
    const { u8 } = cpu;
    const lanes = part === 'low' || part === 'high' ? 4 : 16 / width;
    const bits = lanes === 2 ? 1 : 2;
    const start = part === 'high' ? 8 : 0;
    u8.copyWithin(RESULT_SLOT, s, s + 16);
    for (let i = 0; i < lanes; i++) {
      const from = part === 'both' && i < lanes / 2 ? d : s;
      const chosen = from + start + ((op.low >> (i * bits)) & (lanes - 1)) * width;
      u8.copyWithin(RESULT_SLOT + start + i * width, chosen, chosen + width);
    }
    copyResult(cpu, d, 16);
  };
}

/** A handler from what the table says; null where it says nothing. */
export function packedHandler(instruction: Instruction): Handler | null {
  const { semantics } = OPERATIONS[instruction.operationNumber];
  return semantics === undefined ? null : fromSemantics(semantics, instruction);
}

function fromSemantics(semantics: Semantics, instruction: Instruction): Handler | null {
  switch (semantics.kind) {
    case 'lanes':
    case 'scalar': {
      const { lane, operator } = semantics;
      if (lane !== 'f32' && lane !== 'f64') return integerLanes(lane, operator);
      return floatOperation(operator, lane === 'f32' ? SINGLE : DOUBLE, semantics.kind === 'scalar');
    }
    case 'unary':
    case 'scalarUnary': {
      const { lane } = semantics;
      if (lane !== 'f32' && lane !== 'f64') return absoluteLanes(lane);
      return floatOperation(
        semantics.function,
        lane === 'f32' ? SINGLE : DOUBLE,
        semantics.kind === 'scalarUnary',
      );
    }
    case 'bitwise':
      return bitwise(semantics.operator);
    case 'shift':
      return shiftLanes(semantics.lane, semantics.operator, instruction);
    case 'shiftBytes':
      return shiftBytes(semantics.operator === 'left');
    case 'unpack':
      return unpack(semantics.width, semantics.half);
    case 'pack':
      return pack(semantics.from, semantics.to);
    case 'extend':
      return extend(semantics.from, semantics.to);
    case 'horizontal': {
      const { lane, operator } = semantics;
      if (lane === 'i16' || lane === 'i32') return horizontal(lane, operator);
      return floatHorizontal(lane === 'f32' ? SINGLE : DOUBLE, operator === 'subtract' ? 'subtract' : 'add');
    }
    case 'shuffle':
      return shuffle(semantics.width, semantics.part);
    case 'compare': {
      const [, , immediate] = instruction.operands;
      const predicate = immediate.kind === 'immediate' ? immediate.low : 0;
      return floatCompare(semantics.lane === 'f32' ? SINGLE : DOUBLE, semantics.scalar, predicate);
    }
  }
}
