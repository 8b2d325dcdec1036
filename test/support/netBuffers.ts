/** A library with one test driver that imports everything of ndis, for tests of net buffers and memory. */

import { kernelStructures } from '../../src/kernel/generated/structures/all.ts';
import { type KernelOptions, poolOf } from '../../src/kernel/index.ts';
import { type AnyStructure, poolType } from '../../src/memory/index.ts';
import * as functions from '../../src/ndis/functions.ts';
import { ndisStructures } from '../../src/ndis/generated/structures/all.ts';
import { NdisLibrary, type NdisOptions } from '../../src/ndis/index.ts';
import { createTestKernel } from './kernel.ts';

/** A kernel, a library and the imports of a driver. */
export function createTestLibrary(
  options: NdisOptions = { checks: true },
  kernelOptions: KernelOptions = {},
) {
  const structures = (name: string): AnyStructure | undefined =>
    ndisStructures[name] ?? kernelStructures[name];
  const test = createTestKernel({}, { ...kernelOptions, structures });
  const { kernel, seam, driver } = test;
  const ndis = new NdisLibrary(kernel, options);
  const imports = seam.imports(functions, ndis, driver);
  const pool = poolOf(kernel);
  return {
    ...test,
    ndis,
    imports,
    memory: kernel.memory,
    /** Nonpaged memory of the driver. */
    allocate: (size: number) => pool.allocate(poolType.nonPagedNx, size, 0x74736554, driver.id),
    /** Codes of the findings so far. */
    codes: () => kernel.findings.map((finding) => finding.code),
    /** Makes every allocation of the pool fail from now on, or succeed again. */
    failAllocations: (fail: boolean) => {
      pool.fail = fail ? () => true : undefined;
    },
  };
}

export type TestLibrary = ReturnType<typeof createTestLibrary>;

/** Parameters of a pool of lists. */
export function listPoolParameters(given: {
  readonly fAllocateNetBuffer?: boolean;
  readonly ContextSize?: number;
  readonly DataSize?: number;
  readonly ProtocolId?: number;
}) {
  return {
    Header: { Type: 0x80, Revision: 1, Size: 16 },
    ProtocolId: 0,
    fAllocateNetBuffer: false,
    ContextSize: 0,
    PoolTag: 0x6c6f6f50,
    DataSize: 0,
    ...given,
  };
}

/** Parameters of a pool of net buffers. */
export function poolParameters(DataSize = 0) {
  return { Header: { Type: 0x80, Revision: 1, Size: 12 }, PoolTag: 0x6c6f6f50, DataSize };
}

/** A chain of MDLs over freshly allocated memory of the given lengths, holding `data` from its start on. */
export function makeChain(test: TestLibrary, lengths: readonly number[], data: Uint8Array): number {
  let first = 0;
  let previous = 0;
  let at = 0;
  for (const length of lengths) {
    const memory = test.allocate(Math.max(length, 1));
    test.memory.u8.set(data.subarray(at, at + length), memory);
    at += length;
    const mdl = test.imports.NdisAllocateMdl(0, memory, length);
    if (first === 0) first = mdl;
    else test.imports.NDIS_MDL_LINKAGE(previous, mdl);
    previous = mdl;
  }
  return first;
}
