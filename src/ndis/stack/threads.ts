/** Names of the threads on which the library calls drivers. Implements nothing of its own; see worker.ts. */

import type { NdisLibrary } from '../library.ts';

/** Works on the operations of an adapter's stack. */
export const STACK_THREAD = 'NDIS stack';
/** Completes an open that is pending. */
export const OPEN_THREAD = 'NDIS open';
/** Completes a close that is pending. */
export const CLOSE_THREAD = 'NDIS close';

/** Whether the thread that runs now is one on which the library calls drivers: what waits for such a call would wait for itself. */
export function onStackThread(ndis: NdisLibrary): boolean {
  const name = ndis.kernel.scheduler.thread?.name;
  return name === STACK_THREAD || name === OPEN_THREAD || name === CLOSE_THREAD;
}
