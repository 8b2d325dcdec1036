/**
 * The callbacks that clients and call managers have in common.
 * Implements the nc-ndis-protocol_co_* pages (ndis).
 */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_RECEIVE_FLAGS_RESOURCES } from '../generated/constants/common.ts';
import type {
  CO_ADDRESS_FAMILY,
  NDIS_OID_REQUEST,
  NDIS_STATUS_INDICATION,
} from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';
import { condisCallback } from './declareCondis.ts';

/** ProtocolCoAfRegisterNotify: a call manager offers an address family on an adapter that the protocol is bound to. */
export type PROTOCOL_CO_AF_REGISTER_NOTIFY = (
  ProtocolBindingContext: unknown,
  AddressFamily: CO_ADDRESS_FAMILY,
) => void | Promise<void>;
export const PROTOCOL_CO_AF_REGISTER_NOTIFY = declareCallback<PROTOCOL_CO_AF_REGISTER_NOTIFY>({
  prototype:
    'VOID PROTOCOL_CO_AF_REGISTER_NOTIFY(NDIS_HANDLE ProtocolBindingContext, PCO_ADDRESS_FAMILY AddressFamily)',
  role: 'ProtocolCoAfRegisterNotify',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '5.1',
  page: 'ndis/nc-ndis-protocol_co_af_register_notify',
});

/**
 * ProtocolCoCreateVc: the other side creates a VC; the context for it goes to `ProtocolVcContext`. Must not return
 * NDIS_STATUS_PENDING.
 */
export type PROTOCOL_CO_CREATE_VC = (
  ProtocolAfContext: unknown,
  NdisVcHandle: Address,
  ProtocolVcContext: Address,
) => NDIS_STATUS;
export const PROTOCOL_CO_CREATE_VC = condisCallback<PROTOCOL_CO_CREATE_VC>(
  'NDIS_STATUS PROTOCOL_CO_CREATE_VC(NDIS_HANDLE ProtocolAfContext, NDIS_HANDLE NdisVcHandle, PNDIS_HANDLE ProtocolVcContext)',
  'ProtocolCoCreateVc',
  '5.1',
  'ndis/nc-ndis-protocol_co_create_vc',
  'raise',
);

/** ProtocolCoDeleteVc: the creator of a VC deletes it. NDIS_STATUS_NOT_ACCEPTED while something is outstanding on it. */
export type PROTOCOL_CO_DELETE_VC = (ProtocolVcContext: unknown) => NDIS_STATUS;
export const PROTOCOL_CO_DELETE_VC = condisCallback<PROTOCOL_CO_DELETE_VC>(
  'NDIS_STATUS PROTOCOL_CO_DELETE_VC(NDIS_HANDLE ProtocolVcContext)',
  'ProtocolCoDeleteVc',
  '5.1',
  'ndis/nc-ndis-protocol_co_delete_vc',
  'raise',
);

/** ProtocolCoOidRequest: a request of the other side of an address family; may complete later. */
export type PROTOCOL_CO_OID_REQUEST = (
  ProtocolAfContext: unknown,
  ProtocolVcContext: unknown,
  ProtocolPartyContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
) => NDIS_STATUS;
export const PROTOCOL_CO_OID_REQUEST = condisCallback<PROTOCOL_CO_OID_REQUEST>(
  'NDIS_STATUS PROTOCOL_CO_OID_REQUEST(NDIS_HANDLE ProtocolAfContext, NDIS_HANDLE ProtocolVcContext, NDIS_HANDLE ProtocolPartyContext, PNDIS_OID_REQUEST OidRequest)',
  'ProtocolCoOidRequest',
  '6.0',
  'ndis/nc-ndis-protocol_co_oid_request',
  'raise',
);

/** ProtocolCoOidRequestComplete: a request that returned NDIS_STATUS_PENDING is complete. */
export type PROTOCOL_CO_OID_REQUEST_COMPLETE = (
  ProtocolAfContext: unknown,
  ProtocolVcContext: unknown,
  ProtocolPartyContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
  Status: NDIS_STATUS,
) => void;
export const PROTOCOL_CO_OID_REQUEST_COMPLETE = condisCallback<PROTOCOL_CO_OID_REQUEST_COMPLETE>(
  'VOID PROTOCOL_CO_OID_REQUEST_COMPLETE(NDIS_HANDLE ProtocolAfContext, NDIS_HANDLE ProtocolVcContext, NDIS_HANDLE ProtocolPartyContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  'ProtocolCoOidRequestComplete',
  '6.0',
  'ndis/nc-ndis-protocol_co_oid_request_complete',
  'split',
);

/** ProtocolCoReceiveNetBufferLists: lists received on a VC; they go back by NdisReturnNetBufferLists. */
export type PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS = (
  ProtocolBindingContext: unknown,
  ProtocolVcContext: unknown,
  NetBufferLists: Address,
  NumberOfNetBufferLists: number,
  ReceiveFlags: number,
) => void;
export const PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS = declareCallback<PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS>({
  prototype:
    'VOID PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS(NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE ProtocolVcContext, PNET_BUFFER_LIST NetBufferLists, ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)',
  role: 'ProtocolCoReceiveNetBufferLists',
  onWait: (args) => ((Number(args[4]) & NDIS_RECEIVE_FLAGS_RESOURCES) === 0 ? 'split' : 'raise'),
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_co_receive_net_buffer_lists',
  hot: true,
});

/** ProtocolCoSendNetBufferListsComplete: lists that were sent on a VC come back. */
export type PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE = (
  ProtocolVcContext: unknown,
  NetBufferLists: Address,
  SendCompleteFlags: number,
) => void;
export const PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE =
  declareCallback<PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE>({
    prototype:
      'VOID PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE(NDIS_HANDLE ProtocolVcContext, PNET_BUFFER_LIST NetBufferLists, ULONG SendCompleteFlags)',
    role: 'ProtocolCoSendNetBufferListsComplete',
    onWait: 'split',
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since: '6.0',
    page: 'ndis/nc-ndis-protocol_co_send_net_buffer_lists_complete',
    hot: true,
  });

/** ProtocolCoStatusEx: a change in the status of an adapter, or of one VC on it. */
export type PROTOCOL_CO_STATUS_EX = (
  ProtocolBindingContext: unknown,
  ProtocolVcContext: unknown,
  StatusIndication: NDIS_STATUS_INDICATION,
) => void;
export const PROTOCOL_CO_STATUS_EX = condisCallback<PROTOCOL_CO_STATUS_EX>(
  'VOID PROTOCOL_CO_STATUS_EX(NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE ProtocolVcContext, PNDIS_STATUS_INDICATION StatusIndication)',
  'ProtocolCoStatusEx',
  '6.0',
  'ndis/nc-ndis-protocol_co_status_ex',
  'raise',
);
