/**
 * What NDIS waits for when nothing else will happen: an operation that a driver left pending and never completes, or
 * lists that it never gives back. Each is a finding, and NDIS goes on as if the driver had done it, so that a machine
 * comes down in order. Windows would hang there.
 * Implements nc-ndis-protocol_bind_adapter_ex, nc-ndis-protocol_unbind_adapter_ex, nc-ndis-miniport_pause and others:
 * who returns NDIS_STATUS_PENDING has to complete.
 */

import type { Driver } from '../../kernel/index.ts';
import { completeStalledConnections } from '../condis/stalledConnections.ts';
import { signalEvent } from '../events.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { abandonStation } from '../oid/requestQueue.ts';
import { oidRequestsOf } from '../oid/requestRecord.ts';
import { completeStalledEvents } from '../pnp/netPnPEvent.ts';
import { completeStalledIdle } from '../power/selectiveSuspend.ts';
import type { Binding, OperationContext } from '../protocol/protocolDriver.ts';

const COMPLETION = {
  pause: 'NdisMPauseComplete',
  restart: 'NdisMRestartComplete',
  reset: 'NdisMResetComplete',
} as const;

/**
 * Completes what drivers owe, the causes before what waits for them. Call it only when the machine is idle.
 * @returns how many operations were completed: run the machine again unless it is 0.
 */
export function completeForDrivers(ndis: NdisLibrary): number {
  return (
    stalledRequests(ndis) ||
    completeStalledConnections(ndis) ||
    stalledLists(ndis) ||
    completeStalledEvents(ndis) ||
    stalledFilters(ndis) ||
    stalledAdapters(ndis) ||
    completeStalledIdle(ndis) ||
    stalledBindings(ndis)
  );
}

function never(ndis: NdisLibrary, driver: Driver, text: string, page: string): void {
  ndis.kernel.report('NEVER_COMPLETED', driver, text, page);
}

function stalledRequests(ndis: NdisLibrary): number {
  let count = 0;
  for (const adapter of inventoryOf(ndis).adapters) {
    // The lowest driver first: those above may only be waiting for it.
    const stations = oidRequestsOf(ndis).of(adapter).stations();
    const station = stations.find((candidate) => candidate.outstanding().length > 0);
    if (station === undefined) continue;
    count += station.outstanding().length;
    abandonStation(ndis, station, null);
  }
  return count;
}

function bindingsOf(ndis: NdisLibrary): Binding[] {
  return [...inventoryOf(ndis).protocols].flatMap((protocol) => [...protocol.bindings]);
}

/** Lists that keep a close waiting. */
function stalledLists(ndis: NdisLibrary): number {
  let count = 0;
  for (const binding of bindingsOf(ndis)) {
    if (binding.drainEvent === 0 || binding.drained) continue;
    count++;
    const { adapter } = binding;
    if (binding.sendsOutstanding > 0) reportHeldSends(ndis, binding);
    if (binding.receivesOutstanding > 0) {
      never(
        ndis,
        binding.protocol.driver,
        `${binding.label} never returned ${binding.receivesOutstanding} lists that it received; call NdisReturnNetBufferLists for each`,
        'ndis/nf-ndis-ndisreturnnetbufferlists',
      );
    }
    // With filter modules some may be with these and not with the miniport.
    adapter.sendsOutstanding -= Math.min(adapter.sendsOutstanding, binding.sendsOutstanding);
    adapter.receivesOutstanding -= Math.min(adapter.receivesOutstanding, binding.receivesOutstanding);
    binding.sendsOutstanding = 0;
    binding.receivesOutstanding = 0;
    binding.requestsOutstanding = 0;
    signalEvent(ndis.kernel, binding.drainEvent);
  }
  return count;
}

/** A filter module that has lists which others sent, or else the miniport, keeps what a binding waits for. */
function reportHeldSends(ndis: NdisLibrary, { adapter, protocol, sendsOutstanding }: Binding): void {
  const holder = adapter.filters.find((module) => module.sendsHeld > 0);
  if (holder !== undefined) {
    never(
      ndis,
      holder.filter.driver,
      `${holder.label} keeps ${holder.sendsHeld} lists that others sent, and ${protocol.name} waits for them; pass them on or call NdisFSendNetBufferListsComplete for each`,
      'ndis/nf-ndis-ndisfsendnetbufferlistscomplete',
    );
    return;
  }
  never(
    ndis,
    adapter.miniport.driver,
    `${adapter.label} never completed ${sendsOutstanding} lists that ${protocol.name} sent; call NdisMSendNetBufferListsComplete for each`,
    'ndis/nf-ndis-ndismsendnetbufferlistscomplete',
  );
}

function stalledAdapters(ndis: NdisLibrary): number {
  let count = 0;
  for (const adapter of inventoryOf(ndis).adapters) {
    for (const pending of [adapter.pending, adapter.pendingReset]) {
      if (pending === null || pending.stalled) continue;
      pending.stalled = true;
      count++;
      never(
        ndis,
        adapter.miniport.driver,
        `the ${pending.kind} of ${adapter.label} is pending and was never completed; call ${COMPLETION[pending.kind]}${held(adapter)}`,
        `ndis/nf-ndis-${COMPLETION[pending.kind].toLowerCase()}`,
      );
      pending.status = pending.kind === 'restart' ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
      signalEvent(ndis.kernel, pending.event);
    }
  }
  return count;
}

/** Pauses and restarts that filter modules never complete. */
function stalledFilters(ndis: NdisLibrary): number {
  let count = 0;
  for (const filter of inventoryOf(ndis).filters) {
    for (const module of filter.modules) {
      const { pending } = module;
      if (pending === null || pending.stalled || pending.completed) continue;
      pending.stalled = true;
      count++;
      const call = pending.kind === 'pause' ? 'NdisFPauseComplete' : 'NdisFRestartComplete';
      never(
        ndis,
        filter.driver,
        `the ${pending.kind} of ${module.label} is pending and was never completed; call ${call}`,
        `ndis/nf-ndis-${call.toLowerCase()}`,
      );
      pending.status = pending.kind === 'restart' ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
      signalEvent(ndis.kernel, pending.event);
    }
  }
  return count;
}

/** Who holds lists that the miniport may be waiting for. */
function held(adapter: MiniportAdapter): string {
  const holders = adapter.bindings.filter((binding) => binding.receivesOutstanding > 0);
  if (holders.length === 0) return '';
  const names = holders.map((binding) => `${binding.protocol.name} (${binding.receivesOutstanding})`);
  return `; received lists are still held by ${names.join(', ')}`;
}

function stalledBindings(ndis: NdisLibrary): number {
  let count = 0;
  const force = (binding: Binding, context: OperationContext, status: number, what: string, call: string) => {
    if (!context.active || context.status !== null) return;
    count++;
    never(
      ndis,
      binding.protocol.driver,
      `the ${what} of ${binding.label} is pending and was never completed; call ${call}`,
      `ndis/nf-ndis-${call.toLowerCase()}`,
    );
    context.status = status;
    signalEvent(ndis.kernel, context.event);
  };
  for (const binding of bindingsOf(ndis)) {
    force(binding, binding.bindContext, NDIS_STATUS_FAILURE, 'bind', 'NdisCompleteBindAdapterEx');
    force(binding, binding.unbindContext, NDIS_STATUS_SUCCESS, 'unbind', 'NdisCompleteUnbindAdapterEx');
  }
  return count;
}
