/**
 * Receives: from the miniport to the lowest filter module or the bindings that want the frames, and back when they are
 * returned.
 * Implements nf-ndis-ndismindicatereceivenetbufferlists and nf-ndis-ndisreturnnetbufferlists.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_RECEIVE_FLAGS_RESOURCES } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT } from '../netBuffer/offsets.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import { emitHops } from './hop.ts';
import { receiveInto, receiveIntoBindings } from './receives.ts';
import { returnInto } from './returns.ts';

const INDICATE_PAGE = 'ndis/nf-ndis-ndismindicatereceivenetbufferlists';
const RETURN_PAGE = 'ndis/nf-ndis-ndisreturnnetbufferlists';

/**
 * NdisMIndicateReceiveNetBufferLists: indicates received lists. Each binding gets those that its packet filter wants;
 * what nobody wants goes straight back. Without NDIS_RECEIVE_FLAGS_RESOURCES the lists come back through
 * MiniportReturnNetBufferLists, with it they are the miniport's again when the call returns. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndismindicatereceivenetbufferlists.
 */
export const NdisMIndicateReceiveNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisMIndicateReceiveNetBufferLists(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferList, NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists, ULONG ReceiveFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: INDICATE_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { objects } = ndis.memory;
    return (
      MiniportAdapterHandle: Handle,
      NetBufferList: Address,
      PortNumber: number,
      NumberOfNetBufferLists: number,
      ReceiveFlags: number,
    ): void => {
      const adapter = objects.valueAt(MiniportAdapterHandle);
      if (!(adapter instanceof MiniportAdapter)) {
        ndis.expect(
          MiniportAdapterHandle,
          MiniportAdapter,
          driver,
          'NdisMIndicateReceiveNetBufferLists',
          INDICATE_PAGE,
        );
        return;
      }
      const bottom = adapter.bottomReceive;
      const count = NumberOfNetBufferLists;
      if (bottom === null && adapter.topReturn === null) {
        receiveIntoBindings(
          ndis,
          adapter,
          adapter.label,
          NetBufferList,
          PortNumber,
          count,
          ReceiveFlags,
          false,
        );
        return;
      }
      if ((ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) adapter.receivesOutstanding += count;
      if (bottom !== null)
        receiveInto(ndis, bottom, adapter.label, NetBufferList, PortNumber, count, ReceiveFlags);
      else
        receiveIntoBindings(
          ndis,
          adapter,
          adapter.label,
          NetBufferList,
          PortNumber,
          count,
          ReceiveFlags,
          true,
        );
    };
  },
});

/**
 * NdisReturnNetBufferLists: gives received lists back to the miniport that indicated them. IRQL <= DISPATCH_LEVEL.
 * Returning more than was received is the finding RETURNED_TWICE. Source: ndis/nf-ndis-ndisreturnnetbufferlists.
 */
export const NdisReturnNetBufferLists = declareFunction('ndis', {
  prototype:
    'VOID NdisReturnNetBufferLists(NDIS_HANDLE NdisBindingHandle, PNET_BUFFER_LIST NetBufferLists, ULONG ReturnFlags)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: RETURN_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const { kernel } = ndis;
    const { objects, i32 } = ndis.memory;
    return (NdisBindingHandle: Handle, NetBufferLists: Address, ReturnFlags: number): void => {
      const binding = objects.valueAt(NdisBindingHandle);
      if (!(binding instanceof Binding)) {
        ndis.expect(NdisBindingHandle, Binding, driver, 'NdisReturnNetBufferLists', RETURN_PAGE);
        return;
      }
      let count = 0;
      for (let list: Address = NetBufferLists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) count++;
      if (count > binding.receivesOutstanding)
        return reportReturnedTwice(ndis, driver, binding, NetBufferLists);
      binding.receivesOutstanding -= count;
      const { adapter } = binding;
      if (adapter.topReturn !== null || adapter.loopedOutstanding > 0) {
        returnInto(
          ndis,
          adapter,
          adapter.topReturn,
          binding.protocol.name,
          NetBufferLists,
          count,
          ReturnFlags,
        );
      } else {
        adapter.receivesOutstanding -= count;
        if (kernel.trace !== null)
          emitHops(kernel, binding.protocol.name, adapter.label, NetBufferLists, 'return');
        adapter.returnLists(adapter.context, NetBufferLists, ReturnFlags);
      }
      if (binding.drainEvent !== 0) releaseIfDrained(ndis, binding);
    };
  },
});

function reportReturnedTwice(ndis: NdisLibrary, driver: Driver, binding: Binding, lists: Address): void {
  ndis.kernel.report(
    'RETURNED_TWICE',
    driver,
    `NdisReturnNetBufferLists: ${binding.label} returns more lists than it holds, from 0x${lists.toString(16)} on`,
    RETURN_PAGE,
  );
}
