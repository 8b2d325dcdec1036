/**
 * Which bindings of an adapter receive: kept ready for the data path whenever a state, a filter or an address changes.
 * Implements "Packet filters" in oid-gen-current-packet-filter (network).
 */

import { NDIS_MAC_OPTION_NO_LOOPBACK, NDIS_PACKET_TYPE_PROMISCUOUS } from '../generated/constants/index.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';

/** Refreshes what the data path of `adapter` looks at. */
export function updateReceivers(adapter: MiniportAdapter): void {
  const receivers = adapter.bindings.filter((binding) => binding.receiving && binding.packetFilter !== 0);
  adapter.receivers = receivers;
  adapter.soleReceiver =
    receivers.length === 1 && (receivers[0].packetFilter & NDIS_PACKET_TYPE_PROMISCUOUS) !== 0
      ? receivers[0]
      : null;
  // A miniport without the option loops its frames back itself.
  adapter.loopbackWanted =
    receivers.length > 0 && ((adapter.general?.macOptions ?? 0) & NDIS_MAC_OPTION_NO_LOOPBACK) !== 0;
}
