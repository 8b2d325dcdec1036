/**
 * The miniport edge of pass51: what is sent to a virtual miniport goes to the adapter below, requests too.
 * Implements nf-ndis-ndisimregisterlayeredminiport and nf-ndis-ndisimgetdevicecontext.
 */

import {
  type Address,
  type DriverImports,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_ATTRIBUTE_IGNORE_PACKET_TIMEOUT,
  NDIS_ATTRIBUTE_IGNORE_REQUEST_TIMEOUT,
  NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER,
  NDIS_ATTRIBUTE_NO_HALT_ON_SUSPEND,
  NDIS_REQUEST,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_STATUS_UNSUPPORTED_MEDIA,
  NdisDeviceStateD0,
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  OID_PNP_QUERY_POWER,
  OID_PNP_SET_POWER,
} from '../../src/machine/index.ts';
import type { Pass51Binding } from './binding.ts';
import { indicatedPacket, packetToSend, sentPacket } from './packets.ts';

const ATTRIBUTES =
  NDIS_ATTRIBUTE_IGNORE_PACKET_TIMEOUT |
  NDIS_ATTRIBUTE_IGNORE_REQUEST_TIMEOUT |
  NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER |
  NDIS_ATTRIBUTE_DESERIALIZE |
  NDIS_ATTRIBUTE_NO_HALT_ON_SUSPEND;

/** Sends one packet on. */
function send(binding: Pass51Binding, packet: Address): void {
  const { ndis } = binding.imports;
  const copy = packetToSend(binding, packet);
  if (copy === 0) return ndis.NdisMSendComplete(binding.miniport, packet, NDIS_STATUS_RESOURCES);
  ndis.NdisSend(binding.cells.status, binding.handle.value, copy);
  const { status } = binding;
  if (status === NDIS_STATUS_PENDING) return;
  ndis.NdisMSendComplete(binding.miniport, sentPacket(binding, copy), status);
}

/** The request that was passed on is complete: its counts go where the virtual miniport's caller wants them. */
function takeCounts(binding: Pass51Binding): void {
  const { memory } = binding.imports;
  // The members of queries and sets lie at the same places.
  const { QUERY_INFORMATION: query } = NDIS_REQUEST.at(memory, binding.request).DATA;
  memory.u32[binding.bytesDone >> 2] = query.BytesWritten;
  memory.u32[binding.bytesNeeded >> 2] = query.BytesNeeded;
}

/** ProtocolRequestComplete. */
export function completeRequest(binding: Pass51Binding, status: number): void {
  const { ndis, memory } = binding.imports;
  takeCounts(binding);
  if (NDIS_REQUEST.at(memory, binding.request).RequestType === NdisRequestSetInformation)
    ndis.NdisMSetInformationComplete(binding.miniport, status);
  else ndis.NdisMQueryInformationComplete(binding.miniport, status);
}

/** A handler that passes queries, or sets, on. */
function passOn(type: number) {
  return (
    binding: Pass51Binding,
    oid: number,
    buffer: Address,
    length: number,
    bytesDone: Address,
    bytesNeeded: Address,
  ): number => {
    const { ndis, memory } = binding.imports;
    // The power of the virtual miniport is its own: neither of the two is passed on.
    if (oid === OID_PNP_QUERY_POWER) return NDIS_STATUS_SUCCESS;
    if (oid === OID_PNP_SET_POWER) {
      binding.powerState = memory.u32[buffer >> 2];
      return NDIS_STATUS_SUCCESS;
    }
    if (binding.powerState !== NdisDeviceStateD0) return NDIS_STATUS_FAILURE;
    binding.bytesDone = bytesDone;
    binding.bytesNeeded = bytesNeeded;
    memory.u8.fill(0, binding.request, binding.request + NDIS_REQUEST.size);
    const view = NDIS_REQUEST.at(memory, binding.request);
    view.RequestType = type;
    const { QUERY_INFORMATION: query } = view.DATA;
    query.Oid = oid;
    query.InformationBuffer = buffer;
    query.InformationBufferLength = length;
    // NDIS calls this at DISPATCH_LEVEL, where NdisRequest never gives a promise.
    void ndis.NdisRequest(binding.cells.status, binding.handle.value, binding.request);
    const { status } = binding;
    if (status !== NDIS_STATUS_PENDING) takeCounts(binding);
    return status;
  };
}

/** The characteristics of the miniport edge. @param bindingOf the binding behind a device context. */
export function miniportCharacteristics(
  { ndis, memory }: DriverImports,
  bindingOf: (context: Address) => Pass51Binding,
) {
  return {
    MajorNdisVersion: 5,
    MinorNdisVersion: 1,
    InitializeHandler: (
      _openErrorStatus: Address,
      selectedMediumIndex: Address,
      mediumArray: Address,
      mediumArraySize: number,
      handle: Address,
    ) => {
      const binding = bindingOf(ndis.NdisIMGetDeviceContext(handle));
      const first = mediumArray >> 2;
      const medium = memory.u32.subarray(first, first + mediumArraySize).indexOf(binding.medium);
      if (medium < 0) return NDIS_STATUS_UNSUPPORTED_MEDIA;
      memory.u32[selectedMediumIndex >> 2] = medium;
      ndis.NdisMSetAttributesEx(handle, binding, 0, ATTRIBUTES, 0);
      binding.miniport = handle;
      return NDIS_STATUS_SUCCESS;
    },
    // The protocol edge frees what belongs to the binding.
    HaltHandler: (binding: Pass51Binding) => {
      binding.miniport = 0;
    },
    QueryInformationHandler: passOn(NdisRequestQueryInformation),
    SetInformationHandler: passOn(NdisRequestSetInformation),
    SendPacketsHandler: (binding: Pass51Binding, array: Address, count: number) => {
      for (let index = 0; index < count; index++) send(binding, memory.readPointer(array + 8 * index));
    },
    ReturnPacketHandler: (binding: Pass51Binding, packet: Address) => {
      binding.array.value = indicatedPacket(binding, packet);
      ndis.NdisReturnPackets(binding.array.address, 1);
    },
    TransferDataHandler: (
      packet: Address,
      bytesTransferred: Address,
      binding: Pass51Binding,
      receiveContext: Address,
      offset: number,
      count: number,
    ) => {
      ndis.NdisTransferData(
        binding.cells.status,
        binding.handle.value,
        receiveContext,
        offset,
        count,
        packet,
        bytesTransferred,
      );
      return binding.status;
    },
    CancelSendPacketsHandler: (binding: Pass51Binding, cancelId: Address) =>
      ndis.NdisCancelSendPackets(binding.handle.value, cancelId),
  };
}
