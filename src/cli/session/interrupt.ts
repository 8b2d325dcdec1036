/** Ctrl-C: the first asks the command to come to an end in order, the second leaves at once. */

import { EXIT } from '../cliError.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Listens for signals until it is disposed of. */
export class Interrupt {
  /** Whether the user asked to end. */
  requested = false;
  readonly #first: () => void;
  readonly #listener = (): void => {
    if (this.requested) process.exit(EXIT.interrupted);
    this.requested = true;
    this.#first();
  };

  /** @param first called at the first signal. */
  constructor(first: () => void) {
    this.#first = first;
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}
