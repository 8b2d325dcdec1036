/**
 * The callbacks on the data path of a filter module: each may be absent, and NDIS then goes to the next module.
 * Implements the nc-ndis-filter_*_net_buffer_lists* pages (ndis).
 */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_RECEIVE_FLAGS_RESOURCES } from '../generated/constants/index.ts';

/** FilterSendNetBufferLists: lists on their way down; the module has them until it passes them on or completes them. */
export type FILTER_SEND_NET_BUFFER_LISTS = (
  FilterModuleContext: unknown,
  NetBufferList: Address,
  PortNumber: number,
  SendFlags: number,
) => void;
export const FILTER_SEND_NET_BUFFER_LISTS = declareCallback<FILTER_SEND_NET_BUFFER_LISTS>({
  prototype:
    'VOID FILTER_SEND_NET_BUFFER_LISTS(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferList, NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)',
  role: 'FilterSendNetBufferLists',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_send_net_buffer_lists',
  hot: true,
});

/** FilterSendNetBufferListsComplete: sent lists come back, the module's own and those it passed on. */
export type FILTER_SEND_NET_BUFFER_LISTS_COMPLETE = (
  FilterModuleContext: unknown,
  NetBufferList: Address,
  SendCompleteFlags: number,
) => void;
export const FILTER_SEND_NET_BUFFER_LISTS_COMPLETE = declareCallback<FILTER_SEND_NET_BUFFER_LISTS_COMPLETE>({
  prototype:
    'VOID FILTER_SEND_NET_BUFFER_LISTS_COMPLETE(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)',
  role: 'FilterSendNetBufferListsComplete',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_send_net_buffer_lists_complete',
  hot: true,
});

/** FilterCancelSendNetBufferLists: completes the queued lists with this cancel id and passes the cancel on. */
export type FILTER_CANCEL_SEND_NET_BUFFER_LISTS = (FilterModuleContext: unknown, CancelId: unknown) => void;
export const FILTER_CANCEL_SEND_NET_BUFFER_LISTS = declareCallback<FILTER_CANCEL_SEND_NET_BUFFER_LISTS>({
  prototype: 'VOID FILTER_CANCEL_SEND_NET_BUFFER_LISTS(NDIS_HANDLE FilterModuleContext, PVOID CancelId)',
  role: 'FilterCancelSendNetBufferLists',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_cancel_send_net_buffer_lists',
});

/** FilterReceiveNetBufferLists: lists on their way up. With NDIS_RECEIVE_FLAGS_RESOURCES they are lent for the call. */
export type FILTER_RECEIVE_NET_BUFFER_LISTS = (
  FilterModuleContext: unknown,
  NetBufferLists: Address,
  PortNumber: number,
  NumberOfNetBufferLists: number,
  ReceiveFlags: number,
) => void;
export const FILTER_RECEIVE_NET_BUFFER_LISTS = declareCallback<FILTER_RECEIVE_NET_BUFFER_LISTS>({
  prototype:
    'VOID FILTER_RECEIVE_NET_BUFFER_LISTS(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)',
  role: 'FilterReceiveNetBufferLists',
  onWait: (args) => ((Number(args[4]) & NDIS_RECEIVE_FLAGS_RESOURCES) === 0 ? 'split' : 'raise'),
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_receive_net_buffer_lists',
  hot: true,
});

/** FilterReturnNetBufferLists: indicated lists come back, the module's own and those it passed on. */
export type FILTER_RETURN_NET_BUFFER_LISTS = (
  FilterModuleContext: unknown,
  NetBufferLists: Address,
  ReturnFlags: number,
) => void;
export const FILTER_RETURN_NET_BUFFER_LISTS = declareCallback<FILTER_RETURN_NET_BUFFER_LISTS>({
  prototype:
    'VOID FILTER_RETURN_NET_BUFFER_LISTS(NDIS_HANDLE FilterModuleContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)',
  role: 'FilterReturnNetBufferLists',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_return_net_buffer_lists',
  hot: true,
});
