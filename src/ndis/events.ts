/**
 * Events of the library's own: notification events in kernel memory, so that a thread of a driver can wait for an
 * operation of NDIS.
 */

import { DISPATCHER_SIGNAL_STATE, type Kernel, type WaitRequest } from '../kernel/index.ts';
import type { Address } from '../memory/index.ts';
import { allocateCertain, freeCertain } from './reserve.ts';

export { NDIS_POOL_TAG } from './reserve.ts';

/** Bytes of a KEVENT; DispatcherType.notificationEvent is 0, so a zeroed block is an event that is not signaled. */
const EVENT_SIZE = 24;

/** A new event that is not signaled. */
export function createEvent(kernel: Kernel): Address {
  return allocateCertain(kernel, EVENT_SIZE);
}

/** Frees an event that nobody waits for any more. */
export function freeEvent(kernel: Kernel, event: Address): void {
  freeCertain(kernel, event);
}

/** Signals an event; whoever waits goes on. */
export function signalEvent(kernel: Kernel, event: Address): void {
  if (event === 0) return;
  kernel.memory.i32[(event + DISPATCHER_SIGNAL_STATE) >> 2] = 1;
  kernel.scheduler.waits.signaled(event);
}

/** The request that waits for `event` without a time-out. */
export function waitFor(event: Address, reason: string): WaitRequest {
  return { objects: [event], type: 'any', timeout: null, reason };
}
