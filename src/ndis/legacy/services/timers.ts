/**
 * Timers of NDIS 5: NDIS_TIMER is a KTIMER and a KDPC that calls the driver's function itself; NDIS_MINIPORT_TIMER has a
 * function that NDIS calls, under the lock of a serialized miniport. Both lie in memory of the driver's.
 * Implements NdisInitializeTimer, NdisMInitializeTimer and their kin (ddk/ndis.h).
 */

import {
  bindDpcRoutine,
  type CallbackPointer,
  type Context,
  cancelTimer,
  dueTimeOf,
  type Handle,
  initializeDpc,
  initializeTimer,
  libraryDpcRoutine,
  type OutPointer,
  removeQueueDpc,
  setTimer,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_MINIPORT_TIMER, NDIS_TIMER } from '../../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { NDIS_TIMER_FUNCTION } from '../../timer/timerObject.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import { legacyAdaptersOf } from '../miniport/legacyAdapter.ts';

const DPC = NDIS_TIMER.offset.Dpc;
/** KDPC.DeferredContext. */
const DPC_CONTEXT = DPC + 32;
const { MiniportTimerFunction, MiniportTimerContext, Miniport } = NDIS_MINIPORT_TIMER.offset;
const UNITS_PER_MILLISECOND = 10_000n;

function set({ kernel }: NdisLibrary, timer: Address, delay: number, period: number): void {
  const due = dueTimeOf(kernel, BigInt(delay >>> 0) * -UNITS_PER_MILLISECOND);
  setTimer(kernel, timer, due, period >>> 0, timer + DPC);
}

function cancel({ kernel, memory }: NdisLibrary, timer: Address, cancelledAt: Address): void {
  const wasSet = cancelTimer(kernel, timer);
  memory.u8[cancelledAt] = Number(wasSet);
}

/** Makes a timer that calls `TimerFunction` with `FunctionContext` at DISPATCH_LEVEL. IRQL <= DISPATCH_LEVEL. */
export const NdisInitializeTimer = legacyFunction(
  'VOID NdisInitializeTimer(PNDIS_TIMER Timer, PNDIS_TIMER_FUNCTION TimerFunction, PVOID FunctionContext)',
  '<=DISPATCH_LEVEL',
  ({ kernel }, driver) =>
    (Timer: Address, TimerFunction: CallbackPointer<NDIS_TIMER_FUNCTION>, FunctionContext: Context): void => {
      initializeTimer(kernel, Timer);
      initializeDpc(kernel, Timer + DPC, bindDpcRoutine(kernel, driver, TimerFunction), FunctionContext);
    },
);

/** Sets a timer to fire once after some milliseconds; an earlier setting is replaced. IRQL <= DISPATCH_LEVEL. */
export const NdisSetTimer = legacyFunction(
  'VOID NdisSetTimer(PNDIS_TIMER Timer, UINT MillisecondsToDelay)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (Timer: Address, MillisecondsToDelay: number): void =>
      set(ndis, Timer, MillisecondsToDelay, 0),
);

/** As NdisSetTimer, with another context. IRQL <= DISPATCH_LEVEL. */
export const NdisSetTimerEx = legacyFunction(
  'VOID NdisSetTimerEx(PNDIS_TIMER NdisTimer, UINT MillisecondsToDelay, PVOID FunctionContext)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (NdisTimer: Address, MillisecondsToDelay: number, FunctionContext: Context): void => {
      ndis.memory.writePointer(NdisTimer + DPC_CONTEXT, FunctionContext);
      set(ndis, NdisTimer, MillisecondsToDelay, 0);
    },
);

/** Sets a timer to fire every so many milliseconds. IRQL <= DISPATCH_LEVEL. */
export const NdisSetPeriodicTimer = legacyFunction(
  'VOID NdisSetPeriodicTimer(PNDIS_TIMER NdisTimer, UINT MillisecondsPeriod)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (NdisTimer: Address, MillisecondsPeriod: number): void =>
      set(ndis, NdisTimer, MillisecondsPeriod, MillisecondsPeriod),
);

/** Cancels a timer; TRUE goes to `TimerCancelled` where it was set, else its function ran or is about to. IRQL <= DISPATCH_LEVEL. */
export const NdisCancelTimer = legacyFunction(
  'VOID NdisCancelTimer(PNDIS_TIMER Timer, PBOOLEAN TimerCancelled)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (Timer: Address, TimerCancelled: OutPointer): void =>
      cancel(ndis, Timer, TimerCancelled),
);

/** The DPC routine of the timers of miniport drivers; the KDPC's context is the timer. */
const miniportRoutineOf = perNdis('miniport timers', (ndis) =>
  libraryDpcRoutine(ndis.kernel, (dpc, timer) => {
    const { memory } = ndis;
    const adapter = ndis.resolve(memory.readPointer(timer + Miniport), MiniportAdapter);
    if (adapter === null) return;
    const address = memory.readPointer(timer + MiniportTimerFunction);
    const callback = adapter.miniport.driver.callback(address, NDIS_TIMER_FUNCTION);
    const context = memory.readPointer(timer + MiniportTimerContext);
    const call = (): void => callback?.invoke(dpc, context, 0, 0);
    const lock = legacyAdaptersOf(ndis).get(adapter)?.lock;
    if (lock === undefined) call();
    else lock.run(call);
  }),
);

/** Makes a timer of an adapter; its function runs under the lock of a serialized driver. A wrong handle is a finding. IRQL <= DISPATCH_LEVEL. */
export const NdisMInitializeTimer = legacyFunction(
  'VOID NdisMInitializeTimer(PNDIS_MINIPORT_TIMER Timer, NDIS_HANDLE MiniportAdapterHandle, PNDIS_TIMER_FUNCTION TimerFunction, PVOID FunctionContext)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (
      Timer: Address,
      MiniportAdapterHandle: Handle,
      TimerFunction: CallbackPointer<NDIS_TIMER_FUNCTION>,
      FunctionContext: Context,
    ): void => {
      const call = 'NdisMInitializeTimer';
      ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, legacyPage(call));
      const { kernel, memory } = ndis;
      initializeTimer(kernel, Timer);
      initializeDpc(kernel, Timer + DPC, miniportRoutineOf(ndis), Timer);
      memory.writePointer(Timer + MiniportTimerFunction, TimerFunction);
      memory.writePointer(Timer + MiniportTimerContext, FunctionContext);
      memory.writePointer(Timer + Miniport, MiniportAdapterHandle);
      memory.writePointer(Timer + NDIS_MINIPORT_TIMER.offset.NextTimer, 0);
    },
);

/** As NdisSetTimer, for a timer of an adapter. IRQL <= DISPATCH_LEVEL. */
export const NdisMSetTimer = legacyFunction(
  'VOID NdisMSetTimer(PNDIS_MINIPORT_TIMER Timer, UINT MillisecondsToDelay)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (Timer: Address, MillisecondsToDelay: number): void =>
      set(ndis, Timer, MillisecondsToDelay, 0),
);

/** As NdisSetPeriodicTimer, for a timer of an adapter. IRQL <= DISPATCH_LEVEL. */
export const NdisMSetPeriodicTimer = legacyFunction(
  'VOID NdisMSetPeriodicTimer(PNDIS_MINIPORT_TIMER Timer, UINT MillisecondPeriod)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (Timer: Address, MillisecondPeriod: number): void =>
      set(ndis, Timer, MillisecondPeriod, MillisecondPeriod),
);

/** As NdisCancelTimer, for a timer of an adapter; a function that is about to run is called off too. IRQL <= DISPATCH_LEVEL. */
export const NdisMCancelTimer = legacyFunction(
  'VOID NdisMCancelTimer(PNDIS_MINIPORT_TIMER Timer, PBOOLEAN TimerCancelled)',
  '<=DISPATCH_LEVEL',
  (ndis) =>
    (Timer: Address, TimerCancelled: OutPointer): void => {
      cancel(ndis, Timer, TimerCancelled);
      if (removeQueueDpc(ndis.kernel, Timer + DPC)) ndis.memory.u8[TimerCancelled] = 1;
    },
);
