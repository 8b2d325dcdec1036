/**
 * Cancel-safe IRP queues: the driver supplies the queue and its lock, the I/O manager the cancel routine.
 * Implements "Cancel-Safe IRP Queues" (windows-driver-docs-pr/kernel) and the pages of IoCsqInitialize and its kin.
 */

import { type Address, poolType, type View } from '../../memory/index.ts';
import { type CallbackDeclaration, declareCallback } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { CallbackPointer, Context, OutPointer, Pointer } from '../edge.ts';
import { NdisboxError } from '../errors.ts';
import {
  IO_TYPE_CSQ,
  IO_TYPE_CSQ_EX,
  IO_TYPE_CSQ_IRP_CONTEXT,
  SL_PENDING_RETURNED,
} from '../generated/constants/common.ts';
import { STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import { IO_CSQ, IO_CSQ_IRP_CONTEXT, IRP } from '../generated/structures/index.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { synchronous } from '../sync/declare.ts';
import { driverOfObject } from './driverObject.ts';
import { ioManagerOf } from './ioManager.ts';
import { releaseCancelLock } from './irpFunctions.ts';
import * as at from './irpLayout.ts';

/** Inserts an IRP into the driver's queue. The lock is held. */
export type IO_CSQ_INSERT_IRP = (Csq: IO_CSQ, Irp: IRP) => void;
export const IO_CSQ_INSERT_IRP = declareCallback<IO_CSQ_INSERT_IRP>({
  prototype: 'VOID IO_CSQ_INSERT_IRP(PIO_CSQ Csq, PIRP Irp)',
  role: 'CsqInsertIrp',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'XP',
  page: 'wdm/nc-wdm-io_csq_insert_irp',
});

/** Inserts an IRP, or refuses it with an error. The lock is held. */
export type IO_CSQ_INSERT_IRP_EX = (Csq: IO_CSQ, Irp: IRP, InsertContext: unknown) => NTSTATUS;
export const IO_CSQ_INSERT_IRP_EX = declareCallback<IO_CSQ_INSERT_IRP_EX>({
  prototype: 'NTSTATUS IO_CSQ_INSERT_IRP_EX(PIO_CSQ Csq, PIRP Irp, PVOID InsertContext)',
  role: 'CsqInsertIrpEx',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'Server 2003',
  page: 'wdm/nc-wdm-io_csq_insert_irp_ex',
});

/** Takes an IRP out of the driver's queue. The lock is held. */
export type IO_CSQ_REMOVE_IRP = (Csq: IO_CSQ, Irp: IRP) => void;
export const IO_CSQ_REMOVE_IRP = declareCallback<IO_CSQ_REMOVE_IRP>({
  prototype: 'VOID IO_CSQ_REMOVE_IRP(PIO_CSQ Csq, PIRP Irp)',
  role: 'CsqRemoveIrp',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'XP',
  page: 'wdm/nc-wdm-io_csq_remove_irp',
});

/** The IRP after `Irp` (the first where it is NULL) that matches; NULL at the end. The lock is held. */
export type IO_CSQ_PEEK_NEXT_IRP = (Csq: IO_CSQ, Irp: IRP | 0, PeekContext: unknown) => IRP | Address | null;
export const IO_CSQ_PEEK_NEXT_IRP = declareCallback<IO_CSQ_PEEK_NEXT_IRP>({
  prototype: 'PIRP IO_CSQ_PEEK_NEXT_IRP(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)',
  role: 'CsqPeekNextIrp',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'XP',
  page: 'wdm/nc-wdm-io_csq_peek_next_irp',
});

/** Takes the queue's lock; may store the IRQL to go back to. */
export type IO_CSQ_ACQUIRE_LOCK = (Csq: IO_CSQ, Irql: Address) => void;
export const IO_CSQ_ACQUIRE_LOCK = declareCallback<IO_CSQ_ACQUIRE_LOCK>({
  prototype: 'VOID IO_CSQ_ACQUIRE_LOCK(PIO_CSQ Csq, PKIRQL Irql)',
  role: 'CsqAcquireLock',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'XP',
  page: 'wdm/nc-wdm-io_csq_acquire_lock',
  changesIrql: true,
});

/** Gives the queue's lock back. */
export type IO_CSQ_RELEASE_LOCK = (Csq: IO_CSQ, Irql: number) => void;
export const IO_CSQ_RELEASE_LOCK = declareCallback<IO_CSQ_RELEASE_LOCK>({
  prototype: 'VOID IO_CSQ_RELEASE_LOCK(PIO_CSQ Csq, KIRQL Irql)',
  role: 'CsqReleaseLock',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'XP',
  page: 'wdm/nc-wdm-io_csq_release_lock',
  changesIrql: true,
});

/** Completes an IRP that was cancelled and is out of the queue. The lock is not held. */
export type IO_CSQ_COMPLETE_CANCELED_IRP = (Csq: IO_CSQ, Irp: IRP) => void;
export const IO_CSQ_COMPLETE_CANCELED_IRP = declareCallback<IO_CSQ_COMPLETE_CANCELED_IRP>({
  prototype: 'VOID IO_CSQ_COMPLETE_CANCELED_IRP(PIO_CSQ Csq, PIRP Irp)',
  role: 'CsqCompleteCanceledIrp',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'XP',
  page: 'wdm/nc-wdm-io_csq_complete_canceled_irp',
});

const { offset } = IO_CSQ;
/** DriverContext[3] of an IRP: the context of its insertion, or the queue. */
const IRP_CONTEXT = IRP.offset['Tail.Overlay.DriverContext'] + 24;
/** IRPs that one search looks at; a queue that goes on longer leads in a circle. */
const SEARCH_LIMIT = 1_000_000;

/** Calls one of the queue's routines with addresses; the seam makes views of them. */
function call<F>(
  kernel: Kernel,
  driver: Driver,
  csq: Address,
  member: number,
  declaration: CallbackDeclaration<F>,
  ...args: readonly number[]
): unknown {
  const bound = ioManagerOf(kernel).callback(driver, kernel.memory.readPointer(csq + member), declaration);
  if (bound === null) {
    throw new NdisboxError(
      'NO_CSQ_ROUTINE',
      `the cancel-safe queue at 0x${csq.toString(16)} of ${driver.name} has no ${declaration.role}; initialize it with IoCsqInitialize`,
    );
  }
  const invoke = bound.invoke as unknown as (...args: readonly number[]) => unknown;
  const result = invoke(csq, ...args);
  if (result instanceof Promise) {
    throw new NdisboxError(
      'ASYNC_HANDLER',
      `${declaration.role} of ${driver.name} returned a promise, but it may run at DISPATCH_LEVEL; lock the queue with a spin lock`,
    );
  }
  return result;
}

/** Where CsqAcquireLock stores the IRQL. */
const irqlCellOf = perKernel('IRQL of cancel-safe queues', (kernel) =>
  poolOf(kernel).allocateZeroed(poolType.nonPagedNx, 16, 0x2071_7343, 0),
);

function acquire(kernel: Kernel, driver: Driver, csq: Address): number {
  const cell = irqlCellOf(kernel);
  call(kernel, driver, csq, offset.CsqAcquireLock, IO_CSQ_ACQUIRE_LOCK, cell);
  return kernel.memory.u8[cell];
}

function release(kernel: Kernel, driver: Driver, csq: Address, irql: number): void {
  call(kernel, driver, csq, offset.CsqReleaseLock, IO_CSQ_RELEASE_LOCK, irql);
}

/** Takes the link between an IRP and its context apart. */
function detach(kernel: Kernel, irp: Address): void {
  const { memory } = kernel;
  const context = memory.readPointer(irp + IRP_CONTEXT);
  if (context !== 0 && memory.u32[context >> 2] === IO_TYPE_CSQ_IRP_CONTEXT)
    memory.writePointer(context + IO_CSQ_IRP_CONTEXT.offset.Irp, 0);
  memory.writePointer(irp + IRP_CONTEXT, 0);
}

/** The cancel routine of every IRP in a cancel-safe queue, as an address. */
const cancelRoutineOf = perKernel('cancel routine of cancel-safe queues', (kernel): Address => {
  const cancel = (device: View, irp: View): void => {
    const { memory } = kernel;
    releaseCancelLock(kernel, memory.u8[irp.address + at.IRP_CANCEL_IRQL]);
    const context = memory.readPointer(irp.address + IRP_CONTEXT);
    const isContext = memory.u32[context >> 2] === IO_TYPE_CSQ_IRP_CONTEXT;
    const csq = isContext ? memory.readPointer(context + IO_CSQ_IRP_CONTEXT.offset.Csq) : context;
    const driver = driverOfObject(kernel, memory.readPointer(device.address + at.DEVICE_DRIVER));
    if (driver !== null) cancelQueued(kernel, driver, csq, irp.address);
  };
  return kernel.memory.callables.addressOf(cancel, 'kernel');
});

/** Removes a cancelled IRP from the queue and lets the driver complete it. */
function cancelQueued(kernel: Kernel, driver: Driver, csq: Address, irp: Address): void {
  const irql = acquire(kernel, driver, csq);
  call(kernel, driver, csq, offset.CsqRemoveIrp, IO_CSQ_REMOVE_IRP, irp);
  detach(kernel, irp);
  release(kernel, driver, csq, irql);
  call(kernel, driver, csq, offset.CsqCompleteCanceledIrp, IO_CSQ_COMPLETE_CANCELED_IRP, irp);
}

/** Takes the cancel routine off; false where the IRP is being cancelled and its cancel routine will remove it. */
function disarm(kernel: Kernel, irp: Address): boolean {
  const armed = kernel.memory.readPointer(irp + at.IRP_CANCEL_ROUTINE) !== 0;
  kernel.memory.writePointer(irp + at.IRP_CANCEL_ROUTINE, 0);
  return armed;
}

function markPending(kernel: Kernel, irp: Address): void {
  kernel.memory.u8[at.currentStack(kernel, irp) + at.STACK_CONTROL] |= SL_PENDING_RETURNED;
}

function insert(
  kernel: Kernel,
  driver: Driver,
  csq: Address,
  irp: Address,
  context: Address,
  insertContext: Address,
): NTSTATUS {
  const { memory } = kernel;
  memory.writePointer(irp + IRP_CONTEXT, context === 0 ? csq : context);
  if (context !== 0) {
    memory.u32[context >> 2] = IO_TYPE_CSQ_IRP_CONTEXT;
    memory.writePointer(context + IO_CSQ_IRP_CONTEXT.offset.Irp, irp);
    memory.writePointer(context + IO_CSQ_IRP_CONTEXT.offset.Csq, csq);
  }
  const irql = acquire(kernel, driver, csq);
  if (memory.u8[irp + at.IRP_CANCEL] !== 0) {
    // It is never in the queue, but the dispatch routine returns STATUS_PENDING all the same.
    markPending(kernel, irp);
    detach(kernel, irp);
    release(kernel, driver, csq, irql);
    call(kernel, driver, csq, offset.CsqCompleteCanceledIrp, IO_CSQ_COMPLETE_CANCELED_IRP, irp);
    return STATUS_SUCCESS;
  }
  let status: NTSTATUS = STATUS_SUCCESS;
  if (memory.u32[csq >> 2] === IO_TYPE_CSQ_EX) {
    status = Number(
      call(kernel, driver, csq, offset.CsqInsertIrp, IO_CSQ_INSERT_IRP_EX, irp, insertContext) ?? 0,
    );
  } else call(kernel, driver, csq, offset.CsqInsertIrp, IO_CSQ_INSERT_IRP, irp);
  status >>>= 0;
  if (!NT_SUCCESS(status)) {
    detach(kernel, irp);
    release(kernel, driver, csq, irql);
    return status;
  }
  markPending(kernel, irp);
  memory.writePointer(irp + at.IRP_CANCEL_ROUTINE, cancelRoutineOf(kernel));
  // Another processor may have cancelled it before there was a routine to call.
  if (memory.u8[irp + at.IRP_CANCEL] !== 0 && disarm(kernel, irp)) {
    release(kernel, driver, csq, irql);
    cancelQueued(kernel, driver, csq, irp);
    return status;
  }
  release(kernel, driver, csq, irql);
  return status;
}

function initializer(name: 'IoCsqInitialize' | 'IoCsqInitializeEx') {
  const extended = name === 'IoCsqInitializeEx';
  const insertType = extended ? 'PIO_CSQ_INSERT_IRP_EX' : 'PIO_CSQ_INSERT_IRP';
  return synchronous(
    `NTSTATUS ${name}(PIO_CSQ Csq, ${insertType} CsqInsertIrp, PIO_CSQ_REMOVE_IRP CsqRemoveIrp, PIO_CSQ_PEEK_NEXT_IRP CsqPeekNextIrp, PIO_CSQ_ACQUIRE_LOCK CsqAcquireLock, PIO_CSQ_RELEASE_LOCK CsqReleaseLock, PIO_CSQ_COMPLETE_CANCELED_IRP CsqCompleteCanceledIrp)`,
    'any',
    extended ? 'Server 2003' : 'XP',
    `wdm/nf-wdm-${name.toLowerCase()}`,
    ({ memory }) =>
      (
        Csq: Pointer<IO_CSQ>,
        CsqInsertIrp: CallbackPointer<IO_CSQ_INSERT_IRP | IO_CSQ_INSERT_IRP_EX>,
        CsqRemoveIrp: CallbackPointer<IO_CSQ_REMOVE_IRP>,
        CsqPeekNextIrp: CallbackPointer<IO_CSQ_PEEK_NEXT_IRP>,
        CsqAcquireLock: CallbackPointer<IO_CSQ_ACQUIRE_LOCK>,
        CsqReleaseLock: CallbackPointer<IO_CSQ_RELEASE_LOCK>,
        CsqCompleteCanceledIrp: CallbackPointer<IO_CSQ_COMPLETE_CANCELED_IRP>,
      ): NTSTATUS => {
        memory.u32[Csq >> 2] = extended ? IO_TYPE_CSQ_EX : IO_TYPE_CSQ;
        memory.writePointer(Csq + offset.CsqInsertIrp, CsqInsertIrp);
        memory.writePointer(Csq + offset.CsqRemoveIrp, CsqRemoveIrp);
        memory.writePointer(Csq + offset.CsqPeekNextIrp, CsqPeekNextIrp);
        memory.writePointer(Csq + offset.CsqAcquireLock, CsqAcquireLock);
        memory.writePointer(Csq + offset.CsqReleaseLock, CsqReleaseLock);
        memory.writePointer(Csq + offset.CsqCompleteCanceledIrp, CsqCompleteCanceledIrp);
        memory.writePointer(Csq + offset.ReservePointer, 0);
        return STATUS_SUCCESS;
      },
  );
}

/** Makes a cancel-safe queue of the driver's routines. @source wdm/nf-wdm-iocsqinitialize */
export const IoCsqInitialize = initializer('IoCsqInitialize');
/** The same with a CsqInsertIrpEx that may refuse an IRP. @source wdm/nf-wdm-iocsqinitializeex */
export const IoCsqInitializeEx = initializer('IoCsqInitializeEx');

/**
 * Puts an IRP into the queue and marks it pending; one that was cancelled before goes to CsqCompleteCanceledIrp
 * instead. `Context` may be NULL. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-iocsqinsertirp
 */
export const IoCsqInsertIrp = synchronous(
  'VOID IoCsqInsertIrp(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context)',
  '<=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-iocsqinsertirp',
  (kernel, driver) =>
    (Csq: Pointer<IO_CSQ>, Irp: Pointer<IRP>, Context: OutPointer): void => {
      insert(kernel, driver, Csq, Irp, Context, 0);
    },
);

/**
 * The same, with a value for CsqInsertIrpEx. @returns what CsqInsertIrpEx returned, STATUS_SUCCESS for a queue without
 * one. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-iocsqinsertirpex
 */
export const IoCsqInsertIrpEx = synchronous(
  'NTSTATUS IoCsqInsertIrpEx(PIO_CSQ Csq, PIRP Irp, PIO_CSQ_IRP_CONTEXT Context, PVOID InsertContext)',
  '<=DISPATCH_LEVEL',
  'Server 2003',
  'wdm/nf-wdm-iocsqinsertirpex',
  (kernel, driver) =>
    (Csq: Pointer<IO_CSQ>, Irp: Pointer<IRP>, Context: OutPointer, InsertContext: Context): NTSTATUS =>
      insert(kernel, driver, Csq, Irp, Context, InsertContext),
);

/**
 * Takes the IRP of a context out of the queue. @returns NULL where it was cancelled or taken before.
 * IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-iocsqremoveirp
 */
export const IoCsqRemoveIrp = synchronous(
  'PIRP IoCsqRemoveIrp(PIO_CSQ Csq, PIO_CSQ_IRP_CONTEXT Context)',
  '<=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-iocsqremoveirp',
  (kernel, driver) =>
    (Csq: Pointer<IO_CSQ>, Context: OutPointer): Address => {
      const { memory } = kernel;
      const irql = acquire(kernel, driver, Csq);
      const irp = memory.readPointer(Context + IO_CSQ_IRP_CONTEXT.offset.Irp);
      const found = irp !== 0 && disarm(kernel, irp);
      if (found) {
        call(kernel, driver, Csq, offset.CsqRemoveIrp, IO_CSQ_REMOVE_IRP, irp);
        detach(kernel, irp);
      }
      release(kernel, driver, Csq, irql);
      return found ? irp : 0;
    },
);

/**
 * Takes the next IRP that matches out of the queue. @returns NULL where there is none. IRQL <= DISPATCH_LEVEL.
 * @source wdm/nf-wdm-iocsqremovenextirp
 */
export const IoCsqRemoveNextIrp = synchronous(
  'PIRP IoCsqRemoveNextIrp(PIO_CSQ Csq, PVOID PeekContext)',
  '<=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-iocsqremovenextirp',
  (kernel, driver) =>
    (Csq: Pointer<IO_CSQ>, PeekContext: Context): Address => {
      const irql = acquire(kernel, driver, Csq);
      let irp = 0;
      for (let turn = 0; turn < SEARCH_LIMIT; turn++) {
        irp = addressOf(
          call(kernel, driver, Csq, offset.CsqPeekNextIrp, IO_CSQ_PEEK_NEXT_IRP, irp, PeekContext),
        );
        // One that is being cancelled belongs to its cancel routine, which waits for the lock.
        if (irp === 0 || disarm(kernel, irp)) break;
      }
      if (irp !== 0) {
        call(kernel, driver, Csq, offset.CsqRemoveIrp, IO_CSQ_REMOVE_IRP, irp);
        detach(kernel, irp);
      }
      release(kernel, driver, Csq, irql);
      return irp;
    },
);

/** What a handler returned as a pointer: an address, a view, or nothing. */
function addressOf(value: unknown): Address {
  if (typeof value === 'number') return value;
  if (typeof value === 'object' && value !== null && 'address' in value) return Number(value.address);
  return 0;
}
