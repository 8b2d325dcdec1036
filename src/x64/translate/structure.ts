/**
 * Control flow of a unit as blocks, loops and ifs. Implements "Beyond Relooper: recursive translation of unstructured
 * control flow to structured control flow" (Ramsey, 2022); what is irreducible goes through a switch in a loop.
 */

import type { Body, Label } from './body.ts';
import { Code } from './code.ts';
import { NEXT_BLOCK } from './convention.ts';
import { analyseGraph, type Graph } from './graph.ts';
import { op } from './opcodes.ts';

/** Writes the blocks; `Structure` says where control goes. */
export interface BlockWriter {
  /** Writes the code of a block and calls `Structure.go` wherever it goes to another one. */
  writeBlock(block: number): void;
  /** Writes what comes before a loop, once the loop is written. */
  writeLoopEntry(head: number): void;
  /** Whether a loop of this block alone is written by `writeOwnLoop`. */
  ownsLoop(block: number): boolean;
  /** Writes the whole loop of one block, and calls `Structure.go` for what follows it. */
  writeOwnLoop(block: number): void;
}

export class Structure {
  readonly graph: Graph;
  readonly #body: Body;
  readonly #writer: BlockWriter;
  /** Blocks that are written behind a block of their own, because control comes from several places. */
  readonly #isMerge: boolean[];
  readonly #isLoop: boolean[];
  readonly #labels: Label[];
  readonly #loopLabels: Label[];
  #switchLoop: Label = 0;

  /** @param switchTargets blocks that a br_table goes to. */
  constructor(
    body: Body,
    successors: readonly (readonly number[])[],
    switchTargets: ReadonlySet<number>,
    writer: BlockWriter,
  ) {
    this.#body = body;
    this.#writer = writer;
    this.graph = analyseGraph(successors);
    const { place, predecessors } = this.graph;
    const count = successors.length;
    this.#isLoop = [];
    this.#isMerge = [];
    this.#labels = Array.from({ length: count }, (): number => 0);
    this.#loopLabels = Array.from({ length: count }, (): number => 0);
    for (let block = 0; block < count; block++) {
      const forward = predecessors[block].filter((each) => place[each] < place[block]).length;
      this.#isLoop.push(forward < predecessors[block].length);
      this.#isMerge.push(forward > 1 || (block !== 0 && switchTargets.has(block)));
    }
  }

  /** Whether a block has one predecessor only, which it directly follows: what is known there is known here. */
  continues(block: number): boolean {
    return (
      !this.graph.isIrreducible &&
      block !== 0 &&
      !this.#isLoop[block] &&
      this.graph.predecessors[block].length === 1
    );
  }

  isLoopHead(block: number): boolean {
    return this.#isLoop[block];
  }

  write(): void {
    if (this.graph.isIrreducible) this.#writeSwitch();
    else this.#writeTree(0);
  }

  /** Goes from one block to another; nothing is written behind it. */
  go(from: number, to: number): void {
    const { place } = this.graph;
    if (this.graph.isIrreducible) {
      this.#body.i32(place[to]);
      this.#body.set(NEXT_BLOCK);
      this.#body.br(this.#switchLoop);
    } else if (place[to] <= place[from]) this.#body.br(this.#loopLabels[to]);
    else if (this.#isMerge[to]) this.#body.br(this.#labels[to]);
    else this.#writeTree(to);
  }

  /** Label for a br_table; the block is one of the switch targets. */
  labelOf(from: number, to: number): Label | null {
    const { place } = this.graph;
    if (this.graph.isIrreducible) return null;
    return place[to] <= place[from] ? this.#loopLabels[to] : this.#labels[to];
  }

  #writeTree(block: number): void {
    const merges = this.graph.children[block].filter((child) => this.#isMerge[child]);
    merges.sort((a, b) => this.graph.place[b] - this.graph.place[a]);
    const before = this.#body.code;
    const isOwn = this.#isLoop[block] && this.#writer.ownsLoop(block);
    const isLoop = this.#isLoop[block] && !isOwn;
    if (isLoop) {
      this.#body.code = new Code();
      this.#loopLabels[block] = this.#body.open(op.loop);
    }
    for (const child of merges) this.#labels[child] = this.#body.open(op.block);
    if (isOwn) this.#writer.writeOwnLoop(block);
    else this.#writer.writeBlock(block);
    // The last that was opened is closed first, and its code stands behind it.
    for (const child of merges.reverse()) {
      this.#body.close();
      this.#writeTree(child);
    }
    if (!isLoop) return;
    this.#body.close();
    const loop = this.#body.code;
    this.#body.code = before;
    this.#writer.writeLoopEntry(block);
    before.append(loop);
  }

  #writeSwitch(): void {
    const { order } = this.graph;
    const body = this.#body;
    this.#switchLoop = body.open(op.loop);
    const labels = order.map(() => body.open(op.block)).reverse();
    body.get(NEXT_BLOCK);
    body.brTable(labels, labels[0]);
    for (const block of order) {
      body.close();
      this.#writer.writeBlock(block);
    }
    body.close();
  }
}
