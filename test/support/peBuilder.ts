/**
 * Builds small driver images for tests, so that these need no compiler: sections, imports, exports, relocations and a
 * load configuration at places that tests can name. Follows debug/pe-format of the Windows documentation.
 */

/** File offsets in every image that is built here. */
export const SIGNATURE = 0x40;
export const OPTIONAL_HEADER = SIGNATURE + 24;
export const SECTION_HEADERS = OPTIONAL_HEADER + 240;
/** File offset of the entry of a directory. */
export const directoryEntry = (number: number): number => OPTIONAL_HEADER + 112 + number * 8;

export const CODE = 0x6000_0020;
export const READ_ONLY = 0x4000_0040;
export const DATA = 0xc000_0040;
export const DISCARDABLE = 0x0200_0000;

/** Where the parts of an image lie; RVAs. */
export interface Places {
  /** The start of a section. */
  section(name: string): number;
  /** The slot of an imported symbol. */
  slot(symbol: string | number): number;
}

export type Contents = readonly number[] | Uint8Array | ((places: Places) => readonly number[] | Uint8Array);

export interface SectionParts {
  readonly name: string;
  /** A function is called twice and has to give the same length both times. */
  readonly contents: Contents;
  /** Bytes in memory; default: as many as in the file. */
  readonly size?: number;
  readonly flags?: number;
}

export interface ExportParts {
  readonly name?: string;
  readonly rva?: (places: Places) => number;
  readonly forwarder?: string;
}

/** Slots and variables of the load configuration. */
export interface LoadConfigurationParts {
  readonly cookie?: (places: Places) => number;
  readonly guardCheck?: (places: Places) => number;
  readonly guardDispatch?: (places: Places) => number;
  readonly guardFunctions?: (places: Places) => readonly number[];
}

export interface ImageParts {
  readonly sections: readonly SectionParts[];
  /** Default: the start of the first section. */
  readonly entryPoint?: (places: Places) => number;
  readonly imports?: Readonly<Record<string, readonly (string | number)[]>>;
  readonly delayedImports?: Readonly<Record<string, readonly (string | number)[]>>;
  readonly exports?: readonly ExportParts[];
  /** RVAs of 64-bit addresses. */
  readonly relocations?: (places: Places) => readonly number[];
  readonly loadConfiguration?: LoadConfigurationParts;
  readonly machine?: number;
  readonly subsystem?: number;
  readonly characteristics?: number;
  /** Below 4096: the same alignment in file and memory. */
  readonly alignment?: number;
}

export const PREFERRED_BASE = 0x1_4000_0000n;

/** The bytes of a `.sys` file. */
export function buildImage(parts: ImageParts): Uint8Array {
  return new Builder(parts).build();
}

interface Placed {
  readonly name: string;
  readonly rva: number;
  readonly size: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly flags: number;
}

class Builder {
  readonly #parts: ImageParts;
  readonly #alignment: number;
  readonly #fileAlignment: number;
  #sections: Placed[] = [];
  readonly #slots = new Map<string | number, number>();
  readonly #directories = new Map<number, { rva: number; size: number }>();
  readonly #places: Places;

  constructor(parts: ImageParts) {
    this.#parts = parts;
    this.#alignment = parts.alignment ?? 0x1000;
    this.#fileAlignment = Math.min(this.#alignment, 0x200);
    this.#places = {
      section: (name) => this.#sections.find((section) => section.name === name)?.rva ?? 0,
      slot: (symbol) => this.#slots.get(symbol) ?? 0,
    };
  }

  build(): Uint8Array {
    this.#layOut();
    // Once more, now that everything has its place.
    this.#layOut();
    const last = this.#sections[this.#sections.length - 1];
    const bytes = new Uint8Array(up(last.offset + last.bytes.length, this.#fileAlignment));
    this.#writeHeaders(bytes, up(last.rva + last.size, this.#alignment));
    for (const section of this.#sections) bytes.set(section.bytes, section.offset);
    return bytes;
  }

  #layOut(): void {
    const { sections, imports, delayedImports, exports, relocations, loadConfiguration } = this.#parts;
    const placed: Placed[] = [];
    let rva = up(this.#headersSize(), this.#alignment);
    let offset = this.#alignment < 0x1000 ? rva : this.#headersSize();
    const add = (name: string, flags: number, contents: (rva: number) => Uint8Array, size = 0): void => {
      const bytes = contents(rva);
      placed.push({ name, rva, size: Math.max(size, size === 0 ? bytes.length : 1), offset, bytes, flags });
      const end = up(rva + Math.max(size, bytes.length), this.#alignment);
      offset = this.#alignment < 0x1000 ? end : up(offset + bytes.length, this.#fileAlignment);
      rva = end;
    };
    for (const section of sections) {
      add(section.name, section.flags ?? CODE, () => this.#contents(section.contents), section.size);
    }
    if (imports !== undefined) add('.idata', DATA, (at) => this.#imports(at, imports, false));
    if (delayedImports !== undefined) add('.didat', DATA, (at) => this.#imports(at, delayedImports, true));
    if (exports !== undefined) add('.edata', READ_ONLY, (at) => this.#exports(at, exports));
    if (loadConfiguration !== undefined) {
      add('.config', READ_ONLY, (at) => this.#loadConfiguration(at, loadConfiguration));
    }
    if (relocations !== undefined) {
      const discardable = READ_ONLY | DISCARDABLE;
      add('.reloc', discardable, (at) => this.#relocations(at, relocations(this.#places)));
    }
    this.#sections = placed;
  }

  #contents(contents: Contents): Uint8Array {
    return Uint8Array.from(typeof contents === 'function' ? contents(this.#places) : contents);
  }

  /** Number of sections times 40 behind the other headers. */
  #headersSize(): number {
    const { sections, imports, delayedImports, exports, relocations, loadConfiguration } = this.#parts;
    const more = [imports, delayedImports, exports, relocations, loadConfiguration];
    const count = sections.length + more.filter((part) => part !== undefined).length;
    return up(SECTION_HEADERS + count * 40, this.#fileAlignment);
  }

  #imports(
    at: number,
    files: Readonly<Record<string, readonly (string | number)[]>>,
    delayed: boolean,
  ): Uint8Array {
    const entries = Object.entries(files);
    const step = delayed ? 32 : 20;
    const out = new Bytes(at);
    const descriptors = out.reserve((entries.length + 1) * step);
    for (const [index, [dll, symbols]] of entries.entries()) {
      const name = out.text(dll);
      const names = symbols.map((symbol) => (typeof symbol === 'number' ? 0 : out.hintAndName(symbol)));
      const tables = [0, 1].map(() => {
        out.align(8);
        const table = out.reserve((symbols.length + 1) * 8);
        for (const [place, symbol] of symbols.entries()) {
          out.set32(table + place * 8, typeof symbol === 'number' ? symbol : names[place]);
          out.set32(table + place * 8 + 4, typeof symbol === 'number' ? 0x8000_0000 : 0);
        }
        return table;
      });
      for (const [place, symbol] of symbols.entries()) this.#slots.set(symbol, tables[1] + place * 8);
      const descriptor = descriptors + index * step;
      const fields = delayed ? [1, name, 0, tables[1], tables[0]] : [tables[0], 0, 0, name, tables[1]];
      for (const [place, field] of fields.entries()) out.set32(descriptor + place * 4, field);
    }
    this.#directories.set(delayed ? 13 : 1, { rva: descriptors, size: (entries.length + 1) * step });
    return out.done();
  }

  #exports(at: number, exports: readonly ExportParts[]): Uint8Array {
    const out = new Bytes(at);
    const table = out.reserve(40);
    const functions = out.reserve(exports.length * 4);
    const named = exports.flatMap((part, index) =>
      part.name === undefined ? [] : [{ name: part.name, index }],
    );
    named.sort((a, b) => (a.name < b.name ? -1 : 1));
    const names = out.reserve(named.length * 4);
    const indexes = out.reserve(named.length * 2);
    for (const [index, part] of exports.entries()) {
      const target =
        part.forwarder === undefined ? (part.rva?.(this.#places) ?? 0) : out.text(part.forwarder);
      out.set32(functions + index * 4, target);
    }
    for (const [place, { name, index }] of named.entries()) {
      out.set32(names + place * 4, out.text(name));
      out.set16(indexes + place * 2, index);
    }
    out.set32(table + 12, out.text('test.sys'));
    const fields = [1, exports.length, named.length, functions, names, indexes];
    for (const [place, field] of fields.entries()) out.set32(table + 16 + place * 4, field);
    const bytes = out.done();
    this.#directories.set(0, { rva: at, size: bytes.length });
    return bytes;
  }

  #loadConfiguration(at: number, parts: LoadConfigurationParts): Uint8Array {
    const out = new Bytes(at);
    const table = out.reserve(0x94);
    const base = Number(PREFERRED_BASE & 0xffff_ffffn);
    const setAddress = (offset: number, rva: number): void => {
      out.set32(table + offset, base + rva);
      out.set32(table + offset + 4, Number(PREFERRED_BASE >> 32n));
    };
    out.set32(table, 0x94);
    const { cookie, guardCheck, guardDispatch, guardFunctions } = parts;
    if (cookie !== undefined) setAddress(0x58, cookie(this.#places));
    if (guardCheck !== undefined) setAddress(0x70, guardCheck(this.#places));
    if (guardDispatch !== undefined) setAddress(0x78, guardDispatch(this.#places));
    if (guardFunctions !== undefined) {
      const functions = guardFunctions(this.#places);
      const list = out.reserve(functions.length * 4);
      for (const [index, rva] of functions.entries()) out.set32(list + index * 4, rva);
      setAddress(0x80, list);
      out.set32(table + 0x88, functions.length);
      out.set32(table + 0x90, 0x500);
    }
    this.#directories.set(10, { rva: table, size: 0x94 });
    return out.done();
  }

  #relocations(at: number, targets: readonly number[]): Uint8Array {
    const out = new Bytes(at);
    const pages = new Map<number, number[]>();
    for (const target of targets.toSorted((a, b) => a - b)) {
      const page = target & ~0xfff;
      const list = pages.get(page);
      if (list === undefined) pages.set(page, [target & 0xfff]);
      else list.push(target & 0xfff);
    }
    for (const [page, offsets] of pages) {
      const entries = offsets.map((offset) => 0xa000 | offset);
      // Padding to four bytes, of type ABSOLUTE.
      if (entries.length % 2 === 1) entries.push(0);
      const block = out.reserve(8 + entries.length * 2);
      out.set32(block, page);
      out.set32(block + 4, 8 + entries.length * 2);
      for (const [index, entry] of entries.entries()) out.set16(block + 8 + index * 2, entry);
    }
    const bytes = out.done();
    if (bytes.length > 0) this.#directories.set(5, { rva: at, size: bytes.length });
    return bytes.length === 0 ? new Uint8Array(8) : bytes;
  }

  #writeHeaders(bytes: Uint8Array, imageSize: number): void {
    const data = new DataView(bytes.buffer);
    const set16 = (at: number, value: number): void => data.setUint16(at, value, true);
    const set32 = (at: number, value: number): void => data.setUint32(at, value, true);
    const { machine = 0x8664, subsystem = 1, characteristics = 0x22, entryPoint } = this.#parts;
    set16(0, 0x5a4d);
    set32(60, SIGNATURE);
    set32(SIGNATURE, 0x4550);
    set16(SIGNATURE + 4, machine);
    set16(SIGNATURE + 6, this.#sections.length);
    set32(SIGNATURE + 8, 0x6500_0000);
    set16(SIGNATURE + 20, 240);
    set16(SIGNATURE + 22, characteristics);
    set16(OPTIONAL_HEADER, 0x20b);
    set32(OPTIONAL_HEADER + 16, entryPoint?.(this.#places) ?? this.#sections[0].rva);
    data.setBigUint64(OPTIONAL_HEADER + 24, PREFERRED_BASE, true);
    set32(OPTIONAL_HEADER + 32, this.#alignment);
    set32(OPTIONAL_HEADER + 36, this.#fileAlignment);
    set32(OPTIONAL_HEADER + 56, imageSize);
    set32(OPTIONAL_HEADER + 60, this.#headersSize());
    set16(OPTIONAL_HEADER + 68, subsystem);
    set32(OPTIONAL_HEADER + 108, 16);
    for (const [number, { rva, size }] of this.#directories) {
      set32(directoryEntry(number), rva);
      set32(directoryEntry(number) + 4, size);
    }
    for (const [index, section] of this.#sections.entries()) {
      const at = SECTION_HEADERS + index * 40;
      for (let place = 0; place < section.name.length; place++)
        bytes[at + place] = section.name.charCodeAt(place);
      set32(at + 8, section.size);
      set32(at + 12, section.rva);
      set32(at + 16, up(section.bytes.length, this.#fileAlignment));
      set32(at + 20, section.offset);
      set32(at + 36, section.flags);
    }
  }
}

/** Bytes that grow, addressed by RVA. */
class Bytes {
  readonly #base: number;
  #bytes: number[] = [];

  constructor(base: number) {
    this.#base = base;
  }

  reserve(size: number): number {
    const at = this.#base + this.#bytes.length;
    for (let index = 0; index < size; index++) this.#bytes.push(0);
    return at;
  }

  align(to: number): void {
    while (this.#bytes.length % to !== 0) this.#bytes.push(0);
  }

  text(text: string): number {
    const at = this.reserve(0);
    for (const character of text) this.#bytes.push(character.charCodeAt(0));
    this.#bytes.push(0);
    return at;
  }

  hintAndName(name: string): number {
    this.align(2);
    const at = this.reserve(2);
    this.text(name);
    return at;
  }

  set16(rva: number, value: number): void {
    const at = rva - this.#base;
    this.#bytes[at] = value & 0xff;
    this.#bytes[at + 1] = (value >>> 8) & 0xff;
  }

  set32(rva: number, value: number): void {
    this.set16(rva, value);
    this.set16(rva + 2, value >>> 16);
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function up(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
