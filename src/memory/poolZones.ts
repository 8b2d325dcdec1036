/**
 * Patterns around and in the blocks of a checked pool, as special pool and Driver Verifier use them.
 */

import type { Address } from './addressSpace.ts';
import type { KernelMemory } from './memory.ts';

/** Bytes that must stay as they are before and behind a block. */
export const RED_ZONE = 16;
export const RED_ZONE_FILL = 0xfd;
export const ALLOCATED_FILL = 0xcd;
export const FREED_FILL = 0xdd;

/** Below this many bytes a loop is faster than TypedArray.fill. */
const LONG = 128;

/** Fills a range with a byte. */
export function fillRange(memory: KernelMemory, value: number, start: Address, end: Address): void {
  const { u8 } = memory;
  if (end - start > LONG) u8.fill(value, start, end);
  else for (let at = start; at < end; at++) u8[at] = value;
}

/** The first address in a range whose byte is not `value`, 0 for none. */
export function firstOther(memory: KernelMemory, value: number, start: Address, end: Address): Address {
  const { u8, i32 } = memory;
  const word = Math.imul(value, 0x01010101);
  let at = start;
  while (at < end) {
    // Whole words are compared at once; the loop below finds the byte in a word that differs.
    if ((at & 3) === 0 && at + 4 <= end && i32[at >> 2] === word) {
      at += 4;
      continue;
    }
    if (u8[at] !== value) return at;
    at++;
  }
  return 0;
}
