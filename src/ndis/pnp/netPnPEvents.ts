/**
 * Plug and Play and power events on their way up the stack of an adapter: from the filter module nearest the miniport
 * upwards, each module deciding whether it passes the event on, then to every binding.
 * Implements "Filter Module PnP Event Notifications" and "Handling PnP events and power management events in a
 * protocol driver" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NetEventPortActivation,
  NetEventQueryPower,
  NetEventQueryRemoveDevice,
  NetEventReconfigure,
  NetEventSetPower,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { queueOperation } from '../stack/queue.ts';
import { allocateNotification, eventCode } from './eventNotification.ts';
import { notifyProtocol } from './netPnPEvent.ts';

const PAGE = 'ndis/nc-ndis-protocol_net_pnp_event';

/** An event that NDIS sends, and what is kept of it. */
export interface NetPnPEventLocals {
  /**
   * Handle of who gets it: an adapter stands for its filter modules and every open binding, a binding or a
   * module for itself, a protocol for ProtocolNetPnPEvent with a NULL context.
   */
  readonly target: Address;
  /** NetEventXxx. */
  readonly event: number;
  /** Buffer of the NET_PNP_EVENT, which must last until the procedure is done; 0 for none. */
  readonly buffer: Address;
  readonly bufferLength: number;
  notification: Address;
}

/** The locals of `sendNetPnPEvent`. */
export function netPnPEvent(
  target: { readonly handle: Address },
  event: number,
  buffer: Address = 0,
  bufferLength = 0,
): NetPnPEventLocals {
  return { target: target.handle, event, buffer, bufferLength, notification: 0 };
}

/** Only these can be refused; the answer to any other event does not count. */
export function isQueryEvent(event: number): boolean {
  return event === NetEventQueryPower || event === NetEventQueryRemoveDevice;
}

/**
 * Sends an event and waits until everyone completed it. The value is NDIS_STATUS_SUCCESS, or for NetEventQueryPower
 * and NetEventQueryRemoveDevice the first refusal, after which nobody else is asked; for one binding, module or
 * protocol it is what that driver answered. Run it at PASSIVE_LEVEL.
 */
export const sendNetPnPEvent = procedure<NdisLibrary, NetPnPEventLocals>('NdisSendNetPnPEvent', {
  start: (ndis, locals, step) => {
    const { target, event } = locals;
    locals.notification = allocateNotification(ndis, event, locals.buffer, locals.bufferLength);
    const { notification } = locals;
    const adapter = ndis.resolve(target, MiniportAdapter);
    if (adapter !== null) return step.run('over', propagateEvent, ndis, eventFrom(adapter, notification));
    const module = ndis.resolve(target, FilterModule);
    if (module !== null) {
      const handler = module.handlers?.netPnPEvent ?? null;
      if (handler === null) return step.go('over', NDIS_STATUS_SUCCESS);
      return step.call('over', handler, module.context, notification);
    }
    return step.run('answered', notifyProtocol, ndis, { target, notification });
  },
  answered: (ndis, locals, step, status) => {
    judgeAnswer(ndis, locals.target, locals.event, status >>> 0);
    return step.go('over', status);
  },
  over: (ndis, locals, step, status) => {
    freeLibraryMemory(ndis, locals.notification);
    return step.done(status >>> 0);
  },
});

/** An event on its way up. */
export interface PropagateLocals {
  readonly adapter: Address;
  readonly notification: Address;
  /** Handle of the filter module that passes the event on; 0 where it begins at the miniport. */
  readonly from: Address;
  /** Open bindings when the event reached them; null before. */
  bindings: readonly Address[] | null;
  next: number;
}

/** The locals of `propagateEvent` for an event that begins at the miniport, or that a module passes on. */
export function eventFrom(source: MiniportAdapter | FilterModule, notification: Address): PropagateLocals {
  const module = source instanceof FilterModule ? source : null;
  const { handle } = module?.adapter ?? source;
  return { adapter: handle, notification, from: module?.handle ?? 0, bindings: null, next: 0 };
}

/** Takes an event that is in memory up the stack; the value is as of `sendNetPnPEvent`. */
export const propagateEvent = procedure<NdisLibrary, PropagateLocals>('NdisPropagateNetPnPEvent', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    const module = moduleAbove(adapter, ndis.resolve(locals.from, FilterModule));
    const handler = module?.handlers?.netPnPEvent ?? null;
    // What the module answers is the answer: it passes the event on itself.
    if (module !== null && handler !== null)
      return step.call('filtered', handler, module.context, locals.notification);
    return step.go('bindings');
  },
  filtered: (ndis, locals, step, result) => {
    const queries = isQueryEvent(eventCode(ndis, locals.notification));
    return step.done(queries ? result >>> 0 : NDIS_STATUS_SUCCESS);
  },
  bindings: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    locals.bindings ??= adapter.bindings
      .filter((binding) => binding.openState === 'open')
      .map((binding) => binding.handle);
    const target = locals.bindings[locals.next];
    if (target === undefined) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('sent', notifyProtocol, ndis, { target, notification: locals.notification });
  },
  sent: (ndis, locals, step, result) => {
    const status = result >>> 0;
    const event = eventCode(ndis, locals.notification);
    judgeAnswer(ndis, locals.bindings?.[locals.next] ?? 0, event, status);
    locals.next++;
    if (isQueryEvent(event) && status !== NDIS_STATUS_SUCCESS) return step.done(status);
    return step.go('bindings');
  },
});

/** The next module above `from`, or from the miniport where it is null, that handles these events. */
function moduleAbove(adapter: MiniportAdapter, from: FilterModule | null): FilterModule | null {
  const { filters } = adapter;
  for (let i = (from === null ? filters.length : filters.indexOf(from)) - 1; i >= 0; i--) {
    if ((filters[i].handlers?.netPnPEvent ?? null) !== null) return filters[i];
  }
  return null;
}

/** Looks at what a protocol answered to an event that it may not refuse. */
function judgeAnswer(ndis: NdisLibrary, target: Address, event: number, status: number): void {
  if (status === NDIS_STATUS_SUCCESS || isQueryEvent(event)) return;
  const binding = ndis.resolve(target, Binding);
  if (binding === null || event === NetEventPortActivation || event === NetEventReconfigure) return;
  if (event === NetEventSetPower && status === NDIS_STATUS_NOT_SUPPORTED) {
    // What knows nothing of power does not survive under the adapter's transition.
    queueOperation(ndis, binding.adapter, { kind: 'unbind', binding: binding.handle, event: 0 });
  }
  ndis.kernel.report(
    'NET_PNP_EVENT_FAILED',
    binding.protocol.driver,
    `ProtocolNetPnPEvent of ${binding.label} answered event ${event} with 0x${status.toString(16)}; only queries, NetEventReconfigure and NetEventPortActivation can fail`,
    PAGE,
  );
}
