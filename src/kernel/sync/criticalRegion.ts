/**
 * Critical and guarded regions of a thread, in which normal, or all, kernel APCs are held back. The machine delivers
 * no APCs; the depth is kept and checked. Implements KeEnterCriticalRegion, KeEnterGuardedRegion (wdm).
 */

import type { Driver } from '../driver.ts';
import { APC_LEVEL } from '../generated/constants/basic.ts';
import type { Kernel } from '../kernel.ts';
import { synchronous } from './declare.ts';

function notEntered(kernel: Kernel, driver: Driver, name: string): void {
  kernel.report(
    'REGION_NOT_ENTERED',
    driver,
    `${name} was called by a thread that is in no such region; pair each leave with an enter`,
    `wdm/nf-wdm-${name.toLowerCase()}`,
  );
}

/** Holds back normal kernel APCs of this thread. IRQL <= APC_LEVEL. wdm/nf-wdm-keentercriticalregion */
export const KeEnterCriticalRegion = synchronous(
  'VOID KeEnterCriticalRegion(VOID)',
  '<=APC_LEVEL',
  '2000',
  'wdm/nf-wdm-keentercriticalregion',
  ({ scheduler }) =>
    () => {
      if (scheduler.thread !== null) scheduler.thread.criticalRegionDepth++;
    },
);
/** Ends what KeEnterCriticalRegion began; a finding where nothing was. IRQL <= APC_LEVEL. wdm/nf-wdm-keleavecriticalregion */
export const KeLeaveCriticalRegion = synchronous(
  'VOID KeLeaveCriticalRegion(VOID)',
  '<=APC_LEVEL',
  '2000',
  'wdm/nf-wdm-keleavecriticalregion',
  (kernel, driver) => () => {
    const { thread } = kernel.scheduler;
    if (thread === null) return;
    if (thread.criticalRegionDepth > 0) thread.criticalRegionDepth--;
    else notEntered(kernel, driver, 'KeLeaveCriticalRegion');
  },
);
/** Holds back all kernel APCs of this thread. IRQL <= APC_LEVEL. wdm/nf-wdm-keenterguardedregion */
export const KeEnterGuardedRegion = synchronous(
  'VOID KeEnterGuardedRegion(VOID)',
  '<=APC_LEVEL',
  'Server 2003',
  'wdm/nf-wdm-keenterguardedregion',
  ({ scheduler }) =>
    () => {
      if (scheduler.thread !== null) scheduler.thread.guardedRegionDepth++;
    },
);
/** Ends what KeEnterGuardedRegion began; a finding where nothing was. IRQL <= APC_LEVEL. wdm/nf-wdm-keleaveguardedregion */
export const KeLeaveGuardedRegion = synchronous(
  'VOID KeLeaveGuardedRegion(VOID)',
  '<=APC_LEVEL',
  'Server 2003',
  'wdm/nf-wdm-keleaveguardedregion',
  (kernel, driver) => () => {
    const { thread } = kernel.scheduler;
    if (thread === null) return;
    if (thread.guardedRegionDepth > 0) thread.guardedRegionDepth--;
    else notEntered(kernel, driver, 'KeLeaveGuardedRegion');
  },
);
/** TRUE where normal kernel APCs are held back. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keareapcsdisabled */
export const KeAreApcsDisabled = synchronous(
  'BOOLEAN KeAreApcsDisabled(VOID)',
  '<=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-keareapcsdisabled',
  ({ scheduler }) =>
    () => {
      const { thread } = scheduler;
      return thread !== null && thread.criticalRegionDepth + thread.guardedRegionDepth > 0 ? 1 : 0;
    },
);
/** TRUE where all kernel APCs are held back. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keareallapcsdisabled */
export const KeAreAllApcsDisabled = synchronous(
  'BOOLEAN KeAreAllApcsDisabled(VOID)',
  '<=DISPATCH_LEVEL',
  'Server 2003',
  'wdm/nf-wdm-keareallapcsdisabled',
  ({ scheduler }) =>
    () => {
      const { processor, thread } = scheduler;
      return processor.irql >= APC_LEVEL || (thread !== null && thread.guardedRegionDepth > 0) ? 1 : 0;
    },
);
