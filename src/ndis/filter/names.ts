/**
 * The names of the modules under a binding: a USHORT with the bytes of a name, then its characters, from the top down.
 * Implements ns-ndis-_ndis_protocol_restart_parameters (FilterModuleNameBuffer).
 */

import { poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';

/** Bytes of the buffer. */
export function filterNameBytes(adapter: MiniportAdapter): number {
  return adapter.filters.reduce((bytes, module) => bytes + 2 + 2 * module.name.length, 0);
}

/** The buffer in non-paged pool; 0 without modules, and when memory is short: a restart goes on without the names. */
export function allocateFilterNames(ndis: NdisLibrary, adapter: MiniportAdapter): Address {
  const bytes = filterNameBytes(adapter);
  if (bytes === 0) return 0;
  const buffer = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, bytes, NDIS_POOL_TAG, 0);
  if (buffer === 0) return 0;
  const { u16 } = ndis.memory;
  let at = buffer >> 1;
  for (const { name } of adapter.filters) {
    u16[at++] = 2 * name.length;
    for (let i = 0; i < name.length; i++) u16[at++] = name.charCodeAt(i);
  }
  return buffer;
}
