/** The callbacks of connection-oriented clients. Implements the nc-ndis-protocol_cl_* pages (ndis). */

import { declareCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { CO_CALL_PARAMETERS, CO_SAP } from '../generated/structures/index.ts';
import type { NDIS_STATUS } from '../status.ts';
import { condisCallback } from './declareCondis.ts';

/** ProtocolClOpenAfCompleteEx: an open of an address family that was pending is complete. */
export type PROTOCOL_CL_OPEN_AF_COMPLETE_EX = (
  ProtocolAfContext: unknown,
  NdisAfHandle: Address,
  Status: NDIS_STATUS,
) => void | Promise<void>;
export const PROTOCOL_CL_OPEN_AF_COMPLETE_EX = declareCallback<PROTOCOL_CL_OPEN_AF_COMPLETE_EX>({
  prototype:
    'VOID PROTOCOL_CL_OPEN_AF_COMPLETE_EX(NDIS_HANDLE ProtocolAfContext, NDIS_HANDLE NdisAfHandle, NDIS_STATUS Status)',
  role: 'ProtocolClOpenAfCompleteEx',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_cl_open_af_complete_ex',
});

/** ProtocolClCloseAfComplete: a close of an address family that was pending is complete. */
export type PROTOCOL_CL_CLOSE_AF_COMPLETE = (Status: NDIS_STATUS, ProtocolAfContext: unknown) => void;
export const PROTOCOL_CL_CLOSE_AF_COMPLETE = condisCallback<PROTOCOL_CL_CLOSE_AF_COMPLETE>(
  'VOID PROTOCOL_CL_CLOSE_AF_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolAfContext)',
  'ProtocolClCloseAfComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_close_af_complete',
  'split',
);

/** ProtocolClNotifyCloseAf: the call manager asks the client to close an address family; may complete later. */
export type PROTOCOL_CL_NOTIFY_CLOSE_AF = (ClientAfContext: unknown) => NDIS_STATUS;
export const PROTOCOL_CL_NOTIFY_CLOSE_AF = condisCallback<PROTOCOL_CL_NOTIFY_CLOSE_AF>(
  'NDIS_STATUS PROTOCOL_CL_NOTIFY_CLOSE_AF(NDIS_HANDLE ClientAfContext)',
  'ProtocolClNotifyCloseAf',
  '6.0',
  'ndis/nc-ndis-protocol_cl_notify_close_af',
  'raise',
);

/** ProtocolClRegisterSapComplete: a registration of a SAP that was pending is complete. */
export type PROTOCOL_CL_REGISTER_SAP_COMPLETE = (
  Status: NDIS_STATUS,
  ProtocolSapContext: unknown,
  Sap: CO_SAP,
  NdisSapHandle: Address,
) => void;
export const PROTOCOL_CL_REGISTER_SAP_COMPLETE = condisCallback<PROTOCOL_CL_REGISTER_SAP_COMPLETE>(
  'VOID PROTOCOL_CL_REGISTER_SAP_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolSapContext, PCO_SAP Sap, NDIS_HANDLE NdisSapHandle)',
  'ProtocolClRegisterSapComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_register_sap_complete',
  'split',
);

/** ProtocolClDeregisterSapComplete: a deregistration of a SAP that was pending is complete. */
export type PROTOCOL_CL_DEREGISTER_SAP_COMPLETE = (Status: NDIS_STATUS, ProtocolSapContext: unknown) => void;
export const PROTOCOL_CL_DEREGISTER_SAP_COMPLETE = condisCallback<PROTOCOL_CL_DEREGISTER_SAP_COMPLETE>(
  'VOID PROTOCOL_CL_DEREGISTER_SAP_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolSapContext)',
  'ProtocolClDeregisterSapComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_deregister_sap_complete',
  'split',
);

/** ProtocolClMakeCallComplete: an outgoing call that was pending is set up, or failed. */
export type PROTOCOL_CL_MAKE_CALL_COMPLETE = (
  Status: NDIS_STATUS,
  ProtocolVcContext: unknown,
  NdisPartyHandle: Address,
  CallParameters: CO_CALL_PARAMETERS,
) => void;
export const PROTOCOL_CL_MAKE_CALL_COMPLETE = condisCallback<PROTOCOL_CL_MAKE_CALL_COMPLETE>(
  'VOID PROTOCOL_CL_MAKE_CALL_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolVcContext, NDIS_HANDLE NdisPartyHandle, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolClMakeCallComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_make_call_complete',
  'split',
);

/** ProtocolClModifyCallQoSComplete: a change of the quality of service that was pending is done, or failed. */
export type PROTOCOL_CL_MODIFY_CALL_QOS_COMPLETE = (
  Status: NDIS_STATUS,
  ProtocolVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
) => void;
export const PROTOCOL_CL_MODIFY_CALL_QOS_COMPLETE = condisCallback<PROTOCOL_CL_MODIFY_CALL_QOS_COMPLETE>(
  'VOID PROTOCOL_CL_MODIFY_CALL_QOS_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolVcContext, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolClModifyCallQoSComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_modify_call_qos_complete',
  'split',
);

/** ProtocolClCloseCallComplete: a close of a call that was pending is complete. */
export type PROTOCOL_CL_CLOSE_CALL_COMPLETE = (
  Status: NDIS_STATUS,
  ProtocolVcContext: unknown,
  ProtocolPartyContext: unknown,
) => void;
export const PROTOCOL_CL_CLOSE_CALL_COMPLETE = condisCallback<PROTOCOL_CL_CLOSE_CALL_COMPLETE>(
  'VOID PROTOCOL_CL_CLOSE_CALL_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolVcContext, NDIS_HANDLE ProtocolPartyContext)',
  'ProtocolClCloseCallComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_close_call_complete',
  'split',
);

/** ProtocolClAddPartyComplete: a party that was to be added to a multipoint call takes part, or does not. */
export type PROTOCOL_CL_ADD_PARTY_COMPLETE = (
  Status: NDIS_STATUS,
  ProtocolPartyContext: unknown,
  NdisPartyHandle: Address,
  CallParameters: CO_CALL_PARAMETERS,
) => void;
export const PROTOCOL_CL_ADD_PARTY_COMPLETE = condisCallback<PROTOCOL_CL_ADD_PARTY_COMPLETE>(
  'VOID PROTOCOL_CL_ADD_PARTY_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolPartyContext, NDIS_HANDLE NdisPartyHandle, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolClAddPartyComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_add_party_complete',
  'split',
);

/** ProtocolClDropPartyComplete: a party that was to be dropped is gone. */
export type PROTOCOL_CL_DROP_PARTY_COMPLETE = (Status: NDIS_STATUS, ProtocolPartyContext: unknown) => void;
export const PROTOCOL_CL_DROP_PARTY_COMPLETE = condisCallback<PROTOCOL_CL_DROP_PARTY_COMPLETE>(
  'VOID PROTOCOL_CL_DROP_PARTY_COMPLETE(NDIS_STATUS Status, NDIS_HANDLE ProtocolPartyContext)',
  'ProtocolClDropPartyComplete',
  '5.1',
  'ndis/nc-ndis-protocol_cl_drop_party_complete',
  'split',
);

/** ProtocolClIncomingCall: a remote party calls one of the client's SAPs. Success accepts; may complete later. */
export type PROTOCOL_CL_INCOMING_CALL = (
  ProtocolSapContext: unknown,
  ProtocolVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
) => NDIS_STATUS;
export const PROTOCOL_CL_INCOMING_CALL = condisCallback<PROTOCOL_CL_INCOMING_CALL>(
  'NDIS_STATUS PROTOCOL_CL_INCOMING_CALL(NDIS_HANDLE ProtocolSapContext, NDIS_HANDLE ProtocolVcContext, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolClIncomingCall',
  '5.1',
  'ndis/nc-ndis-protocol_cl_incoming_call',
  'raise',
);

/** ProtocolClCallConnected: data may flow on a call that the client accepted. */
export type PROTOCOL_CL_CALL_CONNECTED = (ProtocolVcContext: unknown) => void;
export const PROTOCOL_CL_CALL_CONNECTED = condisCallback<PROTOCOL_CL_CALL_CONNECTED>(
  'VOID PROTOCOL_CL_CALL_CONNECTED(NDIS_HANDLE ProtocolVcContext)',
  'ProtocolClCallConnected',
  '5.1',
  'ndis/nc-ndis-protocol_cl_call_connected',
  'split',
);

/** ProtocolClIncomingCallQoSChange: the remote party changed the quality of service; closing the call rejects it. */
export type PROTOCOL_CL_INCOMING_CALL_QOS_CHANGE = (
  ProtocolVcContext: unknown,
  CallParameters: CO_CALL_PARAMETERS,
) => void;
export const PROTOCOL_CL_INCOMING_CALL_QOS_CHANGE = condisCallback<PROTOCOL_CL_INCOMING_CALL_QOS_CHANGE>(
  'VOID PROTOCOL_CL_INCOMING_CALL_QOS_CHANGE(NDIS_HANDLE ProtocolVcContext, PCO_CALL_PARAMETERS CallParameters)',
  'ProtocolClIncomingCallQoSChange',
  '5.1',
  'ndis/nc-ndis-protocol_cl_incoming_call_qos_change',
  'raise',
);

/** ProtocolClIncomingCloseCall: the call ends; the client acknowledges with NdisClCloseCall. */
export type PROTOCOL_CL_INCOMING_CLOSE_CALL = (
  CloseStatus: NDIS_STATUS,
  ProtocolVcContext: unknown,
  CloseData: Address,
  Size: number,
) => void;
export const PROTOCOL_CL_INCOMING_CLOSE_CALL = condisCallback<PROTOCOL_CL_INCOMING_CLOSE_CALL>(
  'VOID PROTOCOL_CL_INCOMING_CLOSE_CALL(NDIS_STATUS CloseStatus, NDIS_HANDLE ProtocolVcContext, PVOID CloseData, UINT Size)',
  'ProtocolClIncomingCloseCall',
  '5.1',
  'ndis/nc-ndis-protocol_cl_incoming_close_call',
  'raise',
);

/** ProtocolClIncomingDropParty: a party leaves a multipoint call; the client acknowledges with NdisClDropParty. */
export type PROTOCOL_CL_INCOMING_DROP_PARTY = (
  DropStatus: NDIS_STATUS,
  ProtocolPartyContext: unknown,
  CloseData: Address,
  Size: number,
) => void;
export const PROTOCOL_CL_INCOMING_DROP_PARTY = condisCallback<PROTOCOL_CL_INCOMING_DROP_PARTY>(
  'VOID PROTOCOL_CL_INCOMING_DROP_PARTY(NDIS_STATUS DropStatus, NDIS_HANDLE ProtocolPartyContext, PVOID CloseData, UINT Size)',
  'ProtocolClIncomingDropParty',
  '5.1',
  'ndis/nc-ndis-protocol_cl_incoming_drop_party',
  'raise',
);
