/**
 * Shutting adapters down: when the system shuts down, and when it crashes.
 * Implements nc-ndis-miniport_shutdown and "Miniport Adapter Shutdown" (network).
 */

import { BugCheckError, HIGH_LEVEL, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_MINIPORT_ATTRIBUTES_REGISTER_BUGCHECK_CALLBACK,
  NDIS_STATUS_SUCCESS,
  NdisShutdownBugCheck,
  NdisShutdownPowerOff,
} from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { apply, mayHappen } from '../stateTable.ts';
import { adapterStates, MiniportAdapter } from './miniportAdapter.ts';

/** NDIS 6.30 and later miniports hear of a bug check only when they ask for it. */
const ASKS_FROM_MINOR = 30;

/** The system shuts down: MiniportShutdownEx of every adapter runs, virtual ones first; no callback follows. */
export const shutdownAdapters = procedure<NdisLibrary, { readonly adapters: Address[]; index: number }>(
  'NdisShutdownAdapters',
  {
    start: (ndis, locals, step) => {
      for (const adapter of inventoryOf(ndis).adapters) {
        if (adapter.virtual) locals.adapters.unshift(adapter.handle);
        else locals.adapters.push(adapter.handle);
      }
      return step.go('next');
    },
    next: (ndis, locals, step) => {
      while (locals.index < locals.adapters.length) {
        const adapter = ndis.resolve(locals.adapters[locals.index++], MiniportAdapter);
        const shutdown = adapter?.miniport.handlers?.shutdown;
        if (adapter === null || shutdown === undefined) continue;
        if (!mayHappen(adapterStates, adapter, 'MiniportShutdownEx')) continue;
        apply(ndis.kernel, adapterStates, adapter, 'MiniportShutdownEx', adapter.miniport.driver);
        adapter.running = false;
        return step.call('next', shutdown, adapter.context, NdisShutdownPowerOff);
      }
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** The machine crashed: adapters that are to hear of it are told at a high IRQL. */
function shutdownForBugCheck(ndis: NdisLibrary): void {
  const { kernel } = ndis;
  const before = kernel.irql;
  kernel.irql = HIGH_LEVEL;
  for (const adapter of inventoryOf(ndis).adapters) {
    const { miniport, registration } = adapter;
    const asked = ((registration?.flags ?? 0) & NDIS_MINIPORT_ATTRIBUTES_REGISTER_BUGCHECK_CALLBACK) !== 0;
    if (miniport.handlers === null || (miniport.minorVersion >= ASKS_FROM_MINOR && !asked)) continue;
    if (!mayHappen(adapterStates, adapter, 'MiniportShutdownEx')) continue;
    apply(kernel, adapterStates, adapter, 'MiniportShutdownEx', miniport.driver);
    adapter.running = false;
    try {
      miniport.handlers.shutdown.invoke(adapter.context, NdisShutdownBugCheck);
    } catch (error) {
      // The machine is down already: what fails now is only worth a note.
      kernel.note('MiniportShutdownEx', `${adapter.label}: ${String(error)}`);
    }
  }
  kernel.irql = before;
}

/** Tells adapters of bug checks from now on. */
export function attachShutdown(ndis: NdisLibrary): void {
  ndis.kernel.onStop((reason) => {
    if (reason instanceof BugCheckError) shutdownForBugCheck(ndis);
  });
}
