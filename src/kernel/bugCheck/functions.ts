/** Stopping the machine and printing to its trace: KeBugCheckEx, KeBugCheck, DbgPrint, DbgPrintEx (wdm.h). */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Kernel } from '../kernel.ts';
import { STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { NTSTATUS } from '../status.ts';
import { formatPrint, LONGEST_PRINT, type PrintArgument } from './printf.ts';

/** A zero-terminated text: TypeScript drivers give a text. */
type NarrowText = Address & { readonly __text: true };

/** Stops the machine. Any IRQL. @source wdm/nf-wdm-kebugcheckex */
export const KeBugCheckEx = declareFunction('ntoskrnl', {
  prototype:
    'VOID KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2, ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kebugcheckex',
  implement:
    (kernel: Kernel, driver) =>
    (code: number, p1: number, p2: number, p3: number, p4: number): never =>
      kernel.bugCheck(code, [p1, p2, p3, p4], `${driver.name} called KeBugCheckEx`),
});

/** Stops the machine, with parameters 0. Any IRQL. @source ntddk/nf-ntddk-kebugcheck */
export const KeBugCheck = declareFunction('ntoskrnl', {
  prototype: 'VOID KeBugCheck(ULONG BugCheckCode)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'ntddk/nf-ntddk-kebugcheck',
  implement:
    (kernel: Kernel, driver) =>
    (code: number): never =>
      kernel.bugCheck(code, [0, 0, 0, 0], `${driver.name} called KeBugCheck`),
});

/** Prints to the trace as a note. IRQL <= DIRQL. @source wdm/nf-wdm-dbgprint */
export const DbgPrint = declareFunction('ntoskrnl', {
  prototype: 'ULONG DbgPrint(PCSTR Format, ...)',
  irql: '<=DIRQL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-dbgprint',
  implement:
    (kernel: Kernel, driver) =>
    (Format: NarrowText, ...args: PrintArgument[]): NTSTATUS =>
      print(kernel, driver.name, Format, args),
});

/** Prints to the trace as a note with its component and level. IRQL <= DIRQL. @source wdm/nf-wdm-dbgprintex */
export const DbgPrintEx = declareFunction('ntoskrnl', {
  prototype: 'ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)',
  irql: '<=DIRQL',
  waits: 'never',
  since: 'XP',
  page: 'wdm/nf-wdm-dbgprintex',
  implement:
    (kernel: Kernel, driver) =>
    (ComponentId: number, Level: number, Format: NarrowText, ...args: PrintArgument[]): NTSTATUS =>
      print(kernel, `${driver.name} ${ComponentId}:${Level}`, Format, args),
});

function print(kernel: Kernel, subject: string, format: Address, args: readonly PrintArgument[]): NTSTATUS {
  const { memory } = kernel;
  let text = '';
  while (text.length < LONGEST_PRINT && memory.u8[format + text.length] !== 0)
    text += String.fromCharCode(memory.u8[format + text.length]);
  kernel.note(subject, formatPrint(kernel, text, args).replace(/\r?\n$/, ''));
  return STATUS_SUCCESS;
}
