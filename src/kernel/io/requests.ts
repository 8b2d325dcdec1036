/**
 * Passing IRPs down a device stack and completing them up again: IoCallDriver, IoCompleteRequest, IoMarkIrpPending,
 * completion routines. Implements "Handling IRPs" (windows-driver-docs-pr/kernel) and the pages named below.
 */

import type { Address } from '../../memory/index.ts';
import type { DriverCallback } from '../callback.ts';
import { declareCallback, declareFunction } from '../declaration.ts';
import type { Pointer } from '../edge.ts';
import { NdisboxError } from '../errors.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import {
  MULTIPLE_IRP_COMPLETE_REQUESTS,
  NO_MORE_IRP_STACK_LOCATIONS,
} from '../generated/constants/bugCheck.ts';
import {
  SL_INVOKE_ON_CANCEL,
  SL_INVOKE_ON_ERROR,
  SL_INVOKE_ON_SUCCESS,
  SL_PENDING_RETURNED,
} from '../generated/constants/common.ts';
import {
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_PENDING,
} from '../generated/constants/ntstatus.ts';
import { type DEVICE_OBJECT, DRIVER_OBJECT, type IRP } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { procedure } from '../procedure.ts';
import { driverLifeOf } from '../services/driverLife.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { ntstatusName } from '../statusName.ts';
import { setEvent } from '../sync/event.ts';
import { driverOfObject } from './driverObject.ts';
import { ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';

/** A dispatch routine: handles one IRP. */
export type DRIVER_DISPATCH = (DeviceObject: DEVICE_OBJECT, Irp: IRP) => NTSTATUS | Promise<NTSTATUS>;
export const DRIVER_DISPATCH = declareCallback<DRIVER_DISPATCH>({
  prototype: 'NTSTATUS DRIVER_DISPATCH(PDEVICE_OBJECT DeviceObject, PIRP Irp)',
  role: 'Dispatch',
  irql: '<=DISPATCH_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'wdm/nc-wdm-driver_dispatch',
});

/** A completion routine; STATUS_MORE_PROCESSING_REQUIRED keeps the IRP. */
export type IO_COMPLETION_ROUTINE = (DeviceObject: DEVICE_OBJECT, Irp: IRP, Context: unknown) => NTSTATUS;
export const IO_COMPLETION_ROUTINE = declareCallback<IO_COMPLETION_ROUTINE>({
  prototype: 'NTSTATUS IO_COMPLETION_ROUTINE(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)',
  role: 'IoCompletion',
  onWait: 'raise',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nc-wdm-io_completion_routine',
});

const CALL_PAGE = 'wdm/nf-wdm-iocalldriver';
/** Entries of an IRP's stack, for bounds. */
const MOST_LOCATIONS = 127;

/** Locals of a call of the next driver: plain data. */
export interface CallLocals {
  readonly device: Address;
  readonly irp: Address;
  location: number;
}

/** Moves an IRP to the next driver and finds its dispatch routine. */
function enter(kernel: Kernel, device: Address, irp: Address): DriverCallback<DRIVER_DISPATCH> {
  const { memory } = kernel;
  if (memory.i8[irp + at.IRP_CURRENT_LOCATION] <= 1) {
    kernel.bugCheck(
      NO_MORE_IRP_STACK_LOCATIONS,
      [irp, 0, 0, 0],
      'IoCallDriver was called with an IRP that has no stack location left; allocate it with the StackSize of the device it is sent to',
    );
  }
  at.moveStack(kernel, irp, -1);
  const stack = at.currentStack(kernel, irp);
  memory.writePointer(stack + at.STACK_DEVICE, device);
  const object = memory.readPointer(device + at.DEVICE_DRIVER);
  const driver = driverOfObject(kernel, object);
  const manager = ioManagerOf(kernel);
  const major = memory.u8[stack + at.STACK_MAJOR];
  const own = manager.deviceDispatch.get(device)?.[major] ?? 0;
  const slot = object + DRIVER_OBJECT.offset.MajorFunction + major * 8;
  const routine =
    driver === null
      ? null
      : manager.callback(driver, own === 0 ? memory.readPointer(slot) : own, DRIVER_DISPATCH);
  if (routine === null) {
    throw new NdisboxError(
      'NO_DISPATCH',
      `the device at 0x${device.toString(16)} belongs to no loaded driver`,
    );
  }
  return routine;
}

/** Whether the driver at a location marked the IRP pending, also once it was completed. */
function afterCall(kernel: Kernel, locals: CallLocals, marks: bigint, status: NTSTATUS): NTSTATUS {
  const driver = driverOfObject(kernel, kernel.memory.readPointer(locals.device + at.DEVICE_DRIVER));
  const marked = ((marks >> BigInt(locals.location)) & 1n) === 1n;
  if (!marked && status === STATUS_PENDING && willBeMarked(kernel, locals)) return status;
  if (marked !== (status === STATUS_PENDING)) {
    kernel.report(
      marked ? 'PENDING_NOT_RETURNED' : 'PENDING_NOT_MARKED',
      driver,
      marked
        ? `the dispatch routine marked the IRP pending but returned ${ntstatusName(status)}; return STATUS_PENDING`
        : 'the dispatch routine returned STATUS_PENDING without IoMarkIrpPending; mark the IRP first',
      'wdm/nf-wdm-iomarkirppending',
    );
  }
  return status;
}

/** Whether a completion routine of the driver at a location is still to run: it may pass the lower driver's mark on. */
function willBeMarked(kernel: Kernel, { irp, location }: CallLocals): boolean {
  const { memory } = kernel;
  if (!ioManagerOf(kernel).irps.has(irp) || memory.i8[irp + at.IRP_CURRENT_LOCATION] >= location)
    return false;
  const below = irp + at.IRP_SIZE + (location - 2) * at.STACK_SIZE;
  return location > 1 && memory.readPointer(below + at.STACK_ROUTINE) !== 0;
}

/** The pending marks so far, with that of the location that holds the IRP. */
function marksOf(
  kernel: Kernel,
  irp: Address,
  location: number,
  known: { pendingMarks: bigint } | undefined,
): bigint {
  const { memory } = kernel;
  const live = ioManagerOf(kernel).irps.get(irp) === known && known !== undefined;
  let marks = known?.pendingMarks ?? 0n;
  if (live && memory.i8[irp + at.IRP_CURRENT_LOCATION] <= location) {
    const count = memory.i8[irp + at.IRP_STACK_COUNT];
    const stack = irp + at.IRP_SIZE + (location - 1) * at.STACK_SIZE;
    if (location <= count && (memory.u8[stack + at.STACK_CONTROL] & SL_PENDING_RETURNED) !== 0)
      marks |= 1n << BigInt(location);
  }
  return marks;
}

/** IoCallDriver as a procedure; its value is what the dispatch routine returned. */
export const callDriverProcedure = procedure<Kernel, CallLocals & { record?: { pendingMarks: bigint } }>(
  'IoCallDriver',
  {
    start: (kernel, locals, step) => {
      const routine = enter(kernel, locals.device, locals.irp);
      locals.location = kernel.memory.i8[locals.irp + at.IRP_CURRENT_LOCATION];
      const record = ioManagerOf(kernel).irps.get(locals.irp);
      if (record !== undefined) locals.record = record;
      return step.call('returned', routine, locals.device, locals.irp);
    },
    returned: (kernel, locals, step, result) => {
      if (locals.record === undefined) return step.done(result >>> 0);
      const marks = marksOf(kernel, locals.irp, locals.location, locals.record);
      return step.done(afterCall(kernel, locals, marks, result >>> 0));
    },
  },
);

/** Sends an IRP to a driver: a promise below DISPATCH_LEVEL, at once at DISPATCH_LEVEL. */
export function callDriver(kernel: Kernel, device: Address, irp: Address): NTSTATUS | Promise<NTSTATUS> {
  if (kernel.irql < DISPATCH_LEVEL)
    return kernel.scheduler.execute(callDriverProcedure, kernel, { device, irp, location: 0 });
  const routine = enter(kernel, device, irp);
  const location = kernel.memory.i8[irp + at.IRP_CURRENT_LOCATION];
  const record = ioManagerOf(kernel).irps.get(irp);
  // The seam turns addresses into views for the handler.
  const invoke = routine.invoke as unknown as (device: Address, irp: Address) => unknown;
  const status = invoke(device, irp);
  if (typeof status !== 'number') {
    throw new NdisboxError(
      'ASYNC_HANDLER',
      `a dispatch routine of ${routine.driver.name} returned a promise at DISPATCH_LEVEL; it may not wait there`,
    );
  }
  if (record === undefined) return status >>> 0;
  return afterCall(kernel, { device, irp, location }, marksOf(kernel, irp, location, record), status >>> 0);
}

function declareCallDriver(name: 'IofCallDriver' | 'IoCallDriver') {
  return declareFunction('ntoskrnl', {
    prototype: `NTSTATUS ${name}(PDEVICE_OBJECT DeviceObject, PIRP Irp)`,
    irql: '<=DISPATCH_LEVEL',
    waits: 'depends',
    since: '2000',
    page: CALL_PAGE,
    inline: name === 'IoCallDriver',
    implement:
      (kernel: Kernel) =>
      (DeviceObject: Pointer<DEVICE_OBJECT>, Irp: Pointer<IRP>): NTSTATUS | Promise<NTSTATUS> =>
        callDriver(kernel, DeviceObject, Irp),
  });
}

/**
 * Sends an IRP to the driver of a device: to be awaited below DISPATCH_LEVEL, synchronous at DISPATCH_LEVEL.
 * @returns what the dispatch routine returned. Bug check NO_MORE_IRP_STACK_LOCATIONS. @source wdm/nf-wdm-iofcalldriver
 */
export const IofCallDriver = declareCallDriver('IofCallDriver');
/** The macro around IofCallDriver. @source wdm/nf-wdm-iocalldriver */
export const IoCallDriver = declareCallDriver('IoCallDriver');

/** Completes an IRP: runs the completion routines from the current location upwards, then ends it. */
export function completeRequest(kernel: Kernel, irp: Address): void {
  const { memory } = kernel;
  const record = ioManagerOf(kernel).irps.get(irp);
  const count = memory.i8[irp + at.IRP_STACK_COUNT];
  if (
    memory.i8[irp + at.IRP_CURRENT_LOCATION] > count + 1 ||
    record?.completed === true ||
    (record === undefined && poolOf(kernel).blockAt(irp)?.freed !== false)
  ) {
    kernel.bugCheck(
      MULTIPLE_IRP_COMPLETE_REQUESTS,
      [irp, 0x0f67, 0, 0],
      `IoCompleteRequest was called for the IRP at 0x${irp.toString(16)}, which was completed before; complete each IRP once`,
    );
  }
  if (memory.u32[(irp + at.IRP_STATUS) >> 2] === STATUS_PENDING) {
    kernel.report(
      'COMPLETED_WITH_PENDING',
      null,
      'an IRP was completed with IoStatus.Status STATUS_PENDING; set its final status',
      'wdm/nf-wdm-iocompleterequest',
    );
  }
  for (let turn = 0; turn < MOST_LOCATIONS; turn++) {
    const location = memory.i8[irp + at.IRP_CURRENT_LOCATION];
    if (location > count) break;
    const stack = at.currentStack(kernel, irp);
    const control = memory.u8[stack + at.STACK_CONTROL];
    const pending = (control & SL_PENDING_RETURNED) !== 0;
    memory.u8[irp + at.IRP_PENDING_RETURNED] = pending ? 1 : 0;
    if (pending && record !== undefined) record.pendingMarks |= 1n << BigInt(location);
    const routine = memory.readPointer(stack + at.STACK_ROUTINE);
    const context = memory.readPointer(stack + at.STACK_CONTEXT);
    at.moveStack(kernel, irp, 1);
    if (invokes(kernel, irp, control) && routine !== 0) {
      if (
        callCompletion(kernel, irp, routine, context, location === count) === STATUS_MORE_PROCESSING_REQUIRED
      )
        return;
    } else if (pending && location < count) {
      memory.u8[at.currentStack(kernel, irp) + at.STACK_CONTROL] |= SL_PENDING_RETURNED;
    }
    memory.u8.fill(0, stack + 4, stack + at.STACK_SIZE);
  }
  if (record !== undefined) endIrp(kernel, irp, record.system);
}

function invokes(kernel: Kernel, irp: Address, control: number): boolean {
  const { memory } = kernel;
  const success = NT_SUCCESS(memory.u32[(irp + at.IRP_STATUS) >> 2]);
  if ((control & (success ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR)) !== 0) return true;
  return memory.u8[irp + at.IRP_CANCEL] !== 0 && (control & SL_INVOKE_ON_CANCEL) !== 0;
}

/** Completion routines lie in the location below their owner, whose device the location above names. */
function callCompletion(
  kernel: Kernel,
  irp: Address,
  routine: Address,
  context: Address,
  top: boolean,
): NTSTATUS {
  const { memory } = kernel;
  const device = top ? 0 : memory.readPointer(at.currentStack(kernel, irp) + at.STACK_DEVICE);
  const record = ioManagerOf(kernel).irps.get(irp);
  const owner =
    device === 0
      ? (kernel.drivers[(record?.owner ?? 0) - 1] ?? null)
      : driverOfObject(kernel, memory.readPointer(device + at.DEVICE_DRIVER));
  if (owner === null)
    throw new NdisboxError('NO_COMPLETION_OWNER', 'a completion routine belongs to no loaded driver');
  const bound = ioManagerOf(kernel).callback(owner, routine, IO_COMPLETION_ROUTINE);
  // The seam turns addresses into views for the handler.
  const invoke = bound?.invoke as unknown as (device: Address, irp: Address, context: Address) => number;
  return invoke(device, irp, context) >>> 0;
}

/** Every completion routine has run. */
function endIrp(kernel: Kernel, irp: Address, system: boolean): void {
  const { memory } = kernel;
  const manager = ioManagerOf(kernel);
  const record = manager.irps.get(irp);
  if (record === undefined) return;
  record.completed = true;
  if (!system) {
    kernel.report(
      'IRP_NOT_KEPT',
      kernel.drivers[record.owner - 1] ?? null,
      'an IRP from IoAllocateIrp was completed to the end; its completion routine must free it and return STATUS_MORE_PROCESSING_REQUIRED',
      'wdm/nf-wdm-ioallocateirp',
    );
    return;
  }
  const iosb = memory.readPointer(irp + at.IRP_USER_IOSB);
  const event = memory.readPointer(irp + at.IRP_USER_EVENT);
  const buffer = memory.readPointer(irp + at.IRP_USER_BUFFER);
  const information = memory.u32[(irp + at.IRP_INFORMATION) >> 2];
  const status = memory.u32[(irp + at.IRP_STATUS) >> 2];
  if (record.outputLength > 0 && buffer !== 0 && status >>> 30 !== 3) {
    const source = memory.readPointer(irp + at.IRP_SYSTEM_BUFFER);
    memory.u8.copyWithin(buffer, source, source + Math.min(information, record.outputLength));
  }
  if (iosb !== 0) memory.u8.copyWithin(iosb, irp + at.IRP_STATUS, irp + at.IRP_STATUS + 16);
  manager.freeIrp(irp);
  if (event !== 0) setEvent(kernel, event);
}

function declareCompleteRequest(name: 'IofCompleteRequest' | 'IoCompleteRequest') {
  return declareFunction('ntoskrnl', {
    prototype: `VOID ${name}(PIRP Irp, CCHAR PriorityBoost)`,
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since: '2000',
    page: 'wdm/nf-wdm-iocompleterequest',
    inline: name === 'IoCompleteRequest',
    implement:
      (kernel: Kernel) =>
      (Irp: Pointer<IRP>, _PriorityBoost: number): void =>
        completeRequest(kernel, Irp),
  });
}

/** Completes an IRP. Bug check MULTIPLE_IRP_COMPLETE_REQUESTS. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-iofcompleterequest */
export const IofCompleteRequest = declareCompleteRequest('IofCompleteRequest');
/** The macro around IofCompleteRequest. @source wdm/nf-wdm-iocompleterequest */
export const IoCompleteRequest = declareCompleteRequest('IoCompleteRequest');

/** The routine in every MajorFunction that a driver does not set: STATUS_INVALID_DEVICE_REQUEST. */
export function attachInputOutput(kernel: Kernel): void {
  const invalidDeviceRequest = (_device: unknown, irp: unknown): NTSTATUS => {
    const address = typeof irp === 'number' ? irp : (irp as IRP).address;
    kernel.memory.u32[(address + at.IRP_STATUS) >> 2] = STATUS_INVALID_DEVICE_REQUEST;
    kernel.memory.u32[(address + at.IRP_INFORMATION) >> 2] = 0;
    completeRequest(kernel, address);
    return STATUS_INVALID_DEVICE_REQUEST;
  };
  driverLifeOf(kernel).invalidDeviceRequest = kernel.memory.callables.addressOf(
    invalidDeviceRequest,
    'kernel',
  );
}
