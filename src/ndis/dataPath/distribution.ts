/**
 * Handing one chain of received lists to several bindings. For each list the last binding that wants it gets it as
 * its own; the others see it before that with NDIS_RECEIVE_FLAGS_RESOURCES and have to copy.
 * Implements "Receiving Network Data" (network) and the packet filter rules of oid-gen-current-packet-filter.
 */

import { type Address, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import {
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
} from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT } from '../netBuffer/offsets.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { accepts } from './accept.ts';
import { emitHops } from './hop.ts';
import { loopbackSender } from './loopbackCopies.ts';
import { returnInto } from './returns.ts';

/** Lists of one indication that are worked on at once; a longer chain is taken in pieces. */
const PIECE = 256;
/** Indications inside one another that have room of their own; deeper ones get fresh room. */
const DEPTH = 8;

/** Scratch room for one indication. */
interface Room {
  readonly lists: Int32Array;
  /** Bit i: receiver i wants the list. */
  readonly wanted: Int32Array;
}

/** How the trace names who gives lists back that no binding wants. */
const NOBODY = 'ndis';

class Distribution {
  readonly #ndis: NdisLibrary;
  /** Made when first needed: most machines never need one. */
  readonly #rooms: Room[] = [];
  #depth = 0;

  constructor(ndis: NdisLibrary) {
    this.#ndis = ndis;
  }

  /**
   * Indicates a chain to every binding of `adapter` that wants some of it. With `counted` the adapter counted the lists
   * already, and what nobody wants goes back through the filter modules.
   */
  indicate(
    adapter: MiniportAdapter,
    from: string,
    chain: Address,
    port: number,
    flags: number,
    counted: boolean,
  ): void {
    const { i32 } = this.#ndis.memory;
    const room = this.#room();
    this.#depth++;
    try {
      let list = chain;
      while (list !== 0) {
        let count = 0;
        for (; list !== 0 && count < PIECE; list = i32[(list + NBL_NEXT) >> 2]) room.lists[count++] = list;
        this.#piece(adapter, from, room, count, port, flags, counted);
        if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) this.#link(room.lists, count, list);
      }
    } finally {
      this.#depth--;
    }
  }

  #room(): Room {
    if (this.#depth >= DEPTH) return createRoom();
    if (this.#depth === this.#rooms.length) this.#rooms.push(createRoom());
    return this.#rooms[this.#depth];
  }

  #piece(
    adapter: MiniportAdapter,
    from: string,
    room: Room,
    count: number,
    port: number,
    flags: number,
    counted: boolean,
  ): void {
    const { memory } = this.#ndis;
    const { receivers } = adapter;
    const { lists, wanted } = room;
    for (let i = 0; i < count; i++) {
      let bits = 0;
      // A frame that NDIS loops back does not go to who sent it.
      const sender = adapter.loopedOutstanding > 0 ? loopbackSender(this.#ndis, lists[i]) : 0;
      for (let r = 0; r < receivers.length; r++) {
        if ((sender === 0 || receivers[r].handle !== sender) && accepts(memory, receivers[r], lists[i]))
          bits |= 1 << r;
      }
      wanted[i] = bits;
    }
    const reclaimed = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
    const lent = flags | NDIS_RECEIVE_FLAGS_RESOURCES;
    for (let r = 0; r < receivers.length; r++)
      this.#give(adapter, from, receivers[r], room, count, r, port, lent, !reclaimed, counted);
    if (reclaimed) return;
    for (let r = 0; r < receivers.length; r++)
      this.#give(adapter, from, receivers[r], room, count, r, port, flags, false, counted);
    this.#returnUnwanted(adapter, room, count, flags, counted);
  }

  /**
   * Indicates to receiver `r` the lists that it wants: with RESOURCES those that it does not get as its own (all of
   * them where the miniport reclaims them), without it those of which it is the last to want them.
   */
  #give(
    adapter: MiniportAdapter,
    from: string,
    binding: Binding,
    room: Room,
    count: number,
    r: number,
    port: number,
    flags: number,
    onlyShared: boolean,
    counted: boolean,
  ): void {
    const { i32 } = this.#ndis.memory;
    const { lists, wanted } = room;
    const bit = 1 << r;
    const lent = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
    let head = 0;
    let tail = 0;
    let number = 0;
    for (let i = 0; i < count; i++) {
      if ((wanted[i] & bit) === 0) continue;
      const isLast = wanted[i] >> r === 1;
      if (lent ? onlyShared && isLast : !isLast) continue;
      const list = lists[i];
      if (head === 0) head = list;
      else {
        i32[(tail + NBL_NEXT) >> 2] = list;
        i32[(tail + NBL_NEXT + 4) >> 2] = KERNEL_WINDOW_HIGH;
      }
      tail = list;
      number++;
    }
    if (head === 0) return;
    i32[(tail + NBL_NEXT) >> 2] = 0;
    i32[(tail + NBL_NEXT + 4) >> 2] = 0;
    if (!lent) {
      binding.receivesOutstanding += number;
      if (!counted) adapter.receivesOutstanding += number;
    }
    const { kernel } = this.#ndis;
    if (kernel.trace !== null) emitHops(kernel, from, binding.protocol.name, head, 'receive');
    binding.receive(binding.context, head, port, number, flags);
  }

  #returnUnwanted(
    adapter: MiniportAdapter,
    room: Room,
    count: number,
    flags: number,
    counted: boolean,
  ): void {
    const { i32 } = this.#ndis.memory;
    let head = 0;
    let tail = 0;
    let number = 0;
    for (let i = 0; i < count; i++) {
      if (room.wanted[i] !== 0) continue;
      const list = room.lists[i];
      if (head === 0) head = list;
      else {
        i32[(tail + NBL_NEXT) >> 2] = list;
        i32[(tail + NBL_NEXT + 4) >> 2] = KERNEL_WINDOW_HIGH;
      }
      tail = list;
      number++;
    }
    if (head === 0) return;
    i32[(tail + NBL_NEXT) >> 2] = 0;
    i32[(tail + NBL_NEXT + 4) >> 2] = 0;
    const returnFlags = flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
    if (!counted) adapter.returnLists(adapter.context, head, returnFlags);
    else returnInto(this.#ndis, adapter, adapter.topReturn, NOBODY, head, number, returnFlags);
  }

  /** Restores the links of a chain that the miniport takes back. */
  #link(lists: Int32Array, count: number, rest: Address): void {
    const { memory } = this.#ndis;
    for (let i = 0; i < count; i++)
      memory.writePointer(lists[i] + NBL_NEXT, i + 1 < count ? lists[i + 1] : rest);
  }
}

function createRoom(): Room {
  return { lists: new Int32Array(PIECE), wanted: new Int32Array(PIECE) };
}

/** The distribution of a library. */
export const distributionOf = perNdis('distribution', (ndis) => new Distribution(ndis));
