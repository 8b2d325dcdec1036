/**
 * One pcapng block in memory and its options: every access checked against the block's length
 * (draft-ietf-opsawg-pcapng, sections 3.1 and 3.5).
 */

import { WireError } from '../wireError.ts';
import type { ByteQueue } from './byteQueue.ts';
import { OPTION_COMMENT, OPTION_END, pad4 } from './pcapngFormat.ts';
import { NO_COMMENTS } from './records.ts';

/** A complete block; positions are counted from its body, behind type and length. */
export class Block {
  /** Byte offset of the block in the input. */
  readonly offset: number;
  readonly bodyLength: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly start: number;
  private readonly littleEndian: boolean;

  constructor(queue: ByteQueue, length: number, littleEndian: boolean) {
    this.bytes = queue.bytes;
    this.view = queue.view;
    this.start = queue.start + 8;
    this.offset = queue.offset;
    this.bodyLength = length - 12;
    this.littleEndian = littleEndian;
  }

  u16(at: number): number {
    return this.view.getUint16(this.start + at, this.littleEndian);
  }

  u32(at: number): number {
    return this.view.getUint32(this.start + at, this.littleEndian);
  }

  u64(at: number): bigint {
    return this.view.getBigUint64(this.start + at, this.littleEndian);
  }

  i64(at: number): bigint {
    return this.view.getBigInt64(this.start + at, this.littleEndian);
  }

  /** A view of bytes of the body. @throws WireError if they reach past it. */
  data(at: number, length: number): Uint8Array {
    if (at + length > this.bodyLength) {
      throw this.corrupt(8 + at, `holds ${this.bodyLength - at} bytes of data where it claims ${length}`);
    }
    return this.bytes.subarray(this.start + at, this.start + at + length);
  }

  /** @throws WireError if the body is shorter than its fixed part. */
  need(length: number): void {
    if (this.bodyLength < length) {
      throw this.corrupt(4, `has a body of ${this.bodyLength} bytes where at least ${length} are needed`);
    }
  }

  /** @throws WireError if the length at the end differs from the one at the start. */
  checkTrailer(): void {
    const trailer = this.u32(this.bodyLength);
    const length = this.bodyLength + 12;
    if (trailer !== length) {
      throw this.corrupt(length - 4, `begins with the length ${length} and ends with ${trailer}`);
    }
  }

  /** The options from a place in the body to its end. */
  options(at: number): BlockOptions {
    return new BlockOptions(this, at);
  }

  /** The error for a fault `inside` bytes into the block. */
  corrupt(inside: number, what: string): WireError {
    return new WireError(
      'CAPTURE_CORRUPT',
      `The block at byte ${this.offset} ${what}: the file is damaged there; everything before was delivered.`,
      { offset: this.offset + inside },
    );
  }
}

/** The options of a block. Later options of the same code win, comments add up. */
export class BlockOptions {
  readonly comments: readonly string[];
  private readonly block: Block;
  /** Code and place of each option that is no comment: code, position, length, code, ... */
  private readonly places: number[] = [];

  constructor(block: Block, start: number) {
    this.block = block;
    let comments: string[] | undefined;
    let at = start;
    while (at + 4 <= block.bodyLength) {
      const code = block.u16(at);
      const length = block.u16(at + 2);
      if (code === OPTION_END) break;
      const value = block.data(at + 4, length);
      if (code === OPTION_COMMENT) (comments ??= []).push(decodeText(value));
      else this.places.push(code, at + 4, length);
      at += 4 + pad4(length);
    }
    this.comments = comments ?? NO_COMMENTS;
  }

  text(code: number): string | undefined {
    const index = this.find(code);
    return index < 0
      ? undefined
      : decodeText(this.block.data(this.places[index + 1], this.places[index + 2]));
  }

  u8(code: number): number | undefined {
    return this.bytes(code, 1)?.[0];
  }

  u32(code: number): number | undefined {
    const at = this.fixed(code, 4);
    return at < 0 ? undefined : this.block.u32(at);
  }

  u64(code: number): bigint | undefined {
    const at = this.fixed(code, 8);
    return at < 0 ? undefined : this.block.u64(at);
  }

  i64(code: number): bigint | undefined {
    const at = this.fixed(code, 8);
    return at < 0 ? undefined : this.block.i64(at);
  }

  /** A copy of an option that must have `length` bytes. */
  bytes(code: number, length: number): Uint8Array | undefined {
    const at = this.fixed(code, length);
    return at < 0 ? undefined : this.block.data(at, length).slice();
  }

  private fixed(code: number, length: number): number {
    const index = this.find(code);
    if (index < 0) return -1;
    const at = this.places[index + 1];
    if (this.places[index + 2] !== length) {
      throw this.block.corrupt(
        8 + at,
        `has an option ${code} of ${this.places[index + 2]} bytes where ${length} are expected`,
      );
    }
    return at;
  }

  private find(code: number): number {
    for (let index = this.places.length - 3; index >= 0; index -= 3) {
      if (this.places[index] === code) return index;
    }
    return -1;
  }
}

function decodeText(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  // Some writers count the terminating zero.
  return text.endsWith('\0') ? text.replace(/\0+$/, '') : text;
}
