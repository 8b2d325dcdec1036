/** The callbacks of miniport drivers. Implements the nc-ndis-miniport_* pages (ndis). */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type {
  NDIS_MINIPORT_INIT_PARAMETERS,
  NDIS_MINIPORT_PAUSE_PARAMETERS,
  NDIS_MINIPORT_RESTART_PARAMETERS,
  NET_DEVICE_PNP_EVENT,
} from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';

type Result<T> = T | Promise<T>;

/** MiniportInitializeEx: brings an adapter up; it is Paused when this succeeds. */
export type MINIPORT_INITIALIZE = (
  NdisMiniportHandle: Address,
  MiniportDriverContext: unknown,
  MiniportInitParameters: NDIS_MINIPORT_INIT_PARAMETERS,
) => Result<NDIS_STATUS>;
export const MINIPORT_INITIALIZE = declareCallback<MINIPORT_INITIALIZE>({
  prototype:
    'NDIS_STATUS MINIPORT_INITIALIZE(NDIS_HANDLE NdisMiniportHandle, NDIS_HANDLE MiniportDriverContext, PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)',
  role: 'MiniportInitializeEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_initialize',
});

/** MiniportHaltEx: releases everything of an adapter. */
export type MINIPORT_HALT = (MiniportAdapterContext: unknown, HaltAction: number) => Result<void>;
export const MINIPORT_HALT = declareCallback<MINIPORT_HALT>({
  prototype: 'VOID MINIPORT_HALT(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)',
  role: 'MiniportHaltEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_halt',
});

/** MiniportDriverUnload: the driver deregisters and is gone. */
export type MINIPORT_UNLOAD = (DriverObject: unknown) => Result<void>;
export const MINIPORT_UNLOAD = declareCallback<MINIPORT_UNLOAD>({
  prototype: 'VOID MINIPORT_UNLOAD(PDRIVER_OBJECT DriverObject)',
  role: 'MiniportDriverUnload',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_unload',
});

/** MiniportPause: stops the flow of data; may complete later with NdisMPauseComplete. */
export type MINIPORT_PAUSE = (
  MiniportAdapterContext: unknown,
  PauseParameters: NDIS_MINIPORT_PAUSE_PARAMETERS,
) => Result<NDIS_STATUS>;
export const MINIPORT_PAUSE = declareCallback<MINIPORT_PAUSE>({
  prototype:
    'NDIS_STATUS MINIPORT_PAUSE(NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_PAUSE_PARAMETERS PauseParameters)',
  role: 'MiniportPause',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_pause',
});

/** MiniportRestart: resumes the flow of data; may complete later with NdisMRestartComplete. */
export type MINIPORT_RESTART = (
  MiniportAdapterContext: unknown,
  RestartParameters: NDIS_MINIPORT_RESTART_PARAMETERS,
) => Result<NDIS_STATUS>;
export const MINIPORT_RESTART = declareCallback<MINIPORT_RESTART>({
  prototype:
    'NDIS_STATUS MINIPORT_RESTART(NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_RESTART_PARAMETERS RestartParameters)',
  role: 'MiniportRestart',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_restart',
});

/** MiniportSendNetBufferLists: lists to transmit; they go back by NdisMSendNetBufferListsComplete. */
export type MINIPORT_SEND_NET_BUFFER_LISTS = (
  MiniportAdapterContext: unknown,
  NetBufferList: Address,
  PortNumber: number,
  SendFlags: number,
) => void;
export const MINIPORT_SEND_NET_BUFFER_LISTS = declareCallback<MINIPORT_SEND_NET_BUFFER_LISTS>({
  prototype:
    'VOID MINIPORT_SEND_NET_BUFFER_LISTS(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferList, NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)',
  role: 'MiniportSendNetBufferLists',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_send_net_buffer_lists',
  hot: true,
});

/** MiniportReturnNetBufferLists: lists that the miniport indicated come back. */
export type MINIPORT_RETURN_NET_BUFFER_LISTS = (
  MiniportAdapterContext: unknown,
  NetBufferLists: Address,
  ReturnFlags: number,
) => void;
export const MINIPORT_RETURN_NET_BUFFER_LISTS = declareCallback<MINIPORT_RETURN_NET_BUFFER_LISTS>({
  prototype:
    'VOID MINIPORT_RETURN_NET_BUFFER_LISTS(NDIS_HANDLE MiniportAdapterContext, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)',
  role: 'MiniportReturnNetBufferLists',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_return_net_buffer_lists',
  hot: true,
});

/** MiniportCancelSend: completes the queued lists with this cancel id. */
export type MINIPORT_CANCEL_SEND = (MiniportAdapterContext: unknown, CancelId: unknown) => void;
export const MINIPORT_CANCEL_SEND = declareCallback<MINIPORT_CANCEL_SEND>({
  prototype: 'VOID MINIPORT_CANCEL_SEND(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)',
  role: 'MiniportCancelSend',
  onWait: 'split',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_cancel_send',
});

/** MiniportCheckForHangEx: TRUE asks for a reset. Called about every two seconds. */
export type MINIPORT_CHECK_FOR_HANG = (MiniportAdapterContext: unknown) => boolean | number;
export const MINIPORT_CHECK_FOR_HANG = declareCallback<MINIPORT_CHECK_FOR_HANG>({
  prototype: 'BOOLEAN MINIPORT_CHECK_FOR_HANG(NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportCheckForHangEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_check_for_hang',
});

/** MiniportResetEx: resets the adapter; may complete later with NdisMResetComplete. */
export type MINIPORT_RESET = (MiniportAdapterContext: unknown, AddressingReset: Address) => NDIS_STATUS;
export const MINIPORT_RESET = declareCallback<MINIPORT_RESET>({
  prototype: 'NDIS_STATUS MINIPORT_RESET(NDIS_HANDLE MiniportAdapterContext, PBOOLEAN AddressingReset)',
  role: 'MiniportResetEx',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_reset',
});

/** MiniportShutdownEx: the system shuts down; the adapter must be silent. */
export type MINIPORT_SHUTDOWN = (MiniportAdapterContext: unknown, ShutdownAction: number) => void;
export const MINIPORT_SHUTDOWN = declareCallback<MINIPORT_SHUTDOWN>({
  prototype:
    'VOID MINIPORT_SHUTDOWN(NDIS_HANDLE MiniportAdapterContext, NDIS_SHUTDOWN_ACTION ShutdownAction)',
  role: 'MiniportShutdownEx',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_shutdown',
});

/** MiniportDevicePnPEventNotify: a Plug and Play event of the device. */
export type MINIPORT_DEVICE_PNP_EVENT_NOTIFY = (
  MiniportAdapterContext: unknown,
  NetDevicePnPEvent: NET_DEVICE_PNP_EVENT,
) => Result<void>;
export const MINIPORT_DEVICE_PNP_EVENT_NOTIFY = declareCallback<MINIPORT_DEVICE_PNP_EVENT_NOTIFY>({
  prototype:
    'VOID MINIPORT_DEVICE_PNP_EVENT_NOTIFY(NDIS_HANDLE MiniportAdapterContext, PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)',
  role: 'MiniportDevicePnPEventNotify',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_device_pnp_event_notify',
});

/** MiniportAddDevice: a device was found; the driver may allocate a context for it. */
export type MINIPORT_ADD_DEVICE = (
  NdisMiniportHandle: Address,
  MiniportDriverContext: unknown,
) => Result<NDIS_STATUS>;
export const MINIPORT_ADD_DEVICE = declareCallback<MINIPORT_ADD_DEVICE>({
  prototype:
    'NDIS_STATUS MINIPORT_ADD_DEVICE(NDIS_HANDLE NdisMiniportHandle, NDIS_HANDLE MiniportDriverContext)',
  role: 'MiniportAddDevice',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_add_device',
});

/** MiniportRemoveDevice: releases what MiniportAddDevice allocated. */
export type MINIPORT_REMOVE_DEVICE = (MiniportAddDeviceContext: unknown) => Result<void>;
export const MINIPORT_REMOVE_DEVICE = declareCallback<MINIPORT_REMOVE_DEVICE>({
  prototype: 'VOID MINIPORT_REMOVE_DEVICE(NDIS_HANDLE MiniportAddDeviceContext)',
  role: 'MiniportRemoveDevice',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_remove_device',
});
