/**
 * A wire whose frames come back to it: `receive` copies each frame that `send` took out of the sender's memory into
 * the slot, which is the only copy. So a sender must leave its data alone until the frames are received.
 */

import {
  createWireCounters,
  type FrameBatch,
  NO_OFFLOADS,
  OUTCOME_QUEUE_FULL,
  OUTCOME_SENT,
  type Wire,
  type WireHost,
  type WireProperties,
} from '../../src/wire/index.ts';

/** Frames on the way; more are dropped. */
const CAPACITY = 256;
/** Bytes from which copyWithin is faster than a loop over words. */
const LONG_FRAME = 256;

export class LoopWire implements Wire {
  readonly name = 'loop';
  readonly counters = createWireCounters();
  readonly linkUp = true;
  readonly properties: WireProperties = {
    maximumFrameSize: 1514,
    macAddress: Uint8Array.of(2, 0, 0, 0, 0, 2),
    linkSpeedBitsPerSecond: 10_000_000_000,
    live: false,
    offloads: NO_OFFLOADS,
  };
  readonly #offsets = new Int32Array(CAPACITY);
  readonly #lengths = new Int32Array(CAPACITY);
  #first = 0;
  #count = 0;
  #host: WireHost | null = null;
  #memory: Uint8Array | null = null;
  #words: Int32Array<ArrayBufferLike> = new Int32Array(0);

  open(host: WireHost): void {
    this.#host = host;
  }

  close(): void {
    this.#host = null;
  }

  send(batch: FrameBatch, first = 0): number {
    const { offset, length, outcome, count } = batch;
    for (let slot = first; slot < count; slot++) {
      if (this.#count === CAPACITY) {
        outcome[slot] = OUTCOME_QUEUE_FULL;
        continue;
      }
      const at = (this.#first + this.#count++) & (CAPACITY - 1);
      this.#offsets[at] = offset[slot];
      this.#lengths[at] = length[slot];
      outcome[slot] = OUTCOME_SENT;
    }
    this.#host?.readable();
    return count - first;
  }

  receive(batch: FrameBatch): number {
    const count = Math.min(this.#count, batch.capacity);
    if (this.#memory !== batch.memory) {
      this.#memory = batch.memory;
      this.#words = new Int32Array(batch.memory.buffer);
    }
    for (let slot = 0; slot < count; slot++) {
      const at = (this.#first + slot) & (CAPACITY - 1);
      const length = this.#lengths[at];
      this.#copy(batch.memory, this.#offsets[at], batch.offset[slot], length);
      batch.length[slot] = length;
      batch.flags[slot] = 0;
      batch.segmentationType[slot] = 0;
      batch.vlan[slot] = 0;
    }
    this.#first = (this.#first + count) & (CAPACITY - 1);
    this.#count -= count;
    batch.count = count;
    return count;
  }

  #copy(memory: Uint8Array, from: number, to: number, length: number): void {
    if (length >= LONG_FRAME || ((from | to | length) & 3) !== 0) {
      memory.copyWithin(to, from, from + length);
      return;
    }
    const words = this.#words;
    const target = to >> 2;
    const source = from >> 2;
    for (let i = 0, end = length >> 2; i < end; i++) words[target + i] = words[source + i];
  }
}
