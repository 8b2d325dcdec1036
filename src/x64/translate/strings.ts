/**
 * rep movs and rep stos forwards, as copies and fills of whole ranges; what does not plainly fit is left to the
 * interpreter. Implements MOVS, STOS and REP of the Intel 64 manual, volume 2, and the fuel rule: one for each element.
 */

import { KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { FLAG_DF, RAX, RCX, RDI, RSI, STATE_FLAGS } from '../state.ts';
import { ADDRESS, COUNT, FUEL, IMPORT_CAN_READ, IMPORT_CAN_WRITE, SCRATCH32 } from './convention.ts';
import type { Emitter, Handler } from './emitter.ts';
import { bulk, op } from './opcodes.ts';

/** Elements of one instruction; more are left to the interpreter. */
const MAXIMUM_ELEMENTS = 0x0400_0000;

function low(e: Emitter, register: number): void {
  e.body.get(register);
  e.body.op(op.i32WrapI64);
}

/** Pushes whether the high half of an address is not the kernel window's. */
function isElsewhere(e: Emitter, register: number): void {
  e.body.get(register);
  e.body.i64(32);
  e.body.op(op.i64ShrU);
  e.body.op(op.i32WrapI64);
  e.body.i32(KERNEL_WINDOW_HIGH);
  e.body.op(op.i32Ne);
}

/** Leaves unless the direction is up, fuel and count are plain, and the bytes may be accessed. Sets COUNT to the bytes. */
function check(e: Emitter, size: number, isCopy: boolean): void {
  const { body } = e;
  body.i32(0);
  body.memory(op.i32Load, STATE_FLAGS);
  body.i32(FLAG_DF);
  body.op(op.i32And);
  body.get(RCX);
  body.i64(MAXIMUM_ELEMENTS);
  body.op(op.i64GtU);
  body.op(op.i32Or);
  // What costs all of the fuel that is left stops between elements.
  body.get(RCX);
  body.get(FUEL);
  body.i32(e.pending + 1);
  body.op(op.i32Sub);
  body.op(op.i64ExtendI32S);
  body.op(op.i64GeS);
  body.op(op.i32Or);
  isElsewhere(e, RDI);
  body.op(op.i32Or);
  if (isCopy) {
    isElsewhere(e, RSI);
    body.op(op.i32Or);
  }
  e.leaveIf();
  low(e, RCX);
  body.i32(size);
  body.op(op.i32Mul);
  body.set(COUNT);
  body.get(COUNT);
  body.open(op.if);
  low(e, RDI);
  body.get(COUNT);
  body.call(IMPORT_CAN_WRITE);
  body.op(op.i32Eqz);
  if (isCopy) {
    low(e, RSI);
    body.get(COUNT);
    body.call(IMPORT_CAN_READ);
    body.op(op.i32Eqz);
    body.op(op.i32Or);
    // A destination just ahead of the source repeats what was copied before.
    low(e, RDI);
    low(e, RSI);
    body.op(op.i32Sub);
    body.i32(1);
    body.op(op.i32Sub);
    body.get(COUNT);
    body.i32(1);
    body.op(op.i32Sub);
    body.op(op.i32LtU);
    body.op(op.i32Or);
  }
  e.leaveIf();
}

/** Advances the registers and takes the fuel of all elements but one, which every instruction costs. */
function finish(e: Emitter, isCopy: boolean): void {
  const { body } = e;
  body.get(FUEL);
  low(e, RCX);
  body.op(op.i32Sub);
  body.i32(1);
  body.op(op.i32Add);
  body.set(FUEL);
  for (const register of isCopy ? [RDI, RSI] : [RDI]) {
    body.get(register);
    body.get(COUNT);
    body.op(op.i64ExtendI32U);
    body.op(op.i64Add);
    body.set(register);
  }
  body.i64(0);
  body.set(RCX);
  body.close();
}

const copy: Handler = (e, { size }) => {
  const { body } = e;
  check(e, size, true);
  low(e, RDI);
  low(e, RSI);
  body.get(COUNT);
  body.op(0xfc);
  body.op(bulk.memoryCopy);
  body.op(0);
  body.op(0);
  finish(e, true);
};

const fill: Handler = (e, { size }) => {
  const { body } = e;
  check(e, size, false);
  if (size === 1) {
    low(e, RDI);
    low(e, RAX);
    body.get(COUNT);
    body.op(0xfc);
    body.op(bulk.memoryFill);
    body.op(0);
  } else {
    low(e, RDI);
    body.set(ADDRESS);
    low(e, RDI);
    body.get(COUNT);
    body.op(op.i32Add);
    body.set(SCRATCH32);
    const loop = body.open(op.loop);
    body.get(ADDRESS);
    e.pushLoose(RAX, size);
    body.memory({ 2: op.i32Store16, 4: op.i32Store, 8: op.i64Store, 1: 0, 16: 0 }[size], 0);
    body.get(ADDRESS);
    body.i32(size);
    body.op(op.i32Add);
    body.tee(ADDRESS);
    body.get(SCRATCH32);
    body.op(op.i32LtU);
    body.brIf(loop);
    body.close();
  }
  finish(e, false);
};

export const STRINGS: Readonly<Record<string, Handler>> = { movs: copy, stos: fill };

/** Whether the handlers above can do it. */
export function canDoStrings(instruction: Instruction): boolean {
  return instruction.repeat === 'rep' && instruction.addressSize === 8 && instruction.segment === 'none';
}
