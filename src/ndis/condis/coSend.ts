/**
 * Sends on virtual connections, to the miniport and back.
 * Implements nf-ndis-ndiscosendnetbufferlists and nf-ndis-ndismcosendnetbufferlistscomplete.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { emitHops } from '../dataPath/hop.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PAUSED,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE, NBL_STATUS } from '../netBuffer/offsets.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import { expectConnection } from './connections.ts';
import { VirtualConnection } from './objects.ts';

const SEND_PAGE = 'ndis/nf-ndis-ndiscosendnetbufferlists';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndismcosendnetbufferlistscomplete';

/** Whether the miniport is ready for data: also while its parameters change. */
function active(connection: VirtualConnection): boolean {
  const { state } = connection.activation;
  return state === 'Active' || state === 'Reactivating';
}

/** The driver whose data flows on a VC. */
function ownerOf(connection: VirtualConnection): Driver | undefined {
  return connection.owner?.protocol.driver;
}

/**
 * NdisCoSendNetBufferLists: hands lists to the miniport for a VC; they come back through
 * ProtocolCoSendNetBufferListsComplete: with NDIS_STATUS_PAUSED where the adapter or the binding does not run, with
 * NDIS_STATUS_CLOSING where the call is being closed, with NDIS_STATUS_FAILURE where the VC is not active (a finding).
 * SourceHandle of each list is the VC. On a client's VC the client sends, on its own the call manager.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscosendnetbufferlists.
 */
export const NdisCoSendNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisCoSendNetBufferLists(NDIS_HANDLE NdisVcHandle, PNET_BUFFER_LIST NetBufferLists, ULONG SendFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: SEND_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { kernel } = ndis;
    const { objects, i32 } = ndis.memory;
    return (NdisVcHandle: Handle, NetBufferLists: Address, SendFlags: number): void => {
      const connection = objects.valueAt(NdisVcHandle);
      if (!(connection instanceof VirtualConnection) || ownerOf(connection) !== driver)
        return reportNotOwner(ndis, driver, NdisVcHandle);
      const { owner, adapter } = connection;
      if (owner === null) return;
      const running =
        adapter.running &&
        owner.openState === 'open' &&
        (owner.state === 'Running' || owner.state === 'Restarting');
      const closing = connection.state === 'Closing' || connection.state === 'Abandoning';
      if (!running || closing || !active(connection))
        return refuse(ndis, driver, connection, NetBufferLists, SendFlags, running, closing);
      let count = 0;
      for (let list: Address = NetBufferLists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
        count++;
        if (i32[(list + NBL_SOURCE_HANDLE) >> 2] !== NdisVcHandle)
          setSource(ndis, driver, list, NdisVcHandle);
      }
      connection.sendsOutstanding += count;
      owner.sendsOutstanding += count;
      adapter.sendsOutstanding += count;
      if (kernel.trace !== null) emitHops(kernel, owner.protocol.name, adapter.label, NetBufferLists, 'send');
      connection.send(connection.miniportContext.value, NetBufferLists, SendFlags);
    };
  },
});

function reportNotOwner(ndis: NdisLibrary, driver: Driver, handle: Handle): void {
  ndis.kernel.report(
    'NOT_OPEN',
    driver,
    `NdisCoSendNetBufferLists: 0x${handle.toString(16)} is no VC on which ${driver.name} sends; the lists stay with the caller`,
    SEND_PAGE,
  );
}

function setSource(ndis: NdisLibrary, driver: Driver, list: Address, handle: Handle): void {
  ndis.kernel.report(
    'SOURCE_HANDLE_NOT_SET',
    driver,
    `NdisCoSendNetBufferLists: the list 0x${list.toString(16)} has another SourceHandle than the VC on which it is sent`,
    SEND_PAGE,
  );
  ndis.memory.writePointer(list + NBL_SOURCE_HANDLE, handle);
}

/** Completes lists that cannot be sent now. */
function refuse(
  ndis: NdisLibrary,
  driver: Driver,
  connection: VirtualConnection,
  lists: Address,
  flags: number,
  running: boolean,
  closing: boolean,
): void {
  const { i32, u32 } = ndis.memory;
  const status = !running ? NDIS_STATUS_PAUSED : closing ? NDIS_STATUS_CLOSING : NDIS_STATUS_FAILURE;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2])
    u32[(list + NBL_STATUS) >> 2] = status;
  if (status === NDIS_STATUS_FAILURE) {
    const text = `NdisCoSendNetBufferLists: VC ${connection.label} is ${connection.activation.state}; send only while it is active`;
    ndis.kernel.report('SEND_ON_INACTIVE_VC', driver, text, SEND_PAGE);
  }
  connection.sendComplete?.(connection.ownerContext, lists, flags & 1);
}

/**
 * NdisMCoSendNetBufferListsComplete: gives lists that were sent on VCs back to who sent them, with the status in each; the
 * lists of several VCs may be mixed. A list that nobody waits for is the finding COMPLETED_TWICE.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcosendnetbufferlistscomplete.
 */
export const NdisMCoSendNetBufferListsComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisMCoSendNetBufferListsComplete(NDIS_HANDLE NdisVcHandle, PNET_BUFFER_LIST NetBufferLists, ULONG SendCompleteFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: COMPLETE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { objects, i32 } = ndis.memory;
    const call = 'NdisMCoSendNetBufferListsComplete';
    return (NdisVcHandle: Handle, NetBufferLists: Address, SendCompleteFlags: number): void => {
      const named = expectConnection(
        ndis,
        NdisVcHandle,
        VirtualConnection,
        driver,
        'miniport',
        call,
        COMPLETE_PAGE,
      );
      if (named === null) return;
      let first: Address = NetBufferLists;
      while (first !== 0) {
        // A run of lists with one source goes back in one call.
        const source = i32[(first + NBL_SOURCE_HANDLE) >> 2];
        let last = first;
        let count = 1;
        let next = i32[(first + NBL_NEXT) >> 2];
        while (next !== 0 && i32[(next + NBL_SOURCE_HANDLE) >> 2] === source) {
          last = next;
          count++;
          next = i32[(next + NBL_NEXT) >> 2];
        }
        if (next !== 0) ndis.memory.writePointer(last + NBL_NEXT, 0);
        const connection = objects.valueAt(source);
        if (connection instanceof VirtualConnection && connection.sendsOutstanding >= count)
          giveBack(ndis, connection, first, count, SendCompleteFlags);
        else reportUnknown(ndis, driver, first);
        first = next;
      }
    };
  },
});

function giveBack(
  ndis: NdisLibrary,
  connection: VirtualConnection,
  lists: Address,
  count: number,
  flags: number,
): void {
  const { kernel } = ndis;
  const { owner, adapter } = connection;
  connection.sendsOutstanding -= count;
  // The sender was unloaded in the meantime: its counts went with it.
  const gone = connection.client === null ? connection.manager.gone : connection.client.gone;
  if (owner === null || (gone && owner.openState === 'closed')) return;
  owner.sendsOutstanding -= count;
  adapter.sendsOutstanding -= count;
  if (kernel.trace !== null) emitHops(kernel, adapter.label, owner.protocol.name, lists, 'sendComplete');
  connection.sendComplete?.(connection.ownerContext, lists, flags);
  if (owner.drainEvent !== 0) releaseIfDrained(ndis, owner);
}

function reportUnknown(ndis: NdisLibrary, driver: Driver, list: Address): void {
  ndis.kernel.report(
    'COMPLETED_TWICE',
    driver,
    `NdisMCoSendNetBufferListsComplete: the list 0x${list.toString(16)} is not outstanding on a VC; it was completed before, or never sent`,
    COMPLETE_PAGE,
  );
}
