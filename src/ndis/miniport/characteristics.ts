/**
 * Checking NDIS_MINIPORT_DRIVER_CHARACTERISTICS and copying what it holds.
 * Implements ns-ndis-_ndis_miniport_driver_characteristics.
 */

import type { Driver } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { checkVersion, RequiredHandlers } from '../characteristics.ts';
import { refuseOidRequest, refuseSend } from '../condis/connectionless.ts';
import {
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
} from '../generated/constants/index.ts';
import { NDIS_MINIPORT_DRIVER_CHARACTERISTICS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import {
  MINIPORT_CANCEL_DIRECT_OID_REQUEST,
  MINIPORT_CANCEL_OID_REQUEST,
  MINIPORT_DIRECT_OID_REQUEST,
  MINIPORT_OID_REQUEST,
  MINIPORT_SYNCHRONOUS_OID_REQUEST,
} from '../oid/callbacks.ts';
import { SET_OPTIONS } from '../protocol/callbacks.ts';
import type { NDIS_STATUS } from '../status.ts';
import {
  MINIPORT_CANCEL_SEND,
  MINIPORT_CHECK_FOR_HANG,
  MINIPORT_DEVICE_PNP_EVENT_NOTIFY,
  MINIPORT_HALT,
  MINIPORT_INITIALIZE,
  MINIPORT_PAUSE,
  MINIPORT_RESET,
  MINIPORT_RESTART,
  MINIPORT_RETURN_NET_BUFFER_LISTS,
  MINIPORT_SEND_NET_BUFFER_LISTS,
  MINIPORT_SHUTDOWN,
  MINIPORT_UNLOAD,
} from './callbacks.ts';
import type { MiniportHandlers } from './miniportDriver.ts';

const CALL = 'NdisMRegisterMiniportDriver';

const rule: HeaderRule = {
  structure: 'NDIS_MINIPORT_DRIVER_CHARACTERISTICS',
  type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  revisions: [
    {
      revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1,
      size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1,
      minorVersion: 0,
    },
    {
      revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
      size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
      minorVersion: 1,
    },
    {
      revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
      size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
      minorVersion: 80,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_miniport_driver_characteristics',
};

/** What a miniport driver said of itself. */
export interface MiniportCharacteristics {
  /** Members without a handler that only a connection-oriented driver may leave out. */
  readonly lacking: readonly string[];
  readonly minorVersion: number;
  readonly flags: number;
  readonly handlers: MiniportHandlers;
}

/** The checked copy of the characteristics at `address`, or the documented error. */
export function readMiniportCharacteristics(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
): MiniportCharacteristics | NDIS_STATUS {
  const { memory, kernel } = ndis;
  const revision = checkHeader(ndis, driver, CALL, address, rule);
  if (revision === null) return NDIS_STATUS_BAD_CHARACTERISTICS;
  const view = NDIS_MINIPORT_DRIVER_CHARACTERISTICS.at(memory, address);
  if (!checkVersion(ndis, driver, CALL, view)) return NDIS_STATUS_BAD_VERSION;
  const required = new RequiredHandlers(driver);
  const connectionless = new RequiredHandlers(driver);
  const { missing } = required;
  const handlers = {
    setOptions: driver.callback(view.SetOptionsHandler, SET_OPTIONS),
    initialize: required.read('InitializeHandlerEx', view.InitializeHandlerEx, MINIPORT_INITIALIZE),
    halt: required.read('HaltHandlerEx', view.HaltHandlerEx, MINIPORT_HALT),
    unload: required.read('UnloadHandler', view.UnloadHandler, MINIPORT_UNLOAD),
    pause: required.read('PauseHandler', view.PauseHandler, MINIPORT_PAUSE),
    restart: required.read('RestartHandler', view.RestartHandler, MINIPORT_RESTART),
    oidRequest:
      connectionless.read('OidRequestHandler', view.OidRequestHandler, MINIPORT_OID_REQUEST) ??
      refuseOidRequest(driver),
    send:
      connectionless.read(
        'SendNetBufferListsHandler',
        view.SendNetBufferListsHandler,
        MINIPORT_SEND_NET_BUFFER_LISTS,
      ) ?? refuseSend(ndis, driver),
    returnLists: required.read(
      'ReturnNetBufferListsHandler',
      view.ReturnNetBufferListsHandler,
      MINIPORT_RETURN_NET_BUFFER_LISTS,
    ),
    cancelSend: required.read('CancelSendHandler', view.CancelSendHandler, MINIPORT_CANCEL_SEND),
    checkForHang: driver.callback(view.CheckForHangHandlerEx, MINIPORT_CHECK_FOR_HANG),
    reset: driver.callback(view.ResetHandlerEx, MINIPORT_RESET),
    devicePnPEventNotify: required.read(
      'DevicePnPEventNotifyHandler',
      view.DevicePnPEventNotifyHandler,
      MINIPORT_DEVICE_PNP_EVENT_NOTIFY,
    ),
    shutdown: required.read('ShutdownHandlerEx', view.ShutdownHandlerEx, MINIPORT_SHUTDOWN),
    cancelOidRequest: required.read(
      'CancelOidRequestHandler',
      view.CancelOidRequestHandler,
      MINIPORT_CANCEL_OID_REQUEST,
    ),
    directOidRequest:
      revision.revision >= NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2
        ? driver.callback(view.DirectOidRequestHandler, MINIPORT_DIRECT_OID_REQUEST)
        : null,
    cancelDirectOidRequest:
      revision.revision >= NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2
        ? driver.callback(view.CancelDirectOidRequestHandler, MINIPORT_CANCEL_DIRECT_OID_REQUEST)
        : null,
    synchronousOidRequest:
      revision.revision >= NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3
        ? driver.callback(view.SynchronousOidRequestHandler, MINIPORT_SYNCHRONOUS_OID_REQUEST)
        : null,
  };
  // Only MiniportSetOptions can make a connection-oriented driver of it.
  if (handlers.setOptions === null) missing.push(...connectionless.missing);
  if (handlers.checkForHang !== null && handlers.reset === null) missing.push('ResetHandlerEx');
  if ((handlers.directOidRequest === null) !== (handlers.cancelDirectOidRequest === null)) {
    missing.push('DirectOidRequestHandler or CancelDirectOidRequestHandler');
  }
  if (!isComplete(handlers) || missing.length > 0) {
    kernel.note(CALL, `${driver.name}: required but missing: ${missing.join(', ')}`);
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  const { MinorNdisVersion: minorVersion, Flags: flags } = view;
  return { minorVersion, flags, handlers, lacking: connectionless.missing };
}

const OPTIONAL: ReadonlySet<string> = new Set([
  'setOptions',
  'checkForHang',
  'reset',
  'directOidRequest',
  'cancelDirectOidRequest',
  'synchronousOidRequest',
]);

/** Whether every required handler is there. */
function isComplete(
  handlers: { readonly [K in keyof MiniportHandlers]: MiniportHandlers[K] | null },
): handlers is MiniportHandlers {
  return Object.entries(handlers).every(([name, callback]) => callback !== null || OPTIONAL.has(name));
}
