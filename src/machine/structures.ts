/** Finds any declared structure by its C name, for the seam. */

import * as kernelStructures from '../kernel/generated/structures/index.ts';
import type { Structure, View } from '../memory/index.ts';
import * as ndisStructures from '../ndis/generated/structures/index.ts';

const tables: readonly Readonly<Record<string, unknown>>[] = [kernelStructures, ndisStructures];

/** The structure of this name, or undefined. */
export function structureNamed(name: string): Structure<View, string> | undefined {
  for (const table of tables) {
    // Every export of these modules that has a value is a declared structure.
    if (Object.hasOwn(table, name)) return table[name] as Structure<View, string>;
  }
  return undefined;
}
