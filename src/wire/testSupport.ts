/** What the tests of wires share: running a wire in virtual time, small batches, skipping with a reason. */

import { FrameBatch } from './frameBatch.ts';
import type { VirtualWireHost } from './virtualWireHost.ts';
import { NEVER, type Wire } from './wire.ts';

/** A frame of 60 bytes whose every byte is `tag`. */
export function tagged(tag: number): Uint8Array {
  return new Uint8Array(60).fill(tag);
}

/** A batch with a copy of each frame. */
export function batchOf(...frames: Uint8Array[]): FrameBatch {
  const batch = FrameBatch.allocate(Math.max(1, frames.length), 2048);
  for (const frame of frames) batch.append(frame);
  return batch;
}

/** Lets time pass until nothing more comes; gives a copy and the stamp of every frame. */
export function runWire(
  wire: Wire,
  host: VirtualWireHost,
  capacity = 4,
): { frame: Uint8Array; stamp: number }[] {
  const batch = FrameBatch.allocate(capacity, 65600);
  const seen: { frame: Uint8Array; stamp: number }[] = [];
  while (host.nextReadable !== NEVER) {
    host.clock.now = Math.max(host.clock.now, host.nextReadable);
    wire.receive(batch);
    for (let slot = 0; slot < batch.count; slot++) {
      seen.push({ frame: batch.frame(slot).slice(), stamp: batch.stamp[slot] });
    }
  }
  return seen;
}
