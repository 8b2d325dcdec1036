/**
 * The send path of cardport: a scatter/gather list for each net buffer, its elements as descriptors, and completion when
 * the device has read them. Implements "Sending Data from a Miniport Driver" and "NDIS Scatter/Gather DMA" (network).
 */

import {
  type Address,
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import type { CardportAdapter } from './adapter.ts';
import { TRANSMIT_DESCRIPTORS } from './limits.ts';
import * as r from './registers.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
/** Net buffers of the list that are not over: in the miniport's own part of it. */
const NBL_LEFT = NET_BUFFER_LIST.offset.MiniportReserved;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
/** SCATTER_GATHER_LIST: elements of 24 bytes behind a header of 16. */
const ELEMENTS = 16;
const ELEMENT_SIZE = 24;
const ELEMENT_LENGTH = 8;
/** NDIS_SG_LIST_WRITE_TO_DEVICE */
const WRITE_TO_DEVICE = 1;
/** Net buffers that may wait for the ring; later ones fail with NDIS_STATUS_RESOURCES. */
const WAITING_LIMIT = 1024;

/** One net buffer on its way. */
export interface QueuedFrame {
  readonly list: Address;
  readonly buffer: Address;
  /** Its scatter/gather list. */
  sgl: Address;
  /** Descriptors that it has in the ring. */
  descriptors: number;
  /** It was given up while its list was made. */
  aborted: boolean;
}

/** MiniportSendNetBufferLists. */
export function sendLists(adapter: CardportAdapter, lists: Address, flags: number): void {
  const { ntoskrnl, memory } = adapter.imports;
  const atDispatch = (flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL) !== 0;
  // Scatter/gather lists are made at DISPATCH_LEVEL.
  const old = atDispatch ? -1 : ntoskrnl.KeRaiseIrqlToDpcLevel();
  for (let list = lists; list !== 0; ) {
    const next = memory.readPointer(list + NBL_NEXT);
    memory.writePointer(list + NBL_NEXT, 0);
    sendList(adapter, list);
    list = next;
  }
  if (old >= 0) ntoskrnl.KeLowerIrql(old);
}

function sendList(adapter: CardportAdapter, list: Address): void {
  const { memory } = adapter.imports;
  const buffers: Address[] = [];
  for (let at = memory.readPointer(list + NBL_FIRST_NET_BUFFER); at !== 0; ) {
    buffers.push(at);
    at = memory.readPointer(at + NB_NEXT);
  }
  memory.u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_SUCCESS;
  // One more than there are, so that the list is not over before all were begun.
  memory.u32[(list + NBL_LEFT) >> 2] = buffers.length + 1;
  for (const buffer of buffers) {
    const frame: QueuedFrame = { list, buffer, sgl: 0, descriptors: 0, aborted: false };
    if (!adapter.running || adapter.gone) finish(adapter, frame, NDIS_STATUS_PAUSED);
    else begin(adapter, frame);
  }
  release(adapter, list);
}

function begin(adapter: CardportAdapter, frame: QueuedFrame): void {
  const { ndis } = adapter.imports;
  if (adapter.waiting.length >= WAITING_LIMIT) return finish(adapter, frame, NDIS_STATUS_RESOURCES);
  adapter.mapping++;
  const status = ndis.NdisMAllocateNetBufferSGList(adapter.dma, frame.buffer, frame, WRITE_TO_DEVICE, 0, 0);
  if (status === NDIS_STATUS_SUCCESS) return;
  adapter.mapping--;
  finish(adapter, frame, status);
}

/** MiniportProcessSGList: the list of a net buffer is there. */
export function processList(adapter: CardportAdapter, sgl: Address, frame: QueuedFrame): void {
  adapter.mapping--;
  frame.sgl = sgl;
  if (frame.aborted || adapter.gone) return finish(adapter, frame, NDIS_STATUS_REQUEST_ABORTED);
  if (adapter.imports.memory.u32[sgl >> 2] > r.FRAME_DESCRIPTORS)
    return finish(adapter, frame, NDIS_STATUS_RESOURCES);
  adapter.waiting.push(frame);
  submit(adapter);
}

/** Gives the device what waits, as far as there is room in the ring. */
function submit(adapter: CardportAdapter): void {
  const before = adapter.transmitTail;
  for (let frame = adapter.waiting[0]; frame !== undefined; frame = adapter.waiting[0]) {
    const used = (adapter.transmitTail - adapter.transmitHead) & (TRANSMIT_DESCRIPTORS - 1);
    if (TRANSMIT_DESCRIPTORS - 1 - used < r.FRAME_DESCRIPTORS) break;
    adapter.waiting.shift();
    describe(adapter, frame);
    adapter.sending.push(frame);
  }
  if (adapter.transmitTail !== before) adapter.write(r.TRANSMIT_RING + r.RING_TAIL, adapter.transmitTail);
}

/** Writes the descriptors of a frame; its data begins CurrentMdlOffset bytes into the list. */
function describe(adapter: CardportAdapter, frame: QueuedFrame): void {
  const { u32 } = adapter.imports.memory;
  const ring = adapter.rings[0].address;
  const count = u32[frame.sgl >> 2];
  let skip = u32[(frame.buffer + NB_CURRENT_MDL_OFFSET) >> 2];
  let left = u32[(frame.buffer + NB_DATA_LENGTH) >> 2];
  for (let index = 0; index < count && left > 0; index++) {
    const element = frame.sgl + ELEMENTS + ELEMENT_SIZE * index;
    const available = u32[(element + ELEMENT_LENGTH) >> 2];
    if (skip >= available) {
      skip -= available;
      continue;
    }
    const length = Math.min(available - skip, left);
    const descriptor = ring + r.DESCRIPTOR_SIZE * adapter.transmitTail;
    u32[descriptor >> 2] = u32[element >> 2] + skip;
    u32[(descriptor + 4) >> 2] = u32[(element + 4) >> 2];
    u32[(descriptor + r.DESCRIPTOR_LENGTH) >> 2] = length;
    u32[(descriptor + r.DESCRIPTOR_FLAGS) >> 2] = left === length ? r.FLAG_END : 0;
    adapter.transmitTail = (adapter.transmitTail + 1) & (TRANSMIT_DESCRIPTORS - 1);
    frame.descriptors++;
    left -= length;
    skip = 0;
  }
}

/** Completes what the device has sent. */
export function completeSends(adapter: CardportAdapter): void {
  const { u32 } = adapter.imports.memory;
  const ring = adapter.rings[0].address;
  for (let frame = adapter.sending[0]; frame !== undefined; frame = adapter.sending[0]) {
    const last = (adapter.transmitHead + frame.descriptors - 1) & (TRANSMIT_DESCRIPTORS - 1);
    const flags = u32[(ring + r.DESCRIPTOR_SIZE * last + r.DESCRIPTOR_FLAGS) >> 2];
    if ((flags & r.FLAG_DONE) === 0) break;
    adapter.sending.shift();
    adapter.transmitHead = (adapter.transmitHead + frame.descriptors) & (TRANSMIT_DESCRIPTORS - 1);
    finish(adapter, frame, (flags & r.FLAG_ERROR) === 0 ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE);
  }
  submit(adapter);
  adapter.completePause();
}

/** A net buffer is over: its scatter/gather list goes, and its list where it was the last. */
function finish(adapter: CardportAdapter, frame: QueuedFrame, status: number): void {
  const { ndis, memory } = adapter.imports;
  if (frame.sgl !== 0) ndis.NdisMFreeNetBufferSGList(adapter.dma, frame.sgl, frame.buffer);
  frame.sgl = 0;
  if (status === NDIS_STATUS_SUCCESS) adapter.counters.sent++;
  else {
    adapter.counters.sendErrors++;
    memory.u32[(frame.list + NBL_STATUS) >> 2] = status;
  }
  release(adapter, frame.list);
}

function release(adapter: CardportAdapter, list: Address): void {
  const { ndis, memory } = adapter.imports;
  const left = memory.u32[(list + NBL_LEFT) >> 2] - 1;
  memory.u32[(list + NBL_LEFT) >> 2] = left;
  if (left === 0)
    ndis.NdisMSendNetBufferListsComplete(adapter.handle, list, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
}

/** Gives up every frame; the device has stopped, or is gone. */
export function abortSends(adapter: CardportAdapter, status: number): void {
  const { ntoskrnl } = adapter.imports;
  const old = ntoskrnl.KeGetCurrentIrql() < 2 ? ntoskrnl.KeRaiseIrqlToDpcLevel() : -1;
  const frames = [...adapter.sending.splice(0), ...adapter.waiting.splice(0)];
  adapter.transmitHead = adapter.transmitTail;
  for (const frame of frames) finish(adapter, frame, status);
  adapter.completePause();
  if (old >= 0) ntoskrnl.KeLowerIrql(old);
}
