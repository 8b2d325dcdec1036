/** The least filter driver: it passes every list on as it is, or with `bypass` has no handler on the data path at all. */

import {
  type Address,
  type DriverImports,
  defineDriver,
  NDIS_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_FILTER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';

interface Module {
  readonly handle: Address;
}

const ATTRIBUTES = {
  Header: {
    Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
    Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
    Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  },
};

/** A filter driver of its own for each number. */
export function passFilter(number: number, bypass = false) {
  return defineDriver(({ ndis, ntoskrnl, memory }: DriverImports) => {
    const {
      NdisFSendNetBufferLists,
      NdisFSendNetBufferListsComplete,
      NdisFIndicateReceiveNetBufferLists,
      NdisFReturnNetBufferLists,
    } = ndis;
    const pathHandlers = {
      SendNetBufferListsHandler: (module: unknown, lists: Address, port: number, flags: number) =>
        NdisFSendNetBufferLists((module as Module).handle, lists, port, flags),
      SendNetBufferListsCompleteHandler: (module: unknown, lists: Address, flags: number) =>
        NdisFSendNetBufferListsComplete((module as Module).handle, lists, flags),
      ReceiveNetBufferListsHandler: (
        module: unknown,
        lists: Address,
        port: number,
        count: number,
        flags: number,
      ) => NdisFIndicateReceiveNetBufferLists((module as Module).handle, lists, port, count, flags),
      ReturnNetBufferListsHandler: (module: unknown, lists: Address, flags: number) =>
        NdisFReturnNetBufferLists((module as Module).handle, lists, flags),
    };
    const handle = ntoskrnl.ExAllocatePool2(64n, 8, 0x746c6946);
    return {
      DriverEntry: async (driverObject) => {
        driverObject.DriverUnload = async () => {
          await ndis.NdisFDeregisterFilterDriver(memory.readPointer(handle));
          ntoskrnl.ExFreePool(handle);
        };
        return ndis.NdisFRegisterFilterDriver(
          driverObject,
          null,
          {
            Header: {
              Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
              Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_2,
              Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
            },
            MajorNdisVersion: 6,
            MinorNdisVersion: 30,
            FriendlyName: `Pass ${number}`,
            UniqueName: `{70617373-0000-4000-8000-${String(number).padStart(12, '0')}}`,
            ServiceName: `pass${number}`,
            AttachHandler: (module: Address) =>
              ndis.NdisFSetAttributes(module, { handle: module } satisfies Module, ATTRIBUTES),
            DetachHandler: () => {},
            RestartHandler: () => NDIS_STATUS_SUCCESS,
            PauseHandler: () => NDIS_STATUS_SUCCESS,
            StatusHandler: () => {},
            ...(bypass ? {} : pathHandlers),
          },
          handle,
        );
      },
    };
  });
}
