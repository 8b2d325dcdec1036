/**
 * The callbacks that are not the same in connection-oriented drivers for NDIS 5 and for NDIS 6: packets, NDIS_REQUEST,
 * statuses without NDIS_STATUS_INDICATION. Implements the CO_, CL_ and W_CO_ handlers of ddk/ndis.h.
 */

import { type CallbackDeclaration, declareCallback } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import type { NDIS_STATUS } from '../../status.ts';

function handler<F>(prototype: string, role: string, hot = false): CallbackDeclaration<F> {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  return declareCallback<F>({
    prototype,
    role,
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since: '5.0',
    page: `ndis/nc-ndis-${name.toLowerCase()}`,
    hot,
    onWait: 'raise',
  });
}

/** ProtocolCoSendComplete: a packet that was sent on a VC is the sender's again. */
export type CO_SEND_COMPLETE_HANDLER = (
  Status: NDIS_STATUS,
  ProtocolVcContext: unknown,
  Packet: Address,
) => void;
export const CO_SEND_COMPLETE_HANDLER = handler<CO_SEND_COMPLETE_HANDLER>(
  'VOID CO_SEND_COMPLETE_HANDLER(NDIS_STATUS Status, NDIS_HANDLE ProtocolVcContext, PNDIS_PACKET Packet)',
  'ProtocolCoSendComplete',
  true,
);

/** ProtocolCoStatus: a change of the status of an adapter, or of one VC. */
export type CO_STATUS_HANDLER = (
  ProtocolBindingContext: unknown,
  ProtocolVcContext: unknown,
  GeneralStatus: NDIS_STATUS,
  StatusBuffer: Address,
  StatusBufferSize: number,
) => void;
export const CO_STATUS_HANDLER = handler<CO_STATUS_HANDLER>(
  'VOID CO_STATUS_HANDLER(NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE ProtocolVcContext, NDIS_STATUS GeneralStatus, PVOID StatusBuffer, UINT StatusBufferSize)',
  'ProtocolCoStatus',
);

/** ProtocolCoReceivePacket: a packet came in on a VC; gives how often it will be returned by NdisReturnPackets. */
export type CO_RECEIVE_PACKET_HANDLER = (
  ProtocolBindingContext: unknown,
  ProtocolVcContext: unknown,
  Packet: Address,
) => number;
export const CO_RECEIVE_PACKET_HANDLER = handler<CO_RECEIVE_PACKET_HANDLER>(
  'UINT CO_RECEIVE_PACKET_HANDLER(NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE ProtocolVcContext, PNDIS_PACKET Packet)',
  'ProtocolCoReceivePacket',
  true,
);

/** ProtocolCoRequest: a query or set of the other end; completed later by NdisCoRequestComplete where it is pended. */
export type CO_REQUEST_HANDLER = (
  ProtocolAfContext: unknown,
  ProtocolVcContext: unknown,
  ProtocolPartyContext: unknown,
  NdisRequest: Address,
) => NDIS_STATUS;
export const CO_REQUEST_HANDLER = handler<CO_REQUEST_HANDLER>(
  'NDIS_STATUS CO_REQUEST_HANDLER(NDIS_HANDLE ProtocolAfContext, NDIS_HANDLE ProtocolVcContext, NDIS_HANDLE ProtocolPartyContext, PNDIS_REQUEST NdisRequest)',
  'ProtocolCoRequest',
);

/** ProtocolCoRequestComplete: a request for which NdisCoRequest returned NDIS_STATUS_PENDING is complete. */
export type CO_REQUEST_COMPLETE_HANDLER = (
  Status: NDIS_STATUS,
  ProtocolAfContext: unknown,
  ProtocolVcContext: unknown,
  ProtocolPartyContext: unknown,
  NdisRequest: Address,
) => void;
export const CO_REQUEST_COMPLETE_HANDLER = handler<CO_REQUEST_COMPLETE_HANDLER>(
  'VOID CO_REQUEST_COMPLETE_HANDLER(NDIS_STATUS Status, NDIS_HANDLE ProtocolAfContext, NDIS_HANDLE ProtocolVcContext, NDIS_HANDLE ProtocolPartyContext, PNDIS_REQUEST NdisRequest)',
  'ProtocolCoRequestComplete',
);

/** ProtocolClOpenAfComplete: an open of an address family that was pending is complete. */
export type CL_OPEN_AF_COMPLETE_HANDLER = (
  Status: NDIS_STATUS,
  ProtocolAfContext: unknown,
  NdisAfHandle: Address,
) => void;
export const CL_OPEN_AF_COMPLETE_HANDLER = handler<CL_OPEN_AF_COMPLETE_HANDLER>(
  'VOID CL_OPEN_AF_COMPLETE_HANDLER(NDIS_STATUS Status, NDIS_HANDLE ProtocolAfContext, NDIS_HANDLE NdisAfHandle)',
  'ProtocolClOpenAfComplete',
);

/** MiniportCoSendPackets: packets to send on a VC, each to be given back by NdisMCoSendComplete. */
export type W_CO_SEND_PACKETS_HANDLER = (
  MiniportVcContext: unknown,
  PacketArray: Address,
  NumberOfPackets: number,
) => void;
export const W_CO_SEND_PACKETS_HANDLER = handler<W_CO_SEND_PACKETS_HANDLER>(
  'VOID W_CO_SEND_PACKETS_HANDLER(NDIS_HANDLE MiniportVcContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)',
  'MiniportCoSendPackets',
  true,
);

/** MiniportCoRequest: a query or set; completed later by NdisMCoRequestComplete where it is pended. */
export type W_CO_REQUEST_HANDLER = (
  MiniportAdapterContext: unknown,
  MiniportVcContext: unknown,
  NdisRequest: Address,
) => NDIS_STATUS;
export const W_CO_REQUEST_HANDLER = handler<W_CO_REQUEST_HANDLER>(
  'NDIS_STATUS W_CO_REQUEST_HANDLER(NDIS_HANDLE MiniportAdapterContext, NDIS_HANDLE MiniportVcContext, PNDIS_REQUEST NdisRequest)',
  'MiniportCoRequest',
);
