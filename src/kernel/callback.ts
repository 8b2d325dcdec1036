/**
 * A driver's callback as the library holds it: resolved once, when the driver registers it, and called through
 * `invoke` from then on.
 */

import type { Address } from '../memory/index.ts';
import type { MachineCodeReport } from './bugCheck/dump.ts';
import type { CallbackDeclaration } from './declaration.ts';
import type { Driver } from './driver.ts';

/** Calls machine code; supplied by the floor that loads images. */
export interface MachineCodeHandlers {
  /**
   * A function that runs the machine code at `address` with the documented parameters as numbers; null where no
   * machine code is.
   */
  handlerAt(
    driver: Driver,
    address: Address,
    declaration: CallbackDeclaration<unknown>,
  ): ((...args: unknown[]) => unknown) | null;
  /** Where machine code is now, for the dump of a machine that stops; null where none runs. */
  report?(): MachineCodeReport | null;
  /** Whether machine code lies at an address. */
  isCode(address: Address): boolean;
  /** Names an address in an image: `mux.sys!DriverEntry+0x12`, `mux.sys+0x1234`. */
  describe(address: Address): string;
  /** The call stack of the machine code that runs in one line, innermost first; empty while none runs. */
  stackText(): string;
  /** Where the machine code that has just called the host goes on; undefined while none has. */
  caller(): string | undefined;
}

/** A registered callback. `invoke` takes the documented parameters; contexts are what the driver registered. */
export interface DriverCallback<F = (...args: never[]) => unknown> {
  readonly declaration: CallbackDeclaration<F>;
  readonly driver: Driver;
  readonly address: Address;
  readonly invoke: F;
}
