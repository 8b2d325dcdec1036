import { describe, expect, test } from 'vitest';
import { bytesAt, unicodeString } from '../../../test/support/cells.ts';
import { createIoMachine, loadIoDriver } from '../../../test/support/ioDriver.ts';
import {
  STATUS_ACCESS_VIOLATION,
  STATUS_DATATYPE_MISALIGNMENT,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { DEVICE_OBJECT, IRP } from '../generated/structures/index.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { openDevice } from './hostDevice.ts';
import { startShutdown } from './shutdown.ts';

/** A driver whose reads give 1 2 3, whose writes and controls are noted. */
async function started() {
  const m = createIoMachine();
  const seen: string[] = [];
  const probes: unknown[] = [];
  const accept = (name: string) => (_device: DEVICE_OBJECT, irp: IRP) => {
    seen.push(`${name} for ${m.imports.IoGetRequestorProcessId(irp)}`);
    return m.complete(irp, STATUS_SUCCESS);
  };
  const device = await loadIoDriver(m, {
    0: accept('create'),
    2: accept('close'),
    3: (_device, irp) => {
      m.kernel.memory.u8.set([1, 2, 3], irp.UserBuffer);
      return m.complete(irp, STATUS_SUCCESS, 3);
    },
    4: (_device, irp) => {
      for (const [at, length, alignment] of [
        [irp.UserBuffer, 4, 4],
        [irp.UserBuffer + 1, 2, 2],
        [device, 4, 4],
        [device, 0, 4],
      ] as const) {
        for (const probe of [m.imports.ProbeForRead, m.imports.ProbeForWrite]) {
          try {
            probe(at, length, alignment);
            probes.push(0);
          } catch (error) {
            probes.push(error instanceof Error && 'status' in error ? error.status : error);
          }
        }
      }
      return m.complete(irp, STATUS_SUCCESS, 4);
    },
    14: (_device, irp) => {
      const { InputBufferLength, IoControlCode } = m.stackOf(irp).Parameters.DeviceIoControl;
      seen.push(`control ${IoControlCode} ${InputBufferLength}`);
      const system = m.kernel.memory.readPointer(irp.address + 24);
      m.kernel.memory.u8[system]++;
      return m.complete(irp, STATUS_SUCCESS, 1);
    },
    16: accept('shutdown'),
    18: accept('cleanup'),
  });
  return { m, device, seen, probes };
}

describe('finding devices', () => {
  test('the attached device is the top of the stack (ntifs/nf-ntifs-iogetattacheddevice, wdm/nf-wdm-iogetattacheddevicereference)', async () => {
    const { m, device } = await started();
    const { imports, kernel, driver } = m;
    await m.run(() => {
      const cell = bytesAt(kernel, 8);
      imports.IoCreateDevice(driver.driverObject, 0, null, 0x22, 0, false, cell);
      const upper = kernel.memory.readPointer(cell);
      expect(imports.IoGetAttachedDevice(device)).toBe(device);
      imports.IoAttachDeviceToDeviceStack(upper, device);
      expect(imports.IoGetAttachedDevice(device)).toBe(upper);
      expect(imports.IoGetAttachedDeviceReference(device)).toBe(upper);
      expect(objectsOf(kernel).at(upper)?.pointerCount).toBe(2);
      imports.ObDereferenceObject(upper);
    });
  });

  test('a device by name with a file object: create and cleanup now, close at the last reference (wdm/nf-wdm-iogetdeviceobjectpointer)', async () => {
    const { m, device, seen } = await started();
    const { imports, kernel } = m;
    await m.run(async () => {
      const [file, found] = [bytesAt(kernel, 8), bytesAt(kernel, 8)];
      expect(await imports.IoGetDeviceObjectPointer('\\Device\\None', 0, file, found)).toBe(
        STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(await imports.IoGetDeviceObjectPointer('\\??\\Test', 0, file, found)).toBe(STATUS_SUCCESS);
      expect(kernel.memory.readPointer(found)).toBe(device);
      expect(seen).toEqual(['create for 4', 'cleanup for 4']);
      imports.ObDereferenceObject(kernel.memory.readPointer(file));
    });
    await m.runAll();
    expect(seen.slice(2)).toEqual(['close for 4']);
    expect(m.codes()).toEqual([]);
  });

  test('devices that asked for it get IRP_MJ_SHUTDOWN at the end (wdm/nf-wdm-ioregistershutdownnotification)', async () => {
    const { m, device, seen } = await started();
    await m.run(() => {
      expect(m.imports.IoRegisterShutdownNotification(1)).toBe(STATUS_INVALID_PARAMETER);
      expect(m.imports.IoRegisterShutdownNotification(device)).toBe(STATUS_SUCCESS);
      m.imports.IoUnregisterShutdownNotification(device);
      expect(m.imports.IoRegisterShutdownNotification(device)).toBe(STATUS_SUCCESS);
    });
    const over: string[] = [];
    startShutdown(m.kernel, () => over.push('over'));
    await m.runAll();
    expect([...seen, ...over]).toEqual(['shutdown for 4', 'over']);
  });

  test.each([true, false])(
    'a device with a security descriptor, macro %s (wdmsec/nf-wdmsec-wdmlibiocreatedevicesecure)',
    async (macro) => {
      const { m } = await started();
      const { imports, kernel, driver } = m;
      await m.run(() => {
        const cell = bytesAt(kernel, 8);
        const create = macro ? imports.IoCreateDeviceSecure : imports.WdmlibIoCreateDeviceSecure;
        const make = (name: string, descriptor: string) =>
          create(driver.driverObject, 0, name, 0x22, 0, false, descriptor, 0, cell);
        expect(make('\\Device\\Safe', 'D:P(A;;GA;;;SY)')).toBe(STATUS_SUCCESS);
        expect(make('\\Device\\Safe', 'D:P(A;;GA;;;SY)')).toBe(STATUS_OBJECT_NAME_COLLISION);
        expect(make('\\Device\\Bad', 'nothing')).toBe(STATUS_INVALID_PARAMETER);
      });
    },
  );

  test('IoSetCompletionRoutineEx registers a completion routine (wdm/nf-wdm-iosetcompletionroutineex)', async () => {
    const { m, device } = await started();
    const { imports, kernel } = m;
    let called = 0;
    await m.run(async () => {
      const irp = imports.IoAllocateIrp(1, false);
      kernel.memory.u8[imports.IoGetNextIrpStackLocation(irp)] = 18;
      const keep = () => {
        called++;
        return STATUS_MORE_PROCESSING_REQUIRED;
      };
      expect(imports.IoSetCompletionRoutineEx(device, irp, keep, null, true, true, true)).toBe(0);
      await imports.IoCallDriver(device, irp);
      imports.IoFreeIrp(irp);
    });
    expect(called).toBe(1);
  });
});

describe('devices as files of drivers', () => {
  test('open, control, read, write, close; wrong handles are refused (wdm/nf-wdm-zwcreatefile, ntifs/nf-ntifs-zwdeviceiocontrolfile)', async () => {
    const { m, seen } = await started();
    const { imports, kernel } = m;
    const { memory } = kernel;
    await m.run(async () => {
      const [handle, block, input, output] = [8, 16, 16, 16].map((size) => bytesAt(kernel, size));
      const attributes = (name: string) => {
        const at = bytesAt(kernel, 48);
        imports.InitializeObjectAttributes(at, unicodeString(kernel, name), 0x240, 0, 0);
        return at;
      };
      const create = (name: string) =>
        imports.ZwCreateFile(handle, 0, attributes(name), block, null, 0, 0, 1, 0, null, 0);
      expect(await create('\\Device\\None')).toBe(STATUS_OBJECT_NAME_NOT_FOUND);
      expect(await imports.ZwCreateFile(handle, 0, null, block, null, 0, 0, 1, 0, null, 0)).toBe(
        STATUS_INVALID_PARAMETER,
      );
      expect(await create('\\Device\\Test')).toBe(STATUS_SUCCESS);
      const file = memory.readPointer(handle);
      memory.u8[input] = 41;
      const control = (at: number) =>
        imports.ZwDeviceIoControlFile(at, 0, 0, 0, block, 0x222000, input, 1, output, 4);
      expect(await control(file)).toBe(STATUS_SUCCESS);
      expect([memory.u8[output], memory.u32[(block + 8) >> 2]]).toEqual([42, 1]);
      expect(await imports.ZwReadFile(file, 0, 0, 0, block, output, 8, null, null)).toBe(STATUS_SUCCESS);
      expect([...memory.u8.subarray(output, output + 4)]).toEqual([1, 2, 3, 0]);
      expect(await imports.ZwWriteFile(file, 0, 0, 0, block, input, 4, null, null)).toBe(STATUS_SUCCESS);
      expect(await control(0x7777)).toBe(STATUS_INVALID_HANDLE);
      expect(await imports.ZwReadFile(0x7777, 0, 0, 0, block, output, 8, null, null)).toBe(
        STATUS_INVALID_HANDLE,
      );
      expect(await imports.ZwWriteFile(0x7777, 0, 0, 0, block, output, 8, null, null)).toBe(
        STATUS_INVALID_HANDLE,
      );
      expect(await imports.ZwClose(file)).toBe(STATUS_SUCCESS);
      imports.ZwOpenKey(handle, 0xf003f, attributes('\\Registry\\Machine'));
      const key = memory.readPointer(handle);
      expect(await control(key)).toBe(STATUS_OBJECT_TYPE_MISMATCH);
      await imports.ZwClose(key);
      expect(await imports.ZwOpenFile(handle, 0, attributes('\\Device\\None'), block, 0, 0)).toBe(
        STATUS_OBJECT_NAME_NOT_FOUND,
      );
      expect(await imports.ZwOpenFile(handle, 0, attributes('\\Device\\Test'), block, 0, 0)).toBe(
        STATUS_SUCCESS,
      );
      await imports.ZwClose(memory.readPointer(handle));
    });
    await m.runAll();
    expect(seen.filter((line) => line.startsWith('control'))).toEqual(['control 2236416 1']);
    expect(m.codes()).toEqual([]);
  });
});

describe('processes and programs', () => {
  test('probes pass what a program gave, aligned, and nothing else (wdm/nf-wdm-probeforread, wdm/nf-wdm-probeforwrite)', async () => {
    const { m, probes } = await started();
    const handle = await m.pump(openDevice(m.kernel, '\\Device\\Test'));
    await m.pump(handle.write(Uint8Array.of(1, 2, 3, 4)));
    const [misaligned, violation] = [STATUS_DATATYPE_MISALIGNMENT, STATUS_ACCESS_VIOLATION];
    expect(probes).toEqual([0, 0, misaligned, misaligned, violation, violation, 0, 0]);
  });

  test('drivers run in System; requests belong to who makes them (ntifs/nf-ntifs-iogetrequestorprocess)', async () => {
    const { m, seen } = await started();
    const { imports, kernel } = m;
    await m.pump(openDevice(kernel, '\\Device\\Test'));
    expect(seen).toEqual(['create for 8']);
    await m.run(() => {
      const cell = bytesAt(kernel, 16);
      const system = imports.IoGetCurrentProcess();
      expect(imports.PsGetCurrentProcess()).toBe(system);
      expect(imports.PsGetCurrentProcessId()).toBe(4);
      expect(imports.PsLookupProcessByProcessId(4, cell)).toBe(STATUS_SUCCESS);
      expect(kernel.memory.readPointer(cell)).toBe(system);
      imports.ObDereferenceObject(system);
      expect(imports.PsLookupProcessByProcessId(12, cell)).toBe(STATUS_INVALID_PARAMETER);
      const irp = imports.IoAllocateIrp(1, false);
      expect(imports.IoGetRequestorProcess(irp)).toBe(system);
      expect(imports.IoIs32bitProcess(irp)).toBe(0);
      imports.IoFreeIrp(irp);
      const state = bytesAt(kernel, 48);
      imports.KeStackAttachProcess(system, state);
      imports.KeUnstackDetachProcess(state);
      expect(imports.PsGetVersion(cell, cell + 4, cell + 8, null)).toBe(0);
      expect([0, 4, 8].map((at) => kernel.memory.u32[(cell + at) >> 2])).toEqual([10, 0, 26100]);
    });
    expect(m.codes()).toEqual([]);
  });

  test('access is granted as asked; a program needs a descriptor (wdm/nf-wdm-seaccesscheck)', async () => {
    const { m } = await started();
    const { imports, kernel } = m;
    await m.run(() => {
      const [context, mapping, granted] = [32, 16, 16].map((size) => bytesAt(kernel, size));
      kernel.memory.u32.set([1, 2, 4, 0x1ff], mapping >> 2);
      imports.SeCaptureSubjectContext(context);
      const check = (descriptor: number, access: number, mode: number) =>
        imports.SeAccessCheck(
          descriptor,
          context,
          false,
          access,
          0,
          null,
          mapping,
          mode,
          granted,
          granted + 4,
        );
      expect(check(mapping, 0x8000_0020, 1)).toBe(1);
      expect(kernel.memory.u32[granted >> 2]).toBe(0x21);
      expect(check(0, 1, 1)).toBe(0);
      expect(kernel.memory.u32[(granted + 4) >> 2]).toBe(0xc000_0022);
      imports.SeReleaseSubjectContext(context);
    });
  });

  test('UUIDs are random, of version 4, and alike for one seed (ntddk/nf-ntddk-exuuidcreate)', async () => {
    const make = async (seed: number) => {
      const m = createIoMachine({ seed });
      const at = bytesAt(m.kernel, 16);
      expect(await m.run(() => m.imports.ExUuidCreate(at))).toBe(STATUS_SUCCESS);
      return [...m.kernel.memory.u8.subarray(at, at + 16)];
    };
    const [first, again, other] = [await make(1), await make(1), await make(2)];
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect([first[7] >> 4, first[8] >> 6]).toEqual([4, 2]);
  });
});
