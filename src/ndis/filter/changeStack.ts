/**
 * Bringing the modules of a paused stack to what is configured: what no longer belongs is detached, what lacks is
 * attached, and a stack without one of its mandatory filters gets no bindings.
 * Implements "Modifying a Running Driver Stack" and "Mandatory Filter Drivers" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { unbindBinding } from '../protocol/unbind.ts';
import { attachModule, detachModule } from './attach.ts';
import { type FilterChange, missingMandatoryFilter, nextFilterChange, slotKey } from './order.ts';

/** Whether a change needs every protocol unbound. */
function isMandatory(ndis: NdisLibrary, change: FilterChange): boolean {
  return change.kind === 'detach'
    ? change.module.mandatory
    : inventoryOf(ndis).filterConfiguration(change.slot.filter).mandatory;
}

/** Unbinds every protocol of a paused stack. The value is NDIS_STATUS_SUCCESS. */
export const unbindEverything = procedure<NdisLibrary, { readonly adapter: Address }>(
  'NdisUnbindEverything',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const binding = adapter?.bindings.find((candidate) => candidate.state === 'Paused');
      if (adapter === null || binding === undefined) return step.done(NDIS_STATUS_SUCCESS);
      return step.run('start', unbindBinding, ndis, { binding: binding.handle });
    },
  },
);

/**
 * Changes the modules of a stack that is paused. Protocols that were unbound for a mandatory filter are requested to be
 * bound again. The value is NDIS_STATUS_SUCCESS, or NDIS_STATUS_FAILURE where a mandatory filter lacks: no protocol is
 * bound then.
 */
export const applyFilterChanges = procedure<
  NdisLibrary,
  { readonly adapter: Address; key: string; unbound: boolean }
>('NdisApplyFilterChanges', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
    const change = nextFilterChange(ndis, adapter);
    if (change === null) return step.go('judge');
    if (isMandatory(ndis, change) && adapter.bindings.some((binding) => binding.state === 'Paused')) {
      locals.unbound = true;
      return step.run('start', unbindEverything, ndis, { adapter: locals.adapter });
    }
    if (change.kind === 'detach') {
      return step.run('start', detachModule, ndis, { module: change.module.handle });
    }
    locals.key = slotKey(change.slot);
    return step.run('attached', attachModule, ndis, {
      adapter: locals.adapter,
      filter: change.slot.filter.handle,
      monitored: change.slot.monitored?.handle ?? 0,
      index: change.index,
      module: 0,
      parameters: 0,
    });
  },
  attached: (ndis, locals, step, result) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (result !== NDIS_STATUS_SUCCESS) adapter?.failedFilters.add(locals.key);
    return step.go('start');
  },
  judge: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
    const missing = missingMandatoryFilter(ndis, adapter);
    const wasBlocked = adapter.blockedBy !== null;
    adapter.blockedBy = missing;
    if (missing !== null) {
      if (!wasBlocked)
        ndis.kernel.note(
          'filters',
          `${adapter.label} lacks its mandatory filter ${missing}; no protocol is bound`,
        );
      adapter.bindRequests.length = 0;
      return step.run('blocked', unbindEverything, ndis, { adapter: locals.adapter });
    }
    if (wasBlocked || locals.unbound) requestBindings(ndis, adapter);
    return step.done(NDIS_STATUS_SUCCESS);
  },
  blocked: (_ndis, _locals, step) => step.done(NDIS_STATUS_FAILURE),
});

/** Every protocol that should be bound and is not is to bind. */
export function requestBindings(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const inventory = inventoryOf(ndis);
  for (const protocol of inventory.protocols) {
    if (inventory.shouldBind(protocol, adapter) && !adapter.bindRequests.includes(protocol))
      adapter.bindRequests.push(protocol);
  }
}
