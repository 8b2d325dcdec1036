/**
 * Which modules the stack of an adapter should have, in which order, and the next change that leads there.
 * Implements "Configuring an INF File for a Modifying Filter Driver", the same for a monitoring one, and "Mandatory
 * Filter Drivers" (network).
 */

import * as media from '../generated/constants/common.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { classRank } from './configuration.ts';
import type { FilterDriver } from './filterDriver.ts';
import type { FilterModule } from './filterModule.ts';

/** Names of FilterMediaTypes by NDIS_MEDIUM. */
const MEDIA_NAMES: ReadonlyMap<number, readonly string[]> = new Map([
  [media.NdisMedium802_3, ['ethernet', 'ndis5', 'ndis6']],
  [media.NdisMedium802_5, ['tokenring']],
  [media.NdisMediumFddi, ['fddi']],
  [media.NdisMediumWan, ['wan', 'ndiswan']],
  [media.NdisMediumLocalTalk, ['localtalk']],
  [media.NdisMediumAtm, ['atm', 'ndisatm']],
  [media.NdisMediumCoWan, ['wan', 'ndiscowan']],
  [media.NdisMediumNative802_11, ['wlan']],
  [media.NdisMediumWirelessWan, ['wwan', 'flpp4', 'flpp6', 'ppip']],
  [media.NdisMediumIP, ['flpp4', 'flpp6', 'ppip']],
  [media.NdisMediumTunnel, ['tunnel']],
]);

/** One place in a stack: a modifying filter, or an instance of a monitoring one over `monitored`. */
export interface Slot {
  readonly filter: FilterDriver;
  /** The modifying filter over which it lies; null over the miniport, and for a modifying filter. */
  readonly monitored: FilterDriver | null;
}

/** What has to be done next to a stack; modules are changed one at a time. */
export type FilterChange =
  | { readonly kind: 'detach'; readonly module: FilterModule }
  | { readonly kind: 'attach'; readonly slot: Slot; readonly index: number };

/** Whether a filter belongs on an adapter. */
export function belongs(ndis: NdisLibrary, filter: FilterDriver, adapter: MiniportAdapter): boolean {
  if (filter.closing || filter.handlers === null) return false;
  const inventory = inventoryOf(ndis);
  const { mediaTypes } = inventory.filterConfiguration(filter);
  if (mediaTypes !== null) {
    const names = MEDIA_NAMES.get(adapter.general?.mediaType ?? -1) ?? [];
    if (!mediaTypes.some((type) => names.includes(type.toLowerCase()))) return false;
  }
  return inventory.mayAttach(filter, adapter);
}

/** The stack as configured, from the bottom up. */
export function configuredStack(ndis: NdisLibrary, adapter: MiniportAdapter): Slot[] {
  // NetEventInhibitBindsAbove keeps filters away too.
  if (adapter.bindingsHeldBy.has('inhibited')) return [];
  const inventory = inventoryOf(ndis);
  if (inventory.filters.size === 0) return [];
  const filters = [...inventory.filters].filter((filter) => belongs(ndis, filter, adapter));
  const typed = (type: string) =>
    filters.filter((filter) => inventory.filterConfiguration(filter).type === type);
  const rank = (filter: FilterDriver) => classRank(inventory.filterConfiguration(filter).filterClass);
  // Sorting is stable: of one class, and of monitoring filters, the first one is the closest to the miniport.
  const modifying = typed('modifying').toSorted((a, b) => rank(b) - rank(a));
  const monitoring = typed('monitoring');
  const over = (monitored: FilterDriver | null): Slot[] =>
    monitoring.map((filter) => ({ filter, monitored }));
  return [...over(null), ...modifying.flatMap((filter) => [{ filter, monitored: null }, ...over(filter)])];
}

function fills(module: FilterModule, slot: Slot): boolean {
  return module.filter === slot.filter && (module.monitored?.filter ?? null) === slot.monitored;
}

/** How a slot whose attach failed is remembered. */
export function slotKey(slot: Slot): string {
  return `${slot.filter.handle}/${slot.monitored?.handle ?? 0}`;
}

/** Whether a key is of a slot of this filter or over it. */
export function slotNames(key: string, filter: FilterDriver): boolean {
  return key.split('/').includes(String(filter.handle));
}

/** The slot that a module fills. */
export function slotOf(module: FilterModule): Slot {
  return { filter: module.filter, monitored: module.monitored?.filter ?? null };
}

/** The next change: what no longer belongs leaves first, from the top; then what lacks comes, from the bottom. */
export function nextFilterChange(ndis: NdisLibrary, adapter: MiniportAdapter): FilterChange | null {
  const slots = configuredStack(ndis, adapter);
  if (slots.length === 0 && adapter.filters.length === 0) return null;
  const stays = (module: FilterModule) =>
    module.handlers !== null &&
    !adapter.failedFilters.has(slotKey(slotOf(module))) &&
    (module.monitored === null || adapter.filters.includes(module.monitored)) &&
    slots.some((slot) => fills(module, slot));
  const leaving = adapter.filters.find((module) => !stays(module));
  if (leaving !== undefined) return { kind: 'detach', module: topOver(adapter, leaving) };
  let below = 0;
  for (const slot of slots) {
    if (adapter.filters.some((module) => fills(module, slot))) {
      below++;
      continue;
    }
    if (adapter.failedFilters.has(slotKey(slot))) continue;
    const { monitored } = slot;
    if (monitored !== null && !adapter.filters.some((module) => module.filter === monitored)) continue;
    // Index 0 is the top.
    return { kind: 'attach', slot, index: adapter.filters.length - below };
  }
  return null;
}

/** The topmost module that lies over `module` to monitor it, or the module itself: instances leave before it does. */
function topOver(adapter: MiniportAdapter, module: FilterModule): FilterModule {
  return adapter.filters.find((other) => other.monitored === module) ?? module;
}

/** The name of a mandatory filter that the stack lacks, or null where it is complete. */
export function missingMandatoryFilter(ndis: NdisLibrary, adapter: MiniportAdapter): string | null {
  if (adapter.bindingsHeldBy.has('inhibited')) return null;
  const inventory = inventoryOf(ndis);
  for (const slot of configuredStack(ndis, adapter)) {
    if (!inventory.filterConfiguration(slot.filter).mandatory) continue;
    if (!adapter.filters.some((module) => fills(module, slot))) return slot.filter.name;
  }
  return inventory.awaitedFilter(adapter);
}
