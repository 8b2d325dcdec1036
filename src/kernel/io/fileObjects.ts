/**
 * File objects: a device that a program or a driver opened. IRP_MJ_CREATE when it is opened, IRP_MJ_CLEANUP when its last
 * handle is closed, IRP_MJ_CLOSE when its last reference goes. Implements "Dispatch Routines" (kernel).
 */

import { type Address, poolType, writeUnicodeString } from '../../memory/index.ts';
import { DO_EXCLUSIVE } from '../generated/constants/common.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_NO_SUCH_DEVICE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { FILE_OBJECT } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { type ObjectLocals, objectsOf } from '../objects/objectManager.ts';
import { procedure } from '../procedure.ts';
import { deviceClosed } from '../services/driverLife.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { MAJOR } from './accessMethod.ts';
import { driverOfObject } from './driverObject.ts';
import { ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';
import { request, requestLocals } from './userRequest.ts';

const TAG = 0x656c_6946;
const IO_TYPE_FILE = 5;

const cleanupFile = procedure<Kernel, ObjectLocals>('CleanupFile', {
  start: (kernel, locals, step) =>
    step.run('done', request, kernel, requestLocals(locals.address, MAJOR.cleanup, 0, undefined, 0, 0)),
  done: (_kernel, _locals, step) => step.done(STATUS_SUCCESS),
});

const removeFile = procedure<Kernel, ObjectLocals>('RemoveFile', {
  start: (kernel, locals, step) =>
    step.run('done', request, kernel, requestLocals(locals.address, MAJOR.close, 0, undefined, 0, 0)),
  done: (kernel, locals, step) => {
    forgetFile(kernel, locals.address);
    return step.done(STATUS_SUCCESS);
  },
});

function forgetFile(kernel: Kernel, file: Address): void {
  const { memory } = kernel;
  const device = memory.readPointer(file + 8);
  memory.i32[(device + at.DEVICE_REFERENCES) >> 2]--;
  const driver = driverOfObject(kernel, memory.readPointer(device + at.DEVICE_DRIVER));
  if (driver !== null) deviceClosed(kernel, driver);
  const object = objectsOf(kernel).at(device);
  if (object !== undefined) objectsOf(kernel).dereference(object);
  poolOf(kernel).free(file, TAG);
}

/** Sends IRP_MJ_CLEANUP at the last handle of a file and IRP_MJ_CLOSE at its last reference. */
export function attachFiles(kernel: Kernel): void {
  objectsOf(kernel).defineType('File', { lastHandleClosed: cleanupFile, remove: removeFile });
}

/** Locals of `openFile`. */
export interface OpenLocals {
  /** `\\??\\Name` or `\\Device\\Name`, with what follows the name of the device. */
  readonly path: string;
  /** 1 for a program, 0 for a driver. */
  readonly mode: number;
  /** The file object, 0 where it was not opened. The opener has one reference. */
  file: Address;
}

/** Opens a device by name. Its value is STATUS_SUCCESS or why there is no file object. */
export const openFile = procedure<Kernel, OpenLocals>('OpenFile', {
  start: (kernel, locals, step) => {
    const status = createFile(kernel, locals);
    if (status !== STATUS_SUCCESS) return step.done(status);
    const create = requestLocals(locals.file, MAJOR.create, 0, undefined, 0, locals.mode);
    return step.run('created', request, kernel, create);
  },
  created: (kernel, locals, step, result) => {
    const status = result >>> 0;
    if (NT_SUCCESS(status)) {
      objectsOf(kernel).create('File', locals.path, null, locals.file);
      return step.done(STATUS_SUCCESS);
    }
    forgetFile(kernel, locals.file);
    locals.file = 0;
    return step.done(status);
  },
});

/** Makes the file object that IRP_MJ_CREATE is about. */
function createFile(kernel: Kernel, locals: OpenLocals): NTSTATUS {
  const { memory } = kernel;
  const found = ioManagerOf(kernel).deviceAt(locals.path);
  if (found === null) return STATUS_OBJECT_NAME_NOT_FOUND;
  const { device, rest } = found;
  const driver = driverOfObject(kernel, memory.readPointer(device + at.DEVICE_DRIVER));
  if (driver === null || driver.state === 'unloading') return STATUS_NO_SUCH_DEVICE;
  const exclusive = (memory.u32[(device + at.DEVICE_FLAGS) >> 2] & DO_EXCLUSIVE) !== 0;
  if (exclusive && memory.i32[(device + at.DEVICE_REFERENCES) >> 2] > 0) return STATUS_ACCESS_DENIED;
  const size = FILE_OBJECT.size + rest.length * 2 + 8;
  const file = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
  if (file === 0) return STATUS_INSUFFICIENT_RESOURCES;
  memory.u16[file >> 1] = IO_TYPE_FILE;
  memory.u16[(file + 2) >> 1] = FILE_OBJECT.size;
  memory.writePointer(file + FILE_OBJECT.offset.DeviceObject, device);
  writeUnicodeString(memory, file + FILE_OBJECT.offset.FileName, rest, file + FILE_OBJECT.size);
  memory.i32[(device + at.DEVICE_REFERENCES) >> 2]++;
  const deviceObject = objectsOf(kernel).at(device);
  if (deviceObject !== undefined) objectsOf(kernel).reference(deviceObject);
  locals.file = file;
  return STATUS_SUCCESS;
}
