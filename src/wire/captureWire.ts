/**
 * A wire over captures: plays a capture as what arrives, and records what is sent as another. Frames come at
 * their recorded distance in the host's time, or as fast as they are asked for.
 */

import { copyBytes } from './bytes.ts';
import type { ByteSink } from './capture/byteWriter.ts';
import { CaptureReader, type CaptureReaderOptions } from './capture/captureReader.ts';
import { PcapngWriter } from './capture/pcapngWriter.ts';
import {
  type CaptureRecord,
  DIRECTION_OUTBOUND,
  LINK_TYPE_ETHERNET,
  type PacketRecord,
} from './capture/records.ts';
import { ETHERNET_HEADER_SIZE, type FrameBatch, OUTCOME_DEVICE_ERROR, OUTCOME_SENT } from './frameBatch.ts';
import {
  createWireCounters,
  NEVER,
  NO_OFFLOADS,
  type Wire,
  type WireHost,
  type WireProperties,
} from './wire.ts';
import { WireError } from './wireError.ts';
import { checkFrame, requireClosed, requireOpen, settle } from './wireState.ts';

/** Where the bytes of a capture come from. */
export interface ByteSource {
  /** Fills `into` from its start; 0 says that the input has ended. @throws WireError FILE_FAILED */
  read(into: Uint8Array): number;
  close(): void;
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  let at = 0;
  return {
    read(into: Uint8Array): number {
      const count = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + count));
      at += count;
      return count;
    },
    close(): void {},
  };
}

/** What a capture wire plays and records. */
export interface CaptureWireOptions {
  /** Default `capture`. */
  readonly name?: string;
  /** Opened when the wire is; without it nothing arrives. */
  readonly source?: () => ByteSource;
  /** Opened when the wire is; without it what is sent is counted and forgotten. */
  readonly sink?: () => { write: ByteSink; close(): void };
  /**
   * `recorded`, the default: frames keep the distance their stamps have, the first one at `startDelay`.
   * `fastest`: all are there at once.
   */
  readonly pace?: 'recorded' | 'fastest';
  /** Nanoseconds from `open` to the first frame. Default 0. */
  readonly startDelay?: number;
  /** Plays only the frames that this station sent. */
  readonly sourceMacAddress?: Uint8Array;
  /** What the wire suggests to its adapter. */
  readonly macAddress?: Uint8Array;
  /** Default 1514. */
  readonly maximumFrameSize?: number;
  /** Name of the interface in the recording. Default the wire's. */
  readonly interfaceName?: string;
  /** Bounds of the reader. */
  readonly reader?: CaptureReaderOptions;
}

const CHUNK_SIZE = 65536;

/** Plays and records captures. */
export class CaptureWire implements Wire {
  readonly name: string;
  readonly properties: WireProperties;
  readonly counters = createWireCounters();
  readonly linkUp = true;
  /** Whether the capture has been played to its end, or to the place where it is damaged. */
  finished = false;
  private readonly options: CaptureWireOptions;
  private readonly chunk = new Uint8Array(new ArrayBuffer(CHUNK_SIZE));
  private readonly ethernet: boolean[] = [];
  private host: WireHost | undefined;
  private source: ByteSource | undefined;
  private reader: CaptureReader | undefined;
  private sink: { write: ByteSink; close(): void } | undefined;
  private writer: PcapngWriter | undefined;
  private pending: PacketRecord | undefined;
  private startTime = 0;
  private firstStamp: bigint | undefined;
  /** When the frame delivered or read last was due. */
  private lastDue = 0;

  constructor(options: CaptureWireOptions) {
    this.options = options;
    this.name = options.name ?? 'capture';
    this.properties = {
      maximumFrameSize: options.maximumFrameSize ?? 1514,
      macAddress: options.macAddress,
      linkSpeedBitsPerSecond: 1_000_000_000,
      live: false,
      offloads: NO_OFFLOADS,
    };
  }

  open(host: WireHost): void {
    requireClosed(this.host, this.name);
    const { source, sink, startDelay = 0 } = this.options;
    this.source = source?.();
    try {
      this.sink = sink?.();
    } catch (error) {
      this.source?.close();
      throw error;
    }
    this.host = host;
    this.finished = false;
    this.reader = new CaptureReader(this.options.reader);
    this.firstStamp = undefined;
    this.pending = undefined;
    this.startTime = host.now() + startDelay;
    this.lastDue = this.startTime;
    if (this.sink !== undefined) this.startRecording(host, this.sink.write);
    this.advance(host);
    host.readableAt(this.pending === undefined ? NEVER : this.lastDue);
  }

  receive(batch: FrameBatch): number {
    const host = requireOpen(this.host, this.name);
    const now = host.now();
    let count = 0;
    while (count < batch.capacity && this.pending !== undefined && this.lastDue <= now) {
      const { data } = this.pending;
      if (data.length <= batch.size[count]) {
        copyBytes(data, 0, batch.memory, batch.offset[count], data.length);
        batch.length[count] = data.length;
        batch.stamp[count] = this.lastDue;
        batch.clearOffloads(count);
        this.counters.received++;
        this.counters.receivedBytes += data.length;
        count++;
      } else {
        this.counters.receiveDropped++;
      }
      this.advance(host);
    }
    batch.count = count;
    host.readableAt(this.pending === undefined ? NEVER : this.lastDue);
    return count;
  }

  send(batch: FrameBatch, first = 0): number {
    const host = requireOpen(this.host, this.name);
    const now = host.now();
    for (let slot = first; slot < batch.count; slot++) {
      let outcome = checkFrame(batch, slot, this.properties);
      if (outcome === OUTCOME_SENT && this.sink !== undefined && !this.record(batch, slot, now)) {
        outcome = OUTCOME_DEVICE_ERROR;
      }
      settle(batch, slot, outcome, this.counters);
    }
    return Math.max(0, batch.count - first);
  }

  close(): void {
    const { host, source, sink, writer } = this;
    if (host === undefined) return;
    this.host = undefined;
    this.pending = undefined;
    this.reader = undefined;
    this.source = undefined;
    this.sink = undefined;
    this.writer = undefined;
    host.readableAt(NEVER);
    source?.close();
    try {
      writer?.flush();
      sink?.close();
    } catch (error) {
      host.failed(asWireError(error, this.name));
    }
  }

  private startRecording(host: WireHost, write: ByteSink): void {
    this.writer = new PcapngWriter(write, {
      application: 'ndisbox',
      epochNanoseconds: host.epochNanoseconds,
    });
    this.writer.addInterface({
      name: this.options.interfaceName ?? this.name,
      ...(this.options.macAddress === undefined ? {} : { macAddress: this.options.macAddress }),
    });
  }

  /** Records a frame; false if the recording cannot go on, which the host is told once. */
  private record(batch: FrameBatch, slot: number, now: number): boolean {
    if (this.writer === undefined) return false;
    try {
      this.writer.packet(0, now, batch.memory, batch.offset[slot], batch.length[slot], DIRECTION_OUTBOUND);
      return true;
    } catch (error) {
      this.writer = undefined;
      this.host?.failed(asWireError(error, this.name));
      return false;
    }
  }

  /** Makes the next frame to be played `pending` and sets `lastDue`, or finishes. */
  private advance(host: WireHost): void {
    this.pending = undefined;
    try {
      while (!this.finished && this.pending === undefined) {
        const record = this.reader?.next();
        if (record !== undefined) this.consider(record);
        else this.fetch();
      }
    } catch (error) {
      this.finished = true;
      host.failed(asWireError(error, this.name));
    }
  }

  private fetch(): void {
    const { reader, source } = this;
    if (reader === undefined || source === undefined) {
      this.finished = true;
      return;
    }
    const count = source.read(this.chunk);
    if (count > 0) {
      reader.push(this.chunk.subarray(0, count));
      return;
    }
    reader.end();
    // What was held back may be cut short: `next` throws then.
    const record = reader.next();
    if (record === undefined) this.finished = true;
    else this.consider(record);
  }

  private consider(record: CaptureRecord): void {
    if (record.kind === 'section') this.ethernet.length = 0;
    else if (record.kind === 'interface') this.ethernet[record.id] = record.linkType === LINK_TYPE_ETHERNET;
    else if (record.kind === 'packet') this.considerPacket(record);
  }

  private considerPacket(packet: PacketRecord): void {
    this.keepTime(packet);
    const { data } = packet;
    // A frame of which bytes are missing is not the frame that was sent.
    if (
      !this.ethernet[packet.interfaceId] ||
      data.length < ETHERNET_HEADER_SIZE ||
      data.length < packet.originalLength
    ) {
      this.counters.receiveDropped++;
      return;
    }
    const wanted = this.options.sourceMacAddress;
    if (wanted !== undefined) {
      for (let index = 0; index < 6; index++) if (data[6 + index] !== wanted[index]) return;
    }
    this.pending = packet;
  }

  /** Stamps that run backwards are taken as equal to the one before. */
  private keepTime(packet: PacketRecord): void {
    if (this.options.pace === 'fastest' || packet.stamp === undefined) return;
    this.firstStamp ??= packet.stamp;
    const due = this.startTime + Number(packet.stamp - this.firstStamp);
    this.lastDue = Math.max(this.lastDue, due);
  }
}

function asWireError(error: unknown, name: string): WireError {
  if (error instanceof WireError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new WireError(
    'FILE_FAILED',
    `The wire "${name}" could not go on: ${message}. Check the file and the disk.`,
    {
      cause: error,
    },
  );
}
