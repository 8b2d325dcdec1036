/** Registering optional handlers from SetOptions. Implements "Configuring Optional Protocol Driver Services" (network). */

import type { Address, DriverImports, Structure, View } from '../../src/machine/index.ts';

/** Fills a structure of optional handlers, header and all, and hands it to NDIS; its status. */
export function setOptionalHandlers<V extends View>(
  imports: DriverImports,
  driverHandle: Address,
  structure: Structure<V, string>,
  type: number,
  handlers: Readonly<Record<string, unknown>>,
): number {
  const at = imports.data(structure.size);
  const { u8, u16 } = imports.memory;
  u8[at] = type;
  u8[at + 1] = 1;
  u16[(at + 2) >> 1] = structure.size;
  Object.assign(imports.view(structure, at), handlers);
  return imports.ndis.NdisSetOptionalHandlers(driverHandle, at as never);
}
