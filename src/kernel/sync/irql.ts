/**
 * Raising and lowering the IRQL of the processor that runs.
 * Implements KeGetCurrentIrql, KeRaiseIrql, KeLowerIrql and their kin (wdm).
 */

import { declareFunction } from '../declaration.ts';
import type { OutPointer } from '../edge.ts';
import { DISPATCH_LEVEL, HIGH_LEVEL } from '../generated/constants/basic.ts';
import { IRQL_NOT_GREATER_OR_EQUAL, IRQL_NOT_LESS_OR_EQUAL } from '../generated/constants/bugCheck.ts';
import { type Irql, irqlName } from '../irql.ts';
import type { Kernel } from '../kernel.ts';

/** Raises the IRQL and returns the one before. Bug check IRQL_NOT_GREATER_OR_EQUAL when that would lower it. */
export function raiseIrql(kernel: Kernel, irql: Irql): Irql {
  const { processor } = kernel.scheduler;
  const before = processor.irql;
  if (irql < before || irql > HIGH_LEVEL) {
    kernel.bugCheck(
      IRQL_NOT_GREATER_OR_EQUAL,
      [before, irql, 0, 0],
      `the IRQL was to be raised from ${irqlName(before)} to ${irqlName(irql)}; raise it only to the same or a higher level`,
    );
  }
  processor.irql = irql;
  return before;
}

/**
 * Lowers the IRQL; queued DPCs of this processor run before it returns when it drops below DISPATCH_LEVEL.
 * Bug check IRQL_NOT_LESS_OR_EQUAL when that would raise it.
 */
export function lowerIrql(kernel: Kernel, irql: Irql): void {
  const { scheduler } = kernel;
  const { processor } = scheduler;
  if (irql > processor.irql) {
    kernel.bugCheck(
      IRQL_NOT_LESS_OR_EQUAL,
      [0, processor.irql, 1, irql],
      `the IRQL was to be lowered from ${irqlName(processor.irql)} to ${irqlName(irql)}; lower it only to a level it was raised from`,
    );
  }
  processor.irql = irql;
  if (scheduler.interruptsPending > 0) scheduler.deliverInterrupts('certain');
  if (irql < DISPATCH_LEVEL && processor.dpcs.length > 0) scheduler.dpcs.drain();
}

/** Reports a driver that lowers the IRQL below DISPATCH_LEVEL while it holds spin locks. */
function lowerChecked(kernel: Kernel, driver: Parameters<Kernel['report']>[1], irql: Irql): void {
  const { processor } = kernel.scheduler;
  if (irql < DISPATCH_LEVEL && processor.spinLocksHeld > 0) {
    kernel.report(
      'IRQL_LOWERED_WITH_SPIN_LOCK',
      driver,
      `KeLowerIrql lowered to ${irqlName(irql)} while ${processor.spinLocksHeld} spin lock(s) are held; release them first`,
      'wdm/nf-wdm-kelowerirql',
    );
  }
  lowerIrql(kernel, irql);
}

/** The IRQL of the processor that runs. Any IRQL. wdm/nf-wdm-kegetcurrentirql */
export const KeGetCurrentIrql = declareFunction('ntoskrnl', {
  prototype: 'KIRQL KeGetCurrentIrql(VOID)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kegetcurrentirql',
  implement:
    ({ scheduler }: Kernel) =>
    () =>
      scheduler.processor.irql,
});

/**
 * Raises the IRQL to `NewIrql` and stores the one before in `OldIrql` (one byte). Bug check
 * IRQL_NOT_GREATER_OR_EQUAL when `NewIrql` is lower. wdm/nf-wdm-keraiseirql
 */
export const KeRaiseIrql = declareFunction('ntoskrnl', {
  prototype: 'VOID KeRaiseIrql(KIRQL NewIrql, PKIRQL OldIrql)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keraiseirql',
  inline: true,
  implement: (kernel: Kernel) => (NewIrql: number, OldIrql: OutPointer) => {
    kernel.memory.u8[OldIrql] = raiseIrql(kernel, NewIrql);
  },
});

/** What KeRaiseIrql is on x64: returns the IRQL before. wdm/nf-wdm-keraiseirql */
export const KfRaiseIrql = declareFunction('ntoskrnl', {
  prototype: 'KIRQL KfRaiseIrql(KIRQL NewIrql)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keraiseirql',
  implement: (kernel: Kernel) => (NewIrql: number) => raiseIrql(kernel, NewIrql),
});

/** Raises the IRQL to DISPATCH_LEVEL and returns the one before. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keraiseirqltodpclevel */
export const KeRaiseIrqlToDpcLevel = declareFunction('ntoskrnl', {
  prototype: 'KIRQL KeRaiseIrqlToDpcLevel(VOID)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keraiseirqltodpclevel',
  implement: (kernel: Kernel) => () => raiseIrql(kernel, DISPATCH_LEVEL),
});

/**
 * Lowers the IRQL to one it was raised from; DPCs that became due run before it returns. Bug check
 * IRQL_NOT_LESS_OR_EQUAL when `NewIrql` is higher. wdm/nf-wdm-kelowerirql
 */
export const KeLowerIrql = declareFunction('ntoskrnl', {
  prototype: 'VOID KeLowerIrql(KIRQL NewIrql)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kelowerirql',
  implement: (kernel: Kernel, driver) => (NewIrql: number) => lowerChecked(kernel, driver, NewIrql),
});

/** Another name of KeLowerIrql. wdm/nf-wdm-kelowerirql */
export const KfLowerIrql = declareFunction('ntoskrnl', {
  prototype: 'VOID KfLowerIrql(KIRQL NewIrql)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kelowerirql',
  implement: (kernel: Kernel, driver) => (NewIrql: number) => lowerChecked(kernel, driver, NewIrql),
});
