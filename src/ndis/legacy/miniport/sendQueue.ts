/**
 * Sends to a miniport driver for NDIS 5: each net buffer goes down as a packet. NDIS keeps the queue of a serialized
 * driver: a packet that the driver has no resources for stays at its head until the driver says that it has some, or
 * completes another one. A deserialized driver takes everything.
 * Implements W_SEND_HANDLER, W_SEND_PACKETS_HANDLER (ddk/ndis.h) and nf-ndis-ndismsetattributesex, remarks.
 */

import { poolOf } from '../../../kernel/index.ts';
import { type Address, KERNEL_WINDOW_HIGH, poolType } from '../../../memory/index.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESOURCES,
  PacketCancelId,
} from '../../generated/constants/index.ts';
import { NBL_NEXT, NBL_STATUS } from '../../netBuffer/offsets.ts';
import { OOB_STATUS, PACKET_FLAGS } from '../packet/offsets.ts';
import { oobOf, perPacketInfo } from '../packet/packetAccess.ts';
import { type MiniportSends, miniportSendsOf } from '../translation/index.ts';
import { atDispatchLevel } from './dispatchLevel.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';
import { reportSendResources } from './sendReports.ts';

/** Packets that a driver gets in one array. */
const ARRAY_LIMIT = 64;
/** Calls of MiniportSendPackets inside one another that have an array each. */
const DEPTH_LIMIT = 8;

export class SendQueue {
  readonly #legacy: LegacyAdapter;
  readonly #translation: MiniportSends;
  /** Gives lists whose status is set back to who sent them. */
  readonly #giveBack: (lists: Address) => void;
  /** Lists of which some packet is not complete. */
  outstanding = 0;
  /** Packets of a serialized driver that wait, from `#head` on. */
  readonly #waiting: Address[] = [];
  #head = 0;
  /** The driver has no resources: nothing goes down until it says otherwise. */
  #blocked = false;
  /** Arrays of packets in kernel memory, by depth of calls. */
  readonly #arrays: Address[] = [];
  #depth = 0;
  /** The packets of the innermost call of a serialized driver; those that it completes in the call become 0. */
  #inCall: Address[] = [];

  constructor(legacy: LegacyAdapter, giveBack: (lists: Address) => void) {
    this.#legacy = legacy;
    this.#translation = miniportSendsOf(legacy.ndis);
    this.#giveBack = giveBack;
  }

  /** Packets that wait in NDIS. */
  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  /** The translation of MiniportSendNetBufferLists. */
  send(lists: Address, sendFlags: number): void {
    const { adapter, lock, handlers } = this.#legacy;
    if (adapter.pendingReset !== null) return this.#refuse(lists, NDIS_STATUS_RESET_IN_PROGRESS);
    const { i32 } = this.#legacy.ndis.memory;
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) this.outstanding++;
    const translated = this.#translation.translate(lists, sendFlags);
    const { refused } = this.#translation;
    const first = this.#mapped(translated);
    if (lock.serialized || handlers.sendPackets === null) {
      for (let packet = first; packet !== 0; packet = this.#translation.nextPacket(packet))
        this.#waiting.push(packet);
      if (lock.serialized) lock.flush();
      else this.#sendSingly();
    } else if (first !== 0) this.#sendPackets(first);
    if (refused === 0) return;
    for (let list = refused; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) this.outstanding--;
    this.#giveBack(refused);
  }

  #refuse(lists: Address, status: number): void {
    const { i32, u32 } = this.#legacy.ndis.memory;
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2])
      u32[(list + NBL_STATUS) >> 2] = status;
    this.#giveBack(lists);
  }

  /** The packets of a chain that could be mapped for DMA, as a chain; the others are complete with RESOURCES. */
  #mapped(first: Address): Address {
    const { packetLists } = this.#legacy;
    if (packetLists === null) return first;
    let head: Address = 0;
    let tail: Address = 0;
    let next: Address = 0;
    for (let packet = first; packet !== 0; packet = next) {
      next = this.#translation.nextPacket(packet);
      if (!packetLists.make(packet)) {
        this.#completed(packet, NDIS_STATUS_RESOURCES);
        continue;
      }
      this.#translation.setNextPacket(packet, 0);
      if (head === 0) head = packet;
      else this.#translation.setNextPacket(tail, packet);
      tail = packet;
    }
    return head;
  }

  /** A packet is complete; its list goes back with the last one. */
  #completed(packet: Address, status: number): void {
    this.#legacy.packetLists?.free(packet);
    const list = this.#translation.complete(this.#legacy.driver, 'NdisMSendComplete', packet, status);
    if (list === 0) return;
    this.outstanding--;
    this.#giveBack(list);
  }

  /** A deserialized driver with MiniportSend alone gets what is queued, packet by packet. */
  #sendSingly(): void {
    const { handlers, context } = this.#legacy;
    const { send } = handlers;
    if (send === null) return;
    while (this.waiting > 0) {
      const packet = this.#take();
      const flags = this.#legacy.ndis.memory.u32[(packet + PACKET_FLAGS) >> 2];
      const status = send.invoke(context, packet, flags) >>> 0;
      if (status === NDIS_STATUS_RESOURCES) reportSendResources(this.#legacy);
      if (status !== NDIS_STATUS_PENDING) this.#completed(packet, status);
    }
  }

  /** A deserialized driver with MiniportSendPackets: arrays straight from the chain of packets. */
  #sendPackets(first: Address): void {
    const { handlers, context, ndis, maximumSendPackets } = this.#legacy;
    const { i32 } = ndis.memory;
    const { sendPackets } = handlers;
    const array = this.#array();
    if (sendPackets === null) return;
    const limit = Math.min(maximumSendPackets, ARRAY_LIMIT);
    this.#depth++;
    let count = 0;
    for (let packet = first; packet !== 0; ) {
      // The driver may complete a packet before the next one goes down.
      const next = this.#translation.nextPacket(packet);
      if (array === 0) this.#completed(packet, NDIS_STATUS_RESOURCES);
      else {
        i32[(array + 8 * count) >> 2] = packet;
        i32[(array + 8 * count + 4) >> 2] = KERNEL_WINDOW_HIGH;
        count++;
      }
      if (count === limit || (next === 0 && count > 0)) {
        sendPackets.invoke(context, array, count);
        count = 0;
      }
      packet = next;
    }
    this.#depth--;
  }

  /** Room for an array of packets; 0 when memory is short or calls lie too deep in one another. */
  #array(): Address {
    if (this.#depth >= DEPTH_LIMIT) return 0;
    if (this.#depth < this.#arrays.length) return this.#arrays[this.#depth];
    const array = poolOf(this.#legacy.ndis.kernel).allocateZeroed(
      poolType.nonPagedNx,
      8 * ARRAY_LIMIT,
      NDIS_POOL_TAG,
      0,
    );
    if (array !== 0) this.#arrays.push(array);
    return array;
  }

  #take(): Address {
    const packet = this.#waiting[this.#head++];
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    }
    return packet;
  }

  /** Hands down what waits, under the lock. False when nothing could be done. */
  flush(): boolean {
    if (this.#blocked || this.waiting === 0) return false;
    if (this.#legacy.handlers.sendPackets === null) this.#flushOne();
    else this.#flushArray();
    return true;
  }

  #flushOne(): void {
    const { handlers, context, ndis } = this.#legacy;
    const packet = this.#take();
    const flags = ndis.memory.u32[(packet + PACKET_FLAGS) >> 2];
    this.#inCall = [packet];
    const status = (handlers.send?.invoke(context, packet, flags) ?? NDIS_STATUS_FAILURE) >>> 0;
    const [left] = this.#inCall;
    this.#inCall = [];
    if (left !== 0) this.#settle([packet], status);
  }

  #flushArray(): void {
    const { handlers, context, ndis, maximumSendPackets } = this.#legacy;
    const array = this.#array();
    if (array === 0) return this.abortQueued(NDIS_STATUS_RESOURCES);
    const packets: Address[] = [];
    const limit = Math.min(maximumSendPackets, ARRAY_LIMIT);
    while (packets.length < limit && this.waiting > 0) {
      const packet = this.#take();
      ndis.memory.writePointer(array + 8 * packets.length, packet);
      ndis.memory.u32[(oobOf(ndis.memory, packet) + OOB_STATUS) >> 2] = NDIS_STATUS_PENDING;
      packets.push(packet);
    }
    this.#inCall = packets;
    this.#depth++;
    handlers.sendPackets?.invoke(context, array, packets.length);
    this.#depth--;
    this.#inCall = [];
    for (let index = 0; index < packets.length; index++) {
      const packet = packets[index];
      if (packet === 0) continue;
      const status = ndis.memory.u32[(oobOf(ndis.memory, packet) + OOB_STATUS) >> 2];
      if (status === NDIS_STATUS_RESOURCES) {
        this.#settle(
          packets.slice(index).filter((left) => left !== 0),
          status,
        );
        return;
      }
      this.#settle([packet], status);
    }
  }

  /** What becomes of packets that the driver had: with RESOURCES they go back to the head of the queue. */
  #settle(packets: readonly Address[], status: number): void {
    if (status === NDIS_STATUS_RESOURCES) {
      this.#waiting.splice(0, this.#head, ...packets);
      this.#head = 0;
      this.#blocked = true;
    } else if (status !== NDIS_STATUS_PENDING) {
      this.#completed(packets[0], status);
    }
  }

  /** The driver completes a packet. False where it does not have it. */
  complete(packet: Address, status: number): boolean {
    if (!this.#translation.isOutstanding(packet)) return false;
    const index = this.#inCall.indexOf(packet);
    if (index >= 0) this.#inCall[index] = 0;
    this.#completed(packet, status);
    this.resourcesAvailable();
    return true;
  }

  /** The driver has resources again. */
  resourcesAvailable(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#legacy.lock.flush();
  }

  /** Completes what waits in NDIS without the driver: it is reset, paused or halted. */
  abortQueued(status: number = NDIS_STATUS_REQUEST_ABORTED): void {
    while (this.waiting > 0) this.#completed(this.#take(), status);
    this.#blocked = false;
  }

  /** Completes what waits in NDIS with this cancel id, and asks the driver to complete what it has. */
  cancel(cancelId: Address, asked: unknown): void {
    const { handlers, context, ndis, lock } = this.#legacy;
    const kept: Address[] = [];
    const cancelled: Address[] = [];
    for (let index = this.#head; index < this.#waiting.length; index++) {
      const packet = this.#waiting[index];
      if (ndis.memory.readPointer(perPacketInfo(ndis.memory, packet, PacketCancelId)) === cancelId)
        cancelled.push(packet);
      else kept.push(packet);
    }
    this.#waiting.splice(0, this.#waiting.length, ...kept);
    this.#head = 0;
    for (const packet of cancelled) this.#completed(packet, NDIS_STATUS_REQUEST_ABORTED);
    const { cancelSendPackets } = handlers;
    if (cancelSendPackets === null) return;
    lock.run(() => atDispatchLevel(ndis.kernel, () => cancelSendPackets.invoke(context, asked)));
  }

  /** Gives memory back. */
  release(): void {
    this.abortQueued(NDIS_STATUS_PAUSED);
    for (const array of this.#arrays.splice(0)) poolOf(this.#legacy.ndis.kernel).free(array, NDIS_POOL_TAG);
  }
}
