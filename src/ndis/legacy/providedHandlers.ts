/**
 * Functions of NDIS that drivers call through pointers in blocks: the macros of NDIS 5 go through NDIS_MINIPORT_BLOCK
 * and NDIS_OPEN_BLOCK. They are declared like exports and crossed like these, but are in no table of imports.
 * Implements the handler members of these blocks (ddk/ndis.h).
 */

import type { Driver, FunctionDeclaration } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';

/** A handler that a block holds. */
export type ProvidedHandler = FunctionDeclaration<NdisLibrary, unknown>;

/** Makes a handler for the driver that will call it. */
export type HandlerSource = (driver: Driver, handler: FunctionDeclaration<unknown, unknown>) => object;

class ProvidedHandlers {
  source: HandlerSource | null = null;
  readonly made = new WeakMap<Driver, Map<ProvidedHandler, object>>();
}

const providedHandlersOf = perNdis('provided handlers', () => new ProvidedHandlers());

/** Says how handlers are made: whoever owns the import seam calls it once. */
export function attachHandlerSource(ndis: NdisLibrary, source: HandlerSource): void {
  providedHandlersOf(ndis).source = source;
}

/** The callable address of a handler for `driver`, to be put into a block; 0 where nobody attached a source. */
export function handlerAddress(ndis: NdisLibrary, driver: Driver, handler: ProvidedHandler): Address {
  const { source, made } = providedHandlersOf(ndis);
  if (source === null) return 0;
  let ofDriver = made.get(driver);
  if (ofDriver === undefined) {
    ofDriver = new Map();
    made.set(driver, ofDriver);
  }
  let target = ofDriver.get(handler);
  if (target === undefined) {
    // The source supplies the library as the context that every declaration of ndis takes.
    target = source(driver, handler as FunctionDeclaration<unknown, unknown>);
    ofDriver.set(handler, target);
  }
  return ndis.memory.callables.addressOf(target, driver);
}

/**
 * What a macro of the headers does: calls the handler whose pointer lies at `at`. For TypeScript drivers only, whose
 * callable addresses are functions; machine code has the macro compiled in.
 */
export function callThrough(ndis: NdisLibrary, at: Address, ...args: readonly unknown[]): unknown {
  const target = ndis.memory.callables.valueAt(ndis.memory.readPointer(at));
  // The seam made it from a declaration; the macro passes the documented parameters.
  return typeof target === 'function' ? (target as (...values: readonly unknown[]) => unknown)(...args) : 0;
}
