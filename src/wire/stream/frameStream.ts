/**
 * The framing of QEMU's stream netdev: every frame behind its length as 32 bits, big-endian (qemu net/stream.c).
 * Pure: bytes in, frames out, whatever pieces the bytes come in.
 */

import { copyBytes } from '../bytes.ts';
import { ETHERNET_HEADER_SIZE, type FrameBatch } from '../frameBatch.ts';
import { WireError } from '../wireError.ts';

/** Bytes of the length before each frame. */
export const LENGTH_SIZE = 4;

/** Holds received bytes until they are taken out as frames. Bounded: the caller stops reading while `full`. */
export class FrameStreamReader {
  private readonly maximumFrameSize: number;
  private readonly bytes: Uint8Array;
  private start = 0;
  private end = 0;
  /** Place in the stream of the next length. */
  offset = 0;

  /** @param capacity bytes held; at least two frames of the longest kind. */
  constructor(maximumFrameSize: number, capacity: number) {
    this.maximumFrameSize = maximumFrameSize;
    this.bytes = new Uint8Array(new ArrayBuffer(Math.max(capacity, 2 * (maximumFrameSize + LENGTH_SIZE))));
  }

  /** Bytes that `push` can still take. */
  get room(): number {
    return this.bytes.length - (this.end - this.start);
  }

  /** Takes as many bytes of the chunk as there is room for, from `from` on; returns how many. */
  push(chunk: Uint8Array, from = 0): number {
    const count = Math.min(this.room, chunk.length - from);
    if (this.end + count > this.bytes.length) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
    this.bytes.set(chunk.subarray(from, from + count), this.end);
    this.end += count;
    return count;
  }

  /**
   * Length of the next frame, 0 if it is not here whole.
   * @throws WireError STREAM_CORRUPT if the length cannot be one: there is no way to find the next frame then.
   */
  nextLength(): number {
    if (this.end - this.start < LENGTH_SIZE) return 0;
    const { bytes, start } = this;
    const length =
      ((bytes[start] << 24) | (bytes[start + 1] << 16) | (bytes[start + 2] << 8) | bytes[start + 3]) >>> 0;
    if (length < ETHERNET_HEADER_SIZE || length > this.maximumFrameSize) {
      throw new WireError(
        'STREAM_CORRUPT',
        `The stream announces a frame of ${length} bytes at byte ${this.offset}; a frame has ${ETHERNET_HEADER_SIZE} ` +
          `to ${this.maximumFrameSize}: check that the peer speaks QEMU's stream framing.`,
        { offset: this.offset },
      );
    }
    return this.end - this.start < LENGTH_SIZE + length ? 0 : length;
  }

  /** Moves the next frame, which `nextLength` has found, into a slot; false if the slot is too small. */
  take(length: number, batch: FrameBatch, slot: number): boolean {
    const fits = length <= batch.size[slot];
    if (fits) {
      copyBytes(this.bytes, this.start + LENGTH_SIZE, batch.memory, batch.offset[slot], length);
      batch.length[slot] = length;
      batch.clearOffloads(slot);
    }
    this.start += LENGTH_SIZE + length;
    this.offset += LENGTH_SIZE + length;
    if (this.start === this.end) this.start = this.end = 0;
    return fits;
  }
}

/** Gathers frames to be sent, so that many leave in one write. Bounded by its capacity. */
export class FrameStreamWriter {
  readonly capacity: number;
  /** Bytes gathered. */
  length = 0;
  private bytes: Uint8Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.bytes = new Uint8Array(new ArrayBuffer(capacity));
  }

  /** Adds a frame; false if there is no room. */
  add(batch: FrameBatch, slot: number): boolean {
    const size = batch.length[slot];
    if (this.length + LENGTH_SIZE + size > this.capacity) return false;
    const { bytes, length: at } = this;
    bytes[at] = size >>> 24;
    bytes[at + 1] = size >>> 16;
    bytes[at + 2] = size >>> 8;
    bytes[at + 3] = size;
    copyBytes(batch.memory, batch.offset[slot], bytes, at + LENGTH_SIZE, size);
    this.length = at + LENGTH_SIZE + size;
    return true;
  }

  /** A copy of what has gathered, which is then forgotten. */
  drain(): Uint8Array {
    const drained = this.bytes.slice(0, this.length);
    this.length = 0;
    return drained;
  }
}
