/**
 * The ten-byte virtio_net_hdr that the kernel puts before frames, between native memory and a batch: Virtual I/O
 * Device specification 1.2, section 5.1.6; the same layout in linux/virtio_net.h.
 */

import { CHECKSUM_NEEDED, CHECKSUM_VALID, type FrameBatch } from '../frameBatch.ts';

/** Bytes of struct virtio_net_hdr. */
export const VIRTIO_HEADER_SIZE = 10;

/** Reads a header into the offload members of a slot. */
export function readVirtioHeader(view: DataView, at: number, batch: FrameBatch, slot: number): void {
  batch.flags[slot] = view.getUint8(at) & (CHECKSUM_NEEDED | CHECKSUM_VALID);
  batch.segmentationType[slot] = view.getUint8(at + 1);
  batch.headerLength[slot] = view.getUint16(at + 2, true);
  batch.segmentSize[slot] = view.getUint16(at + 4, true);
  batch.checksumStart[slot] = view.getUint16(at + 6, true);
  batch.checksumOffset[slot] = view.getUint16(at + 8, true);
  batch.vlan[slot] = 0;
}

/**
 * Writes the header of a slot.
 * @param shift bytes that the frame grows before its network header, by a VLAN tag that is put in.
 */
export function writeVirtioHeader(
  view: DataView,
  at: number,
  batch: FrameBatch,
  slot: number,
  shift: number,
): void {
  const needed = batch.flags[slot] & CHECKSUM_NEEDED;
  view.setUint8(at, needed);
  view.setUint8(at + 1, batch.segmentationType[slot]);
  view.setUint16(at + 2, batch.segmentationType[slot] === 0 ? 0 : batch.headerLength[slot] + shift, true);
  view.setUint16(at + 4, batch.segmentSize[slot], true);
  view.setUint16(at + 6, needed === 0 ? 0 : batch.checksumStart[slot] + shift, true);
  view.setUint16(at + 8, needed === 0 ? 0 : batch.checksumOffset[slot], true);
}
