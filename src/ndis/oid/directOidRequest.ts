/**
 * Direct and synchronous requests: NDIS neither queues nor serializes them. Implements "Direct OID Request Interface
 * in NDIS 6.1" and "Synchronous OID request interface in NDIS 6.80" (network).
 */

import { type Context, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
} from '../generated/constants/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { oidName } from '../names.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import type { NDIS_STATUS } from '../status.ts';
import { directOids, isPrivateOid, synchronousOids } from './oidInterfaces.ts';
import { completeFromMiniport, refuseReuse } from './oidRequest.ts';
import {
  asRequest,
  clearResults,
  limitResults,
  readRequest,
  refuseMalformedRequest,
  setRequestHandle,
  statusNow,
} from './requestFormat.ts';
import { settleHandler } from './requestQueue.ts';
import { DIRECT_REQUEST_LIMIT, oidRequestsOf } from './requestRecord.ts';
import { openBinding, refusePort } from './requestRules.ts';

/**
 * NdisDirectOidRequest: like NdisOidRequest, for the OIDs whose pages name the direct interface and for OIDs of a
 * vendor's own. MiniportDirectOidRequest runs inside the call, at the caller's IRQL; where it returns
 * NDIS_STATUS_PENDING, ProtocolDirectOidRequestComplete gets the final status. NDIS_STATUS_NOT_SUPPORTED for other
 * OIDs, and where one of the two drivers did not register its handler. IRQL <= DISPATCH_LEVEL. At most 256 direct
 * requests are pending at one adapter; more fail with NDIS_STATUS_RESOURCES. Source: nf-ndis-ndisdirectoidrequest.
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
      const { adapter } = binding;
      const handler = adapter.miniport.handlers?.directOidRequest ?? null;
      const fields = readRequest(ndis.memory, OidRequest);
      const complete = binding.protocol.handlers?.directOidRequestComplete ?? null;
      if (handler === null || complete === null) {
        ndis.kernel.note(call, `${binding.label}: a driver registered no handler for direct requests`);
        return NDIS_STATUS_NOT_SUPPORTED;
      }
      if (!directOids.has(fields.oid) && !isPrivateOid(fields.oid)) return NDIS_STATUS_NOT_SUPPORTED;
      const wrongPort = refusePort(ndis, adapter, fields.port);
      if (wrongPort !== null) return wrongPort;
      if (refuseReuse(ndis, binding, OidRequest)) return NDIS_STATUS_FAILURE;
      const registry = oidRequestsOf(ndis);
      const { direct } = registry.of(adapter);
      if (direct.size >= DIRECT_REQUEST_LIMIT) return NDIS_STATUS_RESOURCES;
      clearResults(ndis.memory, OidRequest);
      setRequestHandle(ndis.memory, OidRequest, binding.handle);
      const source = {
        interface: 'direct',
        adapter,
        binding,
        request: OidRequest,
        plan: 'pass',
        event: 0,
      } as const;
      const record = registry.create(source, fields);
      record.sent = OidRequest;
      record.inHandler = true;
      record.inCall = true;
      direct.set(OidRequest, record);
      const status = handler.invoke(adapter.context, asRequest(OidRequest));
      return settleHandler(ndis, record, statusNow(status, 'MiniportDirectOidRequest', handler.driver));
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
      const { adapter } = binding;
      for (const record of oidRequestsOf(ndis).of(adapter).direct.values()) {
        if (record.binding !== binding || record.requestId !== RequestId) continue;
        adapter.miniport.handlers?.cancelDirectOidRequest?.invoke(adapter.context, RequestId);
        return;
      }
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
      const record = oidRequestsOf(ndis).of(adapter).direct.get(OidRequest) ?? null;
      completeFromMiniport(ndis, adapter, record, call, OidRequest, Status);
    },
});

/**
 * NdisSynchronousOidRequest: a request that is complete when the call returns, for the OIDs whose pages name the
 * synchronous interface and for OIDs of a vendor's own. MiniportSynchronousOidRequest runs inside the call, at the
 * caller's IRQL. NDIS_STATUS_NOT_SUPPORTED for other OIDs, and where the miniport driver has no handler. The request
 * may be a literal. IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndissynchronousoidrequest.
 */
export const NdisSynchronousOidRequest = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisSynchronousOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.80',
  page: 'ndis/nf-ndis-ndissynchronousoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>): NDIS_STATUS => {
      const call = 'NdisSynchronousOidRequest';
      const binding = openBinding(ndis, driver, call, NdisBindingHandle);
      if (typeof binding === 'number') return binding;
      const malformed = refuseMalformedRequest(ndis, driver, call, OidRequest, false);
      if (malformed !== null) return malformed;
      const { adapter } = binding;
      const { oid, port } = readRequest(ndis.memory, OidRequest);
      const handler = adapter.miniport.handlers?.synchronousOidRequest ?? null;
      if (handler === null) return NDIS_STATUS_NOT_SUPPORTED;
      if (!synchronousOids.has(oid) && !isPrivateOid(oid)) return NDIS_STATUS_NOT_SUPPORTED;
      const wrongPort = refusePort(ndis, adapter, port);
      if (wrongPort !== null) return wrongPort;
      clearResults(ndis.memory, OidRequest);
      setRequestHandle(ndis.memory, OidRequest, binding.handle);
      binding.requestsOutstanding++;
      const value = handler.invoke(adapter.context, asRequest(OidRequest));
      binding.requestsOutstanding--;
      releaseIfDrained(ndis, binding);
      const status = statusNow(value, 'MiniportSynchronousOidRequest', handler.driver);
      return checkSynchronous(ndis, adapter, OidRequest, oid, status);
    },
});

function checkSynchronous(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  request: number,
  oid: number,
  status: number,
): number {
  const page = 'ndis/nc-ndis-miniport_synchronous_oid_request';
  const { driver } = adapter.miniport;
  if (status === NDIS_STATUS_PENDING) {
    const text = `MiniportSynchronousOidRequest returned NDIS_STATUS_PENDING for ${oidName(oid)}; it must answer before it returns`;
    ndis.kernel.report('SYNCHRONOUS_OID_PENDING', driver, text, page);
    return NDIS_STATUS_FAILURE;
  }
  if (!limitResults(ndis.memory, request)) {
    const text = `MiniportSynchronousOidRequest answered ${oidName(oid)} with more bytes than its buffer holds`;
    ndis.kernel.report('OID_REQUEST_INVALID_BUFFER', driver, text, page);
  }
  return status;
}
