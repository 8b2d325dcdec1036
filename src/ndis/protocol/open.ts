/**
 * Opening an adapter from ProtocolBindAdapterEx.
 * Implements nf-ndis-ndisopenadapterex and nc-ndis-protocol_open_adapter_complete_ex.
 */

import {
  type Context,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
  poolOf,
  procedure,
} from '../../kernel/index.ts';
import { type Address, poolType, readUnicodeString } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import {
  NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
  NDIS_OPEN_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_STATUS_UNSUPPORTED_MEDIA,
} from '../generated/constants/index.ts';
import { NDIS_OPEN_PARAMETERS } from '../generated/structures/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { OPEN_THREAD } from '../stack/threads.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { Binding, bindingStates, OperationContext, ProtocolDriver } from './protocolDriver.ts';

/** Bindings that one adapter may have: the receive path keeps a bit for each. */
export const BINDINGS_PER_ADAPTER_LIMIT = 30;

/** Bytes that NDIS takes from the pool for an open. */
const OPEN_BLOCK_SIZE = 512;

const PAGE = 'ndis/nf-ndis-ndisopenadapterex';

const rule: HeaderRule = {
  structure: 'NDIS_OPEN_PARAMETERS',
  type: NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
  revisions: [
    {
      revision: NDIS_OPEN_PARAMETERS_REVISION_1,
      size: NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
      minorVersion: 0,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_open_parameters',
};

/** The index of the adapter's medium in the array at OpenParameters, or -1. */
function mediumIndex(ndis: NdisLibrary, binding: Binding, parameters: Address): number {
  const view = NDIS_OPEN_PARAMETERS.at(ndis.memory, parameters);
  const first = view.MediumArray >> 2;
  const medium = binding.adapter.general?.mediaType;
  for (let i = 0; i < view.MediumArraySize; i++) if (ndis.memory.u32[first + i] === medium) return i;
  return -1;
}

/** Calls ProtocolOpenAdapterCompleteEx for an open that returned NDIS_STATUS_PENDING. */
const completeOpen = procedure<NdisLibrary, { readonly binding: Address }>('NdisCompleteOpen', {
  start: (ndis, locals, step) => {
    const binding = ndis.resolve(locals.binding, Binding);
    const handler = binding?.protocol.handlers?.openComplete;
    if (binding === null || handler === undefined) return step.done(NDIS_STATUS_SUCCESS);
    binding.openState = 'open';
    apply(ndis.kernel, bindingStates, binding, 'OpenComplete', binding.protocol.driver);
    return step.call('over', handler, binding.context, NDIS_STATUS_SUCCESS);
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/**
 * NdisOpenAdapterEx: opens the adapter that ProtocolBindAdapterEx was called for. May complete later with
 * ProtocolOpenAdapterCompleteEx; the seed chooses. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING; NDIS_STATUS_ADAPTER_NOT_FOUND for a name that is no adapter,
 * NDIS_STATUS_UNSUPPORTED_MEDIA where MediumArray lacks the adapter's medium, NDIS_STATUS_RESOURCES,
 * NDIS_STATUS_FAILURE outside of ProtocolBindAdapterEx. Source: ndis/nf-ndis-ndisopenadapterex.
 */
export const NdisOpenAdapterEx = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisOpenAdapterEx(NDIS_HANDLE NdisProtocolHandle, NDIS_HANDLE ProtocolBindingContext, PNDIS_OPEN_PARAMETERS OpenParameters, NDIS_HANDLE BindContext, PNDIS_HANDLE NdisBindingHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisProtocolHandle: Handle,
      ProtocolBindingContext: Context,
      OpenParameters: Pointer<NDIS_OPEN_PARAMETERS>,
      BindContext: Handle,
      NdisBindingHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisOpenAdapterEx';
      const protocol = ndis.expect(NdisProtocolHandle, ProtocolDriver, driver, call, PAGE);
      const context = ndis.resolve(BindContext, OperationContext);
      if (protocol === null) return NDIS_STATUS_FAILURE;
      if (
        context === null ||
        context.kind !== 'bind' ||
        !context.active ||
        context.binding.protocol !== protocol
      ) {
        ndis.kernel.report(
          'OPEN_OUTSIDE_OF_BIND',
          driver,
          'NdisOpenAdapterEx was called outside of ProtocolBindAdapterEx; pass the BindContext of the bind in progress',
          PAGE,
        );
        return NDIS_STATUS_FAILURE;
      }
      if (checkHeader(ndis, driver, call, OpenParameters, rule) === null) return NDIS_STATUS_FAILURE;
      const { binding } = context;
      const view = NDIS_OPEN_PARAMETERS.at(ndis.memory, OpenParameters);
      const name = readUnicodeString(ndis.memory, view.AdapterName);
      if (inventoryOf(ndis).adaptersByName.get(name.toUpperCase()) !== binding.adapter) {
        ndis.kernel.note(call, `${driver.name}: no adapter "${name}" is being bound`);
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
      }
      if (binding.openState !== 'none') return NDIS_STATUS_FAILURE;
      const medium = mediumIndex(ndis, binding, OpenParameters);
      if (medium < 0) return NDIS_STATUS_UNSUPPORTED_MEDIA;
      if (binding.adapter.bindings.length >= BINDINGS_PER_ADAPTER_LIMIT) return NDIS_STATUS_RESOURCES;
      binding.block = poolOf(ndis.kernel).allocateZeroed(
        poolType.nonPagedNx,
        OPEN_BLOCK_SIZE,
        NDIS_POOL_TAG,
        0,
      );
      if (binding.block === 0) return NDIS_STATUS_RESOURCES;
      if (view.SelectedMediumIndex !== 0) ndis.memory.u32[view.SelectedMediumIndex >> 2] = medium;
      binding.context = ndis.contextValue(ProtocolBindingContext);
      binding.adapter.bindings.push(binding);
      ndis.memory.writePointer(NdisBindingHandle, binding.handle);
      if (ndis.kernel.random.chance(1, 2)) {
        binding.openState = 'opening';
        ndis.kernel.scheduler.createThread(OPEN_THREAD, completeOpen, ndis, { binding: binding.handle });
        return NDIS_STATUS_PENDING;
      }
      binding.openState = 'open';
      apply(ndis.kernel, bindingStates, binding, 'OpenComplete', driver);
      return NDIS_STATUS_SUCCESS;
    },
});
