/**
 * The bytes of registry values and the JavaScript values that stand for them.
 * Implements "Registry Value Types" of the Windows SDK and the Type member of KEY_VALUE_BASIC_INFORMATION
 * (wdm/ns-wdm-_key_value_basic_information).
 */

import { NdisboxError } from '../errors.ts';
import {
  REG_BINARY,
  REG_DWORD,
  REG_DWORD_BIG_ENDIAN,
  REG_EXPAND_SZ,
  REG_FULL_RESOURCE_DESCRIPTOR,
  REG_LINK,
  REG_MULTI_SZ,
  REG_NONE,
  REG_QWORD,
  REG_RESOURCE_LIST,
  REG_RESOURCE_REQUIREMENTS_LIST,
  REG_SZ,
} from '../generated/constants/common.ts';

/** What the host reads and writes: text, list of texts, 32-bit number, 64-bit number, bytes. */
export type RegistryData = string | readonly string[] | number | bigint | Uint8Array;

const names = new Map<number, string>([
  [REG_NONE, 'REG_NONE'],
  [REG_SZ, 'REG_SZ'],
  [REG_EXPAND_SZ, 'REG_EXPAND_SZ'],
  [REG_BINARY, 'REG_BINARY'],
  [REG_DWORD, 'REG_DWORD'],
  [REG_DWORD_BIG_ENDIAN, 'REG_DWORD_BIG_ENDIAN'],
  [REG_LINK, 'REG_LINK'],
  [REG_MULTI_SZ, 'REG_MULTI_SZ'],
  [REG_RESOURCE_LIST, 'REG_RESOURCE_LIST'],
  [REG_FULL_RESOURCE_DESCRIPTOR, 'REG_FULL_RESOURCE_DESCRIPTOR'],
  [REG_RESOURCE_REQUIREMENTS_LIST, 'REG_RESOURCE_REQUIREMENTS_LIST'],
  [REG_QWORD, 'REG_QWORD'],
]);

/** The documented name of a type, `REG_SZ`; its number where it has none. */
export function registryTypeName(type: number): string {
  return names.get(type) ?? `type ${type}`;
}

/** The type that a host value has unless told otherwise. */
export function defaultType(data: RegistryData): number {
  if (typeof data === 'string') return REG_SZ;
  if (typeof data === 'number') return REG_DWORD;
  if (typeof data === 'bigint') return REG_QWORD;
  return data instanceof Uint8Array ? REG_BINARY : REG_MULTI_SZ;
}

/**
 * The bytes of a host value as a type keeps them; texts get their terminating zero.
 * @throws NdisboxError REGISTRY_VALUE_TYPE where the value does not fit the type.
 */
export function encodeValue(type: number, data: RegistryData): Uint8Array {
  if (data instanceof Uint8Array) return data;
  switch (type) {
    case REG_SZ:
    case REG_EXPAND_SZ:
    case REG_LINK:
      if (typeof data === 'string') return utf16Bytes(type === REG_LINK ? data : `${data}\0`);
      break;
    case REG_MULTI_SZ:
      if (typeof data === 'object') return multiStringBytes(data);
      break;
    case REG_DWORD:
    case REG_DWORD_BIG_ENDIAN:
      if (typeof data === 'number' && Number.isInteger(data) && data >= -0x8000_0000 && data <= 0xffff_ffff)
        return dwordBytes(data, type === REG_DWORD);
      break;
    case REG_QWORD:
      if (typeof data === 'bigint' || (typeof data === 'number' && Number.isSafeInteger(data)))
        return qwordBytes(BigInt(data));
      break;
    default:
  }
  throw new NdisboxError(
    'REGISTRY_VALUE_TYPE',
    `${typeof data === 'object' ? 'a list of texts' : `${typeof data} ${String(data)}`} is no ${registryTypeName(type)}; give bytes, or another type`,
  );
}

/** The host value of the bytes of a type; bytes whose length does not fit the type come back as bytes. */
export function decodeValue(type: number, data: Uint8Array): RegistryData {
  switch (type) {
    case REG_SZ:
    case REG_EXPAND_SZ:
      return untilZero(utf16Text(data));
    case REG_LINK:
      return utf16Text(data);
    case REG_MULTI_SZ:
      return multiStrings(data);
    case REG_DWORD:
    case REG_DWORD_BIG_ENDIAN:
      if (data.length !== 4) return data.slice();
      return new DataView(data.buffer, data.byteOffset, 4).getUint32(0, type === REG_DWORD);
    case REG_QWORD:
      if (data.length !== 8) return data.slice();
      return new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
    default:
      return data.slice();
  }
}

/** UTF-16LE bytes of a text. */
export function utf16Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    bytes[index * 2] = unit & 0xff;
    bytes[index * 2 + 1] = unit >> 8;
  }
  return bytes;
}

/** The text of UTF-16LE bytes; an odd byte at the end is ignored. */
export function utf16Text(bytes: Uint8Array): string {
  const parts: string[] = [];
  let text = '';
  for (let index = 0; index + 1 < bytes.length; index += 2) {
    text += String.fromCharCode(bytes[index] | (bytes[index + 1] << 8));
    if (text.length === 4096) {
      parts.push(text);
      text = '';
    }
  }
  return parts.join('') + text;
}

/** The texts of a REG_MULTI_SZ; its end is the empty text or the end of the bytes. */
export function multiStrings(bytes: Uint8Array): string[] {
  const text = utf16Text(bytes);
  const strings: string[] = [];
  let at = 0;
  while (at < text.length) {
    const zero = text.indexOf('\0', at);
    const end = zero < 0 ? text.length : zero;
    if (end === at) break;
    strings.push(text.slice(at, end));
    at = end + 1;
  }
  return strings;
}

function multiStringBytes(texts: readonly string[]): Uint8Array {
  const unfit = texts.find((text) => text === '' || text.includes('\0'));
  if (unfit !== undefined) {
    throw new NdisboxError(
      'REGISTRY_VALUE_TYPE',
      'a REG_MULTI_SZ cannot hold an empty text or one with a zero character; leave it out, or give bytes',
    );
  }
  return utf16Bytes(`${texts.map((text) => `${text}\0`).join('')}\0`);
}

function untilZero(text: string): string {
  const zero = text.indexOf('\0');
  return zero < 0 ? text : text.slice(0, zero);
}

function dwordBytes(value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0, littleEndian);
  return bytes;
}

function qwordBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return bytes;
}
