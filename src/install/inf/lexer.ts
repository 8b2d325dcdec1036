/**
 * Takes the text of an INF file apart: comments, quotation marks, continued lines, commas and the first equals sign.
 * Implements "General Syntax Rules for INF Files" (windows-driver-docs-pr/install), line format.
 */

import { InfError, type InfWarnings } from './infError.ts';
import { FIELD_LIMIT, type InfField, LONGEST_FIELD } from './syntax.ts';

/** An entry as the lexer sees it. */
export interface LexedLine {
  readonly key: InfField | null;
  readonly values: InfField[];
  readonly line: number;
  readonly column: number;
}

/** The name of a section as the lexer sees it. */
export interface LexedHeader {
  readonly header: InfField;
}

/** Characters that mean nothing to the lexer. Taken in one piece, so that long runs cost little. */
const PLAIN = /[^\s,;="\\%\p{Cc}]{1,4096}/uy;
const BACKSLASHES = /\\+/y;
const END_OF_FILE = '\u001a';

/** Reads one entry or section name after the other. */
export class InfLexer {
  readonly #file: string;
  readonly #text: string;
  readonly #warnings: InfWarnings;
  #at = 0;
  #line = 1;
  /** Where the current line begins. */
  #lineStart = 0;

  constructor(file: string, text: string, warnings: InfWarnings) {
    this.#file = file;
    // Editors of old ended files with this character.
    const end = text.indexOf(END_OF_FILE);
    this.#text = end < 0 ? text : text.slice(0, end);
    this.#warnings = warnings;
  }

  /** The next entry or section name, or null at the end. @throws InfError */
  next(): LexedLine | LexedHeader | null {
    for (;;) {
      this.#skipBlanks();
      const character = this.#text[this.#at];
      if (character === undefined) return null;
      if (isLineEnd(character)) this.#newLine();
      else if (character === ';') this.#skipToLineEnd();
      else if (character === '[') return this.#readHeader();
      else return this.#readLine();
    }
  }

  get #column(): number {
    return this.#at - this.#lineStart + 1;
  }

  #error(
    code: ConstructorParameters<typeof InfError>[0],
    line: number,
    column: number,
    text: string,
  ): InfError {
    return new InfError(code, { file: this.#file, line, column }, text);
  }

  #warn(code: Parameters<InfWarnings['add']>[0], text: string): void {
    this.#warnings.add(code, { file: this.#file, line: this.#line, column: this.#column }, text);
  }

  #skipBlanks(): void {
    while (isBlank(this.#text[this.#at])) this.#at++;
  }

  #skipToLineEnd(): void {
    while (this.#at < this.#text.length && !isLineEnd(this.#text[this.#at])) this.#at++;
  }

  #newLine(): void {
    if (this.#text[this.#at] === '\r' && this.#text[this.#at + 1] === '\n') this.#at++;
    this.#at++;
    this.#line++;
    this.#lineStart = this.#at;
  }

  #readHeader(): LexedHeader {
    const [line, column] = [this.#line, this.#column];
    const start = ++this.#at;
    while (this.#at < this.#text.length && this.#text[this.#at] !== ']' && !isLineEnd(this.#text[this.#at])) {
      this.#checkCharacter();
      this.#at++;
    }
    if (this.#text[this.#at] !== ']') {
      throw this.#error('INF_SECTION_NAME', line, column, 'the name of a section ends with "]".');
    }
    const text = this.#text.slice(start, this.#at++);
    this.#skipBlanks();
    const after = this.#text[this.#at];
    if (after !== undefined && after !== ';' && !isLineEnd(after)) {
      this.#warn('TEXT_IGNORED', 'what stands behind the name of a section is not read.');
    }
    this.#skipToLineEnd();
    return { header: { text, line, column: column + 1 } };
  }

  #readLine(): LexedLine {
    const [line, column] = [this.#line, this.#column];
    const values: InfField[] = [];
    let key: InfField | null = null;
    for (;;) {
      const { field, end } = this.#readField(key === null && values.length === 0);
      if (end === '=') {
        key = field;
        continue;
      }
      values.push(field);
      if (values.length > FIELD_LIMIT) {
        throw this.#error(
          'INF_TOO_MANY',
          field.line,
          field.column,
          `an entry has more than ${FIELD_LIMIT} values; split it.`,
        );
      }
      if (end === '') return { key, values, line, column };
    }
  }

  /** Reads up to a comma, the end of the entry, or an equals sign where that parts key and values. */
  #readField(first: boolean): { readonly field: InfField; readonly end: '=' | ',' | '' } {
    this.#skipBlanksAndContinuations();
    const [line, column] = [this.#line, this.#column];
    const parts: string[] = [];
    let length = 0;
    /** Characters up to here are kept although they are blank: they were in quotation marks. */
    let kept = 0;
    const add = (text: string, keep: boolean): void => {
      parts.push(text);
      length += text.length;
      if (keep) kept = length;
      if (length > LONGEST_FIELD) {
        throw this.#error(
          'INF_FIELD_TOO_LONG',
          line,
          column,
          `a value has more than ${LONGEST_FIELD} characters; shorten it.`,
        );
      }
    };
    const done = (end: '=' | ',' | '') => {
      const text = parts.join('');
      const trimmed = text.slice(0, kept) + text.slice(kept).replace(/[ \t\v\f]+$/, '');
      return { field: { text: trimmed, line, column }, end };
    };
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || isLineEnd(character)) return done('');
      if (character === ';') {
        this.#skipToLineEnd();
        return done('');
      }
      if (character === ',' || (character === '=' && first)) {
        this.#at++;
        return done(character);
      }
      if (character === '"') add(this.#readQuoted(), true);
      else if (character === '\\' && this.#skipContinuation()) this.#skipBlanksAndContinuations();
      else {
        this.#checkCharacter();
        const run = this.#runLength(character);
        add(this.#text.slice(this.#at, this.#at + run), character === '%' && run > 1);
        this.#at += run;
      }
    }
  }

  #skipBlanksAndContinuations(): void {
    do this.#skipBlanks();
    while (this.#text[this.#at] === '\\' && this.#skipContinuation());
  }

  /** Skips backslashes that end their line, with a comment behind them, and the end of the line; false if they do not. */
  #skipContinuation(): boolean {
    let at = this.#at;
    while (this.#text[at] === '\\') at++;
    while (isBlank(this.#text[at])) at++;
    if (this.#text[at] === ';') {
      while (at < this.#text.length && !isLineEnd(this.#text[at])) at++;
    }
    if (at < this.#text.length && !isLineEnd(this.#text[at])) return false;
    this.#at = at;
    if (at < this.#text.length) this.#newLine();
    return true;
  }

  /** The text in quotation marks, two of which stand for one. A line ends them too. */
  #readQuoted(): string {
    const [line, column] = [this.#line, this.#column];
    const parts: string[] = [];
    let start = ++this.#at;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || isLineEnd(character)) {
        parts.push(this.#text.slice(start, this.#at));
        this.#warnings.add(
          'QUOTE_OPEN',
          { file: this.#file, line, column },
          'the quotation mark is not closed on its line; the text ends with the line.',
        );
        return parts.join('').trimEnd();
      }
      this.#checkCharacter();
      if (character === '"') {
        parts.push(this.#text.slice(start, this.#at));
        this.#at++;
        if (this.#text[this.#at] !== '"') return parts.join('');
        start = this.#at;
      }
      this.#at++;
    }
  }

  /** Characters from here on that are read in one piece. */
  #runLength(character: string): number {
    if (character === '%') return this.#tokenLength();
    const run = character === '\\' ? BACKSLASHES : PLAIN;
    run.lastIndex = this.#at;
    return run.exec(this.#text)?.[0].length ?? 1;
  }

  /** Characters of a `%token%` that begins here: a semicolon inside of it is no comment. 1 where there is none. */
  #tokenLength(): number {
    const limit = Math.min(this.#text.length, this.#at + LONGEST_FIELD);
    for (let at = this.#at + 1; at < limit; at++) {
      const character = this.#text[at];
      if (character === '%') return at - this.#at + 1;
      if (character === '"' || character === ',' || character === '=' || isBlank(character)) return 1;
      if (isLineEnd(character) || isForbidden(character)) return 1;
    }
    return 1;
  }

  #checkCharacter(): void {
    if (!isForbidden(this.#text[this.#at])) return;
    const code = this.#text.charCodeAt(this.#at).toString(16).padStart(4, '0');
    throw this.#error(
      'INF_CHARACTER',
      this.#line,
      this.#column,
      `the control character U+${code} cannot stand in an INF file; remove it, or save the file as text.`,
    );
  }
}

function isLineEnd(character: string | undefined): boolean {
  return character === '\n' || character === '\r';
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\v' || character === '\f';
}

function isForbidden(character: string): boolean {
  return character < ' ' && !isBlank(character) && !isLineEnd(character);
}
