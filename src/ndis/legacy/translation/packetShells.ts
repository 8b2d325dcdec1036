/**
 * Packets that stand for net buffers: what an NDIS 5 driver gets where the other side is of NDIS 6. A packet shares
 * the MDLs of its net buffer; where that begins inside an MDL, or ends before its last one does, the packet has MDLs of
 * its own for the same bytes. Packets are pooled, and a member reserved for NDIS leads back to the list.
 */

import type { Address, KernelMemory } from '../../../memory/index.ts';
import { PROTOCOL_RESERVED_SIZE_IN_PACKET } from '../../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import {
  buildMdl,
  type MdlAllocator,
  mdlAddress,
  mdlsOf,
  spanPages,
  storePointer,
} from '../../netBuffer/mdl.ts';
import {
  MDL_BYTE_COUNT,
  MDL_NEXT,
  MDL_PREFIX,
  MDL_SIZE,
  MDL_STATE,
  MDL_STATE_DERIVED,
  MDL_STATE_EMBEDDED,
  NB_CURRENT_MDL,
  NB_CURRENT_MDL_OFFSET,
  NB_DATA_LENGTH,
} from '../../netBuffer/offsets.ts';
import {
  PACKET_COUNT,
  PACKET_HEAD,
  PACKET_LIST,
  PACKET_OWN_MDLS,
  PACKET_PHYSICAL_COUNT,
  PACKET_STATE,
  PACKET_STATE_SHELL,
  PACKET_TAIL,
  PACKET_TOTAL_LENGTH,
  PACKET_VALID_COUNTS,
} from '../packet/offsets.ts';
import { lastBuffer } from '../packet/packetAccess.ts';
import { PacketPool } from '../packet/packetPool.ts';

/** Pages that the MDL inside a packet can describe: the longest large send, wherever it begins. */
const SHELL_PAGES = 17;
/** MDL_SOURCE_IS_NONPAGED_POOL. */
const NONPAGED = 4;
const MDL_BYTES = MDL_PREFIX + MDL_SIZE + SHELL_PAGES * 8;

export class PacketShells {
  readonly memory: KernelMemory;
  readonly #pool: PacketPool;
  readonly #mdls: MdlAllocator;
  /** From a packet to the MDL inside it. */
  readonly #mdl: number;

  constructor(ndis: NdisLibrary) {
    this.memory = ndis.memory;
    this.#mdls = mdlsOf(ndis);
    this.#pool = new PacketPool(ndis.kernel, {
      driver: null,
      normal: 0,
      overflow: Number.POSITIVE_INFINITY,
      reservedLength: PROTOCOL_RESERVED_SIZE_IN_PACKET,
      extra: MDL_BYTES,
      keep: true,
    });
    ndis.register(this.#pool);
    this.#mdl = this.#pool.extraOffset + MDL_PREFIX;
  }

  /** Packets that are not given back. */
  get outstanding(): number {
    return this.#pool.outstanding;
  }

  /** Whether a packet is one of these and not given back. */
  has(packet: Address): boolean {
    return this.memory.i32[(packet + PACKET_STATE) >> 2] === PACKET_STATE_SHELL;
  }

  /** A packet for the data of a net buffer of `list`, or 0 when memory is short. Information is the caller's to set. */
  make(list: Address, netBuffer: Address): Address {
    const packet = this.#pool.allocate(PACKET_STATE_SHELL);
    if (packet === 0) return 0;
    const { i32 } = this.memory;
    i32[(packet + PACKET_LIST) >> 2] = list;
    i32[(packet + PACKET_OWN_MDLS) >> 2] = 0;
    const mdl = i32[(netBuffer + NB_CURRENT_MDL) >> 2];
    const offset = i32[(netBuffer + NB_CURRENT_MDL_OFFSET) >> 2];
    const length = i32[(netBuffer + NB_DATA_LENGTH) >> 2];
    if (mdl === 0 || length === 0) return packet;
    const inFirst = i32[(mdl + MDL_BYTE_COUNT) >> 2] - offset;
    if (inFirst >= length) {
      const at = mdlAddress(i32, mdl) + offset;
      const whole = offset === 0 && inFirst === length && i32[(mdl + MDL_NEXT) >> 2] === 0;
      if (!this.#setSingle(packet, whole ? mdl : 0, at, length)) return this.#giveUp(packet);
    } else if (!this.#setChain(packet, mdl, offset, length)) return this.#giveUp(packet);
    return packet;
  }

  /** A packet for bytes that lie in one piece, or 0 when memory is short. */
  makeForBytes(list: Address, at: Address, length: number): Address {
    const packet = this.#pool.allocate(PACKET_STATE_SHELL);
    if (packet === 0) return 0;
    this.memory.i32[(packet + PACKET_LIST) >> 2] = list;
    this.memory.i32[(packet + PACKET_OWN_MDLS) >> 2] = 0;
    return this.#setSingle(packet, 0, at, length) ? packet : this.#giveUp(packet);
  }

  /** Takes a packet back. */
  free(packet: Address): void {
    const own = this.memory.i32[(packet + PACKET_OWN_MDLS) >> 2];
    if (own !== 0) this.#freeMdls(own);
    this.#pool.free(packet);
  }

  #giveUp(packet: Address): Address {
    this.free(packet);
    return 0;
  }

  /** One buffer: `shared`, or the packet's own MDL. */
  #setSingle(packet: Address, shared: Address, at: Address, length: number): boolean {
    const { i32, u8 } = this.memory;
    const pages = spanPages(at, length);
    const mdl = shared === 0 ? this.#ownMdl(packet, at, length) : shared;
    if (mdl === 0) return false;
    storePointer(i32, packet + PACKET_HEAD, mdl);
    storePointer(i32, packet + PACKET_TAIL, mdl);
    i32[(packet + PACKET_PHYSICAL_COUNT) >> 2] = pages;
    i32[(packet + PACKET_TOTAL_LENGTH) >> 2] = length;
    i32[(packet + PACKET_COUNT) >> 2] = 1;
    u8[packet + PACKET_VALID_COUNTS] = 1;
    return true;
  }

  /** An MDL of the packet for bytes: the one inside it, or an allocated one where that is too small. */
  #ownMdl(packet: Address, at: Address, length: number): Address {
    const { i32 } = this.memory;
    if (spanPages(at, length) > SHELL_PAGES) {
      const mdl = this.#mdls.allocate(at, length, MDL_STATE_DERIVED, 0);
      i32[(packet + PACKET_OWN_MDLS) >> 2] = mdl;
      return mdl;
    }
    const mdl = packet + this.#mdl;
    i32[(mdl + MDL_STATE) >> 2] = MDL_STATE_EMBEDDED;
    buildMdl(this.memory, mdl, at, length, NONPAGED);
    return mdl;
  }

  /** Several buffers: those of the net buffer, the first one replaced where the data begins inside it. */
  #setChain(packet: Address, first: Address, offset: number, length: number): boolean {
    const { i32 } = this.memory;
    let total = i32[(first + MDL_BYTE_COUNT) >> 2] - offset;
    let last = first;
    while (total < length) {
      const next = i32[(last + MDL_NEXT) >> 2];
      if (next === 0) break;
      last = next;
      total += i32[(last + MDL_BYTE_COUNT) >> 2];
    }
    const exact = total === length && i32[(last + MDL_NEXT) >> 2] === 0;
    if (!exact) return this.#setParts(packet, first, offset, length);
    let head = first;
    if (offset !== 0) {
      const inFirst = i32[(first + MDL_BYTE_COUNT) >> 2] - offset;
      head = this.#ownMdl(packet, mdlAddress(i32, first) + offset, inFirst);
      if (head === 0) return false;
      storePointer(i32, head + MDL_NEXT, i32[(first + MDL_NEXT) >> 2]);
    }
    storePointer(i32, packet + PACKET_HEAD, head);
    storePointer(i32, packet + PACKET_TAIL, last);
    return true;
  }

  /** MDLs for exactly `length` bytes, each allocated: where the last MDL goes on behind the data. */
  #setParts(packet: Address, first: Address, offset: number, length: number): boolean {
    const { i32 } = this.memory;
    let head: Address = 0;
    let tail: Address = 0;
    let skip = offset;
    let rest = length;
    for (let mdl = first; mdl !== 0 && rest > 0; mdl = i32[(mdl + MDL_NEXT) >> 2]) {
      const count = Math.min(i32[(mdl + MDL_BYTE_COUNT) >> 2] - skip, rest);
      if (count > 0) {
        const part = this.#mdls.allocate(mdlAddress(i32, mdl) + skip, count, MDL_STATE_DERIVED, 0);
        if (part === 0) {
          if (head !== 0) this.#freeMdls(head);
          return false;
        }
        if (head === 0) head = part;
        else storePointer(i32, tail + MDL_NEXT, part);
        tail = part;
        rest -= count;
      }
      skip = 0;
    }
    i32[(packet + PACKET_OWN_MDLS) >> 2] = head;
    storePointer(i32, packet + PACKET_HEAD, head);
    storePointer(i32, packet + PACKET_TAIL, head === 0 ? 0 : lastBuffer(i32, head));
    return true;
  }

  #freeMdls(chain: Address): void {
    const { i32 } = this.memory;
    let mdl = chain;
    // A driver may have chained buffers of its own behind them.
    while (mdl !== 0 && i32[(mdl + MDL_STATE) >> 2] === MDL_STATE_DERIVED) {
      const next = i32[(mdl + MDL_NEXT) >> 2];
      this.#mdls.free(mdl);
      mdl = next;
    }
  }
}

/** The packets that stand for lists. */
export const packetShellsOf = perNdis('packet shells', (ndis: NdisLibrary) => new PacketShells(ndis));
