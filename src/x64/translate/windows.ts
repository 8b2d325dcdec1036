/**
 * In loops without calls a check remembers the page that it found accessible, one for each base and kind of access:
 * while the address stays in that page, one subtraction and one comparison are enough. Implements nothing documented.
 */

import type { MemoryOperand } from '../instruction.ts';
import type { BlockFacts } from './analysis.ts';
import { WINDOWS } from './convention.ts';
import { type Graph, naturalLoops } from './graph.ts';

/** More are not kept: each takes a register. */
const MAXIMUM_PER_LOOP = 6;
const MAXIMUM = 100;

export class Windows {
  /** Head of the outermost loop without calls around each block, -1 for none. */
  readonly #loopOf: number[];
  /** Locals of each loop, by its head. */
  readonly #locals = new Map<number, Map<string, number>>();
  #next = 0;

  constructor(graph: Graph, blocks: readonly BlockFacts[]) {
    this.#loopOf = blocks.map(() => -1);
    if (graph.isIrreducible) return;
    const loops = [...naturalLoops(graph)].sort((a, b) => b[1].size - a[1].size);
    for (const [head, body] of loops) {
      if (this.#loopOf[head] >= 0) continue;
      const isPlain = [...body].every((index) => blocks[index].steps.every((step) => step.action === 'native'));
      if (!isPlain) continue;
      for (const index of body) this.#loopOf[index] = head;
    }
  }

  /** Meaning of the local with the page for an access in a block; -1 where none is kept. */
  localFor(block: number, operand: MemoryOperand, writes: boolean): number {
    const head = this.#loopOf[block];
    if (head < 0) return -1;
    const locals = this.#locals.get(head) ?? new Map<string, number>();
    this.#locals.set(head, locals);
    const key = `${operand.segment} ${operand.base} ${operand.index} ${operand.base < 0 ? operand.displacement : 0} ${writes}`;
    const known = locals.get(key);
    if (known !== undefined) return known;
    if (locals.size >= MAXIMUM_PER_LOOP || this.#next >= MAXIMUM) return -1;
    const local = WINDOWS + this.#next++;
    locals.set(key, local);
    return local;
  }

  /** Locals of the loop with this head. They must hold a page that is known to be accessible when it begins. */
  of(head: number): number[] {
    return [...(this.#locals.get(head)?.values() ?? [])];
  }
}
