/**
 * The [Version] section. Implements "INF Version Section", "INF DriverVer Directive" (windows-driver-docs-pr/install)
 * and "Version Section in a Network INF File" (network).
 */

import type { InfDocument } from '../inf/document.ts';
import type { InfSection } from '../inf/syntax.ts';

/** GUIDs of the classes that network components have, and of those that drivers without a device use. */
export const CLASS_GUIDS = {
  Net: '{4D36E972-E325-11CE-BFC1-08002BE10318}',
  NetClient: '{4D36E973-E325-11CE-BFC1-08002BE10318}',
  NetService: '{4D36E974-E325-11CE-BFC1-08002BE10318}',
  NetTrans: '{4D36E975-E325-11CE-BFC1-08002BE10318}',
  System: '{4D36E97D-E325-11CE-BFC1-08002BE10318}',
} as const;

/** A class by its name. */
export type ClassName = keyof typeof CLASS_GUIDS;

/** What [Version] says. */
export interface PackageVersion {
  readonly className: ClassName;
  readonly classGuid: string;
  readonly provider: string;
  /** `mm/dd/yyyy` as in the registry, `m-d-yyyy`; '' where it is not given. */
  readonly driverDate: string;
  readonly driverVersion: string;
  readonly catalogFiles: readonly string[];
  readonly section: InfSection;
}

const KNOWN_ENTRIES = new Set(
  [
    'Signature',
    'Class',
    'ClassGuid',
    'Provider',
    'ExtensionId',
    'LayoutFile',
    'CatalogFile',
    'DriverVer',
    'PnpLockDown',
    'DriverPackageDisplayName',
    'DriverPackageType',
    'ClassVer',
  ].map((name) => name.toUpperCase()),
);

/** Reads [Version]. @throws InfError INF_SECTION_MISSING, INF_SIGNATURE, INF_CLASS, INF_VALUE, INF_VALUE_MISSING */
export function readVersion(document: InfDocument): PackageVersion {
  const section = document.requireSection('Version', document.place({ line: 1, column: 1 }));
  checkSignature(document, section);
  const className = readClass(document, section);
  const catalogFiles = section.lines
    .filter((line) => /^CatalogFile(?:\.|$)/i.test(document.key(line)))
    .map((line) => document.value(line, 0));
  if (catalogFiles.length === 0) {
    document.warnings.add(
      'PACKAGE_UNSIGNED',
      document.place(section),
      'there is no CatalogFile; Windows would take the package for unsigned. Here nothing is signed.',
    );
  }
  for (const line of section.lines) {
    const key = document.key(line).toUpperCase();
    if (KNOWN_ENTRIES.has(key) || key.startsWith('CATALOGFILE.')) continue;
    document.warnings.add(
      'ENTRY_UNKNOWN',
      document.place(line),
      `[Version] has no entry "${document.key(line)}".`,
    );
  }
  const provider = document.entry(section, 'Provider');
  return {
    className,
    classGuid: CLASS_GUIDS[className],
    provider: provider === null ? '' : document.value(provider, 0),
    ...readDriverVer(document, section),
    catalogFiles,
    section,
  };
}

function checkSignature(document: InfDocument, section: InfSection): void {
  const line = document.entry(section, 'Signature');
  const text = line === null ? '' : document.value(line, 0);
  if (/^\$(?:windows nt|chicago)\$$/i.test(text)) return;
  throw document.error(
    'INF_SIGNATURE',
    line?.values[0] ?? section,
    `Signature is "${text.slice(0, 60)}"; it has to be "$Windows NT$" or "$Chicago$".`,
  );
}

function readClass(document: InfDocument, section: InfSection): ClassName {
  const classLine = document.entry(section, 'Class');
  const guidLine = document.entry(section, 'ClassGuid');
  const named = classLine === null ? null : classByName(document.value(classLine, 0));
  const guided = guidLine === null ? null : classByGuid(document.value(guidLine, 0));
  if (classLine !== null && named === null) {
    throw document.error(
      'INF_CLASS',
      classLine.values[0],
      `Class "${document.value(classLine, 0).slice(0, 60)}" is not installed here; there are ${Object.keys(CLASS_GUIDS).join(', ')}.`,
    );
  }
  if (guidLine !== null && guided === null) {
    throw document.error(
      'INF_CLASS',
      guidLine.values[0],
      `ClassGuid ${document.value(guidLine, 0).slice(0, 60)} is none of ${Object.entries(CLASS_GUIDS)
        .map(([name, guid]) => `${guid} (${name})`)
        .join(', ')}.`,
    );
  }
  const chosen = guided ?? named;
  if (chosen === null)
    throw document.error(
      'INF_CLASS',
      section,
      'Class and ClassGuid are missing; write Class = Net and its ClassGuid.',
    );
  if (named !== null && guided !== null && named !== guided) {
    throw document.error(
      'INF_CLASS',
      guidLine?.values[0] ?? section,
      `ClassGuid belongs to ${guided}, but Class is ${named}; the one of ${named} is ${CLASS_GUIDS[named]}.`,
    );
  }
  return chosen;
}

function classByName(name: string): ClassName | null {
  return CLASS_NAMES.find((known) => known.toUpperCase() === name.trim().toUpperCase()) ?? null;
}

function classByGuid(guid: string): ClassName | null {
  return CLASS_NAMES.find((known) => CLASS_GUIDS[known] === guid.trim().toUpperCase()) ?? null;
}

const CLASS_NAMES: readonly ClassName[] = ['Net', 'NetClient', 'NetService', 'NetTrans', 'System'];

/** Date and version of a section that may have a DriverVer. @throws InfError INF_VALUE */
export function readDriverVer(
  document: InfDocument,
  section: InfSection,
): { readonly driverDate: string; readonly driverVersion: string } {
  const line = document.entry(section, 'DriverVer');
  if (line === null) return { driverDate: '', driverVersion: '' };
  const date = /^(\d{2})[/-](\d{2})[/-](\d{4})$/.exec(document.value(line, 0).trim());
  const [month, day] = [Number(date?.[1]), Number(date?.[2])];
  if (date === null || month < 1 || month > 12 || day < 1 || day > 31) {
    throw document.error(
      'INF_VALUE',
      line.values[0],
      `the date of DriverVer is "${document.value(line, 0).slice(0, 40)}"; write it as mm/dd/yyyy.`,
    );
  }
  const version = document.value(line, 1).trim();
  const parts = version.split('.').map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : 65_536));
  if (version !== '' && (parts.length > 4 || parts.some((part) => part > 65_535))) {
    throw document.error(
      'INF_VALUE',
      line.values[1],
      `the version of DriverVer is "${version.slice(0, 40)}"; write four numbers below 65536, as 1.0.0.1.`,
    );
  }
  return { driverDate: `${month}-${day}-${date[3]}`, driverVersion: version };
}
