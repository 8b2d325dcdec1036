/** Taking objects out of the library when nobody needs them any more. */

import type { NdisLibrary } from '../library.ts';
import { connectionsOf, dismiss, releaseBindings } from './connections.ts';
import type { AddressFamily, Party, Sap, VirtualConnection } from './objects.ts';

/** A family that is closed. It stays while its client still has to answer a notification. */
export function forgetFamily(ndis: NdisLibrary, family: AddressFamily): void {
  if (family.state !== 'Closed' || family.pending.has('notifyClose')) return;
  const { client, manager } = family;
  client.binding.connections?.opened.delete(family);
  manager.binding?.connections?.served.delete(family);
  connectionsOf(ndis).adapters.get(manager.adapter)?.families.delete(family);
  dismiss(ndis, family);
  releaseBindings(ndis, client.binding, manager.binding);
}

export function forgetSap(ndis: NdisLibrary, sap: Sap): void {
  sap.family.saps.delete(sap);
  dismiss(ndis, sap);
}

export function forgetParty(ndis: NdisLibrary, party: Party): void {
  party.connection.parties.delete(party);
  dismiss(ndis, party);
}

export function forgetConnection(ndis: NdisLibrary, connection: VirtualConnection): void {
  for (const party of connection.parties) forgetParty(ndis, party);
  connection.family?.connections.delete(connection);
  connection.manager.binding?.connections?.own.delete(connection);
  connectionsOf(ndis).adapters.get(connection.adapter)?.connections.delete(connection);
  dismiss(ndis, connection);
  releaseBindings(ndis, connection.manager.binding);
}
