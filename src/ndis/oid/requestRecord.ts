/**
 * What the library keeps of a request on its way, and of the requests of one adapter. Plain data, so that a snapshot
 * can hold it.
 */

import type { Address } from '../../memory/index.ts';
import { NDIS_STATUS_PENDING } from '../generated/constants/index.ts';
import { perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import type { MulticastRepeats } from './multicast.ts';
import type { RequestFields } from './requestFormat.ts';

/** Regular requests that may wait at one adapter; more are refused with NDIS_STATUS_RESOURCES. */
export const REQUEST_QUEUE_LIMIT = 256;
/** Direct requests that may be pending at one adapter; more are refused with NDIS_STATUS_RESOURCES. */
export const DIRECT_REQUEST_LIMIT = 256;

/** What the library does with a request before the miniport driver sees it. */
export type RequestPlan =
  | 'pass'
  | 'packetFilter'
  | 'lookahead'
  | 'multicastList'
  | 'addMulticastAddress'
  | 'deleteMulticastAddress'
  | 'counter';

/** One request that was accepted and is not complete. */
export interface OidRecord {
  readonly id: number;
  readonly interface: 'regular' | 'direct';
  readonly adapter: MiniportAdapter;
  /** Null for a request of the library's own. */
  readonly binding: Binding | null;
  /** The NDIS_OID_REQUEST of who asked. */
  readonly request: Address;
  readonly requestId: Address;
  readonly plan: RequestPlan;
  /** What the miniport driver got: `request`, or one of the library's in its place. 0 while it is queued. */
  sent: Address;
  /** The values that a success makes valid for the binding; empty where the plan has none. */
  change: Uint8Array;
  /** True from the call of the miniport driver's handler until it returned. */
  inHandler: boolean;
  /** True while who asked waits for the status in its call, so that no completion function is to be called. */
  inCall: boolean;
  complete: boolean;
  status: number;
  /** Event that completion signals, for requests of the library's own. */
  readonly event: Address;
}

/** The requests of one adapter. */
export class AdapterRequests {
  /** Regular requests that wait, oldest first. */
  readonly queue: OidRecord[] = [];
  /** The regular request that the miniport driver has. */
  active: OidRecord | null = null;
  /** Direct requests by the address that the miniport driver got. */
  readonly direct = new Map<Address, OidRecord>();
  /** True while a thread of the library works on the queue. */
  working = false;
  /** The multicast addresses that the miniport driver was told, six bytes each. */
  multicastList: Uint8Array = new Uint8Array(0);
  /** How often each binding added an address that it already had. */
  readonly multicastRepeats = new Map<Binding, MulticastRepeats>();
  /** The lookahead size that the miniport driver was told. */
  lookahead = 0;
  readonly adapter: MiniportAdapter;

  constructor(adapter: MiniportAdapter) {
    this.adapter = adapter;
  }

  repeatsOf(binding: Binding): MulticastRepeats {
    let repeats = this.multicastRepeats.get(binding);
    if (repeats === undefined) {
      repeats = new Map();
      this.multicastRepeats.set(binding, repeats);
    }
    return repeats;
  }

  /** Every request that is not complete, oldest first; a list of its own, so that they may be completed in a loop. */
  outstanding(): OidRecord[] {
    const active = this.active === null || this.active.complete ? [] : [this.active];
    return [...active, ...this.queue, ...this.direct.values()];
  }
}

/** The requests of all adapters. */
export class OidRequests {
  readonly records = new Map<number, OidRecord>();
  readonly #adapters = new Map<MiniportAdapter, AdapterRequests>();
  #nextId = 1;

  of(adapter: MiniportAdapter): AdapterRequests {
    let requests = this.#adapters.get(adapter);
    if (requests === undefined) {
      requests = new AdapterRequests(adapter);
      this.#adapters.set(adapter, requests);
    }
    return requests;
  }

  forget(adapter: MiniportAdapter): void {
    this.#adapters.delete(adapter);
  }

  /** A new record, accepted but nowhere queued. */
  create(
    source: Pick<OidRecord, 'interface' | 'adapter' | 'binding' | 'request' | 'plan' | 'event'>,
    fields: RequestFields,
  ): OidRecord {
    const record: OidRecord = {
      ...source,
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
