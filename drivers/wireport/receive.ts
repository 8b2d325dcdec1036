/**
 * The receive path of wireport: frames go from the wire straight into buffers in kernel memory, and up as chains of
 * lists. Implements "Indicating Received Data" for miniport drivers (network).
 */

import {
  type Address,
  type FrameBatch,
  KERNEL_WINDOW_HIGH,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NET_BUFFER,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';
import { RECEIVE_BATCH } from './limits.ts';
import { offloadReceive } from './offloads.ts';
import { countGroupFrame } from './statistics.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_BUFFER = NET_BUFFER_LIST.offset.MiniportReserved;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
/** Batches taken in one DPC; what is left comes with the next, so that one busy wire does not starve the others. */
const BATCHES_PER_DPC = 8;

/** Takes frames from the wire and indicates them. */
export function receiveFrames(adapter: WireportAdapter): void {
  if (!adapter.running) return;
  const woken = adapter.power.takeFrame();
  if (woken !== null) indicateCopy(adapter, woken);
  for (let round = 0; round < BATCHES_PER_DPC; round++) {
    if (adapter.freeCount === 0) {
      adapter.counters.receiveNoBuffer++;
      return;
    }
    const batch = adapter.freeCount < RECEIVE_BATCH ? adapter.singleReceive : adapter.receiveBatch;
    offerBuffers(adapter, batch);
    const count = adapter.device.wire.receive(batch);
    if (count === 0) return;
    indicate(adapter, batch, count);
    if (count < batch.capacity) return;
  }
  // More frames may wait: come back after what else is due.
  adapter.imports.ntoskrnl.KeInsertQueueDpc(adapter.dpc, 0, 0);
}

/** Indicates a frame that the device kept while it slept. */
function indicateCopy(adapter: WireportAdapter, frame: Uint8Array): void {
  if (adapter.freeCount === 0 || frame.length > adapter.bufferSize) {
    adapter.counters.receiveNoBuffer++;
    return;
  }
  const { singleReceive: batch } = adapter;
  offerBuffers(adapter, batch);
  adapter.imports.memory.u8.set(frame, batch.offset[0]);
  batch.length[0] = frame.length;
  batch.clearOffloads(0);
  indicate(adapter, batch, 1);
}

/**
 * Slot i of the batch gets the buffer of the i-th free list from the top of the stack. Most of them it has
 * already where the batches are small.
 */
function offerBuffers(adapter: WireportAdapter, batch: FrameBatch): void {
  const { freeLists, bufferSize } = adapter;
  const { i32 } = adapter.imports.memory;
  const top = adapter.freeCount - 1;
  let slots = batch.capacity;
  if (batch === adapter.receiveBatch) {
    // With as many lists free as at the last offer, the stack differs only down to where it was lowest since then.
    if (adapter.offeredCount === adapter.freeCount) {
      const changed = adapter.freeCount - adapter.lowestCount;
      if (changed < slots) slots = changed;
    }
    adapter.offeredCount = adapter.freeCount;
    adapter.lowestCount = adapter.freeCount;
  }
  for (let slot = 0; slot < slots; slot++) {
    batch.offset[slot] = i32[(freeLists[top - slot] + NBL_BUFFER) >> 2];
    batch.size[slot] = bufferSize;
  }
}

function indicate(adapter: WireportAdapter, batch: FrameBatch, count: number): void {
  const { freeLists, imports, counters } = adapter;
  const { received } = counters;
  const { i32, u32, u8 } = imports.memory;
  const top = adapter.freeCount - 1;
  const scaling = adapter.scaling?.enabled === true ? adapter.scaling : null;
  let bytes = 0;
  for (let slot = 0; slot < count; slot++) {
    const list = freeLists[top - slot];
    const length = batch.length[slot];
    bytes += length;
    const at = batch.offset[slot];
    if ((u8[at] & 1) !== 0) countGroupFrame(received, u8, at, length);
    u32[(i32[(list + NBL_FIRST_NET_BUFFER) >> 2] + NB_DATA_LENGTH) >> 2] = length;
    const next = slot + 1 < count ? freeLists[top - slot - 1] : 0;
    i32[(list + NBL_NEXT) >> 2] = next;
    i32[(list + NBL_NEXT + 4) >> 2] = next === 0 ? 0 : KERNEL_WINDOW_HIGH;
    if (adapter.offloading) offloadReceive(imports.memory, batch, slot, list);
    if (scaling !== null) scaling.place(list, at, length);
    else if (adapter.scaling?.hashed === true) adapter.scaling.clear(list);
  }
  adapter.freeCount -= count;
  if (adapter.freeCount < adapter.lowestCount) adapter.lowestCount = adapter.freeCount;
  adapter.listsOut += count;
  received.frames += count;
  received.bytes += bytes;
  if (scaling !== null) return scaling.dispatch();
  const flags = NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
  imports.ndis.NdisMIndicateReceiveNetBufferLists(adapter.handle, freeLists[top], 0, count, flags);
}

/** MiniportReturnNetBufferLists: the lists are free again. */
export function returnLists(adapter: WireportAdapter, lists: Address): void {
  const { freeLists } = adapter;
  const { i32 } = adapter.imports.memory;
  const before = adapter.freeCount;
  const starved = before === 0;
  let count = before;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) freeLists[count++] = list;
  adapter.freeCount = count;
  adapter.listsOut -= count - before;
  if (adapter.pausing) adapter.completePause();
  // The wire may hold frames that found no buffer.
  if (starved && adapter.running) adapter.imports.ntoskrnl.KeInsertQueueDpc(adapter.dpc, 0, 0);
}
