/**
 * Receives of filter modules: their own indications, and those of others that they pass on or give back.
 * Implements nf-ndis-ndisfindicatereceivenetbufferlists and nf-ndis-ndisfreturnnetbufferlists.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { countOf } from '../dataPath/chains.ts';
import { receiveInto, receiveIntoBindings } from '../dataPath/receives.ts';
import { returnInto } from '../dataPath/returns.ts';
import { NDIS_RECEIVE_FLAGS_RESOURCES } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE } from '../netBuffer/offsets.ts';
import { FilterModule } from './filterModule.ts';
import { ownForeign, reportHandlerMissing, takeOut } from './ownLists.ts';

const INDICATE_PAGE = 'ndis/nf-ndis-ndisfindicatereceivenetbufferlists';
const RETURN_PAGE = 'ndis/nf-ndis-ndisfreturnnetbufferlists';

/**
 * NdisFIndicateReceiveNetBufferLists: indicates lists to the driver above, those that FilterReceiveNetBufferLists got and
 * those that the module originates, whose SourceHandle is its handle. Without NDIS_RECEIVE_FLAGS_RESOURCES they come back
 * through FilterReturnNetBufferLists, with it they are the module's again when the call returns. IRQL <= DISPATCH_LEVEL.
 * From a paused module they come straight back (the finding RECEIVE_WHILE_PAUSED).
 * Source: ndis/nf-ndis-ndisfindicatereceivenetbufferlists.
 */
export const NdisFIndicateReceiveNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisFIndicateReceiveNetBufferLists(NDIS_HANDLE NdisFilterHandle, PNET_BUFFER_LIST NetBufferLists, NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: INDICATE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { objects, i32 } = ndis.memory;
    const call = 'NdisFIndicateReceiveNetBufferLists';
    return (
      NdisFilterHandle: Handle,
      NetBufferLists: Address,
      PortNumber: number,
      NumberOfNetBufferLists: number,
      ReceiveFlags: number,
    ): void => {
      const module = objects.valueAt(NdisFilterHandle);
      if (!(module instanceof FilterModule)) {
        ndis.expect(NdisFilterHandle, FilterModule, driver, call, INDICATE_PAGE);
        return;
      }
      let count = NumberOfNetBufferLists;
      if ((ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) {
        count = 0;
        let own = 0;
        for (let list: Address = NetBufferLists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
          count++;
          if (i32[(list + NBL_SOURCE_HANDLE) >> 2] === NdisFilterHandle) own++;
        }
        if (count - own > module.receivesHeld)
          own += ownForeign(ndis, module, NetBufferLists, count - own - module.receivesHeld, call);
        if (own > 0 && module.data.returnLists === null)
          return reportHandlerMissing(ndis, module, call, 'FilterReturnNetBufferLists');
        module.receivesHeld -= count - own;
        module.receivesOutstanding += own;
      }
      if (!module.receiving) return refuseIndication(ndis, module, NetBufferLists, count, ReceiveFlags);
      const { adapter, nextReceive, filter } = module;
      if (nextReceive !== null)
        receiveInto(ndis, nextReceive, filter.name, NetBufferLists, PortNumber, count, ReceiveFlags);
      else
        receiveIntoBindings(
          ndis,
          adapter,
          filter.name,
          NetBufferLists,
          PortNumber,
          count,
          ReceiveFlags,
          true,
        );
    };
  },
});

/** Gives lists back that a module may not indicate now: to itself where it has the handler, else to those below. */
function refuseIndication(
  ndis: NdisLibrary,
  module: FilterModule,
  lists: Address,
  count: number,
  flags: number,
): void {
  const { adapter, filter, nextReturn } = module;
  ndis.kernel.report(
    'RECEIVE_WHILE_PAUSED',
    filter.driver,
    `${module.label} is ${module.state}; a filter module indicates only in Restarting, Running and Pausing`,
    'network/filter-module-states-and-operations',
  );
  if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) return;
  const target = module.data.returnLists === null ? nextReturn : module;
  returnInto(ndis, adapter, target, filter.name, lists, count, flags & 1);
}

/**
 * NdisFReturnNetBufferLists: gives lists that others indicated back to the driver below. IRQL <= DISPATCH_LEVEL. A list of
 * the module's own in it is the finding OWN_LISTS_PASSED_ON and stays with the module; returning more than it holds is
 * RETURNED_TWICE. Source: ndis/nf-ndis-ndisfreturnnetbufferlists.
 */
export const NdisFReturnNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisFReturnNetBufferLists(NDIS_HANDLE NdisFilterHandle, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: RETURN_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { objects, i32 } = ndis.memory;
    const call = 'NdisFReturnNetBufferLists';
    return (NdisFilterHandle: Handle, NetBufferLists: Address, ReturnFlags: number): void => {
      const module = objects.valueAt(NdisFilterHandle);
      if (!(module instanceof FilterModule)) {
        ndis.expect(NdisFilterHandle, FilterModule, driver, call, RETURN_PAGE);
        return;
      }
      let count = 0;
      for (let list: Address = NetBufferLists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) count++;
      // More than it holds, or while lists of its own are out: only then a list may be its own.
      const looked = module.receivesOutstanding > 0 || count > module.receivesHeld;
      const own = looked ? countOf(ndis, NetBufferLists, NdisFilterHandle) : 0;
      const lists = own === 0 ? NetBufferLists : takeOut(ndis, module, NetBufferLists, call);
      count -= own;
      if (lists === 0) return;
      if (count > module.receivesHeld) return reportReturnedTwice(ndis, driver, module, lists);
      module.receivesHeld -= count;
      const { adapter, nextReturn, filter } = module;
      returnInto(ndis, adapter, nextReturn, filter.name, lists, count, ReturnFlags);
    };
  },
});

function reportReturnedTwice(ndis: NdisLibrary, driver: Driver, module: FilterModule, lists: Address): void {
  ndis.kernel.report(
    'RETURNED_TWICE',
    driver,
    `NdisFReturnNetBufferLists: ${module.label} returns more lists than it holds, from 0x${lists.toString(16)} on`,
    RETURN_PAGE,
  );
}
