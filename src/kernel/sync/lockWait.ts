/**
 * Locks that threads wait for and that have no DISPATCHER_HEADER: fast mutexes, push locks, resources, run-down
 * protection. Each is a named behaviour of the wait table, so that who waits is served in order of arrival.
 */

import type { Address } from '../../memory/index.ts';
import { namedBehaviours } from '../dispatcherObjects.ts';
import type { Kernel } from '../kernel.ts';
import { requireWaitable, waitProcedure } from './wait.ts';

/** Takes a lock at once if its behaviour `as` allows that. */
export function tryAcquireLock(kernel: Kernel, as: string, lock: Address): boolean {
  const behaviour = namedBehaviours.get(as);
  const { thread } = kernel.scheduler;
  if (behaviour === undefined || !behaviour.signaled(kernel, lock, thread)) return false;
  behaviour.satisfy(kernel, lock, thread);
  return true;
}

/** Takes a lock for a TypeScript caller: 0 at once where it is free, else a promise. `what` names the function. */
export function acquireLock(
  kernel: Kernel,
  as: string,
  lock: Address,
  what: string,
): number | Promise<number> {
  if (tryAcquireLock(kernel, as, lock)) return 0;
  requireWaitable(kernel, what, lock);
  return kernel.scheduler.execute(waitProcedure, kernel, {
    request: { objects: [lock], type: 'any', timeout: null, reason: what, as },
  });
}

/** A lock may have become free: serves who waits for it. */
export function lockReleased(kernel: Kernel, lock: Address): void {
  kernel.scheduler.waits.signaled(lock);
}
