/**
 * Thread objects: what drivers know a thread by, wait for, and reference.
 * Implements "Thread Objects" as PsCreateSystemThread (wdm) describes them.
 */

import type { Address } from '../../memory/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Thread } from '../thread.ts';
import { ThreadObject } from '../waitableObject.ts';

/** The thread object at an address, or null. */
export function threadObjectAt(kernel: Kernel, address: Address): ThreadObject | null {
  const value = kernel.memory.objects.valueAt(address);
  return value instanceof ThreadObject ? value : null;
}

/** Keeps a thread object beyond the end of its thread. */
export function referenceThread(object: ThreadObject): void {
  object.references++;
}

/** Gives back one reference; the object of an ended thread goes with the last. */
export function dereferenceThread(kernel: Kernel, object: ThreadObject): void {
  object.references--;
  if (object.ended && object.references <= 0) kernel.memory.objects.releaseValue(object, 'kernel');
}

/** A thread is over: whoever waits for it goes on. */
export function endThreadObject(kernel: Kernel, thread: Thread): void {
  const object = threadObjectAt(kernel, thread.address);
  if (object === null) return;
  object.ended = true;
  kernel.scheduler.waits.signaled(thread.address);
  if (object.references <= 0) kernel.memory.objects.releaseValue(object, 'kernel');
}
