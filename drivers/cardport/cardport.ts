/**
 * cardport: a miniport driver for the teaching device (docs/teaching-device.md), with everything that hardware asks of
 * one: registers, interrupts of both kinds, DMA, shared memory, reset, surprise removal. DriverEntry and the callbacks;
 * one adapter is `CardportAdapter`. Implements "Writing NDIS Miniport Drivers" (network).
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  type NDIS_MINIPORT_INIT_PARAMETERS,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventSurpriseRemoved,
  type NET_DEVICE_PNP_EVENT,
} from '../../src/machine/index.ts';
import type { CardportAdapter } from './adapter.ts';
import { initializeAdapter } from './initialize.ts';
import { answerOid } from './oids.ts';
import { returnLists } from './receive.ts';
import * as r from './registers.ts';
import { sendLists } from './send.ts';

/** The driver. */
export const cardport = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const driverHandle = imports.cell();
  return {
    DriverEntry(DriverObject, RegistryPath) {
      return ndis.NdisMRegisterMiniportDriver(
        DriverObject,
        RegistryPath,
        null,
        {
          Header: {
            Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
            Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
            Size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
          },
          MajorNdisVersion: 6,
          MinorNdisVersion: 30,
          MajorDriverVersion: 1,
          InitializeHandlerEx: (
            handle: Address,
            _context: unknown,
            parameters: NDIS_MINIPORT_INIT_PARAMETERS,
          ) => initializeAdapter(imports, handle, parameters),
          HaltHandlerEx: (adapter: CardportAdapter) => adapter.halt(),
          UnloadHandler: () => ndis.NdisMDeregisterMiniportDriver(driverHandle.value),
          PauseHandler: (adapter: CardportAdapter) =>
            adapter.pause() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING,
          RestartHandler: (adapter: CardportAdapter) => adapter.restart(),
          OidRequestHandler: (adapter: CardportAdapter, request: NDIS_OID_REQUEST) =>
            answerOid(adapter, request),
          SendNetBufferListsHandler: (
            adapter: CardportAdapter,
            lists: Address,
            _port: number,
            flags: number,
          ) => sendLists(adapter, lists, flags),
          ReturnNetBufferListsHandler: (adapter: CardportAdapter, lists: Address) =>
            returnLists(adapter, lists),
          // Frames are with the device from the moment they are sent: there is never one to cancel.
          CancelSendHandler: () => {},
          CheckForHangHandlerEx: (adapter: CardportAdapter) => adapter.isHung(),
          ResetHandlerEx: (adapter: CardportAdapter, addressingReset: Address) => {
            imports.memory.u8[addressingReset] = 0;
            return adapter.reset();
          },
          DevicePnPEventNotifyHandler: (adapter: CardportAdapter, event: NET_DEVICE_PNP_EVENT) => {
            if (event.DevicePnPEvent === NdisDevicePnPEventSurpriseRemoved) adapter.pulledOut();
          },
          ShutdownHandlerEx: (adapter: CardportAdapter) => adapter.write(r.CONTROL, r.CONTROL_RESET),
          // Requests are answered before MiniportOidRequest returns, so there is never one to cancel.
          CancelOidRequestHandler: () => {},
        },
        driverHandle,
      );
    },
  };
});
