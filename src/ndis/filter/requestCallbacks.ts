/**
 * The callbacks by which a filter module sees OID requests, status indications and Plug and Play events.
 * Implements the nc-ndis-filter_*oid_request*, nc-ndis-filter_status, nc-ndis-filter_net_pnp_event and
 * nc-ndis-filter_device_pnp_event_notify pages (ndis).
 */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type {
  NDIS_OID_REQUEST,
  NDIS_STATUS_INDICATION,
  NET_DEVICE_PNP_EVENT,
  NET_PNP_EVENT_NOTIFICATION,
} from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';

type Result<T> = T | Promise<T>;

/** FilterOidRequest: a request on its way down; may complete later with NdisFOidRequestComplete. */
export type FILTER_OID_REQUEST = (
  FilterModuleContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
) => Result<NDIS_STATUS>;
export const FILTER_OID_REQUEST = declareCallback<FILTER_OID_REQUEST>({
  prototype: 'NDIS_STATUS FILTER_OID_REQUEST(NDIS_HANDLE FilterModuleContext, PNDIS_OID_REQUEST OidRequest)',
  role: 'FilterOidRequest',
  irql: '<=DISPATCH_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_oid_request',
});

/** FilterOidRequestComplete: a request that the module passed down or made is complete. */
export type FILTER_OID_REQUEST_COMPLETE = (
  FilterModuleContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
  Status: NDIS_STATUS,
) => void;
export const FILTER_OID_REQUEST_COMPLETE = declareCallback<FILTER_OID_REQUEST_COMPLETE>({
  prototype:
    'VOID FILTER_OID_REQUEST_COMPLETE(NDIS_HANDLE FilterModuleContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  role: 'FilterOidRequestComplete',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_oid_request_complete',
});

/** FilterCancelOidRequest: cancels the requests with this id. */
export type FILTER_CANCEL_OID_REQUEST = (FilterModuleContext: unknown, RequestId: unknown) => void;
export const FILTER_CANCEL_OID_REQUEST = declareCallback<FILTER_CANCEL_OID_REQUEST>({
  prototype: 'VOID FILTER_CANCEL_OID_REQUEST(NDIS_HANDLE FilterModuleContext, PVOID RequestId)',
  role: 'FilterCancelOidRequest',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_cancel_oid_request',
});

/** FilterDirectOidRequest: like FilterOidRequest for direct requests, which NDIS does not queue. */
export type FILTER_DIRECT_OID_REQUEST = (
  FilterModuleContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
) => NDIS_STATUS;
export const FILTER_DIRECT_OID_REQUEST = declareCallback<FILTER_DIRECT_OID_REQUEST>({
  prototype:
    'NDIS_STATUS FILTER_DIRECT_OID_REQUEST(NDIS_HANDLE FilterModuleContext, PNDIS_OID_REQUEST OidRequest)',
  role: 'FilterDirectOidRequest',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nc-ndis-filter_direct_oid_request',
});

/** FilterDirectOidRequestComplete: a direct request that the module passed down or made is complete. */
export type FILTER_DIRECT_OID_REQUEST_COMPLETE = (
  FilterModuleContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
  Status: NDIS_STATUS,
) => void;
export const FILTER_DIRECT_OID_REQUEST_COMPLETE = declareCallback<FILTER_DIRECT_OID_REQUEST_COMPLETE>({
  prototype:
    'VOID FILTER_DIRECT_OID_REQUEST_COMPLETE(NDIS_HANDLE FilterModuleContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)',
  role: 'FilterDirectOidRequestComplete',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nc-ndis-filter_direct_oid_request_complete',
});

/** FilterCancelDirectOidRequest: cancels the direct requests with this id. */
export type FILTER_CANCEL_DIRECT_OID_REQUEST = (FilterModuleContext: unknown, RequestId: unknown) => void;
export const FILTER_CANCEL_DIRECT_OID_REQUEST = declareCallback<FILTER_CANCEL_DIRECT_OID_REQUEST>({
  prototype: 'VOID FILTER_CANCEL_DIRECT_OID_REQUEST(NDIS_HANDLE FilterModuleContext, PVOID RequestId)',
  role: 'FilterCancelDirectOidRequest',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.1',
  page: 'ndis/nc-ndis-filter_cancel_direct_oid_request',
});

/** FilterSynchronousOidRequest: a synchronous request on its way down; it cannot pend. */
export type FILTER_SYNCHRONOUS_OID_REQUEST = (
  FilterModuleContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
  CallContext: Address,
) => NDIS_STATUS;
export const FILTER_SYNCHRONOUS_OID_REQUEST = declareCallback<FILTER_SYNCHRONOUS_OID_REQUEST>({
  prototype:
    'NDIS_STATUS FILTER_SYNCHRONOUS_OID_REQUEST(NDIS_HANDLE FilterModuleContext, NDIS_OID_REQUEST * OidRequest, PVOID * CallContext)',
  role: 'FilterSynchronousOidRequest',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.80',
  page: 'ndis/nf-ndis-filter_synchronous_oid_request',
});

/** FilterSynchronousOidRequestComplete: the synchronous request is on its way up. */
export type FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE = (
  FilterModuleContext: unknown,
  OidRequest: NDIS_OID_REQUEST,
  Status: Address,
  CallContext: unknown,
) => void;
export const FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE =
  declareCallback<FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE>({
    prototype:
      'VOID FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE(NDIS_HANDLE FilterModuleContext, NDIS_OID_REQUEST * OidRequest, NDIS_STATUS * Status, PVOID CallContext)',
    role: 'FilterSynchronousOidRequestComplete',
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since: '6.80',
    page: 'ndis/nf-ndis-filter_synchronous_oid_request_complete',
  });

/** FilterStatus: an underlying driver indicates a change of status. */
export type FILTER_STATUS = (FilterModuleContext: unknown, StatusIndication: NDIS_STATUS_INDICATION) => void;
export const FILTER_STATUS = declareCallback<FILTER_STATUS>({
  prototype: 'VOID FILTER_STATUS(NDIS_HANDLE FilterModuleContext, PNDIS_STATUS_INDICATION StatusIndication)',
  role: 'FilterStatus',
  onWait: 'raise',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_status',
});

/** FilterNetPnPEvent: a network Plug and Play event on its way up. */
export type FILTER_NET_PNP_EVENT = (
  FilterModuleContext: unknown,
  NetPnPEventNotification: NET_PNP_EVENT_NOTIFICATION,
) => Result<NDIS_STATUS>;
export const FILTER_NET_PNP_EVENT = declareCallback<FILTER_NET_PNP_EVENT>({
  prototype:
    'NDIS_STATUS FILTER_NET_PNP_EVENT(NDIS_HANDLE FilterModuleContext, PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)',
  role: 'FilterNetPnPEvent',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_net_pnp_event',
});

/** FilterDevicePnPEventNotify: a device Plug and Play event on its way down. */
export type FILTER_DEVICE_PNP_EVENT_NOTIFY = (
  FilterModuleContext: unknown,
  NetDevicePnPEvent: NET_DEVICE_PNP_EVENT,
) => Result<void>;
export const FILTER_DEVICE_PNP_EVENT_NOTIFY = declareCallback<FILTER_DEVICE_PNP_EVENT_NOTIFY>({
  prototype:
    'VOID FILTER_DEVICE_PNP_EVENT_NOTIFY(NDIS_HANDLE FilterModuleContext, PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)',
  role: 'FilterDevicePnPEventNotify',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-filter_device_pnp_event_notify',
});
