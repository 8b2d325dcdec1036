import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createIoMachine, type IoMachine, loadIoDriver } from '../../../test/support/ioDriver.ts';
import type { Address } from '../../memory/index.ts';
import { NO_MORE_IRP_STACK_LOCATIONS } from '../generated/constants/bugCheck.ts';
import {
  STATUS_CANCELLED,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { DEVICE_OBJECT, IRP } from '../generated/structures/index.ts';
import type { KernelOptions } from '../kernel.ts';
import { openDevice } from './hostDevice.ts';

type Upper = (m: IoMachine, lower: Address, irp: IRP) => number | Promise<number>;

/** An upper device, whose reads `upper` handles, over a lower one that pends reads into `pending`. */
async function stacked(upper: Upper, options: KernelOptions = {}) {
  const m = createIoMachine(options);
  const { imports, kernel } = m;
  const pending: Address[] = [];
  let lower = 0;
  const dispatch = (device: DEVICE_OBJECT, irp: IRP) => {
    if (device.address !== lower) return upper(m, lower, irp);
    imports.IoMarkIrpPending(irp);
    pending.push(irp.address);
    imports.IoSetCancelRoutine(irp, (_device: DEVICE_OBJECT, cancelled: IRP) => {
      imports.IoReleaseCancelSpinLock(cancelled.CancelIrql);
      pending.splice(pending.indexOf(cancelled.address), 1);
      m.complete(cancelled, STATUS_CANCELLED);
    });
    return STATUS_PENDING;
  };
  const accept = (_device: DEVICE_OBJECT, irp: IRP) => m.complete(irp, STATUS_SUCCESS);
  lower = await loadIoDriver(m, { 0: accept, 2: accept, 3: dispatch, 18: accept });
  await m.run(() => {
    const cell = bytesAt(kernel, 8);
    imports.IoCreateDevice(m.driver.driverObject, 0, null, 0x22, 0, false, cell);
    imports.IoAttachDeviceToDeviceStack(kernel.memory.readPointer(cell), lower);
  });
  const handle = await m.pump(openDevice(kernel, '\\Device\\Test'));
  return { m, pending, handle };
}

describe('device stacks', () => {
  test('a skipped location lets the lower driver use it, pending and all (wdm/nf-wdm-ioskipcurrentirpstacklocation, wdm/nf-wdm-iofcalldriver)', async () => {
    const { m, pending, handle } = await stacked((machine, lower, irp) => {
      machine.imports.IoSkipCurrentIrpStackLocation(irp);
      return machine.imports.IofCallDriver(lower, irp);
    });
    const read = handle.read(4);
    await m.runAll();
    await m.run(() => {
      m.kernel.memory.u32[(pending[0] + 48) >> 2] = STATUS_SUCCESS;
      m.imports.IofCompleteRequest(pending[0], 0);
    });
    expect((await m.pump(read)).status).toBe(STATUS_SUCCESS);
    expect(m.codes()).toEqual([]);
  });

  test('a copied location carries the parameters; the completion routine passes the mark on (wdm/nf-wdm-iocopycurrentirpstacklocationtonext)', async () => {
    const lengths: number[] = [];
    const { m, pending, handle } = await stacked((machine, lower, irp) => {
      machine.imports.IoCopyCurrentIrpStackLocationToNext(irp);
      const completed = (_device: DEVICE_OBJECT, done: IRP) => {
        if (done.PendingReturned) machine.imports.IoMarkIrpPending(done);
        return STATUS_SUCCESS;
      };
      machine.imports.IoSetCompletionRoutine(irp, completed, null, true, true, true);
      return machine.imports.IoCallDriver(lower, irp);
    });
    const read = handle.read(9);
    await m.runAll();
    await m.run(() => {
      lengths.push(m.stackOf(pending[0]).Parameters.Read.Length);
      m.complete(pending[0], STATUS_SUCCESS);
    });
    expect((await m.pump(read)).status).toBe(STATUS_SUCCESS);
    expect(lengths).toEqual([9]);
    expect(m.codes()).toEqual([]);
  });

  test('a driver may wait for the lower one, look, and complete the IRP itself (wdm/nc-wdm-io_completion_routine)', async () => {
    const { m, pending, handle } = await stacked(async (machine, lower, irp) => {
      const { imports, kernel } = machine;
      const event = bytesAt(kernel, 24);
      imports.KeInitializeEvent(event, 0, false);
      imports.IoCopyCurrentIrpStackLocationToNext(irp);
      const keep = () => {
        imports.KeSetEvent(event, 0, false);
        return STATUS_MORE_PROCESSING_REQUIRED;
      };
      imports.IoSetCompletionRoutine(irp, keep, null, true, true, true);
      const status = await imports.IoCallDriver(lower, irp);
      if (status === STATUS_PENDING) await imports.KeWaitForSingleObject(event, 0, 0, false, null);
      expect(machine.stackOf(irp).MajorFunction).toBe(3);
      return machine.complete(irp, STATUS_SUCCESS, 1);
    });
    const read = handle.read(4);
    await m.runAll();
    await m.run(() => m.complete(pending[0], STATUS_CANCELLED));
    expect(await m.pump(read)).toMatchObject({ status: STATUS_SUCCESS, information: 1 });
    expect(m.codes()).toEqual([]);
  });

  test('without a location left the machine stops (wdm/nf-wdm-iofcalldriver)', async () => {
    const { m } = await stacked(() => 0);
    const lower = await m.run(() => {
      const cell = bytesAt(m.kernel, 8);
      m.imports.IoCreateDevice(m.driver.driverObject, 0, null, 0x22, 0, false, cell);
      return m.kernel.memory.readPointer(cell);
    });
    const stopped = m.run(async () => {
      const irp = bytesAt(m.kernel, 1024);
      m.imports.IoInitializeIrp(irp, 208 + 72, 1);
      expect(m.kernel.memory.i8[irp + 66]).toBe(1);
      m.imports.IoSkipCurrentIrpStackLocation(irp);
      m.kernel.memory.i8[irp + 67] = 1;
      await m.imports.IofCallDriver(lower, irp);
    });
    await expect(stopped).rejects.toMatchObject({ bugCheckCode: NO_MORE_IRP_STACK_LOCATIONS });
  });

  test.each([1, 2, 4])(
    'with %i processors a request ends once, whether it is cancelled or completed first (kernel/synchronizing-irp-cancellation)',
    async (processors) => {
      for (let seed = 1; seed <= 10; seed++) {
        const { m, pending, handle } = await stacked(
          (machine, lower, irp) => {
            machine.imports.IoSkipCurrentIrpStackLocation(irp);
            return machine.imports.IoCallDriver(lower, irp);
          },
          { processors, seed },
        );
        const reads = Array.from({ length: 5 }, () => handle.read(4));
        await m.kernel.scheduler.run(() => false);
        const cancelled = handle.cancel();
        let completed = 0;
        for (const irp of [...pending].slice(0, 3)) {
          m.start(() => {
            // Who gets the cancel routine owns the IRP.
            if (m.imports.IoSetCancelRoutine(irp, null) === 0) return 0;
            pending.splice(pending.indexOf(irp), 1);
            completed++;
            return m.complete(irp, STATUS_SUCCESS);
          });
        }
        const results = await m.pump(Promise.all(reads));
        expect(await m.pump(cancelled)).toBe(5 - completed);
        expect(results.filter(({ status }) => status === STATUS_SUCCESS)).toHaveLength(completed);
        expect(m.codes()).toEqual([]);
      }
    },
  );
});
