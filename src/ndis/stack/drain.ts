/** Waiting until everything that is outstanding on a binding is back. Implements nf-ndis-ndiscloseadapterex, remarks. */

import { signalEvent } from '../events.ts';
import type { NdisLibrary } from '../library.ts';
import type { Binding } from '../protocol/protocolDriver.ts';

/** Called after a count of `binding` went down: wakes whoever waits for all of them to be zero. */
export function releaseIfDrained(ndis: NdisLibrary, binding: Binding): void {
  if (binding.drainEvent !== 0 && binding.drained) signalEvent(ndis.kernel, binding.drainEvent);
}
