/**
 * DRIVER_OBJECT and its extension in kernel memory, and the callbacks that a driver puts there.
 * Implements wdm/ns-wdm-_driver_object and the pages of DRIVER_INITIALIZE, DRIVER_UNLOAD and DRIVER_ADD_DEVICE.
 */

import { type Address, poolType, writeUnicodeString } from '../../memory/index.ts';
import { declareCallback } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import {
  type DEVICE_OBJECT,
  DRIVER_EXTENSION,
  DRIVER_OBJECT,
  type UNICODE_STRING,
} from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { objectsOf } from '../objects/objectManager.ts';
import type { NTSTATUS } from '../status.ts';

/** Pool tag of driver objects: `Driv`. */
const TAG = 0x7669_7244;
/** Bytes before the texts of a driver object's block: object, extension, registry path. */
const EXTENSION = 336;
const REGISTRY_PATH = EXTENSION + 48;
const TEXTS = REGISTRY_PATH + 16;
/** IO_TYPE_DRIVER */
const IO_TYPE_DRIVER = 4;
/** Entries of MajorFunction. */
export const MAJOR_FUNCTIONS = 28;

/** A driver's entry point. */
export type DRIVER_INITIALIZE = (
  DriverObject: DRIVER_OBJECT,
  RegistryPath: UNICODE_STRING,
) => NTSTATUS | Promise<NTSTATUS>;
export const DRIVER_INITIALIZE = declareCallback<DRIVER_INITIALIZE>({
  prototype: 'NTSTATUS DRIVER_INITIALIZE(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)',
  role: 'DriverEntry',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nc-wdm-driver_initialize',
});

/** Called before a driver is unloaded; gives back everything. */
export type DRIVER_UNLOAD = (DriverObject: DRIVER_OBJECT) => void | Promise<void>;
export const DRIVER_UNLOAD = declareCallback<DRIVER_UNLOAD>({
  prototype: 'VOID DRIVER_UNLOAD(PDRIVER_OBJECT DriverObject)',
  role: 'Unload',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nc-wdm-driver_unload',
});

/** Creates the device object of a new device. */
export type DRIVER_ADD_DEVICE = (
  DriverObject: DRIVER_OBJECT,
  PhysicalDeviceObject: DEVICE_OBJECT,
) => NTSTATUS | Promise<NTSTATUS>;
export const DRIVER_ADD_DEVICE = declareCallback<DRIVER_ADD_DEVICE>({
  prototype: 'NTSTATUS DRIVER_ADD_DEVICE(PDRIVER_OBJECT DriverObject, PDEVICE_OBJECT PhysicalDeviceObject)',
  role: 'AddDevice',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nc-wdm-driver_add_device',
});

/**
 * Makes the driver object of `driver`. @param dispatch callable address that every MajorFunction gets.
 * @returns the address of the RegistryPath for DriverEntry, or 0 where there is no memory.
 */
export function createDriverObject(
  kernel: Kernel,
  driver: Driver,
  dispatch: Address,
  entry: Address,
): Address {
  const { memory } = kernel;
  const name = `\\Driver\\${driver.name}`;
  const size = TEXTS + (name.length + driver.name.length + driver.registryPath.length) * 2;
  const at = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
  if (at === 0) return 0;
  const object = DRIVER_OBJECT.at(memory, at);
  object.Type = IO_TYPE_DRIVER;
  object.Size = DRIVER_OBJECT.size;
  object.DriverExtension = at + EXTENSION;
  object.DriverInit = entry;
  for (let major = 0; major < MAJOR_FUNCTIONS; major++)
    memory.writePointer(at + DRIVER_OBJECT.offset.MajorFunction + major * 8, dispatch);
  const extension = DRIVER_EXTENSION.at(memory, at + EXTENSION);
  extension.DriverObject = at;
  let text = at + TEXTS;
  writeUnicodeString(memory, at + DRIVER_OBJECT.offset.DriverName, name, text);
  text += name.length * 2;
  writeUnicodeString(memory, at + EXTENSION + DRIVER_EXTENSION.offset.ServiceKeyName, driver.name, text);
  text += driver.name.length * 2;
  writeUnicodeString(memory, at + REGISTRY_PATH, driver.registryPath, text);
  driver.driverObject = at;
  objectsOf(kernel).create('Driver', name, driver.id, at);
  return at + REGISTRY_PATH;
}

/** Frees the driver object of a driver that is gone. */
export function destroyDriverObject(kernel: Kernel, driver: Driver): void {
  if (driver.driverObject === 0) return;
  const object = objectsOf(kernel).at(driver.driverObject);
  if (object !== undefined) {
    object.pointerCount = 1;
    object.handleCount = 0;
    objectsOf(kernel).release(object);
  }
  poolOf(kernel).free(driver.driverObject, TAG);
  driver.driverObject = 0;
}

/** The driver whose DRIVER_OBJECT lies at an address, or null. */
export function driverOfObject(kernel: Kernel, address: Address): Driver | null {
  const object = objectsOf(kernel).at(address);
  if (object === undefined || object.type !== 'Driver' || typeof object.body !== 'number') return null;
  return kernel.drivers[object.body - 1] ?? null;
}
