/**
 * The device of sniff, which a program opens as `\\.\Sniff`: reads wait in a cancel-safe queue until a frame comes,
 * controls ask for counters and set what is captured. Implements "Cancel-Safe IRP Queues" and "Defining I/O Control
 * Codes" (kernel), in the manner of the NDISPROT sample.
 */

import {
  type Address,
  type Cell,
  DEVICE_OBJECT,
  DO_BUFFERED_IO,
  DO_DEVICE_INITIALIZING,
  type DRIVER_OBJECT,
  type DriverImports,
  FILE_DEVICE_NETWORK,
  IO_CSQ,
  IO_NETWORK_INCREMENT,
  IO_NO_INCREMENT,
  IO_STACK_LOCATION,
  IRP,
  IRP_MJ_CLEANUP,
  IRP_MJ_CLOSE,
  IRP_MJ_CREATE,
  IRP_MJ_DEVICE_CONTROL,
  IRP_MJ_READ,
  NT_SUCCESS,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import { RECORD_HEADER, type RecordRing } from './recordRing.ts';

const DEVICE_NAME = '\\Device\\Sniff';
const LINK_NAME = '\\DosDevices\\Sniff';
/** CTL_CODE(FILE_DEVICE_NETWORK, function, METHOD_BUFFERED, FILE_ANY_ACCESS). */
const control = (number: number) => (FILE_DEVICE_NETWORK << 16) | (number << 2);
/** Gives ULONG64 captured, ULONG64 dropped, ULONG bindings, ULONG records that wait. */
export const IOCTL_SNIFF_QUERY_STATISTICS = control(0x800);
/** Takes ULONG NDIS_PACKET_TYPE_ bits and ULONG bytes captured of each frame (0 for all). */
export const IOCTL_SNIFF_SET_FILTER = control(0x801);
const STATISTICS_SIZE = 24;
const FILTER_SIZE = 8;

/** What the device wants of the driver. */
export interface SniffSource {
  readonly ring: RecordRing;
  statistics(): { readonly captured: number; readonly dropped: number; readonly bindings: number };
  setFilter(packetFilter: number, snapLength: number): Promise<number>;
  /** Whether some program has the device open. */
  setListening(listening: boolean): void;
}

export class SniffDevice {
  readonly #imports: DriverImports;
  readonly #source: SniffSource;
  readonly #device: Cell;
  readonly #csq: Address;
  readonly #lock: Address;
  /** Reads that wait, oldest first. */
  readonly #waiting: IRP[] = [];
  #openFiles = 0;

  constructor(imports: DriverImports, source: SniffSource) {
    this.#imports = imports;
    this.#source = source;
    this.#device = imports.cell();
    this.#csq = imports.data(IO_CSQ.size);
    this.#lock = imports.data(16);
  }

  /** Creates the device and its link; the status of what failed otherwise. */
  create(DriverObject: DRIVER_OBJECT): number {
    const { ntoskrnl, memory } = this.#imports;
    const created = ntoskrnl.IoCreateDevice(
      DriverObject,
      0,
      DEVICE_NAME,
      FILE_DEVICE_NETWORK,
      0,
      false,
      this.#device,
    );
    if (!NT_SUCCESS(created)) return created;
    const linked = ntoskrnl.IoCreateSymbolicLink(LINK_NAME, DEVICE_NAME);
    if (!NT_SUCCESS(linked)) {
      ntoskrnl.IoDeleteDevice(this.#device.value);
      return linked;
    }
    this.#initializeQueue();
    const routines = DriverObject.MajorFunction;
    routines.set(IRP_MJ_CREATE, (_device: DEVICE_OBJECT, irp: IRP) => this.#open(irp, 1));
    routines.set(IRP_MJ_CLOSE, (_device: DEVICE_OBJECT, irp: IRP) => this.#open(irp, -1));
    routines.set(IRP_MJ_CLEANUP, (_device: DEVICE_OBJECT, irp: IRP) => this.#cleanUp(irp));
    routines.set(IRP_MJ_READ, (_device: DEVICE_OBJECT, irp: IRP) => this.#read(irp));
    routines.set(IRP_MJ_DEVICE_CONTROL, (_device: DEVICE_OBJECT, irp: IRP) => this.#control(irp));
    const flags = (this.#device.value + DEVICE_OBJECT.offset.Flags) >> 2;
    memory.u32[flags] = (memory.u32[flags] | DO_BUFFERED_IO) & ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
  }

  /** Removes link and device. */
  delete(): void {
    const { ntoskrnl } = this.#imports;
    ntoskrnl.IoDeleteSymbolicLink(LINK_NAME);
    ntoskrnl.IoDeleteDevice(this.#device.value);
  }

  /** Gives waiting reads the records that wait. IRQL <= DISPATCH_LEVEL. */
  serve(): void {
    const { ntoskrnl, memory } = this.#imports;
    const { ring } = this.#source;
    while (ring.count > 0) {
      const address = ntoskrnl.IoCsqRemoveNextIrp(this.#csq, null);
      if (address === 0) return;
      const irp = IRP.at(memory, address);
      const length = ring.pop(irp.AssociatedIrp.SystemBuffer, this.#readLength(irp));
      // Another processor may have taken the record meanwhile; the read goes on waiting.
      if (length === 0) ntoskrnl.IoCsqInsertIrp(this.#csq, irp, null);
      else this.#complete(irp, STATUS_SUCCESS, length, IO_NETWORK_INCREMENT);
    }
  }

  #initializeQueue(): void {
    const { ntoskrnl, memory } = this.#imports;
    ntoskrnl.KeInitializeSpinLock(this.#lock);
    ntoskrnl.IoCsqInitialize(
      this.#csq,
      (_queue: IO_CSQ, irp: IRP) => void this.#waiting.push(irp),
      (_queue: IO_CSQ, irp: IRP) => void this.#waiting.splice(this.#waiting.indexOf(irp), 1),
      (_queue: IO_CSQ, previous: IRP | 0, file: unknown) => this.#peek(previous, file),
      (_queue: IO_CSQ, irql: Address) => ntoskrnl.KeAcquireSpinLock(this.#lock, irql),
      (_queue: IO_CSQ, irql: number) => ntoskrnl.KeReleaseSpinLock(this.#lock, irql),
      (_queue: IO_CSQ, irp: IRP) =>
        this.#complete(IRP.at(memory, irp.address), STATUS_CANCELLED, 0, IO_NO_INCREMENT),
    );
  }

  /** The first read after `previous`; with `file` one of that file. */
  #peek(previous: IRP | 0, file: unknown): IRP | null {
    const from = previous === 0 ? 0 : this.#waiting.indexOf(previous) + 1;
    for (const irp of this.#waiting.slice(from)) {
      if (typeof file !== 'number' || file === 0 || this.#location(irp).FileObject === file) return irp;
    }
    return null;
  }

  #open(irp: IRP, change: 1 | -1): number {
    this.#openFiles += change;
    this.#source.setListening(this.#openFiles > 0);
    return this.#complete(irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
  }

  /** The last handle of a file is closed: its reads end. */
  #cleanUp(irp: IRP): number {
    const { ntoskrnl, memory } = this.#imports;
    const file = this.#location(irp).FileObject;
    for (;;) {
      const address = ntoskrnl.IoCsqRemoveNextIrp(this.#csq, file);
      if (address === 0) break;
      this.#complete(IRP.at(memory, address), STATUS_CANCELLED, 0, IO_NO_INCREMENT);
    }
    return this.#complete(irp, STATUS_SUCCESS, 0, IO_NO_INCREMENT);
  }

  #read(irp: IRP): number {
    if (this.#readLength(irp) < RECORD_HEADER)
      return this.#complete(irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
    this.#imports.ntoskrnl.IoCsqInsertIrp(this.#csq, irp, null);
    this.serve();
    return STATUS_PENDING;
  }

  async #control(irp: IRP): Promise<number> {
    const { memory } = this.#imports;
    const { IoControlCode, InputBufferLength, OutputBufferLength } =
      this.#location(irp).Parameters.DeviceIoControl;
    const buffer = irp.AssociatedIrp.SystemBuffer;
    switch (IoControlCode) {
      case IOCTL_SNIFF_QUERY_STATISTICS: {
        if (OutputBufferLength < STATISTICS_SIZE)
          return this.#complete(irp, STATUS_BUFFER_TOO_SMALL, 0, IO_NO_INCREMENT);
        const { captured, dropped, bindings } = this.#source.statistics();
        memory.data.setBigUint64(buffer, BigInt(captured), true);
        memory.data.setBigUint64(buffer + 8, BigInt(dropped), true);
        memory.data.setUint32(buffer + 16, bindings, true);
        memory.data.setUint32(buffer + 20, this.#source.ring.count, true);
        return this.#complete(irp, STATUS_SUCCESS, STATISTICS_SIZE, IO_NO_INCREMENT);
      }
      case IOCTL_SNIFF_SET_FILTER: {
        if (InputBufferLength < FILTER_SIZE)
          return this.#complete(irp, STATUS_INVALID_PARAMETER, 0, IO_NO_INCREMENT);
        const filter = memory.data.getUint32(buffer, true);
        const status = await this.#source.setFilter(filter, memory.data.getUint32(buffer + 4, true));
        return this.#complete(irp, status, 0, IO_NO_INCREMENT);
      }
      default:
        return this.#complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0, IO_NO_INCREMENT);
    }
  }

  #location(irp: IRP): IO_STACK_LOCATION {
    const address = this.#imports.ntoskrnl.IoGetCurrentIrpStackLocation(irp);
    return this.#imports.view(IO_STACK_LOCATION, address);
  }

  #readLength(irp: IRP): number {
    return this.#location(irp).Parameters.Read.Length;
  }

  #complete(irp: IRP, status: number, information: number, boost: number): number {
    const { memory, ntoskrnl } = this.#imports;
    memory.u32[(irp.address + IRP.offset.IoStatus) >> 2] = status;
    memory.writePointer(irp.address + IRP.offset.IoStatus + 8, information);
    ntoskrnl.IoCompleteRequest(irp, boost);
    return status;
  }
}
