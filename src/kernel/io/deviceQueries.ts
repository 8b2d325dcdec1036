/**
 * Finding devices and objects: IoGetAttachedDevice, IoGetDeviceObjectPointer, shutdown notification, secure devices
 * (wdm.h, ntifs.h, wdmsec.h).
 */

import type { Address } from '../../memory/index.ts';
import { readUnicodeString } from '../../memory/index.ts';
import type { CallbackPointer, Context, OutPointer, Pointer, TextPointer } from '../edge.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../generated/constants/ntstatus.ts';
import {
  type DEVICE_OBJECT,
  type DRIVER_OBJECT,
  FILE_OBJECT,
  type IRP,
} from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { objectsOf } from '../objects/objectManager.ts';
import { procedure } from '../procedure.ts';
import { NT_SUCCESS, type NTSTATUS } from '../status.ts';
import { inlined, synchronous, waiting } from '../sync/declare.ts';
import { MAJOR } from './accessMethod.ts';
import { IoCreateDevice, topDevice } from './deviceFunctions.ts';
import { openFile } from './fileObjects.ts';
import { ioManagerOf } from './ioManager.ts';
import type { IO_COMPLETION_ROUTINE } from './requests.ts';
import { IoSetCompletionRoutine } from './stackLocations.ts';
import { request, requestLocals } from './userRequest.ts';

/** Devices that may be registered for shutdown. */
const SHUTDOWN_LIMIT = 4096;

/** The device at the top of a stack. IRQL <= DISPATCH_LEVEL. @source ntifs/nf-ntifs-iogetattacheddevice */
export const IoGetAttachedDevice = synchronous(
  'PDEVICE_OBJECT IoGetAttachedDevice(PDEVICE_OBJECT DeviceObject)',
  '<=DISPATCH_LEVEL',
  '2000',
  'ntifs/nf-ntifs-iogetattacheddevice',
  (kernel) =>
    (DeviceObject: Pointer<DEVICE_OBJECT>): Address =>
      topDevice(kernel, DeviceObject),
);

/** The same with a reference, which ObDereferenceObject gives back. @source wdm/nf-wdm-iogetattacheddevicereference */
export const IoGetAttachedDeviceReference = synchronous(
  'PDEVICE_OBJECT IoGetAttachedDeviceReference(PDEVICE_OBJECT DeviceObject)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-iogetattacheddevicereference',
  (kernel) =>
    (DeviceObject: Pointer<DEVICE_OBJECT>): Address => {
      const top = topDevice(kernel, DeviceObject);
      const object = objectsOf(kernel).at(top);
      if (object !== undefined) objectsOf(kernel).reference(object);
      return top;
    },
);

interface PointerLocals {
  readonly path: string;
  readonly mode: number;
  readonly fileOut: Address;
  readonly deviceOut: Address;
  /** What `openFile` works on: shared with it. */
  readonly opened: { readonly path: string; readonly mode: number; file: Address };
  status: NTSTATUS;
}

const getDeviceObjectPointer = procedure<Kernel, PointerLocals>('IoGetDeviceObjectPointer', {
  start: (kernel, locals, step) => step.run('opened', openFile, kernel, locals.opened),
  opened: (kernel, locals, step, result) => {
    locals.status = result >>> 0;
    if (!NT_SUCCESS(locals.status)) return step.done(locals.status);
    // The routine opens a handle and closes it again: the driver sees IRP_MJ_CLEANUP, but the file object stays.
    return step.run(
      'cleaned',
      request,
      kernel,
      requestLocals(locals.opened.file, MAJOR.cleanup, 0, undefined, 0, 0),
    );
  },
  cleaned: (kernel, locals, step) => {
    const { memory } = kernel;
    const { file } = locals.opened;
    memory.writePointer(locals.fileOut, file);
    const device = memory.readPointer(file + FILE_OBJECT.offset.DeviceObject);
    memory.writePointer(locals.deviceOut, topDevice(kernel, device));
    return step.done(STATUS_SUCCESS);
  },
});

/**
 * The top device of a named stack and a referenced file object of it; ObDereferenceObject on the file object gives
 * both back. To be awaited. @returns STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND, or what the driver answered.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-iogetdeviceobjectpointer
 */
export const IoGetDeviceObjectPointer = waiting(
  'NTSTATUS IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess, PFILE_OBJECT* FileObject, PDEVICE_OBJECT* DeviceObject)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-iogetdeviceobjectpointer',
  (kernel) =>
    (
      ObjectName: TextPointer,
      _DesiredAccess: number,
      FileObject: OutPointer,
      DeviceObject: OutPointer,
    ): Promise<NTSTATUS> => {
      const path = readUnicodeString(kernel.memory, ObjectName);
      return kernel.scheduler.execute(getDeviceObjectPointer, kernel, {
        path,
        mode: 0,
        fileOut: FileObject,
        deviceOut: DeviceObject,
        opened: { path, mode: 0, file: 0 },
        status: STATUS_SUCCESS,
      });
    },
);

/**
 * Asks for IRP_MJ_SHUTDOWN at the end of the machine. @returns STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES.
 * IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-ioregistershutdownnotification
 */
export const IoRegisterShutdownNotification = synchronous(
  'NTSTATUS IoRegisterShutdownNotification(PDEVICE_OBJECT DeviceObject)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-ioregistershutdownnotification',
  (kernel, driver) =>
    (DeviceObject: Pointer<DEVICE_OBJECT>): NTSTATUS => {
      const { shutdown } = ioManagerOf(kernel);
      if (objectsOf(kernel).at(DeviceObject)?.type !== 'Device') return STATUS_INVALID_PARAMETER;
      if (shutdown.length >= SHUTDOWN_LIMIT) return STATUS_INSUFFICIENT_RESOURCES;
      shutdown.unshift(DeviceObject);
      driver.own(`shutdown ${DeviceObject}`, {
        kind: 'shutdown notification',
        name: `of the device at 0x${DeviceObject.toString(16)}`,
        releasedBy: 'IoUnregisterShutdownNotification',
        release: () => removeShutdown(kernel, DeviceObject),
      });
      return STATUS_SUCCESS;
    },
);

function removeShutdown(kernel: Kernel, device: Address): void {
  const { shutdown } = ioManagerOf(kernel);
  const index = shutdown.indexOf(device);
  if (index >= 0) shutdown.splice(index, 1);
}

/** Ends that. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-iounregistershutdownnotification */
export const IoUnregisterShutdownNotification = synchronous(
  'VOID IoUnregisterShutdownNotification(PDEVICE_OBJECT DeviceObject)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-iounregistershutdownnotification',
  (kernel, driver) =>
    (DeviceObject: Pointer<DEVICE_OBJECT>): void => {
      removeShutdown(kernel, DeviceObject);
      driver.disown(`shutdown ${DeviceObject}`);
    },
);

function declareSecure(name: 'IoCreateDeviceSecure' | 'WdmlibIoCreateDeviceSecure') {
  const implement: typeof IoCreateDevice.implement = IoCreateDevice.implement;
  return (name === 'IoCreateDeviceSecure' ? inlined : synchronous)(
    `NTSTATUS ${name}(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName, ULONG DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive, PUNICODE_STRING DefaultSDDLString, PVOID DeviceClassGuid, PDEVICE_OBJECT* DeviceObject)`,
    'PASSIVE_LEVEL',
    '2000',
    'wdmsec/nf-wdmsec-wdmlibiocreatedevicesecure',
    (kernel, driver) => {
      const create = implement(kernel, driver);
      return (
        DriverObject: Pointer<DRIVER_OBJECT>,
        DeviceExtensionSize: number,
        DeviceName: TextPointer,
        DeviceType: number,
        DeviceCharacteristics: number,
        Exclusive: boolean,
        DefaultSDDLString: TextPointer,
        _DeviceClassGuid: Address,
        DeviceObject: OutPointer,
      ): NTSTATUS => {
        // The machine has one user; the descriptor has to be one, but it decides nothing.
        if (!readUnicodeString(kernel.memory, DefaultSDDLString).startsWith('D:'))
          return STATUS_INVALID_PARAMETER;
        return create(
          DriverObject,
          DeviceExtensionSize,
          DeviceName,
          DeviceType,
          DeviceCharacteristics,
          Exclusive,
          DeviceObject,
        );
      };
    },
  );
}

/**
 * Creates a device with a security descriptor. @returns as IoCreateDevice; STATUS_INVALID_PARAMETER where the text is no
 * descriptor. IRQL: PASSIVE_LEVEL. @source wdmsec/nf-wdmsec-wdmlibiocreatedevicesecure
 */
export const WdmlibIoCreateDeviceSecure = declareSecure('WdmlibIoCreateDeviceSecure');
/** The macro around WdmlibIoCreateDeviceSecure. @source wdmsec/nf-wdmsec-wdmlibiocreatedevicesecure */
export const IoCreateDeviceSecure = declareSecure('IoCreateDeviceSecure');

/**
 * As IoSetCompletionRoutine, and keeps the driver loaded until the routine has returned; here a driver with requests
 * under way is never taken away. @returns STATUS_SUCCESS. IRQL <= DISPATCH_LEVEL.
 * @source wdm/nf-wdm-iosetcompletionroutineex
 */
export const IoSetCompletionRoutineEx = synchronous(
  'NTSTATUS IoSetCompletionRoutineEx(PDEVICE_OBJECT DeviceObject, PIRP Irp, PIO_COMPLETION_ROUTINE CompletionRoutine, PVOID Context, BOOLEAN InvokeOnSuccess, BOOLEAN InvokeOnError, BOOLEAN InvokeOnCancel)',
  '<=DISPATCH_LEVEL',
  'XP',
  'wdm/nf-wdm-iosetcompletionroutineex',
  (kernel, driver) => {
    const set = IoSetCompletionRoutine.implement(kernel, driver);
    return (
      _DeviceObject: Pointer<DEVICE_OBJECT>,
      Irp: Pointer<IRP>,
      CompletionRoutine: CallbackPointer<IO_COMPLETION_ROUTINE>,
      Context: Context,
      InvokeOnSuccess: boolean,
      InvokeOnError: boolean,
      InvokeOnCancel: boolean,
    ): NTSTATUS => {
      set(Irp, CompletionRoutine, Context, InvokeOnSuccess, InvokeOnError, InvokeOnCancel);
      return STATUS_SUCCESS;
    };
  },
);
