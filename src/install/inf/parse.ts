/** Parses INF files: text or bytes in, sections and lines with places out. */

import { decodeInf, LARGEST_INF } from './encoding.ts';
import { InfError, InfWarnings } from './infError.ts';
import { InfLexer } from './lexer.ts';
import {
  foldInf,
  type InfLine,
  type InfSyntax,
  LINE_LIMIT,
  LONGEST_SECTION_NAME,
  SECTION_LIMIT,
} from './syntax.ts';

interface OpenSection {
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly lines: InfLine[];
}

/**
 * Parses a file. Sections of the same name become one.
 * @param file its name, for messages. @param source its bytes, or its text.
 * @throws InfError INF_TOO_LARGE, INF_TOO_MANY, INF_ENCODING, INF_CHARACTER, INF_SECTION_NAME, INF_OUTSIDE_SECTION,
 * INF_FIELD_TOO_LONG; nothing else, whatever the bytes are.
 */
export function parseInf(
  file: string,
  source: string | Uint8Array,
  warnings: InfWarnings = new InfWarnings(),
): InfSyntax {
  const text = typeof source === 'string' ? source.replace(/^\ufeff/, '') : decodeInf(file, source, warnings);
  if (text.length > LARGEST_INF) {
    throw new InfError(
      'INF_TOO_LARGE',
      { file, line: 1, column: 1 },
      `the file has ${text.length} characters; at most ${LARGEST_INF} are read.`,
    );
  }
  const lexer = new InfLexer(file, text, warnings);
  const sections = new Map<string, OpenSection>();
  let current: OpenSection | null = null;
  let count = 0;
  for (let item = lexer.next(); item !== null; item = lexer.next()) {
    if ('header' in item) {
      current = openSection(file, sections, item.header);
      continue;
    }
    const place = { file, line: item.line, column: item.column };
    if (current === null) {
      throw new InfError(
        'INF_OUTSIDE_SECTION',
        place,
        'an entry stands before any section; write the name of its section above it, as [Version].',
      );
    }
    if (++count > LINE_LIMIT)
      throw new InfError('INF_TOO_MANY', place, `the file has more than ${LINE_LIMIT} entries.`);
    current.lines.push(item);
  }
  return { file, sections: [...sections.values()] };
}

function openSection(
  file: string,
  sections: Map<string, OpenSection>,
  header: { readonly text: string; readonly line: number; readonly column: number },
): OpenSection {
  const place = { file, line: header.line, column: header.column };
  const name = header.text.trim();
  if (name === '') throw new InfError('INF_SECTION_NAME', place, 'the name of a section is empty.');
  if (name.length > LONGEST_SECTION_NAME) {
    throw new InfError(
      'INF_SECTION_NAME',
      place,
      `the name of a section has ${name.length} characters; at most ${LONGEST_SECTION_NAME} are allowed.`,
    );
  }
  const known = sections.get(foldInf(name));
  if (known !== undefined) return known;
  if (sections.size === SECTION_LIMIT)
    throw new InfError('INF_TOO_MANY', place, `the file has more than ${SECTION_LIMIT} sections.`);
  const section: OpenSection = { name, line: header.line, column: header.column, lines: [] };
  sections.set(foldInf(name), section);
  return section;
}
