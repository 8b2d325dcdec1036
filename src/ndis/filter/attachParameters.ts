/** NDIS_FILTER_ATTACH_PARAMETERS as a module gets them. Implements ns-ndis-_ndis_filter_attach_parameters. */

import type { Address } from '../../memory/index.ts';
import {
  NDIS_FILTER_ATTACH_PARAMETERS_REVISION_1,
  NDIS_FILTER_ATTACH_PARAMETERS_REVISION_2,
  NDIS_FILTER_ATTACH_PARAMETERS_REVISION_3,
  NDIS_FILTER_ATTACH_PARAMETERS_REVISION_4,
  NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS,
  NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_2,
  NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_3,
  NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_4,
} from '../generated/constants/index.ts';
import { NDIS_FILTER_ATTACH_PARAMETERS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateStructure, allocateUnicodeString, freeLibraryMemory } from '../libraryMemory.ts';
import type { FilterModule } from './filterModule.ts';

/** Revisions and sizes by the minor version that brought them, newest first. */
const REVISIONS = [
  [30, NDIS_FILTER_ATTACH_PARAMETERS_REVISION_4, NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_4],
  [20, NDIS_FILTER_ATTACH_PARAMETERS_REVISION_3, NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_3],
  [1, NDIS_FILTER_ATTACH_PARAMETERS_REVISION_2, NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_2],
  [0, NDIS_FILTER_ATTACH_PARAMETERS_REVISION_1, NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_1],
] as const;

/** What NDIS tells a module that lies over `below`, or over the miniport where that is null; 0 when memory is short. */
export function allocateAttachParameters(
  ndis: NdisLibrary,
  module: FilterModule,
  below: FilterModule | null,
): Address {
  const { adapter, filter } = module;
  const { general, link } = adapter;
  const texts = [module.name, adapter.instanceName, adapter.deviceName].map((text) =>
    allocateUnicodeString(ndis, text),
  );
  const [guidName, instanceName, miniportName] = texts;
  const [, Revision, Size] = REVISIONS.find(([minor]) => filter.minorVersion >= minor) ?? REVISIONS[3];
  const address =
    general === null || texts.includes(0)
      ? 0
      : allocateStructure(ndis, NDIS_FILTER_ATTACH_PARAMETERS, {
          Header: { Type: NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS, Revision, Size },
          IfIndex: module.ifIndex,
          FilterModuleGuidName: guidName,
          BaseMiniportIfIndex: adapter.ifIndex,
          BaseMiniportInstanceName: instanceName,
          BaseMiniportName: miniportName,
          MediaConnectState: link.mediaConnectState,
          MediaDuplexState: link.mediaDuplexState,
          XmitLinkSpeed: link.xmitLinkSpeed,
          RcvLinkSpeed: link.rcvLinkSpeed,
          MiniportMediaType: general.mediaType,
          MiniportPhysicalMediaType: general.physicalMediumType,
          MacAddressLength: general.currentMacAddress.length,
          CurrentMacAddress: general.currentMacAddress,
          LowerIfIndex: below?.ifIndex ?? adapter.ifIndex,
          BaseMiniportIfConnectorPresent: general.ifConnectorPresent,
        });
  if (address === 0) {
    for (const text of texts) freeLibraryMemory(ndis, text);
    return 0;
  }
  const view = NDIS_FILTER_ATTACH_PARAMETERS.at(ndis.memory, address);
  view.NetLuid.Value = module.netLuid;
  view.BaseMiniportNetLuid.Value = adapter.netLuid;
  view.LowerIfNetLuid.Value = (below ?? adapter).netLuid;
  return address;
}

/** Frees them. */
export function freeAttachParameters(ndis: NdisLibrary, address: Address): void {
  if (address === 0) return;
  const view = NDIS_FILTER_ATTACH_PARAMETERS.at(ndis.memory, address);
  freeLibraryMemory(ndis, view.FilterModuleGuidName);
  freeLibraryMemory(ndis, view.BaseMiniportInstanceName);
  freeLibraryMemory(ndis, view.BaseMiniportName);
  freeLibraryMemory(ndis, address);
}
