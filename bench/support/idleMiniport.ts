/** The least miniport driver: its adapters exist, and are silent. */

import {
  type Address,
  type DriverImports,
  defineDriver,
  MediaConnectStateConnected,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
  NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';

const MAC_ADDRESS = [2, 0, 0, 0, 0, 4];

export function idleMiniport() {
  return defineDriver(({ ndis, cell }: DriverImports) => {
    const driver = cell();
    const succeed = () => NDIS_STATUS_SUCCESS;
    const nothing = () => {};
    const initialize = (adapter: Address) => {
      ndis.NdisMSetMiniportAttributes(adapter, {
        RegistrationAttributes: {
          Header: {
            Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
            Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
            Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1,
          },
          MiniportAdapterContext: { adapter },
        },
      });
      return ndis.NdisMSetMiniportAttributes(adapter, {
        GeneralAttributes: {
          Header: {
            Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
            Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
            Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
          },
          MtuSize: 1500,
          LookaheadSize: 1500,
          MediaConnectState: MediaConnectStateConnected,
          MacOptions: NDIS_MAC_OPTION_NO_LOOPBACK,
          SupportedPacketFilters: 0x2f,
          MaxMulticastListSize: 32,
          MacAddressLength: MAC_ADDRESS.length,
          PermanentMacAddress: MAC_ADDRESS,
          CurrentMacAddress: MAC_ADDRESS,
          IfType: 6,
        },
      });
    };
    return {
      DriverEntry: (driverObject, registryPath) =>
        ndis.NdisMRegisterMiniportDriver(
          driverObject,
          registryPath,
          null,
          {
            Header: {
              Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
              Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
              Size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
            },
            MajorNdisVersion: 6,
            MinorNdisVersion: 30,
            InitializeHandlerEx: initialize,
            HaltHandlerEx: nothing,
            UnloadHandler: () => ndis.NdisMDeregisterMiniportDriver(driver.value),
            PauseHandler: succeed,
            RestartHandler: succeed,
            OidRequestHandler: succeed,
            SendNetBufferListsHandler: nothing,
            ReturnNetBufferListsHandler: nothing,
            CancelSendHandler: nothing,
            DevicePnPEventNotifyHandler: nothing,
            ShutdownHandlerEx: nothing,
            CancelOidRequestHandler: nothing,
          },
          driver,
        ),
    };
  });
}
