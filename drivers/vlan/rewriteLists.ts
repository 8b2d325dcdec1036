/**
 * Lists of which the filter rewrites VLAN ids, and their way back. What was done to a list that goes on itself stands in
 * its context space. Where a list may not be written to, a copy goes on in its place: a fragment list that begins with
 * addresses and tags of its own and leaves the rest where it is. The list waits until its copy comes back.
 * Implements "Filter Module Send and Receive Operations", "Fragmented NET_BUFFER_LIST Structures" and "Relationships
 * Between NET_BUFFER_LIST Generations" (network), and IEEE 802.1Q, clause 9.
 */

import {
  type Address,
  type DriverImports,
  Ieee8021QNetBufferListInfo,
  NDIS_STATUS_INVALID_PACKET,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import { frameByteAddress } from '../support/vlanTag.ts';
import type { RewriteModule } from './rewriteModule.ts';

/** `Vlan` as a pool tag. */
const TAG = 0x6e616c56;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_PARENT = NET_BUFFER_LIST.offset.ParentNetBufferList;
const NBL_CHILDREN = NET_BUFFER_LIST.offset.ChildRefCount;
const NBL_SOURCE = NET_BUFFER_LIST.offset.SourceHandle;
const NBL_FLAGS = NET_BUFFER_LIST.offset.NblFlags;
const NBL_STATUS = NET_BUFFER_LIST.offset.Status;
const NBL_VLAN = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * Ieee8021QNetBufferListInfo;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;

/** Bytes of context space of a list: ULONG what was done, ULONG the information before, ULONG the id before, ULONG 0. */
const CONTEXT_SIZE = 16;
const UNCHANGED = 0;
const INFORMATION = 1;
const FRAMES = 2;

/** Bytes up to the end of a tag: what a copy has of its own. A tagged frame has two more for its type. */
const HEADER = 16;
const SHORTEST_TAGGED = HEADER + 2;
const TAG_TYPE = 12;
const TAG_CONTROL = 14;
const VLAN_MASK = 0xfff;
const LONGEST = 0xffff_ffff;
/** The frames of a list do not all change in the same way. */
const DIFFERENT = -1;

/** What of a list may be written. */
export const WRITE_ALL = 0;
/** The list is its holder's, but others read its data too. */
export const WRITE_INFORMATION = 1;
export const WRITE_NOTHING = 2;
export type Writable = typeof WRITE_ALL | typeof WRITE_INFORMATION | typeof WRITE_NOTHING;

export class RewriteLists {
  readonly #imports: DriverImports;
  /** Why the last list was refused. */
  refusal = NDIS_STATUS_SUCCESS;

  constructor(imports: DriverImports) {
    this.#imports = imports;
  }

  /**
   * Gives what goes on for a list: itself or a copy, with the ids that `ids` has for its own. 0 with `refusal` set, and
   * the list as it was, where memory is short, too many copies are under way, or a frame is too short to be copied.
   */
  rewrite(
    module: RewriteModule,
    list: Address,
    ids: Uint16Array,
    writable: Writable,
    isSend: boolean,
  ): Address {
    const { u32 } = this.#imports.memory;
    const before = u32[(list + NBL_VLAN) >> 2];
    const outOfBand = (before >>> 4) & VLAN_MASK;
    if (outOfBand !== 0) {
      const id = ids[outOfBand];
      if (id === 0) return this.#remember(list, UNCHANGED, before, 0);
      const after = ((before & ~(VLAN_MASK << 4)) | (id << 4)) >>> 0;
      if (writable === WRITE_NOTHING) return this.#copy(module, list, null, after, isSend);
      if (this.#remember(list, INFORMATION, before, 0) === 0) return 0;
      u32[(list + NBL_VLAN) >> 2] = after;
      return list;
    }
    const id = this.#idOfFrames(list, ids);
    if (id === 0) return this.#remember(list, UNCHANGED, before, 0);
    if (id === DIFFERENT || writable !== WRITE_ALL) return this.#copy(module, list, ids, before, isSend);
    if (this.#remember(list, FRAMES, before, id) === 0) return 0;
    this.#writeIds(list, ids[id]);
    return list;
  }

  /**
   * Undoes `rewrite` for what came back: gives the list that it was called with, as it was; that of a copy has the
   * status of the copy.
   */
  undo(module: RewriteModule, list: Address): Address {
    const { ndis, memory } = this.#imports;
    const { i32, u32 } = memory;
    if (i32[(list + NBL_SOURCE) >> 2] === module.handle) {
      const original = i32[(list + NBL_PARENT) >> 2];
      i32[(original + NBL_CHILDREN) >> 2]--;
      u32[(original + NBL_STATUS) >> 2] = u32[(list + NBL_STATUS) >> 2];
      ndis.NdisFreeFragmentNetBufferList(list, HEADER, 0);
      return original;
    }
    const context = ndis.NET_BUFFER_LIST_CONTEXT_DATA_START(list);
    const change = u32[context >> 2];
    if (change === INFORMATION) u32[(list + NBL_VLAN) >> 2] = u32[(context + 4) >> 2];
    else if (change === FRAMES) this.#writeIds(list, u32[(context + 8) >> 2]);
    ndis.NdisFreeNetBufferListContext(list, CONTEXT_SIZE);
    return list;
  }

  /** The id that all frames of a list have and that changes; 0 where none changes. */
  #idOfFrames(list: Address, ids: Uint16Array): number {
    const { i32 } = this.#imports.memory;
    let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    if (buffer === 0) return 0;
    const id = this.#idInFrame(buffer, ids);
    while ((buffer = i32[(buffer + NB_NEXT) >> 2]) !== 0)
      if (this.#idInFrame(buffer, ids) !== id) return DIFFERENT;
    return id;
  }

  /** The id in a frame where it has one that changes, else 0. */
  #idInFrame(buffer: Address, ids: Uint16Array): number {
    const { memory } = this.#imports;
    const { u8 } = memory;
    if (memory.u32[(buffer + NB_DATA_LENGTH) >> 2] < SHORTEST_TAGGED) return 0;
    const byte = (index: number) => u8[frameByteAddress(memory, buffer, index)];
    if (byte(TAG_TYPE) !== 0x81 || byte(TAG_TYPE + 1) !== 0) return 0;
    const id = ((byte(TAG_CONTROL) & 0xf) << 8) | byte(TAG_CONTROL + 1);
    return ids[id] === 0 ? 0 : id;
  }

  #writeIds(list: Address, id: number): void {
    const { i32 } = this.#imports.memory;
    let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    for (; buffer !== 0; buffer = i32[(buffer + NB_NEXT) >> 2]) this.#writeId(buffer, id);
  }

  /** Leaves the priority of the tag as it is. */
  #writeId(buffer: Address, id: number): void {
    const { memory } = this.#imports;
    const { u8 } = memory;
    const high = frameByteAddress(memory, buffer, TAG_CONTROL);
    u8[high] = (u8[high] & 0xf0) | (id >> 8);
    u8[frameByteAddress(memory, buffer, TAG_CONTROL + 1)] = id & 0xff;
  }

  /** The list, or 0 where memory is short. */
  #remember(list: Address, change: number, before: number, id: number): Address {
    const { ndis, memory } = this.#imports;
    this.refusal = ndis.NdisAllocateNetBufferListContext(list, CONTEXT_SIZE, 0, TAG);
    if (this.refusal !== NDIS_STATUS_SUCCESS) return 0;
    const context = ndis.NET_BUFFER_LIST_CONTEXT_DATA_START(list) >> 2;
    memory.u32[context] = change;
    memory.u32[context + 1] = before;
    memory.u32[context + 2] = id;
    memory.u32[context + 3] = 0;
    return list;
  }

  /** A copy with `information`, its frames rewritten where `ids` is given. */
  #copy(
    module: RewriteModule,
    list: Address,
    ids: Uint16Array | null,
    information: number,
    isSend: boolean,
  ): Address {
    const { ndis, memory } = this.#imports;
    const { i32, u32 } = memory;
    this.refusal = NDIS_STATUS_INVALID_PACKET;
    const head = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
    for (let buffer = head; buffer !== 0; buffer = i32[(buffer + NB_NEXT) >> 2])
      if (u32[(buffer + NB_DATA_LENGTH) >> 2] <= HEADER) return 0;
    this.refusal = NDIS_STATUS_RESOURCES;
    if (!module.takeCopy()) return 0;
    const { listPool, bufferPool } = module;
    const copy = ndis.NdisAllocateFragmentNetBufferList(
      list,
      listPool,
      bufferPool,
      HEADER,
      LONGEST,
      HEADER,
      0,
      0,
    );
    if (copy === 0) {
      module.giveCopies(1);
      return 0;
    }
    let to = i32[(copy + NBL_FIRST_NET_BUFFER) >> 2];
    for (let buffer = head; buffer !== 0; buffer = i32[(buffer + NB_NEXT) >> 2]) {
      this.#copyHeader(to, buffer);
      const id = ids === null ? 0 : this.#idInFrame(buffer, ids);
      if (ids !== null && id !== 0) this.#writeId(to, ids[id]);
      to = i32[(to + NB_NEXT) >> 2];
    }
    if (isSend) ndis.NdisCopySendNetBufferListInfo(copy, list);
    else ndis.NdisCopyReceiveNetBufferListInfo(copy, list);
    u32[(copy + NBL_VLAN) >> 2] = information;
    u32[(copy + NBL_FLAGS) >> 2] = u32[(list + NBL_FLAGS) >> 2];
    u32[(copy + NBL_STATUS) >> 2] = u32[(list + NBL_STATUS) >> 2];
    memory.writePointer(copy + NBL_SOURCE, module.handle);
    memory.writePointer(copy + NBL_PARENT, list);
    i32[(list + NBL_CHILDREN) >> 2]++;
    return copy;
  }

  #copyHeader(to: Address, from: Address): void {
    const { memory } = this.#imports;
    const { u8 } = memory;
    for (let i = 0; i < HEADER; i++)
      u8[frameByteAddress(memory, to, i)] = u8[frameByteAddress(memory, from, i)];
  }
}
