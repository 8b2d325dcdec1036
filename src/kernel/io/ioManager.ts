/**
 * What the I/O manager of a machine keeps: the names of devices, device objects and IRPs that are alive. Implements
 * "Device Objects and Device Stacks" and "Named Device Objects" (windows-driver-docs-pr/kernel).
 */

import { type Address, poolType } from '../../memory/index.ts';
import type { DriverCallback } from '../callback.ts';
import type { CallbackDeclaration } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import { type Kernel, perKernel } from '../kernel.ts';
import { poolOf } from '../memory/kernelPool.ts';
import { foldName } from '../registry/key.ts';
import {
  IRP_CURRENT_LOCATION,
  IRP_CURRENT_STACK,
  IRP_SIZE,
  IRP_STACK_COUNT,
  STACK_SIZE,
} from './irpLayout.ts';

/** Names in the object name space; at the bound creating one fails with STATUS_INSUFFICIENT_RESOURCES. */
export const NAME_LIMIT = 16_384;
/** Symbolic links that one name may lead through. */
const LINK_LIMIT = 32;
/** Pool tag of IRPs: `Irp `. */
const IRP_TAG = 0x2070_7249;
/** IO_TYPE_IRP */
const IO_TYPE_IRP = 6;

/** What a name stands for. */
export type NamedObject =
  | { readonly kind: 'device'; readonly address: Address }
  | { readonly kind: 'link'; readonly target: string };

/** What is known of an IRP besides its bytes: plain data. */
export interface IrpRecord {
  /** Id of the driver that allocated it, 0 for the I/O manager. */
  readonly owner: number;
  /** Bit n: the driver at stack location n marked the IRP pending. */
  pendingMarks: bigint;
  /** True once every completion routine has run. */
  completed: boolean;
  /** True for IRPs that the I/O manager ends: it frees them, or wakes who waits for them. */
  readonly system: boolean;
  /** Buffers that go with the IRP. */
  readonly buffers: Address[];
  /** Bytes of output that SystemBuffer holds for UserBuffer, 0 for none. */
  readonly outputLength: number;
}

export class IoManager {
  readonly #kernel: Kernel;
  readonly #names = new Map<string, NamedObject>();
  readonly #callbacks = new Map<string, DriverCallback>();
  readonly irps = new Map<Address, IrpRecord>();
  /** Dispatch routines of devices that have their own, by major function; 0 leaves it to the driver object. */
  readonly deviceDispatch = new Map<Address, readonly Address[]>();
  /** Devices registered for IRP_MJ_SHUTDOWN, newest first. */
  readonly shutdown: Address[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Adds a name; false where it is taken. */
  addName(path: string, object: NamedObject): boolean {
    const key = canonicalName(path);
    if (this.#names.has(key)) return false;
    this.#names.set(key, object);
    return true;
  }

  get full(): boolean {
    return this.#names.size >= NAME_LIMIT;
  }

  nameAt(path: string): NamedObject | undefined {
    return this.#names.get(canonicalName(path));
  }

  removeName(path: string): boolean {
    return this.#names.delete(canonicalName(path));
  }

  removeDeviceNames(address: Address): void {
    for (const [name, object] of this.#names)
      if (object.kind === 'device' && object.address === address) this.#names.delete(name);
  }

  /** The device that a path leads to, with what follows its name; null where there is none. */
  deviceAt(path: string): { readonly device: Address; readonly rest: string } | null {
    let at = path;
    for (let links = 0; links < LINK_LIMIT; links++) {
      const found = this.#longest(at);
      if (found === null) return null;
      if (found.object.kind === 'device') return { device: found.object.address, rest: found.rest };
      at = found.object.target + found.rest;
    }
    return null;
  }

  #longest(path: string): { readonly object: NamedObject; readonly rest: string } | null {
    const canonical = path.replace(/^\\DosDevices\\|^\\GLOBAL\?\?\\/i, '\\??\\');
    for (let end = canonical.length; end > 0; end = canonical.lastIndexOf('\\', end - 1)) {
      const object = this.#names.get(foldName(canonical.slice(0, end)));
      if (object !== undefined) return { object, rest: canonical.slice(end) };
    }
    return null;
  }

  /** A callback of a driver, bound once for each address. */
  callback<F>(
    driver: Driver,
    address: Address,
    declaration: CallbackDeclaration<F>,
  ): DriverCallback<F> | null {
    if (address === 0) return null;
    const key = `${driver.id} ${address} ${declaration.role}`;
    let bound = this.#callbacks.get(key);
    if (bound === undefined) {
      bound = driver.callback(address, declaration) as DriverCallback;
      this.#callbacks.set(key, bound);
    }
    // The key names the declaration, so the callback was bound for a handler of type F.
    return bound as DriverCallback<F>;
  }

  /** Forgets the callbacks of a driver that is gone: their addresses may be given out again. */
  forgetDriver(driver: Driver): void {
    const prefix = `${driver.id} `;
    for (const key of this.#callbacks.keys()) if (key.startsWith(prefix)) this.#callbacks.delete(key);
  }

  /** Callbacks that are bound now. */
  get callbackCount(): number {
    return this.#callbacks.size;
  }

  /** Allocates an IRP; 0 where there is no memory or the stack size is not valid. */
  allocateIrp(
    stackSize: number,
    options: {
      readonly owner?: Driver | null;
      readonly system?: boolean;
      readonly outputLength?: number;
    } = {},
  ): Address {
    if (stackSize < 1 || stackSize > 126) return 0;
    const owner = options.owner?.id ?? 0;
    const size = IRP_SIZE + stackSize * STACK_SIZE;
    const irp = poolOf(this.#kernel).allocateZeroed(poolType.nonPagedNx, size, IRP_TAG, 0);
    if (irp === 0) return 0;
    this.initializeIrp(irp, size, stackSize);
    this.irps.set(irp, {
      owner,
      pendingMarks: 0n,
      completed: false,
      system: options.system ?? false,
      buffers: [],
      outputLength: options.outputLength ?? 0,
    });
    return irp;
  }

  /** Writes a fresh IRP over `size` bytes. */
  initializeIrp(irp: Address, size: number, stackSize: number): void {
    const { memory } = this.#kernel;
    memory.u8.fill(0, irp, irp + size);
    memory.u16[irp >> 1] = IO_TYPE_IRP;
    memory.u16[(irp + 2) >> 1] = size;
    memory.i8[irp + IRP_STACK_COUNT] = stackSize;
    memory.i8[irp + IRP_CURRENT_LOCATION] = stackSize + 1;
    memory.writePointer(irp + IRP_CURRENT_STACK, irp + IRP_SIZE + stackSize * STACK_SIZE);
  }

  /** Frees an IRP and the buffers that go with it; false where no such IRP is alive. */
  freeIrp(irp: Address): boolean {
    const record = this.irps.get(irp);
    if (record === undefined) return false;
    this.irps.delete(irp);
    for (const buffer of record.buffers) poolOf(this.#kernel).free(buffer);
    poolOf(this.#kernel).free(irp, IRP_TAG);
    return true;
  }
}

/** The I/O manager of a machine. */
export const ioManagerOf: (kernel: Kernel) => IoManager = perKernel(
  'I/O manager',
  (kernel) => new IoManager(kernel),
);

/** `\DosDevices` and `\GLOBAL??` are other names of `\??`; names compare without case. */
export function canonicalName(path: string): string {
  return foldName(path.replace(/^\\DosDevices\\|^\\GLOBAL\?\?\\/i, '\\??\\'));
}
