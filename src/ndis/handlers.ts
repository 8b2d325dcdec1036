/** The functions of NDIS that drivers call through pointers in blocks: no imports, but crossed and counted as these. */

export {
  ETH_RCV_COMPLETE_HANDLER,
  ETH_RCV_INDICATE_HANDLER,
  FDDI_RCV_COMPLETE_HANDLER,
  FDDI_RCV_INDICATE_HANDLER,
  FILTER_PACKET_INDICATION_HANDLER,
  NDIS_M_TD_COMPLETE_HANDLER,
  TR_RCV_COMPLETE_HANDLER,
  TR_RCV_INDICATE_HANDLER,
} from './legacy/miniport/receive.ts';
export { NDIS_M_REQ_COMPLETE_HANDLER } from './legacy/miniport/requests.ts';
export { NDIS_M_RESET_COMPLETE_HANDLER } from './legacy/miniport/reset.ts';
export {
  NDIS_M_SEND_COMPLETE_HANDLER,
  NDIS_M_SEND_RESOURCES_HANDLER,
} from './legacy/miniport/send.ts';
export { NDIS_M_STATUS_HANDLER, NDIS_M_STS_COMPLETE_HANDLER } from './legacy/miniport/status.ts';
export {
  NDIS_WM_SEND_COMPLETE_HANDLER,
  WAN_RCV_COMPLETE_HANDLER,
  WAN_RCV_HANDLER,
  WAN_SEND_HANDLER,
} from './legacy/miniport/wan.ts';
export * from './legacy/protocol/blockHandlers.ts';
