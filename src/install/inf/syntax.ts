/**
 * An INF file as it is written: sections, lines and values, before any string is put in. Plain data with places.
 * Implements "General Syntax Rules for INF Files" (windows-driver-docs-pr/install).
 */

/** A value or the text before `=`. Quotation marks are taken off, `%` is as written. */
export interface InfField {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** One entry: `key = value, value`, or values alone. */
export interface InfLine {
  readonly key: InfField | null;
  /** The values between the commas; an omitted one is ''. */
  readonly values: readonly InfField[];
  readonly line: number;
  readonly column: number;
}

/** One section, with the lines of all places where its name stands. */
export interface InfSection {
  /** As it is written first. */
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly lines: readonly InfLine[];
}

/** A parsed file. */
export interface InfSyntax {
  readonly file: string;
  /** In the order in which their names first stand; names compare without case. */
  readonly sections: readonly InfSection[];
}

/** Longest name of a section. */
export const LONGEST_SECTION_NAME = 255;
/** Longest value, before and after strings are put in, without the zero that Windows counts. */
export const LONGEST_FIELD = 4095;
/** Sections of one file. */
export const SECTION_LIMIT = 20_000;
/** Entries of one file. */
export const LINE_LIMIT = 200_000;
/** Values of one entry. */
export const FIELD_LIMIT = 20_000;

/** A name as it is compared. */
export function foldInf(name: string): string {
  return name.toUpperCase();
}
