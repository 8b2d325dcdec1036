/**
 * Reads a driver image and checks it against every lie: what it returns holds nothing that lies outside of the image.
 * Follows debug/pe-format of the Windows documentation.
 */

import { PAGE_EXECUTE, PAGE_SIZE } from '../../memory/index.ts';
import { computeChecksum } from './checksum.ts';
import { readDebugName } from './debugDirectory.ts';
import { readExports } from './exports.ts';
import { alignUp, DIRECTORY_EXCEPTION, DIRECTORY_MANAGED, PeFile, readHeaders } from './headers.ts';
import { hexadecimal } from './imageError.ts';
import { ImageReader } from './imageReader.ts';
import { readImports } from './imports.ts';
import { readLoadConfiguration } from './loadConfiguration.ts';
import type { PeImage, PeRange } from './peImage.ts';
import { readRelocations } from './relocations.ts';
import { readVersion } from './resources.ts';
import { layOut, readSections } from './sections.ts';

const RUNTIME_FUNCTION_SIZE = 12;

/**
 * Reads the image of a driver for x64.
 * @param bytes the whole file; nothing of it is kept. What stands behind the last section (signatures, debug data) is
 * ignored.
 * @param name `mux.sys`: names the image in errors and addresses.
 * @throws PeImageError with a code that says what is wrong; never anything else, whatever the bytes are.
 */
export function parseImage(bytes: Uint8Array, name: string): PeImage {
  const file = new PeFile(bytes, name);
  const headers = readHeaders(file);
  const sections = readSections(file, headers);
  const reader = new ImageReader(file, headers, sections, layOut(file, headers, sections));
  checkEntryPoint(reader);
  const notes: string[] = [];
  const note = (text: string) => () => notes.push(`${name}: ${text}`);
  const relocations = readRelocations(reader);
  const imports = readImports(reader);
  const { name: exportName, exports } = readExports(reader);
  const loadConfiguration = readLoadConfiguration(reader);
  const exceptions = readExceptions(reader, note('the size of the exception table is no multiple of 12'));
  const debugName = readDebugName(reader, note('the debug directory is damaged'));
  const version = readVersion(reader, note('the version resource is damaged'));
  const computedChecksum = computeChecksum(bytes, headers.checksumOffset);
  if (headers.checksum !== 0 && headers.checksum !== computedChecksum) {
    note(
      `the checksum is ${hexadecimal(headers.checksum)}, but the file's is ${hexadecimal(computedChecksum)}`,
    )();
  }
  if (reader.directory(DIRECTORY_MANAGED) !== null) note('the header of managed code is ignored')();
  return {
    name,
    contents: reader.contents,
    size: alignUp(headers.imageSize, PAGE_SIZE),
    headersSize: headers.headersSize,
    preferredBase: headers.preferredBase,
    entryPoint: headers.entryPoint,
    flat: headers.flat,
    library: headers.library,
    sections,
    relocations,
    imports,
    exportName,
    exports,
    loadConfiguration,
    exceptions,
    debugName,
    version,
    timestamp: headers.timestamp,
    checksum: headers.checksum,
    computedChecksum,
    notes,
  };
}

function checkEntryPoint(reader: ImageReader): void {
  const { entryPoint, entryPointOffset, flat } = reader.headers;
  const fail = (text: string): never => reader.file.fail('IMAGE_ENTRY_POINT', entryPointOffset, text);
  if (entryPoint === 0) fail('there is no entry point; link with /entry:DriverEntry');
  const section = reader.sectionAt(entryPoint);
  if (section === null) {
    return fail(`the entry point is ${hexadecimal(entryPoint)}, which no section holds; the file is damaged`);
  }
  if (!flat && (section.protection & PAGE_EXECUTE) === 0) {
    fail(
      `the entry point ${hexadecimal(entryPoint)} lies in section ${section.name}, which is not executable; link the image again`,
    );
  }
}

function readExceptions(reader: ImageReader, odd: () => void): PeRange | null {
  const directory = reader.directory(DIRECTORY_EXCEPTION);
  if (directory === null) return null;
  reader.needDirectory(directory, directory.size, 'the exception table');
  const rest = directory.size % RUNTIME_FUNCTION_SIZE;
  if (rest !== 0) odd();
  return { rva: directory.rva, size: directory.size - rest };
}
