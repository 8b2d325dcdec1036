/**
 * Sends of filter modules: their own, and those of others that they pass on or complete.
 * Implements nf-ndis-ndisfsendnetbufferlists, nf-ndis-ndisfsendnetbufferlistscomplete and
 * nf-ndis-ndisfcancelsendnetbufferlists.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { countOf } from '../dataPath/chains.ts';
import { cancelSends } from '../dataPath/send.ts';
import { completeInto, refuseModuleSend, sendInto, sendToMiniport } from '../dataPath/sends.ts';
import type { NdisLibrary } from '../library.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE } from '../netBuffer/offsets.ts';
import { FilterModule } from './filterModule.ts';
import { ownForeign, reportHandlerMissing, takeOut } from './ownLists.ts';

const SEND_PAGE = 'ndis/nf-ndis-ndisfsendnetbufferlists';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndisfsendnetbufferlistscomplete';
const CANCEL_PAGE = 'ndis/nf-ndis-ndisfcancelsendnetbufferlists';

/**
 * NdisFSendNetBufferLists: sends lists to the driver below, those that FilterSendNetBufferLists got and those that the
 * module originates, whose SourceHandle is its handle. They come back through FilterSendNetBufferListsComplete, with
 * NDIS_STATUS_PAUSED where the module does not run (a finding). IRQL <= DISPATCH_LEVEL. A list of its own without that
 * handle is the finding SOURCE_HANDLE_NOT_SET, one that it does not have is LISTS_NOT_HELD.
 * Source: ndis/nf-ndis-ndisfsendnetbufferlists.
 */
export const NdisFSendNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisFSendNetBufferLists(NDIS_HANDLE NdisFilterHandle, PNET_BUFFER_LIST NetBufferList, NDIS_PORT_NUMBER PortNumber, ULONG SendFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: SEND_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { objects, i32 } = ndis.memory;
    return (
      NdisFilterHandle: Handle,
      NetBufferList: Address,
      PortNumber: number,
      SendFlags: number,
    ): void => {
      const module = objects.valueAt(NdisFilterHandle);
      if (!(module instanceof FilterModule)) {
        ndis.expect(NdisFilterHandle, FilterModule, driver, 'NdisFSendNetBufferLists', SEND_PAGE);
        return;
      }
      let count = 0;
      let own = 0;
      for (let list: Address = NetBufferList; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
        count++;
        if (i32[(list + NBL_SOURCE_HANDLE) >> 2] === NdisFilterHandle) own++;
      }
      if (count - own > module.sendsHeld)
        own += ownForeign(
          ndis,
          module,
          NetBufferList,
          count - own - module.sendsHeld,
          'NdisFSendNetBufferLists',
        );
      if (module.data.sendComplete === null) {
        reportHandlerMissing(ndis, module, 'NdisFSendNetBufferLists', 'FilterSendNetBufferListsComplete');
        if (own > 0) return;
      }
      if (!module.sending) return refuseModuleSend(ndis, module, NetBufferList, count, own, SendFlags);
      module.sendsHeld -= count - own;
      module.sendsOutstanding += own;
      const { nextSend, filter } = module;
      if (nextSend !== null)
        sendInto(ndis, nextSend, filter.name, NetBufferList, count, PortNumber, SendFlags);
      else sendToMiniport(ndis, module.adapter, filter.name, NetBufferList, count, PortNumber, SendFlags);
    };
  },
});

/**
 * NdisFSendNetBufferListsComplete: completes lists that others sent, with the status in each. IRQL <= DISPATCH_LEVEL. A
 * list of the module's own in it is the finding OWN_LISTS_PASSED_ON and stays with the module; one that the module does
 * not have is COMPLETED_TWICE. Source: ndis/nf-ndis-ndisfsendnetbufferlistscomplete.
 */
export const NdisFSendNetBufferListsComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisFSendNetBufferListsComplete(NDIS_HANDLE NdisFilterHandle, PNET_BUFFER_LIST NetBufferList, ULONG SendCompleteFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: COMPLETE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { objects, i32 } = ndis.memory;
    const call = 'NdisFSendNetBufferListsComplete';
    return (NdisFilterHandle: Handle, NetBufferList: Address, SendCompleteFlags: number): void => {
      const module = objects.valueAt(NdisFilterHandle);
      if (!(module instanceof FilterModule)) {
        ndis.expect(NdisFilterHandle, FilterModule, driver, call, COMPLETE_PAGE);
        return;
      }
      let count = 0;
      for (let list: Address = NetBufferList; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) count++;
      // More than it holds, or while lists of its own are out: only then a list may be its own.
      const looked = module.sendsOutstanding > 0 || count > module.sendsHeld;
      const own = looked ? countOf(ndis, NetBufferList, NdisFilterHandle) : 0;
      const lists = own === 0 ? NetBufferList : takeOut(ndis, module, NetBufferList, call);
      count -= own;
      if (lists === 0) return;
      if (count > module.sendsHeld) return reportCompletedTwice(ndis, driver, module, lists);
      module.sendsHeld -= count;
      const { adapter, nextComplete, filter } = module;
      completeInto(ndis, driver, adapter, nextComplete, filter.name, lists, count, SendCompleteFlags);
    };
  },
});

function reportCompletedTwice(ndis: NdisLibrary, driver: Driver, module: FilterModule, lists: Address): void {
  ndis.kernel.report(
    'COMPLETED_TWICE',
    driver,
    `NdisFSendNetBufferListsComplete: ${module.label} completes more lists than it holds, from 0x${lists.toString(16)} on`,
    COMPLETE_PAGE,
  );
}

/**
 * NdisFCancelSendNetBufferLists: asks the drivers below to complete the queued lists with a cancel id; they come back with
 * NDIS_STATUS_SEND_ABORTED. IRQL <= DISPATCH_LEVEL. A handle that is no module is the finding BAD_HANDLE.
 * Source: ndis/nf-ndis-ndisfcancelsendnetbufferlists.
 */
export const NdisFCancelSendNetBufferLists = declareFunction('ndis', {
  prototype: 'VOID NdisFCancelSendNetBufferLists(NDIS_HANDLE NdisFilterHandle, PVOID CancelId)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: CANCEL_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, CancelId: Address): void => {
      const call = 'NdisFCancelSendNetBufferLists';
      const module = ndis.expect(NdisFilterHandle, FilterModule, driver, call, CANCEL_PAGE);
      if (module !== null) cancelSends(module.adapter, module.nextCancel, CancelId);
    },
});
