/** Processes, the windows of the address space, KUSER_SHARED_DATA and KPCR. */

import { describe, expect, test } from 'vitest';
import { createTestKernel } from '../../../test/support/kernel.ts';
import {
  KERNEL_WINDOW_HIGH,
  PAGE_READ,
  SHARED_DATA_WINDOW_HIGH,
  USER_WINDOW_HIGH,
} from '../../memory/index.ts';
import { BugCheckError } from '../errors.ts';
import * as functions from '../functions.ts';
import { STATUS_ACCESS_VIOLATION, STATUS_INVALID_PARAMETER } from '../generated/constants/ntstatus.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import { kpcrOf, PROCESS_LIMIT, processesOf, translateAddress } from './index.ts';

const TAG = 0x3154_6554;

function setup(options: Parameters<typeof createTestKernel>[1] = {}) {
  const made = createTestKernel(functions, options);
  const { kernel } = made;
  return {
    ...made,
    memory: kernel.memory,
    processes: processesOf(kernel),
    user: (low: number, size = 4, access: 'read' | 'write' | 'execute' = 'read') =>
      translateAddress(kernel, low, USER_WINDOW_HIGH, size, access),
    raised: (code: () => unknown): number => {
      try {
        code();
      } catch (error) {
        if (error instanceof RaisedStatusError) return error.status;
        throw error;
      }
      return 0;
    },
    bugCheck: async (code: () => unknown): Promise<number> => {
      const error: unknown = await made.run(code as () => void).catch((reason: unknown) => reason);
      return error instanceof BugCheckError ? error.bugCheckCode : -1;
    },
  };
}

describe('user memory', () => {
  test('is reached only while its process is current', async () => {
    const { run, imports, processes, user, memory } = setup();
    const program = processes.create('program');
    const other = processes.create('other');
    const at = program.allocate(5000);
    const constant = program.allocate(16, PAGE_READ);
    expect(memory.readPointer(at)).toBe(0);
    await run(() => {
      const [outer, inner] = [0, 64].map((offset) => imports.ExAllocatePool2(0x40n, 128, TAG) + offset);
      expect(user(at)).toBe(-1);
      imports.KeStackAttachProcess(program.address, outer);
      expect(imports.IoGetCurrentProcess()).toBe(program.address);
      expect(imports.PsGetCurrentProcessId()).toBe(4);
      expect([user(at), user(at + 8188), user(constant + 4094), user(at, 4, 'execute')]).toEqual([
        at,
        at + 8188,
        -1,
        -1,
      ]);
      expect([user(constant), user(constant, 4, 'write')]).toEqual([constant, -1]);
      imports.KeStackAttachProcess(other.address, inner);
      expect(user(at)).toBe(-1);
      imports.KeUnstackDetachProcess(inner);
      expect(user(at)).toBe(at);
      imports.KeUnstackDetachProcess(outer);
      expect(user(at)).toBe(-1);
      imports.KeAttachProcess(program.address);
      expect(user(at)).toBe(at);
      imports.KeDetachProcess();
      expect(user(at)).toBe(-1);
    });
    program.free(at);
    expect(program.size).toBe(4096);
    expect(() => program.free(at)).toThrow(expect.objectContaining({ code: 'NOT_USER_MEMORY' }));
  });

  test('the kernel window has the same bytes, and no other window has any', () => {
    const { kernel, processes } = setup();
    const at = processes.program.allocate(16);
    const translate = (high: number, low = at) => translateAddress(kernel, low, high, 4, 'read');
    expect(translate(KERNEL_WINDOW_HIGH)).toBe(at);
    for (const high of [0, 1, -1, USER_WINDOW_HIGH + 1, SHARED_DATA_WINDOW_HIGH]) {
      expect(translate(high)).toBe(-1);
    }
    expect(translate(KERNEL_WINDOW_HIGH, 0x1000)).toBe(-1);
    expect(translate(KERNEL_WINDOW_HIGH, -4)).toBe(-1);
    expect(translate(KERNEL_WINDOW_HIGH, kernel.memory.size - 2)).toBe(-1);
  });

  test('processes are bounded', () => {
    const { processes } = setup();
    expect(() => {
      for (let index = 0; index < PROCESS_LIMIT; index++) processes.create('one more');
    }).toThrow(expect.objectContaining({ code: 'TOO_MANY_PROCESSES' }));
  });
});

describe('attaching', () => {
  test('to what is no process, or twice without nesting, stops the machine (ntifs/nf-ntifs-kestackattachprocess)', async () => {
    const first = setup();
    const pool = await first.run(() => first.imports.ExAllocatePool2(0x40n, 64, TAG));
    expect(await first.bugCheck(() => first.imports.KeStackAttachProcess(pool, pool))).toBe(5);
    const second = setup();
    const [a, b] = [second.processes.create('a'), second.processes.create('b')];
    expect(
      await second.bugCheck(() => {
        second.imports.KeAttachProcess(a.address);
        second.imports.KeAttachProcess(b.address);
      }),
    ).toBe(5);
  });

  test('ends only what began (ntifs/nf-ntifs-keunstackdetachprocess)', async () => {
    const { run, imports, bugCheck } = setup();
    const state = await run(() => imports.ExAllocatePool2(0x40n, 64, TAG));
    expect(await bugCheck(() => imports.KeUnstackDetachProcess(state))).toBe(6);
  });
});

describe('MDLs of user memory', () => {
  test('are locked in the context of the process and mapped into the system (wdm/nf-wdm-mmprobeandlockpages)', async () => {
    const { run, imports, processes, memory, raised } = setup();
    const program = processes.create('program');
    const at = program.allocate(8192) + 100;
    const constant = program.allocate(16, PAGE_READ);
    await run(() => {
      const mdl = imports.IoAllocateMdl(at, 5000, false, false, 0);
      expect(memory.i32[(mdl + 36) >> 2]).toBe(USER_WINDOW_HIGH);
      expect(raised(() => imports.MmProbeAndLockPages(mdl, 1, 1))).toBe(STATUS_ACCESS_VIOLATION);
      imports.KeAttachProcess(program.address);
      imports.MmProbeAndLockPages(mdl, 1, 1);
      const only = imports.IoAllocateMdl(constant, 16, false, false, 0);
      expect(raised(() => imports.MmProbeAndLockPages(only, 1, 1))).toBe(STATUS_ACCESS_VIOLATION);
      imports.MmProbeAndLockPages(only, 1, 0);
      imports.MmUnlockPages(only);
      imports.IoFreeMdl(only);
      imports.KeDetachProcess();
      expect(imports.MmGetMdlVirtualAddress(mdl)).toBe(at);
      expect(imports.MmGetSystemAddressForMdlSafe(mdl, 16)).toBe(at);
      expect(memory.i32[(mdl + 28) >> 2]).toBe(KERNEL_WINDOW_HIGH);
      imports.MmUnlockPages(mdl);
      imports.IoFreeMdl(mdl);
    });
  });

  test('of kernel memory are mapped into the current process (wdm/nf-wdm-mmmaplockedpagesspecifycache)', async () => {
    const { run, imports, processes, user, raised, memory } = setup();
    const program = processes.create('program');
    await run(() => {
      const buffer = imports.ExAllocatePool2(0x40n, 100, TAG);
      const mdl = imports.IoAllocateMdl(buffer, 100, false, false, 0);
      imports.KeAttachProcess(program.address);
      expect(raised(() => imports.MmMapLockedPagesSpecifyCache(mdl, 1, 1, 0, 0, 16))).toBe(
        STATUS_INVALID_PARAMETER,
      );
      imports.MmBuildMdlForNonPagedPool(mdl);
      const mapped = imports.MmMapLockedPagesSpecifyCache(mdl, 1, 1, 0, 0, 16);
      expect([mapped, user(mapped)]).toEqual([buffer, buffer]);
      expect(functions.MmMapLockedPagesSpecifyCache.userResult?.([mdl, 1])).toBe(true);
      memory.writeUserPointer(mdl + 24, mapped);
      expect(memory.readPointer(mdl + 24)).toBe(buffer);
      imports.MmUnmapLockedPages(mapped, mdl);
      expect(user(mapped)).toBe(-1);
      imports.KeDetachProcess();
    });
  });

  test('a probe passes what the current process may access (wdm/nf-wdm-probeforwrite)', async () => {
    const { run, imports, processes, raised } = setup();
    const program = processes.create('program');
    const constant = program.allocate(16, PAGE_READ);
    await run(() => {
      expect(raised(() => imports.ProbeForRead(constant, 16, 1))).toBe(STATUS_ACCESS_VIOLATION);
      imports.KeAttachProcess(program.address);
      imports.ProbeForRead(constant, 16, 4);
      imports.ProbeForRead(constant, 0, 4);
      expect(raised(() => imports.ProbeForWrite(constant, 16, 1))).toBe(STATUS_ACCESS_VIOLATION);
      expect(raised(() => imports.ProbeForRead(constant, 4097, 1))).toBe(STATUS_ACCESS_VIOLATION);
      expect(raised(() => imports.ProbeForRead(constant, 2 ** 40, 1))).toBe(STATUS_ACCESS_VIOLATION);
      imports.KeDetachProcess();
    });
  });
});

describe('KUSER_SHARED_DATA', () => {
  test('has the time, the ticks and the version, read-only (ntddk/ns-ntddk-kuser_shared_data)', () => {
    const { kernel, memory } = setup();
    const at = (offset: number) => translateAddress(kernel, offset, SHARED_DATA_WINDOW_HIGH, 4, 'read');
    expect(translateAddress(kernel, 0, SHARED_DATA_WINDOW_HIGH, 4, 'write')).toBe(-1);
    expect(at(4094)).toBe(-1);
    const read64 = (offset: number) =>
      BigInt(memory.u32[at(offset) >> 2]) | (BigInt(memory.i32[(at(offset) + 4) >> 2]) << 32n);
    const before = read64(0x14);
    kernel.clock.advance(0x1_2345_6789);
    expect(read64(0x14) - before).toBe(0x1_2345_6789n);
    expect(read64(0x08)).toBe(BigInt(kernel.clock.now));
    expect(memory.i32[(at(0x08) + 8) >> 2]).toBe(1);
    expect(read64(0x320)).toBe(BigInt(Math.floor(kernel.clock.now / 156_250)));
    expect([memory.u32[at(0x26c) >> 2], memory.u32[at(0x260) >> 2]]).toEqual([10, 26100]);
    expect(memory.u32[at(0x3c0) >> 2]).toBe(1);
  });
});

test('a KPCR has itself, its number, and the thread that runs there (gs:[188h])', async () => {
  const { kernel, run, imports, memory } = setup({ processors: 2 });
  const [first, second] = [kpcrOf(kernel, 0), kpcrOf(kernel, 1)];
  expect(memory.readPointer(second + 0x18)).toBe(second);
  expect([memory.u8[second + 0x184], memory.u32[(second + 0x1a4) >> 2]]).toEqual([1, 1]);
  const idle = memory.readPointer(first + 0x188);
  await run(() => {
    const number = imports.KeGetCurrentProcessorNumberEx(null);
    expect(memory.readPointer(kpcrOf(kernel, number) + 0x188)).toBe(imports.KeGetCurrentThread());
    expect(imports.KeGetCurrentThread()).not.toBe(idle);
  });
  expect([first, second].map((kpcr) => memory.readPointer(kpcr + 0x188))).toEqual([idle, idle]);
});
