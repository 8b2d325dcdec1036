/**
 * Requests at a filter module that is taken out of its stack: they are over, or pass it by, before FilterDetach runs.
 * Implements nf-ndis-filter_synchronous_oid_request, remarks (ndis) and "Detaching a Filter Module" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, waitFor } from '../events.ts';
import { FilterModule } from '../filter/filterModule.ts';
import { NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { answerRequest } from './answers.ts';
import { readRequest } from './requestFormat.ts';
import { abandonStation, describe, finishRequest, workOnQueue } from './requestQueue.ts';
import { oidRequestsOf, type RequestStation } from './requestRecord.ts';
import { planAt } from './submitRequest.ts';

/**
 * Lets new requests pass a module by, and waits until it has completed those that it has. Run it before FilterDetach.
 */
export const drainModule = procedure<NdisLibrary, { readonly module: Address }>('NdisDrainFilterModule', {
  start: (ndis, locals, step) => {
    const module = ndis.resolve(locals.module, FilterModule);
    if (module === null) return step.done(NDIS_STATUS_SUCCESS);
    const station = oidRequestsOf(ndis).at(module);
    station.closing = true;
    moveQueued(ndis, station, module);
    if (station.drained) return step.done(NDIS_STATUS_SUCCESS);
    station.drainEvent = createEvent(ndis.kernel);
    return step.wait('drained', waitFor(station.drainEvent, 'NdisFOidRequestComplete'));
  },
  drained: (ndis, locals, step) => {
    const module = ndis.resolve(locals.module, FilterModule);
    if (module === null) return step.done(NDIS_STATUS_SUCCESS);
    const station = oidRequestsOf(ndis).at(module);
    freeEvent(ndis.kernel, station.drainEvent);
    station.drainEvent = 0;
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** Takes what waits at a module to the next driver below. */
function moveQueued(ndis: NdisLibrary, station: RequestStation, module: FilterModule): void {
  const { adapter } = station;
  const next = oidRequestsOf(ndis).below(adapter, module, 'regular');
  for (const record of station.queue.splice(0)) {
    const fields = readRequest(ndis.memory, record.request);
    record.station = next;
    const answers = record.plan === 'pass' && next.module === null;
    if (record.plan === 'pass') record.plan = planAt(next, record.binding === null, fields);
    const answered = answers ? answerRequest(ndis, adapter, record.request, fields) : null;
    if (answered !== null) finishRequest(ndis, record, answered);
    else next.queue.push(record);
  }
  workOnQueue(ndis, next);
}

/**
 * FilterDetach returned, or the driver is gone: what the module has is completed for it, and what it asked for itself
 * and never waited for is a finding.
 */
export function endModuleRequests(ndis: NdisLibrary, module: FilterModule): void {
  const requests = oidRequestsOf(ndis).of(module.adapter);
  const station = requests.modules.get(module);
  if (station !== undefined) abandonStation(ndis, station, null);
  for (const record of requests.everywhere()) {
    if (record.module !== module) continue;
    ndis.kernel.report(
      'OID_REQUEST_OUTSTANDING_AT_DETACH',
      module.filter.driver,
      `${describe(ndis, record)} was not complete when FilterDetach returned; wait for it there`,
      'ndis/nc-ndis-filter_detach',
    );
  }
  requests.modules.delete(module);
}
