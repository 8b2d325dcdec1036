/**
 * The way of received lists up through the filter modules to the bindings. A module that lacks a handler is not on the
 * way (filter/links.ts); without modules the functions in receive.ts go straight through.
 * Implements "Receiving Data in a Filter Driver" (network).
 */

import type { Address } from '../../memory/index.ts';
import type { FilterModule } from '../filter/filterModule.ts';
import { NDIS_RECEIVE_FLAGS_RESOURCES } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT } from '../netBuffer/offsets.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { accepts } from './accept.ts';
import { DISPATCH_LEVEL_FLAG } from './chains.ts';
import { distributionOf } from './distribution.ts';
import { emitHops } from './hop.ts';
import { returnInto } from './returns.ts';

/** Indicates `count` lists to a module with a receive handler; for one that is paused NDIS gives them back. */
export function receiveInto(
  ndis: NdisLibrary,
  module: FilterModule,
  from: string,
  lists: Address,
  port: number,
  count: number,
  flags: number,
): void {
  const lent = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
  if (!module.receiving) {
    if (!lent) {
      const { adapter, nextReturn, filter } = module;
      returnInto(ndis, adapter, nextReturn, filter.name, lists, count, flags & DISPATCH_LEVEL_FLAG);
    }
    return;
  }
  if (ndis.kernel.trace !== null) emitHops(ndis.kernel, from, module.filter.name, lists, 'receive');
  module.receivesHeld += count;
  module.receive(module.context, lists, port, count, flags);
  if (!lent) return;
  // They are the driver's below again, whatever the module did.
  module.receivesHeld -= count;
  if (module.receivesHeld < 0) reportKept(ndis, module);
}

function reportKept(ndis: NdisLibrary, module: FilterModule): void {
  ndis.kernel.report(
    'LENT_LISTS_KEPT',
    module.filter.driver,
    `${module.label} passed lists on without NDIS_RECEIVE_FLAGS_RESOURCES, or returned them, that were only lent to it by ` +
      'NDIS_RECEIVE_FLAGS_RESOURCES; copy what has to outlive the call',
    'ndis/nc-ndis-filter_receive_net_buffer_lists',
  );
  module.receivesHeld = 0;
}

/**
 * Indicates lists to the bindings that want them. With `counted` the adapter counted them when they entered the modules,
 * and they go back through the modules.
 */
export function receiveIntoBindings(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  from: string,
  lists: Address,
  port: number,
  count: number,
  flags: number,
  counted: boolean,
): void {
  const sole =
    adapter.loopedOutstanding > 0 ? null : (adapter.soleReceiver ?? soleReceiverOf(ndis, adapter, lists));
  if (sole === null) return distributionOf(ndis).indicate(adapter, from, lists, port, flags, counted);
  if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) {
    sole.receivesOutstanding += count;
    if (!counted) adapter.receivesOutstanding += count;
  }
  if (ndis.kernel.trace !== null) emitHops(ndis.kernel, from, sole.protocol.name, lists, 'receive');
  sole.receive(sole.context, lists, port, count, flags);
}

/** The one binding that receives, where it wants every list of the chain: the chain then goes to it as it is. */
function soleReceiverOf(ndis: NdisLibrary, adapter: MiniportAdapter, chain: Address): Binding | null {
  if (adapter.receivers.length !== 1) return null;
  const binding = adapter.receivers[0];
  const { memory } = ndis;
  const { i32 } = memory;
  for (let list = chain; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    if (!accepts(memory, binding, list)) return null;
  }
  return binding;
}
