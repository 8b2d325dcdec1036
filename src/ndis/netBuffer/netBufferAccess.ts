/**
 * Net buffers as plain functions on numbers: the one implementation behind the declared macros, the library's data
 * path and TypeScript drivers. Offsets count from the start of the MDL chain, as DataOffset does.
 * Implements "NET_BUFFER Architecture" (windows-driver-docs-pr/network).
 */

import { copyBytes } from '../../kernel/index.ts';
import type { Address, KernelMemory } from '../../memory/index.ts';
import { mdlAddress, storePointer } from './mdl.ts';
import {
  MDL_BYTE_COUNT,
  MDL_NEXT,
  NB_CURRENT_MDL,
  NB_CURRENT_MDL_OFFSET,
  NB_DATA_LENGTH,
  NB_DATA_OFFSET,
  NB_MDL_CHAIN,
  NB_NEXT,
  NBL_FIRST_NET_BUFFER,
  NBL_INFO,
  NBL_NEXT,
} from './offsets.ts';

/** MDLs in a chain; a longer chain is taken for a cycle. */
export const MDL_CHAIN_LIMIT = 0x1_0000;

/** The first net buffer of a list, or 0. */
export function firstNetBuffer(memory: KernelMemory, nbl: Address): Address {
  return memory.i32[(nbl + NBL_FIRST_NET_BUFFER) >> 2];
}

/** The list after `nbl` in its chain, or 0. */
export function nextNetBufferList(memory: KernelMemory, nbl: Address): Address {
  return memory.i32[(nbl + NBL_NEXT) >> 2];
}

/** Sets the list after `nbl` in its chain. */
export function setNextNetBufferList(memory: KernelMemory, nbl: Address, next: Address): void {
  storePointer(memory.i32, nbl + NBL_NEXT, next);
}

/** The net buffer after `nb` in its list, or 0. */
export function nextNetBuffer(memory: KernelMemory, nb: Address): Address {
  return memory.i32[(nb + NB_NEXT) >> 2];
}

/** Bytes of used data space. */
export function dataLength(memory: KernelMemory, nb: Address): number {
  return memory.u32[(nb + NB_DATA_LENGTH) >> 2];
}

/** Low half of out-of-band information `id` of a list, unsigned. */
export function listInfo(memory: KernelMemory, nbl: Address, id: number): number {
  return memory.u32[(nbl + NBL_INFO + id * 8) >> 2];
}

/** Sets out-of-band information `id` of a list to a number of at most 32 bits. */
export function setListInfo(memory: KernelMemory, nbl: Address, id: number, value: number): void {
  const index = (nbl + NBL_INFO + id * 8) >> 2;
  memory.i32[index] = value;
  memory.i32[index + 1] = 0;
}

/** Where the first used byte lies; 0 for a net buffer without MDL. Valid for the bytes `contiguousLength` gives. */
export function dataAddress(memory: KernelMemory, nb: Address): Address {
  const { i32 } = memory;
  const mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
  return mdl === 0 ? 0 : mdlAddress(i32, mdl) + i32[(nb + NB_CURRENT_MDL_OFFSET) >> 2];
}

/** Bytes that lie in one piece from the first used byte on. */
export function contiguousLength(memory: KernelMemory, nb: Address): number {
  const { i32 } = memory;
  const mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
  if (mdl === 0) return 0;
  const inMdl = i32[(mdl + MDL_BYTE_COUNT) >> 2] - i32[(nb + NB_CURRENT_MDL_OFFSET) >> 2];
  return Math.min(inMdl, i32[(nb + NB_DATA_LENGTH) >> 2]);
}

/** Sets CurrentMdl and CurrentMdlOffset from DataOffset. An offset at the end of an MDL stays in the last one. */
export function adjustCurrentMdl(memory: KernelMemory, nb: Address): void {
  const { i32 } = memory;
  let mdl = i32[(nb + NB_MDL_CHAIN) >> 2];
  let offset = i32[(nb + NB_DATA_OFFSET) >> 2];
  for (let step = 0; mdl !== 0 && step < MDL_CHAIN_LIMIT; step++) {
    const count = i32[(mdl + MDL_BYTE_COUNT) >> 2];
    const next = i32[(mdl + MDL_NEXT) >> 2];
    if (offset < count || next === 0) break;
    offset -= count;
    mdl = next;
  }
  storePointer(i32, nb + NB_CURRENT_MDL, mdl);
  i32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] = mdl === 0 ? 0 : offset;
}

/** Describes a data space to a net buffer. */
export function setNetBufferData(
  memory: KernelMemory,
  nb: Address,
  mdlChain: Address,
  offset: number,
  length: number,
): void {
  const { i32 } = memory;
  const index = nb >> 2;
  i32[index + (NB_DATA_LENGTH >> 2)] = length;
  i32[index + (NB_DATA_LENGTH >> 2) + 1] = 0;
  storePointer(i32, nb + NB_MDL_CHAIN, mdlChain);
  i32[index + (NB_DATA_OFFSET >> 2)] = offset;
  if (mdlChain !== 0 && offset < i32[(mdlChain + MDL_BYTE_COUNT) >> 2]) {
    storePointer(i32, nb + NB_CURRENT_MDL, mdlChain);
    i32[index + (NB_CURRENT_MDL_OFFSET >> 2)] = offset;
  } else {
    adjustCurrentMdl(memory, nb);
  }
}

/** What is wrong with the data of a net buffer, or null. */
export function netBufferFault(memory: KernelMemory, nb: Address): string | null {
  const { i32, u32 } = memory;
  const length = u32[(nb + NB_DATA_LENGTH) >> 2];
  const offset = u32[(nb + NB_DATA_OFFSET) >> 2];
  const chain = i32[(nb + NB_MDL_CHAIN) >> 2];
  if (chain === 0) {
    return length === 0 && offset === 0
      ? null
      : `it has no MDL, but DataOffset ${offset} and DataLength ${length}`;
  }
  const current = i32[(nb + NB_CURRENT_MDL) >> 2];
  const currentOffset = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2];
  let space = 0;
  let startOfCurrent = -1;
  let steps = 0;
  for (let mdl = chain; mdl !== 0; mdl = i32[(mdl + MDL_NEXT) >> 2]) {
    if (mdl < 0x1_0000 || mdl >= memory.size) return `the MDL 0x${mdl.toString(16)} lies outside of memory`;
    if (mdl === current) startOfCurrent = space;
    space += u32[(mdl + MDL_BYTE_COUNT) >> 2];
    if (++steps > MDL_CHAIN_LIMIT) return `its MDL chain has more than ${MDL_CHAIN_LIMIT} MDLs or a cycle`;
  }
  if (offset + length > space) {
    return `DataOffset ${offset} and DataLength ${length} pass the end of its MDL chain of ${space} bytes`;
  }
  if (startOfCurrent < 0) return 'its CurrentMdl is not in its MDL chain';
  if (startOfCurrent + currentOffset !== offset) {
    return `CurrentMdl and CurrentMdlOffset stand at ${startOfCurrent + currentOffset}, DataOffset is ${offset}`;
  }
  return null;
}

/**
 * Copies used data of a net buffer, from `offset` on, to `target` in kernel memory. @returns bytes copied: fewer
 * than `length` where the data ends.
 */
export function copyFromNetBuffer(
  memory: KernelMemory,
  nb: Address,
  offset: number,
  target: Address,
  length: number,
): number {
  const { i32, u32 } = memory;
  const available = u32[(nb + NB_DATA_LENGTH) >> 2] - offset;
  let left = length < available ? length : available;
  if (left <= 0) return 0;
  const total = left;
  let mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
  let skip = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] + offset;
  let to = target;
  while (mdl !== 0) {
    const count = u32[(mdl + MDL_BYTE_COUNT) >> 2];
    if (skip < count) {
      const part = count - skip < left ? count - skip : left;
      copyBytes(memory, to, mdlAddress(i32, mdl) + skip, part);
      to += part;
      left -= part;
      if (left === 0) break;
      skip = 0;
    } else {
      skip -= count;
    }
    mdl = i32[(mdl + MDL_NEXT) >> 2];
  }
  return total - left;
}

/** Copies bytes of kernel memory into the data space of a net buffer, from used byte `offset` on, up to its end. */
export function copyToNetBuffer(
  memory: KernelMemory,
  nb: Address,
  offset: number,
  source: Address,
  length: number,
): number {
  const { i32, u32 } = memory;
  let left = length;
  let mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
  let skip = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2] + offset;
  let from = source;
  while (mdl !== 0 && left > 0) {
    const count = u32[(mdl + MDL_BYTE_COUNT) >> 2];
    if (skip < count) {
      const part = count - skip < left ? count - skip : left;
      copyBytes(memory, mdlAddress(i32, mdl) + skip, from, part);
      from += part;
      left -= part;
      skip = 0;
    } else {
      skip -= count;
    }
    mdl = i32[(mdl + MDL_NEXT) >> 2];
  }
  return length - left;
}

/** Copies the used data of a net buffer into host bytes at `at`. @returns bytes copied. */
export function copyNetBufferToBytes(
  memory: KernelMemory,
  nb: Address,
  target: Uint8Array,
  at: number,
): number {
  const { i32, u32, u8 } = memory;
  let left = Math.min(u32[(nb + NB_DATA_LENGTH) >> 2], target.length - at);
  const total = left;
  let mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
  let skip = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2];
  let to = at;
  while (mdl !== 0 && left > 0) {
    const part = Math.min(u32[(mdl + MDL_BYTE_COUNT) >> 2] - skip, left);
    const from = mdlAddress(i32, mdl) + skip;
    if (part < 64) for (let index = 0; index < part; index++) target[to + index] = u8[from + index];
    else target.set(u8.subarray(from, from + part), to);
    to += part;
    left -= part;
    skip = 0;
    mdl = i32[(mdl + MDL_NEXT) >> 2];
  }
  return total - left;
}

/** Copies host bytes into the used data of a net buffer. @returns bytes copied: fewer where the data space ends. */
export function copyBytesToNetBuffer(
  memory: KernelMemory,
  nb: Address,
  source: Uint8Array,
  at: number,
  length: number,
): number {
  const { i32, u32, u8 } = memory;
  let left = Math.min(u32[(nb + NB_DATA_LENGTH) >> 2], length);
  const total = left;
  let mdl = i32[(nb + NB_CURRENT_MDL) >> 2];
  let skip = u32[(nb + NB_CURRENT_MDL_OFFSET) >> 2];
  let from = at;
  while (mdl !== 0 && left > 0) {
    const part = Math.min(u32[(mdl + MDL_BYTE_COUNT) >> 2] - skip, left);
    const to = mdlAddress(i32, mdl) + skip;
    if (part < 64) for (let index = 0; index < part; index++) u8[to + index] = source[from + index];
    else u8.set(source.subarray(from, from + part), to);
    from += part;
    left -= part;
    skip = 0;
    mdl = i32[(mdl + MDL_NEXT) >> 2];
  }
  return total - left;
}
