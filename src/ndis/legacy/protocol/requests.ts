/**
 * Requests of NDIS 5 protocol drivers: each NDIS_REQUEST goes down as an NDIS_OID_REQUEST. What NDIS 6 renamed or took
 * over itself, link speed and connection among them, the library answers for both. Implements nf-ndis-ndisrequest.
 */

import { poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
} from '../../generated/constants/index.ts';
import { NDIS_REQUEST } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { bytesNeeded, REQUEST_BLOCK_SIZE, resultBytes, writeRequest } from '../../oid/requestFormat.ts';
import type { NDIS_STATUS } from '../../status.ts';
import type { LegacyBinding } from './legacyBinding.ts';

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

/** NdisRequest: the final status, or NDIS_STATUS_PENDING where ProtocolRequestComplete is called. */
export function makeRequest(
  ndis: NdisLibrary,
  from: LegacyBinding,
  request: Address,
): NDIS_STATUS | Promise<NDIS_STATUS> {
  const { memory, kernel } = ndis;
  if (from.binding.openState !== 'open') return NDIS_STATUS_CLOSING as NDIS_STATUS;
  const type = memory.u32[(request + TYPE) >> 2];
  if (!TYPES.has(type)) return NDIS_STATUS_NOT_SUPPORTED as NDIS_STATUS;
  const block = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, REQUEST_BLOCK_SIZE, NDIS_POOL_TAG, 0);
  if (block === 0) return NDIS_STATUS_RESOURCES as NDIS_STATUS;
  writeRequest(memory, block, {
    type,
    oid: memory.u32[(request + OID) >> 2],
    buffer: memory.readPointer(request + BUFFER),
    length: memory.u32[(request + LENGTH) >> 2],
  });
  from.requests.set(block, request);
  const result = from.legacy.functions.oidRequest(from.binding.handle, block as never);
  if (result instanceof Promise) return result.then((status) => answered(ndis, from, block, status));
  return answered(ndis, from, block, result);
}

/** The call returned: with a final status the request is over, and its results are the driver's. */
function answered(ndis: NdisLibrary, from: LegacyBinding, block: Address, status: NDIS_STATUS): NDIS_STATUS {
  if (status >>> 0 !== NDIS_STATUS_PENDING) takeResults(ndis, from, block);
  return status;
}

/** Moves the results to the NDIS_REQUEST and forgets the other form. @returns the NDIS_REQUEST, 0 for none. */
function takeResults(ndis: NdisLibrary, from: LegacyBinding, block: Address): Address {
  const request = from.requests.get(block);
  if (request === undefined) return 0;
  from.requests.delete(block);
  ndis.memory.u32[(request + DONE) >> 2] = resultBytes(ndis.memory, block);
  ndis.memory.u32[(request + NEEDED) >> 2] = bytesNeeded(ndis.memory, block);
  poolOf(ndis.kernel).free(block, NDIS_POOL_TAG);
  return request;
}

/** ProtocolOidRequestComplete. */
export function completeRequest(
  ndis: NdisLibrary,
  from: LegacyBinding,
  block: Address,
  status: NDIS_STATUS,
): void {
  const request = takeResults(ndis, from, block);
  if (request !== 0) from.handlers.requestComplete.invoke(from.context, request, status);
}
