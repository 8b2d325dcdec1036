/** A filter driver that shows a test every list that passes, and lets it change the list and the receive flags. */

import {
  type Address,
  type DriverImage,
  defineDriver,
  type KernelMemory,
  NDIS_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_FILTER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';

type See = (list: Address, memory: KernelMemory) => void;

/** What a test does with lists; each is called before the list goes on. */
export interface Probe {
  send: See;
  sendComplete: See;
  receive: See;
  /** Also for lists that were lent, after the call. */
  returned: See;
  /** Flags that receives get in addition. With NDIS_RECEIVE_FLAGS_RESOURCES the lists are lent, each call's at once. */
  receiveFlags: number;
}

export function createProbe(): Probe {
  const nothing = () => {};
  return { send: nothing, sendComplete: nothing, receive: nothing, returned: nothing, receiveFlags: 0 };
}

interface ProbeModule {
  readonly handle: Address;
}

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;

/** The driver; `number` tells several of them apart. */
export function probeFilter(probe: Probe, name: string, number: number): DriverImage {
  return defineDriver(({ ndis, memory, cell }) => {
    const filter = cell();
    const each = (lists: Address, see: See) => {
      for (let list = lists; list !== 0; list = memory.i32[(list + NBL_NEXT) >> 2]) see(list, memory);
    };
    return {
      DriverEntry(DriverObject) {
        DriverObject.DriverUnload = () => ndis.NdisFDeregisterFilterDriver(filter.value);
        return ndis.NdisFRegisterFilterDriver(
          DriverObject,
          null,
          {
            Header: {
              Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
              Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_2,
              Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
            },
            MajorNdisVersion: 6,
            MinorNdisVersion: 30,
            MajorDriverVersion: 1,
            FriendlyName: `probe ${name}`,
            UniqueName: `{00000000-0000-4000-8000-00000000000${number}}`,
            ServiceName: name,
            AttachHandler: (handle: Address) =>
              ndis.NdisFSetAttributes(handle, { handle } satisfies ProbeModule, {
                Header: {
                  Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
                  Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
                  Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
                },
              }),
            DetachHandler: () => {},
            PauseHandler: () => NDIS_STATUS_SUCCESS,
            RestartHandler: () => NDIS_STATUS_SUCCESS,
            StatusHandler: (module: ProbeModule, indication: NDIS_STATUS_INDICATION) =>
              ndis.NdisFIndicateStatus(module.handle, indication),
            SendNetBufferListsHandler: (module: ProbeModule, lists: Address, port: number, flags: number) => {
              each(lists, probe.send);
              ndis.NdisFSendNetBufferLists(module.handle, lists, port, flags);
            },
            SendNetBufferListsCompleteHandler: (module: ProbeModule, lists: Address, flags: number) => {
              each(lists, probe.sendComplete);
              ndis.NdisFSendNetBufferListsComplete(module.handle, lists, flags);
            },
            ReceiveNetBufferListsHandler: (
              module: ProbeModule,
              lists: Address,
              port: number,
              count: number,
              flags: number,
            ) => {
              each(lists, probe.receive);
              const changed = flags | probe.receiveFlags;
              ndis.NdisFIndicateReceiveNetBufferLists(module.handle, lists, port, count, changed);
              if ((changed & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) return;
              each(lists, probe.returned);
              if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0)
                ndis.NdisFReturnNetBufferLists(module.handle, lists, 0);
            },
            ReturnNetBufferListsHandler: (module: ProbeModule, lists: Address, flags: number) => {
              each(lists, probe.returned);
              ndis.NdisFReturnNetBufferLists(module.handle, lists, flags);
            },
          },
          filter,
        );
      },
    };
  });
}
