/**
 * Writes a unit as one WebAssembly function: the entry, its blocks, and the places where it is left. Implements the
 * convention of convention.ts.
 */

import { type Address, PAGE_SIZE } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { RSP } from '../state.ts';
import type { Analysis, SummaryOf } from './analysis.ts';
import {
  type CalleeOf,
  directCall,
  indirectCall,
  indirectJump,
  returnFromUnit,
  stepInInterpreter,
} from './calls.ts';
import { Code } from './code.ts';
import {
  type CheckMap,
  ENTRY_PAGE,
  FUEL,
  IMPORT_OPEN_WINDOW,
  PASSED,
  REASON_FUEL,
  REASON_LEAVE,
  REASON_STACK,
  RIP,
  RSP_BIT,
  STACK_HIGH,
  STACK_LOW,
  SWITCH_INDEX,
} from './convention.ts';
import { ARITHMETIC_FLAGS } from './effects.ts';
import { Emitter } from './emitter.ts';
import { checkRounds, type FastLoop, openStretches, planFastLoop } from './fastLoop.ts';
import { type FlagState, NO_FLAGS } from './flags.ts';
import { UNKNOWN } from './frame.ts';
import { handlerOf } from './handlers.ts';
import { op } from './opcodes.ts';
import type { Known } from './ranges.ts';
import { Structure } from './structure.ts';
import { Windows } from './windows.ts';

/** What is known at the end of a block that the next one can count on. */
interface Inherited {
  readonly flags: FlagState;
  readonly ranges: readonly Known[];
}

export class UnitWriter {
  readonly #e: Emitter;
  readonly #structure: Structure;
  readonly #windows: Windows;
  readonly #fastLoops = new Map<number, FastLoop>();
  readonly #calleeOf: CalleeOf;
  readonly #summaryOf: SummaryOf;
  /** A loop needs the page of the stack. */
  #keepsPage = false;
  readonly #inherited = new Map<number, Inherited>();

  constructor(analysis: Analysis, map: CheckMap, calleeOf: CalleeOf, summaryOf: SummaryOf) {
    this.#e = new Emitter(analysis, map);
    this.#calleeOf = calleeOf;
    this.#summaryOf = summaryOf;
    const switchTargets = new Set<number>();
    for (const { block } of analysis.blocks) {
      if (block.terminator.kind !== 'switch') continue;
      for (const target of block.terminator.targets) switchTargets.add(target);
    }
    const successors = analysis.blocks.map((facts) => facts.successors);
    this.#structure = new Structure(this.#e.body, successors, switchTargets, this);
    const { graph } = this.#structure;
    if (!graph.isIrreducible) {
      for (const facts of analysis.blocks) {
        // The only way back to the block is from itself.
        const { index } = facts.block;
        const back = graph.predecessors[index].filter((each) => graph.place[each] >= graph.place[index]);
        const plan = back.length === 1 && back[0] === index ? planFastLoop(facts) : null;
        if (plan !== null) this.#fastLoops.set(index, plan);
      }
    }
    this.#windows = new Windows(graph, analysis.blocks, (head) => this.#fastLoops.has(head));
    this.#e.windows = this.#windows;
  }

  /** The function as an entry of the code section. */
  write(): Code {
    const { body, analysis } = this.#e;
    const exits = analysis.exitSets;
    for (const registers of exits) this.#e.openExit(registers);
    const head = body.code;
    body.code = new Code();
    this.#structure.write();
    body.op(op.unreachable);
    const main = body.code;
    // Only now it is known how much of the stack is used.
    body.code = head;
    this.#writeEntry();
    body.code.append(main);
    for (const registers of [...exits].reverse()) {
      body.close();
      this.#e.writeExit(registers);
    }
    body.op(op.unreachable);
    return body.finish();
  }

  #writeEntry(): void {
    const e = this.#e;
    const { body, analysis } = e;
    const [entry] = analysis.blocks;
    const passed = analysis.unit.isLoop ? RSP_BIT : (PASSED & analysis.summary.touched) | RSP_BIT;
    e.loadRegisters(entry.liveIn & ~passed);
    e.flags.load(entry.flagsIn);
    body.get(FUEL);
    body.i32(0);
    body.op(op.i32LeS);
    this.#leaveAtEntry(REASON_FUEL);
    if (this.#keepsPage) {
      body.get(RSP);
      body.i64(-PAGE_SIZE);
      body.op(op.i64And);
      body.set(ENTRY_PAGE);
    }
    if (e.lowestUsed >= 0 && e.highestUsed <= 8) return;
    this.#pushStackAddress(e.lowestUsed);
    body.i32(0);
    body.memory(op.i64Load, STACK_LOW);
    body.op(op.i64LtU);
    this.#pushStackAddress(e.highestUsed);
    body.i32(0);
    body.memory(op.i64Load, STACK_HIGH);
    body.op(op.i64GtU);
    body.op(op.i32Or);
    this.#leaveAtEntry(REASON_STACK);
  }

  /** The page that rsp pointed to at the entry was written to by the caller, and stays while the strand runs. */
  writeLoopEntry(head: number): void {
    const { body, map } = this.#e;
    for (const { low, span, operand, first, size, writes } of this.#windows.of(head)) {
      if (span < 0) {
        this.#keepsPage = true;
        body.get(ENTRY_PAGE);
        body.set(low);
        continue;
      }
      this.#e.pushEffective(operand);
      body.i64(first);
      body.op(op.i64Add);
      body.i32(writes ? map.writeMap : map.readMap);
      body.i32(size);
      body.call(IMPORT_OPEN_WINDOW);
      body.set(span);
      body.set(low);
    }
  }

  #pushStackAddress(offset: number): void {
    const { body } = this.#e;
    body.get(RSP);
    if (offset === 0) return;
    body.i64(offset);
    body.op(op.i64Add);
  }

  /** Leaves when the i32 on the stack is not zero. */
  #leaveAtEntry(reason: number): void {
    const { body, analysis } = this.#e;
    body.open(op.if);
    body.i32(analysis.unit.entry);
    body.set(RIP);
    this.#e.leaveAt(this.#entryDirty(), reason);
    body.close();
  }

  #entryDirty(): number {
    const { analysis } = this.#e;
    return analysis.unit.isLoop ? RSP_BIT : (PASSED & analysis.summary.touched) | RSP_BIT;
  }

  /** Called by the structure. */
  writeBlock(index: number): void {
    const e = this.#e;
    const inherited = this.#inherited.get(index);
    this.#begin(index);
    e.flags.state = inherited?.flags ?? NO_FLAGS;
    e.ranges.restore(inherited?.ranges ?? []);
    this.#writeSteps();
    this.#writeTerminator(index);
  }

  #begin(index: number): void {
    const e = this.#e;
    const facts = e.analysis.blocks[index];
    e.facts = facts;
    e.at = 0;
    e.pending = 0;
    e.frame = facts.frameIn?.slice() ?? new Int32Array(16).fill(UNKNOWN);
    e.flags.state = NO_FLAGS;
    e.ranges.restore([]);
  }

  /** All instructions but the jump that ends the block. */
  #writeSteps(): void {
    const e = this.#e;
    const { terminator } = e.facts.block;
    const ends = terminator.kind !== 'next' && terminator.kind !== 'leave';
    const count = e.facts.steps.length - (ends ? 1 : 0);
    while (e.at < count) this.#writeStep();
  }

  /** Called by the structure. */
  ownsLoop(block: number): boolean {
    return this.#fastLoops.has(block);
  }

  /** Called by the structure: the rounds that are checked together, then the loop as it is, then what follows. */
  writeOwnLoop(index: number): void {
    const e = this.#e;
    const { body } = e;
    const loop = this.#fastLoops.get(index);
    const facts = e.analysis.blocks[index];
    const { terminator, instructions } = facts.block;
    if (loop === undefined || terminator.kind !== 'branch') return;
    const last = instructions[instructions.length - 1];
    const length = facts.steps.length;
    openStretches(e, loop);
    const done = body.open(op.block);
    const slow = body.open(op.block);
    const fast = body.open(op.loop);
    checkRounds(e, loop, length, slow);
    e.steady = loop.steady;
    for (let round = 1; round <= loop.rounds; round++) {
      this.#begin(index);
      this.#writeSteps();
      e.spend(length);
      if (round < loop.rounds) {
        e.flags.pushCondition(last.condition ^ 1);
        body.brIf(done);
      } else {
        e.flags.pushCondition(last.condition);
        body.brIf(fast);
        body.br(done);
      }
    }
    e.steady = 0;
    body.close();
    body.close();
    const again = body.open(op.loop);
    this.#begin(index);
    this.#writeSteps();
    e.spend(length);
    e.flags.pushCondition(last.condition ^ 1);
    body.brIf(done);
    body.get(FUEL);
    body.i32(0);
    body.op(op.i32GtS);
    body.brIf(again);
    e.leave(facts.dirtyOut, terminator.takenAddress, 0, REASON_FUEL);
    body.close();
    body.close();
    // Every way here ends with the same comparison, its operands in the same locals.
    e.ranges.restore([]);
    this.#go(index, terminator.next, terminator.nextAddress, false);
  }

  #writeStep(): void {
    const e = this.#e;
    const { instruction, action } = e.step;
    const { terminator } = e.facts.block;
    if (terminator.kind === 'switch' && terminator.table.load === instruction.address) {
      e.body.get(terminator.table.index);
      e.body.op(op.i32WrapI64);
      e.body.set(SWITCH_INDEX);
    }
    if (action === 'native') handlerOf(instruction)?.(e, instruction);
    else if (action === 'call') directCall(e, instruction, this.#calleeOf, this.#summaryOf);
    else if (action === 'callIndirect') indirectCall(e, instruction);
    else stepInInterpreter(e, instruction);
    e.advance();
  }

  #writeTerminator(index: number): void {
    const e = this.#e;
    const { terminator, instructions } = e.facts.block;
    if (terminator.kind === 'leave') {
      e.flags.store(e.facts.flagsOut);
      e.leave(e.facts.dirtyOut, terminator.address, e.pending, REASON_LEAVE);
      return;
    }
    if (terminator.kind === 'next') {
      e.spend(e.pending);
      this.#go(index, terminator.next, terminator.address, false);
      return;
    }
    const last = instructions[instructions.length - 1];
    e.pending++;
    switch (terminator.kind) {
      case 'jump':
        e.spend(e.pending);
        this.#go(index, terminator.next, terminator.address, terminator.address <= last.address);
        return;
      case 'branch':
        this.#writeBranch(index, last);
        return;
      case 'switch':
        this.#writeSwitch(index, last);
        return;
      case 'return':
        returnFromUnit(e);
        return;
      default:
        indirectJump(e);
    }
  }

  #writeBranch(index: number, last: Instruction): void {
    const e = this.#e;
    const { terminator } = e.facts.block;
    if (terminator.kind !== 'branch') return;
    const { facts, ranges } = e;
    e.spend(e.pending);
    e.flags.pushCondition(last.condition);
    const { state } = e.flags;
    const known = ranges.save();
    e.body.open(op.if);
    this.#go(index, terminator.taken, terminator.takenAddress, terminator.takenAddress <= last.address);
    e.body.else();
    e.facts = facts;
    e.flags.state = state;
    e.ranges.restore(known);
    this.#go(index, terminator.next, terminator.nextAddress, false);
    e.body.close();
  }

  /** Cases beyond the table, which should not be, and those outside of the unit are left to the interpreter. */
  #writeSwitch(index: number, last: Instruction): void {
    const e = this.#e;
    const { facts, body } = e;
    const { terminator } = facts.block;
    if (terminator.kind !== 'switch') return;
    const flags = e.flags.state;
    const known = e.ranges.save();
    const pending = e.pending;
    const distinct = [...new Set(terminator.targets)];
    const outside = body.open(op.block);
    const labels = new Map(distinct.map((target) => [target, body.open(op.block)]));
    body.get(SWITCH_INDEX);
    body.brTable(
      terminator.targets.map((target) => labels.get(target) ?? outside),
      outside,
    );
    for (const target of distinct.reverse()) {
      body.close();
      e.facts = facts;
      e.flags.state = flags;
      e.ranges.restore(known);
      e.spend(pending);
      const address = terminator.table.targets[terminator.targets.indexOf(target)];
      this.#go(index, target, address, address <= last.address);
    }
    body.close();
    e.facts = facts;
    e.flags.state = flags;
    e.flags.store(facts.flagsOut);
    e.leave(facts.dirtyOut, last.address, pending - 1, REASON_LEAVE);
  }

  /** Control goes to another block, or out of the unit. Fuel was taken. */
  #go(from: number, to: number, address: Address, isBackward: boolean): void {
    const e = this.#e;
    const { body, facts, analysis } = e;
    const flags = to < 0 ? ARITHMETIC_FLAGS & facts.flagsOut : analysis.blocks[to].flagsIn;
    if (isBackward) {
      body.get(FUEL);
      body.i32(0);
      body.op(op.i32LeS);
      body.open(op.if);
      e.flags.store(flags);
      e.leave(facts.dirtyOut, address, 0, REASON_FUEL);
      body.close();
    }
    if (to < 0) {
      e.flags.store(flags);
      e.leave(facts.dirtyOut, address, 0, REASON_LEAVE);
      return;
    }
    if (this.#structure.continues(to))
      this.#inherited.set(to, { flags: e.flags.state, ranges: e.ranges.save() });
    else e.flags.toBits(flags);
    this.#structure.go(from, to);
  }
}
