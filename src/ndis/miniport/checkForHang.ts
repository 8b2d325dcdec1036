/**
 * Asking a miniport every few seconds whether its adapter hangs. The timer does not keep a machine running.
 * Implements nc-ndis-miniport_check_for_hang and "Miniport Adapter Check-for-Hang and Reset Operations" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { oidRequestsOf } from '../oid/requestRecord.ts';
import { MiniportAdapter } from './miniportAdapter.ts';
import { mayReset, resetAdapter } from './reset.ts';

/** Seconds between two checks where the driver states none. */
const DEFAULT_SECONDS = 2;
const UNITS_PER_SECOND = 10_000_000;

const checkForHang = procedure<NdisLibrary, { readonly adapter: Address; lastRequest: number }>(
  'NdisCheckForHang',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const handler = adapter?.miniport.handlers?.checkForHang;
      if (adapter === null || handler === null || handler === undefined || adapter.halted) {
        return step.done(NDIS_STATUS_SUCCESS);
      }
      if (!mayReset(adapter)) return step.go('again');
      return step.call('answered', handler, adapter.context);
    },
    answered: (ndis, locals, step, result) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      // A request that was there at the last check too has outlived two of them.
      const request = oidRequestsOf(ndis).of(adapter).active?.id ?? 0;
      const stuck = request !== 0 && request === locals.lastRequest;
      locals.lastRequest = request;
      if ((result & 0xff) === 0 && !stuck) return step.go('again');
      if (stuck) ndis.kernel.note('reset', `${adapter.label}: an OID request outlived two checks`);
      return step.run('again', resetAdapter, ndis, { adapter: locals.adapter, addressing: 0 });
    },
    again: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter !== null && !adapter.halted) scheduleCheckForHang(ndis, adapter, locals.lastRequest);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** Sets the timer of the next check; nothing for a driver without MiniportCheckForHangEx. */
export function scheduleCheckForHang(ndis: NdisLibrary, adapter: MiniportAdapter, lastRequest = 0): void {
  const handler = adapter.miniport.handlers?.checkForHang;
  if (handler === null || handler === undefined) return;
  const seconds = adapter.registration?.checkForHangSeconds || DEFAULT_SECONDS;
  const { clock, scheduler } = ndis.kernel;
  const run = (): void => {
    if (adapter.handle === 0 || adapter.halted) return;
    scheduler.createThread('NDIS check for hang', checkForHang, ndis, {
      adapter: adapter.handle,
      lastRequest,
    });
  };
  adapter.hangTimer = clock.timers.add(clock.now + seconds * UNITS_PER_SECOND, { kind: 'host', run }, true);
}

/** Takes the timer back: the adapter is halted. */
export function cancelCheckForHang(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  if (adapter.hangTimer !== 0) ndis.kernel.clock.timers.cancel(adapter.hangTimer);
  adapter.hangTimer = 0;
}
