/**
 * The iovecs of one frame to be sent: virtio header if there is one, then the frame, cut in two around a VLAN tag
 * that is to be put in. Nothing is copied but the header and the tag.
 */

import type { FrameBatch } from '../frameBatch.ts';
import type { NativeBlock } from './systemCalls.ts';
import { VIRTIO_HEADER_SIZE, writeVirtioHeader } from './virtioHeader.ts';

/** Bytes of struct iovec. */
export const VECTOR_SIZE = 16;
/** The most iovecs a frame takes: header, addresses, tag, rest. */
export const MAXIMUM_VECTORS = 4;
/** Bytes of scratch memory a frame takes: virtio header at 0, VLAN tag at 12. */
export const SCRATCH_SIZE = 16;

const TAG_AT = 12;
const ADDRESSES_SIZE = 12;
const TAG_SIZE = 4;

/** Sets the iovec at `at`. */
export function setVector(block: NativeBlock, at: number, address: number, length: number): void {
  block.setNumber(at, address);
  block.setNumber(at + 8, length);
}

/**
 * Writes the iovecs of a slot at `vectorsAt` of `block`, with scratch memory at `scratchAt`.
 * @param frameAddress where the frame begins.
 * @returns how many iovecs.
 */
export function setFrameVectors(
  block: NativeBlock,
  vectorsAt: number,
  scratchAt: number,
  batch: FrameBatch,
  slot: number,
  frameAddress: number,
  withHeader: boolean,
): number {
  const length = batch.length[slot];
  const vlan = batch.vlan[slot];
  let at = vectorsAt;
  if (withHeader) {
    writeVirtioHeader(block.view, scratchAt, batch, slot, vlan === 0 ? 0 : TAG_SIZE);
    setVector(block, at, block.address + scratchAt, VIRTIO_HEADER_SIZE);
    at += VECTOR_SIZE;
  }
  if (vlan === 0) {
    setVector(block, at, frameAddress, length);
    return (at - vectorsAt) / VECTOR_SIZE + 1;
  }
  block.view.setUint32(scratchAt + TAG_AT, vlan);
  setVector(block, at, frameAddress, ADDRESSES_SIZE);
  setVector(block, at + VECTOR_SIZE, block.address + scratchAt + TAG_AT, TAG_SIZE);
  setVector(block, at + 2 * VECTOR_SIZE, frameAddress + ADDRESSES_SIZE, length - ADDRESSES_SIZE);
  return (at - vectorsAt) / VECTOR_SIZE + 3;
}
