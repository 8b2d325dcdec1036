/**
 * Synchronous requests: down through the filter modules one after the other, to the miniport driver, and up again,
 * all inside the call. Implements "Synchronous OID request interface in NDIS 6.80" (network) and the pages
 * nf-ndis-ndissynchronousoidrequest, nf-ndis-filter_synchronous_oid_request and its companion (ndis).
 */

import { declareFunction, type Handle, type Pointer, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_STATUS_ALREADY_COMPLETE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { oidName } from '../names.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import type { NDIS_STATUS } from '../status.ts';
import { isPrivateOid, synchronousOids } from './oidInterfaces.ts';
import {
  asRequest,
  clearResults,
  limitResults,
  readRequest,
  refuseMalformedRequest,
  statusNow,
} from './requestFormat.ts';
import { releaseStation } from './requestQueue.ts';
import { oidRequestsOf } from './requestRecord.ts';
import { openBinding, refusePort } from './requestRules.ts';
import { nameSource } from './submitRequest.ts';

/** Synchronous requests that may be in each other's handlers; more are refused with NDIS_STATUS_RESOURCES. */
const DEPTH_LIMIT = 64;

/** Requests on their way, which nobody may pass on as their own. */
const underWay = perNdis('synchronous OID requests', () => new Set<Address>());

/** Makes a well-formed request of `source` and gives its final status. */
export function runSynchronousRequest(
  ndis: NdisLibrary,
  source: Binding | FilterModule,
  request: Address,
): NDIS_STATUS {
  const { adapter } = source;
  const { oid, port } = readRequest(ndis.memory, request);
  const from = source instanceof FilterModule ? adapter.filters.indexOf(source) + 1 : 0;
  const modules = adapter.filters
    .slice(from)
    .filter((module) => hasHandler(module) && !oidRequestsOf(ndis).at(module).closing);
  const handler = adapter.miniport.handlers?.synchronousOidRequest ?? null;
  // A filter may complete what the miniport driver does not know.
  if (handler === null && modules.length === 0) return NDIS_STATUS_NOT_SUPPORTED;
  if (!synchronousOids.has(oid) && !isPrivateOid(oid)) return NDIS_STATUS_NOT_SUPPORTED;
  const wrongPort = refusePort(ndis, adapter, port);
  if (wrongPort !== null) return wrongPort;
  const requests = underWay(ndis);
  if (requests.size >= DEPTH_LIMIT) return NDIS_STATUS_RESOURCES;
  clearResults(ndis.memory, request);
  nameSource(ndis, source, request);
  requests.add(request);
  const status =
    modules.length === 0
      ? askMiniport(ndis, adapter, request, oid)
      : throughModules(ndis, adapter, modules, request, oid);
  requests.delete(request);
  return status;
}

function hasHandler({ handlers }: FilterModule): boolean {
  return (
    handlers !== null && (handlers.synchronousOidRequest ?? handlers.synchronousOidRequestComplete) !== null
  );
}

/** Asks the modules from the top down until one completes the request, then the others upwards. */
function throughModules(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  modules: readonly FilterModule[],
  request: Address,
  oid: number,
): NDIS_STATUS {
  const { memory } = ndis;
  const registry = oidRequestsOf(ndis);
  // A slot for the CallContext of each module, and the status.
  const pool = poolOf(ndis.kernel);
  const size = 8 + 8 * modules.length;
  const statusAt = pool.allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (statusAt === 0) return NDIS_STATUS_RESOURCES;
  const contextAt = (index: number): Address => statusAt + 8 + 8 * index;
  for (const module of modules) registry.at(module).synchronous++;
  let passed = 0;
  let status: number = NDIS_STATUS_SUCCESS;
  for (; passed < modules.length && status === NDIS_STATUS_SUCCESS; passed++) {
    const { handlers, context } = modules[passed];
    const issue = handlers?.synchronousOidRequest ?? null;
    if (issue === null) continue;
    const returned = issue.invoke(context, asRequest(request), contextAt(passed));
    status = finalStatus(
      ndis,
      modules[passed],
      oid,
      statusNow(returned, 'FilterSynchronousOidRequest', issue.driver),
    );
  }
  if (status === NDIS_STATUS_SUCCESS) status = askMiniport(ndis, adapter, request, oid);
  else passed--;
  if (status === NDIS_STATUS_ALREADY_COMPLETE) status = NDIS_STATUS_SUCCESS;
  for (let index = passed - 1; index >= 0; index--) {
    const { handlers, context } = modules[index];
    const complete = handlers?.synchronousOidRequestComplete ?? null;
    if (complete === null) continue;
    memory.u32[statusAt >> 2] = status;
    complete.invoke(context, asRequest(request), statusAt, memory.readPointer(contextAt(index)));
    const written = memory.u32[statusAt >> 2];
    status = finalStatus(ndis, modules[index], oid, written);
    if (status !== NDIS_STATUS_ALREADY_COMPLETE) continue;
    status = NDIS_STATUS_FAILURE;
    reportStatus(ndis, modules[index], oid, 'wrote NDIS_STATUS_ALREADY_COMPLETE');
  }
  pool.free(statusAt, NDIS_POOL_TAG);
  for (const module of modules) {
    registry.at(module).synchronous--;
    releaseStation(ndis, registry.at(module));
  }
  return status;
}

/** A status that a filter driver may give; NDIS_STATUS_PENDING is none. */
function finalStatus(ndis: NdisLibrary, module: FilterModule, oid: number, status: number): number {
  if (status !== NDIS_STATUS_PENDING) return status;
  reportStatus(ndis, module, oid, 'gave NDIS_STATUS_PENDING');
  return NDIS_STATUS_FAILURE;
}

function reportStatus(ndis: NdisLibrary, module: FilterModule, oid: number, text: string): void {
  ndis.kernel.report(
    'SYNCHRONOUS_OID_PENDING',
    module.filter.driver,
    `${module.label} ${text} for ${oidName(oid)}; a synchronous request is answered at once, with a final status`,
    'ndis/nf-ndis-filter_synchronous_oid_request',
  );
}

function askMiniport(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  request: Address,
  oid: number,
): NDIS_STATUS {
  const handler = adapter.miniport.handlers?.synchronousOidRequest ?? null;
  if (handler === null) return NDIS_STATUS_NOT_SUPPORTED;
  const page = 'ndis/nc-ndis-miniport_synchronous_oid_request';
  const { driver } = adapter.miniport;
  const returned = handler.invoke(adapter.context, asRequest(request));
  const status = statusNow(returned, 'MiniportSynchronousOidRequest', handler.driver);
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

/** Whether a request is on its way through the synchronous interface. */
export function isSynchronous(ndis: NdisLibrary, request: Address): boolean {
  return underWay(ndis).has(request);
}

/**
 * NdisSynchronousOidRequest: a request that is complete when the call returns, for the OIDs whose pages name the
 * synchronous interface and for OIDs of a vendor's own. MiniportSynchronousOidRequest runs inside the call, at the
 * caller's IRQL, after the filter modules that handle such requests. NDIS_STATUS_NOT_SUPPORTED for other OIDs, and where the miniport driver has no handler. The request
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
      binding.requestsOutstanding++;
      const status = runSynchronousRequest(ndis, binding, OidRequest);
      binding.requestsOutstanding--;
      releaseIfDrained(ndis, binding);
      return status;
    },
});
