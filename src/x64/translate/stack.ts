/** Handlers of push, pop and leave. Implements "Stacks" of the Intel 64 manual, volume 1, section 6.2. */

import type { Instruction, MemoryOperand } from '../instruction.ts';
import { RBP, RSP } from '../state.ts';
import { ADDRESS, SCRATCH64, SECOND_ADDRESS } from './convention.ts';
import type { Emitter, Handler } from './emitter.ts';
import { op } from './opcodes.ts';

/** Eight bytes at a register plus a distance. */
function slot(base: number, displacement: number): MemoryOperand {
  return {
    kind: 'memory',
    size: 8,
    base,
    index: -1,
    scale: 1,
    displacement,
    ripRelative: false,
    segment: 'none',
    addressSize: 8,
    displacementHigh: displacement >> 31,
  };
}

function moveStackPointer(e: Emitter, distance: number): void {
  e.body.get(RSP);
  e.body.i64(distance);
  e.body.op(op.i64Add);
  e.body.set(RSP);
}

const push: Handler = (e, { operands }) => {
  const [operand] = operands;
  const { body } = e;
  if (operand.kind === 'memory') {
    e.pushOperand(operand, SECOND_ADDRESS);
    body.set(SCRATCH64);
  }
  const place = e.place(slot(RSP, -8), 8, true, ADDRESS);
  e.pushPlace(place);
  if (operand.kind === 'memory') body.get(SCRATCH64);
  else if (operand.kind === 'immediate') body.i64(operand.low, operand.high);
  else e.pushOperand(operand, SECOND_ADDRESS);
  e.store(place, 8);
  moveStackPointer(e, -8);
};

const pop: Handler = (e, { operands }) => {
  const [operand] = operands;
  if (operand.kind !== 'general') return;
  const place = e.place(slot(RSP, 0), 8, false, ADDRESS);
  e.load(place, 8);
  e.body.set(operand.register);
  moveStackPointer(e, 8);
};

const leave: Handler = (e) => {
  const { body } = e;
  const place = e.place(slot(RBP, 0), 8, false, ADDRESS);
  e.load(place, 8);
  body.get(RBP);
  body.i64(8);
  body.op(op.i64Add);
  body.set(RSP);
  body.set(RBP);
};

export const STACK: Readonly<Record<string, Handler>> = { push, pop, leave };

/** Whether the handlers above can do it. */
export function canDoStack(instruction: Instruction): boolean {
  if (instruction.size !== 8) return false;
  const [operand] = instruction.operands;
  if (instruction.operation === 'leave') return true;
  if (instruction.operation === 'pop') return operand.kind === 'general' && operand.register !== RSP;
  return operand.kind === 'general' || operand.kind === 'memory' || operand.kind === 'immediate';
}
