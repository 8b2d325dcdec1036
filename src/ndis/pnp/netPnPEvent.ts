/**
 * Plug and Play events to protocol drivers: sent one at a time, completed at once or later.
 * Implements nc-ndis-protocol_net_pnp_event and nf-ndis-ndiscompletenetpnpevent.
 */

import { declareFunction, type Handle, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, signalEvent, waitFor } from '../events.ts';
import { NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { Binding, ProtocolDriver } from '../protocol/protocolDriver.ts';

/** An event that a protocol has not completed. */
interface PendingEvent {
  /** Event that the completion signals. */
  readonly event: Address;
  readonly protocol: ProtocolDriver;
  /** Null for an event that is for all bindings of the protocol. */
  readonly binding: Binding | null;
  status: number | null;
}

/** Events in progress by the address of their NET_PNP_EVENT_NOTIFICATION. */
const pendingOf = perNdis('pending PnP events', () => new Map<Address, PendingEvent>());

/**
 * Calls ProtocolNetPnPEvent for a binding, or with a NULL context where the target is a protocol, and waits until the
 * event is completed; the value is the final status. A target that is gone succeeds.
 */
export const notifyProtocol = procedure<
  NdisLibrary,
  { readonly target: Address; readonly notification: Address }
>('NdisNotifyProtocol', {
  start: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.target, Binding);
    const protocol = binding?.protocol ?? ndis.resolve(locals.target, ProtocolDriver);
    const handler = protocol?.handlers?.netPnPEvent;
    if (protocol === null || handler === undefined) return step.done(NDIS_STATUS_SUCCESS);
    const event = createEvent(ndis.kernel);
    pendingOf(ndis).set(locals.notification, { event, protocol, binding, status: null });
    return step.call('returned', handler, binding?.context ?? 0, locals.notification);
  },
  returned: (ndis, locals, step, result) => {
    const pending = pendingOf(ndis).get(locals.notification);
    if (pending === undefined) return step.done(result);
    if (result !== NDIS_STATUS_PENDING) {
      if (pending.status !== null) reportEarlyCompletion(ndis, pending.protocol);
      pending.status = result;
      return step.go('completed');
    }
    return step.wait('completed', waitFor(pending.event, 'NdisCompleteNetPnPEvent'));
  },
  completed: (ndis, locals, step) => {
    const pending = pendingOf(ndis).get(locals.notification);
    pendingOf(ndis).delete(locals.notification);
    if (pending === undefined) return step.done(NDIS_STATUS_SUCCESS);
    freeEvent(ndis.kernel, pending.event);
    return step.done(pending.status ?? NDIS_STATUS_SUCCESS);
  },
});

/** Completes events that no driver will complete any more, each with a finding. Returns how many. */
export function completeStalledEvents(ndis: NdisLibrary): number {
  let count = 0;
  for (const pending of pendingOf(ndis).values()) {
    if (pending.status !== null) continue;
    count++;
    ndis.kernel.report(
      'NEVER_COMPLETED',
      pending.protocol.driver,
      `an event to ProtocolNetPnPEvent of ${(pending.binding ?? pending.protocol).label} is pending and was never completed; call NdisCompleteNetPnPEvent${sendsOf(pending.binding)}`,
      'ndis/nf-ndis-ndiscompletenetpnpevent',
    );
    pending.status = NDIS_STATUS_SUCCESS;
    signalEvent(ndis.kernel, pending.event);
  }
  return count;
}

/** What a protocol may be waiting for. */
function sendsOf(binding: Binding | null): string {
  if (binding === null || binding.sendsOutstanding === 0) return '';
  return `; ${binding.adapter.label} has not completed ${binding.sendsOutstanding} of its sends`;
}

/** The driver of a protocol is gone: its pending events are over. */
export function abandonEvents(ndis: NdisLibrary, protocol: ProtocolDriver): void {
  for (const pending of pendingOf(ndis).values()) {
    if (pending.protocol !== protocol || pending.status !== null) continue;
    pending.status = NDIS_STATUS_SUCCESS;
    signalEvent(ndis.kernel, pending.event);
  }
}

function reportEarlyCompletion(ndis: NdisLibrary, protocol: ProtocolDriver): void {
  ndis.kernel.report(
    'COMPLETED_WITHOUT_PENDING',
    protocol.driver,
    'ProtocolNetPnPEvent completed the event with NdisCompleteNetPnPEvent and did not return NDIS_STATUS_PENDING',
    NdisCompleteNetPnPEvent.page,
  );
}

/**
 * NdisCompleteNetPnPEvent: completes an event for which ProtocolNetPnPEvent returned NDIS_STATUS_PENDING.
 * IRQL PASSIVE_LEVEL. Completing an event that is not pending is the finding NOT_PENDING.
 * Source: ndis/nf-ndis-ndiscompletenetpnpevent.
 */
export const NdisCompleteNetPnPEvent = declareFunction('ndis', {
  prototype:
    'VOID NdisCompleteNetPnPEvent(NDIS_HANDLE NdisBindingHandle, PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification, NDIS_STATUS Status)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndiscompletenetpnpevent',
  implement:
    (ndis: NdisLibrary, driver) =>
    (_NdisBindingHandle: Handle, NetPnPEventNotification: Address, Status: number): void => {
      const pending = pendingOf(ndis).get(NetPnPEventNotification);
      if (pending === undefined || pending.status !== null) {
        ndis.kernel.report(
          'NOT_PENDING',
          driver,
          'NdisCompleteNetPnPEvent was called for an event that is not pending',
          'ndis/nf-ndis-ndiscompletenetpnpevent',
        );
        return;
      }
      pending.status = Status;
      signalEvent(ndis.kernel, pending.event);
    },
});
