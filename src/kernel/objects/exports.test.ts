/** Exported variables, named events, exports by name, notifications of processes, and what the system says of itself. */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createTestKernel } from '../../../test/support/kernel.ts';
import * as functions from '../functions.ts';
import {
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import { processesOf } from '../process/index.ts';
import { variableAddress } from '../variables.ts';
import { attachSystemRoutines } from './systemRoutine.ts';

function setup() {
  const made = createTestKernel(functions);
  return { ...made, memory: made.kernel.memory, cell: () => bytesAt(made.kernel, 16) };
}

describe('variables', () => {
  test('have one address in a machine, and the documented values', () => {
    const { imports, memory, kernel } = setup();
    expect(imports.KdDebuggerEnabled).toBe(variableAddress(kernel, functions.KdDebuggerEnabled));
    expect([memory.u8[imports.KdDebuggerEnabled], memory.u8[imports.KdDebuggerNotPresent]]).toEqual([0, 1]);
    expect(memory.u32[imports.NtBuildNumber >> 2]).toBe(0xf000_65f4);
    expect(memory.u8[imports.KeNumberProcessors]).toBe(1);
    expect(memory.u32[imports.InitSafeBootMode >> 2]).toBe(0);
    expect(memory.readPointer(imports.PsInitialSystemProcess)).toBe(processesOf(kernel).system.address);
    const wide = (at: number) => memory.data.getBigUint64(at, true);
    expect([wide(imports.MmHighestUserAddress), wide(imports.MmSystemRangeStart)]).toEqual([
      0x7fff_fffe_ffffn,
      0xffff_8000_0000_0000n,
    ]);
  });

  test('of object types are what handles are checked against (wdm/nf-wdm-obreferenceobjectbyhandle)', async () => {
    const { run, imports, memory, cell } = setup();
    await run(async () => {
      const [handle, object] = [cell(), cell()];
      imports.IoCreateNotificationEvent('\\Test', handle);
      const type = (variable: number) => memory.readPointer(variable);
      const reference = (variable: number) =>
        imports.ObReferenceObjectByHandle(memory.readPointer(handle), 0, type(variable), 0, object, null);
      expect(reference(imports.PsThreadType)).toBe(STATUS_OBJECT_TYPE_MISMATCH);
      expect(reference(imports.IoFileObjectType)).toBe(STATUS_OBJECT_TYPE_MISMATCH);
      expect(reference(imports.ExEventObjectType)).toBe(STATUS_SUCCESS);
      imports.ObfDereferenceObject(memory.readPointer(object));
      await imports.ZwClose(memory.readPointer(handle));
    });
  });
});

describe('events with a name', () => {
  test('are shared, begin signaled, and go with the last handle (wdm/nf-wdm-iocreatesynchronizationevent)', async () => {
    const { run, imports, memory, cell } = setup();
    await run(async () => {
      const handles = [cell(), cell(), cell()];
      const first = imports.IoCreateSynchronizationEvent('\\BaseNamedObjects\\One', handles[0]);
      expect(imports.KeReadStateEvent(first)).toBe(1);
      expect(await imports.KeWaitForSingleObject(first, 0, 0, false, null)).toBe(STATUS_SUCCESS);
      expect(imports.KeReadStateEvent(first)).toBe(0);
      expect(imports.IoCreateSynchronizationEvent('\\basenamedobjects\\ONE', handles[1])).toBe(first);
      for (const handle of handles.slice(0, 2)) await imports.ZwClose(memory.readPointer(handle));
      const again = imports.IoCreateNotificationEvent('\\BaseNamedObjects\\One', handles[2]);
      expect(imports.KeReadStateEvent(again)).toBe(1);
      expect(await imports.KeWaitForSingleObject(again, 0, 0, false, null)).toBe(STATUS_SUCCESS);
      expect(imports.KeReadStateEvent(again)).toBe(1);
      await imports.ZwClose(memory.readPointer(handles[2]));
    });
  });

  test('are NULL without memory (wdm/nf-wdm-iocreatenotificationevent)', async () => {
    const { imports, cell, run } = createTestKernelWithoutMemory();
    expect(await run(() => imports.IoCreateNotificationEvent('\\A', cell))).toBe(0);
    expect(await run(() => imports.IoCreateSynchronizationEvent('\\A', cell))).toBe(0);
  });
});

function createTestKernelWithoutMemory() {
  const made = createTestKernel(functions, { pool: { fail: (_type, size) => size === 24 } });
  return { ...made, cell: bytesAt(made.kernel, 16) };
}

test('an export is found by name, and stays at its address (wdm/nf-wdm-mmgetsystemroutineaddress)', async () => {
  const { run, imports, kernel, memory } = setup();
  const routine = () => 7;
  attachSystemRoutines(kernel, (_driver, name) =>
    name === 'KeSetEvent' ? routine : name === 'NtBuildNumber' ? imports.NtBuildNumber : null,
  );
  await run(() => {
    const address = imports.MmGetSystemRoutineAddress('KeSetEvent');
    expect(memory.callables.valueAt(address)).toBe(routine);
    expect(imports.MmGetSystemRoutineAddress('KeSetEvent')).toBe(address);
    expect(imports.MmGetSystemRoutineAddress('NtBuildNumber')).toBe(imports.NtBuildNumber);
    expect(imports.MmGetSystemRoutineAddress('NoSuchThing')).toBe(0);
  });
});

describe('drivers that are told of processes', () => {
  test('hear of each that begins and ends (ntddk/nf-ntddk-pssetcreateprocessnotifyroutine)', async () => {
    const { run, runAll, imports, kernel, driver } = setup();
    const heard: unknown[] = [];
    const routine = (parent: number, id: number, create: unknown) => {
      heard.push([parent, id, Boolean(create)]);
    };
    const set = (remove: boolean) => run(() => imports.PsSetCreateProcessNotifyRoutine(routine, remove));
    expect(await set(true)).toBe(STATUS_INVALID_PARAMETER);
    expect(await set(false)).toBe(STATUS_SUCCESS);
    expect(await set(false)).toBe(STATUS_INVALID_PARAMETER);
    const processes = processesOf(kernel);
    const process = processes.create('program');
    process.allocate(100);
    await runAll();
    processes.end(process);
    await runAll();
    expect(heard).toEqual([
      [4, process.id, true],
      [4, process.id, false],
    ]);
    expect(process.size).toBe(0);
    expect(imports.PsGetProcessId(process.address)).toBe(process.id);
    expect(driver.owned).toHaveLength(1);
    expect(await set(true)).toBe(STATUS_SUCCESS);
    expect(driver.owned).toEqual([]);
  });
});

describe('the system says of itself', () => {
  test('how many processors and pages it has, and the time (winternl/nf-winternl-ntquerysysteminformation)', async () => {
    const { run, imports, memory, kernel, cell } = setup();
    await run(() => {
      const [buffer, length] = [bytesAt(kernel, 64), cell()];
      const query = (kind: number, size: number) =>
        imports.ZwQuerySystemInformation(kind, buffer, size, length);
      expect(query(0, 63)).toBe(STATUS_INFO_LENGTH_MISMATCH);
      expect(memory.u32[length >> 2]).toBe(64);
      expect(query(0, 64)).toBe(STATUS_SUCCESS);
      expect([memory.u32[(buffer + 8) >> 2], memory.u8[buffer + 56]]).toEqual([4096, 1]);
      expect(query(3, 48)).toBe(STATUS_SUCCESS);
      expect(memory.u64[(buffer + 8) >> 3]).toBeGreaterThan(memory.u64[buffer >> 3]);
      expect([query(8, 48), query(103, 8)]).toEqual([STATUS_SUCCESS, STATUS_SUCCESS]);
      expect(query(11, 64)).toBe(STATUS_INVALID_INFO_CLASS);
    });
  });
});

test('a thread that yields lets others go first', async () => {
  const { start, runAll, imports } = setup();
  const order: number[] = [];
  start(async () => {
    order.push(1);
    expect(await imports.ZwYieldExecution()).toBe(STATUS_SUCCESS);
    order.push(3);
  });
  start(() => {
    order.push(2);
  });
  await runAll();
  expect(order).toEqual([1, 2, 3]);
});
