/** Copying data and information between packets, and packet stacks. Implements nf-ndis-ndiscopyfrompackettopacketsafe and its kin. */

import type { OutPointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_SUCCESS, TcpLargeSendPacketInfo } from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { legacyFunction } from '../declareLegacy.ts';
import { EXTENSION_SIZE, OOB_STATUS, PACKET_STATE, PACKET_STATE_FREE, PACKET_TRUE_POOL } from './offsets.ts';
import { copyBetweenChains, extensionOf, firstBuffer, oobOf, perPacketInfo } from './packetAccess.ts';
import { PacketPool } from './packetPool.ts';

function copy(
  { memory }: NdisLibrary,
  destination: Address,
  destinationOffset: number,
  length: number,
  source: Address,
  sourceOffset: number,
): number {
  const to = firstBuffer(memory, destination);
  const from = firstBuffer(memory, source);
  return copyBetweenChains(memory, to, destinationOffset, from, sourceOffset, length);
}

/**
 * Copies data from one packet to another and gives how many bytes it were: fewer than asked for where one of them ends.
 * Out-of-band data is not copied. IRQL <= DISPATCH_LEVEL.
 */
export const NdisCopyFromPacketToPacket = legacyFunction(
  'VOID NdisCopyFromPacketToPacket(PNDIS_PACKET Destination, UINT DestinationOffset, UINT BytesToCopy, PNDIS_PACKET Source, UINT SourceOffset, PUINT BytesCopied)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (
      Destination: Address,
      DestinationOffset: number,
      BytesToCopy: number,
      Source: Address,
      SourceOffset: number,
      BytesCopied: OutPointer,
    ): void => {
      ndis.memory.u32[BytesCopied >> 2] = copy(
        ndis,
        Destination,
        DestinationOffset,
        BytesToCopy,
        Source,
        SourceOffset,
      );
    },
);

/** As NdisCopyFromPacketToPacket; all memory is mapped, so no priority is looked at. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndiscopyfrompackettopacketsafe */
export const NdisCopyFromPacketToPacketSafe = legacyFunction(
  'VOID NdisCopyFromPacketToPacketSafe(PNDIS_PACKET Destination, UINT DestinationOffset, UINT BytesToCopy, PNDIS_PACKET Source, UINT SourceOffset, PUINT BytesCopied, MM_PAGE_PRIORITY Priority)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (
      Destination: Address,
      DestinationOffset: number,
      BytesToCopy: number,
      Source: Address,
      SourceOffset: number,
      BytesCopied: OutPointer,
      _Priority: number,
    ): void => {
      ndis.memory.u32[BytesCopied >> 2] = copy(
        ndis,
        Destination,
        DestinationOffset,
        BytesToCopy,
        Source,
        SourceOffset,
      );
    },
);

/** Copies the per-packet information of a packet to be sent to the one that an intermediate driver sends for it. Any IRQL. */
export const NdisIMCopySendPerPacketInfo = legacyFunction(
  'VOID NdisIMCopySendPerPacketInfo(PNDIS_PACKET DstPacket, PNDIS_PACKET SrcPacket)',
  'any',
  ({ memory }) =>
    (DstPacket: Address, SrcPacket: Address): void => {
      const from = extensionOf(memory, SrcPacket);
      memory.u8.copyWithin(extensionOf(memory, DstPacket), from, from + EXTENSION_SIZE);
    },
);

/** Copies what the send of a packet left in it, the bytes of a large send, to the packet it was sent for. Any IRQL. */
export const NdisIMCopySendCompletePerPacketInfo = legacyFunction(
  'VOID NdisIMCopySendCompletePerPacketInfo(PNDIS_PACKET DstPacket, PNDIS_PACKET SrcPacket)',
  'any',
  ({ memory }) =>
    (DstPacket: Address, SrcPacket: Address): void => {
      const from = perPacketInfo(memory, SrcPacket, TcpLargeSendPacketInfo);
      memory.u8.copyWithin(perPacketInfo(memory, DstPacket, TcpLargeSendPacketInfo), from, from + 8);
    },
);

/**
 * The packet stack location of an intermediate driver: room in a packet that another driver allocated. Each packet has
 * one for every driver that gets it, as each gets a packet of its own; NULL and FALSE for what no pool of NDIS gave.
 * IRQL <= DISPATCH_LEVEL.
 */
export const NdisIMGetCurrentPacketStack = legacyFunction(
  'PNDIS_PACKET_STACK NdisIMGetCurrentPacketStack(PNDIS_PACKET Packet, PBOOLEAN StacksRemaining)',
  '<=DISPATCH_LEVEL',
  ({ memory }) =>
    (Packet: Address, StacksRemaining: OutPointer): Address => {
      const pool = memory.objects.valueAt(memory.i32[(Packet + PACKET_TRUE_POOL) >> 2]);
      const free = memory.i32[(Packet + PACKET_STATE) >> 2] === PACKET_STATE_FREE;
      const known = pool instanceof PacketPool && !free;
      memory.u8[StacksRemaining] = Number(known);
      return known ? Packet + pool.stackOffset : 0;
    },
);

/** Notes in a packet how it fared; Handle and Code are for traces only. Any IRQL. */
export const NdisSetPacketStatus = legacyFunction(
  'VOID NdisSetPacketStatus(PNDIS_PACKET Packet, NDIS_STATUS Status, NDIS_HANDLE Handle, ULONG Code)',
  'any',
  ({ memory, kernel }) =>
    (Packet: Address, Status: number, Handle: Address, Code: number): void => {
      memory.u32[(oobOf(memory, Packet) + OOB_STATUS) >> 2] = Status;
      if (Status >>> 0 === NDIS_STATUS_SUCCESS) return;
      kernel.note(
        'NdisSetPacketStatus',
        `packet 0x${Packet.toString(16)}: status 0x${(Status >>> 0).toString(16)}, handle 0x${Handle.toString(16)}, code ${Code}`,
      );
    },
);
