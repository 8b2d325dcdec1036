/**
 * Timer objects as plain functions: a KTIMER in kernel memory and its entry in the clock's queue.
 * Implements "Timer Objects and DPCs" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import { SYSTEM_TIME_AT_START, UNITS_PER_MILLISECOND } from '../clock.ts';
import { DISPATCHER_SIGNAL_STATE, DispatcherType, initializeDispatcherHeader } from '../dispatcherObjects.ts';
import { NdisboxError } from '../errors.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { queueDpc } from './dpc.ts';

/** Offsets in KTIMER (wdm.h). */
const MISC_FLAGS = 3;
const DUE_TIME = 24;
const LIST_ENTRY = 32;
const DPC = 48;
const PROCESSOR = 56;
const PERIOD = 60;
const KTIMER_SIZE = 64;
/** Header.Inserted. */
const INSERTED = 0x40;

/** What the queue knows of a timer that is set. */
interface ActiveTimer {
  readonly entry: number;
  /** Machine time at which it is due by its own parameters, before coalescing. */
  readonly nominal: number;
  /** Tolerable delay in units of 100 ns. */
  readonly tolerance: number;
}

const activeTimersOf = perKernel('activeTimers', () => new Map<Address, ActiveTimer>());

/** Periods of the coalescing grid in units of 100 ns, coarse first: what timers commonly use. */
const GRID = [1000, 500, 250, 200, 100, 50].map((milliseconds) => milliseconds * UNITS_PER_MILLISECOND);

/**
 * Where a timer with a tolerable delay expires: at the first multiple of the coarsest grid that has a multiple from
 * `due` to `due + tolerance`; so timers whose tolerances overlap meet. Without such a multiple at `due`.
 */
export function coalescedDue(due: number, tolerance: number): number {
  for (const grid of GRID) {
    const candidate = Math.ceil(due / grid) * grid;
    if (candidate <= due + tolerance) return candidate;
  }
  return due;
}

/** Machine time of a LARGE_INTEGER due time: negative counts from now, else it is system time since 1601. */
export function dueTimeOf(kernel: Kernel, time: bigint): number {
  if (time < 0n) return kernel.clock.now + Number(-time);
  return Math.max(kernel.clock.now, Number(time - SYSTEM_TIME_AT_START));
}

/** Makes the KTIMER at `timer`: not set, not signaled. `synchronization`: one wait takes the signal. */
export function initializeTimer(kernel: Kernel, timer: Address, synchronization = false): void {
  // A set timer that is initialized again is forgotten by the queue instead of corrupting it.
  cancelTimer(kernel, timer);
  kernel.memory.u8.fill(0, timer, timer + KTIMER_SIZE);
  const type = synchronization ? DispatcherType.synchronizationTimer : DispatcherType.notificationTimer;
  initializeDispatcherHeader(kernel, timer, type, 0, 0);
}

/**
 * Sets a timer; what it was set to before is cancelled. IRQL <= DISPATCH_LEVEL.
 * @param due machine time; see `dueTimeOf`. @param period milliseconds, 0 for once.
 * @param dpc address of the KDPC to queue, 0 for none. @param tolerance milliseconds it may expire later.
 * @returns whether it was set before.
 */
export function setTimer(
  kernel: Kernel,
  timer: Address,
  due: number,
  period = 0,
  dpc: Address = 0,
  tolerance = 0,
): boolean {
  requireTimer(kernel, timer);
  const wasSet = cancelTimer(kernel, timer);
  const { memory } = kernel;
  memory.i32[(timer + DISPATCHER_SIGNAL_STATE) >> 2] = 0;
  memory.writePointer(timer + DPC, dpc);
  memory.u16[(timer + PROCESSOR) >> 1] = kernel.scheduler.processor.number;
  memory.i32[(timer + PERIOD) >> 2] = period;
  insert(kernel, timer, due, tolerance * UNITS_PER_MILLISECOND);
  return wasSet;
}

/** Takes a timer out of the queue; false when it is not set. IRQL <= DISPATCH_LEVEL. */
export function cancelTimer(kernel: Kernel, timer: Address): boolean {
  const timers = activeTimersOf(kernel);
  const active = timers.get(timer);
  if (active === undefined) return false;
  timers.delete(timer);
  kernel.clock.timers.cancel(active.entry);
  kernel.memory.u8[timer + MISC_FLAGS] &= ~INSERTED;
  return true;
}

/** Whether a timer expired since it was set. */
export function readStateTimer(kernel: Kernel, timer: Address): boolean {
  return kernel.memory.i32[(timer + DISPATCHER_SIGNAL_STATE) >> 2] > 0;
}

/** Whether a timer is set and has not expired for the last time. */
export function isTimerSet(kernel: Kernel, timer: Address): boolean {
  return activeTimersOf(kernel).has(timer);
}

/** The set timers whose KTIMER lies in `size` bytes from `address`: memory that must not be freed yet. */
export function activeTimersWithin(kernel: Kernel, address: Address, size: number): Address[] {
  const found: Address[] = [];
  for (const timer of activeTimersOf(kernel).keys())
    if (timer >= address && timer < address + size) found.push(timer);
  return found;
}

/** A timer is due: what the scheduler calls. */
export function expireTimer(kernel: Kernel, timer: Address): void {
  const { memory } = kernel;
  const timers = activeTimersOf(kernel);
  const active = timers.get(timer);
  if (active === undefined) return;
  timers.delete(timer);
  requireTimer(kernel, timer);
  memory.u8[timer + MISC_FLAGS] &= ~INSERTED;
  memory.i32[(timer + DISPATCHER_SIGNAL_STATE) >> 2] = 1;
  const period = memory.i32[(timer + PERIOD) >> 2] * UNITS_PER_MILLISECOND;
  if (period > 0) {
    const { now } = kernel.clock;
    const next = active.nominal + period;
    // A machine that was kept busy for more than a period goes on from now: no burst of missed expirations.
    insert(kernel, timer, next > now ? next : now + period, active.tolerance);
  }
  const dpc = memory.readPointer(timer + DPC);
  if (dpc !== 0) queueDpc(kernel, dpc, 0, 0, memory.u16[(timer + PROCESSOR) >> 1]);
  kernel.scheduler.waits.signaled(timer);
}

function insert(kernel: Kernel, timer: Address, nominal: number, tolerance: number): void {
  const { memory } = kernel;
  const due = tolerance === 0 ? nominal : coalescedDue(nominal, tolerance);
  const entry = kernel.clock.timers.add(due, { kind: 'timer', address: timer });
  activeTimersOf(kernel).set(timer, { entry, nominal, tolerance });
  memory.u8[timer + MISC_FLAGS] |= INSERTED;
  const low = due % 0x1_0000_0000;
  memory.u32[(timer + DUE_TIME) >> 2] = low;
  memory.u32[(timer + DUE_TIME + 4) >> 2] = (due - low) / 0x1_0000_0000;
  // The queue is the clock's; the links stay those of a list of one.
  memory.writePointer(timer + LIST_ENTRY, timer + LIST_ENTRY);
  memory.writePointer(timer + LIST_ENTRY + 8, timer + LIST_ENTRY);
}

function requireTimer(kernel: Kernel, timer: Address): void {
  const type = kernel.memory.u8[timer];
  if (type === DispatcherType.notificationTimer || type === DispatcherType.synchronizationTimer) return;
  throw new NdisboxError(
    'NOT_A_TIMER',
    `0x${timer.toString(16)} is no KTIMER (type ${type}): it was not initialized, or its memory was freed while it was set`,
  );
}
