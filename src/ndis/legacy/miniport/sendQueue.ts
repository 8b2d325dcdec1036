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
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import { NBL_FIRST_NET_BUFFER, NBL_NEXT, NB_NEXT } from '../../netBuffer/offsets.ts';
import { PACKET_FLAGS } from '../packet/offsets.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';
import { reportSendResources } from './sendReports.ts';
import { atDispatchLevel } from './reset.ts';
import type { SendTranslation } from './sendTranslation.ts';

/** Packets that a driver gets in one array. */
const ARRAY_LIMIT = 64;
/** Calls of MiniportSendPackets inside one another that have an array each. */
const DEPTH_LIMIT = 8;

export class SendQueue {
  readonly #legacy: LegacyAdapter;
  readonly #translation: SendTranslation;
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

  constructor(legacy: LegacyAdapter, translation: SendTranslation) {
    this.#legacy = legacy;
    this.#translation = translation;
  }

  /** Packets that wait in NDIS. */
  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  /** The translation of MiniportSendNetBufferLists. */
  send(lists: Address): void {
    const { adapter, lock, handlers } = this.#legacy;
    if (adapter.pendingReset !== null) return this.#refuse(lists, NDIS_STATUS_RESET_IN_PROGRESS);
    if (lock.serialized || handlers.sendPackets === null) {
      this.#enqueue(lists);
      if (lock.serialized) lock.flush();
      else this.#sendSingly();
      return;
    }
    this.#sendPackets(lists);
  }

  #refuse(lists: Address, status: number): void {
    const { i32 } = this.#legacy.ndis.memory;
    for (let list = lists; list !== 0; ) {
      const next = i32[(list + NBL_NEXT) >> 2];
      this.#translation.refuse(list, status);
      list = next;
    }
  }

  /** Makes the packets of the lists and queues them. */
  #enqueue(lists: Address): void {
    const { i32 } = this.#legacy.ndis.memory;
    for (let list = lists; list !== 0; ) {
      const next = i32[(list + NBL_NEXT) >> 2];
      this.#translation.begin(list);
      for (let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2]; buffer !== 0; buffer = i32[(buffer + NB_NEXT) >> 2]) {
        const packet = this.#translation.packetFor(list, buffer);
        if (packet !== 0) this.#waiting.push(packet);
      }
      this.#translation.end(list);
      list = next;
    }
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
      if (status !== NDIS_STATUS_PENDING) this.#translation.complete(packet, status);
    }
  }

  /** A deserialized driver with MiniportSendPackets: arrays straight from the lists. */
  #sendPackets(lists: Address): void {
    const { handlers, context, ndis, maximumSendPackets } = this.#legacy;
    const { i32 } = ndis.memory;
    const { sendPackets } = handlers;
    const array = this.#array();
    if (sendPackets === null) return;
    if (array === 0) return this.#refuse(lists, NDIS_STATUS_RESOURCES);
    const limit = Math.min(maximumSendPackets, ARRAY_LIMIT);
    this.#depth++;
    let count = 0;
    for (let list = lists; list !== 0; ) {
      // The list may be back before its last packet was handed down.
      const next = i32[(list + NBL_NEXT) >> 2];
      let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
      this.#translation.begin(list);
      while (buffer !== 0) {
        const following = i32[(buffer + NB_NEXT) >> 2];
        const packet = this.#translation.packetFor(list, buffer);
        if (packet !== 0) {
          i32[(array + 8 * count) >> 2] = packet;
          i32[(array + 8 * count + 4) >> 2] = KERNEL_WINDOW_HIGH;
          count++;
        }
        buffer = following;
        if (count === limit) {
          sendPackets.invoke(context, array, count);
          count = 0;
        }
      }
      this.#translation.end(list);
      list = next;
    }
    if (count > 0) sendPackets.invoke(context, array, count);
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
      this.#translation.setStatus(packet, NDIS_STATUS_PENDING);
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
      const status = this.#translation.statusOf(packet);
      if (status === NDIS_STATUS_RESOURCES) {
        this.#settle(packets.slice(index).filter((left) => left !== 0), status);
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
      this.#translation.complete(packets[0], status);
    }
  }

  /** The driver completes a packet. False where it does not have it. */
  complete(packet: Address, status: number): boolean {
    if (!this.#translation.isOutstanding(packet)) return false;
    const index = this.#inCall.indexOf(packet);
    if (index >= 0) this.#inCall[index] = 0;
    this.#translation.complete(packet, status);
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
    while (this.waiting > 0) this.#translation.complete(this.#take(), status);
    this.#blocked = false;
  }

  /** Completes what waits in NDIS with this cancel id, and asks the driver to complete what it has. */
  cancel(cancelId: Address, asked: unknown): void {
    const { handlers, context, ndis, lock } = this.#legacy;
    const kept: Address[] = [];
    const cancelled: Address[] = [];
    for (let index = this.#head; index < this.#waiting.length; index++) {
      const packet = this.#waiting[index];
      if (this.#translation.cancelIdOf(packet) === cancelId) cancelled.push(packet);
      else kept.push(packet);
    }
    this.#waiting.splice(0, this.#waiting.length, ...kept);
    this.#head = 0;
    for (const packet of cancelled) this.#translation.complete(packet, NDIS_STATUS_REQUEST_ABORTED);
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
