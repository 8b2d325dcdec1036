/**
 * Resetting an adapter: MiniportResetEx between the indications that a reset begins and ends, and the settings that
 * NDIS restores where the hardware lost them.
 * Implements nc-ndis-miniport_reset, nf-ndis-ndismresetminiport and "Miniport Driver Hardware Reset" (network).
 */

import { type Driver, declareFunction, type Handle, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, signalEvent, waitFor } from '../events.ts';
import {
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { restoreAddressing } from '../oid/ownRequest.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import { indicateStatus } from '../status/indicateStatus.ts';
import { MiniportAdapter } from './miniportAdapter.ts';

/** Whether the adapter is in a state in which NDIS may reset it. */
export function mayReset(adapter: MiniportAdapter): boolean {
  const { state } = adapter;
  if (!adapter.powered) return false;
  if (adapter.halted || adapter.miniport.handlers === null || adapter.pendingReset !== null) return false;
  return state === 'Paused' || state === 'Restarting' || state === 'Running' || state === 'Pausing';
}

/** Resets an adapter; nothing happens where a reset is in progress. The value is the final status. */
export const resetAdapter = procedure<NdisLibrary, { readonly adapter: Address; addressing: Address }>(
  'NdisResetAdapter',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const reset = adapter?.miniport.handlers?.reset;
      if (adapter === null || reset === null || reset === undefined || !mayReset(adapter)) {
        return step.done(NDIS_STATUS_SUCCESS);
      }
      adapter.pendingReset = {
        kind: 'reset',
        event: createEvent(ndis.kernel),
        status: NDIS_STATUS_SUCCESS,
        stalled: false,
        completed: false,
      };
      indicateStatus(ndis, adapter, NDIS_STATUS_RESET_START);
      locals.addressing = allocateCertain(ndis.kernel, 16);
      return step.call('returned', reset, adapter.context, locals.addressing);
    },
    returned: (ndis, locals, step, result) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const pending = adapter?.pendingReset;
      if (adapter === null || pending === null || pending === undefined)
        return step.go('over', NDIS_STATUS_SUCCESS);
      if (result === NDIS_STATUS_PENDING) {
        return step.wait('completed', waitFor(pending.event, 'NdisMResetComplete'));
      }
      if (pending.completed) reportEarly(ndis, adapter);
      pending.status = result;
      adapter.restoreAddressing = ndis.memory.u8[locals.addressing] !== 0;
      return step.go('completed');
    },
    completed: (ndis, locals, step) => {
      freeCertain(ndis.kernel, locals.addressing);
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const pending = adapter?.pendingReset;
      if (adapter === null || pending === null || pending === undefined)
        return step.done(NDIS_STATUS_SUCCESS);
      if (!adapter.restoreAddressing || pending.status !== NDIS_STATUS_SUCCESS) {
        return step.go('over', pending.status);
      }
      return step.run('over', restoreAddressing, ndis, { adapter: locals.adapter });
    },
    over: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const pending = adapter?.pendingReset;
      if (adapter === null || pending === null || pending === undefined)
        return step.done(NDIS_STATUS_SUCCESS);
      adapter.restoreAddressing = false;
      indicateStatus(ndis, adapter, NDIS_STATUS_RESET_END);
      // A halt may wait for the end of the reset too.
      signalEvent(ndis.kernel, pending.event);
      freeEvent(ndis.kernel, pending.event);
      adapter.pendingReset = null;
      return step.done(pending.status);
    },
  },
);

function reportEarly(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  ndis.kernel.report(
    'COMPLETED_WITHOUT_PENDING',
    adapter.miniport.driver,
    `MiniportResetEx of ${adapter.label} called NdisMResetComplete and did not return NDIS_STATUS_PENDING`,
    'ndis/nc-ndis-miniport_reset',
  );
}

/** Starts a reset on a thread of the library. */
export function startReset(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  ndis.kernel.scheduler.createThread('NDIS reset', resetAdapter, ndis, {
    adapter: adapter.handle,
    addressing: 0,
  });
}

function adapterOf(ndis: NdisLibrary, driver: Driver, handle: Handle, call: string): MiniportAdapter | null {
  return ndis.expect(handle, MiniportAdapter, driver, call, `ndis/nf-ndis-${call.toLowerCase()}`);
}

/**
 * NdisMResetMiniport: asks NDIS to call MiniportResetEx later, from a work item. Where the driver registered none, a
 * note in the trace says so; while a reset is in progress nothing happens. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndismresetminiport.
 */
export const NdisMResetMiniport = declareFunction('ndis', {
  prototype: 'VOID NdisMResetMiniport(NDIS_HANDLE MiniportAdapterHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.30',
  page: 'ndis/nf-ndis-ndismresetminiport',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle): void => {
      const adapter = adapterOf(ndis, driver, MiniportAdapterHandle, 'NdisMResetMiniport');
      if (adapter === null) return;
      if (adapter.miniport.handlers?.reset === null) {
        ndis.kernel.note(
          'NdisMResetMiniport',
          `${driver.name} registered no MiniportResetEx; nothing is reset`,
        );
        return;
      }
      startReset(ndis, adapter);
    },
});

/**
 * NdisMResetComplete: completes a reset for which MiniportResetEx returned NDIS_STATUS_PENDING. With AddressingReset
 * TRUE and a Status of success NDIS sets packet filter and multicast list again. IRQL <= DISPATCH_LEVEL. Without a
 * pending reset it is the finding NOT_PENDING. Source: ndis/nf-ndis-ndismresetcomplete.
 */
export const NdisMResetComplete = declareFunction('ndis', {
  prototype:
    'VOID NdisMResetComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status, BOOLEAN AddressingReset)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismresetcomplete',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, Status: number, AddressingReset: number): void => {
      const adapter = adapterOf(ndis, driver, MiniportAdapterHandle, 'NdisMResetComplete');
      if (adapter === null) return;
      const pending = adapter.pendingReset;
      if (pending === null || pending.completed) {
        ndis.kernel.report(
          'NOT_PENDING',
          driver,
          `NdisMResetComplete: no reset of ${adapter.label} is pending`,
          'ndis/nf-ndis-ndismresetcomplete',
        );
        return;
      }
      pending.completed = true;
      pending.status = Status;
      adapter.restoreAddressing = AddressingReset !== 0;
      signalEvent(ndis.kernel, pending.event);
    },
});
