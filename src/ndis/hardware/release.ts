/** What a driver left of its claims on hardware when its adapter is halted: findings, and everything goes. */

import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { releaseInterrupts } from './interrupt.ts';
import { releaseClaims } from './ioSpace.ts';
import { releaseChannels } from './scatterGatherDma.ts';
import { releaseSystemDma } from './systemDma.ts';

/** The driver has nothing of the hardware any more, whether it gave everything back or not. */
export function releaseAdapterClaims(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  releaseInterrupts(ndis, adapter);
  releaseChannels(ndis, adapter);
  releaseSystemDma(ndis, adapter);
  releaseClaims(ndis, adapter);
}
