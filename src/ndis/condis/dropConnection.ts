/** Taking a VC out of the library at once, where nobody can be waited for. */

import type { NdisLibrary } from '../library.ts';
import { deleteAtMiniport } from './createVc.ts';
import { forgetConnection } from './forget.ts';
import type { VirtualConnection } from './objects.ts';

/** Takes a VC out of the library at once, whatever its state; who is still there is told that it is deleted. */
export function dropConnection(ndis: NdisLibrary, connection: VirtualConnection): void {
  if (connection.handle === 0) return;
  connection.deleting = true;
  const { manager, client, adapter } = connection;
  const { deactivateVc = null } = adapter.miniport.connections?.co ?? {};
  if (
    connection.activation.state === 'Active' &&
    manager.binding !== null &&
    adapter.miniport.handlers !== null
  )
    deactivateVc?.invoke(connection.miniportContext.value);
  if (!manager.gone) manager.handlers.deleteVc.invoke(connection.managerContext.value);
  if (client !== null && !client.gone) client.handlers.deleteVc.invoke(connection.clientContext.value);
  if (adapter.miniport.handlers !== null) deleteAtMiniport(connection);
  connection.state = 'Idle';
  connection.activation.state = 'Inactive';
  forgetConnection(ndis, connection);
}
