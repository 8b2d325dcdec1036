/** Device objects, their names and stacks (IoCreateDevice, IoCreateSymbolicLink, IoAttachDeviceToDeviceStack; wdm.h). */

import { type Address, poolType, readUnicodeString } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { OutPointer, Pointer, TextPointer } from '../edge.ts';
import { endlessList, LIST_LIMIT } from '../endlessList.ts';
import { DO_DEVICE_HAS_NAME, DO_DEVICE_INITIALIZING, DO_EXCLUSIVE } from '../generated/constants/common.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { DEVICE_OBJECT, DRIVER_OBJECT } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { driverLifeOf } from '../services/driverLife.ts';
import type { NTSTATUS } from '../status.ts';
import { driverOfObject } from './driverObject.ts';
import { canonicalName, ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';

/** Pool tag of device objects: `Devi`. */
const TAG = 0x6976_6544;
const IO_TYPE_DEVICE = 3;
/** Bytes before a device extension: DEVICE_OBJECT and its DEVOBJ_EXTENSION. */
const EXTENSION = 336 + 112;

/**
 * Creates a device object with its extension behind it.
 * @returns STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_INVALID.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-iocreatedevice
 */
export const IoCreateDevice = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName, ULONG DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive, PDEVICE_OBJECT* DeviceObject)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iocreatedevice',
  implement:
    (kernel: Kernel, importer) =>
    (
      DriverObject: Pointer<DRIVER_OBJECT>,
      DeviceExtensionSize: number,
      DeviceName: TextPointer,
      DeviceType: number,
      DeviceCharacteristics: number,
      Exclusive: boolean,
      DeviceObject: OutPointer,
    ): NTSTATUS => {
      const { memory } = kernel;
      const manager = ioManagerOf(kernel);
      const driver = driverOfObject(kernel, DriverObject) ?? importer;
      const name = readUnicodeString(memory, DeviceName);
      memory.writePointer(DeviceObject, 0);
      if (name !== '' && !name.startsWith('\\')) return STATUS_OBJECT_NAME_INVALID;
      if (name !== '' && manager.nameAt(name) !== undefined) return STATUS_OBJECT_NAME_COLLISION;
      const size = EXTENSION + (DeviceExtensionSize >>> 0);
      // Size of a DEVICE_OBJECT is 16 bits wide and covers the extension of the driver.
      if (manager.full || size > 0xffff) return STATUS_INSUFFICIENT_RESOURCES;
      const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
      if (address === 0) return STATUS_INSUFFICIENT_RESOURCES;
      const device = DEVICE_OBJECT.at(memory, address);
      device.Type = IO_TYPE_DEVICE;
      device.Size = 336 + (DeviceExtensionSize >>> 0);
      device.DriverObject = DriverObject;
      device.NextDevice = memory.readPointer(DriverObject + DRIVER_OBJECT.offset.DeviceObject);
      device.DeviceType = DeviceType;
      device.Characteristics = DeviceCharacteristics;
      device.StackSize = 1;
      device.DeviceExtension = DeviceExtensionSize === 0 ? 0 : address + EXTENSION;
      device.DeviceObjectExtension = address + 336;
      device.Flags =
        DO_DEVICE_INITIALIZING | (name === '' ? 0 : DO_DEVICE_HAS_NAME) | (Exclusive ? DO_EXCLUSIVE : 0);
      memory.writePointer(address + 336 + 8, address);
      memory.writePointer(DriverObject + DRIVER_OBJECT.offset.DeviceObject, address);
      if (name !== '') manager.addName(name, { kind: 'device', address });
      objectsOf(kernel).create(
        'Device',
        name === '' ? `at 0x${address.toString(16)}` : name,
        driver.id,
        address,
      );
      driver.own(`device ${address}`, {
        kind: 'device',
        name: name === '' ? `at 0x${address.toString(16)}` : name,
        releasedBy: 'IoDeleteDevice',
        release: () => deleteDevice(kernel, driver, address),
      });
      driverLifeOf(kernel).noteRegistration(driver, 'IoCreateDevice');
      memory.writePointer(DeviceObject, address);
      return STATUS_SUCCESS;
    },
});

/** Takes a device out of its driver's list and frees it once nothing refers to it. */
export function deleteDevice(kernel: Kernel, driver: Driver, device: Address): void {
  const { memory } = kernel;
  const manager = ioManagerOf(kernel);
  manager.removeDeviceNames(device);
  manager.deviceDispatch.delete(device);
  driver.disown(`device ${device}`);
  const object = memory.readPointer(device + at.DEVICE_DRIVER);
  let link = object + DRIVER_OBJECT.offset.DeviceObject;
  let next = memory.readPointer(link);
  for (let count = 0; next !== 0 && next !== device; count++) {
    if (count === LIST_LIMIT) endlessList(kernel, `the devices of ${driver.name}`);
    link = next + at.DEVICE_NEXT;
    next = memory.readPointer(link);
  }
  if (memory.readPointer(link) === device)
    memory.writePointer(link, memory.readPointer(device + at.DEVICE_NEXT));
  const record = objectsOf(kernel).at(device);
  if (record !== undefined) objectsOf(kernel).dereference(record);
}

/** Deletes a device object; it stays until its last handle is closed. IRQL <= APC_LEVEL. @source wdm/nf-wdm-iodeletedevice */
export const IoDeleteDevice = declareFunction('ntoskrnl', {
  prototype: 'VOID IoDeleteDevice(PDEVICE_OBJECT DeviceObject)',
  irql: '<=APC_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iodeletedevice',
  implement: (kernel: Kernel, importer) => (DeviceObject: Pointer<DEVICE_OBJECT>) => {
    const record = objectsOf(kernel).at(DeviceObject);
    if (record === undefined || record.type !== 'Device') {
      kernel.report(
        'NOT_A_DEVICE',
        importer,
        `IoDeleteDevice was given 0x${(DeviceObject >>> 0).toString(16)}, which is no live device; delete each device once`,
        'wdm/nf-wdm-iodeletedevice',
      );
      return;
    }
    const owner = driverOfObject(kernel, kernel.memory.readPointer(DeviceObject + at.DEVICE_DRIVER));
    deleteDevice(kernel, owner ?? importer, DeviceObject);
  },
});

/** Frees the memory of device objects when their last reference goes. */
export function attachDevices(kernel: Kernel): void {
  objectsOf(kernel).defineType('Device', {
    removed: (owner, object) => poolOf(owner).free(object.address, TAG),
  });
}

/**
 * Gives a device a name that user programs see.
 * @returns STATUS_SUCCESS, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_INVALID. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-iocreatesymboliclink
 */
export const IoCreateSymbolicLink = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iocreatesymboliclink',
  implement:
    (kernel: Kernel, driver) =>
    (SymbolicLinkName: TextPointer, DeviceName: TextPointer): NTSTATUS => {
      const name = readUnicodeString(kernel.memory, SymbolicLinkName);
      const target = readUnicodeString(kernel.memory, DeviceName);
      const manager = ioManagerOf(kernel);
      if (!name.startsWith('\\') || target === '') return STATUS_OBJECT_NAME_INVALID;
      if (manager.full) return STATUS_INSUFFICIENT_RESOURCES;
      if (!manager.addName(name, { kind: 'link', target })) return STATUS_OBJECT_NAME_COLLISION;
      driver.own(`link ${canonicalName(name)}`, {
        kind: 'symbolic link',
        name,
        releasedBy: 'IoDeleteSymbolicLink',
        release: () => manager.removeName(name),
      });
      return STATUS_SUCCESS;
    },
});

/**
 * Removes a symbolic link.
 * @returns STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-iodeletesymboliclink
 */
export const IoDeleteSymbolicLink = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iodeletesymboliclink',
  implement:
    (kernel: Kernel, driver) =>
    (SymbolicLinkName: TextPointer): NTSTATUS => {
      const name = readUnicodeString(kernel.memory, SymbolicLinkName);
      if (ioManagerOf(kernel).nameAt(name)?.kind !== 'link') return STATUS_OBJECT_NAME_NOT_FOUND;
      ioManagerOf(kernel).removeName(name);
      driver.disown(`link ${canonicalName(name)}`);
      return STATUS_SUCCESS;
    },
});

/** Devices above one another: the count of stack locations of an IRP is a signed byte. */
const STACK_LIMIT = 128;

/** The device at the top of the stack above `device`. */
export function topDevice(kernel: Kernel, device: Address): Address {
  let top = device;
  let above = device;
  for (let height = 0; above !== 0; height++) {
    if (height === STACK_LIMIT) endlessList(kernel, `the devices above 0x${device.toString(16)}`);
    top = above;
    above = kernel.memory.readPointer(above + at.DEVICE_ATTACHED);
  }
  return top;
}

/** Puts a device on top of a stack; gives the device it is now above. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-ioattachdevicetodevicestack */
export const IoAttachDeviceToDeviceStack = declareFunction('ntoskrnl', {
  prototype:
    'PDEVICE_OBJECT IoAttachDeviceToDeviceStack(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-ioattachdevicetodevicestack',
  implement:
    (kernel: Kernel) =>
    (SourceDevice: Pointer<DEVICE_OBJECT>, TargetDevice: Pointer<DEVICE_OBJECT>): Address => {
      const { memory } = kernel;
      const below = topDevice(kernel, TargetDevice);
      if (objectsOf(kernel).at(below)?.type !== 'Device' || below === SourceDevice) return 0;
      memory.writePointer(below + at.DEVICE_ATTACHED, SourceDevice);
      memory.i8[SourceDevice + at.DEVICE_STACK_SIZE] = memory.i8[below + at.DEVICE_STACK_SIZE] + 1;
      return below;
    },
});

/** Takes off the device above `TargetDevice`. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-iodetachdevice */
export const IoDetachDevice = declareFunction('ntoskrnl', {
  prototype: 'VOID IoDetachDevice(PDEVICE_OBJECT TargetDevice)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iodetachdevice',
  implement: (kernel: Kernel) => (TargetDevice: Pointer<DEVICE_OBJECT>) => {
    kernel.memory.writePointer(TargetDevice + at.DEVICE_ATTACHED, 0);
  },
});
