/**
 * Timers that the system allocates: ExAllocateTimer, ExSetTimer, ExCancelTimer, ExDeleteTimer.
 * Implements "ExXxxTimer Routines and EX_TIMER Objects" (windows-driver-docs-pr/kernel).
 */

import { type Address, poolType } from '../../memory/index.ts';
import type { DriverCallback } from '../callback.ts';
import { UNITS_PER_MILLISECOND } from '../clock.ts';
import { declareCallback } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { CallbackPointer, Context, OutPointer } from '../edge.ts';
import {
  EX_TIMER_HIGH_RESOLUTION,
  EX_TIMER_NO_WAKE,
  EX_TIMER_NOTIFICATION,
} from '../generated/constants/common.ts';
import { EXT_DELETE_PARAMETERS, EXT_SET_PARAMETERS } from '../generated/structures/common.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { inlined, synchronous } from './declare.ts';
import { initializeDpc, isDpcQueued, libraryDpcRoutine } from './dpc.ts';
import { cancelTimer, dueTimeOf, initializeTimer, isTimerSet, setTimer } from './timer.ts';

/** Called at DISPATCH_LEVEL each time a timer expires. */
export type EXT_CALLBACK = (Timer: Address, Context: unknown) => void;
export const EXT_CALLBACK = declareCallback<EXT_CALLBACK>({
  prototype: 'VOID EXT_CALLBACK(PEX_TIMER Timer, PVOID Context)',
  role: 'ExTimerCallback',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '8.1',
  page: 'wdm/nc-wdm-ext_callback',
});

/** Called when a timer object is gone. */
export type EXT_DELETE_CALLBACK = (Context: unknown) => void;
export const EXT_DELETE_CALLBACK = declareCallback<EXT_DELETE_CALLBACK>({
  prototype: 'VOID EXT_DELETE_CALLBACK(PVOID Context)',
  role: 'ExTimerDeleteCallback',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '8.1',
  page: 'wdm/nc-wdm-ext_delete_callback',
});

/** KTIMER, KDPC. */
const DPC = 64;
const SIZE = 128;
/** `ExTm` */
const TAG = 0x6d54_7845;

interface ExTimer {
  readonly driver: Driver;
  readonly callback: DriverCallback<EXT_CALLBACK> | null;
  readonly context: Address;
  /** Deleted, but it still has to expire: what to call then. */
  deleting: { readonly callback: Address; readonly context: Address } | null;
}

const timersOf = perKernel('EX_TIMER objects', () => new Map<Address, ExTimer>());

const routineOf = perKernel('routine of EX_TIMER objects', (kernel) =>
  libraryDpcRoutine(kernel, (dpc) => {
    const address = dpc - DPC;
    const timer = timersOf(kernel).get(address);
    if (timer === undefined) return;
    // The seam gives the handler the object that it registered as its context.
    timer.callback?.invoke(address, timer.context);
    if (timer.deleting !== null && !isTimerSet(kernel, address)) finish(kernel, address, timer);
  }),
);

function finish(kernel: Kernel, address: Address, timer: ExTimer): void {
  cancelTimer(kernel, address);
  timersOf(kernel).delete(address);
  timer.driver.disown(`ex timer ${address}`);
  poolOf(kernel).free(address, TAG);
  if (timer.deleting === null) return;
  const { callback, context } = timer.deleting;
  timer.driver.callback(callback, EXT_DELETE_CALLBACK)?.invoke(context);
}

function timerAt(kernel: Kernel, driver: Driver, address: Address, name: string): ExTimer | null {
  const timer = timersOf(kernel).get(address);
  if (timer !== undefined && timer.deleting === null) return timer;
  kernel.report(
    'NOT_AN_EX_TIMER',
    driver,
    `${name} was given 0x${(address >>> 0).toString(16)}, which ExAllocateTimer did not give or which was deleted`,
    'wdm/nf-wdm-exallocatetimer',
  );
  return null;
}

/**
 * Allocates a timer; both attributes EX_TIMER_HIGH_RESOLUTION and EX_TIMER_NO_WAKE are a finding, where Windows stops.
 * @returns NULL without memory. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exallocatetimer
 */
export const ExAllocateTimer = synchronous(
  'PEX_TIMER ExAllocateTimer(PEXT_CALLBACK Callback, PVOID CallbackContext, ULONG Attributes)',
  '<=DISPATCH_LEVEL',
  '8.1',
  'wdm/nf-wdm-exallocatetimer',
  (kernel, driver) =>
    (Callback: CallbackPointer<EXT_CALLBACK>, CallbackContext: Context, Attributes: number): Address => {
      const exclusive = EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE;
      if ((Attributes & exclusive) === exclusive) {
        kernel.report(
          'EX_TIMER_ATTRIBUTES',
          driver,
          'ExAllocateTimer was called for a high-resolution no-wake timer; choose one of the two',
          'wdm/nf-wdm-exallocatetimer',
        );
      }
      const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, SIZE, TAG, 0);
      if (address === 0) return 0;
      initializeTimer(kernel, address, (Attributes & EX_TIMER_NOTIFICATION) === 0);
      initializeDpc(kernel, address + DPC, routineOf(kernel), 0);
      const callback = driver.callback(Callback, EXT_CALLBACK);
      timersOf(kernel).set(address, { driver, callback, context: CallbackContext, deleting: null });
      driver.own(`ex timer ${address}`, {
        kind: 'timer',
        name: `at 0x${address.toString(16)}`,
        releasedBy: 'ExDeleteTimer',
        release: () => {
          cancelTimer(kernel, address);
          timersOf(kernel).delete(address);
          poolOf(kernel).free(address, TAG);
        },
      });
      return address;
    },
);

/**
 * Sets a timer. `Period` is in units of 100 ns and lasts at least a tick of 1 ms. @returns TRUE where it was set before.
 * IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exsettimer
 */
export const ExSetTimer = synchronous(
  'BOOLEAN ExSetTimer(PEX_TIMER Timer, LONGLONG DueTime, LONGLONG Period, PEXT_SET_PARAMETERS Parameters)',
  '<=DISPATCH_LEVEL',
  '8.1',
  'wdm/nf-wdm-exsettimer',
  (kernel, driver) =>
    (Timer: OutPointer, DueTime: bigint, Period: bigint, _Parameters: OutPointer): number => {
      const timer = timerAt(kernel, driver, Timer, 'ExSetTimer');
      if (timer === null) return 0;
      const period = Math.ceil(Number(Period) / UNITS_PER_MILLISECOND);
      const dpc = timer.callback === null ? 0 : Timer + DPC;
      return setTimer(kernel, Timer, dueTimeOf(kernel, BigInt(DueTime)), period, dpc) ? 1 : 0;
    },
);

/** Cancels a timer. @returns TRUE where it was set. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-excanceltimer */
export const ExCancelTimer = synchronous(
  'BOOLEAN ExCancelTimer(PEX_TIMER Timer, PVOID Parameters)',
  '<=DISPATCH_LEVEL',
  '8.1',
  'wdm/nf-wdm-excanceltimer',
  (kernel, driver) =>
    (Timer: OutPointer, _Parameters: OutPointer): number =>
      timerAt(kernel, driver, Timer, 'ExCancelTimer') !== null && cancelTimer(kernel, Timer) ? 1 : 0,
);

/**
 * Deletes a timer: at once with `Cancel`, else when it has expired for the last time. `Wait` without `Cancel` is a
 * finding, where Windows stops. @returns TRUE where it was cancelled. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-exdeletetimer
 */
export const ExDeleteTimer = synchronous(
  'BOOLEAN ExDeleteTimer(PEX_TIMER Timer, BOOLEAN Cancel, BOOLEAN Wait, PEXT_DELETE_PARAMETERS Parameters)',
  '<=DISPATCH_LEVEL',
  '8.1',
  'wdm/nf-wdm-exdeletetimer',
  (kernel, driver) =>
    (Timer: OutPointer, Cancel: boolean, Wait: boolean, Parameters: OutPointer): number => {
      const timer = timerAt(kernel, driver, Timer, 'ExDeleteTimer');
      if (timer === null) return 0;
      if (Wait && !Cancel) {
        kernel.report(
          'EX_TIMER_WAIT_WITHOUT_CANCEL',
          driver,
          'ExDeleteTimer was called with Wait and without Cancel; set both',
          'wdm/nf-wdm-exdeletetimer',
        );
      }
      const { memory } = kernel;
      const { offset } = EXT_DELETE_PARAMETERS;
      timer.deleting = {
        callback: Parameters === 0 ? 0 : memory.readPointer(Parameters + offset.DeleteCallback),
        context: Parameters === 0 ? 0 : memory.readPointer(Parameters + offset.DeleteContext),
      };
      const cancelled = Boolean(Cancel) && cancelTimer(kernel, Timer);
      // A callback that is due runs before the wait is over.
      if (Wait && isDpcQueued(kernel, Timer + DPC)) kernel.scheduler.dpcs.flush();
      const alive = timersOf(kernel).get(Timer) === timer;
      if (alive && !isTimerSet(kernel, Timer) && !isDpcQueued(kernel, Timer + DPC))
        finish(kernel, Timer, timer);
      return cancelled ? 1 : 0;
    },
);

/** Makes the parameters of ExSetTimer ready. wdm/nf-wdm-exinitializesettimerparameters */
export const ExInitializeSetTimerParameters = inlined(
  'VOID ExInitializeSetTimerParameters(PVOID Parameters)',
  '<=DISPATCH_LEVEL',
  '8.1',
  'wdm/nf-wdm-exinitializesettimerparameters',
  ({ memory }) =>
    (Parameters: OutPointer): void => {
      memory.u8.fill(0, Parameters, Parameters + EXT_SET_PARAMETERS.size);
    },
);

/** Makes the parameters of ExDeleteTimer ready. wdm/nf-wdm-exinitializedeletetimerparameters */
export const ExInitializeDeleteTimerParameters = inlined(
  'VOID ExInitializeDeleteTimerParameters(PVOID Parameters)',
  '<=DISPATCH_LEVEL',
  '8.1',
  'wdm/nf-wdm-exinitializedeletetimerparameters',
  ({ memory }) =>
    (Parameters: OutPointer): void => {
      memory.u8.fill(0, Parameters, Parameters + EXT_DELETE_PARAMETERS.size);
    },
);
