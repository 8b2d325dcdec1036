/**
 * Requests that NDIS and the host make themselves: to tell the miniport driver what the bindings together want, to
 * read statistics, to show a stack. They wait in the same queue as those of protocol drivers.
 * Implements nc-ndis-miniport_oid_request, remarks (ndis).
 */

import { NdisboxError, poolOf, procedure } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG, waitFor } from '../events.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_STATISTICS,
} from '../generated/constants/index.ts';
import { NDIS_STATISTICS_INFO } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { answerRequest } from './answers.ts';
import { filterForMiniport, lookaheadMaximum, multicastUnion, packetFilterUnion } from './bindingRequests.ts';
import { bytesNeeded, REQUEST_BLOCK_SIZE, readRequest, resultBytes, writeRequest } from './requestFormat.ts';
import { EVENT_STATUS, workOnQueue } from './requestQueue.ts';
import { oidRequestsOf, REQUEST_QUEUE_LIMIT, type RequestPlan } from './requestRecord.ts';
import { isPowerRequest, refuseState } from './requestRules.ts';
import { planAt } from './submitRequest.ts';

/** A request of NDIS's or the host's own, and its results. */
export interface OwnRequestLocals {
  /** MiniportAdapterHandle. */
  readonly adapter: Address;
  /** NDIS_REQUEST_TYPE. */
  readonly type: number;
  readonly oid: number;
  /** Memory for the information; it must last until the procedure is done. */
  readonly buffer: Address;
  readonly length: number;
  /** Of a method only. */
  readonly outputLength: number;
  readonly methodId: number;
  /** Empty: sent as it is. Else the union of what the bindings want is sent. */
  readonly plan: RequestPlan | '';
  /** The driver of the adapter gets it past the filter modules. */
  readonly bypass: boolean;
  /** Results: bytes read or written, bytes needed. */
  done: number;
  needed: number;
  /** The request in memory, an event behind it. */
  block: Address;
}

/** The locals of a request, with everything that may be left out. */
export function ownRequest(
  adapter: MiniportAdapter,
  fields: Partial<OwnRequestLocals> & Pick<OwnRequestLocals, 'type' | 'oid'>,
): OwnRequestLocals {
  return {
    buffer: 0,
    length: 0,
    outputLength: fields.length ?? 0,
    methodId: 0,
    plan: '',
    bypass: false,
    done: 0,
    needed: 0,
    block: 0,
    ...fields,
    adapter: adapter.handle,
  };
}

/** Makes a request and waits for it; the value is its final status. Call it at PASSIVE_LEVEL. */
export const requestOid = procedure<NdisLibrary, OwnRequestLocals>('NdisOwnOidRequest', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_CLOSING);
    // What the driver is told of power comes to it without power too.
    const refused = isPowerRequest(locals.oid) && adapter.state !== 'Halted' ? null : refuseState(adapter);
    if (refused !== null) return step.done(refused);
    const size = REQUEST_BLOCK_SIZE + EVENT_STATUS + 8;
    locals.block = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
    if (locals.block === 0) return step.done(NDIS_STATUS_RESOURCES);
    writeRequest(ndis.memory, locals.block, locals);
    const fields = readRequest(ndis.memory, locals.block);
    const registry = oidRequestsOf(ndis);
    const station = locals.bypass ? registry.of(adapter) : registry.below(adapter, null, 'regular');
    const mayAnswer = locals.plan === '' && station.module === null;
    const answered = mayAnswer ? answerRequest(ndis, adapter, locals.block, fields) : null;
    if (answered !== null) return step.go('over', answered);
    if (station.queue.length >= REQUEST_QUEUE_LIMIT) return step.go('over', NDIS_STATUS_RESOURCES);
    const event = locals.block + REQUEST_BLOCK_SIZE;
    // What is set as it is belongs to no binding: no union is made of it.
    const plan = locals.plan === '' ? planAt(station, true, fields) : locals.plan;
    const request = locals.block;
    const source = {
      interface: 'regular',
      station,
      binding: null,
      module: null,
      request,
      plan,
      event,
    } as const;
    station.queue.push(registry.create(source, fields));
    workOnQueue(ndis, station);
    return step.wait('completed', waitFor(event, 'OID request of NDIS'));
  },
  completed: (ndis, locals, step) =>
    step.go('over', ndis.memory.u32[(locals.block + REQUEST_BLOCK_SIZE + EVENT_STATUS) >> 2]),
  over: (ndis, locals, step, status) => {
    locals.done = resultBytes(ndis.memory, locals.block);
    locals.needed = bytesNeeded(ndis.memory, locals.block);
    poolOf(ndis.kernel).free(locals.block, NDIS_POOL_TAG);
    locals.block = 0;
    return step.done(status);
  },
});

/**
 * Tells the miniport driver what the open bindings of an adapter want together, where that changed: packet filter,
 * multicast addresses, lookahead size. For use when a binding closes. The value is the last error, or success.
 */
export const updatePacketFilter = procedure<NdisLibrary, { readonly adapter: Address; status: number }>(
  'NdisUpdatePacketFilter',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      const requests = oidRequestsOf(ndis).of(adapter);
      for (const binding of requests.multicastRepeats.keys()) {
        if (binding.openState !== 'open') requests.multicastRepeats.delete(binding);
      }
      const busy = requests.everywhere().length > 0;
      const union = filterForMiniport(adapter, packetFilterUnion(adapter, null, 0));
      if (!busy && union === adapter.packetFilter) return step.go('multicast', NDIS_STATUS_SUCCESS);
      return step.run('multicast', requestOid, ndis, unionRequest(adapter, 'packetFilter'));
    },
    multicast: (ndis, locals, step, status) => {
      if (status !== NDIS_STATUS_SUCCESS) locals.status = status;
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(locals.status);
      const requests = oidRequestsOf(ndis).of(adapter);
      const busy = requests.everywhere().length > 0;
      const union = multicastUnion(adapter, null, new Uint8Array(0));
      if (!busy && union.length === requests.multicastList.length) {
        return step.go('lookahead', NDIS_STATUS_SUCCESS);
      }
      return step.run('lookahead', requestOid, ndis, unionRequest(adapter, 'multicastList'));
    },
    lookahead: (ndis, locals, step, status) => {
      if (status !== NDIS_STATUS_SUCCESS) locals.status = status;
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(locals.status);
      const { lookahead } = oidRequestsOf(ndis).of(adapter);
      if (lookaheadMaximum(adapter, null, 0) === lookahead) return step.done(locals.status);
      return step.run('over', requestOid, ndis, unionRequest(adapter, 'lookahead'));
    },
    over: (_ndis, locals, step, status) => step.done(status === NDIS_STATUS_SUCCESS ? locals.status : status),
  },
);

/**
 * Sets packet filter and multicast list of a miniport again, which lost them in a reset. The value is the last error,
 * or success.
 */
export const restoreAddressing = procedure<NdisLibrary, { readonly adapter: Address }>(
  'NdisRestoreAddressing',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      // The hardware forgot what it was told.
      adapter.packetFilter = 0;
      oidRequestsOf(ndis).of(adapter).multicastList = new Uint8Array(0);
      return step.run('multicast', requestOid, ndis, unionRequest(adapter, 'packetFilter'));
    },
    multicast: (ndis, locals, step, status) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null || status !== NDIS_STATUS_SUCCESS) return step.done(status);
      return step.run('over', requestOid, ndis, unionRequest(adapter, 'multicastList'));
    },
    over: (_ndis, _locals, step, status) => step.done(status),
  },
);

const UNION_OIDS = {
  packetFilter: OID_GEN_CURRENT_PACKET_FILTER,
  multicastList: OID_802_3_MULTICAST_LIST,
  lookahead: OID_GEN_CURRENT_LOOKAHEAD,
} as const;

function unionRequest(adapter: MiniportAdapter, plan: keyof typeof UNION_OIDS): OwnRequestLocals {
  return ownRequest(adapter, { type: NdisRequestSetInformation, oid: UNION_OIDS[plan], plan });
}

/** What the host asks an adapter. */
export interface HostOidRequest {
  /** NDIS_REQUEST_TYPE; a query when left out. */
  readonly type?: number;
  readonly oid: number;
  /** What is set, or as many bytes as the answer may have. */
  readonly buffer: Uint8Array;
  readonly methodId?: number;
}

export interface HostOidResult {
  readonly status: number;
  /** The buffer afterwards, as far as it was written; the whole buffer for a set. */
  readonly bytes: Uint8Array;
  /** BytesNeeded. */
  readonly needed: number;
}

/** Host calls in progress: they fail when the machine stops. */
const hostCalls = perNdis('OID requests of the host', (ndis) => {
  const calls = new Set<(error: Error) => void>();
  ndis.kernel.onStop((reason) => {
    for (const fail of calls) fail(new NdisboxError('MACHINE_STOPPED', reason.message, { cause: reason }));
  });
  return calls;
});

/**
 * Asks an adapter for the host. Settles while the machine runs, so do not wait for it before the machine does.
 * @throws NdisboxError OUT_OF_MEMORY, MACHINE_STOPPED
 */
export function hostRequestOid(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  request: HostOidRequest,
): Promise<HostOidResult> {
  const { memory, kernel } = ndis;
  const { length } = request.buffer;
  const type = request.type ?? NdisRequestQueryInformation;
  const pool = poolOf(kernel);
  const buffer = pool.allocateZeroed(poolType.nonPagedNx, length, NDIS_POOL_TAG, 0);
  if (buffer === 0) {
    const message = `${length} bytes for a request to ${adapter.label} do not fit in kernel memory; ask for less`;
    return Promise.reject(new NdisboxError('OUT_OF_MEMORY', message));
  }
  memory.u8.set(request.buffer, buffer);
  const methodId = request.methodId ?? 0;
  const locals = ownRequest(adapter, { type, oid: request.oid, buffer, length, methodId });
  return new Promise((resolve, reject) => {
    hostCalls(ndis).add(reject);
    const finished = (status: number): void => {
      hostCalls(ndis).delete(reject);
      const isSet = type === NdisRequestSetInformation;
      const end = isSet ? length : Math.min(locals.done, length);
      const bytes = memory.u8.slice(buffer, buffer + end);
      pool.free(buffer, NDIS_POOL_TAG);
      resolve({ status: status >>> 0, bytes, needed: locals.needed });
    };
    kernel.scheduler.createThread('OID request of the host', requestOid, ndis, locals, { finished });
  });
}

/** The NDIS_STATISTICS_INFO of an adapter, as its miniport driver answers OID_GEN_STATISTICS. */
export function queryStatistics(ndis: NdisLibrary, adapter: MiniportAdapter): Promise<HostOidResult> {
  const buffer = new Uint8Array(NDIS_STATISTICS_INFO.size);
  return hostRequestOid(ndis, adapter, { oid: OID_GEN_STATISTICS, buffer });
}
