/** Hops in the trace: one event for each list of a chain that crosses from one driver to the next. */

import type { Kernel } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NBL_NEXT } from '../netBuffer/offsets.ts';

/** What a hop is: a send or receive and its way back, or a copy that NDIS loops back. */
export type HopVerb = 'send' | 'sendComplete' | 'receive' | 'return' | 'loopback';

/** Sends a hop of every list in the chain to the trace. The caller asks `kernel.trace` first. */
export function emitHops(kernel: Kernel, from: string, to: string, lists: Address, verb: HopVerb): void {
  const { i32 } = kernel.memory;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    kernel.emit({ kind: 'hop', from, to, list, verb });
  }
}
