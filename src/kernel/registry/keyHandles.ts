/** Registry keys behind handles: opening them for drivers and checking access (wdm/nf-wdm-zwcreatekey, DesiredAccess). */

import type { Address } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import { KEY_ALL_ACCESS, KEY_EXECUTE, KEY_READ, KEY_WRITE } from '../generated/constants/common.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_HANDLE,
  STATUS_KEY_DELETED,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { handlesOf, type KernelHandle } from '../objects/handleTable.ts';
import { giveHandle } from '../objects/objectAttributes.ts';
import { objectsOf } from '../objects/objectManager.ts';
import type { NTSTATUS } from '../status.ts';
import { keyPath, type RegistryKey } from './key.ts';

const MAXIMUM_ALLOWED = 0x0200_0000;
const GENERIC_READ = 0x8000_0000;
const GENERIC_WRITE = 0x4000_0000;
const GENERIC_EXECUTE = 0x2000_0000;
const GENERIC_ALL = 0x1000_0000;

/** Generic rights as the rights of keys. */
export function keyAccess(desired: number): number {
  let access = desired & 0x001f_ffff;
  if ((desired & (GENERIC_ALL | MAXIMUM_ALLOWED)) !== 0) access |= KEY_ALL_ACCESS;
  if ((desired & GENERIC_READ) !== 0) access |= KEY_READ;
  if ((desired & GENERIC_WRITE) !== 0) access |= KEY_WRITE;
  if ((desired & GENERIC_EXECUTE) !== 0) access |= KEY_EXECUTE;
  return access;
}

/** Opens a handle to a key for a driver and stores it. */
export function giveKeyHandle(
  kernel: Kernel,
  driver: Driver,
  key: RegistryKey,
  desiredAccess: number,
  attributes: number,
  out: Address,
): NTSTATUS {
  const objects = objectsOf(kernel);
  const object = objects.create('Key', keyPath(key), key);
  const status = giveHandle(kernel, driver, object, keyAccess(desiredAccess), attributes, out);
  // The handle has its own reference; without a handle the object ends here.
  objects.dereference(object);
  return status;
}

/** A key behind a handle, or why there is none. */
export type KeyOfHandle =
  | { readonly status: NTSTATUS; readonly key: RegistryKey; readonly access: number }
  | { readonly status: NTSTATUS; readonly key: null };

/** The key that a driver opened with at least the rights `needed`. */
export function keyOfHandle(kernel: Kernel, handle: KernelHandle, needed: number): KeyOfHandle {
  const entry = handlesOf(kernel).resolve(handle | 0);
  if (entry === undefined) return { status: STATUS_INVALID_HANDLE, key: null };
  if (entry.object.type !== 'Key') return { status: STATUS_OBJECT_TYPE_MISMATCH, key: null };
  if ((needed & ~entry.access) !== 0) return { status: STATUS_ACCESS_DENIED, key: null };
  // Objects of type Key are made by giveKeyHandle only, with a key as body.
  const key = entry.object.body as RegistryKey;
  if (key.deleted) return { status: STATUS_KEY_DELETED, key: null };
  return { status: STATUS_SUCCESS, key, access: entry.access };
}
