/**
 * The handlers that NDIS 4.0 to 5.1 miniport drivers register in NDIS_MINIPORT_CHARACTERISTICS.
 * Implements the W_*_HANDLER types of ddk/ndis.h, whose pages the reference has not kept.
 */

import { declareCallback } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import type { NDIS_STATUS } from '../../status.ts';

type Result<T> = T | Promise<T>;

/** MiniportInitialize: brings an adapter up and selects a medium of MediumArray. */
export type W_INITIALIZE_HANDLER = (
  OpenErrorStatus: Address,
  SelectedMediumIndex: Address,
  MediumArray: Address,
  MediumArraySize: number,
  MiniportAdapterContext: Address,
  WrapperConfigurationContext: Address,
) => Result<NDIS_STATUS>;
export const W_INITIALIZE_HANDLER = declareCallback<W_INITIALIZE_HANDLER>({
  prototype:
    'NDIS_STATUS W_INITIALIZE_HANDLER(PNDIS_STATUS OpenErrorStatus, PUINT SelectedMediumIndex, PNDIS_MEDIUM MediumArray, UINT MediumArraySize, NDIS_HANDLE MiniportAdapterContext, NDIS_HANDLE WrapperConfigurationContext)',
  role: 'MiniportInitialize',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: 'ndis/nc-ndis-w_initialize_handler',
});

/** MiniportHalt: releases everything of an adapter. */
export type W_HALT_HANDLER = (MiniportAdapterContext: unknown) => Result<void>;
export const W_HALT_HANDLER = declareCallback<W_HALT_HANDLER>({
  prototype: 'VOID W_HALT_HANDLER(NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportHalt',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: 'ndis/nc-ndis-w_halt_handler',
});

/** MiniportCheckForHang: TRUE asks for a reset. */
export type W_CHECK_FOR_HANG_HANDLER = (MiniportAdapterContext: unknown) => boolean | number;
export const W_CHECK_FOR_HANG_HANDLER = declareCallback<W_CHECK_FOR_HANG_HANDLER>({
  prototype: 'BOOLEAN W_CHECK_FOR_HANG_HANDLER(NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportCheckForHang',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_check_for_hang_handler',
});

/** MiniportReset: resets the adapter; may complete later with NdisMResetComplete. */
export type W_RESET_HANDLER = (AddressingReset: Address, MiniportAdapterContext: unknown) => NDIS_STATUS;
export const W_RESET_HANDLER = declareCallback<W_RESET_HANDLER>({
  prototype: 'NDIS_STATUS W_RESET_HANDLER(PBOOLEAN AddressingReset, NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportReset',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_reset_handler',
});

/** MiniportQueryInformation: answers an OID; may complete later with NdisMQueryInformationComplete. */
export type W_QUERY_INFORMATION_HANDLER = (
  MiniportAdapterContext: unknown,
  Oid: number,
  InformationBuffer: Address,
  InformationBufferLength: number,
  BytesWritten: Address,
  BytesNeeded: Address,
) => NDIS_STATUS;
export const W_QUERY_INFORMATION_HANDLER = declareCallback<W_QUERY_INFORMATION_HANDLER>({
  prototype:
    'NDIS_STATUS W_QUERY_INFORMATION_HANDLER(NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength, PULONG BytesWritten, PULONG BytesNeeded)',
  role: 'MiniportQueryInformation',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_query_information_handler',
});

/** MiniportSetInformation: sets an OID; may complete later with NdisMSetInformationComplete. */
export type W_SET_INFORMATION_HANDLER = (
  MiniportAdapterContext: unknown,
  Oid: number,
  InformationBuffer: Address,
  InformationBufferLength: number,
  BytesRead: Address,
  BytesNeeded: Address,
) => NDIS_STATUS;
export const W_SET_INFORMATION_HANDLER = declareCallback<W_SET_INFORMATION_HANDLER>({
  prototype:
    'NDIS_STATUS W_SET_INFORMATION_HANDLER(NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength, PULONG BytesRead, PULONG BytesNeeded)',
  role: 'MiniportSetInformation',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_set_information_handler',
});

/** MiniportSend: transmits one packet; what is pending comes back by NdisMSendComplete. */
export type W_SEND_HANDLER = (MiniportAdapterContext: unknown, Packet: Address, Flags: number) => NDIS_STATUS;
export const W_SEND_HANDLER = declareCallback<W_SEND_HANDLER>({
  prototype:
    'NDIS_STATUS W_SEND_HANDLER(NDIS_HANDLE MiniportAdapterContext, PNDIS_PACKET Packet, UINT Flags)',
  role: 'MiniportSend',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_send_handler',
  hot: true,
});

/** MiniportSendPackets: transmits several packets, the status of each in its out-of-band data. */
export type W_SEND_PACKETS_HANDLER = (
  MiniportAdapterContext: unknown,
  PacketArray: Address,
  NumberOfPackets: number,
) => void;
export const W_SEND_PACKETS_HANDLER = declareCallback<W_SEND_PACKETS_HANDLER>({
  prototype:
    'VOID W_SEND_PACKETS_HANDLER(NDIS_HANDLE MiniportAdapterContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)',
  role: 'MiniportSendPackets',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_send_packets_handler',
  hot: true,
});

/** MiniportTransferData: copies the rest of a frame that was indicated with a lookahead buffer. */
export type W_TRANSFER_DATA_HANDLER = (
  Packet: Address,
  BytesTransferred: Address,
  MiniportAdapterContext: unknown,
  MiniportReceiveContext: unknown,
  ByteOffset: number,
  BytesToTransfer: number,
) => NDIS_STATUS;
export const W_TRANSFER_DATA_HANDLER = declareCallback<W_TRANSFER_DATA_HANDLER>({
  prototype:
    'NDIS_STATUS W_TRANSFER_DATA_HANDLER(PNDIS_PACKET Packet, PUINT BytesTransferred, NDIS_HANDLE MiniportAdapterContext, NDIS_HANDLE MiniportReceiveContext, UINT ByteOffset, UINT BytesToTransfer)',
  role: 'MiniportTransferData',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_transfer_data_handler',
});

/** MiniportReturnPacket: a packet that the miniport indicated comes back. */
export type W_RETURN_PACKET_HANDLER = (MiniportAdapterContext: unknown, Packet: Address) => void;
export const W_RETURN_PACKET_HANDLER = declareCallback<W_RETURN_PACKET_HANDLER>({
  prototype: 'VOID W_RETURN_PACKET_HANDLER(NDIS_HANDLE MiniportAdapterContext, PNDIS_PACKET Packet)',
  role: 'MiniportReturnPacket',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_return_packet_handler',
  hot: true,
});

/** MiniportAllocateComplete: gets the memory of NdisMAllocateSharedMemoryAsync; NULL where there was none. */
export type W_ALLOCATE_COMPLETE_HANDLER = (
  MiniportAdapterContext: unknown,
  VirtualAddress: Address,
  PhysicalAddress: Address,
  Length: number,
  Context: unknown,
) => void;
export const W_ALLOCATE_COMPLETE_HANDLER = declareCallback<W_ALLOCATE_COMPLETE_HANDLER>({
  prototype:
    'VOID W_ALLOCATE_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterContext, PVOID VirtualAddress, PNDIS_PHYSICAL_ADDRESS PhysicalAddress, ULONG Length, PVOID Context)',
  role: 'MiniportAllocateComplete',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_allocate_complete_handler',
});

/** MiniportISR: dismisses the interrupt and says whether MiniportHandleInterrupt is to run. */
export type W_ISR_HANDLER = (
  InterruptRecognized: Address,
  QueueMiniportHandleInterrupt: Address,
  MiniportAdapterContext: unknown,
) => void;
export const W_ISR_HANDLER = declareCallback<W_ISR_HANDLER>({
  prototype:
    'VOID W_ISR_HANDLER(PBOOLEAN InterruptRecognized, PBOOLEAN QueueMiniportHandleInterrupt, NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportISR',
  irql: 'any',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_isr_handler',
});

/** MiniportHandleInterrupt: the deferred work of an interrupt. */
export type W_HANDLE_INTERRUPT_HANDLER = (MiniportAdapterContext: unknown) => void;
export const W_HANDLE_INTERRUPT_HANDLER = declareCallback<W_HANDLE_INTERRUPT_HANDLER>({
  prototype: 'VOID W_HANDLE_INTERRUPT_HANDLER(NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportHandleInterrupt',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_handle_interrupt_handler',
});

/** MiniportDisableInterrupt: stops the card from interrupting; before MiniportHandleInterrupt without a MiniportISR. */
export type W_DISABLE_INTERRUPT_HANDLER = (MiniportAdapterContext: unknown) => void;
export const W_DISABLE_INTERRUPT_HANDLER = declareCallback<W_DISABLE_INTERRUPT_HANDLER>({
  prototype: 'VOID W_DISABLE_INTERRUPT_HANDLER(NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportDisableInterrupt',
  irql: 'any',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_disable_interrupt_handler',
});

/** MiniportEnableInterrupt: lets the card interrupt again; after MiniportHandleInterrupt. */
export type W_ENABLE_INTERRUPT_HANDLER = (MiniportAdapterContext: unknown) => void;
export const W_ENABLE_INTERRUPT_HANDLER = declareCallback<W_ENABLE_INTERRUPT_HANDLER>({
  prototype: 'VOID W_ENABLE_INTERRUPT_HANDLER(NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportEnableInterrupt',
  irql: 'any',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-w_enable_interrupt_handler',
});

/** MiniportCancelSendPackets: completes the queued packets with this cancel id. */
export type W_CANCEL_SEND_PACKETS_HANDLER = (MiniportAdapterContext: unknown, CancelId: unknown) => void;
export const W_CANCEL_SEND_PACKETS_HANDLER = declareCallback<W_CANCEL_SEND_PACKETS_HANDLER>({
  prototype: 'VOID W_CANCEL_SEND_PACKETS_HANDLER(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)',
  role: 'MiniportCancelSendPackets',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nc-ndis-w_cancel_send_packets_handler',
});

/** MiniportPnPEventNotify: a Plug and Play event of the device. */
export type W_PNP_EVENT_NOTIFY_HANDLER = (
  MiniportAdapterContext: unknown,
  PnPEvent: number,
  InformationBuffer: Address,
  InformationBufferLength: number,
) => Result<void>;
export const W_PNP_EVENT_NOTIFY_HANDLER = declareCallback<W_PNP_EVENT_NOTIFY_HANDLER>({
  prototype:
    'VOID W_PNP_EVENT_NOTIFY_HANDLER(NDIS_HANDLE MiniportAdapterContext, NDIS_DEVICE_PNP_EVENT PnPEvent, PVOID InformationBuffer, ULONG InformationBufferLength)',
  role: 'MiniportPnPEventNotify',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '5.1',
  page: 'ndis/nc-ndis-w_pnp_event_notify_handler',
});

/** MiniportShutdown: the system shuts down; the adapter must be silent. */
export type W_MINIPORT_SHUTDOWN_HANDLER = (ShutdownContext: unknown) => void;
export const W_MINIPORT_SHUTDOWN_HANDLER = declareCallback<W_MINIPORT_SHUTDOWN_HANDLER>({
  prototype: 'VOID W_MINIPORT_SHUTDOWN_HANDLER(PVOID ShutdownContext)',
  role: 'MiniportShutdown',
  irql: 'any',
  waits: 'never',
  since: '5.1',
  page: 'ndis/nc-ndis-w_miniport_shutdown_handler',
});

/** MiniportShutdown as NdisMRegisterAdapterShutdownHandler registers it, with a context of its own. */
export type ADAPTER_SHUTDOWN_HANDLER = (ShutdownContext: unknown) => void;
export const ADAPTER_SHUTDOWN_HANDLER = declareCallback<ADAPTER_SHUTDOWN_HANDLER>({
  prototype: 'VOID ADAPTER_SHUTDOWN_HANDLER(PVOID ShutdownContext)',
  role: 'MiniportShutdown',
  irql: 'any',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nc-ndis-adapter_shutdown_handler',
});
