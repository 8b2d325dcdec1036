/**
 * One request to an open file object: its buffers as the device or the control code asks, its IRP, and its end.
 * Implements "I/O Request Life Cycle" and "Methods for Accessing Data Buffers" (windows-driver-docs-pr/kernel).
 */

import { type Address, poolType } from '../../memory/index.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { procedure } from '../procedure.ts';
import { processesOf } from '../process/process.ts';
import type { NTSTATUS } from '../status.ts';
import { initializeEvent } from '../sync/event.ts';
import { MAJOR, MDL_SIZE, type Method, methodOf, writeMdl } from './accessMethod.ts';
import { topDevice } from './deviceFunctions.ts';
import { ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';
import { callDriverProcedure } from './requests.ts';

const TAG = 0x656c_6946;
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

/** A request under way: plain data. */
export interface RequestLocals {
  /** 1 for a program, 0 for a driver. */
  readonly mode: number;
  readonly file: Address;
  readonly major: number;
  readonly code: number;
  readonly input: Uint8Array;
  readonly outputLength: number;
  irp: Address;
  /** One block: KEVENT (24), IO_STATUS_BLOCK (16), MDL; for a driver's request also input and output. */
  block: Address;
  /** Input and output of a program's request: user memory of its process, 0 for a driver's. */
  user: Address;
  output: Address;
  result: DeviceResult;
}

/** The result of a request that did not run. */
export const nothing: DeviceResult = { status: STATUS_SUCCESS, information: 0, data: new Uint8Array(0) };

/** One request of a file object, until it is complete. Its value is the final status. */
export const request = procedure<Kernel, RequestLocals>('UserRequest', {
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
    release(kernel, locals);
    return step.done(status);
  },
});

/** Lays out the buffers as the device or the control code asks and builds the IRP. */
function build(kernel: Kernel, locals: RequestLocals, device: Address): boolean {
  const { memory } = kernel;
  const { input, outputLength, major } = locals;
  if (input.length > REQUEST_LIMIT || outputLength > REQUEST_LIMIT) return false;
  const pages = (Math.max(input.length, outputLength) >> 12) + 2;
  const buffersAt = 40 + MDL_SIZE + pages * 8;
  const outputAt = (input.length + 15) & ~15;
  const size = outputAt + Math.max(outputLength, 16);
  const program = locals.mode === USER_MODE;
  const pool = poolOf(kernel);
  locals.block = pool.allocateZeroed(poolType.nonPagedNx, buffersAt + (program ? 0 : size), TAG, 0);
  if (locals.block === 0) return false;
  locals.user = program ? processesOf(kernel).owner.allocate(size) : 0;
  if (program && locals.user === 0) return refuse(kernel, locals);
  const direction = methodOf(kernel, device, major, locals.code);
  const buffered = direction === 'buffered';
  locals.irp = ioManagerOf(kernel).allocateIrp(memory.i8[device + at.DEVICE_STACK_SIZE], {
    system: true,
    outputLength: buffered ? outputLength : 0,
  });
  if (locals.irp === 0) return refuse(kernel, locals);
  initializeEvent(kernel, locals.block, false, false);
  const inputAddress = program ? locals.user : locals.block + buffersAt;
  memory.u8.set(input, inputAddress);
  locals.output = inputAddress + outputAt;
  const buffers = { input: inputAddress, output: locals.output };
  return fillIrp(kernel, locals, device, direction, buffers);
}

/** Gives back what a request needed. */
function release(kernel: Kernel, locals: RequestLocals): void {
  const { owner } = processesOf(kernel);
  // A process that ended took its memory along.
  if (locals.user !== 0 && owner.has(locals.user)) owner.free(locals.user);
  poolOf(kernel).free(locals.block, TAG);
}

function refuse(kernel: Kernel, locals: RequestLocals): false {
  release(kernel, locals);
  return false;
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
  memory.u8[irp + at.IRP_REQUESTOR_MODE] = locals.mode;
  memory.writePointer(irp + at.IRP_USER_IOSB, block + 24);
  memory.writePointer(irp + at.IRP_USER_EVENT, block);
  memory.writePointer(irp + at.IRP_THREAD, kernel.scheduler.thread?.address ?? 0);
  memory.writePointer(irp + at.IRP_ORIGINAL_FILE, locals.file);
  const writeBuffer = (to: Address, buffer: Address): void =>
    locals.mode === USER_MODE ? memory.writeUserPointer(to, buffer) : memory.writePointer(to, buffer);
  writeBuffer(irp + at.IRP_USER_BUFFER, writes ? buffers.input : buffers.output);
  const needsSystemBuffer =
    (method === 'buffered' && input.length + outputLength > 0) ||
    (control && method === 'direct' && input.length > 0);
  if (needsSystemBuffer) {
    const size = Math.max(input.length, method === 'buffered' ? outputLength : 0);
    const system = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
    if (system === 0) {
      ioManagerOf(kernel).freeIrp(irp);
      return refuse(kernel, locals);
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
    if (method === 'neither') writeBuffer(stack + at.STACK_PARAMETERS + 24, buffers.input);
  }
  return true;
}

/** A request that is about to be made. */
export function requestLocals(
  file: Address,
  major: number,
  code = 0,
  input: Uint8Array = new Uint8Array(0),
  outputLength = 0,
  mode = USER_MODE,
): RequestLocals {
  return {
    mode,
    file,
    major,
    code,
    input,
    outputLength,
    irp: 0,
    block: 0,
    user: 0,
    output: 0,
    result: nothing,
  };
}
