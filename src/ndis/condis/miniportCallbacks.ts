/** The callbacks of connection-oriented miniports. Implements the nc-ndis-miniport_co_* pages (ndis). */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { CO_CALL_PARAMETERS, NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';
import { condisCallback } from './declareCondis.ts';

/** MiniportCoCreateVc: a VC is created; its context goes to `MiniportVcContext`. Must not return NDIS_STATUS_PENDING. */
export type MINIPORT_CO_CREATE_VC = (
  MiniportAdapterContext: unknown,
  NdisVcHandle: Address,
  MiniportVcContext: Address,
) => NDIS_STATUS;
export const MINIPORT_CO_CREATE_VC = condisCallback<MINIPORT_CO_CREATE_VC>(
  'NDIS_STATUS MINIPORT_CO_CREATE_VC(NDIS_HANDLE MiniportAdapterContext, NDIS_HANDLE NdisVcHandle, PNDIS_HANDLE MiniportVcContext)',
  'MiniportCoCreateVc',
  '5.1',
  'ndis/nc-ndis-miniport_co_create_vc',
  'raise',
);

/** MiniportCoDeleteVc: a VC goes. It cannot fail. */
export type MINIPORT_CO_DELETE_VC = (MiniportVcContext: unknown) => NDIS_STATUS;
export const MINIPORT_CO_DELETE_VC = condisCallback<MINIPORT_CO_DELETE_VC>(
  'NDIS_STATUS MINIPORT_CO_DELETE_VC(NDIS_HANDLE MiniportVcContext)',
  'MiniportCoDeleteVc',
  '5.1',
  'ndis/nc-ndis-miniport_co_delete_vc',
  'raise',
);

/** MiniportCoActivateVc: makes a VC ready for data, or changes the parameters of one that is; may complete later. */
export type MINIPORT_CO_ACTIVATE_VC = (
  MiniportVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
) => NDIS_STATUS;
export const MINIPORT_CO_ACTIVATE_VC = condisCallback<MINIPORT_CO_ACTIVATE_VC>(
  'NDIS_STATUS MINIPORT_CO_ACTIVATE_VC(NDIS_HANDLE MiniportVcContext, PCO_CALL_PARAMETERS CallParameters)',
  'MiniportCoActivateVc',
  '5.1',
  'ndis/nc-ndis-miniport_co_activate_vc',
  'raise',
);

/** MiniportCoDeactivateVc: no more data on a VC; may complete later, when everything on it is back. */
export type MINIPORT_CO_DEACTIVATE_VC = (MiniportVcContext: unknown) => NDIS_STATUS;
export const MINIPORT_CO_DEACTIVATE_VC = condisCallback<MINIPORT_CO_DEACTIVATE_VC>(
  'NDIS_STATUS MINIPORT_CO_DEACTIVATE_VC(NDIS_HANDLE MiniportVcContext)',
  'MiniportCoDeactivateVc',
  '5.1',
  'ndis/nc-ndis-miniport_co_deactivate_vc',
  'raise',
);

/** MiniportCoSendNetBufferLists: sends lists on a VC; they go back by NdisMCoSendNetBufferListsComplete. */
export type MINIPORT_CO_SEND_NET_BUFFER_LISTS = (
  MiniportVcContext: unknown,
  NetBufferLists: Address,
  SendFlags: number,
) => void;
export const MINIPORT_CO_SEND_NET_BUFFER_LISTS = declareCallback<MINIPORT_CO_SEND_NET_BUFFER_LISTS>({
  prototype:
    'VOID MINIPORT_CO_SEND_NET_BUFFER_LISTS(NDIS_HANDLE MiniportVcContext, PNET_BUFFER_LIST NetBufferLists, ULONG SendFlags)',
  role: 'MiniportCoSendNetBufferLists',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_co_send_net_buffer_lists',
  hot: true,
});

/** MiniportCoOidRequest: a query or set, of the adapter or of one VC; several may be pending; may complete later. */
export type MINIPORT_CO_OID_REQUEST = (
  MiniportAdapterContext: unknown,
  MiniportVcContext: unknown,
  NdisRequest: NDIS_OID_REQUEST,
) => NDIS_STATUS;
export const MINIPORT_CO_OID_REQUEST = condisCallback<MINIPORT_CO_OID_REQUEST>(
  'NDIS_STATUS MINIPORT_CO_OID_REQUEST(NDIS_HANDLE MiniportAdapterContext, NDIS_HANDLE MiniportVcContext, PNDIS_OID_REQUEST NdisRequest)',
  'MiniportCoOidRequest',
  '6.0',
  'ndis/nc-ndis-miniport_co_oid_request',
  'raise',
);
