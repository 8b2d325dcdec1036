/**
 * What a miniport says of its adapter from MiniportInitializeEx.
 * Implements nf-ndis-ndismsetminiportattributes and the attribute structures it names.
 */

import { declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../../memory/index.ts';
import {
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_ATTRIBUTES_CONTROLS_DEFAULT_PORT,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NATIVE_802_11_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_PACKET_DIRECT_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import {
  type NDIS_MINIPORT_ADAPTER_ATTRIBUTES,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { capabilitiesOfAttributes } from '../power/capabilities.ts';
import { powerOf } from '../power/powerStates.ts';
import { readReceiveScaleCapabilities } from '../receiveScaling/capabilities.ts';
import type { NDIS_STATUS } from '../status.ts';
import { MiniportAdapter } from './miniportAdapter.ts';

const PAGE = 'ndis/nf-ndis-ndismsetminiportattributes';
const CALL = 'NdisMSetMiniportAttributes';
/** Longest MAC address that the structures hold. */
const MAC_ADDRESS_LIMIT = 32;
/** OIDs that a supported list may name. */
const OID_LIST_LIMIT = 4096;

const registrationRule: HeaderRule = {
  structure: 'NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES',
  type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  revisions: [
    {
      revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
      size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
      minorVersion: 0,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_miniport_adapter_registration_attributes',
};

const generalRule: HeaderRule = {
  structure: 'NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES',
  type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  revisions: [
    {
      revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1,
      size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1,
      minorVersion: 0,
    },
    {
      revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
      size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
      minorVersion: 20,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_miniport_adapter_general_attributes',
};

const addDeviceRule: HeaderRule = {
  structure: 'NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES',
  type: NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES,
  revisions: [
    {
      revision: NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1,
      size: NDIS_SIZEOF_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1,
      minorVersion: 0,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_miniport_add_device_registration_attributes',
};

/** Kinds whose content is kept as it is for those who ask for it. */
const KEPT_KINDS: ReadonlySet<number> = new Set([
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NATIVE_802_11_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_PACKET_DIRECT_ATTRIBUTES,
]);

function setRegistration(ndis: NdisLibrary, adapter: MiniportAdapter, address: Address): NDIS_STATUS {
  if (checkHeader(ndis, adapter.miniport.driver, CALL, address, registrationRule) === null) {
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  const view = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES.at(ndis.memory, address);
  adapter.context = ndis.contextValue(view.MiniportAdapterContext);
  adapter.registration = {
    flags: view.AttributeFlags,
    checkForHangSeconds: view.CheckForHangTimeInSeconds,
    interfaceType: view.InterfaceType,
  };
  if ((view.AttributeFlags & NDIS_MINIPORT_ATTRIBUTES_CONTROLS_DEFAULT_PORT) !== 0) {
    adapter.bindingsHeldBy.add('default port');
  }
  return NDIS_STATUS_SUCCESS;
}

function setGeneral(ndis: NdisLibrary, adapter: MiniportAdapter, address: Address): NDIS_STATUS {
  const { driver } = adapter.miniport;
  if (checkHeader(ndis, driver, CALL, address, generalRule) === null) return NDIS_STATUS_BAD_CHARACTERISTICS;
  const view = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES.at(ndis.memory, address);
  const count = view.SupportedOidListLength >>> 2;
  if (view.MacAddressLength > MAC_ADDRESS_LIMIT || count > OID_LIST_LIMIT) {
    ndis.kernel.note(CALL, `${driver.name}: MacAddressLength or SupportedOidListLength is too large`);
    return NDIS_STATUS_INVALID_PARAMETER;
  }
  if (
    count > 0 &&
    (view.SupportedOidList < FIRST_MAPPED_ADDRESS || view.SupportedOidList + 4 * count > ndis.memory.size)
  ) {
    ndis.kernel.note(CALL, `${driver.name}: SupportedOidList is NULL or lies outside of memory`);
    return NDIS_STATUS_INVALID_PARAMETER;
  }
  const first = view.SupportedOidList >> 2;
  adapter.general = {
    flags: view.Flags,
    mediaType: view.MediaType,
    physicalMediumType: view.PhysicalMediumType,
    mtuSize: view.MtuSize,
    maxXmitLinkSpeed: view.MaxXmitLinkSpeed,
    maxRcvLinkSpeed: view.MaxRcvLinkSpeed,
    lookaheadSize: view.LookaheadSize,
    macOptions: view.MacOptions,
    supportedPacketFilters: view.SupportedPacketFilters,
    maxMulticastListSize: view.MaxMulticastListSize,
    permanentMacAddress: view.PermanentMacAddress.slice(0, view.MacAddressLength),
    currentMacAddress: view.CurrentMacAddress.slice(0, view.MacAddressLength),
    accessType: view.AccessType,
    directionType: view.DirectionType,
    connectionType: view.ConnectionType,
    ifType: view.IfType,
    ifConnectorPresent: view.IfConnectorPresent,
    supportedStatistics: view.SupportedStatistics,
    supportedPauseFunctions: view.SupportedPauseFunctions,
    dataBackFillSize: view.DataBackFillSize,
    contextBackFillSize: view.ContextBackFillSize,
    supportedOids: [...ndis.memory.u32.subarray(first, first + count)],
    autoNegotiationFlags: view.AutoNegotiationFlags,
  };
  adapter.receiveScaleCapabilities = readReceiveScaleCapabilities(ndis, view.RecvScaleCapabilities);
  adapter.link = {
    mediaConnectState: view.MediaConnectState,
    mediaDuplexState: view.MediaDuplexState,
    xmitLinkSpeed: view.XmitLinkSpeed,
    rcvLinkSpeed: view.RcvLinkSpeed,
    pauseFunctions: view.SupportedPauseFunctions,
    autoNegotiationFlags: view.AutoNegotiationFlags,
  };
  powerOf(ndis, adapter).capabilities = capabilitiesOfAttributes(ndis, adapter, address);
  return NDIS_STATUS_SUCCESS;
}

function setAddDevice(ndis: NdisLibrary, adapter: MiniportAdapter, address: Address): NDIS_STATUS {
  if (checkHeader(ndis, adapter.miniport.driver, CALL, address, addDeviceRule) === null) {
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  const view = NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES.at(ndis.memory, address);
  adapter.addDeviceContext = view.MiniportAddDeviceContext;
  return NDIS_STATUS_SUCCESS;
}

/** The kind of the attributes at `address`: Header.Type, where NDIS_OBJECT_TYPE_DEFAULT is read from the size. */
function kindOf(ndis: NdisLibrary, address: Address): number {
  const type = ndis.memory.u8[address];
  if (type !== NDIS_OBJECT_TYPE_DEFAULT) return type;
  const size = ndis.memory.u16[(address + 2) >> 1];
  if (size >= NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_1) {
    return NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
  }
  return NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
}

/**
 * NdisMSetMiniportAttributes: sets one kind of attributes, told apart by Header.Type: registration, general, offload,
 * hardware-assist and the other kinds from MiniportInitializeEx, add-device attributes from MiniportAddDevice.
 * IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BAD_CHARACTERISTICS for a wrong header, NDIS_STATUS_INVALID_PARAMETER for
 * a member out of range, NDIS_STATUS_FAILURE at any other time. Source: ndis/nf-ndis-ndismsetminiportattributes.
 */
export const NdisMSetMiniportAttributes = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisMiniportHandle: Handle,
      MiniportAttributes: Pointer<NDIS_MINIPORT_ADAPTER_ATTRIBUTES>,
    ): NDIS_STATUS => {
      const adapter = ndis.expect(NdisMiniportHandle, MiniportAdapter, driver, CALL, PAGE);
      if (adapter === null) return NDIS_STATUS_FAILURE;
      if (MiniportAttributes < FIRST_MAPPED_ADDRESS || MiniportAttributes + 4 > ndis.memory.size) {
        return NDIS_STATUS_INVALID_PARAMETER;
      }
      const kind = kindOf(ndis, MiniportAttributes);
      const inTime =
        kind === NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES
          ? adapter.addingDevice
          : adapter.initializing;
      if (!inTime) {
        ndis.kernel.report(
          'ATTRIBUTES_OUT_OF_TIME',
          driver,
          `${CALL} was called for ${adapter.label} outside of ` +
            (kind === NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES
              ? 'MiniportAddDevice'
              : 'MiniportInitializeEx'),
          PAGE,
        );
        return NDIS_STATUS_FAILURE;
      }
      if (kind === NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES) {
        return setRegistration(ndis, adapter, MiniportAttributes);
      }
      if (kind === NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES) {
        return setAddDevice(ndis, adapter, MiniportAttributes);
      }
      if (adapter.registration === null) {
        ndis.kernel.note(CALL, `${driver.name}: registration attributes come first`);
        return NDIS_STATUS_FAILURE;
      }
      if (kind === NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES) {
        return setGeneral(ndis, adapter, MiniportAttributes);
      }
      if (!KEPT_KINDS.has(kind)) return NDIS_STATUS_BAD_CHARACTERISTICS;
      const size = ndis.memory.u16[(MiniportAttributes + 2) >> 1];
      adapter.otherAttributes.set(kind, ndis.memory.u8.slice(MiniportAttributes, MiniportAttributes + size));
      return NDIS_STATUS_SUCCESS;
    },
});
