import * as api from 'ndisbox';

interface Module { handle: api.Address; dropped: number }

const ETHERNET_HEADER = 14;
const IPV6 = 0x86dd;
const NEXT = api.NET_BUFFER_LIST.offset.Next;

/** A filter driver that lets every received frame pass but those of IPv6. Sends go past it. */
export default api.defineDriver(({ ndis, cell, data, memory, note }) => {
  const filter = cell();
  const header = data(16);

  const isIpv6 = (list: api.Address): boolean => {
    const at = ndis.NdisGetDataBuffer(ndis.NET_BUFFER_LIST_FIRST_NB(list), ETHERNET_HEADER, header, 1, 0);
    return at !== 0 && memory.u8[at + 12] * 256 + memory.u8[at + 13] === IPV6;
  };
  const link = (lists: readonly api.Address[]): api.Address => {
    for (const [index, list] of lists.entries()) memory.writePointer(list + NEXT, lists[index + 1] ?? 0);
    return lists[0] ?? 0;
  };

  return {
    DriverEntry(DriverObject) {
      DriverObject.DriverUnload = () => ndis.NdisFDeregisterFilterDriver(filter.value);
      return ndis.NdisFRegisterFilterDriver(DriverObject, null, {
        Header: { Type: api.NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS, Revision: 2, Size: 224 },
        MajorNdisVersion: 6, MinorNdisVersion: 30,
        FriendlyName: 'Frame gate', UniqueName: '{6E646973-626F-4078-9000-000000000001}', ServiceName: 'frameGate',
        AttachHandler: (handle: api.Address) => {
          const Header = { Type: api.NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES, Revision: 1, Size: 8 };
          const module: Module = { handle, dropped: 0 };
          return ndis.NdisFSetAttributes(handle, module, { Header });
        },
        DetachHandler: ({ dropped }: Module) => note(`${dropped} frames dropped`),
        RestartHandler: () => api.NDIS_STATUS_SUCCESS,
        PauseHandler: () => api.NDIS_STATUS_SUCCESS,
        StatusHandler: ({ handle }: Module, status: api.NDIS_STATUS_INDICATION) => ndis.NdisFIndicateStatus(handle, status),
        ReceiveNetBufferListsHandler: (module: Module, first: api.Address, port: number, _count: number, flags: number) => {
          const all: api.Address[] = [];
          for (let list = first; list !== 0; list = memory.readPointer(list + NEXT)) all.push(list);
          const dropped = all.filter(isIpv6);
          const passed = all.filter((list) => !dropped.includes(list));
          module.dropped += dropped.length;
          if (passed.length > 0)
            ndis.NdisFIndicateReceiveNetBufferLists(module.handle, link(passed), port, passed.length, flags);
          // Lent lists are the miniport's again when this returns, linked as they came; others are given back by hand.
          if ((flags & api.NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) link(all);
          else if (dropped.length > 0) ndis.NdisFReturnNetBufferLists(module.handle, link(dropped), flags & 1);
        },
      }, filter);
    },
  };
});
