/**
 * Registers that hold the value of rsp at the entry plus a constant, followed through the code: accesses through them
 * need no check of their own. Implements nothing documented: an abstract interpretation of the stack's instructions.
 */

import type { MemoryOperand } from '../instruction.ts';
import { RBP, RSP } from '../state.ts';
import type { Step } from './analysis.ts';

/** For each general register the distance from rsp at the entry; UNKNOWN where there is none. */
export type Frame = Int32Array;

export const UNKNOWN = -0x8000_0000;
/** Distances that are followed: one check at the entry covers them. */
export const LOWEST_OFFSET = -0x4000;
export const HIGHEST_OFFSET = 0x1000;

export function entryFrame(): Frame {
  const frame = new Int32Array(16).fill(UNKNOWN);
  frame[RSP] = 0;
  return frame;
}

/** Makes `into` what holds on both paths. @returns whether it changed. */
export function meetFrames(into: Frame, other: Frame): boolean {
  let changed = false;
  for (let register = 0; register < 16; register++) {
    if (into[register] === UNKNOWN || into[register] === other[register]) continue;
    into[register] = UNKNOWN;
    changed = true;
  }
  return changed;
}

/** Distance of a memory operand from rsp at the entry, UNKNOWN where it is not known or too far away. */
export function offsetOf(frame: Frame, operand: MemoryOperand): number {
  if (operand.base < 0 || operand.index >= 0 || operand.segment !== 'none' || operand.addressSize !== 8)
    return UNKNOWN;
  const base = frame[operand.base];
  if (base === UNKNOWN) return UNKNOWN;
  const offset = base + operand.displacement;
  return offset >= LOWEST_OFFSET && offset + 16 <= HIGHEST_OFFSET ? offset : UNKNOWN;
}

function inRange(offset: number): number {
  return offset >= LOWEST_OFFSET && offset + 16 <= HIGHEST_OFFSET ? offset : UNKNOWN;
}

/** What holds after a step. */
export function applyToFrame(frame: Frame, step: Step): void {
  const { instruction, effects } = step;
  if (step.action === 'call' || step.action === 'callIndirect') {
    for (let register = 0; register < 16; register++)
      if (((step.lost >> register) & 1) !== 0 && register !== RSP) frame[register] = UNKNOWN;
    frame[0] = UNKNOWN;
    return;
  }
  const result = resultOf(frame, step);
  const rsp = frame[RSP];
  const rbp = frame[RBP];
  const written = effects.writes;
  for (let register = 0; register < 16; register++) {
    if (((written >> register) & 1) !== 0 && register !== RSP) frame[register] = UNKNOWN;
  }
  const [first] = instruction.operands;
  switch (instruction.operation) {
    case 'push':
      frame[RSP] = rsp === UNKNOWN ? UNKNOWN : inRange(rsp - instruction.size);
      return;
    case 'pop':
      frame[RSP] = rsp === UNKNOWN ? UNKNOWN : inRange(rsp + instruction.size);
      if (first.kind === 'general' && first.register === RSP) frame[RSP] = UNKNOWN;
      return;
    case 'leave':
      frame[RSP] = rbp === UNKNOWN || instruction.size !== 8 ? UNKNOWN : inRange(rbp + 8);
      return;
    case 'ret':
      return;
    default:
      if (((written >> RSP) & 1) !== 0) frame[RSP] = UNKNOWN;
      if (result !== UNKNOWN && first.kind === 'general') frame[first.register] = result;
  }
}

/** The distance that an instruction gives to its destination. */
function resultOf(frame: Frame, { instruction, action }: Step): number {
  const [first, second] = instruction.operands;
  if (action !== 'native' || first === undefined || first.kind !== 'general' || first.size !== 8)
    return UNKNOWN;
  if (second === undefined) return UNKNOWN;
  const old = frame[first.register];
  switch (instruction.operation) {
    case 'mov':
      return second.kind === 'general' ? frame[second.register] : UNKNOWN;
    case 'lea':
      return second.kind === 'memory' ? offsetOf(frame, second) : UNKNOWN;
    case 'add':
      return second.kind === 'immediate' && old !== UNKNOWN ? inRange(old + second.low) : UNKNOWN;
    case 'sub':
      return second.kind === 'immediate' && old !== UNKNOWN ? inRange(old - second.low) : UNKNOWN;
    default:
      return UNKNOWN;
  }
}
