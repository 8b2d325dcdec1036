/**
 * Incoming calls: offered, answered by the client, connected.
 * Implements nf-ndis-ndiscmdispatchincomingcall, nf-ndis-ndisclincomingcallcomplete and
 * nf-ndis-ndiscmdispatchcallconnected.
 */

import { type Driver, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { CO_CALL_PARAMETERS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { refuseTransient, seen, settleAnswer, statusOf, takeCompletion } from './answers.ts';
import { expectConnection } from './connections.ts';
import { reportInactive } from './makeCall.ts';
import { Sap, VirtualConnection } from './objects.ts';
import { settleConnection } from './settle.ts';
import { callStates } from './states.ts';

const OFFER_PAGE = 'ndis/nf-ndis-ndiscmdispatchincomingcall';
const ANSWER_PAGE = 'ndis/nf-ndis-ndisclincomingcallcomplete';
const CONNECTED_PAGE = 'ndis/nf-ndis-ndiscmdispatchcallconnected';

/** The client accepted or rejected. */
function finishOffer(ndis: NdisLibrary, connection: VirtualConnection, status: number): void {
  const event = status === NDIS_STATUS_SUCCESS ? 'IncomingCallAccepted' : 'IncomingCallRejected';
  apply(ndis.kernel, callStates, connection, event, connection.client?.driver ?? null);
}

/** What NdisCmDispatchIncomingCall and its macro for miniports do. */
export function cmDispatchIncomingCall(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  NdisSapHandle: Address,
  NdisVcHandle: Address,
  CallParameters: Address,
): NDIS_STATUS {
  const sap = expectConnection(ndis, NdisSapHandle, Sap, driver, 'callManager', call, OFFER_PAGE);
  const connection = expectConnection(
    ndis,
    NdisVcHandle,
    VirtualConnection,
    driver,
    'callManager',
    call,
    OFFER_PAGE,
  );
  if (sap === null || connection === null) return NDIS_STATUS_FAILURE;
  if (refuseTransient(ndis, driver, call, CallParameters, OFFER_PAGE)) return NDIS_STATUS_FAILURE;
  const { family } = connection;
  if (family === null || family !== sap.family || connection.creator !== 'callManager') {
    const text = `${call}: the VC ${connection.label} was not created by the call manager for the client of the SAP`;
    ndis.kernel.report('NOT_THE_CREATOR', driver, text, OFFER_PAGE);
    return NDIS_STATUS_FAILURE;
  }
  // The client may be giving the SAP up at this moment: a call is then refused.
  if (sap.state !== 'Registered' && sap.state !== 'Registering') return NDIS_STATUS_FAILURE;
  if (family.client.gone || connection.deleting) return NDIS_STATUS_FAILURE;
  if (!apply(ndis.kernel, callStates, connection, 'IncomingCall', driver)) return NDIS_STATUS_FAILURE;
  const { incomingCall } = family.client.handlers;
  connection.pending.add('incomingCall');
  const answer = incomingCall.invoke(
    sap.clientContext.value,
    connection.clientContext.value,
    seen<CO_CALL_PARAMETERS>(CallParameters),
  );
  const status = settleAnswer(ndis, connection, 'incomingCall', statusOf(answer, incomingCall), incomingCall);
  if (status !== NDIS_STATUS_PENDING) finishOffer(ndis, connection, status);
  return status;
}

/**
 * NdisCmDispatchIncomingCall: offers a call to the client of a SAP, on a VC that the call manager created for it.
 * ProtocolClIncomingCall runs inside the call. The parameters must stay valid until the client has answered.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS where the client accepted, NDIS_STATUS_PENDING where ProtocolCmIncomingCallComplete gets
 * the answer, what the client rejected with; NDIS_STATUS_FAILURE for a SAP that is being deregistered, a VC of another
 * address family, and a VC that has a call (findings). Source: ndis/nf-ndis-ndiscmdispatchincomingcall.
 */
export const NdisCmDispatchIncomingCall = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisCmDispatchIncomingCall(NDIS_HANDLE NdisSapHandle, NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: OFFER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisSapHandle: Handle, NdisVcHandle: Handle, CallParameters: Pointer<CO_CALL_PARAMETERS>): NDIS_STATUS =>
      cmDispatchIncomingCall(
        ndis,
        driver,
        'NdisCmDispatchIncomingCall',
        NdisSapHandle,
        NdisVcHandle,
        CallParameters,
      ),
});

/**
 * NdisClIncomingCallComplete: the client's answer to a call for which ProtocolClIncomingCall returned
 * NDIS_STATUS_PENDING; calls ProtocolCmIncomingCallComplete. Where nothing is pending: the finding NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndisclincomingcallcomplete.
 */
export const NdisClIncomingCallComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisClIncomingCallComplete(NDIS_STATUS Status, NDIS_HANDLE NdisVcHandle, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: ANSWER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisVcHandle: Handle, CallParameters: Pointer<CO_CALL_PARAMETERS>): void => {
      const call = 'NdisClIncomingCallComplete';
      const connection = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'client',
        call,
        ANSWER_PAGE,
      );
      if (connection === null) return;
      const status = takeCompletion(ndis, connection, 'incomingCall', Status, driver, call, ANSWER_PAGE);
      if (status !== null) completeOffer(ndis, connection, status, CallParameters);
    },
});

/** The answer to an offer that was pending goes to the call manager. */
export function completeOffer(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  status: number,
  parameters: Address,
): void {
  const { manager, managerContext } = connection;
  finishOffer(ndis, connection, status);
  if (!manager.gone) {
    manager.handlers.incomingCallComplete.invoke(
      status,
      managerContext.value,
      seen<CO_CALL_PARAMETERS>(parameters),
    );
  }
  settleConnection(ndis, connection);
}

/** What NdisCmDispatchCallConnected and its macro for miniports do. */
export function cmDispatchCallConnected(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  NdisVcHandle: Address,
): void {
  const connection = expectConnection(
    ndis,
    NdisVcHandle,
    VirtualConnection,
    driver,
    'callManager',
    call,
    CONNECTED_PAGE,
  );
  if (connection === null) return;
  if (!apply(ndis.kernel, callStates, connection, 'CallConnected', driver)) return;
  // A client that closes the call in the meantime does not hear of it any more.
  if (connection.state !== 'Connected') return;
  reportInactive(ndis, connection, CONNECTED_PAGE);
  const { client, clientContext } = connection;
  if (client !== null && !client.gone) client.handlers.callConnected.invoke(clientContext.value);
}

/**
 * NdisCmDispatchCallConnected: a call that the client accepted is confirmed by the network, and data may flow; calls
 * ProtocolClCallConnected. The VC must be active. A call that was not accepted is the finding ILLEGAL_TRANSITION.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmdispatchcallconnected.
 */
export const NdisCmDispatchCallConnected = declareFunction('ndis', {
  prototype: 'VOID NdisCmDispatchCallConnected(NDIS_HANDLE NdisVcHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: CONNECTED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle): void =>
      cmDispatchCallConnected(ndis, driver, 'NdisCmDispatchCallConnected', NdisVcHandle),
});
