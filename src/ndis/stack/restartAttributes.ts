/**
 * The restart attributes, a list whose first entry holds the general attributes: the miniport may change it and add to
 * it while it restarts, then each filter module from the bottom up; then the protocols get it. It belongs to the
 * adapter, which frees it at the end of the restart. Implements ns-ndis-_ndis_restart_attributes and ns-ndis-_ndis_restart_general_attributes.
 */

import { poolOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_RESTART_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_RESTART_GENERAL_ATTRIBUTES_REVISION_2,
  OID_GEN_MINIPORT_RESTART_ATTRIBUTES,
} from '../generated/constants/index.ts';
import {
  NDIS_MINIPORT_RESTART_PARAMETERS,
  NDIS_RESTART_ATTRIBUTES,
  NDIS_RESTART_GENERAL_ATTRIBUTES,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { allocateCertain, reserveOf } from '../reserve.ts';

/** Entries of a list that are looked at; a longer list is cut there. */
const ENTRY_LIMIT = 64;
const DATA = NDIS_RESTART_ATTRIBUTES.offset.Data;

/** A list with the general attributes of `adapter`; 0 where it has none. */
export function allocateRestartAttributes(ndis: NdisLibrary, adapter: MiniportAdapter): Address {
  const { general } = adapter;
  if (general === null) return 0;
  const entry = allocateCertain(ndis.kernel, DATA + NDIS_RESTART_GENERAL_ATTRIBUTES.size);
  const view = NDIS_RESTART_ATTRIBUTES.at(ndis.memory, entry);
  view.Oid = OID_GEN_MINIPORT_RESTART_ATTRIBUTES;
  view.DataLength = NDIS_RESTART_GENERAL_ATTRIBUTES.size;
  NDIS_RESTART_GENERAL_ATTRIBUTES.fill(ndis.memory, entry + DATA, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NDIS_RESTART_GENERAL_ATTRIBUTES_REVISION_2,
      Size: NDIS_SIZEOF_RESTART_GENERAL_ATTRIBUTES_REVISION_2,
    },
    MtuSize: general.mtuSize,
    MaxXmitLinkSpeed: general.maxXmitLinkSpeed,
    MaxRcvLinkSpeed: general.maxRcvLinkSpeed,
    LookaheadSize: general.lookaheadSize,
    MacOptions: general.macOptions,
    SupportedPacketFilters: general.supportedPacketFilters,
    MaxMulticastListSize: general.maxMulticastListSize,
    AccessType: general.accessType,
    ConnectionType: general.connectionType,
    SupportedStatistics: general.supportedStatistics,
  });
  return entry;
}

/** Takes the list over from the parameters of MiniportRestart and, where it succeeded, what the miniport changed. */
export function takeRestartAttributes(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  parameters: Address,
  restarted: boolean,
): void {
  if (parameters === 0) return;
  const { memory } = ndis;
  adapter.restartAttributes = NDIS_MINIPORT_RESTART_PARAMETERS.at(memory, parameters).RestartAttributes;
  if (!restarted || adapter.general === null) return;
  for (const entry of entries(ndis, adapter)) {
    const view = NDIS_RESTART_ATTRIBUTES.at(memory, entry);
    if (view.Oid !== OID_GEN_MINIPORT_RESTART_ATTRIBUTES) continue;
    const general = NDIS_RESTART_GENERAL_ATTRIBUTES.at(memory, entry + DATA);
    adapter.general.mtuSize = general.MtuSize;
    adapter.general.lookaheadSize = general.LookaheadSize;
  }
}

/** Frees the list: it belongs to NDIS, what the drivers added included. */
export function freeRestartAttributes(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  // What a driver added carries a tag of the driver's.
  for (const entry of entries(ndis, adapter)) {
    if (!reserveOf(ndis.kernel).giveBack(entry)) poolOf(ndis.kernel).free(entry);
  }
  adapter.restartAttributes = 0;
}

function* entries(ndis: NdisLibrary, adapter: MiniportAdapter): Generator<Address> {
  let entry = adapter.restartAttributes;
  for (let count = 0; entry !== 0 && count < ENTRY_LIMIT; count++) {
    const next = NDIS_RESTART_ATTRIBUTES.at(ndis.memory, entry).Next;
    yield entry;
    entry = next;
  }
}
