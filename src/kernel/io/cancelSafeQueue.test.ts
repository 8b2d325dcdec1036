import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createIoMachine, type IoMachine, loadIoDriver } from '../../../test/support/ioDriver.ts';
import type { Address } from '../../memory/index.ts';
import {
  STATUS_CANCELLED,
  STATUS_DEVICE_BUSY,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import type { DEVICE_OBJECT, IO_CSQ, IRP } from '../generated/structures/index.ts';
import { openDevice } from './hostDevice.ts';
import { moveStack } from './irpLayout.ts';

/** A queue of IRPs by their addresses, with a spin lock; `refuse` makes CsqInsertIrpEx fail. */
function createQueue(m: IoMachine, extended: boolean) {
  const { imports, kernel } = m;
  const csq = bytesAt(kernel, 64);
  const lock = bytesAt(kernel, 16);
  const queue: Address[] = [];
  const state = { refuse: false, locked: false, insertContext: undefined as unknown };
  imports.KeInitializeSpinLock(lock);
  const insert = (_csq: IO_CSQ, irp: IRP) => {
    expect(state.locked).toBe(true);
    queue.push(irp.address);
  };
  const insertEx = (owner: IO_CSQ, irp: IRP, context: unknown) => {
    state.insertContext = context;
    if (state.refuse) return STATUS_DEVICE_BUSY;
    insert(owner, irp);
    return STATUS_SUCCESS;
  };
  const remove = (_csq: IO_CSQ, irp: IRP) => {
    expect(state.locked).toBe(true);
    queue.splice(queue.indexOf(irp.address), 1);
  };
  const peek = (_csq: IO_CSQ, irp: IRP | 0, context: unknown) => {
    const from = irp === 0 ? 0 : queue.indexOf(irp.address) + 1;
    return queue.slice(from).find((at) => context === 0 || at === context) ?? 0;
  };
  const acquire = (_csq: IO_CSQ, irql: Address) => {
    imports.KeAcquireSpinLock(lock, irql);
    state.locked = true;
  };
  const release = (_csq: IO_CSQ, irql: number) => {
    state.locked = false;
    imports.KeReleaseSpinLock(lock, irql);
  };
  const canceled = (_csq: IO_CSQ, irp: IRP) => {
    expect(state.locked).toBe(false);
    m.complete(irp, STATUS_CANCELLED);
  };
  const status = extended
    ? imports.IoCsqInitializeEx(csq, insertEx, remove, peek, acquire, release, canceled)
    : imports.IoCsqInitialize(csq, insert, remove, peek, acquire, release, canceled);
  expect(status).toBe(STATUS_SUCCESS);
  return { csq, queue, state };
}

/** A device whose reads wait in a cancel-safe queue. */
async function started(extended = false, options = {}) {
  const m = createIoMachine(options);
  let made: ReturnType<typeof createQueue> | null = null;
  const queueOf = () => {
    if (made === null) throw new Error('no queue');
    return made;
  };
  await loadIoDriver(m, {
    0: (_device, irp) => m.complete(irp, STATUS_SUCCESS),
    3: (_device: DEVICE_OBJECT, irp: IRP) => {
      const { csq } = queueOf();
      if (!extended) {
        m.imports.IoCsqInsertIrp(csq, irp, null);
        return STATUS_PENDING;
      }
      const status = m.imports.IoCsqInsertIrpEx(csq, irp, null, { answer: 42 });
      return status === STATUS_SUCCESS ? STATUS_PENDING : m.complete(irp, status);
    },
  });
  await m.run(() => {
    made = createQueue(m, extended);
  });
  const handle = await m.pump(openDevice(m.kernel, '\\Device\\Test'));
  return { m, handle, ...queueOf() };
}

describe('cancel-safe queues', () => {
  test('IRPs wait in the queue of the driver and come out in its order, or none (wdm/nf-wdm-iocsqremovenextirp)', async () => {
    const { m, handle, csq, queue } = await started();
    const reads = [handle.read(4), handle.read(4)];
    await m.kernel.scheduler.run(() => false);
    const [first, second] = queue;
    await m.run(() => {
      expect(m.imports.IoCsqRemoveNextIrp(csq, second)).toBe(second);
      expect(m.imports.IoCsqRemoveNextIrp(csq, null)).toBe(first);
      expect(m.imports.IoCsqRemoveNextIrp(csq, null)).toBe(0);
      m.complete(first, STATUS_SUCCESS, 1);
      m.complete(second, STATUS_SUCCESS, 2);
    });
    expect((await m.pump(Promise.all(reads))).map(({ information }) => information)).toEqual([1, 2]);
    expect(m.codes()).toEqual([]);
  });

  test('a cancelled IRP is taken out and completed by the driver (wdm/nc-wdm-io_csq_complete_canceled_irp)', async () => {
    const { m, handle, csq, queue } = await started();
    const read = handle.read(4);
    await m.kernel.scheduler.run(() => false);
    expect(queue).toHaveLength(1);
    expect(await m.pump(handle.cancel())).toBe(1);
    expect((await m.pump(read)).status).toBe(STATUS_CANCELLED);
    expect(queue).toEqual([]);
    expect(await m.run(() => m.imports.IoCsqRemoveNextIrp(csq, null))).toBe(0);
    expect(m.codes()).toEqual([]);
  });

  test('CsqInsertIrpEx may refuse an IRP, which is then not pending (wdm/nf-wdm-iocsqinsertirpex)', async () => {
    const { m, handle, csq, state } = await started(true);
    const read = handle.read(4);
    await m.kernel.scheduler.run(() => false);
    expect(state.insertContext).toEqual({ answer: 42 });
    state.refuse = true;
    expect((await m.pump(handle.read(4))).status).toBe(STATUS_DEVICE_BUSY);
    await m.run(() => m.complete(m.imports.IoCsqRemoveNextIrp(csq, null), STATUS_SUCCESS));
    expect((await m.pump(read)).status).toBe(STATUS_SUCCESS);
    expect(m.codes()).toEqual([]);
  });

  test('IoCsqRemoveIrp takes the IRP of a context once (wdm/nf-wdm-iocsqremoveirp)', async () => {
    const { m, csq, queue } = await started();
    await m.run(() => {
      const context = bytesAt(m.kernel, 24);
      const irp = m.imports.IoAllocateIrp(2, false);
      moveStack(m.kernel, irp, -1);
      m.imports.IoCsqInsertIrp(csq, irp, context);
      expect(queue).toEqual([irp]);
      expect(m.imports.IoCsqRemoveIrp(csq, context)).toBe(irp);
      expect(m.imports.IoCsqRemoveIrp(csq, context)).toBe(0);
      expect(queue).toEqual([]);
      m.imports.IoFreeIrp(irp);
    });
  });

  test('an IRP that was cancelled before is not inserted but completed (wdm/nf-wdm-iocsqinsertirp)', async () => {
    const { m, csq, queue } = await started();
    await m.run(() => {
      const irp = m.imports.IoAllocateIrp(2, false);
      moveStack(m.kernel, irp, -1);
      m.imports.IoCancelIrp(irp);
      m.imports.IoCsqInsertIrp(csq, irp, null);
      expect(queue).toEqual([]);
      expect(m.kernel.memory.u32[(irp + 48) >> 2]).toBe(STATUS_CANCELLED);
    });
  });

  test.each([1, 2, 4])(
    'with %i processors every IRP is completed once, whoever comes first (kernel/cancel-safe-irp-queues)',
    async (processors) => {
      for (let seed = 1; seed <= 8; seed++) {
        const { m, handle, csq } = await started(false, { processors, seed });
        const reads = Array.from({ length: 6 }, () => handle.read(4));
        await m.kernel.scheduler.run(() => false);
        const cancelled = handle.cancel();
        let taken = 0;
        for (let worker = 0; worker < 3; worker++) {
          m.start(() => {
            const irp = m.imports.IoCsqRemoveNextIrp(csq, null);
            if (irp === 0) return 0;
            taken++;
            return m.complete(irp, STATUS_SUCCESS);
          });
        }
        const results = await m.pump(Promise.all(reads));
        await m.pump(cancelled);
        const statuses = results.map(({ status }) => status);
        expect(statuses.filter((status) => status === STATUS_SUCCESS)).toHaveLength(taken);
        expect(statuses.filter((status) => status === STATUS_CANCELLED)).toHaveLength(6 - taken);
        expect(m.codes()).toEqual([]);
      }
    },
  );
});
