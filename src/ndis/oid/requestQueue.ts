/**
 * Requests on their way: a queue for each station from which one regular request at a time goes to its driver, and
 * the direct requests that are pending there.
 * Implements "Miniport adapter OID request serialization" and "Filtering OID Requests in an NDIS Filter Driver"
 * (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { signalEvent } from '../events.ts';
import type { FilterModule } from '../filter/filterModule.ts';
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
import { powerHooksOf } from '../power/hooks.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import { concludeRequest, prepareRequest } from './bindingRequests.ts';
import { asRequest, bytesNeeded, limitResults, readRequest } from './requestFormat.ts';
import { type OidRecord, oidRequestsOf, type RequestStation } from './requestRecord.ts';
import { isPowerRequest } from './requestRules.ts';

/** Behind the event of a request of the library's own, in bytes: its final status. */
export const EVENT_STATUS = 24;

/**
 * Hands a record to the driver at its station and settles what its handler returned. The value is the status, or
 * NDIS_STATUS_PENDING when it comes, or came, through a completion.
 */
export const handOverRequest = procedure<NdisLibrary, { readonly record: number }>('NdisHandOverOidRequest', {
  start: (ndis, locals, step) => {
    const record = oidRequestsOf(ndis).records.get(locals.record);
    if (record === undefined) return step.done(NDIS_STATUS_FAILURE);
    const { module, adapter } = record.station;
    record.inHandler = true;
    const answered = prepareRequest(ndis, record);
    const handler = (module === null ? adapter.miniport.handlers : module.handlers)?.oidRequest ?? null;
    if (answered !== null || handler === null) {
      record.inHandler = false;
      return step.done(finishRequest(ndis, record, answered ?? NDIS_STATUS_NOT_SUPPORTED));
    }
    return step.call('returned', handler, (module ?? adapter).context, record.sent);
  },
  returned: (ndis, locals, step, status) => {
    const record = oidRequestsOf(ndis).records.get(locals.record);
    return step.done(record === undefined ? NDIS_STATUS_FAILURE : settleHandler(ndis, record, status >>> 0));
  },
});

/** The handler of the driver at its station returned `status` for a record. */
export function settleHandler(ndis: NdisLibrary, record: OidRecord, status: number): number {
  record.inHandler = false;
  if (record.complete) {
    if (status !== NDIS_STATUS_PENDING) {
      ndis.kernel.report(
        'OID_REQUEST_COMPLETED_TWICE',
        record.station.driver,
        `${describe(ndis, record)} was completed, and then its handler returned 0x${status.toString(16)}; return NDIS_STATUS_PENDING for a request that is completed by a call`,
        record.station.module === null
          ? 'ndis/nc-ndis-miniport_oid_request'
          : 'ndis/nc-ndis-filter_oid_request',
      );
    }
    leave(ndis, record);
    return NDIS_STATUS_PENDING;
  }
  if (status !== NDIS_STATUS_PENDING) return finishRequest(ndis, record, status);
  record.inCall = false;
  return NDIS_STATUS_PENDING;
}

/** The thread that takes one queued request after the other to the driver at a station. */
const workOnRequests = procedure<NdisLibrary, { readonly station: number; record: number }>(
  'NdisOidRequestQueue',
  {
    start: (ndis, locals, step) => {
      const record = oidRequestsOf(ndis).records.get(locals.record);
      if (record === undefined) return step.done(NDIS_STATUS_SUCCESS);
      return step.run('next', handOverRequest, ndis, { record: record.id });
    },
    next: (ndis, locals, step) => {
      const station = workers(ndis).get(locals.station);
      const record = station === undefined ? null : takeNext(ndis, station);
      if (record === null) {
        if (station !== undefined) station.working = false;
        workers(ndis).delete(locals.station);
        return step.done(NDIS_STATUS_SUCCESS);
      }
      locals.record = record.id;
      return step.go('start');
    },
  },
);

/** Stations on whose queue a thread works, by number. */
const workers = perNdis('OID workers', () => new Map<number, RequestStation>());

function takeNext(ndis: NdisLibrary, station: RequestStation): OidRecord | null {
  if (station.active !== null) return null;
  if (station.module === null && station.adapter.suspended) return takePowerRequest(ndis, station);
  station.active = station.queue.shift() ?? null;
  if (station.active !== null && station.module === null) powerHooksOf(ndis).activity(ndis, station.adapter);
  return station.active;
}

/** A suspended adapter gets what it is told of power; anything else waits, and wakes it. */
function takePowerRequest(ndis: NdisLibrary, station: RequestStation): OidRecord | null {
  const index = station.queue.findIndex(
    ({ binding, request }) => binding === null && isPowerRequest(readRequest(ndis.memory, request).oid),
  );
  if (index >= 0) station.active = station.queue.splice(index, 1)[0];
  if (station.queue.length > 0) powerHooksOf(ndis).activity(ndis, station.adapter);
  return station.active;
}

/** Starts a thread of the library for the queue where one is needed. */
export function workOnQueue(ndis: NdisLibrary, station: RequestStation): void {
  if (station.working) return;
  const record = takeNext(ndis, station);
  if (record === null) return;
  station.working = true;
  workers(ndis).set(station.id, station);
  ndis.kernel.scheduler.createThread('NDIS OID requests', workOnRequests, ndis, {
    station: station.id,
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
  record.station.direct.delete(record.sent);
  if (!record.inHandler) leave(ndis, record);
  if (!answeredInCall) notify(ndis, record);
  if (record.binding !== null) {
    record.binding.requestsOutstanding--;
    releaseIfDrained(ndis, record.binding);
  }
  return answeredInCall ? record.status : NDIS_STATUS_PENDING;
}

/** The record is over: the next one may go to the driver. */
function leave(ndis: NdisLibrary, record: OidRecord): void {
  const { station } = record;
  oidRequestsOf(ndis).records.delete(record.id);
  if (station.active === record) {
    station.active = null;
    workOnQueue(ndis, station);
  }
  releaseStation(ndis, station);
}

/** Wakes who waits until the driver at a station has no request. */
export function releaseStation(ndis: NdisLibrary, station: RequestStation): void {
  if (station.drainEvent !== 0 && station.drained) signalEvent(ndis.kernel, station.drainEvent);
}

function notify(ndis: NdisLibrary, record: OidRecord): void {
  if (record.event !== 0) {
    ndis.memory.u32[(record.event + EVENT_STATUS) >> 2] = record.status;
    signalEvent(ndis.kernel, record.event);
  }
  const origin = record.binding ?? record.module;
  const handlers = record.binding?.protocol.handlers ?? record.module?.handlers ?? null;
  // A module that is detached is not called any more.
  if (origin === null || origin.handle === 0 || handlers === null) return;
  const callback =
    record.interface === 'regular' ? handlers.oidRequestComplete : handlers.directOidRequestComplete;
  callback?.invoke(origin.context, asRequest(record.request), record.status);
}

function checkResults(ndis: NdisLibrary, record: OidRecord, status: number): number {
  const { driver } = record.station;
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
  const source = record.binding?.protocol.label ?? record.module?.label ?? 'NDIS';
  return `the ${record.interface} request for ${oidName(oid)} of ${source} to ${record.station.label}`;
}

/**
 * Cancels the requests of a binding or module that have this identifier: what waits is completed with
 * NDIS_STATUS_REQUEST_ABORTED; the driver that has one is asked to complete it.
 */
export function cancelRequests(
  ndis: NdisLibrary,
  source: Binding | FilterModule,
  kind: OidRecord['interface'],
  requestId: Address,
): void {
  const wanted = oidRequestsOf(ndis)
    .of(source.adapter)
    .everywhere()
    .filter(
      (record) =>
        (record.binding === source || record.module === source) &&
        record.interface === kind &&
        record.requestId === requestId,
    );
  for (const record of wanted) {
    const index = record.station.queue.indexOf(record);
    // A completion function that ran in this loop may have taken the record off the queue.
    if (index < 0) continue;
    record.station.queue.splice(index, 1);
    finishRequest(ndis, record, NDIS_STATUS_REQUEST_ABORTED);
  }
  // One call cancels all that a driver has of this identifier.
  const holders = new Set(wanted.filter((record) => !record.complete).map((record) => record.station));
  for (const { module } of holders) {
    const { miniport } = source.adapter;
    const handlers = module === null ? miniport.handlers : module.handlers;
    const handler = kind === 'regular' ? handlers?.cancelOidRequest : handlers?.cancelDirectOidRequest;
    if (handler !== null && handler !== undefined)
      handler.invoke((module ?? source.adapter).context, requestId);
    // A filter driver that does not cancel leaves it to the driver that it passed the request to.
    else if (module !== null) cancelRequests(ndis, module, kind, requestId);
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
 * drivers below do not: what they hold is reported. For who has waited long enough for a binding to drain.
 */
export function abandonRequests(ndis: NdisLibrary, adapter: MiniportAdapter, binding: Binding | null): void {
  for (const station of oidRequestsOf(ndis).of(adapter).stations()) abandonStation(ndis, station, binding);
}

/** The same for one station. */
export function abandonStation(ndis: NdisLibrary, station: RequestStation, binding: Binding | null): void {
  for (const record of station.outstanding()) {
    // A completion function that ran in this loop may have ended the record.
    if (record.complete || (binding !== null && record.binding !== binding)) continue;
    if (record.sent !== 0) reportNeverCompleted(ndis, record);
    const index = station.queue.indexOf(record);
    if (index >= 0) station.queue.splice(index, 1);
    finishRequest(ndis, record, NDIS_STATUS_REQUEST_ABORTED);
  }
}

function reportNeverCompleted(ndis: NdisLibrary, record: OidRecord): void {
  const { module, driver } = record.station;
  const last = module === null ? 'MiniportHaltEx' : 'FilterDetach';
  ndis.kernel.report(
    'OID_REQUEST_NEVER_COMPLETED',
    driver,
    `${describe(ndis, record)} is pending and was never completed; complete it before ${last} returns`,
    module === null ? 'ndis/nf-ndis-ndismoidrequestcomplete' : 'ndis/nf-ndis-ndisfoidrequestcomplete',
  );
}

/** A driver completes the request that is at `request` at its station; the wrong ones are findings. */
export function completeFromDriver(
  ndis: NdisLibrary,
  station: RequestStation,
  kind: OidRecord['interface'],
  call: string,
  request: Address,
  status: number,
): void {
  const page = `ndis/nf-ndis-${call.toLowerCase()}`;
  const candidate = kind === 'regular' ? station.active : (station.direct.get(request) ?? null);
  const record = candidate?.sent === request && !candidate.complete ? candidate : null;
  if (record === null) {
    ndis.kernel.report(
      'OID_REQUEST_NOT_PENDING',
      station.driver,
      `${call}: 0x${request.toString(16)} is no request that is pending at ${station.label}; complete each request once, with the pointer that the handler got. Windows would stop with bug check 0x7C (0x26)`,
      page,
    );
    return;
  }
  if (status >>> 0 === NDIS_STATUS_PENDING) {
    ndis.kernel.report(
      'OID_COMPLETED_WITH_PENDING',
      station.driver,
      `${call}: ${describe(ndis, record)} was completed with NDIS_STATUS_PENDING, which is no final status; it is taken as NDIS_STATUS_FAILURE`,
      page,
    );
    finishRequest(ndis, record, NDIS_STATUS_FAILURE);
    return;
  }
  finishRequest(ndis, record, status >>> 0);
}
