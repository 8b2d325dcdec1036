/** A test kernel with every function of the kernel and every structure, for the suites of src/kernel/sync. */

import * as functions from '../../src/kernel/functions.ts';
import * as structures from '../../src/kernel/generated/structures/index.ts';
import type { StructureLookup } from '../../src/kernel/index.ts';
import { createTestKernel, type TestKernel } from './kernel.ts';

// The lookup finds every declared structure by name; anything else exported there is no structure.
const lookup = ((name: string) => Reflect.get(structures, name)) as StructureLookup;

/** Where `time` keeps its LARGE_INTEGER. */
const TIME = 0x1f_0000;

/** A test kernel; `time` puts a LARGE_INTEGER into memory and gives its address. */
export type SyncMachine = TestKernel<typeof functions> & { readonly time: (value: bigint) => number };

/** Makes one. Tests use memory from 0x10_0000 to 0x1f_0000 as they like. */
export function syncMachine(processors: number, seed = 1): SyncMachine {
  const m = createTestKernel(functions, { processors, seed, structures: lookup });
  const time = (value: bigint): number => {
    m.kernel.memory.data.setBigInt64(TIME, value, true);
    return TIME;
  };
  return { ...m, time };
}

/** The bug check code with which a run ended, -1 where it ended otherwise. */
export async function bugCheckOf(run: Promise<unknown>): Promise<number> {
  const error: unknown = await run.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof Error && 'bugCheckCode' in error ? Number(error.bugCheckCode) : -1;
}
