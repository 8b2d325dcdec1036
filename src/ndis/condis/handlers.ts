/**
 * What connection-oriented drivers register through NdisSetOptionalHandlers: the handlers of the structures, resolved
 * once. Implements ns-ndis-_ndis_protocol_co_characteristics, ns-ndis-_ndis_co_client_optional_handlers,
 * ns-ndis-_ndis_co_call_manager_optional_handlers and ns-ndis-_ndis_miniport_co_characteristics.
 */

import type { Driver, DriverCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { RequiredHandlers } from '../characteristics.ts';
import {
  NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
  NDIS_MINIPORT_CO_CHARACTERISTICS,
  NDIS_PROTOCOL_CO_CHARACTERISTICS,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import * as cm from './callManagerCallbacks.ts';
import * as cl from './clientCallbacks.ts';
import * as mp from './miniportCallbacks.ts';
import * as co from './protocolCallbacks.ts';

/** NDIS_PROTOCOL_CO_CHARACTERISTICS. */
export interface ProtocolCoHandlers {
  readonly status: DriverCallback<co.PROTOCOL_CO_STATUS_EX> | null;
  readonly familyNotify: DriverCallback<co.PROTOCOL_CO_AF_REGISTER_NOTIFY> | null;
  readonly receive: DriverCallback<co.PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS>;
  readonly sendComplete: DriverCallback<co.PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE>;
}

/** What both ends of an address family have. */
export interface EndHandlers {
  readonly createVc: DriverCallback<co.PROTOCOL_CO_CREATE_VC>;
  readonly deleteVc: DriverCallback<co.PROTOCOL_CO_DELETE_VC>;
  readonly oidRequest: DriverCallback<co.PROTOCOL_CO_OID_REQUEST>;
  readonly oidRequestComplete: DriverCallback<co.PROTOCOL_CO_OID_REQUEST_COMPLETE>;
}

/** NDIS_CO_CLIENT_OPTIONAL_HANDLERS. */
export interface ClientHandlers extends EndHandlers {
  readonly openAfComplete: DriverCallback<cl.PROTOCOL_CL_OPEN_AF_COMPLETE_EX>;
  readonly closeAfComplete: DriverCallback<cl.PROTOCOL_CL_CLOSE_AF_COMPLETE>;
  readonly registerSapComplete: DriverCallback<cl.PROTOCOL_CL_REGISTER_SAP_COMPLETE>;
  readonly deregisterSapComplete: DriverCallback<cl.PROTOCOL_CL_DEREGISTER_SAP_COMPLETE>;
  readonly makeCallComplete: DriverCallback<cl.PROTOCOL_CL_MAKE_CALL_COMPLETE>;
  readonly modifyCallQoSComplete: DriverCallback<cl.PROTOCOL_CL_MODIFY_CALL_QOS_COMPLETE>;
  readonly closeCallComplete: DriverCallback<cl.PROTOCOL_CL_CLOSE_CALL_COMPLETE>;
  readonly addPartyComplete: DriverCallback<cl.PROTOCOL_CL_ADD_PARTY_COMPLETE>;
  readonly dropPartyComplete: DriverCallback<cl.PROTOCOL_CL_DROP_PARTY_COMPLETE>;
  readonly incomingCall: DriverCallback<cl.PROTOCOL_CL_INCOMING_CALL>;
  readonly incomingCallQoSChange: DriverCallback<cl.PROTOCOL_CL_INCOMING_CALL_QOS_CHANGE>;
  readonly incomingCloseCall: DriverCallback<cl.PROTOCOL_CL_INCOMING_CLOSE_CALL>;
  readonly incomingDropParty: DriverCallback<cl.PROTOCOL_CL_INCOMING_DROP_PARTY>;
  readonly callConnected: DriverCallback<cl.PROTOCOL_CL_CALL_CONNECTED>;
  /** Null in a client for NDIS 5, which cannot be asked. */
  readonly notifyCloseAf: DriverCallback<cl.PROTOCOL_CL_NOTIFY_CLOSE_AF> | null;
}

/** NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS. */
export interface CallManagerHandlers extends EndHandlers {
  readonly openAf: DriverCallback<cm.PROTOCOL_CM_OPEN_AF>;
  readonly closeAf: DriverCallback<cm.PROTOCOL_CM_CLOSE_AF>;
  readonly registerSap: DriverCallback<cm.PROTOCOL_CM_REG_SAP>;
  readonly deregisterSap: DriverCallback<cm.PROTOCOL_CM_DEREGISTER_SAP>;
  readonly makeCall: DriverCallback<cm.PROTOCOL_CM_MAKE_CALL>;
  readonly closeCall: DriverCallback<cm.PROTOCOL_CM_CLOSE_CALL>;
  readonly incomingCallComplete: DriverCallback<cm.PROTOCOL_CM_INCOMING_CALL_COMPLETE>;
  readonly addParty: DriverCallback<cm.PROTOCOL_CM_ADD_PARTY>;
  readonly dropParty: DriverCallback<cm.PROTOCOL_CM_DROP_PARTY>;
  readonly activateVcComplete: DriverCallback<cm.PROTOCOL_CM_ACTIVATE_VC_COMPLETE>;
  readonly deactivateVcComplete: DriverCallback<cm.PROTOCOL_CM_DEACTIVATE_VC_COMPLETE>;
  readonly modifyCallQoS: DriverCallback<cm.PROTOCOL_CM_MODIFY_QOS_CALL>;
  /** Null where the structure ends before it: revision 1 as its size constant gives it has no room for the member. */
  readonly notifyCloseAfComplete: DriverCallback<cm.PROTOCOL_CM_NOTIFY_CLOSE_AF_COMPLETE> | null;
}

/** NDIS_MINIPORT_CO_CHARACTERISTICS; a miniport call manager has no handlers for the life of VCs. */
export interface MiniportCoHandlers {
  readonly createVc: DriverCallback<mp.MINIPORT_CO_CREATE_VC> | null;
  readonly deleteVc: DriverCallback<mp.MINIPORT_CO_DELETE_VC> | null;
  readonly activateVc: DriverCallback<mp.MINIPORT_CO_ACTIVATE_VC> | null;
  readonly deactivateVc: DriverCallback<mp.MINIPORT_CO_DEACTIVATE_VC> | null;
  readonly send: DriverCallback<mp.MINIPORT_CO_SEND_NET_BUFFER_LISTS>;
  readonly oidRequest: DriverCallback<mp.MINIPORT_CO_OID_REQUEST>;
}

/** The handlers of a connection-oriented protocol driver, in the order in which it registers them. */
export interface ProtocolConnections {
  co: ProtocolCoHandlers | null;
  client: ClientHandlers | null;
  callManager: CallManagerHandlers | null;
}

/** The handlers of a connection-oriented miniport driver. */
export interface MiniportConnections {
  co: MiniportCoHandlers | null;
  callManager: CallManagerHandlers | null;
}

/** `handlers` as they are complete, or null with a note that names the members that are missing. */
function complete<H extends object>(
  ndis: NdisLibrary,
  driver: Driver,
  structure: string,
  required: RequiredHandlers,
  handlers: { readonly [K in keyof H]: H[K] | null },
): H | null {
  if (required.missing.length > 0) {
    const text = `${driver.name}: ${structure}: required but missing: ${required.missing.join(', ')}`;
    ndis.kernel.note('NdisSetOptionalHandlers', text);
    return null;
  }
  // Every handler that is required was read through `required`, which names those that are null.
  return handlers as H;
}

export function readProtocolCoHandlers(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
): ProtocolCoHandlers | null {
  const view = NDIS_PROTOCOL_CO_CHARACTERISTICS.at(ndis.memory, address);
  const required = new RequiredHandlers(driver);
  return complete<ProtocolCoHandlers>(ndis, driver, 'NDIS_PROTOCOL_CO_CHARACTERISTICS', required, {
    status: driver.callback(view.CoStatusHandlerEx, co.PROTOCOL_CO_STATUS_EX),
    familyNotify: driver.callback(view.CoAfRegisterNotifyHandler, co.PROTOCOL_CO_AF_REGISTER_NOTIFY),
    receive: required.read(
      'CoReceiveNetBufferListsHandler',
      view.CoReceiveNetBufferListsHandler,
      co.PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS,
    ),
    sendComplete: required.read(
      'CoSendNetBufferListsCompleteHandler',
      view.CoSendNetBufferListsCompleteHandler,
      co.PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE,
    ),
  });
}

export function readClientHandlers(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
): ClientHandlers | null {
  const v = NDIS_CO_CLIENT_OPTIONAL_HANDLERS.at(ndis.memory, address);
  const r = new RequiredHandlers(driver);
  return complete<ClientHandlers>(ndis, driver, 'NDIS_CO_CLIENT_OPTIONAL_HANDLERS', r, {
    createVc: r.read('ClCreateVcHandler', v.ClCreateVcHandler, co.PROTOCOL_CO_CREATE_VC),
    deleteVc: r.read('ClDeleteVcHandler', v.ClDeleteVcHandler, co.PROTOCOL_CO_DELETE_VC),
    oidRequest: r.read('ClOidRequestHandler', v.ClOidRequestHandler, co.PROTOCOL_CO_OID_REQUEST),
    oidRequestComplete: r.read(
      'ClOidRequestCompleteHandler',
      v.ClOidRequestCompleteHandler,
      co.PROTOCOL_CO_OID_REQUEST_COMPLETE,
    ),
    openAfComplete: r.read(
      'ClOpenAfCompleteHandlerEx',
      v.ClOpenAfCompleteHandlerEx,
      cl.PROTOCOL_CL_OPEN_AF_COMPLETE_EX,
    ),
    closeAfComplete: r.read(
      'ClCloseAfCompleteHandler',
      v.ClCloseAfCompleteHandler,
      cl.PROTOCOL_CL_CLOSE_AF_COMPLETE,
    ),
    registerSapComplete: r.read(
      'ClRegisterSapCompleteHandler',
      v.ClRegisterSapCompleteHandler,
      cl.PROTOCOL_CL_REGISTER_SAP_COMPLETE,
    ),
    deregisterSapComplete: r.read(
      'ClDeregisterSapCompleteHandler',
      v.ClDeregisterSapCompleteHandler,
      cl.PROTOCOL_CL_DEREGISTER_SAP_COMPLETE,
    ),
    makeCallComplete: r.read(
      'ClMakeCallCompleteHandler',
      v.ClMakeCallCompleteHandler,
      cl.PROTOCOL_CL_MAKE_CALL_COMPLETE,
    ),
    modifyCallQoSComplete: r.read(
      'ClModifyCallQoSCompleteHandler',
      v.ClModifyCallQoSCompleteHandler,
      cl.PROTOCOL_CL_MODIFY_CALL_QOS_COMPLETE,
    ),
    closeCallComplete: r.read(
      'ClCloseCallCompleteHandler',
      v.ClCloseCallCompleteHandler,
      cl.PROTOCOL_CL_CLOSE_CALL_COMPLETE,
    ),
    addPartyComplete: r.read(
      'ClAddPartyCompleteHandler',
      v.ClAddPartyCompleteHandler,
      cl.PROTOCOL_CL_ADD_PARTY_COMPLETE,
    ),
    dropPartyComplete: r.read(
      'ClDropPartyCompleteHandler',
      v.ClDropPartyCompleteHandler,
      cl.PROTOCOL_CL_DROP_PARTY_COMPLETE,
    ),
    incomingCall: r.read('ClIncomingCallHandler', v.ClIncomingCallHandler, cl.PROTOCOL_CL_INCOMING_CALL),
    incomingCallQoSChange: r.read(
      'ClIncomingCallQoSChangeHandler',
      v.ClIncomingCallQoSChangeHandler,
      cl.PROTOCOL_CL_INCOMING_CALL_QOS_CHANGE,
    ),
    incomingCloseCall: r.read(
      'ClIncomingCloseCallHandler',
      v.ClIncomingCloseCallHandler,
      cl.PROTOCOL_CL_INCOMING_CLOSE_CALL,
    ),
    incomingDropParty: r.read(
      'ClIncomingDropPartyHandler',
      v.ClIncomingDropPartyHandler,
      cl.PROTOCOL_CL_INCOMING_DROP_PARTY,
    ),
    callConnected: r.read('ClCallConnectedHandler', v.ClCallConnectedHandler, cl.PROTOCOL_CL_CALL_CONNECTED),
    notifyCloseAf: r.read('ClNotifyCloseAfHandler', v.ClNotifyCloseAfHandler, cl.PROTOCOL_CL_NOTIFY_CLOSE_AF),
  });
}

export function readCallManagerHandlers(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
): CallManagerHandlers | null {
  const v = NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS.at(ndis.memory, address);
  const r = new RequiredHandlers(driver);
  const hasNotify =
    v.Header.Size >= NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS.offset.CmNotifyCloseAfCompleteHandler + 8;
  return complete<CallManagerHandlers>(ndis, driver, 'NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS', r, {
    createVc: r.read('CmCreateVcHandler', v.CmCreateVcHandler, co.PROTOCOL_CO_CREATE_VC),
    deleteVc: r.read('CmDeleteVcHandler', v.CmDeleteVcHandler, co.PROTOCOL_CO_DELETE_VC),
    oidRequest: r.read('CmOidRequestHandler', v.CmOidRequestHandler, co.PROTOCOL_CO_OID_REQUEST),
    oidRequestComplete: r.read(
      'CmOidRequestCompleteHandler',
      v.CmOidRequestCompleteHandler,
      co.PROTOCOL_CO_OID_REQUEST_COMPLETE,
    ),
    openAf: r.read('CmOpenAfHandler', v.CmOpenAfHandler, cm.PROTOCOL_CM_OPEN_AF),
    closeAf: r.read('CmCloseAfHandler', v.CmCloseAfHandler, cm.PROTOCOL_CM_CLOSE_AF),
    registerSap: r.read('CmRegisterSapHandler', v.CmRegisterSapHandler, cm.PROTOCOL_CM_REG_SAP),
    deregisterSap: r.read('CmDeregisterSapHandler', v.CmDeregisterSapHandler, cm.PROTOCOL_CM_DEREGISTER_SAP),
    makeCall: r.read('CmMakeCallHandler', v.CmMakeCallHandler, cm.PROTOCOL_CM_MAKE_CALL),
    closeCall: r.read('CmCloseCallHandler', v.CmCloseCallHandler, cm.PROTOCOL_CM_CLOSE_CALL),
    incomingCallComplete: r.read(
      'CmIncomingCallCompleteHandler',
      v.CmIncomingCallCompleteHandler,
      cm.PROTOCOL_CM_INCOMING_CALL_COMPLETE,
    ),
    addParty: r.read('CmAddPartyHandler', v.CmAddPartyHandler, cm.PROTOCOL_CM_ADD_PARTY),
    dropParty: r.read('CmDropPartyHandler', v.CmDropPartyHandler, cm.PROTOCOL_CM_DROP_PARTY),
    activateVcComplete: r.read(
      'CmActivateVcCompleteHandler',
      v.CmActivateVcCompleteHandler,
      cm.PROTOCOL_CM_ACTIVATE_VC_COMPLETE,
    ),
    deactivateVcComplete: r.read(
      'CmDeactivateVcCompleteHandler',
      v.CmDeactivateVcCompleteHandler,
      cm.PROTOCOL_CM_DEACTIVATE_VC_COMPLETE,
    ),
    modifyCallQoS: r.read('CmModifyCallQoSHandler', v.CmModifyCallQoSHandler, cm.PROTOCOL_CM_MODIFY_QOS_CALL),
    notifyCloseAfComplete: hasNotify
      ? r.read(
          'CmNotifyCloseAfCompleteHandler',
          v.CmNotifyCloseAfCompleteHandler,
          cm.PROTOCOL_CM_NOTIFY_CLOSE_AF_COMPLETE,
        )
      : null,
  });
}

export function readMiniportCoHandlers(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
): MiniportCoHandlers | null {
  const v = NDIS_MINIPORT_CO_CHARACTERISTICS.at(ndis.memory, address);
  const r = new RequiredHandlers(driver);
  return complete<MiniportCoHandlers>(ndis, driver, 'NDIS_MINIPORT_CO_CHARACTERISTICS', r, {
    createVc: driver.callback(v.CoCreateVcHandler, mp.MINIPORT_CO_CREATE_VC),
    deleteVc: driver.callback(v.CoDeleteVcHandler, mp.MINIPORT_CO_DELETE_VC),
    activateVc: driver.callback(v.CoActivateVcHandler, mp.MINIPORT_CO_ACTIVATE_VC),
    deactivateVc: driver.callback(v.CoDeactivateVcHandler, mp.MINIPORT_CO_DEACTIVATE_VC),
    send: r.read(
      'CoSendNetBufferListsHandler',
      v.CoSendNetBufferListsHandler,
      mp.MINIPORT_CO_SEND_NET_BUFFER_LISTS,
    ),
    oidRequest: r.read('CoOidRequestHandler', v.CoOidRequestHandler, mp.MINIPORT_CO_OID_REQUEST),
  });
}
