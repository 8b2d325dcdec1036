/**
 * Lists of structures that drivers can write: one whose links lead back into it would keep a processor busy for ever.
 * Windows stops then with DPC_WATCHDOG_VIOLATION, and so does the machine, at once. Implements bug check 0x133.
 */

import { DPC_WATCHDOG_VIOLATION } from './dpcQueues.ts';
import type { Kernel } from './kernel.ts';

/** Members that a list may have: more than memory holds of any structure, so that only circles reach it. */
export const LIST_LIMIT = 0x10_0000;

/** Stops the machine. @param what the list, `the devices above 0x12340`. */
export function endlessList(kernel: Kernel, what: string): never {
  return kernel.bugCheck(
    DPC_WATCHDOG_VIOLATION,
    [0, 0, 0, 0],
    `${what} lead back to one of them: walking the list would never end; a structure of it was overwritten or put into it twice`,
  );
}
