/** A decorator that shows every frame that passes a wire to a callback. */

import { type FrameBatch, OUTCOME_SENT } from './frameBatch.ts';
import type { Wire } from './wire.ts';
import { WireDecorator } from './wireDecorator.ts';

/** Called for the frame in a slot; it must not change it. `nanoseconds` is a time of the host's clock. */
export type FrameCallback = (
  direction: 'received' | 'sent',
  batch: FrameBatch,
  slot: number,
  nanoseconds: number,
) => void;

/** Shows frames received, and frames the inner wire accepted. */
export class TracedWire extends WireDecorator {
  private readonly onFrame: FrameCallback;

  constructor(inner: Wire, onFrame: FrameCallback) {
    super(inner);
    this.onFrame = onFrame;
  }

  override receive(batch: FrameBatch): number {
    const count = this.inner.receive(batch);
    for (let slot = 0; slot < count; slot++) this.onFrame('received', batch, slot, batch.stamp[slot]);
    return count;
  }

  override send(batch: FrameBatch, first = 0): number {
    const count = this.inner.send(batch, first);
    if (count === 0) return 0;
    const now = this.now();
    for (let slot = first; slot < first + count; slot++) {
      if (batch.outcome[slot] === OUTCOME_SENT) this.onFrame('sent', batch, slot, now);
    }
    return count;
  }
}
