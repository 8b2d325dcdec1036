/**
 * Lists that stand for packets: what NDIS 6 sees of a packet that an NDIS 5 driver sends or indicates. A list has one
 * net buffer over the packet's own buffers. Lists are pooled; a member reserved for NDIS leads back to the packet.
 */

import type { Address, KernelMemory } from '../../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { BLOCK_TRANSLATED, NBL_PACKET, NBL_STATE } from '../../netBuffer/offsets.ts';
import {
  PACKET_HEAD,
  PACKET_LIST,
  PACKET_STATE,
  PACKET_STATE_ALLOCATED,
  PACKET_STATE_FREE,
  PACKET_STATE_LENT,
  PACKET_STATE_SHELL,
} from '../packet/offsets.ts';
import { packetLength } from '../packet/packetAccess.ts';
import { receiveInformationToList, sendInformationToList } from './information.ts';
import { ListBlocks } from './listBlocks.ts';

export class ListShells {
  readonly memory: KernelMemory;
  readonly #blocks: ListBlocks;

  constructor(ndis: NdisLibrary) {
    this.memory = ndis.memory;
    this.#blocks = new ListBlocks(ndis.kernel);
    ndis.register(this.#blocks);
  }

  /** Lists that are not given back. */
  get outstanding(): number {
    return this.#blocks.outstanding;
  }

  /** The packet that a list stands for, 0 for any other list. */
  packetOf(list: Address): Address {
    const { i32 } = this.memory;
    return i32[(list + NBL_STATE) >> 2] === BLOCK_TRANSLATED ? i32[(list + NBL_PACKET) >> 2] : 0;
  }

  /**
   * Whether a driver may send or indicate a packet: it is allocated and at home, or one that the library made and the
   * driver passes on. What lies in memory of the driver's own is taken for a packet too.
   */
  mayLend(packet: Address): boolean {
    const state = this.memory.i32[(packet + PACKET_STATE) >> 2];
    return state !== PACKET_STATE_LENT && state !== PACKET_STATE_FREE;
  }

  /** A list for a packet that is sent by what `source` is the handle of; 0 when memory is short. */
  forSend(packet: Address, source: Address): Address {
    const list = this.#make(packet, source);
    if (list !== 0) {
      sendInformationToList(this.memory, packet, list, this.memory.i32[(packet + PACKET_HEAD) >> 2]);
    }
    return list;
  }

  /** A list for a packet that was received by the adapter with the handle `source`; 0 when memory is short. */
  forReceive(packet: Address, source: Address): Address {
    const list = this.#make(packet, source);
    if (list !== 0) receiveInformationToList(this.memory, packet, list);
    return list;
  }

  /** Takes a list back. @returns its packet, which is the driver's again. */
  free(list: Address): Address {
    const { i32 } = this.memory;
    const packet = i32[(list + NBL_PACKET) >> 2];
    this.#blocks.free(list);
    const state = (packet + PACKET_STATE) >> 2;
    if (packet !== 0 && i32[state] === PACKET_STATE_LENT) i32[state] = PACKET_STATE_ALLOCATED;
    return packet;
  }

  #make(packet: Address, source: Address): Address {
    const { i32 } = this.memory;
    const length = packetLength(this.memory, packet);
    const list = this.#blocks.allocate(packet, source, i32[(packet + PACKET_HEAD) >> 2], length);
    if (list === 0) return 0;
    // A packet that the library made keeps its own list: it is passed on, and goes back twice.
    const state = (packet + PACKET_STATE) >> 2;
    if (i32[state] !== PACKET_STATE_SHELL) {
      i32[(packet + PACKET_LIST) >> 2] = list;
      i32[state] = PACKET_STATE_LENT;
    }
    return list;
  }
}

/** The lists that stand for packets. */
export const listShellsOf = perNdis('list shells', (ndis: NdisLibrary) => new ListShells(ndis));
