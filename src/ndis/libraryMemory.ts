/** Memory of the library's own: parameter structures that a callback gets, freed when the callback is over. */

import { poolOf } from '../kernel/index.ts';
import { type Address, type Fields, poolType, type Structure, type View } from '../memory/index.ts';
import type { NdisLibrary } from './library.ts';
import { allocateCertain, freeCertain, NDIS_POOL_TAG } from './reserve.ts';

/** A structure in non-paged pool, filled; 0 when memory is short. `extra` bytes behind it are zero. */
export function allocateStructure<V extends View, P extends string>(
  ndis: NdisLibrary,
  structure: Structure<V, P>,
  fields: Fields<V>,
  extra = 0,
): Address {
  const address = poolOf(ndis.kernel).allocateZeroed(
    poolType.nonPagedNx,
    structure.size + extra,
    NDIS_POOL_TAG,
    0,
  );
  if (address !== 0) structure.fill(ndis.memory, address, fields);
  return address;
}

/** Like `allocateStructure`, for operations that cannot fail. */
export function allocateCertainStructure<V extends View, P extends string>(
  ndis: NdisLibrary,
  structure: Structure<V, P>,
  fields: Fields<V>,
): Address {
  const address = allocateCertain(ndis.kernel, structure.size);
  structure.fill(ndis.memory, address, fields);
  return address;
}

/** A UNICODE_STRING with its characters behind it, in non-paged pool; 0 when memory is short. */
export function allocateUnicodeString(ndis: NdisLibrary, text: string): Address {
  const { memory } = ndis;
  const address = poolOf(ndis.kernel).allocateZeroed(
    poolType.nonPagedNx,
    16 + 2 * text.length + 2,
    NDIS_POOL_TAG,
    0,
  );
  if (address === 0) return 0;
  memory.u16[address >> 1] = 2 * text.length;
  memory.u16[(address + 2) >> 1] = 2 * text.length + 2;
  memory.writePointer(address + 8, address + 16);
  for (let i = 0; i < text.length; i++) memory.u16[((address + 16) >> 1) + i] = text.charCodeAt(i);
  return address;
}

/** Frees what one of these functions gave. */
export function freeLibraryMemory(ndis: NdisLibrary, address: Address): void {
  freeCertain(ndis.kernel, address);
}
