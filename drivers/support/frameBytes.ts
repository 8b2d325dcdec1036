/**
 * Bytes of frames in kernel memory: copying, gathering and the Internet checksum, by words where the alignment allows.
 * Implements RFC 1071 (checksum) over MDL chains.
 */

import { type Address, type KernelMemory, MDL, NET_BUFFER } from '../../src/machine/index.ts';

const NB_CURRENT_MDL = NET_BUFFER.offset.CurrentMdl;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const MDL_NEXT = MDL.offset.Next;
const MDL_ADDRESS = MDL.offset.MappedSystemVa;
const MDL_BYTE_COUNT = MDL.offset.ByteCount;

/** From this length on the engine's block move is faster than a loop. */
const BLOCK_MOVE_FROM = 192;

/** Copies `length` bytes that do not overlap. */
export function copyBytes(memory: KernelMemory, to: Address, from: Address, length: number): void {
  const { u8 } = memory;
  if (length >= BLOCK_MOVE_FROM || ((to ^ from) & 3) !== 0) {
    u8.copyWithin(to, from, from + length);
    return;
  }
  const end = from + length;
  const distance = to - from;
  let at = from;
  while ((at & 3) !== 0 && at < end) {
    u8[at + distance] = u8[at];
    at++;
  }
  const { i32 } = memory;
  const words = distance >> 2;
  for (; at + 4 <= end; at += 4) i32[(at >> 2) + words] = i32[at >> 2];
  for (; at < end; at++) u8[at + distance] = u8[at];
}

/**
 * The sum of 16-bit words from an even address on, in the byte order of the machine and not folded; an odd last byte
 * counts as if a zero followed.
 */
export function sumBytes(memory: KernelMemory, from: Address, length: number): number {
  const { u8, u16, u32 } = memory;
  let at = from;
  let left = length;
  let sum = 0;
  if ((at & 2) !== 0 && left >= 2) {
    sum = u16[at >> 1];
    at += 2;
    left -= 2;
  }
  for (; left >= 4; left -= 4) {
    const word = u32[at >> 2];
    sum += (word & 0xffff) + (word >>> 16);
    at += 4;
  }
  if (left >= 2) {
    sum += u16[at >> 1];
    at += 2;
    left -= 2;
  }
  return left === 1 ? sum + u8[at] : sum;
}

/** Folds a sum into 16 bits. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return folded;
}

/** Where the frame of a net buffer lies in one piece, or 0 where it is spread over several MDLs or its MDLs are too short. */
export function frameAddress(memory: KernelMemory, buffer: Address): Address {
  const { i32, u32 } = memory;
  const mdl = i32[(buffer + NB_CURRENT_MDL) >> 2];
  const offset = u32[(buffer + NB_CURRENT_MDL_OFFSET) >> 2];
  if (mdl === 0 || offset + u32[(buffer + NB_DATA_LENGTH) >> 2] > u32[(mdl + MDL_BYTE_COUNT) >> 2]) return 0;
  return i32[(mdl + MDL_ADDRESS) >> 2] + offset;
}

/** Copies up to `limit` bytes of a net buffer's frame to one place and gives how many there were. */
export function gatherFrame(memory: KernelMemory, buffer: Address, to: Address, limit: number): number {
  const { u8, i32, u32 } = memory;
  const length = Math.min(u32[(buffer + NB_DATA_LENGTH) >> 2], limit);
  let offset = u32[(buffer + NB_CURRENT_MDL_OFFSET) >> 2];
  let done = 0;
  for (let mdl = i32[(buffer + NB_CURRENT_MDL) >> 2]; mdl !== 0 && done < length; ) {
    const room = u32[(mdl + MDL_BYTE_COUNT) >> 2] - offset;
    const bytes = Math.min(room, length - done);
    const source = i32[(mdl + MDL_ADDRESS) >> 2] + offset;
    u8.copyWithin(to + done, source, source + bytes);
    done += bytes;
    offset = 0;
    mdl = i32[(mdl + MDL_NEXT) >> 2];
  }
  return done;
}
