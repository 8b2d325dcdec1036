/** The callbacks of protocol drivers. Implements the nc-ndis-protocol_* pages (ndis). */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_RECEIVE_FLAGS_RESOURCES } from '../generated/constants/common.ts';
import type { NDIS_BIND_PARAMETERS, NET_PNP_EVENT_NOTIFICATION } from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';

type Result<T> = T | Promise<T>;

/** ProtocolSetOptions and MiniportSetOptions: registers optional handlers inside the registering call. */
export type SET_OPTIONS = (NdisDriverHandle: Address, DriverContext: unknown) => Result<NDIS_STATUS>;
export const SET_OPTIONS = declareCallback<SET_OPTIONS>({
  prototype: 'NDIS_STATUS SET_OPTIONS(NDIS_HANDLE NdisDriverHandle, NDIS_HANDLE DriverContext)',
  role: 'SetOptions',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-set_options',
});

/** ProtocolBindAdapterEx: asks the protocol to bind to an adapter. */
export type PROTOCOL_BIND_ADAPTER_EX = (
  ProtocolDriverContext: unknown,
  BindContext: Address,
  BindParameters: NDIS_BIND_PARAMETERS,
) => Result<NDIS_STATUS>;
export const PROTOCOL_BIND_ADAPTER_EX = declareCallback<PROTOCOL_BIND_ADAPTER_EX>({
  prototype:
    'NDIS_STATUS PROTOCOL_BIND_ADAPTER_EX(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext, PNDIS_BIND_PARAMETERS BindParameters)',
  role: 'ProtocolBindAdapterEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_bind_adapter_ex',
});

/** ProtocolUnbindAdapterEx: asks the protocol to close a binding. */
export type PROTOCOL_UNBIND_ADAPTER_EX = (
  UnbindContext: Address,
  ProtocolBindingContext: unknown,
) => Result<NDIS_STATUS>;
export const PROTOCOL_UNBIND_ADAPTER_EX = declareCallback<PROTOCOL_UNBIND_ADAPTER_EX>({
  prototype:
    'NDIS_STATUS PROTOCOL_UNBIND_ADAPTER_EX(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)',
  role: 'ProtocolUnbindAdapterEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_unbind_adapter_ex',
});

/** ProtocolOpenAdapterCompleteEx: an open that returned NDIS_STATUS_PENDING is complete. */
export type PROTOCOL_OPEN_ADAPTER_COMPLETE_EX = (
  ProtocolBindingContext: unknown,
  Status: NDIS_STATUS,
) => Result<void>;
export const PROTOCOL_OPEN_ADAPTER_COMPLETE_EX = declareCallback<PROTOCOL_OPEN_ADAPTER_COMPLETE_EX>({
  prototype: 'VOID PROTOCOL_OPEN_ADAPTER_COMPLETE_EX(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)',
  role: 'ProtocolOpenAdapterCompleteEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_open_adapter_complete_ex',
});

/** ProtocolCloseAdapterCompleteEx: a close that returned NDIS_STATUS_PENDING is complete. */
export type PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX = (ProtocolBindingContext: unknown) => Result<void>;
export const PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX = declareCallback<PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX>({
  prototype: 'VOID PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX(NDIS_HANDLE ProtocolBindingContext)',
  role: 'ProtocolCloseAdapterCompleteEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_close_adapter_complete_ex',
});

/** ProtocolNetPnPEvent: a Plug and Play event for one binding, or for all where the context is NULL. */
export type PROTOCOL_NET_PNP_EVENT = (
  ProtocolBindingContext: unknown,
  NetPnPEventNotification: NET_PNP_EVENT_NOTIFICATION,
) => Result<NDIS_STATUS>;
export const PROTOCOL_NET_PNP_EVENT = declareCallback<PROTOCOL_NET_PNP_EVENT>({
  prototype:
    'NDIS_STATUS PROTOCOL_NET_PNP_EVENT(NDIS_HANDLE ProtocolBindingContext, PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)',
  role: 'ProtocolNetPnPEvent',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_net_pnp_event',
});

/** ProtocolUninstall: the user removes the protocol; every binding is gone. */
export type PROTOCOL_UNINSTALL = () => Result<void>;
export const PROTOCOL_UNINSTALL = declareCallback<PROTOCOL_UNINSTALL>({
  prototype: 'VOID PROTOCOL_UNINSTALL(VOID)',
  role: 'ProtocolUninstall',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_uninstall',
});

/** ProtocolReceiveNetBufferLists: lists received from the adapter; they go back by NdisReturnNetBufferLists. */
export type PROTOCOL_RECEIVE_NET_BUFFER_LISTS = (
  ProtocolBindingContext: unknown,
  NetBufferLists: Address,
  PortNumber: number,
  NumberOfNetBufferLists: number,
  ReceiveFlags: number,
) => void;
export const PROTOCOL_RECEIVE_NET_BUFFER_LISTS = declareCallback<PROTOCOL_RECEIVE_NET_BUFFER_LISTS>({
  prototype:
    'VOID PROTOCOL_RECEIVE_NET_BUFFER_LISTS(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)',
  role: 'ProtocolReceiveNetBufferLists',
  onWait: (args) => ((Number(args[4]) & NDIS_RECEIVE_FLAGS_RESOURCES) === 0 ? 'split' : 'raise'),
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_receive_net_buffer_lists',
  hot: true,
});

/** ProtocolSendNetBufferListsComplete: lists that the protocol sent come back. */
export type PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE = (
  ProtocolBindingContext: unknown,
  NetBufferList: Address,
  SendCompleteFlags: number,
) => void;
export const PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE =
  declareCallback<PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE>({
    prototype:
      'VOID PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE(NDIS_HANDLE ProtocolBindingContext, PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)',
    role: 'ProtocolSendNetBufferListsComplete',
    onWait: 'split',
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since: '6.0',
    page: 'ndis/nc-ndis-protocol_send_net_buffer_lists_complete',
    hot: true,
  });
