/**
 * Receives on virtual connections: to whoever the VC belongs to; they go back by NdisReturnNetBufferLists.
 * Implements nf-ndis-ndismcoindicatereceivenetbufferlists.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { emitHops } from '../dataPath/hop.ts';
import {
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { VirtualConnection } from './objects.ts';

const PAGE = 'ndis/nf-ndis-ndismcoindicatereceivenetbufferlists';

/**
 * NdisMCoIndicateReceiveNetBufferLists: indicates lists received on a VC to the client, or to the call manager on a VC of
 * its own, through ProtocolCoReceiveNetBufferLists. Without NDIS_RECEIVE_FLAGS_RESOURCES they come back through
 * MiniportReturnNetBufferLists: at once where nobody receives now. A VC that is not active is the finding
 * RECEIVE_ON_INACTIVE_VC. IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcoindicatereceivenetbufferlists.
 */
export const NdisMCoIndicateReceiveNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisMCoIndicateReceiveNetBufferLists(NDIS_HANDLE NdisVcHandle, PNET_BUFFER_LIST NetBufferLists, ULONG NumberOfNetBufferLists, ULONG CoReceiveFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { kernel } = ndis;
    const { objects } = ndis.memory;
    return (
      NdisVcHandle: Handle,
      NetBufferLists: Address,
      NumberOfNetBufferLists: number,
      CoReceiveFlags: number,
    ): void => {
      const connection = objects.valueAt(NdisVcHandle);
      if (!(connection instanceof VirtualConnection) || connection.adapter.miniport.driver !== driver) {
        ndis.expect(NdisVcHandle, VirtualConnection, driver, 'NdisMCoIndicateReceiveNetBufferLists', PAGE);
        return;
      }
      const { owner, adapter, activation } = connection;
      const lent = (CoReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
      const inactive = activation.state === 'Inactive' || activation.state === 'Activating';
      const gone = connection.client === null ? connection.manager.gone : connection.client.gone;
      if (owner === null || connection.receive === null || inactive || gone || !owner.receiving) {
        if (inactive) reportInactive(ndis, driver, connection);
        const flags = CoReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
        if (!lent) adapter.returnLists(adapter.context, NetBufferLists, flags);
        return;
      }
      if (!lent) {
        owner.receivesOutstanding += NumberOfNetBufferLists;
        adapter.receivesOutstanding += NumberOfNetBufferLists;
      }
      if (kernel.trace !== null)
        emitHops(kernel, adapter.label, owner.protocol.name, NetBufferLists, 'receive');
      connection.receive(
        owner.context,
        connection.ownerContext,
        NetBufferLists,
        NumberOfNetBufferLists,
        CoReceiveFlags,
      );
    };
  },
});

function reportInactive(ndis: NdisLibrary, driver: Driver, connection: VirtualConnection): void {
  const text = `NdisMCoIndicateReceiveNetBufferLists: VC ${connection.label} is ${connection.activation.state}; indicate only while it is active`;
  ndis.kernel.report('RECEIVE_ON_INACTIVE_VC', driver, text, PAGE);
}
