/**
 * Adding bindings to a stack: it is paused if it runs, the protocols bind, and it is restarted.
 * Implements "Starting a Driver Stack" and "Restarting a Driver Stack" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_PAUSE_BIND_PROTOCOL, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
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
      const inventory = inventoryOf(ndis);
      const wanted = adapter.bindRequests.filter((protocol) => inventory.shouldBind(protocol, adapter));
      adapter.bindRequests.splice(0, adapter.bindRequests.length, ...wanted);
      if (adapter.state !== 'Running' || wanted.length === 0) return step.go('bindNext');
      return step.run('bindNext', pauseStack, ndis, {
        adapter: locals.adapter,
        reason: NDIS_PAUSE_BIND_PROTOCOL,
        parameters: 0,
      });
    },
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
