/** Frames for tests of the data path: NET_BUFFER_LISTs of a test driver, one frame each. */

import { poolOf } from '../../src/kernel/index.ts';
import { type Address, poolType } from '../../src/memory/index.ts';
import { NET_BUFFER_LIST } from '../../src/ndis/index.ts';
import type { TestDriver, TestNdis } from './ndis.ts';
import { listPoolParameters } from './netBuffers.ts';

/** Makes lists for one driver. Call it at PASSIVE_LEVEL. */
export function createFrames(
  t: TestNdis,
  driver: TestDriver,
): (destination: readonly number[], source?: Address) => Address {
  const { ndis } = driver;
  const pool = ndis.NdisAllocateNetBufferListPool(0, listPoolParameters({ fAllocateNetBuffer: true }));
  return (destination, source = 0) => {
    const data = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 64, 1, 0);
    t.memory.u8.set(destination, data);
    const mdl = ndis.NdisAllocateMdl(0, data, 60);
    const list = ndis.NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, 60);
    NET_BUFFER_LIST.at(t.memory, list).SourceHandle = source;
    return list;
  };
}

/** Links lists to a chain and gives the first. */
export function chain(t: TestNdis, lists: readonly Address[]): Address {
  for (let i = 0; i < lists.length; i++) t.memory.writePointer(lists[i], lists[i + 1] ?? 0);
  return lists[0] ?? 0;
}

/** The lists of a chain. */
export function listsOf(t: TestNdis, first: Address): Address[] {
  const lists: Address[] = [];
  for (let list = first; list !== 0 && lists.length < 10_000; list = t.memory.readPointer(list))
    lists.push(list);
  return lists;
}
