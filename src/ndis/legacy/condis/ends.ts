/** Small pieces of every translation of connection-oriented handlers. Implements nothing of its own. */

import type { CallbackDeclaration, Driver, DriverCallback } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { LegacyAdapter } from '../miniport/legacyAdapter.ts';
import { LegacyBinding } from '../protocol/legacyBinding.ts';

/** A handler of NDIS 6 that the library itself provides for a driver of NDIS 5. */
export function end<F>(driver: Driver, declaration: CallbackDeclaration<F>, invoke: F): DriverCallback<F> {
  return { declaration, driver, address: 0, invoke };
}

/** The context that the driver gave for a binding or an adapter, where the library put its own. */
export function driverContext(context: unknown): unknown {
  return context instanceof LegacyBinding || context instanceof LegacyAdapter ? context.context : context;
}

/** The address of a structure where a handler is declared to take its view: `invoke` gets addresses. */
export function addressOf(view: unknown): Address {
  return view as Address;
}
