/**
 * The network interfaces of the computer and the order in which they stand on each other. NDIS registers those of
 * adapters and filter modules itself, as the proxy provider; interface providers register the others.
 * Implements "NDIS Network Interface Architecture" and "Maintaining a Network Interface Stack" (network).
 */

import type { Driver, DriverCallback } from '../../kernel/index.ts';
import { declareCallback } from '../../kernel/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';

/** Interfaces that may be registered at once; more are refused with NDIS_STATUS_RESOURCES. */
export const INTERFACE_LIMIT = 262_144;
/** Entries that drivers may add to the interface stack table; more are refused with NDIS_STATUS_RESOURCES. */
export const STACK_ENTRY_LIMIT = 65_536;
/** The greatest interface index: it has 24 bits. */
const GREATEST_INDEX = 0xff_ffff;

/** ProviderQueryObject: reads what describes an interface. IRQL PASSIVE_LEVEL. Source: ndis/nc-ndis-if_query_object. */
export type IF_QUERY_OBJECT = (
  ProviderIfContext: unknown,
  ObjectId: number,
  pOutputBufferLength: number,
  pOutputBuffer: number,
) => number;
export const IF_QUERY_OBJECT = declareCallback<IF_QUERY_OBJECT>({
  prototype:
    'NDIS_STATUS IF_QUERY_OBJECT(NDIS_HANDLE ProviderIfContext, NET_IF_OBJECT_ID ObjectId, PULONG pOutputBufferLength, PVOID pOutputBuffer)',
  role: 'ProviderQueryObject',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-if_query_object',
});

/** ProviderSetObject: changes what describes an interface. IRQL PASSIVE_LEVEL. Source: ndis/nc-ndis-if_set_object. */
export type IF_SET_OBJECT = (
  ProviderIfContext: unknown,
  ObjectId: number,
  InputBufferLength: number,
  pInputBuffer: number,
) => number;
export const IF_SET_OBJECT = declareCallback<IF_SET_OBJECT>({
  prototype:
    'NDIS_STATUS IF_SET_OBJECT(NDIS_HANDLE ProviderIfContext, NET_IF_OBJECT_ID ObjectId, ULONG InputBufferLength, PVOID pInputBuffer)',
  role: 'ProviderSetObject',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-if_set_object',
});

/** A driver that registered as an interface provider. Its handle is NdisProviderHandle. */
export class InterfaceProvider extends NdisObject {
  readonly driver: Driver;
  /** IfProviderContext as the driver gave it. */
  readonly context: unknown;
  readonly queryObject: DriverCallback<IF_QUERY_OBJECT> | null;
  readonly setObject: DriverCallback<IF_SET_OBJECT> | null;
  readonly interfaces = new Set<NetworkInterface>();

  constructor(
    driver: Driver,
    context: unknown,
    queryObject: DriverCallback<IF_QUERY_OBJECT> | null,
    setObject: DriverCallback<IF_SET_OBJECT> | null,
  ) {
    super();
    this.driver = driver;
    this.context = context;
    this.queryObject = queryObject;
    this.setObject = setObject;
  }
}

/** One network interface. */
export interface NetworkInterface {
  readonly ifIndex: number;
  readonly netLuid: bigint;
  /** Who answers for it. */
  readonly owner:
    | {
        readonly kind: 'provider';
        readonly provider: InterfaceProvider;
        /** ProviderIfContext of NdisIfRegisterInterface. */
        readonly context: unknown;
        /** The NET_IF_INFORMATION that the provider gave, with what lies behind it. */
        readonly information: Uint8Array;
      }
    /** The proxy provider: an adapter or a filter module. */
    | { readonly kind: 'proxy'; readonly object: NdisObject };
}

/** One line of the interface stack table. */
export interface StackEntry {
  readonly higher: number;
  readonly lower: number;
}

const entryKey = (higher: number, lower: number): string => `${higher} ${lower}`;

/** The interfaces of one computer. */
export class NetworkInterfaces {
  readonly #byIndex = new Map<number, NetworkInterface>();
  readonly #byNetLuid = new Map<bigint, NetworkInterface>();
  readonly #stack = new Map<string, StackEntry>();
  #nextIndex = 1;

  /** Interfaces in order of registration. */
  get all(): Iterable<NetworkInterface> {
    return this.#byIndex.values();
  }

  /** What drivers added to the interface stack table, oldest first. */
  get stackEntries(): Iterable<StackEntry> {
    return this.#stack.values();
  }

  get full(): boolean {
    return this.#byIndex.size >= INTERFACE_LIMIT;
  }

  at(ifIndex: number): NetworkInterface | null {
    return this.#byIndex.get(ifIndex) ?? null;
  }

  withNetLuid(netLuid: bigint): NetworkInterface | null {
    return this.#byNetLuid.get(netLuid) ?? null;
  }

  /** An index that no interface has; the next ones come first, so that an index is not soon used again. */
  takeIndex(): number {
    while (this.#byIndex.has(this.#nextIndex)) this.#nextIndex = (this.#nextIndex % GREATEST_INDEX) + 1;
    const index = this.#nextIndex;
    this.#nextIndex = (index % GREATEST_INDEX) + 1;
    return index;
  }

  /** Adds an interface whose index and NET_LUID are free. */
  add(added: NetworkInterface): void {
    this.#byIndex.set(added.ifIndex, added);
    this.#byNetLuid.set(added.netLuid, added);
  }

  /** Removes an interface and its entries of the stack table. */
  remove(ifIndex: number): void {
    const removed = this.#byIndex.get(ifIndex);
    if (removed === undefined) return;
    this.#byIndex.delete(ifIndex);
    this.#byNetLuid.delete(removed.netLuid);
    for (const [key, { higher, lower }] of this.#stack) {
      if (higher === ifIndex || lower === ifIndex) this.#stack.delete(key);
    }
  }

  /** Adds a line to the stack table; false when it is full. A line that is there stays as it is. */
  addStackEntry(higher: number, lower: number): boolean {
    const key = entryKey(higher, lower);
    if (!this.#stack.has(key) && this.#stack.size >= STACK_ENTRY_LIMIT) return false;
    this.#stack.set(key, { higher, lower });
    return true;
  }

  removeStackEntry(higher: number, lower: number): void {
    this.#stack.delete(entryKey(higher, lower));
  }
}

/** The interfaces of a library's computer. */
export const interfacesOf: (ndis: NdisLibrary) => NetworkInterfaces = perNdis(
  'network interfaces',
  () => new NetworkInterfaces(),
);

/** Registers the interface of an adapter or a filter module, as the proxy provider. */
export function addProxyInterface(
  ndis: NdisLibrary,
  object: NdisObject & { readonly ifIndex: number; readonly netLuid: bigint },
): void {
  const { ifIndex, netLuid } = object;
  interfacesOf(ndis).add({ ifIndex, netLuid, owner: { kind: 'proxy', object } });
}
