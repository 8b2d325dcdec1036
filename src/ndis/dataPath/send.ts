/**
 * Sends: from a protocol's binding to the topmost filter module or the miniport, and back when they are complete.
 * Implements nf-ndis-ndissendnetbufferlists, nf-ndis-ndismsendnetbufferlistscomplete and
 * nf-ndis-ndiscancelsendnetbufferlists.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { FilterModule } from '../filter/filterModule.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE } from '../netBuffer/offsets.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { emitHops } from './hop.ts';
import { loopBack } from './loopback.ts';
import { completeInto, completeToBindings, refuseSend, reportUnknownCompletion, sendInto } from './sends.ts';

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
      const top = adapter.topSend;
      if (top !== null) {
        sendInto(ndis, top, binding.protocol.name, NetBufferLists, count, PortNumber, SendFlags);
        return;
      }
      adapter.sendsOutstanding += count;
      if (kernel.trace !== null)
        emitHops(kernel, binding.protocol.name, adapter.label, NetBufferLists, 'send');
      if (adapter.loopbackWanted) loopBack(ndis, adapter, NetBufferLists, SendFlags);
      adapter.send(adapter.context, NetBufferLists, PortNumber, SendFlags);
    };
  },
});

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
      const bottom = adapter.bottomComplete;
      if (bottom === null) {
        completeToBindings(ndis, driver, adapter, adapter.label, NetBufferList, SendCompleteFlags, true);
        return;
      }
      let count = 0;
      for (let list: Address = NetBufferList; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) count++;
      if (count > adapter.sendsOutstanding) {
        const source = i32[(NetBufferList + NBL_SOURCE_HANDLE) >> 2];
        return reportUnknownCompletion(ndis, driver, adapter, NetBufferList, source);
      }
      adapter.sendsOutstanding -= count;
      completeInto(ndis, driver, adapter, bottom, adapter.label, NetBufferList, count, SendCompleteFlags);
    };
  },
});

/** Asks a module, or the miniport where that is null, to complete the queued lists with a cancel id. */
export function cancelSends(adapter: MiniportAdapter, module: FilterModule | null, cancelId: Address): void {
  if (module === null) adapter.miniport.handlers?.cancelSend.invoke(adapter.context, cancelId);
  else module.data.cancelSend?.invoke(module.context, cancelId);
}

/**
 * NdisCancelSendNetBufferLists: asks the filter modules and the miniport to complete the queued lists with a cancel id. IRQL
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
      cancelSends(binding.adapter, binding.adapter.topCancel, CancelId);
    },
});
