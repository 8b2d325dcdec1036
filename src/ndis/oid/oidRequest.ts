/** Regular requests of protocol drivers. Implements nf-ndis-ndisoidrequest and its companions (ndis). */

import {
  type Context,
  declareFunction,
  type Handle,
  PASSIVE_LEVEL,
  type Pointer,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
} from '../generated/constants/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { answerRequest } from './answers.ts';
import { planOf, refuseContents } from './bindingRequests.ts';
import { clearResults, readRequest, refuseMalformedRequest, setRequestHandle } from './requestFormat.ts';
import { abortQueued, describe, finishRequest, handOverRequest, workOnQueue } from './requestQueue.ts';
import { type OidRecord, oidRequestsOf, REQUEST_QUEUE_LIMIT } from './requestRecord.ts';
import { openBinding, refusePort } from './requestRules.ts';

/**
 * NdisOidRequest: asks the adapter of a binding for information, or sets it.
 *
 * The status is final where NDIS answers itself or refuses the request, and NDIS_STATUS_PENDING where the request is
 * queued; ProtocolOidRequestComplete then gets the final status. Called at PASSIVE_LEVEL from a handler that may wait,
 * with nothing queued, the seed may choose to call MiniportOidRequest inside the call: then this returns a promise,
 * which gives the final status or NDIS_STATUS_PENDING. So `await` it there; at DISPATCH_LEVEL and in handlers that may
 * not wait it never returns a promise (docs/decisions/0001-control-passing.md, point 4).
 *
 * The request and its buffer must stay valid until it is complete: allocate both from non-paged pool.
 * IRQL <= DISPATCH_LEVEL. At most 256 requests wait at one adapter; more fail with NDIS_STATUS_RESOURCES.
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

function submitRequest(
  ndis: NdisLibrary,
  binding: Binding,
  request: Address,
): NDIS_STATUS | Promise<NDIS_STATUS> {
  const { adapter } = binding;
  const registry = oidRequestsOf(ndis);
  const requests = registry.of(adapter);
  if (refuseReuse(ndis, binding, request)) return NDIS_STATUS_FAILURE;
  clearResults(ndis.memory, request);
  setRequestHandle(ndis.memory, request, binding.handle);
  const fields = readRequest(ndis.memory, request);
  const plan = planOf(fields);
  const refused =
    refusePort(ndis, adapter, fields.port) ?? refuseContents(ndis, adapter, request, fields, plan);
  if (refused !== null) return refused;
  const answered = answerRequest(ndis, adapter, request, fields);
  if (answered !== null) return answered;
  if (requests.queue.length >= REQUEST_QUEUE_LIMIT) return NDIS_STATUS_RESOURCES;
  const record = registry.create({ interface: 'regular', adapter, binding, request, plan, event: 0 }, fields);
  if (mayRunInCall(ndis) && requests.active === null && requests.queue.length === 0 && !requests.working) {
    if (ndis.kernel.random.chance(1, 2)) {
      record.inCall = true;
      requests.active = record;
      return ndis.kernel.scheduler.execute(handOverRequest, ndis, { record: record.id });
    }
  }
  requests.queue.push(record);
  workOnQueue(ndis, requests);
  return NDIS_STATUS_PENDING;
}

/** Whether the running code can wait for a driver: a thread at PASSIVE_LEVEL, in no handler that may not wait. */
function mayRunInCall(ndis: NdisLibrary): boolean {
  const { kernel } = ndis;
  return (
    kernel.irql === PASSIVE_LEVEL &&
    kernel.synchronousDepth === 0 &&
    kernel.scheduler.thread?.inTypeScript === true
  );
}

/** Reports a request that is made again before it is complete. */
export function refuseReuse(ndis: NdisLibrary, binding: Binding, request: Address): boolean {
  for (const record of oidRequestsOf(ndis).of(binding.adapter).outstanding()) {
    if (record.request !== request) continue;
    ndis.kernel.report(
      'OID_REQUEST_REUSED',
      binding.protocol.driver,
      `${describe(ndis, record)} was made again before it was complete; wait for its completion function`,
      'ndis/nf-ndis-ndisoidrequest',
    );
    return true;
  }
  return false;
}

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
      const { adapter } = binding;
      abortQueued(ndis, adapter, binding, RequestId);
      const { active } = oidRequestsOf(ndis).of(adapter);
      if (active === null || active.complete || active.binding !== binding) return;
      if (active.requestId !== RequestId) return;
      adapter.miniport.handlers?.cancelOidRequest.invoke(adapter.context, RequestId);
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
      const { active } = oidRequestsOf(ndis).of(adapter);
      const record = active !== null && !active.complete && active.sent === OidRequest ? active : null;
      completeFromMiniport(ndis, adapter, record, call, OidRequest, Status);
    },
});

/** A miniport driver completes `record`, or what is no pending request of its adapter (null). */
export function completeFromMiniport(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  record: OidRecord | null,
  call: string,
  request: Address,
  status: number,
): void {
  const { driver } = adapter.miniport;
  if (record === null) {
    ndis.kernel.report(
      'OID_REQUEST_NOT_PENDING',
      driver,
      `${call}: 0x${request.toString(16)} is no request that is pending at ${adapter.label}; complete each request once, with the pointer that the handler got. Windows would stop with bug check 0x7C (0x26)`,
      'ndis/nf-ndis-ndismoidrequestcomplete',
    );
    return;
  }
  if (status >>> 0 === NDIS_STATUS_PENDING) {
    ndis.kernel.report(
      'OID_COMPLETED_WITH_PENDING',
      driver,
      `${call}: ${describe(ndis, record)} was completed with NDIS_STATUS_PENDING, which is no final status; it is taken as NDIS_STATUS_FAILURE`,
      'ndis/nf-ndis-ndismoidrequestcomplete',
    );
    finishRequest(ndis, record, NDIS_STATUS_FAILURE);
    return;
  }
  finishRequest(ndis, record, status >>> 0);
}
