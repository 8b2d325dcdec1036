/**
 * The send path of mux: the lists of the protocols above go down as they are. NDIS wants the SourceHandle of whoever
 * sends, so the one of the protocol above is kept in the context space of the list until the list is complete.
 * Implements "Transmitting Network Data Through an Intermediate Driver" and "NET_BUFFER_LIST Context" (network).
 */

import {
  type Address,
  Ieee8021QNetBufferListInfo,
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
  NET_BUFFER_LIST_CONTEXT,
} from '../../src/machine/index.ts';
import { insertTag, removeTag } from '../support/vlanTag.ts';
import type { MuxBinding } from './muxBinding.ts';
import { CONTEXT_SIZE, type VirtualMiniport } from './virtualMiniport.ts';

/** `MuxC` as a pool tag. */
const TAG = 0x4378754d;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_CONTEXT = NET_BUFFER_LIST.offset.Context;
const NBL_SOURCE_HANDLE = NET_BUFFER_LIST.offset.SourceHandle;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NBL_VLAN = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * Ieee8021QNetBufferListInfo;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const CONTEXT_OFFSET = NET_BUFFER_LIST_CONTEXT.offset.Offset;
const CONTEXT_DATA = NET_BUFFER_LIST_CONTEXT.offset.ContextData;
/** Where the parts of our context lie. */
const KEPT_SOURCE = 0;
const KEPT_MINIPORT = 8;
const KEPT_VLAN = 12;

/** Our part of the context space of a list (NET_BUFFER_LIST_CONTEXT_DATA_START). */
function contextOf(i32: Int32Array, u16: Uint16Array, list: Address): Address {
  const context = i32[(list + NBL_CONTEXT) >> 2];
  return context + CONTEXT_DATA + u16[(context + CONTEXT_OFFSET) >> 1];
}

/** MiniportSendNetBufferLists. */
export function sendLists(miniport: VirtualMiniport, lists: Address, flags: number): void {
  const { binding, imports } = miniport;
  const { ndis, memory } = imports;
  const { i32, u16, u32 } = memory;
  if (!miniport.running || !binding.running) return refuse(miniport, lists, NDIS_STATUS_PAUSED, flags);
  if (miniport.standingBy) return refuse(miniport, lists, NDIS_STATUS_LOW_POWER_STATE, flags);
  const { handle } = binding;
  const { vlanId } = miniport;
  let count = 0;
  let last = 0;
  let first = 0;
  for (let list = lists; list !== 0; ) {
    const next = i32[(list + NBL_NEXT) >> 2];
    const status = ndis.NdisAllocateNetBufferListContext(list, CONTEXT_SIZE, 0, TAG);
    if (status === NDIS_STATUS_SUCCESS) {
      const kept = contextOf(i32, u16, list);
      i32[(kept + KEPT_SOURCE) >> 2] = i32[(list + NBL_SOURCE_HANDLE) >> 2];
      i32[(kept + KEPT_MINIPORT) >> 2] = miniport.index;
      if (vlanId === null || tagList(miniport, list, kept, vlanId)) {
        memory.writePointer(list + NBL_SOURCE_HANDLE, handle);
        if (first === 0) first = list;
        else memory.writePointer(last + NBL_NEXT, list);
        last = list;
        count++;
        list = next;
        continue;
      }
      ndis.NdisFreeNetBufferListContext(list, CONTEXT_SIZE);
      u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_INVALID_LENGTH;
    } else u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_RESOURCES;
    memory.writePointer(list + NBL_NEXT, 0);
    miniport.counters.sendErrors++;
    ndis.NdisMSendNetBufferListsComplete(
      miniport.handle,
      list,
      flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
    );
    list = next;
  }
  if (first === 0) return;
  memory.writePointer(last + NBL_NEXT, 0);
  miniport.sendsOutstanding += count;
  binding.sendsOutstanding += count;
  // Virtual miniports of one network hear each other: NDIS loops the frames back below.
  ndis.NdisSendNetBufferLists(
    handle,
    first,
    0,
    binding.sharesNetwork
      ? flags | NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK
      : flags & ~NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  );
}

/** Puts the tag of the VLAN into every frame of a list; false, and no tag, where that fails. */
function tagList(miniport: VirtualMiniport, list: Address, kept: Address, vlanId: number): boolean {
  const { imports } = miniport;
  const { i32, u32 } = imports.memory;
  const outOfBand = u32[(list + NBL_VLAN) >> 2];
  u32[(kept + KEPT_VLAN) >> 2] = outOfBand;
  // Without a VLAN and a priority there is nothing to say in a tag.
  const priority = outOfBand & 7;
  if (vlanId === 0 && priority === 0) return true;
  const tci = (priority << 13) | vlanId;
  const head = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
  for (let buffer = head; buffer !== 0; buffer = i32[(buffer + NB_NEXT) >> 2]) {
    if (insertTag(imports, buffer, tci)) continue;
    for (let done = head; done !== buffer; done = i32[(done + NB_NEXT) >> 2]) removeTag(imports, done);
    return false;
  }
  u32[(list + NBL_VLAN) >> 2] = 0;
  return true;
}

/** ProtocolSendNetBufferListsComplete: the lists go back to the protocols above, as these gave them. */
export function completeSends(binding: MuxBinding, lists: Address, flags: number): void {
  const { imports, miniports } = binding;
  const { ndis, memory } = imports;
  const { i32, u16, u32 } = memory;
  let runHead = 0;
  let runTail = 0;
  let runOwner = -1;
  let runCount = 0;
  for (let list = lists; list !== 0; ) {
    const next = i32[(list + NBL_NEXT) >> 2];
    const kept = contextOf(i32, u16, list);
    const owner = i32[(kept + KEPT_MINIPORT) >> 2];
    const source = i32[(kept + KEPT_SOURCE) >> 2];
    const miniport = miniports[owner];
    if (miniport.vlanId !== null) untagList(miniport, list, u32[(kept + KEPT_VLAN) >> 2]);
    memory.writePointer(list + NBL_SOURCE_HANDLE, source);
    ndis.NdisFreeNetBufferListContext(list, CONTEXT_SIZE);
    if (u32[(list + NBL_STATUS) >> 2] === NDIS_STATUS_SUCCESS) count(miniport, list);
    else miniport.counters.sendErrors++;
    if (owner !== runOwner) {
      if (runHead !== 0) finishRun(miniports[runOwner], runHead, runTail, runCount, flags);
      runHead = list;
      runOwner = owner;
      runCount = 0;
    }
    runTail = list;
    runCount++;
    list = next;
  }
  if (runHead !== 0) finishRun(miniports[runOwner], runHead, runTail, runCount, flags);
  binding.sendsCompleted();
}

/** Counts the frames of a list that was sent. */
function count({ imports, counters }: VirtualMiniport, list: Address): void {
  const { i32, u32 } = imports.memory;
  for (
    let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    buffer !== 0;
    buffer = i32[(buffer + NB_NEXT) >> 2]
  ) {
    counters.framesSent++;
    counters.bytesSent += u32[(buffer + NB_DATA_LENGTH) >> 2];
  }
}

/** Gives a run of lists with one owner back. */
function finishRun(
  miniport: VirtualMiniport,
  head: Address,
  tail: Address,
  lists: number,
  flags: number,
): void {
  const { imports, binding } = miniport;
  imports.memory.writePointer(tail + NBL_NEXT, 0);
  binding.sendsOutstanding -= lists;
  imports.ndis.NdisMSendNetBufferListsComplete(miniport.handle, head, flags);
  miniport.sendsOutstanding -= lists;
  miniport.listsCameBack();
}

function untagList(miniport: VirtualMiniport, list: Address, outOfBand: number): void {
  const { imports, vlanId } = miniport;
  const { i32, u32 } = imports.memory;
  u32[(list + NBL_VLAN) >> 2] = outOfBand;
  if (vlanId === 0 && (outOfBand & 7) === 0) return;
  for (
    let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    buffer !== 0;
    buffer = i32[(buffer + NB_NEXT) >> 2]
  )
    removeTag(imports, buffer);
}

function refuse(miniport: VirtualMiniport, lists: Address, status: number, flags: number): void {
  const { ndis, memory } = miniport.imports;
  for (let list = lists; list !== 0; list = memory.i32[(list + NBL_NEXT) >> 2]) {
    memory.u32[(list + NBL_STATUS) >> 2] = status;
    miniport.counters.sendErrors++;
  }
  ndis.NdisMSendNetBufferListsComplete(
    miniport.handle,
    lists,
    flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  );
}
