/** The OIDs that wireport51 answers. Implements "Mandatory OIDs for Miniport Drivers" (network). */

import {
  type Address,
  NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_MAC_OPTION_TRANSFERS_NOT_PEND,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_OID,
  NDIS_STATUS_MULTICAST_FULL,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisHardwareStatusReady,
  NdisMediaStateConnected,
  NdisMediaStateDisconnected,
  NdisMedium802_3,
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_MULTICAST_LIST,
  OID_802_3_PERMANENT_ADDRESS,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_DRIVER_VERSION,
  OID_GEN_HARDWARE_STATUS,
  OID_GEN_LINK_SPEED,
  OID_GEN_MAC_OPTIONS,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_MAXIMUM_LOOKAHEAD,
  OID_GEN_MAXIMUM_SEND_PACKETS,
  OID_GEN_MAXIMUM_TOTAL_SIZE,
  OID_GEN_MEDIA_CONNECT_STATUS,
  OID_GEN_MEDIA_IN_USE,
  OID_GEN_MEDIA_SUPPORTED,
  OID_GEN_NETWORK_LAYER_ADDRESSES,
  OID_GEN_RCV_ERROR,
  OID_GEN_RCV_NO_BUFFER,
  OID_GEN_RCV_OK,
  OID_GEN_RECEIVE_BLOCK_SIZE,
  OID_GEN_RECEIVE_BUFFER_SPACE,
  OID_GEN_SUPPORTED_LIST,
  OID_GEN_TRANSMIT_BLOCK_SIZE,
  OID_GEN_TRANSMIT_BUFFER_SPACE,
  OID_GEN_VENDOR_DESCRIPTION,
  OID_GEN_VENDOR_DRIVER_VERSION,
  OID_GEN_VENDOR_ID,
  OID_GEN_XMIT_ERROR,
  OID_GEN_XMIT_OK,
} from '../../src/machine/index.ts';
import { RECEIVE_PACKETS, type Wireport51Adapter } from './adapter.ts';

/** "no IEEE vendor": the low byte numbers the adapter model. */
const VENDOR_ID = 0x00ff_ffff;
const DRIVER_VERSION = 0x0501;
const DESCRIPTION = 'ndisbox wireport51\0';
const ADDRESS_LENGTH = 6;
const MULTICAST_LIST_SIZE = 32;
const SEND_PACKETS = 32;
/** Link speeds are in units of 100 bits per second. */
const LINK_SPEED_UNIT = 100;
/** Where a driver of NDIS 5 and its answers have numbers of 32 bits. */
const LARGEST = 0xffff_ffff;

const MAC_OPTIONS =
  NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND | NDIS_MAC_OPTION_NO_LOOPBACK;

type Answer = (adapter: Wireport51Adapter) => number;

/** Queries with a ULONG as answer. */
const NUMBERS: ReadonlyMap<number, Answer> = new Map<number, Answer>([
  [OID_GEN_HARDWARE_STATUS, () => NdisHardwareStatusReady],
  [OID_GEN_MEDIA_SUPPORTED, () => NdisMedium802_3],
  [OID_GEN_MEDIA_IN_USE, () => NdisMedium802_3],
  [OID_GEN_MAXIMUM_LOOKAHEAD, (adapter) => adapter.frameSize],
  [OID_GEN_MAXIMUM_FRAME_SIZE, (adapter) => adapter.frameSize],
  [OID_GEN_CURRENT_LOOKAHEAD, (adapter) => adapter.lookahead],
  [
    OID_GEN_LINK_SPEED,
    ({ device }) => Math.min(LARGEST, device.wire.properties.linkSpeedBitsPerSecond / LINK_SPEED_UNIT),
  ],
  [OID_GEN_TRANSMIT_BUFFER_SPACE, ({ resources }) => SEND_PACKETS * resources.bufferSize],
  [OID_GEN_RECEIVE_BUFFER_SPACE, ({ resources }) => RECEIVE_PACKETS * resources.bufferSize],
  [OID_GEN_TRANSMIT_BLOCK_SIZE, ({ resources }) => resources.bufferSize],
  [OID_GEN_RECEIVE_BLOCK_SIZE, ({ resources }) => resources.bufferSize],
  [OID_GEN_VENDOR_ID, () => VENDOR_ID],
  [OID_GEN_VENDOR_DRIVER_VERSION, () => DRIVER_VERSION],
  [OID_GEN_CURRENT_PACKET_FILTER, (adapter) => adapter.packetFilter],
  [OID_GEN_MAXIMUM_TOTAL_SIZE, ({ device }) => device.wire.properties.maximumFrameSize],
  [OID_GEN_MAC_OPTIONS, () => MAC_OPTIONS],
  [
    OID_GEN_MEDIA_CONNECT_STATUS,
    ({ device }) => (device.wire.linkUp ? NdisMediaStateConnected : NdisMediaStateDisconnected),
  ],
  [OID_GEN_MAXIMUM_SEND_PACKETS, () => SEND_PACKETS],
  [OID_GEN_XMIT_OK, ({ counters }) => counters.sent],
  [OID_GEN_RCV_OK, ({ counters }) => counters.received],
  [OID_GEN_XMIT_ERROR, ({ counters }) => counters.sendErrors],
  [OID_GEN_RCV_ERROR, () => 0],
  [OID_GEN_RCV_NO_BUFFER, ({ counters }) => counters.receiveNoBuffer],
  [OID_802_3_MAXIMUM_LIST_SIZE, () => MULTICAST_LIST_SIZE],
]);

const SUPPORTED: readonly number[] = [
  OID_GEN_SUPPORTED_LIST,
  OID_GEN_VENDOR_DESCRIPTION,
  OID_GEN_DRIVER_VERSION,
  OID_802_3_PERMANENT_ADDRESS,
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_MULTICAST_LIST,
  ...NUMBERS.keys(),
];

const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

function answerOf(adapter: Wireport51Adapter, oid: number): Uint8Array | null {
  switch (oid) {
    case OID_GEN_SUPPORTED_LIST:
      return words(...SUPPORTED);
    case OID_GEN_VENDOR_DESCRIPTION:
      return new TextEncoder().encode(DESCRIPTION);
    case OID_GEN_DRIVER_VERSION:
      return Uint8Array.of(DRIVER_VERSION & 0xff, DRIVER_VERSION >> 8);
    case OID_802_3_PERMANENT_ADDRESS:
    case OID_802_3_CURRENT_ADDRESS:
      return adapter.resources.macAddress;
    case OID_802_3_MULTICAST_LIST:
      return adapter.multicastList;
    default: {
      const number = NUMBERS.get(oid);
      return number === undefined ? null : words(number(adapter));
    }
  }
}

/** MiniportQueryInformation. */
export function queryInformation(
  adapter: Wireport51Adapter,
  oid: number,
  buffer: Address,
  length: number,
  bytesWritten: Address,
  bytesNeeded: Address,
): number {
  const { u8, u32 } = adapter.imports.memory;
  const answer = answerOf(adapter, oid);
  u32[bytesWritten >> 2] = 0;
  if (answer === null) return NDIS_STATUS_NOT_SUPPORTED;
  u32[bytesNeeded >> 2] = answer.length;
  if (length < answer.length) return NDIS_STATUS_INVALID_LENGTH;
  u8.set(answer, buffer);
  u32[bytesWritten >> 2] = answer.length;
  return NDIS_STATUS_SUCCESS;
}

/** MiniportSetInformation. */
export function setInformation(
  adapter: Wireport51Adapter,
  oid: number,
  buffer: Address,
  length: number,
  bytesRead: Address,
  bytesNeeded: Address,
): number {
  const { u8, u32, data } = adapter.imports.memory;
  u32[bytesRead >> 2] = 0;
  u32[bytesNeeded >> 2] = 4;
  switch (oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
    case OID_GEN_CURRENT_LOOKAHEAD:
      if (length < 4) return NDIS_STATUS_INVALID_LENGTH;
      // The wire does not filter; NDIS does for each binding.
      if (oid === OID_GEN_CURRENT_LOOKAHEAD) adapter.lookahead = data.getUint32(buffer, true);
      else adapter.packetFilter = data.getUint32(buffer, true);
      u32[bytesRead >> 2] = 4;
      return NDIS_STATUS_SUCCESS;
    case OID_802_3_MULTICAST_LIST:
      if (length % ADDRESS_LENGTH !== 0) return NDIS_STATUS_INVALID_LENGTH;
      if (length > MULTICAST_LIST_SIZE * ADDRESS_LENGTH) return NDIS_STATUS_MULTICAST_FULL;
      adapter.multicastList = u8.slice(buffer, buffer + length);
      u32[bytesRead >> 2] = length;
      return NDIS_STATUS_SUCCESS;
    case OID_GEN_NETWORK_LAYER_ADDRESSES:
      u32[bytesRead >> 2] = length;
      return NDIS_STATUS_SUCCESS;
    default:
      return NDIS_STATUS_INVALID_OID;
  }
}
