/**
 * What happens to connections whose client or call manager is gone: NDIS goes on in its place, one step after the other
 * as the remaining drivers complete theirs, so that these end as they would have. Windows would leave them hanging.
 * Implements "Closing an Address Family in a CoNDIS Client" and "Closing a CoNDIS Call Manager or MCM" (network).
 */

import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { completeDeactivation, deactivateConnection } from './activateVc.ts';
import { closeCall, completeCloseCall, tellOfClose } from './closeCall.ts';
import { closeFamily, completeCloseFamily, completeNotify, notifyClose } from './closeFamily.ts';
import { type BindingConnections, connectionsOf } from './connections.ts';
import { abandonConnectionRequests } from './coOidRequest.ts';
import { deleteConnection } from './deleteVc.ts';
import { dropConnection } from './dropConnection.ts';
import { forgetFamily, forgetSap } from './forget.ts';
import { completeOffer } from './incomingCall.ts';
import { completeMakeCall, completeModifyCallQoS } from './makeCall.ts';
import type { AddressFamily, CallManagerEnd, ClientEnd, VirtualConnection } from './objects.ts';
import { withdrawFamilies } from './offerFamily.ts';
import { completeOpenLater } from './openFamily.ts';
import { completeAddParty, completeDropParty, dropParty } from './parties.ts';
import { completeDeregisterSap, completeRegisterSap, deregisterSap } from './sap.ts';
import { settleConnection, settleFamily, settlingOf } from './settle.ts';

function settleOne(ndis: NdisLibrary, connection: VirtualConnection): void {
  const { client, manager } = connection;
  if (connection.handle === 0 || connection.deleting) return;
  if (client?.gone === true) settleForClient(ndis, connection);
  if (connection.handle === 0 || connection.deleting) return;
  if (manager.gone || (client?.gone === true && connection.creator === 'client'))
    settleIdle(ndis, connection);
}

/** Ends the call of a client that is gone. */
function settleForClient(ndis: NdisLibrary, connection: VirtualConnection): void {
  if (connection.pending.has('incomingCall')) {
    connection.pending.delete('incomingCall');
    completeOffer(ndis, connection, NDIS_STATUS_FAILURE, 0);
    return;
  }
  const { state } = connection;
  if (state !== 'Calling' && state !== 'Offered' && state !== 'Answered' && state !== 'Connected') return;
  // A call that is being made is closed when it is made: one question at a time.
  if (state === 'Calling') return;
  const parties = [...connection.parties].filter((party) => party.state === 'Active');
  for (const party of parties.slice(1)) dropParty(ndis, party, 0, 0, null);
  const waiting = [...connection.parties].some((party) => party.pending.size > 0);
  if (waiting) return;
  closeCall(ndis, connection, parties[0] ?? null, 0, 0, null);
}

/** Deactivates and deletes a VC without a call in place of whoever should. */
function settleIdle(ndis: NdisLibrary, connection: VirtualConnection): void {
  const { manager, client, creator } = connection;
  if (connection.state !== 'Idle') return;
  if (connection.activation.state === 'Active' && manager.gone) deactivateConnection(ndis, connection, null);
  if (connection.activation.state !== 'Inactive') return;
  const creatorGone = creator === 'callManager' ? manager.gone : client?.gone === true;
  if (creatorGone) deleteConnection(ndis, connection);
}

/** Takes down what a client that is gone has of a family, then the family. */
function settleOpened(ndis: NdisLibrary, family: AddressFamily): void {
  if (family.handle === 0 || family.state !== 'Open') return;
  for (const sap of family.saps) if (sap.state === 'Registered') deregisterSap(ndis, sap, null);
  for (const connection of family.connections) settleConnection(ndis, connection);
  if (family.saps.size > 0 || family.connections.size > 0) return;
  // A step before may have led here already.
  if (family.handle !== 0 && family.state === 'Open') closeFamily(ndis, family, null);
}

/** A client is gone: everything that it owes is answered, and what it left is taken down. */
export function abandonClient(ndis: NdisLibrary, client: ClientEnd, families: Iterable<AddressFamily>): void {
  if (client.gone) return;
  client.gone = true;
  for (const family of families) {
    if (family.pending.delete('notifyClose')) completeNotify(ndis, family, NDIS_STATUS_CLOSING);
    for (const connection of family.connections) settleConnection(ndis, connection);
    settleFamily(ndis, family);
  }
}

/** A call manager is gone: everything that it owes is answered, and its clients are asked to leave. */
export function abandonManager(
  ndis: NdisLibrary,
  manager: CallManagerEnd,
  families: Iterable<AddressFamily>,
  own: Iterable<VirtualConnection>,
): void {
  if (manager.gone) return;
  manager.gone = true;
  withdrawFamilies(ndis, manager);
  for (const family of families) {
    answerForManager(ndis, family);
    for (const connection of family.connections) {
      const { state } = connection;
      if (state === 'Offered' || state === 'Answered' || state === 'Connected')
        tellOfClose(connection, NDIS_STATUS_CLOSING, 0, 0);
      settleConnection(ndis, connection);
    }
    if (family.state === 'Open' && !family.pending.has('notifyClose')) notifyClose(ndis, family);
    settleFamily(ndis, family);
  }
  for (const connection of own) settleConnection(ndis, connection);
}

/** Completes what a call manager owes for one family. Returns how many operations that were. */
export function answerForManager(ndis: NdisLibrary, family: AddressFamily): number {
  let count = 0;
  const owed = <N extends string>(pending: Set<N>, name: N, complete: () => void): void => {
    if (!pending.delete(name)) return;
    count++;
    complete();
  };
  owed(family.pending, 'open', () => completeOpenLater(ndis, family, NDIS_STATUS_FAILURE));
  for (const sap of family.saps) {
    owed(sap.pending, 'register', () => completeRegisterSap(ndis, sap, NDIS_STATUS_FAILURE));
    owed(sap.pending, 'deregister', () => completeDeregisterSap(ndis, sap, NDIS_STATUS_SUCCESS));
  }
  for (const connection of family.connections) {
    const { pending } = connection;
    owed(pending, 'makeCall', () => completeMakeCall(ndis, connection, NDIS_STATUS_FAILURE, 0));
    owed(pending, 'modifyCallQoS', () => completeModifyCallQoS(ndis, connection, NDIS_STATUS_FAILURE, 0));
    for (const party of connection.parties) {
      owed(party.pending, 'addParty', () => completeAddParty(ndis, party, NDIS_STATUS_FAILURE, 0));
      owed(party.pending, 'dropParty', () => completeDropParty(ndis, party, NDIS_STATUS_SUCCESS));
    }
    owed(pending, 'closeCall', () => completeCloseCall(ndis, connection, NDIS_STATUS_SUCCESS));
  }
  owed(family.pending, 'close', () => completeCloseFamily(ndis, family, NDIS_STATUS_SUCCESS));
  return count;
}

/**
 * A binding is being closed with NdisCloseAdapterEx: what its driver left open is a finding and is taken down. What it
 * has begun to close is waited for.
 */
export function closeConnections(ndis: NdisLibrary, binding: Binding): void {
  const { connections } = binding;
  if (connections === null) return;
  const { client, manager } = connections;
  if (manager !== null) withdrawFamilies(ndis, manager);
  const unclosed = [...connections.opened].filter(({ state }) => state === 'Open' || state === 'Opening');
  const unnotified = [...connections.served].filter(
    ({ state, pending }) => (state === 'Open' || state === 'Opening') && !pending.has('notifyClose'),
  );
  const { driver } = binding.protocol;
  const report = (text: string, page: string): void => {
    const said = `${driver.name} closes ${binding.label} ${text}`;
    ndis.kernel.report('CONNECTIONS_LEFT_OPEN', driver, said, page);
  };
  if (client !== null && unclosed.length > 0) {
    const page = 'ndis/nf-ndis-ndisclcloseaddressfamily';
    report(
      `with ${unclosed.length} address families open; close them with NdisClCloseAddressFamily first`,
      page,
    );
    abandonClient(ndis, client, connections.opened);
  }
  if (manager === null || unnotified.length + connections.own.size === 0) return;
  const page = 'ndis/nf-ndis-ndiscmnotifycloseaddressfamily';
  report(
    `with ${unnotified.length} address families of clients and ${connections.own.size} VCs of its own open; call NdisCmNotifyCloseAddressFamily and NdisCoDeleteVc first`,
    page,
  );
  abandonManager(ndis, manager, connections.served, connections.own);
}

/** The driver of a binding is gone without a word. */
export function abandonBindingConnections(ndis: NdisLibrary, binding: Binding): void {
  const { connections } = binding;
  if (connections === null) return;
  abandonEnds(ndis, connections);
  abandonConnectionRequests(ndis, binding, null);
}

function abandonEnds(ndis: NdisLibrary, connections: BindingConnections): void {
  if (connections.client !== null) abandonClient(ndis, connections.client, connections.opened);
  if (connections.manager !== null)
    abandonManager(ndis, connections.manager, connections.served, connections.own);
}

/** The adapter was halted: nothing of its connections stays. */
export function endAdapterConnections(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const all = connectionsOf(ndis);
  const connections = all.adapters.get(adapter);
  if (connections === undefined) return;
  abandonConnectionRequests(ndis, null, adapter);
  if (connections.manager !== null) abandonManager(ndis, connections.manager, connections.families, []);
  for (const connection of connections.connections) {
    if (connection.pending.delete('deactivate')) completeDeactivation(ndis, connection, NDIS_STATUS_SUCCESS);
    dropConnection(ndis, connection);
  }
  for (const family of connections.families) {
    for (const sap of family.saps) forgetSap(ndis, sap);
    family.state = 'Closed';
    family.pending.clear();
    forgetFamily(ndis, family);
  }
  all.adapters.delete(adapter);
}

/** Hooks what happens to connections without one of their ends into the library. */
export function attachConnections(ndis: NdisLibrary): void {
  const settling = settlingOf(ndis);
  settling.connection = (connection) => settleOne(ndis, connection);
  settling.family = (family) => settleOpened(ndis, family);
}
