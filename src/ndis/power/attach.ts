/** Hooks what NDIS does for sleeping states into the library. */

import type { NdisLibrary } from '../library.ts';
import { powerHooksOf } from './hooks.ts';
import { attachPowerAnswers, takePowerRequest } from './powerRequests.ts';
import { unwatchIdle, wakeIdle, watchIdle } from './selectiveSuspend.ts';
import { forgetPowerOf, keepPowerStatus } from './wake.ts';

export function attachPower(ndis: NdisLibrary): void {
  const hooks = powerHooksOf(ndis);
  hooks.takeRequest = takePowerRequest;
  hooks.keepStatus = keepPowerStatus;
  hooks.forgetBinding = forgetPowerOf;
  hooks.activity = wakeIdle;
  hooks.started = watchIdle;
  hooks.halted = unwatchIdle;
  attachPowerAnswers(ndis);
}
