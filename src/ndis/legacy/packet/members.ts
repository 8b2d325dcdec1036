/**
 * The macros that read and write members of packets: flags, buffers, counts. In C some of them can be assigned; a
 * TypeScript driver gives the new value as last argument instead. Implements the macros of ddk/ndis.h.
 */

import type { OutPointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_PROTOCOL_ID_MASK } from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { mdlAddress, storePointer } from '../../netBuffer/mdl.ts';
import { MDL_BYTE_COUNT, MDL_NEXT } from '../../netBuffer/offsets.ts';
import { legacyFunction, legacyMacro } from '../declareLegacy.ts';
import {
  PACKET_COUNT,
  PACKET_FLAGS,
  PACKET_HEAD,
  PACKET_PHYSICAL_COUNT,
  PACKET_TAIL,
  PACKET_TOTAL_LENGTH,
  PACKET_VALID_COUNTS,
} from './offsets.ts';
import { chainAtBack, chainAtFront, lastBuffer, packetLength, validateCounts } from './packetAccess.ts';

function pointerMember(prototype: string, offset: number) {
  return legacyMacro(
    prototype,
    'any',
    ({ memory: { i32 } }) =>
      (_Packet: Address, value?: Address): Address => {
        if (value !== undefined) storePointer(i32, _Packet + offset, value);
        return i32[(_Packet + offset) >> 2];
      },
  );
}

/** The first buffer of a packet, or NULL. Any IRQL. */
export const NDIS_PACKET_FIRST_NDIS_BUFFER = pointerMember(
  'PNDIS_BUFFER NDIS_PACKET_FIRST_NDIS_BUFFER(PNDIS_PACKET _Packet)',
  PACKET_HEAD,
);
/** The last buffer of a packet; undefined where it has none. Any IRQL. */
export const NDIS_PACKET_LAST_NDIS_BUFFER = pointerMember(
  'PNDIS_BUFFER NDIS_PACKET_LAST_NDIS_BUFFER(PNDIS_PACKET _Packet)',
  PACKET_TAIL,
);

/** Whether the counts of a packet are those of its buffers. Any IRQL. */
export const NDIS_PACKET_VALID_COUNTS = legacyMacro(
  'BOOLEAN NDIS_PACKET_VALID_COUNTS(PNDIS_PACKET _Packet)',
  'any',
  ({ memory: { u8 } }) =>
    (_Packet: Address, value?: boolean | number): boolean => {
      if (value !== undefined) u8[_Packet + PACKET_VALID_COUNTS] = Number(value);
      return u8[_Packet + PACKET_VALID_COUNTS] !== 0;
    },
);

/** The NDIS_FLAGS_ flags of a packet. Any IRQL. */
export const NdisGetPacketFlags = legacyMacro(
  'UINT NdisGetPacketFlags(PNDIS_PACKET Packet)',
  'any',
  ({ memory: { u32 } }) =>
    (Packet: Address): number =>
      u32[(Packet + PACKET_FLAGS) >> 2],
);

/** Sets flags of a packet, beside those that are set. Any IRQL. */
export const NdisSetPacketFlags = legacyMacro(
  'VOID NdisSetPacketFlags(PNDIS_PACKET Packet, UINT Flags)',
  'any',
  ({ memory: { u32 } }) =>
    (Packet: Address, Flags: number): void => {
      u32[(Packet + PACKET_FLAGS) >> 2] |= Flags;
    },
);

/** Clears flags of a packet. Any IRQL. */
export const NdisClearPacketFlags = legacyMacro(
  'VOID NdisClearPacketFlags(PNDIS_PACKET Packet, UINT Flags)',
  'any',
  ({ memory: { u32 } }) =>
    (Packet: Address, Flags: number): void => {
      u32[(Packet + PACKET_FLAGS) >> 2] &= ~Flags;
    },
);

/** Replaces the flags of a packet. Any IRQL. */
export const NdisSetSendFlags = legacyMacro(
  'VOID NdisSetSendFlags(PNDIS_PACKET _Packet, UINT _Flags)',
  'any',
  ({ memory: { u32 } }) =>
    (_Packet: Address, _Flags: number): void => {
      u32[(_Packet + PACKET_FLAGS) >> 2] = _Flags;
    },
);

/** Writes the flags of a packet. Any IRQL. */
export const NdisQuerySendFlags = legacyMacro(
  'VOID NdisQuerySendFlags(PNDIS_PACKET _Packet, PUINT _Flags)',
  'any',
  ({ memory: { u32 } }) =>
    (_Packet: Address, _Flags: OutPointer): void => {
      u32[_Flags >> 2] = u32[(_Packet + PACKET_FLAGS) >> 2];
    },
);

/** The NDIS_PROTOCOL_ID_ of a packet. Any IRQL. */
export const NDIS_GET_PACKET_PROTOCOL_TYPE = legacyMacro(
  'ULONG NDIS_GET_PACKET_PROTOCOL_TYPE(PNDIS_PACKET _Packet)',
  'any',
  ({ memory: { u32 } }) =>
    (_Packet: Address): number =>
      u32[(_Packet + PACKET_FLAGS) >> 2] & NDIS_PROTOCOL_ID_MASK,
);

/** Makes a packet empty, for reuse. The caller keeps the buffers. Any IRQL. */
export const NdisReinitializePacket = legacyMacro(
  'VOID NdisReinitializePacket(PNDIS_PACKET Packet)',
  'any',
  ({ memory: { i32, u8 } }) =>
    (Packet: Address): void => {
      storePointer(i32, Packet + PACKET_HEAD, 0);
      u8[Packet + PACKET_VALID_COUNTS] = 0;
    },
);

/** Finds the last buffer of a packet whose chain changed, and forgets the counts. Any IRQL. */
export const NdisRecalculatePacketCounts = legacyMacro(
  'VOID NdisRecalculatePacketCounts(PNDIS_PACKET Packet)',
  'any',
  ({ memory: { i32, u8 } }) =>
    (Packet: Address): void => {
      const head = i32[(Packet + PACKET_HEAD) >> 2];
      if (head !== 0) storePointer(i32, Packet + PACKET_TAIL, lastBuffer(i32, head));
      u8[Packet + PACKET_VALID_COUNTS] = 0;
    },
);

/** Chains a buffer, or a chain of them, before the others of a packet. Any IRQL. */
export const NdisChainBufferAtFront = legacyMacro(
  'VOID NdisChainBufferAtFront(PNDIS_PACKET Packet, PNDIS_BUFFER Buffer)',
  'any',
  ({ memory }) =>
    (Packet: Address, Buffer: Address): void =>
      chainAtFront(memory, Packet, Buffer),
);

/** Chains a buffer, or a chain of them, behind the others of a packet. Any IRQL. */
export const NdisChainBufferAtBack = legacyMacro(
  'VOID NdisChainBufferAtBack(PNDIS_PACKET Packet, PNDIS_BUFFER Buffer)',
  'any',
  ({ memory }) =>
    (Packet: Address, Buffer: Address): void =>
      chainAtBack(memory, Packet, Buffer),
);

/** Takes the first buffer off a packet; NULL from an empty one. Any IRQL. */
export const NdisUnchainBufferAtFront = legacyFunction(
  'VOID NdisUnchainBufferAtFront(PNDIS_PACKET Packet, PNDIS_BUFFER * Buffer)',
  'any',
  ({ memory }) =>
    (Packet: Address, Buffer: OutPointer): void => {
      const { i32, u8 } = memory;
      const head = i32[(Packet + PACKET_HEAD) >> 2];
      memory.writePointer(Buffer, head);
      if (head === 0) return;
      storePointer(i32, Packet + PACKET_HEAD, i32[(head + MDL_NEXT) >> 2]);
      storePointer(i32, head + MDL_NEXT, 0);
      u8[Packet + PACKET_VALID_COUNTS] = 0;
    },
);

/** Takes the last buffer off a packet; NULL from an empty one. Any IRQL. ndis/nf-ndis-ndisunchainbufferatback */
export const NdisUnchainBufferAtBack = legacyFunction(
  'VOID NdisUnchainBufferAtBack(PNDIS_PACKET Packet, PNDIS_BUFFER * Buffer)',
  'any',
  ({ memory }) =>
    (Packet: Address, Buffer: OutPointer): void => {
      const { i32, u8 } = memory;
      let before = 0;
      let last = i32[(Packet + PACKET_HEAD) >> 2];
      memory.writePointer(Buffer, last);
      if (last === 0) return;
      for (let next = i32[(last + MDL_NEXT) >> 2]; next !== 0; next = i32[(last + MDL_NEXT) >> 2]) {
        before = last;
        last = next;
      }
      memory.writePointer(Buffer, last);
      if (before === 0) storePointer(i32, Packet + PACKET_HEAD, 0);
      else {
        storePointer(i32, before + MDL_NEXT, 0);
        storePointer(i32, Packet + PACKET_TAIL, before);
      }
      u8[Packet + PACKET_VALID_COUNTS] = 0;
    },
);

/** Gives what the caller has a pointer for: pages and buffers, the first buffer, bytes. IRQL <= DISPATCH_LEVEL. */
export const NdisQueryPacket = legacyMacro(
  'VOID NdisQueryPacket(PNDIS_PACKET Packet, PUINT PhysicalBufferCount, PUINT BufferCount, PNDIS_BUFFER * FirstBuffer, PUINT TotalPacketLength)',
  '<=DISPATCH_LEVEL',
  ({ memory }) =>
    (
      Packet: Address,
      PhysicalBufferCount: OutPointer,
      BufferCount: OutPointer,
      FirstBuffer: OutPointer,
      TotalPacketLength: OutPointer,
    ): void => {
      const { i32 } = memory;
      if (FirstBuffer !== 0) memory.writePointer(FirstBuffer, i32[(Packet + PACKET_HEAD) >> 2]);
      if ((PhysicalBufferCount | BufferCount | TotalPacketLength) === 0) return;
      validateCounts(memory, Packet);
      const give = (at: Address, member: number): void => {
        if (at !== 0) i32[at >> 2] = i32[(Packet + member) >> 2];
      };
      give(PhysicalBufferCount, PACKET_PHYSICAL_COUNT);
      give(BufferCount, PACKET_COUNT);
      give(TotalPacketLength, PACKET_TOTAL_LENGTH);
    },
);

/** Gives the bytes of data of a packet. IRQL <= DISPATCH_LEVEL. */
export const NdisQueryPacketLength = legacyMacro(
  'VOID NdisQueryPacketLength(PNDIS_PACKET _Packet, PUINT _TotalPacketLength)',
  '<=DISPATCH_LEVEL',
  ({ memory }) =>
    (_Packet: Address, _TotalPacketLength: OutPointer): void => {
      memory.i32[_TotalPacketLength >> 2] = packetLength(memory, _Packet);
    },
);

/** Writes what both forms of NdisGetFirstBufferFromPacket give. */
function giveFirstBuffer(
  { memory }: NdisLibrary,
  packet: Address,
  bufferAt: Address,
  addressAt: Address,
  lengthAt: Address,
  totalAt: Address,
): void {
  const { i32 } = memory;
  const first = i32[(packet + PACKET_HEAD) >> 2];
  memory.writePointer(bufferAt, first);
  memory.writePointer(addressAt, first === 0 ? 0 : mdlAddress(i32, first));
  i32[lengthAt >> 2] = first === 0 ? 0 : i32[(first + MDL_BYTE_COUNT) >> 2];
  let total = 0;
  for (let buffer = first; buffer !== 0; buffer = i32[(buffer + MDL_NEXT) >> 2]) {
    total += i32[(buffer + MDL_BYTE_COUNT) >> 2];
  }
  i32[totalAt >> 2] = total;
}

/** Gives the first buffer of a packet, its address and length, and the bytes of the whole packet. IRQL <= DISPATCH_LEVEL. */
export const NdisGetFirstBufferFromPacket = legacyFunction(
  'VOID NdisGetFirstBufferFromPacket(PNDIS_PACKET _Packet, PNDIS_BUFFER * _FirstBuffer, PVOID * _FirstBufferVA, PUINT _FirstBufferLength, PUINT _TotalBufferLength)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (
      _Packet: Address,
      _FirstBuffer: OutPointer,
      _FirstBufferVA: OutPointer,
      _FirstBufferLength: OutPointer,
      _TotalBufferLength: OutPointer,
    ): void =>
      giveFirstBuffer(ndis, _Packet, _FirstBuffer, _FirstBufferVA, _FirstBufferLength, _TotalBufferLength),
);

/** As NdisGetFirstBufferFromPacket; all memory is mapped, so the address of a buffer is never NULL. IRQL <= DISPATCH_LEVEL. */
export const NdisGetFirstBufferFromPacketSafe = legacyMacro(
  'VOID NdisGetFirstBufferFromPacketSafe(PNDIS_PACKET _Packet, PNDIS_BUFFER * _FirstBuffer, PVOID * _FirstBufferVA, PUINT _FirstBufferLength, PUINT _TotalBufferLength, MM_PAGE_PRIORITY _Priority)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (
      _Packet: Address,
      _FirstBuffer: OutPointer,
      _FirstBufferVA: OutPointer,
      _FirstBufferLength: OutPointer,
      _TotalBufferLength: OutPointer,
      _Priority: number,
    ): void =>
      giveFirstBuffer(ndis, _Packet, _FirstBuffer, _FirstBufferVA, _FirstBufferLength, _TotalBufferLength),
);
