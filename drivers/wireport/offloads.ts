/**
 * Checksum and large-send offloads of wireport: the out-of-band information of a list becomes the offload members of a
 * frame for the wire, and the other way round. Implements "Offloading Checksum Tasks", "Offloading the Segmentation of
 * Large TCP Packets" (network) and the structures of nblchecksum.h, nbllso.h and nbl8021q.h.
 */

import {
  type Address,
  type FrameBatch,
  Ieee8021QNetBufferListInfo,
  type KernelMemory,
  NET_BUFFER_LIST,
  TcpIpChecksumNetBufferListInfo,
  TcpLargeSendNetBufferListInfo,
  TcpRecvSegCoalesceInfo,
} from '../../src/machine/index.ts';
import { foldSum, sumBytes } from '../support/frameBytes.ts';
import type { WireportAdapter } from './adapter.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_INFO = NET_BUFFER_LIST.offset.NetBufferListInfo;
const NBL_CHECKSUM = NBL_INFO + 8 * TcpIpChecksumNetBufferListInfo;
const NBL_LARGE_SEND = NBL_INFO + 8 * TcpLargeSendNetBufferListInfo;
const NBL_VLAN = NBL_INFO + 8 * Ieee8021QNetBufferListInfo;
const NBL_COALESCED = NBL_INFO + 8 * TcpRecvSegCoalesceInfo;

/** Bits of NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO. */
const SEND_TCP_CHECKSUM = 1 << 2;
const SEND_UDP_CHECKSUM = 1 << 3;
const SEND_IP_CHECKSUM = 1 << 4;
const RECEIVED_TCP_GOOD = 1 << 3;
const RECEIVED_UDP_GOOD = 1 << 4;
const RECEIVED_VALUE_INVALID = 1 << 7;
/** Bits of NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO. */
const LARGE_SEND_V2 = 1 << 30;
const LARGE_SEND_IPV6 = 1 << 31;
const LARGE_SEND_MSS = 0xfffff;
const LARGE_SEND_OFFSET_SHIFT = 20;
const HEADER_OFFSET = 0x3ff;
/** Members of a frame batch, as FrameBatch describes them. */
const CHECKSUM_NEEDED = 1;
const CHECKSUM_VALID = 2;
const SEGMENTATION_TCP_IPV4 = 1;
const SEGMENTATION_TCP_IPV6 = 4;
const SEGMENTATION_KIND = 0x7f;

const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const TYPE_VLAN = 0x0081;
const TYPE_IPV4 = 0x0008;
const TYPE_IPV6 = 0xdd86;
const IPV6_HEADER = 40;
const TCP = 6;
const UDP = 17;
const TCP_CHECKSUM_AT = 16;
const UDP_CHECKSUM_AT = 6;
const TCP_HEADER = 20;

/** Whether a list asks for an offload: then its frames have to lie at even addresses and in one piece. */
export function asksForOffload(memory: KernelMemory, list: Address): boolean {
  const { u32 } = memory;
  return (
    (u32[(list + NBL_CHECKSUM) >> 2] | u32[(list + NBL_LARGE_SEND) >> 2] | u32[(list + NBL_VLAN) >> 2]) !== 0
  );
}

/** Whether the frames of a list are to be segmented, and so may be longer than the wire carries. */
export function asksForSegmentation(memory: KernelMemory, list: Address): boolean {
  return memory.u32[(list + NBL_LARGE_SEND) >> 2] !== 0;
}

/** Sets the offload members of a slot as the list of its frame asks; false where that makes no sense. */
export function offloadSend(adapter: WireportAdapter, slot: number, list: Address): boolean {
  const { memory } = adapter.imports;
  const { u32 } = memory;
  const { sendBatch: batch } = adapter;
  const checksum = u32[(list + NBL_CHECKSUM) >> 2];
  const largeSend = u32[(list + NBL_LARGE_SEND) >> 2];
  const vlan = u32[(list + NBL_VLAN) >> 2];
  if (vlan !== 0)
    batch.vlan[slot] = 0x8100_0000 | ((vlan & 7) << 13) | (((vlan >>> 3) & 1) << 12) | ((vlan >>> 4) & 0xfff);
  if (largeSend !== 0) return segment(memory, batch, slot, largeSend);
  if ((checksum & SEND_IP_CHECKSUM) !== 0) writeIpv4Checksum(memory, batch.offset[slot]);
  if ((checksum & (SEND_TCP_CHECKSUM | SEND_UDP_CHECKSUM)) === 0) return true;
  const start = (checksum >>> 16) & HEADER_OFFSET;
  const at = (checksum & SEND_TCP_CHECKSUM) !== 0 ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;
  if (start < ETHERNET_HEADER || start + at + 2 > batch.length[slot]) return false;
  batch.flags[slot] = CHECKSUM_NEEDED;
  batch.checksumStart[slot] = start;
  batch.checksumOffset[slot] = at;
  return true;
}

/** A large send: the wire gets whole headers, as if the frame were to be sent in one piece. */
function segment(memory: KernelMemory, batch: FrameBatch, slot: number, info: number): boolean {
  const { u8 } = memory;
  const frame = batch.offset[slot];
  const length = batch.length[slot];
  const segmentSize = info & LARGE_SEND_MSS;
  const tcp = (info >>> LARGE_SEND_OFFSET_SHIFT) & HEADER_OFFSET;
  if (segmentSize === 0 || segmentSize > 0xffff || tcp + TCP_HEADER > length) return false;
  const headerLength = tcp + ((u8[frame + tcp + 12] >> 4) << 2);
  const ipv6 = (info & LARGE_SEND_V2) !== 0 && (info & LARGE_SEND_IPV6) !== 0;
  if (headerLength > length || !completeHeaders(memory, frame, length, tcp, ipv6)) return false;
  if (length - headerLength > segmentSize) {
    batch.segmentationType[slot] = ipv6 ? SEGMENTATION_TCP_IPV6 : SEGMENTATION_TCP_IPV4;
    batch.segmentSize[slot] = segmentSize;
    batch.headerLength[slot] = headerLength;
  }
  batch.flags[slot] = CHECKSUM_NEEDED;
  batch.checksumStart[slot] = tcp;
  batch.checksumOffset[slot] = TCP_CHECKSUM_AT;
  return true;
}

/**
 * Writes what a large send leaves out: the length in the IP header, the checksum of an IPv4 header, and the length in
 * the sum over the pseudo header that stands in the TCP checksum field.
 */
function completeHeaders(
  memory: KernelMemory,
  frame: Address,
  length: number,
  tcp: number,
  ipv6: boolean,
): boolean {
  const { u8, u16 } = memory;
  const ip = networkHeader(memory, frame);
  const room = length - (ip - frame);
  if (frame + tcp < ip + TCP_HEADER) return false;
  if (ipv6) {
    if (room < IPV6_HEADER + TCP_HEADER) return false;
    writeWord(u8, ip + 4, room - IPV6_HEADER);
  } else {
    writeWord(u8, ip + 2, room);
    writeIpv4Checksum(memory, frame);
  }
  const addresses = ipv6 ? sumBytes(memory, ip + 8, 32) : sumBytes(memory, ip + 12, 8);
  const tcpLength = length - tcp;
  const sum = addresses + (TCP << 8) + (((tcpLength & 0xff) << 8) | (tcpLength >> 8));
  u16[(frame + tcp + TCP_CHECKSUM_AT) >> 1] = foldSum(sum);
  return true;
}

/** Where the header behind the Ethernet header, and behind a tag in the frame, begins. */
function networkHeader(memory: KernelMemory, frame: Address): Address {
  const tagged = memory.u16[(frame + 12) >> 1] === TYPE_VLAN;
  return frame + ETHERNET_HEADER + (tagged ? VLAN_TAG : 0);
}

function writeIpv4Checksum(memory: KernelMemory, frame: Address): void {
  const ip = networkHeader(memory, frame);
  memory.u16[(ip + 10) >> 1] = 0;
  const sum = sumBytes(memory, ip, (memory.u8[ip] & 15) << 2);
  memory.u16[(ip + 10) >> 1] = ~foldSum(sum) & 0xffff;
}

function writeWord(u8: Uint8Array, at: Address, value: number): void {
  u8[at] = value >> 8;
  u8[at + 1] = value & 0xff;
}

/** Sets the completion members of the large sends in a chain that goes back. */
export function finishLargeSends(memory: KernelMemory, lists: Address): void {
  const { i32, u32 } = memory;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    // LsoV2TransmitComplete has the type and nothing else; older senders are not served.
    if (u32[(list + NBL_LARGE_SEND) >> 2] !== 0) u32[(list + NBL_LARGE_SEND) >> 2] = LARGE_SEND_V2;
  }
}

/** Tells in the out-of-band information of a received list what the wire found out about its frame. */
export function offloadReceive(memory: KernelMemory, batch: FrameBatch, slot: number, list: Address): void {
  const { u32 } = memory;
  let checksum = 0;
  let largeSend = 0;
  let coalesced = 0;
  const flags = batch.flags[slot];
  if ((flags & (CHECKSUM_NEEDED | CHECKSUM_VALID)) !== 0) {
    const protocol = transportOf(memory, batch.offset[slot], batch.length[slot]);
    if (protocol === TCP) checksum = RECEIVED_TCP_GOOD;
    else if (protocol === UDP) checksum = RECEIVED_UDP_GOOD;
    // The frame never left its host: the data is good, the field was not filled in.
    if ((flags & CHECKSUM_NEEDED) !== 0) checksum |= RECEIVED_VALUE_INVALID;
  }
  const kind = batch.segmentationType[slot] & SEGMENTATION_KIND;
  if ((kind === SEGMENTATION_TCP_IPV4 || kind === SEGMENTATION_TCP_IPV6) && batch.segmentSize[slot] > 0) {
    const segmentSize = batch.segmentSize[slot];
    largeSend =
      segmentSize |
      ((batch.checksumStart[slot] & HEADER_OFFSET) << LARGE_SEND_OFFSET_SHIFT) |
      LARGE_SEND_V2 |
      (kind === SEGMENTATION_TCP_IPV6 ? LARGE_SEND_IPV6 : 0);
    coalesced = Math.ceil((batch.length[slot] - batch.headerLength[slot]) / segmentSize) & 0xffff;
  }
  const tag = batch.vlan[slot];
  u32[(list + NBL_CHECKSUM) >> 2] = checksum;
  u32[(list + NBL_LARGE_SEND) >> 2] = largeSend;
  u32[(list + NBL_COALESCED) >> 2] = coalesced;
  u32[(list + NBL_VLAN) >> 2] =
    tag === 0 ? 0 : ((tag >>> 13) & 7) | (((tag >>> 12) & 1) << 3) | ((tag & 0xfff) << 4);
}

/** The protocol in the IP header of a frame; 0 where there is none. */
function transportOf(memory: KernelMemory, frame: Address, length: number): number {
  if (length < ETHERNET_HEADER + TCP_HEADER + VLAN_TAG) return 0;
  const ip = networkHeader(memory, frame);
  const type = memory.u16[(ip - 2) >> 1];
  if (type === TYPE_IPV4) return memory.u8[ip + 9];
  return type === TYPE_IPV6 ? memory.u8[ip + 6] : 0;
}
