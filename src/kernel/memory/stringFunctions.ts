/** The Rtl routines for UNICODE_STRING and ANSI_STRING. Implements their pages of wdm.h and ntddk.h. */

import { type Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { TextPointer } from '../edge.ts';
import {
  STATUS_BUFFER_TOO_SMALL,
  STATUS_NAME_TOO_LONG,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { requireRange } from '../process/pageFault.ts';
import type { NTSTATUS } from '../status.ts';
import {
  bufferOf,
  compareStrings,
  compareUnits,
  downcaseUnit,
  LONGEST,
  lastingText,
  lengthOf,
  makeRoom,
  maximumOf,
  setLength,
  setString,
  terminatedLength,
  terminatedUnits,
  upcaseUnit,
} from './countedText.ts';
import { poolOf } from './kernelPool.ts';

const anyLevel = { irql: 'any', waits: 'never', since: '2000' } as const;
const passive = { irql: 'PASSIVE_LEVEL', waits: 'never', since: '2000' } as const;
type Flag = boolean | number;

/** Makes a UNICODE_STRING of a zero-terminated text; NULL gives an empty one. Any IRQL. wdm/nf-wdm-rtlinitunicodestring */
export const RtlInitUnicodeString = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'VOID RtlInitUnicodeString(UNICODE_STRING *DestinationString, PCWSTR SourceString)',
  page: 'wdm/nf-wdm-rtlinitunicodestring',
  implement: (kernel: Kernel, driver) => (DestinationString: Address, SourceString: TextPointer) => {
    const text = lastingText(kernel, driver, SourceString, true);
    const length = text === 0 ? 0 : Math.min(terminatedUnits(kernel.memory, text) * 2, LONGEST - 2);
    setString(kernel.memory, DestinationString, length, text === 0 ? 0 : length + 2, text);
  },
});

function declareInitAnsi(name: string) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `VOID ${name}(ANSI_STRING *DestinationString, PCSTR SourceString)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel, driver) => (DestinationString: Address, SourceString: TextPointer) => {
      const text = lastingText(kernel, driver, SourceString, false);
      const length = text === 0 ? 0 : Math.min(terminatedLength(kernel.memory, text), LONGEST);
      setString(kernel.memory, DestinationString, length, text === 0 ? 0 : length + 1, text);
    },
  });
}
/** Makes an ANSI_STRING of a zero-terminated text. Any IRQL. wdm/nf-wdm-rtlinitansistring */
export const RtlInitAnsiString = declareInitAnsi('RtlInitAnsiString');
/** Makes a STRING of a zero-terminated text. Any IRQL. wdm/nf-wdm-rtlinitstring */
export const RtlInitString = declareInitAnsi('RtlInitString');

/** RtlInitUnicodeString that refuses long texts: STATUS_NAME_TOO_LONG. Any IRQL. wdm/nf-wdm-rtlinitunicodestring */
export const RtlInitUnicodeStringEx = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'NTSTATUS RtlInitUnicodeStringEx(UNICODE_STRING *DestinationString, PCWSTR SourceString)',
  page: 'wdm/nf-wdm-rtlinitunicodestring',
  implement: (kernel: Kernel, driver) => (DestinationString: Address, SourceString: TextPointer) => {
    const text = lastingText(kernel, driver, SourceString, true);
    const length = text === 0 ? 0 : terminatedUnits(kernel.memory, text) * 2;
    if (length > LONGEST - 2) return STATUS_NAME_TOO_LONG;
    setString(kernel.memory, DestinationString, length, text === 0 ? 0 : length + 2, text);
    return STATUS_SUCCESS;
  },
});

/** Makes an empty UNICODE_STRING over a buffer. Any IRQL. wdm/nf-wdm-rtlinitemptyunicodestring */
export const RtlInitEmptyUnicodeString = declareFunction('ntoskrnl', {
  ...anyLevel,
  inline: true,
  prototype:
    'VOID RtlInitEmptyUnicodeString(UNICODE_STRING *DestinationString, PWCHAR Buffer, USHORT BufferSize)',
  page: 'wdm/nf-wdm-rtlinitemptyunicodestring',
  implement: (kernel: Kernel) => (DestinationString: Address, Buffer: Address, BufferSize: number) =>
    setString(kernel.memory, DestinationString, 0, BufferSize, Buffer),
});

/** Copies as much as fits; NULL empties the destination. Any IRQL for resident buffers. wdm/nf-wdm-rtlcopyunicodestring */
export const RtlCopyUnicodeString = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'VOID RtlCopyUnicodeString(UNICODE_STRING *DestinationString, PCUNICODE_STRING SourceString)',
  page: 'wdm/nf-wdm-rtlcopyunicodestring',
  implement: (kernel: Kernel) => (DestinationString: Address, SourceString: TextPointer) => {
    const { memory } = kernel;
    const length =
      SourceString === 0 ? 0 : Math.min(lengthOf(memory, SourceString), maximumOf(memory, DestinationString));
    const to = bufferOf(memory, DestinationString);
    if (length > 0) {
      const from = bufferOf(memory, SourceString);
      memory.u8.copyWithin(to, from, from + length);
    }
    setLength(memory, DestinationString, length);
    if (length + 2 <= maximumOf(memory, DestinationString)) memory.data.setUint16(to + length, 0, true);
  },
});

function append(kernel: Kernel, destination: Address, from: Address, bytes: number): NTSTATUS {
  const { memory } = kernel;
  const length = lengthOf(memory, destination);
  const maximum = maximumOf(memory, destination);
  if (length + bytes > maximum) return STATUS_BUFFER_TOO_SMALL;
  const to = bufferOf(memory, destination) + length;
  memory.u8.copyWithin(to, from, from + bytes);
  setLength(memory, destination, length + bytes);
  if (length + bytes + 2 <= maximum) memory.data.setUint16(to + bytes, 0, true);
  return STATUS_SUCCESS;
}

/** Appends a string. STATUS_BUFFER_TOO_SMALL changes nothing. wdm/nf-wdm-rtlappendunicodestringtostring */
export const RtlAppendUnicodeStringToString = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'NTSTATUS RtlAppendUnicodeStringToString(UNICODE_STRING *Destination, PCUNICODE_STRING Source)',
  page: 'wdm/nf-wdm-rtlappendunicodestringtostring',
  implement: (kernel: Kernel) => (Destination: Address, Source: TextPointer) =>
    append(kernel, Destination, bufferOf(kernel.memory, Source), lengthOf(kernel.memory, Source)),
});

/** Appends a zero-terminated text. STATUS_BUFFER_TOO_SMALL changes nothing. wdm/nf-wdm-rtlappendunicodetostring */
export const RtlAppendUnicodeToString = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'NTSTATUS RtlAppendUnicodeToString(UNICODE_STRING *Destination, PCWSTR Source)',
  page: 'wdm/nf-wdm-rtlappendunicodetostring',
  implement: (kernel: Kernel) => (Destination: Address, Source: TextPointer) =>
    Source === 0
      ? STATUS_SUCCESS
      : append(kernel, Destination, Source, terminatedUnits(kernel.memory, Source) * 2),
});

/** Negative, 0 or positive. IRQL = PASSIVE_LEVEL. wdm/nf-wdm-rtlcompareunicodestring */
export const RtlCompareUnicodeString = declareFunction('ntoskrnl', {
  ...passive,
  prototype:
    'LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)',
  page: 'wdm/nf-wdm-rtlcompareunicodestring',
  implement: (kernel: Kernel) => (String1: TextPointer, String2: TextPointer, CaseInSensitive: Flag) =>
    compareStrings(kernel.memory, String1, String2, Boolean(CaseInSensitive)),
});

/** Whether two strings are equal. IRQL = PASSIVE_LEVEL. wdm/nf-wdm-rtlequalunicodestring */
export const RtlEqualUnicodeString = declareFunction('ntoskrnl', {
  ...passive,
  prototype:
    'BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)',
  page: 'wdm/nf-wdm-rtlequalunicodestring',
  implement: (kernel: Kernel) => (String1: TextPointer, String2: TextPointer, CaseInSensitive: Flag) =>
    compareStrings(kernel.memory, String1, String2, Boolean(CaseInSensitive)) === 0 ? 1 : 0,
});

/** Whether String2 starts with String1. IRQL = PASSIVE_LEVEL. ntddk/nf-ntddk-rtlprefixunicodestring */
export const RtlPrefixUnicodeString = declareFunction('ntoskrnl', {
  ...passive,
  prototype:
    'BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)',
  page: 'ntddk/nf-ntddk-rtlprefixunicodestring',
  implement: (kernel: Kernel) => (String1: TextPointer, String2: TextPointer, CaseInSensitive: Flag) => {
    const { memory } = kernel;
    const units = lengthOf(memory, String1) >> 1;
    if (units > lengthOf(memory, String2) >> 1) return 0;
    const [left, right] = [bufferOf(memory, String1), bufferOf(memory, String2)];
    return compareUnits(memory, left, right, units, units, Boolean(CaseInSensitive)) === 0 ? 1 : 0;
  },
});

/** Whether two STRINGs are equal. IRQL = PASSIVE_LEVEL. ntddk/nf-ntddk-rtlequalstring */
export const RtlEqualString = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'BOOLEAN RtlEqualString(PCANSI_STRING String1, PCANSI_STRING String2, BOOLEAN CaseInSensitive)',
  page: 'ntddk/nf-ntddk-rtlequalstring',
  implement: (kernel: Kernel) => (String1: TextPointer, String2: TextPointer, CaseInSensitive: Flag) => {
    const text = (string: Address) => {
      const buffer = bufferOf(kernel.memory, string);
      const bytes = kernel.memory.u8.subarray(buffer, buffer + lengthOf(kernel.memory, string));
      const plain = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
      return CaseInSensitive ? plain.toUpperCase() : plain;
    };
    return text(String1) === text(String2) ? 1 : 0;
  },
});

/** A unit in upper case. IRQL = PASSIVE_LEVEL. wdm/nf-wdm-rtlupcaseunicodechar */
export const RtlUpcaseUnicodeChar = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'WCHAR RtlUpcaseUnicodeChar(WCHAR SourceCharacter)',
  page: 'wdm/nf-wdm-rtlupcaseunicodechar',
  implement: () => (SourceCharacter: number) => upcaseUnit(SourceCharacter),
});

/** A unit in lower case. IRQL = PASSIVE_LEVEL. wdm/nf-wdm-rtldowncaseunicodechar */
export const RtlDowncaseUnicodeChar = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'WCHAR RtlDowncaseUnicodeChar(WCHAR SourceCharacter)',
  page: 'wdm/nf-wdm-rtldowncaseunicodechar',
  implement: () => (SourceCharacter: number) => downcaseUnit(SourceCharacter),
});

/**
 * Copies a string in upper case. IRQL = PASSIVE_LEVEL. STATUS_NO_MEMORY, STATUS_BUFFER_OVERFLOW.
 * ntddk/nf-ntddk-rtlupcaseunicodestring
 */
export const RtlUpcaseUnicodeString = declareFunction('ntoskrnl', {
  ...passive,
  prototype:
    'NTSTATUS RtlUpcaseUnicodeString(UNICODE_STRING *DestinationString, PCUNICODE_STRING SourceString, BOOLEAN AllocateDestinationString)',
  page: 'ntddk/nf-ntddk-rtlupcaseunicodestring',
  implement:
    (kernel: Kernel, driver) => (DestinationString: Address, SourceString: TextPointer, Allocate: Flag) => {
      const { memory } = kernel;
      const length = lengthOf(memory, SourceString);
      const from = bufferOf(memory, SourceString);
      requireRange(kernel, 'RtlUpcaseUnicodeString: SourceString', from, length, 'read');
      const status = makeRoom(kernel, driver, DestinationString, length, 0, Boolean(Allocate));
      if (status !== STATUS_SUCCESS) return status;
      const to = bufferOf(memory, DestinationString);
      requireRange(kernel, 'RtlUpcaseUnicodeString: DestinationString', to, length, 'write');
      for (let at = 0; at < length; at += 2) {
        memory.data.setUint16(to + at, upcaseUnit(memory.data.getUint16(from + at, true)), true);
      }
      setLength(memory, DestinationString, length);
      return STATUS_SUCCESS;
    },
});

/**
 * Converts to UTF-16; here each ANSI byte is one Latin-1 character. IRQL = PASSIVE_LEVEL. STATUS_NO_MEMORY,
 * STATUS_BUFFER_OVERFLOW. wdm/nf-wdm-rtlansistringtounicodestring
 */
export const RtlAnsiStringToUnicodeString = declareFunction('ntoskrnl', {
  ...passive,
  prototype:
    'NTSTATUS RtlAnsiStringToUnicodeString(UNICODE_STRING *DestinationString, PCANSI_STRING SourceString, BOOLEAN AllocateDestinationString)',
  page: 'wdm/nf-wdm-rtlansistringtounicodestring',
  implement:
    (kernel: Kernel, driver) => (DestinationString: Address, SourceString: TextPointer, Allocate: Flag) => {
      const { memory } = kernel;
      const length = lengthOf(memory, SourceString);
      const from = bufferOf(memory, SourceString);
      requireRange(kernel, 'RtlAnsiStringToUnicodeString: SourceString', from, length, 'read');
      const status = makeRoom(kernel, driver, DestinationString, length * 2, 2, Boolean(Allocate));
      if (status !== STATUS_SUCCESS) return status;
      const to = bufferOf(memory, DestinationString);
      const end = Math.min(length * 2 + 2, maximumOf(memory, DestinationString));
      requireRange(kernel, 'RtlAnsiStringToUnicodeString: DestinationString', to, end, 'write');
      for (let at = 0; at < length; at++) memory.data.setUint16(to + at * 2, memory.u8[from + at], true);
      setLength(memory, DestinationString, length * 2);
      if (length * 2 + 2 <= maximumOf(memory, DestinationString))
        memory.data.setUint16(to + length * 2, 0, true);
      return STATUS_SUCCESS;
    },
});

/**
 * Converts to ANSI; what is not Latin-1 becomes `?`. IRQL = PASSIVE_LEVEL. STATUS_NO_MEMORY, STATUS_BUFFER_OVERFLOW.
 * wdm/nf-wdm-rtlunicodestringtoansistring
 */
export const RtlUnicodeStringToAnsiString = declareFunction('ntoskrnl', {
  ...passive,
  prototype:
    'NTSTATUS RtlUnicodeStringToAnsiString(ANSI_STRING *DestinationString, PCUNICODE_STRING SourceString, BOOLEAN AllocateDestinationString)',
  page: 'wdm/nf-wdm-rtlunicodestringtoansistring',
  implement:
    (kernel: Kernel, driver) => (DestinationString: Address, SourceString: TextPointer, Allocate: Flag) => {
      const { memory } = kernel;
      const length = lengthOf(memory, SourceString) >> 1;
      const from = bufferOf(memory, SourceString);
      requireRange(kernel, 'RtlUnicodeStringToAnsiString: SourceString', from, length * 2, 'read');
      const status = makeRoom(kernel, driver, DestinationString, length, 1, Boolean(Allocate));
      if (status !== STATUS_SUCCESS) return status;
      const to = bufferOf(memory, DestinationString);
      requireRange(kernel, 'RtlUnicodeStringToAnsiString: DestinationString', to, length, 'write');
      for (let at = 0; at < length; at++) {
        const unit = memory.data.getUint16(from + at * 2, true);
        memory.u8[to + at] = unit > 0xff ? 0x3f : unit;
      }
      setLength(memory, DestinationString, length);
      if (length + 1 <= maximumOf(memory, DestinationString)) memory.u8[to + length] = 0;
      return STATUS_SUCCESS;
    },
});

function declareFree(name: string, type: string) {
  return declareFunction('ntoskrnl', {
    ...passive,
    prototype: `VOID ${name}(${type} *String)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (String: Address) => {
      const buffer = bufferOf(kernel.memory, String);
      if (buffer !== 0) poolOf(kernel).free(buffer);
      setString(kernel.memory, String, 0, 0, 0);
    },
  });
}
/** Frees the buffer that a conversion allocated. IRQL = PASSIVE_LEVEL. wdm/nf-wdm-rtlfreeunicodestring */
export const RtlFreeUnicodeString = declareFree('RtlFreeUnicodeString', 'UNICODE_STRING');
/** Frees the buffer that a conversion allocated. IRQL = PASSIVE_LEVEL. wdm/nf-wdm-rtlfreeansistring */
export const RtlFreeAnsiString = declareFree('RtlFreeAnsiString', 'ANSI_STRING');
