/** The callbacks of protocol drivers for NDIS 4 and 5. Implements NDIS_PROTOCOL_CHARACTERISTICS of ddk/ndis.h. */

import { type CallbackDeclaration, declareCallback, type IrqlRule } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import type { NDIS_STRING, NET_PNP_EVENT } from '../../generated/structures/index.ts';
import type { NDIS_STATUS } from '../../status.ts';

type Result<T> = T | Promise<T>;

function facts(prototype: string, role: string, irql: IrqlRule, waits: 'never' | 'depends') {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  return { prototype, role, irql, waits, since: '4.0', page: `ndis/nc-ndis-${name.toLowerCase()}` } as const;
}

/** A handler that NDIS calls at PASSIVE_LEVEL and that may wait. */
function passive<F>(prototype: string, role: string): CallbackDeclaration<F> {
  return declareCallback<F>(facts(prototype, role, 'PASSIVE_LEVEL', 'depends'));
}

/** A handler of the data path or of a completion: it never waits. */
function never<F>(prototype: string, role: string, hot = false): CallbackDeclaration<F> {
  return declareCallback<F>({ ...facts(prototype, role, '<=DISPATCH_LEVEL', 'never'), hot, onWait: 'raise' });
}

/** ProtocolBindAdapter: asks the protocol to bind to an adapter; the result goes to the variable at Status. */
export type BIND_HANDLER = (
  Status: Address,
  BindContext: Address,
  DeviceName: NDIS_STRING,
  SystemSpecific1: Address,
  SystemSpecific2: Address,
) => Result<void>;
export const BIND_HANDLER = passive<BIND_HANDLER>(
  'VOID BIND_HANDLER(PNDIS_STATUS Status, NDIS_HANDLE BindContext, PNDIS_STRING DeviceName, PVOID SystemSpecific1, PVOID SystemSpecific2)',
  'ProtocolBindAdapter',
);

/** ProtocolUnbindAdapter: asks the protocol to close a binding; the result goes to the variable at Status. */
export type UNBIND_HANDLER = (
  Status: Address,
  ProtocolBindingContext: unknown,
  UnbindContext: Address,
) => Result<void>;
export const UNBIND_HANDLER = passive<UNBIND_HANDLER>(
  'VOID UNBIND_HANDLER(PNDIS_STATUS Status, NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE UnbindContext)',
  'ProtocolUnbindAdapter',
);

/** ProtocolOpenAdapterComplete: an open that was pending is complete. */
export type OPEN_ADAPTER_COMPLETE_HANDLER = (
  ProtocolBindingContext: unknown,
  Status: NDIS_STATUS,
  OpenErrorStatus: NDIS_STATUS,
) => Result<void>;
export const OPEN_ADAPTER_COMPLETE_HANDLER = passive<OPEN_ADAPTER_COMPLETE_HANDLER>(
  'VOID OPEN_ADAPTER_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status, NDIS_STATUS OpenErrorStatus)',
  'ProtocolOpenAdapterComplete',
);

/** ProtocolCloseAdapterComplete: a close that was pending is complete. */
export type CLOSE_ADAPTER_COMPLETE_HANDLER = (
  ProtocolBindingContext: unknown,
  Status: NDIS_STATUS,
) => Result<void>;
export const CLOSE_ADAPTER_COMPLETE_HANDLER = passive<CLOSE_ADAPTER_COMPLETE_HANDLER>(
  'VOID CLOSE_ADAPTER_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)',
  'ProtocolCloseAdapterComplete',
);

/** ProtocolPnPEvent: a Plug and Play event for one binding, or for all where the context is NULL. */
export type PNP_EVENT_HANDLER = (
  ProtocolBindingContext: unknown,
  NetPnPEvent: NET_PNP_EVENT,
) => Result<NDIS_STATUS>;
export const PNP_EVENT_HANDLER = passive<PNP_EVENT_HANDLER>(
  'NDIS_STATUS PNP_EVENT_HANDLER(NDIS_HANDLE ProtocolBindingContext, PNET_PNP_EVENT NetPnPEvent)',
  'ProtocolPnPEvent',
);

/** ProtocolUnload: the user removes the protocol; every binding is gone. */
export type UNLOAD_PROTOCOL_HANDLER = () => Result<void>;
export const UNLOAD_PROTOCOL_HANDLER = passive<UNLOAD_PROTOCOL_HANDLER>(
  'VOID UNLOAD_PROTOCOL_HANDLER(VOID)',
  'ProtocolUnload',
);

/** ProtocolResetComplete: a reset that the protocol asked for is over. */
export type RESET_COMPLETE_HANDLER = (ProtocolBindingContext: unknown, Status: NDIS_STATUS) => void;
export const RESET_COMPLETE_HANDLER = never<RESET_COMPLETE_HANDLER>(
  'VOID RESET_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)',
  'ProtocolResetComplete',
);

/** ProtocolRequestComplete: a request that was pending is complete. */
export type REQUEST_COMPLETE_HANDLER = (
  ProtocolBindingContext: unknown,
  NdisRequest: Address,
  Status: NDIS_STATUS,
) => void;
export const REQUEST_COMPLETE_HANDLER = never<REQUEST_COMPLETE_HANDLER>(
  'VOID REQUEST_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext, PNDIS_REQUEST NdisRequest, NDIS_STATUS Status)',
  'ProtocolRequestComplete',
  true,
);

/** ProtocolStatus: the underlying driver indicates a change of status. */
export type STATUS_HANDLER = (
  ProtocolBindingContext: unknown,
  GeneralStatus: NDIS_STATUS,
  StatusBuffer: Address,
  StatusBufferSize: number,
) => void;
export const STATUS_HANDLER = never<STATUS_HANDLER>(
  'VOID STATUS_HANDLER(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS GeneralStatus, PVOID StatusBuffer, UINT StatusBufferSize)',
  'ProtocolStatus',
);

/** ProtocolStatusComplete: the indications of status that belong together are over. */
export type STATUS_COMPLETE_HANDLER = (ProtocolBindingContext: unknown) => void;
export const STATUS_COMPLETE_HANDLER = never<STATUS_COMPLETE_HANDLER>(
  'VOID STATUS_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext)',
  'ProtocolStatusComplete',
);

/** ProtocolSendComplete: a packet that the protocol sent comes back. */
export type SEND_COMPLETE_HANDLER = (
  ProtocolBindingContext: unknown,
  Packet: Address,
  Status: NDIS_STATUS,
) => void;
export const SEND_COMPLETE_HANDLER = never<SEND_COMPLETE_HANDLER>(
  'VOID SEND_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext, PNDIS_PACKET Packet, NDIS_STATUS Status)',
  'ProtocolSendComplete',
  true,
);

/** ProtocolTransferDataComplete: a transfer that was pending is complete. */
export type TRANSFER_DATA_COMPLETE_HANDLER = (
  ProtocolBindingContext: unknown,
  Packet: Address,
  Status: NDIS_STATUS,
  BytesTransferred: number,
) => void;
export const TRANSFER_DATA_COMPLETE_HANDLER = never<TRANSFER_DATA_COMPLETE_HANDLER>(
  'VOID TRANSFER_DATA_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext, PNDIS_PACKET Packet, NDIS_STATUS Status, UINT BytesTransferred)',
  'ProtocolTransferDataComplete',
  true,
);

/** ProtocolReceive: the beginning of a received frame; NdisTransferData gives the rest inside the call. */
export type RECEIVE_HANDLER = (
  ProtocolBindingContext: unknown,
  MacReceiveContext: Address,
  HeaderBuffer: Address,
  HeaderBufferSize: number,
  LookAheadBuffer: Address,
  LookaheadBufferSize: number,
  PacketSize: number,
) => NDIS_STATUS;
export const RECEIVE_HANDLER = never<RECEIVE_HANDLER>(
  'NDIS_STATUS RECEIVE_HANDLER(NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE MacReceiveContext, PVOID HeaderBuffer, UINT HeaderBufferSize, PVOID LookAheadBuffer, UINT LookaheadBufferSize, UINT PacketSize)',
  'ProtocolReceive',
  true,
);

/** ProtocolReceiveComplete: the frames that were indicated are over; work on them now. */
export type RECEIVE_COMPLETE_HANDLER = (ProtocolBindingContext: unknown) => void;
export const RECEIVE_COMPLETE_HANDLER = never<RECEIVE_COMPLETE_HANDLER>(
  'VOID RECEIVE_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext)',
  'ProtocolReceiveComplete',
  true,
);

/** ProtocolReceivePacket: a received packet. It returns how often it will return the packet: 0 when it is done. */
export type RECEIVE_PACKET_HANDLER = (ProtocolBindingContext: unknown, Packet: Address) => number;
export const RECEIVE_PACKET_HANDLER = never<RECEIVE_PACKET_HANDLER>(
  'INT RECEIVE_PACKET_HANDLER(NDIS_HANDLE ProtocolBindingContext, PNDIS_PACKET Packet)',
  'ProtocolReceivePacket',
  true,
);
