/**
 * Bounds for code that keeps all others from running, or goes round without a call. Implements bug check
 * DPC_WATCHDOG_VIOLATION (Bug Check Code Reference) and decision 8 of the design.
 */

import { DISPATCH_LEVEL, DPC_WATCHDOG_VIOLATION, type Kernel, NdisboxError } from '../kernel/index.ts';
import { SLICE } from './guestTime.ts';
import type { Strand } from './strand.ts';

/** Instructions without a call of the host after which a loop counts as endless, unless the machine says otherwise. */
const SPIN_LIMIT = 2_000_000_000;
/** Machine time at DISPATCH_LEVEL after which the watchdog of DPCs stops Windows: 20 s in units of 100 ns. */
const WATCHDOG_LIMIT = 200_000_000;

export class SpinGuard {
  readonly #kernel: Kernel;
  readonly #limit: number;
  /** Where machine code is now, for people. */
  readonly #whereNow: () => string;
  /** Instructions since the host's event loop was let run. */
  #sinceHost = 0;

  constructor(kernel: Kernel, limit: number | undefined, whereNow: () => string) {
    this.#kernel = kernel;
    this.#limit = limit ?? SPIN_LIMIT;
    this.#whereNow = whereNow;
  }

  /**
   * A strand used up a slice. @param slice instructions of it.
   * @throws NdisboxError ENDLESS_LOOP; a bug check at DISPATCH_LEVEL.
   */
  check(strand: Strand, slice: number): void {
    const kernel = this.#kernel;
    const raised = kernel.irql >= DISPATCH_LEVEL;
    strand.spinning += slice;
    strand.holding = raised || strand.synchronous ? strand.holding + slice : 0;
    this.#sinceHost += slice;
    if (this.#sinceHost >= SLICE) {
      this.#sinceHost = 0;
      kernel.scheduler.hostIsDue = true;
    }
    if (raised) this.#checkWatchdog(strand);
    else strand.raisedSince = -1;
    const limit = this.#limit;
    if (strand.spinning < limit && strand.holding < limit) return;
    const without = strand.spinning < limit ? 'letting anything else run' : 'a call';
    const text = `${strand.name} ran ${limit / 1e6} million instructions without ${without} and spins at ${this.#whereNow()}`;
    if (raised) {
      kernel.bugCheck(
        DPC_WATCHDOG_VIOLATION,
        [0, 0, 0, 0],
        `${text} at IRQL ${kernel.irql}; wait for an event instead of a flag`,
      );
    }
    throw new NdisboxError('ENDLESS_LOOP', `${text}; wait for an event instead of a flag`);
  }

  /** Code that stays at DISPATCH_LEVEL, whatever it calls there, keeps the processor from everything else. */
  #checkWatchdog(strand: Strand): void {
    const kernel = this.#kernel;
    if (strand.raisedSince === -1) strand.raisedSince = kernel.clock.now;
    const time = kernel.clock.now - strand.raisedSince;
    if (time < WATCHDOG_LIMIT) return;
    kernel.bugCheck(
      DPC_WATCHDOG_VIOLATION,
      [1, 0, 0, 0],
      `${strand.name} stayed at IRQL ${kernel.irql} for ${time / 1e7} seconds, now at ${this.#whereNow()}; lower the IRQL between pieces of work`,
    );
  }
}
