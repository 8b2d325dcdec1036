/** Puts the library of a machine together. */

import type { Kernel } from '../kernel/index.ts';
import { attachConnections } from './condis/teardown.ts';
import { attachDriverLife } from './driverLife.ts';
import { attachLegacyEntry } from './legacy/miniport/register.ts';
import { NdisLibrary, type NdisOptions } from './library.ts';
import { attachShutdown } from './miniport/shutdown.ts';
import { attachPower } from './power/attach.ts';
import { attachReceiveScaling } from './receiveScaling/parameters.ts';
import { reserveOf } from './reserve.ts';
import { attachStackWorker } from './stack/worker.ts';

/** The NDIS library over `kernel`, ready for drivers. */
export function createNdis(kernel: Kernel, options: NdisOptions = {}): NdisLibrary {
  const ndis = new NdisLibrary(kernel, options);
  reserveOf(kernel);
  attachStackWorker(ndis);
  attachDriverLife(ndis);
  attachLegacyEntry(ndis);
  attachShutdown(ndis);
  attachReceiveScaling(ndis);
  attachPower(ndis);
  attachConnections(ndis);
  return ndis;
}
