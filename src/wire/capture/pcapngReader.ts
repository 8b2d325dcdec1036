/**
 * The parser of pcapng files: draft-ietf-opsawg-pcapng. Several sections and interfaces, both byte orders, any
 * if_tsresol; unknown blocks are stepped over, however long they are.
 */

import { WireError } from '../wireError.ts';
import type { ByteQueue } from './byteQueue.ts';
import type { CaptureParser } from './captureReader.ts';
import { Block } from './pcapngBlock.ts';
import * as format from './pcapngFormat.ts';
import { type CaptureRecord, NO_COMMENTS } from './records.ts';

/** What stamps of an interface mean. */
interface StampScale {
  readonly multiplier: bigint;
  readonly divisor: bigint;
  readonly offset: bigint;
  readonly snapLength: number;
}

const KNOWN_BLOCKS: ReadonlySet<number> = new Set([
  format.BLOCK_SECTION_HEADER,
  format.BLOCK_INTERFACE_DESCRIPTION,
  format.BLOCK_PACKET,
  format.BLOCK_SIMPLE_PACKET,
  format.BLOCK_NAME_RESOLUTION,
  format.BLOCK_INTERFACE_STATISTICS,
  format.BLOCK_ENHANCED_PACKET,
]);

/** Parses pcapng, from the first section header on. */
export class PcapngParser implements CaptureParser {
  private readonly maximumBlockSize: number;
  private readonly maximumInterfaces: number;
  private littleEndian = false;
  private interfaces: StampScale[] = [];

  constructor(maximumBlockSize: number, maximumInterfaces: number) {
    this.maximumBlockSize = maximumBlockSize;
    this.maximumInterfaces = maximumInterfaces;
  }

  parse(queue: ByteQueue): CaptureRecord | undefined {
    for (;;) {
      const length = this.blockLength(queue);
      if (length === 0) return undefined;
      const type = queue.view.getUint32(queue.start, this.littleEndian);
      if (!KNOWN_BLOCKS.has(type)) {
        // Nothing is known of its inside, so the length at its end is all that could be checked; not needed.
        queue.consume(length);
        continue;
      }
      if (length > this.maximumBlockSize + format.BLOCK_OVERHEAD) {
        throw new WireError(
          'CAPTURE_RECORD_TOO_LONG',
          `The block at byte ${queue.offset} has ${length} bytes, more than the ${this.maximumBlockSize} that ` +
            'are held: raise maximumRecordSize if the file is sound.',
          { offset: queue.offset },
        );
      }
      if (queue.available < length) return undefined;
      const block = new Block(queue, length, this.littleEndian);
      const record = this.parseBlock(type, block);
      queue.consume(length);
      return record;
    }
  }

  /** Length of the block at the front, checked; 0 if that takes more bytes. Learns the byte order on the way. */
  private blockLength(queue: ByteQueue): number {
    if (queue.toSkip > 0 || queue.available < format.BLOCK_OVERHEAD) return 0;
    const { view, start, offset } = queue;
    if (view.getUint32(start) === format.BLOCK_SECTION_HEADER) {
      const magic = view.getUint32(start + 8);
      if (magic !== format.BYTE_ORDER_MAGIC && magic !== 0x4d3c2b1a) {
        throw new WireError(
          'CAPTURE_CORRUPT',
          `The section header at byte ${offset} has no byte-order mark (0x${magic.toString(16)}): the file is ` +
            'damaged there; everything before was delivered.',
          { offset: offset + 8 },
        );
      }
      this.littleEndian = magic !== format.BYTE_ORDER_MAGIC;
    }
    const length = view.getUint32(start + 4, this.littleEndian);
    if (length < format.BLOCK_OVERHEAD || length % 4 !== 0) {
      throw new WireError(
        'CAPTURE_CORRUPT',
        `The block at byte ${offset} claims a length of ${length} bytes; a length is a multiple of 4 and at ` +
          'least 12: the file is damaged there; everything before was delivered.',
        { offset: offset + 4 },
      );
    }
    return length;
  }

  private parseBlock(type: number, block: Block): CaptureRecord {
    block.checkTrailer();
    switch (type) {
      case format.BLOCK_SECTION_HEADER:
        return this.parseSection(block);
      case format.BLOCK_INTERFACE_DESCRIPTION:
        return this.parseInterface(block);
      case format.BLOCK_PACKET:
        return this.parseOldPacket(block);
      case format.BLOCK_SIMPLE_PACKET:
        return this.parseSimplePacket(block);
      case format.BLOCK_NAME_RESOLUTION:
        return parseNames(block);
      case format.BLOCK_INTERFACE_STATISTICS:
        return this.parseStatistics(block);
      default:
        return this.parsePacket(block);
    }
  }

  private parseSection(block: Block): CaptureRecord {
    block.need(16);
    const major = block.u16(4);
    const minor = block.u16(6);
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      throw new WireError(
        'CAPTURE_UNSUPPORTED',
        `The section at byte ${block.offset} is pcapng version ${major}.${minor}; 1.0 is read: convert it with ` +
          '"editcap -F pcapng IN OUT".',
        { offset: block.offset + 12 },
      );
    }
    this.interfaces = [];
    const options = block.options(16);
    return {
      kind: 'section',
      offset: block.offset,
      format: 'pcapng',
      littleEndian: this.littleEndian,
      hardware: options.text(format.OPTION_SECTION_HARDWARE),
      operatingSystem: options.text(format.OPTION_SECTION_OPERATING_SYSTEM),
      application: options.text(format.OPTION_SECTION_APPLICATION),
      comments: options.comments,
    };
  }

  private parseInterface(block: Block): CaptureRecord {
    block.need(8);
    const id = this.interfaces.length;
    if (id >= this.maximumInterfaces) {
      throw new WireError(
        'CAPTURE_CORRUPT',
        `The section describes more than ${this.maximumInterfaces} interfaces (byte ${block.offset}): raise ` +
          'maximumInterfaces if the file is sound.',
        { offset: block.offset },
      );
    }
    const options = block.options(8);
    const timestampResolution = options.u8(format.OPTION_INTERFACE_TIMESTAMP_RESOLUTION) ?? 6;
    const timestampOffsetSeconds = options.i64(format.OPTION_INTERFACE_TIMESTAMP_OFFSET) ?? 0n;
    const snapLength = block.u32(4);
    this.interfaces.push(stampScale(timestampResolution, timestampOffsetSeconds, snapLength));
    return {
      kind: 'interface',
      offset: block.offset,
      id,
      linkType: block.u16(0),
      snapLength,
      name: options.text(format.OPTION_INTERFACE_NAME),
      description: options.text(format.OPTION_INTERFACE_DESCRIPTION),
      macAddress: options.bytes(format.OPTION_INTERFACE_MAC_ADDRESS, 6),
      speed: options.u64(format.OPTION_INTERFACE_SPEED),
      timestampResolution,
      timestampOffsetSeconds,
      comments: options.comments,
    };
  }

  private parsePacket(block: Block): CaptureRecord {
    block.need(20);
    const interfaceId = block.u32(0);
    const scale = this.scaleOf(interfaceId, block);
    const capturedLength = block.u32(12);
    const data = block.data(20, capturedLength);
    const optionsAt = 20 + format.pad4(capturedLength);
    const hasOptions = block.bodyLength > optionsAt;
    const options = hasOptions ? block.options(optionsAt) : undefined;
    return {
      kind: 'packet',
      offset: block.offset,
      interfaceId,
      stamp: unixNanoseconds(scale, block.u32(4), block.u32(8)),
      data,
      originalLength: block.u32(16),
      flags: options?.u32(format.OPTION_PACKET_FLAGS) ?? 0,
      comments: options?.comments ?? NO_COMMENTS,
    };
  }

  private parseOldPacket(block: Block): CaptureRecord {
    block.need(20);
    const interfaceId = block.u16(0);
    const scale = this.scaleOf(interfaceId, block);
    const capturedLength = block.u32(12);
    const data = block.data(20, capturedLength);
    const options = block.options(20 + format.pad4(capturedLength));
    return {
      kind: 'packet',
      offset: block.offset,
      interfaceId,
      stamp: unixNanoseconds(scale, block.u32(4), block.u32(8)),
      data,
      originalLength: block.u32(16),
      flags: options.u32(format.OPTION_PACKET_FLAGS) ?? 0,
      comments: options.comments,
    };
  }

  private parseSimplePacket(block: Block): CaptureRecord {
    block.need(4);
    const scale = this.scaleOf(0, block);
    const originalLength = block.u32(0);
    // The captured length is not stored: it is the original one, cut to the snap length of interface 0.
    const snapped = scale.snapLength === 0 ? originalLength : Math.min(originalLength, scale.snapLength);
    return {
      kind: 'packet',
      offset: block.offset,
      interfaceId: 0,
      stamp: undefined,
      data: block.data(4, snapped),
      originalLength,
      flags: 0,
      comments: NO_COMMENTS,
    };
  }

  private parseStatistics(block: Block): CaptureRecord {
    block.need(12);
    const interfaceId = block.u32(0);
    const scale = this.scaleOf(interfaceId, block);
    const options = block.options(12);
    return {
      kind: 'statistics',
      offset: block.offset,
      interfaceId,
      stamp: unixNanoseconds(scale, block.u32(4), block.u32(8)),
      received: options.u64(format.OPTION_STATISTICS_RECEIVED),
      dropped: options.u64(format.OPTION_STATISTICS_DROPPED),
      comments: options.comments,
    };
  }

  private scaleOf(interfaceId: number, block: Block): StampScale {
    const scale = this.interfaces[interfaceId];
    if (scale === undefined) {
      throw block.corrupt(
        8,
        `names interface ${interfaceId}, but the section has described ${this.interfaces.length} so far`,
      );
    }
    return scale;
  }
}

function parseNames(block: Block): CaptureRecord {
  const names: { address: Uint8Array; names: string[] }[] = [];
  let at = 0;
  for (;;) {
    if (at + 4 > block.bodyLength) throw block.corrupt(8 + at, 'ends without an end of its name records');
    const type = block.u16(at);
    const length = block.u16(at + 2);
    at += 4;
    if (type === format.NAME_RECORD_END) break;
    const value = block.data(at, length);
    at += format.pad4(length);
    if (type !== format.NAME_RECORD_IPV4 && type !== format.NAME_RECORD_IPV6) continue;
    const addressLength = type === format.NAME_RECORD_IPV4 ? 4 : 16;
    if (length < addressLength) throw block.corrupt(8 + at, `has a name record of ${length} bytes`);
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(value.subarray(addressLength));
    names.push({
      address: value.slice(0, addressLength),
      names: text.split('\0').filter((name) => name.length > 0),
    });
  }
  return { kind: 'names', offset: block.offset, names, comments: block.options(at).comments };
}

/** How to turn ticks into nanoseconds: if_tsresol is a power of ten, or of two if its high bit is set. */
function stampScale(resolution: number, offsetSeconds: bigint, snapLength: number): StampScale {
  const offset = offsetSeconds * 1_000_000_000n;
  const exponent = BigInt(resolution & 0x7f);
  if ((resolution & 0x80) !== 0) {
    return { multiplier: 1_000_000_000n, divisor: 2n ** exponent, offset, snapLength };
  }
  return exponent <= 9n
    ? { multiplier: 10n ** (9n - exponent), divisor: 1n, offset, snapLength }
    : { multiplier: 1n, divisor: 10n ** (exponent - 9n), offset, snapLength };
}

function unixNanoseconds(scale: StampScale, high: number, low: number): bigint {
  const ticks = (BigInt(high) << 32n) | BigInt(low);
  const scaled = scale.multiplier === 1n ? ticks : ticks * scale.multiplier;
  return (scale.divisor === 1n ? scaled : scaled / scale.divisor) + scale.offset;
}
