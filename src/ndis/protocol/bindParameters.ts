/** NDIS_BIND_PARAMETERS as a protocol gets them. Implements ns-ndis-_ndis_bind_parameters. */

import type { Address } from '../../memory/index.ts';
import {
  NDIS_BIND_PARAMETERS_REVISION_1,
  NDIS_BIND_PARAMETERS_REVISION_2,
  NDIS_BIND_PARAMETERS_REVISION_3,
  NDIS_BIND_PARAMETERS_REVISION_4,
  NDIS_OBJECT_TYPE_BIND_PARAMETERS,
  NDIS_SIZEOF_BIND_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_BIND_PARAMETERS_REVISION_2,
  NDIS_SIZEOF_BIND_PARAMETERS_REVISION_3,
  NDIS_SIZEOF_BIND_PARAMETERS_REVISION_4,
} from '../generated/constants/index.ts';
import {
  NDIS_BIND_PARAMETERS,
  NDIS_PM_CAPABILITIES,
  NDIS_PNP_CAPABILITIES,
} from '../generated/structures/index.ts';
import { highestInterface, lowestInterface } from '../interface/adapterInterfaces.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateStructure, allocateUnicodeString, freeLibraryMemory } from '../libraryMemory.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import {
  capabilitiesFields,
  currentCapabilities,
  knowsNewForm,
  NO_CAPABILITIES,
  oldCapabilitiesFields,
} from '../power/capabilities.ts';
import { powerOf } from '../power/powerStates.ts';
import type { ProtocolDriver } from './protocolDriver.ts';

/** Revisions and sizes by the minor version that brought them, newest first. */
const REVISIONS = [
  [30, NDIS_BIND_PARAMETERS_REVISION_4, NDIS_SIZEOF_BIND_PARAMETERS_REVISION_4],
  [20, NDIS_BIND_PARAMETERS_REVISION_3, NDIS_SIZEOF_BIND_PARAMETERS_REVISION_3],
  [1, NDIS_BIND_PARAMETERS_REVISION_2, NDIS_SIZEOF_BIND_PARAMETERS_REVISION_2],
] as const;

/**
 * The header that fits the version for which a protocol is registered: drivers for 6.0 refuse any revision but the
 * first, though the memory is that of the newest.
 */
export function bindParametersHeader(minorVersion: number): { Type: number; Revision: number; Size: number } {
  const [, Revision, Size] = REVISIONS.find(([minor]) => minorVersion >= minor) ?? [
    0,
    NDIS_BIND_PARAMETERS_REVISION_1,
    NDIS_SIZEOF_BIND_PARAMETERS_REVISION_1,
  ];
  return { Type: NDIS_OBJECT_TYPE_BIND_PARAMETERS, Revision, Size };
}

/**
 * What the adapter can do in sleeping states, in the form that the protocol knows; 0 where its driver knows nothing of
 * power, null when memory is short.
 */
function allocateCapabilities(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  protocol: ProtocolDriver,
): Address | null {
  const { capabilities } = powerOf(ndis, adapter);
  const current = capabilities === null ? null : currentCapabilities(ndis, adapter, capabilities);
  if (knowsNewForm(protocol.minorVersion)) {
    if (current === null) return 0;
    return allocateStructure(ndis, NDIS_PM_CAPABILITIES, capabilitiesFields(current)) || null;
  }
  // Drivers for 6.0 and 6.1 read it without a look at the pointer: an adapter that wakes nobody says so.
  const fields = oldCapabilitiesFields(current ?? NO_CAPABILITIES);
  return allocateStructure(ndis, NDIS_PNP_CAPABILITIES, fields) || null;
}

/** What NDIS tells `protocol` about `adapter`; 0 when memory is short. */
export function allocateBindParameters(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  protocol: ProtocolDriver,
): Address {
  const { general, link } = adapter;
  const bound = highestInterface(adapter);
  const lowest = lowestInterface(adapter);
  const name = allocateUnicodeString(ndis, adapter.deviceName);
  const section = allocateUnicodeString(ndis, `${protocol.configurationKeyPath}\\Adapters\\${adapter.name}`);
  const capabilities = allocateCapabilities(ndis, adapter, protocol);
  if (general === null || name === 0 || section === 0 || capabilities === null) {
    freeLibraryMemory(ndis, capabilities ?? 0);
    freeLibraryMemory(ndis, name);
    freeLibraryMemory(ndis, section);
    return 0;
  }
  const old = !knowsNewForm(protocol.minorVersion);
  const address = allocateStructure(ndis, NDIS_BIND_PARAMETERS, {
    Header: bindParametersHeader(protocol.minorVersion),
    ProtocolSection: section,
    AdapterName: name,
    PowerManagementCapabilities: old ? capabilities : 0,
    PowerManagementCapabilitiesEx: old ? 0 : capabilities,
    MediaType: general.mediaType,
    MtuSize: general.mtuSize,
    MaxXmitLinkSpeed: general.maxXmitLinkSpeed,
    XmitLinkSpeed: link.xmitLinkSpeed,
    MaxRcvLinkSpeed: general.maxRcvLinkSpeed,
    RcvLinkSpeed: link.rcvLinkSpeed,
    MediaConnectState: link.mediaConnectState,
    MediaDuplexState: link.mediaDuplexState,
    LookaheadSize: general.lookaheadSize,
    SupportedPacketFilters: general.supportedPacketFilters,
    MaxMulticastListSize: general.maxMulticastListSize,
    MacAddressLength: general.currentMacAddress.length,
    CurrentMacAddress: general.currentMacAddress,
    PhysicalMediumType: general.physicalMediumType,
    BoundIfIndex: bound.ifIndex,
    LowestIfIndex: lowest.ifIndex,
    AccessType: general.accessType,
    DirectionType: general.directionType,
    ConnectionType: general.connectionType,
    IfType: general.ifType,
    IfConnectorPresent: general.ifConnectorPresent,
    DataBackFillSize: general.dataBackFillSize,
    ContextBackFillSize: general.contextBackFillSize,
    MacOptions: general.macOptions,
    CompartmentId: 1,
  });
  if (address === 0) {
    freeLibraryMemory(ndis, capabilities);
    freeLibraryMemory(ndis, name);
    freeLibraryMemory(ndis, section);
    return 0;
  }
  const view = NDIS_BIND_PARAMETERS.at(ndis.memory, address);
  view.BoundIfNetluid.Value = bound.netLuid;
  view.LowestIfNetluid.Value = lowest.netLuid;
  return address;
}

/** Frees them. */
export function freeBindParameters(ndis: NdisLibrary, address: Address): void {
  if (address === 0) return;
  const view = NDIS_BIND_PARAMETERS.at(ndis.memory, address);
  freeLibraryMemory(ndis, view.AdapterName);
  freeLibraryMemory(ndis, view.PowerManagementCapabilities);
  freeLibraryMemory(ndis, view.PowerManagementCapabilitiesEx);
  freeLibraryMemory(ndis, view.ProtocolSection);
  freeLibraryMemory(ndis, address);
}
