/**
 * The OID requests that cardport answers: those mandatory for an 802.3 miniport that NDIS does not answer itself, and
 * interrupt moderation. Implements "Mandatory OIDs for Miniport Drivers" and "OID_GEN_INTERRUPT_MODERATION" (network).
 */

import {
  NDIS_INTERRUPT_MODERATION_PARAMETERS,
  type NDIS_OID_REQUEST,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisHardwareStatusReady,
  NdisInterruptModerationDisabled,
  NdisInterruptModerationEnabled,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_HARDWARE_STATUS,
  OID_GEN_INTERRUPT_MODERATION,
  OID_GEN_MAXIMUM_SEND_PACKETS,
  OID_GEN_MAXIMUM_TOTAL_SIZE,
  OID_GEN_RCV_ERROR,
  OID_GEN_RCV_NO_BUFFER,
  OID_GEN_RCV_OK,
  OID_GEN_RECEIVE_BLOCK_SIZE,
  OID_GEN_RECEIVE_BUFFER_SPACE,
  OID_GEN_TRANSMIT_BLOCK_SIZE,
  OID_GEN_TRANSMIT_BUFFER_SPACE,
  OID_GEN_VENDOR_DESCRIPTION,
  OID_GEN_VENDOR_DRIVER_VERSION,
  OID_GEN_VENDOR_ID,
  OID_GEN_XMIT_ERROR,
  OID_GEN_XMIT_OK,
} from '../../src/machine/index.ts';
import type { CardportAdapter } from './adapter.ts';
import { BUFFER_SIZE, RECEIVE_DESCRIPTORS, TRANSMIT_DESCRIPTORS } from './limits.ts';
import * as r from './registers.ts';

const VENDOR_DESCRIPTION = 'ndisbox cardport';
/** Microseconds between interrupts while moderation is enabled. */
const MODERATION_TIME = 100;
const MULTICAST_LIST_SIZE = 64;

const queries = new Map<number, (adapter: CardportAdapter) => number>([
  [OID_GEN_HARDWARE_STATUS, () => NdisHardwareStatusReady],
  [OID_GEN_TRANSMIT_BUFFER_SPACE, () => TRANSMIT_DESCRIPTORS * BUFFER_SIZE],
  [OID_GEN_RECEIVE_BUFFER_SPACE, () => 2 * RECEIVE_DESCRIPTORS * BUFFER_SIZE],
  [OID_GEN_TRANSMIT_BLOCK_SIZE, () => BUFFER_SIZE],
  [OID_GEN_RECEIVE_BLOCK_SIZE, () => BUFFER_SIZE],
  [OID_GEN_VENDOR_ID, () => 0xffffff],
  [OID_GEN_VENDOR_DRIVER_VERSION, () => 0x0001_0000],
  [OID_GEN_CURRENT_PACKET_FILTER, (a) => a.packetFilter],
  [OID_GEN_CURRENT_LOOKAHEAD, (a) => a.lookahead],
  [OID_GEN_MAXIMUM_TOTAL_SIZE, () => 1518],
  [OID_GEN_MAXIMUM_SEND_PACKETS, () => TRANSMIT_DESCRIPTORS],
  [OID_802_3_MAXIMUM_LIST_SIZE, () => MULTICAST_LIST_SIZE],
  [OID_GEN_XMIT_OK, (a) => a.counters.sent],
  [OID_GEN_RCV_OK, (a) => a.counters.received],
  [OID_GEN_XMIT_ERROR, (a) => a.counters.sendErrors],
  [OID_GEN_RCV_ERROR, (a) => a.counters.receiveErrors],
  [OID_GEN_RCV_NO_BUFFER, (a) => a.counters.noBuffer],
]);

/** OIDs named in the general attributes. */
export const SUPPORTED_OIDS: readonly number[] = [
  ...queries.keys(),
  OID_GEN_VENDOR_DESCRIPTION,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_INTERRUPT_MODERATION,
];

/** MiniportOidRequest: answers at once. */
export function answerOid(adapter: CardportAdapter, request: NDIS_OID_REQUEST): number {
  const { RequestType } = request;
  if (RequestType === NdisRequestQueryInformation || RequestType === NdisRequestQueryStatistics)
    return query(adapter, request);
  return RequestType === NdisRequestSetInformation ? set(adapter, request) : NDIS_STATUS_NOT_SUPPORTED;
}

function query(adapter: CardportAdapter, request: NDIS_OID_REQUEST): number {
  const { Oid } = request.DATA.QUERY_INFORMATION;
  if (Oid === OID_GEN_VENDOR_DESCRIPTION)
    return give(adapter, request, new TextEncoder().encode(`${VENDOR_DESCRIPTION}\0`));
  if (Oid === OID_802_3_MULTICAST_LIST) return give(adapter, request, adapter.multicastList);
  if (Oid === OID_GEN_INTERRUPT_MODERATION) return give(adapter, request, moderationOf(adapter));
  const answer = queries.get(Oid);
  if (answer === undefined) return NDIS_STATUS_NOT_SUPPORTED;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, answer(adapter), true);
  return give(adapter, request, bytes);
}

function moderationOf(adapter: CardportAdapter): Uint8Array {
  const { size, offset } = NDIS_INTERRUPT_MODERATION_PARAMETERS;
  const bytes = new Uint8Array(size);
  const data = new DataView(bytes.buffer);
  bytes.set([0x80, 1]);
  data.setUint16(2, size, true);
  const state = adapter.moderation > 0 ? NdisInterruptModerationEnabled : NdisInterruptModerationDisabled;
  data.setUint32(offset.InterruptModeration, state, true);
  return bytes;
}

function give(adapter: CardportAdapter, request: NDIS_OID_REQUEST, bytes: Uint8Array): number {
  const information = request.DATA.QUERY_INFORMATION;
  if (information.InformationBufferLength < bytes.length) {
    information.BytesNeeded = bytes.length;
    return NDIS_STATUS_BUFFER_TOO_SHORT;
  }
  adapter.imports.memory.u8.set(bytes, information.InformationBuffer);
  information.BytesWritten = bytes.length;
  return NDIS_STATUS_SUCCESS;
}

function set(adapter: CardportAdapter, request: NDIS_OID_REQUEST): number {
  const information = request.DATA.SET_INFORMATION;
  const { InformationBuffer: buffer, InformationBufferLength: length, Oid } = information;
  const { data, u8 } = adapter.imports.memory;
  if (Oid === OID_802_3_MULTICAST_LIST) {
    if (length % 6 !== 0) return NDIS_STATUS_INVALID_LENGTH;
    adapter.multicastList = u8.slice(buffer, buffer + length);
    adapter.programFilter();
    information.BytesRead = length;
    return NDIS_STATUS_SUCCESS;
  }
  const needed = Oid === OID_GEN_INTERRUPT_MODERATION ? NDIS_INTERRUPT_MODERATION_PARAMETERS.size : 4;
  if (length < needed) {
    information.BytesNeeded = needed;
    return NDIS_STATUS_INVALID_LENGTH;
  }
  switch (Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
      adapter.packetFilter = data.getUint32(buffer, true);
      adapter.programFilter();
      break;
    case OID_GEN_CURRENT_LOOKAHEAD:
      adapter.lookahead = data.getUint32(buffer, true);
      break;
    case OID_GEN_INTERRUPT_MODERATION: {
      const state = data.getUint32(
        buffer + NDIS_INTERRUPT_MODERATION_PARAMETERS.offset.InterruptModeration,
        true,
      );
      adapter.moderation = state === NdisInterruptModerationEnabled ? MODERATION_TIME : 0;
      adapter.write(r.MODERATION, adapter.moderation);
      break;
    }
    default:
      return NDIS_STATUS_NOT_SUPPORTED;
  }
  information.BytesRead = needed;
  return NDIS_STATUS_SUCCESS;
}
