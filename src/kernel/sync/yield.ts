/** Giving the processor to other threads: ZwYieldExecution, as NtYieldExecution of the native interface. */

import { declareFunction } from '../declaration.ts';
import { STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { procedure } from '../procedure.ts';

/** A time that lies just ahead, in units of 100 ns. */
const SOON = 1;

const yieldProcedure = procedure<Kernel, object>('ZwYieldExecution', {
  start: (kernel, _locals, step) =>
    step.wait('over', {
      objects: [],
      type: 'any',
      timeout: kernel.clock.now + SOON,
      reason: 'ZwYieldExecution',
    }),
  over: (_kernel, _locals, step) => step.done(STATUS_SUCCESS),
});

/** Lets every other thread that is ready run first. PASSIVE_LEVEL. @returns STATUS_SUCCESS. */
export const ZwYieldExecution = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS ZwYieldExecution(VOID)',
  irql: 'PASSIVE_LEVEL',
  waits: 'always',
  since: '2000',
  page: 'wdm/nf-wdm-kedelayexecutionthread',
  implement: (kernel: Kernel) => (): number | Promise<number> =>
    kernel.scheduler.execute(yieldProcedure, kernel, {}),
});
