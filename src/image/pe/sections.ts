/**
 * The sections of a PE image: their headers checked, and the image laid out in memory as they say. Follows "Section
 * Table" of debug/pe-format and the order that Windows demands: each section begins where the one before ends.
 */

import { PAGE_EXECUTE, PAGE_NONE, PAGE_READ, PAGE_SIZE, PAGE_WRITE } from '../../memory/index.ts';
import { alignUp, type PeFile, type PeHeaders, SECTION_HEADER_SIZE } from './headers.ts';
import { hexadecimal } from './imageError.ts';
import type { PeSection } from './peImage.ts';

const SECTION_DISCARDABLE = 0x0200_0000;
const SECTION_EXECUTE = 0x2000_0000;
const SECTION_READ = 0x4000_0000;
const SECTION_WRITE = 0x8000_0000;

/** Reads and checks the section headers. @throws PeImageError */
export function readSections(file: PeFile, headers: PeHeaders): PeSection[] {
  const sections: PeSection[] = [];
  let next = alignUp(headers.headersSize, headers.sectionAlignment);
  for (let index = 0; index < headers.sectionCount; index++) {
    const section = readSection(file, headers.sectionTable + index * SECTION_HEADER_SIZE);
    checkPlace(file, headers, section, next);
    checkFileRange(file, headers, section);
    sections.push(section);
    next = alignUp(section.rva + section.size, headers.sectionAlignment);
  }
  return sections;
}

function readSection(file: PeFile, offset: number): PeSection {
  const { data, bytes } = file;
  const virtualSize = data.getUint32(offset + 8, true);
  const rawSize = data.getUint32(offset + 16, true);
  const characteristics = data.getUint32(offset + 36, true);
  let name = '';
  for (let at = offset; at < offset + 8 && bytes[at] !== 0; at++) {
    name += bytes[at] > 0x20 && bytes[at] < 0x7f ? String.fromCharCode(bytes[at]) : '?';
  }
  return {
    name,
    rva: data.getUint32(offset + 12, true),
    // A section without a size in memory has the one it has in the file.
    size: virtualSize === 0 ? rawSize : virtualSize,
    rawOffset: data.getUint32(offset + 20, true),
    rawSize,
    protection: protectionOf(characteristics),
    discardable: (characteristics & SECTION_DISCARDABLE) !== 0 || name === 'INIT',
    characteristics,
    headerOffset: offset,
  };
}

/** What the processor allows: what can be written or executed can be read. */
function protectionOf(characteristics: number): number {
  let protection = PAGE_NONE;
  if ((characteristics & SECTION_READ) !== 0) protection |= PAGE_READ;
  if ((characteristics & SECTION_WRITE) !== 0) protection |= PAGE_READ | PAGE_WRITE;
  if ((characteristics & SECTION_EXECUTE) !== 0) protection |= PAGE_READ | PAGE_EXECUTE;
  return protection;
}

function checkPlace(file: PeFile, headers: PeHeaders, section: PeSection, next: number): void {
  const { rva, size, name, headerOffset } = section;
  if (size === 0) {
    file.fail('IMAGE_SECTIONS', headerOffset + 8, `section ${name} is empty; link the image again`);
  }
  if (rva !== next) {
    const what = rva < next ? 'overlaps what is before it' : 'leaves a hole before it';
    file.fail(
      'IMAGE_SECTIONS',
      headerOffset + 12,
      `section ${name} begins at ${hexadecimal(rva)} instead of ${hexadecimal(next)}, so it ${what}; the file is damaged`,
    );
  }
  if (rva + size > headers.imageSize) {
    file.fail(
      'IMAGE_SECTIONS',
      headerOffset + 8,
      `section ${name} ends at ${hexadecimal(rva + size)}, behind the image of ${hexadecimal(headers.imageSize)} bytes; the file is damaged`,
    );
  }
}

function checkFileRange(file: PeFile, headers: PeHeaders, section: PeSection): void {
  const { rawOffset, rawSize, name, headerOffset, rva } = section;
  if (rawSize === 0 || rawOffset === 0) return;
  if (rawOffset % headers.fileAlignment !== 0) {
    file.fail(
      'IMAGE_SECTIONS',
      headerOffset + 20,
      `section ${name} lies in the file at ${hexadecimal(rawOffset)}, no multiple of ${headers.fileAlignment}; the file is damaged`,
    );
  }
  if (rawOffset + rawSize > file.bytes.length) {
    file.fail(
      'IMAGE_TRUNCATED',
      headerOffset + 16,
      `section ${name} ends in the file at ${hexadecimal(rawOffset + rawSize)}, but the file has only ${file.bytes.length} bytes; get the whole file`,
    );
  }
  if (headers.flat && rawOffset !== rva) {
    file.fail(
      'IMAGE_SECTIONS',
      headerOffset + 20,
      `section ${name}, aligned to less than a page, lies at ${hexadecimal(rva)} in memory and ${hexadecimal(rawOffset)} in the file; both have to be equal`,
    );
  }
}

/** Bytes of a section's pages: what Windows maps of it, and what the file may fill. */
function mappedSize(headers: PeHeaders, section: PeSection): number {
  return headers.flat ? section.size : alignUp(section.size, PAGE_SIZE);
}

/** Bytes that the file gives to a section: never more than its pages hold. */
export function bytesFromFile(headers: PeHeaders, section: PeSection): number {
  return section.rawOffset === 0 ? 0 : Math.min(section.rawSize, mappedSize(headers, section));
}

/** The image as it lies in memory, up to the end of its last section. */
export function layOut(file: PeFile, headers: PeHeaders, sections: readonly PeSection[]): Uint8Array {
  const last = sections[sections.length - 1];
  const contents = new Uint8Array(last.rva + mappedSize(headers, last));
  contents.set(file.bytes.subarray(0, headers.headersSize));
  for (const section of sections) {
    const { rawOffset, rva } = section;
    contents.set(file.bytes.subarray(rawOffset, rawOffset + bytesFromFile(headers, section)), rva);
  }
  return contents;
}
