/**
 * Requests of connection-oriented drivers in both forms: an NDIS_REQUEST that a driver for NDIS 5 makes goes on as an
 * NDIS_OID_REQUEST, and one of these reaches a driver for NDIS 5 as an NDIS_REQUEST. Either form is the library's, from
 * the pool, for as long as the request is pending. Implements NDIS_REQUEST (ddk/ndis.h).
 */

import { type Driver, poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import { connectionsOf } from '../../condis/connections.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import {
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
} from '../../generated/constants/index.ts';
import { NDIS_REQUEST } from '../../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import {
  bytesNeeded,
  REQUEST_BLOCK_SIZE,
  readRequest,
  resultBytes,
  setBytesDone,
  setBytesNeeded,
  writeRequest,
} from '../../oid/requestFormat.ts';

const TYPE = NDIS_REQUEST.offset.RequestType;
const OID = NDIS_REQUEST.offset['DATA.QUERY_INFORMATION.Oid'];
const BUFFER = NDIS_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBuffer'];
const LENGTH = NDIS_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBufferLength'];
const DONE = NDIS_REQUEST.offset['DATA.QUERY_INFORMATION.BytesWritten'];
const NEEDED = NDIS_REQUEST.offset['DATA.QUERY_INFORMATION.BytesNeeded'];

const TYPES = new Set<number>([
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  NdisRequestQueryStatistics,
]);

/** What a request that a driver for NDIS 5 was asked stands for. */
export interface AskedRequest {
  /** Who has it. */
  readonly driver: Driver;
  /** The NDIS_OID_REQUEST; 0 for a query or set that reached a miniport without one. */
  readonly oidRequest: Address;
  /** Where BytesWritten or BytesRead and BytesNeeded behind it go, where there is no NDIS_OID_REQUEST. */
  readonly counts: Address;
}

/** The requests of one library that are in both forms. */
export class RequestBlocks {
  /** NDIS_REQUEST of the driver that made it, by NDIS_OID_REQUEST. */
  readonly made = new Map<Address, Address>();
  /** Requests that drivers for NDIS 5 have, by NDIS_REQUEST. */
  readonly asked = new Map<Address, AskedRequest>();
}

export const requestBlocksOf = perNdis('connection requests for NDIS 5', () => new RequestBlocks());

/** Whether NDIS 5 has requests of a type. */
export function isOldType(type: number): boolean {
  return TYPES.has(type);
}

/** RequestType of an NDIS_REQUEST. */
export function requestType(ndis: NdisLibrary, request: Address): number {
  return ndis.memory.u32[(request + TYPE) >> 2];
}

/** An NDIS_OID_REQUEST for the NDIS_REQUEST of a driver; 0 when memory is short. */
export function makeOidRequest(ndis: NdisLibrary, request: Address): Address {
  const { memory, kernel } = ndis;
  const block = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, REQUEST_BLOCK_SIZE, NDIS_POOL_TAG, 0);
  if (block === 0) return 0;
  writeRequest(memory, block, {
    type: memory.u32[(request + TYPE) >> 2],
    oid: memory.u32[(request + OID) >> 2],
    buffer: memory.readPointer(request + BUFFER),
    length: memory.u32[(request + LENGTH) >> 2],
  });
  requestBlocksOf(ndis).made.set(block, request);
  return block;
}

/** The request is over: its results are the driver's. @returns the NDIS_REQUEST, 0 for none. */
export function finishOidRequest(ndis: NdisLibrary, block: Address): Address {
  const { made } = requestBlocksOf(ndis);
  const request = made.get(block);
  if (request === undefined) return 0;
  made.delete(block);
  ndis.memory.u32[(request + DONE) >> 2] = resultBytes(ndis.memory, block);
  ndis.memory.u32[(request + NEEDED) >> 2] = bytesNeeded(ndis.memory, block);
  poolOf(ndis.kernel).free(block, NDIS_POOL_TAG);
  return request;
}

interface OldFields {
  readonly type: number;
  readonly oid: number;
  readonly buffer: Address;
  readonly length: number;
}

/** An NDIS_REQUEST for a driver that is asked; 0 when memory is short. */
export function makeOldRequest(ndis: NdisLibrary, asked: AskedRequest, fields: OldFields): Address {
  const { memory } = ndis;
  const request = poolOf(ndis.kernel).allocateZeroed(
    poolType.nonPagedNx,
    NDIS_REQUEST.size,
    NDIS_POOL_TAG,
    0,
  );
  if (request === 0) return 0;
  memory.u32[(request + TYPE) >> 2] = fields.type;
  memory.u32[(request + OID) >> 2] = fields.oid;
  memory.writePointer(request + BUFFER, fields.buffer);
  memory.u32[(request + LENGTH) >> 2] = fields.length;
  requestBlocksOf(ndis).asked.set(request, asked);
  return request;
}

/** The same for an NDIS_OID_REQUEST. */
export function makeOldFrom(ndis: NdisLibrary, driver: Driver, oidRequest: Address): Address {
  return makeOldRequest(ndis, { driver, oidRequest, counts: 0 }, readRequest(ndis.memory, oidRequest));
}

/** The driver has done a request: its results go where they belong. Null for a request that it does not have. */
export function finishOldRequest(ndis: NdisLibrary, driver: Driver, request: Address): AskedRequest | null {
  const { memory } = ndis;
  const { asked } = requestBlocksOf(ndis);
  const record = asked.get(request);
  if (record === undefined || record.driver !== driver) return null;
  asked.delete(request);
  const done = memory.u32[(request + DONE) >> 2];
  const needed = memory.u32[(request + NEEDED) >> 2];
  if (record.oidRequest !== 0) {
    // NDIS may have ended it in the driver's place: then it is the maker's again.
    if (!connectionsOf(ndis).requests.has(record.oidRequest)) return discard(ndis, request, record);
    setBytesDone(memory, record.oidRequest, done);
    setBytesNeeded(memory, record.oidRequest, needed);
  } else {
    memory.u32[record.counts >> 2] = done;
    memory.u32[(record.counts >> 2) + 1] = needed;
  }
  return discard(ndis, request, record);
}

function discard(ndis: NdisLibrary, request: Address, record: AskedRequest): AskedRequest {
  poolOf(ndis.kernel).free(request, NDIS_POOL_TAG);
  return record;
}
