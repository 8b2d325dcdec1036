/** Copies of requests, which intermediate and filter drivers send on. Implements nf-ndis-ndisallocatecloneoidrequest (ndis). */

import {
  type Driver,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
  poolOf,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { noteSuccessor } from './bindingRequests.ts';
import { refuseMalformedRequest } from './requestFormat.ts';
import { oidRequestsOf } from './requestRecord.ts';
import { isSynchronous } from './synchronousOidRequest.ts';

/** Clones in use: their pool tags by address. */
const clonesOf = perNdis('cloned OID requests', () => new Map<Address, number>());

/**
 * NdisAllocateCloneOidRequest: copies a request into memory of NDIS's own and writes its address at
 * `ClonedOidRequest`; NULL is written on failure. The information buffer is not copied: both requests point to it.
 * NDIS_STATUS_INVALID_PARAMETER for a wrong handle, NDIS_STATUS_RESOURCES when memory is short, NDIS_STATUS_FAILURE
 * for a request that is none. IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndisallocatecloneoidrequest.
 */
export const NdisAllocateCloneOidRequest = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisAllocateCloneOidRequest(NDIS_HANDLE SourceHandle, PNDIS_OID_REQUEST OidRequest, UINT PoolTag, PNDIS_OID_REQUEST* ClonedOidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisallocatecloneoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      SourceHandle: Handle,
      OidRequest: Pointer<NDIS_OID_REQUEST>,
      PoolTag: number,
      ClonedOidRequest: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisAllocateCloneOidRequest';
      const page = 'ndis/nf-ndis-ndisallocatecloneoidrequest';
      const { memory } = ndis;
      memory.writePointer(ClonedOidRequest, 0);
      if (sourceOf(ndis, driver, SourceHandle, call, page) === null) return NDIS_STATUS_INVALID_PARAMETER;
      if (isSynchronous(ndis, OidRequest)) {
        const text = `${call}: a synchronous request is not cloned; it goes on when its handler returns`;
        ndis.kernel.report('SYNCHRONOUS_OID_CLONED', driver, text, page);
        return NDIS_STATUS_FAILURE;
      }
      if (refuseMalformedRequest(ndis, driver, call, OidRequest, false) !== null) return NDIS_STATUS_FAILURE;
      const { size } = NDIS_OID_REQUEST;
      const clone = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, PoolTag, 0);
      if (clone === 0) return NDIS_STATUS_RESOURCES;
      memory.u8.copyWithin(clone, OidRequest, OidRequest + size);
      clonesOf(ndis).set(clone, PoolTag);
      own(ndis, driver, clone);
      noteSuccessor(ndis.kernel, OidRequest, clone);
      memory.writePointer(ClonedOidRequest, clone);
      return NDIS_STATUS_SUCCESS;
    },
});

/** The binding or filter module that a driver names as the source of a clone. */
function sourceOf(
  ndis: NdisLibrary,
  driver: Driver,
  handle: Handle,
  call: string,
  page: string,
): Binding | FilterModule | null {
  return ndis.resolve(handle, FilterModule) ?? ndis.expect(handle, Binding, driver, call, page);
}

function cloneKey(clone: Address): string {
  return `cloned OID request 0x${clone.toString(16)}`;
}

function own(ndis: NdisLibrary, driver: Driver, clone: Address): void {
  driver.own(cloneKey(clone), {
    kind: 'cloned OID request',
    name: `0x${clone.toString(16)}`,
    releasedBy: 'NdisFreeCloneOidRequest',
    release: () => free(ndis, clone),
  });
}

function free(ndis: NdisLibrary, clone: Address): void {
  const tag = clonesOf(ndis).get(clone);
  if (tag === undefined) return;
  clonesOf(ndis).delete(clone);
  poolOf(ndis.kernel).free(clone, tag);
}

/**
 * NdisFreeCloneOidRequest: frees a clone. What is no clone, and a clone that is still pending, is a finding and stays.
 * IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndisfreecloneoidrequest.
 */
export const NdisFreeCloneOidRequest = declareFunction('ndis', {
  prototype: 'VOID NdisFreeCloneOidRequest(NDIS_HANDLE SourceHandle, PNDIS_OID_REQUEST Request)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfreecloneoidrequest',
  implement:
    (ndis: NdisLibrary, driver) =>
    (SourceHandle: Handle, Request: Pointer<NDIS_OID_REQUEST>): void => {
      const call = 'NdisFreeCloneOidRequest';
      const page = 'ndis/nf-ndis-ndisfreecloneoidrequest';
      const source = sourceOf(ndis, driver, SourceHandle, call, page);
      const name = `0x${Request.toString(16)}`;
      if (!clonesOf(ndis).has(Request)) {
        const text = `${call}: ${name} is no cloned request; free each clone once, with the address that NdisAllocateCloneOidRequest gave`;
        ndis.kernel.report('NOT_A_CLONED_REQUEST', driver, text, page);
        return;
      }
      if (source !== null) {
        for (const record of oidRequestsOf(ndis).of(source.adapter).everywhere()) {
          if (record.request !== Request) continue;
          const text = `${call}: the clone ${name} is pending at ${record.station.label}; free it in its completion function`;
          ndis.kernel.report('CLONED_REQUEST_PENDING', driver, text, page);
          return;
        }
      }
      driver.disown(cloneKey(Request));
      free(ndis, Request);
    },
});
