/**
 * Out-of-band data and per-packet information of a packet. In C some of these macros can be assigned; a TypeScript
 * driver gives the new value as last argument instead. Implements the macros of ddk/ndis.h.
 */

import type { OutPointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  ClassificationHandlePacketInfo,
  fPACKET_ALLOCATED_BY_NDIS,
  fPACKET_CONTAINS_MEDIA_SPECIFIC_INFO,
  OriginalNetBufferList,
  OriginalPacketInfo,
  PacketCancelId,
  ScatterGatherListPacketInfo,
} from '../../generated/constants/index.ts';
import { storePointer } from '../../netBuffer/mdl.ts';
import { legacyMacro } from '../declareLegacy.ts';
import {
  OOB_HEADER_SIZE,
  OOB_MEDIA_SPECIFIC_INFORMATION,
  OOB_SIZE_MEDIA_SPECIFIC_INFO,
  OOB_STATUS,
  OOB_TIME_RECEIVED,
  OOB_TIME_SENT,
  OOB_TIME_TO_SEND,
  PACKET_NDIS_FLAGS,
} from './offsets.ts';
import { extensionOf, oobOf, perPacketInfo } from './packetAccess.ts';

/** Ids whose information is a pointer; that of the others is a number or a union of bit fields. */
const POINTER_IDS = new Set<number>([
  ClassificationHandlePacketInfo,
  ScatterGatherListPacketInfo,
  OriginalPacketInfo,
  OriginalNetBufferList,
]);

/** The out-of-band data of a packet. Any IRQL. */
export const NDIS_OOB_DATA_FROM_PACKET = legacyMacro(
  'PNDIS_PACKET_OOB_DATA NDIS_OOB_DATA_FROM_PACKET(PNDIS_PACKET _Packet)',
  'any',
  ({ memory }) =>
    (_Packet: Address): Address =>
      oobOf(memory, _Packet),
);

/** The extension of a packet: its per-packet information. Any IRQL. */
export const NDIS_PACKET_EXTENSION_FROM_PACKET = legacyMacro(
  'PNDIS_PACKET_EXTENSION NDIS_PACKET_EXTENSION_FROM_PACKET(PNDIS_PACKET Packet)',
  'any',
  ({ memory }) =>
    (Packet: Address): Address =>
      extensionOf(memory, Packet),
);

/**
 * Information of a packet by its NDIS_PER_PACKET_INFO id: the low 32 bits, signed, so that pointers are addresses. A
 * third argument stores a pointer or a number of 32 bits. Any IRQL.
 */
export const NDIS_PER_PACKET_INFO_FROM_PACKET = legacyMacro(
  'PVOID NDIS_PER_PACKET_INFO_FROM_PACKET(PNDIS_PACKET Packet, NDIS_PER_PACKET_INFO InfoType)',
  'any',
  ({ memory }) => {
    const { i32 } = memory;
    return (Packet: Address, InfoType: number, value?: number): number => {
      const at = perPacketInfo(memory, Packet, InfoType);
      if (value !== undefined) {
        if (POINTER_IDS.has(InfoType)) storePointer(i32, at, value);
        else {
          i32[at >> 2] = value;
          i32[(at >> 2) + 1] = 0;
        }
      }
      return i32[at >> 2];
    };
  },
);

function pointerInfo(prototype: string, id: number) {
  return legacyMacro(
    prototype,
    'any',
    ({ memory }) =>
      (Packet: Address): Address =>
        memory.i32[perPacketInfo(memory, Packet, id) >> 2],
  );
}

function setPointerInfo(prototype: string, id: number) {
  return legacyMacro(
    prototype,
    'any',
    ({ memory }) =>
      (Packet: Address, value: Address): void =>
        storePointer(memory.i32, perPacketInfo(memory, Packet, id), value),
  );
}

/** The packet that the driver above gave, where a driver noted it. Any IRQL. */
export const NDIS_GET_ORIGINAL_PACKET = pointerInfo(
  'PNDIS_PACKET NDIS_GET_ORIGINAL_PACKET(PNDIS_PACKET Packet)',
  OriginalPacketInfo,
);
/** Notes the packet that the driver above gave. Any IRQL. */
export const NDIS_SET_ORIGINAL_PACKET = setPointerInfo(
  'VOID NDIS_SET_ORIGINAL_PACKET(PNDIS_PACKET Packet, PNDIS_PACKET OriginalPacket)',
  OriginalPacketInfo,
);

function cancelId(prototype: string) {
  return legacyMacro(
    prototype,
    'any',
    ({ memory }) =>
      (packet: Address): number =>
        memory.u32[perPacketInfo(memory, packet, PacketCancelId) >> 2],
  );
}

function setCancelId(prototype: string) {
  return legacyMacro(prototype, 'any', ({ memory }) => (packet: Address, CancelId: number): void => {
    const at = perPacketInfo(memory, packet, PacketCancelId);
    // A pointer of the driver's stays one for machine code; any other number has a high half of zeros.
    memory.writePointer(at, CancelId);
    if (CancelId < 0x1_0000) memory.u32[(at + 4) >> 2] = 0;
  });
}

/** The cancel identifier of a packet, unsigned. Any IRQL. */
export const NDIS_GET_PACKET_CANCEL_ID = cancelId('PVOID NDIS_GET_PACKET_CANCEL_ID(PNDIS_PACKET Packet)');
/** Marks a packet with a cancel identifier. Any IRQL. */
export const NDIS_SET_PACKET_CANCEL_ID = setCancelId(
  'VOID NDIS_SET_PACKET_CANCEL_ID(PNDIS_PACKET Packet, ULONG_PTR CancelId)',
);
/** As NDIS_GET_PACKET_CANCEL_ID. Any IRQL. */
export const NdisGetPacketCancelId = cancelId('PVOID NdisGetPacketCancelId(PNDIS_PACKET _Packet)');
/** As NDIS_SET_PACKET_CANCEL_ID. Any IRQL. */
export const NdisSetPacketCancelId = setCancelId(
  'VOID NdisSetPacketCancelId(PNDIS_PACKET _Packet, PVOID _CancelId)',
);

function ulongOob(prototype: string, offset: number) {
  return legacyMacro(
    prototype,
    'any',
    ({ memory }) =>
      (_Packet: Address): number =>
        memory.u32[(oobOf(memory, _Packet) + offset) >> 2],
  );
}

function setUlongOob(prototype: string, offset: number) {
  return legacyMacro(prototype, 'any', ({ memory }) => (_Packet: Address, value: number): void => {
    memory.u32[(oobOf(memory, _Packet) + offset) >> 2] = value;
  });
}

function timeOob(prototype: string, offset: number) {
  return legacyMacro(
    prototype,
    'any',
    ({ memory }) =>
      (_Packet: Address): bigint =>
        memory.u64[(oobOf(memory, _Packet) + offset) >> 3],
  );
}

function setTimeOob(prototype: string, offset: number) {
  return legacyMacro(prototype, 'any', ({ memory }) => (_Packet: Address, value: bigint): void => {
    memory.u64[(oobOf(memory, _Packet) + offset) >> 3] = BigInt(value);
  });
}

/** Bytes of the media header of a received packet. Any IRQL. */
export const NDIS_GET_PACKET_HEADER_SIZE = ulongOob(
  'UINT NDIS_GET_PACKET_HEADER_SIZE(PNDIS_PACKET _Packet)',
  OOB_HEADER_SIZE,
);
/** Sets it. Any IRQL. */
export const NDIS_SET_PACKET_HEADER_SIZE = setUlongOob(
  'VOID NDIS_SET_PACKET_HEADER_SIZE(PNDIS_PACKET _Packet, UINT _HdrSize)',
  OOB_HEADER_SIZE,
);
/** The status of a packet: of its indication, or of its send. Any IRQL. */
export const NDIS_GET_PACKET_STATUS = ulongOob(
  'ULONG NDIS_GET_PACKET_STATUS(PNDIS_PACKET _Packet)',
  OOB_STATUS,
);
/** Sets it. Any IRQL. */
export const NDIS_SET_PACKET_STATUS = setUlongOob(
  'VOID NDIS_SET_PACKET_STATUS(PNDIS_PACKET _Packet, NDIS_STATUS _Status)',
  OOB_STATUS,
);
/** When a packet is to be sent, in units of the sender. Any IRQL. */
export const NDIS_GET_PACKET_TIME_TO_SEND = timeOob(
  'ULONGLONG NDIS_GET_PACKET_TIME_TO_SEND(PNDIS_PACKET _Packet)',
  OOB_TIME_TO_SEND,
);
/** Sets it. Any IRQL. */
export const NDIS_SET_PACKET_TIME_TO_SEND = setTimeOob(
  'VOID NDIS_SET_PACKET_TIME_TO_SEND(PNDIS_PACKET _Packet, ULONGLONG _TimeToSend)',
  OOB_TIME_TO_SEND,
);
/** When a packet was sent: the same member as the time to send. Any IRQL. */
export const NDIS_GET_PACKET_TIME_SENT = timeOob(
  'ULONGLONG NDIS_GET_PACKET_TIME_SENT(PNDIS_PACKET _Packet)',
  OOB_TIME_SENT,
);
/** Sets it. Any IRQL. */
export const NDIS_SET_PACKET_TIME_SENT = setTimeOob(
  'VOID NDIS_SET_PACKET_TIME_SENT(PNDIS_PACKET _Packet, ULONGLONG _TimeSent)',
  OOB_TIME_SENT,
);
/** When a packet was received. Any IRQL. */
export const NDIS_GET_PACKET_TIME_RECEIVED = timeOob(
  'ULONGLONG NDIS_GET_PACKET_TIME_RECEIVED(PNDIS_PACKET _Packet)',
  OOB_TIME_RECEIVED,
);
/** Sets it. Any IRQL. */
export const NDIS_SET_PACKET_TIME_RECEIVED = setTimeOob(
  'VOID NDIS_SET_PACKET_TIME_RECEIVED(PNDIS_PACKET _Packet, ULONGLONG _TimeReceived)',
  OOB_TIME_RECEIVED,
);

const WITH_MEDIA_INFO = fPACKET_ALLOCATED_BY_NDIS | fPACKET_CONTAINS_MEDIA_SPECIFIC_INFO;

/** Gives the media-specific information of a packet and its size, NULL and 0 where it has none. Any IRQL. */
export const NDIS_GET_PACKET_MEDIA_SPECIFIC_INFO = legacyMacro(
  'VOID NDIS_GET_PACKET_MEDIA_SPECIFIC_INFO(PNDIS_PACKET _Packet, PVOID * _pMediaSpecificInfo, PUINT _pSizeMediaSpecificInfo)',
  'any',
  ({ memory }) =>
    (_Packet: Address, _pMediaSpecificInfo: OutPointer, _pSizeMediaSpecificInfo: OutPointer): void => {
      const { u8, u32, i32 } = memory;
      const has = (u8[_Packet + PACKET_NDIS_FLAGS] & WITH_MEDIA_INFO) === WITH_MEDIA_INFO;
      const oob = oobOf(memory, _Packet);
      memory.writePointer(_pMediaSpecificInfo, has ? i32[(oob + OOB_MEDIA_SPECIFIC_INFORMATION) >> 2] : 0);
      u32[_pSizeMediaSpecificInfo >> 2] = has ? u32[(oob + OOB_SIZE_MEDIA_SPECIFIC_INFO) >> 2] : 0;
    },
);

/** Sets the media-specific information of a packet that NDIS allocated. Any IRQL. */
export const NDIS_SET_PACKET_MEDIA_SPECIFIC_INFO = legacyMacro(
  'VOID NDIS_SET_PACKET_MEDIA_SPECIFIC_INFO(PNDIS_PACKET _Packet, PVOID _MediaSpecificInfo, UINT _SizeMediaSpecificInfo)',
  'any',
  ({ memory }) =>
    (_Packet: Address, _MediaSpecificInfo: Address, _SizeMediaSpecificInfo: number): void => {
      const { u8, u32 } = memory;
      if ((u8[_Packet + PACKET_NDIS_FLAGS] & fPACKET_ALLOCATED_BY_NDIS) === 0) return;
      u8[_Packet + PACKET_NDIS_FLAGS] |= fPACKET_CONTAINS_MEDIA_SPECIFIC_INFO;
      const oob = oobOf(memory, _Packet);
      memory.writePointer(oob + OOB_MEDIA_SPECIFIC_INFORMATION, _MediaSpecificInfo);
      u32[(oob + OOB_SIZE_MEDIA_SPECIFIC_INFO) >> 2] = _SizeMediaSpecificInfo;
    },
);
