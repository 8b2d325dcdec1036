/**
 * The imports that a machine makes for one driver: the functions of the kernel and of NDIS, and what TypeScript has
 * instead of a data section. Implements the word "driver image" of the design.
 */

import * as kernelFunctions from '../kernel/functions.ts';
import { type Driver, type Kernel, NdisboxError, poolOf, type Seam } from '../kernel/index.ts';
import { type Address, poolType, type Structure, type View } from '../memory/index.ts';
import * as ndisFunctions from '../ndis/functions.ts';
import { MiniportAdapter, type NdisLibrary } from '../ndis/index.ts';
import type { Cell, DriverImports } from './driverImage.ts';
import * as ringFunctions from './ring/ringFunctions.ts';
import type { WireDevice } from './wireDevice.ts';

/** `MDat` as a pool tag: the data of TypeScript drivers. */
export const DATA_TAG = 0x7461444d;

/** What the imports work on. */
export interface ImportParts {
  readonly kernel: Kernel;
  readonly ndis: NdisLibrary;
  readonly seam: Seam;
  /** Told of memory of a driver's data, which is freed when the driver is unloaded. */
  readonly keep: (driver: Driver, address: Address) => void;
  readonly wireOf: (adapter: MiniportAdapter) => WireDevice | null;
  readonly rings: ringFunctions.RingHost;
  /** Compiled drivers may be preempted before any access to memory that others may see. */
  readonly exploreAccesses: boolean;
  /** Instructions that machine code may run without a call. */
  readonly spinLimit: number | undefined;
}

/** Makes the imports of `driver`. */
export function createImports(parts: ImportParts, driver: Driver): DriverImports {
  const { kernel, ndis, seam } = parts;
  const { memory } = kernel;
  const data = (size: number): Address => {
    const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, DATA_TAG, 0);
    if (address === 0)
      throw new NdisboxError('OUT_OF_MEMORY', `no ${size} bytes are left for the data of ${driver.name}`);
    parts.keep(driver, address);
    return address;
  };
  return {
    ndis: seam.imports(ndisFunctions, ndis, driver),
    ntoskrnl: seam.imports(kernelFunctions, kernel, driver),
    ndisbox: seam.imports(ringFunctions, parts.rings, driver),
    memory,
    data,
    cell: (initial = 0): Cell => {
      const address = data(16);
      memory.writePointer(address, initial);
      return {
        address,
        get value() {
          return memory.readPointer(address);
        },
        set value(value) {
          memory.writePointer(address, value);
        },
      };
    },
    view: <V extends View, P extends string>(structure: Structure<V, P>, address: Address) =>
      structure.at(memory, address),
    wireOf: (handle) => {
      const adapter = ndis.resolve(handle, MiniportAdapter);
      return adapter === null ? null : parts.wireOf(adapter);
    },
    note: (text) => kernel.note(driver.name, text),
  };
}
