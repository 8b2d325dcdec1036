/**
 * MiniportInitializeEx of cardport: attributes, registers, DMA, shared memory, lists, the interrupt, and the device; in
 * this order, and undone in reverse. Implements "Initializing a Miniport Adapter" (network).
 */

import {
  type Address,
  CM_PARTIAL_RESOURCE_DESCRIPTOR,
  type DriverImports,
  MediaConnectStateConnected,
  MediaConnectStateDisconnected,
  MediaDuplexStateFull,
  NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_MAC_OPTION_TRANSFERS_NOT_PEND,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
  NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE,
  type NDIS_MINIPORT_INIT_PARAMETERS,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION,
  NDIS_SG_DMA_64_BIT_ADDRESS,
  NDIS_SG_DMA_DESCRIPTION_REVISION_1,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1,
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
} from '../../src/machine/index.ts';
import { CardportAdapter, type SharedMemory } from './adapter.ts';
import { registerInterrupt } from './interrupts.ts';
import { BUFFER_SIZE, RECEIVE_DESCRIPTORS, RECEIVE_QUEUES, TRANSMIT_DESCRIPTORS } from './limits.ts';
import { SUPPORTED_OIDS } from './oids.ts';
import { NBL_PHYSICAL } from './receive.ts';
import * as r from './registers.ts';
import { processList, type QueuedFrame } from './send.ts';

/** IF_TYPE_ETHERNET_CSMACD of the interface MIB. */
const ETHERNET_INTERFACE = 6;
/** NdisInterfacePci */
const INTERFACE_PCI = 5;
/** CmResourceTypeMemory */
const MEMORY_RESOURCE = 3;
/** `CPrt` as a pool tag. */
const TAG = 0x7472_5043;
const MTU = 1500;
/** Bytes of the longest frame, with its VLAN tag. */
const LONGEST_FRAME = 1518;
const MULTICAST_LIST_SIZE = 64;
/** Directed, multicast, all multicast, broadcast, promiscuous. */
const PACKET_FILTERS = 0x2f;

/** Brings an adapter up. */
export function initializeAdapter(
  imports: DriverImports,
  handle: Address,
  parameters: NDIS_MINIPORT_INIT_PARAMETERS,
): number {
  const adapter = new CardportAdapter(imports, handle);
  const status = acquire(adapter, parameters);
  if (status !== NDIS_STATUS_SUCCESS) adapter.halt();
  return status;
}

function acquire(adapter: CardportAdapter, parameters: NDIS_MINIPORT_INIT_PARAMETERS): number {
  const { ndis } = adapter.imports;
  let status = setRegistration(adapter);
  if (status !== NDIS_STATUS_SUCCESS) return status;
  if (!isTeachingDevice(adapter)) return NDIS_STATUS_ADAPTER_NOT_FOUND;
  status = mapRegisters(adapter, parameters);
  if (status !== NDIS_STATUS_SUCCESS) return status;
  if (!adapter.resetDevice()) return NDIS_STATUS_FAILURE;
  readAddress(adapter);
  status = registerDma(adapter);
  if (status !== NDIS_STATUS_SUCCESS) return status;
  if (!createRings(adapter)) return NDIS_STATUS_RESOURCES;
  status = setGeneral(adapter);
  if (status !== NDIS_STATUS_SUCCESS) return status;
  status = registerInterrupt(adapter);
  if (status !== NDIS_STATUS_SUCCESS) return status;
  // Undone first: the device must be quiet before anything that it uses goes.
  adapter.onHalt(() => {
    if (!adapter.gone) adapter.resetDevice();
    ndis.NdisStallExecution(1);
  });
  adapter.programDevice();
  return NDIS_STATUS_SUCCESS;
}

function setRegistration(adapter: CardportAdapter): number {
  return adapter.imports.ndis.NdisMSetMiniportAttributes(adapter.handle, {
    RegistrationAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
      },
      MiniportAdapterContext: adapter,
      AttributeFlags: NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE | NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
      CheckForHangTimeInSeconds: 2,
      InterfaceType: INTERFACE_PCI,
    },
  });
}

/** Whether the first words of its configuration space are those of the data sheet. */
function isTeachingDevice(adapter: CardportAdapter): boolean {
  const { ndis, memory } = adapter.imports;
  const cell = adapter.imports.cell();
  const count = ndis.NdisMGetBusData(adapter.handle, 0, 0, cell.address, 4);
  return count === 4 && memory.u32[cell.address >> 2] === r.VENDOR_AND_DEVICE;
}

/** Maps the first memory range among the resources. */
function mapRegisters(adapter: CardportAdapter, parameters: NDIS_MINIPORT_INIT_PARAMETERS): number {
  const { ndis, memory, view } = adapter.imports;
  const list = parameters.AllocatedResources;
  if (list === 0) return NDIS_STATUS_RESOURCES;
  const count = memory.u32[(list + 4) >> 2];
  for (let index = 0; index < count; index++) {
    const at = list + 8 + CM_PARTIAL_RESOURCE_DESCRIPTOR.size * index;
    const descriptor = view(CM_PARTIAL_RESOURCE_DESCRIPTOR, at);
    if (descriptor.Type !== MEMORY_RESOURCE) continue;
    const { Start, Length } = descriptor.u.Memory;
    const mapped = adapter.imports.cell();
    const status = ndis.NdisMMapIoSpace(mapped, adapter.handle, Start.QuadPart, Length);
    if (status !== NDIS_STATUS_SUCCESS) return status;
    adapter.registers = mapped.value;
    adapter.onHalt(() => ndis.NdisMUnmapIoSpace(adapter.handle, adapter.registers, Length));
    return status;
  }
  return NDIS_STATUS_RESOURCES;
}

function readAddress(adapter: CardportAdapter): void {
  const low = adapter.read(r.MAC_LOW);
  const high = adapter.read(r.MAC_HIGH);
  for (let i = 0; i < 4; i++) adapter.macAddress[i] = (low >>> (8 * i)) & 0xff;
  for (let i = 0; i < 2; i++) adapter.macAddress[4 + i] = (high >>> (8 * i)) & 0xff;
}

function registerDma(adapter: CardportAdapter): number {
  const { ndis } = adapter.imports;
  const handle = adapter.imports.cell();
  const status = ndis.NdisMRegisterScatterGatherDma(
    adapter.handle,
    {
      Header: {
        Type: NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION,
        Revision: NDIS_SG_DMA_DESCRIPTION_REVISION_1,
        Size: NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1,
      },
      Flags: NDIS_SG_DMA_64_BIT_ADDRESS,
      // Headers in front of the data make the list longer than the frame.
      MaximumPhysicalMapping: 16 * 4096,
      ProcessSGListHandler: (_device: Address, _reserved: Address, sgl: Address, frame: QueuedFrame) =>
        processList(adapter, sgl, frame),
    },
    handle,
  );
  if (status !== NDIS_STATUS_SUCCESS) return status;
  adapter.dma = handle.value;
  adapter.onHalt(() => ndis.NdisMDeregisterScatterGatherDma(adapter.dma));
  return status;
}

/** Memory that the device reaches too; null when there is none. It is freed at halt. */
function share(adapter: CardportAdapter, length: number): SharedMemory | null {
  const { ndis, memory } = adapter.imports;
  const virtual = adapter.imports.cell();
  const physical = adapter.imports.cell();
  ndis.NdisMAllocateSharedMemory(adapter.handle, length, true, virtual, physical);
  const address = virtual.value;
  if (address === 0) return null;
  const shared = { address, length, physical: memory.data.getBigUint64(physical.address, true) };
  memory.u8.fill(0, address, address + length);
  adapter.onHalt(() => ndis.NdisMFreeSharedMemory(adapter.handle, length, true, address, shared.physical));
  return shared;
}

/** The rings, and a list, net buffer and MDL for each receive buffer. */
function createRings(adapter: CardportAdapter): boolean {
  const { ndis } = adapter.imports;
  for (const count of [TRANSMIT_DESCRIPTORS, RECEIVE_DESCRIPTORS, RECEIVE_DESCRIPTORS]) {
    const ring = share(adapter, count * r.DESCRIPTOR_SIZE);
    if (ring === null) return false;
    adapter.rings.push(ring);
  }
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
  for (let queue = 0; queue < RECEIVE_QUEUES; queue++) {
    adapter.receiveLists.push(new Int32Array(RECEIVE_DESCRIPTORS));
    if (!createLists(adapter, queue, pool)) return false;
  }
  return true;
}

function createLists(adapter: CardportAdapter, queue: number, pool: Address): boolean {
  const { ndis, memory } = adapter.imports;
  const count = RECEIVE_DESCRIPTORS - 1;
  const buffers = share(adapter, count * BUFFER_SIZE);
  if (buffers === null) return false;
  for (let index = 0; index < count; index++) {
    const mdl = ndis.NdisAllocateMdl(adapter.handle, buffers.address + index * BUFFER_SIZE, BUFFER_SIZE);
    const list = mdl === 0 ? 0 : ndis.NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, 0);
    if (mdl !== 0) adapter.onHalt(() => ndis.NdisFreeMdl(mdl));
    if (list === 0) return false;
    adapter.onHalt(() => ndis.NdisFreeNetBufferList(list));
    memory.writePointer(list + NET_BUFFER_LIST.offset.SourceHandle, adapter.handle);
    memory.data.setBigUint64(list + NBL_PHYSICAL, buffers.physical + BigInt(index * BUFFER_SIZE), true);
    adapter.queueOf.set(list, queue);
    adapter.free[queue].push(list);
  }
  return true;
}

function setGeneral(adapter: CardportAdapter): number {
  const speed = BigInt(adapter.read(r.LINK_SPEED)) * 1_000_000n;
  const up = (adapter.read(r.STATUS) & r.STATUS_LINK_UP) !== 0;
  const oids = adapter.imports.data(4 * SUPPORTED_OIDS.length);
  adapter.imports.memory.u32.set(SUPPORTED_OIDS, oids >> 2);
  return adapter.imports.ndis.NdisMSetMiniportAttributes(adapter.handle, {
    GeneralAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
      },
      MediaType: NdisMedium802_3,
      PhysicalMediumType: NdisPhysicalMedium802_3,
      MtuSize: MTU,
      MaxXmitLinkSpeed: speed,
      XmitLinkSpeed: up ? speed : 0n,
      MaxRcvLinkSpeed: speed,
      RcvLinkSpeed: up ? speed : 0n,
      MediaConnectState: up ? MediaConnectStateConnected : MediaConnectStateDisconnected,
      MediaDuplexState: MediaDuplexStateFull,
      LookaheadSize: LONGEST_FRAME,
      MacOptions:
        NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA |
        NDIS_MAC_OPTION_TRANSFERS_NOT_PEND |
        NDIS_MAC_OPTION_NO_LOOPBACK,
      SupportedPacketFilters: PACKET_FILTERS,
      MaxMulticastListSize: MULTICAST_LIST_SIZE,
      MacAddressLength: 6,
      PermanentMacAddress: adapter.macAddress,
      CurrentMacAddress: adapter.macAddress,
      AccessType: NET_IF_ACCESS_BROADCAST,
      DirectionType: NET_IF_DIRECTION_SENDRECEIVE,
      ConnectionType: NET_IF_CONNECTION_DEDICATED,
      IfType: ETHERNET_INTERFACE,
      IfConnectorPresent: true,
      SupportedOidList: oids,
      SupportedOidListLength: 4 * SUPPORTED_OIDS.length,
    },
  });
}
