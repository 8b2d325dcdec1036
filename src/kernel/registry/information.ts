/**
 * The structures in which the registry answers queries (KEY_BASIC_INFORMATION, KEY_VALUE_FULL_INFORMATION, ...) as
 * bytes, and how they go into a caller's buffer that may be too small. Implements wdm/ne-wdm-_key_information_class,
 * wdm/ne-wdm-_key_value_information_class and the pages of the structures.
 */

import type { Address } from '../../memory/index.ts';
import {
  KeyBasicInformation,
  KeyCachedInformation,
  KeyFullInformation,
  KeyNameInformation,
  KeyNodeInformation,
  KeyValueBasicInformation,
  KeyValueFullInformation,
  KeyValueFullInformationAlign64,
  KeyValuePartialInformation,
  KeyValuePartialInformationAlign64,
} from '../generated/constants/common.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import type { NTSTATUS } from '../status.ts';
import { keyPath, type RegistryKey, type RegistryValue } from './key.ts';
import { utf16Bytes } from './valueData.ts';

/** An answer: all its bytes, and how many of them must fit for any to be written. */
export interface Information {
  readonly bytes: Uint8Array;
  readonly fixed: number;
}

/**
 * Writes an answer to the caller's buffer.
 * @returns STATUS_BUFFER_TOO_SMALL where not even the fixed part fits, STATUS_BUFFER_OVERFLOW where only a part does.
 */
export function deliver(
  kernel: Kernel,
  { bytes, fixed }: Information,
  buffer: Address,
  length: number,
  resultLength: Address,
): NTSTATUS {
  const { memory } = kernel;
  if (resultLength !== 0) memory.u32[resultLength >> 2] = bytes.length;
  if (length < fixed || buffer === 0) return STATUS_BUFFER_TOO_SMALL;
  memory.u8.set(bytes.length <= length ? bytes : bytes.subarray(0, length), buffer);
  return bytes.length <= length ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
}

/** What a class says of a key; null for a class that is not supported (STATUS_INVALID_PARAMETER). */
export function keyInformation(key: RegistryKey, informationClass: number): Information | null {
  const name = utf16Bytes(key.name);
  switch (informationClass) {
    case KeyBasicInformation: {
      const { view, bytes } = answer(16 + name.length);
      view.setBigUint64(0, BigInt(key.lastWriteTime), true);
      view.setUint32(12, name.length, true);
      bytes.set(name, 16);
      return { bytes, fixed: 16 };
    }
    case KeyNodeInformation:
      return nodeInformation(key, name);
    case KeyFullInformation:
      return fullInformation(key);
    case KeyNameInformation: {
      const path = utf16Bytes(keyPath(key));
      const { view, bytes } = answer(4 + path.length);
      view.setUint32(0, path.length, true);
      bytes.set(path, 4);
      return { bytes, fixed: 4 };
    }
    case KeyCachedInformation: {
      const { view, bytes } = answer(40);
      view.setBigUint64(0, BigInt(key.lastWriteTime), true);
      writeCounts(view, 12, key);
      // The counts of a key's children lie as in KEY_FULL_INFORMATION, but without the longest class.
      view.setUint32(20, key.values.size, true);
      view.setUint32(24, longest(key, 'valueName'), true);
      view.setUint32(28, longest(key, 'data'), true);
      view.setUint32(32, name.length, true);
      return { bytes, fixed: 40 };
    }
    default:
      return null;
  }
}

function nodeInformation(key: RegistryKey, name: Uint8Array): Information {
  const className = utf16Bytes(key.className);
  const classOffset = (24 + name.length + 3) & ~3;
  const total = className.length === 0 ? 24 + name.length : classOffset + className.length;
  const { view, bytes } = answer(total);
  view.setBigUint64(0, BigInt(key.lastWriteTime), true);
  view.setUint32(12, className.length === 0 ? 0xffff_ffff : classOffset, true);
  view.setUint32(16, className.length, true);
  view.setUint32(20, name.length, true);
  bytes.set(name, 24);
  if (className.length > 0) bytes.set(className, classOffset);
  return { bytes, fixed: 24 };
}

function fullInformation(key: RegistryKey): Information {
  const className = utf16Bytes(key.className);
  const { view, bytes } = answer(44 + className.length);
  view.setBigUint64(0, BigInt(key.lastWriteTime), true);
  view.setUint32(12, className.length === 0 ? 0xffff_ffff : 44, true);
  view.setUint32(16, className.length, true);
  writeCounts(view, 20, key);
  view.setUint32(28, longest(key, 'className'), true);
  view.setUint32(32, key.values.size, true);
  view.setUint32(36, longest(key, 'valueName'), true);
  view.setUint32(40, longest(key, 'data'), true);
  bytes.set(className, 44);
  return { bytes, fixed: 44 };
}

/** SubKeys and MaxNameLen. */
function writeCounts(view: DataView, at: number, key: RegistryKey): void {
  view.setUint32(at, key.subkeys.size, true);
  view.setUint32(at + 4, longest(key, 'keyName'), true);
}

/** Bytes of the longest name, class, value name or data below a key. */
function longest(key: RegistryKey, what: 'keyName' | 'className' | 'valueName' | 'data'): number {
  let most = 0;
  if (what === 'keyName' || what === 'className') {
    for (const child of key.subkeys.values()) {
      most = Math.max(most, (what === 'keyName' ? child.name : child.className).length * 2);
    }
    return most;
  }
  for (const value of key.values.values()) {
    most = Math.max(most, what === 'data' ? value.data.length : value.name.length * 2);
  }
  return most;
}

/** What a class says of a value; null for a class that is not supported (STATUS_INVALID_PARAMETER). */
export function valueInformation(value: RegistryValue, informationClass: number): Information | null {
  const { type, data } = value;
  const name = utf16Bytes(value.name);
  switch (informationClass) {
    case KeyValueBasicInformation: {
      const { view, bytes } = answer(12 + name.length);
      view.setUint32(4, type, true);
      view.setUint32(8, name.length, true);
      bytes.set(name, 12);
      return { bytes, fixed: 12 };
    }
    case KeyValueFullInformation:
    case KeyValueFullInformationAlign64: {
      const alignment = informationClass === KeyValueFullInformation ? 4 : 8;
      const offset = (20 + name.length + alignment - 1) & -alignment;
      const { view, bytes } = answer(data.length === 0 ? 20 + name.length : offset + data.length);
      view.setUint32(4, type, true);
      view.setUint32(8, data.length === 0 ? 0xffff_ffff : offset, true);
      view.setUint32(12, data.length, true);
      view.setUint32(16, name.length, true);
      bytes.set(name, 20);
      if (data.length > 0) bytes.set(data, offset);
      return { bytes, fixed: 20 };
    }
    case KeyValuePartialInformation: {
      const { view, bytes } = answer(12 + data.length);
      view.setUint32(4, type, true);
      view.setUint32(8, data.length, true);
      bytes.set(data, 12);
      return { bytes, fixed: 12 };
    }
    case KeyValuePartialInformationAlign64: {
      const { view, bytes } = answer(8 + data.length);
      view.setUint32(0, type, true);
      view.setUint32(4, data.length, true);
      bytes.set(data, 8);
      return { bytes, fixed: 8 };
    }
    default:
      return null;
  }
}

function answer(size: number): { readonly view: DataView; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(size);
  return { view: new DataView(bytes.buffer), bytes };
}
