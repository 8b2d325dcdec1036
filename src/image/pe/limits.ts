/**
 * How much an image may ask of the loader. Each bound is far above what real drivers have; beyond it loading fails
 * with IMAGE_TOO_LARGE, so that no file costs much time or memory.
 */

/** Bytes of a mapped image. */
export const LARGEST_IMAGE = 64 * 1024 * 1024;
/** Sections, as Windows bounds them. */
export const MOST_SECTIONS = 96;
/** Files that an image imports from. */
export const MOST_IMPORT_FILES = 1024;
/** Imported functions and variables. */
export const MOST_IMPORTS = 0x4000;
/** Exports: ordinals have 16 bits. */
export const MOST_EXPORTS = 0x1_0000;
/** Relocations. */
export const MOST_RELOCATIONS = 0x40_0000;
/** Functions in the table of control-flow guard. */
export const MOST_GUARD_FUNCTIONS = 0x10_0000;
/** Characters of one name. */
export const LONGEST_NAME = 4096;
/** Characters of all names of imports and exports. */
export const MOST_NAME_CHARACTERS = 0x40_0000;
/** Entries looked at in a level of the resources, and of a version's strings. */
export const MOST_RESOURCES = 4096;
/** Entries of the debug directory looked at. */
export const MOST_DEBUG_ENTRIES = 64;
