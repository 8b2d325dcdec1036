/**
 * NDIS_OID_REQUEST as the library reads and writes it: the offsets it needs often, and the checks of a request that a
 * driver makes. Implements ns-oidrequest-ndis_oid_request.
 */

import { type Driver, NdisboxError, TRANSIENT_END } from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS, type KernelMemory } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OID_REQUEST_REVISION_1,
  NDIS_OID_REQUEST_REVISION_2,
  NDIS_SIZEOF_OID_REQUEST_REVISION_1,
  NDIS_SIZEOF_OID_REQUEST_REVISION_2,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_NOT_SUPPORTED,
  NdisRequestMethod,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
} from '../generated/constants/index.ts';
import { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';

const PAGE = 'oidrequest/ns-oidrequest-ndis_oid_request';

/** Bytes that the library sets aside for a request of its own; what follows is the information buffer. */
export const REQUEST_BLOCK_SIZE = 256;

const REQUEST_TYPE = NDIS_OID_REQUEST.offset.RequestType;
const PORT_NUMBER = NDIS_OID_REQUEST.offset.PortNumber;
const REQUEST_ID = NDIS_OID_REQUEST.offset.RequestId;
const REQUEST_HANDLE = NDIS_OID_REQUEST.offset.RequestHandle;
const OID = NDIS_OID_REQUEST.offset['DATA.Oid'];
const BUFFER = NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBuffer'];
const LENGTH = NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBufferLength'];
const BYTES_DONE = NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.BytesWritten'];
const BYTES_NEEDED = NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.BytesNeeded'];
const OUTPUT_LENGTH = NDIS_OID_REQUEST.offset['DATA.METHOD_INFORMATION.OutputBufferLength'];
const METHOD_ID = NDIS_OID_REQUEST.offset['DATA.METHOD_INFORMATION.MethodId'];
const METHOD_WRITTEN = NDIS_OID_REQUEST.offset['DATA.METHOD_INFORMATION.BytesWritten'];
const METHOD_READ = NDIS_OID_REQUEST.offset['DATA.METHOD_INFORMATION.BytesRead'];
const METHOD_NEEDED = NDIS_OID_REQUEST.offset['DATA.METHOD_INFORMATION.BytesNeeded'];

/** What a request says, read once. */
export interface RequestFields {
  readonly type: number;
  readonly oid: number;
  readonly port: number;
  readonly requestId: Address;
  readonly buffer: Address;
  /** InformationBufferLength; InputBufferLength of a method. */
  readonly length: number;
  /** OutputBufferLength of a method, else `length`. */
  readonly outputLength: number;
}

export function readRequest(memory: KernelMemory, request: Address): RequestFields {
  const type = memory.u32[(request + REQUEST_TYPE) >> 2];
  const length = memory.u32[(request + LENGTH) >> 2];
  return {
    type,
    oid: memory.u32[(request + OID) >> 2],
    port: memory.u32[(request + PORT_NUMBER) >> 2],
    requestId: memory.readPointer(request + REQUEST_ID),
    buffer: memory.readPointer(request + BUFFER),
    length,
    outputLength: type === NdisRequestMethod ? memory.u32[(request + OUTPUT_LENGTH) >> 2] : length,
  };
}

/** Says which driver made the request, for status indications that answer it. */
export function setRequestHandle(memory: KernelMemory, request: Address, handle: Address): void {
  memory.writePointer(request + REQUEST_HANDLE, handle);
}

/** The handle of the driver that made a request. */
export function requestHandle(memory: KernelMemory, request: Address): Address {
  return memory.readPointer(request + REQUEST_HANDLE);
}

/** Sets the results of a request to nothing transferred. */
export function clearResults(memory: KernelMemory, request: Address): void {
  if (memory.u32[(request + REQUEST_TYPE) >> 2] === NdisRequestMethod) {
    memory.u32.fill(0, (request + METHOD_WRITTEN) >> 2, ((request + METHOD_NEEDED) >> 2) + 1);
  } else {
    memory.u32[(request + BYTES_DONE) >> 2] = 0;
    memory.u32[(request + BYTES_NEEDED) >> 2] = 0;
  }
}

export function setBytesDone(memory: KernelMemory, request: Address, count: number): void {
  memory.u32[(request + BYTES_DONE) >> 2] = count;
}
export function bytesNeeded(memory: KernelMemory, request: Address): number {
  const method = memory.u32[(request + REQUEST_TYPE) >> 2] === NdisRequestMethod;
  return memory.u32[(request + (method ? METHOD_NEEDED : BYTES_NEEDED)) >> 2];
}
export function setBytesNeeded(memory: KernelMemory, request: Address, count: number): void {
  memory.u32[(request + BYTES_NEEDED) >> 2] = count;
}

/**
 * Keeps the counts of a completed request within its buffers. True when they were; else NDIS would stop Windows with
 * bug check 0x7C, parameter 0x1D.
 */
export function limitResults(memory: KernelMemory, request: Address): boolean {
  const { type, length, outputLength } = readRequest(memory, request);
  if (type === NdisRequestMethod) {
    const written = (request + METHOD_WRITTEN) >> 2;
    const read = (request + METHOD_READ) >> 2;
    const fits = memory.u32[written] <= outputLength && memory.u32[read] <= length;
    memory.u32[written] = Math.min(memory.u32[written], outputLength);
    memory.u32[read] = Math.min(memory.u32[read], length);
    return fits;
  }
  const done = (request + BYTES_DONE) >> 2;
  const fits = memory.u32[done] <= length;
  memory.u32[done] = Math.min(memory.u32[done], length);
  return fits;
}

/** What NDIS asks for itself. */
export interface OwnRequest {
  readonly type: number;
  readonly oid: number;
  readonly port?: number;
  readonly requestId?: Address;
  readonly requestHandle?: Address;
  readonly buffer: Address;
  readonly length: number;
  readonly outputLength?: number;
  readonly methodId?: number;
}

/** Writes a request of the library's own at `request`, which has REQUEST_BLOCK_SIZE bytes. */
export function writeRequest(memory: KernelMemory, request: Address, fields: OwnRequest): void {
  memory.u8.fill(0, request, request + REQUEST_BLOCK_SIZE);
  memory.u8[request] = NDIS_OBJECT_TYPE_OID_REQUEST;
  memory.u8[request + 1] = NDIS_OID_REQUEST_REVISION_1;
  memory.u16[(request + 2) >> 1] = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
  memory.u32[(request + REQUEST_TYPE) >> 2] = fields.type;
  memory.u32[(request + PORT_NUMBER) >> 2] = fields.port ?? 0;
  memory.writePointer(request + REQUEST_ID, fields.requestId ?? 0);
  memory.writePointer(request + REQUEST_HANDLE, fields.requestHandle ?? 0);
  memory.u32[(request + OID) >> 2] = fields.oid;
  memory.writePointer(request + BUFFER, fields.buffer);
  memory.u32[(request + LENGTH) >> 2] = fields.length;
  if (fields.type !== NdisRequestMethod) return;
  memory.u32[(request + OUTPUT_LENGTH) >> 2] = fields.outputLength ?? fields.length;
  memory.u32[(request + METHOD_ID) >> 2] = fields.methodId ?? 0;
}

const headerRule: HeaderRule = {
  structure: 'NDIS_OID_REQUEST',
  type: NDIS_OBJECT_TYPE_OID_REQUEST,
  revisions: [
    { revision: NDIS_OID_REQUEST_REVISION_1, size: NDIS_SIZEOF_OID_REQUEST_REVISION_1, minorVersion: 0 },
    { revision: NDIS_OID_REQUEST_REVISION_2, size: NDIS_SIZEOF_OID_REQUEST_REVISION_2, minorVersion: 50 },
  ],
  page: PAGE,
};

const REQUEST_TYPES: readonly number[] = [
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  NdisRequestQueryStatistics,
  NdisRequestMethod,
];

/** Whether a type asks for information. */
export function isQuery(type: number): boolean {
  return type === NdisRequestQueryInformation || type === NdisRequestQueryStatistics;
}

/**
 * The status with which a request is refused because of how it is made, or null when it is well formed. `lasting`
 * requests outlive the call, so they must not lie in the memory of a literal.
 */
export function refuseMalformedRequest(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  request: Address,
  lasting: boolean,
): number | null {
  const refuse = (status: number, text: string): number => {
    ndis.kernel.report('BAD_OID_REQUEST', driver, `${call}: the NDIS_OID_REQUEST ${text}`, PAGE);
    return status;
  };
  if ((request & 7) !== 0 || request + NDIS_OID_REQUEST.size > ndis.memory.size) {
    return refuse(NDIS_STATUS_FAILURE, 'is not aligned to 8 bytes or lies outside of memory');
  }
  if (checkHeader(ndis, driver, call, request, headerRule) === null) {
    return refuse(
      NDIS_STATUS_FAILURE,
      'has a wrong header; set Header.Type NDIS_OBJECT_TYPE_OID_REQUEST, Revision and Size',
    );
  }
  const { type, buffer, length, outputLength } = readRequest(ndis.memory, request);
  if (!REQUEST_TYPES.includes(type)) {
    return refuse(
      NDIS_STATUS_NOT_SUPPORTED,
      `has RequestType ${type}; drivers make queries, sets, statistics queries and methods only`,
    );
  }
  const size = Math.max(length, outputLength);
  if (size > 0 && (buffer < FIRST_MAPPED_ADDRESS || buffer + size > ndis.memory.size)) {
    return refuse(
      NDIS_STATUS_INVALID_DATA,
      `has an InformationBuffer of ${size} bytes at 0x${buffer.toString(16)}, which is no memory`,
    );
  }
  if (lasting && (request < TRANSIENT_END || (size > 0 && buffer < TRANSIENT_END))) {
    return refuse(
      NDIS_STATUS_FAILURE,
      'or its buffer is a literal, which is gone when the call returns; allocate both from non-paged pool',
    );
  }
  return null;
}

/** The address of a request where a callback is declared to take the view: the seam makes the view for TypeScript. */
export function asRequest(request: Address): NDIS_OID_REQUEST {
  // `DriverCallback.invoke` has the handler's type, but takes addresses: the edge of the callback converts them.
  return request as unknown as NDIS_OID_REQUEST;
}

/** The status that a handler returned which may not wait. @throws NdisboxError ASYNC_HANDLER for a promise. */
export function statusNow(value: unknown, role: string, driver: Driver): number {
  if (value instanceof Promise) {
    throw new NdisboxError(
      'ASYNC_HANDLER',
      `${role} of ${driver.name} returned a promise, but it may not wait; make it synchronous`,
    );
  }
  return typeof value === 'number' ? value >>> 0 : 0;
}

/** BytesWritten of a query or method, BytesRead of a set. */
export function resultBytes(memory: KernelMemory, request: Address): number {
  const method = memory.u32[(request + REQUEST_TYPE) >> 2] === NdisRequestMethod;
  return memory.u32[(request + (method ? METHOD_WRITTEN : BYTES_DONE)) >> 2];
}
