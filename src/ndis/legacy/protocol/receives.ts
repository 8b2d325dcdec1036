/**
 * Receives of NDIS 5 protocol drivers: a list becomes a packet for each of its net buffers. ProtocolReceivePacket gets
 * packets that are the protocol's until NdisReturnPackets; ProtocolReceive gets the beginning of frames, for drivers
 * without the other handler, and NdisTransferData the rest. ProtocolReceiveComplete ends each indication.
 * Implements RECEIVE_PACKET_HANDLER, RECEIVE_HANDLER and NdisTransferData (ddk/ndis.h), nf-ndis-ndisgetreceivedpacket.
 */

import type { Driver } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_MAC_OPTION_TRANSFERS_NOT_PEND,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMedium802_3,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { mdlAddress, storePointer } from '../../netBuffer/mdl.ts';
import {
  MDL_BYTE_COUNT,
  NB_NEXT,
  NBL_FIRST_NET_BUFFER,
  NBL_NEXT,
  NBL_PROTOCOL_RESERVED,
} from '../../netBuffer/offsets.ts';
import { Binding } from '../../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyPage } from '../declareLegacy.ts';
import {
  OOB_HEADER_SIZE,
  OOB_STATUS,
  PACKET_HEAD,
  PACKET_HOLDER,
  PACKET_LIST,
  PACKET_RECEIVER,
} from '../packet/offsets.ts';
import { copyBetweenChains, firstBuffer, oobOf, packetLength } from '../packet/packetAccess.ts';
import { receiveInformationToPacket } from '../translation/information.ts';
import { type PacketShells, packetShellsOf } from '../translation/packetShells.ts';
import { LegacyBinding } from './legacyBinding.ts';

/** Bytes of an Ethernet header. */
const ETHERNET_HEADER = 14;
/** In ProtocolReserved of a received list: packets of it that are not done, and one while it is indicated. */
const LIVE = NBL_PROTOCOL_RESERVED;
/** Bytes of lookahead that a protocol gets in one piece where the frame has them. */
const LEAST_LOOKAHEAD = 256;
/** From NDIS_OPEN_BLOCK to where the beginning of a frame is copied that does not lie in one piece. */
const SCRATCH = 224;

/** Bytes of the media header of frames of an adapter. */
function headerSize(binding: Binding): number {
  return binding.adapter.general?.mediaType === NdisMedium802_3 ? ETHERNET_HEADER : 0;
}

/** What gives a packet to the driver; the value is how often it will be returned. */
export type Give = (packet: Address) => number;

/** ProtocolReceiveNetBufferLists. */
export function receiveLists(ndis: NdisLibrary, to: LegacyBinding, chain: Address, flags: number): void {
  const done = givePackets(ndis, to, chain, flags, null);
  finishTransfers(to);
  to.handlers.receiveComplete?.invoke(to.context);
  if (done !== 0) to.legacy.functions.returnLists(to.binding.handle, done, 0);
}

/** ProtocolCoReceiveNetBufferLists: `give` calls ProtocolCoReceivePacket. */
export function receiveOnConnection(
  ndis: NdisLibrary,
  to: LegacyBinding,
  chain: Address,
  flags: number,
  give: Give,
): void {
  const done = givePackets(ndis, to, chain, flags, give);
  if (done !== 0) to.legacy.functions.returnLists(to.binding.handle, done, 0);
}

/** Gives the packets of a chain to the driver. @returns the lists that nobody keeps, 0 for none. */
function givePackets(
  ndis: NdisLibrary,
  to: LegacyBinding,
  chain: Address,
  flags: number,
  give: Give | null,
): Address {
  const { i32 } = ndis.memory;
  const shells = to.packets;
  const lent = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
  let done: Address = 0;
  let last: Address = 0;
  let list = chain;
  while (list !== 0) {
    const next = i32[(list + NBL_NEXT) >> 2];
    i32[(list + LIVE) >> 2] = 1;
    let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    while (buffer !== 0) {
      const following = i32[(buffer + NB_NEXT) >> 2];
      const packet = shells.make(list, buffer);
      // Without memory the frame is lost, as on a network.
      if (packet !== 0) receivePacket(ndis, to, shells, list, packet, lent, give);
      buffer = following;
    }
    if (!lent && --i32[(list + LIVE) >> 2] === 0) {
      if (done === 0) done = list;
      else storePointer(i32, last + NBL_NEXT, list);
      last = list;
    }
    list = next;
  }
  if (done !== 0) storePointer(i32, last + NBL_NEXT, 0);
  return done;
}

/** Gives one packet to the driver; it is done when the driver does not keep it. */
function receivePacket(
  ndis: NdisLibrary,
  to: LegacyBinding,
  shells: PacketShells,
  list: Address,
  packet: Address,
  lent: boolean,
  give: Give | null,
): void {
  const { memory } = ndis;
  const { i32 } = memory;
  const header = headerSize(to.binding);
  const oob = oobOf(memory, packet);
  i32[(oob + OOB_HEADER_SIZE) >> 2] = header;
  i32[(oob + OOB_STATUS) >> 2] = lent ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
  i32[(packet + PACKET_RECEIVER) >> 2] = to.binding.handle;
  i32[(packet + PACKET_HOLDER) >> 2] = 0;
  receiveInformationToPacket(memory, list, packet);
  i32[(list + LIVE) >> 2]++;
  const { receivePacket: handler } = to.handlers;
  let references = 0;
  if (give !== null) references = give(packet);
  else if (handler === null) indicateBeginning(ndis, to, packet, header);
  else references = handler.invoke(to.context, packet);
  if (references !== 0 && lent) {
    reportKept(ndis, to, packet);
    references = 0;
  }
  // What was returned inside the handler is counted already.
  const holder = i32[(packet + PACKET_HOLDER) >> 2] + references;
  i32[(packet + PACKET_HOLDER) >> 2] = holder;
  if (holder > 0) return;
  if (holder < 0) reportReturnedTwice(ndis, to.binding.protocol.driver, packet);
  i32[(list + LIVE) >> 2]--;
  shells.free(packet);
}

/** Calls ProtocolReceive for a frame; NdisTransferData finds the packet by MacReceiveContext. */
function indicateBeginning(ndis: NdisLibrary, to: LegacyBinding, packet: Address, header: number): void {
  const { memory } = ndis;
  const { i32 } = memory;
  const handler = to.handlers.receive;
  const first = i32[(packet + PACKET_HEAD) >> 2];
  if (handler === null || first === 0) return;
  const length = packetLength(memory, packet);
  let at = mdlAddress(i32, first);
  let inPiece = Math.min(i32[(first + MDL_BYTE_COUNT) >> 2], length);
  const wanted = Math.min(header + LEAST_LOOKAHEAD, length);
  if (inPiece < wanted) {
    at = copyBeginning(ndis, to, packet, wanted);
    inPiece = wanted;
  }
  const ahead = Math.max(inPiece - header, 0);
  handler.invoke(
    to.context,
    packet,
    at,
    Math.min(header, inPiece),
    at + header,
    ahead,
    Math.max(length - header, 0),
  );
}

/** The beginning of a frame in one piece, behind the NDIS_OPEN_BLOCK. */
function copyBeginning(ndis: NdisLibrary, to: LegacyBinding, packet: Address, length: number): Address {
  const { i32, u8 } = ndis.memory;
  const target = to.block + SCRATCH;
  let copied = 0;
  for (let mdl = firstBuffer(ndis.memory, packet); mdl !== 0 && copied < length; mdl = i32[mdl >> 2]) {
    const count = Math.min(i32[(mdl + MDL_BYTE_COUNT) >> 2], length - copied);
    const from = mdlAddress(i32, mdl);
    u8.copyWithin(target + copied, from, from + count);
    copied += count;
  }
  return target;
}

/**
 * NdisTransferData: copies what lies behind the header of the frame being indicated. Where the miniport may pend
 * transfers, the seed chooses whether this one does: it is complete before ProtocolReceiveComplete then.
 */
export function transferData(
  ndis: NdisLibrary,
  to: LegacyBinding,
  context: Address,
  offset: number,
  length: number,
  packet: Address,
  transferredAt: Address,
): NDIS_STATUS {
  const { memory } = ndis;
  if (!packetShellsOf(ndis).has(context)) {
    const text =
      'NdisTransferData: MacReceiveContext is no frame being indicated; call it inside of ProtocolReceive';
    ndis.kernel.report('BAD_HANDLE', to.binding.protocol.driver, text, legacyPage('NdisTransferData'));
    return NDIS_STATUS_FAILURE as NDIS_STATUS;
  }
  const from = firstBuffer(memory, context);
  const start = headerSize(to.binding) + offset;
  const bytes = copyBetweenChains(memory, firstBuffer(memory, packet), 0, from, start, length);
  memory.u32[transferredAt >> 2] = bytes;
  const atOnce = ((to.binding.adapter.general?.macOptions ?? 0) & NDIS_MAC_OPTION_TRANSFERS_NOT_PEND) !== 0;
  if (atOnce || to.handlers.transferDataComplete === null || !ndis.kernel.random.chance(1, 2)) {
    return NDIS_STATUS_SUCCESS as NDIS_STATUS;
  }
  to.transfers.push({ packet, bytes });
  return NDIS_STATUS_PENDING as NDIS_STATUS;
}

function finishTransfers(to: LegacyBinding): void {
  while (to.transfers.length > 0) {
    const transfer = to.transfers.shift();
    if (transfer === undefined) return;
    to.handlers.transferDataComplete?.invoke(
      to.context,
      transfer.packet,
      NDIS_STATUS_SUCCESS as NDIS_STATUS,
      transfer.bytes,
    );
  }
}

/** NdisReturnPackets. */
export function returnPackets(ndis: NdisLibrary, driver: Driver, array: Address, count: number): void {
  const { i32, objects } = ndis.memory;
  const shells = packetShellsOf(ndis);
  for (let index = 0; index < count; index++) {
    const packet = i32[(array + index * 8) >> 2];
    const binding = shells.has(packet) ? objects.valueAt(i32[(packet + PACKET_RECEIVER) >> 2]) : null;
    if (!(binding instanceof Binding) || !(binding.context instanceof LegacyBinding)) {
      reportReturnedTwice(ndis, driver, packet);
      continue;
    }
    const holder = --i32[(packet + PACKET_HOLDER) >> 2];
    // Less than 0: inside of ProtocolReceivePacket, which has not said yet how often it returns the packet.
    if (holder !== 0) continue;
    const list = i32[(packet + PACKET_LIST) >> 2];
    shells.free(packet);
    if (--i32[(list + LIVE) >> 2] > 0) continue;
    storePointer(i32, list + NBL_NEXT, 0);
    binding.context.legacy.functions.returnLists(binding.handle, list, 0);
  }
}

/** NdisGetReceivedPacket: the packet of the frame that ProtocolReceive is called for, or 0. */
export function receivedPacket(ndis: NdisLibrary, context: Address): Address {
  return packetShellsOf(ndis).has(context) ? context : 0;
}

function reportReturnedTwice(ndis: NdisLibrary, driver: Driver, packet: Address): void {
  ndis.kernel.report(
    'RETURNED_TWICE',
    driver,
    `NdisReturnPackets: the packet 0x${packet.toString(16)} is not held; return it as often as ProtocolReceivePacket said`,
    legacyPage('NdisReturnPackets'),
  );
}

function reportKept(ndis: NdisLibrary, to: LegacyBinding, packet: Address): void {
  ndis.kernel.report(
    'PACKET_KEPT_WITHOUT_RIGHT',
    to.binding.protocol.driver,
    `ProtocolReceivePacket of ${to.binding.label} keeps the packet 0x${packet.toString(16)}, whose status is NDIS_STATUS_RESOURCES; copy it and return 0`,
    legacyPage('NdisReturnPackets'),
  );
}
