/**
 * Blocks of a pcapng capture that wait to be read: a ring in kernel memory. A frame that finds no room is dropped and
 * counted, so what is read is a gapless run from the oldest block on.
 * Implements "PCAP Now Generic (pcapng) Capture File Format" (draft-ietf-opsawg-pcapng): section header, interface
 * description and enhanced packet blocks.
 */

import { type Address, type KernelMemory, NET_BUFFER } from '../../src/machine/index.ts';
import { gatherFrame } from '../support/frameBytes.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION_IF_NAME = 2;
const OPTION_IF_TSRESOL = 9;
const OPTION_EPB_FLAGS = 2;
/** Stamps count tenths of a microsecond. */
const RESOLUTION = 7;
/** 1 January 1970 in the system time, which counts from 1601. */
const UNIX_EPOCH = 116_444_736_000_000_000n;
/** Bytes of an enhanced packet block without its frame: header, option with flags, end of options, length. */
const PACKET_OVERHEAD = 28 + 8 + 4 + 4;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
/** In place of a block type: the rest of the ring is unused, the next block is at its start. */
const WRAP = 0xffff_ffff;

/** epb_flags: which way a frame went. */
export const INBOUND = 1;
export const OUTBOUND = 2;

const padded = (bytes: number): number => (bytes + 3) & ~3;

export class BlockRing {
  readonly #memory: KernelMemory;
  readonly #start: Address;
  readonly #size: number;
  /** Where the oldest block is and where the next one goes, from the start; equal when `count` is 0. */
  #first = 0;
  #next = 0;
  /** Blocks that wait. */
  count = 0;

  /** A ring over `size` bytes at `start`, both multiples of 4. */
  constructor(memory: KernelMemory, start: Address, size: number) {
    this.#memory = memory;
    this.#start = start;
    this.#size = size;
  }

  /** Begins a capture: forgets what waits and writes the section header. */
  begin(): void {
    this.count = 0;
    this.#first = 0;
    this.#next = 0;
    const at = this.#block(SECTION_HEADER, 28);
    const { u32 } = this.#memory;
    u32[(at + 8) >> 2] = BYTE_ORDER_MAGIC;
    // Version 1.0; the length of the section is not known.
    u32[(at + 12) >> 2] = 1;
    u32[(at + 16) >> 2] = 0xffff_ffff;
    u32[(at + 20) >> 2] = 0xffff_ffff;
  }

  /** Describes the next interface; false where there is no room. The name is ASCII. */
  pushInterface(name: string, snapLength: number): boolean {
    const { u8, u16, u32 } = this.#memory;
    const nameLength = padded(name.length);
    const at = this.#block(INTERFACE_DESCRIPTION, 16 + 4 + nameLength + 8 + 4 + 4);
    if (at === 0) return false;
    u32[(at + 8) >> 2] = LINKTYPE_ETHERNET;
    u32[(at + 12) >> 2] = snapLength;
    u16[(at + 16) >> 1] = OPTION_IF_NAME;
    u16[(at + 18) >> 1] = name.length;
    u8.fill(0, at + 20, at + 20 + nameLength);
    for (let i = 0; i < name.length; i++) u8[at + 20 + i] = name.charCodeAt(i);
    const option = at + 20 + nameLength;
    u16[option >> 1] = OPTION_IF_TSRESOL;
    u16[(option + 2) >> 1] = 1;
    u32[(option + 4) >> 2] = RESOLUTION;
    u32[(option + 8) >> 2] = 0;
    return true;
  }

  /** Appends the frame of a net buffer, cut to `limit` bytes; false where there is no room. `time`: the system time. */
  pushFrame(id: number, buffer: Address, limit: number, time: bigint, direction: number): boolean {
    const { u8, u16, u32 } = this.#memory;
    const length = u32[(buffer + NB_DATA_LENGTH) >> 2];
    const captured = Math.min(length, limit);
    const at = this.#block(ENHANCED_PACKET, PACKET_OVERHEAD + padded(captured));
    if (at === 0) return false;
    const stamp = time - UNIX_EPOCH;
    u32[(at + 8) >> 2] = id;
    u32[(at + 12) >> 2] = Number(BigInt.asUintN(32, stamp >> 32n));
    u32[(at + 16) >> 2] = Number(BigInt.asUintN(32, stamp));
    u32[(at + 20) >> 2] = captured;
    u32[(at + 24) >> 2] = length;
    const end = at + 28 + padded(captured);
    u8.fill(0, at + 28 + captured, end);
    gatherFrame(this.#memory, buffer, at + 28, captured);
    u16[end >> 1] = OPTION_EPB_FLAGS;
    u16[(end + 2) >> 1] = 4;
    u32[(end + 4) >> 2] = direction;
    u32[(end + 8) >> 2] = 0;
    return true;
  }

  /** Moves whole blocks to `to`, as many as `room` bytes hold; gives their bytes, or -1 where the first is too long. */
  pop(to: Address, room: number): number {
    const { u8, u32 } = this.#memory;
    let done = 0;
    while (this.count > 0) {
      if (this.#first === this.#size || u32[(this.#start + this.#first) >> 2] === WRAP) this.#first = 0;
      const at = this.#start + this.#first;
      const length = u32[(at + 4) >> 2];
      if (done + length > room) return done === 0 ? -1 : done;
      u8.copyWithin(to + done, at, at + length);
      this.#first += length;
      this.count--;
      done += length;
    }
    this.#first = 0;
    this.#next = 0;
    return done;
  }

  /** A block with its type and both lengths, or 0 where there is no room for it in one piece. */
  #block(type: number, length: number): Address {
    const at = this.#reserve(length);
    if (at === 0) return 0;
    const { u32 } = this.#memory;
    u32[at >> 2] = type;
    u32[(at + 4) >> 2] = length;
    u32[(at + length - 4) >> 2] = length;
    this.count++;
    return at;
  }

  #reserve(bytes: number): Address {
    const wrapped = this.count > 0 && this.#next <= this.#first;
    const end = wrapped ? this.#first : this.#size;
    if (this.#next + bytes <= end) {
      const at = this.#start + this.#next;
      this.#next += bytes;
      return at;
    }
    if (wrapped || bytes > this.#first) return 0;
    if (this.#next < this.#size) this.#memory.u32[(this.#start + this.#next) >> 2] = WRAP;
    this.#next = bytes;
    return this.#start;
  }
}
