/**
 * Devices as files for drivers: ZwCreateFile, ZwOpenFile, ZwReadFile, ZwWriteFile, ZwDeviceIoControlFile (wdm.h,
 * ntifs.h). Every request is synchronous: it is complete when the function returns. There are no files on disks.
 */

import type { Address } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import type { Handle, OutPointer, Pointer } from '../edge.ts';
import {
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_TYPE_MISMATCH,
} from '../generated/constants/ntstatus.ts';
import type { OBJECT_ATTRIBUTES } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { handlesOf } from '../objects/handleTable.ts';
import { giveHandle, readObjectAttributes } from '../objects/objectAttributes.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { procedure } from '../procedure.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { waiting } from '../sync/declare.ts';
import { MAJOR } from './accessMethod.ts';
import { openFile } from './fileObjects.ts';
import { type RequestLocals, request, requestLocals } from './userRequest.ts';

interface CreateLocals {
  readonly driver: number;
  readonly access: number;
  readonly attributes: number;
  readonly handleOut: Address;
  readonly statusOut: Address;
  readonly opened: { readonly path: string; readonly mode: number; file: Address };
}

const createFileProcedure = procedure<Kernel, CreateLocals>('ZwCreateFile', {
  start: (kernel, locals, step) => step.run('opened', openFile, kernel, locals.opened),
  opened: (kernel, locals, step, result) => {
    let status = result >>> 0;
    const object = objectsOf(kernel).at(locals.opened.file);
    if (NT_SUCCESS(status) && object !== undefined) {
      const driver = kernel.drivers[locals.driver - 1];
      status = giveHandle(kernel, driver, object, locals.access, locals.attributes, locals.handleOut);
      objectsOf(kernel).dereference(object);
    }
    writeStatus(kernel, locals.statusOut, status, NT_SUCCESS(status) ? FILE_OPENED : 0);
    return step.done(status);
  },
});
/** FILE_OPENED: the device was there. */
const FILE_OPENED = 1;

function writeStatus(kernel: Kernel, block: Address, status: NTSTATUS, information: number): void {
  if (block === 0) return;
  kernel.memory.u32[block >> 2] = status;
  kernel.memory.writePointer(block + 8, information);
}

function create(
  kernel: Kernel,
  driver: Driver,
  handleOut: Address,
  access: number,
  attributes: Address,
  statusOut: Address,
): NTSTATUS | Promise<NTSTATUS> {
  const wanted = readObjectAttributes(kernel, attributes);
  if (wanted === null || wanted.rootDirectory !== 0 || statusOut === 0) return STATUS_INVALID_PARAMETER;
  return kernel.scheduler.execute(createFileProcedure, kernel, {
    driver: driver.id,
    access: access >>> 0,
    attributes: wanted.attributes,
    handleOut,
    statusOut,
    opened: { path: wanted.name, mode: 0, file: 0 },
  });
}

/**
 * Opens a device by name. Disposition, sharing and the like are for files. To be awaited. @returns STATUS_SUCCESS,
 * STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_PARAMETER, or what the driver answered IRP_MJ_CREATE with.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwcreatefile
 */
export const ZwCreateFile = waiting(
  'NTSTATUS ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-zwcreatefile',
  (kernel, driver) =>
    (
      FileHandle: OutPointer,
      DesiredAccess: number,
      ObjectAttributes: Pointer<OBJECT_ATTRIBUTES>,
      IoStatusBlock: OutPointer,
      _AllocationSize: OutPointer,
      _FileAttributes: number,
      _ShareAccess: number,
      _CreateDisposition: number,
      _CreateOptions: number,
      _EaBuffer: OutPointer,
      _EaLength: number,
    ) =>
      create(kernel, driver, FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock),
);

/** Opens a device by name; as ZwCreateFile. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwopenfile */
export const ZwOpenFile = waiting(
  'NTSTATUS ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-zwopenfile',
  (kernel, driver) =>
    (
      FileHandle: OutPointer,
      DesiredAccess: number,
      ObjectAttributes: Pointer<OBJECT_ATTRIBUTES>,
      IoStatusBlock: OutPointer,
      _ShareAccess: number,
      _OpenOptions: number,
    ) =>
      create(kernel, driver, FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock),
);

interface TransferLocals {
  readonly file: Address;
  readonly request: RequestLocals;
  readonly statusOut: Address;
  readonly output: Address;
}

const transfer = procedure<Kernel, TransferLocals>('ZwFileRequest', {
  start: (kernel, locals, step) => step.run('over', request, kernel, locals.request),
  over: (kernel, locals, step) => {
    const { status, information, data } = locals.request.result;
    kernel.memory.u8.set(data, locals.output);
    writeStatus(kernel, locals.statusOut, status, information);
    const object = objectsOf(kernel).at(locals.file);
    if (object !== undefined) objectsOf(kernel).dereference(object);
    return step.done(status);
  },
});

/** What a request needs besides its handle. */
interface Wanted {
  readonly event: Address;
  readonly routine: Address;
  readonly statusOut: Address;
  readonly major: number;
  readonly code: number;
  readonly input: Address;
  readonly inputLength: number;
  readonly output: Address;
  readonly outputLength: number;
}

function send(kernel: Kernel, handle: Handle, wanted: Wanted): NTSTATUS | Promise<NTSTATUS> {
  const entry = handlesOf(kernel).resolve(handle | 0);
  if (entry === undefined || wanted.event !== 0) return STATUS_INVALID_HANDLE;
  if (entry.object.type !== 'File') return STATUS_OBJECT_TYPE_MISMATCH;
  if (wanted.routine !== 0 || wanted.statusOut === 0) return STATUS_INVALID_PARAMETER;
  objectsOf(kernel).reference(entry.object);
  const input = kernel.memory.u8.slice(wanted.input, wanted.input + wanted.inputLength);
  const file = entry.object.address;
  return kernel.scheduler.execute(transfer, kernel, {
    file,
    request: requestLocals(file, wanted.major, wanted.code, input, wanted.outputLength, 0),
    statusOut: wanted.statusOut,
    output: wanted.output,
  });
}

function declareTransfer(name: 'ZwReadFile' | 'ZwWriteFile') {
  const reads = name === 'ZwReadFile';
  return waiting(
    `NTSTATUS ${name}(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset, PULONG Key)`,
    'PASSIVE_LEVEL',
    '2000',
    `wdm/nf-wdm-${name.toLowerCase()}`,
    (kernel) =>
      (
        FileHandle: Handle,
        Event: Handle,
        ApcRoutine: OutPointer,
        _ApcContext: OutPointer,
        IoStatusBlock: OutPointer,
        Buffer: OutPointer,
        Length: number,
        _ByteOffset: OutPointer,
        _Key: OutPointer,
      ) =>
        send(kernel, FileHandle, {
          event: Event,
          routine: ApcRoutine,
          statusOut: IoStatusBlock,
          major: reads ? MAJOR.read : MAJOR.write,
          code: 0,
          input: Buffer,
          inputLength: reads ? 0 : Length >>> 0,
          output: Buffer,
          outputLength: reads ? Length >>> 0 : 0,
        }),
  );
}

/**
 * Reads from an open device; the offset is not passed on. To be awaited. @returns the status of the request,
 * STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-zwreadfile
 */
export const ZwReadFile = declareTransfer('ZwReadFile');
/** Writes to an open device; as ZwReadFile. @source wdm/nf-wdm-zwwritefile */
export const ZwWriteFile = declareTransfer('ZwWriteFile');

/**
 * Sends a control code to an open device. To be awaited. @returns the status of the request, STATUS_INVALID_HANDLE,
 * STATUS_OBJECT_TYPE_MISMATCH. IRQL: PASSIVE_LEVEL. @source ntifs/nf-ntifs-zwdeviceiocontrolfile
 */
export const ZwDeviceIoControlFile = waiting(
  'NTSTATUS ZwDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, ULONG IoControlCode, PVOID InputBuffer, ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength)',
  'PASSIVE_LEVEL',
  'XP',
  'ntifs/nf-ntifs-zwdeviceiocontrolfile',
  (kernel) =>
    (
      FileHandle: Handle,
      Event: Handle,
      ApcRoutine: OutPointer,
      _ApcContext: OutPointer,
      IoStatusBlock: OutPointer,
      IoControlCode: number,
      InputBuffer: OutPointer,
      InputBufferLength: number,
      OutputBuffer: OutPointer,
      OutputBufferLength: number,
    ) =>
      send(kernel, FileHandle, {
        event: Event,
        routine: ApcRoutine,
        statusOut: IoStatusBlock,
        major: MAJOR.deviceControl,
        code: IoControlCode,
        input: InputBuffer,
        inputLength: InputBufferLength >>> 0,
        output: OutputBuffer,
        outputLength: OutputBufferLength >>> 0,
      }),
);
