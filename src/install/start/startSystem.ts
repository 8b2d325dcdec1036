/**
 * Starts a machine from an installed system, in the order of Windows: boot-start drivers, then the devices with their
 * drivers, then system-start and auto-start drivers, then the services of network components that are started on demand.
 * Implements "Specifying Driver Load Order" (windows-driver-docs-pr/install).
 */

import {
  importRegFile,
  loadOrder,
  NT_SUCCESS,
  ntstatusName,
  registryOf,
  type ServiceRecord,
} from '../../kernel/index.ts';
import type { DriverImage, Machine, Wire } from '../../machine/index.ts';
import { pathOfImage } from '../package/paths.ts';
import { CLASS_GUIDS } from '../package/version.ts';
import {
  type ComponentDevice,
  listComponents,
  type NetworkComponent,
  numberOf,
  textOf,
} from '../system/components.ts';
import { CONTROL_SET, HIVES, type InstalledSystem, SERVICES_KEY } from '../system/installedSystem.ts';
import type { SystemFile } from '../system/systemFiles.ts';
import { configureNdis } from './configureNdis.ts';

/** Something that did not start. */
export interface StartProblem {
  /** A service or an adapter. */
  readonly name: string;
  readonly text: string;
  /** ErrorControl of the service is ignore (0): nobody need be told. */
  readonly ignorable: boolean;
}

/** What a machine needs to start. */
export interface StartOptions {
  /** Gives the image of a file: the bytes of a `.sys`, or the module of a TypeScript driver. */
  readonly load: (service: string, file: SystemFile) => Promise<DriverImage | Uint8Array>;
  /** The wire of a device, by its instance id. */
  readonly wireOf: (instanceId: string) => Wire | undefined;
  /** Load compiled drivers that import unknown functions. */
  readonly stubMissing?: boolean;
  /** Called after each driver and adapter. */
  readonly step?: () => void;
}

/**
 * Starts everything that starts by itself. Drivers that are refused and adapters that do not run are told in the result;
 * the rest goes on without them. @throws what `options.load` throws, NdisboxError SERVICE_CYCLE
 */
export async function startSystem(
  machine: Machine,
  system: InstalledSystem,
  options: StartOptions,
): Promise<StartProblem[]> {
  const files = system.save();
  const registry = registryOf(machine.kernel);
  for (const name of Object.keys(HIVES))
    importRegFile(registry, files.get(`registry/${name}`) ?? new Uint8Array());
  configureNdis(machine);
  const starter = new Starter(machine, system, options);
  starter.announceAdapters();
  const { order, skipped } = loadOrder(machine.kernel);
  for (const service of order) if (service.start === 'boot') await starter.start(service);
  await starter.startDevices();
  for (const service of order) await starter.start(service);
  for (const { name, reason } of skipped) starter.problem(name, `it was not loaded: ${reason}`);
  await starter.startComponents();
  starter.checkAdapters();
  return starter.problems;
}

class Starter {
  readonly problems: StartProblem[] = [];
  readonly #machine: Machine;
  readonly #system: InstalledSystem;
  readonly #options: StartOptions;
  readonly #adapters: NetworkComponent[] = [];
  /** Services that were loaded or refused, in capitals. */
  readonly #done = new Map<string, boolean>();

  constructor(machine: Machine, system: InstalledSystem, options: StartOptions) {
    this.#machine = machine;
    this.#system = system;
    this.#options = options;
  }

  problem(name: string, text: string): void {
    const key = this.#system.registry.open(`${SERVICES_KEY}\\${name}`);
    this.problems.push({ name, text, ignorable: key !== null && numberOf(key, 'ErrorControl', 1) === 0 });
  }

  start(service: ServiceRecord): Promise<boolean> {
    return this.#load(service.name, service.imagePath);
  }

  /** Adapters are there before their drivers, which for NDIS 5 initialize them while they register. */
  announceAdapters(): void {
    for (const component of listComponents(this.#system)) {
      const { className, device, service, guid } = component;
      if (className !== 'Net' || device === null) continue;
      const wire = this.#options.wireOf(device.instanceId);
      this.#machine.announceAdapter(service, {
        name: device.name,
        netCfgInstanceId: guid,
        ...(wire === undefined ? {} : { wire }),
        ...hardwareOf(this.#system, device),
      });
      this.#adapters.push(component);
    }
  }

  /** The drivers of the devices, in the order in which these were installed. */
  async startDevices(): Promise<void> {
    for (const { service } of this.#adapters) await this.#loadNamed(service);
    for (const service of this.#systemDrivers()) await this.#loadNamed(service);
  }

  /** Protocols and filters that are started on demand: the network is this demand. */
  async startComponents(): Promise<void> {
    for (const { className, coServices } of listComponents(this.#system)) {
      if (className === 'Net') continue;
      for (const service of coServices) await this.#loadNamed(service);
    }
  }

  /** Tells which adapters do not run now that every driver is there: some wait for a mandatory filter. */
  checkAdapters(): void {
    const states = new Map(this.#machine.snapshot().adapters.map(({ name, state }) => [name, state]));
    for (const { device, service } of this.#adapters) {
      if (device === null) continue;
      const state = states.get(device.name) ?? 'Halted';
      if (state === 'Running') continue;
      const text = `the adapter is ${state}: its initialization by ${service} failed, or a mandatory filter is missing`;
      this.problems.push({ name: device.name, text, ignorable: false });
    }
  }

  /** Services of devices that are no network adapters. */
  #systemDrivers(): string[] {
    const root = `${CONTROL_SET}\\Control\\Class\\${CLASS_GUIDS.System}`;
    const keys = this.#system.registry.open(root)?.keys() ?? [];
    return keys.flatMap((number) => {
      const instanceId = textOf(this.#system.registry.open(`${root}\\${number}`), 'DeviceInstanceID');
      const service = textOf(this.#system.find(`Enum\\${instanceId}`), 'Service');
      return service === '' ? [] : [service];
    });
  }

  #loadNamed(service: string): Promise<boolean> {
    const key = this.#system.registry.open(`${SERVICES_KEY}\\${service}`);
    return this.#load(service, textOf(key, 'ImagePath'));
  }

  async #load(service: string, imagePath: string): Promise<boolean> {
    const folded = service.toUpperCase();
    const known = this.#done.get(folded);
    if (known !== undefined) return known;
    this.#done.set(folded, false);
    const path = pathOfImage(imagePath);
    const file = path === null ? null : this.#system.files.get(path);
    if (file === null) {
      this.problem(service, `its file ${imagePath || '(no ImagePath)'} is missing`);
      return false;
    }
    const image = await this.#options.load(service, file);
    const { stubMissing = false } = this.#options;
    const status = await this.#machine.load(service, image, {}, { stubMissing });
    // What the driver brought about happens first, so that a step shows it.
    if (NT_SUCCESS(status)) await this.#machine.settle();
    this.#options.step?.();
    if (!NT_SUCCESS(status)) {
      this.problem(service, `DriverEntry returned ${ntstatusName(status)}, so the driver was unloaded`);
      return false;
    }
    this.#done.set(folded, true);
    return true;
  }
}

/** The id that the teaching device reports on its bus (docs/teaching-device.md). */
const TEACHING_DEVICE = /^PCI\\VEN_6E64&DEV_0001(?:&|$)/i;
/** Where the INF file of a PCI device says whether its driver takes message-signaled interrupts. */
const MESSAGE_SIGNALED = 'Interrupt Management\\MessageSignaledInterruptProperties';

/** What is put on the bus for a device: a teaching device for its id, nothing for others. */
function hardwareOf(
  system: InstalledSystem,
  { instanceId, hardwareIds }: ComponentDevice,
): { readonly device?: { readonly interrupts?: 'line' } } {
  if (!hardwareIds.some((id) => TEACHING_DEVICE.test(id))) return {};
  const key = system.find(`Enum\\${instanceId}\\${MESSAGE_SIGNALED}`);
  return { device: numberOf(key, 'MSISupported', 1) === 0 ? { interrupts: 'line' } : {} };
}
