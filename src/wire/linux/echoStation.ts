/** A station for tests and measurements: turns ARP requests, ICMP echo requests and UDP into their answers in place. */

import type { FrameBatch } from '../frameBatch.ts';

/** Rewrites the frame in a slot into its answer, at any MAC address; false if there is none. */
export function answer(batch: FrameBatch, slot: number, macAddress: Uint8Array): boolean {
  const bytes = batch.memory;
  const at = batch.offset[slot];
  const type = (bytes[at + 12] << 8) | bytes[at + 13];
  if (type === 0x0806 && bytes[at + 21] === 1) {
    const asked = bytes.slice(at + 38, at + 42);
    bytes.copyWithin(at + 32, at + 22, at + 32);
    bytes.set(macAddress, at + 22);
    bytes.set(asked, at + 28);
    bytes[at + 21] = 2;
  } else if (type === 0x0800 && bytes[at + 23] === 1 && bytes[at + 34] === 8) {
    swap(bytes, at + 26, at + 30, 4);
    bytes[at + 34] = 0;
    const sum = ((bytes[at + 36] << 8) | bytes[at + 37]) + 0x0800;
    const folded = (sum & 0xffff) + (sum >>> 16);
    bytes[at + 36] = folded >> 8;
    bytes[at + 37] = folded & 0xff;
  } else if (type === 0x0800 && bytes[at + 23] === 17) {
    // Swapping addresses and ports leaves every checksum as it is.
    swap(bytes, at + 26, at + 30, 4);
    swap(bytes, at + 34, at + 36, 2);
  } else {
    return false;
  }
  bytes.copyWithin(at, at + 6, at + 12);
  bytes.set(macAddress, at + 6);
  return true;
}

function swap(bytes: Uint8Array, left: number, right: number, length: number): void {
  for (let index = 0; index < length; index++) {
    const kept = bytes[left + index];
    bytes[left + index] = bytes[right + index];
    bytes[right + index] = kept;
  }
}
