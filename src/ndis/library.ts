/**
 * The NDIS library of one machine: where its objects live behind handles, and where each family of functions keeps
 * its part. There is no module-level state.
 */

import { type Driver, type Handle, type Kernel, LibraryObject } from '../kernel/index.ts';
import {
  type Address,
  CALLABLE_RANGE_START,
  type KernelMemory,
  OBJECT_RANGE_START,
} from '../memory/index.ts';

/** What NDIS keeps behind a handle. */
export class NdisObject extends LibraryObject {
  /** The NDIS_HANDLE; 0 before it is registered and after it is gone. */
  handle: Handle = 0;

  /** Whether drivers may still use the handle; NDIS itself may need it for longer. */
  get usable(): boolean {
    return true;
  }
}

export interface NdisOptions {
  /** Binding begins before the registering call returns instead of right after it; default false. */
  readonly bindInsideRegistration?: boolean;
  /** Check the data of net buffers at every call that takes them; default false. */
  readonly checks?: boolean;
}

export class NdisLibrary {
  readonly kernel: Kernel;
  readonly memory: KernelMemory;
  readonly options: NdisOptions;
  readonly #parts = new Map<symbol, unknown>();
  /** Objects whose handle is the address of a block in kernel memory. */
  readonly #blocks = new Map<Address, NdisObject>();

  constructor(kernel: Kernel, options: NdisOptions = {}) {
    this.kernel = kernel;
    this.memory = kernel.memory;
    this.options = options;
  }

  /** Gives an object its handle. */
  register<T extends NdisObject>(object: T): Handle {
    object.handle = this.memory.objects.addressOf(object, 'ndis');
    return object.handle;
  }

  /** Takes the handle back; calls with it fail from now on. */
  unregister(object: NdisObject): void {
    this.memory.objects.releaseValue(object, 'ndis');
    object.handle = 0;
  }

  /**
   * Lets the address of a block in kernel memory stand for an object beside its handle: NDIS 5 drivers read the block
   * behind their handle, and call through it.
   */
  registerBlock(object: NdisObject, block: Address): void {
    this.#blocks.set(block, object);
  }

  /** The block is gone: calls with its address fail from now on. */
  unregisterBlock(block: Address): void {
    this.#blocks.delete(block);
  }

  /** The object behind a handle, or null where the handle is stale, wrong or of another kind. */
  resolve<T extends NdisObject>(handle: Handle, kind: new (...args: never[]) => T): T | null {
    const object = this.memory.objects.valueAt(handle) ?? this.#blocks.get(handle);
    return object instanceof kind ? object : null;
  }

  /**
   * Like `resolve`, for a handle that a driver must have got from NDIS: a wrong one is a finding that names the call.
   */
  expect<T extends NdisObject>(
    handle: Handle,
    kind: new (...args: never[]) => T,
    driver: Driver,
    call: string,
    page: string,
  ): T | null {
    const known = this.resolve(handle, kind);
    const object = known?.usable === true ? known : null;
    if (object === null) {
      const state =
        known !== null || this.memory.objects.isStale(handle)
          ? 'is not valid any more'
          : `is no ${kind.name}`;
      this.kernel.report('BAD_HANDLE', driver, `${call}: the handle 0x${handle.toString(16)} ${state}`, page);
    }
    return object;
  }

  /** What a context address stands for: the driver's own object where it gave one, else the number itself. */
  contextValue(address: Address): unknown {
    if (address < OBJECT_RANGE_START || address >= CALLABLE_RANGE_START) return address;
    const value = this.memory.objects.valueAt(address);
    return value === undefined || value instanceof LibraryObject ? address : value;
  }

  /** A part of the library that another file supplies; made at its first use. */
  part<T>(key: symbol, create: (ndis: NdisLibrary) => T): T {
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = create(this);
      this.#parts.set(key, part);
    }
    // Only `create` of the same key made it: `perNdis` makes one key for one type.
    return part as T;
  }
}

/** Declares a part of the library that lives in its own file. */
export function perNdis<T>(name: string, create: (ndis: NdisLibrary) => T): (ndis: NdisLibrary) => T {
  const key = Symbol(name);
  return (ndis) => ndis.part(key, create);
}
