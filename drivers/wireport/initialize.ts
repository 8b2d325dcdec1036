/**
 * MiniportInitializeEx of wireport: attributes, pools, receive buffers, the DPC, and the wire; in this order, and undone
 * in reverse. Implements "Initializing a Miniport Adapter" (network).
 */

import {
  type Address,
  type DriverImports,
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  MediaDuplexStateFull,
  NDIS_MAC_OPTION_8021P_PRIORITY,
  NDIS_MAC_OPTION_8021Q_VLAN,
  NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_MAC_OPTION_TRANSFERS_NOT_PEND,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM,
  type NDIS_MINIPORT_INIT_PARAMETERS,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMedium802_3,
  NdisPhysicalMedium802_3,
  NET_BUFFER_LIST,
  NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NET_IF_ACCESS_BROADCAST,
  NET_IF_CONNECTION_DEDICATED,
  NET_IF_DIRECTION_SENDRECEIVE,
  type WireDevice,
} from '../../src/machine/index.ts';
import { WireportAdapter } from './adapter.ts';
import { configuredAddress, configuredNumber } from './configuration.ts';
import { SEND_BATCH } from './limits.ts';
import { setOffloadAttributes } from './offloadAttributes.ts';
import { SUPPORTED_OIDS } from './oids.ts';
import { powerCapabilities } from './power.ts';
import { SUPPORTED_STATISTICS } from './statistics.ts';

/** IF_TYPE_ETHERNET_CSMACD of the interface MIB. */
const ETHERNET_INTERFACE = 6;
/** `WPrt` as a pool tag. */
const TAG = 0x74725057;
const ETHERNET_HEADER_SIZE = 14;
const MULTICAST_LIST_SIZE = 64;
/** Receive buffers of an adapter, unless its ReceiveBuffers parameter says otherwise. */
const RECEIVE_BUFFERS = 256;
const KDPC_SIZE = 64;
const DEFAULT_MAC_ADDRESS = [0x02, 0x00, 0x00, 0x00, 0x00, 0x02];

/** Brings an adapter up. */
export function initializeAdapter(
  imports: DriverImports,
  handle: Address,
  parameters: NDIS_MINIPORT_INIT_PARAMETERS,
): number {
  const device = imports.wireOf(handle);
  if (device === null) {
    imports.note(`adapter ${parameters.IfIndex} has no wire; give it one when it is added`);
    return NDIS_STATUS_ADAPTER_NOT_FOUND;
  }
  const adapter = acquire(imports, handle, device);
  if (adapter === null) return NDIS_STATUS_RESOURCES;
  try {
    device.connect(adapter.dpc);
  } catch (error) {
    imports.note(`${device.wire.name}: ${error instanceof Error ? error.message : String(error)}`);
    adapter.halt();
    return NDIS_STATUS_FAILURE;
  }
  adapter.onHalt(() => device.disconnect());
  let status = setAttributes(adapter);
  if (status === NDIS_STATUS_SUCCESS) status = setOffloadAttributes(adapter);
  if (status !== NDIS_STATUS_SUCCESS) adapter.halt();
  return status;
}

/** Buffers, lists and the DPC; null when memory is short, with nothing left behind. */
function acquire(imports: DriverImports, handle: Address, device: WireDevice): WireportAdapter | null {
  const { ndis, ntoskrnl } = imports;
  const { properties } = device.wire;
  const bufferSize =
    (Math.max(properties.maximumFrameSize, properties.offloads.maximumSegmentedSize) + 4 + 63) & ~63;
  const bounceSize = bufferSize;
  const bounceBuffer = ndis.NdisAllocateMemoryWithTagPriority(handle, SEND_BATCH * bounceSize, TAG, 0);
  const dpc = ndis.NdisAllocateMemoryWithTagPriority(handle, KDPC_SIZE, TAG, 0);
  if (bounceBuffer === 0 || dpc === 0) {
    if (bounceBuffer !== 0) ndis.NdisFreeMemory(bounceBuffer, 0, 0);
    if (dpc !== 0) ndis.NdisFreeMemory(dpc, 0, 0);
    return null;
  }
  const adapter = new WireportAdapter(imports, handle, device, {
    macAddress:
      configuredAddress(imports, handle) ?? properties.macAddress ?? Uint8Array.from(DEFAULT_MAC_ADDRESS),
    receiveLists: RECEIVE_BUFFERS,
    bufferSize,
    bounceBuffer,
    bounceSize,
    dpc,
    receiveScaling: configuredNumber(imports, handle, '*RSS', 1) !== 0,
  });
  adapter.onHalt(() => ndis.NdisFreeMemory(bounceBuffer, 0, 0));
  adapter.onHalt(() => adapter.scaling?.destroy());
  ntoskrnl.KeInitializeDpc(dpc, () => adapter.service(), null);
  adapter.onHalt(() => {
    ntoskrnl.KeRemoveQueueDpc(dpc);
    ndis.NdisFreeMemory(dpc, 0, 0);
  });
  if (createReceiveLists(adapter)) return adapter;
  adapter.halt();
  return null;
}

/** One list, net buffer and MDL for each receive buffer, made once. */
function createReceiveLists(adapter: WireportAdapter): boolean {
  const { ndis, memory } = adapter.imports;
  const count = adapter.freeLists.length;
  const buffers = ndis.NdisAllocateMemoryWithTagPriority(adapter.handle, count * adapter.bufferSize, TAG, 0);
  if (buffers === 0) return false;
  adapter.onHalt(() => ndis.NdisFreeMemory(buffers, 0, 0));
  const pool = ndis.NdisAllocateNetBufferListPool(adapter.handle, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
      Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
    },
    fAllocateNetBuffer: true,
    PoolTag: TAG,
  });
  if (pool === 0) return false;
  adapter.onHalt(() => ndis.NdisFreeNetBufferListPool(pool));
  adapter.onHalt(() => freeReceiveLists(adapter));
  for (let index = 0; index < count; index++) {
    const buffer = buffers + index * adapter.bufferSize;
    const mdl = ndis.NdisAllocateMdl(adapter.handle, buffer, adapter.bufferSize);
    const list = mdl === 0 ? 0 : ndis.NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, 0);
    if (list === 0) {
      if (mdl !== 0) ndis.NdisFreeMdl(mdl);
      return false;
    }
    memory.writePointer(list + NET_BUFFER_LIST.offset.SourceHandle, adapter.handle);
    memory.writePointer(list + NET_BUFFER_LIST.offset.MiniportReserved, buffer);
    adapter.freeLists[adapter.freeCount++] = list;
  }
  return true;
}

function freeReceiveLists(adapter: WireportAdapter): void {
  const { ndis } = adapter.imports;
  while (adapter.freeCount > 0) {
    const list = adapter.freeLists[--adapter.freeCount];
    const mdl = ndis.NET_BUFFER_FIRST_MDL(ndis.NET_BUFFER_LIST_FIRST_NB(list));
    ndis.NdisFreeNetBufferList(list);
    ndis.NdisFreeMdl(mdl);
  }
}

function setAttributes(adapter: WireportAdapter): number {
  const { ndis } = adapter.imports;
  const { wire } = adapter.device;
  const registered = ndis.NdisMSetMiniportAttributes(adapter.handle, {
    RegistrationAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
      },
      MiniportAdapterContext: adapter,
      AttributeFlags: NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM,
    },
  });
  if (registered !== NDIS_STATUS_SUCCESS) return registered;
  const speed = BigInt(wire.properties.linkSpeedBitsPerSecond);
  const oids = adapter.imports.data(4 * SUPPORTED_OIDS.length);
  adapter.imports.memory.u32.set(SUPPORTED_OIDS, oids >> 2);
  const mtu = wire.properties.maximumFrameSize - ETHERNET_HEADER_SIZE;
  return ndis.NdisMSetMiniportAttributes(adapter.handle, {
    GeneralAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
      },
      MediaType: NdisMedium802_3,
      PhysicalMediumType: NdisPhysicalMedium802_3,
      MtuSize: mtu,
      MaxXmitLinkSpeed: speed,
      XmitLinkSpeed: speed,
      MaxRcvLinkSpeed: speed,
      RcvLinkSpeed: speed,
      MediaConnectState: wire.linkUp ? MediaConnectStateConnected : MediaConnectStateDisconnected,
      MediaDuplexState: MediaDuplexStateFull,
      LookaheadSize: mtu,
      MacOptions:
        NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA |
        NDIS_MAC_OPTION_TRANSFERS_NOT_PEND |
        NDIS_MAC_OPTION_NO_LOOPBACK |
        (wire.properties.offloads.vlan ? NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN : 0),
      SupportedPacketFilters:
        NDIS_PACKET_TYPE_DIRECTED |
        NDIS_PACKET_TYPE_MULTICAST |
        NDIS_PACKET_TYPE_ALL_MULTICAST |
        NDIS_PACKET_TYPE_BROADCAST |
        NDIS_PACKET_TYPE_PROMISCUOUS,
      MaxMulticastListSize: MULTICAST_LIST_SIZE,
      MacAddressLength: adapter.macAddress.length,
      PermanentMacAddress: wire.properties.macAddress ?? adapter.macAddress,
      CurrentMacAddress: adapter.macAddress,
      AccessType: NET_IF_ACCESS_BROADCAST,
      DirectionType: NET_IF_DIRECTION_SENDRECEIVE,
      ConnectionType: NET_IF_CONNECTION_DEDICATED,
      IfType: ETHERNET_INTERFACE,
      IfConnectorPresent: false,
      SupportedStatistics: SUPPORTED_STATISTICS,
      PowerManagementCapabilitiesEx: powerCapabilities(adapter),
      SupportedOidList: oids,
      SupportedOidListLength: 4 * SUPPORTED_OIDS.length,
      RecvScaleCapabilities: adapter.scaling?.capabilities() ?? 0,
    },
  });
}
