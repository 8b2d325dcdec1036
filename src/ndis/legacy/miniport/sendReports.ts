/** Findings about sends of miniport drivers for NDIS 5. Implements nf-ndis-ndismsetattributesex, remarks. */

import type { LegacyAdapter } from './legacyAdapter.ts';

/** A deserialized driver asked NDIS to keep a packet. */
export function reportSendResources({ ndis, adapter, driver }: LegacyAdapter): void {
  ndis.kernel.report(
    'SEND_NOT_QUEUED',
    driver,
    `MiniportSend of ${adapter.label} returned NDIS_STATUS_RESOURCES, but NDIS keeps no queue for a deserialized driver; queue the packet in the driver`,
    'ndis/nf-ndis-ndismsetattributesex',
  );
}

/** A driver completed a packet that it does not have. */
export function reportNotOutstanding({ ndis, adapter, driver }: LegacyAdapter, packet: number): void {
  ndis.kernel.report(
    'COMPLETED_UNKNOWN_PACKET',
    driver,
    `NdisMSendComplete of ${adapter.label}: the packet 0x${packet.toString(16)} is not outstanding; complete each packet that MiniportSend left pending once`,
    'ndis/nc-ndis-ndis_m_send_complete_handler',
  );
}
