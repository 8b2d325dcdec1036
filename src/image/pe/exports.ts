/**
 * What an image exports: by name, by ordinal, and forwarded to other images. Follows "The .edata Section" of
 * debug/pe-format.
 */

import { DIRECTORY_EXPORT, type Directory } from './headers.ts';
import type { ImageReader } from './imageReader.ts';
import { MOST_EXPORTS } from './limits.ts';
import type { PeExport, Rva } from './peImage.ts';

const DIRECTORY_TABLE_SIZE = 40;

export interface ExportTable {
  /** What the image calls itself; null where it exports nothing. */
  readonly name: string | null;
  readonly exports: readonly PeExport[];
}

/** Reads the export directory. @throws PeImageError */
export function readExports(reader: ImageReader): ExportTable {
  const directory = reader.directory(DIRECTORY_EXPORT);
  if (directory === null) return { name: null, exports: [] };
  const { data } = reader;
  const { rva } = directory;
  reader.needDirectory(directory, DIRECTORY_TABLE_SIZE, 'the export directory');
  const nameRva = data.getUint32(rva + 12, true);
  const base = data.getUint32(rva + 16, true);
  const count = data.getUint32(rva + 20, true);
  const functions = data.getUint32(rva + 28, true);
  if (count > MOST_EXPORTS || data.getUint32(rva + 24, true) > MOST_EXPORTS) {
    reader.fail('IMAGE_TOO_LARGE', rva + 20, `the image exports more than ${MOST_EXPORTS} functions`);
  }
  if (count > 0) reader.need(functions, count * 4, 'the table of exported functions', rva + 28);
  const name = nameRva === 0 ? null : reader.readName(nameRva, "the image's own name", rva + 12);
  const exports: PeExport[] = [];
  const named = readNames(reader, rva, count);
  for (let index = 0; index < count; index++) {
    const at = functions + index * 4;
    const target = data.getUint32(at, true);
    if (target === 0) continue;
    const place = readTarget(reader, directory, at, target);
    const names = named.get(index) ?? [null];
    for (const exported of names) exports.push({ name: exported, ordinal: base + index, ...place });
  }
  return { name, exports };
}

/** The names of each exported function, by its index. */
function readNames(reader: ImageReader, rva: Rva, functions: number): Map<number, string[]> {
  const { data } = reader;
  const count = data.getUint32(rva + 24, true);
  const names = data.getUint32(rva + 32, true);
  const indexes = data.getUint32(rva + 36, true);
  const named = new Map<number, string[]>();
  if (count === 0) return named;
  reader.need(names, count * 4, 'the table of exported names', rva + 32);
  reader.need(indexes, count * 2, 'the table of exported ordinals', rva + 36);
  for (let entry = 0; entry < count; entry++) {
    const at = names + entry * 4;
    const name = reader.readName(data.getUint32(at, true), 'an exported name', at);
    const index = data.getUint16(indexes + entry * 2, true);
    if (index >= functions) {
      reader.fail(
        'IMAGE_DIRECTORY',
        indexes + entry * 2,
        `${name} is exported as number ${index} of ${functions}; the file is damaged`,
      );
    }
    const known = named.get(index);
    if (known === undefined) named.set(index, [name]);
    else known.push(name);
  }
  return named;
}

/** An address inside of the export directory is the name of a forwarder, any other one is the exported thing itself. */
function readTarget(
  reader: ImageReader,
  directory: Directory,
  at: Rva,
  target: Rva,
): Pick<PeExport, 'rva' | 'forwarder'> {
  if (target >= directory.rva && target < directory.rva + directory.size) {
    const forwarder = reader.readName(target, 'a forwarded export', at);
    const dot = forwarder.lastIndexOf('.');
    if (dot <= 0 || dot === forwarder.length - 1) {
      reader.fail('IMAGE_DIRECTORY', target, 'a forwarded export has no "file.name"; the file is damaged');
    }
    return { rva: 0, forwarder };
  }
  reader.need(target, 1, 'an exported function', at);
  return { rva: target, forwarder: null };
}
