import { describe, expect, test } from 'vitest';
import { ioManagerOf } from '../src/kernel/index.ts';
import {
  type DEVICE_OBJECT,
  defineDriver,
  type IRP,
  Machine,
  STATUS_CANCELLED,
  STATUS_INVALID_HANDLE,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../src/machine/index.ts';
import { irps } from './support/irp.ts';

/** A device that answers a read when its timer fires, `milliseconds` after each tick, or never. */
const ticker = (milliseconds: number) =>
  defineDriver(({ ntoskrnl, memory, cell, data }) => {
    const device = cell();
    const waiting: IRP[] = [];
    let ticks = 0;
    const finish = (irp: IRP, status: number, information: number) => {
      irps.complete(memory, irp.address, status, information);
      ntoskrnl.IoCompleteRequest(irp, 0);
      return status;
    };
    return {
      DriverEntry(DriverObject) {
        const timer = data(64);
        const dpc = data(64);
        ntoskrnl.KeInitializeTimer(timer);
        ntoskrnl.KeInitializeDpc(
          dpc,
          () => {
            ticks++;
            for (const irp of waiting.splice(0)) {
              memory.u8[irps.systemBuffer(memory, irp.address)] = ticks;
              ntoskrnl.IoSetCancelRoutine(irp, null);
              finish(irp, STATUS_SUCCESS, 1);
            }
          },
          null,
        );
        ntoskrnl.IoCreateDevice(DriverObject, 0, '\\Device\\Ticker', 0x22, 0, false, device);
        ntoskrnl.IoCreateSymbolicLink('\\DosDevices\\Ticker', '\\Device\\Ticker');
        irps.buffered(memory, device.value);
        const accept = (_device: DEVICE_OBJECT, irp: IRP) => finish(irp, STATUS_SUCCESS, 0);
        for (const major of [0, 2, 18]) DriverObject.MajorFunction.set(major, accept);
        DriverObject.MajorFunction.set(3, (_device: DEVICE_OBJECT, irp: IRP) => {
          ntoskrnl.IoMarkIrpPending(irp);
          waiting.push(irp);
          ntoskrnl.IoSetCancelRoutine(irp, (_owner: DEVICE_OBJECT, cancelled: IRP) => {
            ntoskrnl.IoReleaseCancelSpinLock(cancelled.CancelIrql);
            waiting.splice(0);
            finish(cancelled, STATUS_CANCELLED, 0);
          });
          return STATUS_PENDING;
        });
        DriverObject.DriverUnload = () => {
          ntoskrnl.KeCancelTimer(timer);
          ntoskrnl.IoDeleteSymbolicLink('\\DosDevices\\Ticker');
          ntoskrnl.IoDeleteDevice(device.value);
        };
        if (milliseconds > 0)
          ntoskrnl.KeSetTimerEx(timer, BigInt(-milliseconds) * 10_000n, milliseconds, dpc);
        return STATUS_SUCCESS;
      },
    };
  });

async function started(milliseconds: number): Promise<Machine> {
  const machine = new Machine({ seed: 5 });
  expect(await machine.load('ticker', ticker(milliseconds))).toBe(STATUS_SUCCESS);
  return machine;
}

describe('devices opened by the host', () => {
  test('the machine runs, and virtual time passes, while the host awaits only a request', async () => {
    const machine = await started(1);
    const device = await machine.openDevice('\\\\.\\Ticker');
    expect(await device.read(4)).toEqual({
      status: STATUS_SUCCESS,
      information: 1,
      data: Uint8Array.of(1),
    });
    expect((await device.read(4)).data).toEqual(Uint8Array.of(2));
    expect(machine.kernel.clock.now).toBeLessThan(30_000);
    await device.close();
    expect(await device.close()).toBe(STATUS_INVALID_HANDLE);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('a request that is under way lets time pass no further than run() says', async () => {
    const machine = await started(10);
    const device = await machine.openDevice('\\\\.\\Ticker');
    const read = device.read(4);
    await machine.run(5);
    expect(machine.kernel.clock.now).toBeLessThan(60_000);
    await machine.run(5);
    expect((await read).data).toEqual(Uint8Array.of(1));
    await device.close();
    await machine.stop();
  });

  test('a request that nothing answers waits for other calls; cancel ends it', async () => {
    const machine = await started(0);
    const device = await machine.openDevice('\\Device\\Ticker');
    const read = device.read(4);
    await machine.settle();
    await machine.run(1000);
    expect(await device.cancel()).toBe(1);
    expect((await read).status).toBe(STATUS_CANCELLED);
    await device.close();
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('requests work while the machine runs', async () => {
    const machine = await started(1);
    const run = machine.run(20);
    const device = await machine.openDevice('\\\\.\\Ticker');
    const [first, second] = await Promise.all([device.read(1), device.read(1)]);
    expect(first.data).toEqual(second.data);
    await run;
    await device.close();
    await machine.stop();
  });

  test('requests work while the machine runs by the clock of the host', async () => {
    const machine = await started(1);
    // A clock that goes on by a tenth of a millisecond whenever it is looked at.
    let time = 0;
    machine.kernel.clock.follow(() => {
      time += 1000;
      return time;
    });
    const run = machine.run(10);
    const device = await machine.openDevice('\\\\.\\Ticker');
    expect((await device.read(1)).status).toBe(STATUS_SUCCESS);
    await run;
    expect((await device.read(1)).status).toBe(STATUS_SUCCESS);
    await device.close();
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('a name that no device has is an error with advice', async () => {
    const machine = await started(0);
    await expect(machine.openDevice('\\\\.\\Nothing')).rejects.toMatchObject({ code: 'DEVICE_NOT_OPENED' });
    await machine.stop();
  });

  test('a driver whose device is open is unloaded when it is closed (wdm/nc-wdm-driver_unload)', async () => {
    const machine = await started(0);
    const device = await machine.openDevice('\\\\.\\Ticker');
    expect(await machine.unload('ticker')).toBe(STATUS_PENDING);
    await expect(machine.openDevice('\\\\.\\Ticker')).rejects.toThrow('STATUS_NO_SUCH_DEVICE');
    const read = device.read(4);
    await machine.settle();
    expect(await device.cancel()).toBe(1);
    expect((await read).status).toBe(STATUS_CANCELLED);
    expect(machine.driver('ticker')?.state).toBe('unloading');
    await device.close();
    await machine.settle();
    expect(machine.driver('ticker')).toBeNull();
    expect(machine.kernel.findings).toEqual([]);
    expect(ioManagerOf(machine.kernel).callbackCount).toBe(0);
  });

  test('stop() closes what the host left open', async () => {
    const machine = await started(0);
    const device = await machine.openDevice('\\\\.\\Ticker');
    const read = device.read(4);
    await machine.stop();
    expect((await read).status).toBe(STATUS_CANCELLED);
    expect(await device.close()).toBe(STATUS_INVALID_HANDLE);
    expect(machine.driver('ticker')).toBeNull();
    expect(machine.kernel.findings).toEqual([]);
  });
});

describe('user programs', () => {
  /** Remembers which process asked, and writes to the user buffer of a METHOD_NEITHER request in its context. */
  const writer = (seen: number[]) =>
    defineDriver(({ ntoskrnl, memory, cell }) => {
      const device = cell();
      const finish = (irp: IRP, status: number, information: number) => {
        irps.complete(memory, irp.address, status, information);
        ntoskrnl.IoCompleteRequest(irp, 0);
        return status;
      };
      return {
        DriverEntry(DriverObject) {
          ntoskrnl.IoCreateDevice(DriverObject, 0, '\\Device\\Writer', 0x22, 0, false, device);
          const accept = (_device: DEVICE_OBJECT, irp: IRP) => finish(irp, STATUS_SUCCESS, 0);
          for (const major of [0, 2, 18]) DriverObject.MajorFunction.set(major, accept);
          DriverObject.MajorFunction.set(14, (_device: DEVICE_OBJECT, irp: IRP) => {
            seen.push(ntoskrnl.PsGetCurrentProcessId(), ntoskrnl.IoGetRequestorProcessId(irp));
            ntoskrnl.ProbeForWrite(irp.UserBuffer, 4, 4);
            memory.u32[irp.UserBuffer >> 2] = 0x1234;
            return finish(irp, STATUS_SUCCESS, 4);
          });
          DriverObject.DriverUnload = () => ntoskrnl.IoDeleteDevice(device.value);
          return STATUS_SUCCESS;
        },
      };
    });

  test('have memory of their own, which METHOD_NEITHER requests name (kernel/using-neither-buffered-nor-direct-i-o)', async () => {
    const seen: number[] = [];
    const machine = new Machine({ seed: 5 });
    expect(await machine.load('writer', writer(seen))).toBe(STATUS_SUCCESS);
    const program = machine.createProcess('program');
    const device = await machine.openDevice('\\Device\\Writer', program);
    const result = await device.ioctl(0x22_0003, new Uint8Array(0), 4);
    expect([...result.data]).toEqual([0x34, 0x12, 0, 0]);
    expect(seen).toEqual([program.id, program.id]);
    expect(program.size).toBe(0);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });
});
