/** The stack of a machine as plain data: what the tree, the page and tests look at. */

import type { Driver, Finding } from '../kernel/index.ts';
import { type FilterModule, inventoryOf, type MiniportAdapter, type NdisLibrary } from '../ndis/index.ts';
import { type InterfaceSnapshot, snapshotInterfaces } from './interfaces.ts';

/** A binding above an adapter. */
export interface BindingSnapshot {
  readonly protocol: string;
  readonly driver: string;
  readonly state: string;
  /** NDIS_PACKET_TYPE_ bits. */
  readonly packetFilter: number;
  readonly sendsOutstanding: number;
  readonly receivesOutstanding: number;
}

/** A filter module over an adapter. */
export interface FilterModuleSnapshot {
  /** Service name, and what people read: `Ethernet-Packet filter-0000`. */
  readonly filter: string;
  readonly name: string;
  readonly driver: string;
  readonly state: string;
  readonly type: 'modifying' | 'monitoring';
  readonly filterClass: string;
  readonly mandatory: boolean;
  /** It has no handler for sends and their completion, or for receives and their return. */
  readonly sendBypassed: boolean;
  readonly receiveBypassed: boolean;
}

/** An adapter and what is bound to it. */
export interface AdapterSnapshot {
  readonly name: string;
  readonly deviceName: string;
  readonly driver: string;
  readonly virtual: boolean;
  readonly state: string;
  /** `02:00:00:00:00:01`, empty where the adapter has none. */
  readonly macAddress: string;
  readonly mtuBytes: number;
  readonly linkUp: boolean;
  /** Name of the wire, empty for a virtual miniport. */
  readonly wire: string;
  /** Its filter modules from the top, nearest the protocols, down. */
  readonly filters: readonly FilterModuleSnapshot[];
  /** A mandatory filter that lacks, for which no protocol is bound; empty where none does. */
  readonly missingFilter: string;
  readonly bindings: readonly BindingSnapshot[];
}

export interface DriverSnapshot {
  readonly name: string;
  readonly state: string;
  /** It is machine code, not TypeScript. */
  readonly compiled: boolean;
}

/** A machine as data. */
export interface MachineSnapshot {
  /** Machine time in milliseconds. */
  readonly timeMilliseconds: number;
  readonly drivers: readonly DriverSnapshot[];
  readonly adapters: readonly AdapterSnapshot[];
  /** Network interfaces by index. */
  readonly interfaces: readonly InterfaceSnapshot[];
  readonly findings: readonly Finding[];
  /** Why the machine stopped, empty while it runs. */
  readonly stopReason: string;
}

const MEDIA_CONNECTED = 1;

function filterSnapshot(module: FilterModule): FilterModuleSnapshot {
  const { filter, configuration, data } = module;
  return {
    filter: filter.name,
    name: module.instanceName,
    driver: filter.driver.name,
    state: module.state,
    type: configuration.type,
    filterClass: configuration.filterClass,
    mandatory: configuration.mandatory,
    sendBypassed: data.send === null && data.sendComplete === null,
    receiveBypassed: data.receive === null && data.returnLists === null,
  };
}

function adapterSnapshot(adapter: MiniportAdapter, wire: string): AdapterSnapshot {
  const mac = adapter.general?.currentMacAddress ?? new Uint8Array(0);
  return {
    name: adapter.instanceName,
    deviceName: adapter.deviceName,
    driver: adapter.miniport.driver.name,
    virtual: adapter.virtual,
    state: adapter.state,
    macAddress: [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    mtuBytes: adapter.general?.mtuSize ?? 0,
    linkUp: adapter.link.mediaConnectState === MEDIA_CONNECTED,
    wire,
    filters: adapter.filters.map(filterSnapshot),
    missingFilter: adapter.blockedBy ?? '',
    bindings: adapter.bindings.map((binding) => ({
      protocol: binding.protocol.name,
      driver: binding.protocol.driver.name,
      state: binding.state,
      packetFilter: binding.packetFilter,
      sendsOutstanding: binding.sendsOutstanding,
      receivesOutstanding: binding.receivesOutstanding,
    })),
  };
}

/** The present state of a machine. */
export function takeSnapshot(
  ndis: NdisLibrary,
  drivers: readonly Driver[],
  wireName: (adapter: MiniportAdapter) => string,
): MachineSnapshot {
  const { kernel } = ndis;
  return {
    timeMilliseconds: kernel.clock.now / 10_000,
    drivers: drivers.map(({ name, state, compiled }) => ({ name, state, compiled })),
    adapters: [...inventoryOf(ndis).adapters].map((adapter) => adapterSnapshot(adapter, wireName(adapter))),
    interfaces: snapshotInterfaces(ndis),
    findings: [...kernel.findings],
    stopReason: kernel.stopReason?.message ?? '',
  };
}
