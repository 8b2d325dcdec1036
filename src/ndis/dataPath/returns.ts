/**
 * The way of returned lists down through the filter modules to the miniport.
 * Implements "Receiving Data in a Filter Driver" (network).
 */

import type { Address } from '../../memory/index.ts';
import type { FilterModule } from '../filter/filterModule.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { countOf } from './chains.ts';
import { emitHops } from './hop.ts';
import { takeLoopbackLists } from './loopbackCopies.ts';

/** Gives `count` lists back to `module`, or to the miniport where that is null. */
export function returnInto(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  module: FilterModule | null,
  from: string,
  lists: Address,
  count: number,
  flags: number,
): void {
  if (module === null) return returnToMiniport(ndis, adapter, from, lists, count, flags);
  if (module.receivesOutstanding === 0) module.receivesHeld += count;
  else {
    const own = countOf(ndis, lists, module.handle);
    module.receivesOutstanding -= own;
    module.receivesHeld += count - own;
  }
  if (ndis.kernel.trace !== null) emitHops(ndis.kernel, from, module.filter.name, lists, 'return');
  module.returnLists(module.context, lists, flags);
}

/** Gives lists back to the miniport; those that NDIS looped back are NDIS's own. */
function returnToMiniport(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  from: string,
  lists: Address,
  count: number,
  flags: number,
): void {
  let rest = lists;
  let left = count;
  if (adapter.loopedOutstanding > 0) {
    const before = adapter.loopedOutstanding;
    rest = takeLoopbackLists(ndis, adapter, lists);
    left -= before - adapter.loopedOutstanding;
    if (rest === 0) return;
  }
  adapter.receivesOutstanding -= left;
  if (ndis.kernel.trace !== null) emitHops(ndis.kernel, from, adapter.label, rest, 'return');
  adapter.returnLists(adapter.context, rest, flags);
}
