/** A library with test drivers on a bare kernel, without a machine around it. */

import * as kernelFunctions from '../../src/kernel/functions.ts';
import * as kernelStructures from '../../src/kernel/generated/structures/index.ts';
import {
  attachSynchronization,
  DRIVER_OBJECT,
  type Driver,
  type Imports,
  type Kernel,
  type KernelOptions,
  type Procedure,
  poolOf,
  Seam,
} from '../../src/kernel/index.ts';
import {
  type Address,
  type KernelMemory,
  poolType,
  type Structure,
  type View,
} from '../../src/memory/index.ts';
import * as ndisFunctions from '../../src/ndis/functions.ts';
import * as ndisStructures from '../../src/ndis/generated/structures/index.ts';
import {
  attachHandlerSource,
  createAdapter,
  createNdis,
  type MiniportAdapter,
  type MiniportDriver,
  type NdisLibrary,
  type NdisOptions,
  queueOperation,
} from '../../src/ndis/index.ts';
import type { TraceEvent } from '../../src/trace/index.ts';
import { createTestKernel, type TestKernel } from './kernel.ts';
import { observe } from './observed.ts';

const structures = new Map<string, Structure<View, string>>(
  Object.entries({ ...kernelStructures, ...ndisStructures }) as [string, Structure<View, string>][],
);

/** What a test driver has. */
export interface TestDriver {
  readonly driver: Driver;
  readonly ndis: Imports<typeof ndisFunctions>;
  readonly ntoskrnl: Imports<typeof kernelFunctions>;
  readonly driverObject: Address;
  /** Eight bytes of the driver's data, for handles. */
  readonly cell: () => Cell;
}

/** A pointer-sized variable of a driver. */
export class Cell {
  readonly address: Address;
  readonly #memory: KernelMemory;
  constructor(memory: KernelMemory, address: Address) {
    this.#memory = memory;
    this.address = address;
  }
  get value(): Address {
    return this.#memory.readPointer(this.address);
  }
  set value(value: Address) {
    this.#memory.writePointer(this.address, value);
  }
}

export interface TestNdis {
  readonly kernel: Kernel;
  readonly memory: KernelMemory;
  readonly ndis: NdisLibrary;
  readonly events: TraceEvent[];
  createDriver(name: string): TestDriver;
  /** Starts an adapter of a registered miniport driver; `runAll` brings it up. */
  addAdapter(miniport: MiniportDriver, name: string): MiniportAdapter;
  /** An adapter that nobody has started. */
  createAdapter(miniport: MiniportDriver, name: string): MiniportAdapter;
  /** Queues the halt of an adapter. */
  halt(adapter: MiniportAdapter): void;
  run: TestKernel<object>['run'];
  start: TestKernel<object>['start'];
  runAll: TestKernel<object>['runAll'];
  /** Codes of the findings so far. */
  findings(): string[];
}

/** Makes a library for tests. */
export function createTestNdis(options: KernelOptions & { readonly ndis?: NdisOptions } = {}): TestNdis {
  const base = createTestKernel({}, { memorySize: 0x100_0000, ...options });
  const { kernel } = base;
  attachSynchronization(kernel);
  const ndis = createNdis(kernel, options.ndis);
  const seam = new Seam(
    kernel,
    {
      checks: true,
      trace: true,
      explore: (options.processors ?? 1) > 1,
      observe,
      through: base.seam.options.through,
    },
    (name) => structures.get(name),
  );
  attachHandlerSource(ndis, (driver, handler) => seam.importFunction(handler, ndis, driver));
  const createDriver = (name: string): TestDriver => {
    const driver = seam.createDriver(name);
    driver.state = 'loading';
    const driverObject = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, DRIVER_OBJECT.size, 1, 0);
    driver.driverObject = driverObject;
    return {
      driver,
      driverObject,
      ndis: seam.imports(ndisFunctions, ndis, driver),
      ntoskrnl: seam.imports(kernelFunctions, kernel, driver),
      cell: () => new Cell(kernel.memory, poolOf(kernel).allocateZeroed(poolType.nonPagedNx, 16, 1, 0)),
    };
  };
  return {
    kernel,
    memory: kernel.memory,
    ndis,
    events: base.events,
    createDriver,
    addAdapter: (miniport, name) => {
      const adapter = createAdapter(ndis, miniport, `{${name}}`, name);
      queueOperation(ndis, adapter, { kind: 'initialize', event: 0 });
      return adapter;
    },
    createAdapter: (miniport, name) => createAdapter(ndis, miniport, `{${name}}`, name),
    halt: (adapter) => {
      queueOperation(ndis, adapter, { kind: 'halt', action: 0, event: 0 });
    },
    run: base.run,
    start: base.start,
    runAll: base.runAll,
    findings: () => kernel.findings.map((finding) => `${finding.code} ${finding.driver}`),
  };
}

/** Runs a procedure of the library on a thread of its own and the machine until it is idle; gives the value, or -1. */
export async function performOnThread<L extends object>(
  t: TestNdis,
  procedure: Procedure<NdisLibrary, L>,
  locals: L,
): Promise<number> {
  let value = -1;
  const finished = (result: number): void => {
    value = result >>> 0;
  };
  t.kernel.scheduler.createThread('test', procedure, t.ndis, locals, { finished });
  await t.runAll();
  return value;
}
