/**
 * A driver's callback as the library holds it: resolved once, when the driver registers it, and called through
 * `invoke` from then on.
 */

import type { Address } from '../memory/index.ts';
import type { CallbackDeclaration } from './declaration.ts';
import type { Driver } from './driver.ts';

/** A registered callback. `invoke` takes the documented parameters; contexts are what the driver registered. */
export interface DriverCallback<F = (...args: never[]) => unknown> {
  readonly declaration: CallbackDeclaration<F>;
  readonly driver: Driver;
  readonly address: Address;
  readonly invoke: F;
}
