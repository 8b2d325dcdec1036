/**
 * Numbers, GUIDs and hashes of texts, and the C runtime's functions for zero-terminated texts.
 * Implements RtlIntegerToUnicodeString, RtlGUIDFromString and their neighbours of wdm.h.
 */

import { type Address, readTerminatedUtf16, readUnicodeString } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { OutPointer, TextPointer } from '../edge.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { requireRange } from '../process/pageFault.ts';
import {
  bufferOf,
  downcaseUnit,
  makeRoom,
  maximumOf,
  setLength,
  terminatedLength,
  terminatedUnits,
  upcaseUnit,
} from './countedText.ts';

const anyLevel = { irql: 'any', waits: 'never', since: '2000' } as const;
const passive = { irql: 'PASSIVE_LEVEL', waits: 'never', since: '2000' } as const;
type Flag = boolean | number;

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
    const size = terminatedLength(kernel.memory, src) + 1;
    requireRange(kernel, 'strcpy: its destination', dest, size, 'write');
    kernel.memory.u8.copyWithin(dest, src, src + size);
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
    requireRange(kernel, '_strupr: its text', str, 1, 'write');
    const end = str + terminatedLength(kernel.memory, str);
    for (let at = str; at < end; at++) if (u8[at] >= 0x61 && u8[at] <= 0x7a) u8[at] -= 0x20;
    return str;
  },
});
