/**
 * What an adapter can do in low-power states: as its driver reported it, as the configuration leaves it, and in the
 * forms in which drivers of either age ask for it.
 * Implements "Reporting Power Management Capabilities" and "Standardized INF Keywords for Power Management" (network).
 */

import { registryOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_DEVICE_WAKE_UP_ENABLE,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_PM_CAPABILITIES_REVISION_1,
  NDIS_PM_CAPABILITIES_REVISION_2,
  NDIS_PM_PROTOCOL_OFFLOAD_80211_RSN_REKEY_SUPPORTED,
  NDIS_PM_PROTOCOL_OFFLOAD_ARP_SUPPORTED,
  NDIS_PM_PROTOCOL_OFFLOAD_NS_SUPPORTED,
  NDIS_PM_SELECTIVE_SUSPEND_SUPPORTED,
  NDIS_PM_WOL_BITMAP_PATTERN_SUPPORTED,
  NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED,
  NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_1,
  NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2,
  NdisDeviceStateUnspecified,
} from '../generated/constants/index.ts';
import {
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_PM_CAPABILITIES,
  NDIS_PNP_CAPABILITIES,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';

const rule: HeaderRule = {
  structure: 'NDIS_PM_CAPABILITIES',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    {
      revision: NDIS_PM_CAPABILITIES_REVISION_1,
      size: NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_1,
      minorVersion: 20,
    },
    {
      revision: NDIS_PM_CAPABILITIES_REVISION_2,
      size: NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2,
      minorVersion: 30,
    },
  ],
  page: 'ntddndis/ns-ntddndis-_ndis_pm_capabilities',
};

/** NDIS_PM_CAPABILITIES without its header; the names are those of its members. */
export interface PowerCapabilities {
  readonly Flags: number;
  readonly SupportedWoLPacketPatterns: number;
  readonly NumTotalWoLPatterns: number;
  readonly MaxWoLPatternSize: number;
  readonly MaxWoLPatternOffset: number;
  readonly MaxWoLPacketSaveBuffer: number;
  readonly SupportedProtocolOffloads: number;
  readonly NumArpOffloadIPv4Addresses: number;
  readonly NumNSOffloadIPv6Addresses: number;
  readonly MinMagicPacketWakeUp: number;
  readonly MinPatternWakeUp: number;
  readonly MinLinkChangeWakeUp: number;
  readonly SupportedWakeUpEvents: number;
  readonly MediaSpecificWakeUpEvents: number;
}

/** Minor version from which drivers speak of NDIS_PM_CAPABILITIES. */
const NEW_FORM_FROM_MINOR = 20;

/** Whether a driver of this NDIS version knows NDIS_PM_CAPABILITIES and the OIDs of its family. */
export function knowsNewForm(minorVersion: number): boolean {
  return minorVersion >= NEW_FORM_FROM_MINOR;
}

/** The NDIS_PM_CAPABILITIES at `address`; null for a wrong header, which is noted, and for NULL. */
export function readCapabilities(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  address: Address,
): PowerCapabilities | null {
  if (address === 0) return null;
  const { driver } = adapter.miniport;
  const revision = checkHeader(ndis, driver, 'NdisMSetMiniportAttributes', address, rule);
  if (revision === null) return null;
  const view = NDIS_PM_CAPABILITIES.at(ndis.memory, address);
  const second = revision.revision >= NDIS_PM_CAPABILITIES_REVISION_2;
  return {
    Flags: second ? view.Flags : 0,
    SupportedWoLPacketPatterns: view.SupportedWoLPacketPatterns,
    NumTotalWoLPatterns: view.NumTotalWoLPatterns,
    MaxWoLPatternSize: view.MaxWoLPatternSize,
    MaxWoLPatternOffset: view.MaxWoLPatternOffset,
    MaxWoLPacketSaveBuffer: view.MaxWoLPacketSaveBuffer,
    SupportedProtocolOffloads: view.SupportedProtocolOffloads,
    NumArpOffloadIPv4Addresses: view.NumArpOffloadIPv4Addresses,
    NumNSOffloadIPv6Addresses: view.NumNSOffloadIPv6Addresses,
    MinMagicPacketWakeUp: view.MinMagicPacketWakeUp,
    MinPatternWakeUp: view.MinPatternWakeUp,
    MinLinkChangeWakeUp: view.MinLinkChangeWakeUp,
    SupportedWakeUpEvents: second ? view.SupportedWakeUpEvents : 0,
    MediaSpecificWakeUpEvents: second ? view.MediaSpecificWakeUpEvents : 0,
  };
}

/** What an NDIS 6.0 or 6.1 driver says in NDIS_PNP_CAPABILITIES, in the newer form; null for NULL. */
export function readOldCapabilities(ndis: NdisLibrary, address: Address): PowerCapabilities | null {
  if (address === 0 || address + NDIS_PNP_CAPABILITIES.size > ndis.memory.size) return null;
  const { WakeUpCapabilities: wake } = NDIS_PNP_CAPABILITIES.at(ndis.memory, address);
  const magic = wake.MinMagicPacketWakeUp;
  const pattern = wake.MinPatternWakeUp;
  return {
    ...NO_CAPABILITIES,
    SupportedWoLPacketPatterns:
      (magic === NdisDeviceStateUnspecified ? 0 : NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED) |
      (pattern === NdisDeviceStateUnspecified ? 0 : NDIS_PM_WOL_BITMAP_PATTERN_SUPPORTED),
    MinMagicPacketWakeUp: magic,
    MinPatternWakeUp: pattern,
    MinLinkChangeWakeUp: wake.MinLinkChangeWakeUp,
  };
}

/** What the general attributes at `address` say of power, in the form that the version of the driver has. */
export function capabilitiesOfAttributes(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  address: Address,
): PowerCapabilities | null {
  const view = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES.at(ndis.memory, address);
  if (!knowsNewForm(adapter.miniport.minorVersion)) {
    return readOldCapabilities(ndis, view.PowerManagementCapabilities);
  }
  if (view.Header.Revision < NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2) return null;
  return readCapabilities(ndis, adapter, view.PowerManagementCapabilitiesEx);
}

/** What an adapter can do whose driver only knows how to sleep. */
export const NO_CAPABILITIES: PowerCapabilities = {
  Flags: 0,
  SupportedWoLPacketPatterns: 0,
  NumTotalWoLPatterns: 0,
  MaxWoLPatternSize: 0,
  MaxWoLPatternOffset: 0,
  MaxWoLPacketSaveBuffer: 0,
  SupportedProtocolOffloads: 0,
  NumArpOffloadIPv4Addresses: 0,
  NumNSOffloadIPv6Addresses: 0,
  MinMagicPacketWakeUp: NdisDeviceStateUnspecified,
  MinPatternWakeUp: NdisDeviceStateUnspecified,
  MinLinkChangeWakeUp: NdisDeviceStateUnspecified,
  SupportedWakeUpEvents: 0,
  MediaSpecificWakeUpEvents: 0,
};

/** Whether a standardized keyword of the adapter's configuration is set to 0; without the value it is enabled. */
export function keywordDisables(ndis: NdisLibrary, adapter: MiniportAdapter, keyword: string): boolean {
  const value = registryOf(ndis.kernel).open(adapter.configurationKeyPath)?.get(keyword);
  return value !== undefined && String(value).trim() === '0';
}

/** The capabilities that are available: what the driver reported without what the configuration disables. */
export function currentCapabilities(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  hardware: PowerCapabilities,
): PowerCapabilities {
  const disabled = (keyword: string): boolean => keywordDisables(ndis, adapter, keyword);
  const patterns = disabled('*WakeOnPattern');
  const magic = disabled('*WakeOnMagicPacket');
  let offloads = hardware.SupportedProtocolOffloads;
  if (disabled('*PMARPOffload')) offloads &= ~NDIS_PM_PROTOCOL_OFFLOAD_ARP_SUPPORTED;
  if (disabled('*PMNSOffload')) offloads &= ~NDIS_PM_PROTOCOL_OFFLOAD_NS_SUPPORTED;
  if (disabled('*PMWiFiRekeyOffload')) offloads &= ~NDIS_PM_PROTOCOL_OFFLOAD_80211_RSN_REKEY_SUPPORTED;
  let supported = hardware.SupportedWoLPacketPatterns;
  if (patterns) supported &= NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED;
  if (magic) supported &= ~NDIS_PM_WOL_MAGIC_PACKET_SUPPORTED;
  return {
    ...hardware,
    Flags: disabled('*SelectiveSuspend')
      ? hardware.Flags & ~NDIS_PM_SELECTIVE_SUSPEND_SUPPORTED
      : hardware.Flags,
    SupportedWoLPacketPatterns: supported,
    SupportedProtocolOffloads: offloads,
    MinMagicPacketWakeUp: magic ? NdisDeviceStateUnspecified : hardware.MinMagicPacketWakeUp,
    MinPatternWakeUp: patterns ? NdisDeviceStateUnspecified : hardware.MinPatternWakeUp,
  };
}

/** Capabilities as NDIS_PM_CAPABILITIES of the newest revision, with its header. */
export function capabilitiesFields(capabilities: PowerCapabilities): object {
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NDIS_PM_CAPABILITIES_REVISION_2,
      Size: NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2,
    },
    ...capabilities,
  };
}

/** Capabilities as NDIS_PNP_CAPABILITIES, for drivers for NDIS 6.0 and 6.1. */
export function oldCapabilitiesFields(capabilities: PowerCapabilities): object {
  const { MinMagicPacketWakeUp, MinPatternWakeUp, MinLinkChangeWakeUp } = capabilities;
  const wakes =
    MinMagicPacketWakeUp !== NdisDeviceStateUnspecified || MinPatternWakeUp !== NdisDeviceStateUnspecified;
  return {
    Flags: wakes ? NDIS_DEVICE_WAKE_UP_ENABLE : 0,
    WakeUpCapabilities: { MinMagicPacketWakeUp, MinPatternWakeUp, MinLinkChangeWakeUp },
  };
}
