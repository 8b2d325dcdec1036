/** What is registered with the library of one machine: drivers, adapters, and who may bind to whom. */

import { DEFAULT_FILTER_CONFIGURATION, type FilterConfiguration } from './filter/configuration.ts';
import type { FilterDriver } from './filter/filterDriver.ts';
import { interfacesOf } from './interface/networkInterface.ts';
import { type NdisLibrary, perNdis } from './library.ts';
import type { MiniportAdapter } from './miniport/miniportAdapter.ts';
import type { MiniportDriver } from './miniport/miniportDriver.ts';
import type { ProtocolDriver } from './protocol/protocolDriver.ts';

/** Adapters a machine may have at once. */
export const ADAPTER_LIMIT = 65_536;

/** Registered drivers and their adapters, in order of registration. */
export class Inventory {
  readonly protocols = new Set<ProtocolDriver>();
  readonly miniports = new Set<MiniportDriver>();
  readonly filters = new Set<FilterDriver>();
  readonly adapters = new Set<MiniportAdapter>();
  readonly #ndis: NdisLibrary;
  /** Adapters by their device name in capitals. */
  readonly adaptersByName = new Map<string, MiniportAdapter>();
  /** Adapters by what people read; of several with one name the first. */
  readonly adaptersByInstanceName = new Map<string, MiniportAdapter>();
  /** Whether the configuration lets a protocol bind to an adapter. The machine sets it; by default all may. */
  mayBind: (protocol: ProtocolDriver, adapter: MiniportAdapter) => boolean = () => true;
  /** How the registry configures a filter driver. The machine sets it; by default modifying and optional. */
  filterConfiguration: (filter: FilterDriver) => FilterConfiguration = () => DEFAULT_FILTER_CONFIGURATION;
  /** Whether the configuration puts a filter on an adapter of its media type; by default on all. */
  mayAttach: (filter: FilterDriver, adapter: MiniportAdapter) => boolean = () => true;
  /** Name of a mandatory filter of this adapter that is configured and not registered, or null. */
  awaitedFilter: (adapter: MiniportAdapter) => string | null = () => null;
  /** Adapters for the devices that were there before their driver registered. The machine sets it; by default none. */
  claimDevices: (miniport: MiniportDriver) => readonly MiniportAdapter[] = () => [];
  /**
   * The key with the configuration of a new adapter where it was installed; null for the one with its interface index.
   * `name` is the part of its device name after `\\Device\\`.
   */
  configurationKeyOf: (miniport: MiniportDriver, name: string, ifIndex: number) => string | null = () => null;
  /** Starts the thread that works on an adapter's operations. Set when the library is put together. */
  startWork: (adapter: MiniportAdapter) => void = () => {};

  constructor(ndis: NdisLibrary) {
    this.#ndis = ndis;
  }

  /** Adds an adapter under its device name. */
  addAdapter(adapter: MiniportAdapter): void {
    this.adapters.add(adapter);
    this.adaptersByName.set(adapter.deviceName.toUpperCase(), adapter);
    if (!this.adaptersByInstanceName.has(adapter.instanceName))
      this.adaptersByInstanceName.set(adapter.instanceName, adapter);
    adapter.miniport.adapters.add(adapter);
  }

  /** Forgets an adapter and its network interface. */
  removeAdapter(adapter: MiniportAdapter): void {
    interfacesOf(this.#ndis).remove(adapter.ifIndex);
    this.adapters.delete(adapter);
    this.adaptersByName.delete(adapter.deviceName.toUpperCase());
    if (this.adaptersByInstanceName.get(adapter.instanceName) === adapter)
      this.adaptersByInstanceName.delete(adapter.instanceName);
    adapter.miniport.adapters.delete(adapter);
  }

  /** Whether `protocol` is to be bound to `adapter`: configured so, and not over its own virtual miniports. */
  shouldBind(protocol: ProtocolDriver, adapter: MiniportAdapter): boolean {
    if (protocol.closing || protocol.handlers === null) return false;
    if (adapter.removing || adapter.blockedBy !== null || adapter.bindingsHeldBy.size > 0) return false;
    if (protocol.associated !== null && protocol.associated === adapter.miniport) return false;
    for (const binding of adapter.bindings) if (binding.protocol === protocol) return false;
    return this.mayBind(protocol, adapter);
  }
}

/** The inventory of a library. */
export const inventoryOf = perNdis('inventory', (ndis) => new Inventory(ndis));
