/**
 * Requests on their way: a queue for each adapter from which one regular request at a time goes to the miniport
 * driver, and the direct requests that are pending there.
 * Implements "Miniport adapter OID request serialization" (network).
 */

import { type Driver, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { signalEvent } from '../events.ts';
import {
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { oidName } from '../names.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import { concludeRequest, prepareRequest } from './bindingRequests.ts';
import { asRequest, bytesNeeded, limitResults, readRequest } from './requestFormat.ts';
import { type AdapterRequests, type OidRecord, oidRequestsOf } from './requestRecord.ts';

/** Behind the event of a request of the library's own, in bytes: its final status. */
export const EVENT_STATUS = 24;

/**
 * Hands a record to the miniport driver and settles what its handler returned. The value is the status, or
 * NDIS_STATUS_PENDING when it comes, or came, through a completion.
 */
export const handOverRequest = procedure<NdisLibrary, { readonly record: number }>('MiniportOidRequest', {
  start: (ndis, locals, step) => {
    const record = oidRequestsOf(ndis).records.get(locals.record);
    if (record === undefined) return step.done(NDIS_STATUS_FAILURE);
    const { miniport } = record.adapter;
    record.inHandler = true;
    const answered = prepareRequest(ndis, record);
    const handler = miniport.handlers?.oidRequest;
    if (answered !== null || handler === undefined) {
      record.inHandler = false;
      return step.done(finishRequest(ndis, record, answered ?? NDIS_STATUS_NOT_SUPPORTED));
    }
    return step.call('returned', handler, record.adapter.context, record.sent);
  },
  returned: (ndis, locals, step, status) => {
    const record = oidRequestsOf(ndis).records.get(locals.record);
    return step.done(record === undefined ? NDIS_STATUS_FAILURE : settleHandler(ndis, record, status >>> 0));
  },
});

/** A handler of the miniport driver returned `status` for a record. */
export function settleHandler(ndis: NdisLibrary, record: OidRecord, status: number): number {
  record.inHandler = false;
  if (record.complete) {
    if (status !== NDIS_STATUS_PENDING) {
      ndis.kernel.report(
        'OID_REQUEST_COMPLETED_TWICE',
        record.adapter.miniport.driver,
        `${describe(ndis, record)} was completed, and then its handler returned 0x${status.toString(16)}; return NDIS_STATUS_PENDING for a request that is completed by a call`,
        'ndis/nc-ndis-miniport_oid_request',
      );
    }
    leave(ndis, record);
    return NDIS_STATUS_PENDING;
  }
  if (status !== NDIS_STATUS_PENDING) return finishRequest(ndis, record, status);
  record.inCall = false;
  return NDIS_STATUS_PENDING;
}

/** The thread that takes one queued request after the other to the miniport driver. */
const workOnRequests = procedure<NdisLibrary, { readonly adapter: Address; record: number }>(
  'NdisOidRequestQueue',
  {
    start: (ndis, locals, step) => {
      const record = oidRequestsOf(ndis).records.get(locals.record);
      if (record === undefined) return step.done(NDIS_STATUS_SUCCESS);
      return step.run('next', handOverRequest, ndis, { record: record.id });
    },
    next: (ndis, locals, step) => {
      const requests = workers(ndis).get(locals.adapter);
      const record = requests === undefined ? null : takeNext(requests);
      if (record === null) {
        if (requests !== undefined) requests.working = false;
        workers(ndis).delete(locals.adapter);
        return step.done(NDIS_STATUS_SUCCESS);
      }
      locals.record = record.id;
      return step.go('start');
    },
  },
);

/** Queues that a thread works on, by adapter handle. */
const workers = perNdis('OID workers', () => new Map<Address, AdapterRequests>());

function takeNext(requests: AdapterRequests): OidRecord | null {
  if (requests.active !== null) return null;
  requests.active = requests.queue.shift() ?? null;
  return requests.active;
}

/** Starts a thread of the library for the queue where one is needed. */
export function workOnQueue(ndis: NdisLibrary, requests: AdapterRequests): void {
  if (requests.working) return;
  const record = takeNext(requests);
  if (record === null) return;
  requests.working = true;
  const { handle } = requests.adapter;
  workers(ndis).set(handle, requests);
  ndis.kernel.scheduler.createThread('NDIS OID requests', workOnRequests, ndis, {
    adapter: handle,
    record: record.id,
  });
}

/**
 * A request has its final status. Returns the status where who asked waits for it in its call; else calls its
 * completion function and returns NDIS_STATUS_PENDING.
 */
export function finishRequest(ndis: NdisLibrary, record: OidRecord, status: number): number {
  record.complete = true;
  record.status = concludeRequest(ndis, record, checkResults(ndis, record, status));
  const answeredInCall = record.inCall && !record.inHandler;
  oidRequestsOf(ndis).of(record.adapter).direct.delete(record.sent);
  if (!record.inHandler) leave(ndis, record);
  if (!answeredInCall) notify(ndis, record);
  if (record.binding !== null) {
    record.binding.requestsOutstanding--;
    releaseIfDrained(ndis, record.binding);
  }
  return answeredInCall ? record.status : NDIS_STATUS_PENDING;
}

/** The record is over: the next one may go to the miniport driver. */
function leave(ndis: NdisLibrary, record: OidRecord): void {
  const registry = oidRequestsOf(ndis);
  registry.records.delete(record.id);
  const requests = registry.of(record.adapter);
  if (requests.active !== record) return;
  requests.active = null;
  workOnQueue(ndis, requests);
}

function notify(ndis: NdisLibrary, record: OidRecord): void {
  if (record.event !== 0) {
    ndis.memory.u32[(record.event + EVENT_STATUS) >> 2] = record.status;
    signalEvent(ndis.kernel, record.event);
  }
  const handlers = record.binding?.protocol.handlers ?? null;
  if (record.binding === null || handlers === null) return;
  const callback =
    record.interface === 'regular' ? handlers.oidRequestComplete : handlers.directOidRequestComplete;
  callback?.invoke(record.binding.context, asRequest(record.request), record.status);
}

function checkResults(ndis: NdisLibrary, record: OidRecord, status: number): number {
  const { driver } = record.adapter.miniport;
  if (record.sent === 0) return status;
  if (status === NDIS_STATUS_SUCCESS && !limitResults(ndis.memory, record.sent)) {
    ndis.kernel.report(
      'OID_REQUEST_INVALID_BUFFER',
      driver,
      `${describe(ndis, record)} was completed with more bytes than its buffer holds; Windows would stop with bug check 0x7C (0x1D)`,
      'oidrequest/ns-oidrequest-ndis_oid_request',
    );
  }
  const short = status === NDIS_STATUS_BUFFER_TOO_SHORT || status === NDIS_STATUS_INVALID_LENGTH;
  if (short && bytesNeeded(ndis.memory, record.sent) === 0) {
    ndis.kernel.report(
      'OID_BYTES_NEEDED_MISSING',
      driver,
      `${describe(ndis, record)} failed because of its length, but BytesNeeded is 0; set it to the length that is required`,
      'ndis/nf-ndis-ndisoidrequest',
    );
  }
  return status;
}

/** How findings name a request. */
export function describe(ndis: NdisLibrary, record: OidRecord): string {
  const { oid } = readRequest(ndis.memory, record.sent === 0 ? record.request : record.sent);
  const source = record.binding === null ? 'NDIS' : record.binding.protocol.label;
  return `the ${record.interface} request for ${oidName(oid)} of ${source} to ${record.adapter.label}`;
}

/**
 * Completes what is queued of `binding` (null: of anyone), with the given identifier (null: any), without the
 * miniport driver.
 */
export function abortQueued(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  binding: Binding | null,
  requestId: Address | null,
): void {
  const { queue } = oidRequestsOf(ndis).of(adapter);
  for (const record of queue.slice()) {
    if (binding !== null && record.binding !== binding) continue;
    if (requestId !== null && record.requestId !== requestId) continue;
    // A completion function that ran in this loop may have taken the record off the queue.
    const index = queue.indexOf(record);
    if (index < 0) continue;
    queue.splice(index, 1);
    finishRequest(ndis, record, NDIS_STATUS_REQUEST_ABORTED);
  }
}

/**
 * The adapter was halted: what is still outstanding is reported against the miniport driver and completed with
 * NDIS_STATUS_REQUEST_ABORTED. Call it after MiniportHaltEx returned.
 */
export function endAdapterRequests(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  abandonRequests(ndis, adapter, null);
  oidRequestsOf(ndis).forget(adapter);
}

/**
 * Completes what `binding` (null: anyone) still has at an adapter with NDIS_STATUS_REQUEST_ABORTED, because the
 * miniport driver does not: what that driver holds is reported. For who has waited long enough for a binding to drain.
 */
export function abandonRequests(ndis: NdisLibrary, adapter: MiniportAdapter, binding: Binding | null): void {
  const requests = oidRequestsOf(ndis).of(adapter);
  for (const record of requests.outstanding()) {
    // A completion function that ran in this loop may have ended the record.
    if (record.complete || (binding !== null && record.binding !== binding)) continue;
    if (record.sent !== 0) reportNeverCompleted(ndis, record, adapter.miniport.driver);
    const index = requests.queue.indexOf(record);
    if (index >= 0) requests.queue.splice(index, 1);
    finishRequest(ndis, record, NDIS_STATUS_REQUEST_ABORTED);
  }
}

function reportNeverCompleted(ndis: NdisLibrary, record: OidRecord, driver: Driver): void {
  ndis.kernel.report(
    'OID_REQUEST_NEVER_COMPLETED',
    driver,
    `${describe(ndis, record)} is pending and was never completed; complete it before MiniportHaltEx returns`,
    'ndis/nf-ndis-ndismoidrequestcomplete',
  );
}
