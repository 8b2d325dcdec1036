/** The Rtl routines that name keys by a well-known place and a path: write, delete, check, create (wdm.h). */

import { type Address, readTerminatedUtf16 } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { OutPointer } from '../edge.ts';
import {
  RTL_REGISTRY_ABSOLUTE,
  RTL_REGISTRY_CONTROL,
  RTL_REGISTRY_DEVICEMAP,
  RTL_REGISTRY_HANDLE,
  RTL_REGISTRY_MAXIMUM,
  RTL_REGISTRY_OPTIONAL,
  RTL_REGISTRY_SERVICES,
  RTL_REGISTRY_USER,
  RTL_REGISTRY_WINDOWS_NT,
} from '../generated/constants/common.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { handlesOf } from '../objects/handleTable.ts';
import type { NTSTATUS } from '../status.ts';
import { keyOfHandle } from './keyHandles.ts';
import { type KeyResult, registryOf } from './registry.ts';

/** A pointer to a zero-terminated UTF-16 text: TypeScript drivers give a text. */
export type WideText = Address & { readonly __text: true };

const places = new Map<number, string>([
  [RTL_REGISTRY_ABSOLUTE, ''],
  [RTL_REGISTRY_SERVICES, '\\Registry\\Machine\\System\\CurrentControlSet\\Services'],
  [RTL_REGISTRY_CONTROL, '\\Registry\\Machine\\System\\CurrentControlSet\\Control'],
  [RTL_REGISTRY_WINDOWS_NT, '\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion'],
  [RTL_REGISTRY_DEVICEMAP, '\\Registry\\Machine\\Hardware\\DeviceMap'],
  [RTL_REGISTRY_USER, '\\Registry\\User\\.Default'],
]);

/** The key that RelativeTo and Path name. @param create make what is missing. */
export function keyOfPlace(kernel: Kernel, RelativeTo: number, Path: Address, create: boolean): KeyResult {
  if ((RelativeTo & RTL_REGISTRY_HANDLE) !== 0) {
    const found = keyOfHandle(kernel, Path, 0);
    return found.key === null ? { status: found.status, key: null } : { ...found, created: false };
  }
  const place = (RelativeTo & ~RTL_REGISTRY_OPTIONAL) >>> 0;
  const prefix = places.get(place);
  if (place >= RTL_REGISTRY_MAXIMUM || prefix === undefined)
    return { status: STATUS_INVALID_PARAMETER, key: null };
  const path = readTerminatedUtf16(kernel.memory, Path);
  const full = prefix === '' ? path : path === '' ? prefix : `${prefix}\\${path}`;
  const registry = registryOf(kernel);
  if (!create) return registry.openPath(full);
  const found = registry.openPath(full);
  if (found.key !== null || !/^\\registry\\[^\\]+\\/i.test(full)) return found;
  return registry.createKey(registry.root, full.slice('\\Registry\\'.length));
}

/**
 * Writes a value; keys that are missing are made.
 * @returns STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_INVALID_HANDLE, STATUS_OBJECT_NAME_NOT_FOUND.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-rtlwriteregistryvalue
 */
export const RtlWriteRegistryValue = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS RtlWriteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName, ULONG ValueType, PVOID ValueData, ULONG ValueLength)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-rtlwriteregistryvalue',
  implement:
    (kernel: Kernel) =>
    (
      RelativeTo: number,
      Path: WideText,
      ValueName: WideText,
      ValueType: number,
      ValueData: OutPointer,
      ValueLength: number,
    ): NTSTATUS => {
      const { memory } = kernel;
      const found = keyOfPlace(kernel, RelativeTo, Path, true);
      if (found.key === null) return found.status;
      const length = ValueLength >>> 0;
      if (length > 0 && (ValueData <= 0 || ValueData + length > memory.size)) return STATUS_INVALID_PARAMETER;
      const name = readTerminatedUtf16(memory, ValueName);
      const data = memory.u8.subarray(ValueData, ValueData + length);
      return registryOf(kernel).setValue(found.key, name, ValueType, data);
    },
});

/**
 * Deletes a value.
 * @returns STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-rtldeleteregistryvalue
 */
export const RtlDeleteRegistryValue = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS RtlDeleteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-rtldeleteregistryvalue',
  implement:
    (kernel: Kernel) =>
    (RelativeTo: number, Path: WideText, ValueName: WideText): NTSTATUS => {
      const found = keyOfPlace(kernel, RelativeTo, Path, false);
      if (found.key === null) return found.status;
      return registryOf(kernel).deleteValue(found.key, readTerminatedUtf16(kernel.memory, ValueName));
    },
});

/**
 * Says whether a key exists. With RTL_REGISTRY_HANDLE the handle is closed, as the documentation warns.
 * @returns STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-rtlcheckregistrykey
 */
export const RtlCheckRegistryKey = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS RtlCheckRegistryKey(ULONG RelativeTo, PWSTR Path)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-rtlcheckregistrykey',
  implement:
    (kernel: Kernel, driver) =>
    (RelativeTo: number, Path: WideText): NTSTATUS => {
      const { status } = keyOfPlace(kernel, RelativeTo, Path, false);
      if ((RelativeTo & RTL_REGISTRY_HANDLE) !== 0 && status === STATUS_SUCCESS) {
        kernel.report(
          'HANDLE_CLOSED_BY_CHECK',
          driver,
          'RtlCheckRegistryKey was called with RTL_REGISTRY_HANDLE, which closes the handle; do not call it with an open key',
          'wdm/nf-wdm-rtlcheckregistrykey',
        );
        handlesOf(kernel).closeNow(Path);
      }
      return status;
    },
});

/**
 * Makes a key and what is missing above it.
 * @returns STATUS_SUCCESS, STATUS_INVALID_PARAMETER, and the limits of the registry. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-rtlcreateregistrykey
 */
export const RtlCreateRegistryKey = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS RtlCreateRegistryKey(ULONG RelativeTo, PWSTR Path)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-rtlcreateregistrykey',
  implement:
    (kernel: Kernel) =>
    (RelativeTo: number, Path: WideText): NTSTATUS =>
      keyOfPlace(kernel, RelativeTo, Path, true).status,
});
