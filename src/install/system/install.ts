/**
 * Installing a package as the network class installer would: the package goes to the driver store, devices and components
 * get their instance keys, services are made, and every binding is computed anew.
 * Implements "Installing Network Components" and "Installing an Intermediate Driver" (network).
 */

import { type HostKey, REG_MULTI_SZ } from '../../kernel/index.ts';
import { TARGET_SYSTEM } from '../inf/decoration.ts';
import { characteristicsText, NCF_VIRTUAL } from '../package/characteristics.ts';
import { type DriverModel, identifierScore } from '../package/models.ts';
import { chooseInstallSection, linesOf, partsOf } from '../package/sections.ts';
import { readDriverVer } from '../package/version.ts';
import { updateBindings } from './bindings.ts';
import { componentLabel, instanceRoot, listComponents, numberOf, textsOf } from './components.ts';
import { InstallError } from './installError.ts';
import type { InstalledSystem, Json } from './installedSystem.ts';
import { runInstallSection, type SectionTarget } from './installSection.ts';
import {
  createDevice,
  createSoftwareInstance,
  type DeviceRequest,
  describeInstance,
  InstanceNames,
  writeConnection,
} from './instanceKeys.ts';
import { InstallReport } from './report.ts';
import {
  DRIVER_PACKAGES,
  defaultInstall,
  type PackageSource,
  type StagedPackage,
  stagePackage,
} from './stage.ts';

/** A device to install, and what it is wired to. */
export interface InstallDevice extends DeviceRequest {
  readonly wire?: Json;
  /** Values of its software key, such as `NetworkAddress`. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** What is to be installed of a package. */
export interface InstallRequest {
  /** The devices of an adapter; without any there is one. */
  readonly devices?: readonly InstallDevice[];
  /** The hardware id or component id of the model; without it the first that nobody excluded. */
  readonly model?: string;
}

/** What the parts of an installation share. */
interface Installation {
  readonly system: InstalledSystem;
  readonly source: PackageSource;
  readonly report: InstallReport;
  readonly names: InstanceNames;
  /** Instance keys that were made. */
  readonly made: string[];
}

/**
 * Installs a package. The system is changed step by step: on an error throw it away, as the machine directory does.
 * @throws InfError, InstallError
 */
export function installPackage(
  system: InstalledSystem,
  source: PackageSource,
  infName: string,
  request: InstallRequest = {},
): InstallReport {
  const staged = stagePackage(system, source, infName);
  const report = new InstallReport(`${infName} (${staged.oemName}), class ${staged.version.className}`);
  const installation: Installation = {
    system,
    source,
    report,
    names: new InstanceNames(system),
    made: [],
  };
  reportStaged(staged, report);
  if (staged.models.length === 0) installPrimitive(installation, staged);
  else installModel(installation, staged, request);
  report.bindings = updateBindings(system).filter(
    ({ upper, lower }) =>
      installation.made.includes(upper.key.path) || installation.made.includes(lower.key.path),
  );
  report.warnings = [...report.warnings, ...staged.document.warnings.list];
  return report;
}

function reportStaged(staged: StagedPackage, report: InstallReport): void {
  if (staged.known) {
    report.notes.push(`the package was in the driver store already: ${staged.folder}`);
    return;
  }
  report.files.push({ what: `${staged.store}`, why: `driver store: ${staged.files.join(', ')}` });
  report.files.push({
    what: `C:\\Windows\\INF\\${staged.oemName}`,
    why: `the INF file; ${staged.oemName} is its name from now on`,
  });
}

/** A package for no device: files, registry and services alone. */
function installPrimitive(installation: Installation, staged: StagedPackage): void {
  const section = defaultInstall(staged.document);
  if (section === null) return;
  runInstallSection({ ...installation, staged, section, key: null, hardwareKey: null });
}

function installModel(installation: Installation, staged: StagedPackage, request: InstallRequest): void {
  const { className } = staged.version;
  if (className !== 'Net' && className !== 'System') {
    if (request.devices !== undefined && request.devices.length > 0) {
      throw new InstallError(
        'INSTALL_NOT_A_DEVICE',
        `${staged.infName} installs a ${className} component, which has no device; leave --device, --hardware-id and --wire out.`,
      );
    }
    installSoftware(installation, staged, chooseModel(staged, request.model, undefined));
    return;
  }
  const devices = request.devices === undefined || request.devices.length === 0 ? [{}] : request.devices;
  for (const device of devices) {
    installDevice(installation, staged, chooseModel(staged, request.model, device.hardwareId), device);
  }
}

/** The model for an id, or the first that nobody excluded. @throws InstallError INSTALL_NOT_FOUND */
function chooseModel(
  staged: StagedPackage,
  model: string | undefined,
  hardwareId: string | undefined,
): DriverModel {
  const { models } = staged;
  const id = hardwareId ?? model;
  if (id === undefined) return models.find(({ excluded }) => !excluded) ?? models[0];
  let best: DriverModel | null = null;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const candidate of models) {
    const score = identifierScore(candidate, [id], []) ?? Number.POSITIVE_INFINITY;
    if (score < bestScore) [best, bestScore] = [candidate, score];
  }
  if (best !== null) return best;
  const known = models
    .flatMap((candidate) => [candidate.hardwareId, ...candidate.compatibleIds])
    .filter((text) => text !== '');
  throw new InstallError(
    'INSTALL_NOT_FOUND',
    `${staged.infName} is not for "${id.slice(0, 80)}"; it is for ${known.slice(0, 20).join(', ')}.`,
  );
}

function targetOf(
  installation: Installation,
  staged: StagedPackage,
  model: DriverModel,
): Omit<SectionTarget, 'key' | 'hardwareKey'> {
  const { document } = staged;
  const section = chooseInstallSection(
    document,
    model.installSection,
    document.place(model.line.values[0]),
    TARGET_SYSTEM,
  );
  return { ...installation, staged, section };
}

/** What Windows writes into every instance key of a package. */
function commonValues(
  staged: StagedPackage,
  model: DriverModel,
  target: { readonly section: SectionTarget['section'] },
) {
  const { version, document } = staged;
  const own = readDriverVer(document, target.section);
  return {
    ComponentId: (model.hardwareId || model.compatibleIds[0]).toLowerCase(),
    Description: model.description,
    ProviderName: version.provider,
    InfPath: staged.oemName,
    InfSection: model.installSection,
    InfSectionExt: target.section.name.slice(model.installSection.length),
    DriverDate: own.driverDate || version.driverDate,
    DriverVersion: own.driverVersion || version.driverVersion,
  };
}

function installDevice(
  installation: Installation,
  staged: StagedPackage,
  model: DriverModel,
  request: InstallDevice,
): void {
  const { system, report } = installation;
  const { className } = staged.version;
  const target = targetOf(installation, staged, model);
  const order = installation.names.nextOrder();
  const device = createDevice(system, installation.names, model, className, request);
  const key = device.softwareKey;
  describeInstance(key, className === 'System' ? 'Net' : className, {
    ...commonValues(staged, model, target),
    MatchingDeviceId: request.hardwareId ?? (model.hardwareId || model.compatibleIds[0]),
    DeviceInstanceID: device.instanceId,
    NetCfgInstanceId: device.guid,
    InstallOrder: order,
  });
  const services = runInstallSection({ ...target, key, hardwareKey: device.hardwareKey });
  const driver = services.install.find(({ associated }) => associated);
  if (driver === undefined && !services.noDriver) {
    throw staged.document.error(
      'INF_SERVICE',
      target.section,
      `[${target.section.name}.Services] gives the device no driver; write AddService = name, 2, section, where 2 marks the driver of the device.`,
    );
  }
  if (driver !== undefined) device.hardwareKey.set('Service', driver.name);
  if (className === 'Net') writeConnection(system, device);
  for (const [name, value] of Object.entries(request.parameters ?? {})) key.set(name, value);
  if (request.wire !== undefined) system.wires.set(device.instanceId, request.wire);
  installation.made.push(key.path);
  noteRequired(installation, key);
  const wired =
    request.wire === undefined
      ? 'no wire: a driver that needs one will not start'
      : `wire ${JSON.stringify(request.wire)}`;
  report.devices.push({
    what: `"${device.name}"`,
    why: `device ${device.instanceId}, adapter ${device.guid}, driver ${driver?.name ?? 'none'}, ${wired}`,
  });
  report.keys.push({ what: device.hardwareKey.path, why: 'hardware key of the device' });
  report.keys.push({
    what: key.path,
    why: `software key of the device: its parameters and Ndi; ${characteristicsText(numberOf(key, 'Characteristics'))}`,
  });
}

function installSoftware(installation: Installation, staged: StagedPackage, model: DriverModel): void {
  const { system, report } = installation;
  const { className } = staged.version;
  const target = targetOf(installation, staged, model);
  const common = commonValues(staged, model, target);
  refuseSecond(system, common.ComponentId, className);
  const guid = guidOf(target, system, common.ComponentId);
  const order = installation.names.nextOrder();
  const key = createSoftwareInstance(system, installation.names, className, guid);
  describeInstance(key, className, { ...common, InstallOrder: order });
  runInstallSection({ ...target, key, hardwareKey: null });
  installation.made.push(key.path);
  noteRequired(installation, key);
  report.devices.push({ what: common.ComponentId, why: `component ${guid}, ${model.description}` });
  report.keys.push({
    what: key.path,
    why: `instance key of the component; ${characteristicsText(numberOf(key, 'Characteristics'))}`,
  });
  copyInfs(installation, target);
}

/** Ndi\\RequiredAll: another component without which this one does not work (requiring-the-installation-of-another-...). */
function noteRequired({ system, report }: Installation, key: HostKey): void {
  for (const id of textsOf(key.open('Ndi'), 'RequiredAll')) {
    const found = listComponents(system).some(({ componentId }) => componentId === id.toLowerCase());
    if (!found) report.notes.push(`it requires the component ${id}, which is not installed; install it too`);
  }
}

function refuseSecond(system: InstalledSystem, componentId: string, className: string): void {
  const known = listComponents(system).find(
    (component) => component.className === className && component.componentId === componentId,
  );
  if (known === undefined) return;
  throw new InstallError(
    'INSTALL_EXISTS',
    `${componentId} is installed already (${known.infPath}); uninstall it first: ndisbox uninstall ${componentLabel(known)}.`,
  );
}

/** NetCfgInstanceId of the section, or one of our own. @throws InfError INF_VALUE */
function guidOf(
  target: Omit<SectionTarget, 'key' | 'hardwareKey'>,
  system: InstalledSystem,
  componentId: string,
): string {
  const { document, include } = target.staged;
  const line = linesOf(partsOf(document, target.section, '', include), 'NetCfgInstanceId').at(-1);
  if (line === undefined) return system.guid(`component|${componentId}`);
  const guid = line.document.value(line.line, 0).trim().toUpperCase();
  if (/^\{[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\}$/.test(guid)) {
    const taken = listComponents(system).some((component) => component.guid.toUpperCase() === guid);
    if (!taken) return guid;
    throw line.document.error(
      'INF_VALUE',
      line.line,
      `NetCfgInstanceId ${guid} belongs to another component; make a GUID of your own.`,
    );
  }
  throw line.document.error(
    'INF_VALUE',
    line.line,
    `NetCfgInstanceId is "${guid.slice(0, 60)}"; it is a GUID in braces.`,
  );
}

/**
 * Copies the INF files that CopyINF names. That of the virtual miniports of an intermediate driver is installed too, which
 * on Windows is the task of the driver's notify object: one instance key stands for all virtual miniports that the driver
 * makes.
 */
function copyInfs(installation: Installation, target: Omit<SectionTarget, 'key' | 'hardwareKey'>): void {
  const { system, source, report } = installation;
  const { staged } = target;
  const parts = partsOf(staged.document, target.section, '', staged.include);
  const names = linesOf(parts, 'CopyINF').flatMap(({ document, line }) => document.list(line));
  const copied: string[] = [];
  for (const name of new Set(names.map((text) => text.toLowerCase()))) {
    if (name === staged.infName.toLowerCase()) continue;
    const other = stagePackage(system, source, name);
    reportStaged(other, report);
    copied.push(other.oemName);
    if (other.version.className === 'Net' && other.models.length > 0)
      installVirtualMiniport(installation, other);
    report.warnings = [...report.warnings, ...other.document.warnings.list];
  }
  if (copied.length > 0)
    system.registry.create(`${DRIVER_PACKAGES}\\${staged.folder}`).set('CopiedInfs', copied, REG_MULTI_SZ);
}

function installVirtualMiniport(installation: Installation, staged: StagedPackage): void {
  const { system, report } = installation;
  const model = staged.models[0];
  const target = targetOf(installation, staged, model);
  const common = commonValues(staged, model, target);
  const order = installation.names.nextOrder();
  const key = createSoftwareInstance(system, installation.names, 'Net', '');
  describeInstance(key, 'Net', {
    ...common,
    NetCfgInstanceId: system.guid(`virtual miniport|${common.ComponentId}`),
    InstallOrder: order,
  });
  runInstallSection({ ...target, key, hardwareKey: null });
  if ((numberOf(key, 'Characteristics') & NCF_VIRTUAL) === 0) {
    throw staged.document.error(
      'INF_CHARACTERISTICS',
      target.section,
      'the miniport INF of an intermediate driver sets NCF_VIRTUAL (1).',
    );
  }
  installation.made.push(key.path);
  report.devices.push({
    what: common.ComponentId,
    why: 'virtual miniports: the driver makes them when it is bound; this stands for all of them',
  });
  report.keys.push({
    what: `${key.path}`,
    why: `parameters of the virtual miniports, below ${instanceRoot('Net')}`,
  });
}
