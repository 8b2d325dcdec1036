/**
 * Packets as plain functions on numbers: the one implementation behind the macros, the translations and TypeScript
 * drivers. Implements the macros of NDIS_PACKET in ddk/ndis.h.
 */

import type { Address, KernelMemory } from '../../../memory/index.ts';
import { mdlAddress, storePointer } from '../../netBuffer/mdl.ts';
import { mdlPages } from '../../netBuffer/mdlFunctions.ts';
import { MDL_CHAIN_LIMIT } from '../../netBuffer/netBufferAccess.ts';
import { MDL_BYTE_COUNT, MDL_NEXT } from '../../netBuffer/offsets.ts';
import {
  OOB_SIZE,
  PACKET_COUNT,
  PACKET_HEAD,
  PACKET_OOB_OFFSET,
  PACKET_PHYSICAL_COUNT,
  PACKET_TAIL,
  PACKET_TOTAL_LENGTH,
  PACKET_VALID_COUNTS,
} from './offsets.ts';

/** The NDIS_PACKET_OOB_DATA of a packet. */
export function oobOf(memory: KernelMemory, packet: Address): Address {
  return packet + memory.u16[(packet + PACKET_OOB_OFFSET) >> 1];
}

/** The NDIS_PACKET_EXTENSION of a packet. */
export function extensionOf(memory: KernelMemory, packet: Address): Address {
  return packet + memory.u16[(packet + PACKET_OOB_OFFSET) >> 1] + OOB_SIZE;
}

/** Where the information `id` of a packet lies: 64 bits. */
export function perPacketInfo(memory: KernelMemory, packet: Address, id: number): Address {
  return extensionOf(memory, packet) + id * 8;
}

/** The first buffer of a packet, or 0. */
export function firstBuffer(memory: KernelMemory, packet: Address): Address {
  return memory.i32[(packet + PACKET_HEAD) >> 2];
}

/** The last buffer of a chain, which is not empty. */
export function lastBuffer(i32: Int32Array, chain: Address): Address {
  let last = chain;
  for (let step = 0; step < MDL_CHAIN_LIMIT; step++) {
    const next = i32[(last + MDL_NEXT) >> 2];
    if (next === 0) break;
    last = next;
  }
  return last;
}

/** Chains buffers behind those of a packet. */
export function chainAtBack(memory: KernelMemory, packet: Address, chain: Address): void {
  const { i32, u8 } = memory;
  const last = lastBuffer(i32, chain);
  if (i32[(packet + PACKET_HEAD) >> 2] === 0) storePointer(i32, packet + PACKET_HEAD, chain);
  else storePointer(i32, i32[(packet + PACKET_TAIL) >> 2] + MDL_NEXT, chain);
  storePointer(i32, packet + PACKET_TAIL, last);
  u8[packet + PACKET_VALID_COUNTS] = 0;
}

/** Chains buffers before those of a packet. */
export function chainAtFront(memory: KernelMemory, packet: Address, chain: Address): void {
  const { i32, u8 } = memory;
  const last = lastBuffer(i32, chain);
  const head = i32[(packet + PACKET_HEAD) >> 2];
  if (head === 0) storePointer(i32, packet + PACKET_TAIL, last);
  storePointer(i32, last + MDL_NEXT, head);
  storePointer(i32, packet + PACKET_HEAD, chain);
  u8[packet + PACKET_VALID_COUNTS] = 0;
}

/** Makes PhysicalCount, TotalLength and Count right where ValidCounts says that they are not. */
export function validateCounts(memory: KernelMemory, packet: Address): void {
  const { i32, u8 } = memory;
  if (u8[packet + PACKET_VALID_COUNTS] !== 0) return;
  let pages = 0;
  let length = 0;
  let count = 0;
  let buffer = i32[(packet + PACKET_HEAD) >> 2];
  while (buffer !== 0 && count < MDL_CHAIN_LIMIT) {
    pages += mdlPages(i32, buffer);
    length += i32[(buffer + MDL_BYTE_COUNT) >> 2];
    count++;
    buffer = i32[(buffer + MDL_NEXT) >> 2];
  }
  i32[(packet + PACKET_PHYSICAL_COUNT) >> 2] = pages;
  i32[(packet + PACKET_TOTAL_LENGTH) >> 2] = length;
  i32[(packet + PACKET_COUNT) >> 2] = count;
  u8[packet + PACKET_VALID_COUNTS] = 1;
}

/** Bytes of data of a packet. */
export function packetLength(memory: KernelMemory, packet: Address): number {
  validateCounts(memory, packet);
  return memory.i32[(packet + PACKET_TOTAL_LENGTH) >> 2];
}

/**
 * Copies bytes from one chain of MDLs to another. @returns how many were copied: fewer where one of them ends.
 */
export function copyBetweenChains(
  memory: KernelMemory,
  destination: Address,
  destinationOffset: number,
  source: Address,
  sourceOffset: number,
  length: number,
): number {
  const { i32, u8 } = memory;
  let to = destination;
  let toOffset = destinationOffset;
  let from = source;
  let fromOffset = sourceOffset;
  let copied = 0;
  for (let step = 0; copied < length && step < 2 * MDL_CHAIN_LIMIT; step++) {
    if (to === 0 || from === 0) break;
    const toRoom = i32[(to + MDL_BYTE_COUNT) >> 2] - toOffset;
    if (toRoom <= 0) {
      toOffset = -toRoom;
      to = i32[(to + MDL_NEXT) >> 2];
      continue;
    }
    const fromRoom = i32[(from + MDL_BYTE_COUNT) >> 2] - fromOffset;
    if (fromRoom <= 0) {
      fromOffset = -fromRoom;
      from = i32[(from + MDL_NEXT) >> 2];
      continue;
    }
    const piece = Math.min(toRoom, fromRoom, length - copied);
    const at = mdlAddress(i32, from) + fromOffset;
    u8.copyWithin(mdlAddress(i32, to) + toOffset, at, at + piece);
    copied += piece;
    toOffset += piece;
    fromOffset += piece;
  }
  return copied;
}
