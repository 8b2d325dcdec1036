/**
 * The printf formats of DbgPrint over kernel memory. Implements wdm/nf-wdm-dbgprint and "Format specification syntax"
 * of the C runtime, as far as drivers use it.
 */

import {
  type Address,
  readAnsiString,
  readTerminatedAnsi,
  readTerminatedUtf16,
  readUnicodeString,
} from '../../memory/index.ts';
import type { Kernel } from '../kernel.ts';

/** Longest text of one call, as the documentation bounds it. */
export const LONGEST_PRINT = 512;
/** Widest field. */
const WIDEST = LONGEST_PRINT;

/** One argument: 32-bit values and pointers are numbers, 64-bit values bigints. */
export type PrintArgument = number | bigint;

/** Formats a text; a missing argument prints as `?`. */
export function formatPrint(kernel: Kernel, format: string, args: readonly PrintArgument[]): string {
  let next = 0;
  const take = (): PrintArgument | undefined => args[next++];
  const text = format.replace(
    /%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d+))?(I64|I32|ll|hh|h|l|w|I|z)?([a-zA-Z%])/g,
    (
      whole,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      size: string,
      kind: string,
    ) => {
      if (kind === '%') return '%';
      const wide = width === '*' ? Number(take() ?? 0) : Number(width ?? 0);
      const digits =
        precision === '*' ? Number(take() ?? 0) : precision === undefined ? -1 : Number(precision);
      const argument = take();
      if (argument === undefined) return '?';
      const body = convert(kernel, kind, size ?? '', flags, digits, argument);
      return body === null ? whole : pad(body, flags, Math.min(wide, WIDEST), /[sSZcC]/.test(kind));
    },
  );
  return text.slice(0, LONGEST_PRINT);
}

function pad(body: string, flags: string, width: number, isText: boolean): string {
  if (flags.includes('-')) return body.padEnd(width);
  if (!flags.includes('0') || isText) return body.padStart(width);
  const sign = /^[-+]/.exec(body)?.[0] ?? '';
  return sign + body.slice(sign.length).padStart(width - sign.length, '0');
}

function convert(
  kernel: Kernel,
  kind: string,
  size: string,
  flags: string,
  digits: number,
  argument: PrintArgument,
): string | null {
  const bits = size === 'I64' || size === 'll' || size === 'I' || size === 'z' ? 64 : size === 'h' ? 16 : 32;
  const unsigned = BigInt.asUintN(bits, BigInt(argument));
  const least = (text: string) => text.padStart(Math.min(Math.max(digits, 0), WIDEST), '0');
  switch (kind) {
    case 'd':
    case 'i': {
      const signed = BigInt.asIntN(bits, BigInt(argument));
      const magnitude = least((signed < 0n ? -signed : signed).toString());
      return (signed < 0n ? '-' : flags.includes('+') ? '+' : '') + magnitude;
    }
    case 'u':
      return least(unsigned.toString());
    case 'x':
      return (flags.includes('#') ? '0x' : '') + least(unsigned.toString(16));
    case 'X':
      return (flags.includes('#') ? '0X' : '') + least(unsigned.toString(16).toUpperCase());
    case 'o':
      return least(unsigned.toString(8));
    case 'p':
      return Number(argument) === 0
        ? '0'.repeat(16)
        : `FFFF8000${(Number(BigInt.asUintN(32, BigInt(argument))) >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;
    case 'c':
    case 'C':
      return String.fromCharCode(
        Number(argument) & (kind === 'C' || size === 'w' || size === 'l' ? 0xffff : 0xff),
      );
    case 's':
    case 'S':
    case 'Z':
      return textOf(kernel, kind, size, digits, Number(BigInt.asUintN(32, BigInt(argument))));
    default:
      return null;
  }
}

function textOf(kernel: Kernel, kind: string, size: string, digits: number, at: Address): string {
  const { memory } = kernel;
  if (at === 0) return '(null)';
  const wide = kind === 'S' ? size !== 'h' : size === 'w' || size === 'l';
  if (kind === 'Z') return wide ? readUnicodeString(memory, at) : readAnsiString(memory, at);
  const most = digits < 0 ? LONGEST_PRINT : Math.min(digits, LONGEST_PRINT);
  return wide ? readTerminatedUtf16(memory, at, most) : readTerminatedAnsi(memory, at, most);
}

/** Arguments that a format may ask for: one for each `%` and `*` in it. */
export function argumentsAsked(format: string): number {
  return (format.match(/[%*]/g) ?? []).length;
}
