/**
 * What exists of connection-oriented objects on the adapters and bindings of one library, and how such an object gets
 * and loses its handle and memory.
 */

import { type Driver, poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import {
  type AddressFamily,
  type CallManagerEnd,
  type ClientEnd,
  type ConnectionObject,
  type HeldContext,
  type OfferedFamily,
  type Side,
  type VirtualConnection,
} from './objects.ts';
import type { CoOidRecord } from './oidRecord.ts';

/** Bytes that NDIS takes from the pool for each object. */
const BLOCK_SIZE = 64;
/** Address families that may be offered on one adapter; more are refused with NDIS_STATUS_RESOURCES. */
export const OFFERED_FAMILY_LIMIT = 64;

/** The connection-oriented side of a binding. */
export class BindingConnections {
  /** Set when the binding is first used; for a driver of NDIS 5 when it opens or offers its first family. */
  client: ClientEnd | null;
  manager: CallManagerEnd | null;
  /** Address families it opened as a client, and that clients opened with it. */
  readonly opened = new Set<AddressFamily>();
  readonly served = new Set<AddressFamily>();
  /** VCs of the call manager's own. */
  readonly own = new Set<VirtualConnection>();
  /** Requests it made that are not complete. */
  requests = 0;

  constructor(client: ClientEnd | null, manager: CallManagerEnd | null) {
    this.client = client;
    this.manager = manager;
  }

  /** Whether nothing keeps a close of the binding waiting. */
  get drained(): boolean {
    return this.opened.size === 0 && this.served.size === 0 && this.own.size === 0 && this.requests === 0;
  }
}

/** The connection-oriented side of an adapter. */
export class AdapterConnections {
  /** Its miniport call manager. */
  manager: CallManagerEnd | null = null;
  readonly offered: OfferedFamily[] = [];
  readonly families = new Set<AddressFamily>();
  readonly connections = new Set<VirtualConnection>();
}

/** All of a library. */
export class Connections {
  readonly adapters = new Map<MiniportAdapter, AdapterConnections>();
  /** Requests that are not complete, by the address of the NDIS_OID_REQUEST. */
  readonly requests = new Map<Address, CoOidRecord>();
  nextNumber = 1;

  of(adapter: MiniportAdapter): AdapterConnections {
    let connections = this.adapters.get(adapter);
    if (connections === undefined) {
      connections = new AdapterConnections();
      this.adapters.set(adapter, connections);
    }
    return connections;
  }
}

export const connectionsOf = perNdis('connections', () => new Connections());

/** The connection-oriented side of a binding, made at its first use; null for a protocol that is not. */
export function bindingConnections(binding: Binding): BindingConnections | null {
  if (binding.connections !== null) return binding.connections;
  const registered = binding.protocol.connections;
  if (registered === null || registered.co === null) return null;
  const { driver } = binding.protocol;
  const { client, callManager } = registered;
  binding.connections = new BindingConnections(
    client === null ? null : { driver, binding, handlers: client, gone: false },
    callManager === null
      ? null
      : { driver, adapter: binding.adapter, binding, handlers: callManager, gone: false },
  );
  return binding.connections;
}

/** The miniport call manager of an adapter, or null where it has none. */
export function miniportCallManager(ndis: NdisLibrary, adapter: MiniportAdapter): CallManagerEnd | null {
  const handlers = adapter.miniport.connections?.callManager ?? null;
  if (handlers === null) return null;
  const connections = connectionsOf(ndis).of(adapter);
  connections.manager ??= { driver: adapter.miniport.driver, adapter, binding: null, handlers, gone: false };
  return connections.manager;
}

/** Gives an object its memory and its handle; false when memory is short. */
export function admit(ndis: NdisLibrary, object: ConnectionObject): boolean {
  object.block = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, BLOCK_SIZE, NDIS_POOL_TAG, 0);
  if (object.block === 0) return false;
  ndis.register(object);
  return true;
}

/** Takes memory and handle back. */
export function dismiss(ndis: NdisLibrary, object: ConnectionObject): void {
  if (object.handle === 0) return;
  ndis.unregister(object);
  freeLibraryMemory(ndis, object.block);
  object.block = 0;
  object.pending.clear();
}

/** A context as a driver gave it in a call. */
export function heldContext(ndis: NdisLibrary, address: Address): HeldContext {
  return { address, value: ndis.contextValue(address) };
}

/** Where a driver is to write the context of an object: NULL before. */
export function contextCell(ndis: NdisLibrary, object: ConnectionObject): Address {
  ndis.memory.writePointer(object.block, 0);
  return object.block;
}

/** The context that a driver wrote. */
export function writtenContext(ndis: NdisLibrary, object: ConnectionObject): HeldContext {
  return heldContext(ndis, ndis.memory.readPointer(object.block));
}

/** Wakes who waits for these bindings to drain. */
export function releaseBindings(ndis: NdisLibrary, ...bindings: (Binding | null)[]): void {
  for (const binding of bindings) if (binding !== null) releaseIfDrained(ndis, binding);
}

/**
 * The object behind a handle that `driver` uses as `side`. A handle that is stale, of another kind, of another driver,
 * or that this side gave up is the finding BAD_HANDLE.
 */
export function expectConnection<T extends ConnectionObject>(
  ndis: NdisLibrary,
  handle: Address,
  kind: new (...args: never[]) => T,
  driver: Driver,
  side: Side,
  call: string,
  page: string,
): T | null {
  const object = ndis.expect(handle, kind, driver, call, page);
  if (object === null) return null;
  const owner = object.driverOf(side);
  if (owner === driver && object.usableBy(side)) return object;
  const why =
    owner === driver
      ? 'is not valid any more for this driver'
      : `is not for ${driver.name} to use in this call`;
  const text = `${call}: the handle 0x${handle.toString(16)} ${why}`;
  ndis.kernel.report('BAD_HANDLE', driver, text, page);
  return null;
}
