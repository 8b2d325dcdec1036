/**
 * Sends: from a protocol's binding to the miniport, and back when they are complete.
 * Implements nf-ndis-ndissendnetbufferlists, nf-ndis-ndismsendnetbufferlistscomplete and
 * nf-ndis-ndiscancelsendnetbufferlists.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import { type Address, CALLABLE_RANGE_START, OBJECT_RANGE_START } from '../../memory/index.ts';
import { NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK, NDIS_STATUS_PAUSED } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE, NBL_STATUS } from '../netBuffer/offsets.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import { emitHops } from './hop.ts';
import { loopBack } from './loopback.ts';

const SEND_PAGE = 'ndis/nf-ndis-ndissendnetbufferlists';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndismsendnetbufferlistscomplete';

/**
 * NdisSendNetBufferLists: hands lists to the miniport below; they come back through
 * ProtocolSendNetBufferListsComplete, with NDIS_STATUS_PAUSED where the adapter or the binding does not run.
 * IRQL <= DISPATCH_LEVEL. A binding that is not open is the finding BAD_HANDLE or NOT_OPEN.
 * Source: ndis/nf-ndis-ndissendnetbufferlists.
 */
export const NdisSendNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisSendNetBufferLists(NDIS_HANDLE NdisBindingHandle, PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: SEND_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { kernel } = ndis;
    const { objects, i32 } = ndis.memory;
    return (
      NdisBindingHandle: Handle,
      NetBufferLists: Address,
      PortNumber: number,
      SendFlags: number,
    ): void => {
      const binding = objects.valueAt(NdisBindingHandle);
      if (!(binding instanceof Binding) || binding.openState !== 'open')
        return reportNotOpen(ndis, driver, NdisBindingHandle);
      const { adapter } = binding;
      // In Restarting too: what the protocol queued in NetEventRestart may run before the event is completed.
      if (!adapter.running || (binding.state !== 'Running' && binding.state !== 'Restarting'))
        return refuseSend(ndis, binding, NetBufferLists, SendFlags);
      let count = 0;
      for (let list: Address = NetBufferLists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
        count++;
        if (i32[(list + NBL_SOURCE_HANDLE) >> 2] !== NdisBindingHandle)
          setSource(ndis, driver, list, NdisBindingHandle);
      }
      binding.sendsOutstanding += count;
      adapter.sendsOutstanding += count;
      if (kernel.trace !== null)
        emitHops(kernel, binding.protocol.name, adapter.label, NetBufferLists, 'send');
      if (adapter.loopbackWanted && wantsLoopback(binding, SendFlags))
        loopBack(ndis, binding, NetBufferLists, SendFlags);
      adapter.send(adapter.context, NetBufferLists, PortNumber, SendFlags);
    };
  },
});

/** Whether some binding other than the sender receives here, or the sender asked to be looked at too. */
function wantsLoopback(binding: Binding, flags: number): boolean {
  const { receivers } = binding.adapter;
  return (
    receivers.length > 1 || receivers[0] !== binding || (flags & NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK) !== 0
  );
}

function setSource(ndis: NdisLibrary, driver: Driver, list: Address, handle: Handle): void {
  ndis.kernel.report(
    'SOURCE_HANDLE_NOT_SET',
    driver,
    `NdisSendNetBufferLists: the list 0x${list.toString(16)} has another SourceHandle than the binding that sends it`,
    SEND_PAGE,
  );
  ndis.memory.writePointer(list + NBL_SOURCE_HANDLE, handle);
}

function reportNotOpen(ndis: NdisLibrary, driver: Driver, handle: Handle): void {
  ndis.kernel.report(
    'NOT_OPEN',
    driver,
    `NdisSendNetBufferLists: 0x${handle.toString(16)} is no open binding; the lists stay with the caller`,
    SEND_PAGE,
  );
}

/** Completes lists that cannot be sent now. */
function refuseSend(ndis: NdisLibrary, binding: Binding, lists: Address, flags: number): void {
  const { i32, u32 } = ndis.memory;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2])
    u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_PAUSED;
  if (binding.state === 'Paused') {
    ndis.kernel.report(
      'SEND_WHILE_PAUSED',
      binding.protocol.driver,
      `${binding.label} is Paused; a protocol sends only in Running`,
      'network/binding-states-of-a-protocol-driver',
    );
  }
  binding.sendComplete(binding.context, lists, flags & 1);
}

/**
 * NdisMSendNetBufferListsComplete: gives sent lists back to whoever sent them, with the status in each; the lists of
 * several senders may be mixed. IRQL <= DISPATCH_LEVEL. A list that nobody waits for is the finding COMPLETED_TWICE.
 * Source: ndis/nf-ndis-ndismsendnetbufferlistscomplete.
 */
export const NdisMSendNetBufferListsComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisMSendNetBufferListsComplete(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: COMPLETE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { kernel } = ndis;
    const { objects, i32 } = ndis.memory;
    return (MiniportAdapterHandle: Handle, NetBufferList: Address, SendCompleteFlags: number): void => {
      const adapter = objects.valueAt(MiniportAdapterHandle);
      if (!(adapter instanceof MiniportAdapter)) {
        ndis.expect(
          MiniportAdapterHandle,
          MiniportAdapter,
          driver,
          'NdisMSendNetBufferListsComplete',
          COMPLETE_PAGE,
        );
        return;
      }
      let first: Address = NetBufferList;
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
        if (next !== 0) {
          i32[(last + NBL_NEXT) >> 2] = 0;
          i32[(last + NBL_NEXT + 4) >> 2] = 0;
        }
        const binding = objects.valueAt(source);
        if (!(binding instanceof Binding) || binding.sendsOutstanding < count) {
          reportUnknownCompletion(ndis, driver, adapter, first, source);
        } else {
          binding.sendsOutstanding -= count;
          adapter.sendsOutstanding -= count;
          if (kernel.trace !== null)
            emitHops(kernel, adapter.label, binding.protocol.name, first, 'sendComplete');
          binding.sendComplete(binding.context, first, SendCompleteFlags);
          if (binding.drainEvent !== 0) releaseIfDrained(ndis, binding);
        }
        first = next;
      }
    };
  },
});

function reportUnknownCompletion(
  ndis: NdisLibrary,
  driver: Driver,
  adapter: MiniportAdapter,
  list: Address,
  source: Address,
): void {
  const known = source >= OBJECT_RANGE_START && source < CALLABLE_RANGE_START;
  ndis.kernel.report(
    known ? 'COMPLETED_TWICE' : 'COMPLETED_UNKNOWN_LIST',
    driver,
    `NdisMSendNetBufferListsComplete of ${adapter.label}: the list 0x${list.toString(16)} is not outstanding` +
      (known ? '; it was completed before, or never sent' : '; its SourceHandle is no binding'),
    COMPLETE_PAGE,
  );
}

/**
 * NdisCancelSendNetBufferLists: asks the miniport to complete the queued lists with a cancel id. IRQL
 * <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndiscancelsendnetbufferlists.
 */
export const NdisCancelSendNetBufferLists = declareFunction('ndis', {
  prototype: 'VOID NdisCancelSendNetBufferLists(NDIS_HANDLE NdisBindingHandle, PVOID CancelId)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndiscancelsendnetbufferlists',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, CancelId: Address): void => {
      const page = 'ndis/nf-ndis-ndiscancelsendnetbufferlists';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, 'NdisCancelSendNetBufferLists', page);
      if (binding === null) return;
      const { adapter } = binding;
      adapter.miniport.handlers?.cancelSend.invoke(adapter.context, CancelId);
    },
});
