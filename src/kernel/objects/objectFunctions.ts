/** References to objects by handle and by address, and ZwClose (wdm.h, ntifs.h: ObReferenceObjectByHandle and its kin). */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Handle, OutPointer } from '../edge.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_HANDLE,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { procedure } from '../procedure.ts';
import type { NTSTATUS } from '../status.ts';
import { dereferenceThread, referenceThread, threadObjectAt } from '../sync/threadObject.ts';
import { handlesOf, handleText, type KernelHandle, writeHandle } from './handleTable.ts';
import { type KernelObject, objectsOf } from './objectManager.ts';

/** ZwCurrentThread(). */
const CURRENT_THREAD = -2;
const USER_MODE = 1;

const closeHandle = procedure<Kernel, { handle: KernelHandle; object: Address }>('ZwClose', {
  start: (kernel, locals, step) => {
    const entry = handlesOf(kernel).remove(locals.handle);
    if (entry === undefined) return step.done(STATUS_INVALID_HANDLE);
    const { object } = entry;
    locals.object = object.address;
    const { lastHandleClosed } = objectsOf(kernel).behaviour(object);
    if (object.handleCount > 0 || lastHandleClosed === undefined) return step.go('dereference');
    return step.run('dereference', lastHandleClosed, kernel, { address: object.address });
  },
  dereference: (kernel, locals, step) => {
    const objects = objectsOf(kernel);
    const object = objects.at(locals.object);
    if (object === undefined || !objects.release(object)) return step.done(STATUS_SUCCESS);
    const { remove } = objects.behaviour(object);
    if (remove !== undefined) {
      // The object is out of the table now; the thread that runs `remove` ends it.
      objects.removeLater(object);
      return step.done(STATUS_SUCCESS);
    }
    objects.finish(object);
    return step.done(STATUS_SUCCESS);
  },
});

/** Closes a handle as ZwClose does, for procedures of other concerns. */
export { closeHandle };

/**
 * Closes a handle. Closing the last handle of a file sends IRP_MJ_CLEANUP.
 * @returns STATUS_SUCCESS, STATUS_INVALID_HANDLE. IRQL: PASSIVE_LEVEL. @source ntifs/nf-ntifs-ntclose
 */
export const ZwClose = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS ZwClose(HANDLE Handle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'ntifs/nf-ntifs-ntclose',
  implement:
    (kernel: Kernel, driver) =>
    (Handle: Handle): Promise<NTSTATUS> => {
      if (handlesOf(kernel).resolve(Handle) === undefined) {
        kernel.report(
          'INVALID_HANDLE',
          driver,
          `ZwClose was called with ${handleText(Handle | 0)}, which is no open handle; close each handle once`,
          'ntifs/nf-ntifs-ntclose',
        );
      }
      return kernel.scheduler.execute(closeHandle, kernel, { handle: Handle | 0, object: 0 });
    },
});

/**
 * Closes a handle that was opened in an access mode.
 * @returns as ZwClose. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-obclosehandle
 */
export const ObCloseHandle = declareFunction('ntoskrnl', {
  prototype: 'NTSTATUS ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '7',
  page: 'wdm/nf-wdm-obclosehandle',
  implement:
    (kernel: Kernel) =>
    (Handle: Handle, PreviousMode: number): Promise<NTSTATUS> =>
      kernel.scheduler.execute(closeHandle, kernel, {
        // A user-mode caller cannot name a kernel handle.
        handle: PreviousMode === USER_MODE && (Handle | 0) < 0 ? 0 : Handle | 0,
        object: 0,
      }),
});

/**
 * References the object of a handle.
 * @returns STATUS_SUCCESS, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_ACCESS_DENIED.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-obreferenceobjectbyhandle
 */
export const ObReferenceObjectByHandle = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode, PVOID* Object, POBJECT_HANDLE_INFORMATION HandleInformation)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-obreferenceobjectbyhandle',
  implement:
    (kernel: Kernel) =>
    (
      Handle: Handle,
      DesiredAccess: number,
      ObjectType: Address,
      AccessMode: number,
      Object: OutPointer,
      HandleInformation: OutPointer,
    ): NTSTATUS => {
      const { memory } = kernel;
      memory.writePointer(Object, 0);
      if ((Handle | 0) === CURRENT_THREAD) return referenceCurrentThread(kernel, Object);
      const entry = handlesOf(kernel).resolve(Handle | 0);
      if (entry === undefined || (AccessMode === USER_MODE && entry.handle < 0)) return STATUS_INVALID_HANDLE;
      const type = ObjectType === 0 ? null : objectsOf(kernel).typeName(ObjectType);
      if (ObjectType !== 0 && type !== entry.object.type) return STATUS_OBJECT_TYPE_MISMATCH;
      if (AccessMode === USER_MODE && (DesiredAccess & ~entry.access) !== 0) return STATUS_ACCESS_DENIED;
      objectsOf(kernel).reference(entry.object);
      memory.writePointer(Object, entry.object.address);
      if (HandleInformation !== 0) {
        memory.u32[HandleInformation >> 2] = 0;
        memory.u32[(HandleInformation + 4) >> 2] = entry.access;
      }
      return STATUS_SUCCESS;
    },
});

function referenceCurrentThread(kernel: Kernel, out: Address): NTSTATUS {
  const { thread } = kernel.scheduler;
  if (thread === null) return STATUS_INVALID_HANDLE;
  reference(kernel, thread.address);
  kernel.memory.writePointer(out, thread.address);
  return STATUS_SUCCESS;
}

/**
 * Opens a handle to an object that the caller has a pointer to.
 * @returns STATUS_SUCCESS, STATUS_OBJECT_TYPE_MISMATCH, STATUS_INSUFFICIENT_RESOURCES. IRQL: PASSIVE_LEVEL.
 * @source ntifs/nf-ntifs-obopenobjectbypointer
 */
export const ObOpenObjectByPointer = declareFunction('ntoskrnl', {
  prototype:
    'NTSTATUS ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PVOID PassedAccessState, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode, PHANDLE Handle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'ntifs/nf-ntifs-obopenobjectbypointer',
  implement:
    (kernel: Kernel, driver) =>
    (
      Object: Address,
      HandleAttributes: number,
      _PassedAccessState: Address,
      DesiredAccess: number,
      ObjectType: Address,
      _AccessMode: number,
      Handle: OutPointer,
    ): NTSTATUS => {
      const object = objectsOf(kernel).at(Object);
      if (object === undefined) return STATUS_OBJECT_TYPE_MISMATCH;
      if (ObjectType !== 0 && objectsOf(kernel).typeName(ObjectType) !== object.type)
        return STATUS_OBJECT_TYPE_MISMATCH;
      const kernelHandle = (HandleAttributes & 0x200) !== 0;
      const handle = handlesOf(kernel).open(object, DesiredAccess, { driver, kernelHandle });
      if (handle === null) return STATUS_INSUFFICIENT_RESOURCES;
      writeHandle(kernel.memory, Handle, handle);
      return STATUS_SUCCESS;
    },
});

function knownObject(kernel: Kernel, address: Address, caller: string): KernelObject | null {
  const object = objectsOf(kernel).at(address);
  if (object !== undefined) return object;
  kernel.report(
    'NOT_AN_OBJECT',
    null,
    `${caller} was given 0x${(address >>> 0).toString(16)}, which is no live object; reference it while it lives`,
    'wdm/nf-wdm-obreferenceobject',
  );
  return null;
}

/** Takes a reference. @returns the new count. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-obreferenceobject */
export const ObfReferenceObject = declareFunction('ntoskrnl', {
  prototype: 'LONG_PTR ObfReferenceObject(PVOID Object)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-obreferenceobject',
  implement: (kernel: Kernel) => (Object: Address) => reference(kernel, Object),
});

/** Takes a reference; the macro around ObfReferenceObject. @source wdm/nf-wdm-obreferenceobject */
export const ObReferenceObject = declareFunction('ntoskrnl', {
  prototype: 'VOID ObReferenceObject(PVOID Object)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-obreferenceobject',
  inline: true,
  implement: (kernel: Kernel) => (Object: Address) => {
    reference(kernel, Object);
  },
});

function reference(kernel: Kernel, address: Address): number {
  const thread = threadObjectAt(kernel, address);
  if (thread !== null) {
    referenceThread(thread);
    return thread.references;
  }
  const object = knownObject(kernel, address, 'ObReferenceObject');
  if (object === null) return 1;
  objectsOf(kernel).reference(object);
  return object.pointerCount;
}

/** Gives a reference back. @returns the new count. IRQL <= DISPATCH_LEVEL. @source wdm/nf-wdm-obdereferenceobject */
export const ObfDereferenceObject = declareFunction('ntoskrnl', {
  prototype: 'LONG_PTR ObfDereferenceObject(PVOID Object)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-obdereferenceobject',
  implement: (kernel: Kernel) => (Object: Address) => dereference(kernel, Object),
});

/** Gives a reference back; the macro around ObfDereferenceObject. @source wdm/nf-wdm-obdereferenceobject */
export const ObDereferenceObject = declareFunction('ntoskrnl', {
  prototype: 'VOID ObDereferenceObject(PVOID Object)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-obdereferenceobject',
  inline: true,
  implement: (kernel: Kernel) => (Object: Address) => {
    dereference(kernel, Object);
  },
});

function dereference(kernel: Kernel, address: Address): number {
  const thread = threadObjectAt(kernel, address);
  if (thread !== null) {
    dereferenceThread(kernel, thread);
    return thread.references;
  }
  const object = knownObject(kernel, address, 'ObDereferenceObject');
  return object === null ? 1 : objectsOf(kernel).dereference(object);
}
