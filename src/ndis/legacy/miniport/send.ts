/**
 * Completing sends: what a miniport driver for NDIS 5 calls through its block.
 * Implements NDIS_M_SEND_COMPLETE_HANDLER and NDIS_M_SEND_RESOURCES_HANDLER (ddk/ndis.h).
 */

import { declareFunction, type Handle } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING } from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { reportNotOutstanding } from './sendReports.ts';
import { legacyAdapterAt, oldFacts, throughBlock } from './throughBlock.ts';

/**
 * Completes a packet for which MiniportSend(Packets) left NDIS_STATUS_PENDING: SendCompleteHandler of
 * NDIS_MINIPORT_BLOCK. A packet that the driver does not have is the finding COMPLETED_UNKNOWN_PACKET. Packets of a
 * serialized driver that wait for resources go down again. IRQL <= DISPATCH_LEVEL.
 */
export const NDIS_M_SEND_COMPLETE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID NDIS_M_SEND_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterHandle, PNDIS_PACKET Packet, NDIS_STATUS Status)',
    'nc',
  ),
  implement: (ndis: NdisLibrary, driver) => {
    const page = 'ndis/nc-ndis-ndis_m_send_complete_handler';
    return (MiniportAdapterHandle: Handle, Packet: Address, Status: number): void => {
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, 'NdisMSendComplete', page);
      if (legacy === null) return;
      const status = Status >>> 0;
      const final = status === NDIS_STATUS_PENDING ? NDIS_STATUS_FAILURE : status;
      if (!legacy.sends.complete(Packet, final)) reportNotOutstanding(legacy, Packet);
    };
  },
});

/**
 * A serialized driver has resources again: SendResourcesHandler of NDIS_MINIPORT_BLOCK. What waits for them goes down.
 * IRQL <= DISPATCH_LEVEL.
 */
export const NDIS_M_SEND_RESOURCES_HANDLER = declareFunction('ndis', {
  ...oldFacts('VOID NDIS_M_SEND_RESOURCES_HANDLER(NDIS_HANDLE MiniportAdapterHandle)', 'nc'),
  implement: (ndis: NdisLibrary, driver) => {
    const page = 'ndis/nc-ndis-ndis_m_send_resources_handler';
    return (MiniportAdapterHandle: Handle): void => {
      const call = 'NdisMSendResourcesAvailable';
      legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, page)?.sends.resourcesAvailable();
    };
  },
});

/** NdisMSendComplete: completes a packet that is pending, through SendCompleteHandler of the block. */
export const NdisMSendComplete = throughBlock<
  (MiniportAdapterHandle: Handle, Packet: Address, Status: number) => void
>(
  'VOID NdisMSendComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_PACKET Packet, NDIS_STATUS Status)',
  'SendCompleteHandler',
  { exported: NDIS_M_SEND_COMPLETE_HANDLER },
);

/** NdisMSendResourcesAvailable: a serialized driver can send again, through SendResourcesHandler of the block. */
export const NdisMSendResourcesAvailable = throughBlock<(MiniportAdapterHandle: Handle) => void>(
  'VOID NdisMSendResourcesAvailable(NDIS_HANDLE MiniportAdapterHandle)',
  'SendResourcesHandler',
  { exported: NDIS_M_SEND_RESOURCES_HANDLER },
);
