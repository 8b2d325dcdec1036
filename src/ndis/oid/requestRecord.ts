/**
 * What the library keeps of a request on its way, and of the drivers that it passes: each filter module that handles
 * requests, and the miniport driver, has one at a time. Plain data, so that a snapshot can hold it.
 * Implements "Filtering OID Requests in an NDIS Filter Driver" and "Miniport adapter OID request serialization" (network).
 */

import type { Driver } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import type { FilterModule } from '../filter/filterModule.ts';
import { NDIS_STATUS_PENDING } from '../generated/constants/index.ts';
import { perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import type { MulticastRepeats } from './multicast.ts';
import type { RequestFields } from './requestFormat.ts';

/** Regular requests that may wait at one station; more are refused with NDIS_STATUS_RESOURCES. */
export const REQUEST_QUEUE_LIMIT = 256;
/** Direct requests that may be pending at one station; more are refused with NDIS_STATUS_RESOURCES. */
export const DIRECT_REQUEST_LIMIT = 256;

/** What the library does with a request before the driver at its station sees it. */
export type RequestPlan =
  | 'pass'
  | 'packetFilter'
  | 'lookahead'
  | 'multicastList'
  | 'addMulticastAddress'
  | 'deleteMulticastAddress'
  | 'counter';

/** One request that was accepted and is not complete: one hop of its way. */
export interface OidRecord {
  readonly id: number;
  readonly interface: 'regular' | 'direct';
  /** Where it goes. */
  station: RequestStation;
  readonly adapter: MiniportAdapter;
  /** Who asked: a binding, a filter module, or, where both are null, the library. */
  readonly binding: Binding | null;
  readonly module: FilterModule | null;
  /** The NDIS_OID_REQUEST of who asked. */
  readonly request: Address;
  readonly requestId: Address;
  plan: RequestPlan;
  /** What the driver at the station got: `request`, or one of the library's in its place. 0 while it is queued. */
  sent: Address;
  /** The values that a success makes valid for the binding; empty where the plan has none. */
  change: Uint8Array;
  /** True from the call of the driver's handler until it returned. */
  inHandler: boolean;
  /** True while who asked waits for the status in its call, so that no completion function is to be called. */
  inCall: boolean;
  complete: boolean;
  status: number;
  /** Event that completion signals, for requests of the library's own. */
  readonly event: Address;
}

/** Where requests are handled: a filter module, or the miniport driver below them all. */
export class RequestStation {
  readonly id: number;
  readonly adapter: MiniportAdapter;
  /** Null stands for the miniport driver. */
  readonly module: FilterModule | null;
  /** Regular requests that wait, oldest first. */
  readonly queue: OidRecord[] = [];
  /** The regular request that the driver has. */
  active: OidRecord | null = null;
  /** Direct requests by the address that the driver got. */
  readonly direct = new Map<Address, OidRecord>();
  /** Synchronous requests that are with the driver. */
  synchronous = 0;
  /** True while a thread of the library works on the queue. */
  working = false;
  /** The module is being detached: requests pass it by. */
  closing = false;
  /** Event that is signaled when nothing is outstanding any more, 0 while nobody waits. */
  drainEvent: Address = 0;

  constructor(id: number, adapter: MiniportAdapter, module: FilterModule | null) {
    this.id = id;
    this.adapter = adapter;
    this.module = module;
  }

  get driver(): Driver {
    return this.module === null ? this.adapter.miniport.driver : this.module.filter.driver;
  }

  get label(): string {
    return (this.module ?? this.adapter).label;
  }

  /** Every request that is not complete, oldest first; a list of its own, so that they may be completed in a loop. */
  outstanding(): OidRecord[] {
    const active = this.active === null || this.active.complete ? [] : [this.active];
    return [...active, ...this.queue, ...this.direct.values()];
  }

  /** Whether the driver has no request. */
  get drained(): boolean {
    return this.active === null && this.queue.length === 0 && this.direct.size + this.synchronous === 0;
  }
}

/** The requests of one adapter: its miniport driver's, and what NDIS keeps for the bindings. */
export class AdapterRequests extends RequestStation {
  /** The filter modules that had requests. */
  readonly modules = new Map<FilterModule, RequestStation>();
  /** The multicast addresses that the drivers below were told, six bytes each. */
  multicastList: Uint8Array = new Uint8Array(0);
  /** How often each binding added an address that it already had. */
  readonly multicastRepeats = new Map<Binding, MulticastRepeats>();
  /** The lookahead size that the drivers below were told. */
  lookahead = 0;

  repeatsOf(binding: Binding): MulticastRepeats {
    let repeats = this.multicastRepeats.get(binding);
    if (repeats === undefined) {
      repeats = new Map();
      this.multicastRepeats.set(binding, repeats);
    }
    return repeats;
  }

  /** All stations, from the miniport upwards. */
  stations(): RequestStation[] {
    const height = (station: RequestStation) =>
      station.module === null ? -1 : this.adapter.filters.indexOf(station.module);
    const modules = [...this.modules.values()].sort((a, b) => height(b) - height(a));
    return [this, ...modules];
  }

  /** Every request to any station that is not complete. */
  everywhere(): OidRecord[] {
    if (this.modules.size === 0) return this.outstanding();
    return this.stations().flatMap((station) => station.outstanding());
  }
}

/** Which handler of a filter module lets it see requests of an interface. */
const HANDLERS = { regular: 'oidRequest', direct: 'directOidRequest' } as const;

/** The requests of all adapters. */
export class OidRequests {
  readonly records = new Map<number, OidRecord>();
  readonly #adapters = new Map<MiniportAdapter, AdapterRequests>();
  #nextId = 1;

  of(adapter: MiniportAdapter): AdapterRequests {
    let requests = this.#adapters.get(adapter);
    if (requests === undefined) {
      requests = new AdapterRequests(this.#nextId++, adapter, null);
      this.#adapters.set(adapter, requests);
    }
    return requests;
  }

  /** The station of a module. */
  at(module: FilterModule): RequestStation {
    const { modules } = this.of(module.adapter);
    let station = modules.get(module);
    if (station === undefined) {
      station = new RequestStation(this.#nextId++, module.adapter, module);
      modules.set(module, station);
    }
    return station;
  }

  /** The next station below a module, or from the top where it is null; a module without a handler is none. */
  below(adapter: MiniportAdapter, above: FilterModule | null, kind: 'regular' | 'direct'): RequestStation {
    const { filters } = adapter;
    for (let i = above === null ? 0 : filters.indexOf(above) + 1; i < filters.length; i++) {
      if ((filters[i].handlers?.[HANDLERS[kind]] ?? null) === null) continue;
      const station = this.at(filters[i]);
      if (!station.closing) return station;
    }
    return this.of(adapter);
  }

  forget(adapter: MiniportAdapter): void {
    this.#adapters.delete(adapter);
  }

  /** A new record, accepted but nowhere queued. */
  create(
    source: Pick<OidRecord, 'interface' | 'station' | 'binding' | 'module' | 'request' | 'plan' | 'event'>,
    fields: RequestFields,
  ): OidRecord {
    const record: OidRecord = {
      ...source,
      adapter: source.station.adapter,
      id: this.#nextId++,
      requestId: fields.requestId,
      sent: 0,
      change: NOTHING,
      inHandler: false,
      inCall: false,
      complete: false,
      status: NDIS_STATUS_PENDING,
    };
    this.records.set(record.id, record);
    if (record.binding !== null) record.binding.requestsOutstanding++;
    return record;
  }
}

const NOTHING = new Uint8Array(0);

export const oidRequestsOf = perNdis('OID requests', () => new OidRequests());
