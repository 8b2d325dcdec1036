/**
 * The bytes a capture reader holds: what has been pushed and not yet consumed, with their place in the input.
 */

/** A growing, compacting byte buffer that knows how far into the input it stands. */
export class ByteQueue {
  bytes: Uint8Array = new Uint8Array(new ArrayBuffer(65536));
  view: DataView = new DataView(this.bytes.buffer);
  /** Index in `bytes` of the first byte held. */
  start = 0;
  /** Bytes held. */
  available = 0;
  /** Place in the input of the first byte held. */
  offset = 0;
  /** Bytes of the input still to come that nobody wants. */
  toSkip = 0;

  /** Adds a chunk behind what is held. Views handed out before become invalid. */
  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.toSkip, chunk.length);
    this.toSkip -= skipped;
    this.offset += skipped;
    const rest = chunk.length - skipped;
    if (rest === 0) return;
    this.makeRoom(rest);
    this.bytes.set(skipped === 0 ? chunk : chunk.subarray(skipped), this.start + this.available);
    this.available += rest;
  }

  /** Drops `count` bytes from the front; bytes not here yet are dropped as they come. */
  consume(count: number): void {
    const here = Math.min(count, this.available);
    this.start += here;
    this.available -= here;
    this.offset += here;
    this.toSkip = count - here;
  }

  private makeRoom(count: number): void {
    const needed = this.available + count;
    if (this.start + needed <= this.bytes.length) return;
    if (needed <= this.bytes.length) {
      this.bytes.copyWithin(0, this.start, this.start + this.available);
    } else {
      const grown = new Uint8Array(new ArrayBuffer(2 ** Math.ceil(Math.log2(needed))));
      grown.set(this.bytes.subarray(this.start, this.start + this.available));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    this.start = 0;
  }
}
