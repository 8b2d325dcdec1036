/**
 * Outgoing calls, and a change of their quality of service.
 * Implements nf-ndis-ndisclmakecall, nf-ndis-ndiscmmakecallcomplete, nf-ndis-ndisclmodifycallqos,
 * nf-ndis-ndiscmmodifycallqoscomplete and nf-ndis-ndiscmdispatchincomingcallqoschange.
 */

import {
  type Context,
  type Driver,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { CO_CALL_PARAMETERS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { refuseTransient, seen, settleAnswer, statusOf, takeCompletion } from './answers.ts';
import { admit, contextCell, expectConnection, heldContext, writtenContext } from './connections.ts';
import { forgetParty } from './forget.ts';
import { Party, VirtualConnection } from './objects.ts';
import { settleConnection } from './settle.ts';
import { callStates, partyStates } from './states.ts';

const MAKE_PAGE = 'ndis/nf-ndis-ndisclmakecall';
const MADE_PAGE = 'ndis/nf-ndis-ndiscmmakecallcomplete';
const MODIFY_PAGE = 'ndis/nf-ndis-ndisclmodifycallqos';
const MODIFIED_PAGE = 'ndis/nf-ndis-ndiscmmodifycallqoscomplete';
const QOS_PAGE = 'ndis/nf-ndis-ndiscmdispatchincomingcallqoschange';

/** The call is set up, or failed; settles its first party too. */
export function finishMakeCall(ndis: NdisLibrary, connection: VirtualConnection, status: number): void {
  const { kernel } = ndis;
  const { driver } = connection.manager;
  const made = status === NDIS_STATUS_SUCCESS;
  apply(kernel, callStates, connection, made ? 'MakeCallSucceeded' : 'MakeCallFailed', driver);
  if (made && connection.state === 'Connected') reportInactive(ndis, connection, MADE_PAGE);
  const party = connection.callParty;
  connection.callParty = null;
  if (party === null) return;
  // A call that the client closes in the meantime has no parties any more.
  const stays = connection.state === 'Connected';
  apply(kernel, partyStates, party, stays ? 'AddPartyComplete' : 'AddPartyFailed', driver);
  if (stays) return;
  forgetParty(ndis, party);
  connection.multipoint = false;
}

/** A call is connected only over a VC that is active. */
export function reportInactive(ndis: NdisLibrary, connection: VirtualConnection, page: string): void {
  const { state } = connection.activation;
  if (state === 'Active' || state === 'Reactivating') return;
  const { driver } = connection.manager;
  const text = `${driver.name} connected the call on VC ${connection.label}, which is ${state}; activate it before`;
  ndis.kernel.report('CONNECTED_WITHOUT_ACTIVATION', driver, text, page);
}

/** A client's VC on which a call may begin. */
function idle(ndis: NdisLibrary, connection: VirtualConnection, driver: Driver): boolean {
  if (connection.creator !== 'client') {
    const text = `NdisClMakeCall: the VC ${connection.label} was created by the call manager; call on a VC of NdisCoCreateVc`;
    ndis.kernel.report('NOT_THE_CREATOR', driver, text, MAKE_PAGE);
    return false;
  }
  if (connection.pending.has('makeCall') || connection.deleting) return false;
  return apply(ndis.kernel, callStates, connection, 'MakeCall', driver);
}

/**
 * NdisClMakeCall: calls over a VC that the client created; with a party context the call is a multipoint one, and its
 * first party gets a handle. ProtocolCmMakeCall runs inside the call. The parameters must stay valid until the call is
 * set up; the call manager may change them. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClMakeCallComplete gets the final status; what the call
 * manager failed with; NDIS_STATUS_FAILURE in a wrong state (a finding); NDIS_STATUS_RESOURCES.
 * Source: ndis/nf-ndis-ndisclmakecall.
 */
export const NdisClMakeCall = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisClMakeCall(NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters, NDIS_HANDLE ProtocolPartyContext, PNDIS_HANDLE NdisPartyHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MAKE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisVcHandle: Handle,
      CallParameters: Pointer<CO_CALL_PARAMETERS>,
      ProtocolPartyContext: Context,
      NdisPartyHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisClMakeCall';
      const connection = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'client',
        call,
        MAKE_PAGE,
      );
      if (connection === null || refuseTransient(ndis, driver, call, CallParameters, MAKE_PAGE))
        return NDIS_STATUS_FAILURE;
      const multipoint = ProtocolPartyContext !== 0;
      const party = multipoint ? new Party(connection, heldContext(ndis, ProtocolPartyContext)) : null;
      if (party !== null && !admit(ndis, party)) return NDIS_STATUS_RESOURCES;
      if (connection.manager.gone || !idle(ndis, connection, driver)) {
        if (party !== null) forgetParty(ndis, party);
        return NDIS_STATUS_FAILURE;
      }
      connection.multipoint = multipoint;
      connection.callParty = party;
      if (party !== null) {
        connection.parties.add(party);
        apply(ndis.kernel, partyStates, party, 'AddParty', driver);
      }
      if (NdisPartyHandle !== 0) ndis.memory.writePointer(NdisPartyHandle, party?.handle ?? 0);
      return ask(ndis, connection, party, CallParameters);
    },
});

function ask(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  party: Party | null,
  parameters: Address,
): NDIS_STATUS {
  const { makeCall } = connection.manager.handlers;
  connection.pending.add('makeCall');
  const answer = makeCall.invoke(
    connection.managerContext.value,
    seen<CO_CALL_PARAMETERS>(parameters),
    party?.handle ?? 0,
    contextCell(ndis, party ?? connection),
  );
  const status = settleAnswer(ndis, connection, 'makeCall', statusOf(answer, makeCall), makeCall);
  if (status === NDIS_STATUS_PENDING) return status;
  if (party !== null && status === NDIS_STATUS_SUCCESS) party.managerContext = writtenContext(ndis, party);
  finishMakeCall(ndis, connection, status);
  return status;
}

/** What NdisCmMakeCallComplete and its macro for miniports do. */
export function cmMakeCallComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisVcHandle: Address,
  NdisPartyHandle: Address,
  CallMgrPartyContext: Address,
  CallParameters: Address,
): void {
  const connection = expectConnection(
    ndis,
    NdisVcHandle,
    VirtualConnection,
    driver,
    'callManager',
    call,
    MADE_PAGE,
  );
  if (connection === null) return;
  const status = takeCompletion(ndis, connection, 'makeCall', Status, driver, call, MADE_PAGE);
  if (status === null) return;
  const party = connection.callParty;
  if (NdisPartyHandle !== (party?.handle ?? 0)) {
    const text = `${call}: NdisPartyHandle is 0x${NdisPartyHandle.toString(16)}, not the party of the call; pass what ProtocolCmMakeCall got`;
    ndis.kernel.report('BAD_HANDLE', driver, text, MADE_PAGE);
  }
  if (party !== null) party.managerContext = heldContext(ndis, CallMgrPartyContext);
  completeMakeCall(ndis, connection, status, CallParameters);
}

/** Finishes a call that was pending and tells the client. */
export function completeMakeCall(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  status: number,
  parameters: Address,
): void {
  const { client, clientContext, callParty } = connection;
  const party = status === NDIS_STATUS_SUCCESS ? (callParty?.handle ?? 0) : 0;
  finishMakeCall(ndis, connection, status);
  if (client !== null && !client.gone) {
    client.handlers.makeCallComplete.invoke(
      status,
      clientContext.value,
      party,
      seen<CO_CALL_PARAMETERS>(parameters),
    );
  }
  settleConnection(ndis, connection);
}

/**
 * NdisCmMakeCallComplete: the outcome of a call for which ProtocolCmMakeCall returned NDIS_STATUS_PENDING; calls
 * ProtocolClMakeCallComplete. With success the VC must be active, and of a multipoint call the context of the first
 * party is given; after a failure its handle is invalid. Where nothing is pending: the finding NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmmakecallcomplete.
 */
export const NdisCmMakeCallComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisCmMakeCallComplete(NDIS_STATUS Status, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, NDIS_HANDLE CallMgrPartyContext, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MADE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      Status: NDIS_STATUS,
      NdisVcHandle: Handle,
      NdisPartyHandle: Handle,
      CallMgrPartyContext: Context,
      CallParameters: Pointer<CO_CALL_PARAMETERS>,
    ): void =>
      cmMakeCallComplete(
        ndis,
        driver,
        'NdisCmMakeCallComplete',
        Status,
        NdisVcHandle,
        NdisPartyHandle,
        CallMgrPartyContext,
        CallParameters,
      ),
});

/**
 * NdisClModifyCallQoS: asks for another quality of service of a call, or of one that is offered. ProtocolCmModifyCallQoS
 * runs inside the call. One change at a time. The parameters must stay valid until it is complete.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClModifyCallQoSComplete gets the final status; what the
 * call manager failed with; NDIS_STATUS_FAILURE while another change is pending, and without a call (a finding).
 * Source: ndis/nf-ndis-ndisclmodifycallqos.
 */
export const NdisClModifyCallQoS = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisClModifyCallQoS(NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MODIFY_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle, CallParameters: Pointer<CO_CALL_PARAMETERS>): NDIS_STATUS => {
      const call = 'NdisClModifyCallQoS';
      const connection = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'client',
        call,
        MODIFY_PAGE,
      );
      if (connection === null || refuseTransient(ndis, driver, call, CallParameters, MODIFY_PAGE))
        return NDIS_STATUS_FAILURE;
      if (connection.pending.has('modifyCallQoS') || connection.manager.gone) return NDIS_STATUS_FAILURE;
      if (!apply(ndis.kernel, callStates, connection, 'ModifyCallQoS', driver)) return NDIS_STATUS_FAILURE;
      const { modifyCallQoS } = connection.manager.handlers;
      connection.pending.add('modifyCallQoS');
      const answer = modifyCallQoS.invoke(
        connection.managerContext.value,
        seen<CO_CALL_PARAMETERS>(CallParameters),
      );
      return settleAnswer(ndis, connection, 'modifyCallQoS', statusOf(answer, modifyCallQoS), modifyCallQoS);
    },
});

/** What NdisCmModifyCallQoSComplete and its macro for miniports do. */
export function cmModifyCallQoSComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisVcHandle: Address,
  CallParameters: Address,
): void {
  const connection = expectConnection(
    ndis,
    NdisVcHandle,
    VirtualConnection,
    driver,
    'callManager',
    call,
    MODIFIED_PAGE,
  );
  if (connection === null) return;
  const status = takeCompletion(ndis, connection, 'modifyCallQoS', Status, driver, call, MODIFIED_PAGE);
  if (status !== null) completeModifyCallQoS(ndis, connection, status, CallParameters);
}

/** Tells the client of a change that was pending. */
export function completeModifyCallQoS(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  status: number,
  parameters: Address,
): void {
  const { client, clientContext } = connection;
  if (client !== null && !client.gone) {
    client.handlers.modifyCallQoSComplete.invoke(
      status,
      clientContext.value,
      seen<CO_CALL_PARAMETERS>(parameters),
    );
  }
  settleConnection(ndis, connection);
}

/**
 * NdisCmModifyCallQoSComplete: the outcome of a change for which ProtocolCmModifyCallQoS returned NDIS_STATUS_PENDING;
 * calls ProtocolClModifyCallQoSComplete. Where nothing is pending: the finding NOT_PENDING. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndiscmmodifycallqoscomplete.
 */
export const NdisCmModifyCallQoSComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisCmModifyCallQoSComplete(NDIS_STATUS Status, NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: MODIFIED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisVcHandle: Handle, CallParameters: Pointer<CO_CALL_PARAMETERS>): void =>
      cmModifyCallQoSComplete(
        ndis,
        driver,
        'NdisCmModifyCallQoSComplete',
        Status,
        NdisVcHandle,
        CallParameters,
      ),
});

/** What NdisCmDispatchIncomingCallQoSChange and its macro for miniports do. */
export function cmDispatchQoSChange(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  NdisVcHandle: Address,
  CallParameters: Address,
): void {
  const connection = expectConnection(
    ndis,
    NdisVcHandle,
    VirtualConnection,
    driver,
    'callManager',
    call,
    QOS_PAGE,
  );
  if (connection === null) return;
  if (!apply(ndis.kernel, callStates, connection, 'IncomingCallQoSChange', driver)) return;
  const { client, clientContext } = connection;
  // A client that is closing the call has no use for it.
  if (client === null || client.gone || connection.state === 'Closing') return;
  client.handlers.incomingCallQoSChange.invoke(clientContext.value, seen<CO_CALL_PARAMETERS>(CallParameters));
}

/**
 * NdisCmDispatchIncomingCallQoSChange: the remote party changed the quality of service of a connected call; calls
 * ProtocolClIncomingCallQoSChange, in which the client may close the call. IRQL <= DISPATCH_LEVEL. Without a call it is
 * the finding ILLEGAL_TRANSITION. Source: ndis/nf-ndis-ndiscmdispatchincomingcallqoschange.
 */
export const NdisCmDispatchIncomingCallQoSChange = declareFunction('ndis', {
  prototype:
    'VOID NdisCmDispatchIncomingCallQoSChange(NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: QOS_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle, CallParameters: Pointer<CO_CALL_PARAMETERS>): void =>
      cmDispatchQoSChange(ndis, driver, 'NdisCmDispatchIncomingCallQoSChange', NdisVcHandle, CallParameters),
});
