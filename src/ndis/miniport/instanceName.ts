/**
 * The friendly names of adapters, as drivers ask for them.
 * Implements nf-ndis-ndismqueryadapterinstancename, nf-ndis-ndisqueryadapterinstancename and
 * nf-ndis-ndisquerybindinstancename.
 */

import { type Driver, declareFunction, type Handle, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { Binding, OperationContext } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { MiniportAdapter } from './miniportAdapter.ts';

/** `NDna` as a pool tag. */
const NAME_TAG = 0x616e444e;

/** Writes the name of `adapter` to the string at `at`; its memory is the driver's, who frees it with NdisFreeMemory. */
function writeName(
  ndis: NdisLibrary,
  driver: Driver,
  at: Address,
  adapter: MiniportAdapter | undefined,
): NDIS_STATUS {
  if (adapter === undefined || at === 0) return NDIS_STATUS_FAILURE;
  const { memory } = ndis;
  const { length } = adapter.instanceName;
  const buffer = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, 2 * length + 2, NAME_TAG, driver.id);
  if (buffer === 0) return NDIS_STATUS_RESOURCES;
  for (let i = 0; i < length; i++) memory.u16[(buffer >> 1) + i] = adapter.instanceName.charCodeAt(i);
  memory.u16[at >> 1] = 2 * length;
  memory.u16[(at + 2) >> 1] = 2 * length + 2;
  memory.writePointer(at + 8, buffer);
  return NDIS_STATUS_SUCCESS;
}

/**
 * NdisMQueryAdapterInstanceName: the friendly name of a miniport's adapter. The caller frees the buffer with
 * NdisFreeMemory. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES when memory is short, NDIS_STATUS_FAILURE for a wrong handle (a
 * finding). Source: ndis/nf-ndis-ndismqueryadapterinstancename.
 */
export const NdisMQueryAdapterInstanceName = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMQueryAdapterInstanceName(PNDIS_STRING pAdapterInstanceName, NDIS_HANDLE MiniportHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndismqueryadapterinstancename',
  implement:
    (ndis: NdisLibrary, driver) =>
    (pAdapterInstanceName: Address, MiniportHandle: Handle): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndismqueryadapterinstancename';
      const call = 'NdisMQueryAdapterInstanceName';
      const adapter = ndis.expect(MiniportHandle, MiniportAdapter, driver, call, page);
      return writeName(ndis, driver, pAdapterInstanceName, adapter ?? undefined);
    },
});

/**
 * NdisQueryAdapterInstanceName: the friendly name of the adapter that a binding leads to. The caller frees the buffer
 * with NdisFreeMemory. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES when memory is short, NDIS_STATUS_FAILURE for a wrong handle (a
 * finding). Source: ndis/nf-ndis-ndisqueryadapterinstancename.
 */
export const NdisQueryAdapterInstanceName = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisQueryAdapterInstanceName(PNDIS_STRING pAdapterInstanceName, NDIS_HANDLE NdisBindingHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisqueryadapterinstancename',
  implement:
    (ndis: NdisLibrary, driver) =>
    (pAdapterInstanceName: Address, NdisBindingHandle: Handle): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndisqueryadapterinstancename';
      const call = 'NdisQueryAdapterInstanceName';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, call, page);
      return writeName(ndis, driver, pAdapterInstanceName, binding?.adapter);
    },
});

/**
 * NdisQueryBindInstanceName: the friendly name of the adapter that ProtocolBindAdapterEx was called for, before it is
 * opened. The caller frees the buffer with NdisFreeMemory. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES when memory is short, NDIS_STATUS_FAILURE for a handle that is no
 * bind in progress (a finding). Source: ndis/nf-ndis-ndisquerybindinstancename.
 */
export const NdisQueryBindInstanceName = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisQueryBindInstanceName(PNDIS_STRING pAdapterInstanceName, NDIS_HANDLE BindingContext)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nf-ndis-ndisquerybindinstancename',
  implement:
    (ndis: NdisLibrary, driver) =>
    (pAdapterInstanceName: Address, BindingContext: Handle): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndisquerybindinstancename';
      const call = 'NdisQueryBindInstanceName';
      const context = ndis.expect(BindingContext, OperationContext, driver, call, page);
      return writeName(ndis, driver, pAdapterInstanceName, context?.binding.adapter);
    },
});
