/**
 * A filter module: one instance of a filter driver in the stack of one adapter.
 * Implements "Filter Module States and Operations" and "Data Bypass Mode" (network).
 */

import type { Address } from '../../memory/index.ts';
import { makeNetLuid } from '../interface/netLuid.ts';
import { NdisObject } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { stateTable } from '../stateTable.ts';
import type { FilterConfiguration } from './configuration.ts';
import type {
  FILTER_RECEIVE_NET_BUFFER_LISTS,
  FILTER_RETURN_NET_BUFFER_LISTS,
  FILTER_SEND_NET_BUFFER_LISTS,
  FILTER_SEND_NET_BUFFER_LISTS_COMPLETE,
} from './dataCallbacks.ts';
import type { FilterDataHandlers, FilterDriver, FilterHandlers } from './filterDriver.ts';

export type FilterModuleState = 'Detached' | 'Attaching' | 'Paused' | 'Restarting' | 'Running' | 'Pausing';
export type FilterModuleEvent =
  | 'FilterAttach'
  | 'AttachComplete'
  | 'AttachFailed'
  | 'FilterDetach'
  | 'FilterRestart'
  | 'RestartComplete'
  | 'RestartFailed'
  | 'FilterPause'
  | 'PauseComplete';

/** The documented states of a filter module. */
export const filterModuleStates = stateTable<FilterModuleState, FilterModuleEvent>(
  'filter module',
  'network/filter-module-states-and-operations',
  {
    FilterAttach: { Detached: 'Attaching' },
    AttachComplete: { Attaching: 'Paused' },
    AttachFailed: { Attaching: 'Detached' },
    FilterDetach: { Paused: 'Detached' },
    FilterRestart: { Paused: 'Restarting' },
    RestartComplete: { Restarting: 'Running' },
    RestartFailed: { Restarting: 'Paused' },
    FilterPause: { Running: 'Pausing' },
    PauseComplete: { Pausing: 'Paused' },
  },
);

/** A pause or restart that the filter driver may complete later. */
export interface PendingFilterOperation {
  readonly kind: 'pause' | 'restart';
  /** Event that its completion signals. */
  readonly event: Address;
  /** The status that completed it. */
  status: number;
  /** Nobody completed it and NDIS went on. */
  stalled: boolean;
  /** The completion call came. */
  completed: boolean;
}

/** What tells a module from others. */
export interface ModuleIdentity {
  /** Number of the instance among those of its filter over this adapter. */
  readonly number: number;
  readonly monitored: FilterModule | null;
  readonly ifIndex: number;
  readonly netLuidIndex: number;
}

const instanceSuffix = (number: number): string => String(number).padStart(4, '0');

/** `{adapter}-{filter}-0000`: FilterModuleGuidName. */
export function moduleName(filter: FilterDriver, adapter: MiniportAdapter, number: number): string {
  return `${adapter.name}-${filter.uniqueName}-${instanceSuffix(number)}`;
}

/** A filter module. Its handle is the NdisFilterHandle that FilterAttach gets. */
export class FilterModule extends NdisObject {
  readonly filter: FilterDriver;
  readonly adapter: MiniportAdapter;
  /** How the registry configures it: type, class, mandatory or optional. */
  readonly configuration: FilterConfiguration;
  /** `{adapter}-{filter}-0000`: FilterModuleGuidName. */
  readonly name: string;
  /** `Ethernet-Friendly name-0000`: what people read. */
  readonly instanceName: string;
  /** The modifying module over which this instance of a monitoring filter lies; null over the miniport. */
  readonly monitored: FilterModule | null;
  /** Number of the instance among those of its filter over this adapter. */
  readonly number: number;
  readonly ifIndex: number;
  /** What identifies its network interface: of the type of the adapter's. */
  readonly netLuid: bigint;
  state: FilterModuleState = 'Detached';
  /** FilterModuleContext as the driver gave it to NdisFSetAttributes. */
  context: unknown = 0;
  /** NdisFSetAttributes was called. */
  attributesSet = false;
  /** Handlers of the driver; null once it is gone. */
  handlers: FilterHandlers | null;
  /** Handlers on the data path: the driver's defaults until NdisSetOptionalHandlers changes them. */
  data: FilterDataHandlers;
  /** True while FilterSetModuleOptions runs. */
  settingOptions = false;
  /** The pause or restart in progress. */
  pending: PendingFilterOperation | null = null;
  /** NdisFRestartFilter was called and the restart is queued. */
  restartQueued = false;

  /** Resolved for the data path (links.ts); called only where the matching handler is there. */
  send: FILTER_SEND_NET_BUFFER_LISTS = refuse;
  sendComplete: FILTER_SEND_NET_BUFFER_LISTS_COMPLETE = refuse;
  receive: FILTER_RECEIVE_NET_BUFFER_LISTS = refuse;
  returnLists: FILTER_RETURN_NET_BUFFER_LISTS = refuse;
  /** The next module below with a send, return or cancel handler; null stands for the miniport. */
  nextSend: FilterModule | null = null;
  nextReturn: FilterModule | null = null;
  nextCancel: FilterModule | null = null;
  /** The next module above with a completion or receive handler; null stands for the bindings. */
  nextComplete: FilterModule | null = null;
  nextReceive: FilterModule | null = null;
  /** True in Running and Pausing: sends pass. */
  sending = false;
  /** True in Restarting, Running and Pausing: receives pass. */
  receiving = false;
  /** Lists of others that the module has on the way down or back up, and on the way up or back down. */
  sendsHeld = 0;
  receivesHeld = 0;
  /** Its own lists that it sent or indicated and has not got back. */
  sendsOutstanding = 0;
  receivesOutstanding = 0;

  constructor(
    filter: FilterDriver,
    adapter: MiniportAdapter,
    configuration: FilterConfiguration,
    handlers: FilterHandlers,
    instance: ModuleIdentity,
  ) {
    super();
    this.filter = filter;
    this.adapter = adapter;
    this.configuration = configuration;
    this.handlers = handlers;
    this.data = handlers;
    const suffix = instanceSuffix(instance.number);
    this.name = moduleName(filter, adapter, instance.number);
    this.instanceName = `${adapter.instanceName}-${filter.friendlyName}-${suffix}`;
    this.number = instance.number;
    this.monitored = instance.monitored;
    this.ifIndex = instance.ifIndex;
    this.netLuid = makeNetLuid(adapter.ifType, instance.netLuidIndex);
  }

  get label(): string {
    return `${this.filter.name} on ${this.adapter.label}`;
  }

  /** Whether drivers may use the handle: from FilterAttach to FilterDetach. */
  override get usable(): boolean {
    return this.state !== 'Detached';
  }

  get mandatory(): boolean {
    return this.configuration.mandatory;
  }

  /** Whether every list that it had or sent is back. */
  get drained(): boolean {
    return (
      this.sendsHeld === 0 &&
      this.receivesHeld === 0 &&
      this.sendsOutstanding === 0 &&
      this.receivesOutstanding === 0
    );
  }

  /** Where the configuration of the module is kept. */
  get configurationKeyPath(): string {
    return `${this.filter.driver.registryPath}\\Parameters\\Adapters\\${this.adapter.name}`;
  }
}

function refuse(): void {
  throw new Error('the filter module has no such handler');
}
