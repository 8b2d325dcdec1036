/**
 * Service records: what the registry says about each driver, and the order in which drivers are loaded.
 * Implements "Specifying Driver Load Order" and "INF AddService directive" (windows-driver-docs-pr/install).
 */

import { NdisboxError } from '../errors.ts';
import type { Kernel } from '../kernel.ts';
import { type HostKey, type RegistryData, registryOf } from '../registry/index.ts';
import { foldName } from '../registry/key.ts';

/** Where service records lie. */
export const SERVICES_PATH = '\\Registry\\Machine\\System\\CurrentControlSet\\Services';
const CONTROL_PATH = '\\Registry\\Machine\\System\\CurrentControlSet\\Control';
/** Services that are read; a registry holds fewer. */
const SERVICE_LIMIT = 10_000;

/** When a driver is loaded. */
export type ServiceStart = 'boot' | 'system' | 'auto' | 'demand' | 'disabled';
const STARTS: readonly ServiceStart[] = ['boot', 'system', 'auto', 'demand', 'disabled'];
/** SERVICE_KERNEL_DRIVER */
const SERVICE_KERNEL_DRIVER = 1;
/** SERVICE_ERROR_NORMAL */
const SERVICE_ERROR_NORMAL = 1;

/** One service. */
export interface ServiceRecord {
  readonly name: string;
  /** SERVICE_KERNEL_DRIVER is 1. */
  readonly type: number;
  readonly start: ServiceStart;
  readonly errorControl: number;
  readonly group: string;
  /** Place inside the group, 0 for none. */
  readonly tag: number;
  readonly dependOnService: readonly string[];
  readonly dependOnGroup: readonly string[];
  readonly imagePath: string;
}

/** What a service is made from; the rest has the usual defaults. */
export type ServiceSettings = Partial<Omit<ServiceRecord, 'name'>> & {
  /** Values of the subkey `Parameters`. */
  readonly parameters?: Readonly<Record<string, RegistryData>>;
};

/** Writes the record of a service, as installing a driver does; returns its key. */
export function createService(kernel: Kernel, name: string, settings: ServiceSettings = {}): HostKey {
  if (name === '' || name.includes('\\')) {
    throw new NdisboxError('SERVICE_NAME', `"${name}" is no name of a service; give one without backslashes`);
  }
  const key = registryOf(kernel).create(`${SERVICES_PATH}\\${name}`);
  key.set('Type', settings.type ?? SERVICE_KERNEL_DRIVER);
  key.set('Start', STARTS.indexOf(settings.start ?? 'demand'));
  key.set('ErrorControl', settings.errorControl ?? SERVICE_ERROR_NORMAL);
  key.set('ImagePath', settings.imagePath ?? `System32\\drivers\\${name}.sys`, 2);
  if (settings.group !== undefined) key.set('Group', settings.group);
  if (settings.tag !== undefined) key.set('Tag', settings.tag);
  if (settings.dependOnService !== undefined) key.set('DependOnService', settings.dependOnService);
  if (settings.dependOnGroup !== undefined) key.set('DependOnGroup', settings.dependOnGroup);
  const parameters = key.create('Parameters');
  for (const [value, data] of Object.entries(settings.parameters ?? {})) parameters.set(value, data);
  return key;
}

/** The key of a service that has a record, or null. */
export function findService(kernel: Kernel, name: string): HostKey | null {
  const key = registryOf(kernel).open(`${SERVICES_PATH}\\${name}`);
  return key?.getRaw('ImagePath') === undefined ? null : key;
}

/** The record of a service; null where there is no such key. Values of wrong types count as missing. */
export function readService(kernel: Kernel, name: string): ServiceRecord | null {
  const key = registryOf(kernel).open(`${SERVICES_PATH}\\${name}`);
  return key === null ? null : recordOf(key);
}

function recordOf(key: HostKey): ServiceRecord {
  const number = (value: string, otherwise: number) => {
    const data = key.get(value);
    return typeof data === 'number' ? data : otherwise;
  };
  const text = (value: string) => {
    const data = key.get(value);
    return typeof data === 'string' ? data : '';
  };
  const texts = (value: string) => {
    const data = key.get(value);
    return Array.isArray(data) ? data.filter((item): item is string => typeof item === 'string') : [];
  };
  return {
    name: key.name,
    type: number('Type', SERVICE_KERNEL_DRIVER),
    start: STARTS[number('Start', STARTS.indexOf('demand'))] ?? 'disabled',
    errorControl: number('ErrorControl', SERVICE_ERROR_NORMAL),
    group: text('Group'),
    tag: number('Tag', 0),
    dependOnService: texts('DependOnService'),
    dependOnGroup: texts('DependOnGroup'),
    imagePath: text('ImagePath'),
  };
}

/** A service that will not be loaded, and why. */
export interface SkippedService {
  readonly name: string;
  readonly reason: string;
}

/** What is loaded when the machine starts. */
export interface LoadOrder {
  readonly order: readonly ServiceRecord[];
  readonly skipped: readonly SkippedService[];
}

/**
 * The services in the order in which a starting machine loads them: boot, system and auto start; inside these by the
 * list of groups (Control\ServiceGroupOrder), inside a group by the list of tags (Control\GroupOrderList); what a
 * service depends on comes before it, demand-start services too. A service whose dependency is missing or disabled
 * is skipped. @throws NdisboxError SERVICE_CYCLE with the names of services that depend on each other.
 */
export function loadOrder(kernel: Kernel): LoadOrder {
  const services = allServices(kernel);
  const roots = [...services.values()].filter(({ start }) => start !== 'demand' && start !== 'disabled');
  const before = placeOf(kernel);
  roots.sort((a, b) => before(a, b));
  return new Resolver(services).resolve(roots);
}

function allServices(kernel: Kernel): Map<string, ServiceRecord> {
  const services = new Map<string, ServiceRecord>();
  const key = registryOf(kernel).open(SERVICES_PATH);
  for (const name of key?.keys().slice(0, SERVICE_LIMIT) ?? []) {
    const record = readService(kernel, name);
    if (record !== null) services.set(foldName(name), record);
  }
  return services;
}

/** Compares two services by start type, group and tag. */
function placeOf(kernel: Kernel): (a: ServiceRecord, b: ServiceRecord) => number {
  const registry = registryOf(kernel);
  const list = registry.open(`${CONTROL_PATH}\\ServiceGroupOrder`)?.get('List');
  const groups = Array.isArray(list) ? list.map((group) => foldName(String(group))) : [];
  const tags = registry.open(`${CONTROL_PATH}\\GroupOrderList`);
  const rank = (record: ServiceRecord): readonly number[] => {
    const group = groups.indexOf(foldName(record.group));
    const order = tagOrder(tags?.get(record.group));
    const tag = order.indexOf(record.tag);
    return [
      STARTS.indexOf(record.start),
      group < 0 ? groups.length : group,
      record.tag === 0 || tag < 0 ? order.length : tag,
    ];
  };
  return (a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const different = left.findIndex((value, index) => value !== right[index]);
    return different < 0 ? 0 : left[different] - right[different];
  };
}

/** A value of GroupOrderList: a count, then so many tags. */
function tagOrder(data: RegistryData | undefined): number[] {
  if (!(data instanceof Uint8Array) || data.length < 4) return [];
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const count = Math.min(view.getUint32(0, true), (data.length >> 2) - 1);
  return Array.from({ length: count }, (_, index) => view.getUint32(4 + index * 4, true));
}

/** Puts dependencies before their dependents. */
class Resolver {
  readonly #services: ReadonlyMap<string, ServiceRecord>;
  readonly #order: ServiceRecord[] = [];
  readonly #skipped: SkippedService[] = [];
  /** True once placed, false once skipped. */
  readonly #settled = new Map<string, boolean>();
  readonly #open: string[] = [];

  constructor(services: ReadonlyMap<string, ServiceRecord>) {
    this.#services = services;
  }

  resolve(roots: readonly ServiceRecord[]): LoadOrder {
    for (const root of roots) this.#place(root);
    return { order: this.#order, skipped: this.#skipped };
  }

  #place(service: ServiceRecord): boolean {
    const folded = foldName(service.name);
    const settled = this.#settled.get(folded);
    if (settled !== undefined) return settled;
    const start = this.#open.indexOf(service.name);
    if (start >= 0) {
      const names = [...this.#open.slice(start), service.name].join(' -> ');
      throw new NdisboxError(
        'SERVICE_CYCLE',
        `these services depend on each other: ${names}; remove one dependency`,
      );
    }
    this.#open.push(service.name);
    const reason = this.#missing(service);
    this.#open.pop();
    this.#settled.set(folded, reason === null);
    if (reason === null) this.#order.push(service);
    else this.#skipped.push({ name: service.name, reason });
    return reason === null;
  }

  /** Places what a service needs; says what is missing. */
  #missing(service: ServiceRecord): string | null {
    if (service.start === 'disabled') return 'it is disabled';
    for (const name of service.dependOnService) {
      const needed = this.#services.get(foldName(name));
      if (needed === undefined) return `it depends on service ${name}, which does not exist`;
      if (!this.#place(needed)) return `it depends on service ${name}, which cannot be loaded`;
    }
    for (const group of service.dependOnGroup) {
      const members = [...this.#services.values()].filter(
        (member) => foldName(member.group) === foldName(group) && member.name !== service.name,
      );
      // A group counts as started when one of its members is.
      if (!members.map((member) => this.#place(member)).includes(true))
        return `it depends on group ${group}, of which no service can be loaded`;
    }
    return null;
  }
}
