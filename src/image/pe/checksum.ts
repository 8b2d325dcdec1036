/**
 * The checksum of the optional header: the 16-bit words of the file, without the checksum itself, added with their
 * carries, plus the file's length. As CheckSumMappedFile of imagehlp computes it.
 */

/**
 * @param at file offset of the CheckSum member.
 * @returns the checksum of the file, unsigned.
 */
export function computeChecksum(bytes: Uint8Array, at: number): number {
  let sum = 0;
  const even = bytes.length & ~1;
  for (let offset = 0; offset < even; offset += 2) {
    if (offset >= at && offset < at + 4) continue;
    sum += bytes[offset] | (bytes[offset + 1] << 8);
    if (sum > 0xffff) sum -= 0xffff;
  }
  if (even !== bytes.length) {
    sum += bytes[even];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return (sum + bytes.length) >>> 0;
}
