/**
 * The send path of wireport: lists become batches of frames for the wire; what the wire does not take waits, up to a
 * bound. Implements "Sending Data from a Miniport Driver" (network).
 */

import {
  type Address,
  MDL,
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';
import { SEND_BATCH } from './limits.ts';
import { asksForOffload, asksForSegmentation, finishLargeSends, offloadSend } from './offloads.ts';
import { countGroupFrame } from './statistics.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_CURRENT_MDL = NET_BUFFER.offset.CurrentMdl;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const MDL_NEXT = MDL.offset.Next;
const MDL_ADDRESS = MDL.offset.MappedSystemVa;
const MDL_BYTE_COUNT = MDL.offset.ByteCount;

/** The wire took the frame over (FrameBatch.outcome). */
const OUTCOME_SENT = 0;
/** Lists that may wait for the wire; later ones fail with NDIS_STATUS_RESOURCES. */
const PENDING_LIMIT = 1024;

/** MiniportSendNetBufferLists. */
export function sendLists(adapter: WireportAdapter, lists: Address, flags: number): void {
  const completeFlags = flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL;
  if (!adapter.running)
    return fail(adapter, lists, adapter.power.refusal ?? NDIS_STATUS_PAUSED, completeFlags);
  if (adapter.pendingHead !== 0) return append(adapter, lists, completeFlags);
  const rest = transmit(adapter, lists, 0);
  if (rest !== lists) {
    if (adapter.offloading) finishLargeSends(adapter.imports.memory, lists);
    adapter.imports.ndis.NdisMSendNetBufferListsComplete(adapter.handle, lists, completeFlags);
  }
  if (rest !== 0) append(adapter, rest, completeFlags);
}

/** Sends what waits, as far as the wire takes it. */
export function sendPending(adapter: WireportAdapter): void {
  const head = adapter.pendingHead;
  if (head === 0 || !adapter.running) return;
  const { i32 } = adapter.imports.memory;
  adapter.pendingHead = 0;
  const rest = transmit(adapter, head, adapter.pendingBuffer);
  adapter.pendingHead = rest;
  if (rest === 0) adapter.pendingTail = 0;
  adapter.pendingCount = 0;
  for (let list = rest; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) adapter.pendingCount++;
  if (rest === head) return;
  if (adapter.offloading) finishLargeSends(adapter.imports.memory, head);
  adapter.imports.ndis.NdisMSendNetBufferListsComplete(adapter.handle, head, 0);
}

/**
 * Hands lists to the wire, the first from `firstBuffer` on (0: from its start), and sets their statuses. Where the wire
 * stops taking frames it returns the list that has to wait, cut off from those before it, and notes in
 * `pendingBuffer` where to go on; 0 when the wire took all.
 */
function transmit(adapter: WireportAdapter, lists: Address, firstBuffer: Address): Address {
  const { sendBatch: batch } = adapter;
  const { i32, u32 } = adapter.imports.memory;
  let start = firstBuffer;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    if (start === 0) u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_SUCCESS;
    let buffer = start === 0 ? i32[(list + NBL_FIRST_NET_BUFFER) >> 2] : start;
    start = 0;
    for (; buffer !== 0; buffer = i32[(buffer + NB_NEXT) >> 2]) {
      if (batch.count === SEND_BATCH && !flush(adapter)) return cutOff(adapter, lists);
      if (!addFrame(adapter, list, buffer)) u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_INVALID_LENGTH;
    }
  }
  return flush(adapter) ? 0 : cutOff(adapter, lists);
}

/** Cuts the chain before the list that has to wait and returns that list. */
function cutOff(adapter: WireportAdapter, lists: Address): Address {
  const { memory } = adapter.imports;
  const waiting = adapter.stalledList;
  for (let list = lists; list !== 0 && list !== waiting; ) {
    const next = memory.readPointer(list + NBL_NEXT);
    if (next === waiting) memory.writePointer(list + NBL_NEXT, 0);
    list = next;
  }
  return waiting;
}

/** Puts one frame into the batch; false when it is longer than the wire carries. */
function addFrame(adapter: WireportAdapter, list: Address, buffer: Address): boolean {
  const { sendBatch: batch } = adapter;
  const { i32, u32 } = adapter.imports.memory;
  const length = u32[(buffer + NB_DATA_LENGTH) >> 2];
  const offloads = adapter.offloading && asksForOffload(adapter.imports.memory, list);
  const large = offloads && asksForSegmentation(adapter.imports.memory, list);
  if (length > (large ? adapter.largestSegmented : adapter.largestFrame)) return false;
  const mdl = i32[(buffer + NB_CURRENT_MDL) >> 2];
  const offset = u32[(buffer + NB_CURRENT_MDL_OFFSET) >> 2];
  const slot = batch.count++;
  batch.length[slot] = length;
  if (adapter.offloading) batch.clearOffloads(slot);
  adapter.sendLists[slot] = list;
  adapter.sendBuffers[slot] = buffer;
  const start = i32[(mdl + MDL_ADDRESS) >> 2] + offset;
  if (offset + length <= u32[(mdl + MDL_BYTE_COUNT) >> 2] && !(offloads && (start & 1) !== 0))
    batch.offset[slot] = start;
  else batch.offset[slot] = gather(adapter, slot, mdl, offset, length);
  if (!offloads || offloadSend(adapter, slot, list)) return true;
  batch.count--;
  return false;
}

/** Copies a frame that lies in several MDLs into the bounce buffer of its slot. */
function gather(
  adapter: WireportAdapter,
  slot: number,
  first: Address,
  firstOffset: number,
  length: number,
): Address {
  const { u8, i32, u32 } = adapter.imports.memory;
  const target = adapter.bounceBuffer + slot * adapter.bounceSize;
  let mdl = first;
  let offset = firstOffset;
  for (let done = 0; done < length && mdl !== 0; mdl = i32[(mdl + MDL_NEXT) >> 2]) {
    const available = u32[(mdl + MDL_BYTE_COUNT) >> 2] - offset;
    const bytes = available < length - done ? available : length - done;
    const source = i32[(mdl + MDL_ADDRESS) >> 2] + offset;
    u8.copyWithin(target + done, source, source + bytes);
    done += bytes;
    offset = 0;
  }
  return target;
}

/** Gives the batch to the wire and notes what became of each frame; false where the wire took only the first ones. */
function flush(adapter: WireportAdapter): boolean {
  const { sendBatch: batch, counters } = adapter;
  const { sent } = counters;
  const { u8, u32 } = adapter.imports.memory;
  if (batch.count === 0) return true;
  const { count } = batch;
  const taken = adapter.device.wire.send(batch);
  batch.count = 0;
  let frames = 0;
  let bytes = 0;
  for (let slot = 0; slot < taken; slot++) {
    if (batch.outcome[slot] === OUTCOME_SENT) {
      const at = batch.offset[slot];
      frames++;
      bytes += batch.length[slot];
      if ((u8[at] & 1) !== 0) countGroupFrame(sent, u8, at, batch.length[slot]);
    } else u32[(adapter.sendLists[slot] + NBL_STATUS) >> 2] = NDIS_STATUS_FAILURE;
  }
  sent.frames += frames;
  sent.bytes += bytes;
  counters.sendErrors += taken - frames;
  if (taken === count) return true;
  adapter.stalledList = adapter.sendLists[taken];
  adapter.pendingBuffer = adapter.sendBuffers[taken];
  return false;
}

/** Lets lists wait for the wire. */
function append(adapter: WireportAdapter, lists: Address, completeFlags: number): void {
  if (adapter.pendingCount >= PENDING_LIMIT)
    return fail(adapter, lists, NDIS_STATUS_RESOURCES, completeFlags);
  const { memory } = adapter.imports;
  if (adapter.pendingHead === 0) adapter.pendingHead = lists;
  else memory.writePointer(adapter.pendingTail + NBL_NEXT, lists);
  for (let list = lists; list !== 0; list = memory.readPointer(list + NBL_NEXT)) {
    adapter.pendingTail = list;
    adapter.pendingCount++;
  }
}

function fail(adapter: WireportAdapter, lists: Address, status: number, completeFlags: number): void {
  const { i32, u32 } = adapter.imports.memory;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    u32[(list + NBL_STATUS) >> 2] = status;
    adapter.counters.sendErrors++;
  }
  adapter.imports.ndis.NdisMSendNetBufferListsComplete(adapter.handle, lists, completeFlags);
}
