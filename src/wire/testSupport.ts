/** What the tests of wires share: running a wire in virtual time, small batches, skipping with a reason. */

import { FrameBatch } from './frameBatch.ts';
import type { VirtualWireHost } from './virtualWireHost.ts';
import { NEVER, type Wire, type WireHost } from './wire.ts';
import { WireError } from './wireError.ts';

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

/** A host in real time that empties its wire into copies whenever it is readable. */
export class LiveTestHost implements WireHost {
  readonly epochNanoseconds = 0n;
  readonly frames: { frame: Uint8Array; slot: number; batch: FrameBatch }[] = [];
  readonly linkChanges: boolean[] = [];
  readonly failures: WireError[] = [];
  writableCount = 0;
  /** Called for every frame, with the batch it is in. */
  onFrame: ((batch: FrameBatch, slot: number) => void) | undefined;
  wire: Wire | undefined;
  readonly batch: FrameBatch;
  private scheduled = false;
  private waiters: (() => void)[] = [];

  constructor(slotSize = 2048, capacity = 64) {
    this.batch = FrameBatch.allocate(capacity, slotSize);
  }

  now(): number {
    return Number(process.hrtime.bigint());
  }

  /** Comes back as soon as the event loop has turned; live wires name no other times. */
  readableAt(nanoseconds: number): void {
    if (nanoseconds === NEVER || this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      try {
        this.readable();
      } catch (error) {
        // The test may have closed the wire in the meantime.
        if (!(error instanceof WireError) || error.code !== 'WIRE_MISUSE') throw error;
      }
    });
  }

  readable(): void {
    for (let round = 0; round < 8; round++) {
      const count = this.wire?.receive(this.batch) ?? 0;
      for (let slot = 0; slot < count; slot++) {
        if (this.onFrame === undefined)
          this.frames.push({ frame: this.batch.frame(slot).slice(), slot, batch: this.batch });
        else this.onFrame(this.batch, slot);
      }
      if (count < this.batch.capacity) break;
    }
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  writable(): void {
    this.writableCount++;
  }

  linkChanged(up: boolean): void {
    this.linkChanges.push(up);
  }

  failed(error: WireError): void {
    this.failures.push(error);
  }

  /** Waits, for as long as the test may take, until something holds; looked at after every readable. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }
}

/**
 * Skips a test whose needs are not met, with the reason; with CI=true, where nothing may be skipped, fails it.
 */
export function need(context: { skip(reason?: string): void }, met: boolean, reason: string): void {
  if (met) return;
  if (process.env['CI'] === 'true') throw new Error(`CI must not skip this test: ${reason}`);
  context.skip(reason);
}
