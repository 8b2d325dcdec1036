/**
 * Direct requests: NDIS neither queues nor serializes them. Implements "Direct OID Request Interface in NDIS 6.1"
 * (network).
 */

import { type Context, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
} from '../generated/constants/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { powerHooksOf } from '../power/hooks.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { directOids, isPrivateOid } from './oidInterfaces.ts';
import { asRequest, clearResults, readRequest, refuseMalformedRequest, statusNow } from './requestFormat.ts';
import { cancelRequests, completeFromDriver, settleHandler } from './requestQueue.ts';
import { DIRECT_REQUEST_LIMIT, oidRequestsOf } from './requestRecord.ts';
import { openBinding, refusePort } from './requestRules.ts';
import { nameSource, refuseReuse } from './submitRequest.ts';

/** Takes a well-formed direct request of `source` to the next driver below, inside the call. */
export function submitDirectRequest(
  ndis: NdisLibrary,
  source: Binding | FilterModule,
  request: Address,
  completes: boolean,
  call: string,
): NDIS_STATUS {
  const { adapter } = source;
  const registry = oidRequestsOf(ndis);
  const module = source instanceof FilterModule ? source : null;
  const station = registry.below(adapter, module, 'direct');
  const below = station.module ?? adapter;
  const handlers = station.module === null ? adapter.miniport.handlers : station.module.handlers;
  const handler = handlers?.directOidRequest ?? null;
  const fields = readRequest(ndis.memory, request);
  if (handler === null || !completes) {
    ndis.kernel.note(call, `${source.label}: a driver registered no handler for direct requests`);
    return NDIS_STATUS_NOT_SUPPORTED;
  }
  if (!directOids.has(fields.oid) && !isPrivateOid(fields.oid)) return NDIS_STATUS_NOT_SUPPORTED;
  const wrongPort = refusePort(ndis, adapter, fields.port);
  if (wrongPort !== null) return wrongPort;
  if (refuseReuse(ndis, source, request)) return NDIS_STATUS_FAILURE;
  if (station.direct.size >= DIRECT_REQUEST_LIMIT) return NDIS_STATUS_RESOURCES;
  if (station.module === null) {
    const sleeps = adapter.suspended;
    powerHooksOf(ndis).activity(ndis, adapter);
    // A direct request cannot wait: it wakes the adapter, and succeeds when it is made again.
    if (sleeps) return NDIS_STATUS_LOW_POWER_STATE;
  }
  clearResults(ndis.memory, request);
  nameSource(ndis, source, request);
  const record = registry.create(
    {
      interface: 'direct',
      station,
      binding: source instanceof Binding ? source : null,
      module,
      request,
      plan: 'pass',
      event: 0,
    },
    fields,
  );
  record.sent = request;
  record.inHandler = true;
  record.inCall = true;
  station.direct.set(request, record);
  const status = handler.invoke(below.context, asRequest(request));
  const role = station.module === null ? 'MiniportDirectOidRequest' : 'FilterDirectOidRequest';
  return settleHandler(ndis, record, statusNow(status, role, handler.driver));
}

/**
 * NdisDirectOidRequest: like NdisOidRequest, for the OIDs whose pages name the direct interface and for OIDs of a
 * vendor's own. The handler of the driver below, a filter module's or MiniportDirectOidRequest, runs inside the call,
 * at the caller's IRQL; where it returns
 * NDIS_STATUS_PENDING, ProtocolDirectOidRequestComplete gets the final status. NDIS_STATUS_NOT_SUPPORTED for other
 * OIDs, and where one of the two drivers did not register its handler. IRQL <= DISPATCH_LEVEL. At most 256 direct
 * requests are pending at one driver; more fail with NDIS_STATUS_RESOURCES. Source: nf-ndis-ndisdirectoidrequest.
 */
export const NdisDirectOidRequest = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nf-ndis-ndisdirectoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>): NDIS_STATUS => {
      const call = 'NdisDirectOidRequest';
      const binding = openBinding(ndis, driver, call, NdisBindingHandle);
      if (typeof binding === 'number') return binding;
      const malformed = refuseMalformedRequest(ndis, driver, call, OidRequest, true);
      if (malformed !== null) return malformed;
      const complete = binding.protocol.handlers?.directOidRequestComplete ?? null;
      return submitDirectRequest(ndis, binding, OidRequest, complete !== null, call);
    },
});

/**
 * NdisCancelDirectOidRequest: asks the miniport driver, through MiniportCancelDirectOidRequest, to complete the
 * pending direct requests of a binding that have this RequestId. IRQL <= DISPATCH_LEVEL.
 * Source: nf-ndis-ndiscanceldirectoidrequest.
 */
export const NdisCancelDirectOidRequest = declareFunction('ndis', {
  prototype: 'VOID NdisCancelDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nf-ndis-ndiscanceldirectoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, RequestId: Context): void => {
      const page = 'ndis/nf-ndis-ndiscanceldirectoidrequest';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, 'NdisCancelDirectOidRequest', page);
      if (binding === null) return;
      cancelRequests(ndis, binding, 'direct', RequestId);
    },
});

/**
 * NdisMDirectOidRequestComplete: the final status of a direct request that is pending. Calls
 * ProtocolDirectOidRequestComplete before it returns, at the caller's IRQL. IRQL <= DISPATCH_LEVEL.
 * Source: nf-ndis-ndismdirectoidrequestcomplete.
 */
export const NdisMDirectOidRequestComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisMDirectOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nf-ndis-ndismdirectoidrequestcomplete',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>, Status: NDIS_STATUS): void => {
      const call = 'NdisMDirectOidRequestComplete';
      const page = 'ndis/nf-ndis-ndismdirectoidrequestcomplete';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, page);
      if (adapter === null) return;
      const station = oidRequestsOf(ndis).of(adapter);
      completeFromDriver(ndis, station, 'direct', call, OidRequest, Status);
    },
});
