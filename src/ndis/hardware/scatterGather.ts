/**
 * Scatter/gather lists: which physical ranges an MDL chain stands for. Contiguous pages of one MDL make one element.
 * Implements ns-wdm-_scatter_gather_list and "Using Scatter/Gather DMA" (windows-driver-docs-pr/kernel).
 */

import { MDL } from '../../kernel/index.ts';
import { type Address, type KernelMemory, PAGE_SIZE } from '../../memory/index.ts';

const MDL_NEXT = MDL.offset.Next;
const MDL_START = MDL.offset.StartVa;
const MDL_BYTE_COUNT = MDL.offset.ByteCount;
const MDL_BYTE_OFFSET = MDL.offset.ByteOffset;

/** SCATTER_GATHER_LIST: a header and elements of address, length and a reserved member. */
const LIST_HEADER = 16;
const ELEMENT_SIZE = 24;
const ELEMENT_LENGTH = 8;
/** MDLs of one chain that are followed; a longer chain has a loop. */
const CHAIN_LIMIT = 65_536;

/** What a list needs. */
export interface ListShape {
  readonly elements: number;
  /** Pages that the ranges touch: as many map registers a mapping would take. */
  readonly pages: number;
  /** Bytes that the chain has, up to what was asked for. */
  readonly bytes: number;
}

/** Bytes of a list with so many elements. */
export function listSize(elements: number): number {
  return LIST_HEADER + ELEMENT_SIZE * elements;
}

/** Map registers for transfers of so many bytes, wherever they begin. */
export function mapRegistersFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAGE_SIZE)) + 1;
}

/**
 * Walks a chain from `offset` bytes into its first MDL for `length` bytes, telling each range.
 * @returns how many bytes the chain had.
 */
function walk(
  memory: KernelMemory,
  first: Address,
  offset: number,
  length: number,
  range: (address: Address, length: number) => void,
): number {
  const { u32 } = memory;
  let left = length;
  let skip = offset;
  let mdl = first;
  for (let count = 0; mdl !== 0 && left > 0 && count < CHAIN_LIMIT; count++) {
    const available = u32[(mdl + MDL_BYTE_COUNT) >> 2] - skip;
    if (available > 0) {
      const bytes = Math.min(available, left);
      const start = memory.i32[(mdl + MDL_START) >> 2] + u32[(mdl + MDL_BYTE_OFFSET) >> 2];
      range(start + skip, bytes);
      left -= bytes;
      skip = 0;
    } else skip = -available;
    mdl = memory.readPointer(mdl + MDL_NEXT);
  }
  return length - left;
}

/** What a list for this data needs. */
export function measureList(memory: KernelMemory, mdl: Address, offset: number, length: number): ListShape {
  let elements = 0;
  let pages = 0;
  const bytes = walk(memory, mdl, offset, length, (address, size) => {
    elements++;
    pages += Math.floor((address + size - 1) / PAGE_SIZE) - Math.floor(address / PAGE_SIZE) + 1;
  });
  return { elements, pages, bytes };
}

/** Writes the list for this data to `list`, which has room for it. */
export function writeList(
  memory: KernelMemory,
  list: Address,
  mdl: Address,
  offset: number,
  length: number,
): void {
  const { u32 } = memory;
  let at = list + LIST_HEADER;
  u32.fill(0, list >> 2, at >> 2);
  walk(memory, mdl, offset, length, (address, size) => {
    u32.fill(0, at >> 2, (at + ELEMENT_SIZE) >> 2);
    u32[at >> 2] = address;
    u32[(at + ELEMENT_LENGTH) >> 2] = size;
    at += ELEMENT_SIZE;
  });
  u32[list >> 2] = (at - list - LIST_HEADER) / ELEMENT_SIZE;
}
