import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createIoMachine, loadIoDriver } from '../../../test/support/ioDriver.ts';
import {
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { DEVICE_OBJECT, IRP } from '../generated/structures/index.ts';

const CTL = (method: number) => (0x22 << 16) | (0x800 << 2) | method;

/** A driver that adds one to each byte of input and pends where `later` says so. */
async function started(flags = 0, later = false) {
  const m = createIoMachine();
  const { kernel, imports } = m;
  const { memory } = kernel;
  const pending: (() => void)[] = [];
  const finish = (irp: IRP, information: number) => {
    if (!later) return m.complete(irp, STATUS_SUCCESS, information);
    imports.IoMarkIrpPending(irp);
    pending.push(() => m.complete(irp.address, STATUS_SUCCESS, information));
    return STATUS_PENDING;
  };
  const mapped = (irp: IRP) => memory.readPointer(memory.readPointer(irp.address + 8) + 24);
  const control = (_device: DEVICE_OBJECT, irp: IRP) => {
    const { IoControlCode, InputBufferLength, Type3InputBuffer } = m.stackOf(irp).Parameters.DeviceIoControl;
    const method = IoControlCode & 3;
    const system = memory.readPointer(irp.address + 24);
    const input = method === 3 ? Type3InputBuffer : system;
    const output = method === 0 ? system : method === 3 ? irp.UserBuffer : mapped(irp);
    for (let i = 0; i < InputBufferLength; i++) memory.u8[output + i] = memory.u8[input + i] + 1;
    return finish(irp, InputBufferLength);
  };
  const held: number[] = [];
  const device = await loadIoDriver(
    m,
    {
      3: (_device, irp) => {
        const at =
          flags === 4 ? memory.readPointer(irp.address + 24) : flags === 16 ? mapped(irp) : irp.UserBuffer;
        memory.u8.set(held, at);
        expect(memory.u32[(m.stackOf(irp).address + 24) >> 2]).toBe(77);
        return finish(irp, held.length);
      },
      4: (_device, irp) => {
        const at =
          flags === 4 ? memory.readPointer(irp.address + 24) : flags === 16 ? mapped(irp) : irp.UserBuffer;
        const { Length } = m.stackOf(irp).Parameters.Write;
        held.push(...memory.u8.subarray(at, at + Length));
        return finish(irp, Length);
      },
      9: (_device, irp) => finish(irp, 0),
      14: control,
      15: control,
    },
    { flags },
  );
  const offset = bytesAt(kernel, 8);
  memory.u32[offset >> 2] = 77;
  return { m, device, pending, offset, input: bytesAt(kernel, 16), output: bytesAt(kernel, 16) };
}

describe('requests that drivers build', () => {
  test.each([0, 1, 2, 3])(
    'a control request with method %i and an event, completed at once or later (wdm/nf-wdm-iobuilddeviceiocontrolrequest)',
    async (method) => {
      for (const later of [false, true]) {
        const { m, device, pending, input, output } = await started(0, later);
        const { imports, kernel } = m;
        const event = bytesAt(kernel, 24);
        const block = bytesAt(kernel, 16);
        kernel.memory.u8.set([1, 2, 3], input);
        m.start(async () => {
          imports.KeInitializeEvent(event, 0, false);
          const irp = imports.IoBuildDeviceIoControlRequest(
            CTL(method),
            device,
            input,
            3,
            output,
            16,
            method === 3,
            event,
            block,
          );
          const status = await imports.IoCallDriver(device, irp);
          if (status === STATUS_PENDING) await imports.KeWaitForSingleObject(event, 0, 0, false, null);
          expect(kernel.memory.u32[block >> 2]).toBe(STATUS_SUCCESS);
          expect(kernel.memory.u32[(block + 8) >> 2]).toBe(3);
          expect([...kernel.memory.u8.subarray(output, output + 4)]).toEqual([2, 3, 4, 0]);
          return 0;
        });
        await m.runAll();
        await m.run(() => {
          for (const work of pending.splice(0)) work();
        });
        await m.runAll();
        expect(m.codes()).toEqual([]);
      }
    },
  );

  test.each([0, 4, 16])(
    'reads and writes over a device with flags %i (wdm/nf-wdm-iobuildsynchronousfsdrequest)',
    async (flags) => {
      const { m, device, offset, input, output } = await started(flags);
      const { imports, kernel } = m;
      kernel.memory.u8.set([5, 6], input);
      const block = bytesAt(kernel, 16);
      await m.run(async () => {
        const event = bytesAt(kernel, 24);
        imports.KeInitializeEvent(event, 0, false);
        const write = imports.IoBuildSynchronousFsdRequest(4, device, input, 2, offset, event, block);
        expect(await imports.IoCallDriver(device, write)).toBe(STATUS_SUCCESS);
        const read = imports.IoBuildSynchronousFsdRequest(3, device, output, 16, offset, event, block);
        expect(await imports.IoCallDriver(device, read)).toBe(STATUS_SUCCESS);
        expect(imports.KeReadStateEvent(event)).toBe(1);
        expect([...kernel.memory.u8.subarray(output, output + 2)]).toEqual([5, 6]);
        const flush = imports.IoBuildSynchronousFsdRequest(9, device, null, 0, null, event, block);
        expect(await imports.IoCallDriver(device, flush)).toBe(STATUS_SUCCESS);
        expect(imports.IoBuildSynchronousFsdRequest(2, device, null, 0, null, event, block)).toBe(0);
      });
      expect(m.codes()).toEqual([]);
    },
  );

  test.each([4, 16])(
    'the driver frees an asynchronous request in its completion routine, flags %i (wdm/nf-wdm-iobuildasynchronousfsdrequest)',
    async (flags) => {
      const { m, device, offset, input } = await started(flags);
      const { imports, kernel, driver } = m;
      const seen: number[] = [];
      await m.run(async () => {
        const irp = imports.IoBuildAsynchronousFsdRequest(4, device, input, 4, offset, bytesAt(kernel, 16));
        imports.IoSetCompletionRoutine(
          irp,
          (_device: unknown, done: IRP) => {
            seen.push(Number(done.IoStatus.Information));
            const mdl = kernel.memory.readPointer(done.address + 8);
            if (mdl !== 0) {
              imports.MmUnlockPages(mdl);
              imports.IoFreeMdl(mdl);
            }
            imports.IoFreeIrp(done);
            return STATUS_MORE_PROCESSING_REQUIRED;
          },
          null,
          true,
          true,
          true,
        );
        expect(await imports.IoCallDriver(device, irp)).toBe(STATUS_SUCCESS);
        expect(imports.IoBuildAsynchronousFsdRequest(2, device, null, 0, null, null)).toBe(0);
      });
      expect(seen).toEqual([4]);
      expect(m.codes()).toEqual([]);
      expect(driver.owned.filter(({ kind }) => kind === 'IRP')).toEqual([]);
    },
  );

  test('a request of the I/O manager is not the driver’s to free; without memory there is none (wdm/nf-wdm-iobuilddeviceiocontrolrequest)', async () => {
    const { m, device } = await started();
    await m.run(() => {
      const irp = m.imports.IoBuildDeviceIoControlRequest(
        CTL(0),
        device,
        null,
        0,
        null,
        0,
        false,
        null,
        null,
      );
      m.imports.IoFreeIrp(irp);
      const huge = 0x7000_0000;
      expect(
        m.imports.IoBuildDeviceIoControlRequest(CTL(0), device, null, 0, null, huge, false, null, null),
      ).toBe(0);
    });
    expect(m.codes()).toEqual(['IRP_OF_IO_MANAGER']);
  });
});
