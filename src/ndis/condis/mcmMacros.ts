/**
 * What miniport call managers call instead of the functions of stand-alone ones: macros over these.
 * Implements the nf-ndis-ndismcm* pages that are macros (ndis).
 */

import type { Context, Handle, Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { macro } from '../declareNdis.ts';
import type { CO_CALL_PARAMETERS, NDIS_OID_REQUEST } from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';
import { cmCloseCallComplete, cmDispatchIncomingClose } from './closeCall.ts';
import { cmCloseFamilyComplete, cmNotifyCloseFamily } from './closeFamily.ts';
import { coOidRequestComplete } from './coOidRequest.ts';
import { cmDispatchCallConnected, cmDispatchIncomingCall } from './incomingCall.ts';
import { cmDispatchQoSChange, cmMakeCallComplete, cmModifyCallQoSComplete } from './makeCall.ts';
import { cmOpenFamilyComplete } from './openFamily.ts';
import { cmAddPartyComplete, cmDispatchIncomingDrop, cmDropPartyComplete } from './parties.ts';
import { cmDeregisterSapComplete, cmRegisterSapComplete } from './sap.ts';

/** NdisMCmOpenAddressFamilyComplete: NdisCmOpenAddressFamilyComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmopenaddressfamilycomplete. */
export const NdisMCmOpenAddressFamilyComplete = macro(
  'VOID NdisMCmOpenAddressFamilyComplete(NDIS_STATUS _S_, NDIS_HANDLE _H_, NDIS_HANDLE _C_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmopenaddressfamilycomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle, _C_: Context): void =>
      cmOpenFamilyComplete(ndis, driver, 'NdisMCmOpenAddressFamilyComplete', _S_, _H_, _C_),
);

/** NdisMCmCloseAddressFamilyComplete: NdisCmCloseAddressFamilyComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmcloseaddressfamilycomplete. */
export const NdisMCmCloseAddressFamilyComplete = macro(
  'VOID NdisMCmCloseAddressFamilyComplete(NDIS_STATUS _S_, NDIS_HANDLE _H_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmcloseaddressfamilycomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle): void =>
      cmCloseFamilyComplete(ndis, driver, 'NdisMCmCloseAddressFamilyComplete', _S_, _H_),
);

/** NdisMCmNotifyCloseAddressFamily: NdisCmNotifyCloseAddressFamily for miniport call managers. IRQL PASSIVE_LEVEL. Source: ndis/nf-ndis-ndismcmnotifycloseaddressfamily. */
export const NdisMCmNotifyCloseAddressFamily = macro(
  'NDIS_STATUS NdisMCmNotifyCloseAddressFamily(NDIS_HANDLE _AH_)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndismcmnotifycloseaddressfamily',
  (ndis, driver) =>
    (_AH_: Handle): NDIS_STATUS =>
      cmNotifyCloseFamily(ndis, driver, 'NdisMCmNotifyCloseAddressFamily', _AH_),
);

/** NdisMCmRegisterSapComplete: NdisCmRegisterSapComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmregistersapcomplete. */
export const NdisMCmRegisterSapComplete = macro(
  'VOID NdisMCmRegisterSapComplete(NDIS_STATUS _S_, NDIS_HANDLE _H_, NDIS_HANDLE _C_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmregistersapcomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle, _C_: Context): void =>
      cmRegisterSapComplete(ndis, driver, 'NdisMCmRegisterSapComplete', _S_, _H_, _C_),
);

/** NdisMCmDeregisterSapComplete: NdisCmDeregisterSapComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmderegistersapcomplete. */
export const NdisMCmDeregisterSapComplete = macro(
  'VOID NdisMCmDeregisterSapComplete(NDIS_STATUS _S_, NDIS_HANDLE _H_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmderegistersapcomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle): void =>
      cmDeregisterSapComplete(ndis, driver, 'NdisMCmDeregisterSapComplete', _S_, _H_),
);

/** NdisMCmMakeCallComplete: NdisCmMakeCallComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmmakecallcomplete. */
export const NdisMCmMakeCallComplete = macro(
  'VOID NdisMCmMakeCallComplete(NDIS_STATUS _S_, NDIS_HANDLE _VH_, NDIS_HANDLE _PH_, NDIS_HANDLE _CC_, PCO_CALL_PARAMETERS _CP_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmmakecallcomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _VH_: Handle, _PH_: Handle, _CC_: Context, _CP_: Pointer<CO_CALL_PARAMETERS>): void =>
      cmMakeCallComplete(ndis, driver, 'NdisMCmMakeCallComplete', _S_, _VH_, _PH_, _CC_, _CP_),
);

/** NdisMCmModifyCallQoSComplete: NdisCmModifyCallQoSComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmmodifycallqoscomplete. */
export const NdisMCmModifyCallQoSComplete = macro(
  'VOID NdisMCmModifyCallQoSComplete(NDIS_STATUS _S_, NDIS_HANDLE _H_, PCO_CALL_PARAMETERS _P_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmmodifycallqoscomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle, _P_: Pointer<CO_CALL_PARAMETERS>): void =>
      cmModifyCallQoSComplete(ndis, driver, 'NdisMCmModifyCallQoSComplete', _S_, _H_, _P_),
);

/** NdisMCmDispatchIncomingCallQoSChange: NdisCmDispatchIncomingCallQoSChange for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmdispatchincomingcallqoschange. */
export const NdisMCmDispatchIncomingCallQoSChange = macro(
  'VOID NdisMCmDispatchIncomingCallQoSChange(NDIS_HANDLE _H_, PCO_CALL_PARAMETERS _P_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmdispatchincomingcallqoschange',
  (ndis, driver) =>
    (_H_: Handle, _P_: Pointer<CO_CALL_PARAMETERS>): void =>
      cmDispatchQoSChange(ndis, driver, 'NdisMCmDispatchIncomingCallQoSChange', _H_, _P_),
);

/** NdisMCmDispatchIncomingCall: NdisCmDispatchIncomingCall for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmdispatchincomingcall. */
export const NdisMCmDispatchIncomingCall = macro(
  'NDIS_STATUS NdisMCmDispatchIncomingCall(NDIS_HANDLE _SH_, NDIS_HANDLE _VH_, PCO_CALL_PARAMETERS _CP_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmdispatchincomingcall',
  (ndis, driver) =>
    (_SH_: Handle, _VH_: Handle, _CP_: Pointer<CO_CALL_PARAMETERS>): NDIS_STATUS =>
      cmDispatchIncomingCall(ndis, driver, 'NdisMCmDispatchIncomingCall', _SH_, _VH_, _CP_),
);

/** NdisMCmDispatchCallConnected: NdisCmDispatchCallConnected for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmdispatchcallconnected. */
export const NdisMCmDispatchCallConnected = macro(
  'VOID NdisMCmDispatchCallConnected(NDIS_HANDLE _H_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmdispatchcallconnected',
  (ndis, driver) =>
    (_H_: Handle): void =>
      cmDispatchCallConnected(ndis, driver, 'NdisMCmDispatchCallConnected', _H_),
);

/** NdisMCmCloseCallComplete: NdisCmCloseCallComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmclosecallcomplete. */
export const NdisMCmCloseCallComplete = macro(
  'VOID NdisMCmCloseCallComplete(NDIS_STATUS _S_, NDIS_HANDLE _VH_, NDIS_HANDLE _PH_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmclosecallcomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _VH_: Handle, _PH_: Handle): void =>
      cmCloseCallComplete(ndis, driver, 'NdisMCmCloseCallComplete', _S_, _VH_, _PH_),
);

/** NdisMCmDispatchIncomingCloseCall: NdisCmDispatchIncomingCloseCall for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmdispatchincomingclosecall. */
export const NdisMCmDispatchIncomingCloseCall = macro(
  'VOID NdisMCmDispatchIncomingCloseCall(NDIS_STATUS _S_, NDIS_HANDLE _H_, PVOID _B_, UINT _Z_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmdispatchincomingclosecall',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle, _B_: Address, _Z_: number): void =>
      cmDispatchIncomingClose(ndis, driver, 'NdisMCmDispatchIncomingCloseCall', _S_, _H_, _B_, _Z_),
);

/** NdisMCmAddPartyComplete: NdisCmAddPartyComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmaddpartycomplete. */
export const NdisMCmAddPartyComplete = macro(
  'VOID NdisMCmAddPartyComplete(NDIS_STATUS _S_, NDIS_HANDLE _H_, NDIS_HANDLE _C_, PCO_CALL_PARAMETERS _P_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmaddpartycomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle, _C_: Context, _P_: Pointer<CO_CALL_PARAMETERS>): void =>
      cmAddPartyComplete(ndis, driver, 'NdisMCmAddPartyComplete', _S_, _H_, _C_, _P_),
);

/** NdisMCmDropPartyComplete: NdisCmDropPartyComplete for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmdroppartycomplete. */
export const NdisMCmDropPartyComplete = macro(
  'VOID NdisMCmDropPartyComplete(NDIS_STATUS _S_, NDIS_HANDLE _H_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmdroppartycomplete',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle): void =>
      cmDropPartyComplete(ndis, driver, 'NdisMCmDropPartyComplete', _S_, _H_),
);

/** NdisMCmDispatchIncomingDropParty: NdisCmDispatchIncomingDropParty for miniport call managers. IRQL <=DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcmdispatchincomingdropparty. */
export const NdisMCmDispatchIncomingDropParty = macro(
  'VOID NdisMCmDispatchIncomingDropParty(NDIS_STATUS _S_, NDIS_HANDLE _H_, PVOID _B_, UINT _Z_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndismcmdispatchincomingdropparty',
  (ndis, driver) =>
    (_S_: NDIS_STATUS, _H_: Handle, _B_: Address, _Z_: number): void =>
      cmDispatchIncomingDrop(ndis, driver, 'NdisMCmDispatchIncomingDropParty', _S_, _H_, _B_, _Z_),
);

/**
 * NdisMCmOidRequestComplete: NdisCoOidRequestComplete for miniport call managers. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndismcmoidrequestcomplete.
 */
export const NdisMCmOidRequestComplete = macro(
  'VOID NdisMCmOidRequestComplete(NDIS_HANDLE _AH_, NDIS_HANDLE _VH_, NDIS_HANDLE _PH_, PNDIS_OID_REQUEST _R_, NDIS_STATUS _S_)',
  '<=DISPATCH_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndismcmoidrequestcomplete',
  (ndis, driver) =>
    (_AH_: Handle, _VH_: Handle, _PH_: Handle, _R_: Pointer<NDIS_OID_REQUEST>, _S_: NDIS_STATUS): void =>
      coOidRequestComplete(ndis, driver, 'NdisMCmOidRequestComplete', _R_, _S_),
);
