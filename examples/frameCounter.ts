import * as api from 'ndisbox';

interface Binding { handle: api.Cell; bindContext: api.Address; unbindContext: api.Address }

/** A protocol driver that counts the frames of every adapter it is bound to. */
export default api.defineDriver(({ ndis, cell, data, memory, note }) => {
  const protocol = cell();
  const medium = cell(api.NdisMedium802_3);
  const filter = cell(api.NDIS_PACKET_TYPE_PROMISCUOUS);
  const request = data(api.NDIS_OID_REQUEST.size);
  let frames = 0;
  return {
    DriverEntry(DriverObject) {
      DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
      return ndis.NdisRegisterProtocolDriver(null, {
        Header: { Type: api.NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS, Revision: 2, Size: 128 },
        MajorNdisVersion: 6, MinorNdisVersion: 30, Name: 'FrameCounter',
        BindAdapterHandlerEx: (_driver: unknown, bindContext: api.Address, { AdapterName }: api.NDIS_BIND_PARAMETERS) => {
          const binding: Binding = { handle: cell(), bindContext, unbindContext: 0 };
          const Header = { Type: api.NDIS_OBJECT_TYPE_OPEN_PARAMETERS, Revision: 1, Size: 52 };
          const open = { Header, AdapterName, MediumArray: medium.address, MediumArraySize: 1, SelectedMediumIndex: medium.address };
          return ndis.NdisOpenAdapterEx(protocol.value, binding, open, bindContext, binding.handle);
        },
        OpenAdapterCompleteHandlerEx: ({ bindContext }: Binding, status: number) => ndis.NdisCompleteBindAdapterEx(bindContext, status),
        UnbindAdapterHandlerEx: (unbindContext: api.Address, binding: Binding) => {
          binding.unbindContext = unbindContext;
          return ndis.NdisCloseAdapterEx(binding.handle.value);
        },
        CloseAdapterCompleteHandlerEx: ({ unbindContext }: Binding) => ndis.NdisCompleteUnbindAdapterEx(unbindContext),
        NetPnPEventHandler: async (binding: Binding, { NetPnPEvent }: api.NET_PNP_EVENT_NOTIFICATION) => {
          if (NetPnPEvent.NetEvent === api.NetEventPause) note(`${frames} frames`);
          if (NetPnPEvent.NetEvent !== api.NetEventRestart) return api.NDIS_STATUS_SUCCESS;
          const set = { Oid: api.OID_GEN_CURRENT_PACKET_FILTER, InformationBuffer: filter.address, InformationBufferLength: 4 };
          const Header = { Type: api.NDIS_OBJECT_TYPE_OID_REQUEST, Revision: 1, Size: api.NDIS_SIZEOF_OID_REQUEST_REVISION_1 };
          api.NDIS_OID_REQUEST.fill(memory, request, { Header, RequestType: api.NdisRequestSetInformation, DATA: { SET_INFORMATION: set } });
          await ndis.NdisOidRequest(binding.handle.value, request);
          return api.NDIS_STATUS_SUCCESS;
        },
        OidRequestCompleteHandler: () => {},
        SendNetBufferListsCompleteHandler: () => {},
        ReceiveNetBufferListsHandler: ({ handle }: Binding, lists: api.Address, _port: number, count: number, flags: number) => {
          frames += count;
          if ((flags & api.NDIS_RECEIVE_FLAGS_RESOURCES) === 0) ndis.NdisReturnNetBufferLists(handle.value, lists, 0);
        },
      }, protocol);
    },
  };
});
