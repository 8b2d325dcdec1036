/**
 * Completing a pause or a restart that MiniportPause or MiniportRestart left pending.
 * Implements nf-ndis-ndismpausecomplete and nf-ndis-ndismrestartcomplete.
 */

import { type Driver, declareFunction, type Handle } from '../../kernel/index.ts';
import { signalEvent } from '../events.ts';
import { NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { NDIS_STATUS } from '../status.ts';
import { MiniportAdapter } from './miniportAdapter.ts';

function complete(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
  kind: 'pause' | 'restart',
  status: NDIS_STATUS,
): void {
  const page = `ndis/nf-ndis-${call.toLowerCase()}`;
  const adapter = ndis.expect(handle, MiniportAdapter, driver, call, page);
  if (adapter === null) return;
  const { pending } = adapter;
  if (pending === null || pending.kind !== kind || pending.completed) {
    ndis.kernel.report('NOT_PENDING', driver, `${call}: no ${kind} of ${adapter.label} is pending`, page);
    return;
  }
  pending.completed = true;
  pending.status = status;
  signalEvent(ndis.kernel, pending.event);
}

/**
 * NdisMPauseComplete: completes a pause for which MiniportPause returned NDIS_STATUS_PENDING. IRQL <= DISPATCH_LEVEL.
 * Without a pending pause it is the finding NOT_PENDING. Source: ndis/nf-ndis-ndismpausecomplete.
 */
export const NdisMPauseComplete = declareFunction('ndis', {
  prototype: 'VOID NdisMPauseComplete(NDIS_HANDLE MiniportAdapterHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismpausecomplete',
  implement: (ndis: NdisLibrary, driver) => (MiniportAdapterHandle: Handle) =>
    complete(ndis, driver, 'NdisMPauseComplete', MiniportAdapterHandle, 'pause', NDIS_STATUS_SUCCESS),
});

/**
 * NdisMRestartComplete: completes a restart for which MiniportRestart returned NDIS_STATUS_PENDING, with its final
 * status. IRQL <= DISPATCH_LEVEL. Without a pending restart it is the finding NOT_PENDING.
 * Source: ndis/nf-ndis-ndismrestartcomplete.
 */
export const NdisMRestartComplete = declareFunction('ndis', {
  prototype: 'VOID NdisMRestartComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismrestartcomplete',
  implement: (ndis: NdisLibrary, driver) => (MiniportAdapterHandle: Handle, Status: NDIS_STATUS) =>
    complete(ndis, driver, 'NdisMRestartComplete', MiniportAdapterHandle, 'restart', Status),
});
