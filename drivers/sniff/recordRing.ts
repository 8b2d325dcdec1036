/**
 * The captured frames that wait to be read: a ring of records in kernel memory. When it is full new frames are
 * dropped and counted, so what is read is a gapless run from the oldest on.
 *
 * A record, little-endian: ULONG length of this header (32), ULONG interface index, LONGLONG system time in units of
 * 100 ns, ULONG bytes captured, ULONG bytes of the frame, ULONG VLAN information out of band, ULONG 0, the bytes.
 */

import { type Address, type KernelMemory, NET_BUFFER } from '../../src/machine/index.ts';
import { gatherFrame } from '../support/frameBytes.ts';

/** Bytes of a record before those of the frame. */
export const RECORD_HEADER = 32;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
/** In place of a header length: the rest of the ring is unused, the next record is at its start. */
const WRAP = 0xffff_ffff;

/** Captured frames, oldest first. */
export class RecordRing {
  readonly #memory: KernelMemory;
  readonly #start: Address;
  readonly #size: number;
  /** Where the oldest record is and where the next one goes, from the start; equal when `count` is 0. */
  #first = 0;
  #next = 0;
  /** Records that wait. */
  count = 0;

  /** A ring over `size` bytes at `start`, both multiples of 8. */
  constructor(memory: KernelMemory, start: Address, size: number) {
    this.#memory = memory;
    this.#start = start;
    this.#size = size;
  }

  /**
   * Appends the frame of a net buffer, cut to `limit` bytes; false where there is no room. `time` is where the system
   * time stands, `vlan` an NDIS_NET_BUFFER_LIST_8021Q_INFO.
   */
  push(buffer: Address, limit: number, ifIndex: number, time: Address, vlan: number): boolean {
    const { u32 } = this.#memory;
    const length = u32[(buffer + NB_DATA_LENGTH) >> 2];
    const captured = Math.min(length, limit);
    const at = this.#reserve((RECORD_HEADER + captured + 7) & ~7);
    if (at === 0) return false;
    u32[at >> 2] = RECORD_HEADER;
    u32[(at + 4) >> 2] = ifIndex;
    u32[(at + 8) >> 2] = u32[time >> 2];
    u32[(at + 12) >> 2] = u32[(time + 4) >> 2];
    u32[(at + 16) >> 2] = gatherFrame(this.#memory, buffer, at + RECORD_HEADER, captured);
    u32[(at + 20) >> 2] = length;
    u32[(at + 24) >> 2] = vlan;
    u32[(at + 28) >> 2] = 0;
    this.count++;
    return true;
  }

  /** Moves the oldest record to `to`, cut to `room` bytes, which hold at least a header; gives its length, 0 for none. */
  pop(to: Address, room: number): number {
    if (this.count === 0) return 0;
    const { u8, u32 } = this.#memory;
    let at = this.#start + this.#first;
    if (this.#first === this.#size || u32[at >> 2] === WRAP) {
      this.#first = 0;
      at = this.#start;
    }
    const captured = u32[(at + 16) >> 2];
    const length = Math.min(RECORD_HEADER + captured, room);
    u8.copyWithin(to, at, at + length);
    this.#memory.data.setUint32(to + 16, length - RECORD_HEADER, true);
    this.#first += (RECORD_HEADER + captured + 7) & ~7;
    this.count--;
    if (this.count === 0) this.clear();
    return length;
  }

  /** Forgets every record. */
  clear(): void {
    this.count = 0;
    this.#first = 0;
    this.#next = 0;
  }

  /** Room for a record in one piece, or 0. */
  #reserve(bytes: number): Address {
    const { u32 } = this.#memory;
    const wrapped = this.count > 0 && this.#next <= this.#first;
    const end = wrapped ? this.#first : this.#size;
    if (this.#next + bytes <= end) {
      const at = this.#start + this.#next;
      this.#next += bytes;
      return at;
    }
    if (wrapped || bytes > this.#first) return 0;
    if (this.#next < this.#size) u32[(this.#start + this.#next) >> 2] = WRAP;
    this.#next = bytes;
    return this.#start;
  }
}
