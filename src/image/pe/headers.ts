/**
 * The headers of a PE image: DOS stub, file header, optional header and section headers, checked against the file and
 * against each other. Follows debug/pe-format of the Windows documentation; stricter only where a driver is asked for.
 */

import { PAGE_SIZE } from '../../memory/index.ts';
import { hexadecimal, PeImageError, type PeImageErrorCode } from './imageError.ts';
import { LARGEST_IMAGE, MOST_SECTIONS } from './limits.ts';
import type { PeRange } from './peImage.ts';

const DOS_HEADER_SIZE = 64;
const FILE_HEADER_SIZE = 24;
const OPTIONAL_HEADER_SIZE = 112;
const DIRECTORY_SIZE = 8;
const MOST_DIRECTORIES = 16;
export const SECTION_HEADER_SIZE = 40;

const MACHINE_AMD64 = 0x8664;
const MACHINES: ReadonlyMap<number, string> = new Map([
  [0x14c, '32-bit x86'],
  [0x1c0, 'ARM'],
  [0x1c4, '32-bit ARM'],
  [0x200, 'Itanium'],
  [0xaa64, 'ARM64'],
  [0xa641, 'ARM64EC'],
]);
const OPTIONAL_PE32 = 0x10b;
const OPTIONAL_PE32_PLUS = 0x20b;
const SUBSYSTEM_NATIVE = 1;
const SUBSYSTEMS: ReadonlyMap<number, string> = new Map([
  [2, 'a Windows program'],
  [3, 'a console program'],
  [5, 'an OS/2 program'],
  [7, 'a POSIX program'],
  [9, 'a Windows CE program'],
  [10, 'an EFI application'],
  [11, 'an EFI boot driver'],
  [12, 'an EFI run-time driver'],
  [16, 'a Windows boot application'],
]);
const FILE_RELOCATIONS_STRIPPED = 0x1;
const FILE_EXECUTABLE_IMAGE = 0x2;
const FILE_DLL = 0x2000;

/** Positions in the list of directories. */
export const DIRECTORY_EXPORT = 0;
export const DIRECTORY_IMPORT = 1;
export const DIRECTORY_RESOURCE = 2;
export const DIRECTORY_EXCEPTION = 3;
export const DIRECTORY_RELOCATION = 5;
export const DIRECTORY_DEBUG = 6;
export const DIRECTORY_LOAD_CONFIGURATION = 10;
export const DIRECTORY_DELAY_IMPORT = 13;
export const DIRECTORY_MANAGED = 14;

/** An entry of the list of directories, and where it stands. */
export interface Directory extends PeRange {
  /** File offset of the entry. */
  readonly offset: number;
}

export interface PeHeaders {
  readonly timestamp: number;
  readonly sectionCount: number;
  /** File offset of the first section header. */
  readonly sectionTable: number;
  readonly relocationsStripped: boolean;
  readonly library: boolean;
  readonly entryPoint: number;
  /** File offset of AddressOfEntryPoint, for messages. */
  readonly entryPointOffset: number;
  readonly preferredBase: bigint;
  readonly sectionAlignment: number;
  readonly fileAlignment: number;
  readonly imageSize: number;
  readonly imageSizeOffset: number;
  readonly headersSize: number;
  readonly headersSizeOffset: number;
  readonly checksum: number;
  readonly checksumOffset: number;
  /** Fields of sections below a page: the image is one range. */
  readonly flat: boolean;
  readonly directories: readonly Directory[];
}

/** The bytes of a file with their name, and the errors about them. */
export class PeFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly data: DataView;

  constructor(bytes: Uint8Array, name: string) {
    this.bytes = bytes;
    this.name = name;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Throws the error `code` about the place `offset` of the file. @param text what is there, and what to do. */
  fail(code: PeImageErrorCode, offset: number, text: string): never {
    throw new PeImageError(code, `${this.name}: at file offset ${hexadecimal(offset)} ${text}`, { offset });
  }

  /** @throws PeImageError IMAGE_TRUNCATED unless `size` bytes are there. */
  need(offset: number, size: number, what: string): void {
    if (offset + size <= this.bytes.length) return;
    this.fail(
      'IMAGE_TRUNCATED',
      Math.min(offset, this.bytes.length),
      `${what} of ${size} bytes should stand, but the file has only ${this.bytes.length} bytes; get the whole file`,
    );
  }
}

/** Reads and checks everything before the section headers. @throws PeImageError */
export function readHeaders(file: PeFile): PeHeaders {
  const signature = findSignature(file);
  const { data } = file;
  checkFileHeader(file, signature);
  const sectionCount = data.getUint16(signature + 6, true);
  const optionalSize = data.getUint16(signature + 20, true);
  const characteristics = data.getUint16(signature + 22, true);
  const optional = signature + FILE_HEADER_SIZE;
  checkOptionalHeader(file, optional, optionalSize);
  const sectionTable = optional + optionalSize;
  file.need(sectionTable, sectionCount * SECTION_HEADER_SIZE, 'section headers');
  const headers: PeHeaders = {
    timestamp: data.getUint32(signature + 8, true),
    sectionCount,
    sectionTable,
    relocationsStripped: (characteristics & FILE_RELOCATIONS_STRIPPED) !== 0,
    library: (characteristics & FILE_DLL) !== 0,
    entryPoint: data.getUint32(optional + 16, true),
    entryPointOffset: optional + 16,
    preferredBase: data.getBigUint64(optional + 24, true),
    sectionAlignment: data.getUint32(optional + 32, true),
    fileAlignment: data.getUint32(optional + 36, true),
    imageSize: data.getUint32(optional + 56, true),
    imageSizeOffset: optional + 56,
    headersSize: data.getUint32(optional + 60, true),
    headersSizeOffset: optional + 60,
    checksum: data.getUint32(optional + 64, true),
    checksumOffset: optional + 64,
    flat: data.getUint32(optional + 32, true) < PAGE_SIZE,
    directories: readDirectories(file, optional, optionalSize),
  };
  checkAlignments(file, optional, headers);
  checkSizes(file, headers);
  return headers;
}

/** @returns file offset of the signature `PE`. */
function findSignature(file: PeFile): number {
  const { bytes, data } = file;
  if (bytes.length < 2 || bytes[0] !== 0x4d || bytes[1] !== 0x5a) {
    file.fail('IMAGE_NOT_PE', 0, 'there is no "MZ": this is no driver image; give the .sys file');
  }
  file.need(0, DOS_HEADER_SIZE, 'a DOS header');
  const signature = data.getUint32(60, true);
  if (signature % 4 !== 0) {
    file.fail(
      'IMAGE_NOT_PE',
      60,
      `the headers are said to begin at ${hexadecimal(signature)}, which is no multiple of 4; this is no driver image`,
    );
  }
  file.need(signature, FILE_HEADER_SIZE, 'a file header');
  if (data.getUint32(signature, true) !== 0x4550) {
    file.fail(
      'IMAGE_NOT_PE',
      signature,
      'there is no "PE": this is a DOS program or damaged; give a .sys file',
    );
  }
  return signature;
}

function checkFileHeader(file: PeFile, signature: number): void {
  const { data } = file;
  const machine = data.getUint16(signature + 4, true);
  if (machine !== MACHINE_AMD64) {
    const name = MACHINES.get(machine) ?? 'another machine';
    file.fail(
      'IMAGE_MACHINE',
      signature + 4,
      `the machine is ${hexadecimal(machine)} (${name}); ndisbox runs x64 drivers: build for x64`,
    );
  }
  const sections = data.getUint16(signature + 6, true);
  if (sections === 0) {
    file.fail('IMAGE_SECTIONS', signature + 6, 'the image has no sections; link it again');
  }
  if (sections > MOST_SECTIONS) {
    file.fail(
      'IMAGE_TOO_LARGE',
      signature + 6,
      `the image has ${sections} sections; at most ${MOST_SECTIONS} are loaded`,
    );
  }
  if ((data.getUint16(signature + 22, true) & FILE_EXECUTABLE_IMAGE) === 0) {
    file.fail(
      'IMAGE_KIND',
      signature + 22,
      'the file is not marked as executable: it was not linked, or not without errors; link it',
    );
  }
}

function checkOptionalHeader(file: PeFile, optional: number, size: number): void {
  const { data } = file;
  file.need(optional, Math.max(size, 2), 'an optional header');
  const magic = data.getUint16(optional, true);
  if (magic === OPTIONAL_PE32) {
    file.fail('IMAGE_MACHINE', optional, 'the image is PE32, for 32 bits; build for x64 (PE32+)');
  }
  if (magic !== OPTIONAL_PE32_PLUS) {
    file.fail(
      'IMAGE_HEADER',
      optional,
      `the optional header begins with ${hexadecimal(magic)} instead of 0x20B (PE32+); the file is damaged`,
    );
  }
  if (size < OPTIONAL_HEADER_SIZE) {
    file.fail(
      'IMAGE_HEADER',
      optional - 4,
      `the optional header has ${size} bytes, less than the ${OPTIONAL_HEADER_SIZE} of PE32+; the file is damaged`,
    );
  }
  const subsystem = data.getUint16(optional + 68, true);
  if (subsystem !== SUBSYSTEM_NATIVE) {
    const name = SUBSYSTEMS.get(subsystem) ?? 'no known kind of program';
    file.fail(
      'IMAGE_KIND',
      optional + 68,
      `the subsystem is ${subsystem} (${name}); a driver has 1: link with /subsystem:native`,
    );
  }
}

function readDirectories(file: PeFile, optional: number, optionalSize: number): Directory[] {
  const { data } = file;
  const count = Math.min(data.getUint32(optional + 108, true), MOST_DIRECTORIES);
  if (OPTIONAL_HEADER_SIZE + count * DIRECTORY_SIZE > optionalSize) {
    file.fail(
      'IMAGE_HEADER',
      optional + 108,
      `${count} directories are announced, but the optional header has only ${optionalSize} bytes; the file is damaged`,
    );
  }
  const directories: Directory[] = [];
  for (let index = 0; index < count; index++) {
    const offset = optional + OPTIONAL_HEADER_SIZE + index * DIRECTORY_SIZE;
    directories.push({ offset, rva: data.getUint32(offset, true), size: data.getUint32(offset + 4, true) });
  }
  return directories;
}

function checkAlignments(file: PeFile, optional: number, headers: PeHeaders): void {
  const { sectionAlignment, fileAlignment } = headers;
  const wrong = (offset: number, text: string): never =>
    file.fail('IMAGE_HEADER', optional + offset, `${text}; the file is damaged`);
  if (!isPowerOfTwo(sectionAlignment)) {
    wrong(32, `the alignment of sections is ${hexadecimal(sectionAlignment)}, no power of two`);
  }
  if (!isPowerOfTwo(fileAlignment)) {
    wrong(36, `the alignment in the file is ${hexadecimal(fileAlignment)}, no power of two`);
  }
  if (fileAlignment > sectionAlignment) {
    wrong(
      36,
      `the alignment in the file, ${hexadecimal(fileAlignment)}, is above that in memory, ${hexadecimal(sectionAlignment)}`,
    );
  }
  if (fileAlignment % 512 !== 0 && fileAlignment !== sectionAlignment) {
    wrong(36, `the alignment in the file is ${hexadecimal(fileAlignment)}, less than 512`);
  }
  if (headers.flat && fileAlignment !== sectionAlignment) {
    wrong(36, 'sections are aligned to less than a page, but not in the same way in file and memory');
  }
  if (headers.preferredBase % 0x1_0000n !== 0n) {
    wrong(24, `the base ${hexadecimal(headers.preferredBase)} is no multiple of 64 KiB`);
  }
}

function checkSizes(file: PeFile, headers: PeHeaders): void {
  const { imageSize, headersSize, imageSizeOffset, headersSizeOffset } = headers;
  if (imageSize > LARGEST_IMAGE) {
    file.fail(
      'IMAGE_TOO_LARGE',
      imageSizeOffset,
      `the image takes ${imageSize} bytes of memory; at most ${LARGEST_IMAGE} are loaded`,
    );
  }
  file.need(0, headersSize, 'headers');
  const end = headers.sectionTable + headers.sectionCount * SECTION_HEADER_SIZE;
  if (headersSize < end || headersSize > imageSize) {
    file.fail(
      'IMAGE_HEADER',
      headersSizeOffset,
      `the headers are said to have ${headersSize} bytes; they need ${end} and the image has ${imageSize}; the file is damaged`,
    );
  }
}

function isPowerOfTwo(value: number): boolean {
  return value !== 0 && (value & (value - 1)) === 0;
}

/** `value` rounded up to a multiple of `alignment`, a power of two; exact above 32 bits. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
