/** Regular requests of protocol drivers. Implements nf-ndis-ndisoidrequest and its companions (ndis). */

import { type Context, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { refuseMalformedRequest } from './requestFormat.ts';
import { cancelRequests, completeFromDriver } from './requestQueue.ts';
import { oidRequestsOf } from './requestRecord.ts';
import { openBinding } from './requestRules.ts';
import { submitRequest } from './submitRequest.ts';

/**
 * NdisOidRequest: asks the adapter of a binding for information, or sets it.
 *
 * The status is final where NDIS answers itself or refuses the request, and NDIS_STATUS_PENDING where the request is
 * queued; ProtocolOidRequestComplete then gets the final status. Called at PASSIVE_LEVEL from a handler that may wait,
 * with nothing queued, the seed may choose to call the driver below (FilterOidRequest of the first filter module that
 * has it, else MiniportOidRequest) inside the call: then this returns a promise, which gives the final status or
 * NDIS_STATUS_PENDING. So `await` it there; at DISPATCH_LEVEL and in handlers that may not wait it never returns a
 * promise (docs/decisions/0001-control-passing.md, point 4).
 *
 * The request and its buffer must stay valid until it is complete: allocate both from non-paged pool.
 * IRQL <= DISPATCH_LEVEL. At most 256 requests wait at one driver; more fail with NDIS_STATUS_RESOURCES.
 * Source: nf-ndis-ndisoidrequest.
 */
export const NdisOidRequest = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisBindingHandle: Handle,
      OidRequest: Pointer<NDIS_OID_REQUEST>,
    ): NDIS_STATUS | Promise<NDIS_STATUS> => {
      const binding = openBinding(ndis, driver, 'NdisOidRequest', NdisBindingHandle);
      if (typeof binding === 'number') return binding;
      const refused = refuseMalformedRequest(ndis, driver, 'NdisOidRequest', OidRequest, true);
      if (refused !== null) return refused;
      return submitRequest(ndis, binding, OidRequest);
    },
});

/**
 * NdisCancelOidRequest: cancels the regular requests of a binding that have this RequestId. Those that wait are
 * completed with NDIS_STATUS_REQUEST_ABORTED; for the one that the miniport driver has, MiniportCancelOidRequest is
 * called, and the driver completes it with a status of its choice. IRQL <= DISPATCH_LEVEL.
 * Source: nf-ndis-ndiscanceloidrequest.
 */
export const NdisCancelOidRequest = declareFunction('ndis', {
  prototype: 'VOID NdisCancelOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndiscanceloidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, RequestId: Context): void => {
      const page = 'ndis/nf-ndis-ndiscanceloidrequest';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, 'NdisCancelOidRequest', page);
      if (binding === null) return;
      cancelRequests(ndis, binding, 'regular', RequestId);
    },
});

/**
 * NdisMOidRequestComplete: the final status of a request for which MiniportOidRequest returned, or will return,
 * NDIS_STATUS_PENDING. Calls ProtocolOidRequestComplete before it returns, at the caller's IRQL. A request that is
 * not pending at the adapter, or NDIS_STATUS_PENDING as status, is a finding. IRQL <= DISPATCH_LEVEL.
 * Source: nf-ndis-ndismoidrequestcomplete.
 */
export const NdisMOidRequestComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisMOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismoidrequestcomplete',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>, Status: NDIS_STATUS): void => {
      const call = 'NdisMOidRequestComplete';
      const adapter = ndis.expect(
        MiniportAdapterHandle,
        MiniportAdapter,
        driver,
        call,
        'ndis/nf-ndis-ndismoidrequestcomplete',
      );
      if (adapter === null) return;
      const station = oidRequestsOf(ndis).of(adapter);
      completeFromDriver(ndis, station, 'regular', call, OidRequest, Status);
    },
});
