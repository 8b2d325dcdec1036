/**
 * Closing a binding: the handle is invalid at once, the close is complete when everything outstanding is back.
 * Implements nf-ndis-ndiscloseadapterex and nc-ndis-protocol_close_adapter_complete_ex.
 */

import { declareFunction, type Handle, procedure, STATUS_TIMEOUT } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { completeStalledConnections } from '../condis/stalledConnections.ts';
import { abandonBindingConnections, closeConnections } from '../condis/teardown.ts';
import { updateReceivers } from '../dataPath/receivers.ts';
import { createEvent, freeEvent, signalEvent, waitFor } from '../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import { updatePacketFilter } from '../oid/ownRequest.ts';
import { abandonRequests } from '../oid/requestQueue.ts';
import { powerHooksOf } from '../power/hooks.ts';
import { CLOSE_THREAD } from '../stack/threads.ts';
import type { NDIS_STATUS } from '../status.ts';
import { Binding } from './protocolDriver.ts';

const PAGE = 'ndis/nf-ndis-ndiscloseadapterex';

/** How long a close waits for requests that a miniport driver holds before it gives them up: 60 s in 100 ns. */
const REQUEST_TIME_LIMIT = 600_000_000;

/** Waits for what is outstanding, tells the miniport the smaller packet filter, and completes the close. */
const closeBinding = procedure<NdisLibrary, { readonly binding: Address; readonly inline: boolean }>(
  'NdisCloseBinding',
  {
    start: (ndis, locals, step) => {
      const binding = ndis.resolve(locals.binding, Binding);
      if (binding === null || binding.drained) return step.go('drained');
      binding.drainEvent = createEvent(ndis.kernel);
      return step.wait('waited', {
        ...waitFor(binding.drainEvent, 'NdisCloseAdapterEx'),
        timeout: REQUEST_TIME_LIMIT,
      });
    },
    waited: (ndis, locals, step, status) => {
      const binding = ndis.resolve(locals.binding, Binding);
      if (binding === null || status !== STATUS_TIMEOUT) return step.go('drained');
      abandonRequests(ndis, binding.adapter, binding);
      while (completeStalledConnections(ndis, binding) > 0);
      if (binding.drained) return step.go('drained');
      return step.wait('drained', waitFor(binding.drainEvent, 'NdisCloseAdapterEx'));
    },
    drained: (ndis, locals, step) => {
      const binding = ndis.resolve(locals.binding, Binding);
      if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
      freeEvent(ndis.kernel, binding.drainEvent);
      binding.drainEvent = 0;
      if (binding.packetFilter === 0 && binding.multicastList.length === 0 && binding.lookahead === 0) {
        return step.go('complete');
      }
      binding.packetFilter = 0;
      binding.multicastList = new Uint8Array(0);
      binding.lookahead = 0;
      updateReceivers(binding.adapter);
      return step.run('complete', updatePacketFilter, ndis, { adapter: binding.adapter.handle, status: 0 });
    },
    complete: (ndis, locals, step) => {
      const binding = ndis.resolve(locals.binding, Binding);
      const handler = binding?.protocol.handlers?.closeComplete;
      if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
      finishClose(ndis, binding);
      if (locals.inline || handler === undefined) return step.go('over');
      return step.call('over', handler, binding.context);
    },
    over: (ndis, locals, step) => {
      const binding = ndis.resolve(locals.binding, Binding);
      if (binding !== null) signalEvent(ndis.kernel, binding.closeEvent);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** Takes the binding off its adapter's data path. */
export function finishClose(ndis: NdisLibrary, binding: Binding): void {
  powerHooksOf(ndis).forgetBinding(ndis, binding);
  binding.openState = 'closed';
  ndis.unregisterBlock(binding.block);
  abandonBindingConnections(ndis, binding);
  freeLibraryMemory(ndis, binding.block);
  binding.block = 0;
  const index = binding.adapter.bindings.indexOf(binding);
  if (index >= 0) binding.adapter.bindings.splice(index, 1);
  updateReceivers(binding.adapter);
  ndis.kernel.note('close', binding.label);
}

/**
 * NdisCloseAdapterEx: closes a binding, from ProtocolUnbindAdapterEx or ProtocolBindAdapterEx. The handle is invalid
 * from the call on. May complete later with ProtocolCloseAdapterCompleteEx: always where something is outstanding,
 * otherwise the seed chooses. IRQL PASSIVE_LEVEL; may wait.
 * @returns NDIS_STATUS_SUCCESS or NDIS_STATUS_PENDING; NDIS_STATUS_FAILURE for a handle that is not open, and outside of
 * a bind and an unbind (both findings; ours, the page has no status for them).
 * Source: ndis/nf-ndis-ndiscloseadapterex.
 */
export const NdisCloseAdapterEx = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisCloseAdapterEx(NDIS_HANDLE NdisBindingHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle): Promise<NDIS_STATUS> => {
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, 'NdisCloseAdapterEx', PAGE);
      if (binding === null || binding.openState !== 'open') return Promise.resolve(NDIS_STATUS_FAILURE);
      if (!binding.bindContext.active && !binding.unbindContext.active) {
        ndis.kernel.report(
          'CLOSE_OUTSIDE_OF_UNBIND',
          driver,
          'NdisCloseAdapterEx was called outside of ProtocolBindAdapterEx and ProtocolUnbindAdapterEx; nothing was closed, call NdisUnbindAdapter',
          PAGE,
        );
        return Promise.resolve(NDIS_STATUS_FAILURE);
      }
      binding.openState = 'closing';
      closeConnections(ndis, binding);
      updateReceivers(binding.adapter);
      const { scheduler, random } = ndis.kernel;
      const { handle } = binding;
      if (binding.drained && random.chance(1, 2)) {
        return scheduler.execute(closeBinding, ndis, { binding: handle, inline: true });
      }
      scheduler.createThread(CLOSE_THREAD, closeBinding, ndis, { binding: handle, inline: false });
      return Promise.resolve(NDIS_STATUS_PENDING);
    },
});
