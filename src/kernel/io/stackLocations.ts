/** The macros with which drivers reach stack locations of an IRP (IoGetCurrentIrpStackLocation and its kin, wdm.h). */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { CallbackPointer, Context, Pointer } from '../edge.ts';
import {
  SL_INVOKE_ON_CANCEL,
  SL_INVOKE_ON_ERROR,
  SL_INVOKE_ON_SUCCESS,
  SL_PENDING_RETURNED,
} from '../generated/constants/common.ts';
import type { IRP } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import * as at from './irpLayout.ts';
import type { IO_COMPLETION_ROUTINE } from './requests.ts';

/** Marks the IRP pending for the driver that holds it. @source wdm/nf-wdm-iomarkirppending */
export const IoMarkIrpPending = declareFunction('ntoskrnl', {
  prototype: 'VOID IoMarkIrpPending(PIRP Irp)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iomarkirppending',
  inline: true,
  implement: (kernel: Kernel) => (Irp: Pointer<IRP>) => {
    kernel.memory.u8[at.currentStack(kernel, Irp) + at.STACK_CONTROL] |= SL_PENDING_RETURNED;
  },
});

/** The stack location of the driver that holds the IRP. @source wdm/nf-wdm-iogetcurrentirpstacklocation */
export const IoGetCurrentIrpStackLocation = declareFunction('ntoskrnl', {
  prototype: 'PVOID IoGetCurrentIrpStackLocation(PIRP Irp)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iogetcurrentirpstacklocation',
  inline: true,
  implement:
    (kernel: Kernel) =>
    (Irp: Pointer<IRP>): Address =>
      at.currentStack(kernel, Irp),
});

/** The stack location of the next lower driver. @source wdm/nf-wdm-iogetnextirpstacklocation */
export const IoGetNextIrpStackLocation = declareFunction('ntoskrnl', {
  prototype: 'PVOID IoGetNextIrpStackLocation(PIRP Irp)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iogetnextirpstacklocation',
  inline: true,
  implement:
    (kernel: Kernel) =>
    (Irp: Pointer<IRP>): Address =>
      at.nextStack(kernel, Irp),
});

/** Lets the next lower driver use this driver's stack location. @source wdm/nf-wdm-ioskipcurrentirpstacklocation */
export const IoSkipCurrentIrpStackLocation = declareFunction('ntoskrnl', {
  prototype: 'VOID IoSkipCurrentIrpStackLocation(PIRP Irp)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-ioskipcurrentirpstacklocation',
  inline: true,
  implement:
    (kernel: Kernel) =>
    (Irp: Pointer<IRP>): void =>
      at.moveStack(kernel, Irp, 1),
});

/** Copies the stack location for the next lower driver, without completion routine. @source wdm/nf-wdm-iocopycurrentirpstacklocationtonext */
export const IoCopyCurrentIrpStackLocationToNext = declareFunction('ntoskrnl', {
  prototype: 'VOID IoCopyCurrentIrpStackLocationToNext(PIRP Irp)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iocopycurrentirpstacklocationtonext',
  inline: true,
  implement: (kernel: Kernel) => (Irp: Pointer<IRP>) => {
    const stack = at.currentStack(kernel, Irp);
    kernel.memory.u8.copyWithin(stack - at.STACK_SIZE, stack, stack + at.STACK_ROUTINE);
    kernel.memory.u8[stack - at.STACK_SIZE + at.STACK_CONTROL] = 0;
  },
});

/** Registers a completion routine for the next lower driver's completion. @source wdm/nf-wdm-iosetcompletionroutine */
export const IoSetCompletionRoutine = declareFunction('ntoskrnl', {
  prototype:
    'VOID IoSetCompletionRoutine(PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context, BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-iosetcompletionroutine',
  inline: true,
  implement:
    (kernel: Kernel) =>
    (
      Irp: Pointer<IRP>,
      CompletionRoutine: CallbackPointer<IO_COMPLETION_ROUTINE>,
      Context: Context,
      InvokeOnSuccess: boolean,
      InvokeOnError: boolean,
      InvokeOnCancel: boolean,
    ): void => {
      const stack = at.nextStack(kernel, Irp);
      kernel.memory.writePointer(stack + at.STACK_ROUTINE, CompletionRoutine);
      kernel.memory.writePointer(stack + at.STACK_CONTEXT, Context);
      kernel.memory.u8[stack + at.STACK_CONTROL] =
        (InvokeOnSuccess ? SL_INVOKE_ON_SUCCESS : 0) |
        (InvokeOnError ? SL_INVOKE_ON_ERROR : 0) |
        (InvokeOnCancel ? SL_INVOKE_ON_CANCEL : 0);
    },
});
