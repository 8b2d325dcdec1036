/**
 * Registry files: import and export of `.reg` text, "Windows Registry Editor Version 5.00" and REGEDIT4.
 * Implements "How to add, modify, or delete registry subkeys and values by using a .reg file" (Microsoft support 310516).
 */

import { NdisboxError } from '../errors.ts';
import { REG_BINARY, REG_DWORD, REG_EXPAND_SZ, REG_MULTI_SZ, REG_SZ } from '../generated/constants/common.ts';
import { NT_SUCCESS } from '../status.ts';
import { keyPath, type RegistryKey, sortedSubkeys } from './key.ts';
import type { Registry } from './registry.ts';
import { registryError } from './registryError.ts';
import { ntPath, win32Path } from './rootNames.ts';
import { utf16Bytes, utf16Text } from './valueData.ts';

const HEADERS = ['Windows Registry Editor Version 5.00', 'REGEDIT4'];
/** Longest file in characters. */
export const LONGEST_REG_FILE = 64 * 0x10_0000;

/** A `.reg` text that cannot be read: where, a stable code, and what to do in the message. */
export class RegFileError extends NdisboxError {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  constructor(code: string, line: number, column: number, text: string) {
    super(code, `line ${line}, column ${column}: ${text}`);
    this.name = 'RegFileError';
    this.line = line;
    this.column = column;
  }
}

/** One thing that a file asks for. */
export type RegFileEntry =
  | { readonly kind: 'key' | 'deleteKey'; readonly path: string }
  | {
      readonly kind: 'value';
      readonly path: string;
      readonly name: string;
      readonly type: number;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'deleteValue'; readonly path: string; readonly name: string };

/**
 * Reads a `.reg` file: text, or bytes in UTF-16LE with BOM or UTF-8.
 * @throws RegFileError REG_FILE_HEADER, REG_FILE_KEY, REG_FILE_VALUE, REG_FILE_HEX, REG_FILE_TOO_LONG.
 */
export function parseRegFile(source: string | Uint8Array): RegFileEntry[] {
  const text = typeof source === 'string' ? source.replace(/^\ufeff/, '') : decode(source);
  if (text.length > LONGEST_REG_FILE)
    throw new RegFileError(
      'REG_FILE_TOO_LONG',
      1,
      1,
      `the file is longer than ${LONGEST_REG_FILE} characters; split it`,
    );
  const lines = text.split(/\r\n|\n|\r/);
  const header = lines[0].trim();
  if (!HEADERS.includes(header))
    throw new RegFileError(
      'REG_FILE_HEADER',
      1,
      1,
      `the first line has to be "${HEADERS[0]}" or "${HEADERS[1]}"`,
    );
  const entries: RegFileEntry[] = [];
  const ansi = header === HEADERS[1];
  let path: string | null = null;
  for (let index = 1; index < lines.length; index++) {
    const number = index + 1;
    let line = lines[index].trimEnd();
    const start = line.trimStart();
    if (start === '' || start.startsWith(';')) continue;
    if (start.startsWith('[')) {
      path = parseKey(start, number, entries);
      continue;
    }
    const joined = [line];
    while (/=\s*hex/i.test(joined[0]) && line.endsWith('\\') && index + 1 < lines.length) {
      line = lines[++index].trimEnd();
      joined.push(line);
    }
    if (path === null)
      throw new RegFileError(
        'REG_FILE_VALUE',
        number,
        1,
        'a value stands before any key; write [HKEY_...] above it',
      );
    entries.push(parseValue(joined, number, path, ansi));
  }
  return entries;
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16Text(bytes.subarray(2));
  return new TextDecoder().decode(bytes);
}

function parseKey(line: string, number: number, entries: RegFileEntry[]): string {
  const end = line.lastIndexOf(']');
  if (end < 0) throw new RegFileError('REG_FILE_KEY', number, line.length, 'a key ends with "]"');
  const remove = line[1] === '-';
  const path = ntPath(line.slice(remove ? 2 : 1, end));
  if (path === null || path.includes('\\\\'))
    throw new RegFileError(
      'REG_FILE_KEY',
      number,
      2,
      'a key begins with HKEY_LOCAL_MACHINE, HKEY_USERS or their like and has no empty names',
    );
  entries.push({ kind: remove ? 'deleteKey' : 'key', path });
  return path;
}

function parseValue(lines: readonly string[], number: number, path: string, ansi: boolean): RegFileEntry {
  const line = lines[0];
  const match = /^\s*(?:@|"((?:[^"\\]|\\.)*)")\s*=\s*/.exec(line);
  if (match === null)
    throw new RegFileError(
      'REG_FILE_VALUE',
      number,
      1,
      'a value is written "name"=data, or @=data for the default',
    );
  const name = unescape(match[1] ?? '');
  const column = match[0].length + 1;
  const rest = line.slice(match[0].length);
  if (rest === '-') return { kind: 'deleteValue', path, name };
  const text = /^"((?:[^"\\]|\\.)*)"\s*(?:;.*)?$/.exec(rest);
  if (text !== null)
    return { kind: 'value', path, name, type: REG_SZ, data: utf16Bytes(`${unescape(text[1])}\0`) };
  const dword = /^dword:([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(rest);
  if (dword !== null) {
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, Number.parseInt(dword[1], 16), true);
    return { kind: 'value', path, name, type: REG_DWORD, data };
  }
  const hex = /^hex(?:\(([0-9a-f]{1,8})\))?:/i.exec(rest);
  if (hex === null)
    throw new RegFileError(
      'REG_FILE_VALUE',
      number,
      column,
      'the data is none of "text", dword:, hex:, hex(type): and -',
    );
  const type = hex[1] === undefined ? REG_BINARY : Number.parseInt(hex[1], 16);
  const bytes = parseHex(lines, number, match[0].length + hex[0].length);
  // REGEDIT4 keeps the texts of hex(2) and hex(7) in bytes of the code page.
  const narrow = ansi && (type === REG_EXPAND_SZ || type === REG_MULTI_SZ);
  return {
    kind: 'value',
    path,
    name,
    type,
    data: narrow ? widened(bytes) : bytes,
  };
}

function parseHex(lines: readonly string[], number: number, offset: number): Uint8Array {
  const bytes: number[] = [];
  for (const [index, line] of lines.entries()) {
    let column = index === 0 ? offset : 0;
    const body = line.slice(column).replace(/\\$/, '');
    for (const part of body.split(',')) {
      const byte = part.trim();
      if (byte !== '') {
        if (!/^[0-9a-f]{1,2}$/i.test(byte))
          throw new RegFileError(
            'REG_FILE_HEX',
            number + index,
            column + 1,
            'a byte is two hexadecimal digits, bytes are parted by commas',
          );
        bytes.push(Number.parseInt(byte, 16));
      }
      column += part.length + 1;
    }
  }
  return Uint8Array.from(bytes);
}

/** Each byte as one character of UTF-16. */
function widened(bytes: Uint8Array): Uint8Array {
  const wide = new Uint8Array(bytes.length * 2);
  for (let index = 0; index < bytes.length; index++) wide[index * 2] = bytes[index];
  return wide;
}

/** What stands behind a backslash for a character that would end its line or the text. */
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', '0': '\0' };

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => ESCAPED[character] ?? character);
}

/** Reads a file and applies it; nothing is changed where the text cannot be read. */
export function importRegFile(registry: Registry, source: string | Uint8Array): void {
  for (const entry of parseRegFile(source)) {
    if (entry.kind === 'deleteKey') {
      registry.open(entry.path)?.deleteTree();
      continue;
    }
    const found = entry.kind === 'deleteValue' ? registry.open(entry.path) : registry.create(entry.path);
    if (entry.kind === 'deleteValue') found?.delete(entry.name);
    if (entry.kind === 'value' && found !== null) {
      const status = registry.setValue(found.key, entry.name, entry.type, entry.data);
      if (!NT_SUCCESS(status)) throw registryError(status, `set a value of ${entry.path}`);
    }
  }
}

/** A key and everything below it as text of version 5.00. Aliases are left out. */
export function exportRegFile(key: RegistryKey): string {
  const lines = [HEADERS[0], ''];
  exportKey(key, lines);
  return `${lines.join('\r\n')}\r\n`;
}

function exportKey(key: RegistryKey, lines: string[]): void {
  const path = win32Path(keyPath(key));
  if (path !== null) {
    lines.push(`[${path}]`);
    for (const { name, type, data } of key.values.values()) lines.push(exportValue(name, type, data));
    lines.push('');
  }
  for (const child of sortedSubkeys(key)) if (child.target === null) exportKey(child, lines);
}

function exportValue(name: string, type: number, data: Uint8Array): string {
  const left = name === '' ? '@=' : `"${escape(name)}"=`;
  if (type === REG_DWORD && data.length === 4) {
    const value = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true);
    return `${left}dword:${value.toString(16).padStart(8, '0')}`;
  }
  const text = type === REG_SZ && data.length % 2 === 0 ? utf16Text(data) : '';
  // Only a text that ends with its one zero and holds no line break and no half character survives as a text.
  if (text.endsWith('\0') && /^[^\0\r\n\p{Cs}]*$/u.test(text.slice(0, -1)))
    return `${left}"${escape(text.slice(0, -1))}"`;
  const kind = type === REG_BINARY ? 'hex:' : `hex(${type.toString(16)}):`;
  return left + kind + wrapped(data);
}

function wrapped(data: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < data.length; at += 24) {
    rows.push([...data.subarray(at, at + 24)].map((byte) => byte.toString(16).padStart(2, '0')).join(','));
  }
  return rows.join(',\\\r\n  ');
}

function escape(text: string): string {
  return text
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\0', '\\0');
}
