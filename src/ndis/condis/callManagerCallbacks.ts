/** The callbacks of call managers, stand-alone or in a miniport. Implements the nc-ndis-protocol_cm_* pages (ndis). */

import type { Address } from '../../memory/index.ts';
import type { CO_ADDRESS_FAMILY, CO_CALL_PARAMETERS, CO_SAP } from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';
import { condisCallback } from './declareCondis.ts';

/** ProtocolCmOpenAf: a client opens an address family; the context for it goes to `CallMgrAfContext`. */
export type PROTOCOL_CM_OPEN_AF = (
  CallMgrBindingContext: unknown,
  AddressFamily: CO_ADDRESS_FAMILY,
  NdisAfHandle: Address,
  CallMgrAfContext: Address,
) => NDIS_STATUS;
export const PROTOCOL_CM_OPEN_AF = condisCallback<PROTOCOL_CM_OPEN_AF>(
  'NDIS_STATUS PROTOCOL_CM_OPEN_AF(NDIS_HANDLE CallMgrBindingContext, PCO_ADDRESS_FAMILY AddressFamily, NDIS_HANDLE NdisAfHandle, PNDIS_HANDLE CallMgrAfContext)',
  'ProtocolCmOpenAf',
  '5.1',
  'ndis/nc-ndis-protocol_cm_open_af',
  'raise',
);

/** ProtocolCmCloseAf: the client closes the address family. */
export type PROTOCOL_CM_CLOSE_AF = (CallMgrAfContext: unknown) => NDIS_STATUS;
export const PROTOCOL_CM_CLOSE_AF = condisCallback<PROTOCOL_CM_CLOSE_AF>(
  'NDIS_STATUS PROTOCOL_CM_CLOSE_AF(NDIS_HANDLE CallMgrAfContext)',
  'ProtocolCmCloseAf',
  '5.1',
  'ndis/nc-ndis-protocol_cm_close_af',
  'raise',
);

/** ProtocolCmNotifyCloseAfComplete: the client has done what NdisCmNotifyCloseAddressFamily asked it to. */
export type PROTOCOL_CM_NOTIFY_CLOSE_AF_COMPLETE = (CallMgrAfContext: unknown, Status: NDIS_STATUS) => void;
export const PROTOCOL_CM_NOTIFY_CLOSE_AF_COMPLETE = condisCallback<PROTOCOL_CM_NOTIFY_CLOSE_AF_COMPLETE>(
  'VOID PROTOCOL_CM_NOTIFY_CLOSE_AF_COMPLETE(NDIS_HANDLE CallMgrAfContext, NDIS_STATUS Status)',
  'ProtocolCmNotifyCloseAfComplete',
  '6.0',
  'ndis/nc-ndis-protocol_cm_notify_close_af_complete',
  'split',
);

/** ProtocolCmRegisterSap: the client wants incoming calls of a SAP; the context goes to `CallMgrSapContext`. */
export type PROTOCOL_CM_REG_SAP = (
  CallMgrAfContext: unknown,
  Sap: CO_SAP,
  NdisSapHandle: Address,
  CallMgrSapContext: Address,
) => NDIS_STATUS;
export const PROTOCOL_CM_REG_SAP = condisCallback<PROTOCOL_CM_REG_SAP>(
  'NDIS_STATUS PROTOCOL_CM_REG_SAP(NDIS_HANDLE CallMgrAfContext, PCO_SAP Sap, NDIS_HANDLE NdisSapHandle, PNDIS_HANDLE CallMgrSapContext)',
  'ProtocolCmRegisterSap',
  '5.1',
  'ndis/nc-ndis-protocol_cm_reg_sap',
  'raise',
);

/** ProtocolCmDeregisterSap: no more incoming calls of a SAP. */
export type PROTOCOL_CM_DEREGISTER_SAP = (CallMgrSapContext: unknown) => NDIS_STATUS;
export const PROTOCOL_CM_DEREGISTER_SAP = condisCallback<PROTOCOL_CM_DEREGISTER_SAP>(
  'NDIS_STATUS PROTOCOL_CM_DEREGISTER_SAP(NDIS_HANDLE CallMgrSapContext)',
  'ProtocolCmDeregisterSap',
  '5.1',
  'ndis/nc-ndis-protocol_cm_deregister_sap',
  'raise',
);

/** ProtocolCmMakeCall: the client calls; of a multipoint call the context of the first party goes to `CallMgrPartyContext`. */
export type PROTOCOL_CM_MAKE_CALL = (
  CallMgrVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
  NdisPartyHandle: Address,
  CallMgrPartyContext: Address,
) => NDIS_STATUS;
export const PROTOCOL_CM_MAKE_CALL = condisCallback<PROTOCOL_CM_MAKE_CALL>(
  'NDIS_STATUS PROTOCOL_CM_MAKE_CALL(NDIS_HANDLE CallMgrVcContext, PCO_CALL_PARAMETERS CallParameters, NDIS_HANDLE NdisPartyHandle, PNDIS_HANDLE CallMgrPartyContext)',
  'ProtocolCmMakeCall',
  '5.1',
  'ndis/nc-ndis-protocol_cm_make_call',
  'raise',
);

/** ProtocolCmCloseCall: the client ends a call; of a multipoint call its last party is named. */
export type PROTOCOL_CM_CLOSE_CALL = (
  CallMgrVcContext: unknown,
  CallMgrPartyContext: unknown,
  CloseData: Address,
  Size: number,
) => NDIS_STATUS;
export const PROTOCOL_CM_CLOSE_CALL = condisCallback<PROTOCOL_CM_CLOSE_CALL>(
  'NDIS_STATUS PROTOCOL_CM_CLOSE_CALL(NDIS_HANDLE CallMgrVcContext, NDIS_HANDLE CallMgrPartyContext, PVOID CloseData, UINT Size)',
  'ProtocolCmCloseCall',
  '5.1',
  'ndis/nc-ndis-protocol_cm_close_call',
  'raise',
);

/** ProtocolCmIncomingCallComplete: the client accepts or rejects a call that was offered to it. */
export type PROTOCOL_CM_INCOMING_CALL_COMPLETE = (
  Status: NDIS_STATUS,
  CallMgrVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
) => void;
export const PROTOCOL_CM_INCOMING_CALL_COMPLETE = condisCallback<PROTOCOL_CM_INCOMING_CALL_COMPLETE>(
  'VOID PROTOCOL_CM_INCOMING_CALL_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE CallMgrVcContext, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolCmIncomingCallComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cm_incoming_call_complete',
  'raise',
);

/** ProtocolCmAddParty: a party is to take part in a multipoint call; its context goes to `CallMgrPartyContext`. */
export type PROTOCOL_CM_ADD_PARTY = (
  CallMgrVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
  NdisPartyHandle: Address,
  CallMgrPartyContext: Address,
) => NDIS_STATUS;
export const PROTOCOL_CM_ADD_PARTY = condisCallback<PROTOCOL_CM_ADD_PARTY>(
  'NDIS_STATUS PROTOCOL_CM_ADD_PARTY(NDIS_HANDLE CallMgrVcContext, PCO_CALL_PARAMETERS CallParameters, NDIS_HANDLE NdisPartyHandle, PNDIS_HANDLE CallMgrPartyContext)',
  'ProtocolCmAddParty',
  '5.1',
  'ndis/nc-ndis-protocol_cm_add_party',
  'raise',
);

/** ProtocolCmDropParty: a party is to leave a multipoint call. */
export type PROTOCOL_CM_DROP_PARTY = (
  CallMgrPartyContext: unknown,
  CloseData: Address,
  Size: number,
) => NDIS_STATUS;
export const PROTOCOL_CM_DROP_PARTY = condisCallback<PROTOCOL_CM_DROP_PARTY>(
  'NDIS_STATUS PROTOCOL_CM_DROP_PARTY(NDIS_HANDLE CallMgrPartyContext, PVOID CloseData, UINT Size)',
  'ProtocolCmDropParty',
  '5.1',
  'ndis/nc-ndis-protocol_cm_drop_party',
  'raise',
);

/** ProtocolCmActivateVcComplete: the miniport has done, or failed, an activation that was pending. */
export type PROTOCOL_CM_ACTIVATE_VC_COMPLETE = (
  Status: NDIS_STATUS,
  CallMgrVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
) => void;
export const PROTOCOL_CM_ACTIVATE_VC_COMPLETE = condisCallback<PROTOCOL_CM_ACTIVATE_VC_COMPLETE>(
  'VOID PROTOCOL_CM_ACTIVATE_VC_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE CallMgrVcContext, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolCmActivateVcComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cm_activate_vc_complete',
  'split',
);

/** ProtocolCmDeactivateVcComplete: the miniport has done a deactivation that was pending. */
export type PROTOCOL_CM_DEACTIVATE_VC_COMPLETE = (Status: NDIS_STATUS, CallMgrVcContext: unknown) => void;
export const PROTOCOL_CM_DEACTIVATE_VC_COMPLETE = condisCallback<PROTOCOL_CM_DEACTIVATE_VC_COMPLETE>(
  'VOID PROTOCOL_CM_DEACTIVATE_VC_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE CallMgrVcContext)',
  'ProtocolCmDeactivateVcComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cm_deactivate_vc_complete',
  'split',
);

/** ProtocolCmModifyCallQoS: the client asks for another quality of service. */
export type PROTOCOL_CM_MODIFY_QOS_CALL = (
  CallMgrVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
) => NDIS_STATUS;
export const PROTOCOL_CM_MODIFY_QOS_CALL = condisCallback<PROTOCOL_CM_MODIFY_QOS_CALL>(
  'NDIS_STATUS PROTOCOL_CM_MODIFY_QOS_CALL(NDIS_HANDLE CallMgrVcContext, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolCmModifyCallQoS',
  '5.1',
  'ndis/nc-ndis-protocol_cm_modify_qos_call',
  'raise',
);
