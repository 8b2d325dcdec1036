/**
 * In loops without calls, accesses that move along memory by constants are checked against a stretch of accessible
 * pages that is found before the loop: one subtraction and one comparison each time. Where only the base is known before
 * the loop, the check remembers the page that it found. Implements nothing documented: range check elimination.
 */

import type { Instruction, MemoryOperand } from '../instruction.ts';
import type { BlockFacts } from './analysis.ts';
import { WINDOWS } from './convention.ts';
import type { Registers } from './effects.ts';
import { type Graph, naturalLoops } from './graph.ts';

/** What a check compares with. */
export interface Window {
  /** Local of the lowest address. */
  readonly low: number;
  /** Local of the number of addresses at which an access may begin; -1: the window is the page that begins at `low`. */
  readonly span: number;
  readonly operand: MemoryOperand;
  /** First byte and number of bytes of the range, from the address of the operand. */
  readonly first: number;
  readonly size: number;
  readonly writes: boolean;
}

/** More are not kept: each takes registers. */
const MAXIMUM_PER_LOOP = 6;
const MAXIMUM = 90;

/** Whether an instruction moves a register by a constant. */
function movesByConstant(instruction: Instruction, register: number): boolean {
  const [first, second] = instruction.operands;
  if (first === undefined || first.kind !== 'general' || first.size !== 8 || first.register !== register)
    return false;
  switch (instruction.operation) {
    case 'inc':
    case 'dec':
      return true;
    case 'add':
    case 'sub':
      return second.kind === 'immediate';
    case 'lea':
      return second.kind === 'memory' && second.base === register && second.index < 0;
    default:
      return false;
  }
}

interface Loop {
  /** Registers that do not change, or by constants only. */
  readonly steady: Registers;
  readonly windows: Map<string, Window>;
}

export class Windows {
  /** The outermost loop without calls around each block. */
  readonly #loopOf: (Loop | null)[];
  readonly #byHead = new Map<number, Loop>();
  #next = WINDOWS;

  /** @param isFast loops of one block that are checked in another way. */
  constructor(graph: Graph, blocks: readonly BlockFacts[], isFast: (head: number) => boolean) {
    this.#loopOf = blocks.map(() => null);
    if (graph.isIrreducible) return;
    const loops = [...naturalLoops(graph)].sort((a, b) => b[1].size - a[1].size);
    for (const [head, body] of loops) {
      if (this.#loopOf[head] !== null || isFast(head)) continue;
      const steps = [...body].flatMap((index) => blocks[index].steps);
      if (!steps.every(({ action }) => action === 'native')) continue;
      let changed: Registers = 0;
      for (const { instruction, effects } of steps) {
        for (let register = 0; register < 16; register++) {
          if (((effects.writes >> register) & 1) !== 0 && !movesByConstant(instruction, register))
            changed |= 1 << register;
        }
      }
      const loop: Loop = { steady: ~changed, windows: new Map() };
      this.#byHead.set(head, loop);
      for (const index of body) this.#loopOf[index] = loop;
    }
  }

  /** The window for an access in a block; null where none is kept. @param first @param size range from the address. */
  find(block: number, operand: MemoryOperand, first: number, size: number, writes: boolean): Window | null {
    const loop = this.#loopOf[block];
    if (loop === null || operand.base < 0 || operand.segment !== 'none' || operand.addressSize !== 8)
      return null;
    const isSteady = (register: number) => register < 0 || ((loop.steady >> register) & 1) !== 0;
    // A base that is loaded in the loop, as in a walk of a list, is in another page each time.
    if (!isSteady(operand.base)) return null;
    const known = isSteady(operand.index);
    const key = `${operand.base} ${operand.index} ${operand.scale} ${writes} ${known ? size : 0}`;
    let window = loop.windows.get(key);
    if (window === undefined) {
      if (loop.windows.size >= MAXIMUM_PER_LOOP || this.#next + 2 > WINDOWS + MAXIMUM * 2) return null;
      const low = this.#next++;
      window = { low, span: known ? this.#next++ : -1, operand, first, size, writes };
      loop.windows.set(key, window);
    }
    return window;
  }

  /** Windows of the loop with this head, to be opened before it. */
  of(head: number): Window[] {
    return [...(this.#byHead.get(head)?.windows.values() ?? [])];
  }
}
