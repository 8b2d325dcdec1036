/**
 * Writes pcapng: draft-ietf-opsawg-pcapng. Several interfaces, a comment and flags per packet, nanosecond or
 * microsecond stamps; the packet path allocates nothing.
 */

import { type ByteSink, ByteWriter, StampConverter } from './byteWriter.ts';
import * as format from './pcapngFormat.ts';
import { LINK_TYPE_ETHERNET } from './records.ts';

/** What the section header says, and how the file is written. */
export interface PcapngWriterOptions {
  readonly hardware?: string;
  readonly operatingSystem?: string;
  readonly application?: string;
  readonly comment?: string;
  /** Default true. */
  readonly littleEndian?: boolean;
  /** Unix time in nanoseconds to which the stamps given to `packet` are relative. Default 0. */
  readonly epochNanoseconds?: bigint;
  /** Bytes gathered before the sink is called. Default 64 KiB. */
  readonly bufferSize?: number;
}

/** An interface to be described. */
export interface PcapngInterfaceOptions {
  readonly name?: string;
  readonly description?: string;
  /** Default Ethernet. */
  readonly linkType?: number;
  /** Bytes kept of each packet; 0, the default, keeps all. */
  readonly snapLength?: number;
  readonly macAddress?: Uint8Array;
  readonly speedBitsPerSecond?: number;
  /** Default nanoseconds. */
  readonly resolution?: 'nanoseconds' | 'microseconds';
  readonly comment?: string;
}

/** Bytes of an option list that holds one `epb_flags`, its header included. */
const FLAGS_OPTION_SIZE = 8;
const MAXIMUM_OPTION_SIZE = 0xffff;

/** A pcapng file being written into a sink. */
export class PcapngWriter {
  private readonly writer: ByteWriter;
  private readonly epochNanoseconds: bigint;
  private readonly converters: StampConverter[] = [];
  private readonly snapLengths: number[] = [];
  private readonly encoder = new TextEncoder();

  constructor(sink: ByteSink, options: PcapngWriterOptions = {}) {
    this.writer = new ByteWriter(sink, options.littleEndian ?? true, options.bufferSize ?? 65536);
    this.epochNanoseconds = options.epochNanoseconds ?? 0n;
    const list: [number, Uint8Array][] = [];
    this.addText(list, format.OPTION_COMMENT, options.comment);
    this.addText(list, format.OPTION_SECTION_HARDWARE, options.hardware);
    this.addText(list, format.OPTION_SECTION_OPERATING_SYSTEM, options.operatingSystem);
    this.addText(list, format.OPTION_SECTION_APPLICATION, options.application);
    const length = this.begin(format.BLOCK_SECTION_HEADER, 16, list);
    const writer = this.writer;
    writer.u32(format.BYTE_ORDER_MAGIC);
    writer.u16(1);
    writer.u16(0);
    // Length of the section: not known in advance.
    writer.u64(0xffff_ffff_ffff_ffffn);
    this.end(list, length);
  }

  /** Describes an interface and returns its number for `packet`. */
  addInterface(options: PcapngInterfaceOptions = {}): number {
    const microseconds = options.resolution === 'microseconds';
    const list: [number, Uint8Array][] = [];
    this.addText(list, format.OPTION_COMMENT, options.comment);
    this.addText(list, format.OPTION_INTERFACE_NAME, options.name);
    this.addText(list, format.OPTION_INTERFACE_DESCRIPTION, options.description);
    if (options.macAddress !== undefined) {
      list.push([format.OPTION_INTERFACE_MAC_ADDRESS, options.macAddress.slice(0, 6)]);
    }
    if (options.speedBitsPerSecond !== undefined) {
      list.push([format.OPTION_INTERFACE_SPEED, this.encode64(BigInt(options.speedBitsPerSecond))]);
    }
    list.push([format.OPTION_INTERFACE_TIMESTAMP_RESOLUTION, Uint8Array.of(microseconds ? 6 : 9)]);
    const length = this.begin(format.BLOCK_INTERFACE_DESCRIPTION, 8, list);
    const writer = this.writer;
    writer.u16(options.linkType ?? LINK_TYPE_ETHERNET);
    writer.u16(0);
    writer.u32(options.snapLength ?? 0);
    this.end(list, length);
    this.converters.push(new StampConverter(this.epochNanoseconds, microseconds ? 1000 : 1));
    this.snapLengths.push(options.snapLength ?? 0);
    return this.converters.length - 1;
  }

  /**
   * Writes a packet: `length` bytes of `memory` at `offset`.
   * @param stamp whole nanoseconds since the epoch given to the constructor.
   * @param flags EPB flags such as DIRECTION_INBOUND; 0 writes none.
   * @param comment free text; empty writes none. Cut at 65535 bytes.
   * @param originalLength bytes the packet had on the wire, if more than `length`.
   */
  packet(
    interfaceId: number,
    stamp: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    flags = 0,
    comment = '',
    originalLength: number = length,
  ): void {
    const converter = this.converters[interfaceId];
    if (converter === undefined)
      throw new RangeError(`interface ${interfaceId} has not been added to the capture`);
    const snapLength = this.snapLengths[interfaceId];
    const kept = snapLength !== 0 && snapLength < length ? snapLength : length;
    converter.convert(stamp);
    const writer = this.writer;
    // Room for the longest case: a UTF-16 unit takes at most three bytes.
    const commentRoom = comment === '' ? 0 : Math.min(comment.length * 3, MAXIMUM_OPTION_SIZE) + 8;
    writer.reserve(format.ENHANCED_PACKET_HEADER_SIZE + kept + 3 + FLAGS_OPTION_SIZE + commentRoom + 8);
    const { view, littleEndian, position: start } = writer;
    // Length and trailer follow when the comment has been written.
    view.setUint32(start, format.BLOCK_ENHANCED_PACKET, littleEndian);
    view.setUint32(start + 8, interfaceId, littleEndian);
    view.setUint32(start + 12, converter.high, littleEndian);
    view.setUint32(start + 16, converter.low, littleEndian);
    view.setUint32(start + 20, kept, littleEndian);
    view.setUint32(start + 24, originalLength, littleEndian);
    writer.position = start + format.ENHANCED_PACKET_HEADER_SIZE;
    writer.copy(memory, offset, kept, true);
    if (comment !== '') this.writeComment(comment);
    let at = writer.position;
    if (flags !== 0) {
      view.setUint16(at, format.OPTION_PACKET_FLAGS, littleEndian);
      view.setUint16(at + 2, 4, littleEndian);
      view.setUint32(at + 4, flags, littleEndian);
      at += FLAGS_OPTION_SIZE;
    }
    if (flags !== 0 || comment !== '') {
      view.setUint32(at, format.OPTION_END, littleEndian);
      at += 4;
    }
    const total = at - start + 4;
    view.setUint32(start + 4, total, littleEndian);
    view.setUint32(at, total, littleEndian);
    writer.position = at + 4;
  }

  /** Writes names for addresses of 4 or 16 bytes; nothing if there are none. */
  names(names: readonly { readonly address: Uint8Array; readonly names: readonly string[] }[]): void {
    if (names.length === 0) return;
    const records: [number, Uint8Array][] = names.map((entry) => {
      const text = this.encoder.encode(entry.names.map((name) => `${name}\0`).join(''));
      const value = new Uint8Array(entry.address.length + text.length);
      value.set(entry.address);
      value.set(text, entry.address.length);
      return [entry.address.length === 4 ? format.NAME_RECORD_IPV4 : format.NAME_RECORD_IPV6, value];
    });
    // The list of name records has the shape and the end mark of an option list.
    const length = this.begin(format.BLOCK_NAME_RESOLUTION, 0, records);
    this.end(records, length);
  }

  /** Writes counters of an interface; `stamp` as for `packet`. */
  statistics(interfaceId: number, stamp: number, counts: { received?: bigint; dropped?: bigint }): void {
    const list: [number, Uint8Array][] = [];
    if (counts.received !== undefined) {
      list.push([format.OPTION_STATISTICS_RECEIVED, this.encode64(counts.received)]);
    }
    if (counts.dropped !== undefined) {
      list.push([format.OPTION_STATISTICS_DROPPED, this.encode64(counts.dropped)]);
    }
    const converter = this.converters[interfaceId];
    converter.convert(stamp);
    const length = this.begin(format.BLOCK_INTERFACE_STATISTICS, 12, list);
    this.writer.u32(interfaceId);
    this.writer.u32(converter.high);
    this.writer.u32(converter.low);
    this.end(list, length);
  }

  /** Gives what has gathered to the sink. The file is complete after every flush. */
  flush(): void {
    this.writer.flush();
  }

  private writeComment(comment: string): void {
    const writer = this.writer;
    writer.u16(format.OPTION_COMMENT);
    const lengthAt = writer.position;
    writer.u16(0);
    const length = this.encodeInto(comment, writer);
    writer.view.setUint16(lengthAt, length, writer.littleEndian);
    while ((writer.position & 3) !== 0) writer.bytes[writer.position++] = 0;
  }

  /** UTF-8, at most one option long. ASCII takes the loop, so that the usual comment allocates nothing. */
  private encodeInto(text: string, writer: ByteWriter): number {
    const start = writer.position;
    const limit = Math.min(text.length, MAXIMUM_OPTION_SIZE);
    for (let index = 0; index < limit; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) {
        const room = writer.bytes.subarray(start, start + MAXIMUM_OPTION_SIZE);
        const { written } = this.encoder.encodeInto(text, room);
        writer.position = start + written;
        return written;
      }
      writer.bytes[start + index] = code;
    }
    writer.position = start + limit;
    return limit;
  }

  private addText(list: [number, Uint8Array][], code: number, text: string | undefined): void {
    if (text === undefined) return;
    const bytes = new Uint8Array(Math.min(text.length * 3, MAXIMUM_OPTION_SIZE));
    list.push([code, bytes.subarray(0, this.encoder.encodeInto(text, bytes).written)]);
  }

  private encode64(value: bigint): Uint8Array {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, value, this.writer.littleEndian);
    return new Uint8Array(view.buffer);
  }

  /** Starts a block whose fixed part has `fixedSize` bytes; returns its length. */
  private begin(type: number, fixedSize: number, list: readonly [number, Uint8Array][]): number {
    let length = format.BLOCK_OVERHEAD + fixedSize;
    for (const [, value] of list) length += 4 + format.pad4(value.length);
    if (list.length > 0) length += 4;
    this.writer.reserve(length);
    this.writer.u32(type);
    this.writer.u32(length);
    return length;
  }

  private end(list: readonly [number, Uint8Array][], length: number): void {
    const writer = this.writer;
    for (const [code, value] of list) {
      writer.u16(code);
      writer.u16(value.length);
      writer.copy(value, 0, value.length, true);
    }
    if (list.length > 0) writer.u32(format.OPTION_END);
    writer.u32(length);
  }
}
