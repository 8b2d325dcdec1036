/** The handlers that NDIS puts into each NDIS_MINIPORT_BLOCK. Implements NDIS_MINIPORT_BLOCK (ddk/ndis.h). */

import {
  ETH_RCV_COMPLETE_HANDLER,
  ETH_RCV_INDICATE_HANDLER,
  FDDI_RCV_COMPLETE_HANDLER,
  FDDI_RCV_INDICATE_HANDLER,
  FILTER_PACKET_INDICATION_HANDLER,
  NDIS_M_TD_COMPLETE_HANDLER,
  TR_RCV_COMPLETE_HANDLER,
  TR_RCV_INDICATE_HANDLER,
} from './receive.ts';
import { NDIS_M_REQ_COMPLETE_HANDLER } from './requests.ts';
import { NDIS_M_RESET_COMPLETE_HANDLER } from './reset.ts';
import { NDIS_M_SEND_COMPLETE_HANDLER, NDIS_M_SEND_RESOURCES_HANDLER } from './send.ts';
import { NDIS_M_STATUS_HANDLER, NDIS_M_STS_COMPLETE_HANDLER } from './status.ts';
import { NDIS_WM_SEND_COMPLETE_HANDLER, WAN_RCV_COMPLETE_HANDLER, WAN_RCV_HANDLER } from './wan.ts';

/** By member of the block. */
export const blockHandlers = {
  PacketIndicateHandler: FILTER_PACKET_INDICATION_HANDLER,
  SendCompleteHandler: NDIS_M_SEND_COMPLETE_HANDLER,
  SendResourcesHandler: NDIS_M_SEND_RESOURCES_HANDLER,
  ResetCompleteHandler: NDIS_M_RESET_COMPLETE_HANDLER,
  EthRxIndicateHandler: ETH_RCV_INDICATE_HANDLER,
  FddiRxIndicateHandler: FDDI_RCV_INDICATE_HANDLER,
  TrRxIndicateHandler: TR_RCV_INDICATE_HANDLER,
  EthRxCompleteHandler: ETH_RCV_COMPLETE_HANDLER,
  FddiRxCompleteHandler: FDDI_RCV_COMPLETE_HANDLER,
  TrRxCompleteHandler: TR_RCV_COMPLETE_HANDLER,
  StatusHandler: NDIS_M_STATUS_HANDLER,
  StatusCompleteHandler: NDIS_M_STS_COMPLETE_HANDLER,
  TDCompleteHandler: NDIS_M_TD_COMPLETE_HANDLER,
  QueryCompleteHandler: NDIS_M_REQ_COMPLETE_HANDLER,
  SetCompleteHandler: NDIS_M_REQ_COMPLETE_HANDLER,
  WanSendCompleteHandler: NDIS_WM_SEND_COMPLETE_HANDLER,
  WanRcvHandler: WAN_RCV_HANDLER,
  WanRcvCompleteHandler: WAN_RCV_COMPLETE_HANDLER,
} as const;
