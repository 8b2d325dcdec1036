/** Conformance tests of strings, small values and devices of NDIS drivers. */

import { expect, test } from 'vitest';
import { bytesAt, unicodeString } from '../../../test/support/cells.ts';
import { createTestLibrary } from '../../../test/support/netBuffers.ts';
import {
  attachDevices,
  attachFiles,
  attachInputOutput,
  createDriverObject,
  type DRIVER_DISPATCH,
  IO_NO_INCREMENT,
  IofCompleteRequest,
  IRP,
  NdisboxError,
  openDevice,
  STATUS_BUFFER_OVERFLOW,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_SUCCESS,
} from '../../kernel/index.ts';
import { routineSource } from '../../machine/routineSource.ts';
import { readAnsiString, readUnicodeString } from '../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NdisObject } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { MiniportDriver } from '../miniport/miniportDriver.ts';
import { Binding, ProtocolDriver, type ProtocolHandlers } from '../protocol/protocolDriver.ts';
import { attachRoutineSource } from './values.ts';

function characters(t: ReturnType<typeof createTestLibrary>, text: string) {
  const at = bytesAt(t.kernel, text.length + 1);
  t.memory.u8.set(new TextEncoder().encode(text), at);
  return at;
}

test('a string with a buffer of its own is converted, terminated and freed once (ndis/nf-ndis-ndisinitializestring)', async () => {
  const t = createTestLibrary();
  await t.run(() => {
    const string = bytesAt(t.kernel, 16);
    t.imports.NdisInitializeString(string, characters(t, 'Name'));
    expect(readUnicodeString(t.memory, string)).toBe('Name');
    expect([t.memory.u16[string >> 1], t.memory.u16[(string + 2) >> 1]]).toEqual([8, 10]);
    expect(t.driver.owned.map((owned) => owned.releasedBy)).toEqual(['NdisFreeString']);
    t.imports.NdisFreeString(string);
    expect(t.driver.owned).toEqual([]);
    expect(t.codes()).toEqual([]);
    t.imports.NdisFreeString(string);
    t.imports.NdisFreeString(unicodeString(t.kernel, 'other'));
    t.failAllocations(true);
    t.imports.NdisInitializeString(string, characters(createTestLibrary(), ''));
    t.failAllocations(false);
    expect(t.memory.readPointer(string + 8)).toBe(0);
  });
  expect(t.codes()).toEqual(['NOT_AN_NDIS_STRING', 'NOT_AN_NDIS_STRING']);
});

test('a string describes the text that it was given (ndis/nf-ndis-ndisinitunicodestring)', async () => {
  const t = createTestLibrary();
  await t.run(() => {
    const string = bytesAt(t.kernel, 16);
    t.imports.NdisInitUnicodeString(string, 'wide');
    expect(readUnicodeString(t.memory, string)).toBe('wide');
    t.imports.NdisInitUnicodeString(string, null);
    expect(t.memory.u16[string >> 1]).toBe(0);
    t.imports.NdisInitAnsiString(string, characters(t, 'narrow'));
    expect(readAnsiString(t.memory, string)).toBe('narrow');
  });
});

test('strings are compared with or without case (ndis/nf-ndis-ndisequalstring)', async () => {
  const t = createTestLibrary();
  await t.run(() => {
    expect(t.imports.NdisEqualString('abc', 'ABC', true)).toBe(1);
    expect(t.imports.NdisEqualString('abc', 'ABC', false)).toBe(0);
    expect(t.imports.NdisEqualUnicodeString('abc', 'abc', false)).toBe(1);
    expect(t.imports.NdisEqualUnicodeString('abc', 'abcd', true)).toBe(0);
  });
});

test('conversions fill the buffer of the caller, or fail where it is too small (ndis/nf-ndis-ndisansistringtounicodestring)', async () => {
  const t = createTestLibrary();
  await t.run(() => {
    const wide = unicodeString(t.kernel, '______');
    const narrow = bytesAt(t.kernel, 16);
    t.imports.NdisInitAnsiString(narrow, characters(t, 'caf\u0065'));
    expect(t.imports.NdisAnsiStringToUnicodeString(wide, narrow)).toBe(NDIS_STATUS_SUCCESS);
    expect(readUnicodeString(t.memory, wide)).toBe('cafe');
    expect(t.imports.NdisUpcaseUnicodeString(wide, 'upper')).toBe(STATUS_SUCCESS);
    expect(readUnicodeString(t.memory, wide)).toBe('UPPER');
    expect(t.imports.NdisUnicodeStringToAnsiString(narrow, 'abc')).toBe(NDIS_STATUS_SUCCESS);
    expect(readAnsiString(t.memory, narrow)).toBe('abc');
    const small = unicodeString(t.kernel, '_');
    expect(t.imports.NdisAnsiStringToUnicodeString(small, narrow)).toBe(NDIS_STATUS_FAILURE);
    expect(t.imports.NdisUnicodeStringToAnsiString(narrow, 'much longer than it')).toBe(NDIS_STATUS_FAILURE);
    expect(t.imports.NdisUpcaseUnicodeString(small, 'long')).toBe(STATUS_BUFFER_OVERFLOW);
  });
});

test('halves of physical addresses and unaligned numbers (ndis/nf-ndis-ndisgetphysicaladdresshigh)', async () => {
  const t = createTestLibrary();
  await t.run(() => {
    const at = bytesAt(t.kernel, 16);
    expect(t.imports.NdisGetPhysicalAddressHigh(0x1234_5678_9abc_def0n)).toBe(0x1234_5678);
    expect(t.imports.NdisGetPhysicalAddressLow(0x1234_5678_9abc_def0n)).toBe(0x9abc_def0);
    t.imports.NdisSetPhysicalAddressHigh(at, 0xffff_ffff);
    t.imports.NdisSetPhysicalAddressLow(at, 1);
    expect(t.memory.u64[at >> 3]).toBe(0xffff_ffff_0000_0001n);
    t.imports.NdisStoreUlong(at + 1, 0xa1b2_c3d4);
    t.imports.NdisRetrieveUlong(at + 8, at + 1);
    expect(t.memory.u32[(at + 8) >> 2]).toBe(0xa1b2_c3d4);
    expect(t.imports.NdisGetVersion()).toBe(0x0006_0055);
    t.imports.NdisGetDriverHandle(0x7000_4440, at);
    expect(t.memory.readPointer(at)).toBe(0);
  });
  expect(t.codes()).toEqual(['BAD_HANDLE']);
});

test('a binding leads to the handle of the miniport driver below it, and belongs to a protocol (ndis/nf-ndis-ndisallocateioworkitem)', async () => {
  const t = createTestLibrary();
  const miniport = new MiniportDriver(t.driver, 85, 0, null);
  const handle = t.ndis.register(miniport);
  const invoke = () => {};
  // The binding takes these two callbacks only, and no call of this test reaches them.
  const handlers = { receive: { invoke }, sendComplete: { invoke } } as unknown as ProtocolHandlers;
  const protocol = new ProtocolDriver(t.driver, 'p', 85, null);
  const binding = t.ndis.register(
    new Binding(
      protocol,
      new MiniportAdapter(miniport, '{A}', 'a', {
        ifIndex: 1,
        ifType: 6,
        netLuidIndex: 1,
      }),
      handlers,
    ),
  );
  await t.run(() => {
    const at = bytesAt(t.kernel, 16);
    t.imports.NdisGetDriverHandle(binding, at);
    expect(t.memory.readPointer(at)).toBe(handle);
    expect(t.imports.NdisAllocateIoWorkItem(binding)).toBe(0);
    expect(t.imports.NdisAllocateIoWorkItem(handle)).not.toBe(0);
  });
  expect(t.codes()).toEqual(['WORK_ITEM_OF_PROTOCOL']);
});

test('the address of an export is callable, any other name gives NULL (ndis/nf-ndis-ndisgetroutineaddress)', async () => {
  const t = createTestLibrary();
  attachRoutineSource(
    t.ndis,
    routineSource(t.seam, t.ndis, () => undefined),
  );
  await t.run(() => {
    const address = t.imports.NdisGetRoutineAddress('NdisGetVersion');
    expect(t.imports.NdisGetRoutineAddress('NdisGetVersion')).toBe(address);
    const routine = t.memory.callables.valueAt(address);
    expect(typeof routine === 'function' && routine()).toBe(0x0006_0055);
    expect(t.imports.NdisGetRoutineAddress('NdisStoreUlong')).toBe(0);
    expect(t.imports.NdisGetRoutineAddress('NdisNoSuchThing')).toBe(0);
  });
});

function deviceTest() {
  const t = createTestLibrary();
  attachInputOutput(t.kernel);
  attachDevices(t.kernel);
  attachFiles(t.kernel);
  const defaultDispatch = t.memory.callables.addressOf(() => 0xc000_0010, t.driver);
  createDriverObject(t.kernel, t.driver, defaultDispatch, 0);
  const owner = t.ndis.register(new NdisObject());
  const [device, handle] = [bytesAt(t.kernel, 8), bytesAt(t.kernel, 8)];
  const register = (name: string, link: string, routines: Record<number, DRIVER_DISPATCH>, fields = {}) => {
    const table = bytesAt(t.kernel, 28 * 8);
    for (const [major, routine] of Object.entries(routines))
      t.memory.writePointer(table + Number(major) * 8, t.memory.callables.addressOf(routine, t.driver));
    return t.imports.NdisRegisterDeviceEx(
      owner,
      {
        Header: { Type: 0x85, Revision: 1, Size: 56 },
        DeviceName: unicodeString(t.kernel, name),
        SymbolicName: unicodeString(t.kernel, link),
        MajorFunctions: table,
        ExtensionSize: 32,
        ...fields,
      },
      device,
      handle,
    );
  };
  return { ...t, owner, device, handle, register };
}

test('each device has its own routines, its extension and a name for programs, until it is deregistered (ndis/nf-ndis-ndisregisterdeviceex)', async () => {
  const t = deviceTest();
  const seen: string[] = [];
  const answer =
    (name: string): DRIVER_DISPATCH =>
    (_device, irp) => {
      seen.push(name);
      t.memory.u32[(irp.address + IRP.offset.IoStatus) >> 2] = STATUS_SUCCESS;
      IofCompleteRequest.implement(t.kernel, t.driver)(irp.address as never, IO_NO_INCREMENT);
      return STATUS_SUCCESS;
    };
  const all = (name: string) => ({ 0: answer(name), 2: answer(name), 18: answer(name) });
  const handles: number[] = [];
  await t.run(() => {
    expect(t.register('\\Device\\One', '\\DosDevices\\One', all('one'))).toBe(NDIS_STATUS_SUCCESS);
    handles.push(t.memory.readPointer(t.handle));
    const extension = t.imports.NdisGetDeviceReservedExtension(t.memory.readPointer(t.device));
    expect([...t.memory.u8.subarray(extension, extension + 32)]).toEqual(Array(32).fill(0));
    expect(t.register('\\Device\\Two', '\\DosDevices\\Two', all('two'))).toBe(NDIS_STATUS_SUCCESS);
    handles.push(t.memory.readPointer(t.handle));
    expect(t.imports.NdisGetDeviceReservedExtension(t.memory.readPointer(t.device) + 8)).toBe(0);
  });
  const pump = async <T>(work: Promise<T>): Promise<T> => {
    let over = false;
    const ended = work.finally(() => {
      over = true;
    });
    ended.catch(() => {});
    for (let turn = 0; turn < 50 && !over; turn++) {
      await t.kernel.scheduler.run(() => false);
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
    return ended;
  };
  const file = await pump(openDevice(t.kernel, '\\\\.\\Two'));
  await pump(file.close());
  expect(seen).toContain('two');
  expect(seen).not.toContain('one');
  await t.run(() => {
    for (const handle of handles) t.imports.NdisDeregisterDeviceEx(handle);
    t.imports.NdisDeregisterDeviceEx(handles[0]);
  });
  expect(t.driver.owned).toEqual([]);
  expect(t.codes()).toEqual(['BAD_HANDLE']);
  await expect(pump(openDevice(t.kernel, '\\\\.\\One'))).rejects.toBeInstanceOf(NdisboxError);
});

test('a name that is taken, a wrong structure or handle make no device (ndis/nf-ndis-ndisregisterdeviceex)', async () => {
  const t = deviceTest();
  await t.run(() => {
    expect(t.register('\\Device\\One', '\\DosDevices\\One', {})).toBe(NDIS_STATUS_SUCCESS);
    expect(t.register('\\Device\\One', '\\DosDevices\\Two', {})).toBe(STATUS_OBJECT_NAME_COLLISION);
    expect(t.register('\\Device\\Two', '\\DosDevices\\One', {})).toBe(STATUS_OBJECT_NAME_COLLISION);
    expect(t.memory.readPointer(t.device)).toBe(0);
    const Header = { Type: 0x86, Revision: 1, Size: 56 };
    expect(t.register('\\Device\\Three', '', {}, { Header })).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(t.register('\\Device\\Three', '', { 27: () => 0 })).toBe(NDIS_STATUS_SUCCESS);
    t.ndis.unregister(t.ndis.resolve(t.owner, NdisObject) ?? new NdisObject());
    expect(t.register('\\Device\\Four', '', {})).toBe(NDIS_STATUS_NOT_SUPPORTED);
  });
  expect(t.codes()).toEqual(['PNP_ROUTINE_FOR_NDIS_DEVICE', 'BAD_HANDLE']);
  expect(t.driver.owned.map((owned) => owned.kind)).toEqual(['NDIS device', 'NDIS device']);
});
