/**
 * Devices as a user program of the host sees them: open by name, read, write, control, cancel, close. Each request
 * runs on a simulated user thread; the caller pumps the scheduler.
 * Implements "I/O Request Life Cycle" and "Methods for Accessing Data Buffers" (windows-driver-docs-pr/kernel).
 */

import { type Address, poolType, writeUnicodeString } from '../../memory/index.ts';
import { NdisboxError } from '../errors.ts';
import { DO_EXCLUSIVE } from '../generated/constants/common.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_HANDLE,
  STATUS_NO_SUCH_DEVICE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { FILE_OBJECT } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { handlesOf, type KernelHandle } from '../objects/handleTable.ts';
import { closeHandle } from '../objects/objectFunctions.ts';
import { type ObjectLocals, objectsOf } from '../objects/objectManager.ts';
import { type Procedure, procedure } from '../procedure.ts';
import { deviceClosed } from '../services/driverLife.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { ntstatusName } from '../statusName.ts';
import { initializeEvent } from '../sync/event.ts';
import { MAJOR, MDL_SIZE, type Method, methodOf, writeMdl } from './accessMethod.ts';
import { topDevice } from './deviceFunctions.ts';
import { driverOfObject } from './driverObject.ts';
import { ioManagerOf } from './ioManager.ts';
import { cancelIrp } from './irpFunctions.ts';
import * as at from './irpLayout.ts';
import { callDriverProcedure } from './requests.ts';

const TAG = 0x656c_6946;
const IO_TYPE_FILE = 5;
/** Most bytes of one request; a longer one fails with STATUS_INSUFFICIENT_RESOURCES. */
export const REQUEST_LIMIT = 16 * 0x10_0000;
const USER_MODE = 1;

/** What a request gave. */
export interface DeviceResult {
  readonly status: NTSTATUS;
  readonly information: number;
  /** What the driver returned: `information` bytes at most. */
  readonly data: Uint8Array;
}

interface RequestLocals {
  readonly file: Address;
  readonly major: number;
  readonly code: number;
  readonly input: Uint8Array;
  readonly outputLength: number;
  irp: Address;
  /** One block: KEVENT (24), IO_STATUS_BLOCK (16), MDL, input, output. */
  block: Address;
  output: Address;
  result: DeviceResult;
}

const nothing: DeviceResult = { status: STATUS_SUCCESS, information: 0, data: new Uint8Array(0) };

const request = procedure<Kernel, RequestLocals>('UserRequest', {
  start: (kernel, locals, step) => {
    const device = topDevice(kernel, kernel.memory.readPointer(locals.file + 8));
    if (!build(kernel, locals, device)) {
      locals.result = { ...nothing, status: STATUS_INSUFFICIENT_RESOURCES };
      return step.done(STATUS_INSUFFICIENT_RESOURCES);
    }
    return step.run('called', callDriverProcedure, kernel, { device, irp: locals.irp, location: 0 });
  },
  called: (_kernel, locals, step, result) => {
    if (result !== STATUS_PENDING) return step.go('completed');
    return step.wait('completed', {
      objects: [locals.block],
      type: 'any',
      timeout: null,
      reason: 'user request',
    });
  },
  completed: (kernel, locals, step) => {
    const { memory } = kernel;
    if (ioManagerOf(kernel).irps.has(locals.irp)) {
      kernel.report(
        'IRP_NOT_COMPLETED',
        null,
        'a dispatch routine returned a final status without completing the IRP; call IoCompleteRequest, or return STATUS_PENDING',
        'wdm/nc-wdm-driver_dispatch',
      );
      return step.wait('completed', {
        objects: [locals.block],
        type: 'any',
        timeout: null,
        reason: 'user request',
      });
    }
    const status = memory.u32[(locals.block + 24) >> 2];
    const information = memory.u32[(locals.block + 32) >> 2];
    const length = status >>> 30 === 3 ? 0 : Math.min(information, locals.outputLength);
    locals.result = { status, information, data: memory.u8.slice(locals.output, locals.output + length) };
    poolOf(kernel).free(locals.block, TAG);
    return step.done(status);
  },
});

/** Lays out the buffers as the device or the control code asks and builds the IRP. */
function build(kernel: Kernel, locals: RequestLocals, device: Address): boolean {
  const { memory } = kernel;
  const { input, outputLength, major } = locals;
  if (input.length > REQUEST_LIMIT || outputLength > REQUEST_LIMIT) return false;
  const pages = (Math.max(input.length, outputLength) >> 12) + 2;
  const inputAt = 40 + MDL_SIZE + pages * 8;
  const outputAt = (inputAt + input.length + 15) & ~15;
  const pool = poolOf(kernel);
  locals.block = pool.allocateZeroed(poolType.nonPagedNx, outputAt + Math.max(outputLength, 16), TAG, 0);
  if (locals.block === 0) return false;
  const direction = methodOf(kernel, device, major, locals.code);
  const buffered = direction === 'buffered';
  locals.irp = ioManagerOf(kernel).allocateIrp(memory.i8[device + at.DEVICE_STACK_SIZE], {
    system: true,
    outputLength: buffered ? outputLength : 0,
  });
  if (locals.irp === 0) {
    pool.free(locals.block, TAG);
    return false;
  }
  initializeEvent(kernel, locals.block, false, false);
  memory.u8.set(input, locals.block + inputAt);
  locals.output = locals.block + outputAt;
  const buffers = { input: locals.block + inputAt, output: locals.output };
  return fillIrp(kernel, locals, device, direction, buffers);
}

function fillIrp(
  kernel: Kernel,
  locals: RequestLocals,
  device: Address,
  method: Method,
  buffers: { readonly input: Address; readonly output: Address },
): boolean {
  const { memory } = kernel;
  const { irp, block, input, outputLength, major } = locals;
  const control = major === MAJOR.deviceControl;
  const writes = major === MAJOR.write;
  memory.u8[irp + at.IRP_REQUESTOR_MODE] = USER_MODE;
  memory.writePointer(irp + at.IRP_USER_IOSB, block + 24);
  memory.writePointer(irp + at.IRP_USER_EVENT, block);
  memory.writePointer(irp + at.IRP_THREAD, kernel.scheduler.thread?.address ?? 0);
  memory.writePointer(irp + at.IRP_ORIGINAL_FILE, locals.file);
  memory.writePointer(irp + at.IRP_USER_BUFFER, writes ? buffers.input : buffers.output);
  const needsSystemBuffer =
    (method === 'buffered' && input.length + outputLength > 0) ||
    (control && method === 'direct' && input.length > 0);
  if (needsSystemBuffer) {
    const size = Math.max(input.length, method === 'buffered' ? outputLength : 0);
    const system = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
    if (system === 0) {
      ioManagerOf(kernel).freeIrp(irp);
      poolOf(kernel).free(block, TAG);
      return false;
    }
    memory.u8.set(input, system);
    memory.writePointer(irp + at.IRP_SYSTEM_BUFFER, system);
    ioManagerOf(kernel).irps.get(irp)?.buffers.push(system);
  }
  const mapped = writes ? buffers.input : buffers.output;
  const mappedLength = writes ? input.length : outputLength;
  if (method === 'direct' && mappedLength > 0) {
    writeMdl(kernel, block + 40, mapped, mappedLength);
    memory.writePointer(irp + at.IRP_MDL, block + 40);
  }
  const stack = at.nextStack(kernel, irp);
  memory.u8[stack + at.STACK_MAJOR] = major;
  memory.writePointer(stack + at.STACK_FILE, locals.file);
  memory.writePointer(stack + at.STACK_DEVICE, device);
  const parameters = (stack + at.STACK_PARAMETERS) >> 2;
  memory.u32[parameters] = control ? outputLength : writes ? input.length : outputLength;
  if (control) {
    memory.u32[parameters + 2] = input.length;
    memory.u32[parameters + 4] = locals.code;
    if (method === 'neither') memory.writePointer(stack + at.STACK_PARAMETERS + 24, buffers.input);
  }
  return true;
}

function requestLocals(
  file: Address,
  major: number,
  code = 0,
  input: Uint8Array = new Uint8Array(0),
  outputLength = 0,
): RequestLocals {
  return { file, major, code, input, outputLength, irp: 0, block: 0, output: 0, result: nothing };
}

const cleanupFile = procedure<Kernel, ObjectLocals>('CleanupFile', {
  start: (kernel, locals, step) =>
    step.run('done', request, kernel, requestLocals(locals.address, MAJOR.cleanup)),
  done: (_kernel, _locals, step) => step.done(STATUS_SUCCESS),
});

const removeFile = procedure<Kernel, ObjectLocals>('RemoveFile', {
  start: (kernel, locals, step) =>
    step.run('done', request, kernel, requestLocals(locals.address, MAJOR.close)),
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

/** A device that the host opened. */
export class DeviceHandle {
  readonly handle: KernelHandle;
  readonly #kernel: Kernel;
  readonly #file: Address;
  readonly #open = new Set<RequestLocals>();

  constructor(kernel: Kernel, handle: KernelHandle, file: Address) {
    this.#kernel = kernel;
    this.handle = handle;
    this.#file = file;
  }

  /** IRP_MJ_READ. */
  read(length: number): Promise<DeviceResult> {
    return this.#request(requestLocals(this.#file, MAJOR.read, 0, undefined, length));
  }

  /** IRP_MJ_WRITE. */
  write(bytes: Uint8Array): Promise<DeviceResult> {
    return this.#request(requestLocals(this.#file, MAJOR.write, 0, bytes));
  }

  /** IRP_MJ_DEVICE_CONTROL. */
  ioctl(code: number, input: Uint8Array = new Uint8Array(0), outputLength = 0): Promise<DeviceResult> {
    return this.#request(requestLocals(this.#file, MAJOR.deviceControl, code, input, outputLength));
  }

  /** Cancels every request of this handle that is not complete; gives how many had a cancel routine. */
  cancel(): Promise<number> {
    return startUserThread(
      this.#kernel,
      'cancel',
      procedure<Kernel, { open: readonly RequestLocals[] }>('CancelIo', {
        start: (kernel, locals, step) =>
          step.done(
            locals.open.filter(({ irp }) => ioManagerOf(kernel).irps.has(irp) && cancelIrp(kernel, irp))
              .length,
          ),
      }),
      { open: [...this.#open] },
    );
  }

  /** Closes the handle: IRP_MJ_CLEANUP, then IRP_MJ_CLOSE. */
  close(): Promise<NTSTATUS> {
    return startUserThread(this.#kernel, 'close', closeHandle, { handle: this.handle, object: 0 });
  }

  async #request(locals: RequestLocals): Promise<DeviceResult> {
    const entry = handlesOf(this.#kernel).resolve(this.handle);
    if (entry?.object.address !== this.#file) return { ...nothing, status: STATUS_INVALID_HANDLE };
    // The file must outlive the request, as a user program's pending request keeps it.
    objectsOf(this.#kernel).reference(entry.object);
    this.#open.add(locals);
    await startUserThread(this.#kernel, 'request', request, locals);
    this.#open.delete(locals);
    objectsOf(this.#kernel).dereference(entry.object);
    return locals.result;
  }
}

function startUserThread<L extends object>(
  kernel: Kernel,
  name: string,
  target: Procedure<Kernel, L>,
  locals: L,
): Promise<number> {
  return new Promise((resolve, reject) => {
    if (kernel.stopReason !== null) return reject(kernel.stopReason);
    const forget = kernel.onStop(reject);
    const finished = (status: number): void => {
      forget();
      resolve(status);
    };
    kernel.scheduler.createThread(`user ${name}`, target, kernel, locals, { finished });
  });
}

/**
 * Opens a device as CreateFile does: `\\.\Name`, `\??\Name` or `\Device\Name`. Resolves once IRP_MJ_CREATE is complete.
 * @throws NdisboxError DEVICE_NOT_OPENED with the status in its message.
 */
export async function openDevice(kernel: Kernel, path: string): Promise<DeviceHandle> {
  const found = ioManagerOf(kernel).deviceAt(path.replace(/^\\\\[.?]\\/, '\\??\\'));
  if (found === null) throw notOpened(path, STATUS_OBJECT_NAME_NOT_FOUND);
  const { memory } = kernel;
  const { device, rest } = found;
  if (driverOfObject(kernel, memory.readPointer(device + at.DEVICE_DRIVER))?.state === 'unloading')
    throw notOpened(path, STATUS_NO_SUCH_DEVICE);
  const exclusive = (memory.u32[(device + at.DEVICE_FLAGS) >> 2] & DO_EXCLUSIVE) !== 0;
  if (exclusive && memory.i32[(device + at.DEVICE_REFERENCES) >> 2] > 0)
    throw notOpened(path, STATUS_ACCESS_DENIED);
  const size = FILE_OBJECT.size + rest.length * 2;
  const file = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size + 8, TAG, 0);
  if (file === 0) throw notOpened(path, STATUS_INSUFFICIENT_RESOURCES);
  memory.u16[file >> 1] = IO_TYPE_FILE;
  memory.u16[(file + 2) >> 1] = FILE_OBJECT.size;
  memory.writePointer(file + 8, device);
  writeUnicodeString(memory, file + FILE_OBJECT.offset.FileName, rest, file + FILE_OBJECT.size);
  memory.i32[(device + at.DEVICE_REFERENCES) >> 2]++;
  const deviceObject = objectsOf(kernel).at(device);
  if (deviceObject !== undefined) objectsOf(kernel).reference(deviceObject);
  const locals = requestLocals(file, MAJOR.create);
  const status = await startUserThread(kernel, 'open', request, locals);
  if (!NT_SUCCESS(status)) {
    forgetFile(kernel, file);
    throw notOpened(path, status);
  }
  const object = objectsOf(kernel).create('File', path, null, file);
  const handle = handlesOf(kernel).open(object, 0x001f_01ff);
  objectsOf(kernel).dereference(object);
  if (handle === null) throw notOpened(path, STATUS_INSUFFICIENT_RESOURCES);
  return new DeviceHandle(kernel, handle, file);
}

function notOpened(path: string, status: NTSTATUS): NdisboxError {
  return new NdisboxError(
    'DEVICE_NOT_OPENED',
    `${path} cannot be opened: ${ntstatusName(status)}; check that its driver is loaded and created that name`,
  );
}
