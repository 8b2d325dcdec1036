/** What is wrong in an INF file: a stable code, the place, and what to do about it. */

import { NdisboxError } from '../../kernel/index.ts';

/** A place in an INF file; line and column count from 1. */
export interface InfPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Every code of an error in an INF file. */
export type InfErrorCode =
  | 'INF_ENCODING'
  | 'INF_TOO_LARGE'
  | 'INF_TOO_MANY'
  | 'INF_CHARACTER'
  | 'INF_SECTION_NAME'
  | 'INF_OUTSIDE_SECTION'
  | 'INF_FIELD_TOO_LONG'
  | 'INF_SECTION_MISSING'
  | 'INF_VALUE_MISSING'
  | 'INF_VALUE'
  | 'INF_SIGNATURE'
  | 'INF_CLASS'
  | 'INF_DECORATION'
  | 'INF_NO_MODELS'
  | 'INF_PATH'
  | 'INF_DIRID'
  | 'INF_FILE_MISSING'
  | 'INF_INCLUDE_MISSING'
  | 'INF_INCLUDE_DEPTH'
  | 'INF_NEEDS_CYCLE'
  | 'INF_REGISTRY_ROOT'
  | 'INF_CHARACTERISTICS'
  | 'INF_SERVICE'
  | 'INF_NETWORK'
  | 'INF_PARAMETER';

/** An INF file that cannot be used. */
export class InfError extends NdisboxError {
  readonly place: InfPlace;

  constructor(code: InfErrorCode, place: InfPlace, text: string) {
    super(code, `${place.file}:${place.line}:${place.column}: ${text}`);
    this.name = 'InfError';
    this.place = place;
  }
}

/** Something that has no effect or probably not the one that was meant; the file can be used. */
export interface InfWarning {
  /** Stable, as the codes of errors. */
  readonly code: InfWarningCode;
  readonly place: InfPlace;
  readonly text: string;
}

/** Every code of a warning. */
export type InfWarningCode =
  | 'QUOTE_OPEN'
  | 'TEXT_IGNORED'
  | 'ENCODING_GUESSED'
  | 'STRING_UNDEFINED'
  | 'STRING_TWICE'
  | 'ENTRY_UNKNOWN'
  | 'ENTRY_WITHOUT_EFFECT'
  | 'SECTION_WITHOUT_EFFECT'
  | 'PACKAGE_UNSIGNED'
  | 'KEYWORD_MISSING'
  | 'NETWORK_RULE'
  | 'INTERFACE_UNKNOWN';

/** Gathers warnings; the later ones of a flood are counted only. */
export class InfWarnings {
  readonly list: InfWarning[] = [];
  /** Warnings that were not kept because there were too many. */
  dropped = 0;

  add(code: InfWarningCode, place: InfPlace, text: string): void {
    if (this.list.length < WARNING_LIMIT) this.list.push({ code, place, text });
    else this.dropped++;
  }
}

/** Warnings that are kept for one file. */
export const WARNING_LIMIT = 1000;

/** A warning as a line of text. */
export function formatWarning({ code, place, text }: InfWarning): string {
  return `${place.file}:${place.line}:${place.column}: warning ${code}: ${text}`;
}
