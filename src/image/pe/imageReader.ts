/**
 * Reads the tables of an image by RVA: every range is checked to lie in one section or in the headers, and errors name
 * the place in the file.
 */

import type { Directory, PeFile, PeHeaders } from './headers.ts';
import { hexadecimal, type PeImageErrorCode } from './imageError.ts';
import { LONGEST_NAME, MOST_NAME_CHARACTERS } from './limits.ts';
import type { PeSection, Rva } from './peImage.ts';
import { bytesFromFile } from './sections.ts';

export class ImageReader {
  readonly file: PeFile;
  readonly headers: PeHeaders;
  readonly sections: readonly PeSection[];
  /** The image as it lies in memory. */
  readonly contents: Uint8Array;
  readonly data: DataView;
  #nameCharacters = 0;

  constructor(file: PeFile, headers: PeHeaders, sections: readonly PeSection[], contents: Uint8Array) {
    this.file = file;
    this.headers = headers;
    this.sections = sections;
    this.contents = contents;
    this.data = new DataView(contents.buffer);
  }

  /** The directory with this number, or null where the image has none. */
  directory(number: number): Directory | null {
    const directory = this.headers.directories.at(number);
    return directory === undefined || directory.rva === 0 || directory.size === 0 ? null : directory;
  }

  /** The section around `rva`, or null. */
  sectionAt(rva: Rva): PeSection | null {
    let low = 0;
    let high = this.sections.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sections[middle].rva <= rva) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const section = this.sections[low - 1];
    return rva < section.rva + section.size ? section : null;
  }

  /** First byte behind the section, or the headers, around `rva`; 0 where there is neither. */
  endAround(rva: Rva): Rva {
    if (rva < this.headers.headersSize) return this.headers.headersSize;
    const section = this.sectionAt(rva);
    return section === null ? 0 : section.rva + section.size;
  }

  /** Whether `size` bytes lie in one section or the headers. */
  contains(rva: Rva, size: number): boolean {
    return rva + size <= this.endAround(rva);
  }

  /** Whether `size` bytes lie in one section. */
  inSection(rva: Rva, size: number): boolean {
    const section = this.sectionAt(rva);
    return section !== null && rva + size <= section.rva + section.size;
  }

  /** File offset of what lies at `rva`; of the section's header where the file has no bytes for it. */
  offsetOf(rva: Rva): number {
    const section = this.sectionAt(rva);
    if (section === null) return rva < this.headers.headersSize ? rva : 0;
    const inside = rva - section.rva;
    return inside < bytesFromFile(this.headers, section) ? section.rawOffset + inside : section.headerOffset;
  }

  /** Throws the error `code` about what lies at `rva`. */
  fail(code: PeImageErrorCode, rva: Rva, text: string): never {
    return this.file.fail(code, this.offsetOf(rva), text);
  }

  /**
   * @throws PeImageError IMAGE_DIRECTORY unless `size` bytes at `rva` lie in one section or the headers.
   * @param from what refers to them.
   */
  need(rva: Rva, size: number, what: string, from: Rva): void {
    if (this.contains(rva, size)) return;
    this.fail(
      'IMAGE_DIRECTORY',
      from,
      `${what} is said to lie at ${hexadecimal(rva)} with ${size} bytes, which no section holds; the file is damaged`,
    );
  }

  /** Like `need`, for what an entry of the list of directories refers to. */
  needDirectory(directory: Directory, size: number, what: string): void {
    if (this.contains(directory.rva, size)) return;
    this.file.fail(
      'IMAGE_DIRECTORY',
      directory.offset,
      `${what} is said to lie at ${hexadecimal(directory.rva)} with ${size} bytes, which no section holds; the file is damaged`,
    );
  }

  /**
   * The name at `rva`: printable ASCII up to a zero.
   * @throws PeImageError IMAGE_DIRECTORY for anything else, IMAGE_TOO_LARGE for too many names.
   */
  readName(rva: Rva, what: string, from: Rva): string {
    this.need(rva, 1, what, from);
    const { contents } = this;
    const end = Math.min(this.endAround(rva), rva + LONGEST_NAME);
    let at = rva;
    while (at < end && contents[at] >= 0x20 && contents[at] < 0x7f) at++;
    if (at === end || contents[at] !== 0 || at === rva) {
      this.fail('IMAGE_DIRECTORY', rva, `${what} is no name; the file is damaged`);
    }
    this.#nameCharacters += at - rva;
    if (this.#nameCharacters > MOST_NAME_CHARACTERS) {
      this.fail(
        'IMAGE_TOO_LARGE',
        rva,
        `the names of imports and exports have more than ${MOST_NAME_CHARACTERS} characters`,
      );
    }
    return String.fromCharCode(...contents.subarray(rva, at));
  }

  /** The RVA of an address of the unrelocated image; 0 for NULL. @throws PeImageError outside of every section. */
  rvaOfAddress(at: Rva, size: number, what: string): Rva {
    const address = this.data.getBigUint64(at, true);
    if (address === 0n) return 0;
    const rva = address - this.headers.preferredBase;
    if (rva < 0n || rva >= BigInt(this.contents.length) || !this.inSection(Number(rva), size)) {
      this.fail(
        'IMAGE_DIRECTORY',
        at,
        `${what} is said to lie at the address ${hexadecimal(address)}, which no section holds; the file is damaged`,
      );
    }
    return Number(rva);
  }
}
