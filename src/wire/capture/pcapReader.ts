/**
 * The parser of classic pcap files, both byte orders, microseconds and nanoseconds: draft-ietf-opsawg-pcap.
 */

import { WireError } from '../wireError.ts';
import type { ByteQueue } from './byteQueue.ts';
import type { CaptureParser } from './captureReader.ts';
import { type CaptureRecord, type InterfaceRecord, NO_COMMENTS } from './records.ts';

const FILE_HEADER_SIZE = 24;
const RECORD_HEADER_SIZE = 16;
const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** Parses a pcap file after its magic number has been looked at. */
export class PcapParser implements CaptureParser {
  private readonly maximumRecordSize: number;
  private readonly littleEndian: boolean;
  private readonly nanoseconds: boolean;
  private headerRead = false;
  /** The interface record that a file header stands for, until it has been delivered. */
  private pendingInterface: InterfaceRecord | undefined;

  constructor(maximumRecordSize: number, littleEndian: boolean, nanoseconds: boolean) {
    this.maximumRecordSize = maximumRecordSize;
    this.littleEndian = littleEndian;
    this.nanoseconds = nanoseconds;
  }

  parse(queue: ByteQueue): CaptureRecord | undefined {
    if (!this.headerRead) return this.parseHeader(queue);
    if (this.pendingInterface !== undefined) {
      const record = this.pendingInterface;
      this.pendingInterface = undefined;
      return record;
    }
    return this.parsePacket(queue);
  }

  private parseHeader(queue: ByteQueue): CaptureRecord | undefined {
    if (queue.available < FILE_HEADER_SIZE) return undefined;
    const { view, start, offset } = queue;
    const major = view.getUint16(start + 4, this.littleEndian);
    const minor = view.getUint16(start + 6, this.littleEndian);
    if (major !== 2 || minor !== 4) {
      throw new WireError(
        'CAPTURE_UNSUPPORTED',
        `The capture is pcap version ${major}.${minor} (byte ${offset + 4}); 2.4 is read: ` +
          'convert it with "editcap -F pcapng IN OUT".',
        { offset: offset + 4 },
      );
    }
    this.headerRead = true;
    this.pendingInterface = {
      kind: 'interface',
      offset,
      id: 0,
      // The upper bits say whether frames end with an FCS; they are no part of the type.
      linkType: view.getUint32(start + 20, this.littleEndian) & 0xffff,
      snapLength: view.getUint32(start + 16, this.littleEndian),
      name: undefined,
      description: undefined,
      macAddress: undefined,
      speed: undefined,
      timestampResolution: this.nanoseconds ? 9 : 6,
      timestampOffsetSeconds: 0n,
      comments: NO_COMMENTS,
    };
    queue.consume(FILE_HEADER_SIZE);
    return {
      kind: 'section',
      offset,
      format: 'pcap',
      littleEndian: this.littleEndian,
      hardware: undefined,
      operatingSystem: undefined,
      application: undefined,
      comments: NO_COMMENTS,
    };
  }

  private parsePacket(queue: ByteQueue): CaptureRecord | undefined {
    if (queue.available < RECORD_HEADER_SIZE) return undefined;
    const { view, start, offset } = queue;
    const capturedLength = view.getUint32(start + 8, this.littleEndian);
    if (capturedLength > this.maximumRecordSize) {
      throw new WireError(
        'CAPTURE_CORRUPT',
        `The packet at byte ${offset} claims ${capturedLength} captured bytes, more than the ` +
          `${this.maximumRecordSize} a record may have: the file is damaged there; everything before was delivered.`,
        { offset: offset + 8 },
      );
    }
    if (queue.available < RECORD_HEADER_SIZE + capturedLength) return undefined;
    const seconds = view.getUint32(start, this.littleEndian);
    const fraction = view.getUint32(start + 4, this.littleEndian);
    const originalLength = view.getUint32(start + 12, this.littleEndian);
    const dataStart = start + RECORD_HEADER_SIZE;
    const data = queue.bytes.subarray(dataStart, dataStart + capturedLength);
    queue.consume(RECORD_HEADER_SIZE + capturedLength);
    return {
      kind: 'packet',
      offset,
      interfaceId: 0,
      stamp: BigInt(seconds) * NANOSECONDS_PER_SECOND + BigInt(this.nanoseconds ? fraction : fraction * 1000),
      data,
      originalLength,
      flags: 0,
      comments: NO_COMMENTS,
    };
  }
}
