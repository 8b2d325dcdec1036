/** A wire that asks the echo driver: each answer that it gets makes another request, up to a number. */

import {
  createWireCounters,
  type FrameBatch,
  NO_OFFLOADS,
  OUTCOME_SENT,
  type Wire,
  type WireHost,
  type WireProperties,
} from '../../src/wire/index.ts';

/** Requests on the way at once. */
const WINDOW = 32;
const PAYLOAD = 22;

/** A UDP datagram to the echo port of 192.0.2.2, 64 bytes with the Ethernet header. */
function request(): Uint8Array {
  const frame = new Uint8Array(14 + 20 + 8 + PAYLOAD);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  frame.set([0x45, 0, 0, 20 + 8 + PAYLOAD, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2], 14);
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at);
  view.setUint16(24, ~((sum & 0xffff) + (sum >>> 16)));
  view.setUint16(34, 40_000);
  view.setUint16(36, 7);
  view.setUint16(38, 8 + PAYLOAD);
  return frame;
}

export class RequestWire implements Wire {
  readonly name = 'requests';
  readonly counters = createWireCounters();
  readonly linkUp = true;
  readonly properties: WireProperties = {
    maximumFrameSize: 1514,
    macAddress: Uint8Array.of(2, 0, 0, 0, 0, 2),
    linkSpeedBitsPerSecond: 10_000_000_000,
    live: false,
    offloads: NO_OFFLOADS,
  };
  /** Answers since `start`. */
  answers = 0;
  readonly #frame = request();
  #left = 0;
  #waiting = 0;
  #host: WireHost | null = null;

  /** Begins to ask; `count` requests in all. */
  start(count: number): void {
    this.answers = 0;
    // What the stack says of its own accord, such as ARP, is no answer.
    this.#waiting = Math.min(WINDOW, count);
    this.#left = count - this.#waiting;
    this.#host?.readable();
  }

  open(host: WireHost): void {
    this.#host = host;
  }

  close(): void {
    this.#host = null;
  }

  send(batch: FrameBatch, first = 0): number {
    const { count, outcome } = batch;
    for (let slot = first; slot < count; slot++) outcome[slot] = OUTCOME_SENT;
    const sent = count - first;
    this.answers += sent;
    const next = Math.min(this.#left, sent);
    this.#left -= next;
    this.#waiting += next;
    if (next > 0) this.#host?.readable();
    return sent;
  }

  receive(batch: FrameBatch): number {
    const count = Math.min(this.#waiting, batch.capacity);
    for (let slot = 0; slot < count; slot++) {
      batch.memory.set(this.#frame, batch.offset[slot]);
      batch.length[slot] = this.#frame.length;
      batch.flags[slot] = 0;
      batch.segmentationType[slot] = 0;
      batch.vlan[slot] = 0;
    }
    this.#waiting -= count;
    batch.count = count;
    return count;
  }

  setLinkUp(): void {}
}
