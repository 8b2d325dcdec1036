/**
 * What the bindings of an adapter want of it in low-power states, together, and how its driver is told just before the
 * transition. Implements "Obtaining and Updating Power Management Parameters" (network), oid-pm-parameters and
 * oid-pnp-enable-wake-up.
 */

import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_PM_PARAMETERS_REVISION_1,
  NDIS_PM_PARAMETERS_REVISION_2,
  NDIS_PM_WAKE_ON_LINK_CHANGE_ENABLED,
  NDIS_PM_WAKE_ON_MEDIA_DISCONNECT_ENABLED,
  NDIS_PM_WOL_BITMAP_PATTERN_ENABLED,
  NDIS_PM_WOL_MAGIC_PACKET_ENABLED,
  NDIS_PNP_WAKE_UP_MAGIC_PACKET,
  NDIS_PNP_WAKE_UP_PATTERN_MATCH,
  NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_2,
  NdisDeviceStateD3,
  NdisDeviceStateUnspecified,
  OID_PM_PARAMETERS,
  OID_PNP_ENABLE_WAKE_UP,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { currentCapabilities, keywordDisables, knowsNewForm } from './capabilities.ts';
import { powerOf, type WakeSettings } from './powerStates.ts';

/** Minor version from which NDIS_PM_PARAMETERS has its second revision. */
const SECOND_REVISION_FROM_MINOR = 30;

const NOTHING: WakeSettings = {
  packetPatterns: 0,
  protocolOffloads: 0,
  wakeUpFlags: 0,
  mediaSpecificEvents: 0,
};

/**
 * What all bindings want, within what the adapter can do. Magic packets are the user's to allow, by the keyword
 * *WakeOnMagicPacket; wake on a change of the link is off in a sleep of the whole system.
 */
export function combinedSettings(ndis: NdisLibrary, adapter: MiniportAdapter): WakeSettings {
  const power = powerOf(ndis, adapter);
  if (power.capabilities === null) return NOTHING;
  const able = currentCapabilities(ndis, adapter, power.capabilities);
  let { packetPatterns, protocolOffloads, wakeUpFlags, mediaSpecificEvents } = NOTHING;
  for (const settings of power.settings.values()) {
    packetPatterns |= settings.packetPatterns;
    protocolOffloads |= settings.protocolOffloads;
    wakeUpFlags |= settings.wakeUpFlags;
    mediaSpecificEvents |= settings.mediaSpecificEvents;
  }
  if (!keywordDisables(ndis, adapter, '*WakeOnMagicPacket'))
    packetPatterns |= NDIS_PM_WOL_MAGIC_PACKET_ENABLED;
  const onLink = NDIS_PM_WAKE_ON_LINK_CHANGE_ENABLED | NDIS_PM_WAKE_ON_MEDIA_DISCONNECT_ENABLED;
  return {
    packetPatterns: (packetPatterns & able.SupportedWoLPacketPatterns) >>> 0,
    protocolOffloads: (protocolOffloads & able.SupportedProtocolOffloads) >>> 0,
    wakeUpFlags: (wakeUpFlags & ~onLink) >>> 0,
    mediaSpecificEvents: (mediaSpecificEvents & able.MediaSpecificWakeUpEvents) >>> 0,
  };
}

/** Whether anything is to wake the adapter. */
export function wakes(settings: WakeSettings): boolean {
  return settings.packetPatterns !== 0 || settings.wakeUpFlags !== 0 || settings.mediaSpecificEvents !== 0;
}

/**
 * The deepest sleeping state, as NDIS_DEVICE_POWER_STATE, from which everything that is enabled can wake the adapter;
 * D3 where nothing is.
 */
export function deepestWakingState(ndis: NdisLibrary, adapter: MiniportAdapter): number {
  const { capabilities } = powerOf(ndis, adapter);
  const settings = combinedSettings(ndis, adapter);
  if (capabilities === null || !wakes(settings)) return NdisDeviceStateD3;
  const magic = (settings.packetPatterns & NDIS_PM_WOL_MAGIC_PACKET_ENABLED) !== 0;
  const patterns = (settings.packetPatterns & ~NDIS_PM_WOL_MAGIC_PACKET_ENABLED) !== 0;
  const limits = [
    magic ? capabilities.MinMagicPacketWakeUp : NdisDeviceStateUnspecified,
    patterns ? capabilities.MinPatternWakeUp : NdisDeviceStateUnspecified,
  ].filter((state) => state > 1 && state <= NdisDeviceStateD3);
  return Math.min(NdisDeviceStateD3, ...limits);
}

/** NDIS_PM_PARAMETERS as a driver of this minor version knows it. */
export function parametersBytes(settings: WakeSettings, minorVersion: number): Uint8Array {
  const second = minorVersion >= SECOND_REVISION_FROM_MINOR;
  const size = second ? NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_2 : NDIS_SIZEOF_NDIS_PM_PARAMETERS_REVISION_1;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes[0] = NDIS_OBJECT_TYPE_DEFAULT;
  bytes[1] = second ? NDIS_PM_PARAMETERS_REVISION_2 : NDIS_PM_PARAMETERS_REVISION_1;
  view.setUint16(2, size, true);
  view.setUint32(4, settings.packetPatterns, true);
  view.setUint32(8, settings.protocolOffloads, true);
  view.setUint32(12, settings.wakeUpFlags, true);
  if (second) view.setUint32(16, settings.mediaSpecificEvents, true);
  return bytes;
}

/** The NDIS_PNP_WAKE_UP_* bits of settings, for drivers for NDIS 6.0 and 6.1. */
export function oldWakeUpBits(settings: WakeSettings): number {
  const { packetPatterns } = settings;
  return (
    ((packetPatterns & NDIS_PM_WOL_MAGIC_PACKET_ENABLED) === 0 ? 0 : NDIS_PNP_WAKE_UP_MAGIC_PACKET) |
    ((packetPatterns & NDIS_PM_WOL_BITMAP_PATTERN_ENABLED) === 0 ? 0 : NDIS_PNP_WAKE_UP_PATTERN_MATCH)
  );
}

/** Settings that stand for NDIS_PNP_WAKE_UP_* bits. */
export function settingsOfOldBits(bits: number): WakeSettings {
  return {
    ...NOTHING,
    packetPatterns:
      ((bits & NDIS_PNP_WAKE_UP_MAGIC_PACKET) === 0 ? 0 : NDIS_PM_WOL_MAGIC_PACKET_ENABLED) |
      ((bits & NDIS_PNP_WAKE_UP_PATTERN_MATCH) === 0 ? 0 : NDIS_PM_WOL_BITMAP_PATTERN_ENABLED),
  };
}

/** The request by which a driver is told of the settings: its OID and contents. */
export function wakeRequest(
  adapter: MiniportAdapter,
  settings: WakeSettings,
): { readonly oid: number; readonly contents: Uint8Array } {
  const { minorVersion } = adapter.miniport;
  if (knowsNewForm(minorVersion)) {
    return { oid: OID_PM_PARAMETERS, contents: parametersBytes(settings, minorVersion) };
  }
  const contents = new Uint8Array(Uint32Array.of(oldWakeUpBits(settings)).buffer);
  return { oid: OID_PNP_ENABLE_WAKE_UP, contents };
}
