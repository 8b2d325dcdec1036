/**
 * The version resource: file version and texts that people read. Follows "The .rsrc Section" of debug/pe-format and
 * VS_VERSIONINFO (menurc/vs-versioninfo). A damaged resource keeps no driver from loading, so everything here answers
 * null instead of failing.
 */

import { DIRECTORY_RESOURCE } from './headers.ts';
import type { ImageReader } from './imageReader.ts';
import { MOST_RESOURCES } from './limits.ts';
import type { PeRange, Rva, VersionInformation } from './peImage.ts';

const TYPE_VERSION = 16;
const DIRECTORY_HEADER_SIZE = 16;
const ENTRY_SIZE = 8;
/** Bit 31 of an entry: it refers to a directory. */
const IS_DIRECTORY = 0x8000_0000;
const FIXED_SIGNATURE = 0xfeef04bd;
const FIXED_SIZE = 52;

/** The version resource in its first language; null without one; `damaged` is called if it makes no sense. */
export function readVersion(reader: ImageReader, damaged: () => void): VersionInformation | null {
  const directory = reader.directory(DIRECTORY_RESOURCE);
  if (directory === null) return null;
  const found = findVersion(reader, directory);
  if (found === 'none') return null;
  const version = found === 'damaged' ? null : parseVersion(reader, found);
  if (version === null) damaged();
  return version;
}

/** Goes down the three levels: type, name, language. */
function findVersion(reader: ImageReader, root: PeRange): PeRange | 'none' | 'damaged' {
  const { data } = reader;
  let offset = 0;
  for (let level = 0; level < 3; level++) {
    const entry = findEntry(reader, root.rva + offset, level === 0 ? TYPE_VERSION : null);
    if (entry === 0) return level === 0 ? 'none' : 'damaged';
    const target = data.getUint32(entry + 4, true);
    if (target >= IS_DIRECTORY !== level < 2) return 'damaged';
    offset = target % IS_DIRECTORY;
  }
  const leaf = root.rva + offset;
  if (!reader.contains(leaf, 16)) return 'damaged';
  const range = { rva: data.getUint32(leaf, true), size: data.getUint32(leaf + 4, true) };
  return reader.contains(range.rva, range.size) ? range : 'damaged';
}

/** The entry with this number, or the first one; 0 for none. */
function findEntry(reader: ImageReader, at: Rva, number: number | null): Rva {
  if (!reader.contains(at, DIRECTORY_HEADER_SIZE)) return 0;
  const { data } = reader;
  const count = Math.min(data.getUint16(at + 12, true) + data.getUint16(at + 14, true), MOST_RESOURCES);
  for (let index = 0; index < count; index++) {
    const entry = at + DIRECTORY_HEADER_SIZE + index * ENTRY_SIZE;
    if (!reader.contains(entry, ENTRY_SIZE)) return 0;
    if (number === null || data.getUint32(entry, true) === number) return entry;
  }
  return 0;
}

/** A node of the version tree: length, length of its value, key, value, children. */
interface VersionNode {
  readonly key: string;
  readonly value: Rva;
  /** Bytes, or characters for texts. */
  readonly valueLength: number;
  /** Where its children begin if it has no value. */
  readonly children: Rva;
  readonly end: Rva;
}

function readNode(reader: ImageReader, at: Rva, end: Rva): VersionNode | null {
  if (at + 6 > end) return null;
  const { data } = reader;
  const length = data.getUint16(at, true);
  if (length < 8 || at + length > end) return null;
  let key = '';
  let next = at + 6;
  for (; next + 2 <= at + length; next += 2) {
    const unit = data.getUint16(next, true);
    if (unit === 0) break;
    key += String.fromCharCode(unit);
  }
  const value = align4(next + 2, at);
  return { key, value, valueLength: data.getUint16(at + 2, true), children: value, end: at + length };
}

/** Members of the tree are aligned relative to its start, which is aligned itself. */
function align4(rva: Rva, base: Rva): Rva {
  return base + ((rva - base + 3) & ~3);
}

function parseVersion(reader: ImageReader, range: PeRange): VersionInformation | null {
  const root = readNode(reader, range.rva, range.rva + range.size);
  if (root === null || root.key !== 'VS_VERSION_INFO') return null;
  const { data } = reader;
  const { value } = root;
  if (value + FIXED_SIZE > root.end || data.getUint32(value, true) !== FIXED_SIGNATURE) return null;
  const strings = new Map<string, string>();
  forEachNode(reader, align4(value + root.valueLength, range.rva), root.end, (info) => {
    if (info.key !== 'StringFileInfo') return;
    forEachNode(reader, info.children, info.end, (table) =>
      forEachNode(reader, table.children, table.end, (text) => {
        if (!strings.has(text.key)) strings.set(text.key, readText(reader, text));
      }),
    );
  });
  return {
    fileVersion: fourNumbers(data, value + 8),
    productVersion: fourNumbers(data, value + 16),
    strings,
  };
}

function forEachNode(reader: ImageReader, from: Rva, end: Rva, visit: (node: VersionNode) => void): void {
  let at = from;
  for (let count = 0; count < MOST_RESOURCES; count++) {
    const node = readNode(reader, at, end);
    if (node === null) return;
    visit(node);
    at = align4(node.end, from);
  }
}

function readText(reader: ImageReader, node: VersionNode): string {
  let text = '';
  for (let at = node.value; at + 2 <= node.end; at += 2) {
    const unit = reader.data.getUint16(at, true);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}

function fourNumbers(data: DataView, at: Rva): string {
  const [b, a, d, c] = [0, 2, 4, 6].map((offset) => data.getUint16(at + offset, true));
  return `${a}.${b}.${c}.${d}`;
}
