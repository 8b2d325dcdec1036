/**
 * Taking a request to the next driver below who made it: a filter module that handles requests, or the miniport
 * driver, before which NDIS answers what it can. Implements nf-ndis-ndisoidrequest and nf-ndis-ndisfoidrequest.
 */

import { PASSIVE_LEVEL } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { powerHooksOf } from '../power/hooks.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { answerRequest } from './answers.ts';
import { planOf, refuseContents } from './bindingRequests.ts';
import {
  clearResults,
  type RequestFields,
  readRequest,
  requestHandle,
  setRequestHandle,
} from './requestFormat.ts';
import { describe, handOverRequest, workOnQueue } from './requestQueue.ts';
import {
  oidRequestsOf,
  REQUEST_QUEUE_LIMIT,
  type RequestPlan,
  type RequestStation,
} from './requestRecord.ts';
import { refusePort } from './requestRules.ts';

/**
 * What NDIS does with a request at a station: what bindings want is put together above the filter modules, counters
 * are made of statistics just above the miniport driver.
 */
export function planAt(station: RequestStation, fromModule: boolean, fields: RequestFields): RequestPlan {
  const plan = planOf(fields);
  if (plan === 'counter') return station.module === null ? plan : 'pass';
  return fromModule ? 'pass' : plan;
}

/** Makes a well-formed request of `source`. The status, NDIS_STATUS_PENDING, or a promise where a driver is asked now. */
export function submitRequest(
  ndis: NdisLibrary,
  source: Binding | FilterModule,
  request: Address,
): NDIS_STATUS | Promise<NDIS_STATUS> {
  const { adapter } = source;
  const { memory } = ndis;
  const registry = oidRequestsOf(ndis);
  if (refuseReuse(ndis, source, request)) return NDIS_STATUS_FAILURE;
  const binding = source instanceof Binding ? source : null;
  const module = source instanceof FilterModule ? source : null;
  const station = registry.below(adapter, module, 'regular');
  clearResults(memory, request);
  nameSource(ndis, source, request);
  const fields = readRequest(memory, request);
  const plan = planAt(station, module !== null, fields);
  const refused =
    refusePort(ndis, adapter, fields.port) ?? refuseContents(ndis, adapter, request, fields, plan);
  if (refused !== null) return refused;
  // What bindings want of sleeping states is NDIS's to put together, above every module.
  const taken = binding === null ? null : powerHooksOf(ndis).takeRequest(ndis, binding, request, fields);
  if (taken !== null) return taken;
  const answered = station.module === null ? answerRequest(ndis, adapter, request, fields) : null;
  if (answered !== null) return answered;
  if (station.queue.length >= REQUEST_QUEUE_LIMIT) return NDIS_STATUS_RESOURCES;
  const record = registry.create(
    { interface: 'regular', station, binding, module, request, plan, event: 0 },
    fields,
  );
  const sleeps = station.module === null && adapter.suspended;
  const idle = station.active === null && station.queue.length === 0 && !station.working && !sleeps;
  if (mayRunInCall(ndis) && idle && ndis.kernel.random.chance(1, 2)) {
    record.inCall = true;
    station.active = record;
    return ndis.kernel.scheduler.execute(handOverRequest, ndis, { record: record.id });
  }
  station.queue.push(record);
  workOnQueue(ndis, station);
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

/**
 * Says in a request who made it, for status indications that answer it. A request that a filter passes on keeps the
 * name of who made it first.
 */
export function nameSource(ndis: NdisLibrary, source: Binding | FilterModule, request: Address): void {
  if (source instanceof FilterModule) {
    const handle = requestHandle(ndis.memory, request);
    const known = ndis.resolve(handle, Binding) ?? ndis.resolve(handle, FilterModule);
    if (known?.adapter === source.adapter) return;
  }
  setRequestHandle(ndis.memory, request, source.handle);
}

/** Reports a request that is made again before it is complete, or passed on without having been cloned. */
export function refuseReuse(ndis: NdisLibrary, source: Binding | FilterModule, request: Address): boolean {
  for (const record of oidRequestsOf(ndis).of(source.adapter).everywhere()) {
    if (record.request !== request && record.sent !== request) continue;
    const driver = source instanceof Binding ? source.protocol.driver : source.filter.driver;
    const own = record.binding === source || record.module === source;
    const text = own
      ? 'was made again before it was complete; wait for its completion function'
      : 'was passed on as it is; pass on what NdisAllocateCloneOidRequest gives';
    ndis.kernel.report(
      own ? 'OID_REQUEST_REUSED' : 'OID_REQUEST_NOT_CLONED',
      driver,
      `${describe(ndis, record)} ${text}`,
      own ? 'ndis/nf-ndis-ndisoidrequest' : 'ndis/nf-ndis-ndisallocatecloneoidrequest',
    );
    return true;
  }
  return false;
}
