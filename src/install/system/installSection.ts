/**
 * Carries out one DDInstall section with its parts: files, registry, services, in this order.
 * Implements "INF DDInstall Section" (windows-driver-docs-pr/install) and "DDInstall Section in a Network INF File" (network).
 */

import { type HostKey, REG_MULTI_SZ } from '../../kernel/index.ts';
import { TARGET_SYSTEM } from '../inf/decoration.ts';
import { InfError, type InfPlace } from '../inf/infError.ts';
import type { InfSection } from '../inf/syntax.ts';
import { characteristicsFault } from '../package/characteristics.ts';
import { type FileOperation, readFileOperations } from '../package/files.ts';
import { readRegistryEntries } from '../package/registryEntries.ts';
import { linesOf, partsOf, type SectionPart } from '../package/sections.ts';
import { readServices, type ServicePlan } from '../package/services.ts';
import { applyRegistry, type Provenance } from './applyRegistry.ts';
import { textsOf } from './components.ts';
import type { InstalledSystem } from './installedSystem.ts';
import { checkInstance, writeDefaults } from './networkRules.ts';
import type { InstallReport } from './report.ts';
import { deleteService, installService } from './serviceRecords.ts';
import { DRIVER_PACKAGES, type PackageSource, type StagedPackage, storePath } from './stage.ts';

/** What a section is carried out for. */
export interface SectionTarget {
  readonly system: InstalledSystem;
  readonly source: PackageSource;
  readonly staged: StagedPackage;
  readonly section: InfSection;
  /** The software key or instance key, HKR; null for a package without a device. */
  readonly key: HostKey | null;
  /** The hardware key of a device. */
  readonly hardwareKey: HostKey | null;
  readonly report: InstallReport;
}

/** Entries whose values go to the instance key as they stand, numbers as they are asked for there. */
const INSTANCE_ENTRIES =
  /^(?:\*.+|Characteristics|BusType|NetCfgInstanceId|Port1DeviceNumber|Port1FunctionNumber|EisaCompressedId)$/i;
const DIRECTIVES = new Set(
  [
    'AddReg',
    'DelReg',
    'BitReg',
    'CopyFiles',
    'DelFiles',
    'RenFiles',
    'CopyINF',
    'Include',
    'Needs',
    'DriverVer',
  ].map((name) => name.toUpperCase()),
);
/** Documented directives for what a simulated system does not have. */
const WITHOUT_EFFECT = new Set(
  [
    'AddProperty',
    'DelProperty',
    'FeatureScore',
    'LogConfig',
    'ProfileItems',
    'UpdateInis',
    'UpdateIniFields',
    'Ini2Reg',
    'RegisterDlls',
    'UnregisterDlls',
    'ExcludeID',
    'Reboot',
  ].map((name) => name.toUpperCase()),
);
const PARTS_WITHOUT_EFFECT = [
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
] as const;

/** Carries a section out. Returns the services it installs. @throws InfError, InstallError */
export function runInstallSection(target: SectionTarget): ServicePlan {
  const { staged, section } = target;
  const { document } = staged;
  const parts = partsOf(document, section, '', staged.include);
  for (const part of parts) warnOfEntries(part);
  warnOfParts(target);
  const provenance: Provenance = new Map();
  runFiles(target, parts);
  if (target.key !== null) writeInstanceEntries(target, target.key, parts, provenance);
  runRegistry(target, parts, target.key?.path ?? null, provenance);
  const hardware = partsOf(document, section, 'HW', staged.include);
  runRegistry(target, hardware, target.hardwareKey?.path ?? null, new Map());
  const services = runServices(target);
  finishInstance(target, services, provenance);
  return services;
}

function finishInstance(target: SectionTarget, services: ServicePlan, provenance: Provenance): void {
  const { key, staged, report } = target;
  const { className } = staged.version;
  if (key === null || className === 'System') return;
  checkInstance({
    className,
    key,
    path: key.path,
    provenance,
    place: staged.document.place(target.section),
    warnings: staged.document.warnings,
    services: services.install.map(({ name }) => name),
  });
  const defaults = writeDefaults(key);
  if (defaults.length > 0)
    report.keys.push({
      what: key.path,
      why: `defaults of ${defaults.join(', ').slice(0, 300)}, from Ndi\\Params`,
    });
}

function warnOfEntries({ document, section }: SectionPart): void {
  for (const line of section.lines) {
    const key = document.key(line);
    const folded = key.toUpperCase();
    if (DIRECTIVES.has(folded) || INSTANCE_ENTRIES.test(key)) continue;
    const known = WITHOUT_EFFECT.has(folded);
    document.warnings.add(
      known ? 'ENTRY_WITHOUT_EFFECT' : 'ENTRY_UNKNOWN',
      document.place(line),
      known ? `${key} has no effect here.` : `an install section has no entry "${key.slice(0, 60)}".`,
    );
  }
}

function warnOfParts({ staged, section }: SectionTarget): void {
  const { document } = staged;
  for (const part of PARTS_WITHOUT_EFFECT) {
    const found = document.section(`${section.name}.${part}`);
    if (found === null) continue;
    document.warnings.add(
      'SECTION_WITHOUT_EFFECT',
      document.place(found),
      `[${found.name}] has no effect here.`,
    );
  }
}

function runFiles({ system, source, staged, report }: SectionTarget, parts: readonly SectionPart[]): void {
  const places = { store: staged.store, architecture: TARGET_SYSTEM.architecture };
  for (const directive of ['DelFiles', 'RenFiles', 'CopyFiles'] as const) {
    for (const operation of readFileOperations(directive, linesOf(parts, directive), places)) {
      const why = runFile(system, source, staged, operation);
      if (why !== null) report.files.push({ what: operation.destination, why });
    }
  }
}

/** Carries an operation out; what was done, or null. */
function runFile(
  system: InstalledSystem,
  source: PackageSource,
  staged: StagedPackage,
  operation: FileOperation,
): string | null {
  const { destination, place } = operation;
  if (operation.kind === 'delete') return system.files.delete(destination) ? 'deleted by DelFiles' : null;
  if (operation.kind === 'rename') {
    const file = system.files.get(operation.from);
    if (file === null) return null;
    system.files.set(destination, file.bytes);
    system.files.delete(operation.from);
    return `was ${operation.from}; RenFiles`;
  }
  if (operation.when !== 'always' && system.files.has(destination) !== (operation.when === 'present'))
    return null;
  const stored = storePath(staged.store, operation.source);
  const bytes = system.files.get(stored)?.bytes ?? source.read(operation.source);
  if (bytes === null) {
    throw new InfError(
      'INF_FILE_MISSING',
      place,
      `the file ${operation.source} is not in ${source.name}; put it beside the INF file, or say with --source where it lies.`,
    );
  }
  // A file of the store lies there already; it was told with the package.
  if (destination.toUpperCase() === stored.toUpperCase() && system.files.has(stored)) return null;
  system.files.set(destination, bytes);
  if (!destination.toUpperCase().startsWith(`${staged.store.toUpperCase()}\\`))
    recordFile(system, staged, destination);
  return `CopyFiles, line ${place.line}`;
}

/** Remembers a file outside of the driver store, so that uninstalling finds it. */
function recordFile(system: InstalledSystem, staged: StagedPackage, path: string): void {
  const key = system.registry.create(`${DRIVER_PACKAGES}\\${staged.folder}`);
  const known = textsOf(key, 'CopiedFiles');
  if (!known.includes(path)) key.set('CopiedFiles', [...known, path], REG_MULTI_SZ);
}

function writeInstanceEntries(
  target: SectionTarget,
  key: HostKey,
  parts: readonly SectionPart[],
  provenance: Provenance,
): void {
  const { className } = target.staged.version;
  let characteristics: { readonly place: InfPlace; readonly flags: number } | null = null;
  for (const { document, section } of parts) {
    for (const line of section.lines) {
      const name = document.key(line);
      if (!INSTANCE_ENTRIES.test(name)) continue;
      provenance.set(`${key.path}|${name}`.toUpperCase(), document.place(line));
      if (/^NetCfgInstanceId$/i.test(name)) continue;
      const number = document.number(line, 0, name, 0);
      // Keywords are texts, as on the Advanced page; the rest are numbers.
      key.set(name, /^BusType$/i.test(name) ? String(number) : number);
      if (/^Characteristics$/i.test(name))
        characteristics = { place: document.place(line.values[0]), flags: number };
    }
  }
  if (className === 'System') return;
  if (characteristics === null) {
    throw target.staged.document.error(
      'INF_CHARACTERISTICS',
      target.section,
      `[${target.section.name}] has no Characteristics; write ${className === 'Net' ? 'Characteristics = 0x1 (NCF_VIRTUAL)' : 'Characteristics = 0x0'}.`,
    );
  }
  const fault = characteristicsFault(characteristics.flags, className);
  if (fault !== null) throw new InfError('INF_CHARACTERISTICS', characteristics.place, `${fault}.`);
}

function runRegistry(
  { system, report }: SectionTarget,
  parts: readonly SectionPart[],
  path: string | null,
  provenance: Provenance,
): void {
  for (const directive of ['DelReg', 'AddReg', 'BitReg'] as const) {
    const entries = readRegistryEntries(directive, linesOf(parts, directive));
    for (const outside of applyRegistry(system, entries, path, provenance))
      report.keys.push({ what: outside, why: `${directive} of the INF file` });
  }
}

function runServices({ system, staged, section, report }: SectionTarget): ServicePlan {
  const parts = partsOf(staged.document, section, 'Services', staged.include);
  const plan = readServices(linesOf(parts, 'AddService'), linesOf(parts, 'DelService'));
  for (const { name } of plan.remove) {
    if (deleteService(system, name)) report.services.push({ what: name, why: 'deleted by DelService' });
  }
  for (const service of plan.install) installService(system, service, staged.oemName, report);
  return plan;
}
