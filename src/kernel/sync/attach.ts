/** Hooks timers, DPCs and threads into the scheduler of a kernel. The machine calls it once. */

import type { Kernel } from '../kernel.ts';
import { runDpc } from './dpc.ts';
import { abandonMutexes } from './mutex.ts';
import { attachThreadObjects, releaseSystemThread } from './threadFunctions.ts';
import { endThreadObject } from './threadObject.ts';
import { expireTimer } from './timer.ts';

/** Makes DPCs, timers and threads work in this kernel. */
export function attachSynchronization(kernel: Kernel): void {
  attachThreadObjects(kernel);
  kernel.runDpc = (address) => runDpc(kernel, address);
  kernel.expireTimer = (address) => expireTimer(kernel, address);
  kernel.threadEnded = (thread) => {
    abandonMutexes(kernel, thread);
    endThreadObject(kernel, thread);
    releaseSystemThread(kernel, thread);
  };
}
