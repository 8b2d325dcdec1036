/** What the tests of captures share: running a reader over chunks, and writing into memory. */

import { WireError } from '../wireError.ts';
import { CaptureReader, type CaptureReaderOptions } from './captureReader.ts';
import type { CaptureRecord, PacketRecord } from './records.ts';

/** What came out of an input: the records, their packet data copied, and the error that ended it. */
export interface ReadResult {
  records: CaptureRecord[];
  packets: PacketRecord[];
  error: WireError | undefined;
}

/** Runs a reader over the input in chunks of the given sizes, in turn. */
export function readAll(
  input: Uint8Array,
  chunkSizes: readonly number[] = [65536],
  options: CaptureReaderOptions = {},
): ReadResult {
  const reader = new CaptureReader(options);
  const result: ReadResult = { records: [], packets: [], error: undefined };
  const drain = (): void => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      const kept = record.kind === 'packet' ? { ...record, data: record.data.slice() } : record;
      result.records.push(kept);
      if (kept.kind === 'packet') result.packets.push(kept);
    }
  };
  try {
    for (let at = 0, turn = 0; at < input.length; turn++) {
      const size = Math.max(1, chunkSizes[turn % chunkSizes.length]);
      reader.push(input.subarray(at, at + size));
      at += size;
      drain();
    }
    reader.end();
    drain();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    result.error = error;
  }
  return result;
}

/** A sink that keeps everything. */
export class MemorySink {
  private readonly parts: Uint8Array[] = [];

  readonly sink = (bytes: Uint8Array): void => {
    this.parts.push(bytes.slice());
  };

  bytes(): Uint8Array {
    const whole = new Uint8Array(this.parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

/** Bytes from hexadecimal text with spaces. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s+/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
