/**
 * The requests that the virtual miniports of mux get: what is their own they answer, what the adapter below has to
 * know they set there for all together, the rest is passed on. Implements "Responding to Sets and Queries in an
 * Intermediate Driver" (network).
 */

import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OID_REQUEST,
  NDIS_SIZEOF_STATISTICS_INFO_REVISION_1,
  NDIS_STATISTICS_INFO,
  NDIS_STATISTICS_INFO_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
  NdisHardwareStatusReady,
  NdisRequestMethod,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_HARDWARE_STATUS,
  OID_GEN_MAXIMUM_TOTAL_SIZE,
  OID_GEN_RCV_ERROR,
  OID_GEN_RCV_NO_BUFFER,
  OID_GEN_RCV_OK,
  OID_GEN_RECEIVE_BLOCK_SIZE,
  OID_GEN_STATISTICS,
  OID_GEN_TRANSMIT_BLOCK_SIZE,
  OID_GEN_VENDOR_DESCRIPTION,
  OID_GEN_VENDOR_DRIVER_VERSION,
  OID_GEN_VENDOR_ID,
  OID_GEN_XMIT_ERROR,
  OID_GEN_XMIT_OK,
  OID_PNP_QUERY_POWER,
  OID_PNP_SET_POWER,
  OID_TCP_OFFLOAD_CURRENT_CONFIG,
  OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
  OID_TCP_OFFLOAD_PARAMETERS,
} from '../../src/machine/index.ts';
import type { MuxBinding } from './muxBinding.ts';
import type { VirtualMiniport } from './virtualMiniport.ts';

/** `MuxO` as a pool tag. */
const TAG = 0x4f78754d;
const ADDRESS_LENGTH = 6;
const ETHERNET_HEADER = 14;
/** "no IEEE vendor". */
const VENDOR_ID = 0xffffff;
const DRIVER_VERSION = 0x0001_0000;
const DESCRIPTION = Uint8Array.from('ndisbox mux\0', (character) => character.charCodeAt(0));

/** A request on its way through the adapter below. */
export interface ForwardedRequest {
  readonly miniport: VirtualMiniport;
  readonly request: NDIS_OID_REQUEST;
  readonly clone: NDIS_OID_REQUEST;
}

const numbers = new Map<number, (miniport: VirtualMiniport) => number>([
  [OID_GEN_HARDWARE_STATUS, () => NdisHardwareStatusReady],
  [OID_GEN_TRANSMIT_BLOCK_SIZE, (m) => m.mtuBytes + ETHERNET_HEADER],
  [OID_GEN_RECEIVE_BLOCK_SIZE, (m) => m.mtuBytes + ETHERNET_HEADER],
  [OID_GEN_MAXIMUM_TOTAL_SIZE, (m) => m.mtuBytes + ETHERNET_HEADER],
  [OID_GEN_VENDOR_ID, () => VENDOR_ID],
  [OID_GEN_VENDOR_DRIVER_VERSION, () => DRIVER_VERSION],
  [OID_GEN_CURRENT_PACKET_FILTER, (m) => m.packetFilter],
  [OID_GEN_CURRENT_LOOKAHEAD, (m) => m.lookahead],
  [OID_802_3_MAXIMUM_LIST_SIZE, (m) => m.binding.adapter.maximumMulticastListSize],
  [OID_GEN_XMIT_OK, (m) => m.counters.framesSent],
  [OID_GEN_XMIT_ERROR, (m) => m.counters.sendErrors],
  [OID_GEN_RCV_OK, (m) => m.counters.framesReceived],
  [OID_GEN_RCV_ERROR, () => 0],
  [OID_GEN_RCV_NO_BUFFER, (m) => m.counters.receiveNoBuffer],
]);
/** Those whose answer is as wide as the buffer. */
const counterOids = new Set([
  OID_GEN_XMIT_OK,
  OID_GEN_XMIT_ERROR,
  OID_GEN_RCV_OK,
  OID_GEN_RCV_ERROR,
  OID_GEN_RCV_NO_BUFFER,
]);
/** Frames are changed on their way, so the offloads of the adapter below are not offered above. */
const offloadOids = new Set([
  OID_TCP_OFFLOAD_CURRENT_CONFIG,
  OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES,
  OID_TCP_OFFLOAD_PARAMETERS,
]);

/** OIDs named in the general attributes. */
export const SUPPORTED_OIDS: readonly number[] = [
  ...numbers.keys(),
  OID_802_3_MULTICAST_LIST,
  OID_GEN_STATISTICS,
  OID_GEN_VENDOR_DESCRIPTION,
];

/** MiniportOidRequest. */
export function answerOid(miniport: VirtualMiniport, request: NDIS_OID_REQUEST): number | Promise<number> {
  const { Oid } = request.DATA;
  // The power of a virtual miniport is its own: neither of the two is passed on.
  if (Oid === OID_PNP_QUERY_POWER) return NDIS_STATUS_SUCCESS;
  if (Oid === OID_PNP_SET_POWER) {
    miniport.powerState = miniport.imports.memory.u32[request.DATA.SET_INFORMATION.InformationBuffer >> 2];
    return NDIS_STATUS_SUCCESS;
  }
  if (miniport.powerState !== NdisDeviceStateD0) return NDIS_STATUS_LOW_POWER_STATE;
  if (offloadOids.has(Oid)) return NDIS_STATUS_NOT_SUPPORTED;
  switch (request.RequestType) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
      return query(miniport, request);
    case NdisRequestSetInformation:
      return set(miniport, request);
    default:
      return forward(miniport, request);
  }
}

function query(miniport: VirtualMiniport, request: NDIS_OID_REQUEST): number | Promise<number> {
  const { Oid } = request.DATA;
  if (Oid === OID_GEN_VENDOR_DESCRIPTION) return giveBytes(miniport, request, DESCRIPTION);
  if (Oid === OID_802_3_MULTICAST_LIST) return giveBytes(miniport, request, miniport.multicastList);
  if (Oid === OID_GEN_STATISTICS) return statistics(miniport, request);
  const answer = numbers.get(Oid);
  if (answer === undefined) return forward(miniport, request);
  const wide = counterOids.has(Oid) && request.DATA.QUERY_INFORMATION.InformationBufferLength >= 8;
  const bytes = wide
    ? new Uint8Array(BigUint64Array.of(BigInt(answer(miniport))).buffer)
    : new Uint8Array(Uint32Array.of(answer(miniport) % 0x1_0000_0000).buffer);
  return giveBytes(miniport, request, bytes);
}

function statistics(miniport: VirtualMiniport, request: NDIS_OID_REQUEST): number {
  const information = request.DATA.QUERY_INFORMATION;
  if (information.InformationBufferLength < NDIS_SIZEOF_STATISTICS_INFO_REVISION_1) {
    information.BytesNeeded = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
    return NDIS_STATUS_BUFFER_TOO_SHORT;
  }
  const { counters } = miniport;
  NDIS_STATISTICS_INFO.fill(miniport.imports.memory, information.InformationBuffer, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NDIS_STATISTICS_INFO_REVISION_1,
      Size: NDIS_SIZEOF_STATISTICS_INFO_REVISION_1,
    },
    ifInDiscards: BigInt(counters.receiveNoBuffer),
    ifHCInOctets: BigInt(counters.bytesReceived),
    ifHCInUcastPkts: BigInt(counters.framesReceived),
    ifHCOutOctets: BigInt(counters.bytesSent),
    ifHCOutUcastPkts: BigInt(counters.framesSent),
    ifOutErrors: BigInt(counters.sendErrors),
  });
  information.BytesWritten = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
  return NDIS_STATUS_SUCCESS;
}

function giveBytes(miniport: VirtualMiniport, request: NDIS_OID_REQUEST, bytes: Uint8Array): number {
  const information = request.DATA.QUERY_INFORMATION;
  if (information.InformationBufferLength < bytes.length) {
    information.BytesNeeded = bytes.length;
    return NDIS_STATUS_BUFFER_TOO_SHORT;
  }
  miniport.imports.memory.u8.set(bytes, information.InformationBuffer);
  information.BytesWritten = bytes.length;
  return NDIS_STATUS_SUCCESS;
}

async function set(miniport: VirtualMiniport, request: NDIS_OID_REQUEST): Promise<number> {
  const { memory } = miniport.imports;
  const information = request.DATA.SET_INFORMATION;
  const { InformationBuffer: buffer, InformationBufferLength: length, Oid } = information;
  switch (Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
    case OID_GEN_CURRENT_LOOKAHEAD: {
      if (length < 4) {
        information.BytesNeeded = 4;
        return NDIS_STATUS_INVALID_LENGTH;
      }
      const value = memory.data.getUint32(buffer, true);
      information.BytesRead = 4;
      if (Oid === OID_GEN_CURRENT_LOOKAHEAD) {
        miniport.lookahead = value;
        return NDIS_STATUS_SUCCESS;
      }
      if ((value & ~miniport.binding.adapter.supportedPacketFilters) !== 0) return NDIS_STATUS_NOT_SUPPORTED;
      miniport.packetFilter = value;
      return miniport.binding.updatePacketFilter();
    }
    case OID_802_3_MULTICAST_LIST:
      if (length % ADDRESS_LENGTH !== 0) return NDIS_STATUS_INVALID_LENGTH;
      miniport.multicastList = memory.u8.slice(buffer, buffer + length);
      information.BytesRead = length;
      return miniport.binding.updateMulticastList();
    default:
      return miniport.binding.miniports.length > 1 ? NDIS_STATUS_NOT_SUPPORTED : forward(miniport, request);
  }
}

/** Passes a request on to the adapter below as a clone; the answer goes back with the original. */
async function forward(miniport: VirtualMiniport, request: NDIS_OID_REQUEST): Promise<number> {
  const { binding, imports } = miniport;
  const { ndis } = imports;
  const { clone: cell } = binding.driver;
  if (binding.handle === 0) return NDIS_STATUS_FAILURE;
  if (miniport.standingBy) return NDIS_STATUS_LOW_POWER_STATE;
  const allocated = ndis.NdisAllocateCloneOidRequest(binding.handle, request, TAG, cell);
  if (allocated !== NDIS_STATUS_SUCCESS) return allocated;
  const clone = imports.view(NDIS_OID_REQUEST, cell.value);
  binding.forwarded.set(clone.address, { miniport, request, clone });
  const status = await ndis.NdisOidRequest(binding.handle, clone);
  return status === NDIS_STATUS_PENDING ? status : takeAnswer(binding, clone.address, status);
}

/** ProtocolOidRequestComplete for a clone; nothing where the request is none. */
export function completeForwarded(binding: MuxBinding, clone: NDIS_OID_REQUEST, status: number): void {
  const forwarded = binding.forwarded.get(clone.address);
  if (forwarded === undefined) return;
  const final = takeAnswer(binding, clone.address, status);
  const { miniport, request } = forwarded;
  miniport.imports.ndis.NdisMOidRequestComplete(miniport.handle, request, final);
}

/** Copies the results of a clone into the original and frees the clone. */
function takeAnswer(binding: MuxBinding, address: number, status: number): number {
  const forwarded = binding.forwarded.get(address);
  if (forwarded === undefined) return status;
  binding.forwarded.delete(address);
  const { request, clone } = forwarded;
  switch (request.RequestType) {
    case NdisRequestMethod: {
      const from = clone.DATA.METHOD_INFORMATION;
      const to = request.DATA.METHOD_INFORMATION;
      to.OutputBufferLength = from.OutputBufferLength;
      to.BytesRead = from.BytesRead;
      to.BytesWritten = from.BytesWritten;
      to.BytesNeeded = from.BytesNeeded;
      break;
    }
    case NdisRequestSetInformation:
      request.DATA.SET_INFORMATION.BytesRead = clone.DATA.SET_INFORMATION.BytesRead;
      request.DATA.SET_INFORMATION.BytesNeeded = clone.DATA.SET_INFORMATION.BytesNeeded;
      break;
    default:
      request.DATA.QUERY_INFORMATION.BytesWritten = clone.DATA.QUERY_INFORMATION.BytesWritten;
      request.DATA.QUERY_INFORMATION.BytesNeeded = clone.DATA.QUERY_INFORMATION.BytesNeeded;
  }
  binding.imports.ndis.NdisFreeCloneOidRequest(binding.handle, clone);
  return status;
}
