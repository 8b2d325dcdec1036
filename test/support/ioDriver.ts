/** A loaded driver with a device, for the tests of the I/O manager. */

import * as functions from '../../src/kernel/functions.ts';
import { kernelStructures } from '../../src/kernel/generated/structures/all.ts';
import {
  type DRIVER_DISPATCH,
  IO_STACK_LOCATION,
  type IRP,
  type KernelOptions,
  STATUS_SUCCESS,
  startLoadingDriver,
} from '../../src/kernel/index.ts';
import type { Address } from '../../src/memory/index.ts';
import { bytesAt } from './cells.ts';
import { createTestKernel } from './kernel.ts';

type Routines = Readonly<Record<number, DRIVER_DISPATCH>>;

/** A machine whose driver imports every function of the kernel. */
export type IoMachine = ReturnType<typeof createIoMachine>;

/** Makes a kernel and its driver, not loaded yet. */
export function createIoMachine(options: KernelOptions = {}) {
  const machine = createTestKernel(functions, {
    ...options,
    structures: (name) => kernelStructures[name],
  });
  const { kernel, imports } = machine;
  return {
    ...machine,
    /** Completes an IRP with a status, and gives the status. */
    complete(irp: IRP | Address, status: number, information = 0): number {
      const at = typeof irp === 'number' ? irp : irp.address;
      kernel.memory.u32[(at + 48) >> 2] = status;
      kernel.memory.u32[(at + 56) >> 2] = information;
      imports.IoCompleteRequest(at, 0);
      return status;
    },
    /** The current stack location. */
    stackOf: (irp: IRP | Address) =>
      IO_STACK_LOCATION.at(kernel.memory, imports.IoGetCurrentIrpStackLocation(irp)),
    codes: () => kernel.findings.map(({ code }) => code),
    /** Waits for what the host does while the machine runs. */
    async pump<T>(work: Promise<T>): Promise<T> {
      const outcome: { value?: T; error?: unknown; over: boolean } = { over: false };
      work.then(
        (value) => Object.assign(outcome, { value, over: true }),
        (error: unknown) => Object.assign(outcome, { error, over: true }),
      );
      for (let turn = 0; turn < 100 && !outcome.over; turn++) {
        await kernel.scheduler.run(() => false);
        for (let i = 0; i < 20; i++) await Promise.resolve();
      }
      if (outcome.error !== undefined) throw outcome.error;
      if (!outcome.over) throw new Error('the work waits for something that never comes');
      return outcome.value as T;
    },
  };
}

/** Loads the driver with \Device\Test and \??\Test. Without `unload` it cannot be unloaded. */
export async function loadIoDriver(
  machine: IoMachine,
  routines: Routines,
  options: { readonly flags?: number; readonly unload?: () => void } = {},
): Promise<Address> {
  const { kernel, driver, imports } = machine;
  const cell = bytesAt(kernel, 8);
  const state = { device: 0, status: -1 };
  const entry = (DriverObject: Parameters<Parameters<typeof startLoadingDriver>[2] & object>[0]) => {
    for (const [major, routine] of Object.entries(routines))
      DriverObject.MajorFunction.set(Number(major), routine);
    imports.IoCreateDevice(DriverObject, 64, '\\Device\\Test', 0x22, 0, false, cell);
    state.device = kernel.memory.readPointer(cell);
    kernel.memory.u32[(state.device + 48) >> 2] |= options.flags ?? 0;
    imports.IoCreateSymbolicLink('\\DosDevices\\Test', '\\Device\\Test');
    if (options.unload !== undefined) DriverObject.DriverUnload = options.unload;
    return STATUS_SUCCESS;
  };
  startLoadingDriver(kernel, driver, entry, (status) => {
    state.status = status;
  });
  await kernel.scheduler.run(() => state.status >= 0);
  if (state.status !== STATUS_SUCCESS) throw new Error(`the driver was refused: ${state.status}`);
  return state.device;
}
