/**
 * The strings of an INF file and how `%key%` is replaced by them.
 * Implements "INF Strings Section" and "Using Dirids" (windows-driver-docs-pr/install).
 */

import { InfError, type InfPlace, type InfWarnings } from './infError.ts';
import { foldInf, type InfField, type InfSection, LONGEST_FIELD } from './syntax.ts';

/** English (United States). */
export const DEFAULT_LANGUAGE = 0x0409;
/** Bits of a language id that hold the primary language. */
const PRIMARY_LANGUAGE = 0x3ff;

/** Characters that all replacements of one file may give: strings that are used again and again make small files large. */
const EXPANSION_LIMIT = 0x400_0000;

/** Gives the directory of a dirid, or null where it has none. */
export type DirectoryOf = (dirid: number) => string | null;

/** The strings that one language uses. */
export class InfStrings {
  readonly #file: string;
  readonly #values = new Map<string, string>();
  readonly #warnings: InfWarnings;
  /** Characters that replacements gave so far. */
  #expanded = 0;
  /** Keys that were told missing once. */
  readonly #missing = new Set<string>();

  /** @param sections all sections of the file. @param language a language id such as 0x0407. */
  constructor(
    file: string,
    sections: readonly InfSection[],
    warnings: InfWarnings,
    language: number = DEFAULT_LANGUAGE,
  ) {
    this.#file = file;
    this.#warnings = warnings;
    const section = chooseStrings(sections, language);
    for (const { key, values, line, column } of section?.lines ?? []) {
      if (key === null) {
        warnings.add('TEXT_IGNORED', { file, line, column }, 'a string is written key = "text".');
        continue;
      }
      const name = foldInf(key.text.replace(/^%(.*)%$/, '$1').replaceAll('%%', '%'));
      if (this.#values.has(name)) {
        warnings.add('STRING_TWICE', { file, line, column }, `the string "${key.text}" is defined twice.`);
      }
      if (values.length > 1) {
        const place = { file, line: values[1].line, column: values[1].column };
        warnings.add('TEXT_IGNORED', place, 'a string with a comma stands in quotation marks; it ends here.');
      }
      this.#values.set(name, values[0].text);
    }
  }

  /** The string of that key, as it is written. */
  get(key: string): string | undefined {
    return this.#values.get(foldInf(key));
  }

  /**
   * The text of a value with its strings put in: `%key%` by the string, `%12%` by a directory, `%%` by `%`. What a
   * string itself contains is not looked at again. A key that is not defined stays as it is, with a warning.
   * @throws InfError INF_FIELD_TOO_LONG, INF_TOO_LARGE, INF_DIRID
   */
  expand(field: InfField, directoryOf: DirectoryOf | null = null): string {
    const { text } = field;
    if (!text.includes('%')) return text;
    const place = { file: this.#file, line: field.line, column: field.column };
    let length = 0;
    const result = text.replace(/%([^%]*)%/g, (token, key: string) => {
      const value = this.#valueOf(key, token, place, directoryOf);
      length += value.length;
      if (length > LONGEST_FIELD) throw tooLong(place);
      return value;
    });
    if (result.length > LONGEST_FIELD) throw tooLong(place);
    this.#expanded += result.length;
    if (this.#expanded > EXPANSION_LIMIT) {
      throw new InfError(
        'INF_TOO_LARGE',
        place,
        `with its strings put in the file has more than ${EXPANSION_LIMIT} characters.`,
      );
    }
    return result;
  }

  #valueOf(key: string, token: string, place: InfPlace, directoryOf: DirectoryOf | null): string {
    if (key === '') return '%';
    const known = this.get(key);
    if (known !== undefined) return known;
    if (/^-?\d+$/.test(key) && directoryOf !== null) {
      const directory = directoryOf(Number(key));
      if (directory !== null) return directory;
      throw new InfError(
        'INF_DIRID',
        place,
        `%${key}% names no directory; use 10 (Windows), 11 (System32), 12 (drivers) or 13 (driver store).`,
      );
    }
    if (!this.#missing.has(foldInf(key))) {
      this.#missing.add(foldInf(key));
      this.#warnings.add(
        'STRING_UNDEFINED',
        place,
        `${token} is not defined in [Strings] and stays as it is; write %% for one percent sign.`,
      );
    }
    return token;
  }
}

function tooLong(place: InfPlace): InfError {
  return new InfError(
    'INF_FIELD_TOO_LONG',
    place,
    `with its strings put in the value has more than ${LONGEST_FIELD} characters.`,
  );
}

/** The section for a language: exact, neutral, another of the same primary language, or the one without a language. */
function chooseStrings(sections: readonly InfSection[], language: number): InfSection | null {
  const primary = language & PRIMARY_LANGUAGE;
  let best: InfSection | null = null;
  let bestRank = 4;
  for (const section of sections) {
    const match = /^strings(?:\.([0-9a-f]{4}))?$/i.exec(section.name);
    if (match === null) continue;
    const id = match[1] === undefined ? null : Number.parseInt(match[1], 16);
    const rank = languageRank(id, language, primary);
    if (rank < bestRank) {
      best = section;
      bestRank = rank;
    }
  }
  return best;
}

function languageRank(id: number | null, language: number, primary: number): number {
  if (id === null) return 3;
  if (id === language) return 0;
  if (id === primary) return 1;
  return (id & PRIMARY_LANGUAGE) === primary ? 2 : 4;
}
