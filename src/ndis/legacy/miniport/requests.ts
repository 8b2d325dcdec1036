/**
 * Queries and sets of a miniport driver for NDIS 5: it gets the OID and its buffer without a request around them, and
 * completes the one that it has by a call that names none.
 * Implements W_QUERY_INFORMATION_HANDLER, W_SET_INFORMATION_HANDLER and NDIS_M_REQ_COMPLETE_HANDLER (ddk/ndis.h).
 */

import {
  DISPATCH_LEVEL,
  type Driver,
  declareFunction,
  type Handle,
  lowerIrql,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { signalEvent } from '../../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { isQuery, readRequest, setBytesDone, setBytesNeeded } from '../../oid/requestFormat.ts';
import { completeFromDriver } from '../../oid/requestQueue.ts';
import { oidRequestsOf } from '../../oid/requestRecord.ts';
import type { LegacyAdapter, PendingRequest } from './legacyAdapter.ts';
import { legacyAdapterAt, oldFacts, throughBlock } from './throughBlock.ts';

/** Hands a query or set to the driver. The value is its status; NDIS_STATUS_PENDING where `conclude` brings it. */
export function askDriver(
  legacy: LegacyAdapter,
  asked: PendingRequest,
  oid: number,
  buffer: Address,
  length: number,
): number {
  let status: number = NDIS_STATUS_PENDING;
  let now = true;
  legacy.lock.run(() => {
    const answered = callDriver(legacy, asked, oid, buffer, length);
    if (now) status = answered;
    else if (answered !== NDIS_STATUS_PENDING) conclude(legacy, asked, answered);
  });
  now = false;
  return status;
}

/** Calls the handler. NDIS_STATUS_PENDING also where it completed the request by a call before it returned. */
function callDriver(
  legacy: LegacyAdapter,
  asked: PendingRequest,
  oid: number,
  buffer: Address,
  length: number,
): number {
  const { kernel, memory } = legacy.ndis;
  const { queryInformation, setInformation } = legacy.handlers;
  const { counts } = asked;
  memory.u32[counts >> 2] = 0;
  memory.u32[(counts >> 2) + 1] = 0;
  legacy.request = asked;
  const { processor } = kernel.scheduler;
  const before = processor.irql;
  if (before < DISPATCH_LEVEL) processor.irql = DISPATCH_LEVEL;
  const handler = asked.kind === 'query' ? queryInformation : setInformation;
  const status = handler.invoke(legacy.context, oid, buffer, length, counts, counts + 4) >>> 0;
  if (before < DISPATCH_LEVEL) lowerIrql(kernel, before);
  // The driver completed it by a call, or has to do so.
  if (legacy.request !== asked || status === NDIS_STATUS_PENDING) return NDIS_STATUS_PENDING;
  legacy.request = null;
  takeCounts(legacy, asked);
  return status;
}

function takeCounts(legacy: LegacyAdapter, asked: PendingRequest): void {
  if (asked.request === 0) return;
  const { memory } = legacy.ndis;
  setBytesDone(memory, asked.request, memory.u32[asked.counts >> 2]);
  setBytesNeeded(memory, asked.request, memory.u32[(asked.counts >> 2) + 1]);
}

/** A request that was pending has its status. */
function conclude(legacy: LegacyAdapter, asked: PendingRequest, status: number): void {
  const { ndis, adapter } = legacy;
  if (asked.event !== 0) {
    asked.status = status;
    signalEvent(ndis.kernel, asked.event);
    return;
  }
  const call = asked.kind === 'query' ? 'NdisMQueryInformationComplete' : 'NdisMSetInformationComplete';
  completeFromDriver(ndis, oidRequestsOf(ndis).of(adapter), 'regular', call, asked.request, status);
}

/** The translation of MiniportOidRequest. */
export function legacyOidRequest(legacy: LegacyAdapter, request: Address): number {
  const { memory } = legacy.ndis;
  const fields = readRequest(memory, request);
  const query = isQuery(fields.type);
  // NDIS 5 has no methods.
  if (fields.outputLength !== fields.length || fields.type > LAST_OLD_TYPE) return NDIS_STATUS_NOT_SUPPORTED;
  const asked: PendingRequest = {
    request,
    kind: query ? 'query' : 'set',
    counts: legacy.scratch.counts,
    event: 0,
    status: NDIS_STATUS_PENDING,
  };
  return askDriver(legacy, asked, fields.oid, fields.buffer, fields.length);
}

/** NdisRequestQueryStatistics, the last request type that miniport drivers for NDIS 5 know. */
const LAST_OLD_TYPE = 2;

function complete(ndis: NdisLibrary, driver: Driver, handle: Handle, status: number): void {
  const page = 'ndis/nc-ndis-ndis_m_req_complete_handler';
  const call = 'NdisMQueryInformationComplete or NdisMSetInformationComplete';
  const legacy = legacyAdapterAt(ndis, driver, handle, call, page);
  if (legacy !== null) completeRequestOf(legacy, call, status);
}

/** Completes the query or set that the driver of an adapter has; without one it is the finding NOT_PENDING. */
export function completeRequestOf(legacy: LegacyAdapter, call: string, status: number): void {
  const asked = legacy.request;
  if (asked === null) {
    const text = `${call}: ${legacy.adapter.label} has no request that is pending; complete each request once`;
    const page = 'ndis/nc-ndis-ndis_m_req_complete_handler';
    legacy.ndis.kernel.report('NOT_PENDING', legacy.driver, text, page);
    return;
  }
  if (status === NDIS_STATUS_PENDING && asked.event !== 0)
    return conclude(legacy, asked, NDIS_STATUS_FAILURE);
  legacy.request = null;
  takeCounts(legacy, asked);
  conclude(legacy, asked, status >>> 0);
}

/**
 * Completes the query or set for which the driver's handler returned NDIS_STATUS_PENDING: QueryCompleteHandler and
 * SetCompleteHandler of NDIS_MINIPORT_BLOCK. Without one it is the finding NOT_PENDING. IRQL <= DISPATCH_LEVEL.
 */
export const NDIS_M_REQ_COMPLETE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID NDIS_M_REQ_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status)',
    'nc',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, Status: number): void =>
      complete(ndis, driver, MiniportAdapterHandle, Status),
});

/** NdisMQueryInformationComplete: completes a query that is pending, through QueryCompleteHandler of the block. */
export const NdisMQueryInformationComplete = throughBlock<
  (MiniportAdapterHandle: Handle, Status: number) => void
>(
  'VOID NdisMQueryInformationComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status)',
  'QueryCompleteHandler',
  { exported: NDIS_M_REQ_COMPLETE_HANDLER },
);

/** NdisMSetInformationComplete: completes a set that is pending, through SetCompleteHandler of the block. */
export const NdisMSetInformationComplete = throughBlock<
  (MiniportAdapterHandle: Handle, Status: number) => void
>(
  'VOID NdisMSetInformationComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status)',
  'SetCompleteHandler',
  { exported: NDIS_M_REQ_COMPLETE_HANDLER },
);
