/**
 * Writes classic pcap files, either byte order, microseconds or nanoseconds: draft-ietf-opsawg-pcap.
 */

import { type ByteSink, ByteWriter } from './byteWriter.ts';
import { LINK_TYPE_ETHERNET } from './records.ts';

/** How a pcap file is written. */
export interface PcapWriterOptions {
  /** Default true. */
  readonly littleEndian?: boolean;
  /** Default nanoseconds. */
  readonly resolution?: 'nanoseconds' | 'microseconds';
  /** Default Ethernet. */
  readonly linkType?: number;
  /** Bytes kept of each packet. Default 262144. */
  readonly snapLength?: number;
  /** Unix time in nanoseconds to which stamps are relative. Default 0. */
  readonly epochNanoseconds?: bigint;
  /** Bytes gathered before the sink is called. Default 64 KiB. */
  readonly bufferSize?: number;
}

/** A pcap file being written into a sink. */
export class PcapWriter {
  private readonly writer: ByteWriter;
  private readonly nanoseconds: boolean;
  private readonly snapLength: number;
  private readonly epochSeconds: number;
  private readonly epochRemainder: number;

  constructor(sink: ByteSink, options: PcapWriterOptions = {}) {
    const writer = new ByteWriter(sink, options.littleEndian ?? true, options.bufferSize ?? 65536);
    this.writer = writer;
    this.nanoseconds = options.resolution !== 'microseconds';
    this.snapLength = options.snapLength ?? 262144;
    const epoch = options.epochNanoseconds ?? 0n;
    this.epochSeconds = Number(epoch / 1_000_000_000n);
    this.epochRemainder = Number(epoch % 1_000_000_000n);
    writer.reserve(24);
    writer.u32(this.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
    writer.u16(2);
    writer.u16(4);
    writer.u32(0);
    writer.u32(0);
    writer.u32(this.snapLength);
    writer.u32(options.linkType ?? LINK_TYPE_ETHERNET);
  }

  /** Writes a packet; `stamp` is whole nanoseconds since the epoch given to the constructor. */
  packet(
    stamp: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    originalLength: number = length,
  ): void {
    const kept = Math.min(length, this.snapLength);
    const writer = this.writer;
    writer.reserve(16 + kept);
    const nanoseconds = stamp + this.epochRemainder;
    const seconds = Math.floor(nanoseconds / 1e9);
    const fraction = nanoseconds - seconds * 1e9;
    writer.u32(this.epochSeconds + seconds);
    writer.u32(this.nanoseconds ? fraction : Math.floor(fraction / 1000));
    writer.u32(kept);
    writer.u32(originalLength);
    writer.copy(memory, offset, kept, false);
  }

  /** Gives what has gathered to the sink. */
  flush(): void {
    this.writer.flush();
  }
}
