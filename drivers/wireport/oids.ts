/**
 * The OID requests that wireport answers: those mandatory for an 802.3 miniport that NDIS does not answer itself.
 * Implements "Mandatory OIDs for Miniport Drivers" (network).
 */

import {
  type Address,
  type NDIS_OID_REQUEST,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisHardwareStatusReady,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_MULTICAST_LIST,
  OID_802_3_RCV_ERROR_ALIGNMENT,
  OID_802_3_XMIT_MORE_COLLISIONS,
  OID_802_3_XMIT_ONE_COLLISION,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_HARDWARE_STATUS,
  OID_GEN_MAXIMUM_SEND_PACKETS,
  OID_GEN_MAXIMUM_TOTAL_SIZE,
  OID_GEN_RCV_ERROR,
  OID_GEN_RCV_NO_BUFFER,
  OID_GEN_RCV_OK,
  OID_GEN_RECEIVE_BLOCK_SIZE,
  OID_GEN_RECEIVE_BUFFER_SPACE,
  OID_GEN_RECEIVE_SCALE_PARAMETERS,
  OID_GEN_STATISTICS,
  OID_GEN_TRANSMIT_BLOCK_SIZE,
  OID_GEN_TRANSMIT_BUFFER_SPACE,
  OID_GEN_VENDOR_DESCRIPTION,
  OID_GEN_VENDOR_DRIVER_VERSION,
  OID_GEN_VENDOR_ID,
  OID_GEN_XMIT_ERROR,
  OID_GEN_XMIT_OK,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';
import { SEND_BATCH } from './limits.ts';
import { statisticsOf } from './statistics.ts';

const ETHERNET_ADDRESS_LENGTH = 6;
/** "no IEEE vendor": the low byte numbers the adapter model. */
const VENDOR_ID = 0xffffff;
const DRIVER_VERSION = 0x0001_0000;
const MULTICAST_LIST_SIZE = 64;

type Answer = (adapter: WireportAdapter) => number | string;

/** What a query is answered with: a ULONG, or text. */
const queries = new Map<number, Answer>([
  [OID_GEN_HARDWARE_STATUS, () => NdisHardwareStatusReady],
  [OID_GEN_TRANSMIT_BUFFER_SPACE, (a) => SEND_BATCH * a.bounceSize],
  [OID_GEN_RECEIVE_BUFFER_SPACE, (a) => a.freeLists.length * a.bufferSize],
  [OID_GEN_TRANSMIT_BLOCK_SIZE, (a) => a.bounceSize],
  [OID_GEN_RECEIVE_BLOCK_SIZE, (a) => a.bufferSize],
  [OID_GEN_VENDOR_ID, () => VENDOR_ID],
  [OID_GEN_VENDOR_DESCRIPTION, () => 'ndisbox wireport'],
  [OID_GEN_VENDOR_DRIVER_VERSION, () => DRIVER_VERSION],
  [OID_GEN_CURRENT_PACKET_FILTER, (a) => a.packetFilter],
  [OID_GEN_CURRENT_LOOKAHEAD, (a) => a.lookahead],
  [OID_GEN_MAXIMUM_TOTAL_SIZE, (a) => a.largestFrame],
  [OID_GEN_MAXIMUM_SEND_PACKETS, () => SEND_BATCH],
  [OID_802_3_MAXIMUM_LIST_SIZE, () => MULTICAST_LIST_SIZE],
  [OID_GEN_XMIT_OK, (a) => a.counters.sent.frames],
  [OID_GEN_RCV_OK, (a) => a.counters.received.frames],
  [OID_GEN_XMIT_ERROR, (a) => a.counters.sendErrors],
  [OID_GEN_RCV_ERROR, () => 0],
  [OID_GEN_RCV_NO_BUFFER, (a) => a.counters.receiveNoBuffer],
  [OID_802_3_RCV_ERROR_ALIGNMENT, () => 0],
  [OID_802_3_XMIT_ONE_COLLISION, () => 0],
  [OID_802_3_XMIT_MORE_COLLISIONS, () => 0],
]);

/** OIDs named in the general attributes. */
export const SUPPORTED_OIDS: readonly number[] = [
  ...queries.keys(),
  OID_802_3_MULTICAST_LIST,
  OID_GEN_RECEIVE_SCALE_PARAMETERS,
  OID_GEN_STATISTICS,
];

/** MiniportOidRequest: answers at once. */
export function answerOid(adapter: WireportAdapter, request: NDIS_OID_REQUEST): number {
  const { RequestType } = request;
  const answered = RequestType === NdisRequestSetInformation ? adapter.power.answer(request) : null;
  const refusal = adapter.power.refusal;
  if (refusal === NDIS_STATUS_NOT_ACCEPTED || (answered === null && refusal !== null)) return refusal;
  if (answered !== null) return answered;
  if (RequestType === NdisRequestQueryInformation || RequestType === NdisRequestQueryStatistics) {
    return query(adapter, request);
  }
  if (RequestType === NdisRequestSetInformation) return set(adapter, request);
  return NDIS_STATUS_NOT_SUPPORTED;
}

function query(adapter: WireportAdapter, request: NDIS_OID_REQUEST): number {
  const { memory } = adapter.imports;
  const information = request.DATA.QUERY_INFORMATION;
  if (information.Oid === OID_802_3_MULTICAST_LIST) {
    return giveBytes(adapter, request, adapter.multicastList);
  }
  if (information.Oid === OID_GEN_STATISTICS) return giveBytes(adapter, request, statisticsOf(adapter));
  const answer = queries.get(information.Oid);
  if (answer === undefined) return NDIS_STATUS_NOT_SUPPORTED;
  const value = answer(adapter);
  if (typeof value === 'string') {
    return giveBytes(
      adapter,
      request,
      Uint8Array.from(`${value}\0`, (character) => character.charCodeAt(0)),
    );
  }
  // Counters are ULONG or ULONG64, as large as the buffer of the request is.
  if (information.InformationBufferLength >= 8 && isCounter(information.Oid)) {
    memory.data.setBigUint64(information.InformationBuffer, BigInt(value), true);
    information.BytesWritten = 8;
    return NDIS_STATUS_SUCCESS;
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value % 0x1_0000_0000, true);
  return giveBytes(adapter, request, bytes);
}

function isCounter(oid: number): boolean {
  return (
    oid === OID_GEN_XMIT_OK ||
    oid === OID_GEN_RCV_OK ||
    oid === OID_GEN_XMIT_ERROR ||
    oid === OID_GEN_RCV_ERROR ||
    oid === OID_GEN_RCV_NO_BUFFER
  );
}

function giveBytes(adapter: WireportAdapter, request: NDIS_OID_REQUEST, bytes: Uint8Array): number {
  const information = request.DATA.QUERY_INFORMATION;
  if (information.InformationBufferLength < bytes.length) {
    information.BytesNeeded = bytes.length;
    return NDIS_STATUS_BUFFER_TOO_SHORT;
  }
  adapter.imports.memory.u8.set(bytes, information.InformationBuffer);
  information.BytesWritten = bytes.length;
  return NDIS_STATUS_SUCCESS;
}

function set(adapter: WireportAdapter, request: NDIS_OID_REQUEST): number {
  const information = request.DATA.SET_INFORMATION;
  const { InformationBuffer: buffer, InformationBufferLength: length } = information;
  switch (information.Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
      if (length < 4) return tooShort(request, 4);
      adapter.packetFilter = readUlong(adapter, buffer);
      information.BytesRead = 4;
      return NDIS_STATUS_SUCCESS;
    case OID_GEN_CURRENT_LOOKAHEAD:
      if (length < 4) return tooShort(request, 4);
      adapter.lookahead = readUlong(adapter, buffer);
      information.BytesRead = 4;
      return NDIS_STATUS_SUCCESS;
    case OID_802_3_MULTICAST_LIST:
      if (length % ETHERNET_ADDRESS_LENGTH !== 0) return NDIS_STATUS_INVALID_LENGTH;
      adapter.multicastList = adapter.imports.memory.u8.slice(buffer, buffer + length);
      information.BytesRead = length;
      return NDIS_STATUS_SUCCESS;
    case OID_GEN_RECEIVE_SCALE_PARAMETERS:
      if (adapter.scaling === null) return NDIS_STATUS_NOT_SUPPORTED;
      adapter.scaling.configure(buffer);
      information.BytesRead = length;
      return NDIS_STATUS_SUCCESS;
    default:
      return NDIS_STATUS_NOT_SUPPORTED;
  }
}

function tooShort(request: NDIS_OID_REQUEST, needed: number): number {
  request.DATA.SET_INFORMATION.BytesNeeded = needed;
  return NDIS_STATUS_INVALID_LENGTH;
}

function readUlong(adapter: WireportAdapter, address: Address): number {
  return adapter.imports.memory.data.getUint32(address, true);
}
