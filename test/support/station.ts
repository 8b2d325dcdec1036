/** A station on a segment for tests: sends frames to the machines there and keeps what it receives. */

import { FrameBatch, type Machine, type Segment, type SegmentPort } from '../../src/machine/index.ts';

/** Frames in one batch, and their longest. */
const SLOTS = 64;
const SLOT_SIZE = 66_000;

/** One port of a segment, driven by a test. */
export class TestStation {
  readonly port: SegmentPort;
  /** Slots for frames with offload members; `send` and `received` use them too. */
  readonly batch = FrameBatch.allocate(SLOTS, SLOT_SIZE);

  /** Joins the segment; its time is that of `machine`. */
  constructor(segment: Segment, machine: Machine, macAddress?: Uint8Array) {
    this.port = segment.addPort(macAddress);
    this.port.open({
      epochNanoseconds: 0n,
      now: () => machine.kernel.clock.now * 100,
      readableAt: () => {},
      readable: () => {},
      writable: () => {},
      linkChanged: () => {},
      failed: () => {},
    });
  }

  /** Sends frames, at most 64 of them; tells how many were taken. */
  send(...frames: readonly Uint8Array[]): number {
    this.batch.count = 0;
    for (const frame of frames) this.batch.append(frame);
    return this.port.send(this.batch);
  }

  /** What has arrived since the last call. */
  received(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (;;) {
      const count = this.port.receive(this.batch);
      for (let slot = 0; slot < count; slot++) frames.push(this.batch.frame(slot).slice());
      if (count < SLOTS) return frames;
    }
  }
}
