/**
 * The receive path of cardport: two rings of buffers in shared memory, each with a list of its own; what the device
 * filled is indicated, what comes back is given to the device again. Implements "Indicating Received Data" (network).
 */

import {
  type Address,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NET_BUFFER,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import type { CardportAdapter } from './adapter.ts';
import { BUFFER_SIZE, RECEIVE_DESCRIPTORS } from './limits.ts';
import * as r from './registers.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
/** Physical address of the buffer of a list, in the miniport's own part of it. */
export const NBL_PHYSICAL = NET_BUFFER_LIST.offset.MiniportReserved;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;

function descriptorAt(adapter: CardportAdapter, queue: number, index: number): Address {
  return adapter.rings[1 + queue].address + r.DESCRIPTOR_SIZE * index;
}

/** Gives the device the buffer of a list; the caller writes the tail register. */
function post(adapter: CardportAdapter, queue: number, list: Address): void {
  const { u32 } = adapter.imports.memory;
  const index = adapter.receiveTail[queue];
  const descriptor = descriptorAt(adapter, queue, index);
  u32[descriptor >> 2] = u32[(list + NBL_PHYSICAL) >> 2];
  u32[(descriptor + 4) >> 2] = u32[(list + NBL_PHYSICAL + 4) >> 2];
  u32[(descriptor + r.DESCRIPTOR_LENGTH) >> 2] = BUFFER_SIZE;
  u32[(descriptor + r.DESCRIPTOR_FLAGS) >> 2] = 0;
  adapter.receiveLists[queue][index] = list;
  adapter.receiveTail[queue] = (index + 1) & (RECEIVE_DESCRIPTORS - 1);
}

function writeTail(adapter: CardportAdapter, queue: number): void {
  adapter.write(r.RECEIVE_RING + queue * r.RING_STRIDE + r.RING_TAIL, adapter.receiveTail[queue]);
}

/** After a reset: every list that is here goes to the device again. */
export function postAll(adapter: CardportAdapter): void {
  adapter.receiveLists.forEach((lists, queue) => {
    for (const list of lists) if (list !== 0) adapter.free[queue].push(list);
    lists.fill(0);
    adapter.receiveNext[queue] = 0;
    adapter.receiveTail[queue] = 0;
    for (const list of adapter.free[queue].splice(0)) post(adapter, queue, list);
    writeTail(adapter, queue);
  });
}

/** Indicates what the device has put into the buffers of a queue. At DISPATCH_LEVEL. */
export function receiveFrames(adapter: CardportAdapter, queue: number): void {
  const { memory, ndis } = adapter.imports;
  const { u32 } = memory;
  let first: Address = 0;
  let last: Address = 0;
  let count = 0;
  for (;;) {
    const index = adapter.receiveNext[queue];
    const list = adapter.receiveLists[queue][index];
    const descriptor = descriptorAt(adapter, queue, index);
    const flags = u32[(descriptor + r.DESCRIPTOR_FLAGS) >> 2];
    if (list === 0 || (flags & r.FLAG_DONE) === 0) break;
    adapter.receiveLists[queue][index] = 0;
    adapter.receiveNext[queue] = (index + 1) & (RECEIVE_DESCRIPTORS - 1);
    if ((flags & r.FLAG_ERROR) !== 0 || !adapter.running) {
      adapter.counters.receiveErrors++;
      adapter.free[queue].push(list);
      continue;
    }
    const buffer = memory.readPointer(list + NBL_FIRST_NET_BUFFER);
    u32[(buffer + NB_DATA_LENGTH) >> 2] = u32[(descriptor + r.DESCRIPTOR_LENGTH) >> 2];
    memory.writePointer(list + NBL_NEXT, 0);
    if (last === 0) first = list;
    else memory.writePointer(last + NBL_NEXT, list);
    last = list;
    count++;
  }
  repost(adapter, queue);
  if (count === 0) return;
  adapter.listsOut += count;
  adapter.counters.received += count;
  ndis.NdisMIndicateReceiveNetBufferLists(adapter.handle, first, 0, count, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
}

/** Gives free lists of a queue to the device: one descriptor stays empty, so that full and empty differ. */
function repost(adapter: CardportAdapter, queue: number): void {
  const free = adapter.free[queue];
  const before = adapter.receiveTail[queue];
  while (free.length > 0) {
    const used = (adapter.receiveTail[queue] - adapter.receiveNext[queue]) & (RECEIVE_DESCRIPTORS - 1);
    if (used === RECEIVE_DESCRIPTORS - 1) break;
    post(adapter, queue, free.pop() ?? 0);
  }
  if (adapter.receiveTail[queue] !== before) writeTail(adapter, queue);
}

/** MiniportReturnNetBufferLists: the buffers are the device's again. */
export function returnLists(adapter: CardportAdapter, lists: Address): void {
  const { memory } = adapter.imports;
  for (let list = lists; list !== 0; ) {
    const next = memory.readPointer(list + NBL_NEXT);
    adapter.free[adapter.queueOf.get(list) ?? 0].push(list);
    adapter.listsOut--;
    list = next;
  }
  repost(adapter, 0);
  repost(adapter, 1);
  adapter.completePause();
}
