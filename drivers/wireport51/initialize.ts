/**
 * MiniportInitialize of wireport51: the medium, memory, packets, the attributes, and the wire; undone in reverse.
 * Implements nf-ndis-ndismsetattributesex and W_INITIALIZE_HANDLER (ddk/ndis.h).
 */

import {
  type Address,
  type DriverImports,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_STATUS_UNSUPPORTED_MEDIA,
  NdisInterfaceInternal,
  NdisMedium802_3,
  type WireDevice,
} from '../../src/machine/index.ts';
import { RECEIVE_PACKETS, Wireport51Adapter } from './adapter.ts';

/** `WP51` as a pool tag. */
const TAG = 0x31355057;
const SEND_BUFFERS = 32;
const KDPC_SIZE = 64;
const ADDRESS_LENGTH = 6;
const HEADER_SIZE = 14;
/** Seconds between two checks whether the adapter hangs. */
const CHECK_FOR_HANG_SECONDS = 4;
const DEFAULT_MAC_ADDRESS = [0x02, 0x00, 0x00, 0x00, 0x00, 0x02];

/** What MiniportInitialize gets. */
export interface InitializeArguments {
  readonly selectedMediumIndex: Address;
  readonly mediumArray: Address;
  readonly mediumArraySize: number;
  readonly handle: Address;
  readonly configurationContext: Address;
}

/** Brings an adapter up. */
export function initializeAdapter(imports: DriverImports, given: InitializeArguments): number {
  const { memory, ndis } = imports;
  const first = given.mediumArray >> 2;
  const medium = memory.u32.subarray(first, first + given.mediumArraySize).indexOf(NdisMedium802_3);
  if (medium < 0) return NDIS_STATUS_UNSUPPORTED_MEDIA;
  memory.u32[given.selectedMediumIndex >> 2] = medium;
  const device = imports.wireOf(given.handle);
  if (device === null) return NDIS_STATUS_ADAPTER_NOT_FOUND;
  const adapter = acquire(imports, given, device);
  if (adapter === null) return NDIS_STATUS_RESOURCES;
  ndis.NdisMSetAttributesEx(
    given.handle,
    adapter,
    CHECK_FOR_HANG_SECONDS,
    NDIS_ATTRIBUTE_DESERIALIZE,
    NdisInterfaceInternal,
  );
  try {
    device.connect(adapter.resources.dpc);
  } catch (error) {
    imports.note(`${device.wire.name}: ${error instanceof Error ? error.message : String(error)}`);
    adapter.halt();
    return NDIS_STATUS_FAILURE;
  }
  adapter.onHalt(() => device.disconnect());
  // Frames may have come while nobody looked.
  imports.ntoskrnl.KeInsertQueueDpc(adapter.resources.dpc, 0, 0);
  return NDIS_STATUS_SUCCESS;
}

/** Memory, packets and the DPC; null when memory is short, with nothing left behind. */
function acquire(
  imports: DriverImports,
  given: InitializeArguments,
  device: WireDevice,
): Wireport51Adapter | null {
  const { ndis, ntoskrnl } = imports;
  const { properties } = device.wire;
  const bufferSize = (properties.maximumFrameSize + 4 + 63) & ~63;
  const sizes = [SEND_BUFFERS * bufferSize, RECEIVE_PACKETS * bufferSize, KDPC_SIZE, 8 * SEND_BUFFERS];
  const blocks = sizes.map((size) => allocate(imports, size));
  const free = (): void => {
    for (const block of blocks) if (block !== 0) ndis.NdisFreeMemory(block, 0, 0);
  };
  if (blocks.includes(0)) {
    free();
    return null;
  }
  const [sendBuffers, receiveBuffers, dpc, array] = blocks;
  const macAddress =
    configuredAddress(imports, given.configurationContext) ??
    properties.macAddress ??
    Uint8Array.from(DEFAULT_MAC_ADDRESS);
  const resources = { macAddress, bufferSize, sendBuffers, dpc, array };
  const adapter = new Wireport51Adapter(imports, given.handle, device, resources);
  adapter.onHalt(free);
  ntoskrnl.KeInitializeDpc(dpc, () => adapter.service(), null);
  adapter.onHalt(() => void ntoskrnl.KeRemoveQueueDpc(dpc));
  if (createPackets(adapter, receiveBuffers)) return adapter;
  adapter.halt();
  return null;
}

function allocate({ ndis, cell }: DriverImports, size: number): Address {
  const at = cell();
  return ndis.NdisAllocateMemoryWithTag(at, size, TAG) === NDIS_STATUS_SUCCESS ? at.value : 0;
}

/** A packet with one buffer for each receive buffer, made once. */
function createPackets(adapter: Wireport51Adapter, buffers: Address): boolean {
  const { ndis, memory, cell } = adapter.imports;
  const { bufferSize } = adapter.resources;
  const status = cell();
  const good = (): boolean => memory.u32[status.address >> 2] === NDIS_STATUS_SUCCESS;
  const packetPool = cell();
  ndis.NdisAllocatePacketPool(status, packetPool, RECEIVE_PACKETS, 32);
  if (!good()) return false;
  adapter.onHalt(() => ndis.NdisFreePacketPool(packetPool.value));
  const bufferPool = cell();
  ndis.NdisAllocateBufferPool(status, bufferPool, RECEIVE_PACKETS);
  if (!good()) return false;
  adapter.onHalt(() => ndis.NdisFreeBufferPool(bufferPool.value));
  adapter.onHalt(() => freePackets(adapter));
  const made = cell();
  for (let index = 0; index < RECEIVE_PACKETS; index++) {
    ndis.NdisAllocatePacket(status, made, packetPool.value);
    if (!good()) return false;
    const packet = made.value;
    adapter.freePackets.push(packet);
    ndis.NdisAllocateBuffer(status, made, bufferPool.value, buffers + index * bufferSize, bufferSize);
    if (!good()) return false;
    ndis.NDIS_SET_PACKET_HEADER_SIZE(packet, HEADER_SIZE);
    ndis.NdisChainBufferAtFront(packet, made.value);
  }
  return true;
}

function freePackets(adapter: Wireport51Adapter): void {
  const { ndis, cell } = adapter.imports;
  const buffer = cell();
  for (const packet of adapter.freePackets.splice(0)) {
    ndis.NdisUnchainBufferAtFront(packet, buffer);
    if (buffer.value !== 0) ndis.NdisFreeBuffer(buffer.value);
    ndis.NdisFreePacket(packet);
  }
}

/** The parameter NetworkAddress of the adapter; null for none, and for a group address, which is nobody's. */
function configuredAddress({ ndis, memory, cell }: DriverImports, context: Address): Uint8Array | null {
  const status = cell();
  const configuration = cell();
  ndis.NdisOpenConfiguration(status, configuration, context);
  if (memory.u32[status.address >> 2] !== NDIS_STATUS_SUCCESS) return null;
  const address = cell();
  const length = cell();
  ndis.NdisReadNetworkAddress(status, address, length, configuration.value);
  const found = memory.u32[status.address >> 2] === NDIS_STATUS_SUCCESS;
  const bytes = found ? memory.u8.slice(address.value, address.value + ADDRESS_LENGTH) : null;
  const whole = memory.u32[length.address >> 2] === ADDRESS_LENGTH;
  ndis.NdisCloseConfiguration(configuration.value);
  return bytes !== null && whole && (bytes[0] & 1) === 0 ? bytes : null;
}
