/**
 * The lock under which NDIS calls a serialized miniport driver: one handler of an adapter runs at a time, at
 * DISPATCH_LEVEL. Who comes while it is held leaves work, which the holder does before it lets go; so nobody spins, and
 * what a handler causes NDIS to call runs after that handler. Deserialized and intermediate drivers lock themselves.
 * Implements nf-ndis-ndismsetattributesex, remarks, and "Serialized NDIS Miniport Drivers" (network).
 */

import { DISPATCH_LEVEL, type Kernel, lowerIrql } from '../../../kernel/index.ts';

/** Pieces of work that may wait for the lock; an adapter has few sources of them. */
const WORK_LIMIT = 1024;

export class Serialization {
  readonly #kernel: Kernel;
  /** Does what waits in queues of the adapter; false when there was nothing. */
  readonly #flush: () => boolean;
  readonly #work: (() => void)[] = [];
  /** NDIS locks for the driver; set when the driver states its attributes. */
  serialized = true;
  #held = false;

  constructor(kernel: Kernel, flush: () => boolean) {
    this.#kernel = kernel;
    this.#flush = flush;
  }

  /** A handler of the driver runs under the lock. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * Calls the driver by `work`: at once, or as soon as the handler that runs has returned. False when it has to wait.
   * Work beyond the bound runs at once: the lock gives way before a handler is lost.
   */
  run(work: () => void): boolean {
    if (!this.serialized) {
      work();
      return true;
    }
    if (this.#held && this.#work.length < WORK_LIMIT) {
      this.#work.push(work);
      return false;
    }
    this.#locked(work);
    return true;
  }

  /** Does what waits in the queues of the adapter; nothing while a handler runs, whose end does it. */
  flush(): void {
    if (this.#held) return;
    this.#locked(null);
  }

  #locked(work: (() => void) | null): void {
    const { scheduler } = this.#kernel;
    const before = scheduler.processor.irql;
    if (before < DISPATCH_LEVEL) scheduler.processor.irql = DISPATCH_LEVEL;
    const nested = this.#held;
    this.#held = true;
    try {
      work?.();
      if (!nested) this.#drain();
    } finally {
      this.#held = nested;
      if (before < DISPATCH_LEVEL) lowerIrql(this.#kernel, before);
    }
  }

  #drain(): void {
    for (;;) {
      const work = this.#work.shift();
      if (work !== undefined) work();
      else if (!this.#flush()) return;
    }
  }
}
