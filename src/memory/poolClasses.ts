/**
 * The block sizes of the pool's slabs, so that every block below PAGE_SIZE lies within one page.
 * Implements the alignment rules of "ExAllocatePool2" (wdm.h).
 */

import { PAGE_SIZE } from './addressSpace.ts';

/** Blocks of each class; every class fills a page as well as its multiple of 16 allows. */
export const CLASS_SIZES = [
  16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 336, 368, 400, 448, 512, 576,
  672, 816, 1024, 1360, 2048, 4096,
];
export const CLASS_COUNT = CLASS_SIZES.length;
/** Free lists: one for each class of each pool. */
export const LIST_COUNT = CLASS_COUNT * 3;
/** Stands for blocks with pages of their own. */
export const LARGE_LIST = LIST_COUNT;
/** Smallest class that holds n 16-byte units. */
export const CLASS_OF = Uint8Array.from({ length: PAGE_SIZE / 16 + 1 }, (_, units) =>
  CLASS_SIZES.findIndex((size) => size >= units * 16),
);
/** 2^24 / size, rounded up: multiplying by it divides an offset in a page by the block size of a list. */
export const RECIPROCAL = Uint32Array.from({ length: LIST_COUNT + 1 }, (_, list) =>
  list === LARGE_LIST ? 0 : Math.ceil(0x100_0000 / CLASS_SIZES[list % CLASS_COUNT]),
);
