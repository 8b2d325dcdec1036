/**
 * IEEE 802.1Q tags inside frames: putting one into a frame that is sent, taking it out again when the frame comes
 * back, and reading one. Implements IEEE 802.1Q, clause 9, and "NET_BUFFER Retreat and Advance Operations" (network).
 */

import {
  type Address,
  type DriverImports,
  type KernelMemory,
  MDL,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
} from '../../src/machine/index.ts';

/** Bytes of a tag: the type 0x8100, then priority and VLAN id. */
export const VLAN_TAG = 4;
/** 0x8100 as it stands in memory. */
export const TYPE_VLAN = 0x0081;
const ADDRESSES = 12;
const NB_CURRENT_MDL = NET_BUFFER.offset.CurrentMdl;
const NB_CURRENT_MDL_OFFSET = NET_BUFFER.offset.CurrentMdlOffset;
const NB_DATA_LENGTH = NET_BUFFER.offset.DataLength;
const MDL_NEXT = MDL.offset.Next;
const MDL_ADDRESS = MDL.offset.MappedSystemVa;
const MDL_BYTE_COUNT = MDL.offset.ByteCount;

/** Where byte `index` of a frame lies, or 0. */
export function frameByteAddress(memory: KernelMemory, buffer: Address, index: number): Address {
  const { i32, u32 } = memory;
  let at = u32[(buffer + NB_CURRENT_MDL_OFFSET) >> 2] + index;
  for (let mdl = i32[(buffer + NB_CURRENT_MDL) >> 2]; mdl !== 0; mdl = i32[(mdl + MDL_NEXT) >> 2]) {
    const bytes = u32[(mdl + MDL_BYTE_COUNT) >> 2];
    if (at < bytes) return i32[(mdl + MDL_ADDRESS) >> 2] + at;
    at -= bytes;
  }
  return 0;
}

/** Where the first `length` bytes lie in one piece, or 0. */
function pieceAddress(memory: KernelMemory, buffer: Address, length: number): Address {
  const { i32, u32 } = memory;
  const mdl = i32[(buffer + NB_CURRENT_MDL) >> 2];
  const offset = u32[(buffer + NB_CURRENT_MDL_OFFSET) >> 2];
  if (mdl === 0 || offset + length > u32[(mdl + MDL_BYTE_COUNT) >> 2]) return 0;
  return i32[(mdl + MDL_ADDRESS) >> 2] + offset;
}

/**
 * Puts a tag into a frame: the data start goes back by four bytes, the addresses follow it. False when memory is short
 * or the frame has no addresses; the frame is as it was then. `tci`: priority and VLAN id, 16 bits.
 */
export function insertTag(imports: DriverImports, buffer: Address, tci: number): boolean {
  const { memory, ndis } = imports;
  const { u8 } = memory;
  if (memory.u32[(buffer + NB_DATA_LENGTH) >> 2] < ADDRESSES) return false;
  if (ndis.NdisRetreatNetBufferDataStart(buffer, VLAN_TAG, 0, null) !== NDIS_STATUS_SUCCESS) return false;
  const piece = pieceAddress(memory, buffer, ADDRESSES + VLAN_TAG);
  if (piece !== 0) {
    u8.copyWithin(piece, piece + VLAN_TAG, piece + VLAN_TAG + ADDRESSES);
    u8[piece + ADDRESSES] = 0x81;
    u8[piece + ADDRESSES + 1] = 0;
    u8[piece + ADDRESSES + 2] = tci >> 8;
    u8[piece + ADDRESSES + 3] = tci & 0xff;
    return true;
  }
  for (let i = 0; i < ADDRESSES; i++)
    u8[frameByteAddress(memory, buffer, i)] = u8[frameByteAddress(memory, buffer, i + VLAN_TAG)];
  u8[frameByteAddress(memory, buffer, ADDRESSES)] = 0x81;
  u8[frameByteAddress(memory, buffer, ADDRESSES + 1)] = 0;
  u8[frameByteAddress(memory, buffer, ADDRESSES + 2)] = tci >> 8;
  u8[frameByteAddress(memory, buffer, ADDRESSES + 3)] = tci & 0xff;
  return true;
}

/** Undoes insertTag: the frame is its sender's again, byte for byte. */
export function removeTag(imports: DriverImports, buffer: Address): void {
  const { memory, ndis } = imports;
  const { u8 } = memory;
  const piece = pieceAddress(memory, buffer, ADDRESSES + VLAN_TAG);
  if (piece !== 0) u8.copyWithin(piece + VLAN_TAG, piece, piece + ADDRESSES);
  else
    for (let i = ADDRESSES - 1; i >= 0; i--)
      u8[frameByteAddress(memory, buffer, i + VLAN_TAG)] = u8[frameByteAddress(memory, buffer, i)];
  ndis.NdisAdvanceNetBufferDataStart(buffer, VLAN_TAG, true, null);
}

/** Byte `index` of a frame, which is that long. */
export function frameByte(memory: KernelMemory, buffer: Address, index: number): number {
  return memory.u8[frameByteAddress(memory, buffer, index)];
}
