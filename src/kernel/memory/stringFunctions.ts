/** The Rtl routines for UNICODE_STRING and ANSI_STRING. Implements their pages of wdm.h and ntddk.h. */

import { type Address, poolType, readTerminatedUtf16, readUnicodeString } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { OutPointer, TextPointer } from '../edge.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_NO_MEMORY,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import type { NTSTATUS } from '../status.ts';
import {
  bufferOf,
  compareStrings,
  compareUnits,
  downcaseUnit,
  LONGEST,
  lastingText,
  lengthOf,
  maximumOf,
  STRING_TAG,
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
 * Gives a string room for `bytes` bytes and a terminator: a new buffer of the driver's, or the one it has.
 * @returns STATUS_SUCCESS, STATUS_NO_MEMORY or, where the buffer it has is too small, STATUS_BUFFER_OVERFLOW.
 */
function makeRoom(
  kernel: Kernel,
  driver: Driver,
  string: Address,
  bytes: number,
  terminator: number,
  allocate: boolean,
): NTSTATUS {
  const { memory } = kernel;
  if (!allocate) return bytes > maximumOf(memory, string) ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
  if (bytes + terminator > 0xffff) return STATUS_INVALID_PARAMETER;
  const buffer = poolOf(kernel).allocateZeroed(poolType.paged, bytes + terminator, STRING_TAG, driver.id);
  if (buffer === 0) return STATUS_NO_MEMORY;
  setString(memory, string, 0, bytes + terminator, buffer);
  return STATUS_SUCCESS;
}

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
      const status = makeRoom(kernel, driver, DestinationString, length, 0, Boolean(Allocate));
      if (status !== STATUS_SUCCESS) return status;
      const to = bufferOf(memory, DestinationString);
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
      const status = makeRoom(kernel, driver, DestinationString, length * 2, 2, Boolean(Allocate));
      if (status !== STATUS_SUCCESS) return status;
      const to = bufferOf(memory, DestinationString);
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
      const status = makeRoom(kernel, driver, DestinationString, length, 1, Boolean(Allocate));
      if (status !== STATUS_SUCCESS) return status;
      const to = bufferOf(memory, DestinationString);
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

const BASES = [0, 2, 8, 10, 16];

/**
 * Writes a number in base 2, 8, 10 (or 0) or 16. IRQL = PASSIVE_LEVEL. STATUS_BUFFER_OVERFLOW,
 * STATUS_INVALID_PARAMETER for another base. wdm/nf-wdm-rtlintegertounicodestring
 */
export const RtlIntegerToUnicodeString = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, UNICODE_STRING *String)',
  page: 'wdm/nf-wdm-rtlintegertounicodestring',
  implement: (kernel: Kernel) => (Value: number, Base: number, String: Address) => {
    if (!BASES.includes(Base)) return STATUS_INVALID_PARAMETER;
    const { memory } = kernel;
    const text = (Value >>> 0).toString(Base === 0 ? 10 : Base).toUpperCase();
    if (text.length * 2 > maximumOf(memory, String)) return STATUS_BUFFER_OVERFLOW;
    const to = bufferOf(memory, String);
    for (let at = 0; at < text.length; at++) memory.data.setUint16(to + at * 2, text.charCodeAt(at), true);
    setLength(memory, String, text.length * 2);
    if (text.length * 2 + 2 <= maximumOf(memory, String))
      memory.data.setUint16(to + text.length * 2, 0, true);
    return STATUS_SUCCESS;
  },
});

/**
 * Reads a number; base 0 takes the prefixes 0x, 0o and 0b. IRQL = PASSIVE_LEVEL. STATUS_INVALID_PARAMETER for
 * another base. wdm/nf-wdm-rtlunicodestringtointeger
 */
export const RtlUnicodeStringToInteger = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)',
  page: 'wdm/nf-wdm-rtlunicodestringtointeger',
  implement: (kernel: Kernel) => (String: TextPointer, Base: number, Value: OutPointer) => {
    if (!BASES.includes(Base)) return STATUS_INVALID_PARAMETER;
    const match = /^\s*([+-]?)(0[xob])?([0-9a-f]*)/i.exec(readUnicodeString(kernel.memory, String));
    const prefix = Base === 0 ? (match?.[2] ?? '').toLowerCase() : '';
    const base = Base === 0 ? ({ '0x': 16, '0o': 8, '0b': 2 }[prefix] ?? 10) : Base;
    // Without base 0 a prefix is the digit 0 and ends the number.
    const digits = Base === 0 || match?.[2] === undefined ? (match?.[3] ?? '') : '0';
    let value = 0;
    for (const digit of digits) {
      const worth = Number.parseInt(digit, 16);
      if (worth >= base) break;
      value = (Math.imul(value, base) + worth) >>> 0;
    }
    kernel.memory.data.setUint32(Value, match?.[1] === '-' ? -value >>> 0 : value, true);
    return STATUS_SUCCESS;
  },
});

const HASH_DEFAULT = 0;
const HASH_X65599 = 1;

/**
 * A hash of a string: the x65599 algorithm. IRQL = PASSIVE_LEVEL. STATUS_INVALID_PARAMETER for a NULL or another
 * algorithm. wdm/nf-wdm-rtlhashunicodestring
 */
export const RtlHashUnicodeString = declareFunction('ntoskrnl', {
  ...passive,
  since: 'XP',
  prototype:
    'NTSTATUS RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm, PULONG HashValue)',
  page: 'wdm/nf-wdm-rtlhashunicodestring',
  implement:
    (kernel: Kernel) =>
    (String: TextPointer, CaseInSensitive: Flag, HashAlgorithm: number, HashValue: OutPointer) => {
      if (String === 0 || HashValue === 0) return STATUS_INVALID_PARAMETER;
      if (HashAlgorithm !== HASH_DEFAULT && HashAlgorithm !== HASH_X65599) return STATUS_INVALID_PARAMETER;
      const text = readUnicodeString(kernel.memory, String);
      let hash = 0;
      for (let at = 0; at < text.length; at++) {
        const unit = text.charCodeAt(at);
        hash = (Math.imul(hash, 65599) + (CaseInSensitive ? upcaseUnit(unit) : unit)) >>> 0;
      }
      kernel.memory.data.setUint32(HashValue, hash, true);
      return STATUS_SUCCESS;
    },
});

const GUID_TEXT = /^\{([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\}$/i;

/** Reads `{...}`. IRQL = PASSIVE_LEVEL. STATUS_INVALID_PARAMETER for another form. wdm/nf-wdm-rtlguidfromstring */
export const RtlGUIDFromString = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'NTSTATUS RtlGUIDFromString(PCUNICODE_STRING GuidString, GUID *Guid)',
  page: 'wdm/nf-wdm-rtlguidfromstring',
  implement: (kernel: Kernel) => (GuidString: TextPointer, Guid: Address) => {
    const { data } = kernel.memory;
    const match = GUID_TEXT.exec(readUnicodeString(kernel.memory, GuidString));
    if (match === null) return STATUS_INVALID_PARAMETER;
    data.setUint32(Guid, Number.parseInt(match[1], 16), true);
    data.setUint16(Guid + 4, Number.parseInt(match[2], 16), true);
    data.setUint16(Guid + 6, Number.parseInt(match[3], 16), true);
    data.setUint16(Guid + 8, Number.parseInt(match[4], 16), false);
    for (let at = 0; at < 6; at++)
      data.setUint8(Guid + 10 + at, Number.parseInt(match[5].slice(at * 2, at * 2 + 2), 16));
    return STATUS_SUCCESS;
  },
});

/** Writes a GUID as `{...}` into a new buffer. IRQL = PASSIVE_LEVEL. STATUS_NO_MEMORY. wdm/nf-wdm-rtlstringfromguid */
export const RtlStringFromGUID = declareFunction('ntoskrnl', {
  ...passive,
  prototype: 'NTSTATUS RtlStringFromGUID(GUID *Guid, UNICODE_STRING *GuidString)',
  page: 'wdm/nf-wdm-rtlstringfromguid',
  implement: (kernel: Kernel, driver) => (Guid: Address, GuidString: Address) => {
    const { data } = kernel.memory;
    const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
    let node = '';
    for (let at = 10; at < 16; at++) node += hex(data.getUint8(Guid + at), 2);
    const text = `{${hex(data.getUint32(Guid, true), 8)}-${hex(data.getUint16(Guid + 4, true), 4)}-${hex(data.getUint16(Guid + 6, true), 4)}-${hex(data.getUint16(Guid + 8, false), 4)}-${node}}`;
    const status = makeRoom(kernel, driver, GuidString, text.length * 2, 2, true);
    if (status !== STATUS_SUCCESS) return status;
    const to = bufferOf(kernel.memory, GuidString);
    for (let at = 0; at < text.length; at++) data.setUint16(to + at * 2, text.charCodeAt(at), true);
    setLength(kernel.memory, GuidString, text.length * 2);
    return STATUS_SUCCESS;
  },
});

/** Bytes before the zero byte. Any IRQL for resident texts. C runtime. */
export const strlen = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'SIZE_T strlen(PCSTR str)',
  page: 'wdm/nf-wdm-rtlinitansistring',
  implement: (kernel: Kernel) => (str: TextPointer) => terminatedLength(kernel.memory, str),
});

/** UTF-16 units before the zero unit. C runtime. */
export const wcslen = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'SIZE_T wcslen(PCWSTR str)',
  page: 'wdm/nf-wdm-rtlinitunicodestring',
  implement: (kernel: Kernel) => (str: TextPointer) => terminatedUnits(kernel.memory, str),
});

/** Copies a zero-terminated text; returns the destination. C runtime. */
export const strcpy = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'PVOID strcpy(PVOID dest, PCSTR src)',
  page: 'wdm/nf-wdm-rtlinitansistring',
  implement: (kernel: Kernel) => (dest: Address, src: TextPointer) => {
    kernel.memory.u8.copyWithin(dest, src, src + terminatedLength(kernel.memory, src) + 1);
    return dest;
  },
});

/** Compares zero-terminated UTF-16 texts without regard to case. C runtime. */
export const _wcsicmp = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'INT _wcsicmp(PCWSTR string1, PCWSTR string2)',
  page: 'wdm/nf-wdm-rtlinitunicodestring',
  implement: (kernel: Kernel) => (string1: TextPointer, string2: TextPointer) => {
    const [left, right] = [
      readTerminatedUtf16(kernel.memory, string1),
      readTerminatedUtf16(kernel.memory, string2),
    ].map((text) => text.toLowerCase());
    return left < right ? -1 : left > right ? 1 : 0;
  },
});

/** A unit in lower case. C runtime. */
export const towlower = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'WCHAR towlower(WCHAR c)',
  page: 'wdm/nf-wdm-rtldowncaseunicodechar',
  implement: () => (c: number) => downcaseUnit(c),
});

/** Makes a zero-terminated text upper case in place; returns it. C runtime. */
export const _strupr = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'PVOID _strupr(PVOID str)',
  page: 'wdm/nf-wdm-rtlupcaseunicodechar',
  implement: (kernel: Kernel) => (str: Address) => {
    const { u8 } = kernel.memory;
    const end = str + terminatedLength(kernel.memory, str);
    for (let at = str; at < end; at++) if (u8[at] >= 0x61 && u8[at] <= 0x7a) u8[at] -= 0x20;
    return str;
  },
});
