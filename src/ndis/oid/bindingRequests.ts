/**
 * Requests that NDIS changes on their way: packet filter, lookahead size and multicast addresses belong to a binding,
 * and the miniport driver is told what all bindings together want; byte and discard counters come from its
 * statistics. Implements the pages oid-gen-current-packet-filter, oid-gen-current-lookahead, oid-802-3-multicast-list,
 * oid-802-3-add-multicast-address and oid-802-3-delete-multicast-address (network).
 */

import { type Kernel, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { updateReceivers } from '../dataPath/receivers.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import {
  NDIS_PACKET_TYPE_ALL_LOCAL,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_MULTICAST_FULL,
  NDIS_STATUS_MULTICAST_NOT_FOUND,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  OID_802_3_ADD_MULTICAST_ADDRESS,
  OID_802_3_DELETE_MULTICAST_ADDRESS,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_STATISTICS,
} from '../generated/constants/index.ts';
import { NDIS_STATISTICS_INFO } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { changeRepeats, indexOfAddress, repeatsOf, unionOfAddresses } from './multicast.ts';
import { oidRulesOf } from './oidRules.ts';
import {
  isQuery,
  REQUEST_BLOCK_SIZE,
  type RequestFields,
  readRequest,
  setBytesDone,
  setBytesNeeded,
  writeRequest,
} from './requestFormat.ts';
import { type AdapterRequests, type OidRecord, oidRequestsOf, type RequestPlan } from './requestRecord.ts';
import { counterOffset, writeCounter } from './statistics.ts';

const SETS: ReadonlyMap<number, RequestPlan> = new Map<number, RequestPlan>([
  [OID_GEN_CURRENT_PACKET_FILTER, 'packetFilter'],
  [OID_GEN_CURRENT_LOOKAHEAD, 'lookahead'],
  [OID_802_3_MULTICAST_LIST, 'multicastList'],
  [OID_802_3_ADD_MULTICAST_ADDRESS, 'addMulticastAddress'],
  [OID_802_3_DELETE_MULTICAST_ADDRESS, 'deleteMulticastAddress'],
]);

/** What is to be done with a request before the miniport driver sees it. */
export function planOf(fields: RequestFields): RequestPlan {
  if (fields.type === NdisRequestSetInformation) return SETS.get(fields.oid) ?? 'pass';
  return isQuery(fields.type) && counterOffset(fields.oid) !== null ? 'counter' : 'pass';
}

/** The status with which a request is refused because of its contents, before it is queued; null when it is good. */
export function refuseContents(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  request: Address,
  fields: RequestFields,
  plan: RequestPlan,
): number | null {
  const wrongLength = (needed: number): number => {
    setBytesNeeded(ndis.memory, request, needed);
    return NDIS_STATUS_INVALID_LENGTH;
  };
  switch (plan) {
    case 'packetFilter':
      return fields.length === 4 ? null : wrongLength(4);
    case 'lookahead': {
      if (fields.length !== 4) return wrongLength(4);
      const size = ndis.memory.data.getUint32(fields.buffer, true);
      return size > (adapter.general?.lookaheadSize ?? 0) ? NDIS_STATUS_INVALID_DATA : null;
    }
    case 'multicastList': {
      if (fields.length % 6 !== 0) return wrongLength(Math.ceil(fields.length / 6) * 6);
      const list = ndis.memory.u8.subarray(fields.buffer, fields.buffer + fields.length);
      for (let at = 0; at < list.length; at += 6) if ((list[at] & 1) === 0) return NDIS_STATUS_MULTICAST_FULL;
      return null;
    }
    case 'addMulticastAddress':
      if (fields.length !== 6) return wrongLength(6);
      return (ndis.memory.u8[fields.buffer] & 1) === 0 ? NDIS_STATUS_MULTICAST_FULL : null;
    case 'deleteMulticastAddress':
      return fields.length === 6 ? null : wrongLength(6);
    case 'counter':
      return fields.length >= 4 ? null : wrongLength(8);
    case 'pass':
      return null;
  }
}

/** Bindings whose wishes count: the open ones. */
function openBindings(adapter: MiniportAdapter): readonly Binding[] {
  return adapter.bindings.filter((binding) => binding.openState === 'open');
}

/** All packet types that some binding wants, `value` standing for that of `changing`. */
export function packetFilterUnion(adapter: MiniportAdapter, changing: Binding | null, value: number): number {
  let union = changing === null ? 0 : value;
  for (const binding of openBindings(adapter)) if (binding !== changing) union |= binding.packetFilter;
  return union >>> 0;
}

/** All multicast addresses that some binding wants, each once. */
export function multicastUnion(
  adapter: MiniportAdapter,
  changing: Binding | null,
  value: Uint8Array,
): Uint8Array {
  const others = openBindings(adapter).filter((binding) => binding !== changing);
  return unionOfAddresses([...others.map((binding) => binding.multicastList), value]);
}

/** The largest lookahead size that some binding wants. */
export function lookaheadMaximum(adapter: MiniportAdapter, changing: Binding | null, value: number): number {
  let maximum = value;
  for (const binding of openBindings(adapter)) {
    if (binding !== changing) maximum = Math.max(maximum, binding.lookahead);
  }
  return maximum;
}

/** Types that NDIS matches itself: the miniport driver is told of them only if it says that it supports them. */
const MATCHED_BY_NDIS = NDIS_PACKET_TYPE_ALL_LOCAL;
/** What the miniport driver is told for a union of filters. */
export function filterForMiniport(adapter: MiniportAdapter, union: number): number {
  const supported = adapter.general?.supportedPacketFilters ?? 0;
  return (union & ~(MATCHED_BY_NDIS & ~supported)) >>> 0;
}

/** Tells the trace that a request goes on as another, so that it can be followed through its hops. */
export function noteSuccessor(kernel: Kernel, request: Address, successor: Address): void {
  if (kernel.trace === null) return;
  kernel.note('OID request', `0x${request.toString(16)} goes on as 0x${successor.toString(16)}`);
}

/** Writes a request of the library's own, with room for its buffer, in place of that of a record; false: no memory. */
function replace(
  ndis: NdisLibrary,
  record: OidRecord,
  type: number,
  oid: number,
  contents: Uint8Array,
): boolean {
  const { memory } = ndis;
  const size = REQUEST_BLOCK_SIZE + contents.length;
  const block = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (block === 0) return false;
  const buffer = block + REQUEST_BLOCK_SIZE;
  const { port } = readRequest(memory, record.request);
  writeRequest(memory, block, {
    type,
    oid,
    port,
    requestId: record.requestId,
    requestHandle: record.binding?.handle ?? 0,
    buffer,
    length: contents.length,
  });
  memory.u8.set(contents, buffer);
  noteSuccessor(ndis.kernel, record.request, block);
  record.sent = block;
  return true;
}

function wordBytes(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function word(bytes: Uint8Array): number {
  return bytes.length < 4 ? 0 : (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
}

/**
 * The record is next: decides what the miniport driver gets, and sets `sent`. Gives the status at once where it need
 * not be asked, because nothing changes for it or the change is impossible.
 */
export function prepareRequest(ndis: NdisLibrary, record: OidRecord): number | null {
  const { adapter, binding } = record;
  if (record.plan === 'pass') {
    const fields = readRequest(ndis.memory, record.request);
    const rule = fields.type === NdisRequestSetInformation ? oidRulesOf(ndis).get(fields.oid) : undefined;
    const refused = rule?.check(ndis, adapter, record.request, fields) ?? null;
    if (refused === null) record.sent = record.request;
    return refused;
  }
  if (record.plan === 'counter') {
    const contents = new Uint8Array(NDIS_STATISTICS_INFO.size);
    const sent = replace(ndis, record, NdisRequestQueryInformation, OID_GEN_STATISTICS, contents);
    return sent ? null : NDIS_STATUS_RESOURCES;
  }
  const requests = oidRequestsOf(ndis).of(adapter);
  const { buffer, length } = readRequest(ndis.memory, record.request);
  const given = ndis.memory.u8.slice(buffer, buffer + length);
  const tell = (oid: number, contents: Uint8Array): number | null =>
    replace(ndis, record, NdisRequestSetInformation, oid, contents) ? null : NDIS_STATUS_RESOURCES;
  if (record.plan === 'packetFilter') {
    record.change = given;
    const union = filterForMiniport(adapter, packetFilterUnion(adapter, binding, word(given)));
    return union === adapter.packetFilter
      ? NDIS_STATUS_SUCCESS
      : tell(OID_GEN_CURRENT_PACKET_FILTER, wordBytes(union));
  }
  if (record.plan === 'lookahead') {
    record.change = given;
    const maximum = lookaheadMaximum(adapter, binding, word(given));
    return maximum === requests.lookahead
      ? NDIS_STATUS_SUCCESS
      : tell(OID_GEN_CURRENT_LOOKAHEAD, wordBytes(maximum));
  }
  const list = changedList(requests, record, given);
  if (list === null) return NDIS_STATUS_MULTICAST_NOT_FOUND;
  record.change = list;
  const union = multicastUnion(adapter, binding, list);
  if (union.length / 6 > (adapter.general?.maxMulticastListSize ?? 0)) {
    // A list that shrinks is never refused: it can only be too long where the limit was lowered.
    if (union.length > requests.multicastList.length) return NDIS_STATUS_MULTICAST_FULL;
  }
  return sameBytes(union, requests.multicastList)
    ? NDIS_STATUS_SUCCESS
    : tell(OID_802_3_MULTICAST_LIST, union);
}

/** The list of the binding after the request; null where an address is not in it. */
function changedList(requests: AdapterRequests, record: OidRecord, given: Uint8Array): Uint8Array | null {
  const { binding } = record;
  if (record.plan === 'multicastList') return unionOfAddresses([given]);
  const list = binding?.multicastList ?? new Uint8Array(0);
  if (record.plan === 'addMulticastAddress') return unionOfAddresses([list, given]);
  const index = indexOfAddress(list, given);
  if (binding === null || index < 0) return null;
  if (repeatsOf(requests.repeatsOf(binding), given) > 0) return list;
  const shorter = new Uint8Array(list.length - 6);
  shorter.set(list.subarray(0, index));
  shorter.set(list.subarray(index + 6), index);
  return shorter;
}

/**
 * The miniport driver, or NDIS, is done with a record: makes the change valid, gives who asked its results, and frees
 * what was sent. Returns the status for who asked.
 */
export function concludeRequest(ndis: NdisLibrary, record: OidRecord, status: number): number {
  const { memory } = ndis;
  if (record.plan === 'pass') {
    if (status !== NDIS_STATUS_SUCCESS || record.sent === 0) return status;
    const fields = readRequest(memory, record.request);
    if (fields.type === NdisRequestSetInformation)
      oidRulesOf(ndis).get(fields.oid)?.changed(ndis, record.adapter, fields);
    return status;
  }
  const { sent } = record;
  const fields = readRequest(memory, record.request);
  if (status === NDIS_STATUS_SUCCESS) {
    if (record.plan === 'counter') {
      const statistics = readRequest(memory, sent).buffer;
      setBytesDone(memory, record.request, writeCounter(memory, fields, statistics));
      setBytesNeeded(memory, record.request, 8);
    } else {
      applyChange(ndis, record);
      setBytesDone(memory, record.request, fields.length);
    }
  }
  if (sent !== 0) poolOf(ndis.kernel).free(sent, NDIS_POOL_TAG);
  return status;
}

/** Makes the change of a successful set valid for its binding and for what the miniport driver was told. */
function applyChange(ndis: NdisLibrary, record: OidRecord): void {
  const { adapter, binding, change } = record;
  const requests = oidRequestsOf(ndis).of(adapter);
  switch (record.plan) {
    case 'packetFilter':
      if (binding !== null) binding.packetFilter = word(change);
      adapter.packetFilter = filterForMiniport(adapter, packetFilterUnion(adapter, binding, word(change)));
      updateReceivers(adapter);
      return;
    case 'lookahead':
      if (binding !== null) binding.lookahead = word(change);
      requests.lookahead = lookaheadMaximum(adapter, binding, word(change));
      return;
    case 'multicastList':
    case 'addMulticastAddress':
    case 'deleteMulticastAddress':
      applyMulticast(ndis, record);
      requests.multicastList = multicastUnion(adapter, binding, change);
      return;
    default:
      return;
  }
}

function applyMulticast(ndis: NdisLibrary, record: OidRecord): void {
  const { binding } = record;
  if (binding === null) return;
  const { buffer } = readRequest(ndis.memory, record.request);
  const address = ndis.memory.u8.slice(buffer, buffer + 6);
  const requests = oidRequestsOf(ndis).of(record.adapter);
  if (record.plan === 'multicastList') requests.multicastRepeats.delete(binding);
  else {
    const repeats = requests.repeatsOf(binding);
    if (record.plan === 'deleteMulticastAddress') changeRepeats(repeats, address, -1);
    else if (indexOfAddress(binding.multicastList, address) >= 0) changeRepeats(repeats, address, 1);
  }
  binding.multicastList = record.change;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
