/**
 * NetEventBindsComplete: tells a protocol driver that it is bound to every adapter that was there when it registered.
 * Implements "Handling PnP events and power management events in a protocol driver" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { signalEvent } from '../events.ts';
import { NDIS_STATUS_SUCCESS, NetEventBindsComplete } from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { netPnPEvent, sendNetPnPEvent } from '../pnp/netPnPEvents.ts';
import { queueBindings, waitForOperations } from '../stack/queue.ts';
import { STACK_THREAD } from '../stack/threads.ts';
import { ProtocolDriver } from './protocolDriver.ts';

interface BindsCompleteLocals {
  readonly protocol: Address;
  readonly events: readonly Address[];
}

/** Waits for the first bindings, then sends the event with a NULL context. */
export const announceBinds = procedure<NdisLibrary, BindsCompleteLocals>('NdisBindsComplete', {
  start: (ndis, locals, step) =>
    step.run('bound', waitForOperations, ndis, { events: locals.events, index: 0 }),
  bound: (ndis, locals, step) => {
    const protocol = ndis.resolve(locals.protocol, ProtocolDriver);
    if (protocol === null || protocol.closing) return step.go('over');
    return step.run('over', sendNetPnPEvent, ndis, netPnPEvent(protocol, NetEventBindsComplete));
  },
  over: (ndis, locals, step) => {
    const protocol = ndis.resolve(locals.protocol, ProtocolDriver);
    if (protocol === null) return step.done(NDIS_STATUS_SUCCESS);
    protocol.announcingBinds = false;
    signalEvent(ndis.kernel, protocol.announcedEvent);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/**
 * Binds a protocol that has just registered to the adapters that are there. With `inside` the caller runs `announceBinds` with
 * the locals that this gives; otherwise a thread does, and this gives null.
 */
export function bindFirst(
  ndis: NdisLibrary,
  protocol: ProtocolDriver,
  inside: boolean,
): BindsCompleteLocals | null {
  const events = queueBindings(ndis, protocol, inventoryOf(ndis).adapters, true);
  const locals = { protocol: protocol.handle, events };
  protocol.announcingBinds = true;
  if (inside) return locals;
  // Named as what calls drivers: a driver that deregisters in this call would wait for itself.
  ndis.kernel.scheduler.createThread(STACK_THREAD, announceBinds, ndis, locals);
  return null;
}
