/**
 * The life of a driver: DriverEntry, what may go wrong there, Unload, and the account of what it leaves behind.
 * Implements wdm/nc-wdm-driver_initialize, wdm/nc-wdm-driver_unload and "DriverEntry's Responsibilities"
 * (windows-driver-docs-pr/kernel).
 */

import { type Address, poolType } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import { endlessList, LIST_LIMIT } from '../endlessList.ts';
import {
  STATUS_FAILED_DRIVER_ENTRY,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { DRIVER_EXTENSION, DRIVER_OBJECT } from '../generated/structures/index.ts';
import {
  createDriverObject,
  DRIVER_INITIALIZE,
  DRIVER_UNLOAD,
  destroyDriverObject,
} from '../io/driverObject.ts';
import { ioManagerOf } from '../io/ioManager.ts';
import { DEVICE_NEXT, DEVICE_REFERENCES } from '../io/irpLayout.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { poolOf, releaseDriverMemory } from '../memory/kernelPool.ts';
import { type Procedure, procedure } from '../procedure.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { ntstatusName } from '../statusName.ts';
import { initializeEvent, setEvent } from '../sync/event.ts';

/** What a hook of the driver life works on: the index of the driver in `kernel.drivers`. */
export interface DriverLocals {
  readonly driver: number;
}

/** What a concern above wants to do in the life of a driver. Each runs on the thread that loads or unloads. */
export interface DriverLifeHook {
  readonly name: string;
  /** DriverEntry returned: may report, and replace the status where the driver cannot stay. */
  readonly entryReturned?: (driver: Driver, status: NTSTATUS) => NTSTATUS;
  /** DriverEntry failed: takes back what the driver registered; may call the driver. */
  readonly entryFailed?: Procedure<Kernel, DriverLocals>;
  /** Before the driver's Unload is called. */
  readonly unloading?: Procedure<Kernel, DriverLocals>;
  /** After the driver's Unload returned, before what is left is released. */
  readonly unloaded?: Procedure<Kernel, DriverLocals>;
}

const ENTRY_PAGE = 'wdm/nc-wdm-driver_initialize';
const UNLOAD_PAGE = 'wdm/nc-wdm-driver_unload';

export class DriverLife {
  readonly hooks: DriverLifeHook[] = [];
  /** What each driver registered while its DriverEntry ran, by driver id. */
  readonly #registrations = new Map<number, string[]>();
  /** Events of drivers whose unloading waits until programs have closed their devices, by driver id. */
  readonly waitingForClose = new Map<number, Address>();
  /** Callable address of the routine that answers what a driver does not handle; set by the I/O manager. */
  invalidDeviceRequest: Address = 0;

  /** Notes that a driver registered something (`NdisMRegisterMiniportDriver`, `IoCreateDevice`, ...). */
  noteRegistration(driver: Driver, what: string): void {
    if (driver.state !== 'loading') return;
    const known = this.#registrations.get(driver.id);
    if (known === undefined) this.#registrations.set(driver.id, [what]);
    else known.push(what);
  }

  registrationsOf(driver: Driver): readonly string[] {
    return this.#registrations.get(driver.id) ?? [];
  }

  forget(driver: Driver): void {
    this.#registrations.delete(driver.id);
  }
}

/** The driver life of a machine: the place for hooks. */
export const driverLifeOf: (kernel: Kernel) => DriverLife = perKernel('driver life', () => new DriverLife());

type HookStage = 'entryFailed' | 'unloading' | 'unloaded';

const runHooks = procedure<Kernel, { readonly driver: number; readonly stage: HookStage; index: number }>(
  'DriverHooks',
  {
    start: (kernel, locals, step) => {
      const { hooks } = driverLifeOf(kernel);
      while (locals.index < hooks.length) {
        const hook = hooks[locals.index++][locals.stage];
        if (hook !== undefined) return step.run('start', hook, kernel, { driver: locals.driver });
      }
      return step.done(STATUS_SUCCESS);
    },
  },
);

/** Locals of `loadDriverProcedure`. */
export interface LoadLocals {
  readonly driver: number;
  /** Callable address of DriverEntry. */
  readonly entry: Address;
  status: NTSTATUS;
}

/**
 * Loads a driver: makes its DRIVER_OBJECT and runs DriverEntry. Its value is STATUS_SUCCESS or why the driver is not
 * loaded: what DriverEntry returned, STATUS_FAILED_DRIVER_ENTRY for STATUS_PENDING, STATUS_INSUFFICIENT_RESOURCES.
 */
export const loadDriverProcedure = procedure<Kernel, LoadLocals>('LoadDriver', {
  start: (kernel, locals, step) => {
    const driver = kernel.drivers[locals.driver];
    const dispatch = driverLifeOf(kernel).invalidDeviceRequest;
    const registryPath = createDriverObject(kernel, driver, dispatch, locals.entry);
    const entry = driver.callback(locals.entry, DRIVER_INITIALIZE);
    if (registryPath === 0 || entry === null) {
      driver.state = 'failed';
      return step.done(STATUS_INSUFFICIENT_RESOURCES);
    }
    changeState(kernel, driver, 'loading');
    return step.call('entered', entry, driver.driverObject, registryPath);
  },
  entered: (kernel, locals, step, result) => {
    const driver = kernel.drivers[locals.driver];
    let status: NTSTATUS = result >>> 0;
    for (const hook of driverLifeOf(kernel).hooks) status = hook.entryReturned?.(driver, status) ?? status;
    locals.status = judgeEntry(kernel, driver, status);
    if (NT_SUCCESS(locals.status)) {
      changeState(kernel, driver, 'loaded');
      return step.done(STATUS_SUCCESS);
    }
    return step.run('cleaned', runHooks, kernel, { driver: locals.driver, stage: 'entryFailed', index: 0 });
  },
  cleaned: (kernel, locals, step) => {
    const driver = kernel.drivers[locals.driver];
    release(
      kernel,
      driver,
      'DRIVER_ENTRY',
      `its DriverEntry failed with ${ntstatusName(locals.status)}`,
      ENTRY_PAGE,
    );
    changeState(kernel, driver, 'failed');
    return step.done(locals.status);
  },
});

/** What DriverEntry's status means, with the findings it deserves. */
function judgeEntry(kernel: Kernel, driver: Driver, status: NTSTATUS): NTSTATUS {
  const life = driverLifeOf(kernel);
  if (status === STATUS_PENDING) {
    kernel.report(
      'STATUS_PENDING_FROM_DRIVER_ENTRY',
      driver,
      `DriverEntry of ${driver.name} returned STATUS_PENDING, but it has to finish its work before it returns; the driver is not loaded`,
      ENTRY_PAGE,
    );
    return STATUS_FAILED_DRIVER_ENTRY;
  }
  const registered = life.registrationsOf(driver);
  if (!NT_SUCCESS(status) && registered.length > 0) {
    kernel.report(
      'DRIVER_ENTRY_FAILED_AFTER_REGISTRATION',
      driver,
      `DriverEntry of ${driver.name} failed with ${ntstatusName(status)} after ${registered.join(', ')}; register last, so that nothing that can fail follows`,
      ENTRY_PAGE,
    );
  }
  if (NT_SUCCESS(status) && registered.length === 0 && !setsAddDevice(kernel, driver)) {
    kernel.report(
      'NOTHING_REGISTERED',
      driver,
      `DriverEntry of ${driver.name} succeeded but registered nothing and created no device, so nothing will ever call the driver`,
      ENTRY_PAGE,
    );
  }
  return status;
}

function setsAddDevice(kernel: Kernel, driver: Driver): boolean {
  const { memory } = kernel;
  const extension = memory.readPointer(driver.driverObject + DRIVER_OBJECT.offset.DriverExtension);
  return memory.readPointer(extension + DRIVER_EXTENSION.offset.AddDevice) !== 0;
}

/** Whether a program has a device of the driver open. */
function hasOpenDevice(kernel: Kernel, driver: Driver): boolean {
  const { memory } = kernel;
  let device = memory.readPointer(driver.driverObject + DRIVER_OBJECT.offset.DeviceObject);
  for (let count = 0; device !== 0; count++) {
    if (count === LIST_LIMIT) endlessList(kernel, `the devices of ${driver.name}`);
    if (memory.i32[(device + DEVICE_REFERENCES) >> 2] > 0) return true;
    device = memory.readPointer(device + DEVICE_NEXT);
  }
  return false;
}

/** A program closed a device of the driver: an unloading that waits for it goes on after the last. */
export function deviceClosed(kernel: Kernel, driver: Driver): void {
  const event = driverLifeOf(kernel).waitingForClose.get(driver.id);
  if (event !== undefined && !hasOpenDevice(kernel, driver)) setEvent(kernel, event);
}

const UNLOAD_TAG = 0x646c_6e55;

/**
 * Unloads a driver: waits until no program has a device of it open, calls its Unload and accounts for what is left.
 * Its value is STATUS_SUCCESS, or
 * STATUS_INVALID_DEVICE_REQUEST for a driver that is not loaded or has no Unload.
 */
export const unloadDriverProcedure = procedure<Kernel, DriverLocals>('UnloadDriver', {
  start: (kernel, locals, step) => {
    const driver = kernel.drivers[locals.driver];
    if (driver.state !== 'loaded') return step.done(STATUS_INVALID_DEVICE_REQUEST);
    if (unloadRoutine(kernel, driver) === 0) return step.done(STATUS_INVALID_DEVICE_REQUEST);
    changeState(kernel, driver, 'unloading');
    if (!hasOpenDevice(kernel, driver)) return step.go('closed');
    kernel.note(`driver ${driver.name}`, 'is unloaded as soon as its devices are closed');
    const event = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, 24, UNLOAD_TAG, 0);
    initializeEvent(kernel, event, false, false);
    driverLifeOf(kernel).waitingForClose.set(driver.id, event);
    return step.wait('closed', { objects: [event], type: 'any', timeout: null, reason: 'devices are open' });
  },
  closed: (kernel, locals, step) => {
    const driver = kernel.drivers[locals.driver];
    const event = driverLifeOf(kernel).waitingForClose.get(driver.id);
    if (event !== undefined) poolOf(kernel).free(event, UNLOAD_TAG);
    driverLifeOf(kernel).waitingForClose.delete(driver.id);
    return step.run('call', runHooks, kernel, { driver: locals.driver, stage: 'unloading', index: 0 });
  },
  call: (kernel, locals, step) => {
    const driver = kernel.drivers[locals.driver];
    const unload = driver.callback(unloadRoutine(kernel, driver), DRIVER_UNLOAD);
    return unload === null ? step.go('returned') : step.call('returned', unload, driver.driverObject);
  },
  returned: (kernel, locals, step) =>
    step.run('cleaned', runHooks, kernel, { driver: locals.driver, stage: 'unloaded', index: 0 }),
  cleaned: (kernel, locals, step) => {
    const driver = kernel.drivers[locals.driver];
    release(kernel, driver, 'UNLOAD', 'it was unloaded', UNLOAD_PAGE);
    changeState(kernel, driver, 'unloaded');
    return step.done(STATUS_SUCCESS);
  },
});

function unloadRoutine(kernel: Kernel, driver: Driver): Address {
  return kernel.memory.readPointer(driver.driverObject + DRIVER_OBJECT.offset.DriverUnload);
}

/** Names what a driver left and gives it back on its behalf. */
function release(kernel: Kernel, driver: Driver, when: string, why: string, page: string): void {
  for (const resource of driver.takeOwned()) {
    kernel.report(
      `LEFT_AFTER_${when}`,
      driver,
      `${driver.name} left ${resource.kind} ${resource.name} when ${why}; call ${resource.releasedBy}`,
      page,
    );
    resource.release();
  }
  for (const block of releaseDriverMemory(kernel, driver)) {
    kernel.report(
      `POOL_LEFT_AFTER_${when}`,
      driver,
      `${driver.name} left ${block.size} bytes of pool at 0x${block.address.toString(16)}, tag ${block.tag}, when ${why}; call ExFreePoolWithTag`,
      page,
    );
  }
  driverLifeOf(kernel).forget(driver);
  ioManagerOf(kernel).forgetDriver(driver);
  destroyDriverObject(kernel, driver);
  kernel.memory.callables.release(driver);
  kernel.memory.objects.release(driver);
}

function changeState(kernel: Kernel, driver: Driver, state: Driver['state']): void {
  kernel.emit({ kind: 'state', object: `driver ${driver.name}`, from: driver.state, to: state });
  driver.state = state;
}

/**
 * Begins to load a driver on a system thread at PASSIVE_LEVEL; the caller pumps the scheduler.
 * @param entry DriverEntry: a function, or a callable address. @param finished told the status.
 */
export function startLoadingDriver(
  kernel: Kernel,
  driver: Driver,
  entry: DRIVER_INITIALIZE | Address,
  finished: (status: NTSTATUS) => void,
): void {
  const address = typeof entry === 'number' ? entry : kernel.memory.callables.addressOf(entry, driver);
  const locals: LoadLocals = { driver: driver.id - 1, entry: address, status: 0 };
  kernel.scheduler.createThread(`load ${driver.name}`, loadDriverProcedure, kernel, locals, { finished });
}

/** Begins to unload a driver on a system thread at PASSIVE_LEVEL; the caller pumps the scheduler. */
export function startUnloadingDriver(
  kernel: Kernel,
  driver: Driver,
  finished: (status: NTSTATUS) => void,
): void {
  const locals: DriverLocals = { driver: driver.id - 1 };
  kernel.scheduler.createThread(`unload ${driver.name}`, unloadDriverProcedure, kernel, locals, { finished });
}
