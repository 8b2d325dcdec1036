/**
 * A bounded queue of frames ordered by the time they are due: what segments and fault injectors keep frames in.
 * A binary heap over typed arrays; frames due at one time leave in the order they came.
 */

import { copyBytes } from './bytes.ts';
import { FrameBatch } from './frameBatch.ts';
import { NEVER } from './wire.ts';

/** Frames in flight. Nothing is allocated per frame. */
export class FrameQueue {
  readonly capacity: number;
  /** Bytes of the longest frame it keeps. */
  readonly slotSize: number;
  /** Frames in the queue. */
  count = 0;
  private readonly frames: FrameBatch;
  private readonly due: Float64Array;
  private readonly order: Float64Array;
  /** The heap, then the free slots: a permutation of all slots. */
  private readonly slots: Int32Array;
  private nextOrder = 0;

  constructor(capacity: number, slotSize: number) {
    this.capacity = capacity;
    this.slotSize = slotSize;
    this.frames = FrameBatch.allocate(capacity, slotSize);
    this.due = new Float64Array(capacity);
    this.order = new Float64Array(capacity);
    this.slots = new Int32Array(capacity);
    for (let slot = 0; slot < capacity; slot++) this.slots[slot] = slot;
  }

  /** When the first frame is due, {@link NEVER} if there is none. */
  nextDue(): number {
    return this.count === 0 ? NEVER : this.due[this.slots[0]];
  }

  /** Copies a frame in; false if the queue is full or the frame too long. */
  push(batch: FrameBatch, slot: number, due: number): boolean {
    const length = batch.length[slot];
    if (this.count === this.capacity || length > this.slotSize) return false;
    const own = this.slots[this.count];
    copyBytes(batch.memory, batch.offset[slot], this.frames.memory, own * this.slotSize, length);
    this.frames.length[own] = length;
    this.frames.copyOffloads(own, batch, slot);
    this.due[own] = due;
    this.order[own] = this.nextOrder++;
    this.rise(this.count++);
    return true;
  }

  /**
   * Copies the first frame out into a slot and stamps it with the time it was due.
   * @returns false if the slot was too small; the frame is gone either way. The queue must not be empty.
   */
  pop(batch: FrameBatch, slot: number): boolean {
    const own = this.slots[0];
    const length = this.frames.length[own];
    const fits = length <= batch.size[slot];
    if (fits) {
      copyBytes(this.frames.memory, own * this.slotSize, batch.memory, batch.offset[slot], length);
      batch.length[slot] = length;
      batch.stamp[slot] = this.due[own];
      batch.copyOffloads(slot, this.frames, own);
    }
    const last = --this.count;
    this.slots[0] = this.slots[last];
    this.slots[last] = own;
    this.sink();
    return fits;
  }

  /** Forgets all frames. */
  clear(): void {
    this.count = 0;
  }

  private before(left: number, right: number): boolean {
    const difference = this.due[left] - this.due[right];
    return difference === 0 ? this.order[left] < this.order[right] : difference < 0;
  }

  private rise(index: number): void {
    const slots = this.slots;
    const moving = slots[index];
    let at = index;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(moving, slots[parent])) break;
      slots[at] = slots[parent];
      at = parent;
    }
    slots[at] = moving;
  }

  private sink(): void {
    const slots = this.slots;
    const count = this.count;
    if (count === 0) return;
    const moving = slots[0];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && this.before(slots[child + 1], slots[child])) child++;
      if (!this.before(slots[child], moving)) break;
      slots[at] = slots[child];
      at = child;
    }
    slots[at] = moving;
  }
}
