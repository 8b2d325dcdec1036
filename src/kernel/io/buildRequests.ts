/**
 * IRPs for requests of one driver to another: IoBuildDeviceIoControlRequest, IoBuildSynchronousFsdRequest,
 * IoBuildAsynchronousFsdRequest (wdm.h). Implements "Creating IRPs for Lower-Level Drivers" (kernel).
 */

import { type Address, poolType } from '../../memory/index.ts';
import type { Driver } from '../driver.ts';
import type { OutPointer, Pointer } from '../edge.ts';
import type { DEVICE_OBJECT, KEVENT } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { allocateMdl, probeAndLock, spanPages } from '../memory/mdl.ts';
import { synchronous } from '../sync/declare.ts';
import { MAJOR, MDL_SIZE, type Method, methodOf, writeMdl } from './accessMethod.ts';
import { ioManagerOf } from './ioManager.ts';
import * as at from './irpLayout.ts';

/** `IrpB` */
const TAG = 0x4270_7249;

/** A request that is to be built. */
interface Wanted {
  readonly major: number;
  readonly device: Address;
  readonly input: Address;
  readonly inputLength: number;
  readonly output: Address;
  readonly outputLength: number;
  readonly code: number;
  readonly owner: Driver;
  /** The I/O manager frees the IRP when it is completed, not the driver. */
  readonly system: boolean;
}

/** Builds the IRP; 0 where memory is short. */
function build(kernel: Kernel, wanted: Wanted): Address {
  const { memory } = kernel;
  const { major, device, owner } = wanted;
  const control = major === MAJOR.deviceControl || major === MAJOR.internalControl;
  const method = methodOf(kernel, device, major, wanted.code);
  const buffered = method === 'buffered';
  const irp = ioManagerOf(kernel).allocateIrp(memory.i8[device + at.DEVICE_STACK_SIZE], {
    owner,
    system: wanted.system,
    outputLength: buffered ? wanted.outputLength : 0,
  });
  if (irp === 0) return 0;
  memory.writePointer(irp + at.IRP_THREAD, kernel.scheduler.thread?.address ?? 0);
  memory.writePointer(irp + at.IRP_USER_BUFFER, major === MAJOR.write ? wanted.input : wanted.output);
  if (
    !systemBuffer(kernel, irp, wanted, control, buffered) ||
    !lockedPages(kernel, irp, wanted, method, control)
  ) {
    ioManagerOf(kernel).freeIrp(irp);
    return 0;
  }
  const stack = at.nextStack(kernel, irp);
  memory.u8[stack + at.STACK_MAJOR] = major;
  const parameters = (stack + at.STACK_PARAMETERS) >> 2;
  memory.u32[parameters] = major === MAJOR.write ? wanted.inputLength : wanted.outputLength;
  if (control) {
    memory.u32[parameters + 2] = wanted.inputLength;
    memory.u32[parameters + 4] = wanted.code;
    if (method === 'neither') memory.writePointer(stack + at.STACK_PARAMETERS + 24, wanted.input);
  }
  return irp;
}

/** The copy that a buffered request, or the input of a direct control request, lies in. */
function systemBuffer(
  kernel: Kernel,
  irp: Address,
  wanted: Wanted,
  control: boolean,
  buffered: boolean,
): boolean {
  const { memory } = kernel;
  const input =
    buffered || (control && methodOf(kernel, wanted.device, wanted.major, wanted.code) === 'direct');
  const size = input ? Math.max(wanted.inputLength, buffered ? wanted.outputLength : 0) : 0;
  if (size === 0) return true;
  const system = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
  if (system === 0) return false;
  memory.u8.copyWithin(system, wanted.input, wanted.input + wanted.inputLength);
  memory.writePointer(irp + at.IRP_SYSTEM_BUFFER, system);
  ioManagerOf(kernel).irps.get(irp)?.buffers.push(system);
  return true;
}

/** The MDL of a direct request. One that a driver frees itself is a real one with its pages locked. */
function lockedPages(
  kernel: Kernel,
  irp: Address,
  wanted: Wanted,
  method: Method,
  control: boolean,
): boolean {
  const writes = wanted.major === MAJOR.write;
  const [address, length] = writes
    ? [wanted.input, wanted.inputLength]
    : [wanted.output, wanted.outputLength];
  if (method !== 'direct' || length === 0) return true;
  if (!wanted.system && !control) {
    const mdl = allocateMdl(kernel, wanted.owner.id, address, length);
    if (mdl === 0) return false;
    probeAndLock(kernel, wanted.owner, mdl, 0, writes ? 0 : 1);
    kernel.memory.writePointer(irp + at.IRP_MDL, mdl);
    return true;
  }
  const size = MDL_SIZE + spanPages(address, length) * 8;
  const mdl = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
  if (mdl === 0) return false;
  writeMdl(kernel, mdl, address, length);
  kernel.memory.writePointer(irp + at.IRP_MDL, mdl);
  ioManagerOf(kernel).irps.get(irp)?.buffers.push(mdl);
  return true;
}

/**
 * Builds a control request that a driver waits for; the I/O manager frees it when it is completed.
 * @returns NULL where memory is short. IRQL: PASSIVE_LEVEL. @source wdm/nf-wdm-iobuilddeviceiocontrolrequest
 */
export const IoBuildDeviceIoControlRequest = synchronous(
  'PIRP IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer, ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength, BOOLEAN InternalDeviceIoControl, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-iobuilddeviceiocontrolrequest',
  (kernel, driver) =>
    (
      IoControlCode: number,
      DeviceObject: Pointer<DEVICE_OBJECT>,
      InputBuffer: OutPointer,
      InputBufferLength: number,
      OutputBuffer: OutPointer,
      OutputBufferLength: number,
      InternalDeviceIoControl: boolean,
      Event: Pointer<KEVENT>,
      IoStatusBlock: OutPointer,
    ): Address => {
      const irp = build(kernel, {
        major: InternalDeviceIoControl ? MAJOR.internalControl : MAJOR.deviceControl,
        device: DeviceObject,
        input: InputBuffer,
        inputLength: InputBufferLength >>> 0,
        output: OutputBuffer,
        outputLength: OutputBufferLength >>> 0,
        code: IoControlCode,
        owner: driver,
        system: true,
      });
      if (irp === 0) return 0;
      kernel.memory.writePointer(irp + at.IRP_USER_EVENT, Event);
      kernel.memory.writePointer(irp + at.IRP_USER_IOSB, IoStatusBlock);
      return irp;
    },
);

/** A read, write, flush or shutdown request; 0 for another one or where memory is short. */
function buildTransfer(
  kernel: Kernel,
  owner: Driver,
  system: boolean,
  major: number,
  device: Address,
  buffer: Address,
  length: number,
  startingOffset: Address,
): Address {
  const { memory } = kernel;
  const transfers = major === MAJOR.read || major === MAJOR.write;
  if (!transfers && major !== MAJOR.flush && major !== MAJOR.shutdown && major !== MAJOR.pnp) return 0;
  const writes = major === MAJOR.write;
  const irp = build(kernel, {
    major,
    device,
    input: writes ? buffer : 0,
    inputLength: writes ? length >>> 0 : 0,
    output: major === MAJOR.read ? buffer : 0,
    outputLength: major === MAJOR.read ? length >>> 0 : 0,
    code: 0,
    owner,
    system,
  });
  if (irp !== 0 && transfers && startingOffset !== 0) {
    const at16 = at.nextStack(kernel, irp) + at.STACK_PARAMETERS + 16;
    memory.u8.copyWithin(at16, startingOffset, startingOffset + 8);
  }
  return irp;
}

/**
 * Builds a read, write, flush or shutdown request that a driver waits for; the I/O manager frees it.
 * @returns NULL where memory is short or the function is another one. IRQL: PASSIVE_LEVEL.
 * @source wdm/nf-wdm-iobuildsynchronousfsdrequest
 */
export const IoBuildSynchronousFsdRequest = synchronous(
  'PIRP IoBuildSynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length, PLARGE_INTEGER StartingOffset, PKEVENT Event, PIO_STATUS_BLOCK IoStatusBlock)',
  'PASSIVE_LEVEL',
  '2000',
  'wdm/nf-wdm-iobuildsynchronousfsdrequest',
  (kernel, driver) =>
    (
      MajorFunction: number,
      DeviceObject: Pointer<DEVICE_OBJECT>,
      Buffer: OutPointer,
      Length: number,
      StartingOffset: OutPointer,
      Event: Pointer<KEVENT>,
      IoStatusBlock: OutPointer,
    ): Address => {
      const irp = buildTransfer(
        kernel,
        driver,
        true,
        MajorFunction,
        DeviceObject,
        Buffer,
        Length,
        StartingOffset,
      );
      if (irp === 0) return 0;
      kernel.memory.writePointer(irp + at.IRP_USER_EVENT, Event);
      kernel.memory.writePointer(irp + at.IRP_USER_IOSB, IoStatusBlock);
      return irp;
    },
);

/**
 * Builds a read, write, flush or shutdown request that the driver frees in its completion routine, with its MDL.
 * @returns NULL where memory is short or the function is another one. IRQL <= DISPATCH_LEVEL.
 * @source wdm/nf-wdm-iobuildasynchronousfsdrequest
 */
export const IoBuildAsynchronousFsdRequest = synchronous(
  'PIRP IoBuildAsynchronousFsdRequest(ULONG MajorFunction, PDEVICE_OBJECT DeviceObject, PVOID Buffer, ULONG Length, PLARGE_INTEGER StartingOffset, PIO_STATUS_BLOCK IoStatusBlock)',
  '<=DISPATCH_LEVEL',
  '2000',
  'wdm/nf-wdm-iobuildasynchronousfsdrequest',
  (kernel, driver) =>
    (
      MajorFunction: number,
      DeviceObject: Pointer<DEVICE_OBJECT>,
      Buffer: OutPointer,
      Length: number,
      StartingOffset: OutPointer,
      IoStatusBlock: OutPointer,
    ): Address => {
      const irp = buildTransfer(
        kernel,
        driver,
        false,
        MajorFunction,
        DeviceObject,
        Buffer,
        Length,
        StartingOffset,
      );
      if (irp === 0) return 0;
      kernel.memory.writePointer(irp + at.IRP_USER_IOSB, IoStatusBlock);
      driver.own(`irp ${irp}`, {
        kind: 'IRP',
        name: `at 0x${irp.toString(16)}`,
        releasedBy: 'IoFreeIrp',
        release: () => ioManagerOf(kernel).freeIrp(irp),
      });
      return irp;
    },
);
