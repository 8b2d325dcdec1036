/**
 * One module of passthrough: what it counts, and requests that it passes on as clones.
 * Implements "Filtering OID Requests in an NDIS Filter Driver" (network).
 */

import {
  type Address,
  type Cell,
  type DriverImports,
  NDIS_OID_REQUEST,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisRequestMethod,
  NdisRequestSetInformation,
} from '../../src/machine/index.ts';

/** `Pass` as a pool tag. */
const TAG = 0x73736150;
/** Where a clone keeps the request that it was made of: for whoever makes a request to use. */
const ORIGINAL = NDIS_OID_REQUEST.offset.SourceReserved;

/** What has gone through a module. */
export interface Counts {
  sent: number;
  received: number;
  requests: number;
  statuses: number;
  events: number;
}

/** The interface by which a request travels; both work alike. */
type Path = 'regular' | 'direct';

export class PassthroughModule {
  /** NdisFilterHandle. */
  readonly handle: Address;
  readonly counts: Counts = { sent: 0, received: 0, requests: 0, statuses: 0, events: 0 };
  readonly #imports: DriverImports;
  readonly #clone: Cell;

  constructor(imports: DriverImports, handle: Address, clone: Cell) {
    this.#imports = imports;
    this.handle = handle;
    this.#clone = clone;
  }

  /** FilterOidRequest. */
  async passOn(request: NDIS_OID_REQUEST): Promise<number> {
    const clone = this.#cloneOf(request);
    if (typeof clone !== 'number') return clone.failed;
    const status = await this.#imports.ndis.NdisFOidRequest(this.handle, clone);
    if (status !== NDIS_STATUS_PENDING) this.#finish(clone);
    return status;
  }

  /** FilterDirectOidRequest. */
  passOnDirect(request: NDIS_OID_REQUEST): number {
    const clone = this.#cloneOf(request);
    if (typeof clone !== 'number') return clone.failed;
    const status = this.#imports.ndis.NdisFDirectOidRequest(this.handle, clone);
    if (status !== NDIS_STATUS_PENDING) this.#finish(clone);
    return status;
  }

  /** FilterOidRequestComplete and FilterDirectOidRequestComplete. */
  completed(path: Path, clone: Address, status: number): void {
    const { ndis } = this.#imports;
    const original = this.#finish(clone);
    if (path === 'regular') ndis.NdisFOidRequestComplete(this.handle, original, status);
    else ndis.NdisFDirectOidRequestComplete(this.handle, original, status);
  }

  #cloneOf(request: NDIS_OID_REQUEST): Address | { readonly failed: number } {
    const { ndis, memory } = this.#imports;
    const status = ndis.NdisAllocateCloneOidRequest(this.handle, request, TAG, this.#clone);
    if (status !== NDIS_STATUS_SUCCESS) return { failed: status };
    const clone = this.#clone.value;
    memory.writePointer(clone + ORIGINAL, request.address);
    this.counts.requests++;
    return clone;
  }

  /** Gives the request that a clone was made of its results, and frees the clone. */
  #finish(clone: Address): Address {
    const { ndis, memory, view } = this.#imports;
    const address = memory.readPointer(clone + ORIGINAL);
    const original = view(NDIS_OID_REQUEST, address);
    const copy = view(NDIS_OID_REQUEST, clone);
    switch (original.RequestType) {
      case NdisRequestMethod: {
        const { OutputBufferLength, BytesRead, BytesWritten, BytesNeeded } = copy.DATA.METHOD_INFORMATION;
        Object.assign(original.DATA.METHOD_INFORMATION, {
          OutputBufferLength,
          BytesRead,
          BytesWritten,
          BytesNeeded,
        });
        break;
      }
      case NdisRequestSetInformation:
        original.DATA.SET_INFORMATION.BytesRead = copy.DATA.SET_INFORMATION.BytesRead;
        original.DATA.SET_INFORMATION.BytesNeeded = copy.DATA.SET_INFORMATION.BytesNeeded;
        break;
      default:
        original.DATA.QUERY_INFORMATION.BytesWritten = copy.DATA.QUERY_INFORMATION.BytesWritten;
        original.DATA.QUERY_INFORMATION.BytesNeeded = copy.DATA.QUERY_INFORMATION.BytesNeeded;
    }
    original.SupportedRevision = copy.SupportedRevision;
    ndis.NdisFreeCloneOidRequest(this.handle, clone);
    return address;
  }
}
