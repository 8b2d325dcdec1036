/**
 * Unbinding a protocol from an adapter: NDIS pauses the binding, calls ProtocolUnbindAdapterEx and waits until the
 * unbind is complete. Implements nc-ndis-protocol_unbind_adapter_ex and nf-ndis-ndisunbindadapter.
 */

import { declareFunction, type Handle, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, waitFor } from '../events.ts';
import {
  NDIS_PAUSE_UNBIND_PROTOCOL,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { queueRequest } from '../stack/queue.ts';
import { onStackThread } from '../stack/threads.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { beginOperation, endOperation, forgetBinding } from './bind.ts';
import { finishClose } from './close.ts';
import { pauseBinding } from './pauseBinding.ts';
import { Binding, bindingStates } from './protocolDriver.ts';

const UNBIND_PAGE = 'ndis/nc-ndis-protocol_unbind_adapter_ex';

/** Pauses and unbinds one binding. The value is NDIS_STATUS_SUCCESS: a protocol cannot refuse. */
export const unbindBinding = procedure<NdisLibrary, { readonly binding: Address }>('NdisUnbindBinding', {
  start: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null || binding.unbindContext.active) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('paused', pauseBinding, ndis, {
      binding: locals.binding,
      reason: NDIS_PAUSE_UNBIND_PROTOCOL,
      notification: 0,
      parameters: 0,
    });
  },
  paused: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.binding, Binding);
    const handler = binding?.protocol.handlers?.unbind;
    if (binding === null || handler === undefined) return step.done(NDIS_STATUS_SUCCESS);
    apply(ndis.kernel, bindingStates, binding, 'ProtocolUnbindAdapterEx', binding.protocol.driver);
    beginOperation(ndis, binding.unbindContext);
    binding.closeEvent = createEvent(ndis.kernel);
    return step.call('returned', handler, binding.unbindContext.handle, binding.context);
  },
  returned: (ndis, locals, step, result) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
    if (result === NDIS_STATUS_PENDING) {
      return step.wait('completed', waitFor(binding.unbindContext.event, 'NdisCompleteUnbindAdapterEx'));
    }
    if (binding.unbindContext.status !== null) {
      ndis.kernel.report(
        'COMPLETED_WITHOUT_PENDING',
        binding.protocol.driver,
        'ProtocolUnbindAdapterEx completed the unbind with NdisCompleteUnbindAdapterEx and did not return NDIS_STATUS_PENDING',
        UNBIND_PAGE,
      );
    }
    if (result !== NDIS_STATUS_SUCCESS) {
      ndis.kernel.report(
        'UNBIND_FAILED',
        binding.protocol.driver,
        `ProtocolUnbindAdapterEx of ${binding.label} returned 0x${result.toString(16)}; an unbind cannot fail`,
        UNBIND_PAGE,
      );
    }
    return step.go('completed');
  },
  completed: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
    if (binding.openState === 'closing') {
      return step.wait('closed', waitFor(binding.closeEvent, 'ProtocolCloseAdapterCompleteEx'));
    }
    if (binding.openState === 'open') {
      ndis.kernel.report(
        'UNBOUND_WITHOUT_CLOSE',
        binding.protocol.driver,
        `ProtocolUnbindAdapterEx of ${binding.label} completed without NdisCloseAdapterEx; NDIS closes the adapter`,
        UNBIND_PAGE,
      );
      finishClose(ndis, binding);
    }
    return step.go('closed');
  },
  closed: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
    endOperation(ndis, binding.unbindContext);
    freeEvent(ndis.kernel, binding.closeEvent);
    binding.closeEvent = 0;
    apply(ndis.kernel, bindingStates, binding, 'UnbindComplete', binding.protocol.driver);
    forgetBinding(ndis, binding);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/**
 * NdisUnbindAdapter: asks NDIS to unbind; the unbind is queued and may be over before the call returns. IRQL
 * <= DISPATCH_LEVEL. From ProtocolBindAdapterEx or ProtocolUnbindAdapterEx of the same binding it is a finding.
 * @returns NDIS_STATUS_SUCCESS when the unbind was started; NDIS_STATUS_RESOURCES when too much waits at the adapter;
 * NDIS_STATUS_FAILURE for a handle that is not open (a finding). Source: ndis/nf-ndis-ndisunbindadapter.
 */
export const NdisUnbindAdapter = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisUnbindAdapter(NDIS_HANDLE NdisBindingHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisunbindadapter',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndisunbindadapter';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, 'NdisUnbindAdapter', page);
      if (binding === null) return NDIS_STATUS_FAILURE;
      if (onStackThread(ndis) && (binding.bindContext.active || binding.unbindContext.active)) {
        ndis.kernel.report(
          'UNBIND_INSIDE_OF_BIND',
          driver,
          'NdisUnbindAdapter was called from ProtocolBindAdapterEx or ProtocolUnbindAdapterEx; call NdisCloseAdapterEx there',
          page,
        );
        return NDIS_STATUS_SUCCESS;
      }
      if (binding.unbindQueued) return NDIS_STATUS_SUCCESS;
      // Where the bind is still in progress, the unbind waits behind it.
      const status = queueRequest(ndis, binding.adapter, {
        kind: 'unbind',
        binding: binding.handle,
        event: 0,
      });
      binding.unbindQueued = status === NDIS_STATUS_SUCCESS;
      return status;
    },
});
