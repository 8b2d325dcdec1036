/**
 * Changing a stack: it is paused if it runs, its modules are changed to what is configured, protocols bind, and it is
 * restarted. Implements "Modifying a Running Driver Stack", "Starting a Driver Stack" and "Restarting a Driver Stack" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { applyFilterChanges } from '../filter/changeStack.ts';
import { nextFilterChange } from '../filter/order.ts';
import {
  NDIS_PAUSE_ATTACH_FILTER,
  NDIS_PAUSE_BIND_PROTOCOL,
  NDIS_PAUSE_DETACH_FILTER,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { bindProtocol } from '../protocol/bind.ts';
import { pauseStack, restartStack } from './pauseRestart.ts';

/** Makes the bindings that were asked for, and brings the stack to Running. */
export const reconfigureStack = procedure<NdisLibrary, { readonly adapter: Address }>(
  'NdisReconfigureStack',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      if (adapter.halted) {
        adapter.bindRequests.length = 0;
        return step.done(NDIS_STATUS_SUCCESS);
      }
      // Nothing is bound in a sleeping state; the way back to D0 ends with the bindings that wait.
      if (!adapter.powered) return step.done(NDIS_STATUS_SUCCESS);
      const inventory = inventoryOf(ndis);
      const wanted = adapter.bindRequests.filter((protocol) => inventory.shouldBind(protocol, adapter));
      adapter.bindRequests.splice(0, adapter.bindRequests.length, ...wanted);
      const change = nextFilterChange(ndis, adapter);
      if (adapter.state !== 'Running') return step.go('changeFilters');
      if (change === null && wanted.length === 0) return step.go('bindNext');
      const filterReason = change?.kind === 'detach' ? NDIS_PAUSE_DETACH_FILTER : NDIS_PAUSE_ATTACH_FILTER;
      return step.run('changeFilters', pauseStack, ndis, {
        adapter: locals.adapter,
        reason: change === null ? NDIS_PAUSE_BIND_PROTOCOL : filterReason,
        parameters: 0,
      });
    },
    changeFilters: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter?.state !== 'Paused') return step.go('bindNext');
      return step.run('filtersChanged', applyFilterChanges, ndis, {
        adapter: locals.adapter,
        key: '',
        unbound: false,
      });
    },
    filtersChanged: (_ndis, _locals, step, result) =>
      result === NDIS_STATUS_SUCCESS ? step.go('bindNext') : step.done(result),
    bindNext: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      const protocol = adapter.bindRequests.shift();
      if (protocol === undefined) return step.go('restart');
      if (!inventoryOf(ndis).shouldBind(protocol, adapter)) return step.go('bindNext');
      return step.run('bindNext', bindProtocol, ndis, {
        adapter: locals.adapter,
        protocol: protocol.handle,
        binding: 0,
        parameters: 0,
      });
    },
    restart: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null || adapter.state !== 'Paused') return step.done(NDIS_STATUS_SUCCESS);
      return step.run('over', restartStack, ndis, { adapter: locals.adapter, parameters: 0 });
    },
    over: (_ndis, _locals, step, result) => step.done(result),
  },
);
