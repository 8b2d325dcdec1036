/**
 * Frames of a VLAN in net buffer lists: tagging what goes down, untagging what comes up, and undoing both when the
 * lists come back, so that each is its owner's as it was. What was done to a list stands in its context space.
 * Implements IEEE 802.1Q, clause 9, "NET_BUFFER_LIST Context Structure" and "NET_BUFFER Retreat and Advance Operations"
 * (network).
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
import { frameByte, insertTag, removeTag, VLAN_TAG } from '../support/vlanTag.ts';

/** `Vlan` as a pool tag. */
const TAG = 0x6e616c56;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NBL_VLAN = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * Ieee8021QNetBufferListInfo;
const NB_NEXT = NET_BUFFER.offset.Next;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
/** Bytes of context space of a list: ULONG what was done, ULONG the information before, ULONG the tag, ULONG 0. */
const CONTEXT_SIZE = 16;
const ADDRESSES = 12;

/** What was done to a list: a tag was put into its frames, or taken out of them, or neither. */
const INSERTED = 1;
const REMOVED = 2;
const INFORMATION_ONLY = 3;

/** UserPriority and VlanId of NDIS_NET_BUFFER_LIST_8021Q_INFO. */
const priorityOf = (information: number): number => information & 7;
const vlanOf = (information: number): number => (information >>> 4) & 0xfff;

export class VlanLists {
  readonly #imports: DriverImports;
  readonly #vlanId: number;
  readonly #priority: number;

  /** @param priority of frames whose sender says none. */
  constructor(imports: DriverImports, vlanId: number, priority: number) {
    this.#imports = imports;
    this.#vlanId = vlanId;
    this.#priority = priority;
  }

  /** Tags the frames of a list that is sent; the status with which it is refused otherwise, the list as it was. */
  tag(list: Address): number {
    const { u32 } = this.#imports.memory;
    const before = u32[(list + NBL_VLAN) >> 2];
    const vlan = vlanOf(before);
    if (
      (vlan !== 0 && vlan !== this.#vlanId) ||
      this.#buffers(list).some((buffer) => this.#tagIn(buffer) !== null)
    )
      return NDIS_STATUS_INVALID_PACKET;
    const tci = ((priorityOf(before) || this.#priority) << 13) | this.#vlanId;
    if (!this.#remember(list, INSERTED, before, tci)) return NDIS_STATUS_RESOURCES;
    const done: Address[] = [];
    for (const buffer of this.#buffers(list)) {
      if (insertTag(this.#imports, buffer, tci)) done.push(buffer);
      else {
        for (const tagged of done) removeTag(this.#imports, tagged);
        this.#imports.ndis.NdisFreeNetBufferListContext(list, CONTEXT_SIZE);
        return NDIS_STATUS_RESOURCES;
      }
    }
    u32[(list + NBL_VLAN) >> 2] = 0;
    return NDIS_STATUS_SUCCESS;
  }

  /** Takes the tag off a list that was received; false where it is not of this VLAN or memory is short. */
  untag(list: Address): boolean {
    const { u32 } = this.#imports.memory;
    const before = u32[(list + NBL_VLAN) >> 2];
    if (vlanOf(before) === this.#vlanId) {
      // The miniport driver has taken the tag out already.
      if (!this.#remember(list, INFORMATION_ONLY, before, 0)) return false;
      u32[(list + NBL_VLAN) >> 2] = priorityOf(before);
      return true;
    }
    const buffers = this.#buffers(list);
    const tci = buffers.length === 0 ? null : this.#tagIn(buffers[0]);
    if (vlanOf(before) !== 0 || tci === null || (tci & 0xfff) !== this.#vlanId) return false;
    if (buffers.some((buffer) => this.#tagIn(buffer) !== tci)) return false;
    if (!this.#remember(list, REMOVED, before, tci)) return false;
    for (const buffer of buffers) removeTag(this.#imports, buffer);
    u32[(list + NBL_VLAN) >> 2] = tci >>> 13;
    return true;
  }

  /** Undoes `tag` or `untag`. */
  restore(list: Address): void {
    const { ndis, memory } = this.#imports;
    const { u32 } = memory;
    const context = ndis.NET_BUFFER_LIST_CONTEXT_DATA_START(list);
    const [done, before, tci] = [u32[context >> 2], u32[(context + 4) >> 2], u32[(context + 8) >> 2]];
    for (const buffer of this.#buffers(list)) {
      if (done === INSERTED) removeTag(this.#imports, buffer);
      // There is room for it: it was there before.
      else if (done === REMOVED) insertTag(this.#imports, buffer, tci);
    }
    u32[(list + NBL_VLAN) >> 2] = before;
    ndis.NdisFreeNetBufferListContext(list, CONTEXT_SIZE);
  }

  #remember(list: Address, done: number, before: number, tci: number): boolean {
    const { ndis, memory } = this.#imports;
    const status = ndis.NdisAllocateNetBufferListContext(list, CONTEXT_SIZE, 0, TAG);
    if (status !== NDIS_STATUS_SUCCESS) return false;
    const context = ndis.NET_BUFFER_LIST_CONTEXT_DATA_START(list);
    memory.u32.set([done, before, tci, 0], context >> 2);
    return true;
  }

  #buffers(list: Address): Address[] {
    const { i32 } = this.#imports.memory;
    const buffers: Address[] = [];
    for (
      let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
      buffer !== 0;
      buffer = i32[(buffer + NB_NEXT) >> 2]
    )
      buffers.push(buffer);
    return buffers;
  }

  /** Priority and VLAN id of the tag in a frame, 16 bits; null where it has none. */
  #tagIn(buffer: Address): number | null {
    const { memory } = this.#imports;
    if (memory.u32[(buffer + NB_DATA_LENGTH) >> 2] < ADDRESSES + VLAN_TAG) return null;
    const byte = (index: number) => frameByte(memory, buffer, index);
    if (byte(ADDRESSES) !== 0x81 || byte(ADDRESSES + 1) !== 0) return null;
    return (byte(ADDRESSES + 2) << 8) | byte(ADDRESSES + 3);
  }
}
