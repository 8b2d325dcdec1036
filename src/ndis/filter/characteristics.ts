/**
 * Checking NDIS_FILTER_DRIVER_CHARACTERISTICS and copying what it holds.
 * Implements ns-ndis-_ndis_filter_driver_characteristics.
 */

import type { Driver } from '../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../memory/index.ts';
import { checkVersion, RequiredHandlers } from '../characteristics.ts';
import {
  NDIS_FILTER_CHARACTERISTICS_REVISION_1,
  NDIS_FILTER_CHARACTERISTICS_REVISION_2,
  NDIS_FILTER_CHARACTERISTICS_REVISION_3,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_1,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
} from '../generated/constants/index.ts';
import {
  NDIS_FILTER_DRIVER_CHARACTERISTICS,
  type NDIS_FILTER_PARTIAL_CHARACTERISTICS,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { SET_OPTIONS } from '../protocol/callbacks.ts';
import type { NDIS_STATUS } from '../status.ts';
import {
  FILTER_ATTACH,
  FILTER_DETACH,
  FILTER_PAUSE,
  FILTER_RESTART,
  FILTER_SET_MODULE_OPTIONS,
} from './callbacks.ts';
import {
  FILTER_CANCEL_SEND_NET_BUFFER_LISTS,
  FILTER_RECEIVE_NET_BUFFER_LISTS,
  FILTER_RETURN_NET_BUFFER_LISTS,
  FILTER_SEND_NET_BUFFER_LISTS,
  FILTER_SEND_NET_BUFFER_LISTS_COMPLETE,
} from './dataCallbacks.ts';
import type { FilterDataHandlers, FilterHandlers } from './filterDriver.ts';
import {
  FILTER_CANCEL_DIRECT_OID_REQUEST,
  FILTER_CANCEL_OID_REQUEST,
  FILTER_DEVICE_PNP_EVENT_NOTIFY,
  FILTER_DIRECT_OID_REQUEST,
  FILTER_DIRECT_OID_REQUEST_COMPLETE,
  FILTER_NET_PNP_EVENT,
  FILTER_OID_REQUEST,
  FILTER_OID_REQUEST_COMPLETE,
  FILTER_STATUS,
  FILTER_SYNCHRONOUS_OID_REQUEST,
  FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE,
} from './requestCallbacks.ts';

const CALL = 'NdisFRegisterFilterDriver';

const rule: HeaderRule = {
  structure: 'NDIS_FILTER_DRIVER_CHARACTERISTICS',
  type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  revisions: [
    {
      revision: NDIS_FILTER_CHARACTERISTICS_REVISION_1,
      size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_1,
      minorVersion: 0,
    },
    {
      revision: NDIS_FILTER_CHARACTERISTICS_REVISION_2,
      size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
      minorVersion: 1,
    },
    {
      revision: NDIS_FILTER_CHARACTERISTICS_REVISION_3,
      size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
      minorVersion: 80,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_filter_driver_characteristics',
};

/** What a filter driver said of itself. */
export interface FilterCharacteristics {
  readonly name: string;
  readonly uniqueName: string;
  readonly friendlyName: string;
  readonly minorVersion: number;
  readonly flags: number;
  readonly handlers: FilterHandlers;
}

/** The handlers on the data path, which both structures have under the same names. */
export function readDataHandlers(
  driver: Driver,
  view: NDIS_FILTER_DRIVER_CHARACTERISTICS | NDIS_FILTER_PARTIAL_CHARACTERISTICS,
): FilterDataHandlers {
  return {
    send: driver.callback(view.SendNetBufferListsHandler, FILTER_SEND_NET_BUFFER_LISTS),
    sendComplete: driver.callback(
      view.SendNetBufferListsCompleteHandler,
      FILTER_SEND_NET_BUFFER_LISTS_COMPLETE,
    ),
    cancelSend: driver.callback(view.CancelSendNetBufferListsHandler, FILTER_CANCEL_SEND_NET_BUFFER_LISTS),
    receive: driver.callback(view.ReceiveNetBufferListsHandler, FILTER_RECEIVE_NET_BUFFER_LISTS),
    returnLists: driver.callback(view.ReturnNetBufferListsHandler, FILTER_RETURN_NET_BUFFER_LISTS),
  };
}

/** The handlers of requests, status and events; those of a newer revision are read only where it is there. */
function readRequestHandlers(
  driver: Driver,
  view: NDIS_FILTER_DRIVER_CHARACTERISTICS,
  revision: number,
): Omit<
  FilterHandlers,
  keyof FilterDataHandlers | 'setOptions' | 'setModuleOptions' | 'attach' | 'detach' | 'restart' | 'pause'
> {
  const direct = revision >= NDIS_FILTER_CHARACTERISTICS_REVISION_2;
  const synchronous = revision >= NDIS_FILTER_CHARACTERISTICS_REVISION_3;
  return {
    oidRequest: driver.callback(view.OidRequestHandler, FILTER_OID_REQUEST),
    oidRequestComplete: driver.callback(view.OidRequestCompleteHandler, FILTER_OID_REQUEST_COMPLETE),
    cancelOidRequest: driver.callback(view.CancelOidRequestHandler, FILTER_CANCEL_OID_REQUEST),
    directOidRequest: driver.callback(direct ? view.DirectOidRequestHandler : 0, FILTER_DIRECT_OID_REQUEST),
    directOidRequestComplete: driver.callback(
      direct ? view.DirectOidRequestCompleteHandler : 0,
      FILTER_DIRECT_OID_REQUEST_COMPLETE,
    ),
    cancelDirectOidRequest: driver.callback(
      direct ? view.CancelDirectOidRequestHandler : 0,
      FILTER_CANCEL_DIRECT_OID_REQUEST,
    ),
    synchronousOidRequest: driver.callback(
      synchronous ? view.SynchronousOidRequestHandler : 0,
      FILTER_SYNCHRONOUS_OID_REQUEST,
    ),
    synchronousOidRequestComplete: driver.callback(
      synchronous ? view.SynchronousOidRequestCompleteHandler : 0,
      FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE,
    ),
    status: driver.callback(view.StatusHandler, FILTER_STATUS),
    netPnPEvent: driver.callback(view.NetPnPEventHandler, FILTER_NET_PNP_EVENT),
    devicePnPEventNotify: driver.callback(view.DevicePnPEventNotifyHandler, FILTER_DEVICE_PNP_EVENT_NOTIFY),
  };
}

/** The checked copy of the characteristics at `address`, or the documented error. */
export function readFilterCharacteristics(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
): FilterCharacteristics | NDIS_STATUS {
  const { memory, kernel } = ndis;
  const revision = checkHeader(ndis, driver, CALL, address, rule);
  if (revision === null) return NDIS_STATUS_BAD_CHARACTERISTICS;
  const view = NDIS_FILTER_DRIVER_CHARACTERISTICS.at(memory, address);
  if (!checkVersion(ndis, driver, CALL, view)) return NDIS_STATUS_BAD_VERSION;
  const required = new RequiredHandlers(driver);
  const { missing } = required;
  const attach = required.read('AttachHandler', view.AttachHandler, FILTER_ATTACH);
  const detach = required.read('DetachHandler', view.DetachHandler, FILTER_DETACH);
  const restart = required.read('RestartHandler', view.RestartHandler, FILTER_RESTART);
  const pause = required.read('PauseHandler', view.PauseHandler, FILTER_PAUSE);
  const names = {
    name: readUnicodeString(memory, view.ServiceName.address),
    uniqueName: readUnicodeString(memory, view.UniqueName.address),
    friendlyName: readUnicodeString(memory, view.FriendlyName.address),
  };
  if (names.name === '') missing.push('ServiceName');
  if (names.uniqueName === '') missing.push('UniqueName');
  if (names.friendlyName === '') missing.push('FriendlyName');
  if (attach === null || detach === null || restart === null || pause === null || missing.length > 0) {
    kernel.note(CALL, `${driver.name}: required but missing: ${missing.join(', ')}`);
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  const data = readDataHandlers(driver, view);
  const handlers: FilterHandlers = {
    setOptions: driver.callback(view.SetOptionsHandler, SET_OPTIONS),
    setModuleOptions: driver.callback(view.SetFilterModuleOptionsHandler, FILTER_SET_MODULE_OPTIONS),
    attach,
    detach,
    restart,
    pause,
    ...data,
    ...readRequestHandlers(driver, view, revision.revision),
  };
  if ((data.receive !== null || data.returnLists !== null) && handlers.status === null) {
    kernel.report(
      'STATUS_HANDLER_MISSING',
      driver,
      `${CALL}: ${names.name} has a FilterReceiveNetBufferLists or FilterReturnNetBufferLists function and so has to have a FilterStatus function`,
      'network/data-bypass-mode',
    );
  }
  return { ...names, minorVersion: view.MinorNdisVersion, flags: view.Flags, handlers };
}
