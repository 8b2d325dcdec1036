/**
 * The handlers of passthrough. On the data path they pass on what they get; FilterSetModuleOptions takes them off it.
 * Implements "Initializing a Filter Driver" and "Filter Module Send and Receive Operations" (network).
 */

import {
  type Address,
  NDIS_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_FILTER_CHARACTERISTICS_REVISION_3,
  NDIS_FILTER_PARTIAL_CHARACTERISTICS,
  NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
  NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER_LIST,
  type NET_DEVICE_PNP_EVENT,
  type NET_PNP_EVENT_NOTIFICATION,
} from '../../src/machine/index.ts';
import { PassthroughModule } from './module.ts';
import type { Passthrough } from './passthrough.ts';

/** What identifies the filter; an INF file for it has the same. */
const UNIQUE_NAME = '{A9E4B3C2-6F0D-4D0B-9E61-3B6C1D2F7A01}';
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;

/** No handlers on the data path. */
const BYPASS = {
  SendNetBufferListsHandler: null,
  SendNetBufferListsCompleteHandler: null,
  CancelSendNetBufferListsHandler: null,
  ReceiveNetBufferListsHandler: null,
  ReturnNetBufferListsHandler: null,
};

/** The handlers on the data path. */
function dataHandlers({ imports }: Passthrough) {
  const { ndis, memory } = imports;
  const { i32 } = memory;
  const countOf = (lists: Address): number => {
    let count = 0;
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) count++;
    return count;
  };
  return {
    SendNetBufferListsHandler: (module: PassthroughModule, lists: Address, port: number, flags: number) => {
      module.counts.sent += countOf(lists);
      ndis.NdisFSendNetBufferLists(module.handle, lists, port, flags);
    },
    SendNetBufferListsCompleteHandler: (module: PassthroughModule, lists: Address, flags: number) =>
      ndis.NdisFSendNetBufferListsComplete(module.handle, lists, flags),
    CancelSendNetBufferListsHandler: (module: PassthroughModule, id: Address) =>
      ndis.NdisFCancelSendNetBufferLists(module.handle, id),
    ReceiveNetBufferListsHandler: (
      module: PassthroughModule,
      lists: Address,
      port: number,
      count: number,
      flags: number,
    ) => {
      module.counts.received += count;
      ndis.NdisFIndicateReceiveNetBufferLists(module.handle, lists, port, count, flags);
    },
    ReturnNetBufferListsHandler: (module: PassthroughModule, lists: Address, flags: number) =>
      ndis.NdisFReturnNetBufferLists(module.handle, lists, flags),
  };
}

/** The handlers of requests: what comes goes on as a clone. */
function requestHandlers({ imports }: Passthrough) {
  const { ndis } = imports;
  return {
    OidRequestHandler: (module: PassthroughModule, request: NDIS_OID_REQUEST) => module.passOn(request),
    OidRequestCompleteHandler: (module: PassthroughModule, clone: NDIS_OID_REQUEST, status: number) =>
      module.completed('regular', clone.address, status),
    CancelOidRequestHandler: (module: PassthroughModule, id: Address) =>
      ndis.NdisFCancelOidRequest(module.handle, id),
    DirectOidRequestHandler: (module: PassthroughModule, request: NDIS_OID_REQUEST) =>
      module.passOnDirect(request),
    DirectOidRequestCompleteHandler: (module: PassthroughModule, clone: NDIS_OID_REQUEST, status: number) =>
      module.completed('direct', clone.address, status),
    CancelDirectOidRequestHandler: (module: PassthroughModule, id: Address) =>
      ndis.NdisFCancelDirectOidRequest(module.handle, id),
    // It goes on when this returns: a synchronous request is not cloned.
    SynchronousOidRequestHandler: (module: PassthroughModule) => {
      module.counts.requests++;
      return NDIS_STATUS_SUCCESS;
    },
    SynchronousOidRequestCompleteHandler: () => {},
  };
}

/** Status indications and events go on as they are. */
function eventHandlers({ imports }: Passthrough) {
  const { ndis } = imports;
  return {
    StatusHandler: (module: PassthroughModule, indication: NDIS_STATUS_INDICATION) => {
      module.counts.statuses++;
      ndis.NdisFIndicateStatus(module.handle, indication);
    },
    NetPnPEventHandler: (module: PassthroughModule, notification: NET_PNP_EVENT_NOTIFICATION) => {
      module.counts.events++;
      return ndis.NdisFNetPnPEvent(module.handle, notification);
    },
    DevicePnPEventNotifyHandler: (module: PassthroughModule, event: NET_DEVICE_PNP_EVENT) => {
      module.counts.events++;
      return ndis.NdisFDevicePnPEventNotify(module.handle, event);
    },
  };
}

/** NDIS_FILTER_DRIVER_CHARACTERISTICS. */
export function filterCharacteristics(driver: Passthrough, ServiceName: string) {
  const { imports, modules } = driver;
  const { ndis } = imports;
  const passing = dataHandlers(driver);
  const clone = imports.cell();
  const partial = imports.view(
    NDIS_FILTER_PARTIAL_CHARACTERISTICS,
    imports.data(NDIS_FILTER_PARTIAL_CHARACTERISTICS.size),
  );
  Object.assign(partial.Header, {
    Type: NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS,
    Revision: NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
    Size: NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
  });
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
      Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_3,
      Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 81,
    MajorDriverVersion: 1,
    FriendlyName: 'ndisbox passthrough filter',
    UniqueName: UNIQUE_NAME,
    ServiceName,
    AttachHandler: (handle: Address) => {
      const module = new PassthroughModule(imports, handle, clone);
      const status = ndis.NdisFSetAttributes(handle, module, {
        Header: {
          Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
          Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
          Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
        },
      });
      if (status === NDIS_STATUS_SUCCESS) modules.add(module);
      return status;
    },
    DetachHandler: (module: PassthroughModule) => {
      modules.delete(module);
    },
    // NDIS asks before each restart: what the module has from then on.
    SetFilterModuleOptionsHandler: (module: PassthroughModule) => {
      Object.assign(partial, driver.bypass ? BYPASS : passing);
      return ndis.NdisSetOptionalHandlers(module.handle, partial);
    },
    // It holds nothing, so there is nothing to wait for.
    PauseHandler: () => NDIS_STATUS_SUCCESS,
    RestartHandler: () => NDIS_STATUS_SUCCESS,
    ...passing,
    ...requestHandlers(driver),
    ...eventHandlers(driver),
  };
}
