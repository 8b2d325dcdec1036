/** Offsets in IRP, IO_STACK_LOCATION and DEVICE_OBJECT, and access to stack locations (wdm/ns-wdm-_irp). */

import type { Address } from '../../memory/index.ts';
import { DEVICE_OBJECT, IO_STACK_LOCATION, IRP } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';

export const IRP_SIZE = IRP.size;
export const STACK_SIZE = IO_STACK_LOCATION.size;
export const IRP_MDL = IRP.offset.MdlAddress;
export const IRP_SYSTEM_BUFFER = IRP.offset['AssociatedIrp.SystemBuffer'];
export const IRP_STATUS = IRP.offset.IoStatus;
export const IRP_INFORMATION = IRP.offset.IoStatus + 8;
export const IRP_REQUESTOR_MODE = IRP.offset.RequestorMode;
export const IRP_PENDING_RETURNED = IRP.offset.PendingReturned;
export const IRP_STACK_COUNT = IRP.offset.StackCount;
export const IRP_CURRENT_LOCATION = IRP.offset.CurrentLocation;
export const IRP_CANCEL = IRP.offset.Cancel;
export const IRP_CANCEL_IRQL = IRP.offset.CancelIrql;
export const IRP_CANCEL_ROUTINE = IRP.offset.CancelRoutine;
export const IRP_USER_IOSB = IRP.offset.UserIosb;
export const IRP_USER_EVENT = IRP.offset.UserEvent;
export const IRP_USER_BUFFER = IRP.offset.UserBuffer;
export const IRP_THREAD = IRP.offset['Tail.Overlay.Thread'];
export const IRP_CURRENT_STACK = IRP.offset['Tail.Overlay.CurrentStackLocation'];
export const IRP_ORIGINAL_FILE = IRP.offset['Tail.Overlay.OriginalFileObject'];

export const STACK_MAJOR = 0;
export const STACK_CONTROL = 3;
export const STACK_PARAMETERS = 8;
export const STACK_DEVICE = IO_STACK_LOCATION.offset.DeviceObject;
export const STACK_FILE = IO_STACK_LOCATION.offset.FileObject;
export const STACK_ROUTINE = IO_STACK_LOCATION.offset.CompletionRoutine;
export const STACK_CONTEXT = IO_STACK_LOCATION.offset.Context;

export const DEVICE_REFERENCES = DEVICE_OBJECT.offset.ReferenceCount;
export const DEVICE_DRIVER = DEVICE_OBJECT.offset.DriverObject;
export const DEVICE_NEXT = DEVICE_OBJECT.offset.NextDevice;
export const DEVICE_ATTACHED = DEVICE_OBJECT.offset.AttachedDevice;
export const DEVICE_FLAGS = DEVICE_OBJECT.offset.Flags;
export const DEVICE_STACK_SIZE = DEVICE_OBJECT.offset.StackSize;

/** The current stack location of an IRP: the one of the driver that holds it. */
export function currentStack(kernel: Kernel, irp: Address): Address {
  return kernel.memory.readPointer(irp + IRP_CURRENT_STACK);
}

/** The stack location that the next lower driver will get. */
export function nextStack(kernel: Kernel, irp: Address): Address {
  return currentStack(kernel, irp) - STACK_SIZE;
}

/** Moves the current stack location by `by` locations: -1 down the stack, 1 up. */
export function moveStack(kernel: Kernel, irp: Address, by: number): void {
  const { memory } = kernel;
  memory.i8[irp + IRP_CURRENT_LOCATION] += by;
  memory.writePointer(irp + IRP_CURRENT_STACK, currentStack(kernel, irp) + by * STACK_SIZE);
}
