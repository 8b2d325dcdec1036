/**
 * wireport: a miniport driver over any wire, for 802.3. DriverEntry and the callbacks; one adapter is
 * `WireportAdapter`. Written as a model: it does what the documentation asks of an Ethernet miniport, in the order in
 * which "Writing NDIS Miniport Drivers" (network) presents it.
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
  type NET_DEVICE_PNP_EVENT,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';
import { initializeAdapter } from './initialize.ts';
import { answerOid } from './oids.ts';
import { returnLists } from './receive.ts';
import { sendLists } from './send.ts';

/** The driver. */
export const wireport = defineDriver((imports: DriverImports) => {
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
            _driverContext: unknown,
            parameters: NDIS_MINIPORT_INIT_PARAMETERS,
          ) => initializeAdapter(imports, handle, parameters),
          HaltHandlerEx: (adapter: WireportAdapter) => adapter.halt(),
          UnloadHandler: () => ndis.NdisMDeregisterMiniportDriver(driverHandle.value),
          PauseHandler: (adapter: WireportAdapter) =>
            adapter.pause() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING,
          RestartHandler: (adapter: WireportAdapter) => adapter.restart(),
          OidRequestHandler: (adapter: WireportAdapter, request: NDIS_OID_REQUEST) =>
            answerOid(adapter, request),
          SendNetBufferListsHandler: (
            adapter: WireportAdapter,
            lists: Address,
            _port: number,
            flags: number,
          ) => sendLists(adapter, lists, flags),
          ReturnNetBufferListsHandler: (adapter: WireportAdapter, lists: Address) =>
            returnLists(adapter, lists),
          CancelSendHandler: (adapter: WireportAdapter, cancelId: Address) => adapter.cancelSends(cancelId),
          DevicePnPEventNotifyHandler: (adapter: WireportAdapter, event: NET_DEVICE_PNP_EVENT) =>
            adapter.power.deviceEvent(event),
          ShutdownHandlerEx: (adapter: WireportAdapter) => adapter.shutdown(),
          // Requests are answered before MiniportOidRequest returns, so there is never one to cancel.
          CancelOidRequestHandler: () => {},
        },
        driverHandle,
      );
    },
  };
});
