/**
 * Bytes of WebAssembly code, written front to back. Implements "Binary Format" of the WebAssembly Core
 * Specification 2.0, chapter 5: integers in LEB128, vectors with their count first.
 */

/** Largest LEB128 form of a 32-bit number. */
const MAX_LEB = 5;

export class Code {
  bytes = new Uint8Array(512);
  length = 0;

  /** One byte: an opcode, a type. */
  byte(value: number): void {
    if (this.length === this.bytes.length) this.#grow(1);
    this.bytes[this.length++] = value;
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    if (this.length + MAX_LEB > this.bytes.length) this.#grow(MAX_LEB);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** Signed LEB128 of a 32-bit number. */
  s32(value: number): void {
    if (this.length + MAX_LEB > this.bytes.length) this.#grow(MAX_LEB);
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.bytes[this.length++] = rest & 0x7f;
  }

  /** Signed LEB128 of a 64-bit number given by its halves. */
  s64(low: number, high: number): void {
    if (high === low >> 31) {
      this.s32(low);
      return;
    }
    if (this.length + 10 > this.bytes.length) this.#grow(10);
    let l = low | 0;
    let h = high | 0;
    // Ends when what is left is the sign of the last group.
    while (!((h === 0 && l >= 0 && l < 64) || (h === -1 && l < 0 && l >= -64))) {
      this.bytes[this.length++] = (l & 0x7f) | 0x80;
      l = (l >>> 7) | (h << 25);
      h >>= 7;
    }
    this.bytes[this.length++] = l & 0x7f;
  }

  /** Other code, as it is. */
  append(other: Code): void {
    if (this.length + other.length > this.bytes.length) this.#grow(other.length);
    this.bytes.set(other.bytes.subarray(0, other.length), this.length);
    this.length += other.length;
  }

  /** Text as a vector of its bytes; names here are ASCII. */
  text(value: string): void {
    this.u32(value.length);
    for (let index = 0; index < value.length; index++) this.byte(value.charCodeAt(index));
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }

  #grow(by: number): void {
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + by));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}
