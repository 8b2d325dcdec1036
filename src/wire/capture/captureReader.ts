/**
 * Reads captures as a stream: chunks in, records out, whichever of pcap and pcapng it is. Memory is bounded by
 * the longest record plus one chunk; a fault is reported with its byte offset after all records before it.
 */

import { WireError } from '../wireError.ts';
import { ByteQueue } from './byteQueue.ts';
import { PcapngParser } from './pcapngReader.ts';
import { PcapParser } from './pcapReader.ts';
import type { CaptureRecord } from './records.ts';

/** Bounds of a reader. */
export interface CaptureReaderOptions {
  /** Bytes of the longest record (pcapng: block) that is held in memory. Default 1 MiB. */
  readonly maximumRecordSize?: number;
  /** Interfaces of one section. Default 4096. */
  readonly maximumInterfaces?: number;
}

/** What a format does with the bytes at hand. */
export interface CaptureParser {
  /** The next record, or undefined if it needs more bytes. @throws WireError with the offset of the fault. */
  parse(queue: ByteQueue): CaptureRecord | undefined;
}

const DEFAULT_MAXIMUM_RECORD_SIZE = 1 << 20;
const DEFAULT_MAXIMUM_INTERFACES = 4096;

/** A streaming reader: `push` a chunk, take records from `next` until it gives undefined, and so on, then `end`. */
export class CaptureReader {
  private readonly queue = new ByteQueue();
  private readonly maximumRecordSize: number;
  private readonly maximumInterfaces: number;
  private parser: CaptureParser | undefined;
  private ended = false;
  private failure: WireError | undefined;

  constructor(options: CaptureReaderOptions = {}) {
    this.maximumRecordSize = options.maximumRecordSize ?? DEFAULT_MAXIMUM_RECORD_SIZE;
    this.maximumInterfaces = options.maximumInterfaces ?? DEFAULT_MAXIMUM_INTERFACES;
  }

  /** Place in the input of the next record. */
  get offset(): number {
    return this.queue.offset;
  }

  /**
   * Gives the reader more of the input, which is copied. Views in records taken before become invalid.
   * @throws WireError CAPTURE_MISUSE after `end`, or if records have not been taken and the bound is reached.
   */
  push(chunk: Uint8Array): void {
    if (this.ended) {
      throw new WireError('CAPTURE_MISUSE', 'push was called after end: make a new CaptureReader.');
    }
    if (this.failure !== undefined) return;
    if (this.queue.available > this.maximumRecordSize) {
      throw new WireError(
        'CAPTURE_MISUSE',
        `${this.queue.available} bytes wait in the reader: call next until it returns undefined before pushing more.`,
      );
    }
    this.queue.push(chunk);
  }

  /** Says that the input is complete, so that a record cut short is an error and not a wait. */
  end(): void {
    this.ended = true;
  }

  /**
   * The next record; undefined if there is none until more is pushed, or ever, after `end`.
   * @throws WireError CAPTURE_..., and the same one on every later call.
   */
  next(): CaptureRecord | undefined {
    if (this.failure !== undefined) throw this.failure;
    try {
      this.parser ??= this.detect();
      const record = this.parser?.parse(this.queue);
      if (record === undefined && this.ended) this.checkEnd();
      return record;
    } catch (error) {
      if (error instanceof WireError) this.failure = error;
      throw error;
    }
  }

  private detect(): CaptureParser | undefined {
    if (this.queue.available < 4) return undefined;
    const { view, start } = this.queue;
    const magic = view.getUint32(start);
    switch (magic) {
      case 0x0a0d0d0a:
        return new PcapngParser(this.maximumRecordSize, this.maximumInterfaces);
      case 0xa1b2c3d4:
        return new PcapParser(this.maximumRecordSize, false, false);
      case 0xa1b23c4d:
        return new PcapParser(this.maximumRecordSize, false, true);
      case 0xd4c3b2a1:
        return new PcapParser(this.maximumRecordSize, true, false);
      case 0x4d3cb2a1:
        return new PcapParser(this.maximumRecordSize, true, true);
    }
    throw notACapture(magic);
  }

  private checkEnd(): void {
    const { available, offset, toSkip } = this.queue;
    if (available === 0 && toSkip === 0 && this.parser !== undefined) return;
    if (this.parser === undefined && available === 0) {
      throw new WireError(
        'CAPTURE_NOT_A_CAPTURE',
        'The capture is empty (0 bytes): give a pcap or pcapng file.',
        { offset },
      );
    }
    throw new WireError(
      'CAPTURE_TRUNCATED',
      `The capture ends inside the record that begins near byte ${offset}: everything before it was delivered; ` +
        'capture again, or cut the file there.',
      { offset },
    );
  }
}

function notACapture(magic: number): WireError {
  const shown = `0x${magic.toString(16).padStart(8, '0')}`;
  if (magic >>> 16 === 0x1f8b || magic === 0x28b52ffd || magic === 0x04224d18) {
    return new WireError(
      'CAPTURE_UNSUPPORTED',
      `The capture is compressed (it begins with ${shown}): decompress it first.`,
      { offset: 0 },
    );
  }
  if (magic === 0xa1b2cd34 || magic === 0x34cdb2a1) {
    return new WireError(
      'CAPTURE_UNSUPPORTED',
      `The capture is in the "modified" pcap format (${shown}): convert it with "editcap -F pcapng IN OUT".`,
      { offset: 0 },
    );
  }
  return new WireError(
    'CAPTURE_NOT_A_CAPTURE',
    `The input begins with ${shown}, which neither pcap nor pcapng does: give a capture file, or convert it ` +
      'with "editcap -F pcapng IN OUT".',
    { offset: 0 },
  );
}
