/** The Internet checksum (RFC 1071), for frames whose sender left it to the device. */

import { CHECKSUM_NEEDED, CHECKSUM_VALID, type FrameBatch } from './frameBatch.ts';

/**
 * Completes a checksum that a slot says is needed: the bytes from `checksumStart` on are summed, the pseudo
 * header's part stands in the field already. False if the members point outside the frame.
 */
export function completeChecksum(batch: FrameBatch, slot: number): boolean {
  const { memory } = batch;
  const start = batch.offset[slot] + batch.checksumStart[slot];
  const end = batch.offset[slot] + batch.length[slot];
  const field = start + batch.checksumOffset[slot];
  if (field + 2 > end) return false;
  let sum = 0;
  let at = start;
  for (; at + 1 < end; at += 2) sum += (memory[at] << 8) | memory[at + 1];
  if (at < end) sum += memory[at] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  // Zero means "no checksum" to UDP; its other form is all ones.
  const checksum = ~sum & 0xffff || 0xffff;
  memory[field] = checksum >> 8;
  memory[field + 1] = checksum & 0xff;
  batch.flags[slot] = (batch.flags[slot] & ~CHECKSUM_NEEDED) | CHECKSUM_VALID;
  return true;
}
