/**
 * The receive path of mux: every frame goes to the virtual miniports that it is for, in a list of our own over the
 * same data, or as a copy without its VLAN tag. The list below goes back when the last of ours came back.
 * Implements "Receiving Data in an Intermediate Driver with a Connectionless Lower Edge" (network).
 */

import {
  type Address,
  Ieee8021QNetBufferListInfo,
  type KernelMemory,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NET_BUFFER,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import { gatherFrame } from '../support/frameBytes.ts';
import { frameByte, VLAN_TAG } from '../support/vlanTag.ts';
import type { MuxBinding } from './muxBinding.ts';
import type { VirtualMiniport } from './virtualMiniport.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_SOURCE_HANDLE = NET_BUFFER_LIST.offset.SourceHandle;
const NBL_CHILD_COUNT = NET_BUFFER_LIST.offset.ChildRefCount;
const NBL_VLAN = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * Ieee8021QNetBufferListInfo;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const ADDRESSES = 12;
const TAGGED_HEADER = 18;
/** Bits of NDIS_NET_BUFFER_LIST_8021Q_INFO: user priority, and where the VLAN id begins. */
const INFO_PRIORITY = 7;
const INFO_VLAN_SHIFT = 4;
const VLAN_ID = 0xfff;
/** What `tagOf` gives for a frame without a tag. */
const NO_TAG = -1;

/** ProtocolReceiveNetBufferLists. */
export function receiveLists(binding: MuxBinding, lists: Address, flags: number): void {
  const { i32, u32 } = binding.imports.memory;
  const lent = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
  // Our own hold on each list, so that none goes back while we look at it.
  if (!lent)
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2])
      u32[(list + NBL_CHILD_COUNT) >> 2] = 1;
  for (const miniport of binding.miniports) if (miniport.running) indicate(miniport, lists, flags, lent);
  if (!lent) releaseLists(binding, lists, flags);
}

/** Indicates to one virtual miniport what is for it. */
function indicate(miniport: VirtualMiniport, lists: Address, flags: number, lent: boolean): void {
  const { binding, imports } = miniport;
  const { ndis, memory } = imports;
  const { i32, u32 } = memory;
  let head = 0;
  let tail = 0;
  let count = 0;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    if (!isFor(miniport, list)) continue;
    const own = describe(miniport, list);
    if (own === 0) {
      miniport.counters.receiveNoBuffer++;
      continue;
    }
    memory.writePointer(own + NBL_SOURCE_HANDLE, miniport.handle);
    if (!lent && binding.originalOf(own) !== 0) u32[(list + NBL_CHILD_COUNT) >> 2]++;
    if (head === 0) head = own;
    else memory.writePointer(tail + NBL_NEXT, own);
    tail = own;
    count++;
    miniport.counters.bytesReceived += u32[(i32[(own + NBL_FIRST_NET_BUFFER) >> 2] + NB_DATA_LENGTH) >> 2];
  }
  if (head === 0) return;
  miniport.counters.framesReceived += count;
  if (!lent) miniport.receivesOutstanding += count;
  ndis.NdisMIndicateReceiveNetBufferLists(miniport.handle, head, 0, count, flags);
  // With NDIS_RECEIVE_FLAGS_RESOURCES the lists are ours again; those below go back by themselves.
  if (lent) for (let list = head; list !== 0; ) list = takeBack(binding, list);
}

/** Whether a frame belongs to a virtual miniport: by its VLAN, or in a shared network by its addresses. */
function isFor(miniport: VirtualMiniport, list: Address): boolean {
  const { memory } = miniport.imports;
  const { vlanId } = miniport;
  if (vlanId !== null) {
    const tag = tagOf(memory, list);
    return (tag === NO_TAG ? 0 : tag & VLAN_ID) === vlanId;
  }
  if (!miniport.binding.sharesNetwork) return true;
  const buffer = memory.i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
  if (memory.u32[(buffer + NB_DATA_LENGTH) >> 2] < ADDRESSES) return false;
  const { macAddress } = miniport;
  // Its own frames come back to the binding by loopback, but not to their sender.
  if (hasAddress(memory, buffer, 6, macAddress)) return false;
  if ((frameByte(memory, buffer, 0) & 1) !== 0) return true;
  return (
    (miniport.packetFilter & NDIS_PACKET_TYPE_PROMISCUOUS) !== 0 || hasAddress(memory, buffer, 0, macAddress)
  );
}

function hasAddress(memory: KernelMemory, buffer: Address, at: number, macAddress: Uint8Array): boolean {
  // The last byte differs most often.
  for (let i = macAddress.length - 1; i >= 0; i--)
    if (frameByte(memory, buffer, at + i) !== macAddress[i]) return false;
  return true;
}

/** The tag of a frame, out of band or in it: 16 bits of priority and VLAN id, or NO_TAG. */
function tagOf(memory: KernelMemory, list: Address): number {
  const { i32, u32 } = memory;
  const info = u32[(list + NBL_VLAN) >> 2];
  if (info >>> INFO_VLAN_SHIFT !== 0)
    return ((info & INFO_PRIORITY) << 13) | ((info >>> INFO_VLAN_SHIFT) & VLAN_ID);
  const buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
  if (u32[(buffer + NB_DATA_LENGTH) >> 2] < TAGGED_HEADER) return NO_TAG;
  if (frameByte(memory, buffer, ADDRESSES) !== 0x81 || frameByte(memory, buffer, ADDRESSES + 1) !== 0)
    return NO_TAG;
  return (frameByte(memory, buffer, ADDRESSES + 2) << 8) | frameByte(memory, buffer, ADDRESSES + 3);
}

/** A list of ours with the frame as the protocols above shall see it, or 0 when none is free. */
function describe(miniport: VirtualMiniport, list: Address): Address {
  const { binding, imports } = miniport;
  const { memory, ndis } = imports;
  const { u32 } = memory;
  if (miniport.vlanId !== null) {
    const info = u32[(list + NBL_VLAN) >> 2];
    const tag = info >>> INFO_VLAN_SHIFT === 0 ? tagOf(memory, list) : NO_TAG;
    if (tag !== NO_TAG) return copyUntagged(binding, list, tag);
    const shell = binding.wrap(list);
    if (shell === 0) return 0;
    ndis.NdisCopyReceiveNetBufferListInfo(shell, list);
    u32[(shell + NBL_VLAN) >> 2] = info & INFO_PRIORITY;
    return shell;
  }
  const shell = binding.wrap(list);
  if (shell !== 0) ndis.NdisCopyReceiveNetBufferListInfo(shell, list);
  return shell;
}

/** A copy of a frame without its tag; the priority goes out of band. */
function copyUntagged(binding: MuxBinding, list: Address, tag: number): Address {
  const { memory, ndis } = binding.imports;
  const { i32, u32, u8 } = memory;
  const { copies } = binding;
  const buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
  const length = u32[(buffer + NB_DATA_LENGTH) >> 2];
  if (copies === null || length > copies.bufferSize) return 0;
  const copy = copies.take();
  if (copy === 0) return 0;
  const frame = copies.bufferOf(copy);
  gatherFrame(memory, buffer, frame, length);
  u8.copyWithin(frame + VLAN_TAG, frame, frame + ADDRESSES);
  copies.setFrame(copy, VLAN_TAG, length - VLAN_TAG);
  ndis.NdisCopyReceiveNetBufferListInfo(copy, list);
  u32[(copy + NBL_VLAN) >> 2] = tag >> 13;
  memory.writePointer(copy + NBL_NEXT, 0);
  return copy;
}

/** Gives a list of ours back to where it came from and tells the next one. */
function takeBack(binding: MuxBinding, list: Address): Address {
  const next = binding.imports.memory.i32[(list + NBL_NEXT) >> 2];
  if (binding.originalOf(list) === 0) binding.copies?.give(list);
  else binding.unwrap(list);
  return next;
}

/** MiniportReturnNetBufferLists. */
export function returnLists(miniport: VirtualMiniport, lists: Address, flags: number): void {
  const { binding, imports } = miniport;
  const { memory } = imports;
  const { u32 } = memory;
  let head = 0;
  let tail = 0;
  let count = 0;
  for (let list = lists; list !== 0; ) {
    const original = binding.originalOf(list);
    list = takeBack(binding, list);
    count++;
    if (original === 0 || --u32[(original + NBL_CHILD_COUNT) >> 2] !== 0) continue;
    if (head === 0) head = original;
    else memory.writePointer(tail + NBL_NEXT, original);
    tail = original;
  }
  if (head !== 0) {
    memory.writePointer(tail + NBL_NEXT, 0);
    imports.ndis.NdisReturnNetBufferLists(binding.handle, head, flags);
  }
  miniport.receivesOutstanding -= count;
  miniport.listsCameBack();
}

/** Lets go of received lists; those that nobody uses go back. */
function releaseLists(binding: MuxBinding, lists: Address, flags: number): void {
  const { ndis, memory } = binding.imports;
  const { i32, u32 } = memory;
  let head = 0;
  let tail = 0;
  for (let list = lists; list !== 0; ) {
    const next = i32[(list + NBL_NEXT) >> 2];
    if (--u32[(list + NBL_CHILD_COUNT) >> 2] === 0) {
      if (head === 0) head = list;
      else memory.writePointer(tail + NBL_NEXT, list);
      tail = list;
    }
    list = next;
  }
  if (head === 0) return;
  memory.writePointer(tail + NBL_NEXT, 0);
  const dispatch = (flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) !== 0;
  ndis.NdisReturnNetBufferLists(binding.handle, head, dispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
}
