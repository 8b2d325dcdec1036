/** Opening, creating and deleting keys: ZwOpenKey, ZwOpenKeyEx, ZwCreateKey, ZwDeleteKey, ZwFlushKey (wdm.h). */

import { readUnicodeString } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { Handle, OutPointer, Pointer, TextPointer } from '../edge.ts';
import {
  KEY_CREATE_SUB_KEY,
  REG_CREATED_NEW_KEY,
  REG_OPENED_EXISTING_KEY,
  REG_OPTION_BACKUP_RESTORE,
  REG_OPTION_NON_VOLATILE,
  REG_OPTION_OPEN_LINK,
  REG_OPTION_VOLATILE,
} from '../generated/constants/common.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { OBJECT_ATTRIBUTES } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { readObjectAttributes } from '../objects/objectAttributes.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { giveKeyHandle, keyOfHandle } from './keyHandles.ts';
import { type KeyResult, registryOf } from './registry.ts';

const DELETE = 0x0001_0000;

/** Where OBJECT_ATTRIBUTES lead: from the root or from a key that was opened before. */
function openNamed(kernel: Kernel, rootDirectory: number, name: string): KeyResult {
  const registry = registryOf(kernel);
  if (rootDirectory === 0) return registry.openPath(name);
  const root = keyOfHandle(kernel, rootDirectory, 0);
  if (root.key === null) return { status: root.status, key: null };
  if (name.startsWith('\\')) return { status: STATUS_OBJECT_PATH_SYNTAX_BAD, key: null };
  return registry.openKey(root.key, name);
}

function openKeyFunction(name: 'ZwOpenKey' | 'ZwOpenKeyEx') {
  return (kernel: Kernel, driver: Driver) =>
    (
      KeyHandle: OutPointer,
      DesiredAccess: number,
      ObjectAttributes: Pointer<OBJECT_ATTRIBUTES>,
      OpenOptions = 0,
    ): NTSTATUS => {
      if (name === 'ZwOpenKeyEx' && (OpenOptions & ~(REG_OPTION_OPEN_LINK | REG_OPTION_BACKUP_RESTORE)) !== 0)
        return STATUS_INVALID_PARAMETER;
      const attributes = readObjectAttributes(kernel, ObjectAttributes);
      if (attributes === null) return STATUS_INVALID_PARAMETER;
      const found = openNamed(kernel, attributes.rootDirectory, attributes.name);
      if (found.key === null) return found.status;
      return giveKeyHandle(kernel, driver, found.key, DesiredAccess, attributes.attributes, KeyHandle);
    };
}

/**
 * Opens an existing key.
 * @returns STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwopenkey
 */
export const ZwOpenKey = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwopenkey',
  implement: (kernel: Kernel, driver) => {
    const open = openKeyFunction('ZwOpenKey')(kernel, driver);
    return (
      KeyHandle: OutPointer,
      DesiredAccess: number,
      ObjectAttributes: Pointer<OBJECT_ATTRIBUTES>,
    ): NTSTATUS => open(KeyHandle, DesiredAccess, ObjectAttributes);
  },
});

/**
 * Opens an existing key with options.
 * @returns as ZwOpenKey; STATUS_INVALID_PARAMETER for unknown options. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwopenkeyex
 */
export const ZwOpenKeyEx = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwOpenKeyEx(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, ULONG OpenOptions)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '7',
  page: 'wdm/nf-wdm-zwopenkeyex',
  implement: (kernel: Kernel, driver) => {
    const open = openKeyFunction('ZwOpenKeyEx')(kernel, driver);
    return (
      KeyHandle: OutPointer,
      DesiredAccess: number,
      ObjectAttributes: Pointer<OBJECT_ATTRIBUTES>,
      OpenOptions: number,
    ): NTSTATUS => open(KeyHandle, DesiredAccess, ObjectAttributes, OpenOptions);
  },
});

/**
 * Opens a key, or makes its last name where missing; the keys above must exist.
 * @returns STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_NAME_INVALID, STATUS_ACCESS_DENIED,
 * STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_CHILD_MUST_BE_VOLATILE. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-zwcreatekey
 */
export const ZwCreateKey = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ZwCreateKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, ULONG TitleIndex, PUNICODE_STRING Class, ULONG CreateOptions, PULONG Disposition)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwcreatekey',
  implement:
    (kernel: Kernel, driver) =>
    (
      KeyHandle: OutPointer,
      DesiredAccess: number,
      ObjectAttributes: Pointer<OBJECT_ATTRIBUTES>,
      _TitleIndex: number,
      Class: TextPointer,
      CreateOptions: number,
      Disposition: OutPointer,
    ): NTSTATUS => {
      const attributes = readObjectAttributes(kernel, ObjectAttributes);
      if (attributes === null) return STATUS_INVALID_PARAMETER;
      const volatile = (CreateOptions & REG_OPTION_VOLATILE) !== REG_OPTION_NON_VOLATILE;
      const options = { volatile, className: readUnicodeString(kernel.memory, Class) };
      const made = createNamed(kernel, attributes.rootDirectory, attributes.name, options);
      if (made.key === null) return made.status;
      const status = giveKeyHandle(kernel, driver, made.key, DesiredAccess, attributes.attributes, KeyHandle);
      if (NT_SUCCESS(status) && Disposition !== 0) {
        kernel.memory.u32[Disposition >> 2] = made.created ? REG_CREATED_NEW_KEY : REG_OPENED_EXISTING_KEY;
      }
      return status;
    },
});

function createNamed(
  kernel: Kernel,
  rootDirectory: number,
  name: string,
  options: { readonly volatile: boolean; readonly className: string },
): KeyResult {
  const found = openNamed(kernel, rootDirectory, name);
  if (found.status !== STATUS_OBJECT_NAME_NOT_FOUND) return found;
  const separator = name.replace(/\\$/, '').lastIndexOf('\\');
  const last = name.slice(separator + 1);
  const above = openNamed(kernel, rootDirectory, separator <= 0 ? '' : name.slice(0, separator));
  if (above.key === null) return above;
  // \Registry itself holds only the roots that the system makes.
  if (above.key.parent === null) return { status: STATUS_OBJECT_NAME_INVALID, key: null };
  if (rootDirectory !== 0 && separator < 0) {
    const root = keyOfHandle(kernel, rootDirectory, KEY_CREATE_SUB_KEY);
    if (root.key === null) return { status: root.status, key: null };
  }
  return registryOf(kernel).createKey(above.key, last, options);
}

/**
 * Deletes a key without subkeys; the handle needs DELETE access and stays to be closed.
 * @returns STATUS_SUCCESS, STATUS_ACCESS_DENIED, STATUS_INVALID_HANDLE, STATUS_CANNOT_DELETE. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-zwdeletekey
 */
export const ZwDeleteKey = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS ZwDeleteKey(HANDLE KeyHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwdeletekey',
  implement:
    (kernel: Kernel) =>
    (KeyHandle: Handle): NTSTATUS => {
      const found = keyOfHandle(kernel, KeyHandle, DELETE);
      return found.key === null ? found.status : registryOf(kernel).deleteKey(found.key);
    },
});

/**
 * Writes a key to disk; here memory is all there is, so only the handle matters.
 * @returns STATUS_SUCCESS, STATUS_INVALID_HANDLE, STATUS_KEY_DELETED. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwflushkey
 */
export const ZwFlushKey = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS ZwFlushKey(HANDLE KeyHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-zwflushkey',
  implement:
    (kernel: Kernel) =>
    (KeyHandle: Handle): NTSTATUS => {
      const found = keyOfHandle(kernel, KeyHandle, 0);
      return found.key === null ? found.status : STATUS_SUCCESS;
    },
});
