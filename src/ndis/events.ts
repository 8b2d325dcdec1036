/**
 * Events of the library's own: notification events in kernel memory, so that a thread of a driver can wait for an
 * operation of NDIS.
 */

import { DISPATCHER_SIGNAL_STATE, type Kernel, poolOf, type WaitRequest } from '../kernel/index.ts';
import { type Address, poolType } from '../memory/index.ts';

/** Bytes of a KEVENT; DispatcherType.notificationEvent is 0, so a zeroed block is an event that is not signaled. */
const EVENT_SIZE = 24;
/** `NDev` as a pool tag. */
export const NDIS_POOL_TAG = 0x7665444e;

/** A new event that is not signaled; 0 when memory is short. */
export function createEvent(kernel: Kernel): Address {
  return poolOf(kernel).allocateZeroed(poolType.nonPagedNx, EVENT_SIZE, NDIS_POOL_TAG, 0);
}

/** Frees an event that nobody waits for any more. */
export function freeEvent(kernel: Kernel, event: Address): void {
  if (event !== 0) poolOf(kernel).free(event, NDIS_POOL_TAG);
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
