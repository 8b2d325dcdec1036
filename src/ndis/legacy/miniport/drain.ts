/**
 * Pausing an adapter of a miniport driver for NDIS 5, which knows no pause: NDIS waits until everything is back.
 * Implements "Pausing an Adapter" (network) for such drivers.
 */

import { signalEvent } from '../../events.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';

/** Whether the driver has no packet of NDIS and NDIS none of the driver. */
export function isDrained({ sends, receives }: LegacyAdapter): boolean {
  return sends.outstanding === 0 && receives.outstanding === 0;
}

/** Something came back: completes a pause that waits for the last of it. */
export function drained(legacy: LegacyAdapter): void {
  if (!legacy.pausing || !isDrained(legacy)) return;
  legacy.pausing = false;
  const { pending } = legacy.adapter;
  if (pending === null || pending.kind !== 'pause') return;
  pending.completed = true;
  signalEvent(legacy.ndis.kernel, pending.event);
}
