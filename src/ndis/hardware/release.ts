/** What is left of an adapter's hardware when it is halted: findings, and everything goes. */

import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { releaseHardware } from './adapterHardware.ts';
import { releaseInterrupts } from './interrupt.ts';
import { releaseClaims } from './ioSpace.ts';
import { releaseChannels } from './scatterGatherDma.ts';
import { releaseSystemDma } from './systemDma.ts';

/** The adapter is over, whether its driver gave everything back or not. */
export function releaseAdapterHardware(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  releaseInterrupts(ndis, adapter);
  releaseChannels(ndis, adapter);
  releaseSystemDma(ndis, adapter);
  releaseClaims(ndis, adapter);
  releaseHardware(ndis, adapter);
}
