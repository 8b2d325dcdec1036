/**
 * The buffer behind the capture writers: bytes gather in it and go to a sink in large pieces.
 */

/** Takes bytes in order. The view is valid only during the call. May throw; the writer passes it on. */
export type ByteSink = (bytes: Uint8Array) => void;

/** Copies at least this long are left to the engine; below, a loop is faster than making a view. */
const LOOP_COPY_LIMIT = 160;

/** A buffer with a write position, in one byte order. */
export class ByteWriter {
  bytes: Uint8Array;
  view: DataView;
  position = 0;
  readonly littleEndian: boolean;
  private readonly sink: ByteSink;
  /** The memory copied from last, and a view of it. */
  private source: Uint8Array | undefined;
  private sourceView: DataView = new DataView(new ArrayBuffer(0));

  constructor(sink: ByteSink, littleEndian: boolean, size: number) {
    this.sink = sink;
    this.littleEndian = littleEndian;
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `count` bytes in one piece, flushing if need be. */
  reserve(count: number): void {
    if (this.position + count <= this.bytes.length) return;
    this.flush();
    if (count > this.bytes.length) {
      this.bytes = new Uint8Array(new ArrayBuffer(2 ** Math.ceil(Math.log2(count))));
      this.view = new DataView(this.bytes.buffer);
    }
  }

  /** Gives everything to the sink. */
  flush(): void {
    if (this.position === 0) return;
    const filled = this.bytes.subarray(0, this.position);
    // What a throwing sink refused is given up, so that a full disk does not fill the memory as well.
    this.position = 0;
    this.sink(filled);
  }

  u16(value: number): void {
    this.view.setUint16(this.position, value, this.littleEndian);
    this.position += 2;
  }

  u32(value: number): void {
    this.view.setUint32(this.position, value, this.littleEndian);
    this.position += 4;
  }

  u64(value: bigint): void {
    this.view.setBigUint64(this.position, value, this.littleEndian);
    this.position += 8;
  }

  /** Copies bytes and pads with zeros to a multiple of four if asked. */
  copy(from: Uint8Array, offset: number, length: number, pad: boolean): void {
    const start = this.position;
    const end = start + length;
    if (length < LOOP_COPY_LIMIT) {
      this.copyWords(from, offset, length, start);
    } else {
      this.bytes.set(from.subarray(offset, offset + length), start);
    }
    let at = end;
    if (pad) while ((at & 3) !== 0) this.bytes[at++] = 0;
    this.position = at;
  }

  /** Four bytes at a time, at any alignment: a quarter of the cost of a loop over bytes. */
  private copyWords(from: Uint8Array, offset: number, length: number, start: number): void {
    if (from !== this.source) {
      this.source = from;
      this.sourceView = new DataView(from.buffer, from.byteOffset, from.byteLength);
    }
    const { view, sourceView, bytes } = this;
    const whole = length & ~3;
    for (let index = 0; index < whole; index += 4) {
      view.setUint32(start + index, sourceView.getUint32(offset + index, true), true);
    }
    for (let index = whole; index < length; index++) bytes[start + index] = from[offset + index];
  }
}

/** Nanoseconds relative to a fixed Unix time, turned into 64-bit ticks in two halves without a bigint. */
export class StampConverter {
  /** High and low half of the last conversion. */
  high = 0;
  low = 0;
  private readonly epochHigh: number;
  private readonly epochLow: number;
  private readonly remainder: number;
  private readonly nanosecondsPerTick: number;

  /** @param nanosecondsPerTick 1 or 1000. */
  constructor(epochNanoseconds: bigint, nanosecondsPerTick: number) {
    const perTick = BigInt(nanosecondsPerTick);
    const ticks = epochNanoseconds / perTick;
    this.epochHigh = Number(ticks >> 32n);
    this.epochLow = Number(ticks & 0xffff_ffffn);
    this.remainder = Number(epochNanoseconds % perTick);
    this.nanosecondsPerTick = nanosecondsPerTick;
  }

  /** @param stamp whole nanoseconds since the epoch given to the constructor. */
  convert(stamp: number): void {
    const ticks =
      this.nanosecondsPerTick === 1 ? stamp : Math.floor((stamp + this.remainder) / this.nanosecondsPerTick);
    const high = Math.floor(ticks / 0x1_0000_0000);
    const low = this.epochLow + (ticks - high * 0x1_0000_0000);
    const carry = low >= 0x1_0000_0000 ? 1 : 0;
    this.low = low - carry * 0x1_0000_0000;
    this.high = this.epochHigh + high + carry;
  }
}
