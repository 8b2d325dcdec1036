/**
 * A driver as TypeScript writes it: a function that receives its imports and gives DriverEntry.
 * Implements the word "driver image" of the design.
 */

import type * as kernelFunctions from '../kernel/functions.ts';
import type { DRIVER_OBJECT, Imports, NTSTATUS, UNICODE_STRING } from '../kernel/index.ts';
import type { Address, KernelMemory, Structure, View } from '../memory/index.ts';
import type * as ndisFunctions from '../ndis/functions.ts';
import type * as ringFunctions from './ring/ringFunctions.ts';
import type { WireDevice } from './wireDevice.ts';

/** A pointer-sized variable in the data of a driver: where a handle is written. */
export interface Cell {
  readonly address: Address;
  /** What is stored there; pointers by their address. */
  value: Address;
}

/** What a driver gets: objects made for it alone. */
export interface DriverImports {
  /** The functions of ndis.sys, and the macros of its headers. */
  readonly ndis: Imports<typeof ndisFunctions>;
  /** The functions of ntoskrnl.exe and hal.dll, and the macros of their headers. */
  readonly ntoskrnl: Imports<typeof kernelFunctions>;
  /** The functions of ndisbox.sys: the wire as compiled miniports see it. TypeScript has `wireOf`. */
  readonly ndisbox: Imports<typeof ringFunctions>;
  /** Kernel memory. Hot code reads and writes its typed arrays. */
  readonly memory: KernelMemory;
  /** A variable of eight bytes in the driver's data; freed when the driver is unloaded. */
  readonly cell: (initial?: Address) => Cell;
  /** `size` zeroed bytes of the driver's data, aligned to 16; freed when the driver is unloaded. */
  readonly data: (size: number) => Address;
  /** The structure at `address`. */
  readonly view: <V extends View, P extends string>(structure: Structure<V, P>, address: Address) => V;
  /** What the host attached to the adapter with this handle (MiniportInitializeEx), or null. */
  readonly wireOf: (NdisMiniportHandle: Address) => WireDevice | null;
  /** Writes a line to the trace. */
  readonly note: (text: string) => void;
}

/** What a driver image gives. */
export interface DriverEntryPoint {
  /** Called once at PASSIVE_LEVEL; may wait. Source: wdm/nc-wdm-driver_initialize. */
  DriverEntry(DriverObject: DRIVER_OBJECT, RegistryPath: UNICODE_STRING): NTSTATUS | Promise<NTSTATUS>;
}

/** A driver. */
export type DriverImage = (imports: DriverImports) => DriverEntryPoint;

/** Gives a driver its type, so that an editor completes its imports. */
export function defineDriver(image: DriverImage): DriverImage {
  return image;
}
