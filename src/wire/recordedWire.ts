/** A decorator that writes every frame that passes a wire into a pcapng, with its direction. */

import type { ByteSink } from './capture/byteWriter.ts';
import { PcapngWriter } from './capture/pcapngWriter.ts';
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND } from './capture/records.ts';
import { type FrameBatch, OUTCOME_SENT } from './frameBatch.ts';
import type { Wire, WireHost } from './wire.ts';
import { WireDecorator } from './wireDecorator.ts';
import { WireError } from './wireError.ts';

/** Where the frames go. */
export interface RecordedWireOptions {
  /** A file of its own, or a writer that others write to as well; its epoch must be the host's. */
  readonly to: ByteSink | PcapngWriter;
  /** Default the wire's name. */
  readonly interfaceName?: string;
  /** Called once if the recording cannot go on; the wire itself does. Default: the host's `failed`. */
  readonly onFailure?: (error: WireError) => void;
}

/** Records a wire. */
export class RecordedWire extends WireDecorator {
  private readonly options: RecordedWireOptions;
  private writer: PcapngWriter | undefined;
  private interfaceId = -1;

  constructor(inner: Wire, options: RecordedWireOptions) {
    super(inner);
    this.options = options;
  }

  override open(host: WireHost): void {
    super.open(host);
    if (this.interfaceId >= 0) return;
    const { to, interfaceName } = this.options;
    const { macAddress, linkSpeedBitsPerSecond } = this.properties;
    this.attempt(() => {
      this.writer =
        to instanceof PcapngWriter
          ? to
          : new PcapngWriter(to, { application: 'ndisbox', epochNanoseconds: host.epochNanoseconds });
      this.interfaceId = this.writer.addInterface({
        name: interfaceName ?? this.name,
        ...(macAddress === undefined ? {} : { macAddress }),
        ...(linkSpeedBitsPerSecond > 0 ? { speedBitsPerSecond: linkSpeedBitsPerSecond } : {}),
      });
    });
  }

  override receive(batch: FrameBatch): number {
    const count = this.inner.receive(batch);
    for (let slot = 0; slot < count; slot++) this.write(batch, slot, batch.stamp[slot], DIRECTION_INBOUND);
    return count;
  }

  override send(batch: FrameBatch, first = 0): number {
    const count = this.inner.send(batch, first);
    if (count === 0) return 0;
    const now = this.now();
    for (let slot = first; slot < first + count; slot++) {
      if (batch.outcome[slot] === OUTCOME_SENT) this.write(batch, slot, now, DIRECTION_OUTBOUND);
    }
    return count;
  }

  override close(): void {
    this.attempt(() => this.writer?.flush());
    super.close();
  }

  private write(batch: FrameBatch, slot: number, stamp: number, direction: number): void {
    const writer = this.writer;
    if (writer === undefined) return;
    try {
      writer.packet(this.interfaceId, stamp, batch.memory, batch.offset[slot], batch.length[slot], direction);
    } catch (error) {
      this.giveUp(error);
    }
  }

  private attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.giveUp(error);
    }
  }

  private giveUp(cause: unknown): void {
    this.writer = undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new WireError(
      'FILE_FAILED',
      `The recording of the wire "${this.name}" stopped: ${reason}. Check the file and the disk.`,
      { cause },
    );
    if (this.options.onFailure === undefined) this.failed(error);
    else this.options.onFailure(error);
  }
}
