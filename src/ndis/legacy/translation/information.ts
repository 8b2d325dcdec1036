/**
 * What a packet and a list say beside their data: per-packet information of NDIS 5 and net buffer list information of
 * NDIS 6. IPsec, scatter-gather lists and media-specific information stay behind: their owners do not cross.
 * Implements NDIS_PACKET_EXTENSION (ddk/ndis.h), nblchecksum/ns-nblchecksum-ndis_tcp_ip_checksum_net_buffer_list_info,
 * nbllso/ns-nbllso-ndis_tcp_large_send_offload_net_buffer_list_info and nbl8021q.
 */

import type { Address, KernelMemory } from '../../../memory/index.ts';
import {
  ClassificationHandleNetBufferListInfo,
  ClassificationHandlePacketInfo,
  Ieee8021QInfo,
  Ieee8021QNetBufferListInfo,
  NDIS_FLAGS_DONT_LOOPBACK,
  NDIS_FLAGS_IS_LOOPBACK_PACKET,
  NDIS_FLAGS_PROTOCOL_ID_MASK,
  NDIS_FLAGS_SENT_AT_DPC,
  NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
  NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NetBufferListCancelId,
  NetBufferListProtocolId,
  PacketCancelId,
  TcpIpChecksumNetBufferListInfo,
  TcpIpChecksumPacketInfo,
  TcpLargeSendNetBufferListInfo,
  TcpLargeSendPacketInfo,
} from '../../generated/constants/index.ts';
import { mdlAddress } from '../../netBuffer/mdl.ts';
import { MDL_BYTE_COUNT, MDL_NEXT, NBL_INFO, NBL_NBL_FLAGS } from '../../netBuffer/offsets.ts';
import { PACKET_FLAGS } from '../packet/offsets.ts';
import { extensionOf } from '../packet/packetAccess.ts';

const LIST_CHECKSUM = NBL_INFO + TcpIpChecksumNetBufferListInfo * 8;
const LIST_LARGE_SEND = NBL_INFO + TcpLargeSendNetBufferListInfo * 8;
const LIST_8021Q = NBL_INFO + Ieee8021QNetBufferListInfo * 8;
const LIST_CANCEL_ID = NBL_INFO + NetBufferListCancelId * 8;
const LIST_CLASSIFICATION = NBL_INFO + ClassificationHandleNetBufferListInfo * 8;
const LIST_PROTOCOL_ID = NBL_INFO + NetBufferListProtocolId * 8;
const CHECKSUM = TcpIpChecksumPacketInfo * 8;
const LARGE_SEND = TcpLargeSendPacketInfo * 8;
const PRIORITY = Ieee8021QInfo * 8;
const CANCEL_ID = PacketCancelId * 8;
const CLASSIFICATION = ClassificationHandlePacketInfo * 8;

/** Which version, TCP, UDP, IP: the same bits in both forms. The offset of the TCP header follows at bit 16. */
const TRANSMIT_BITS = 0x1f;
const TRANSMIT_TCP = 0x4;
const TRANSMIT_OFFSET_SHIFT = 16;
/** Failed and succeeded, of TCP, UDP and IP, and loopback: the same bits in both forms. */
const RECEIVE_BITS = 0x7f;
/** The segment size; the offset of the TCP header follows at bit 20. Bit 30 is the type, 0 for version 1. */
const MSS_BITS = 0xf_ffff;
const MSS_OFFSET_SHIFT = 20;
/** LsoV1TransmitComplete.TcpPayload. */
const PAYLOAD_BITS = 0x3fff_ffff;
/** UserPriority, CanonicalFormatId and VlanId. */
const TAG_BITS = 0xffff;

/** The flags of a packet for a list that is sent. */
export function sendFlagsOfPacket(memory: KernelMemory, list: Address, sendFlags: number): number {
  let flags = memory.i32[(list + LIST_PROTOCOL_ID) >> 2] & NDIS_FLAGS_PROTOCOL_ID_MASK;
  if ((sendFlags & NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK) === 0) flags |= NDIS_FLAGS_DONT_LOOPBACK;
  if ((sendFlags & NDIS_SEND_FLAGS_DISPATCH_LEVEL) !== 0) flags |= NDIS_FLAGS_SENT_AT_DPC;
  return flags;
}

/** NDIS_SEND_FLAGS_ for a packet that is sent; NDIS 5 looks for loopback unless the sender says not to. */
export function sendFlagsOfList(memory: KernelMemory, packet: Address): number {
  const dont = (memory.i32[(packet + PACKET_FLAGS) >> 2] & NDIS_FLAGS_DONT_LOOPBACK) !== 0;
  return dont ? 0 : NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK;
}

/** Copies what goes unchanged in both directions, the bits of a checksum as `bits` says. */
function toPacket(i32: Int32Array, list: Address, extension: Address, bits: number): void {
  const from = list >> 2;
  const to = extension >> 2;
  const checksum = i32[from + (LIST_CHECKSUM >> 2)] & bits;
  if (checksum !== 0) i32[to + (CHECKSUM >> 2)] = checksum;
  const tag = i32[from + (LIST_8021Q >> 2)] & TAG_BITS;
  if (tag !== 0) i32[to + (PRIORITY >> 2)] = tag;
}

/** Gives the packet the information of a list that is sent. */
export function sendInformationToPacket(memory: KernelMemory, list: Address, packet: Address): void {
  const { i32 } = memory;
  const extension = extensionOf(memory, packet);
  toPacket(i32, list, extension, TRANSMIT_BITS);
  const largeSend = i32[(list + LIST_LARGE_SEND) >> 2];
  if (largeSend !== 0) i32[(extension + LARGE_SEND) >> 2] = largeSend & MSS_BITS;
  copyWide(i32, list + LIST_CANCEL_ID, extension + CANCEL_ID);
  copyWide(i32, list + LIST_CLASSIFICATION, extension + CLASSIFICATION);
}

/** Gives the packet the information of a list that was received. */
export function receiveInformationToPacket(memory: KernelMemory, list: Address, packet: Address): void {
  const { i32 } = memory;
  toPacket(i32, list, extensionOf(memory, packet), RECEIVE_BITS);
  let flags = i32[(list + LIST_PROTOCOL_ID) >> 2] & NDIS_FLAGS_PROTOCOL_ID_MASK;
  if ((i32[(list + NBL_NBL_FLAGS) >> 2] & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET) !== 0) {
    flags |= NDIS_FLAGS_IS_LOOPBACK_PACKET;
  }
  i32[(packet + PACKET_FLAGS) >> 2] = flags;
}

/** Gives the list the information of a packet that is sent. `chain` is the data of the packet. */
export function sendInformationToList(
  memory: KernelMemory,
  packet: Address,
  list: Address,
  chain: Address,
): void {
  // The information of the list is zero: only what is not needs to be written.
  const { i32 } = memory;
  const extension = extensionOf(memory, packet);
  const to = list >> 2;
  const protocol = i32[(packet + PACKET_FLAGS) >> 2] & NDIS_FLAGS_PROTOCOL_ID_MASK;
  if (protocol !== 0) i32[to + (LIST_PROTOCOL_ID >> 2)] = protocol;
  const checksum = i32[(extension + CHECKSUM) >> 2] & TRANSMIT_BITS;
  const segment = i32[(extension + LARGE_SEND) >> 2] & MSS_BITS;
  if ((checksum | segment) !== 0) writeOffloads(memory, list, chain, checksum, segment);
  const tag = i32[(extension + PRIORITY) >> 2] & TAG_BITS;
  if (tag !== 0) i32[to + (LIST_8021Q >> 2)] = tag;
  copyWide(i32, extension + CANCEL_ID, list + LIST_CANCEL_ID);
  copyWide(i32, extension + CLASSIFICATION, list + LIST_CLASSIFICATION);
}

/** What of checksums and of a large send the miniport is to compute. */
function writeOffloads(
  memory: KernelMemory,
  list: Address,
  chain: Address,
  checksum: number,
  segment: number,
): void {
  const { i32 } = memory;
  const tcp = (checksum & TRANSMIT_TCP) !== 0 || segment !== 0;
  const offset = tcp ? tcpHeaderOffset(memory, chain) : 0;
  if (checksum !== 0) i32[(list + LIST_CHECKSUM) >> 2] = checksum | (offset << TRANSMIT_OFFSET_SHIFT);
  if (segment !== 0) i32[(list + LIST_LARGE_SEND) >> 2] = segment | (offset << MSS_OFFSET_SHIFT);
}

/** Gives the list the information of a packet that was received. */
export function receiveInformationToList(memory: KernelMemory, packet: Address, list: Address): void {
  const { i32 } = memory;
  const extension = extensionOf(memory, packet);
  const to = list >> 2;
  const flags = i32[(packet + PACKET_FLAGS) >> 2];
  i32[to + (LIST_PROTOCOL_ID >> 2)] = flags & NDIS_FLAGS_PROTOCOL_ID_MASK;
  i32[to + (LIST_CHECKSUM >> 2)] = i32[(extension + CHECKSUM) >> 2] & RECEIVE_BITS;
  i32[to + (LIST_8021Q >> 2)] = i32[(extension + PRIORITY) >> 2] & TAG_BITS;
  if ((flags & NDIS_FLAGS_IS_LOOPBACK_PACKET) !== 0) {
    i32[to + (NBL_NBL_FLAGS >> 2)] |= NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET;
  }
}

/** Gives the list what the send of its packet left: the bytes that a large send sent. */
export function completionToList(memory: KernelMemory, packet: Address, list: Address): void {
  const { i32 } = memory;
  if (i32[(list + LIST_LARGE_SEND) >> 2] === 0) return;
  const sent = i32[(extensionOf(memory, packet) + LARGE_SEND) >> 2];
  i32[(list + LIST_LARGE_SEND) >> 2] = sent & PAYLOAD_BITS;
}

/** Gives the packet what the send of its list left: the bytes that a large send sent. */
export function completionToPacket(memory: KernelMemory, list: Address, packet: Address): void {
  const { i32 } = memory;
  const at = (extensionOf(memory, packet) + LARGE_SEND) >> 2;
  if (i32[at] !== 0) i32[at] = i32[(list + LIST_LARGE_SEND) >> 2] & PAYLOAD_BITS;
}

function copyWide(i32: Int32Array, from: Address, to: Address): void {
  const low = i32[from >> 2];
  const high = i32[(from >> 2) + 1];
  if ((low | high) === 0) return;
  i32[to >> 2] = low;
  i32[(to >> 2) + 1] = high;
}

const ETHERNET_HEADER = 14;
const TYPE_OFFSET = 12;
const TYPE_VLAN = 0x8100;
const VLAN_TAG = 4;
const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const IPV6_HEADER = 40;

/** Bytes from the start of an Ethernet frame to its TCP header, which NDIS 5 does not say; 0 where there is none. */
function tcpHeaderOffset(memory: KernelMemory, chain: Address): number {
  const at = (offset: number): number => byteOf(memory, chain, offset);
  const tagged = ((at(TYPE_OFFSET) << 8) | at(TYPE_OFFSET + 1)) === TYPE_VLAN;
  const header = tagged ? ETHERNET_HEADER + VLAN_TAG : ETHERNET_HEADER;
  const type = (at(header - 2) << 8) | at(header - 1);
  if (type === TYPE_IPV4) return header + (at(header) & 0xf) * 4;
  return type === TYPE_IPV6 ? header + IPV6_HEADER : 0;
}

function byteOf({ i32, u8 }: KernelMemory, chain: Address, offset: number): number {
  let rest = offset;
  for (let mdl = chain; mdl !== 0; mdl = i32[(mdl + MDL_NEXT) >> 2]) {
    const count = i32[(mdl + MDL_BYTE_COUNT) >> 2];
    if (rest < count) return u8[mdlAddress(i32, mdl) + rest];
    rest -= count;
  }
  return 0;
}
