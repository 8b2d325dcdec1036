/**
 * Entries of add-registry, del-registry and bit-registry sections, as values with types.
 * Implements "INF AddReg Directive", "INF DelReg Directive" and "INF BitReg Directive" (windows-driver-docs-pr/install).
 */

import {
  encodeValue,
  REG_BINARY,
  REG_DWORD,
  REG_EXPAND_SZ,
  REG_MULTI_SZ,
  REG_NONE,
  REG_QWORD,
  REG_SZ,
} from '../../kernel/index.ts';
import { type InfDocument, infNumber } from '../inf/document.ts';
import type { InfPlace } from '../inf/infError.ts';
import type { InfLine } from '../inf/syntax.ts';
import { namedSections, type PartLine } from './sections.ts';

/** FLG_ADDREG_ and FLG_DELREG_ flags. */
const BINVALUETYPE = 0x1;
const NOCLOBBER = 0x2;
const DELVAL = 0x4;
const APPEND = 0x8;
const KEYONLY = 0x10;
const OVERWRITEONLY = 0x20;
const KEYONLY_COMMON = 0x2000;
const KEY_32BIT = 0x4000;
const TYPE_MASK = 0xffff_0000 | BINVALUETYPE;
const MULTI_SZ_DELSTRING = 0x0001_8002;

/** Entries of one directive, however often it names a section. */
const ENTRY_LIMIT = 50_000;

/** Where an entry begins: HKR is the key of what is installed. */
export type RegistryRoot = 'HKR' | 'HKLM' | 'HKCR' | 'HKCU' | 'HKU';
const ROOTS: readonly RegistryRoot[] = ['HKR', 'HKLM', 'HKCR', 'HKCU', 'HKU'];

interface EntryBase {
  readonly root: RegistryRoot;
  readonly subkey: string;
  readonly place: InfPlace;
}

/** What an entry asks for. */
export type RegistryEntry = EntryBase &
  (
    | {
        readonly kind: 'set';
        readonly name: string;
        readonly type: number;
        readonly data: Uint8Array;
        /** Leave a value that is there; only replace one that is there. */
        readonly when: 'always' | 'missing' | 'present';
      }
    | { readonly kind: 'append'; readonly name: string; readonly texts: readonly string[] }
    | { readonly kind: 'createKey' | 'deleteKey' }
    | { readonly kind: 'deleteValue'; readonly name: string }
    | { readonly kind: 'deleteText'; readonly name: string; readonly text: string }
    | {
        readonly kind: 'bits';
        readonly name: string;
        readonly set: boolean;
        readonly mask: number;
        readonly byte: number;
      }
  );

/** The entries of all sections that AddReg, DelReg or BitReg lines name. @throws InfError */
export function readRegistryEntries(
  directive: 'AddReg' | 'DelReg' | 'BitReg',
  lines: readonly PartLine[],
): RegistryEntry[] {
  const read = directive === 'AddReg' ? readAdd : directive === 'DelReg' ? readDelete : readBits;
  const entries: RegistryEntry[] = [];
  for (const { document, section } of namedSections(lines)) {
    for (const line of section.lines) {
      if (entries.length === ENTRY_LIMIT) {
        throw document.error('INF_TOO_MANY', line, `${directive} has more than ${ENTRY_LIMIT} entries.`);
      }
      entries.push(read(document, line));
    }
  }
  return entries;
}

/** Root and subkey; the other values begin at 2. */
function readBase(document: InfDocument, line: InfLine, flags: number): EntryBase {
  const root = ROOTS.find((name) => name === document.value(line, 0).trim().toUpperCase());
  if (root === undefined || line.key !== null) {
    throw document.error(
      'INF_REGISTRY_ROOT',
      line.values[0],
      `"${(line.key?.text ?? document.value(line, 0)).slice(0, 60)}" is no root; begin with ${ROOTS.join(', ')} and a comma.`,
    );
  }
  const subkey = document.value(line, 1).replace(/^\\+|\\+$/g, '');
  if (subkey.includes('\\\\')) {
    throw document.error('INF_VALUE', line.values[1], 'the key has an empty name between two backslashes.');
  }
  const narrow = (flags & KEY_32BIT) !== 0 && root === 'HKLM';
  return {
    root,
    subkey: narrow ? subkey.replace(/^software(?=\\|$)/i, 'Software\\WOW6432Node') : subkey,
    place: document.place(line),
  };
}

function readAdd(document: InfDocument, line: InfLine): RegistryEntry {
  const flags = document.number(line, 3, 'the flags', 0);
  const base = readBase(document, line, flags);
  const name = document.value(line, 2);
  if ((flags & DELVAL) !== 0) {
    return name === '' ? { ...base, kind: 'deleteKey' } : { ...base, kind: 'deleteValue', name };
  }
  const values = line.values.slice(4);
  // Without name, flags and value there is only the key to make.
  if ((flags & (KEYONLY | KEYONLY_COMMON)) !== 0 || (name === '' && values.length === 0))
    return { ...base, kind: 'createKey' };
  const type = typeOf(document, line, flags);
  if ((flags & APPEND) !== 0) {
    if (type !== REG_MULTI_SZ) {
      throw document.error(
        'INF_VALUE',
        line.values[3],
        'FLG_ADDREG_APPEND (8) needs the type MULTI_SZ: 0x00010008.',
      );
    }
    return {
      ...base,
      kind: 'append',
      name,
      texts: values.map((field) => document.text(field)).filter(Boolean),
    };
  }
  const when = (flags & NOCLOBBER) !== 0 ? 'missing' : (flags & OVERWRITEONLY) !== 0 ? 'present' : 'always';
  return { ...base, kind: 'set', name, type, when, data: dataOf(document, line, type, flags) };
}

function typeOf(document: InfDocument, line: InfLine, flags: number): number {
  const kind = (flags & TYPE_MASK) >>> 0;
  switch (kind) {
    case 0x0000_0000:
      return REG_SZ;
    case 0x0001_0000:
      return REG_MULTI_SZ;
    case 0x0002_0000:
      return REG_EXPAND_SZ;
    case 0x0000_0001:
      return REG_BINARY;
    case 0x0001_0001:
      return REG_DWORD;
    case 0x0002_0001:
      return REG_NONE;
    case 0x000b_0001:
      return REG_QWORD;
    default:
      // A type of its own: its number in the high word, its data as bytes.
      if ((kind & BINVALUETYPE) !== 0) return kind >>> 16;
      throw document.error(
        'INF_VALUE',
        line.values[3],
        `the flags 0x${flags.toString(16)} name no type; use 0 (text), 0x00010000 (texts), 0x00020000, 0x00010001 (number), 1 (bytes).`,
      );
  }
}

function dataOf(document: InfDocument, line: InfLine, type: number, flags: number): Uint8Array {
  const fields = line.values.slice(4);
  const text = (): string => {
    if (fields.length > 1)
      document.warnings.add(
        'TEXT_IGNORED',
        document.place(fields[1]),
        'a text has one value; put it in quotation marks where it has commas.',
      );
    return document.value(line, 4);
  };
  switch (type) {
    case REG_SZ:
    case REG_EXPAND_SZ:
      return encodeValue(type, text());
    case REG_MULTI_SZ:
      return encodeValue(
        type,
        fields.map((field) => document.text(field)).filter((item) => item !== ''),
      );
    case REG_DWORD:
      // Four bytes are allowed too.
      if (fields.length === 4) return bytesOf(document, line);
      return encodeValue(type, document.number(line, 4, 'the value', 0));
    case REG_QWORD:
      return fields.length === 8 ? bytesOf(document, line) : encodeValue(type, quadOf(document, line));
    default:
      return (flags & BINVALUETYPE) !== 0 ? bytesOf(document, line) : encodeValue(REG_SZ, text());
  }
}

function quadOf(document: InfDocument, line: InfLine): bigint {
  const text = document.value(line, 4).trim();
  if (text === '') return 0n;
  if (/^(?:0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw document.error('INF_VALUE', line.values[4], `"${text.slice(0, 40)}" is no number of 64 bits.`);
}

/** Bytes in hexadecimal, one a value. */
function bytesOf(document: InfDocument, line: InfLine): Uint8Array {
  const fields = line.values.slice(4);
  const bytes: number[] = [];
  for (const field of fields) {
    const text = document.text(field).trim();
    if (text === '') continue;
    const match = /^(?:0x)?([0-9a-f]{1,2})$/i.exec(text);
    if (match === null) {
      throw document.error(
        'INF_VALUE',
        field,
        `"${text.slice(0, 40)}" is no byte; write two hexadecimal digits.`,
      );
    }
    bytes.push(Number.parseInt(match[1], 16));
  }
  return Uint8Array.from(bytes);
}

function readDelete(document: InfDocument, line: InfLine): RegistryEntry {
  const flags = document.number(line, 3, 'the flags', 0);
  const base = readBase(document, line, flags);
  const name = document.value(line, 2);
  if ((flags & MULTI_SZ_DELSTRING) === MULTI_SZ_DELSTRING)
    return { ...base, kind: 'deleteText', name, text: document.value(line, 4) };
  if (name === '' || (flags & KEYONLY_COMMON) !== 0) return { ...base, kind: 'deleteKey' };
  return { ...base, kind: 'deleteValue', name };
}

/** Longest value whose bits are changed. */
const LARGEST_BIT_VALUE = 0x1_0000;

function readBits(document: InfDocument, line: InfLine): RegistryEntry {
  const flags = document.number(line, 3, 'the flags', 0);
  const mask = infNumber(document.value(line, 4) || '0') ?? 0x100;
  const byte = infNumber(document.value(line, 5) || '0') ?? LARGEST_BIT_VALUE;
  if (mask > 0xff || byte >= LARGEST_BIT_VALUE) {
    throw document.error(
      'INF_VALUE',
      line.values[4] ?? line,
      'the mask is a byte such as 0x80, behind it the number of the byte.',
    );
  }
  return {
    ...readBase(document, line, flags),
    kind: 'bits',
    name: document.value(line, 2),
    set: (flags & 1) !== 0,
    mask,
    byte,
  };
}
