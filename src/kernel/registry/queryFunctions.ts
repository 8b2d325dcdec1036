/** Reading and writing through key handles: values, enumeration and queries (ZwQueryValueKey and its kin, wdm.h). */

import { readUnicodeString } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Handle, OutPointer, TextPointer } from '../edge.ts';
import {
  KEY_ENUMERATE_SUB_KEYS,
  KEY_QUERY_VALUE,
  KEY_SET_VALUE,
  KeyCachedInformation,
  KeyFullInformation,
  KeyNameInformation,
} from '../generated/constants/common.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_ENTRIES,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import type { NTSTATUS } from '../status.ts';
import { deliver, keyInformation, valueInformation } from './information.ts';
import { sortedSubkeys } from './key.ts';
import { keyOfHandle } from './keyHandles.ts';
import { registryOf } from './registry.ts';

/**
 * Reads a value.
 * @returns STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
 * STATUS_INVALID_PARAMETER. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwqueryvaluekey
 */
export const ZwQueryValueKey = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass, PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwqueryvaluekey',
  implement:
    (kernel: Kernel) =>
    (
      KeyHandle: Handle,
      ValueName: TextPointer,
      KeyValueInformationClass: number,
      KeyValueInformation: OutPointer,
      Length: number,
      ResultLength: OutPointer,
    ): NTSTATUS => {
      const found = keyOfHandle(kernel, KeyHandle, KEY_QUERY_VALUE);
      if (found.key === null) return found.status;
      const value = registryOf(kernel).value(found.key, readUnicodeString(kernel.memory, ValueName));
      if (value === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
      const information = valueInformation(value, KeyValueInformationClass);
      if (information === null) return STATUS_INVALID_PARAMETER;
      return deliver(kernel, information, KeyValueInformation, Length >>> 0, ResultLength);
    },
});

/**
 * Creates or replaces a value.
 * @returns STATUS_SUCCESS, STATUS_ACCESS_DENIED, STATUS_INVALID_HANDLE, and the limits of the registry.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwsetvaluekey
 */
export const ZwSetValueKey = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type, PVOID Data, ULONG DataSize)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwsetvaluekey',
  implement:
    (kernel: Kernel) =>
    (
      KeyHandle: Handle,
      ValueName: TextPointer,
      _TitleIndex: number,
      Type: number,
      Data: OutPointer,
      DataSize: number,
    ): NTSTATUS => {
      const { memory } = kernel;
      const found = keyOfHandle(kernel, KeyHandle, KEY_SET_VALUE);
      if (found.key === null) return found.status;
      const size = DataSize >>> 0;
      if (size > 0 && (Data <= 0 || Data + size > memory.size)) return STATUS_INVALID_PARAMETER;
      const name = readUnicodeString(memory, ValueName);
      return registryOf(kernel).setValue(found.key, name, Type, memory.u8.subarray(Data, Data + size));
    },
});

/**
 * Deletes a value.
 * @returns STATUS_SUCCESS, STATUS_ACCESS_DENIED, STATUS_INVALID_HANDLE, STATUS_OBJECT_NAME_NOT_FOUND.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwdeletevaluekey
 */
export const ZwDeleteValueKey = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS ZwDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwdeletevaluekey',
  implement:
    (kernel: Kernel) =>
    (KeyHandle: Handle, ValueName: TextPointer): NTSTATUS => {
      const found = keyOfHandle(kernel, KeyHandle, KEY_SET_VALUE);
      if (found.key === null) return found.status;
      return registryOf(kernel).deleteValue(found.key, readUnicodeString(kernel.memory, ValueName));
    },
});

/**
 * Describes the subkey at an index; subkeys are numbered sorted by name.
 * @returns STATUS_SUCCESS, STATUS_NO_MORE_ENTRIES, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
 * STATUS_INVALID_PARAMETER. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwenumeratekey
 */
export const ZwEnumerateKey = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwEnumerateKey(HANDLE KeyHandle, ULONG Index, KEY_INFORMATION_CLASS KeyInformationClass, PVOID KeyInformation, ULONG Length, PULONG ResultLength)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwenumeratekey',
  implement:
    (kernel: Kernel) =>
    (
      KeyHandle: Handle,
      Index: number,
      KeyInformationClass: number,
      KeyInformation: OutPointer,
      Length: number,
      ResultLength: OutPointer,
    ): NTSTATUS => {
      const found = keyOfHandle(kernel, KeyHandle, KEY_ENUMERATE_SUB_KEYS);
      if (found.key === null) return found.status;
      if (KeyInformationClass > KeyFullInformation) return STATUS_INVALID_PARAMETER;
      const child = sortedSubkeys(found.key).at(Index);
      if (child === undefined || Index < 0) return STATUS_NO_MORE_ENTRIES;
      const information = keyInformation(child, KeyInformationClass);
      if (information === null) return STATUS_INVALID_PARAMETER;
      return deliver(kernel, information, KeyInformation, Length >>> 0, ResultLength);
    },
});

/**
 * Describes the value at an index; values are numbered in order of creation.
 * @returns as ZwEnumerateKey. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwenumeratevaluekey
 */
export const ZwEnumerateValueKey = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwEnumerateValueKey(HANDLE KeyHandle, ULONG Index, KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass, PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwenumeratevaluekey',
  implement:
    (kernel: Kernel) =>
    (
      KeyHandle: Handle,
      Index: number,
      KeyValueInformationClass: number,
      KeyValueInformation: OutPointer,
      Length: number,
      ResultLength: OutPointer,
    ): NTSTATUS => {
      const found = keyOfHandle(kernel, KeyHandle, KEY_QUERY_VALUE);
      if (found.key === null) return found.status;
      const value = [...found.key.values.values()][Index];
      if (value === undefined) return STATUS_NO_MORE_ENTRIES;
      const information = valueInformation(value, KeyValueInformationClass);
      if (information === null) return STATUS_INVALID_PARAMETER;
      return deliver(kernel, information, KeyValueInformation, Length >>> 0, ResultLength);
    },
});

/**
 * Describes a key: its name, its class, the number and sizes of its subkeys and values.
 * @returns STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwquerykey
 */
export const ZwQueryKey = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwQueryKey(HANDLE KeyHandle, KEY_INFORMATION_CLASS KeyInformationClass, PVOID KeyInformation, ULONG Length, PULONG ResultLength)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwquerykey',
  implement:
    (kernel: Kernel) =>
    (
      KeyHandle: Handle,
      KeyInformationClass: number,
      KeyInformation: OutPointer,
      Length: number,
      ResultLength: OutPointer,
    ): NTSTATUS => {
      const needed = KeyInformationClass === KeyNameInformation ? 0 : KEY_QUERY_VALUE;
      const found = keyOfHandle(kernel, KeyHandle, needed);
      if (found.key === null) return found.status;
      if (KeyInformationClass > KeyCachedInformation) return STATUS_INVALID_PARAMETER;
      const information = keyInformation(found.key, KeyInformationClass);
      if (information === null) return STATUS_INVALID_PARAMETER;
      return deliver(kernel, information, KeyInformation, Length >>> 0, ResultLength);
    },
});
