/**
 * Plug and Play and power IRPs that the managers of the machine send to a device, as its driver sees them.
 * Implements "Plug and Play Minor IRPs" and "Power Management Minor IRPs" (kernel).
 */

import type { Address } from '../../memory/index.ts';
import { IRP_MJ_PNP } from '../generated/constants/common.ts';
import { STATUS_NOT_SUPPORTED } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';

/** Stack locations of such an IRP: one for the function driver, one for the bus below it. */
const LOCATIONS = 2;
const STACK_MINOR = 1;

/**
 * A Plug and Play IRP that the driver of `device` holds: its status is STATUS_NOT_SUPPORTED, as the Plug and Play
 * manager sends it. @returns 0 where memory is short. @param parameters pointers of Parameters, in order.
 */
export function createPnpIrp(
  kernel: Kernel,
  device: Address,
  minor: number,
  parameters: readonly Address[],
): Address {
  const { memory } = kernel;
  const irp = ioManagerOf(kernel).allocateIrp(LOCATIONS, { system: true });
  if (irp === 0) return 0;
  at.moveStack(kernel, irp, -1);
  const stack = at.currentStack(kernel, irp);
  memory.u8[stack + at.STACK_MAJOR] = IRP_MJ_PNP;
  memory.u8[stack + STACK_MINOR] = minor;
  memory.writePointer(stack + at.STACK_DEVICE, device);
  for (const [index, value] of parameters.entries()) {
    memory.writePointer(stack + at.STACK_PARAMETERS + 8 * index, value);
  }
  setPnpResult(kernel, irp, STATUS_NOT_SUPPORTED, 0);
  return irp;
}

/** Sets the status and Information of an IRP, as a lower driver did that completed it. */
export function setPnpResult(kernel: Kernel, irp: Address, status: number, information: Address): void {
  kernel.memory.u32[(irp + at.IRP_STATUS) >> 2] = status;
  kernel.memory.writePointer(irp + at.IRP_INFORMATION, information);
}

/** Information of an IRP as a pointer. */
export function pnpInformation(kernel: Kernel, irp: Address): Address {
  return kernel.memory.readPointer(irp + at.IRP_INFORMATION);
}

/** The manager that sent the IRP is done with it. */
export function freePnpIrp(kernel: Kernel, irp: Address): void {
  ioManagerOf(kernel).freeIrp(irp);
}
