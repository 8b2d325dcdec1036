/**
 * The state of an adapter's link: as structures, and what follows from it.
 * Implements ns-ntddndis-_ndis_link_state and oid-gen-operational-status (network).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import {
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  NDIS_LINK_STATE_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OPER_STATE_REVISION_1,
  NDIS_SIZEOF_LINK_STATE_REVISION_1,
  NDIS_SIZEOF_OPER_STATE_REVISION_1,
  NET_IF_OPER_STATUS_DORMANT,
  NET_IF_OPER_STATUS_DORMANT_PAUSED,
  NET_IF_OPER_STATUS_DOWN,
  NET_IF_OPER_STATUS_DOWN_NOT_MEDIA_CONNECTED,
  NET_IF_OPER_STATUS_UNKNOWN,
  NET_IF_OPER_STATUS_UP,
} from '../generated/constants/index.ts';
import { NDIS_LINK_STATE, NDIS_OPER_STATE } from '../generated/structures/index.ts';
import type { LinkState, MiniportAdapter } from '../miniport/miniportAdapter.ts';

const at = NDIS_LINK_STATE.offset;

/** Reads the NDIS_LINK_STATE at `address`, which may have any alignment. */
export function readLinkState(memory: KernelMemory, address: Address): LinkState {
  const { data } = memory;
  return {
    mediaConnectState: data.getUint32(address + at.MediaConnectState, true),
    mediaDuplexState: data.getUint32(address + at.MediaDuplexState, true),
    xmitLinkSpeed: data.getBigUint64(address + at.XmitLinkSpeed, true),
    rcvLinkSpeed: data.getBigUint64(address + at.RcvLinkSpeed, true),
    pauseFunctions: data.getUint32(address + at.PauseFunctions, true),
    autoNegotiationFlags: data.getUint32(address + at.AutoNegotiationFlags, true),
  };
}

/** The NDIS_LINK_STATE of a link. */
export function writeLinkState(link: LinkState): Uint8Array {
  const bytes = new Uint8Array(NDIS_LINK_STATE.size);
  const data = new DataView(bytes.buffer);
  data.setUint8(0, NDIS_OBJECT_TYPE_DEFAULT);
  data.setUint8(1, NDIS_LINK_STATE_REVISION_1);
  data.setUint16(2, NDIS_SIZEOF_LINK_STATE_REVISION_1, true);
  data.setUint32(at.MediaConnectState, link.mediaConnectState, true);
  data.setUint32(at.MediaDuplexState, link.mediaDuplexState, true);
  data.setBigUint64(at.XmitLinkSpeed, link.xmitLinkSpeed, true);
  data.setBigUint64(at.RcvLinkSpeed, link.rcvLinkSpeed, true);
  data.setUint32(at.PauseFunctions, link.pauseFunctions, true);
  data.setUint32(at.AutoNegotiationFlags, link.autoNegotiationFlags, true);
  return bytes;
}

/** Operational state of an interface: NET_IF_OPER_STATUS_* and the NET_IF_OPER_STATUS_*_* flags that say why. */
export interface OperationalStatus {
  readonly status: number;
  readonly flags: number;
}

/** The operational state that follows from the link and from whether the adapter runs (RFC 2863, ifOperStatus). */
export function operationalStatus(adapter: MiniportAdapter): OperationalStatus {
  const { mediaConnectState } = adapter.link;
  if (adapter.state === 'Halted' || adapter.state === 'Shutdown') {
    return { status: NET_IF_OPER_STATUS_DOWN, flags: 0 };
  }
  if (mediaConnectState === MediaConnectStateDisconnected) {
    return { status: NET_IF_OPER_STATUS_DOWN, flags: NET_IF_OPER_STATUS_DOWN_NOT_MEDIA_CONNECTED };
  }
  if (mediaConnectState !== MediaConnectStateConnected) {
    return { status: NET_IF_OPER_STATUS_UNKNOWN, flags: 0 };
  }
  return adapter.state === 'Running'
    ? { status: NET_IF_OPER_STATUS_UP, flags: 0 }
    : { status: NET_IF_OPER_STATUS_DORMANT, flags: NET_IF_OPER_STATUS_DORMANT_PAUSED };
}

/** The NDIS_OPER_STATE of an operational state. */
export function writeOperationalState(state: OperationalStatus): Uint8Array {
  const bytes = new Uint8Array(NDIS_OPER_STATE.size);
  const data = new DataView(bytes.buffer);
  data.setUint8(0, NDIS_OBJECT_TYPE_DEFAULT);
  data.setUint8(1, NDIS_OPER_STATE_REVISION_1);
  data.setUint16(2, NDIS_SIZEOF_OPER_STATE_REVISION_1, true);
  data.setUint32(NDIS_OPER_STATE.offset.OperationalStatus, state.status, true);
  data.setUint32(NDIS_OPER_STATE.offset.OperationalStatusFlags, state.flags, true);
  return bytes;
}
