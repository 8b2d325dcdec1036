/**
 * Sends to an NDIS 5 miniport driver: a list becomes a packet for each of its net buffers, and is complete when all of
 * them are, with the first status that is a failure. While the miniport has a list, its MiniportReserved area counts.
 */

import type { Driver } from '../../../kernel/index.ts';
import type { Address, KernelMemory } from '../../../memory/index.ts';
import { NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { storePointer } from '../../netBuffer/mdl.ts';
import {
  NB_NEXT,
  NBL_FIRST_NET_BUFFER,
  NBL_MINIPORT_RESERVED,
  NBL_NEXT,
  NBL_STATUS,
} from '../../netBuffer/offsets.ts';
import { legacyPage } from '../declareLegacy.ts';
import { PACKET_FLAGS, PACKET_LIST, PACKET_NEXT } from '../packet/offsets.ts';
import { completionToList, sendFlagsOfPacket, sendInformationToPacket } from './information.ts';
import { type PacketShells, packetShellsOf } from './packetShells.ts';

/** In MiniportReserved: packets of the list that are not complete; the status so far. */
const REMAINING = NBL_MINIPORT_RESERVED;
const STATUS = NBL_MINIPORT_RESERVED + 4;

export class MiniportSends {
  readonly #ndis: NdisLibrary;
  readonly #memory: KernelMemory;
  readonly #shells: PacketShells;
  /** Set by `translate`: lists for which there is no memory, or without data, their Status set; 0 for none. */
  refused: Address = 0;

  constructor(ndis: NdisLibrary) {
    this.#ndis = ndis;
    this.#memory = ndis.memory;
    this.#shells = packetShellsOf(ndis);
  }

  /**
   * Makes packets of a chain of lists, in order. The lists are unchained: `complete` gives them back one by one.
   * `refused` afterwards has those that could not be translated; complete them at once.
   * @returns the first packet; `nextPacket` gives those behind it. 0 for none.
   */
  translate(lists: Address, sendFlags: number): Address {
    const { i32, u32 } = this.#memory;
    let head: Address = 0;
    let tail: Address = 0;
    let refused: Address = 0;
    let list = lists;
    while (list !== 0) {
      const next = i32[(list + NBL_NEXT) >> 2];
      storePointer(i32, list + NBL_NEXT, 0);
      const flags = sendFlagsOfPacket(this.#memory, list, sendFlags);
      let first: Address = 0;
      let last: Address = 0;
      let count = 0;
      let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
      while (buffer !== 0) {
        const packet = this.#shells.make(list, buffer);
        if (packet === 0) break;
        i32[(packet + PACKET_FLAGS) >> 2] = flags;
        sendInformationToPacket(this.#memory, list, packet);
        i32[(packet + PACKET_NEXT) >> 2] = 0;
        if (first === 0) first = packet;
        else i32[(last + PACKET_NEXT) >> 2] = packet;
        last = packet;
        count++;
        buffer = i32[(buffer + NB_NEXT) >> 2];
      }
      if (buffer !== 0 || count === 0) {
        this.#drop(first);
        // An empty list is done; else memory was short.
        u32[(list + NBL_STATUS) >> 2] = buffer === 0 ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
        storePointer(i32, list + NBL_NEXT, refused);
        refused = list;
      } else {
        i32[(list + REMAINING) >> 2] = count;
        u32[(list + STATUS) >> 2] = NDIS_STATUS_SUCCESS;
        if (head === 0) head = first;
        else i32[(tail + PACKET_NEXT) >> 2] = first;
        tail = last;
      }
      list = next;
    }
    this.refused = refused;
    return head;
  }

  /** The packet behind one that `translate` gave, 0 at the end. Read it before the packet goes to the driver. */
  nextPacket(packet: Address): Address {
    return this.#memory.i32[(packet + PACKET_NEXT) >> 2];
  }

  /** Puts `next` behind a packet of the chain. */
  setNextPacket(packet: Address, next: Address): void {
    this.#memory.i32[(packet + PACKET_NEXT) >> 2] = next;
  }

  /** Whether a packet is with a miniport driver. */
  isOutstanding(packet: Address): boolean {
    return this.#shells.has(packet);
  }

  /**
   * The send of a packet is complete. A packet that is not outstanding is the finding COMPLETED_TWICE.
   * @returns its list, unchained and with its Status, where this was the last packet of the list; else 0.
   */
  complete(driver: Driver, call: string, packet: Address, status: number): Address {
    const { i32, u32 } = this.#memory;
    if (!this.#shells.has(packet)) {
      const text = `${call}: the packet 0x${packet.toString(16)} is not outstanding; it was completed before, or never sent`;
      this.#ndis.kernel.report('COMPLETED_TWICE', driver, text, legacyPage(call));
      return 0;
    }
    const list = i32[(packet + PACKET_LIST) >> 2];
    if (status >>> 0 !== NDIS_STATUS_SUCCESS && u32[(list + STATUS) >> 2] === NDIS_STATUS_SUCCESS) {
      u32[(list + STATUS) >> 2] = status;
    }
    completionToList(this.#memory, packet, list);
    this.#shells.free(packet);
    if (--i32[(list + REMAINING) >> 2] > 0) return 0;
    u32[(list + NBL_STATUS) >> 2] = u32[(list + STATUS) >> 2];
    return list;
  }

  #drop(first: Address): void {
    let packet = first;
    while (packet !== 0) {
      const next = this.#memory.i32[(packet + PACKET_NEXT) >> 2];
      this.#shells.free(packet);
      packet = next;
    }
  }
}

/** Sends to NDIS 5 miniport drivers. */
export const miniportSendsOf = perNdis(
  'sends to NDIS 5 miniports',
  (ndis: NdisLibrary) => new MiniportSends(ndis),
);
