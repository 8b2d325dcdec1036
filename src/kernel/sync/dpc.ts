/**
 * Deferred procedure calls as plain functions: the KDPC in kernel memory, the queues of the processors, and the
 * routines behind the addresses. Implements "DPC Objects and DPCs" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import type { DriverCallback } from '../callback.ts';
import { declareCallback } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import { NdisboxError } from '../errors.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import { DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS } from '../generated/constants/bugCheck.ts';
import { HighImportance, LowImportance, MediumImportance } from '../generated/constants/common.ts';
import type { KDPC } from '../generated/structures/common.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { readContext, writeContext } from './memoryAccess.ts';

/** Offsets in KDPC (wdm.h). */
const IMPORTANCE = 1;
const NUMBER = 2;
const DEFERRED_ROUTINE = 24;
const DEFERRED_CONTEXT = 32;
const SYSTEM_ARGUMENT_1 = 40;
const SYSTEM_ARGUMENT_2 = 48;
const DPC_DATA = 56;
const KDPC_SIZE = 64;

/** KDPC.Type. */
export const DPC_OBJECT = 19;
export const THREADED_DPC_OBJECT = 26;
/** Added to the processor number in KDPC.Number once a target was set. */
const TARGET_SET = 0x800;
/** DPCs on a processor from which on a low importance DPC is processed at once as well. */
const LOW_IMPORTANCE_DEPTH = 4;

/** CustomDpc: what a driver gives for a DPC. wdm/nc-wdm-kdeferred_routine */
export type KDEFERRED_ROUTINE = (
  Dpc: KDPC,
  DeferredContext: unknown,
  SystemArgument1: unknown,
  SystemArgument2: unknown,
) => void;
export const KDEFERRED_ROUTINE = declareCallback<KDEFERRED_ROUTINE>({
  prototype:
    'VOID KDEFERRED_ROUTINE(KDPC *Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)',
  role: 'CustomDpc',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nc-wdm-kdeferred_routine',
});

/** A DPC routine of the library: takes the numbers of the KDPC. */
export type LibraryDpcRoutine = (
  Dpc: Address,
  DeferredContext: Address,
  SystemArgument1: Address,
  SystemArgument2: Address,
) => void;

interface BoundRoutine {
  /** null: the library itself. */
  readonly driver: Driver | null;
  readonly invoke: LibraryDpcRoutine;
}

/** The routines that KDPCs name by address. */
class DpcRoutines {
  readonly #kernel: Kernel;
  readonly #routines = new Map<Address, BoundRoutine>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Notes a driver's routine. */
  bind(callback: DriverCallback<KDEFERRED_ROUTINE>): void {
    const known = this.#routines.get(callback.address);
    if (known !== undefined && known.driver === callback.driver) return;
    // The callback edge turns the address of the KDPC into the view that the handler's type names.
    const invoke = callback.invoke as unknown as LibraryDpcRoutine;
    this.#routines.set(callback.address, { driver: callback.driver, invoke });
  }

  /** Gives a routine of the library an address; the same routine gets the same address. */
  library(routine: LibraryDpcRoutine): Address {
    const address = this.#kernel.memory.callables.addressOf(routine, 'kernel');
    this.#routines.set(address, { driver: null, invoke: routine });
    return address;
  }

  at(address: Address): BoundRoutine | undefined {
    return this.#routines.get(address);
  }
}

const routinesOf = perKernel('dpcRoutines', (kernel) => new DpcRoutines(kernel));

/** The address of a DPC routine of the library, for `initializeDpc`. */
export function libraryDpcRoutine(kernel: Kernel, routine: LibraryDpcRoutine): Address {
  return routinesOf(kernel).library(routine);
}

/** Notes the driver's routine at `address` and gives `address` back; an address that is no function is a finding. */
export function bindDpcRoutine(kernel: Kernel, driver: Driver, address: Address): Address {
  const callback = driver.callback(address, KDEFERRED_ROUTINE);
  if (callback !== null) routinesOf(kernel).bind(callback);
  return address;
}

/** Makes the KDPC at `dpc`; `routine` comes from `libraryDpcRoutine` or `bindDpcRoutine`. Any IRQL. */
export function initializeDpc(
  kernel: Kernel,
  dpc: Address,
  routine: Address,
  context: Address,
  type: number = DPC_OBJECT,
): void {
  const { memory } = kernel;
  memory.u8.fill(0, dpc, dpc + KDPC_SIZE);
  memory.u8[dpc] = type;
  memory.u8[dpc + IMPORTANCE] = MediumImportance;
  memory.writePointer(dpc + DEFERRED_ROUTINE, routine);
  writeContext(memory, dpc + DEFERRED_CONTEXT, context);
}

/** Sets where in the queue the DPC goes and whether its processing begins at once. */
export function setImportanceDpc(kernel: Kernel, dpc: Address, importance: number): void {
  kernel.memory.u8[dpc + IMPORTANCE] = importance;
}

/** Sets the processor that the DPC runs on; false when there is no such processor. */
export function setTargetProcessorDpc(kernel: Kernel, dpc: Address, processor: number): boolean {
  if (processor >= kernel.scheduler.processors.length) return false;
  kernel.memory.u16[(dpc + NUMBER) >> 1] = processor + TARGET_SET;
  return true;
}

/** Whether the DPC waits in a queue. */
export function isDpcQueued(kernel: Kernel, dpc: Address): boolean {
  return kernel.memory.i32[(dpc + DPC_DATA) >> 2] !== 0;
}

/**
 * Queues a DPC without running it, on its target or else on `processor`; false when it is queued already.
 * @throws NdisboxError NOT_A_DPC when there is no initialized KDPC at `dpc`.
 */
export function queueDpc(
  kernel: Kernel,
  dpc: Address,
  argument1: Address,
  argument2: Address,
  processor: number = kernel.scheduler.processor.number,
): boolean {
  const { memory } = kernel;
  const type = memory.u8[dpc];
  if (type !== DPC_OBJECT && type !== THREADED_DPC_OBJECT) {
    throw new NdisboxError(
      'NOT_A_DPC',
      `0x${dpc.toString(16)} was queued but is no KDPC (type ${type}); call KeInitializeDpc first`,
    );
  }
  if (isDpcQueued(kernel, dpc)) return false;
  const set = memory.u16[(dpc + NUMBER) >> 1];
  const target = set >= TARGET_SET ? set - TARGET_SET : processor;
  kernel.scheduler.dpcs.queue(dpc, target, memory.u8[dpc + IMPORTANCE] === HighImportance);
  writeContext(memory, dpc + SYSTEM_ARGUMENT_1, argument1);
  writeContext(memory, dpc + SYSTEM_ARGUMENT_2, argument2);
  // The queue that holds it, counted from 1: not NULL while it is queued, as on Windows.
  memory.i32[(dpc + DPC_DATA) >> 2] = target + 1;
  return true;
}

/**
 * Queues a DPC; false when it is queued already. Below DISPATCH_LEVEL a DPC for this processor runs before it
 * returns, unless its importance is low and few DPCs wait.
 */
export function insertQueueDpc(
  kernel: Kernel,
  dpc: Address,
  argument1: Address = 0,
  argument2: Address = 0,
): boolean {
  if (!queueDpc(kernel, dpc, argument1, argument2)) return false;
  const { processor } = kernel.scheduler;
  if (processor.irql < DISPATCH_LEVEL && processor.dpcs.length > 0) {
    const low = kernel.memory.u8[dpc + IMPORTANCE] === LowImportance;
    if (!low || processor.dpcs.length > LOW_IMPORTANCE_DEPTH) kernel.scheduler.dpcs.drain();
  }
  return true;
}

/** Takes a DPC out of its queue before it runs; false when it is not queued. */
export function removeQueueDpc(kernel: Kernel, dpc: Address): boolean {
  const queue = kernel.memory.i32[(dpc + DPC_DATA) >> 2];
  if (queue <= 0 || queue > kernel.scheduler.processors.length) return false;
  kernel.memory.i32[(dpc + DPC_DATA) >> 2] = 0;
  return kernel.scheduler.dpcs.remove(dpc, queue - 1);
}

/** Runs one DPC: what the scheduler calls at DISPATCH_LEVEL. */
export function runDpc(kernel: Kernel, dpc: Address): void {
  const { memory } = kernel;
  const address = memory.readPointer(dpc + DEFERRED_ROUTINE);
  const routine = routinesOf(kernel).at(address);
  if (routine === undefined) {
    throw new NdisboxError(
      'NOT_A_DPC',
      `the KDPC at 0x${dpc.toString(16)} names the routine 0x${address.toString(16)}, which KeInitializeDpc never saw; ` +
        'its memory was freed or overwritten while it was queued',
    );
  }
  if (routine.driver !== null && routine.driver.state === 'unloaded') {
    kernel.bugCheck(
      DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
      [address, 8, address, 0],
      `a DPC of ${routine.driver.name} (KDPC 0x${dpc.toString(16)}) ran after the driver was unloaded; cancel its timers and flush its DPCs in Unload`,
    );
  }
  memory.i32[(dpc + DPC_DATA) >> 2] = 0;
  const { processor } = kernel.scheduler;
  const locksBefore = processor.spinLocksHeld;
  routine.invoke(
    dpc,
    readContext(memory, dpc + DEFERRED_CONTEXT),
    readContext(memory, dpc + SYSTEM_ARGUMENT_1),
    readContext(memory, dpc + SYSTEM_ARGUMENT_2),
  );
  if (processor.spinLocksHeld !== locksBefore) {
    kernel.report(
      'SPIN_LOCK_NOT_RELEASED',
      routine.driver,
      `a DPC returned on processor ${processor.number} with ${processor.spinLocksHeld - locksBefore} spin lock(s) more than it began with`,
      KDEFERRED_ROUTINE.page,
    );
  }
}
