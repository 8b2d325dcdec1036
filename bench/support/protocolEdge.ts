/** What the benchmark drivers have in common as protocols: registering, opening an adapter, asking for all frames. */

import {
  type Address,
  type Cell,
  type DriverImports,
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  NDIS_OID_REQUEST,
  NDIS_OID_REQUEST_REVISION_1,
  NDIS_OPEN_PARAMETERS_REVISION_1,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_OID_REQUEST_REVISION_1,
  NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisRequestSetInformation,
  OID_GEN_CURRENT_PACKET_FILTER,
} from '../../src/machine/index.ts';

/** A binding of a benchmark driver. */
export interface Lower {
  readonly handle: Cell;
  readonly bindContext: Address;
}

/** What differs from driver to driver. */
export interface EdgeHandlers<B extends Lower> {
  /** Makes the driver's record of a binding. */
  create(lower: Lower): B;
  /** The adapter is open. */
  opened(binding: B): number | Promise<number>;
  /** The binding is about to close. */
  closing(binding: B): void | Promise<void>;
  receive(binding: B, lists: Address, port: number, count: number, flags: number): void;
  sendComplete(binding: B, lists: Address, flags: number): void;
}

/** Characteristics for NdisRegisterProtocolDriver. */
export function protocolCharacteristics<B extends Lower>(
  imports: DriverImports,
  name: string,
  protocol: Cell,
  handlers: EdgeHandlers<B>,
) {
  const { ndis } = imports;
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
      Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    Name: name,
    BindAdapterHandlerEx: (_context: unknown, bindContext: Address, parameters: { AdapterName: Address }) => {
      const binding = handlers.create({ handle: imports.cell(), bindContext });
      const medium = imports.data(16);
      const status = ndis.NdisOpenAdapterEx(
        protocol.value,
        binding,
        {
          Header: {
            Type: NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
            Revision: NDIS_OPEN_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
          },
          AdapterName: parameters.AdapterName,
          MediumArray: medium,
          MediumArraySize: 1,
          SelectedMediumIndex: medium + 8,
        },
        bindContext,
        binding.handle,
      );
      return status === NDIS_STATUS_SUCCESS ? handlers.opened(binding) : status;
    },
    UnbindAdapterHandlerEx: async (_unbindContext: Address, binding: B) => {
      await handlers.closing(binding);
      return ndis.NdisCloseAdapterEx(binding.handle.value);
    },
    OpenAdapterCompleteHandlerEx: async (binding: B, status: number) => {
      const result = status === NDIS_STATUS_SUCCESS ? await handlers.opened(binding) : status;
      ndis.NdisCompleteBindAdapterEx(binding.bindContext, result);
    },
    CloseAdapterCompleteHandlerEx: () => {},
    NetPnPEventHandler: () => NDIS_STATUS_SUCCESS,
    OidRequestCompleteHandler: () => {},
    ReceiveNetBufferListsHandler: (binding: B, lists: Address, port: number, count: number, flags: number) =>
      handlers.receive(binding, lists, port, count, flags),
    SendNetBufferListsCompleteHandler: (binding: B, lists: Address, flags: number) =>
      handlers.sendComplete(binding, lists, flags),
  };
}

/** Sets the packet filter of a binding. */
export async function setPacketFilter(
  imports: DriverImports,
  binding: Lower,
  filter: number,
): Promise<number> {
  const request = imports.data(NDIS_OID_REQUEST.size);
  const buffer = imports.data(16);
  imports.memory.u32[buffer >> 2] = filter;
  const view = imports.view(NDIS_OID_REQUEST, request);
  view.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
  view.Header.Revision = NDIS_OID_REQUEST_REVISION_1;
  view.Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
  view.RequestType = NdisRequestSetInformation;
  view.DATA.Oid = OID_GEN_CURRENT_PACKET_FILTER;
  view.DATA.SET_INFORMATION.InformationBuffer = buffer;
  view.DATA.SET_INFORMATION.InformationBufferLength = 4;
  const status = await imports.ndis.NdisOidRequest(binding.handle.value, request);
  return status === NDIS_STATUS_PENDING ? NDIS_STATUS_SUCCESS : status;
}
