/**
 * Devices as a user program of the host sees them: open by name, read, write, control, cancel, close. Each request
 * runs on a simulated user thread; the caller pumps the scheduler.
 * Implements "I/O Request Life Cycle" (windows-driver-docs-pr/kernel).
 */

import type { Address } from '../../memory/index.ts';
import { NdisboxError } from '../errors.ts';
import { STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { handlesOf, type KernelHandle } from '../objects/handleTable.ts';
import { closeHandle } from '../objects/objectFunctions.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { type Procedure, procedure } from '../procedure.ts';
import { type Process, processesOf } from '../process/process.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { ntstatusName } from '../statusName.ts';
import { MAJOR } from './accessMethod.ts';
import { type OpenLocals, openFile } from './fileObjects.ts';
import { ioManagerOf } from './ioManager.ts';
import { cancelIrp } from './irpFunctions.ts';
import { type DeviceResult, nothing, type RequestLocals, request, requestLocals } from './userRequest.ts';

const USER_MODE = 1;

/** A device that the host opened. */
export class DeviceHandle {
  readonly handle: KernelHandle;
  /** The process whose requests these are. */
  readonly process: Process;
  readonly #kernel: Kernel;
  readonly #file: Address;
  readonly #open = new Set<RequestLocals>();

  constructor(kernel: Kernel, process: Process, handle: KernelHandle, file: Address) {
    this.process = process;
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
      this.process,
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
    return startUserThread(this.#kernel, this.process, 'close', closeHandle, {
      handle: this.handle,
      object: 0,
    });
  }

  async #request(locals: RequestLocals): Promise<DeviceResult> {
    const entry = handlesOf(this.#kernel).resolve(this.handle);
    if (entry?.object.address !== this.#file) return { ...nothing, status: STATUS_INVALID_HANDLE };
    // The file must outlive the request, as a user program's pending request keeps it.
    objectsOf(this.#kernel).reference(entry.object);
    this.#open.add(locals);
    await startUserThread(this.#kernel, this.process, 'request', request, locals);
    this.#open.delete(locals);
    objectsOf(this.#kernel).dereference(entry.object);
    return locals.result;
  }
}

function startUserThread<L extends object>(
  kernel: Kernel,
  process: Process,
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
    const options = { finished, process: process.id };
    kernel.scheduler.createThread(`user ${name}`, target, kernel, locals, options);
  });
}

/**
 * Opens a device as CreateFile does, for a process: `\\.\Name`, `\??\Name` or `\Device\Name`. Resolves once
 * IRP_MJ_CREATE is complete.
 * @throws NdisboxError DEVICE_NOT_OPENED with the status in its message.
 */
export async function openDevice(
  kernel: Kernel,
  path: string,
  process: Process = processesOf(kernel).program,
): Promise<DeviceHandle> {
  const locals: OpenLocals = { path: path.replace(/^\\\\[.?]\\/, '\\??\\'), mode: USER_MODE, file: 0 };
  const status = await startUserThread(kernel, process, 'open', openFile, locals);
  const object = objectsOf(kernel).at(locals.file);
  if (!NT_SUCCESS(status) || object === undefined) throw notOpened(path, status >>> 0);
  const handle = handlesOf(kernel).open(object, 0x001f_01ff);
  objectsOf(kernel).dereference(object);
  if (handle === null) throw notOpened(path, STATUS_INSUFFICIENT_RESOURCES);
  return new DeviceHandle(kernel, process, handle, locals.file);
}

function notOpened(path: string, status: NTSTATUS): NdisboxError {
  return new NdisboxError(
    'DEVICE_NOT_OPENED',
    `${path} cannot be opened: ${ntstatusName(status)}; check that its driver is loaded and created that name`,
  );
}
