/**
 * The queue of operations on an adapter's stack, as the rest of the library uses it.
 * Implements "Driver Stack Management" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, signalEvent, waitFor } from '../events.ts';
import { NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { ProtocolDriver } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { OPERATION_LIMIT, type StackOperation } from './operations.ts';

/**
 * Queues an operation that the library or the host asks for. Its event, if any, is signaled when it is over: at once
 * where the adapter was taken down already.
 */
export function queueOperation(ndis: NdisLibrary, adapter: MiniportAdapter, operation: StackOperation): void {
  if (adapter.handle === 0) return signalEvent(ndis.kernel, operation.event);
  adapter.operations.push(operation);
  if (adapter.working) return;
  adapter.working = true;
  inventoryOf(ndis).startWork(adapter);
}

/** Queues an operation that a driver asks for; NDIS_STATUS_RESOURCES when OPERATION_LIMIT of them wait. */
export function queueRequest(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  operation: StackOperation,
): NDIS_STATUS {
  if (adapter.operations.length >= OPERATION_LIMIT) return NDIS_STATUS_RESOURCES as NDIS_STATUS;
  queueOperation(ndis, adapter, operation);
  return NDIS_STATUS_SUCCESS as NDIS_STATUS;
}

/**
 * Queues bindings of a protocol to every adapter that is up and that it should be bound to. With `wait`, gives the
 * events that the operations signal; they are the caller's to free.
 */
export function queueBindings(
  ndis: NdisLibrary,
  protocol: ProtocolDriver,
  adapters: Iterable<MiniportAdapter>,
  wait: boolean,
): Address[] {
  const inventory = inventoryOf(ndis);
  const events: Address[] = [];
  for (const adapter of adapters) {
    if (adapter.state === 'Halted' || adapter.state === 'Initializing' || adapter.state === 'Shutdown')
      continue;
    if (!inventory.shouldBind(protocol, adapter)) continue;
    if (!adapter.bindRequests.includes(protocol)) adapter.bindRequests.push(protocol);
    else if (!wait) continue;
    const event = wait ? createEvent(ndis.kernel) : 0;
    queueOperation(ndis, adapter, { kind: 'reconfigure', event });
    if (wait) events.push(event);
  }
  return events;
}

/** Waits for operations by their events and frees these. */
export const waitForOperations = procedure<
  NdisLibrary,
  { readonly events: readonly Address[]; index: number }
>('NdisWaitForOperations', {
  start: (_ndis, locals, step) => {
    if (locals.index >= locals.events.length) return step.go('over');
    return step.wait('next', waitFor(locals.events[locals.index], 'NDIS operation'));
  },
  next: (_ndis, locals, step) => {
    locals.index++;
    return step.go('start');
  },
  over: (ndis, locals, step) => {
    for (const event of locals.events) freeEvent(ndis.kernel, event);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});
