/**
 * Scatter/gather lists of packets: a miniport driver that called NdisMInitializeScatterGatherDma finds that of each
 * packet, made before it gets the packet, as ScatterGatherListPacketInfo. NDIS keeps them and frees them with the packet.
 * Implements NdisMInitializeScatterGatherDma (ddk/ndis.h) and ns-wdm-_scatter_gather_list.
 */

import { poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import { ScatterGatherListPacketInfo } from '../../generated/constants/index.ts';
import { listSize, measureList, writeList } from '../../hardware/scatterGather.ts';
import type { NdisLibrary } from '../../library.ts';
import { PACKET_HEAD } from '../packet/offsets.ts';
import { perPacketInfo } from '../packet/packetAccess.ts';

/** Elements of the lists that are kept for the next packet; a longer one is allocated and freed. */
const KEPT_ELEMENTS = 20;
/** Lists that are kept. */
const KEPT_LIMIT = 1024;
/** A packet is mapped whole. */
const WHOLE = 0x7fff_ffff;

export class PacketLists {
  readonly #ndis: NdisLibrary;
  /** Bytes that a packet may have. */
  readonly #maximum: number;
  /** Lists by their packet; kept ones are not in `#long`. */
  readonly #lists = new Map<Address, Address>();
  readonly #long = new Set<Address>();
  readonly #kept: Address[] = [];

  constructor(ndis: NdisLibrary, maximum: number) {
    this.#ndis = ndis;
    this.#maximum = maximum;
  }

  /** Makes the list of a packet. False where the packet is longer than the driver maps, or memory is short. */
  make(packet: Address): boolean {
    const { memory } = this.#ndis;
    const mdl = memory.readPointer(packet + PACKET_HEAD);
    const { elements, bytes } = measureList(memory, mdl, 0, WHOLE);
    if (bytes > this.#maximum) return false;
    const list = this.#take(elements);
    if (list === 0) return false;
    writeList(memory, list, mdl, 0, WHOLE);
    this.#lists.set(packet, list);
    memory.writePointer(perPacketInfo(memory, packet, ScatterGatherListPacketInfo), list);
    return true;
  }

  /** The packet is complete: its list is nobody's any more. */
  free(packet: Address): void {
    const list = this.#lists.get(packet);
    if (list === undefined) return;
    this.#lists.delete(packet);
    if (!this.#long.delete(list) && this.#kept.length < KEPT_LIMIT) this.#kept.push(list);
    else poolOf(this.#ndis.kernel).free(list, NDIS_POOL_TAG);
  }

  /** Gives all memory back: the adapter is halted. */
  release(): void {
    for (const packet of this.#lists.keys()) this.free(packet);
    for (const list of this.#kept.splice(0)) poolOf(this.#ndis.kernel).free(list, NDIS_POOL_TAG);
  }

  #take(elements: number): Address {
    const long = elements > KEPT_ELEMENTS;
    const kept = long ? undefined : this.#kept.pop();
    if (kept !== undefined) return kept;
    const size = listSize(long ? elements : KEPT_ELEMENTS);
    const list = poolOf(this.#ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
    if (long && list !== 0) this.#long.add(list);
    return list;
  }
}
