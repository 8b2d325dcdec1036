/**
 * Checking NDIS_PROTOCOL_DRIVER_CHARACTERISTICS and copying what it holds.
 * Implements ns-ndis-_ndis_protocol_driver_characteristics.
 */

import type { Driver } from '../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../memory/index.ts';
import { checkVersion, RequiredHandlers } from '../characteristics.ts';
import {
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_BAD_VERSION,
} from '../generated/constants/index.ts';
import { NDIS_PROTOCOL_DRIVER_CHARACTERISTICS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { PROTOCOL_DIRECT_OID_REQUEST_COMPLETE, PROTOCOL_OID_REQUEST_COMPLETE } from '../oid/callbacks.ts';
import { PROTOCOL_STATUS_EX } from '../status/callbacks.ts';
import type { NDIS_STATUS } from '../status.ts';
import {
  PROTOCOL_BIND_ADAPTER_EX,
  PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX,
  PROTOCOL_NET_PNP_EVENT,
  PROTOCOL_OPEN_ADAPTER_COMPLETE_EX,
  PROTOCOL_RECEIVE_NET_BUFFER_LISTS,
  PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE,
  PROTOCOL_UNBIND_ADAPTER_EX,
  PROTOCOL_UNINSTALL,
  SET_OPTIONS,
} from './callbacks.ts';
import type { ProtocolHandlers } from './protocolDriver.ts';

const CALL = 'NdisRegisterProtocolDriver';

const rule: HeaderRule = {
  structure: 'NDIS_PROTOCOL_DRIVER_CHARACTERISTICS',
  type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  revisions: [
    {
      revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1,
      size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_1,
      minorVersion: 0,
    },
    {
      revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
      size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
      minorVersion: 1,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_protocol_driver_characteristics',
};

/** What a protocol driver said of itself. */
export interface ProtocolCharacteristics {
  readonly name: string;
  readonly minorVersion: number;
  readonly handlers: ProtocolHandlers;
}

/** The checked copy of the characteristics at `address`, or the documented error. */
export function readProtocolCharacteristics(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
): ProtocolCharacteristics | NDIS_STATUS {
  const { memory, kernel } = ndis;
  const revision = checkHeader(ndis, driver, CALL, address, rule);
  if (revision === null) return NDIS_STATUS_BAD_CHARACTERISTICS;
  const view = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS.at(memory, address);
  if (!checkVersion(ndis, driver, CALL, view)) return NDIS_STATUS_BAD_VERSION;
  const required = new RequiredHandlers(driver);
  const { missing } = required;
  const bind = required.read('BindAdapterHandlerEx', view.BindAdapterHandlerEx, PROTOCOL_BIND_ADAPTER_EX);
  const unbind = required.read(
    'UnbindAdapterHandlerEx',
    view.UnbindAdapterHandlerEx,
    PROTOCOL_UNBIND_ADAPTER_EX,
  );
  const openComplete = required.read(
    'OpenAdapterCompleteHandlerEx',
    view.OpenAdapterCompleteHandlerEx,
    PROTOCOL_OPEN_ADAPTER_COMPLETE_EX,
  );
  const closeComplete = required.read(
    'CloseAdapterCompleteHandlerEx',
    view.CloseAdapterCompleteHandlerEx,
    PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX,
  );
  const netPnPEvent = required.read('NetPnPEventHandler', view.NetPnPEventHandler, PROTOCOL_NET_PNP_EVENT);
  const oidRequestComplete = required.read(
    'OidRequestCompleteHandler',
    view.OidRequestCompleteHandler,
    PROTOCOL_OID_REQUEST_COMPLETE,
  );
  const receive = required.read(
    'ReceiveNetBufferListsHandler',
    view.ReceiveNetBufferListsHandler,
    PROTOCOL_RECEIVE_NET_BUFFER_LISTS,
  );
  const sendComplete = required.read(
    'SendNetBufferListsCompleteHandler',
    view.SendNetBufferListsCompleteHandler,
    PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE,
  );
  const name = readUnicodeString(memory, view.Name.address);
  if (name === '') missing.push('Name');
  if (
    bind === null ||
    unbind === null ||
    openComplete === null ||
    closeComplete === null ||
    netPnPEvent === null ||
    oidRequestComplete === null ||
    receive === null ||
    sendComplete === null ||
    missing.length > 0
  ) {
    kernel.note(CALL, `${driver.name}: required but missing: ${missing.join(', ')}`);
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  const direct =
    revision.revision >= NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2
      ? view.DirectOidRequestCompleteHandler
      : 0;
  return {
    name,
    minorVersion: view.MinorNdisVersion,
    handlers: {
      setOptions: driver.callback(view.SetOptionsHandler, SET_OPTIONS),
      bind,
      unbind,
      openComplete,
      closeComplete,
      netPnPEvent,
      uninstall: driver.callback(view.UninstallHandler, PROTOCOL_UNINSTALL),
      oidRequestComplete,
      directOidRequestComplete: driver.callback(direct, PROTOCOL_DIRECT_OID_REQUEST_COMPLETE),
      status: driver.callback(view.StatusHandlerEx, PROTOCOL_STATUS_EX),
      receive,
      sendComplete,
    },
  };
}
