/**
 * Status indications for NDIS 5 protocol drivers: NDIS_STATUS_LINK_STATE becomes NDIS_STATUS_MEDIA_CONNECT,
 * NDIS_STATUS_MEDIA_DISCONNECT or NDIS_STATUS_LINK_SPEED_CHANGE; what came with NDIS 6 is not passed on.
 * Implements the status codes of ddk/ndis.h and network/ndis-status-link-state.
 */

import { poolOf } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { poolType } from '../../../memory/index.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import {
  MediaConnectStateConnected,
  NDIS_STATUS_LINK_SPEED_CHANGE,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_MEDIA_CONNECT,
  NDIS_STATUS_MEDIA_DISCONNECT,
  NDIS_STATUS_ONLINE,
  NDIS_STATUS_WAN_CO_LINKPARAMS,
} from '../../generated/constants/index.ts';
import { NDIS_STATUS_INDICATION } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { readLinkState } from '../../status/linkState.ts';
import type { NDIS_STATUS } from '../../status.ts';
import type { LegacyBinding } from './legacyBinding.ts';

const at = NDIS_STATUS_INDICATION.offset;
/** The codes of NDIS 5, from the first to the last. */
const FIRST = NDIS_STATUS_ONLINE;
const LAST = NDIS_STATUS_WAN_CO_LINKPARAMS;

/** What tells the driver of a status of NDIS 5. */
type Tell = (to: LegacyBinding, status: number, buffer: Address, size: number) => void;

/** ProtocolStatusEx; ProtocolCoStatusEx with another `tell`. */
export function indicateToLegacy(
  ndis: NdisLibrary,
  to: LegacyBinding,
  indication: Address,
  tell: Tell = tellOfStatus,
): void {
  const { memory } = ndis;
  const status = memory.u32[(indication + at.StatusCode) >> 2];
  const buffer = memory.readPointer(indication + at.StatusBuffer);
  const size = memory.u32[(indication + at.StatusBufferSize) >> 2];
  if (status === NDIS_STATUS_LINK_STATE) indicateLink(ndis, to, buffer, tell);
  else if (status >= FIRST && status <= LAST) tell(to, status, buffer, size);
}

function indicateLink(ndis: NdisLibrary, to: LegacyBinding, buffer: Address, tell: Tell): void {
  const link = readLinkState(ndis.memory, buffer);
  const connected = link.mediaConnectState === MediaConnectStateConnected;
  const faster = connected && link.xmitLinkSpeed !== to.speed;
  const changed = connected !== to.connected;
  to.connected = connected;
  to.speed = link.xmitLinkSpeed;
  if (changed) tell(to, connected ? NDIS_STATUS_MEDIA_CONNECT : NDIS_STATUS_MEDIA_DISCONNECT, 0, 0);
  else if (faster) tellSpeed(ndis, to, tell);
}

/** NDIS_STATUS_LINK_SPEED_CHANGE has an NDIS_LINK_SPEED: both directions in units of 100 bits per second. */
function tellSpeed(ndis: NdisLibrary, to: LegacyBinding, tell: Tell): void {
  const pool = poolOf(ndis.kernel);
  const block = pool.allocateZeroed(poolType.nonPagedNx, 16, NDIS_POOL_TAG, 0);
  if (block === 0) return;
  const { link } = to.binding.adapter;
  const units = (speed: bigint): number => Number(speed / 100n > 0xffff_ffffn ? 0xffff_ffffn : speed / 100n);
  ndis.memory.u32[block >> 2] = units(link.xmitLinkSpeed);
  ndis.memory.u32[(block + 4) >> 2] = units(link.rcvLinkSpeed);
  tell(to, NDIS_STATUS_LINK_SPEED_CHANGE, block, 8);
  pool.free(block, NDIS_POOL_TAG);
}

function tellOfStatus(to: LegacyBinding, status: number, buffer: Address, size: number): void {
  to.handlers.status?.invoke(to.context, status as NDIS_STATUS, buffer, size);
  to.handlers.statusComplete?.invoke(to.context);
}
