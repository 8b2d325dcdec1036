/**
 * Ranges behind registers that were checked in the current block, so that each is checked once. Implements nothing
 * documented: redundant check elimination over a straight run of instructions.
 */

import type { Address } from '../../memory/index.ts';
import type { MemoryOperand } from '../instruction.ts';
import { accessesOf } from './accesses.ts';
import type { Step } from './analysis.ts';
import type { Registers } from './effects.ts';
import { type Frame, offsetOf, UNKNOWN } from './frame.ts';

/** Bytes from `low` to before `high`, as displacements of the same base and index. */
export interface Range {
  readonly low: number;
  readonly high: number;
  /** They may be written too. */
  readonly writes: boolean;
}

/** A range and the operand whose registers it is relative to. */
export interface Known extends Range {
  readonly operand: MemoryOperand;
}

/** Longest range that one check covers: it touches two pages at most, and both ends are looked at. */
const LONGEST = 2048;
/** Steps that are looked ahead for accesses through the same registers. */
const AHEAD = 48;

function sameBase(left: MemoryOperand, right: MemoryOperand): boolean {
  return (
    left.base === right.base &&
    left.index === right.index &&
    left.scale === right.scale &&
    left.segment === right.segment &&
    left.addressSize === right.addressSize &&
    (left.base >= 0 || left.displacementHigh === right.displacementHigh) &&
    !left.ripRelative &&
    !right.ripRelative
  );
}

function registersOf(operand: MemoryOperand): Registers {
  return (operand.base >= 0 ? 1 << operand.base : 0) | (operand.index >= 0 ? 1 << operand.index : 0);
}

export class Ranges {
  #known: Known[] = [];
  #constants: Range[] = [];

  /** What is known now, for a block that directly follows. */
  save(): readonly Known[] {
    return this.#known;
  }

  restore(known: readonly Known[]): void {
    this.#known = [...known];
    this.#constants = [];
  }

  clear(): void {
    this.#known = [];
    this.#constants = [];
  }

  /** Registers changed: what was known behind them is not known any more. */
  written(registers: Registers): void {
    if (this.#known.length === 0) return;
    this.#known = this.#known.filter(({ operand }) => (registersOf(operand) & registers) === 0);
  }

  /** The range that covers an access; null where none does. */
  find(operand: MemoryOperand, size: number, writes: boolean): Range | null {
    const low = operand.displacement;
    for (const known of this.#known) {
      if (low < known.low || low + size > known.high || (writes && !known.writes)) continue;
      if (sameBase(known.operand, operand)) return known;
    }
    return null;
  }

  /** Whether a constant address was checked; it is from now on. */
  coversConstant(address: Address, size: number, writes: boolean): boolean {
    const low = address >>> 0;
    const covered = this.#constants.some(
      (known) => low >= known.low && low + size <= known.high && (known.writes || !writes),
    );
    if (!covered) this.#constants.push({ low, high: low + size, writes });
    return covered;
  }

  /** A range of one access only. */
  single(operand: MemoryOperand, size: number, writes: boolean): Range {
    const low = operand.displacement;
    const known = { operand, low, high: low + size, writes };
    this.#known.push(known);
    return known;
  }

  /** A range of all accesses through the same registers that are sure to follow in the block. */
  ahead(
    operand: MemoryOperand,
    size: number,
    writes: boolean,
    steps: readonly Step[],
    at: number,
    frame: Frame,
  ): Range {
    let low = operand.displacement;
    let high = low + size;
    let both = writes;
    const used = registersOf(operand);
    const end = Math.min(steps.length, at + AHEAD);
    for (let index = at; index < end; index++) {
      const { instruction, action, effects } = steps[index];
      if (action !== 'native') break;
      for (const access of accessesOf(instruction)) {
        if (!sameBase(access.operand, operand) || offsetOf(frame, access.operand) !== UNKNOWN) continue;
        const from = Math.min(low, access.operand.displacement);
        const to = Math.max(high, access.operand.displacement + access.size);
        if (to - from > LONGEST) continue;
        low = from;
        high = to;
        both ||= access.writes;
      }
      if ((effects.writes & used) !== 0) break;
    }
    const known = { operand, low, high, writes: both };
    this.#known.push(known);
    return known;
  }
}
