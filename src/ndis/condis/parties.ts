/**
 * Parties of multipoint calls, added and dropped one by one.
 * Implements nf-ndis-ndiscladdparty, nf-ndis-ndiscldropparty, their completions and
 * nf-ndis-ndiscmdispatchincomingdropparty.
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
import { partyStates } from './states.ts';

const ADD_PAGE = 'ndis/nf-ndis-ndiscladdparty';
const ADDED_PAGE = 'ndis/nf-ndis-ndiscmaddpartycomplete';
const DROP_PAGE = 'ndis/nf-ndis-ndiscldropparty';
const DROPPED_PAGE = 'ndis/nf-ndis-ndiscmdroppartycomplete';
const INCOMING_PAGE = 'ndis/nf-ndis-ndiscmdispatchincomingdropparty';

/** The call manager has added a party, or has not. */
function finishAdd(ndis: NdisLibrary, party: Party, status: number): void {
  const added = status === NDIS_STATUS_SUCCESS;
  const event = added ? 'AddPartyComplete' : 'AddPartyFailed';
  apply(ndis.kernel, partyStates, party, event, party.connection.manager.driver);
  if (!added) forgetParty(ndis, party);
}

/**
 * NdisClAddParty: adds a party to a multipoint call that is connected: one whose NdisClMakeCall had a party context.
 * ProtocolCmAddParty runs inside the call. The parameters must stay valid until it is complete. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClAddPartyComplete gets the final status; what the call
 * manager failed with; NDIS_STATUS_FAILURE for a VC without such a call (a finding); NDIS_STATUS_RESOURCES.
 * Source: ndis/nf-ndis-ndiscladdparty.
 */
export const NdisClAddParty = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisClAddParty(NDIS_HANDLE NdisVcHandle, NDIS_HANDLE ProtocolPartyContext, PCO_CALL_PARAMETERS CallParameters, PNDIS_HANDLE NdisPartyHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: ADD_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisVcHandle: Handle,
      ProtocolPartyContext: Context,
      CallParameters: Pointer<CO_CALL_PARAMETERS>,
      NdisPartyHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisClAddParty';
      const connection = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'client',
        call,
        ADD_PAGE,
      );
      if (connection === null || refuseTransient(ndis, driver, call, CallParameters, ADD_PAGE))
        return NDIS_STATUS_FAILURE;
      if (!connection.multipoint || connection.state !== 'Connected' || connection.manager.gone) {
        const text = `${call}: VC ${connection.label} has no multipoint call that is connected; call with a party context first`;
        ndis.kernel.report('NOT_MULTIPOINT', driver, text, ADD_PAGE);
        return NDIS_STATUS_FAILURE;
      }
      const party = new Party(connection, heldContext(ndis, ProtocolPartyContext));
      if (!admit(ndis, party)) return NDIS_STATUS_RESOURCES;
      connection.parties.add(party);
      apply(ndis.kernel, partyStates, party, 'AddParty', driver);
      ndis.memory.writePointer(NdisPartyHandle, party.handle);
      party.pending.add('addParty');
      const { addParty } = connection.manager.handlers;
      const answer = addParty.invoke(
        connection.managerContext.value,
        seen<CO_CALL_PARAMETERS>(CallParameters),
        party.handle,
        contextCell(ndis, party),
      );
      const status = settleAnswer(ndis, party, 'addParty', statusOf(answer, addParty), addParty);
      if (status === NDIS_STATUS_PENDING) return status;
      if (status === NDIS_STATUS_SUCCESS) party.managerContext = writtenContext(ndis, party);
      else ndis.memory.writePointer(NdisPartyHandle, 0);
      finishAdd(ndis, party, status);
      return status;
    },
});

/** What NdisCmAddPartyComplete and its macro for miniports do. */
export function cmAddPartyComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisPartyHandle: Address,
  CallMgrPartyContext: Address,
  CallParameters: Address,
): void {
  const party = expectConnection(ndis, NdisPartyHandle, Party, driver, 'callManager', call, ADDED_PAGE);
  if (party === null) return;
  const status = takeCompletion(ndis, party, 'addParty', Status, driver, call, ADDED_PAGE);
  if (status === null) return;
  if (status === NDIS_STATUS_SUCCESS) party.managerContext = heldContext(ndis, CallMgrPartyContext);
  completeAddParty(ndis, party, status, CallParameters);
}

/** Finishes an addition that was pending and tells the client. */
export function completeAddParty(ndis: NdisLibrary, party: Party, status: number, parameters: Address): void {
  const { connection, clientContext } = party;
  const { client } = connection;
  finishAdd(ndis, party, status);
  if (client !== null && !client.gone) {
    client.handlers.addPartyComplete.invoke(
      status,
      clientContext.value,
      party.handle,
      seen<CO_CALL_PARAMETERS>(parameters),
    );
  }
  settleConnection(ndis, connection);
}

/**
 * NdisCmAddPartyComplete: the outcome of an addition for which ProtocolCmAddParty returned NDIS_STATUS_PENDING; calls
 * ProtocolClAddPartyComplete. After a failure the handle is invalid. Where nothing is pending: the finding NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmaddpartycomplete.
 */
export const NdisCmAddPartyComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisCmAddPartyComplete(NDIS_STATUS Status, NDIS_HANDLE NdisPartyHandle, NDIS_HANDLE CallMgrPartyContext, PCO_CALL_PARAMETERS CallParameters)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: ADDED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      Status: NDIS_STATUS,
      NdisPartyHandle: Handle,
      CallMgrPartyContext: Context,
      CallParameters: Pointer<CO_CALL_PARAMETERS>,
    ): void =>
      cmAddPartyComplete(
        ndis,
        driver,
        'NdisCmAddPartyComplete',
        Status,
        NdisPartyHandle,
        CallMgrPartyContext,
        CallParameters,
      ),
});

/** Asks the call manager to drop a party. */
export function dropParty(
  ndis: NdisLibrary,
  party: Party,
  data: Address,
  size: number,
  driver: Driver | null,
): NDIS_STATUS {
  if (!apply(ndis.kernel, partyStates, party, 'DropParty', driver)) return NDIS_STATUS_FAILURE;
  const { manager } = party.connection;
  if (manager.gone) return finishDrop(ndis, party, NDIS_STATUS_SUCCESS);
  party.pending.add('dropParty');
  const { dropParty: handler } = manager.handlers;
  const answer = handler.invoke(party.managerContext.value, data, size);
  const status = settleAnswer(ndis, party, 'dropParty', statusOf(answer, handler), handler);
  return status === NDIS_STATUS_PENDING ? status : finishDrop(ndis, party, status);
}

function finishDrop(ndis: NdisLibrary, party: Party, status: number): NDIS_STATUS {
  const dropped = status === NDIS_STATUS_SUCCESS;
  const event = dropped ? 'DropPartyComplete' : 'DropPartyFailed';
  apply(ndis.kernel, partyStates, party, event, party.connection.manager.driver);
  if (dropped) forgetParty(ndis, party);
  return status;
}

/** How many parties take part in a call, those that are on their way out not counted. */
function remaining(connection: VirtualConnection): number {
  let count = 0;
  for (const { state } of connection.parties) if (state === 'Active' || state === 'Adding') count++;
  return count;
}

/**
 * NdisClDropParty: takes a party out of a multipoint call. ProtocolCmDropParty runs inside the call. The last one is
 * dropped by NdisClCloseCall instead. The handle is invalid for the client from the call on, unless the drop fails.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_PENDING where ProtocolClDropPartyComplete gets the final status; what the
 * call manager failed with; NDIS_STATUS_FAILURE for a wrong handle and for the last party (findings).
 * Source: ndis/nf-ndis-ndiscldropparty.
 */
export const NdisClDropParty = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisClDropParty(NDIS_HANDLE NdisPartyHandle, PVOID Buffer, UINT Size)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: DROP_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisPartyHandle: Handle, Buffer: Address, Size: number): NDIS_STATUS => {
      const call = 'NdisClDropParty';
      const party = expectConnection(ndis, NdisPartyHandle, Party, driver, 'client', call, DROP_PAGE);
      if (party === null) return NDIS_STATUS_FAILURE;
      if (remaining(party.connection) <= 1) {
        const text = `${call}: it is the last party of the call on VC ${party.connection.label}; drop it with NdisClCloseCall`;
        ndis.kernel.report('LAST_PARTY_DROPPED', driver, text, DROP_PAGE);
        return NDIS_STATUS_FAILURE;
      }
      return dropParty(ndis, party, Buffer, Size, driver);
    },
});

/** What NdisCmDropPartyComplete and its macro for miniports do. */
export function cmDropPartyComplete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  Status: number,
  NdisPartyHandle: Address,
): void {
  const party = expectConnection(ndis, NdisPartyHandle, Party, driver, 'callManager', call, DROPPED_PAGE);
  if (party === null) return;
  const status = takeCompletion(ndis, party, 'dropParty', Status, driver, call, DROPPED_PAGE);
  if (status !== null) completeDropParty(ndis, party, status);
}

/** Finishes a drop that was pending and tells the client. */
export function completeDropParty(ndis: NdisLibrary, party: Party, status: number): void {
  const { connection, clientContext } = party;
  const { client } = connection;
  const last = finishDrop(ndis, party, status);
  if (client !== null && !client.gone) client.handlers.dropPartyComplete.invoke(last, clientContext.value);
  settleConnection(ndis, connection);
}

/**
 * NdisCmDropPartyComplete: a drop for which ProtocolCmDropParty returned NDIS_STATUS_PENDING is complete; calls
 * ProtocolClDropPartyComplete. The handle is invalid from here on. Where nothing is pending: the finding NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscmdroppartycomplete.
 */
export const NdisCmDropPartyComplete = declareFunction('ndis', {
  prototype: 'VOID NdisCmDropPartyComplete(NDIS_STATUS Status, NDIS_HANDLE NdisPartyHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: DROPPED_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (Status: NDIS_STATUS, NdisPartyHandle: Handle): void =>
      cmDropPartyComplete(ndis, driver, 'NdisCmDropPartyComplete', Status, NdisPartyHandle),
});

/** What NdisCmDispatchIncomingDropParty and its macro for miniports do. */
export function cmDispatchIncomingDrop(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  DropStatus: number,
  NdisPartyHandle: Address,
  Buffer: Address,
  Size: number,
): void {
  const party = expectConnection(ndis, NdisPartyHandle, Party, driver, 'callManager', call, INCOMING_PAGE);
  if (party === null) return;
  if (!apply(ndis.kernel, partyStates, party, 'IncomingDropParty', driver)) return;
  const { connection, clientContext } = party;
  if (party.state === 'Active' && remaining(connection) <= 1) {
    const text = `${call}: it is the last party of the call on VC ${connection.label}; call NdisCmDispatchIncomingCloseCall for the last one`;
    ndis.kernel.report('LAST_PARTY_DROPPED', driver, text, INCOMING_PAGE);
  }
  const { client } = connection;
  // A client that is dropping it already has no use for it.
  if (client === null || client.gone || party.state === 'Dropping') return;
  client.handlers.incomingDropParty.invoke(DropStatus >>> 0, clientContext.value, Buffer, Size);
}

/**
 * NdisCmDispatchIncomingDropParty: a party leaves a multipoint call, or the network lost it; calls
 * ProtocolClIncomingDropParty, and the client acknowledges with NdisClDropParty. For the last party
 * NdisCmDispatchIncomingCloseCall is called instead (else a finding). IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndiscmdispatchincomingdropparty.
 */
export const NdisCmDispatchIncomingDropParty = declareFunction('ndis', {
  prototype:
    'VOID NdisCmDispatchIncomingDropParty(NDIS_STATUS DropStatus, NDIS_HANDLE NdisPartyHandle, PVOID Buffer, UINT Size)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: INCOMING_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (DropStatus: NDIS_STATUS, NdisPartyHandle: Handle, Buffer: Address, Size: number): void =>
      cmDispatchIncomingDrop(
        ndis,
        driver,
        'NdisCmDispatchIncomingDropParty',
        DropStatus,
        NdisPartyHandle,
        Buffer,
        Size,
      ),
});
