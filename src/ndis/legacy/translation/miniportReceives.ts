/**
 * Receives from an NDIS 5 miniport driver: packets that it indicates become lists over the same buffers; frames of which
 * it indicates the beginning, and gives the rest in MiniportTransferData, are copied into lists of the library's own.
 */

import type { Driver } from '../../../kernel/index.ts';
import type { Address, KernelMemory } from '../../../memory/index.ts';
import { NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { storePointer } from '../../netBuffer/mdl.ts';
import { setNetBufferData } from '../../netBuffer/netBufferAccess.ts';
import { NetBufferListPool } from '../../netBuffer/netBufferListPool.ts';
import {
  BLOCK_TRANSLATED,
  MDL_MAPPED_SYSTEM_VA,
  NB_MDL_CHAIN,
  NBL_NEXT,
  NBL_PACKET,
  NBL_SOURCE_HANDLE,
  NBL_TRUE_POOL,
} from '../../netBuffer/offsets.ts';
import { legacyPage } from '../declareLegacy.ts';
import { OOB_STATUS } from '../packet/offsets.ts';
import { oobOf } from '../packet/packetAccess.ts';
import { type ListShells, listShellsOf } from './listShells.ts';
import { type PacketShells, packetShellsOf } from './packetShells.ts';

/** `NDcp` */
const COPY_TAG = 0x7063_444e;
/** Bytes of data in a list for copied frames: one size for frames of Ethernet, one for what is longer. */
const SMALL_FRAME = 2048;
const LARGEST_FRAME = 0x1_0100;

export class MiniportReceives {
  readonly #ndis: NdisLibrary;
  readonly #memory: KernelMemory;
  readonly #lists: ListShells;
  readonly #packets: PacketShells;
  readonly #pools: NetBufferListPool[];
  /** Set by `translate`: lists of packets with NDIS_STATUS_RESOURCES, which go back when the indication returns. */
  lent: Address = 0;
  lentCount = 0;
  /** Set by `translate`: how many lists it returned. */
  count = 0;

  constructor(ndis: NdisLibrary) {
    this.#ndis = ndis;
    this.#memory = ndis.memory;
    this.#lists = listShellsOf(ndis);
    this.#packets = packetShellsOf(ndis);
    this.#pools = [SMALL_FRAME, LARGEST_FRAME].map((dataSize) => {
      const pool = new NetBufferListPool(ndis.kernel, {
        driver: null,
        tag: COPY_TAG,
        dataSize,
        verify: false,
        protocolId: 0,
        withNetBuffer: true,
        contextSize: 0,
      });
      ndis.register(pool);
      return pool;
    });
  }

  /**
   * Makes lists of an array of packets that a miniport driver indicates. Those with NDIS_STATUS_SUCCESS are returned as
   * a chain, `count` of them: indicate them, and `release` gives the packet of each that comes back. Those with
   * NDIS_STATUS_RESOURCES are in `lent`, `lentCount` of them: indicate them with NDIS_RECEIVE_FLAGS_RESOURCES and then
   * `release` each. A packet for which memory is short is dropped, as by a network; one that is indicated already is
   * the finding PACKET_IN_USE.
   * @param packets the array, as NdisMIndicateReceivePacket gets it. @param adapter handle of the adapter.
   * @param dropped gets each packet that no list was made of: it is the driver's again.
   */
  translate(
    driver: Driver,
    packets: Address,
    number: number,
    adapter: Address,
    dropped: (packet: Address) => void,
  ): Address {
    const memory = this.#memory;
    const { i32, u32 } = memory;
    const own = { head: 0, tail: 0, count: 0 };
    const lent = { head: 0, tail: 0, count: 0 };
    for (let index = 0; index < number; index++) {
      const packet = i32[(packets + index * 8) >> 2];
      if (!this.#lists.mayLend(packet)) {
        this.#reportInUse(driver, packet);
        continue;
      }
      const status = u32[(oobOf(memory, packet) + OOB_STATUS) >> 2];
      const list = this.#lists.forReceive(packet, adapter);
      if (list === 0) {
        dropped(packet);
        continue;
      }
      const chain = status === NDIS_STATUS_RESOURCES ? lent : own;
      if (chain.head === 0) chain.head = list;
      else storePointer(i32, chain.tail + NBL_NEXT, list);
      chain.tail = list;
      chain.count++;
    }
    this.lent = lent.head;
    this.lentCount = lent.count;
    this.count = own.count;
    return own.head;
  }

  /** Takes a list back. @returns the packet that it stood for, which is the miniport driver's again; 0 for a copied frame. */
  release(list: Address): Address {
    const { i32 } = this.#memory;
    if (i32[(list + NBL_PACKET) >> 2] !== 0) return this.#lists.free(list);
    const pool = this.#memory.objects.valueAt(i32[(list + NBL_TRUE_POOL) >> 2]);
    if (pool instanceof NetBufferListPool) pool.free(list);
    return 0;
  }

  /**
   * A list with room for a frame of `length` bytes, one net buffer over memory in one piece; 0 when memory is short or
   * the frame is longer than 65,792 bytes. @param adapter handle of the adapter.
   */
  allocateFrame(length: number, adapter: Address): Address {
    if (length > LARGEST_FRAME) return 0;
    const pool = this.#pools[length <= SMALL_FRAME ? 0 : 1];
    const list = pool.allocate(BLOCK_TRANSLATED, 0, 0, 0, 0, 0);
    if (list === 0) return 0;
    const { i32 } = this.#memory;
    const buffer = pool.ownNetBuffer(list);
    setNetBufferData(this.#memory, buffer, i32[(buffer + NB_MDL_CHAIN) >> 2], 0, length);
    i32[(list + NBL_PACKET) >> 2] = 0;
    storePointer(i32, list + NBL_SOURCE_HANDLE, adapter);
    return list;
  }

  /** Where the frame of such a list lies. */
  frameOf(list: Address): Address {
    const { i32 } = this.#memory;
    const pool = this.#memory.objects.valueAt(i32[(list + NBL_TRUE_POOL) >> 2]);
    if (!(pool instanceof NetBufferListPool)) return 0;
    const buffer = pool.ownNetBuffer(list);
    return i32[(i32[(buffer + NB_MDL_CHAIN) >> 2] + MDL_MAPPED_SYSTEM_VA) >> 2];
  }

  /**
   * A packet over `length` bytes from `offset` on of such a list's frame, for MiniportTransferData; 0 when memory is
   * short. Give it back with `freeTransferPacket`.
   */
  transferPacket(list: Address, offset: number, length: number): Address {
    return this.#packets.makeForBytes(list, this.frameOf(list) + offset, length);
  }

  freeTransferPacket(packet: Address): void {
    this.#packets.free(packet);
  }

  #reportInUse(driver: Driver, packet: Address): void {
    this.#ndis.kernel.report(
      'PACKET_IN_USE',
      driver,
      `NdisMIndicateReceivePacket: the packet 0x${packet.toString(16)} is indicated or sent already, or free; wait until it is returned`,
      legacyPage('NdisMIndicateReceivePacket'),
    );
  }
}

/** Sets the status of a packet that comes back from an indication. */
export function setReturnedStatus(memory: KernelMemory, packet: Address): void {
  memory.u32[(oobOf(memory, packet) + OOB_STATUS) >> 2] = NDIS_STATUS_SUCCESS;
}

/** Receives from NDIS 5 miniport drivers. */
export const miniportReceivesOf = perNdis(
  'receives from NDIS 5 miniports',
  (ndis: NdisLibrary) => new MiniportReceives(ndis),
);
