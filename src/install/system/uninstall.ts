/**
 * Taking away what was installed: one device, or a package with all its devices, components and services.
 * Implements "Remove Section in a Network INF File" (network) and "Uninstalling Devices and Driver Packages"
 * (windows-driver-docs-pr/install).
 */

import { NdisboxError, REG_MULTI_SZ } from '../../kernel/index.ts';
import { InfDocument } from '../inf/document.ts';
import { FILE_REPOSITORY, foldPath, INF_DIRECTORY, imagePathOf, pathOfImage } from '../package/paths.ts';
import { readRegistryEntries } from '../package/registryEntries.ts';
import { linesOf, partsOf } from '../package/sections.ts';
import { CLASS_GUIDS } from '../package/version.ts';
import { applyRegistry } from './applyRegistry.ts';
import { deviceName, updateBindings } from './bindings.ts';
import {
  componentLabel,
  listComponents,
  type NetworkComponent,
  numberOf,
  textOf,
  textsOf,
} from './components.ts';
import { InstallError } from './installError.ts';
import { CONTROL_SET, type InstalledSystem, SERVICES_KEY } from './installedSystem.ts';
import { deleteUpwards } from './instanceKeys.ts';
import { InstallReport } from './report.ts';
import { disownServices, START_NAMES } from './serviceRecords.ts';
import { DRIVER_INF_FILES, DRIVER_PACKAGES } from './stage.ts';

const SYSTEM_KEY = 'HKEY_LOCAL_MACHINE\\System';

/** A package in the driver store, as the registry knows it. */
export interface StoredPackage {
  readonly folder: string;
  readonly oemName: string;
  readonly infName: string;
  readonly provider: string;
  readonly classGuid: string;
  readonly driverVersion: string;
}

/** All packages, by the number of their `oemN.inf`. */
export function listPackages(system: InstalledSystem): StoredPackage[] {
  const root = system.registry.open(DRIVER_PACKAGES);
  const packages = (root?.keys() ?? []).map((folder) => {
    const key = root?.open(folder) ?? null;
    return {
      folder,
      oemName: textOf(key, ''),
      infName: textOf(key, 'OriginalInfName'),
      provider: textOf(key, 'Provider'),
      classGuid: textOf(key, 'ClassGuid'),
      driverVersion: textOf(key, 'DriverVersion'),
    };
  });
  const number = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? 0);
  return packages.sort((a, b) => number(a.oemName) - number(b.oemName));
}

/** A service that a package installed. */
export interface InstalledService {
  readonly name: string;
  readonly start: string;
  readonly group: string;
  readonly imagePath: string;
  readonly owners: readonly string[];
}

/** The services that packages installed. */
export function listServices(system: InstalledSystem): InstalledService[] {
  const root = system.registry.open(SERVICES_KEY);
  return (root?.keys() ?? []).flatMap((name) => {
    const key = root?.open(name) ?? null;
    const owners = textsOf(key, 'Owners');
    if (owners.length === 0) return [];
    const start = START_NAMES[numberOf(key, 'Start', 3)] ?? 'disabled';
    return [{ name, start, group: textOf(key, 'Group'), imagePath: textOf(key, 'ImagePath'), owners }];
  });
}

/**
 * Uninstalls a package, named by its INF file, `oemN.inf`, a component id or a service; or one device, named by its
 * connection or its instance id. @throws InstallError INSTALL_NOT_FOUND, INSTALL_AMBIGUOUS
 */
export function uninstall(system: InstalledSystem, name: string): InstallReport {
  const folded = name.toUpperCase();
  const components = listComponents(system);
  const device = components.find(
    (component) =>
      component.device?.name.toUpperCase() === folded ||
      component.device?.instanceId.toUpperCase() === folded,
  );
  const report = new InstallReport(`uninstall ${name}`);
  if (device !== undefined) removeComponent(system, device, report);
  else removePackages(system, choosePackage(system, components, name), report);
  report.bindings = [];
  updateBindings(system);
  return report;
}

function choosePackage(
  system: InstalledSystem,
  components: readonly NetworkComponent[],
  name: string,
): StoredPackage {
  const folded = name.toUpperCase();
  const packages = listPackages(system);
  const infPaths = components
    .filter(
      ({ componentId, service }) => componentId.toUpperCase() === folded || service.toUpperCase() === folded,
    )
    .map(({ infPath }) => infPath);
  const service = system.registry.open(`${SERVICES_KEY}\\${name.replaceAll('\\', '_')}`);
  const owners = infPaths.length > 0 ? infPaths : textsOf(service, 'Owners');
  const found = packages.filter(
    ({ oemName, infName, folder }) =>
      [oemName, infName, folder].some((text) => text.toUpperCase() === folded) || owners.includes(oemName),
  );
  // The INF file of virtual miniports goes with that of its protocol.
  const main = found.filter(
    ({ oemName }) => !packages.some((other) => copiedInfs(system, other).includes(oemName)),
  );
  const chosen = main.length > 0 ? main : found;
  if (chosen.length === 1) return chosen[0];
  const list = packages.map(({ oemName, infName }) => `${oemName} (${infName})`).join(', ');
  if (chosen.length === 0) {
    throw new InstallError(
      'INSTALL_NOT_FOUND',
      `nothing called "${name.slice(0, 80)}" is installed; there are ${list || 'no packages'}. "ndisbox list" shows devices and components too.`,
    );
  }
  throw new InstallError(
    'INSTALL_AMBIGUOUS',
    `"${name.slice(0, 80)}" is ${chosen.map(({ oemName }) => oemName).join(' and ')}; name one of these.`,
  );
}

function copiedInfs(system: InstalledSystem, { folder }: StoredPackage): string[] {
  return textsOf(system.registry.open(`${DRIVER_PACKAGES}\\${folder}`), 'CopiedInfs');
}

/** Removes a package, and the packages that came with it. */
function removePackages(system: InstalledSystem, stored: StoredPackage, report: InstallReport): void {
  const copied = copiedInfs(system, stored);
  const others = listPackages(system).filter(({ oemName }) => copied.includes(oemName));
  for (const one of [stored, ...others]) removePackage(system, one, report);
}

function removePackage(system: InstalledSystem, stored: StoredPackage, report: InstallReport): void {
  const { oemName, folder } = stored;
  for (const component of listComponents(system)) {
    if (component.infPath === oemName) removeComponent(system, component, report);
  }
  removeSystemDevices(system, oemName, report);
  const imageOf = (owner: string, imagePath: string): string | null =>
    imageInPackage(system, owner, imagePath);
  for (const name of disownServices(system, oemName, imageOf))
    report.services.push({ what: name, why: 'deleted' });
  removeFiles(system, stored, report);
  deleteUpwards(system, `${DRIVER_PACKAGES}\\${folder}`, SYSTEM_KEY);
  deleteUpwards(system, `${DRIVER_INF_FILES}\\${oemName}`, SYSTEM_KEY);
}

/** The file of a service in the store folder of another owner. */
function imageInPackage(system: InstalledSystem, owner: string, imagePath: string): string | null {
  const path = pathOfImage(imagePath);
  const other = listPackages(system).find(({ oemName }) => oemName === owner);
  if (path === null || other === undefined) return null;
  const name = path.slice(path.lastIndexOf('\\') + 1);
  const found = system.files
    .below(`${FILE_REPOSITORY}\\${other.folder}`)
    .find((file) => foldPath(file.path).endsWith(`\\${foldPath(name)}`));
  return found === undefined ? null : imagePathOf(found.path);
}

function removeFiles(system: InstalledSystem, stored: StoredPackage, report: InstallReport): void {
  const packages = listPackages(system).filter(({ folder }) => folder !== stored.folder);
  const kept = new Set(packages.flatMap((other) => copiedFiles(system, other)).map(foldPath));
  const store = `${FILE_REPOSITORY}\\${stored.folder}`;
  const paths = [
    ...system.files.below(store).map(({ path }) => path),
    ...copiedFiles(system, stored).filter((path) => !kept.has(foldPath(path))),
    `${INF_DIRECTORY}\\${stored.oemName}`,
  ];
  for (const path of paths) if (system.files.delete(path)) report.files.push({ what: path, why: 'deleted' });
}

function copiedFiles(system: InstalledSystem, { folder }: StoredPackage): string[] {
  return textsOf(system.registry.open(`${DRIVER_PACKAGES}\\${folder}`), 'CopiedFiles');
}

/** Removes an adapter or a software component, but not its package. */
function removeComponent(system: InstalledSystem, component: NetworkComponent, report: InstallReport): void {
  const { device, guid, className } = component;
  if (className !== 'Net') runRemoveSection(system, component, report);
  forgetBindings(system, component);
  const networkKey = `${CONTROL_SET}\\Control\\Network\\${CLASS_GUIDS[className]}\\${guid}`;
  deleteUpwards(system, networkKey, `${CONTROL_SET}\\Control`);
  if (className === 'Net') deleteUpwards(system, component.key.path, `${CONTROL_SET_NT}\\Control\\Class`);
  if (device !== null) {
    deleteUpwards(system, `${CONTROL_SET}\\Enum\\${device.instanceId}`, `${CONTROL_SET}\\Enum`);
    system.wires.delete(device.instanceId);
  }
  report.devices.push({ what: componentLabel(component), why: 'removed' });
}

const CONTROL_SET_NT = '\\Registry\\Machine\\System\\ControlSet001';

/** Devices of drivers that are no network components. */
function removeSystemDevices(system: InstalledSystem, oemName: string, report: InstallReport): void {
  const classPath = `Control\\Class\\${CLASS_GUIDS.System}`;
  for (const number of system.find(classPath)?.keys() ?? []) {
    const key = system.find(`${classPath}\\${number}`);
    if (key === null || textOf(key, 'InfPath') !== oemName) continue;
    const instanceId = textOf(key, 'DeviceInstanceID');
    deleteUpwards(system, `${CONTROL_SET}\\Enum\\${instanceId}`, `${CONTROL_SET}\\Enum`);
    deleteUpwards(system, `${CONTROL_SET}\\${classPath}\\${number}`, `${CONTROL_SET}\\Control\\Class`);
    system.wires.delete(instanceId);
    report.devices.push({ what: instanceId, why: 'removed' });
  }
}

/** Takes a component out of the lists of what others were unbound from, and removes the parameters of its bindings. */
function forgetBindings(system: InstalledSystem, removed: NetworkComponent): void {
  const name = deviceName(removed).toUpperCase();
  for (const other of listComponents(system)) {
    const disabled = other.key.open('Linkage\\Disabled');
    const list = textsOf(disabled, 'Bind');
    const rest = list.filter((text) => text.toUpperCase() !== name);
    if (disabled !== null && rest.length < list.length) disabled.set('Bind', rest, REG_MULTI_SZ);
    if (other.className === 'Net' || removed.className !== 'Net') continue;
    const adapters = `${SERVICES_KEY}\\${other.service}\\Parameters\\Adapters\\${removed.guid}`;
    if (system.registry.open(adapters) !== null)
      deleteUpwards(system, adapters, `${SERVICES_KEY}\\${other.service}\\Parameters`);
  }
}

/** Carries out DelReg of [DDInstall.Remove], which software components may have. */
function runRemoveSection(system: InstalledSystem, component: NetworkComponent, report: InstallReport): void {
  const file = system.files.get(`${INF_DIRECTORY}\\${component.infPath}`);
  if (file === null) return;
  const document = InfDocument.parse(component.infPath, file.bytes);
  const name = textOf(component.key, 'InfSection') + textOf(component.key, 'InfSectionExt');
  const section = document.section(name);
  if (section === null) return;
  try {
    const parts = partsOf(document, section, 'Remove', () => null);
    const entries = readRegistryEntries('DelReg', linesOf(parts, 'DelReg'));
    for (const key of applyRegistry(system, entries, component.key.path))
      report.keys.push({ what: key, why: 'DelReg of the Remove section' });
  } catch (error) {
    // What cannot be cleaned up must not keep the driver installed.
    if (!(error instanceof NdisboxError)) throw error;
    report.notes.push(`the Remove section was not carried out: ${error.message}`);
  }
}
