/** Memory of NdisAllocateMemory with flags: NdisFreeMemory has to be told the same ones. */

import type { Address } from '../../memory/index.ts';
import { perNdis } from '../library.ts';

/** MemoryFlags of what is allocated and not freed, where they are not 0. */
export const flaggedMemoryOf = perNdis('memory with flags', () => new Map<Address, number>());
