/**
 * What the pages of single status codes demand of a miniport driver's indication: which codes it may indicate, and
 * what the buffer must hold. Implements the ndis-status-* pages (network) that are named below.
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import {
  MediaConnectStateDisconnected,
  NDIS_LINK_STATE_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_STATUS_LINK_SPEED_CHANGE,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_MEDIA_CONNECT,
  NDIS_STATUS_MEDIA_DISCONNECT,
  NDIS_STATUS_NETWORK_CHANGE,
  NDIS_STATUS_OPER_STATUS,
  NDIS_STATUS_PORT_STATE,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_START,
  NdisNetworkChangeFromMediaConnect,
} from '../generated/constants/index.ts';
import { NDIS_LINK_STATE, NDIS_PORT_STATE } from '../generated/structures/index.ts';

const OLD = 'does not exist in NDIS 6; indicate NDIS_STATUS_LINK_STATE';

/** Codes that miniport drivers must not indicate, and why. */
const NOT_FROM_MINIPORTS: ReadonlyMap<number, string> = new Map([
  [NDIS_STATUS_OPER_STATUS, 'is indicated by NDIS alone (ndis-status-oper-status)'],
  [NDIS_STATUS_RESET_START, 'is indicated by NDIS alone (ndis-status-reset-start)'],
  [NDIS_STATUS_RESET_END, 'is indicated by NDIS alone (ndis-status-reset-end)'],
  [NDIS_STATUS_MEDIA_CONNECT, `${OLD} (ndis-status-media-connect)`],
  [NDIS_STATUS_MEDIA_DISCONNECT, `${OLD} (ndis-status-media-disconnect)`],
  [NDIS_STATUS_LINK_SPEED_CHANGE, `${OLD} (ndis-status-link-speed-change)`],
]);

/** What is wrong with an indication of `status`, to follow its name in a sentence; null when nothing is. */
export function wrongStatus(
  memory: KernelMemory,
  status: number,
  buffer: Address,
  size: number,
  port: number,
): string | null {
  const forbidden = NOT_FROM_MINIPORTS.get(status);
  if (forbidden !== undefined) return forbidden;
  switch (status) {
    case NDIS_STATUS_LINK_STATE:
      return wrongLinkState(memory, buffer, size);
    case NDIS_STATUS_NETWORK_CHANGE: {
      if (size !== 4) return `has a StatusBuffer of ${size} bytes; NDIS_NETWORK_CHANGE_TYPE has 4`;
      const change = memory.data.getUint32(buffer, true);
      return change === 0 || change >= NdisNetworkChangeFromMediaConnect
        ? `indicates the change ${change}; use NdisPossibleNetworkChange or NdisDefinitelyNetworkChange`
        : null;
    }
    case NDIS_STATUS_PORT_STATE:
      if (size < NDIS_PORT_STATE.size)
        return `has a StatusBuffer of ${size} bytes; NDIS_PORT_STATE has ${NDIS_PORT_STATE.size}`;
      return port === 0 ? 'has no PortNumber; set it to the port whose state changed' : null;
    default:
      return null;
  }
}

function wrongLinkState(memory: KernelMemory, buffer: Address, size: number): string | null {
  if (size < NDIS_LINK_STATE.size) {
    return `has a StatusBuffer of ${size} bytes; NDIS_LINK_STATE has ${NDIS_LINK_STATE.size}`;
  }
  const { data } = memory;
  const headerSize = data.getUint16(buffer + 2, true);
  if (
    memory.u8[buffer] !== NDIS_OBJECT_TYPE_DEFAULT ||
    memory.u8[buffer + 1] < NDIS_LINK_STATE_REVISION_1 ||
    headerSize < NDIS_LINK_STATE.size
  ) {
    return 'has an NDIS_LINK_STATE with a wrong header; set Type NDIS_OBJECT_TYPE_DEFAULT, Revision and Size';
  }
  const connected = data.getUint32(buffer + NDIS_LINK_STATE.offset.MediaConnectState, true);
  return connected > MediaConnectStateDisconnected ? `has MediaConnectState ${connected}` : null;
}
