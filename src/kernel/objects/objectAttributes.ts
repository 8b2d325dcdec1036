/** OBJECT_ATTRIBUTES as functions that open something read them (ntdef/ns-ntdef-_object_attributes). */

import { type Address, readUnicodeString } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { OutPointer } from '../edge.ts';
import { OBJ_KERNEL_HANDLE, OBJ_VALID_ATTRIBUTES } from '../generated/constants/basic.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { OBJECT_ATTRIBUTES } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import type { NTSTATUS } from '../status.ts';
import { handlesOf, type KernelHandle, writeHandle } from './handleTable.ts';
import type { KernelObject } from './objectManager.ts';

/** What OBJECT_ATTRIBUTES say. */
export interface ObjectAttributes {
  readonly rootDirectory: KernelHandle;
  readonly name: string;
  readonly attributes: number;
}

/** Reads OBJECT_ATTRIBUTES; null where they are not valid (STATUS_INVALID_PARAMETER). */
export function readObjectAttributes(kernel: Kernel, address: Address): ObjectAttributes | null {
  const { memory } = kernel;
  if (address === 0) return null;
  const { offset, size } = OBJECT_ATTRIBUTES;
  if (memory.u32[(address + offset.Length) >> 2] !== size) return null;
  const attributes = memory.u32[(address + offset.Attributes) >> 2];
  if ((attributes & ~OBJ_VALID_ATTRIBUTES) !== 0) return null;
  return {
    rootDirectory: memory.readPointer(address + offset.RootDirectory),
    name: readUnicodeString(memory, memory.readPointer(address + offset.ObjectName)),
    attributes,
  };
}

/** Opens a handle for a driver and stores it; gives STATUS_INSUFFICIENT_RESOURCES at the limit of the table. */
export function giveHandle(
  kernel: Kernel,
  driver: Driver,
  object: KernelObject,
  access: number,
  attributes: number,
  out: Address,
): NTSTATUS {
  if (out === 0) return STATUS_INVALID_PARAMETER;
  const kernelHandle = (attributes & OBJ_KERNEL_HANDLE) !== 0;
  const handle = handlesOf(kernel).open(object, access, { driver, kernelHandle });
  if (handle === null) return STATUS_INSUFFICIENT_RESOURCES;
  writeHandle(kernel.memory, out, handle);
  return STATUS_SUCCESS;
}

/**
 * Fills OBJECT_ATTRIBUTES. The name must live as long as the structure, so it is an address, not a text.
 * @source ntdef/nf-ntdef-initializeobjectattributes
 */
export const InitializeObjectAttributes = declareFunction('ntoskrnl', {
  prototype: 'VOID InitializeObjectAttributes(PVOID p, PVOID n, ULONG a, HANDLE r, PVOID s)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'ntdef/nf-ntdef-initializeobjectattributes',
  inline: true,
  implement:
    ({ memory }: Kernel) =>
    (p: OutPointer, n: OutPointer, a: number, r: KernelHandle, s: OutPointer): void => {
      const { offset, size } = OBJECT_ATTRIBUTES;
      memory.u8.fill(0, p, p + size);
      memory.u32[(p + offset.Length) >> 2] = size;
      writeHandle(memory, p + offset.RootDirectory, r);
      memory.writePointer(p + offset.ObjectName, n);
      memory.u32[(p + offset.Attributes) >> 2] = a;
      memory.writePointer(p + offset.SecurityDescriptor, s);
    },
});
