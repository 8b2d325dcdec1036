/**
 * Whether protocols may be bound above an adapter, and whether its stack may run: events with which a miniport driver
 * holds both back. Implements ns-netpnp-_net_pnp_event (NetEventInhibitBindsAbove, NetEventAllowBindsAbove,
 * NetEventRequirePause, NetEventAllowStart) and "Deactivating NDIS Ports" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent } from '../events.ts';
import { queueFilterChanges } from '../filter/queue.ts';
import {
  NDIS_PAUSE_NDIS_INTERNAL,
  NDIS_STATUS_SUCCESS,
  NetEventAllowBindsAbove,
  NetEventAllowStart,
  NetEventInhibitBindsAbove,
  NetEventRequirePause,
} from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { queueBindings, queueOperation, waitForOperations } from '../stack/queue.ts';

/** Whether an event tells NDIS alone what to do with the stack: protocols and filters never see it. */
export function isStackEvent(event: number): boolean {
  return event >= NetEventAllowBindsAbove && event <= NetEventRequirePause;
}

/** Whether the call that brings an event waits until the stack has changed. */
export function waitsForStack(event: number): boolean {
  return event === NetEventInhibitBindsAbove || event === NetEventRequirePause;
}

/** Nothing is bound to the adapter for this reason until `allowBindings`. */
export function holdBindings(adapter: MiniportAdapter, reason: 'inhibited' | 'default port'): void {
  adapter.bindingsHeldBy.add(reason);
  adapter.bindRequests.length = 0;
}

/** The reason is over: where no other is left, the protocols are bound. */
export function allowBindings(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  reason: 'inhibited' | 'default port',
): void {
  if (!adapter.bindingsHeldBy.delete(reason) || adapter.bindingsHeldBy.size > 0) return;
  queueFilterChanges(ndis, [adapter], false);
  for (const protocol of inventoryOf(ndis).protocols) queueBindings(ndis, protocol, [adapter], false);
}

/** Unbinds everything that is bound to an adapter, and waits. */
export const unbindAbove = procedure<NdisLibrary, { readonly adapter: Address; settled: boolean }>(
  'NdisUnbindAbove',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      // What is being bound right now is there when the operations before these are over.
      const events = adapter.bindings.map((binding) => {
        const event = createEvent(ndis.kernel);
        queueOperation(ndis, adapter, { kind: 'unbind', binding: binding.handle, event });
        return event;
      });
      if (events.length === 0 && adapter.working && !locals.settled) {
        locals.settled = true;
        const event = createEvent(ndis.kernel);
        queueOperation(ndis, adapter, { kind: 'reconfigure', event });
        events.push(event);
      }
      if (events.length === 0) return step.done(NDIS_STATUS_SUCCESS);
      return step.run('start', waitForOperations, ndis, { events, index: 0 });
    },
  },
);

/** Does what one of the events of this file asks for; the value is NDIS_STATUS_SUCCESS. */
export const changeStack = procedure<NdisLibrary, { readonly adapter: Address; readonly event: number }>(
  'NdisChangeStackAbove',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      switch (locals.event) {
        case NetEventInhibitBindsAbove:
          holdBindings(adapter, 'inhibited');
          if (adapter.initializing) break;
          return step.run('unbound', unbindAbove, ndis, { adapter: locals.adapter, settled: false });
        case NetEventAllowBindsAbove:
          allowBindings(ndis, adapter, 'inhibited');
          break;
        case NetEventRequirePause: {
          adapter.pauseRequired = true;
          if (adapter.initializing || (adapter.state === 'Paused' && !adapter.working)) break;
          const event = createEvent(ndis.kernel);
          queueOperation(ndis, adapter, { kind: 'pause', reason: NDIS_PAUSE_NDIS_INTERNAL, event });
          return step.run('over', waitForOperations, ndis, { events: [event], index: 0 });
        }
        case NetEventAllowStart:
          if (!adapter.pauseRequired) break;
          adapter.pauseRequired = false;
          if (!adapter.initializing) queueOperation(ndis, adapter, { kind: 'restart', event: 0 });
          break;
      }
      return step.done(NDIS_STATUS_SUCCESS);
    },
    unbound: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      const events = queueFilterChanges(ndis, [adapter], true);
      return step.run('over', waitForOperations, ndis, { events, index: 0 });
    },
    over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
  },
);
