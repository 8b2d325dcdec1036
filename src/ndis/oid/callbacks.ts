/** The callbacks of OID requests, for miniport and protocol drivers. Implements the nc-ndis-*_oid_request* pages (ndis). */

import { declareCallback } from '../../kernel/index.ts';
import type { NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';

type Result<T> = T | Promise<T>;

/** MiniportOidRequest: a query or set; may complete later with NdisMOidRequestComplete. */
export type MINIPORT_OID_REQUEST = (
  MiniportAdapterContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
) => Result<NDIS_STATUS>;
export const MINIPORT_OID_REQUEST = declareCallback<MINIPORT_OID_REQUEST>({
  prototype:
    'NDIS_STATUS MINIPORT_OID_REQUEST(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)',
  role: 'MiniportOidRequest',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_oid_request',
});

/** MiniportCancelOidRequest: completes the pending requests with this id. */
export type MINIPORT_CANCEL_OID_REQUEST = (MiniportAdapterContext: unknown, RequestId: unknown) => void;
export const MINIPORT_CANCEL_OID_REQUEST = declareCallback<MINIPORT_CANCEL_OID_REQUEST>({
  prototype: 'VOID MINIPORT_CANCEL_OID_REQUEST(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)',
  role: 'MiniportCancelOidRequest',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_cancel_oid_request',
});

/** MiniportDirectOidRequest: like MiniportOidRequest, at any IRQL up to DISPATCH_LEVEL and never queued by NDIS. */
export type MINIPORT_DIRECT_OID_REQUEST = (
  MiniportAdapterContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
) => NDIS_STATUS;
export const MINIPORT_DIRECT_OID_REQUEST = declareCallback<MINIPORT_DIRECT_OID_REQUEST>({
  prototype:
    'NDIS_STATUS MINIPORT_DIRECT_OID_REQUEST(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)',
  role: 'MiniportDirectOidRequest',
  onWait: 'raise',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nc-ndis-miniport_direct_oid_request',
});

/** MiniportCancelDirectOidRequest: completes the pending direct requests with this id. */
export type MINIPORT_CANCEL_DIRECT_OID_REQUEST = (
  MiniportAdapterContext: unknown,
  RequestId: unknown,
) => void;
export const MINIPORT_CANCEL_DIRECT_OID_REQUEST = declareCallback<MINIPORT_CANCEL_DIRECT_OID_REQUEST>({
  prototype: 'VOID MINIPORT_CANCEL_DIRECT_OID_REQUEST(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)',
  role: 'MiniportCancelDirectOidRequest',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nc-ndis-miniport_cancel_direct_oid_request',
});

/** MiniportSynchronousOidRequest: answers before it returns. */
export type MINIPORT_SYNCHRONOUS_OID_REQUEST = (
  MiniportAdapterContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
) => NDIS_STATUS;
export const MINIPORT_SYNCHRONOUS_OID_REQUEST = declareCallback<MINIPORT_SYNCHRONOUS_OID_REQUEST>({
  prototype:
    'NDIS_STATUS MINIPORT_SYNCHRONOUS_OID_REQUEST(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)',
  role: 'MiniportSynchronousOidRequest',
  onWait: 'raise',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.80',
  page: 'ndis/nc-ndis-miniport_synchronous_oid_request',
});

/** ProtocolOidRequestComplete: a request of the protocol that returned NDIS_STATUS_PENDING is complete. */
export type PROTOCOL_OID_REQUEST_COMPLETE = (
  ProtocolBindingContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
  Status: NDIS_STATUS,
) => void;
export const PROTOCOL_OID_REQUEST_COMPLETE = declareCallback<PROTOCOL_OID_REQUEST_COMPLETE>({
  prototype:
    'VOID PROTOCOL_OID_REQUEST_COMPLETE(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  role: 'ProtocolOidRequestComplete',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_oid_request_complete',
});

/** ProtocolDirectOidRequestComplete: a direct request of the protocol that was pending is complete. */
export type PROTOCOL_DIRECT_OID_REQUEST_COMPLETE = (
  ProtocolBindingContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
  Status: NDIS_STATUS,
) => void;
export const PROTOCOL_DIRECT_OID_REQUEST_COMPLETE = declareCallback<PROTOCOL_DIRECT_OID_REQUEST_COMPLETE>({
  prototype:
    'VOID PROTOCOL_DIRECT_OID_REQUEST_COMPLETE(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  role: 'ProtocolDirectOidRequestComplete',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nc-ndis-protocol_direct_oid_request_complete',
});
