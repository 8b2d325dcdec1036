/**
 * DDInstall sections: which one is used on a system, and what Include and Needs bring along.
 * Implements "INF DDInstall Section" and "Creating INF Files for Multiple Platforms and Operating Systems"
 * (windows-driver-docs-pr/install).
 */

import {
  applies,
  compareDecorations,
  type Decoration,
  parseDecoration,
  type TargetSystem,
} from '../inf/decoration.ts';
import type { InfDocument } from '../inf/document.ts';
import { InfError, type InfPlace } from '../inf/infError.ts';
import { foldInf, type InfLine, type InfSection } from '../inf/syntax.ts';

/** A section and the file it stands in. */
export interface SectionPart {
  readonly document: InfDocument;
  readonly section: InfSection;
}

/** An entry and the file it stands in. */
export interface PartLine {
  readonly document: InfDocument;
  readonly line: InfLine;
}

/** Gives an included file, or null where there is none of that name. */
export type IncludeReader = (name: string) => InfDocument | null;

/** How deep files may include each other, and sections that one section may need altogether. */
const INCLUDE_DEPTH = 8;
const NEEDS_LIMIT = 500;

/** What stands behind the name of a DDInstall section for its other parts. */
const PART_NAMES = [
  'Services',
  'HW',
  'CoInstallers',
  'Interfaces',
  'LogConfigOverride',
  'FactDef',
  'WMI',
  'Wdf',
  'Components',
  'Software',
  'Events',
  'Filters',
  'COM',
  'Remove',
] as const;

/**
 * The DDInstall section of that name that fits a system best: with a decoration, else `.NT`, else as it stands.
 * @throws InfError INF_SECTION_MISSING
 */
export function chooseInstallSection(
  document: InfDocument,
  name: string,
  place: InfPlace,
  target: TargetSystem,
): InfSection {
  const prefix = `${foldInf(name)}.`;
  let best: { readonly section: InfSection; readonly decoration: Decoration } | null = null;
  for (const written of document.sectionNames()) {
    if (!foldInf(written).startsWith(prefix)) continue;
    const decoration = parseDecoration(written.slice(prefix.length));
    if (decoration === null || decoration.architecture === null || !applies(decoration, target)) continue;
    const section = document.section(written);
    if (section === null) continue;
    if (best === null || compareDecorations(decoration, best.decoration) > 0) best = { section, decoration };
  }
  return best?.section ?? document.section(`${name}.NT`) ?? document.requireSection(name, place);
}

/** The part of an install section with that name, `Services`, with all that it needs; empty where there is none. */
export function partsOf(
  document: InfDocument,
  installSection: InfSection,
  part: (typeof PART_NAMES)[number] | '' | 'Remove.Services',
  include: IncludeReader,
): SectionPart[] {
  const section = part === '' ? installSection : document.section(`${installSection.name}.${part}`);
  return section === null ? [] : new Needs(include).collect({ document, section });
}

/** Follows Include and Needs. What is needed comes before what needs it, so that the latter has the last word. */
class Needs {
  readonly #include: IncludeReader;
  readonly #parts: SectionPart[] = [];
  readonly #open: string[] = [];
  readonly #done = new Set<string>();

  constructor(include: IncludeReader) {
    this.#include = include;
  }

  collect(part: SectionPart): SectionPart[] {
    this.#visit(part, 0);
    return this.#parts;
  }

  #visit(part: SectionPart, depth: number): void {
    const { document, section } = part;
    const id = `${foldInf(document.file)}|${foldInf(section.name)}`;
    if (this.#done.has(id)) return;
    this.#open.push(id);
    const needs = document.entries(section, 'Needs');
    if (needs.length > 0) {
      const files = [document, ...this.#included(document, section, depth)];
      for (const line of needs) for (const field of line.values) this.#need(document, files, field, depth);
    }
    this.#open.pop();
    this.#done.add(id);
    this.#parts.push(part);
  }

  #need(
    document: InfDocument,
    files: readonly InfDocument[],
    field: InfLine['values'][number],
    depth: number,
  ): void {
    const name = document.text(field).trim();
    if (name === '') return;
    const place = document.place(field);
    if (this.#parts.length + this.#open.length >= NEEDS_LIMIT) {
      throw new InfError('INF_TOO_MANY', place, `more than ${NEEDS_LIMIT} sections are needed.`);
    }
    // An included file has the section, as a rule; its own file may as well.
    for (const file of files.toReversed()) {
      const section = file.section(name);
      if (section === null) continue;
      const id = `${foldInf(file.file)}|${foldInf(section.name)}`;
      if (this.#open.includes(id)) {
        throw new InfError(
          'INF_NEEDS_CYCLE',
          place,
          `[${name}] needs itself; remove one of the Needs entries.`,
        );
      }
      this.#visit({ document: file, section }, depth + 1);
      return;
    }
    throw new InfError(
      'INF_SECTION_MISSING',
      place,
      `there is no section [${name}] in ${files.map(({ file }) => file).join(', ')}; correct Needs or Include.`,
    );
  }

  #included(document: InfDocument, section: InfSection, depth: number): InfDocument[] {
    const found: InfDocument[] = [];
    for (const line of document.entries(section, 'Include')) {
      for (const field of line.values) {
        const name = document.text(field).trim();
        if (name === '') continue;
        const place = document.place(field);
        if (depth >= INCLUDE_DEPTH) {
          throw new InfError(
            'INF_INCLUDE_DEPTH',
            place,
            `files include each other more than ${INCLUDE_DEPTH} deep.`,
          );
        }
        const file = this.#include(name);
        if (file === null) {
          throw new InfError(
            'INF_INCLUDE_MISSING',
            place,
            `the file ${name} is neither beside this one nor in C:\\Windows\\INF; put it there.`,
          );
        }
        found.push(file);
      }
    }
    return found;
  }
}

/** The lines of all parts with this key, in order. */
export function linesOf(parts: readonly SectionPart[], key: string): PartLine[] {
  return parts.flatMap(({ document, section }) =>
    document.entries(section, key).map((line) => ({ document, line })),
  );
}

/** A section and file for each section that a directive such as AddReg names. @throws InfError INF_SECTION_MISSING */
export function namedSections(lines: readonly PartLine[]): SectionPart[] {
  return lines.flatMap(({ document, line }) =>
    line.values.flatMap((field) => {
      const name = document.text(field).trim();
      return name === '' ? [] : [{ document, section: document.requireSection(name, document.place(field)) }];
    }),
  );
}
