/**
 * What lies in the WebAssembly memory behind the machine's own bytes, for machine code only: a map of the pages that
 * may be read, one of those that may be written, and the shadow of memory safety. Each covers all addresses below
 * 2^32, so that looking up a wild one needs no check of its own.
 */

/** Bytes of one map: one for each page of 4 KiB below 2^32. */
export const PAGE_MAP_SIZE = 0x10_0000;
/** Bytes of the map of reads, followed by the map of writes. */
export const PAGE_MAPS_SIZE = 2 * PAGE_MAP_SIZE;
/** Bytes of the shadow: one for every eight bytes below 2^32. It follows the maps. */
export const SHADOW_SIZE = 0x2000_0000;
