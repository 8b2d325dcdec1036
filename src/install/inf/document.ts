/** A parsed INF file with its strings: what the interpretation of sections and entries works on. */

import { InfError, type InfErrorCode, type InfPlace, InfWarnings } from './infError.ts';
import { parseInf } from './parse.ts';
import { type DirectoryOf, InfStrings } from './strings.ts';
import { foldInf, type InfField, type InfLine, type InfSection, type InfSyntax } from './syntax.ts';

/** One section with strings put into its name. */
export class InfDocument {
  readonly syntax: InfSyntax;
  readonly strings: InfStrings;
  readonly warnings: InfWarnings;
  /** What `%13%` and its like stand for; set when it is known where files go. */
  directoryOf: DirectoryOf | null = null;
  readonly #sections = new Map<string, InfSection>();

  /** Parses a file. @throws InfError those of `parseInf` */
  static parse(
    file: string,
    source: string | Uint8Array,
    options: { readonly language?: number } = {},
  ): InfDocument {
    const warnings = new InfWarnings();
    return new InfDocument(parseInf(file, source, warnings), warnings, options.language);
  }

  constructor(syntax: InfSyntax, warnings: InfWarnings, language?: number) {
    this.syntax = syntax;
    this.warnings = warnings;
    this.strings = new InfStrings(syntax.file, syntax.sections, warnings, language);
    for (const section of syntax.sections) {
      const name = foldInf(
        this.strings.expand({ text: section.name, line: section.line, column: section.column }),
      );
      const known = this.#sections.get(name);
      // Two names may become one once their strings are put in.
      const merged = known === undefined ? section : { ...known, lines: [...known.lines, ...section.lines] };
      this.#sections.set(name, merged);
    }
  }

  /** Name of the file. */
  get file(): string {
    return this.syntax.file;
  }

  /** Names of all sections, as written. */
  sectionNames(): string[] {
    return this.syntax.sections.map(({ name }) => name);
  }

  /** The section of that name, or null. */
  section(name: string): InfSection | null {
    return this.#sections.get(foldInf(name.trim())) ?? null;
  }

  /** The section of that name. @param place where it is asked for. @throws InfError INF_SECTION_MISSING */
  requireSection(name: string, place: InfPlace): InfSection {
    const section = this.section(name);
    if (section === null) {
      throw new InfError(
        'INF_SECTION_MISSING',
        place,
        `there is no section [${name}]; add it or correct the name.`,
      );
    }
    return section;
  }

  /** The place of a line or value. */
  place({ line, column }: { readonly line: number; readonly column: number }): InfPlace {
    return { file: this.file, line, column };
  }

  /** The text of a value with its strings. */
  text(field: InfField): string {
    return this.strings.expand(field, this.directoryOf);
  }

  /** The key of a line with its strings, '' where it has none. */
  key(line: InfLine): string {
    return line.key === null ? '' : this.strings.expand(line.key);
  }

  /** The value number `index` of a line, '' where it is omitted. */
  value(line: InfLine, index: number): string {
    const field = line.values[index];
    return field === undefined ? '' : this.text(field);
  }

  /** All values of a line that are not empty. */
  list(line: InfLine): string[] {
    return line.values.map((field) => this.text(field)).filter((text) => text !== '');
  }

  /** The lines of a section with this key. */
  entries(section: InfSection, key: string): InfLine[] {
    const folded = foldInf(key);
    return section.lines.filter((line) => foldInf(this.key(line)) === folded);
  }

  /** The first line of a section with this key, or null. */
  entry(section: InfSection, key: string): InfLine | null {
    return this.entries(section, key)[0] ?? null;
  }

  /** An error at a line or value. */
  error(code: InfErrorCode, at: { readonly line: number; readonly column: number }, text: string): InfError {
    return new InfError(code, this.place(at), text);
  }

  /**
   * A number as INF files write it: decimal, or hexadecimal with 0x.
   * @throws InfError INF_VALUE for anything else and beyond 32 bits.
   */
  number(line: InfLine, index: number, what: string, otherwise: number): number {
    const text = this.value(line, index).trim();
    if (text === '') return otherwise;
    const value = infNumber(text);
    if (value === null) {
      throw this.error(
        'INF_VALUE',
        line.values[index],
        `${what} is "${text.slice(0, 60)}"; give a number such as 2 or 0x00010001.`,
      );
    }
    return value;
  }
}

/** A number as INF files write it, as unsigned 32 bits; null for anything else. */
export function infNumber(text: string): number | null {
  const match = /^(?:0x([0-9a-f]{1,8})|(-?)(\d{1,10}))$/i.exec(text.trim());
  if (match === null) return null;
  if (match[1] !== undefined) return Number.parseInt(match[1], 16);
  const value = Number(match[3]);
  if (match[2] === '-') return value <= 0x8000_0000 ? -value >>> 0 : null;
  return value <= 0xffff_ffff ? value : null;
}
