/** Packets of pass51 that stand for packets of the drivers above and below. Implements nf-ndis-ndisimcopysendperpacketinfo. */

import { type Address, NDIS_PACKET, NDIS_PACKET_PRIVATE } from '../../src/machine/index.ts';
import type { Pass51Binding } from './binding.ts';

const PROTOCOL_RESERVED = NDIS_PACKET.offset.ProtocolReserved;
const MINIPORT_RESERVED = NDIS_PACKET.offset.MiniportReserved;
const HEAD = NDIS_PACKET.offset.Private + NDIS_PACKET_PRIVATE.offset.Head;
const TAIL = NDIS_PACKET.offset.Private + NDIS_PACKET_PRIVATE.offset.Tail;
const VALID_COUNTS = NDIS_PACKET.offset.Private + NDIS_PACKET_PRIVATE.offset.ValidCounts;

/** Lets `copy` have the buffers and flags of `packet`. */
function share({ imports }: Pass51Binding, copy: Address, packet: Address): void {
  const { memory, ndis } = imports;
  memory.writePointer(copy + HEAD, memory.readPointer(packet + HEAD));
  memory.writePointer(copy + TAIL, memory.readPointer(packet + TAIL));
  memory.u8[copy + VALID_COUNTS] = 0;
  ndis.NdisSetPacketFlags(copy, ndis.NdisGetPacketFlags(packet));
}

/** A packet to be sent for one from above; 0 where there is none to spare. */
export function packetToSend(binding: Pass51Binding, packet: Address): Address {
  const copy = binding.packet(binding.sendPool);
  if (copy === 0) return 0;
  const { memory, ndis } = binding.imports;
  share(binding, copy, packet);
  memory.writePointer(copy + PROTOCOL_RESERVED, packet);
  ndis.NdisIMCopySendPerPacketInfo(copy, packet);
  return copy;
}

/** Frees a packet that was sent, and gives the one that it stood for. */
export function sentPacket({ imports }: Pass51Binding, copy: Address): Address {
  const { memory, ndis } = imports;
  const packet = memory.readPointer(copy + PROTOCOL_RESERVED);
  ndis.NdisIMCopySendCompletePerPacketInfo(packet, copy);
  ndis.NdisFreePacket(copy);
  return packet;
}

/** A packet to be indicated for one from below, with a status; 0 where there is none to spare. */
export function packetToIndicate(binding: Pass51Binding, packet: Address, status: number): Address {
  const copy = binding.packet(binding.receivePool);
  if (copy === 0) return 0;
  const { memory, ndis } = binding.imports;
  share(binding, copy, packet);
  memory.writePointer(copy + MINIPORT_RESERVED, packet);
  ndis.NDIS_SET_PACKET_HEADER_SIZE(copy, ndis.NDIS_GET_PACKET_HEADER_SIZE(packet));
  ndis.NDIS_SET_PACKET_STATUS(copy, status);
  return copy;
}

/** Frees a packet that was indicated, and gives the one that it stood for. */
export function indicatedPacket({ imports }: Pass51Binding, copy: Address): Address {
  const packet = imports.memory.readPointer(copy + MINIPORT_RESERVED);
  imports.ndis.NdisFreePacket(copy);
  return packet;
}
