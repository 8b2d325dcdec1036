/** A wire decorator for the command: counts frames by kind, shows them to a capture, and remembers what went wrong. */

import {
  type FrameBatch,
  OUTCOME_SENT,
  type Wire,
  WireDecorator,
  WireError,
  type WireHost,
} from '../../wire/index.ts';
import { FrameCounts } from './frameKinds.ts';
import type { HopCapture } from './hopCapture.ts';

/** A wire that is watched. */
export class WatchedWire extends WireDecorator {
  readonly received = new FrameCounts();
  readonly sent = new FrameCounts();
  /** Why it could not be opened, or died; null while all is well. */
  failure: WireError | null = null;
  readonly #capture: HopCapture | null;

  constructor(inner: Wire, capture: HopCapture | null) {
    super(inner);
    this.#capture = capture;
  }

  override open(host: WireHost): void {
    try {
      super.open(host);
    } catch (error) {
      if (error instanceof WireError) this.failure = error;
      throw error;
    }
  }

  override receive(batch: FrameBatch): number {
    const count = this.inner.receive(batch);
    for (let slot = 0; slot < count; slot++) {
      this.received.add(batch.memory, batch.offset[slot], batch.length[slot]);
      this.#capture?.wireFrame(this.name, 'received', batch, slot, this.now());
    }
    return count;
  }

  override send(batch: FrameBatch, first = 0): number {
    const count = this.inner.send(batch, first);
    for (let slot = first; slot < first + count; slot++) {
      if (batch.outcome[slot] !== OUTCOME_SENT) continue;
      this.sent.add(batch.memory, batch.offset[slot], batch.length[slot]);
      this.#capture?.wireFrame(this.name, 'sent', batch, slot, this.now());
    }
    return count;
  }

  override failed(error: WireError): void {
    this.failure = error;
    super.failed(error);
  }
}
