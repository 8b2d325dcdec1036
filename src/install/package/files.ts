/**
 * Files of a package: where they come from, and where CopyFiles, DelFiles and RenFiles put them.
 * Implements "INF CopyFiles Directive", "INF DelFiles Directive", "INF RenFiles Directive", "INF DestinationDirs
 * Section", "INF SourceDisksNames Section" and "INF SourceDisksFiles Section" (windows-driver-docs-pr/install).
 */

import { type InfDocument, infNumber } from '../inf/document.ts';
import type { InfPlace } from '../inf/infError.ts';
import { foldInf, type InfField, type InfLine, type InfSection } from '../inf/syntax.ts';
import { directoryOfDirid, joinPath, relativePath } from './paths.ts';
import type { PartLine } from './sections.ts';

/** COPYFLG_NO_OVERWRITE and COPYFLG_REPLACEONLY. */
const NO_OVERWRITE = 0x10;
const REPLACE_ONLY = 0x400;

/** One file operation. Paths are on `C:`. */
export type FileOperation =
  | {
      readonly kind: 'copy';
      /** Below the folder of the INF file, parted by slashes. */
      readonly source: string;
      readonly destination: string;
      readonly when: 'always' | 'missing' | 'present';
      readonly place: InfPlace;
    }
  | { readonly kind: 'delete'; readonly destination: string; readonly place: InfPlace }
  | {
      readonly kind: 'rename';
      readonly from: string;
      readonly destination: string;
      readonly place: InfPlace;
    };

/** Where a package lies once it is installed. */
export interface PackagePlaces {
  /** Its directory in the driver store, dirid 13. */
  readonly store: string;
  /** The architecture behind SourceDisksFiles: `amd64`. */
  readonly architecture: string;
}

/** The operations of all sections that CopyFiles, DelFiles or RenFiles lines name. @throws InfError */
export function readFileOperations(
  directive: 'CopyFiles' | 'DelFiles' | 'RenFiles',
  lines: readonly PartLine[],
  places: PackagePlaces,
): FileOperation[] {
  return lines.flatMap(({ document, line }) =>
    line.values.flatMap((field) => operationsOf(directive, document, field, places)),
  );
}

function operationsOf(
  directive: 'CopyFiles' | 'DelFiles' | 'RenFiles',
  document: InfDocument,
  field: InfField,
  places: PackagePlaces,
): FileOperation[] {
  const name = document.text(field).trim();
  if (name === '') return [];
  if (directive === 'CopyFiles' && name.startsWith('@')) {
    const file = name.slice(1);
    const directory = destinationOf(document, null, document.place(field), places);
    return [copyOf(document, { destination: file, source: file, flags: 0 }, directory, field, places)];
  }
  const section = document.requireSection(name, document.place(field));
  const directory = destinationOf(document, section, document.place(field), places);
  return section.lines.map((line) => operationOf(directive, document, line, directory, places));
}

function operationOf(
  directive: 'CopyFiles' | 'DelFiles' | 'RenFiles',
  document: InfDocument,
  line: InfLine,
  directory: string,
  places: PackagePlaces,
): FileOperation {
  const first = document.value(line, 0);
  const place = document.place(line);
  const at = line.values[0];
  if (directive === 'DelFiles')
    return { kind: 'delete', destination: pathIn(document, at, directory, first), place };
  const second = document.value(line, 1);
  if (directive === 'RenFiles') {
    if (second === '')
      throw document.error('INF_VALUE_MISSING', line, 'an entry is written new-name, old-name.');
    return {
      kind: 'rename',
      from: pathIn(document, line.values[1], directory, second),
      destination: pathIn(document, at, directory, first),
      place,
    };
  }
  const flags = document.number(line, 3, 'the flags', 0);
  return copyOf(document, { destination: first, source: second || first, flags }, directory, at, places);
}

function copyOf(
  document: InfDocument,
  file: { readonly destination: string; readonly source: string; readonly flags: number },
  directory: string,
  at: InfField,
  places: PackagePlaces,
): FileOperation {
  const { flags } = file;
  return {
    kind: 'copy',
    source: sourceOf(document, file.source, at, places.architecture),
    destination: pathIn(document, at, directory, file.destination),
    when: (flags & NO_OVERWRITE) !== 0 ? 'missing' : (flags & REPLACE_ONLY) !== 0 ? 'present' : 'always',
    place: document.place(at),
  };
}

function pathIn(document: InfDocument, at: InfField, directory: string, name: string): string {
  const joined = name === '' ? { fault: 'is empty' } : joinPath(directory, name);
  if ('path' in joined) return joined.path;
  throw document.error(
    'INF_PATH',
    at,
    `the file name "${name.slice(0, 60)}" ${joined.fault}; a file cannot be put there.`,
  );
}

/** The directory of a file-list section, or of DefaultDestDir. */
function destinationOf(
  document: InfDocument,
  section: InfSection | null,
  place: InfPlace,
  places: PackagePlaces,
): string {
  const directories = document.section('DestinationDirs');
  const line =
    directories === null
      ? null
      : ((section === null ? null : document.entry(directories, section.name)) ??
        document.entry(directories, 'DefaultDestDir'));
  if (line === null) {
    throw document.error(
      'INF_VALUE_MISSING',
      place,
      `[DestinationDirs] has neither ${section === null ? '' : `an entry "${section.name}" nor `}DefaultDestDir; write ${section?.name ?? 'DefaultDestDir'} = 13.`,
    );
  }
  const text = document.value(line, 0).trim();
  const dirid = infNumber(text);
  const directory = dirid === null || dirid === 1 ? null : directoryOfDirid(dirid, places.store, '');
  if (directory === null) {
    throw document.error(
      'INF_DIRID',
      line.values[0],
      `"${text.slice(0, 40)}" is no directory to copy to; use 13 (driver store), 12 (drivers) or 11 (System32).`,
    );
  }
  const subdirectory = document.value(line, 1);
  const joined = joinPath(directory === '' ? subdirectory : directory, directory === '' ? '' : subdirectory);
  if ('path' in joined) return joined.path;
  throw document.error('INF_PATH', line.values[1] ?? line, `the directory ${joined.fault}.`);
}

/** Where a source file lies below the folder of its INF file. */
function sourceOf(document: InfDocument, name: string, at: InfField, architecture: string): string {
  const line = sourceLine(document, 'SourceDisksFiles', name, architecture);
  if (
    line === null &&
    document.section('SourceDisksFiles') === null &&
    document.section(`SourceDisksFiles.${architecture}`) === null
  ) {
    document.warnings.add(
      'TEXT_IGNORED',
      document.place(at),
      `[SourceDisksFiles] is missing; "${name.slice(0, 60)}" is looked for beside the INF file.`,
    );
  }
  const folders: string[] = [];
  if (line !== null) {
    const disk = document.value(line, 0).trim();
    const diskLine = sourceLine(document, 'SourceDisksNames', disk, architecture);
    if (diskLine === null) {
      throw document.error(
        'INF_SECTION_MISSING',
        line.values[0],
        `there is no disk "${disk.slice(0, 40)}" in [SourceDisksNames]; write ${disk.slice(0, 40) || '1'} = "Disk".`,
      );
    }
    folders.push(document.value(diskLine, 3), document.value(line, 1));
  } else if (document.section('SourceDisksFiles') !== null) {
    throw document.error(
      'INF_VALUE_MISSING',
      at,
      `the file "${name.slice(0, 60)}" is not in [SourceDisksFiles]; write ${name.slice(0, 60)} = 1.`,
    );
  }
  const joined = relativePath(...folders, name);
  if ('path' in joined && joined.path !== '') return joined.path;
  const fault = 'fault' in joined ? joined.fault : 'is empty';
  throw document.error(
    'INF_PATH',
    at,
    `the source of "${name.slice(0, 60)}" ${fault}; it has to lie below the folder of the INF file.`,
  );
}

/** The entry for a name in a section, the one for the architecture first. */
function sourceLine(
  document: InfDocument,
  sectionName: string,
  name: string,
  architecture: string,
): InfLine | null {
  for (const full of [`${sectionName}.${architecture}`, sectionName]) {
    const section = document.section(full);
    const line = section?.lines.find((entry) => foldInf(document.key(entry)) === foldInf(name));
    if (line !== undefined) return line;
  }
  return null;
}

/** The files that [SourceDisksFiles] names for an architecture, as paths below the folder of the INF file. */
export function packageFiles(document: InfDocument, architecture: string): string[] {
  const names = new Map<string, InfField>();
  for (const section of [`SourceDisksFiles.${architecture}`, 'SourceDisksFiles']) {
    for (const line of document.section(section)?.lines ?? []) {
      const name = document.key(line);
      if (line.key !== null && name !== '' && !names.has(foldInf(name)))
        names.set(foldInf(name), { ...line.key, text: name });
    }
  }
  return [...names.values()].map((field) => sourceOf(document, field.text, field, architecture));
}
