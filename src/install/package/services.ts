/**
 * Services that a package installs and deletes.
 * Implements "INF AddService Directive", "INF DelService Directive" and "INF DDInstall.Services Section"
 * (windows-driver-docs-pr/install).
 */

import type { InfDocument } from '../inf/document.ts';
import type { InfPlace } from '../inf/infError.ts';
import type { InfLine, InfSection } from '../inf/syntax.ts';
import { imagePathOf, joinPath } from './paths.ts';
import { type RegistryEntry, readRegistryEntries } from './registryEntries.ts';
import type { PartLine } from './sections.ts';

/** SPSVCINST_ flags. */
export const TAG_TO_FRONT = 0x1;
const ASSOCIATED_SERVICE = 0x2;
export const NOCLOBBER_DISPLAY_NAME = 0x8;
export const NOCLOBBER_START_TYPE = 0x10;
export const NOCLOBBER_ERROR_CONTROL = 0x20;
export const NOCLOBBER_GROUP = 0x40;
export const NOCLOBBER_DEPENDENCIES = 0x80;
export const NOCLOBBER_DESCRIPTION = 0x100;

/** SERVICE_KERNEL_DRIVER and SERVICE_FILE_SYSTEM_DRIVER: what can be loaded here. */
const DRIVER_TYPES: readonly number[] = [1, 2];
const SERVICE_DISABLED = 4;
/** Longest name of a service. */
const LONGEST_SERVICE_NAME = 256;

/** A service to install. */
export interface ServiceInstall {
  readonly name: string;
  readonly flags: number;
  /** Drives the device that is installed. */
  readonly associated: boolean;
  readonly displayName: string;
  readonly description: string;
  readonly type: number;
  /** 0 boot, 1 system, 2 auto, 3 demand, 4 disabled. */
  readonly start: number;
  readonly errorControl: number;
  /** As the registry has it: `\SystemRoot\System32\...`. */
  readonly imagePath: string;
  /** The file on `C:`. */
  readonly binary: string;
  readonly group: string;
  readonly dependOnService: readonly string[];
  readonly dependOnGroup: readonly string[];
  /** Relative to the service's key. */
  readonly registry: readonly RegistryEntry[];
  readonly eventLog: EventLogInstall | null;
  readonly place: InfPlace;
}

/** Event log settings of a service. */
export interface EventLogInstall {
  /** `System`, `Application` or `Security`. */
  readonly log: string;
  readonly name: string;
  readonly registry: readonly RegistryEntry[];
}

/** A service to delete. */
export interface ServiceDelete {
  readonly name: string;
  readonly place: InfPlace;
}

/** What the Services part of a DDInstall section asks for. */
export interface ServicePlan {
  readonly install: readonly ServiceInstall[];
  readonly remove: readonly ServiceDelete[];
  /** `AddService = ,2`: the device needs no driver. */
  readonly noDriver: boolean;
}

const SERVICE_ENTRIES = new Set(
  [
    'DisplayName',
    'Description',
    'ServiceType',
    'StartType',
    'ErrorControl',
    'ServiceBinary',
    'StartName',
    'AddReg',
    'DelReg',
    'BitReg',
    'LoadOrderGroup',
    'Dependencies',
    'Security',
    'RequiredPrivileges',
    'ServiceSidType',
    'DelayedAutoStart',
    'AddTrigger',
    'FailureActions',
    'BootFlags',
  ].map((name) => name.toUpperCase()),
);
/** Entries for programs that run beside the kernel; here there are none. */
const WITHOUT_EFFECT = new Set(
  [
    'StartName',
    'Security',
    'RequiredPrivileges',
    'ServiceSidType',
    'DelayedAutoStart',
    'AddTrigger',
    'FailureActions',
    'BootFlags',
  ].map((name) => name.toUpperCase()),
);

/** Reads AddService and DelService lines. @throws InfError INF_SERVICE, INF_VALUE, INF_SECTION_MISSING, INF_VALUE_MISSING */
export function readServices(add: readonly PartLine[], remove: readonly PartLine[]): ServicePlan {
  const install: ServiceInstall[] = [];
  let noDriver = false;
  for (const { document, line } of add) {
    const flags = document.number(line, 1, 'the flags', 0);
    if (document.value(line, 0) === '' && (flags & ASSOCIATED_SERVICE) !== 0) noDriver = true;
    else install.push(readService(document, line, flags));
  }
  return {
    install,
    remove: remove.map(({ document, line }) => ({
      name: serviceName(document, line),
      place: document.place(line),
    })),
    noDriver,
  };
}

function serviceName(document: InfDocument, line: InfLine): string {
  const name = document.value(line, 0).trim();
  if (name !== '' && name.length <= LONGEST_SERVICE_NAME && !/[\\/\p{Cc}]/u.test(name)) return name;
  throw document.error(
    'INF_SERVICE',
    line.values[0],
    `"${name.slice(0, 60)}" is no name of a service; give 1 to ${LONGEST_SERVICE_NAME} characters without slashes.`,
  );
}

function readService(document: InfDocument, line: InfLine, flags: number): ServiceInstall {
  const name = serviceName(document, line);
  const field = line.values[2];
  if (field === undefined || document.text(field) === '') {
    throw document.error(
      'INF_VALUE_MISSING',
      line,
      'AddService is written name, flags, service-install-section.',
    );
  }
  const section = document.requireSection(document.text(field), document.place(field));
  warnOfEntries(document, section);
  const number = (key: string, allowed: readonly number[], otherwise: number | null): number =>
    numberEntry(document, section, key, allowed, otherwise);
  const start = number('StartType', [0, 1, 2, 3, 4], null);
  if (start === SERVICE_DISABLED) {
    throw document.error(
      'INF_SERVICE',
      document.entry(section, 'StartType') ?? section,
      'StartType 4 (disabled) cannot be installed; use 3 for a driver that is started on demand.',
    );
  }
  const binary = readBinary(document, section);
  const depends = listEntry(document, section, 'Dependencies');
  return {
    name,
    flags,
    associated: (flags & ASSOCIATED_SERVICE) !== 0,
    displayName: textEntry(document, section, 'DisplayName'),
    description: textEntry(document, section, 'Description'),
    type: number('ServiceType', DRIVER_TYPES, null),
    start,
    errorControl: number('ErrorControl', [0, 1, 2, 3], 1),
    imagePath: imagePathOf(binary),
    binary,
    group: textEntry(document, section, 'LoadOrderGroup'),
    dependOnService: depends.filter((item) => !item.startsWith('+')),
    dependOnGroup: depends.filter((item) => item.startsWith('+')).map((item) => item.slice(1)),
    registry: registryOfSection(document, section),
    eventLog: readEventLog(document, line, name),
    place: document.place(line),
  };
}

function registryOfSection(document: InfDocument, section: InfSection): RegistryEntry[] {
  const lines = (key: string): PartLine[] =>
    document.entries(section, key).map((line) => ({ document, line }));
  return (['DelReg', 'AddReg', 'BitReg'] as const).flatMap((directive) =>
    readRegistryEntries(directive, lines(directive)),
  );
}

function readEventLog(document: InfDocument, line: InfLine, service: string): EventLogInstall | null {
  const field = line.values[3];
  if (field === undefined || document.text(field) === '') return null;
  const section = document.requireSection(document.text(field), document.place(field));
  const log = document.value(line, 4) || 'System';
  if (!/^(?:system|security|application)$/i.test(log)) {
    throw document.error('INF_SERVICE', line.values[4], 'the event log is System, Security or Application.');
  }
  return { log, name: document.value(line, 5) || service, registry: registryOfSection(document, section) };
}

function readBinary(document: InfDocument, section: InfSection): string {
  const line = document.entry(section, 'ServiceBinary');
  if (line === null) {
    throw document.error(
      'INF_SERVICE',
      section,
      `[${section.name}] has no ServiceBinary; write ServiceBinary = %13%\\name.sys.`,
    );
  }
  const text = document.value(line, 0);
  const joined = joinPath(text);
  if ('path' in joined) return joined.path;
  throw document.error(
    'INF_PATH',
    line.values[0],
    `ServiceBinary "${text.slice(0, 80)}" ${joined.fault}; write %13%\\name.sys or %12%\\name.sys.`,
  );
}

function numberEntry(
  document: InfDocument,
  section: InfSection,
  key: string,
  allowed: readonly number[],
  otherwise: number | null,
): number {
  const line = document.entry(section, key);
  if (line === null || document.value(line, 0).trim() === '') {
    if (otherwise !== null) return otherwise;
    throw document.error(
      'INF_SERVICE',
      section,
      `[${section.name}] has no ${key}; give one of ${allowed.join(', ')}.`,
    );
  }
  const value = document.number(line, 0, key, 0);
  if (allowed.includes(value)) return value;
  throw document.error(
    'INF_SERVICE',
    line.values[0],
    `${key} is ${value}; give one of ${allowed.join(', ')}.`,
  );
}

function textEntry(document: InfDocument, section: InfSection, key: string): string {
  const line = document.entry(section, key);
  return line === null ? '' : document.value(line, 0);
}

function listEntry(document: InfDocument, section: InfSection, key: string): string[] {
  return document.entries(section, key).flatMap((line) => document.list(line));
}

function warnOfEntries(document: InfDocument, section: InfSection): void {
  for (const line of section.lines) {
    const key = document.key(line).toUpperCase();
    if (WITHOUT_EFFECT.has(key))
      document.warnings.add(
        'ENTRY_WITHOUT_EFFECT',
        document.place(line),
        `${document.key(line)} has no effect here.`,
      );
    else if (!SERVICE_ENTRIES.has(key)) {
      document.warnings.add(
        'ENTRY_UNKNOWN',
        document.place(line),
        `a service has no entry "${document.key(line).slice(0, 60)}".`,
      );
    }
  }
}
