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

/**
 * What new instances must not take from those that are there. Made once for one installation, which may bring many
 * devices: looking through all of them for each would take the square of their number.
 */
export class InstanceNames {
  readonly #system: InstalledSystem;
  readonly #connections = new Set<string>();
  /** Where the search for a free number goes on, by key. */
  readonly #nextNumbers = new Map<string, number>();
  #order = 0;
  #nextConnection = 1;

  constructor(system: InstalledSystem) {
    this.#system = system;
    for (const { order, device } of listComponents(system)) {
      this.#order = Math.max(this.#order, order);
      if (device !== null) this.#connections.add(device.name.toUpperCase());
    }
  }

  /** A number larger than that of every component that is installed. */
  nextOrder(): number {
    return ++this.#order;
  }

  /** A new key with the next free number below a root: `0000`. @throws InstallError INSTALL_LIMIT */
  numberedKey(root: string): { readonly key: HostKey; readonly number: string } {
    const key = this.#system.control(root);
    for (let index = this.#nextNumbers.get(root) ?? 0; index < INSTANCE_LIMIT; index++) {
      const number = String(index).padStart(4, '0');
      if (key.open(number) !== null) continue;
      this.#nextNumbers.set(root, index + 1);
      return { key: key.create(number), number };
    }
    throw new InstallError(
      'INSTALL_LIMIT',
      `there are ${INSTANCE_LIMIT} keys below ${root}; uninstall something.`,
    );
  }

  /** A name for a connection: the one asked for, or a free one. @throws InstallError INSTALL_NAME, INSTALL_EXISTS */
  connection(asked: string | undefined): string {
    const name = asked ?? this.#freeConnection();
    if (name === '' || name.length > NAME_LIMIT || /[\\\p{Cc}]/u.test(name)) {
      throw new InstallError(
        'INSTALL_NAME',
        `"${name.slice(0, 60)}" is no name of an adapter; give 1 to ${NAME_LIMIT} characters without backslashes.`,
      );
    }
    if (this.#connections.has(name.toUpperCase()))
      throw new InstallError('INSTALL_EXISTS', `there is an adapter "${name}"; give another name.`);
    this.#connections.add(name.toUpperCase());
    return name;
  }

  #freeConnection(): string {
    for (;;) {
      const number = this.#nextConnection++;
      const name = number === 1 ? 'Ethernet' : `Ethernet ${number}`;
      if (!this.#connections.has(name.toUpperCase())) return name;
    }
  }
}

/** Characters of a connection's name. */
const NAME_LIMIT = 200;

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
  names: InstanceNames,
  model: DriverModel,
  className: ClassName,
  request: DeviceRequest,
): NewDevice {
  const hardwareId = request.hardwareId ?? (model.hardwareId || model.compatibleIds[0]);
  // Other devices are called what their model is called.
  const ordinary = className === 'Net' || request.name !== undefined;
  const name = ordinary ? names.connection(request.name) : model.description;
  const { key: hardwareKey, number } = names.numberedKey(`Enum\\${deviceRoot(hardwareId, className)}`);
  const instanceId = `${deviceRoot(hardwareId, className)}\\${number}`;
  const software = names.numberedKey(instanceRoot(className));
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

/** A new instance key of a software component, or of virtual miniports that their driver makes. */
export function createSoftwareInstance(
  system: InstalledSystem,
  names: InstanceNames,
  className: ClassName,
  guid: string,
): HostKey {
  if (className === 'Net') return names.numberedKey(instanceRoot('Net')).key;
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
