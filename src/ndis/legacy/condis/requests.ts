/**
 * Requests between clients, call managers and connection-oriented miniports for NDIS 5, over those of NDIS 6.
 * Implements NdisCoRequest, NdisCoRequestComplete, NdisMCmRequest and NdisMCoRequestComplete (ddk/ndis.h).
 */

import type { Driver, DriverCallback, Handle, Pointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NdisCoOidRequest,
  NdisCoOidRequestComplete,
  NdisMCmOidRequest,
  NdisMCoOidRequestComplete,
} from '../../condis/coOidRequest.ts';
import { PROTOCOL_CO_OID_REQUEST, PROTOCOL_CO_OID_REQUEST_COMPLETE } from '../../condis/protocolCallbacks.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
} from '../../generated/constants/index.ts';
import type { NDIS_OID_REQUEST, NDIS_REQUEST } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { readRequest } from '../../oid/requestFormat.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import { completeRequestOf } from '../miniport/requests.ts';
import { legacyAdapterAt } from '../miniport/throughBlock.ts';
import type { CO_REQUEST_COMPLETE_HANDLER, CO_REQUEST_HANDLER } from './callbacks.ts';
import { addressOf, end } from './ends.ts';
import {
  finishOidRequest,
  finishOldRequest,
  isOldType,
  makeOidRequest,
  makeOldFrom,
  requestBlocksOf,
  requestType,
} from './requestBlocks.ts';

/** Makes a request of a driver for NDIS 5 by `ask`, which takes the NDIS_OID_REQUEST. */
function makeRequest(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  request: Address,
  ask: (request: Pointer<NDIS_OID_REQUEST>) => number,
): NDIS_STATUS {
  if (!isOldType(requestType(ndis, request))) return NDIS_STATUS_NOT_SUPPORTED;
  for (const pending of requestBlocksOf(ndis).made.values()) {
    if (pending !== request) continue;
    const text = `${call}: the request 0x${request.toString(16)} was made again before it was complete; wait for ProtocolCoRequestComplete`;
    ndis.kernel.report('OID_REQUEST_REUSED', driver, text, legacyPage(call));
    return NDIS_STATUS_FAILURE;
  }
  const block = makeOidRequest(ndis, request);
  if (block === 0) return NDIS_STATUS_RESOURCES;
  // The address of a structure that this library filled.
  const status = ask(block as Pointer<NDIS_OID_REQUEST>) >>> 0;
  if (status !== NDIS_STATUS_PENDING) finishOidRequest(ndis, block);
  return status as NDIS_STATUS;
}

/** ProtocolCoOidRequest of a driver for NDIS 5. */
export function requestEnd(
  ndis: NdisLibrary,
  handler: DriverCallback<CO_REQUEST_HANDLER>,
): DriverCallback<PROTOCOL_CO_OID_REQUEST> {
  const { driver } = handler;
  return end(driver, PROTOCOL_CO_OID_REQUEST, (family, vc, party, view) => {
    const oidRequest = addressOf(view);
    if (!isOldType(readRequest(ndis.memory, oidRequest).type)) return NDIS_STATUS_NOT_SUPPORTED;
    const request = makeOldFrom(ndis, driver, oidRequest);
    if (request === 0) return NDIS_STATUS_RESOURCES;
    const status = handler.invoke(family, vc, party, request);
    // A request that the driver completed by a call in the handler is gone: the library says so of its own form.
    if (status >>> 0 !== NDIS_STATUS_PENDING) finishOldRequest(ndis, driver, request);
    return status;
  });
}

/** ProtocolCoOidRequestComplete of a driver for NDIS 5. */
export function requestCompleteEnd(
  ndis: NdisLibrary,
  handler: DriverCallback<CO_REQUEST_COMPLETE_HANDLER>,
): DriverCallback<PROTOCOL_CO_OID_REQUEST_COMPLETE> {
  return end(handler.driver, PROTOCOL_CO_OID_REQUEST_COMPLETE, (family, vc, party, view, status) => {
    const request = finishOidRequest(ndis, addressOf(view));
    if (request !== 0) handler.invoke(status, family, vc, party, request);
  });
}

/**
 * NdisCoRequest: asks the other end of an address family, or with a NULL family the miniport, for information, or sets
 * it. The NDIS_REQUEST must stay until the request is complete. IRQL <= DISPATCH_LEVEL.
 * @returns what the other driver decided; NDIS_STATUS_PENDING where ProtocolCoRequestComplete gets the final status;
 * NDIS_STATUS_CLOSING for a binding that is being closed; NDIS_STATUS_NOT_SUPPORTED for another type of request than
 * queries and sets; NDIS_STATUS_RESOURCES; NDIS_STATUS_FAILURE for a wrong handle (a finding).
 */
export const NdisCoRequest = legacyFunction(
  'NDIS_STATUS NdisCoRequest(NDIS_HANDLE NdisBindingHandle, NDIS_HANDLE NdisAfHandle, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, PNDIS_REQUEST NdisRequest)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const ask = NdisCoOidRequest.implement(ndis, driver);
    return (
      NdisBindingHandle: Handle,
      NdisAfHandle: Handle,
      NdisVcHandle: Handle,
      NdisPartyHandle: Handle,
      NdisRequest: Pointer<NDIS_REQUEST>,
    ): NDIS_STATUS =>
      makeRequest(ndis, driver, 'NdisCoRequest', NdisRequest, (request) =>
        ask(NdisBindingHandle, NdisAfHandle, NdisVcHandle, NdisPartyHandle, request),
      );
  },
);

/**
 * NdisMCmRequest: like NdisCoRequest, from a miniport call manager to the client of an address family.
 * IRQL <= DISPATCH_LEVEL.
 * @returns what the client decided; NDIS_STATUS_PENDING where ProtocolCoRequestComplete gets the final status;
 * NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_RESOURCES as NdisCoRequest; NDIS_STATUS_FAILURE for a wrong handle (a finding).
 */
export const NdisMCmRequest = legacyFunction(
  'NDIS_STATUS NdisMCmRequest(NDIS_HANDLE NdisAfHandle, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, PNDIS_REQUEST NdisRequest)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const ask = NdisMCmOidRequest.implement(ndis, driver);
    return (
      NdisAfHandle: Handle,
      NdisVcHandle: Handle,
      NdisPartyHandle: Handle,
      NdisRequest: Pointer<NDIS_REQUEST>,
    ): NDIS_STATUS =>
      makeRequest(ndis, driver, 'NdisMCmRequest', NdisRequest, (request) =>
        ask(NdisAfHandle, NdisVcHandle, NdisPartyHandle, request),
      );
  },
);

function reportUnknown(ndis: NdisLibrary, driver: Driver, call: string, request: Address): void {
  const text = `${call}: 0x${request.toString(16)} is no request that is pending at ${driver.name}; complete each request once`;
  ndis.kernel.report('OID_REQUEST_NOT_PENDING', driver, text, legacyPage(call));
}

/**
 * NdisCoRequestComplete: the final status of a request for which ProtocolCoRequest returned NDIS_STATUS_PENDING; calls
 * ProtocolCoRequestComplete of who asked. A request that is not pending is the finding OID_REQUEST_NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL.
 */
export const NdisCoRequestComplete = legacyFunction(
  'VOID NdisCoRequestComplete(NDIS_STATUS Status, NDIS_HANDLE NdisAfHandle, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, PNDIS_REQUEST NdisRequest)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const complete = NdisCoOidRequestComplete.implement(ndis, driver);
    return (
      Status: number,
      NdisAfHandle: Handle,
      NdisVcHandle: Handle,
      NdisPartyHandle: Handle,
      NdisRequest: Address,
    ): void => {
      const record = finishOldRequest(ndis, driver, NdisRequest);
      if (record === null) return reportUnknown(ndis, driver, 'NdisCoRequestComplete', NdisRequest);
      complete(
        NdisAfHandle,
        NdisVcHandle,
        NdisPartyHandle,
        record.oidRequest as Pointer<NDIS_OID_REQUEST>,
        (Status >>> 0) as NDIS_STATUS,
      );
    };
  },
);

/**
 * NdisMCoRequestComplete: the final status of a request for which MiniportCoRequest returned NDIS_STATUS_PENDING. A
 * request that is not pending is the finding OID_REQUEST_NOT_PENDING, a handle that is none of the driver BAD_HANDLE.
 * IRQL <= DISPATCH_LEVEL.
 */
export const NdisMCoRequestComplete = legacyFunction(
  'VOID NdisMCoRequestComplete(NDIS_STATUS Status, NDIS_HANDLE MiniportAdapterHandle, PNDIS_REQUEST Request)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const call = 'NdisMCoRequestComplete';
    const complete = NdisMCoOidRequestComplete.implement(ndis, driver);
    return (Status: number, MiniportAdapterHandle: Handle, Request: Address): void => {
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      if (legacy === null) return;
      const record = finishOldRequest(ndis, driver, Request);
      if (record === null) return reportUnknown(ndis, driver, call, Request);
      if (record.oidRequest === 0) return completeRequestOf(legacy, call, Status >>> 0);
      complete(
        MiniportAdapterHandle,
        0,
        record.oidRequest as Pointer<NDIS_OID_REQUEST>,
        (Status >>> 0) as NDIS_STATUS,
      );
    };
  },
);
