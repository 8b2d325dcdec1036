/**
 * wireport51: an NDIS 5.1 miniport driver over the wire of an adapter, deserialized; the twin of wireport as it would
 * have been written for Windows XP, and of native/legacy/ringport51 in C.
 * Implements NDIS_MINIPORT_CHARACTERISTICS (ddk/ndis.h).
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  NDIS_MINIPORT_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import type { Wireport51Adapter } from './adapter.ts';
import { initializeAdapter } from './initialize.ts';
import { queryInformation, setInformation } from './oids.ts';

/** The driver. */
export const wireport51 = defineDriver((imports: DriverImports) => {
  const { ndis, memory } = imports;
  const wrapper = imports.cell();
  return {
    async DriverEntry(DriverObject, RegistryPath) {
      ndis.NdisMInitializeWrapper(wrapper, DriverObject, RegistryPath, null);
      if (wrapper.value === 0) return NDIS_STATUS_FAILURE;
      const status = await ndis.NdisMRegisterMiniport(
        wrapper.value,
        {
          MajorNdisVersion: 5,
          MinorNdisVersion: 1,
          InitializeHandler: (
            _openErrorStatus: Address,
            selectedMediumIndex: Address,
            mediumArray: Address,
            mediumArraySize: number,
            handle: Address,
            configurationContext: Address,
          ) =>
            initializeAdapter(imports, {
              selectedMediumIndex,
              mediumArray,
              mediumArraySize,
              handle,
              configurationContext,
            }),
          HaltHandler: (adapter: Wireport51Adapter) => adapter.halt(),
          QueryInformationHandler: queryInformation,
          SetInformationHandler: setInformation,
          CheckForHangHandler: () => false,
          ResetHandler: (addressingReset: Address, adapter: Wireport51Adapter) => {
            memory.u8[addressingReset] = 0;
            adapter.abortSends(NDIS_STATUS_REQUEST_ABORTED);
            return NDIS_STATUS_SUCCESS;
          },
          SendPacketsHandler: (adapter: Wireport51Adapter, array: Address, count: number) =>
            adapter.send(array, count),
          ReturnPacketHandler: (adapter: Wireport51Adapter, packet: Address) => adapter.returned(packet),
          CancelSendPacketsHandler: (adapter: Wireport51Adapter, cancelId: Address) =>
            adapter.cancelSends(cancelId),
          PnPEventNotifyHandler: () => {},
          AdapterShutdownHandler: (adapter: Wireport51Adapter) => adapter.shutdown(),
        },
        NDIS_MINIPORT_CHARACTERISTICS.size,
      );
      if (status !== NDIS_STATUS_SUCCESS) await ndis.NdisTerminateWrapper(wrapper.value, null);
      return status;
    },
  };
});
