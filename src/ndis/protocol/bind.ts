/**
 * Binding a protocol to an adapter: NDIS calls ProtocolBindAdapterEx and waits until the bind is complete.
 * Implements nc-ndis-protocol_bind_adapter_ex and nf-ndis-ndiscompletebindadapterex.
 */

import { declareFunction, type Handle, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { familiesToTell, notifyFamilies } from '../condis/offerFamily.ts';
import { updateReceivers } from '../dataPath/receivers.ts';
import { createEvent, freeEvent, signalEvent, waitFor } from '../events.ts';
import {
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { allocateBindParameters, freeBindParameters } from './bindParameters.ts';
import { finishClose } from './close.ts';
import { Binding, bindingStates, OperationContext, ProtocolDriver } from './protocolDriver.ts';

const BIND_PAGE = 'ndis/nc-ndis-protocol_bind_adapter_ex';

/** Asks a protocol to bind to an adapter. The value is the final status of the bind. */
export const bindProtocol = procedure<
  NdisLibrary,
  { readonly adapter: Address; readonly protocol: Address; binding: Address; parameters: Address }
>('NdisBindProtocol', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const protocol = ndis.resolve(locals.protocol, ProtocolDriver);
    const handlers = protocol?.handlers;
    if (adapter === null || protocol === null || handlers === null || handlers === undefined) {
      return step.done(NDIS_STATUS_SUCCESS);
    }
    const binding = new Binding(protocol, adapter, handlers);
    locals.binding = ndis.register(binding);
    protocol.bindings.add(binding);
    apply(ndis.kernel, bindingStates, binding, 'ProtocolBindAdapterEx', protocol.driver);
    beginOperation(ndis, binding.bindContext);
    locals.parameters = allocateBindParameters(ndis, adapter, protocol);
    if (locals.parameters === 0) {
      endOperation(ndis, binding.bindContext);
      return step.go('failed', NDIS_STATUS_RESOURCES);
    }
    return step.call(
      'returned',
      handlers.bind,
      protocol.context,
      binding.bindContext.handle,
      locals.parameters,
    );
  },
  returned: (ndis, locals, step, result) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(result);
    const { bindContext } = binding;
    if (result === NDIS_STATUS_PENDING) {
      return step.wait('completed', waitFor(bindContext.event, 'NdisCompleteBindAdapterEx'));
    }
    if (bindContext.status !== null) {
      ndis.kernel.report(
        'COMPLETED_WITHOUT_PENDING',
        binding.protocol.driver,
        'ProtocolBindAdapterEx completed the bind with NdisCompleteBindAdapterEx and did not return NDIS_STATUS_PENDING',
        BIND_PAGE,
      );
    }
    bindContext.status = result;
    return step.go('completed');
  },
  completed: (ndis, locals, step) => {
    freeBindParameters(ndis, locals.parameters);
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(NDIS_STATUS_SUCCESS);
    const status = endOperation(ndis, binding.bindContext);
    if (status !== NDIS_STATUS_SUCCESS) return step.go('failed', status);
    if (binding.openState !== 'open') {
      ndis.kernel.report(
        'BOUND_WITHOUT_OPEN',
        binding.protocol.driver,
        `ProtocolBindAdapterEx completed with success for ${binding.adapter.label} without an open adapter; ` +
          'call NdisOpenAdapterEx from it, or return the failure',
        BIND_PAGE,
      );
      return step.go('failed', status);
    }
    updateReceivers(binding.adapter);
    if (!familiesToTell(ndis, binding.adapter)) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('told', notifyFamilies, ndis, { adapter: locals.adapter, block: 0 });
  },
  told: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
  failed: (ndis, locals, step, result) => {
    const binding = ndis.resolve(locals.binding, Binding);
    if (binding === null) return step.done(result);
    if (binding.openState !== 'none' && binding.openState !== 'closed') {
      ndis.kernel.report(
        'BIND_FAILED_WITH_OPEN_ADAPTER',
        binding.protocol.driver,
        `ProtocolBindAdapterEx failed for ${binding.adapter.label} and left the adapter open; ` +
          'call NdisCloseAdapterEx before it returns',
        BIND_PAGE,
      );
      finishClose(ndis, binding);
    }
    ndis.kernel.note('bind', `${binding.label} failed with 0x${result.toString(16)}`);
    apply(ndis.kernel, bindingStates, binding, 'OpenFailed', binding.protocol.driver);
    forgetBinding(ndis, binding);
    return step.done(result);
  },
});

/** A bind or unbind begins: its context may be completed. */
export function beginOperation(ndis: NdisLibrary, context: OperationContext): void {
  ndis.register(context);
  context.event = createEvent(ndis.kernel);
  context.status = null;
  context.active = true;
}

/** It is over: the context is not valid any more. Returns the status that completed it. */
export function endOperation(ndis: NdisLibrary, context: OperationContext): NDIS_STATUS {
  freeEvent(ndis.kernel, context.event);
  context.event = 0;
  context.active = false;
  ndis.unregister(context);
  return context.status ?? NDIS_STATUS_SUCCESS;
}

/** Takes a binding out of the library. */
export function forgetBinding(ndis: NdisLibrary, binding: Binding): void {
  const { adapter, protocol } = binding;
  protocol.bindings.delete(binding);
  const index = adapter.bindings.indexOf(binding);
  if (index >= 0) adapter.bindings.splice(index, 1);
  if (binding.handle !== 0) ndis.unregister(binding);
  updateReceivers(adapter);
}

function completeOperation(
  ndis: NdisLibrary,
  handle: Address,
  kind: 'bind' | 'unbind',
  status: number,
): string | null {
  const context = ndis.resolve(handle, OperationContext);
  if (context === null || context.kind !== kind || !context.active)
    return `the handle is no ${kind} context in progress`;
  if (context.status !== null) return `the ${kind} was completed already`;
  context.status = status;
  signalEvent(ndis.kernel, context.event);
  return null;
}

/**
 * NdisCompleteBindAdapterEx: completes a bind for which ProtocolBindAdapterEx returned NDIS_STATUS_PENDING.
 * IRQL <= DISPATCH_LEVEL. A context that is not in progress is the finding NOT_PENDING.
 * Source: ndis/nf-ndis-ndiscompletebindadapterex.
 */
export const NdisCompleteBindAdapterEx = declareFunction('ndis', {
  prototype: 'VOID NdisCompleteBindAdapterEx(NDIS_HANDLE BindAdapterContext, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndiscompletebindadapterex',
  implement:
    (ndis: NdisLibrary, driver) =>
    (BindAdapterContext: Handle, Status: NDIS_STATUS): void => {
      const problem = completeOperation(ndis, BindAdapterContext, 'bind', Status);
      if (problem === null) return;
      ndis.kernel.report(
        'NOT_PENDING',
        driver,
        `NdisCompleteBindAdapterEx: ${problem}`,
        'ndis/nf-ndis-ndiscompletebindadapterex',
      );
    },
});

/**
 * NdisCompleteUnbindAdapterEx: completes an unbind for which ProtocolUnbindAdapterEx returned NDIS_STATUS_PENDING.
 * IRQL <= DISPATCH_LEVEL. A context that is not in progress is the finding NOT_PENDING.
 * Source: ndis/nf-ndis-ndiscompleteunbindadapterex.
 */
export const NdisCompleteUnbindAdapterEx = declareFunction('ndis', {
  prototype: 'VOID NdisCompleteUnbindAdapterEx(NDIS_HANDLE UnbindContext)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndiscompleteunbindadapterex',
  implement:
    (ndis: NdisLibrary, driver) =>
    (UnbindContext: Handle): void => {
      const problem = completeOperation(ndis, UnbindContext, 'unbind', NDIS_STATUS_SUCCESS);
      if (problem === null) return;
      ndis.kernel.report(
        'NOT_PENDING',
        driver,
        `NdisCompleteUnbindAdapterEx: ${problem}`,
        'ndis/nf-ndis-ndiscompleteunbindadapterex',
      );
    },
});
