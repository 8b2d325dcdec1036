/**
 * Loops of one block, run several rounds at a time: fuel and all accesses that move along memory by constants are
 * checked once for these rounds. Where that fails the ordinary loop goes on. Implements nothing documented: loop
 * unrolling with hoisted range checks.
 */

import { KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import type { MemoryOperand } from '../instruction.ts';
import { accessesOf } from './accesses.ts';
import type { BlockFacts } from './analysis.ts';
import type { Label } from './body.ts';
import { FAST_WINDOWS, FUEL, IMPORT_OPEN_WINDOW, SCRATCH64 } from './convention.ts';
import type { Emitter } from './emitter.ts';
import { applyToFrame, offsetOf, UNKNOWN } from './frame.ts';
import { op } from './opcodes.ts';

/** Bytes through one base and index that the rounds touch, from the address without displacement. */
interface Stretch {
  readonly operand: MemoryOperand;
  low: number;
  high: number;
  writes: boolean;
  /** What the address moves by in a round. */
  readonly step: number;
}

export interface FastLoop {
  readonly rounds: number;
  readonly stretches: readonly Stretch[];
  /** Registers that change by constants only, or not at all. */
  readonly steady: number;
}

const LONGEST_BLOCK = 40;
const MAXIMUM_STRETCHES = 4;
/** One check looks at no more bytes than this: two pages at most, and 17 shadow bytes. */
const LONGEST_STRETCH = 128;

/** Accesses within so many bytes are checked together. */
const NEAR = 48;

/** Whether a block may be a fast loop, and what must be checked for it. @returns null where it may not. */
export function planFastLoop(facts: BlockFacts): FastLoop | null {
  const { block, steps } = facts;
  const { terminator } = block;
  if (terminator.kind !== 'branch' || terminator.taken !== block.index || terminator.next === block.index)
    return null;
  if (terminator.next < 0 || steps.length > LONGEST_BLOCK || facts.flagsIn !== 0 || facts.frameIn === null)
    return null;
  const moved = Array.from({ length: 16 }, () => 0);
  const steady = steadyRegisters(facts);
  if (steady === null) return null;
  for (const { instruction } of steps) move(moved, steady, instruction);
  const total = [...moved];
  moved.fill(0);
  const stretches: Stretch[] = [];
  const frame = facts.frameIn.slice();
  for (const step of steps) {
    for (const { operand, size, writes } of accessesOf(step.instruction)) {
      if (!isSteady(operand, steady) || offsetOf(frame, operand) !== UNKNOWN) continue;
      const along = (by: readonly number[]) =>
        by[operand.base] + (operand.index < 0 ? 0 : by[operand.index] * operand.scale);
      const low = along(moved) + operand.displacement;
      const known = stretches.find((each) => isNear(each, operand, low, low + size));
      if (known === undefined) {
        stretches.push({ operand, low, high: low + size, writes, step: along(total) });
      } else {
        known.low = Math.min(known.low, low);
        known.high = Math.max(known.high, low + size);
        known.writes ||= writes;
      }
    }
    move(moved, steady, step.instruction);
    applyToFrame(frame, step);
  }
  return chooseRounds(steps.length, stretches, steady);
}

/** Whether an access belongs to a stretch: the same base and index, and not far away. */
function isNear(stretch: Stretch, operand: MemoryOperand, low: number, high: number): boolean {
  const known = stretch.operand;
  if (known.base !== operand.base || known.index !== operand.index || known.scale !== operand.scale)
    return false;
  return Math.max(stretch.high, high) - Math.min(stretch.low, low) <= NEAR;
}

function chooseRounds(length: number, stretches: Stretch[], steady: number): FastLoop | null {
  if (stretches.length > MAXIMUM_STRETCHES) return null;
  let rounds = length <= 8 ? 8 : length <= 20 ? 4 : 2;
  const span = (stretch: Stretch) => stretch.high - stretch.low + Math.abs(stretch.step) * (rounds - 1);
  while (rounds > 1 && stretches.some((each) => span(each) > LONGEST_STRETCH)) rounds >>= 1;
  if (rounds === 1) return null;
  for (const each of stretches) {
    const all = each.step * (rounds - 1);
    if (all < 0) each.low += all;
    else each.high += all;
  }
  return { rounds, stretches, steady };
}

/** Whether an access needs no check of its own in the rounds. */
export function isSteady(operand: MemoryOperand, steady: number): boolean {
  if (operand.ripRelative || operand.base < 0 || operand.segment !== 'none' || operand.addressSize !== 8)
    return false;
  const is = (register: number) => register < 0 || ((steady >> register) & 1) !== 0;
  return is(operand.base) && is(operand.index);
}

function steadyRegisters(facts: BlockFacts): number | null {
  let steady = 0xffff;
  for (const { instruction, action, effects } of facts.steps) {
    // Repeated instructions take as much fuel as they have elements.
    if (action !== 'native' || instruction.repeat !== 'none') return null;
    const probe = Array.from({ length: 16 }, () => 0);
    for (let register = 0; register < 16; register++) {
      if (((effects.writes >> register) & 1) === 0) continue;
      if (!moveOne(probe, register, instruction)) steady &= ~(1 << register);
    }
  }
  return steady;
}

type Instruction = BlockFacts['steps'][number]['instruction'];

function move(moved: number[], steady: number, instruction: Instruction): void {
  const [first] = instruction.operands;
  if (first !== undefined && first.kind === 'general' && ((steady >> first.register) & 1) !== 0)
    moveOne(moved, first.register, instruction);
}

/** Adds what an instruction adds to a register. @returns false where it does something else with it. */
function moveOne(moved: number[], register: number, instruction: Instruction): boolean {
  const [first, second] = instruction.operands;
  if (first === undefined || first.kind !== 'general' || first.size !== 8 || first.register !== register)
    return false;
  switch (instruction.operation) {
    case 'inc':
      moved[register] += 1;
      return true;
    case 'dec':
      moved[register] -= 1;
      return true;
    case 'add':
    case 'sub':
      if (second.kind !== 'immediate') return false;
      moved[register] += instruction.operation === 'add' ? second.low : -second.low;
      return true;
    case 'lea':
      if (
        second.kind !== 'memory' ||
        second.base !== register ||
        second.index >= 0 ||
        second.addressSize !== 8
      )
        return false;
      moved[register] += second.displacement;
      return true;
    default:
      // Comparisons name the register first and leave it alone.
      return false;
  }
}

/** Opens a window for each stretch, before the loop. */
export function openStretches(e: Emitter, loop: FastLoop): void {
  const { body, map } = e;
  if (map.shadow >= 0) return;
  loop.stretches.forEach((stretch, index) => {
    pushStart(e, stretch);
    body.i32(stretch.writes ? map.writeMap : map.readMap);
    body.i32(stretch.high - stretch.low);
    body.call(IMPORT_OPEN_WINDOW);
    body.set(FAST_WINDOWS + index * 2 + 1);
    body.set(FAST_WINDOWS + index * 2);
  });
}

/** Pushes the address of the first byte of a stretch. */
function pushStart(e: Emitter, { operand, low }: Stretch): void {
  e.pushEffective({ ...operand, displacement: low, displacementHigh: low >> 31 });
}

/** Goes to `slow` unless the rounds can be run without looking at fuel and at the stretches. */
export function checkRounds(e: Emitter, loop: FastLoop, length: number, slow: Label): void {
  const { body, map } = e;
  body.get(FUEL);
  body.i32(loop.rounds * length);
  body.op(op.i32LeS);
  body.brIf(slow);
  loop.stretches.forEach((stretch, index) => {
    pushStart(e, stretch);
    if (map.shadow >= 0) {
      checkShadow(e, stretch);
    } else {
      body.get(FAST_WINDOWS + index * 2);
      body.op(op.i64Sub);
      body.get(FAST_WINDOWS + index * 2 + 1);
      body.op(op.i64GeU);
    }
    body.brIf(slow);
  });
}

/** The address is on the stack; pushes whether eight shadow bytes, or more, are not all those of whole granules. */
function checkShadow(e: Emitter, { low, high, writes }: Stretch): void {
  const { body, map } = e;
  const size = high - low;
  body.tee(SCRATCH64);
  body.i64(32);
  body.op(op.i64ShrU);
  body.i64(KERNEL_WINDOW_HIGH, 0);
  body.op(op.i64Xor);
  for (let covered = 0; covered < size + 7; covered += 64) {
    body.get(SCRATCH64);
    body.op(op.i32WrapI64);
    body.i32(3);
    body.op(op.i32ShrU);
    body.memory(op.i64Load, map.shadow + (covered >> 3));
    body.i64(0x0808_0808, 0x0808_0808);
    body.op(op.i64Xor);
    body.op(op.i64Or);
  }
  if (writes) {
    for (const distance of [0, size - 1]) {
      body.get(SCRATCH64);
      body.op(op.i32WrapI64);
      body.i32(distance);
      body.op(op.i32Add);
      body.i32(12);
      body.op(op.i32ShrU);
      body.memory(op.i64Load8u, map.writeMap);
      body.op(op.i64Or);
    }
  }
  body.i64(0);
  body.op(op.i64Ne);
}
