/** What the ways up and down have in common. Implements nothing of its own; see sends.ts and receives.ts. */

import type { Address } from '../../memory/index.ts';
import type { NdisLibrary } from '../library.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE } from '../netBuffer/offsets.ts';

/** The flag for DISPATCH_LEVEL, the same for sends, completions, receives and returns. */
export const DISPATCH_LEVEL_FLAG = 1;

/** How many lists of a chain `source` originated. */
export function countOf(ndis: NdisLibrary, lists: Address, source: Address): number {
  const { i32 } = ndis.memory;
  let count = 0;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2])
    if (i32[(list + NBL_SOURCE_HANDLE) >> 2] === source) count++;
  return count;
}
