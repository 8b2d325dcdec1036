/**
 * Formatted texts: vDbgPrintEx (wdm.h), sprintf, _snprintf and _vsnprintf of the C runtime in the kernel, and RtlAssert
 * (ntddk.h). The formats are those of DbgPrint.
 */

import { type Address, readTerminatedAnsi, readTerminatedUtf16 } from '../../memory/index.ts';
import type { OutPointer } from '../edge.ts';
import { STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { requireRange } from '../process/pageFault.ts';
import type { NTSTATUS } from '../status.ts';
import { synchronous } from '../sync/declare.ts';
import { argumentsAsked, formatPrint, LONGEST_PRINT, type PrintArgument } from './printf.ts';

/** A zero-terminated text: TypeScript drivers give a text. */
type NarrowText = Address & { readonly __text: true };

/** Arguments that a va_list may hold: slots of eight bytes. */
const MOST_ARGUMENTS = 64;
/** Longest text that sprintf writes. */
const LONGEST_TEXT = 65_536;

/** The slots of a va_list in memory; as many as the format may take. */
function argumentsOf(kernel: Kernel, list: Address, format: string): PrintArgument[] {
  const { memory } = kernel;
  const slots = Math.min(argumentsAsked(format), MOST_ARGUMENTS);
  return Array.from({ length: list === 0 ? 0 : slots }, (_, index) =>
    memory.data.getBigUint64(list + index * 8, true),
  );
}

/** Writes at most `room` characters, with a zero where there is room for it; -1 where the text did not fit. */
function write(kernel: Kernel, buffer: Address, room: number, text: string): number {
  const { u8 } = kernel.memory;
  const length = Math.min(text.length, room);
  requireRange(kernel, 'a printf function: its buffer', buffer, Math.min(length + 1, room), 'write');
  for (let i = 0; i < length; i++) u8[buffer + i] = text.charCodeAt(i) & 0xff;
  if (length < room) u8[buffer + length] = 0;
  return text.length > room ? -1 : text.length;
}

/**
 * Prints to the trace as DbgPrintEx does; the arguments are a va_list. IRQL <= DIRQL. @returns STATUS_SUCCESS.
 * @source wdm/nf-wdm-vdbgprintex
 */
export const vDbgPrintEx = synchronous(
  'ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, PVOID arglist)',
  '<=DIRQL',
  'XP',
  'wdm/nf-wdm-vdbgprintex',
  (kernel, driver) =>
    (ComponentId: number, Level: number, Format: NarrowText, arglist: OutPointer): NTSTATUS => {
      const format = readTerminatedAnsi(kernel.memory, Format, LONGEST_PRINT);
      const text = formatPrint(kernel, format, argumentsOf(kernel, arglist, format));
      kernel.note(`${driver.name} ${ComponentId}:${Level}`, text.replace(/\r?\n$/, ''));
      return STATUS_SUCCESS;
    },
);

/** The same with a text before it. @source wdm/nf-wdm-vdbgprintexwithprefix */
export const vDbgPrintExWithPrefix = synchronous(
  'ULONG vDbgPrintExWithPrefix(PCSTR Prefix, ULONG ComponentId, ULONG Level, PCSTR Format, PVOID arglist)',
  '<=DIRQL',
  'XP',
  'wdm/nf-wdm-vdbgprintexwithprefix',
  (kernel, driver) =>
    (
      Prefix: NarrowText,
      ComponentId: number,
      Level: number,
      Format: NarrowText,
      arglist: OutPointer,
    ): NTSTATUS => {
      const format = readTerminatedAnsi(kernel.memory, Format, LONGEST_PRINT);
      const text =
        readTerminatedAnsi(kernel.memory, Prefix, LONGEST_PRINT) +
        formatPrint(kernel, format, argumentsOf(kernel, arglist, format));
      kernel.note(`${driver.name} ${ComponentId}:${Level}`, text.replace(/\r?\n$/, ''));
      return STATUS_SUCCESS;
    },
);

const RUNTIME_PAGE = 'wdm/nf-wdm-dbgprint';

/** Formats into a buffer. @returns characters written without the zero. Any IRQL. */
export const sprintf = synchronous(
  'int sprintf(PCHAR buffer, PCSTR format, ...)',
  'any',
  '2000',
  RUNTIME_PAGE,
  (kernel) =>
    (buffer: OutPointer, format: NarrowText, ...args: PrintArgument[]): number =>
      write(
        kernel,
        buffer,
        LONGEST_TEXT,
        formatPrint(kernel, readTerminatedAnsi(kernel.memory, format, LONGEST_TEXT), args),
      ),
);

/** Formats into a buffer of `count` bytes. @returns -1 where the text does not fit. Any IRQL. */
export const _snprintf = synchronous(
  'int _snprintf(PCHAR buffer, SIZE_T count, PCSTR format, ...)',
  'any',
  '2000',
  RUNTIME_PAGE,
  (kernel) =>
    (buffer: OutPointer, count: number, format: NarrowText, ...args: PrintArgument[]): number =>
      write(
        kernel,
        buffer,
        count >>> 0,
        formatPrint(kernel, readTerminatedAnsi(kernel.memory, format, LONGEST_TEXT), args),
      ),
);

/** The same; the arguments are a va_list. Any IRQL. */
export const _vsnprintf = synchronous(
  'int _vsnprintf(PCHAR buffer, SIZE_T count, PCSTR format, PVOID argptr)',
  'any',
  '2000',
  RUNTIME_PAGE,
  (kernel) =>
    (buffer: OutPointer, count: number, format: NarrowText, argptr: OutPointer): number => {
      const text = readTerminatedAnsi(kernel.memory, format, LONGEST_TEXT);
      return write(kernel, buffer, count >>> 0, formatPrint(kernel, text, argumentsOf(kernel, argptr, text)));
    },
);

/** Writes UTF-16 as `write` does. */
function writeWide(kernel: Kernel, buffer: Address, room: number, text: string): number {
  const { data } = kernel.memory;
  const length = Math.min(text.length, room);
  requireRange(kernel, 'a printf function: its buffer', buffer, Math.min(length + 1, room) * 2, 'write');
  for (let i = 0; i < length; i++) data.setUint16(buffer + i * 2, text.charCodeAt(i), true);
  if (length < room) data.setUint16(buffer + length * 2, 0, true);
  return text.length > room ? -1 : text.length;
}

/** In a UTF-16 format the plain texts and characters are UTF-16, and the capital ones are not. */
function narrowFormat(format: string): string {
  return format.replace(
    /%([-+ 0#]*(?:\*|\d+)?(?:\.(?:\*|\d+))?)([sScC])/g,
    (_whole, options: string, kind: string) =>
      kind === 's' || kind === 'c' ? `%${options}w${kind}` : `%${options}h${kind === 'C' ? 'c' : 'S'}`,
  );
}

function wideFormat(kernel: Kernel, format: Address): string {
  return narrowFormat(readTerminatedUtf16(kernel.memory, format, LONGEST_TEXT));
}

/** Formats UTF-16 into a buffer. @returns characters written without the zero. Any IRQL. */
export const swprintf = synchronous(
  'int swprintf(PWCHAR buffer, PCWSTR format, ...)',
  'any',
  '2000',
  RUNTIME_PAGE,
  (kernel) =>
    (buffer: OutPointer, format: NarrowText, ...args: PrintArgument[]): number =>
      writeWide(kernel, buffer, LONGEST_TEXT, formatPrint(kernel, wideFormat(kernel, format), args)),
);

/** Formats UTF-16 into a buffer of `count` characters. @returns -1 where the text does not fit. Any IRQL. */
export const _snwprintf = synchronous(
  'int _snwprintf(PWCHAR buffer, SIZE_T count, PCWSTR format, ...)',
  'any',
  '2000',
  RUNTIME_PAGE,
  (kernel) =>
    (buffer: OutPointer, count: number, format: NarrowText, ...args: PrintArgument[]): number =>
      writeWide(kernel, buffer, count >>> 0, formatPrint(kernel, wideFormat(kernel, format), args)),
);

/** The same; the arguments are a va_list. Any IRQL. */
export const _vsnwprintf = synchronous(
  'int _vsnwprintf(PWCHAR buffer, SIZE_T count, PCWSTR format, PVOID argptr)',
  'any',
  '2000',
  RUNTIME_PAGE,
  (kernel) =>
    (buffer: OutPointer, count: number, format: NarrowText, argptr: OutPointer): number => {
      const text = wideFormat(kernel, format);
      return writeWide(
        kernel,
        buffer,
        count >>> 0,
        formatPrint(kernel, text, argumentsOf(kernel, argptr, text)),
      );
    },
);

/** An assertion of a driver does not hold: a finding; the machine goes on, as one without a debugger does. */
export const RtlAssert = synchronous(
  'VOID RtlAssert(PCSTR VoidFailedAssertion, PCSTR VoidFileName, ULONG LineNumber, PCSTR MutableMessage)',
  'any',
  '2000',
  'wdm/nf-wdm-dbgprint',
  (kernel, driver) =>
    (
      VoidFailedAssertion: NarrowText,
      VoidFileName: NarrowText,
      LineNumber: number,
      MutableMessage: NarrowText,
    ): void => {
      const message = readTerminatedAnsi(kernel.memory, MutableMessage, LONGEST_PRINT);
      kernel.report(
        'ASSERTION_FAILED',
        driver,
        `${driver.name} asserted "${readTerminatedAnsi(kernel.memory, VoidFailedAssertion, LONGEST_PRINT)}" at ${readTerminatedAnsi(kernel.memory, VoidFileName, LONGEST_PRINT)}:${LineNumber}${message === '' ? '' : `: ${message}`}`,
        'wdm/nf-wdm-dbgprint',
      );
    },
);
