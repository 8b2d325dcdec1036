/**
 * What an image imports: the import directory and the directory of delayed imports, which are bound at load too, since
 * a kernel has no helper that would bind them later. Follows "The .idata Section" and "Delay-Load Import Tables" of
 * debug/pe-format.
 */

import { DIRECTORY_DELAY_IMPORT, DIRECTORY_IMPORT } from './headers.ts';
import { hexadecimal } from './imageError.ts';
import type { ImageReader } from './imageReader.ts';
import { MOST_IMPORT_FILES, MOST_IMPORTS } from './limits.ts';
import type { PeImport, Rva } from './peImage.ts';

const DESCRIPTOR_SIZE = 20;
const DELAY_DESCRIPTOR_SIZE = 32;
const THUNK_SIZE = 8;
/** Bit 31 of the high half: imported by ordinal. */
const BY_ORDINAL = 0x8000_0000;

/** Reads both directories. @throws PeImageError */
export function readImports(reader: ImageReader): PeImport[] {
  const imports: PeImport[] = [];
  readDirectImports(reader, imports);
  readDelayedImports(reader, imports);
  return imports;
}

function readDirectImports(reader: ImageReader, imports: PeImport[]): void {
  const directory = reader.directory(DIRECTORY_IMPORT);
  if (directory === null) return;
  reader.needDirectory(directory, DESCRIPTOR_SIZE, 'the import directory');
  const { data } = reader;
  for (let index = 0; ; index++) {
    const at = directory.rva + index * DESCRIPTOR_SIZE;
    checkCount(reader, at, index);
    reader.need(at, DESCRIPTOR_SIZE, 'the end of the import directory', at - DESCRIPTOR_SIZE);
    const nameTable = data.getUint32(at, true);
    const name = data.getUint32(at + 12, true);
    const slots = data.getUint32(at + 16, true);
    if (name === 0 || slots === 0) return;
    const dll = reader.readName(name, 'the name of an imported file', at + 12);
    // Linkers of old leave the table of names out: then the slots themselves hold them.
    readThunks(reader, dll, nameTable === 0 ? slots : nameTable, slots, at, false, imports);
  }
}

function readDelayedImports(reader: ImageReader, imports: PeImport[]): void {
  const directory = reader.directory(DIRECTORY_DELAY_IMPORT);
  if (directory === null) return;
  reader.needDirectory(directory, DELAY_DESCRIPTOR_SIZE, 'the directory of delayed imports');
  const { data } = reader;
  for (let index = 0; ; index++) {
    const at = directory.rva + index * DELAY_DESCRIPTOR_SIZE;
    checkCount(reader, at, index);
    reader.need(at, DELAY_DESCRIPTOR_SIZE, 'the end of the delayed imports', at - DELAY_DESCRIPTOR_SIZE);
    const name = data.getUint32(at + 4, true);
    if (name === 0) return;
    if ((data.getUint32(at, true) & 1) === 0) {
      reader.fail(
        'IMAGE_DIRECTORY',
        at,
        'delayed imports are given by 32-bit addresses, which no x64 image has; link the image again',
      );
    }
    const dll = reader.readName(name, 'the name of a file imported with delay', at + 4);
    const slots = data.getUint32(at + 12, true);
    readThunks(reader, dll, data.getUint32(at + 16, true), slots, at, true, imports);
  }
}

function checkCount(reader: ImageReader, at: Rva, index: number): void {
  if (index <= MOST_IMPORT_FILES) return;
  reader.fail('IMAGE_TOO_LARGE', at, `the image imports from more than ${MOST_IMPORT_FILES} files`);
}

/** Reads the names in `table`, whose addresses go to `slots`. */
function readThunks(
  reader: ImageReader,
  dll: string,
  table: Rva,
  slots: Rva,
  from: Rva,
  delayed: boolean,
  imports: PeImport[],
): void {
  const { data } = reader;
  for (let at = table, slot = slots; ; at += THUNK_SIZE, slot += THUNK_SIZE) {
    reader.need(at, THUNK_SIZE, `the table of imports from ${dll}`, from);
    const low = data.getUint32(at, true);
    const high = data.getUint32(at + 4, true);
    if (low === 0 && high === 0) return;
    if (!reader.inSection(slot, THUNK_SIZE)) {
      reader.fail(
        'IMAGE_DIRECTORY',
        from,
        `the slots of imports from ${dll} reach ${hexadecimal(slot)}, which no section holds; the file is damaged`,
      );
    }
    if (imports.length === MOST_IMPORTS) {
      reader.fail('IMAGE_TOO_LARGE', at, `the image has more than ${MOST_IMPORTS} imports`);
    }
    imports.push({ dll, symbol: readSymbol(reader, at, low, high, dll), slot, delayed });
  }
}

function readSymbol(reader: ImageReader, at: Rva, low: number, high: number, dll: string): string | number {
  if (high === BY_ORDINAL && low <= 0xffff) return low;
  if (high !== 0 || low >= BY_ORDINAL) {
    reader.fail(
      'IMAGE_DIRECTORY',
      at,
      `an import from ${dll} is neither a name nor an ordinal; the file is damaged`,
    );
  }
  // Two bytes of hint stand before the name.
  return reader.readName(low + 2, `the name of an import from ${dll}`, at);
}
