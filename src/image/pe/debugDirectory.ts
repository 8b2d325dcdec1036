/**
 * The name of the symbol file that belongs to an image. Follows "The .debug Section" of debug/pe-format; a damaged
 * directory keeps no driver from loading.
 */

import { DIRECTORY_DEBUG } from './headers.ts';
import type { ImageReader } from './imageReader.ts';
import { LONGEST_NAME, MOST_DEBUG_ENTRIES } from './limits.ts';
import type { DebugName, Rva } from './peImage.ts';

const ENTRY_SIZE = 28;
const TYPE_CODE_VIEW = 2;
/** `RSDS` */
const CODE_VIEW_SIGNATURE = 0x53445352;
const CODE_VIEW_HEADER_SIZE = 24;

/** The CodeView entry, or null; `damaged` is called if there is one that makes no sense. */
export function readDebugName(reader: ImageReader, damaged: () => void): DebugName | null {
  const directory = reader.directory(DIRECTORY_DEBUG);
  if (directory === null) return null;
  const { data } = reader;
  const count = Math.min(Math.floor(directory.size / ENTRY_SIZE), MOST_DEBUG_ENTRIES);
  for (let index = 0; index < count; index++) {
    const entry = directory.rva + index * ENTRY_SIZE;
    if (!reader.contains(entry, ENTRY_SIZE)) {
      damaged();
      return null;
    }
    if (data.getUint32(entry + 12, true) !== TYPE_CODE_VIEW) continue;
    const rva = data.getUint32(entry + 20, true);
    // 0: what it refers to is in the file only, as after a strip.
    if (rva === 0) continue;
    const name = readCodeView(reader, rva, data.getUint32(entry + 16, true));
    if (name === null) damaged();
    return name;
  }
  return null;
}

function readCodeView(reader: ImageReader, rva: Rva, size: number): DebugName | null {
  const { data, contents } = reader;
  if (size <= CODE_VIEW_HEADER_SIZE || !reader.contains(rva, size)) return null;
  if (data.getUint32(rva, true) !== CODE_VIEW_SIGNATURE) return null;
  const end = Math.min(rva + size, rva + CODE_VIEW_HEADER_SIZE + LONGEST_NAME);
  let stop = rva + CODE_VIEW_HEADER_SIZE;
  while (stop < end && contents[stop] !== 0) stop++;
  return {
    path: new TextDecoder().decode(contents.subarray(rva + CODE_VIEW_HEADER_SIZE, stop)),
    guid: readGuid(data, rva + 4),
    age: data.getUint32(rva + 20, true),
  };
}

function readGuid(data: DataView, at: Rva): string {
  const digits = (value: number, count: number): string => value.toString(16).padStart(count, '0');
  const bytes = (from: number, to: number): string => {
    let text = '';
    for (let index = from; index < to; index++) text += digits(data.getUint8(at + index), 2);
    return text;
  };
  const first = digits(data.getUint32(at, true), 8);
  return `${first}-${digits(data.getUint16(at + 4, true), 4)}-${digits(data.getUint16(at + 6, true), 4)}-${bytes(8, 10)}-${bytes(10, 16)}`;
}
