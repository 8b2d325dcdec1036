/**
 * The end of calls, asked for by the client or indicated by the call manager.
 * Implements nf-ndis-ndisclclosecall, nf-ndis-ndiscmclosecallcomplete and nf-ndis-ndiscmdispatchincomingclosecall.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { apply } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { settleAnswer, statusOf, takeCompletion } from './answers.ts';
import { expectConnection } from './connections.ts';
import { forgetParty } from './forget.ts';
import { Party, VirtualConnection } from './objects.ts';
import { settleConnection } from './settle.ts';
import { callStates, partyStates } from './states.ts';

const CLOSE_PAGE = 'ndis/nf-ndis-ndisclclosecall';
const CLOSED_PAGE = 'ndis/nf-ndis-ndiscmclosecallcomplete';
const INCOMING_PAGE = 'ndis/nf-ndis-ndiscmdispatchincomingclosecall';

/** Asks the call manager to end a call, with its last party where it is a multipoint one. */
export function closeCall(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  party: Party | null,
  data: Address,
  size: number,
  driver: Driver | null,
): NDIS_STATUS {
  if (!apply(ndis.kernel, callStates, connection, 'CloseCall', driver)) return NDIS_STATUS_FAILURE;
  if (party !== null && party.state === 'Active') apply(ndis.kernel, partyStates, party, 'DropParty', driver);
  const { manager } = connection;
  if (manager.gone) return finishCloseCall(ndis, connection, NDIS_STATUS_SUCCESS);
  connection.pending.add('closeCall');
  const { closeCall: handler } = manager.handlers;
  const answer = handler.invoke(
    connection.managerContext.value,
    party === null ? 0 : party.managerContext.value,
    data,
    size,
  );
  const status = settleAnswer(ndis, connection, 'closeCall', statusOf(answer, handler), handler);
  return status === NDIS_STATUS_PENDING ? status : finishCloseCall(ndis, connection, status);
}

/** The party with which a close goes along: it is on its way out already. */
function closingParty(connection: VirtualConnection): Party | null {
  for (const party of connection.parties)
    if (party.state === 'Dropping' && !party.pending.has('dropParty')) return party;
  return null;
}

/** The call manager has ended the call, or has not. */
export function finishCloseCall(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  status: number,
): NDIS_STATUS {
  const { kernel } = ndis;
  const { driver } = connection.manager;
  const last = closingParty(connection);
  if (status !== NDIS_STATUS_SUCCESS) {
    const event = connection.state === 'Abandoning' ? 'CloseAbandonedFailed' : 'CloseCallFailed';
    apply(kernel, callStates, connection, event, driver);
    if (last !== null) apply(kernel, partyStates, last, 'DropPartyFailed', driver);
    return status;
  }
  apply(kernel, callStates, connection, 'CloseCallSucceeded', driver);
  // Whatever the client still owed an answer to went with the call.
  connection.pending.delete('incomingCall');
  const left = [...connection.parties].filter((party) => party !== last && party !== connection.callParty);
  if (left.length > 0) {
    const text = `${driver.name} closed the call on VC ${connection.label} while ${left.length} more parties take part; fail the close until only one is left`;
    kernel.report('CLOSED_WITH_PARTIES', driver, text, CLOSE_PAGE);
  }
  for (const party of connection.parties) if (party !== connection.callParty) forgetParty(ndis, party);
  connection.multipoint = false;
  return status;
}

/**
 * NdisClCloseCall: ends a call; of a multipoint call with its last party. ProtocolCmCloseCall runs inside the call. The
 * client's sends must have come back, and it must send no more. A call that is still being made or offered may be closed
 * too. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClCloseCallComplete gets the final status; what the
 * call manager failed with; NDIS_STATUS_FAILURE without a call, or for a wrong party (findings).
 * Source: ndis/nf-ndis-ndisclclosecall.
 */
export const NdisClCloseCall = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisClCloseCall(NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle, PVOID Buffer, UINT Size)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: CLOSE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle, NdisPartyHandle: Handle, Buffer: Address, Size: number): NDIS_STATUS => {
      const call = 'NdisClCloseCall';
      const connection = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'client',
        call,
        CLOSE_PAGE,
      );
      if (connection === null) return NDIS_STATUS_FAILURE;
      const party =
        NdisPartyHandle === 0
          ? null
          : expectConnection(ndis, NdisPartyHandle, Party, driver, 'client', call, CLOSE_PAGE);
      const made = connection.multipoint && connection.callParty === null;
      if ((NdisPartyHandle !== 0 && party?.connection !== connection) || (made && party === null)) {
        const text = `${call}: NdisPartyHandle is not a party of the call on VC ${connection.label}; pass the last one of a multipoint call, else NULL`;
        ndis.kernel.report('WRONG_PARTY', driver, text, CLOSE_PAGE);
        return NDIS_STATUS_FAILURE;
      }
      if (connection.sendsOutstanding > 0) {
        const text = `${call}: ${connection.sendsOutstanding} lists that were sent on VC ${connection.label} have not come back; wait for them`;
        ndis.kernel.report('CLOSED_WITH_SENDS', driver, text, CLOSE_PAGE);
      }
      return closeCall(ndis, connection, party, Buffer, Size, driver);
    },
});

/** What NdisCmCloseCallComplete and its macro for miniports do. */
export function cmCloseCallComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisVcHandle: Address,
  NdisPartyHandle: Address,
): void {
  const connection = expectConnection(
    ndis,
    NdisVcHandle,
    VirtualConnection,
    driver,
    'callManager',
    call,
    CLOSED_PAGE,
  );
  if (connection === null) return;
  const status = takeCompletion(ndis, connection, 'closeCall', Status, driver, call, CLOSED_PAGE);
  if (status === null) return;
  if (connection.state === 'Closing' && NdisPartyHandle !== (closingParty(connection)?.handle ?? 0)) {
    const text = `${call}: NdisPartyHandle is 0x${NdisPartyHandle.toString(16)}, not the party with which the call is closed`;
    ndis.kernel.report('BAD_HANDLE', driver, text, CLOSED_PAGE);
  }
  completeCloseCall(ndis, connection, status);
}

/** Finishes a close that was pending and tells the client. */
export function completeCloseCall(ndis: NdisLibrary, connection: VirtualConnection, status: number): void {
  const { client, clientContext } = connection;
  const partyContext = closingParty(connection)?.clientContext.value ?? 0;
  const last = finishCloseCall(ndis, connection, status);
  if (client !== null && !client.gone)
    client.handlers.closeCallComplete.invoke(last, clientContext.value, partyContext);
  settleConnection(ndis, connection);
}

/**
 * NdisCmCloseCallComplete: a close for which ProtocolCmCloseCall returned NDIS_STATUS_PENDING is complete; calls
 * ProtocolClCloseCallComplete. Where nothing is pending: the finding NOT_PENDING. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndiscmclosecallcomplete.
 */
export const NdisCmCloseCallComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisCmCloseCallComplete(NDIS_STATUS Status, NDIS_HANDLE NdisVcHandle, NDIS_HANDLE NdisPartyHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: CLOSED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisVcHandle: Handle, NdisPartyHandle: Handle): void =>
      cmCloseCallComplete(ndis, driver, 'NdisCmCloseCallComplete', Status, NdisVcHandle, NdisPartyHandle),
});

/** What NdisCmDispatchIncomingCloseCall and its macro for miniports do. */
export function cmDispatchIncomingClose(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  CloseStatus: number,
  NdisVcHandle: Address,
  Buffer: Address,
  Size: number,
): void {
  const connection = expectConnection(
    ndis,
    NdisVcHandle,
    VirtualConnection,
    driver,
    'callManager',
    call,
    INCOMING_PAGE,
  );
  if (connection === null) return;
  if (!apply(ndis.kernel, callStates, connection, 'IncomingCloseCall', driver)) return;
  tellOfClose(connection, CloseStatus, Buffer, Size);
}

/** ProtocolClIncomingCloseCall, unless the client is closing the call itself. */
export function tellOfClose(
  connection: VirtualConnection,
  status: number,
  data: Address,
  size: number,
): void {
  const { client, clientContext, state } = connection;
  if (client === null || client.gone || state === 'Closing' || state === 'Abandoning') return;
  client.handlers.incomingCloseCall.invoke(status >>> 0, clientContext.value, data, size);
}

/**
 * NdisCmDispatchIncomingCloseCall: the remote party, or the network, ends a call that is connected or offered; calls
 * ProtocolClIncomingCloseCall, and the client acknowledges with NdisClCloseCall. Nothing happens where the client is
 * closing the call at that moment. Without a call it is the finding ILLEGAL_TRANSITION. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndiscmdispatchincomingclosecall.
 */
export const NdisCmDispatchIncomingCloseCall = declareFunction('ndis', {
  prototype:
    'VOID NdisCmDispatchIncomingCloseCall(NDIS_STATUS CloseStatus, NDIS_HANDLE NdisVcHandle, PVOID Buffer, UINT Size)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: INCOMING_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (CloseStatus: NDIS_STATUS, NdisVcHandle: Handle, Buffer: Address, Size: number): void =>
      cmDispatchIncomingClose(
        ndis,
        driver,
        'NdisCmDispatchIncomingCloseCall',
        CloseStatus,
        NdisVcHandle,
        Buffer,
        Size,
      ),
});
