/**
 * Lets the library of a machine read its configuration from the registry of the machine: who is bound to whom, which
 * filters lie on an adapter, and where the parameters of an adapter are.
 * Implements "Specifying Binding Interfaces", "INF File Settings for Filter Drivers" and "Mandatory Filter Drivers" (network).
 */

import { type HostKey, registryOf } from '../../kernel/index.ts';
import type { Machine } from '../../machine/index.ts';
import { DEFAULT_FILTER_CONFIGURATION, type FilterConfiguration, inventoryOf } from '../../ndis/index.ts';
import { interfaceList, NCF_LW_FILTER } from '../package/characteristics.ts';
import { instanceRoot, numberOf, textOf, textsOf } from '../system/components.ts';
import { CONTROL_SET } from '../system/installedSystem.ts';

const NET_ROOT = `${CONTROL_SET}\\${instanceRoot('Net')}`;

/** Sets the hooks of a machine's inventory from what its registry says now. */
export function configureNdis(machine: Machine): void {
  const configuration = new NetworkConfiguration(machine);
  const inventory = inventoryOf(machine.ndis);
  inventory.mayBind = (protocol, adapter) =>
    configuration.mayBind(protocol.driver.name, adapter.name, adapter.miniport.driver.name);
  inventory.filterConfiguration = (filter) => configuration.filter(filter.driver.name);
  inventory.mayAttach = (filter, adapter) => configuration.mayAttach(filter.driver.name, adapter.name);
  inventory.awaitedFilter = (adapter) => {
    const registered = new Set([...inventory.filters].map((filter) => fold(filter.driver.name)));
    return configuration.awaitedFilter(adapter.name, registered);
  };
  inventory.configurationKeyOf = (miniport, name) =>
    configuration.adapterKey(name)?.path ?? configuration.newKey(miniport.driver.name, name);
}

interface InstalledFilter {
  readonly guid: string;
  readonly service: string;
  readonly configuration: FilterConfiguration;
}

/** The configuration, read once: a machine with many adapters asks often. Names are in capitals. */
class NetworkConfiguration {
  readonly #machine: Machine;
  /** Software keys of adapters with a device, by NetCfgInstanceId. */
  readonly #adapters = new Map<string, HostKey>();
  /** What stands for the virtual miniports of a driver, by its service. */
  readonly #templates = new Map<string, HostKey>();
  readonly #filtersByService = new Map<string, InstalledFilter>();
  readonly #filtersByGuid = new Map<string, InstalledFilter>();
  /** Device names to which a service is bound. */
  readonly #bindings = new Map<string, ReadonlySet<string>>();
  /** Number of the next software key. */
  #nextNumber = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    for (const key of this.#keysBelow(instanceRoot('Net'))) this.#readAdapter(key);
    for (const key of this.#keysBelow(instanceRoot('NetService'))) this.#readFilter(key);
  }

  /** The software key of an adapter, by its NetCfgInstanceId. */
  adapterKey(guid: string): HostKey | null {
    return this.#adapters.get(fold(guid)) ?? null;
  }

  /** A key for an adapter without a device: a copy of what was installed for the virtual miniports of its driver. */
  newKey(service: string, name: string): string {
    const number = String(this.#nextNumber++).padStart(4, '0');
    const key = registryOf(this.#machine.kernel).create(`${NET_ROOT}\\${number}`);
    const template = this.#templates.get(fold(service));
    if (template !== undefined) copyKey(template, key);
    key.set('NetCfgInstanceId', name);
    return key.path;
  }

  /** Whether the Linkage of a protocol names an adapter, or for a virtual miniport what stands for it. */
  mayBind(service: string, adapter: string, miniport: string): boolean {
    const bindings = this.#bindingsOf(service);
    if (bindings.has(fold(`\\Device\\${adapter}`))) return true;
    if (this.#adapters.has(fold(adapter))) return false;
    const template = this.#templates.get(fold(miniport)) ?? null;
    return bindings.has(fold(`\\Device\\${textOf(template, 'NetCfgInstanceId')}`));
  }

  filter(service: string): FilterConfiguration {
    return this.#filtersByService.get(fold(service))?.configuration ?? DEFAULT_FILTER_CONFIGURATION;
  }

  /** Whether the FilterList of an adapter names a filter. */
  mayAttach(service: string, adapter: string): boolean {
    const filter = this.#filtersByService.get(fold(service));
    const key = this.adapterKey(adapter);
    // What was not installed is not configured either.
    if (filter === undefined || key === null) return true;
    return filterIds(key).includes(filter.guid);
  }

  /** The service of a mandatory filter in the FilterList of an adapter that is not among the registered ones. */
  awaitedFilter(adapter: string, registered: ReadonlySet<string>): string | null {
    const key = this.adapterKey(adapter);
    if (key === null) return null;
    for (const guid of filterIds(key)) {
      const filter = this.#filtersByGuid.get(guid);
      if (filter !== undefined && filter.configuration.mandatory && !registered.has(fold(filter.service)))
        return filter.service;
    }
    return null;
  }

  #readAdapter(key: HostKey): void {
    this.#nextNumber = Math.max(this.#nextNumber, (Number(key.name) || 0) + 1);
    if (textOf(key, 'ComponentId') === '') return;
    if (textOf(key, 'DeviceInstanceID') !== '')
      this.#adapters.set(fold(textOf(key, 'NetCfgInstanceId')), key);
    else this.#templates.set(fold(textOf(key.open('Ndi'), 'Service')), key);
  }

  #readFilter(key: HostKey): void {
    if ((numberOf(key, 'Characteristics') & NCF_LW_FILTER) === 0) return;
    const ndi = key.open('Ndi');
    const monitoring = numberOf(ndi, 'FilterType') === 1;
    const filter: InstalledFilter = {
      guid: fold(key.name),
      service: textOf(ndi, 'Service'),
      configuration: {
        type: monitoring ? 'monitoring' : 'modifying',
        mandatory: numberOf(ndi, 'FilterRunType') === 1,
        filterClass: monitoring ? '' : textOf(ndi, 'FilterClass').trim().toLowerCase(),
        mediaTypes: interfaceList(textOf(key.open('Ndi\\Interfaces'), 'FilterMediaTypes')),
      },
    };
    this.#filtersByGuid.set(filter.guid, filter);
    this.#filtersByService.set(fold(filter.service), filter);
  }

  #bindingsOf(service: string): ReadonlySet<string> {
    const folded = fold(service);
    const known = this.#bindings.get(folded);
    if (known !== undefined) return known;
    const names = new Set(textsOf(this.#open(`Services\\${service}\\Linkage`), 'Bind').map(fold));
    this.#bindings.set(folded, names);
    return names;
  }

  #open(path: string): HostKey | null {
    return registryOf(this.#machine.kernel).open(`${CONTROL_SET}\\${path}`);
  }

  #keysBelow(path: string): HostKey[] {
    const root = this.#open(path);
    return (root?.keys() ?? []).flatMap((name) => root?.open(name) ?? []);
  }
}

/** The GUIDs of the filters in a FilterList: `{adapter}-{filter}-0000`. */
function filterIds(key: HostKey): string[] {
  return textsOf(key.open('Linkage'), 'FilterList').flatMap(
    (text) => fold(text).match(/\{[^}]*\}/g)?.[1] ?? [],
  );
}

function fold(name: string): string {
  return name.toUpperCase();
}

function copyKey(from: HostKey, to: HostKey): void {
  for (const { name } of from.values()) {
    const value = from.getRaw(name);
    if (value !== undefined && name !== 'NetLuidIndex') to.set(name, value.data, value.type);
  }
  for (const name of from.keys()) {
    const child = from.open(name);
    if (child !== null) copyKey(child, to.create(name));
  }
}
