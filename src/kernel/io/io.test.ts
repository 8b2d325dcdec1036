import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { type Address, readUnicodeString } from '../../memory/index.ts';
import { MULTIPLE_IRP_COMPLETE_REQUESTS } from '../generated/constants/bugCheck.ts';
import {
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_HANDLE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { kernelStructures } from '../generated/structures/all.ts';
import { type DEVICE_OBJECT, IO_STACK_LOCATION, type IRP } from '../generated/structures/index.ts';
import { handlesOf } from '../objects/handleTable.ts';
import { startLoadingDriver } from '../services/driverLife.ts';
import * as functions from './functions.ts';
import { openDevice } from './hostDevice.ts';
import type { DRIVER_DISPATCH } from './requests.ts';

const CTL = (method: number) => (0x22 << 16) | (0x800 << 2) | method;

type Machine = ReturnType<typeof createTestKernel<typeof functions>>;

/** A loaded driver with device \Device\Test, link \??\Test and the given dispatch routines. */
async function setUp(dispatch: (machine: Machine) => Readonly<Record<number, DRIVER_DISPATCH>>, flags = 0) {
  const machine = createTestKernel(functions, { structures: (name) => kernelStructures[name] });
  const { kernel, driver, imports } = machine;
  const cell = bytesAt(kernel, 8);
  const state = { device: 0 as Address, status: -1 };
  const routines = dispatch(machine);
  startLoadingDriver(
    kernel,
    driver,
    (DriverObject) => {
      for (const [major, routine] of Object.entries(routines))
        DriverObject.MajorFunction.set(Number(major), routine);
      expect(imports.IoCreateDevice(DriverObject, 64, '\\Device\\Test', 0x22, 0, false, cell)).toBe(
        STATUS_SUCCESS,
      );
      state.device = kernel.memory.readPointer(cell);
      kernel.memory.u32[(state.device + 48) >> 2] |= flags;
      expect(imports.IoCreateSymbolicLink('\\DosDevices\\Test', '\\Device\\Test')).toBe(STATUS_SUCCESS);
      return STATUS_SUCCESS;
    },
    (status) => {
      state.status = status;
    },
  );
  await kernel.scheduler.run(() => state.status >= 0);
  expect(state.status).toBe(STATUS_SUCCESS);
  const pump = async <T>(work: Promise<T>): Promise<T> => {
    const outcome: { value?: T; error?: unknown; over: boolean } = { over: false };
    work.then(
      (value) => Object.assign(outcome, { value, over: true }),
      (error: unknown) => Object.assign(outcome, { error, over: true }),
    );
    for (let turn = 0; turn < 100 && !outcome.over; turn++) {
      await kernel.scheduler.run(() => false);
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
    if (outcome.error !== undefined) throw outcome.error;
    if (!outcome.over) throw new Error('the work waits for something that never comes');
    return outcome.value as T;
  };
  return { ...machine, state, pump };
}

/** Completes an IRP at once. */
function complete({ imports, kernel }: Machine, irp: IRP, status: number, information = 0): number {
  kernel.memory.u32[(irp.address + 48) >> 2] = status;
  kernel.memory.u32[(irp.address + 56) >> 2] = information;
  imports.IoCompleteRequest(irp, 0);
  return status;
}

const accept =
  (machine: Machine): DRIVER_DISPATCH =>
  (_device, irp) =>
    complete(machine, irp, STATUS_SUCCESS);

function stackOf({ imports, kernel }: Machine, irp: IRP) {
  return IO_STACK_LOCATION.at(kernel.memory, imports.IoGetCurrentIrpStackLocation(irp));
}

describe('devices and names', () => {
  test('IoCreateDevice and symbolic links say when a name is taken or wrong (wdm/nf-wdm-iocreatedevice)', async () => {
    const { run, imports, driver, kernel, state } = await setUp(() => ({}));
    const cell = bytesAt(kernel, 8);
    await run(() => {
      const object = driver.driverObject;
      expect(imports.IoCreateDevice(object, 0, '\\device\\test', 0x22, 0, false, cell)).toBe(
        STATUS_OBJECT_NAME_COLLISION,
      );
      expect(imports.IoCreateDevice(object, 0, 'test', 0x22, 0, false, cell)).toBe(
        STATUS_OBJECT_NAME_INVALID,
      );
      expect(imports.IoCreateSymbolicLink('\\??\\Test', '\\Device\\X')).toBe(STATUS_OBJECT_NAME_COLLISION);
      expect(imports.IoDeleteSymbolicLink('\\??\\None')).toBe(STATUS_OBJECT_NAME_NOT_FOUND);
      expect(imports.IoDeleteSymbolicLink('\\GLOBAL??\\Test')).toBe(STATUS_SUCCESS);
      imports.IoDeleteDevice(state.device);
    });
    expect(driver.owned).toEqual([]);
    await run(() => imports.IoDeleteDevice(state.device));
    expect(kernel.findings.map(({ code }) => code)).toEqual(['NOT_A_DEVICE']);
  });

  test('a device that is attached is the top of the stack (wdm/nf-wdm-ioattachdevicetodevicestack)', async () => {
    const { run, imports, driver, kernel, state } = await setUp(() => ({}));
    const cell = bytesAt(kernel, 8);
    await run(() => {
      imports.IoCreateDevice(driver.driverObject, 0, null, 0x22, 0, false, cell);
      const upper = kernel.memory.readPointer(cell);
      expect(imports.IoAttachDeviceToDeviceStack(upper, state.device)).toBe(state.device);
      expect(kernel.memory.i8[upper + 76]).toBe(2);
      expect(imports.IoAttachDeviceToDeviceStack(upper, 0)).toBe(0);
      imports.IoDetachDevice(state.device);
    });
  });
});

describe('requests of a user program', () => {
  test('open, close: IRP_MJ_CREATE, CLEANUP, CLOSE in order, with the file name', async () => {
    const order: string[] = [];
    const { kernel, pump } = await setUp((machine) => {
      const note =
        (name: string): DRIVER_DISPATCH =>
        (_device, irp) => {
          const file = stackOf(machine, irp).FileObject;
          order.push(`${name} ${readUnicodeString(machine.kernel.memory, file + 88)}`);
          return complete(machine, irp, STATUS_SUCCESS);
        };
      return { 0: note('create'), 2: note('close'), 18: note('cleanup') };
    });
    const handle = await pump(openDevice(kernel, '\\\\.\\test\\sub'));
    expect(handlesOf(kernel).count).toBe(1);
    expect(await pump(handle.close())).toBe(STATUS_SUCCESS);
    await kernel.scheduler.run(() => false);
    expect(order).toEqual(['create \\sub', 'cleanup \\sub', 'close \\sub']);
    expect((await pump(handle.read(1))).status).toBe(STATUS_INVALID_HANDLE);
    expect(kernel.findings).toEqual([]);
  });

  test('a device without IRP_MJ_CREATE answers STATUS_INVALID_DEVICE_REQUEST (wdm/ns-wdm-_driver_object)', async () => {
    const { kernel, pump } = await setUp(() => ({}));
    await expect(pump(openDevice(kernel, '\\Device\\Test'))).rejects.toMatchObject({
      code: 'DEVICE_NOT_OPENED',
      message: expect.stringContaining('STATUS_INVALID_DEVICE_REQUEST'),
    });
    await expect(pump(openDevice(kernel, '\\\\.\\None'))).rejects.toMatchObject({
      code: 'DEVICE_NOT_OPENED',
    });
    expect(STATUS_INVALID_DEVICE_REQUEST).toBe(0xc000_0010);
  });

  test.each([0, 1, 2, 3])(
    'ioctl with method %i reaches input and output where the method says',
    async (method) => {
      const { kernel, pump } = await setUp((machine) => ({
        0: accept(machine),
        14: (_device, irp) => {
          const { memory } = machine.kernel;
          const { InputBufferLength, OutputBufferLength, Type3InputBuffer } = stackOf(machine, irp).Parameters
            .DeviceIoControl;
          const mdl = memory.readPointer(irp.address + 8);
          const system = memory.readPointer(irp.address + 24);
          const input = method === 3 ? Type3InputBuffer : system;
          const output = method === 0 ? system : method === 3 ? irp.UserBuffer : memory.readPointer(mdl + 24);
          const sum = memory.u8[input] + memory.u8[input + 1];
          expect([InputBufferLength, OutputBufferLength]).toEqual([2, 4]);
          memory.u8[output] = sum;
          return complete(machine, irp, STATUS_SUCCESS, 1);
        },
      }));
      const handle = await pump(openDevice(kernel, '\\\\.\\Test'));
      const result = await pump(handle.ioctl(CTL(method), Uint8Array.of(3, 4), 4));
      expect(result).toEqual({ status: STATUS_SUCCESS, information: 1, data: Uint8Array.of(7) });
    },
  );

  test.each([0, 4, 16])('read and write with device flags %i', async (flags) => {
    let held = new Uint8Array(0);
    const bufferOf = (machine: Machine, irp: IRP) => {
      const { memory } = machine.kernel;
      if (flags === 4) return memory.readPointer(irp.address + 24);
      return flags === 16 ? memory.readPointer(memory.readPointer(irp.address + 8) + 24) : irp.UserBuffer;
    };
    const { kernel, pump } = await setUp(
      (machine) => ({
        0: accept(machine),
        3: (_device, irp) => {
          machine.kernel.memory.u8.set(held, bufferOf(machine, irp));
          return complete(machine, irp, STATUS_SUCCESS, held.length);
        },
        4: (_device, irp) => {
          const at = bufferOf(machine, irp);
          const { Length } = stackOf(machine, irp).Parameters.Write;
          held = machine.kernel.memory.u8.slice(at, at + Length);
          return complete(machine, irp, STATUS_SUCCESS, Length);
        },
      }),
      flags,
    );
    const handle = await pump(openDevice(kernel, '\\\\.\\Test'));
    expect((await pump(handle.write(Uint8Array.of(1, 2, 3)))).information).toBe(3);
    expect((await pump(handle.read(8))).data).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('a pending request waits; cancel calls the cancel routine (wdm/nc-wdm-driver_cancel)', async () => {
    const { kernel, pump } = await setUp((machine) => ({
      0: accept(machine),
      3: (_device: DEVICE_OBJECT, irp: IRP) => {
        machine.imports.IoMarkIrpPending(irp);
        machine.imports.IoSetCancelRoutine(irp, (_owner: DEVICE_OBJECT, cancelled: IRP) => {
          machine.imports.IoReleaseCancelSpinLock(cancelled.CancelIrql);
          complete(machine, cancelled, STATUS_CANCELLED);
        });
        return STATUS_PENDING;
      },
    }));
    const handle = await pump(openDevice(kernel, '\\\\.\\Test'));
    const read = handle.read(4);
    await kernel.scheduler.run(() => false);
    expect(await pump(handle.cancel())).toBe(1);
    expect((await pump(read)).status).toBe(STATUS_CANCELLED);
    expect(kernel.findings).toEqual([]);
  });

  test('a mark that does not agree with the status is a finding (wdm/nf-wdm-iomarkirppending)', async () => {
    const { kernel, pump } = await setUp((machine) => ({
      0: accept(machine),
      3: (_device, irp) => {
        complete(machine, irp, STATUS_SUCCESS);
        return STATUS_PENDING;
      },
      4: (_device, irp) => {
        machine.imports.IoMarkIrpPending(irp);
        return complete(machine, irp, STATUS_SUCCESS);
      },
    }));
    const handle = await pump(openDevice(kernel, '\\\\.\\Test'));
    await pump(handle.read(1));
    await pump(handle.write(Uint8Array.of(1)));
    expect(kernel.findings.map(({ code }) => code)).toEqual(['PENDING_NOT_MARKED', 'PENDING_NOT_RETURNED']);
  });

  test('completing an IRP twice is MULTIPLE_IRP_COMPLETE_REQUESTS (wdm/nf-wdm-iocompleterequest)', async () => {
    const { kernel, pump } = await setUp((machine) => ({
      0: (_device, irp) => {
        complete(machine, irp, STATUS_SUCCESS);
        return complete(machine, irp, STATUS_SUCCESS);
      },
    }));
    await expect(pump(openDevice(kernel, '\\\\.\\Test'))).rejects.toMatchObject({
      bugCheckCode: MULTIPLE_IRP_COMPLETE_REQUESTS,
    });
  });
});

describe('IRPs of drivers', () => {
  test('a completion routine that keeps the IRP ends its completion (wdm/nc-wdm-io_completion_routine)', async () => {
    const { run, imports, kernel, state, driver } = await setUp((machine) => ({ 14: accept(machine) }));
    const seen: unknown[] = [];
    const context = { name: 'context' };
    await run(async () => {
      const irp = imports.IoAllocateIrp(1, false);
      const stack = imports.IoGetNextIrpStackLocation(irp);
      kernel.memory.u8[stack] = 14;
      const keep = (device: unknown, _irp: IRP, given: unknown) => {
        seen.push(device, given);
        return STATUS_MORE_PROCESSING_REQUIRED;
      };
      imports.IoSetCompletionRoutine(irp, keep, context, true, true, true);
      expect(await imports.IoCallDriver(state.device, irp)).toBe(STATUS_SUCCESS);
      imports.IoReuseIrp(irp, STATUS_SUCCESS);
      expect(imports.IoCancelIrp(irp)).toBe(0);
      imports.IoFreeIrp(irp);
      imports.IoFreeIrp(irp);
      expect(imports.IoAllocateIrp(0, false)).toBe(0);
    });
    expect(seen).toEqual([0, context]);
    expect(kernel.findings.map(({ code }) => code)).toEqual(['NOT_AN_IRP']);
    expect(driver.owned.filter(({ kind }) => kind === 'IRP')).toEqual([]);
  });
});
