/**
 * What protocol drivers for NDIS 5 call to send, receive, ask and reset.
 * Implements NdisSend, NdisSendPackets, NdisTransferData, NdisReturnPackets, NdisReset (ddk/ndis.h), nf-ndis-ndisrequest,
 * nf-ndis-ndisgetreceivedpacket and nf-ndis-ndiscancelsendpackets.
 */

import { declareFunction, type Handle, type OutPointer, type Pointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import type { NDIS_REQUEST } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import {
  REQUEST_HANDLER,
  RESET_HANDLER,
  SEND_HANDLER,
  SEND_PACKETS_HANDLER,
  TRANSFER_DATA_HANDLER,
} from './blockHandlers.ts';
import { legacyBindingAt } from './legacyBinding.ts';
import { receivedPacket, returnPackets } from './receives.ts';

/**
 * Sends a packet. `Status`: NDIS_STATUS_PENDING, where ProtocolSendComplete gets the final one; a failure where the
 * packet stays the caller's: NDIS_STATUS_PAUSED, NDIS_STATUS_CLOSING, NDIS_STATUS_RESOURCES,
 * NDIS_STATUS_INVALID_PACKET for one that is sent already (a finding). IRQL <= DISPATCH_LEVEL.
 */
export const NdisSend = legacyFunction(
  'VOID NdisSend(PNDIS_STATUS Status, NDIS_HANDLE NdisBindingHandle, PNDIS_PACKET Packet)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const send = SEND_HANDLER.implement(ndis, driver);
    const { u32 } = ndis.memory;
    return (Status: OutPointer, NdisBindingHandle: Handle, Packet: Address): void => {
      u32[Status >> 2] = send(NdisBindingHandle, Packet);
    };
  },
);

/** Sends an array of packets; each comes back through ProtocolSendComplete. IRQL <= DISPATCH_LEVEL. */
export const NdisSendPackets = legacyFunction(
  'VOID NdisSendPackets(NDIS_HANDLE NdisBindingHandle, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => SEND_PACKETS_HANDLER.implement(ndis, driver),
);

/**
 * Copies what lies `ByteOffset` bytes behind the header of the frame being indicated to a packet. `Status`:
 * NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolTransferDataComplete is called; NDIS_STATUS_FAILURE outside of
 * ProtocolReceive. IRQL <= DISPATCH_LEVEL.
 */
export const NdisTransferData = legacyFunction(
  'VOID NdisTransferData(PNDIS_STATUS Status, NDIS_HANDLE NdisBindingHandle, NDIS_HANDLE MacReceiveContext, UINT ByteOffset, UINT BytesToTransfer, PNDIS_PACKET Packet, PUINT BytesTransferred)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const transfer = TRANSFER_DATA_HANDLER.implement(ndis, driver);
    return (
      Status: OutPointer,
      NdisBindingHandle: Handle,
      MacReceiveContext: Handle,
      ByteOffset: number,
      BytesToTransfer: number,
      Packet: Address,
      BytesTransferred: OutPointer,
    ): void => {
      ndis.memory.u32[Status >> 2] = transfer(
        NdisBindingHandle,
        MacReceiveContext,
        ByteOffset,
        BytesToTransfer,
        Packet,
        BytesTransferred,
      );
    };
  },
);

/**
 * Gives received packets back that ProtocolReceivePacket kept, one of its references each. More than that is the
 * finding RETURNED_TWICE. IRQL <= DISPATCH_LEVEL.
 */
export const NdisReturnPackets = legacyFunction(
  'VOID NdisReturnPackets(PNDIS_PACKET * PacketsToReturn, UINT NumberOfPackets)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (PacketsToReturn: OutPointer, NumberOfPackets: number): void =>
      returnPackets(ndis, driver, PacketsToReturn, NumberOfPackets),
);

/** The packet of the frame that ProtocolReceive is called for, NULL for any other context. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisgetreceivedpacket */
export const NdisGetReceivedPacket = legacyFunction(
  'PNDIS_PACKET NdisGetReceivedPacket(PNDIS_HANDLE NdisBindingHandle, PNDIS_HANDLE MacContext)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (_NdisBindingHandle: Handle, MacContext: Handle): Address =>
      receivedPacket(ndis, MacContext),
);

/** Asks the miniport to complete the packets with a cancel identifier that wait. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndiscancelsendpackets */
export const NdisCancelSendPackets = legacyFunction(
  'VOID NdisCancelSendPackets(NDIS_HANDLE NdisBindingHandle, PVOID CancelId)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (NdisBindingHandle: Handle, CancelId: Address): void => {
      const from = legacyBindingAt(ndis, driver, NdisBindingHandle, 'NdisCancelSendPackets');
      from?.legacy.functions.cancelSends(from.binding.handle, CancelId);
    },
);

/**
 * Asks the adapter for information, or sets it. `Status`: the final one, or NDIS_STATUS_PENDING where
 * ProtocolRequestComplete gets it. Await it at PASSIVE_LEVEL, as NdisOidRequest. IRQL <= DISPATCH_LEVEL.
 * ndis/nf-ndis-ndisrequest
 */
export const NdisRequest = declareFunction('ndis', {
  prototype:
    'VOID NdisRequest(PNDIS_STATUS Status, NDIS_HANDLE NdisBindingHandle, PNDIS_REQUEST NdisRequest)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: legacyPage('NdisRequest'),
  implement: (ndis: NdisLibrary, driver) => {
    const ask = REQUEST_HANDLER.implement(ndis, driver);
    return (
      Status: OutPointer,
      NdisBindingHandle: Handle,
      NdisRequest: Pointer<NDIS_REQUEST>,
    ): void | Promise<void> => {
      const write = (status: NDIS_STATUS): void => {
        ndis.memory.u32[Status >> 2] = status;
      };
      const result = ask(NdisBindingHandle, NdisRequest);
      return result instanceof Promise ? result.then(write) : write(result);
    };
  },
});

/**
 * Resets the adapter. `Status`: NDIS_STATUS_PENDING, where ProtocolResetComplete gets the final one;
 * NDIS_STATUS_NOT_RESETTABLE, NDIS_STATUS_RESET_IN_PROGRESS. IRQL <= DISPATCH_LEVEL.
 */
export const NdisReset = legacyFunction(
  'VOID NdisReset(PNDIS_STATUS Status, NDIS_HANDLE NdisBindingHandle)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const reset = RESET_HANDLER.implement(ndis, driver);
    return (Status: OutPointer, NdisBindingHandle: Handle): void => {
      ndis.memory.u32[Status >> 2] = reset(NdisBindingHandle);
    };
  },
);

/** Gives how many sends and requests of a binding are not complete. NDIS_STATUS_FAILURE for a wrong handle. IRQL <= DISPATCH_LEVEL. */
export const NdisQueryPendingIOCount = legacyFunction(
  'NDIS_STATUS NdisQueryPendingIOCount(PVOID NdisBindingHandle, PULONG IoCount)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (NdisBindingHandle: Handle, IoCount: OutPointer): number => {
      const of = legacyBindingAt(ndis, driver, NdisBindingHandle, 'NdisQueryPendingIOCount');
      if (of === null) return NDIS_STATUS_FAILURE;
      ndis.memory.u32[IoCount >> 2] = of.binding.sendsOutstanding + of.binding.requestsOutstanding;
      return NDIS_STATUS_SUCCESS;
    },
);

/** Filters by patterns, which no version of NDIS after 4.0 has. `Status`: NDIS_STATUS_NOT_SUPPORTED. IRQL <= DISPATCH_LEVEL. */
export const NdisSetProtocolFilter = legacyFunction(
  'VOID NdisSetProtocolFilter(PNDIS_STATUS Status, NDIS_HANDLE NdisBindingHandle, RECEIVE_HANDLER ReceiveHandler, RECEIVE_PACKET_HANDLER ReceivePacketHandler, NDIS_MEDIUM Medium, UINT Offset, UINT Size, PUCHAR Pattern)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (
      Status: OutPointer,
      _NdisBindingHandle: Handle,
      _ReceiveHandler: Address,
      _ReceivePacketHandler: Address,
      _Medium: number,
      _Offset: number,
      _Size: number,
      _Pattern: Address,
    ): void => {
      ndis.memory.u32[Status >> 2] = NDIS_STATUS_NOT_SUPPORTED;
    },
);
