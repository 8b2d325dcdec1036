/**
 * Fuel and machine time of machine code: both follow the number of instructions, so a run is the same in every tier and
 * mode. Implements decision 5 of the design.
 */

import type { Kernel } from '../kernel/index.ts';
import { STATE_FUEL } from '../x64/index.ts';

/** Instructions between two looks at other work. */
export const SLICE = 100_000;
/** The shortest and longest slice with several processors: the seed chooses where they interleave. */
const SHORTEST_SLICE = 200;
const LONGEST_SLICE = 20_000;
/** Instructions that count as one unit of 100 ns of machine time: a processor of 3 GHz at one per cycle or so. */
const INSTRUCTIONS_PER_UNIT = 256;
const WORD_FUEL = STATE_FUEL >> 2;

export class GuestTime {
  readonly #kernel: Kernel;
  /** Instructions of the slice that runs. */
  slice = 0;
  /** Fuel when machine time was last brought up to date. */
  #mark = 0;
  /** Instructions that make no whole unit yet. */
  #rest = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Begins a slice. */
  refuel(): void {
    const { random, scheduler, memory } = this.#kernel;
    const several = scheduler.processors.length > 1;
    this.slice = several ? SHORTEST_SLICE + random.below(LONGEST_SLICE - SHORTEST_SLICE) : SLICE;
    memory.i32[WORD_FUEL] = this.slice;
    this.#mark = this.slice;
  }

  /** Lets machine time pass for the instructions that ran since the last look. */
  pass(): void {
    const fuel = this.#kernel.memory.i32[WORD_FUEL];
    this.#rest += this.#mark - fuel;
    this.#mark = fuel;
    if (this.#rest < INSTRUCTIONS_PER_UNIT) return;
    const units = Math.floor(this.#rest / INSTRUCTIONS_PER_UNIT);
    this.#rest -= units * INSTRUCTIONS_PER_UNIT;
    this.#kernel.clock.advance(units);
  }

  /** One tick an instruction, in step with machine time. */
  timestamp(): number {
    this.pass();
    return this.#kernel.clock.now * INSTRUCTIONS_PER_UNIT + this.#rest;
  }
}
