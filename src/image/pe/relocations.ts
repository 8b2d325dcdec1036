/**
 * Where an image holds addresses of itself, which move with it. Follows "The .reloc Section" of debug/pe-format:
 * x64 has one type, DIR64, and padding.
 */

import { DIRECTORY_RELOCATION } from './headers.ts';
import type { ImageReader } from './imageReader.ts';
import { MOST_RELOCATIONS } from './limits.ts';
import type { Rva } from './peImage.ts';

const BLOCK_HEADER_SIZE = 8;
const TYPE_ABSOLUTE = 0;
const TYPE_DIR64 = 10;

/** Reads the base relocations: RVAs of 64-bit addresses. @throws PeImageError */
export function readRelocations(reader: ImageReader): Uint32Array {
  const directory = reader.directory(DIRECTORY_RELOCATION);
  if (directory === null) {
    if (reader.headers.relocationsStripped) {
      reader.file.fail(
        'IMAGE_RELOCATIONS',
        reader.headers.sectionTable,
        'the relocations were stripped, so the image runs at one address only; link without /fixed',
      );
    }
    return new Uint32Array(0);
  }
  reader.needDirectory(directory, directory.size, 'the table of relocations');
  const found = new Uint32Array(Math.min(directory.size >> 1, MOST_RELOCATIONS));
  const { data } = reader;
  const end = directory.rva + directory.size;
  let count = 0;
  let at = directory.rva;
  while (at + BLOCK_HEADER_SIZE <= end) {
    const size = data.getUint32(at + 4, true);
    // Some linkers pad the table with zeros.
    if (size === 0 && data.getUint32(at, true) === 0) break;
    if (size < BLOCK_HEADER_SIZE || size % 2 !== 0 || at + size > end) {
      reader.fail(
        'IMAGE_RELOCATIONS',
        at + 4,
        `a block of relocations is said to have ${size} bytes; the file is damaged`,
      );
    }
    count = readBlock(reader, at, size, found, count);
    at += size;
  }
  return found.slice(0, count);
}

/** @returns the number of relocations found so far. */
function readBlock(reader: ImageReader, block: Rva, size: number, found: Uint32Array, count: number): number {
  const { data } = reader;
  const page = data.getUint32(block, true);
  let next = count;
  for (let at = block + BLOCK_HEADER_SIZE; at < block + size; at += 2) {
    const entry = data.getUint16(at, true);
    const type = entry >> 12;
    if (type === TYPE_ABSOLUTE) continue;
    if (type !== TYPE_DIR64) {
      reader.fail(
        'IMAGE_RELOCATIONS',
        at,
        `there is a relocation of type ${type}; x64 images have only 10 (DIR64); the file is damaged`,
      );
    }
    const target = page + (entry & 0xfff);
    if (!reader.inSection(target, 8)) {
      reader.fail(
        'IMAGE_RELOCATIONS',
        at,
        `a relocation is at 0x${target.toString(16)}, which no section holds; the file is damaged`,
      );
    }
    if (next === found.length) {
      reader.fail('IMAGE_TOO_LARGE', at, `the image has more than ${MOST_RELOCATIONS} relocations`);
    }
    found[next++] = target;
  }
  return next;
}
