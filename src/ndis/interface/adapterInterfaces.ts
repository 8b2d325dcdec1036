/**
 * The interfaces of an adapter's stack, which the proxy provider keeps: the adapter and the filter modules over it.
 * Implements "NET_LUID Values for Miniport Adapters and Filter Modules" (network).
 */

import { FilterModule } from '../filter/filterModule.ts';
import { inventoryOf } from '../inventory.ts';
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
  const { object } = owner;
  if (object instanceof FilterModule) return object.adapter;
  return object instanceof MiniportAdapter ? object : null;
}

/** The interface stack table: what NDIS knows itself, then what drivers added. */
export function interfaceStack(ndis: NdisLibrary): StackEntry[] {
  const entries: StackEntry[] = [];
  for (const { filters, ifIndex } of inventoryOf(ndis).adapters) {
    const indexes = [...filters.map((module) => module.ifIndex), ifIndex];
    for (let above = 0; above + 1 < indexes.length; above++)
      entries.push({ higher: indexes[above], lower: indexes[above + 1] });
  }
  return [...entries, ...interfacesOf(ndis).stackEntries];
}
