import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesAt, unicodeString } from '../../../test/support/cells.ts';
import { createIoMachine, loadIoDriver } from '../../../test/support/ioDriver.ts';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { REFERENCE_BY_POINTER } from '../generated/constants/bugCheck.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_HANDLE,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { HANDLE_LIMIT, handlesOf } from './handleTable.ts';
import { objectsOf } from './objectManager.ts';

/** A machine whose driver has a key open. */
async function withKey() {
  const m = createIoMachine();
  const { imports, kernel } = m;
  const cell = bytesAt(kernel, 16);
  const attributes = bytesAt(kernel, 48);
  imports.InitializeObjectAttributes(attributes, unicodeString(kernel, '\\Registry\\Machine'), 0x240, 0, 0);
  await m.run(() => imports.ZwOpenKey(cell, 0x2_0019, attributes));
  const handle = kernel.memory.readPointer(cell);
  return { m, cell, handle };
}

describe('objects', () => {
  test('a handle gives a reference where type and access fit (wdm/nf-wdm-obreferenceobjectbyhandle)', async () => {
    const { m, cell, handle } = await withKey();
    const { imports, kernel } = m;
    const keyType = objectsOf(kernel).typeAddress('Key');
    const fileType = objectsOf(kernel).typeAddress('File');
    await m.run(() => {
      const get = (at: number, access: number, type: number, mode: number) =>
        imports.ObReferenceObjectByHandle(at, access, type, mode, cell, cell + 8);
      expect(get(handle, 0, keyType, 0)).toBe(STATUS_SUCCESS);
      const object = kernel.memory.readPointer(cell);
      expect(kernel.memory.u32[(cell + 12) >> 2]).toBe(0x2_0019);
      expect(imports.ObfReferenceObject(object)).toBe(3);
      expect(imports.ObfDereferenceObject(object)).toBe(2);
      imports.ObReferenceObject(object);
      imports.ObDereferenceObject(object);
      imports.ObDereferenceObject(object);
      expect(objectsOf(kernel).at(object)?.pointerCount).toBe(1);
      expect(get(handle, 0, fileType, 0)).toBe(STATUS_OBJECT_TYPE_MISMATCH);
      expect(get(handle, 0, keyType, 1)).toBe(STATUS_INVALID_HANDLE);
      expect(get(0x7770, 0, 0, 0)).toBe(STATUS_INVALID_HANDLE);
      // NtCurrentThread()
      expect(get(-2, 0, 0, 0)).toBe(STATUS_SUCCESS);
      imports.ObDereferenceObject(kernel.memory.readPointer(cell));
    });
    expect(m.codes()).toEqual([]);
  });

  test('a program gets no more access than its handle has (wdm/nf-wdm-obreferenceobjectbyhandle)', async () => {
    const { m, cell, handle } = await withKey();
    const { imports, kernel } = m;
    await m.run(async () => {
      imports.ObReferenceObjectByHandle(handle, 0, 0, 0, cell, null);
      const object = kernel.memory.readPointer(cell);
      expect(imports.ObOpenObjectByPointer(object, 0, 0, 1, 0, 1, cell)).toBe(STATUS_SUCCESS);
      const own = kernel.memory.readPointer(cell);
      expect(imports.ObReferenceObjectByHandle(own, 2, 0, 1, cell, null)).toBe(STATUS_ACCESS_DENIED);
      expect(await imports.ZwClose(own)).toBe(STATUS_SUCCESS);
      imports.ObDereferenceObject(object);
    });
  });

  test('opening by pointer asks for a live object of the type (ntifs/nf-ntifs-obopenobjectbypointer)', async () => {
    const { m, cell, handle } = await withKey();
    const { imports, kernel } = m;
    await m.run(async () => {
      imports.ObReferenceObjectByHandle(handle, 0, 0, 0, cell, null);
      const object = kernel.memory.readPointer(cell);
      const fileType = objectsOf(kernel).typeAddress('File');
      const open = (at: number, type: number) =>
        imports.ObOpenObjectByPointer(at, 0x200, 0, 1, type, 0, cell);
      expect(open(object, fileType)).toBe(STATUS_OBJECT_TYPE_MISMATCH);
      expect(open(0x1234, 0)).toBe(STATUS_OBJECT_TYPE_MISMATCH);
      expect(open(object, 0)).toBe(STATUS_SUCCESS);
      await imports.ZwClose(kernel.memory.readPointer(cell));
      imports.ObDereferenceObject(object);
    });
    expect(objectsOf(kernel).typeName(0x10)).toBeNull();
  });

  test('handles are bounded (ntifs/nf-ntifs-obopenobjectbypointer)', async () => {
    const { m, cell, handle } = await withKey();
    const { imports, kernel } = m;
    await m.run(() => {
      imports.ObReferenceObjectByHandle(handle, 0, 0, 0, cell, null);
      const object = kernel.memory.readPointer(cell);
      let status: number = STATUS_SUCCESS;
      let opened = 0;
      while (status === STATUS_SUCCESS && opened <= HANDLE_LIMIT) {
        status = imports.ObOpenObjectByPointer(object, 0x200, 0, 1, 0, 0, cell);
        opened++;
      }
      expect([status, opened]).toEqual([STATUS_INSUFFICIENT_RESOURCES, HANDLE_LIMIT]);
    });
  });

  test('a reference that nobody took stops the machine; no object at all is a finding (wdm/nf-wdm-obdereferenceobject)', async () => {
    const m = createIoMachine();
    const device = await loadIoDriver(m, {});
    const { imports, kernel } = m;
    await m.run(() => {
      expect(imports.ObfReferenceObject(0x1230)).toBe(1);
      expect(imports.ObfDereferenceObject(0x1230)).toBe(1);
    });
    expect(m.codes()).toEqual(['NOT_AN_OBJECT', 'NOT_AN_OBJECT']);
    const object = objectsOf(kernel).at(device);
    if (object === undefined) throw new Error('the device is no object');
    handlesOf(kernel).open(object, 0);
    imports.ObDereferenceObject(device);
    await expect(m.run(() => imports.ObDereferenceObject(device))).rejects.toMatchObject({
      bugCheckCode: REFERENCE_BY_POINTER,
      parameters: [objectsOf(kernel).typeAddress('Device'), device, 0, 0],
    });
  });

  test('handles behave as a map does: unique while open, unknown afterwards, references counted', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            open: fc.boolean(),
            kernelHandle: fc.boolean(),
            pick: fc.nat(),
            access: fc.nat(0xffff),
          }),
          { maxLength: 60 },
        ),
        (commands) => {
          const { kernel } = createTestKernel({}, { memorySize: 0x10_0000 });
          const table = handlesOf(kernel);
          const object = objectsOf(kernel).create('Event', 'of the test', null);
          const model = new Map<number, number>();
          for (const { open, kernelHandle, pick, access } of commands) {
            if (open) {
              const handle = table.open(object, access, { kernelHandle });
              expect(handle).not.toBeNull();
              if (handle === null) continue;
              expect(model.has(handle)).toBe(false);
              expect(handle & 3).toBe(0);
              expect(handle < 0).toBe(kernelHandle);
              model.set(handle, access);
            } else if (model.size > 0) {
              const handle = [...model.keys()][pick % model.size];
              expect(table.remove(handle)?.access).toBe(model.get(handle));
              objectsOf(kernel).dereference(object);
              model.delete(handle);
              expect(table.remove(handle)).toBeUndefined();
            }
            expect(table.count).toBe(model.size);
            expect(object.handleCount).toBe(model.size);
            expect(object.pointerCount).toBe(model.size + 1);
            for (const [handle, wanted] of model) expect(table.resolve(handle)?.access).toBe(wanted);
          }
        },
      ),
    );
  });
});
