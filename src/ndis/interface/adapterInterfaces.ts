/**
 * The interfaces of an adapter's stack, which the proxy provider keeps: the adapter and the filter modules over it.
 * Implements "NET_LUID Values for Miniport Adapters and Filter Modules" (network).
 */

import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { interfacesOf, type StackEntry } from './networkInterface.ts';

/** What identifies an interface. */
export interface InterfaceIdentity {
  readonly ifIndex: number;
  readonly netLuid: bigint;
}

/** The interface that protocols bind to: the topmost of the adapter's stack. */
export function highestInterface(adapter: MiniportAdapter): InterfaceIdentity {
  return adapter.filters[0] ?? adapter;
}

/** The lowest interface of the adapter's stack. */
export function lowestInterface(adapter: MiniportAdapter): InterfaceIdentity {
  return adapter;
}

/** The adapter whose stack an interface of the proxy provider belongs to; null for any other interface. */
export function adapterBelow(ndis: NdisLibrary, ifIndex: number): MiniportAdapter | null {
  const owner = interfacesOf(ndis).at(ifIndex)?.owner;
  if (owner?.kind !== 'proxy') return null;
  return owner.object instanceof MiniportAdapter ? owner.object : null;
}

/** The interface stack table: what NDIS knows itself, then what drivers added. */
export function interfaceStack(ndis: NdisLibrary): StackEntry[] {
  return [...interfacesOf(ndis).stackEntries];
}
