/**
 * Structured exceptions of a compiled driver in a machine (native/exceptions/guarded.c): bad pointers of programs,
 * statuses that TypeScript drivers raise, and what no __try protects. Rules: "Handling Exceptions" (kernel),
 * wdm/nf-wdm-probeforread, wdm/nf-wdm-probeforwrite, "Bug Check Code Reference".
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  DRIVER_IRQL_NOT_LESS_OR_EQUAL,
  KERNEL_SECURITY_CHECK_FAILURE,
  PAGE_FAULT_IN_NONPAGED_AREA,
  RaisedStatusError,
  STATUS_ACCESS_VIOLATION,
  STATUS_DATA_ERROR,
  SYSTEM_THREAD_EXCEPTION_NOT_HANDLED,
} from '../src/kernel/index.ts';
import {
  type DEVICE_OBJECT,
  defineDriver,
  dumpOf,
  formatDump,
  type IRP,
  Machine,
  STATUS_SUCCESS,
} from '../src/machine/index.ts';
import { hasClang } from './support/clang.ts';
import { irps } from './support/irp.ts';

const GUARDED = new Uint8Array(readFileSync(new URL('../native/fixtures/guarded.sys', import.meta.url)));

/** Control codes: the request in a buffer, and the program's own memory. */
const BUFFERED = 0x22_e000;
const NEITHER = 0x22_e003;
/** What the driver is asked to do; see guarded.c. */
const PROBE_READ = 0;
const PROBE_WRITE = 1;
const READ = 2;
const WRITE = 3;
const BELOW = 4;
const UNHANDLED = 5;
const AT_DISPATCH = 6;
const LIST = 7;
const COPY = 8;
const COUNT = 9;

/** An address of the user half that no program has. */
const WILD_USER = 0x1a0_7fff_0000n;
const WILD_KERNEL = 0xffff_8000_7000_0000n;

function request(operation: number, address: bigint, length = 4): Uint8Array {
  const data = new DataView(new ArrayBuffer(16));
  data.setBigUint64(0, address, true);
  data.setUint32(8, length, true);
  data.setUint32(12, operation, true);
  return new Uint8Array(data.buffer);
}

/** What the TypeScript driver below does in its dispatch routine. */
type Below = 'raise' | 'raise later' | 'call' | 'call and catch';

/** A device below. `call` hands a request back to the compiled driver, which reads a bad pointer outside of __try. */
const below = (does: Below, caught: number[]) =>
  defineDriver(({ ntoskrnl, memory, cell, data }) => {
    const device = cell();
    const finish = (irp: IRP) => {
      irps.complete(memory, irp.address, STATUS_SUCCESS, 0);
      ntoskrnl.IoCompleteRequest(irp, 0);
      return STATUS_SUCCESS;
    };
    const wait = () => ntoskrnl.KeDelayExecutionThread(0, false, { QuadPart: -10_000n });
    const callGuarded = async () => {
      const [file, found] = [cell(), cell()];
      expect(await ntoskrnl.IoGetDeviceObjectPointer('\\Device\\Guarded', 0, file, found)).toBe(
        STATUS_SUCCESS,
      );
      const input = data(16);
      memory.u8.set(request(UNHANDLED, WILD_USER), input);
      const event = data(24);
      ntoskrnl.KeInitializeEvent(event, 0, false);
      const irp = ntoskrnl.IoBuildDeviceIoControlRequest(
        BUFFERED,
        found.value,
        input,
        16,
        input,
        4,
        false,
        event,
        data(16),
      );
      await ntoskrnl.IoCallDriver(found.value, irp);
    };
    return {
      DriverEntry(DriverObject) {
        ntoskrnl.IoCreateDevice(DriverObject, 0, '\\Device\\Below', 0x22, 0, false, device);
        for (const major of [0, 2, 18])
          DriverObject.MajorFunction.set(major, (_device: DEVICE_OBJECT, irp: IRP) => finish(irp));
        DriverObject.MajorFunction.set(14, async (_device: DEVICE_OBJECT, irp: IRP) => {
          if (does === 'raise later') await wait();
          if (does.startsWith('raise')) ntoskrnl.ExRaiseStatus(STATUS_DATA_ERROR);
          try {
            await callGuarded();
          } catch (error) {
            if (does === 'call' || !(error instanceof RaisedStatusError)) throw error;
            caught.push(error.status);
            // A driver that caught an exception is as able to wait as before.
            await wait();
          }
          return finish(irp);
        });
        DriverObject.DriverUnload = () => ntoskrnl.IoDeleteDevice(device.value);
        return STATUS_SUCCESS;
      },
    };
  });

async function started(does: Below = 'raise', memorySafety = false) {
  const machine = new Machine({ seed: 3, memorySafety });
  const caught: number[] = [];
  expect(await machine.load('below', below(does, caught))).toBe(STATUS_SUCCESS);
  expect(await machine.load('guarded', GUARDED)).toBe(STATUS_SUCCESS);
  const device = await machine.openDevice('\\\\.\\Guarded');
  const ask = (operation: number, address: bigint) => device.ioctl(BUFFERED, request(operation, address), 4);
  /** How many __finally blocks the last request has run. */
  const blocks = async (): Promise<number> => (await ask(COUNT, 0n)).data[0] ?? 0;
  return { machine, device, ask, blocks, caught };
}

/** The dump of a machine that a request stops. */
async function stopped(operation: number, address: bigint): Promise<string> {
  const { machine, ask } = await started();
  await expect(ask(operation, address)).rejects.toThrow();
  const dump = dumpOf(machine.kernel);
  if (dump === null) throw new Error('the machine did not stop');
  return formatDump(dump);
}

describe('a compiled driver with __try', () => {
  test.each([
    ['ProbeForRead', PROBE_READ, WILD_USER],
    ['ProbeForRead of a kernel address', PROBE_READ, WILD_KERNEL],
    ['ProbeForWrite', PROBE_WRITE, WILD_USER],
    ['a read', READ, WILD_USER],
    ['a read at NULL', READ, 0n],
    ['a write', WRITE, WILD_USER],
    ['a copy', COPY, WILD_USER],
    ['a copy from NULL', COPY, 0n],
  ])('catches what %s of a bad pointer raises, and runs its blocks', async (_name, operation, address) => {
    const { device, ask, blocks } = await started();
    expect((await ask(operation, address)).status).toBe(STATUS_ACCESS_VIOLATION);
    expect(await blocks()).toBe(1);
    expect(await device.close()).toBe(STATUS_SUCCESS);
  });

  test('is no different where every access is checked', async () => {
    const { device, ask, blocks } = await started('raise', true);
    for (const operation of [PROBE_READ, READ, WRITE, COPY]) {
      expect((await ask(operation, WILD_USER)).status).toBe(STATUS_ACCESS_VIOLATION);
      expect(await blocks()).toBe(1);
    }
    expect((await ask(BELOW, 0n)).status).toBe(STATUS_DATA_ERROR);
    expect(await device.close()).toBe(STATUS_SUCCESS);
  });

  test('reads what a program gave it', async () => {
    const { device } = await started();
    const { status, information } = await device.ioctl(NEITHER, Uint8Array.of(1, 2, 3), 16);
    expect([status, information]).toEqual([STATUS_SUCCESS, 6]);
  });

  test.each<Below>(['raise', 'raise later'])(
    'catches a status that a TypeScript driver below raises (%s)',
    async (does) => {
      const { machine, device, ask, blocks } = await started(does);
      for (let round = 0; round < 2; round++) {
        expect((await ask(BELOW, 0n)).status).toBe(STATUS_DATA_ERROR);
        expect(await blocks()).toBe(2);
      }
      expect((await ask(READ, WILD_USER)).status).toBe(STATUS_ACCESS_VIOLATION);
      expect(await device.close()).toBe(STATUS_SUCCESS);
      expect(machine.kernel.stopReason).toBeNull();
    },
  );

  test('catches an exception of machine code that went through a TypeScript driver', async () => {
    const { machine, ask, blocks } = await started('call');
    expect((await ask(BELOW, 0n)).status).toBe(STATUS_ACCESS_VIOLATION);
    expect(await blocks()).toBe(2);
    expect(machine.kernel.stopReason).toBeNull();
  });

  test('gives its exceptions to a TypeScript driver that called it', async () => {
    const { machine, ask, caught } = await started('call and catch');
    expect((await ask(BELOW, 0n)).status).toBe(STATUS_SUCCESS);
    expect(caught).toEqual([STATUS_ACCESS_VIOLATION]);
    expect(machine.kernel.stopReason).toBeNull();
  });
});

describe('what no __try protects stops the machine', () => {
  test('a wild kernel address', async () => {
    const dump = await stopped(READ, WILD_KERNEL);
    expect(dump).toContain(`${PAGE_FAULT_IN_NONPAGED_AREA.toString(16)} PAGE_FAULT_IN_NONPAGED_AREA`);
    expect(dump).toMatch(/> guarded\.sys\S* .*ptr \[r/);
    expect(dump).toMatch(/rip FFFF8000_/);
  });

  test('missing memory at DISPATCH_LEVEL', async () => {
    expect(DRIVER_IRQL_NOT_LESS_OR_EQUAL).toBe(0xd1);
    expect(await stopped(AT_DISPATCH, WILD_USER)).toContain('DRIVER_IRQL_NOT_LESS_OR_EQUAL');
  });

  test('a list entry that was overwritten', async () => {
    expect(KERNEL_SECURITY_CHECK_FAILURE).toBe(0x139);
    expect(await stopped(LIST, 0n)).toContain('KERNEL_SECURITY_CHECK_FAILURE');
  });

  test('an exception that nothing handles, with the frames that led to it', async () => {
    expect(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED).toBe(0x7e);
    const dump = await stopped(UNHANDLED, WILD_USER);
    expect(dump).toContain('SYSTEM_THREAD_EXCEPTION_NOT_HANDLED');
    const stack = dump.slice(dump.indexOf('stack:')).split('\n');
    expect(stack.filter((line) => line.includes('guarded.sys')).length).toBeGreaterThanOrEqual(2);
    expect(dump).toContain('Dispatch of guarded');
  });
});

test.skipIf(!hasClang)('the images are those that their sources give', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ndisbox-exceptions-'));
  try {
    const build = spawnSync(
      fileURLToPath(new URL('../native/exceptions/build.sh', import.meta.url)),
      [folder],
      {
        encoding: 'utf8',
      },
    );
    expect(build.stderr + build.stdout).toBe('');
    for (const name of ['exceptions.sys', 'guarded.sys']) {
      const kept = readFileSync(new URL(`../native/fixtures/${name}`, import.meta.url));
      const built = readFileSync(join(folder, name));
      expect(new Uint8Array(built), name).toEqual(new Uint8Array(kept));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
