/**
 * Calls and returns in translated code. Implements "Procedure Calls" of the Intel 64 manual, volume 1, section 6.4: the
 * return address is on the guest's stack, and what lies there when the callee is done decides where execution goes on.
 */

import { ADDRESS_LIMIT, CALLABLE_RANGE_START, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { R8, RAX, RCX, RDX, RSP, STATE_FUEL, STATE_RIP } from '../state.ts';
import type { Step, SummaryOf } from './analysis.ts';
import {
  ADDRESS,
  CALL_CACHE,
  CALL_CACHE_ENTRIES,
  FUEL,
  IMPORT_HOST,
  IMPORT_RESOLVE,
  IMPORT_STEP,
  PASSED,
  RAX_BIT,
  REASON_FUEL,
  REASON_LEAVE,
  REASON_POP,
  RIP,
  RSP_BIT,
  SCRATCH32,
  stateOf,
  TARGET,
  TYPE_GUEST,
} from './convention.ts';
import type { Emitter } from './emitter.ts';
import { UNKNOWN } from './frame.ts';
import { op } from './opcodes.ts';

/** How a direct call reaches its callee. */
export type Callee =
  /** A function of the same module, by index. */
  | { readonly kind: 'function'; readonly index: number }
  /** An element of the table. */
  | { readonly kind: 'slot'; readonly slot: number };

export type CalleeOf = (address: number) => Callee;

/** Leaves before the call when the stack pointer is not followed: the interpreter does it. */
function needsFollowedStack(e: Emitter): boolean {
  if (e.stackOffset !== UNKNOWN) return true;
  e.body.i32(1);
  e.leaveIf();
  return false;
}

/** Pushes the return address; rsp points at it afterwards. */
function pushReturnAddress(e: Emitter, address: number): void {
  const { body } = e;
  const offset = e.stackOffset - 8;
  e.lowestUsed = Math.min(e.lowestUsed, offset);
  body.get(RSP);
  body.i64(8);
  body.op(op.i64Sub);
  body.tee(RSP);
  body.op(op.i32WrapI64);
  body.i64(address, KERNEL_WINDOW_HIGH);
  body.memory(op.i64Store, 0);
}

function popReturnAddress(e: Emitter): void {
  const { body } = e;
  body.get(RSP);
  body.i64(8);
  body.op(op.i64Add);
  body.set(RSP);
}

/** Pushes the parameters of a guest function. */
function pushParameters(e: Emitter, touched: number): void {
  const { body } = e;
  body.get(RSP);
  body.get(FUEL);
  for (const register of [RCX, RDX, R8]) {
    if (((touched >>> register) & 1) !== 0) body.get(register);
    else body.i64(0);
  }
}

/** After a guest function: leaves with it, or checks that it returned here. */
function afterCall(e: Emitter, step: Step, touched: number, returnAddress: number): void {
  const { body } = e;
  body.set(RAX);
  body.tee(FUEL);
  body.i32(0);
  body.op(op.i32LeS);
  body.open(op.if);
  // What the callee does not know about is stored by who does.
  e.storeRegisters(step.dirty & ~touched & ~PASSED & ~step.flush);
  e.storeRegisters(step.dirty & PASSED & ~touched & ~RSP_BIT & ~step.flush);
  body.get(FUEL);
  body.i64(0);
  body.op(op.return);
  body.close();
  checkReturn(e, step, returnAddress);
}

/** Reloads what the callee changed and leaves when it returned to another place. */
function checkReturn(e: Emitter, step: Step, returnAddress: number): void {
  const { body } = e;
  e.loadRegisters(step.lost & step.live & ~RAX_BIT & ~RSP_BIT);
  body.get(RSP);
  body.op(op.i32WrapI64);
  body.memory(op.i64Load, 0);
  body.tee(TARGET);
  body.i64(returnAddress, KERNEL_WINDOW_HIGH);
  body.op(op.i64Ne);
  body.open(op.if);
  popReturnAddress(e);
  leaveToTarget(e, step.dirtyAfter | RSP_BIT, REASON_LEAVE);
  body.close();
  popReturnAddress(e);
}

/** Leaves for a reason with rip = TARGET, whose high half may be any: the interpreter finds out. */
function leaveToTarget(e: Emitter, dirty: number, reason: number): void {
  e.storeRegisters(dirty);
  storeFuelAndTarget(e);
  returnFor(e, reason);
}

/** Returns from the translated function for a reason. */
function returnFor(e: Emitter, reason: number): void {
  const { body } = e;
  body.i32(0 - reason);
  body.i64(0);
  body.op(op.return);
}

/** Fuel as the host or the interpreter left it. */
function reloadFuel(e: Emitter): void {
  const { body } = e;
  body.i32(0);
  body.memory(op.i32Load, STATE_FUEL);
  body.set(FUEL);
}

/** A direct call. */
export function directCall(
  e: Emitter,
  instruction: Instruction,
  calleeOf: CalleeOf,
  summaryOf: SummaryOf,
): void {
  const [target] = instruction.operands;
  const { step, body } = e;
  if (target.kind !== 'target' || !needsFollowedStack(e)) return;
  const returnAddress = instruction.address + instruction.length;
  const callee = calleeOf(target.address);
  const { touched } = summaryOf(target.address);
  e.spend(e.pending + 1);
  e.pending = -1;
  e.storeRegisters(step.flush);
  pushReturnAddress(e, returnAddress);
  if (callee.kind === 'slot') {
    // The element may be the one that leaves: it goes on here.
    body.i32(0);
    body.i64(target.address, KERNEL_WINDOW_HIGH);
    body.memory(op.i64Store, STATE_RIP);
  }
  pushParameters(e, touched);
  if (callee.kind === 'function') body.call(callee.index);
  else {
    body.i32(callee.slot);
    body.callIndirect(TYPE_GUEST);
  }
  afterCall(e, step, touched, returnAddress);
}

/** Pushes the table element of the 64-bit TARGET; leaves before the instruction where there is none. */
function pushElement(e: Emitter): void {
  const { body } = e;
  body.get(TARGET);
  body.op(op.i32WrapI64);
  body.i32(1);
  body.op(op.i32ShrU);
  body.i32((CALL_CACHE_ENTRIES - 1) << 3);
  body.op(op.i32And);
  body.set(ADDRESS);
  body.get(ADDRESS);
  body.memory(op.i32Load, CALL_CACHE);
  body.get(TARGET);
  body.op(op.i32WrapI64);
  body.op(op.i32Ne);
  body.open(op.if);
  body.get(TARGET);
  body.op(op.i32WrapI64);
  body.call(IMPORT_RESOLVE);
  body.i32(0);
  body.op(op.i32LtS);
  e.leaveIf();
  body.close();
  body.get(ADDRESS);
  body.memory(op.i32Load, CALL_CACHE + 4);
}

/** Leaves before the instruction when TARGET does not lie in the kernel window. */
function checkWindow(e: Emitter): void {
  const { body } = e;
  body.get(TARGET);
  body.i64(32);
  body.op(op.i64ShrU);
  body.op(op.i32WrapI64);
  body.i32(KERNEL_WINDOW_HIGH);
  body.op(op.i32Ne);
  e.leaveIf();
}

/** Pushes whether TARGET is the address of a host function. */
function pushIsCallable(e: Emitter): void {
  const { body } = e;
  body.get(TARGET);
  body.op(op.i32WrapI64);
  body.i32(CALLABLE_RANGE_START);
  body.op(op.i32Sub);
  body.i32(ADDRESS_LIMIT - CALLABLE_RANGE_START);
  body.op(op.i32LtU);
}

/** A call through a register or memory. */
export function indirectCall(e: Emitter, instruction: Instruction): void {
  const [operand] = instruction.operands;
  const { step, body } = e;
  if (!needsFollowedStack(e)) return;
  const returnAddress = instruction.address + instruction.length;
  e.pushOperand(operand, ADDRESS);
  body.set(TARGET);
  checkWindow(e);
  pushIsCallable(e);
  body.open(op.if);
  callHost(e, step, returnAddress);
  body.else();
  pushElement(e);
  body.set(SCRATCH32);
  body.open(op.block);
  e.spend(e.pending + 1);
  e.storeRegisters(step.flush);
  pushReturnAddress(e, returnAddress);
  pushParameters(e, PASSED);
  body.get(SCRATCH32);
  body.callIndirect(TYPE_GUEST);
  afterCall(e, step, -1, returnAddress);
  body.close();
  body.close();
  e.pending = -1;
}

/** Pushes whether fuel is used up once the current instruction is paid for. */
function pushIsLast(e: Emitter): void {
  e.body.get(FUEL);
  e.body.i32(e.pending + 1);
  e.body.op(op.i32LeS);
}

/** Calls the host function at TARGET. Registers are in the state block meanwhile. */
function callHost(e: Emitter, step: Step, returnAddress: number): void {
  // The interpreter does the call after which the strand has to stop.
  pushIsLast(e);
  e.leaveIf();
  e.spend(e.pending + 1);
  e.storeRegisters(step.flush);
  pushReturnAddress(e, returnAddress);
  e.storeRegisters(RSP_BIT);
  askHost(e);
  reloadFuel(e);
  e.loadRegisters(RAX_BIT);
  checkReturn(e, step, returnAddress);
}

function storeFuelAndTarget(e: Emitter): void {
  const { body } = e;
  body.i32(0);
  body.get(FUEL);
  body.memory(op.i32Store, STATE_FUEL);
  body.i32(0);
  body.get(TARGET);
  body.memory(op.i64Store, STATE_RIP);
}

/** Returns with the reason that an import gave in SCRATCH32: one more than the number of the reason. */
function returnReason(e: Emitter): void {
  const { body } = e;
  body.i32(1);
  body.get(SCRATCH32);
  body.op(op.i32Sub);
  body.i64(0);
  body.op(op.return);
}

/** One instruction in the interpreter. */
export function stepInInterpreter(e: Emitter, instruction: Instruction): void {
  const { step, body } = e;
  e.flags.store(step.flagsBefore | step.effects.flagsRead);
  e.spend(e.pending);
  e.pending = -1;
  e.storeRegisters(step.flush);
  body.i64(instruction.address, KERNEL_WINDOW_HIGH);
  body.set(TARGET);
  storeFuelAndTarget(e);
  body.i32(instruction.address);
  body.call(IMPORT_STEP);
  body.tee(SCRATCH32);
  body.open(op.if);
  returnReason(e);
  body.close();
  reloadFuel(e);
  e.loadRegisters(step.live | RSP_BIT);
  e.flags.load(step.flagsAfter);
}

/** ret: the caller looks at the return address, which still lies below its stack pointer. */
export function returnFromUnit(e: Emitter): void {
  const { body, analysis } = e;
  const { facts } = e;
  const isPlain = !analysis.unit.isLoop && e.stackOffset === 0;
  if (!isPlain) {
    returnElsewhere(e);
    return;
  }
  e.spend(e.pending);
  body.get(FUEL);
  body.i32(0);
  body.op(op.i32LeS);
  body.open(op.if);
  body.get(RSP);
  body.op(op.i32WrapI64);
  body.memory(op.i64Load, 0);
  body.set(TARGET);
  popReturnAddress(e);
  leaveToTarget(e, facts.dirtyOut | RSP_BIT, REASON_FUEL);
  body.close();
  e.storeRegisters(facts.dirtyOut & analysis.summary.writes & ~RSP_BIT & ~RAX_BIT);
  body.get(FUEL);
  body.get(RAX);
  body.op(op.return);
}

/** A return whose stack pointer is not the one at the entry: the interpreter does it. */
function returnElsewhere(e: Emitter): void {
  const { body, facts } = e;
  const { instructions } = facts.block;
  const last = instructions[instructions.length - 1];
  body.i32(last.address);
  body.set(RIP);
  e.spend(e.pending - 1);
  e.leaveAt(facts.dirtyOut, REASON_LEAVE);
}

/**
 * An indirect jump where the stack is as at the entry: a tail call of a function of the host, as import thunks and the
 * last calls of functions are, or of a translated one. Any other is left to the interpreter.
 */
export function indirectJump(e: Emitter): void {
  const { body, analysis, facts } = e;
  const { instructions } = facts.block;
  const [operand] = instructions[instructions.length - 1].operands;
  if (analysis.unit.isLoop || e.stackOffset !== 0 || operand === undefined || operand.size !== 8) {
    returnElsewhere(e);
    return;
  }
  // The jump itself counts only once it is done.
  e.pending--;
  e.pushOperand(operand, ADDRESS);
  body.set(TARGET);
  checkWindow(e);
  pushIsLast(e);
  e.leaveIf();
  pushIsCallable(e);
  body.open(op.if);
  tailCallHost(e);
  body.close();
  pushElement(e);
  body.set(SCRATCH32);
  e.spend(e.pending + 1);
  e.storeRegisters(facts.dirtyOut & ~RSP_BIT);
  pushParameters(e, PASSED);
  body.get(SCRATCH32);
  body.returnCallIndirect(TYPE_GUEST);
}

/** The host function returns to the caller of this one. */
function tailCallHost(e: Emitter): void {
  const { body, facts } = e;
  e.spend(e.pending + 1);
  e.storeRegisters(facts.dirtyOut | RSP_BIT);
  askHost(e);
  // Without fuel the caller would take the result for a reason; the engine pops and goes on there.
  reloadFuel(e);
  body.get(FUEL);
  body.i32(0);
  body.op(op.i32LeS);
  body.open(op.if);
  returnFor(e, REASON_POP);
  body.close();
  body.get(FUEL);
  body.i32(0);
  body.memory(op.i64Load, stateOf(RAX));
  body.op(op.return);
}

/** Calls the host function at TARGET and returns where the run cannot just go on after it. */
function askHost(e: Emitter): void {
  const { body } = e;
  storeFuelAndTarget(e);
  body.get(TARGET);
  body.op(op.i32WrapI64);
  body.call(IMPORT_HOST);
  body.tee(SCRATCH32);
  body.open(op.if);
  returnReason(e);
  body.close();
  // The host may have gone on with another stack pointer; then the engine pops the return address there.
  body.i32(0);
  body.memory(op.i64Load, stateOf(RSP));
  body.get(RSP);
  body.op(op.i64Ne);
  body.open(op.if);
  returnFor(e, REASON_POP);
  body.close();
}
