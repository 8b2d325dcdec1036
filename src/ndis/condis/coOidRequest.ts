/**
 * Requests between clients, call managers and connection-oriented miniports. They are not serialized.
 * Implements nf-ndis-ndiscooidrequest, nf-ndis-ndismcmoidrequest and their completions.
 */

import { type Driver, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
} from '../generated/constants/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { oidName } from '../names.ts';
import {
  asRequest,
  clearResults,
  limitResults,
  readRequest,
  refuseMalformedRequest,
  setRequestHandle,
} from '../oid/requestFormat.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { statusOf } from './answers.ts';
import { bindingConnections, connectionsOf, releaseBindings } from './connections.ts';
import { AddressFamily, type CallManagerEnd, type ClientEnd, Party, VirtualConnection } from './objects.ts';
import type { CoOidRecord } from './oidRecord.ts';

const REQUEST_PAGE = 'ndis/nf-ndis-ndiscooidrequest';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndiscooidrequestcomplete';
const MCM_PAGE = 'ndis/nf-ndis-ndismcmoidrequest';
const MINIPORT_COMPLETE_PAGE = 'ndis/nf-ndis-ndismcooidrequestcomplete';
/** Connection-oriented requests that may be pending in a library; more fail with NDIS_STATUS_RESOURCES. */
const REQUEST_LIMIT = 4096;

/** What a request is about: handles of the caller, or 0. */
interface Subject {
  readonly connection: VirtualConnection | null;
  readonly party: Party | null;
}

function subjectOf(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  vcHandle: Address,
  partyHandle: Address,
): Subject | null {
  const connection =
    vcHandle === 0 ? null : ndis.expect(vcHandle, VirtualConnection, driver, call, REQUEST_PAGE);
  const party = partyHandle === 0 ? null : ndis.expect(partyHandle, Party, driver, call, REQUEST_PAGE);
  const wrong = (vcHandle !== 0 && connection === null) || (partyHandle !== 0 && party === null);
  return wrong ? null : { connection, party };
}

/** Whose context of an object `end` is. */
function contextsOf(
  end: ClientEnd | CallManagerEnd,
  record: CoOidRecord,
): readonly [unknown, unknown, unknown] {
  const { family, connection, party } = record;
  const isClient = family === null ? connection?.client === end : family.client === end;
  const of = (object: AddressFamily | VirtualConnection | Party | null): unknown =>
    object === null ? 0 : (isClient ? object.clientContext : object.managerContext).value;
  return [of(family), of(connection), of(party)];
}

function submit(ndis: NdisLibrary, record: CoOidRecord): NDIS_STATUS {
  const connections = connectionsOf(ndis);
  const { request, binding, target } = record;
  if (connections.requests.has(request)) {
    const text = `the request 0x${request.toString(16)} was made again before it was complete; wait for ProtocolCoOidRequestComplete`;
    ndis.kernel.report('OID_REQUEST_REUSED', record.source.driver, text, REQUEST_PAGE);
    return NDIS_STATUS_FAILURE;
  }
  if (connections.requests.size >= REQUEST_LIMIT) return NDIS_STATUS_RESOURCES;
  if (target !== 'miniport' && target.gone) return NDIS_STATUS_CLOSING;
  clearResults(ndis.memory, request);
  if (binding !== null) setRequestHandle(ndis.memory, request, binding.handle);
  connections.requests.set(request, record);
  if (binding !== null && binding.connections !== null) binding.connections.requests++;
  const status = askTarget(record);
  record.inHandler = false;
  if (status === NDIS_STATUS_PENDING) return status;
  if (record.complete) {
    const text = `${oidName(readRequest(ndis.memory, request).oid)} was completed by a call, and then its handler returned 0x${status.toString(16)}; return NDIS_STATUS_PENDING where a call completes`;
    ndis.kernel.report('OID_REQUEST_COMPLETED_TWICE', record.targetDriver, text, COMPLETE_PAGE);
    return NDIS_STATUS_PENDING;
  }
  finish(ndis, record);
  return status;
}

function askTarget(record: CoOidRecord): number {
  const { target, adapter, connection, request } = record;
  record.inHandler = true;
  if (target === 'miniport') {
    const handler = adapter.miniport.connections?.co?.oidRequest;
    if (handler === undefined) return NDIS_STATUS_NOT_SUPPORTED;
    const vcContext = connection === null ? 0 : connection.miniportContext.value;
    return statusOf(handler.invoke(adapter.context, vcContext, asRequest(request)), handler);
  }
  const { oidRequest } = target.handlers;
  return statusOf(oidRequest.invoke(...contextsOf(target, record), asRequest(request)), oidRequest);
}

/** The request is over. */
function finish(ndis: NdisLibrary, record: CoOidRecord): void {
  record.complete = true;
  connectionsOf(ndis).requests.delete(record.request);
  const { binding } = record;
  if (!limitResults(ndis.memory, record.request)) {
    const { oid } = readRequest(ndis.memory, record.request);
    const text = `${oidName(oid)} was completed with more bytes than its buffer holds`;
    ndis.kernel.report('OID_REQUEST_INVALID_BUFFER', record.targetDriver, text, COMPLETE_PAGE);
  }
  if (binding === null || binding.connections === null) return;
  binding.connections.requests--;
  releaseBindings(ndis, binding);
}

/** The request was pending: who asked gets the final status. */
function complete(ndis: NdisLibrary, record: CoOidRecord, status: number): void {
  finish(ndis, record);
  const { source, request } = record;
  if (source.gone) return;
  source.handlers.oidRequestComplete.invoke(...contextsOf(source, record), asRequest(request), status);
}

/** Completes the request at `request` that `driver` was asked, or reports that there is none. */
function completeFrom(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  request: Address,
  status: number,
  toMiniport: boolean,
  page: string,
): void {
  const record = connectionsOf(ndis).requests.get(request);
  if (
    record === undefined ||
    record.targetDriver !== driver ||
    (record.target === 'miniport') !== toMiniport
  ) {
    const text = `${call}: 0x${request.toString(16)} is no request that is pending at ${driver.name}; complete each request once`;
    ndis.kernel.report('OID_REQUEST_NOT_PENDING', driver, text, page);
    return;
  }
  if (status >>> 0 !== NDIS_STATUS_PENDING) return complete(ndis, record, status >>> 0);
  const text = `${call}: NDIS_STATUS_PENDING is no final status; it is taken as NDIS_STATUS_FAILURE`;
  ndis.kernel.report('OID_COMPLETED_WITH_PENDING', driver, text, page);
  complete(ndis, record, NDIS_STATUS_FAILURE);
}

/**
 * NdisCoOidRequest: asks the other end of an address family, or with a NULL family the miniport, for information, or sets
 * it; of a VC or a party where one is given. The handler of the other driver runs inside the call; requests are not
 * serialized. The request and its buffer must stay valid until it is complete. IRQL <= DISPATCH_LEVEL. At most 4096 are
 * pending.
 * @returns what the other driver decided; NDIS_STATUS_PENDING where ProtocolCoOidRequestComplete gets the final status;
 * NDIS_STATUS_CLOSING for a binding that is being closed; NDIS_STATUS_NOT_SUPPORTED where the miniport is not
 * connection-oriented; NDIS_STATUS_FAILURE for a wrong handle (a finding). Source: ndis/nf-ndis-ndiscooidrequest.
 */
export const NdisCoOidRequest = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisCoOidRequest(NDIS_HANDLE NdisBindingHandle, NDIS_HANDLE NdisAfHandle, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, PNDIS_OID_REQUEST OidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: REQUEST_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisBindingHandle: Handle,
      NdisAfHandle: Handle,
      NdisVcHandle: Handle,
      NdisPartyHandle: Handle,
      OidRequest: Pointer<NDIS_OID_REQUEST>,
    ): NDIS_STATUS => {
      const call = 'NdisCoOidRequest';
      const known = ndis.resolve(NdisBindingHandle, Binding);
      if (known !== null && !known.usable) return NDIS_STATUS_CLOSING;
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, call, REQUEST_PAGE);
      if (binding === null || binding.openState !== 'open') return NDIS_STATUS_FAILURE;
      const malformed = refuseMalformedRequest(ndis, driver, call, OidRequest, true);
      if (malformed !== null) return malformed;
      const ends = bindingConnections(binding);
      const subject = subjectOf(ndis, driver, call, NdisVcHandle, NdisPartyHandle);
      if (ends === null || subject === null) return NDIS_STATUS_FAILURE;
      const { adapter } = binding;
      const common = { request: OidRequest, binding, adapter, ...subject, inHandler: false, complete: false };
      if (NdisAfHandle === 0) {
        const source = subject.connection?.client === null ? ends.manager : (ends.client ?? ends.manager);
        if (source === null) return NDIS_STATUS_FAILURE;
        const targetDriver = adapter.miniport.driver;
        return submit(ndis, { ...common, source, target: 'miniport', targetDriver, family: null });
      }
      const family = ndis.expect(NdisAfHandle, AddressFamily, driver, call, REQUEST_PAGE);
      if (family === null) return NDIS_STATUS_FAILURE;
      const fromClient = family.client === ends.client;
      if (!fromClient && family.manager !== ends.manager) return NDIS_STATUS_FAILURE;
      const target = fromClient ? family.manager : family.client;
      const source = fromClient ? family.client : family.manager;
      return submit(ndis, { ...common, source, target, targetDriver: target.driver, family });
    },
});

/**
 * NdisMCmOidRequest: like NdisCoOidRequest, from a miniport call manager to the client of an address family.
 * IRQL <= DISPATCH_LEVEL.
 * @returns what the client decided; NDIS_STATUS_PENDING where ProtocolCoOidRequestComplete gets the final status;
 * NDIS_STATUS_FAILURE for a wrong handle (a finding). Source: ndis/nf-ndis-ndismcmoidrequest.
 */
export const NdisMCmOidRequest = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMCmOidRequest(NDIS_HANDLE NdisAfHandle, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, PNDIS_OID_REQUEST NdisOidRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: MCM_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisAfHandle: Handle,
      NdisVcHandle: Handle,
      NdisPartyHandle: Handle,
      NdisOidRequest: Pointer<NDIS_OID_REQUEST>,
    ): NDIS_STATUS => {
      const call = 'NdisMCmOidRequest';
      const family = ndis.expect(NdisAfHandle, AddressFamily, driver, call, MCM_PAGE);
      if (family === null || family.manager.binding !== null || family.manager.driver !== driver)
        return NDIS_STATUS_FAILURE;
      const malformed = refuseMalformedRequest(ndis, driver, call, NdisOidRequest, true);
      if (malformed !== null) return malformed;
      const subject = subjectOf(ndis, driver, call, NdisVcHandle, NdisPartyHandle);
      if (subject === null) return NDIS_STATUS_FAILURE;
      const { manager, client } = family;
      return submit(ndis, {
        request: NdisOidRequest,
        binding: null,
        adapter: manager.adapter,
        source: manager,
        target: client,
        targetDriver: client.driver,
        family,
        ...subject,
        inHandler: false,
        complete: false,
      });
    },
});

/** What NdisCoOidRequestComplete and its macro for miniport call managers do. */
export function coOidRequestComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  request: Address,
  status: number,
): void {
  completeFrom(ndis, driver, call, request, status, false, COMPLETE_PAGE);
}

/**
 * NdisCoOidRequestComplete: the final status of a request for which ProtocolCoOidRequest returned NDIS_STATUS_PENDING;
 * calls ProtocolCoOidRequestComplete of who asked. A request that is not pending is the finding
 * OID_REQUEST_NOT_PENDING. IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscooidrequestcomplete.
 */
export const NdisCoOidRequestComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisCoOidRequestComplete(NDIS_HANDLE NdisAfHandle, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: COMPLETE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      _NdisAfHandle: Handle,
      _NdisVcHandle: Handle,
      _NdisPartyHandle: Handle,
      OidRequest: Pointer<NDIS_OID_REQUEST>,
      Status: NDIS_STATUS,
    ): void =>
      coOidRequestComplete(ndis, driver, 'NdisCoOidRequestComplete', OidRequest, Status),
});

/**
 * NdisMCoOidRequestComplete: the final status of a request for which MiniportCoOidRequest returned NDIS_STATUS_PENDING;
 * calls ProtocolCoOidRequestComplete of who asked. A request that is not pending is the finding
 * OID_REQUEST_NOT_PENDING. IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcooidrequestcomplete.
 */
export const NdisMCoOidRequestComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisMCoOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisMiniportVcHandle, PNDIS_OID_REQUEST Request, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: MINIPORT_COMPLETE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      _NdisMiniportVcHandle: Handle,
      Request: Pointer<NDIS_OID_REQUEST>,
      Status: NDIS_STATUS,
    ): void => {
      const call = 'NdisMCoOidRequestComplete';
      const adapter = ndis.expect(
        MiniportAdapterHandle,
        MiniportAdapter,
        driver,
        call,
        MINIPORT_COMPLETE_PAGE,
      );
      if (adapter === null) return;
      completeFrom(ndis, driver, call, Request, Status, true, MINIPORT_COMPLETE_PAGE);
    },
});

/**
 * Completes what is pending, of everybody, of a binding or of an adapter, with NDIS_STATUS_REQUEST_ABORTED; each is the
 * finding OID_REQUEST_NEVER_COMPLETED. Returns how many there were.
 */
export function abandonConnectionRequests(
  ndis: NdisLibrary,
  binding: Binding | null,
  adapter: MiniportAdapter | null,
): number {
  let count = 0;
  for (const record of connectionsOf(ndis).requests.values()) {
    if (record.complete || record.inHandler) continue;
    if (binding !== null && record.binding !== binding) continue;
    if (adapter !== null && record.adapter !== adapter) continue;
    count++;
    const { oid } = readRequest(ndis.memory, record.request);
    const text = `the request for ${oidName(oid)} of ${record.source.driver.name} is pending and was never completed`;
    ndis.kernel.report('OID_REQUEST_NEVER_COMPLETED', record.targetDriver, text, COMPLETE_PAGE);
    complete(ndis, record, NDIS_STATUS_REQUEST_ABORTED);
  }
  return count;
}
