/** Instance keys and devices: what the class installer makes before the INF file fills it. */

import { type HostKey, REG_MULTI_SZ } from '../../kernel/index.ts';
import type { DriverModel } from '../package/models.ts';
import { nameFault } from '../package/paths.ts';
import { CLASS_GUIDS, type ClassName } from '../package/version.ts';
import { instanceRoot, listComponents } from './components.ts';
import { InstallError } from './installError.ts';
import type { InstalledSystem } from './installedSystem.ts';

/** Instances of one class, and devices of one id. */
const INSTANCE_LIMIT = 10_000;

/** A new key with the next free number below a root: `0000`. */
function numberedKey(
  system: InstalledSystem,
  root: string,
): { readonly key: HostKey; readonly number: string } {
  const used = new Set((system.find(root)?.keys() ?? []).map((name) => name.toUpperCase()));
  for (let index = 0; index < INSTANCE_LIMIT; index++) {
    const number = String(index).padStart(4, '0');
    if (!used.has(number)) return { key: system.control(`${root}\\${number}`), number };
  }
  throw new InstallError(
    'INSTALL_LIMIT',
    `there are ${INSTANCE_LIMIT} keys below ${root}; uninstall something.`,
  );
}

/** A number larger than that of every component that is installed. */
export function nextOrder(system: InstalledSystem): number {
  return listComponents(system).reduce((highest, { order }) => Math.max(highest, order), 0) + 1;
}

/** A device as it is asked for. */
export interface DeviceRequest {
  /** Name of its connection; without one `Ethernet`, `Ethernet 2`, ... */
  readonly name?: string;
  /** The id that its bus reports; without one that of the model. */
  readonly hardwareId?: string;
}

/** A new device. */
export interface NewDevice {
  readonly instanceId: string;
  readonly name: string;
  readonly guid: string;
  /** Its software key, the instance key of the adapter. */
  readonly softwareKey: HostKey;
  /** Its hardware key. */
  readonly hardwareKey: HostKey;
}

/**
 * Makes a device: below Enum as its bus would report it, and its software key below the class.
 * @throws InstallError INSTALL_NAME, INSTALL_EXISTS, INSTALL_LIMIT
 */
export function createDevice(
  system: InstalledSystem,
  model: DriverModel,
  className: ClassName,
  request: DeviceRequest,
): NewDevice {
  const hardwareId = request.hardwareId ?? (model.hardwareId || model.compatibleIds[0]);
  const name = nameOf(system, className, model, request.name);
  const { key: hardwareKey, number } = numberedKey(system, `Enum\\${deviceRoot(hardwareId, className)}`);
  const instanceId = `${deviceRoot(hardwareId, className)}\\${number}`;
  const software = numberedKey(system, instanceRoot(className));
  hardwareKey
    .set('ClassGUID', CLASS_GUIDS[className])
    .set('HardwareID', [hardwareId], REG_MULTI_SZ)
    .set('DeviceDesc', model.description)
    .set('Mfg', model.manufacturer)
    .set('Driver', `${CLASS_GUIDS[className]}\\${software.number}`)
    .set('ConfigFlags', 0)
    .set('FriendlyName', name);
  if (model.compatibleIds.length > 0) hardwareKey.set('CompatibleIDs', model.compatibleIds, REG_MULTI_SZ);
  return {
    instanceId,
    name,
    guid: system.guid(`device|${instanceId}`),
    softwareKey: software.key,
    hardwareKey,
  };
}

/** Where a device with this id stands below Enum: `ROOT\NET` for those without a bus. */
function deviceRoot(hardwareId: string, className: ClassName): string {
  const names = hardwareId.split('\\');
  if (names.length < 2 || names[0].toUpperCase() === 'ROOT') return `ROOT\\${className.toUpperCase()}`;
  if (names.some((name) => name === '' || nameFault(name.replace(/[*:]/g, '_')) !== null)) {
    throw new InstallError(
      'INSTALL_NAME',
      `"${hardwareId.slice(0, 80)}" is no hardware id; write BUS\\DEVICE.`,
    );
  }
  return names.map((name) => name.toUpperCase()).join('\\');
}

/** What people call the device: the name of a connection, or for other devices what its model is called. */
function nameOf(
  system: InstalledSystem,
  className: ClassName,
  model: DriverModel,
  asked: string | undefined,
): string {
  if (asked !== undefined) return checkName(system, asked);
  return className === 'Net' ? freeName(system) : model.description;
}

function connectionNames(system: InstalledSystem): Set<string> {
  return new Set(
    listComponents(system).flatMap(({ device }) => (device === null ? [] : [device.name.toUpperCase()])),
  );
}

function freeName(system: InstalledSystem): string {
  const used = connectionNames(system);
  for (let number = 1; ; number++) {
    const name = number === 1 ? 'Ethernet' : `Ethernet ${number}`;
    if (!used.has(name.toUpperCase())) return name;
  }
}

/** Characters of a connection's name. */
const NAME_LIMIT = 200;

function checkName(system: InstalledSystem, name: string): string {
  if (name === '' || name.length > NAME_LIMIT || /[\\\p{Cc}]/u.test(name)) {
    throw new InstallError(
      'INSTALL_NAME',
      `"${name.slice(0, 60)}" is no name of an adapter; give 1 to ${NAME_LIMIT} characters without backslashes.`,
    );
  }
  if (connectionNames(system).has(name.toUpperCase()))
    throw new InstallError('INSTALL_EXISTS', `there is an adapter "${name}"; give another name.`);
  return name;
}

/** A new instance key of a software component, or of virtual miniports that their driver makes. */
export function createSoftwareInstance(system: InstalledSystem, className: ClassName, guid: string): HostKey {
  if (className === 'Net') return numberedKey(system, instanceRoot('Net')).key;
  return system.control(`${instanceRoot(className)}\\${guid}`);
}

/** Fills in what Windows writes into every instance key. */
export function describeInstance(
  key: HostKey,
  className: ClassName,
  values: Readonly<Record<string, string | number>>,
): void {
  const description = className === 'Net' ? 'DriverDesc' : 'Description';
  for (const [name, value] of Object.entries(values))
    key.set(name === 'Description' ? description : name, value);
}

/** The connection key of an adapter, which keeps its name. */
export function writeConnection(system: InstalledSystem, device: NewDevice): void {
  system
    .control(`Control\\Network\\${CLASS_GUIDS.Net}\\${device.guid}\\Connection`)
    .set('Name', device.name)
    .set('PnPInstanceId', device.instanceId);
}

/** Deletes a key, and the keys above it that this leaves empty, down to `keep`. Paths as the registry takes them. */
export function deleteUpwards(system: InstalledSystem, path: string, keep: string): void {
  system.registry.open(path)?.deleteTree();
  for (let end = path.lastIndexOf('\\'); end > keep.length; end = path.lastIndexOf('\\', end - 1)) {
    const key = system.registry.open(path.slice(0, end));
    if (key === null) continue;
    if (key.keys().length > 0 || key.values().length > 0) return;
    key.deleteTree();
  }
}
