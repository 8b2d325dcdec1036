/**
 * Staging: a package is copied to the driver store and gets its `oemN.inf`; nothing is installed by that.
 * Implements "Driver Store" (windows-driver-docs-pr/install).
 */

import { REG_MULTI_SZ } from '../../kernel/index.ts';
import { TARGET_SYSTEM } from '../inf/decoration.ts';
import { InfDocument } from '../inf/document.ts';
import type { InfSection } from '../inf/syntax.ts';
import { packageFiles } from '../package/files.ts';
import { type DriverModel, readModels } from '../package/models.ts';
import { directoryOfDirid, FILE_REPOSITORY, INF_DIRECTORY, joinPath, nameFault } from '../package/paths.ts';
import type { IncludeReader } from '../package/sections.ts';
import { type PackageVersion, readVersion } from '../package/version.ts';
import { textOf } from './components.ts';
import { InstallError } from './installError.ts';
import type { InstalledSystem } from './installedSystem.ts';
import { sha256, sha256OfText } from './sha256.ts';

/** A folder with an INF file and what belongs to it. */
export interface PackageSource {
  /** What people call it. */
  readonly name: string;
  /** A file below it, its path parted by slashes; null where there is none. Names compare without case. */
  read(path: string): Uint8Array | null;
}

/** A package in the driver store. */
export interface StagedPackage {
  readonly document: InfDocument;
  readonly version: PackageVersion;
  readonly models: readonly DriverModel[];
  /** `wireport.inf` */
  readonly infName: string;
  /** `oem0.inf` */
  readonly oemName: string;
  /** `wireport.inf_amd64_0123456789abcdef` */
  readonly folder: string;
  /** The folder on `C:`. */
  readonly store: string;
  /** Files of the package in the store, as paths below the folder. */
  readonly files: readonly string[];
  /** Whether it was there before. */
  readonly known: boolean;
  readonly include: IncludeReader;
}

export const DRIVER_PACKAGES = 'HKEY_LOCAL_MACHINE\\System\\DriverDatabase\\DriverPackages';
export const DRIVER_INF_FILES = 'HKEY_LOCAL_MACHINE\\System\\DriverDatabase\\DriverInfFiles';
/** Packages of one system. */
const PACKAGE_LIMIT = 1000;

/**
 * Copies a package to the driver store. @param infName the INF file in the folder.
 * @throws InfError, InstallError INSTALL_NAME, INSTALL_LIMIT, INSTALL_NOT_FOUND
 */
export function stagePackage(system: InstalledSystem, source: PackageSource, infName: string): StagedPackage {
  const fault = nameFault(infName);
  if (fault !== null || !/\.inf$/i.test(infName))
    throw new InstallError(
      'INSTALL_NAME',
      `"${infName}" ${fault ?? 'does not end with .inf'}; give an INF file.`,
    );
  const bytes = source.read(infName);
  if (bytes === null)
    throw new InstallError('INSTALL_NOT_FOUND', `there is no file ${infName} in ${source.name}.`);
  const document = InfDocument.parse(infName, bytes);
  const version = readVersion(document);
  // A package for no device has [DefaultInstall] in the place of [Manufacturer].
  const primitive = document.section('Manufacturer') === null && defaultInstall(document) !== null;
  const models = primitive ? [] : readModels(document, TARGET_SYSTEM);
  const { architecture } = TARGET_SYSTEM;
  const contents = new Map<string, Uint8Array>([[infName, bytes]]);
  for (const name of [
    ...packageFiles(document, architecture),
    ...version.catalogFiles,
    ...includedNames(document),
  ]) {
    const file = nameFault(name.split('/')[0]) === null ? source.read(name) : null;
    if (file !== null) contents.set(name, file);
  }
  const folder = `${infName.toLowerCase()}_${architecture}_${digestOf(contents).slice(0, 16)}`;
  const store = `${FILE_REPOSITORY}\\${folder}`;
  document.directoryOf = (dirid) => directoryOfDirid(dirid, store, store);
  const known = system.registry.open(`${DRIVER_PACKAGES}\\${folder}`);
  const oemName = known === null ? freeOemName(system) : textOf(known, '');
  if (known === null) {
    for (const [name, content] of contents) system.files.set(storePath(store, name), content);
    system.files.set(`${INF_DIRECTORY}\\${oemName}`, bytes);
    const key = system.registry.create(`${DRIVER_PACKAGES}\\${folder}`);
    key.set('', oemName).set('OriginalInfName', infName).set('Provider', version.provider);
    key
      .set('ClassGuid', version.classGuid)
      .set('DriverDate', version.driverDate)
      .set('DriverVersion', version.driverVersion);
    system.registry
      .create(`${DRIVER_INF_FILES}\\${oemName}`)
      .set('', [folder], REG_MULTI_SZ)
      .set('Active', folder);
  }
  return {
    document,
    version,
    models,
    infName,
    oemName,
    folder,
    store,
    files: [...contents.keys()],
    known: known !== null,
    include: includeReader(system, source, store),
  };
}

/** The [DefaultInstall] section of a file, or null. */
export function defaultInstall(document: InfDocument): InfSection | null {
  return (
    document.section(`DefaultInstall.NT${TARGET_SYSTEM.architecture}`) ??
    document.section('DefaultInstall.NT') ??
    document.section('DefaultInstall')
  );
}

/** A file of the store on `C:`. @throws InstallError INSTALL_NAME */
export function storePath(store: string, name: string): string {
  const joined = joinPath(store, name);
  if ('path' in joined) return joined.path;
  throw new InstallError('INSTALL_NAME', `the file "${name.slice(0, 80)}" of the package ${joined.fault}.`);
}

function digestOf(contents: ReadonlyMap<string, Uint8Array>): string {
  const names = [...contents.keys()].sort();
  return sha256OfText(
    names
      .map((name) => `${name.toUpperCase()}\n${sha256(contents.get(name) ?? new Uint8Array())}\n`)
      .join(''),
  );
}

function freeOemName(system: InstalledSystem): string {
  const used = new Set(
    (system.registry.open(DRIVER_INF_FILES)?.keys() ?? []).map((name) => name.toLowerCase()),
  );
  for (let number = 0; number < PACKAGE_LIMIT; number++)
    if (!used.has(`oem${number}.inf`)) return `oem${number}.inf`;
  throw new InstallError('INSTALL_LIMIT', `there are ${PACKAGE_LIMIT} packages already; uninstall some.`);
}

/** Names in Include entries, which are copied along where they lie beside the file. */
function includedNames(document: InfDocument): string[] {
  return document.syntax.sections.flatMap((section) =>
    document.entries(section, 'Include').flatMap((line) => document.list(line)),
  );
}

/** Reads included files: beside the package's own, or in C:\Windows\INF. Each is read once. */
function includeReader(system: InstalledSystem, source: PackageSource, store: string): IncludeReader {
  const read = new Map<string, InfDocument | null>();
  return (name) => {
    const folded = name.toUpperCase();
    const known = read.get(folded);
    if (known !== undefined) return known;
    const bytes =
      nameFault(name) === null
        ? (source.read(name) ?? system.files.get(`${INF_DIRECTORY}\\${name}`)?.bytes ?? null)
        : null;
    const document = bytes === null ? null : InfDocument.parse(name, bytes);
    if (document !== null) document.directoryOf = (dirid) => directoryOfDirid(dirid, store, store);
    read.set(folded, document);
    return document;
  };
}
