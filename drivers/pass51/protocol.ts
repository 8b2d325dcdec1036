/**
 * The protocol edge of pass51: it opens each adapter that it is bound to, starts a virtual miniport above it, and passes
 * on what comes from below. Implements nf-ndis-ndisopenadapter, nf-ndis-ndisiminitializedeviceinstanceex and
 * nf-ndis-ndisimnotifypnpevent.
 */

import {
  type Address,
  type Cell,
  type DriverImports,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMedium802_3,
  type NET_PNP_EVENT,
  type UNICODE_STRING,
} from '../../src/machine/index.ts';
import { Pass51Binding } from './binding.ts';
import { completeRequest } from './miniport.ts';
import { packetToIndicate, sentPacket } from './packets.ts';

/** The handles of the driver's two edges. */
export interface Edges {
  readonly driver: Cell;
  readonly protocol: Cell;
}

/** Opens the adapter below; the status. */
async function open(binding: Pass51Binding, edges: Edges, name: UNICODE_STRING): Promise<number> {
  const { ndis, cell, memory } = binding.imports;
  const media = cell(NdisMedium802_3);
  const selected = cell();
  ndis.NdisOpenAdapter(
    binding.cells.status,
    binding.cells.result,
    binding.handle,
    selected,
    media.address,
    1,
    edges.protocol.value,
    binding,
    name.address,
    0,
    0,
  );
  binding.medium = memory.u32[media.address >> 2];
  if (binding.status !== NDIS_STATUS_PENDING) return binding.status;
  await ndis.NdisWaitEvent(binding.event, 0);
  return binding.completionStatus;
}

async function close(binding: Pass51Binding): Promise<void> {
  const { ndis } = binding.imports;
  ndis.NdisResetEvent(binding.event);
  await ndis.NdisCloseAdapter(binding.cells.status, binding.handle.value);
  if (binding.status === NDIS_STATUS_PENDING) await ndis.NdisWaitEvent(binding.event, 0);
}

/** ProtocolBindAdapter; the status. */
async function bind(imports: DriverImports, edges: Edges, name: UNICODE_STRING): Promise<number> {
  const binding = Pass51Binding.create(imports, textOf(imports, name));
  if (binding === null) return NDIS_STATUS_RESOURCES;
  let status = await open(binding, edges, name);
  if (status === NDIS_STATUS_SUCCESS) {
    const { driver } = edges;
    const { instanceName } = binding;
    status = await imports.ndis.NdisIMInitializeDeviceInstanceEx(driver.value, instanceName, binding);
    if (status !== NDIS_STATUS_SUCCESS) await close(binding);
  }
  if (status !== NDIS_STATUS_SUCCESS) binding.free();
  return status;
}

function textOf({ memory }: DriverImports, name: UNICODE_STRING): string {
  const first = name.Buffer >> 1;
  return String.fromCharCode(...memory.u16.subarray(first, first + (name.Length >> 1)));
}

/** ProtocolUnbindAdapter. */
async function unbind(binding: Pass51Binding, edges: Edges): Promise<void> {
  const { ndis } = binding.imports;
  // MiniportInitialize was not called yet, or never will be.
  if (binding.miniport === 0)
    ndis.NdisIMCancelInitializeDeviceInstance(edges.driver.value, binding.instanceName);
  if (binding.miniport !== 0) await ndis.NdisIMDeInitializeDeviceInstance(binding.miniport);
  await close(binding);
  binding.free();
}

/** Indicates a packet of its own over the buffers of a received one; false where there is none to spare. */
function indicate(binding: Pass51Binding, packet: Address, status: number): boolean {
  const { ndis } = binding.imports;
  const copy = packetToIndicate(binding, packet, status);
  if (copy === 0) return false;
  binding.array.value = copy;
  ndis.NdisMIndicateReceivePacket(binding.miniport, binding.array.address, 1);
  // What was lent only is ours again.
  if (status === NDIS_STATUS_RESOURCES) ndis.NdisFreePacket(copy);
  return true;
}

/** The characteristics of the protocol edge. */
export function protocolCharacteristics(imports: DriverImports, edges: Edges) {
  const { ndis, memory } = imports;
  return {
    MajorNdisVersion: 5,
    MinorNdisVersion: 0,
    Name: 'pass51',
    BindAdapterHandler: async (status: Address, _bindContext: Address, name: UNICODE_STRING) => {
      memory.u32[status >> 2] = await bind(imports, edges, name);
    },
    UnbindAdapterHandler: async (status: Address, binding: Pass51Binding) => {
      await unbind(binding, edges);
      memory.u32[status >> 2] = NDIS_STATUS_SUCCESS;
    },
    OpenAdapterCompleteHandler: (binding: Pass51Binding, status: number) => {
      binding.completionStatus = status;
      ndis.NdisSetEvent(binding.event);
    },
    CloseAdapterCompleteHandler: (binding: Pass51Binding) => ndis.NdisSetEvent(binding.event),
    SendCompleteHandler: (binding: Pass51Binding, packet: Address, status: number) =>
      ndis.NdisMSendComplete(binding.miniport, sentPacket(binding, packet), status),
    TransferDataCompleteHandler: (binding: Pass51Binding, packet: Address, status: number, bytes: number) => {
      if (binding.miniport !== 0) ndis.NdisMTransferDataComplete(binding.miniport, packet, status, bytes);
    },
    ResetCompleteHandler: () => {},
    RequestCompleteHandler: (binding: Pass51Binding, _request: unknown, status: number) =>
      completeRequest(binding, status),
    ReceiveHandler: (
      binding: Pass51Binding,
      receiveContext: Address,
      header: Address,
      headerSize: number,
      lookahead: Address,
      lookaheadSize: number,
      size: number,
    ) => {
      if (binding.miniport === 0) return NDIS_STATUS_NOT_ACCEPTED;
      const packet = ndis.NdisGetReceivedPacket(binding.handle.value, receiveContext);
      if (packet !== 0 && indicate(binding, packet, NDIS_STATUS_RESOURCES)) return NDIS_STATUS_SUCCESS;
      binding.indicated = true;
      ndis.NdisMEthIndicateReceive(
        binding.miniport,
        receiveContext,
        header,
        headerSize,
        lookahead,
        lookaheadSize,
        size,
      );
      return NDIS_STATUS_SUCCESS;
    },
    ReceiveCompleteHandler: (binding: Pass51Binding) => {
      if (binding.miniport !== 0 && binding.indicated) ndis.NdisMEthIndicateReceiveComplete(binding.miniport);
      binding.indicated = false;
    },
    // How often the packet will be returned: once, or never where it is only lent.
    ReceivePacketHandler: (binding: Pass51Binding, packet: Address) => {
      const status = ndis.NDIS_GET_PACKET_STATUS(packet);
      if (binding.miniport === 0 || !indicate(binding, packet, status)) return 0;
      return status === NDIS_STATUS_RESOURCES ? 0 : 1;
    },
    StatusHandler: (binding: Pass51Binding, status: number, buffer: Address, size: number) => {
      // NDIS itself says that an adapter is reset.
      const ofReset = status === NDIS_STATUS_RESET_START || status === NDIS_STATUS_RESET_END;
      if (binding.miniport !== 0 && !ofReset)
        ndis.NdisMIndicateStatus(binding.miniport, status, buffer, size);
    },
    StatusCompleteHandler: (binding: Pass51Binding) => {
      if (binding.miniport !== 0) ndis.NdisMIndicateStatusComplete(binding.miniport);
    },
    PnPEventHandler: (binding: Pass51Binding | number, event: NET_PNP_EVENT) =>
      typeof binding === 'number' || binding.miniport === 0
        ? NDIS_STATUS_SUCCESS
        : ndis.NdisIMNotifyPnPEvent(binding.miniport, event),
  };
}
