/**
 * Requests of filter modules: passed on, made, completed and cancelled.
 * Implements the nf-ndis-ndisf*oidrequest* pages (ndis), "Filtering OID Requests in an NDIS Filter Driver" and
 * "Generating OID Requests from an NDIS Filter Driver" (network).
 */

import { type Context, type Driver, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
} from '../generated/constants/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { NDIS_STATUS } from '../status.ts';
import { submitDirectRequest } from './directOidRequest.ts';
import { readRequest, refuseMalformedRequest } from './requestFormat.ts';
import { cancelRequests, completeFromDriver } from './requestQueue.ts';
import { oidRequestsOf } from './requestRecord.ts';
import { isPowerRequest, refuseState } from './requestRules.ts';
import { submitRequest } from './submitRequest.ts';
import { isSynchronous, runSynchronousRequest } from './synchronousOidRequest.ts';

const GENERATING_PAGE = 'network/generating-oid-requests-from-an-ndis-filter-driver';

/** The module behind a handle that may make requests now, or the status with which its request fails. */
function requestingModule(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
): FilterModule | number {
  const module = ndis.expect(handle, FilterModule, driver, call, GENERATING_PAGE);
  if (module === null) {
    return ndis.memory.objects.isStale(handle) ? NDIS_STATUS_CLOSING : NDIS_STATUS_FAILURE;
  }
  if (module.state !== 'Attaching') return module;
  ndis.kernel.report(
    'OID_REQUEST_WHILE_ATTACHING',
    driver,
    `${call}: ${module.label} is not attached yet; make requests from FilterRestart on`,
    GENERATING_PAGE,
  );
  return NDIS_STATUS_FAILURE;
}

/** The module that makes a well-formed request, or the status that refuses it. */
function acceptRequest(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
  request: number,
  lasting: boolean,
): FilterModule | number {
  const module = requestingModule(ndis, driver, call, handle);
  if (typeof module === 'number') return module;
  const malformed = refuseMalformedRequest(ndis, driver, call, request, lasting);
  if (malformed !== null)
    return malformed === NDIS_STATUS_FAILURE ? NDIS_STATUS_INVALID_PARAMETER : malformed;
  // What a driver is told of power comes to it without power too.
  const { oid } = readRequest(ndis.memory, request);
  const refused = isPowerRequest(oid) ? null : refuseState(module.adapter);
  if (refused !== null) return refused;
  if (!isSynchronous(ndis, request)) return module;
  ndis.kernel.report(
    'SYNCHRONOUS_OID_PASSED_ON',
    driver,
    `${call}: ${module.label} passes on a synchronous request, which goes on when its handler returns`,
    'ndis/nf-ndis-filter_synchronous_oid_request',
  );
  return NDIS_STATUS_FAILURE;
}

/**
 * NdisFOidRequest: passes a cloned request on to the drivers below a module, or makes one. The status is final, or
 * NDIS_STATUS_PENDING where FilterOidRequestComplete gets it. As with NdisOidRequest the call may return a promise
 * where the module may wait, so `await` it there. The request and its buffer stay valid until it is complete.
 * NDIS_STATUS_INVALID_PARAMETER for a wrong header; a request that was not cloned is a finding. IRQL <= DISPATCH_LEVEL.
 * At most 256 requests wait at one driver; more fail with NDIS_STATUS_RESOURCES. Source: nf-ndis-ndisfoidrequest.
 */
export const NdisFOidRequest = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisFOidRequest(NDIS_HANDLE NdisFilterHandle, PNDIS_OID_REQUEST OidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>): NDIS_STATUS | Promise<NDIS_STATUS> => {
      const call = 'NdisFOidRequest';
      const module = acceptRequest(ndis, driver, call, NdisFilterHandle, OidRequest, true);
      if (typeof module === 'number') return module;
      if ((module.handlers?.oidRequestComplete ?? null) === null) {
        const text = `${call}: ${module.label} has no FilterOidRequestComplete, which a driver that makes requests needs`;
        ndis.kernel.report(
          'OID_COMPLETION_MISSING',
          driver,
          text,
          'ndis/nc-ndis-filter_oid_request_complete',
        );
        return NDIS_STATUS_NOT_SUPPORTED;
      }
      return submitRequest(ndis, module, OidRequest);
    },
});

/**
 * NdisFOidRequestComplete: the final status of a request for which FilterOidRequest returned, or will return,
 * NDIS_STATUS_PENDING. The completion function of who asked runs before it returns, at the caller's IRQL. A request
 * that is not pending at the module, or NDIS_STATUS_PENDING as status, is a finding. IRQL <= DISPATCH_LEVEL.
 * Source: nf-ndis-ndisfoidrequestcomplete.
 */
export const NdisFOidRequestComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisFOidRequestComplete(NDIS_HANDLE NdisFilterHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfoidrequestcomplete',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>, Status: NDIS_STATUS): void => {
      const call = 'NdisFOidRequestComplete';
      const page = 'ndis/nf-ndis-ndisfoidrequestcomplete';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, call, page);
      if (module === null) return;
      completeFromDriver(ndis, oidRequestsOf(ndis).at(module), 'regular', call, OidRequest, Status);
    },
});

/**
 * NdisFCancelOidRequest: cancels the requests of a module that have this RequestId: its own and those it passed on.
 * What waits is completed with NDIS_STATUS_REQUEST_ABORTED; the driver that has one is asked to complete it.
 * IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndisfcanceloidrequest.
 */
export const NdisFCancelOidRequest = declareFunction('ndis', {
  prototype: 'VOID NdisFCancelOidRequest(NDIS_HANDLE NdisFilterHandle, PVOID RequestId)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfcanceloidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, RequestId: Context): void => {
      const page = 'ndis/nf-ndis-ndisfcanceloidrequest';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, 'NdisFCancelOidRequest', page);
      if (module !== null) cancelRequests(ndis, module, 'regular', RequestId);
    },
});

/**
 * NdisFDirectOidRequest: passes a cloned direct request on to the drivers below a module, or makes one. The next
 * handler runs inside the call, at the caller's IRQL; where it returns NDIS_STATUS_PENDING,
 * FilterDirectOidRequestComplete gets the final status. NDIS_STATUS_NOT_SUPPORTED for OIDs that do not travel so, and
 * where one of the two drivers has no handler. IRQL <= DISPATCH_LEVEL. At most 256 direct requests are pending at one
 * driver; more fail with NDIS_STATUS_RESOURCES. Source: nf-ndis-ndisfdirectoidrequest.
 */
export const NdisFDirectOidRequest = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisFDirectOidRequest(NDIS_HANDLE NdisFilterHandle, PNDIS_OID_REQUEST OidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nf-ndis-ndisfdirectoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>): NDIS_STATUS => {
      const call = 'NdisFDirectOidRequest';
      const module = acceptRequest(ndis, driver, call, NdisFilterHandle, OidRequest, true);
      if (typeof module === 'number') return module;
      const complete = module.handlers?.directOidRequestComplete ?? null;
      return submitDirectRequest(ndis, module, OidRequest, complete !== null, call);
    },
});

/**
 * NdisFDirectOidRequestComplete: the final status of a direct request that is pending at a module. The completion
 * function of who asked runs before it returns, at the caller's IRQL. What is not pending is a finding.
 * IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndisfdirectoidrequestcomplete.
 */
export const NdisFDirectOidRequestComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisFDirectOidRequestComplete(NDIS_HANDLE NdisFilterHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nf-ndis-ndisfdirectoidrequestcomplete',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>, Status: NDIS_STATUS): void => {
      const call = 'NdisFDirectOidRequestComplete';
      const page = 'ndis/nf-ndis-ndisfdirectoidrequestcomplete';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, call, page);
      if (module === null) return;
      completeFromDriver(ndis, oidRequestsOf(ndis).at(module), 'direct', call, OidRequest, Status);
    },
});

/**
 * NdisFCancelDirectOidRequest: asks the driver below to complete the pending direct requests of a module that have
 * this RequestId. IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndisfcanceldirectoidrequest.
 */
export const NdisFCancelDirectOidRequest = declareFunction('ndis', {
  prototype: 'VOID NdisFCancelDirectOidRequest(NDIS_HANDLE NdisFilterHandle, PVOID RequestId)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nf-ndis-ndisfcanceldirectoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, RequestId: Context): void => {
      const page = 'ndis/nf-ndis-ndisfcanceldirectoidrequest';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, 'NdisFCancelDirectOidRequest', page);
      if (module !== null) cancelRequests(ndis, module, 'direct', RequestId);
    },
});

/**
 * NdisFSynchronousOidRequest: makes a synchronous request of the drivers below a module; it is complete when the call
 * returns. Not for requests that a FilterSynchronousOidRequest function got. NDIS_STATUS_NOT_SUPPORTED for OIDs that do
 * not travel so. The request may be a literal. IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndisfsynchronousoidrequest.
 */
export const NdisFSynchronousOidRequest = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisFSynchronousOidRequest(NDIS_HANDLE NdisFilterModuleHandle, NDIS_OID_REQUEST* OidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.81',
  page: 'ndis/nf-ndis-ndisfsynchronousoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterModuleHandle: Handle, OidRequest: Pointer<NDIS_OID_REQUEST>): NDIS_STATUS => {
      const call = 'NdisFSynchronousOidRequest';
      const module = acceptRequest(ndis, driver, call, NdisFilterModuleHandle, OidRequest, false);
      return typeof module === 'number' ? module : runSynchronousRequest(ndis, module, OidRequest);
    },
});
