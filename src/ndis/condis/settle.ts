/**
 * The step that follows each completion where a client or a call manager is gone. What it does is in teardown.ts, which
 * needs the operations that call it: it is hooked up when the library is put together.
 */

import { type NdisLibrary, perNdis } from '../library.ts';
import type { AddressFamily, VirtualConnection } from './objects.ts';

class Settling {
  connection: (connection: VirtualConnection) => void = () => {};
  family: (family: AddressFamily) => void = () => {};
}

export const settlingOf = perNdis('settling of connections', () => new Settling());

/** The next step for a VC of which an end is gone. Nothing where both ends are there. */
export function settleConnection(ndis: NdisLibrary, connection: VirtualConnection): void {
  if (connection.manager.gone || connection.client?.gone === true) settlingOf(ndis).connection(connection);
}

/** The next step for a family whose client is gone. Nothing while it is there. */
export function settleFamily(ndis: NdisLibrary, family: AddressFamily): void {
  if (family.client.gone) settlingOf(ndis).family(family);
}
