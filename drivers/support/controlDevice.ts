/**
 * A device that programs open to ask a driver questions: controls and reads with buffered I/O, each answered at once.
 * sniff shows how reads wait. Implements "Using Buffered I/O" and "Defining I/O Control Codes" (kernel).
 */

import {
  type Cell,
  DEVICE_OBJECT,
  DO_BUFFERED_IO,
  DO_DEVICE_INITIALIZING,
  type DRIVER_OBJECT,
  type DriverImports,
  FILE_DEVICE_NETWORK,
  IO_NO_INCREMENT,
  IO_STACK_LOCATION,
  IRP,
  IRP_MJ_CLOSE,
  IRP_MJ_CREATE,
  IRP_MJ_DEVICE_CONTROL,
  IRP_MJ_READ,
  NT_SUCCESS,
  STATUS_DEVICE_BUSY,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
} from '../../src/machine/index.ts';

/** CTL_CODE(FILE_DEVICE_NETWORK, function, METHOD_BUFFERED, FILE_ANY_ACCESS). */
export function controlCode(number: number): number {
  return (FILE_DEVICE_NETWORK << 16) | (number << 2);
}

/** What a driver answers; Information is the count of bytes in the buffer afterwards. */
export interface Answer {
  readonly status: number;
  readonly information?: number;
}

/** What the driver does when a program uses the device. */
export interface ControlHandlers {
  /** A program opened the device; false where only one at a time may and one has. */
  opened?(): boolean;
  closed?(): void;
  /** Puts at most `length` bytes at `buffer`. */
  read?(buffer: number, length: number): Answer;
  /** A control code with its input at `buffer`, where the output goes too. */
  control?(code: number, buffer: number, inputLength: number, outputLength: number): Answer | Promise<Answer>;
}

/** A device `\\.\name`. */
export class ControlDevice {
  readonly #imports: DriverImports;
  readonly #name: string;
  readonly #handlers: ControlHandlers;
  readonly #device: Cell;

  constructor(imports: DriverImports, name: string, handlers: ControlHandlers) {
    this.#imports = imports;
    this.#name = name;
    this.#handlers = handlers;
    this.#device = imports.cell();
  }

  /** Creates the device and its link; the status of what failed otherwise. */
  create(DriverObject: DRIVER_OBJECT): number {
    const { ntoskrnl, memory } = this.#imports;
    const device = `\\Device\\${this.#name}`;
    const created = ntoskrnl.IoCreateDevice(
      DriverObject,
      0,
      device,
      FILE_DEVICE_NETWORK,
      0,
      false,
      this.#device,
    );
    if (!NT_SUCCESS(created)) return created;
    const linked = ntoskrnl.IoCreateSymbolicLink(`\\DosDevices\\${this.#name}`, device);
    if (!NT_SUCCESS(linked)) {
      ntoskrnl.IoDeleteDevice(this.#device.value);
      return linked;
    }
    const routines = DriverObject.MajorFunction;
    routines.set(IRP_MJ_CREATE, (_device: DEVICE_OBJECT, irp: IRP) => this.#create(irp));
    routines.set(IRP_MJ_CLOSE, (_device: DEVICE_OBJECT, irp: IRP) => {
      this.#handlers.closed?.();
      return this.#complete(irp, { status: STATUS_SUCCESS });
    });
    routines.set(IRP_MJ_READ, (_device: DEVICE_OBJECT, irp: IRP) => this.#read(irp));
    routines.set(IRP_MJ_DEVICE_CONTROL, (_device: DEVICE_OBJECT, irp: IRP) => this.#control(irp));
    const flags = (this.#device.value + DEVICE_OBJECT.offset.Flags) >> 2;
    memory.u32[flags] = (memory.u32[flags] | DO_BUFFERED_IO) & ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
  }

  /** Removes link and device. */
  delete(): void {
    const { ntoskrnl } = this.#imports;
    ntoskrnl.IoDeleteSymbolicLink(`\\DosDevices\\${this.#name}`);
    ntoskrnl.IoDeleteDevice(this.#device.value);
  }

  #create(irp: IRP): number {
    const free = this.#handlers.opened?.() ?? true;
    return this.#complete(irp, { status: free ? STATUS_SUCCESS : STATUS_DEVICE_BUSY });
  }

  #read(irp: IRP): number {
    const { Length } = this.#location(irp).Parameters.Read;
    const answer = this.#handlers.read?.(irp.AssociatedIrp.SystemBuffer, Length);
    return this.#complete(irp, answer ?? { status: STATUS_INVALID_DEVICE_REQUEST });
  }

  async #control(irp: IRP): Promise<number> {
    const buffer = irp.AssociatedIrp.SystemBuffer;
    const {
      IoControlCode: code,
      InputBufferLength,
      OutputBufferLength,
    } = this.#location(irp).Parameters.DeviceIoControl;
    const answer = this.#handlers.control?.(code, buffer, InputBufferLength, OutputBufferLength);
    return this.#complete(irp, (await answer) ?? { status: STATUS_INVALID_DEVICE_REQUEST });
  }

  #location(irp: IRP): IO_STACK_LOCATION {
    const address = this.#imports.ntoskrnl.IoGetCurrentIrpStackLocation(irp);
    return this.#imports.view(IO_STACK_LOCATION, address);
  }

  #complete(irp: IRP, { status, information = 0 }: Answer): number {
    const { memory, ntoskrnl } = this.#imports;
    memory.u32[(irp.address + IRP.offset.IoStatus) >> 2] = status;
    memory.writePointer(irp.address + IRP.offset.IoStatus + 8, information);
    ntoskrnl.IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
  }
}
