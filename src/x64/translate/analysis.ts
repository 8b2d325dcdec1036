/**
 * What must be known of a unit before its code is written: which registers are in locals, which of them memory does
 * not have yet, which flags somebody reads, which addresses are known to lie in the function's frame.
 * Implements live-variable and reaching analyses over the blocks (Aho, Lam, Sethi, Ullman, chapter 9).
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { PASSED, RAX_BIT, RSP_BIT } from './convention.ts';
import { ALL_REGISTERS, ARITHMETIC_FLAGS, type Effects, effectsOf, type Registers } from './effects.ts';
import { applyToFrame, entryFrame, type Frame, meetFrames } from './frame.ts';
import { type Block, successors, type Unit } from './unit.ts';

/** What a call of a function does to the registers. */
export interface Summary {
  /** Registers that it reads or writes, callees included. */
  readonly touched: Registers;
  readonly writes: Registers;
}

export const UNKNOWN_FUNCTION: Summary = { touched: ALL_REGISTERS, writes: ALL_REGISTERS };

/** How an instruction is translated. */
export type Action = 'native' | 'step' | 'call' | 'callIndirect';

export interface Step {
  readonly instruction: Instruction;
  readonly action: Action;
  readonly effects: Effects;
  /** Registers that are written to the state block before it, if it is no native one. */
  flush: Registers;
  /** Registers whose locals are void after it. */
  lost: Registers;
  /** Registers, before it and after it, that memory does not have. */
  dirty: Registers;
  dirtyAfter: Registers;
  /** Registers, after it, whose locals are used again. */
  live: Registers;
  flagsBefore: number;
  flagsAfter: number;
}

export interface BlockFacts {
  readonly block: Block;
  readonly steps: Step[];
  readonly predecessors: number[];
  readonly successors: number[];
  dirtyIn: Registers;
  dirtyOut: Registers;
  liveIn: Registers;
  liveOut: Registers;
  flagsIn: number;
  flagsOut: number;
  frameIn: Frame | null;
}

export interface Analysis {
  readonly unit: Unit;
  readonly blocks: readonly BlockFacts[];
  readonly summary: Summary;
  /** Sets of registers that are stored where the function leaves early; every `dirty` has one that holds it. */
  readonly exitSets: readonly Registers[];
}

export type SummaryOf = (address: Address) => Summary;
export type ActionOf = (instruction: Instruction) => Action;

const MAXIMUM_EXIT_SETS = 10;

/** Registers that the unit itself reads or writes, and those of its callees. */
export function summarize(unit: Unit, actionOf: ActionOf, summaryOf: SummaryOf): Summary {
  let touched: Registers = 0;
  let writes: Registers = 0;
  for (const block of unit.blocks) {
    if (block.terminator.kind === 'indirect') return UNKNOWN_FUNCTION;
    for (const instruction of block.instructions) {
      const action = actionOf(instruction);
      if (action === 'step' || action === 'callIndirect') return UNKNOWN_FUNCTION;
      const effects = effectsOf(instruction);
      touched |= effects.reads | effects.writes;
      writes |= effects.writes;
      if (action !== 'call') continue;
      const callee = calleeOf(instruction, summaryOf);
      touched |= callee.touched;
      writes |= callee.writes;
    }
  }
  return { touched: touched | RAX_BIT, writes };
}

function calleeOf(instruction: Instruction, summaryOf: SummaryOf): Summary {
  const [target] = instruction.operands;
  return target !== undefined && target.kind === 'target' ? summaryOf(target.address) : UNKNOWN_FUNCTION;
}

/** Registers dirty after a step that began with `dirty`; sets its `flush` and `lost`. */
function passDirty(step: Step, dirty: Registers, summaryOf: SummaryOf): Registers {
  step.dirty = dirty;
  switch (step.action) {
    case 'native':
      return dirty | step.effects.writes;
    case 'call': {
      const callee = calleeOf(step.instruction, summaryOf);
      const isKnown = callee !== UNKNOWN_FUNCTION;
      step.flush = isKnown ? dirty & callee.touched & ~PASSED : dirty & ~RSP_BIT;
      step.lost = callee.writes & ~RAX_BIT & ~RSP_BIT;
      return (dirty & ~step.flush & ~callee.writes) | RAX_BIT | RSP_BIT;
    }
    case 'callIndirect':
      step.flush = dirty & ~RSP_BIT;
      step.lost = ALL_REGISTERS & ~RAX_BIT & ~RSP_BIT;
      return RAX_BIT | RSP_BIT;
    default:
      step.flush = dirty;
      step.lost = ALL_REGISTERS;
      return 0;
  }
}

/** Registers in locals that are used at a step, besides those that its instruction reads. */
function usedBy(step: Step, summaryOf: SummaryOf, exitSetOf: (dirty: Registers) => Registers): Registers {
  switch (step.action) {
    case 'native':
      return step.effects.reads | (mayLeave(step.instruction) ? exitSetOf(step.dirty) : 0);
    case 'call': {
      const callee = calleeOf(step.instruction, summaryOf);
      return exitSetOf(step.dirty) | (PASSED & callee.touched) | RSP_BIT;
    }
    case 'callIndirect':
      return exitSetOf(step.dirty) | PASSED | step.effects.reads;
    default:
      return exitSetOf(step.dirty);
  }
}

const LEAVING = new Set(['div', 'idiv', 'push', 'pop', 'leave', 'call', 'movs', 'stos', 'ret', 'jmp']);

/** Whether translated code of a native instruction can leave the function before it. */
export function mayLeave(instruction: Instruction): boolean {
  return (
    LEAVING.has(instruction.operation) || instruction.operands.some((operand) => operand.kind === 'memory')
  );
}

function stepsOf(block: Block, actionOf: ActionOf): Step[] {
  return block.instructions.map((instruction) => ({
    instruction,
    action: actionOf(instruction),
    effects: effectsOf(instruction),
    flush: 0,
    lost: 0,
    dirty: 0,
    dirtyAfter: 0,
    live: 0,
    flagsBefore: 0,
    flagsAfter: 0,
  }));
}

export function analyse(unit: Unit, summary: Summary, actionOf: ActionOf, summaryOf: SummaryOf): Analysis {
  const blocks: BlockFacts[] = unit.blocks.map((block) => ({
    block,
    steps: stepsOf(block, actionOf),
    predecessors: [],
    successors: successors(block),
    dirtyIn: 0,
    dirtyOut: 0,
    liveIn: 0,
    liveOut: 0,
    flagsIn: 0,
    flagsOut: 0,
    frameIn: null,
  }));
  for (const facts of blocks) {
    for (const next of facts.successors) blocks[next].predecessors.push(facts.block.index);
  }
  findDirty(blocks, unit.isLoop ? RSP_BIT : (PASSED & summary.touched) | RSP_BIT, summaryOf);
  const exitSets = chooseExitSets(blocks);
  const exitSetOf = (dirty: Registers) => smallestHolding(exitSets, dirty);
  findLive(blocks, summary, summaryOf, exitSetOf);
  findFlags(blocks);
  findFrames(blocks);
  return { unit, blocks, summary, exitSets };
}

/** Forward: may be dirty. */
function findDirty(blocks: readonly BlockFacts[], atEntry: Registers, summaryOf: SummaryOf): void {
  const work = new Set<number>([0]);
  const seen = new Set<number>();
  blocks[0].dirtyIn = atEntry;
  for (const index of work) {
    work.delete(index);
    const facts = blocks[index];
    let dirty = facts.dirtyIn;
    for (const step of facts.steps) {
      dirty = passDirty(step, dirty, summaryOf);
      step.dirtyAfter = dirty;
    }
    facts.dirtyOut = dirty;
    for (const next of facts.successors) {
      const merged = blocks[next].dirtyIn | dirty;
      if (seen.has(next) && merged === blocks[next].dirtyIn) continue;
      seen.add(next);
      blocks[next].dirtyIn = merged;
      work.add(next);
    }
  }
}

function chooseExitSets(blocks: readonly BlockFacts[]): Registers[] {
  const found = new Set<Registers>();
  for (const { steps, dirtyOut, dirtyIn } of blocks) {
    found.add(dirtyOut);
    for (const step of steps) {
      if (step.action !== 'native' || mayLeave(step.instruction)) found.add(step.dirty);
      if (step.action !== 'native') found.add(step.dirtyAfter);
    }
    if (blocks[0].dirtyIn === dirtyIn) found.add(dirtyIn);
  }
  const sets = [...found].sort((a, b) => bitCount(a) - bitCount(b));
  // Neighbours in size are joined where there are too many: they store a register or two for nothing.
  const perSet = Math.ceil(sets.length / MAXIMUM_EXIT_SETS);
  const joined: Registers[] = [];
  for (let index = 0; index < sets.length; index += perSet)
    joined.push(sets.slice(index, index + perSet).reduce((all, each) => all | each, 0));
  return joined;
}

export function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The set with the fewest registers that holds all of `dirty`. */
export function smallestHolding(sets: readonly Registers[], dirty: Registers): Registers {
  let best: Registers | null = null;
  for (const set of sets) {
    if ((set & dirty) === dirty && (best === null || bitCount(set) < bitCount(best))) best = set;
  }
  if (best === null) throw new Error('translator: registers without a place to leave by');
  return best;
}

/** Backward: locals that are used. */
function findLive(
  blocks: readonly BlockFacts[],
  summary: Summary,
  summaryOf: SummaryOf,
  exitSetOf: (dirty: Registers) => Registers,
): void {
  let changed = true;
  while (changed) {
    changed = false;
    for (let index = blocks.length - 1; index >= 0; index--) {
      const facts = blocks[index];
      // Every block may leave at its end, for want of fuel or because the code goes on elsewhere.
      let live = exitSetOf(facts.dirtyOut);
      if (facts.block.terminator.kind === 'return') live |= (facts.dirtyOut & summary.writes) | RAX_BIT;
      if (facts.block.terminator.kind === 'indirect') live |= PASSED;
      for (const next of facts.successors) live |= blocks[next].liveIn;
      facts.liveOut = live;
      for (let at = facts.steps.length - 1; at >= 0; at--) {
        const step = facts.steps[at];
        // The function may leave right after a call, when that returned to another place.
        if (step.action !== 'native') live |= exitSetOf(step.dirtyAfter);
        step.live = live;
        const gone = step.action === 'native' ? step.effects.writes & ~step.effects.reads : step.lost;
        const made = step.action === 'call' || step.action === 'callIndirect' ? RAX_BIT : 0;
        live = (live & ~gone & ~made) | usedBy(step, summaryOf, exitSetOf);
      }
      if (index === 0) live |= exitSetOf(facts.dirtyIn);
      if (live !== facts.liveIn) {
        facts.liveIn = live;
        changed = true;
      }
    }
  }
}

/** Backward: flags that somebody reads. By the calling convention nobody does across calls and returns. */
function findFlags(blocks: readonly BlockFacts[]): void {
  let changed = true;
  while (changed) {
    changed = false;
    for (let index = blocks.length - 1; index >= 0; index--) {
      const facts = blocks[index];
      const { kind } = facts.block.terminator;
      const goesOn = kind === 'return' || kind === 'indirect';
      let flags = goesOn || facts.successors.length === targetCount(facts) ? 0 : ARITHMETIC_FLAGS;
      for (const next of facts.successors) flags |= blocks[next].flagsIn;
      facts.flagsOut = flags;
      for (let at = facts.steps.length - 1; at >= 0; at--) {
        const step = facts.steps[at];
        step.flagsAfter = flags;
        const isCall = step.action === 'call' || step.action === 'callIndirect';
        flags = isCall ? 0 : (flags & ~step.effects.flagsKilled) | step.effects.flagsRead;
        step.flagsBefore = flags;
      }
      if (flags !== facts.flagsIn) {
        facts.flagsIn = flags;
        changed = true;
      }
    }
  }
}

/** Number of different places that a block goes to, inside and outside of the unit. */
function targetCount(facts: BlockFacts): number {
  const { terminator } = facts.block;
  if (terminator.kind === 'leave') return 1;
  if (terminator.kind === 'branch') return 2;
  if (terminator.kind === 'switch') return new Set(terminator.targets).size;
  return 1;
}

/** Forward: registers that hold an address in the frame. */
function findFrames(blocks: readonly BlockFacts[]): void {
  const work = new Set<number>([0]);
  blocks[0].frameIn = entryFrame();
  for (const index of work) {
    work.delete(index);
    const facts = blocks[index];
    if (facts.frameIn === null) continue;
    const frame = facts.frameIn.slice();
    for (const step of facts.steps) applyToFrame(frame, step);
    for (const next of facts.successors) {
      const target = blocks[next];
      if (target.frameIn === null) target.frameIn = frame.slice();
      else if (!meetFrames(target.frameIn, frame)) continue;
      work.add(next);
    }
  }
}
