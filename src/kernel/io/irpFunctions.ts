/** Allocating, reusing and cancelling IRPs (IoAllocateIrp, IoFreeIrp, IoReuseIrp, IoCancelIrp, ...; wdm.h). */

import type { Address } from '../../memory/index.ts';
import { poolType } from '../../memory/index.ts';
import { declareCallback, declareFunction } from '../declaration.ts';
import type { CallbackPointer, OutPointer, Pointer } from '../edge.ts';
import { PAGE_FAULT_IN_NONPAGED_AREA } from '../generated/constants/bugCheck.ts';
import type { DEVICE_OBJECT, IRP } from '../generated/structures/index.ts';
import type { Irql } from '../irql.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { acquireSpinLock, initializeSpinLock, releaseSpinLock } from '../sync/spinLock.ts';
import { driverOfObject } from './driverObject.ts';
import { ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';

/** Called with the cancel spin lock held; releases it at Irp.CancelIrql. */
export type DRIVER_CANCEL = (DeviceObject: DEVICE_OBJECT, Irp: IRP) => void;
export const DRIVER_CANCEL = declareCallback<DRIVER_CANCEL>({
  prototype: 'VOID DRIVER_CANCEL(PDEVICE_OBJECT DeviceObject, PIRP Irp)',
  role: 'Cancel',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nc-wdm-driver_cancel',
  changesIrql: true,
});

/** The one cancel spin lock of a machine. */
const cancelLockOf = perKernel('cancel spin lock', (kernel): Address => {
  const lock = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, 16, 0x636e_6143, 0);
  initializeSpinLock(kernel, lock);
  return lock;
});

/** Gives the cancel spin lock back at an IRQL, for cancel routines of the kernel's own. */
export function releaseCancelLock(kernel: Kernel, irql: Irql): void {
  releaseSpinLock(kernel, cancelLockOf(kernel), irql);
}

/** Allocates an IRP. @returns NULL without memory. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-ioallocateirp */
export const IoAllocateIrp = declareFunction('ntoskrnl', {
  prototype: 'PIRP IoAllocateIrp(CCHAR StackSize, BOOLEAN ChargeQuota)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-ioallocateirp',
  implement:
    (kernel: Kernel, driver) =>
    (StackSize: number, _ChargeQuota: boolean): Address => {
      const irp = ioManagerOf(kernel).allocateIrp(StackSize, { owner: driver });
      if (irp !== 0) {
        driver.own(`irp ${irp}`, {
          kind: 'IRP',
          name: `at 0x${irp.toString(16)}`,
          releasedBy: 'IoFreeIrp',
          release: () => ioManagerOf(kernel).freeIrp(irp),
        });
      }
      return irp;
    },
});

/** Frees an IRP. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-iofreeirp */
export const IoFreeIrp = declareFunction('ntoskrnl', {
  prototype: 'VOID IoFreeIrp(PIRP Irp)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iofreeirp',
  implement: (kernel: Kernel, driver) => (Irp: Pointer<IRP>) => {
    const record = ioManagerOf(kernel).irps.get(Irp);
    if (record?.system === true) {
      kernel.report(
        'IRP_OF_IO_MANAGER',
        driver,
        `IoFreeIrp was given the IRP at 0x${Irp.toString(16)}, which the I/O manager frees when it is completed; complete it instead`,
        'wdm/nf-wdm-iobuilddeviceiocontrolrequest',
      );
    }
    if (ioManagerOf(kernel).freeIrp(Irp)) {
      driver.disown(`irp ${Irp}`);
      return;
    }
    kernel.report(
      'NOT_AN_IRP',
      driver,
      `IoFreeIrp was given 0x${(Irp >>> 0).toString(16)}, which IoAllocateIrp did not give or which was freed; free each IRP once`,
      'wdm/nf-wdm-iofreeirp',
    );
  },
});

/** Writes a fresh IRP over memory of the driver's own. @source wdm/nf-wdm-ioinitializeirp */
export const IoInitializeIrp = declareFunction('ntoskrnl', {
  prototype: 'VOID IoInitializeIrp(PIRP Irp, USHORT PacketSize, CCHAR StackSize)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-ioinitializeirp',
  implement:
    (kernel: Kernel) =>
    (Irp: Pointer<IRP>, PacketSize: number, StackSize: number): void =>
      ioManagerOf(kernel).initializeIrp(Irp, PacketSize, StackSize),
});

/** Makes an IRP of IoAllocateIrp ready to be sent again. @source wdm/nf-wdm-ioreuseirp */
export const IoReuseIrp = declareFunction('ntoskrnl', {
  prototype: 'VOID IoReuseIrp(PIRP Irp, NTSTATUS Iostatus)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-ioreuseirp',
  implement:
    (kernel: Kernel) =>
    (Irp: Pointer<IRP>, Iostatus: number): void => {
      const { memory } = kernel;
      const manager = ioManagerOf(kernel);
      manager.initializeIrp(Irp, memory.u16[(Irp + 2) >> 1], memory.i8[Irp + at.IRP_STACK_COUNT]);
      memory.u32[(Irp + at.IRP_STATUS) >> 2] = Iostatus;
      const record = manager.irps.get(Irp);
      if (record === undefined) return;
      record.completed = false;
      record.pendingMarks = 0n;
    },
});

/** Takes the cancel spin lock; stores the IRQL to go back to. @source wdm/nf-wdm-ioacquirecancelspinlock */
export const IoAcquireCancelSpinLock = declareFunction('ntoskrnl', {
  prototype: 'VOID IoAcquireCancelSpinLock(PKIRQL Irql)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-ioacquirecancelspinlock',
  implement: (kernel: Kernel) => (Irql: OutPointer) => {
    kernel.memory.u8[Irql] = acquireSpinLock(kernel, cancelLockOf(kernel));
  },
});

/** Gives the cancel spin lock back. @source wdm/nf-wdm-ioreleasecancelspinlock */
export const IoReleaseCancelSpinLock = declareFunction('ntoskrnl', {
  prototype: 'VOID IoReleaseCancelSpinLock(KIRQL Irql)',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-ioreleasecancelspinlock',
  implement:
    (kernel: Kernel) =>
    (Irql: Irql): void =>
      releaseSpinLock(kernel, cancelLockOf(kernel), Irql),
});

/** Sets the cancel routine of an IRP; gives the one before. @source wdm/nf-wdm-iosetcancelroutine */
export const IoSetCancelRoutine = declareFunction('ntoskrnl', {
  prototype: 'PVOID IoSetCancelRoutine(PIRP Irp, PDRIVER_CANCEL_ROUTINE CancelRoutine)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iosetcancelroutine',
  inline: true,
  implement:
    (kernel: Kernel) =>
    (Irp: Pointer<IRP>, CancelRoutine: CallbackPointer<DRIVER_CANCEL>): Address => {
      const before = kernel.memory.readPointer(Irp + at.IRP_CANCEL_ROUTINE);
      kernel.memory.writePointer(Irp + at.IRP_CANCEL_ROUTINE, CancelRoutine);
      return before;
    },
});

/** Marks an IRP cancelled and calls its cancel routine with the cancel spin lock held; true where there was one. */
export function cancelIrp(kernel: Kernel, irp: Address): boolean {
  const { memory } = kernel;
  const lock = cancelLockOf(kernel);
  const irql = acquireSpinLock(kernel, lock);
  memory.u8[irp + at.IRP_CANCEL] = 1;
  const routine = memory.readPointer(irp + at.IRP_CANCEL_ROUTINE);
  memory.writePointer(irp + at.IRP_CANCEL_ROUTINE, 0);
  if (routine === 0) {
    releaseSpinLock(kernel, lock, irql);
    return false;
  }
  memory.u8[irp + at.IRP_CANCEL_IRQL] = irql;
  const device = memory.readPointer(at.currentStack(kernel, irp) + at.STACK_DEVICE);
  const driver = driverOfObject(kernel, memory.readPointer(device + at.DEVICE_DRIVER));
  const bound = driver === null ? null : ioManagerOf(kernel).callback(driver, routine, DRIVER_CANCEL);
  if (bound === null) {
    return kernel.bugCheck(
      PAGE_FAULT_IN_NONPAGED_AREA,
      [device, 0, 0, 2],
      `the IRP at 0x${irp.toString(16)} is cancelled, but its stack location names no device of a driver; it was overwritten, or is no IRP`,
    );
  }
  // The seam turns addresses into views for the handler.
  const invoke = bound.invoke as unknown as (device: Address, irp: Address) => void;
  invoke(device, irp);
  return true;
}

/** Asks for an IRP to be cancelled. @returns TRUE where it had a cancel routine. @source wdm/nf-wdm-iocancelirp */
export const IoCancelIrp = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN IoCancelIrp(PIRP Irp)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iocancelirp',
  implement:
    (kernel: Kernel) =>
    (Irp: Pointer<IRP>): number =>
      cancelIrp(kernel, Irp) ? 1 : 0,
});
