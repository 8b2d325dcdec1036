/**
 * The way of sent lists down through the filter modules to the miniport, and of completed ones back up. A module that
 * lacks a handler is not on the way (filter/links.ts); without modules the functions in send.ts go straight through.
 * Implements "Sending Data from a Filter Driver" (network).
 */

import type { Driver } from '../../kernel/index.ts';
import { type Address, CALLABLE_RANGE_START, OBJECT_RANGE_START } from '../../memory/index.ts';
import type { FilterModule } from '../filter/filterModule.ts';
import { NDIS_STATUS_PAUSED } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE, NBL_STATUS } from '../netBuffer/offsets.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import { countOf, DISPATCH_LEVEL_FLAG } from './chains.ts';
import { emitHops } from './hop.ts';
import { loopBack } from './loopback.ts';

/** Sets the status of every list of a chain. */
function setStatus(ndis: NdisLibrary, lists: Address, status: number): void {
  const { i32, u32 } = ndis.memory;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2])
    u32[(list + NBL_STATUS) >> 2] = status;
}

/** Hands `count` lists to a module with a send handler; one that does not run refuses them. */
export function sendInto(
  ndis: NdisLibrary,
  module: FilterModule,
  from: string,
  lists: Address,
  count: number,
  port: number,
  flags: number,
): void {
  if (!module.sending) {
    setStatus(ndis, lists, NDIS_STATUS_PAUSED);
    const { filter, adapter, nextComplete } = module;
    completeInto(
      ndis,
      filter.driver,
      adapter,
      nextComplete,
      filter.name,
      lists,
      count,
      flags & DISPATCH_LEVEL_FLAG,
    );
    return;
  }
  module.sendsHeld += count;
  if (ndis.kernel.trace !== null) emitHops(ndis.kernel, from, module.filter.name, lists, 'send');
  module.send(module.context, lists, port, flags);
}

/** Hands `count` lists that passed the modules to the miniport. */
export function sendToMiniport(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  from: string,
  lists: Address,
  count: number,
  port: number,
  flags: number,
): void {
  if (!adapter.running) {
    setStatus(ndis, lists, NDIS_STATUS_PAUSED);
    const { driver } = adapter.miniport;
    completeInto(
      ndis,
      driver,
      adapter,
      adapter.bottomComplete,
      adapter.label,
      lists,
      count,
      flags & DISPATCH_LEVEL_FLAG,
    );
    return;
  }
  adapter.sendsOutstanding += count;
  if (ndis.kernel.trace !== null) emitHops(ndis.kernel, from, adapter.label, lists, 'send');
  if (adapter.loopbackWanted) loopBack(ndis, adapter, lists, flags);
  adapter.send(adapter.context, lists, port, flags);
}

/** Gives `count` completed lists to `module`, or to their bindings where that is null. `driver` is who completes. */
export function completeInto(
  ndis: NdisLibrary,
  driver: Driver,
  adapter: MiniportAdapter,
  module: FilterModule | null,
  from: string,
  lists: Address,
  count: number,
  flags: number,
): void {
  if (module === null) return completeToBindings(ndis, driver, adapter, from, lists, flags, false);
  if (module.sendsOutstanding === 0) module.sendsHeld += count;
  else {
    const own = countOf(ndis, lists, module.handle);
    module.sendsOutstanding -= own;
    module.sendsHeld += count - own;
  }
  if (ndis.kernel.trace !== null) emitHops(ndis.kernel, from, module.filter.name, lists, 'sendComplete');
  module.sendComplete(module.context, lists, flags);
}

/**
 * Gives completed lists to the bindings that sent them; the lists of several may be mixed. With `counted` they come
 * straight from the miniport, and the adapter's count goes down with that of the binding.
 */
export function completeToBindings(
  ndis: NdisLibrary,
  driver: Driver,
  adapter: MiniportAdapter,
  from: string,
  lists: Address,
  flags: number,
  counted: boolean,
): void {
  const { kernel } = ndis;
  const { objects, i32 } = ndis.memory;
  let first: Address = lists;
  while (first !== 0) {
    // A run of lists with one source goes back in one call.
    const source = i32[(first + NBL_SOURCE_HANDLE) >> 2];
    let last = first;
    let count = 1;
    let next = i32[(first + NBL_NEXT) >> 2];
    while (next !== 0 && i32[(next + NBL_SOURCE_HANDLE) >> 2] === source) {
      last = next;
      count++;
      next = i32[(next + NBL_NEXT) >> 2];
    }
    if (next !== 0) {
      i32[(last + NBL_NEXT) >> 2] = 0;
      i32[(last + NBL_NEXT + 4) >> 2] = 0;
    }
    const binding = objects.valueAt(source);
    if (!(binding instanceof Binding) || binding.sendsOutstanding < count) {
      reportUnknownCompletion(ndis, driver, adapter, first, source);
    } else {
      binding.sendsOutstanding -= count;
      if (counted) adapter.sendsOutstanding -= count;
      if (kernel.trace !== null) emitHops(kernel, from, binding.protocol.name, first, 'sendComplete');
      binding.sendComplete(binding.context, first, flags);
      if (binding.drainEvent !== 0) releaseIfDrained(ndis, binding);
    }
    first = next;
  }
}

/** A completed list that nobody waits for. */
export function reportUnknownCompletion(
  ndis: NdisLibrary,
  driver: Driver,
  adapter: MiniportAdapter,
  list: Address,
  source: Address,
): void {
  const known = source >= OBJECT_RANGE_START && source < CALLABLE_RANGE_START;
  const call =
    driver === adapter.miniport.driver
      ? 'NdisMSendNetBufferListsComplete'
      : 'NdisFSendNetBufferListsComplete';
  ndis.kernel.report(
    known ? 'COMPLETED_TWICE' : 'COMPLETED_UNKNOWN_LIST',
    driver,
    `${call} of ${adapter.label}: the list 0x${list.toString(16)} is not outstanding` +
      (known ? '; it was completed before, or never sent' : '; its SourceHandle is no binding'),
    `ndis/nf-ndis-${call.toLowerCase()}`,
  );
}

/** Completes lists of a binding that cannot be sent now. */
export function refuseSend(ndis: NdisLibrary, binding: Binding, lists: Address, flags: number): void {
  setStatus(ndis, lists, NDIS_STATUS_PAUSED);
  if (binding.state === 'Paused') {
    ndis.kernel.report(
      'SEND_WHILE_PAUSED',
      binding.protocol.driver,
      `${binding.label} is Paused; a protocol sends only in Running`,
      'network/binding-states-of-a-protocol-driver',
    );
  }
  binding.sendComplete(binding.context, lists, flags & DISPATCH_LEVEL_FLAG);
}

/** Completes lists that a module may not send now: its own and those that it passes on come back to it. */
export function refuseModuleSend(
  ndis: NdisLibrary,
  module: FilterModule,
  lists: Address,
  count: number,
  own: number,
  flags: number,
): void {
  const { adapter, filter } = module;
  ndis.kernel.report(
    'SEND_WHILE_PAUSED',
    filter.driver,
    `${module.label} is ${module.state}; a filter module sends only in Running and Pausing`,
    'network/filter-module-states-and-operations',
  );
  setStatus(ndis, lists, NDIS_STATUS_PAUSED);
  module.sendsHeld = Math.max(0, module.sendsHeld - (count - own));
  module.sendsOutstanding += own;
  const target = module.data.sendComplete === null ? module.nextComplete : module;
  completeInto(ndis, filter.driver, adapter, target, filter.name, lists, count, flags & DISPATCH_LEVEL_FLAG);
}
