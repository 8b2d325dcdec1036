/** Structures with handlers in memory of a test driver, for calls that take an address. */

import { poolOf } from '../../src/kernel/index.ts';
import { type Address, poolType, type Structure, type View } from '../../src/memory/index.ts';
import type { TestDriver, TestNdis } from './ndis.ts';

/** A structure in non-paged pool, filled; functions become handlers of `driver`. */
export function place<V extends View, P extends string>(
  t: TestNdis,
  { driver }: TestDriver,
  structure: Structure<V, P>,
  fields: object,
): Address {
  const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, structure.size, 1, 0);
  structure.fill(t.memory, at, fields as never, {
    callableAddress: (handler) => t.memory.callables.addressOf(handler, driver),
    objectAddress: (object) => t.memory.objects.addressOf(object, driver),
    unicodeString: () => ({ Buffer: 0, Length: 0 }),
  });
  return at;
}
