/**
 * The links along which lists go through the modules of an adapter: resolved whenever the stack or the handlers of a
 * module change, so that a module without a handler is not on that path at all.
 * Implements "Data Bypass Mode" (network).
 */

import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { FilterModule } from './filterModule.ts';

/** Resolves the links of an adapter anew. */
export function updateLinks(adapter: MiniportAdapter): void {
  let send: FilterModule | null = null;
  let returning: FilterModule | null = null;
  let cancel: FilterModule | null = null;
  for (const module of adapter.filters.toReversed()) {
    module.nextSend = send;
    module.nextReturn = returning;
    module.nextCancel = cancel;
    const { data, handlers } = module;
    if (handlers === null) continue;
    if (data.send !== null) {
      module.send = data.send.invoke;
      send = module;
    }
    if (data.returnLists !== null) {
      module.returnLists = data.returnLists.invoke;
      returning = module;
    }
    if (data.cancelSend !== null) cancel = module;
  }
  adapter.topSend = send;
  adapter.topReturn = returning;
  adapter.topCancel = cancel;
  let complete: FilterModule | null = null;
  let receive: FilterModule | null = null;
  for (const module of adapter.filters) {
    module.nextComplete = complete;
    module.nextReceive = receive;
    const { data, handlers } = module;
    if (handlers === null) continue;
    if (data.sendComplete !== null) {
      module.sendComplete = data.sendComplete.invoke;
      complete = module;
    }
    if (data.receive !== null) {
      module.receive = data.receive.invoke;
      receive = module;
    }
  }
  adapter.bottomComplete = complete;
  adapter.bottomReceive = receive;
}
