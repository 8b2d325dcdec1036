/** A new adapter in the library: it has its handle and its names, and is Halted until its stack is told to initialize. */

import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from './miniportAdapter.ts';
import type { MiniportDriver } from './miniportDriver.ts';

/**
 * Adds an adapter of `miniport`.
 * @param name the part of its device name after `\\Device\\`, made of its interface index where it has none of its own.
 * @param instanceName what people read.
 */
export function createAdapter(
  ndis: NdisLibrary,
  miniport: MiniportDriver,
  name: string | ((ifIndex: number) => string),
  instanceName: string,
): MiniportAdapter {
  const inventory = inventoryOf(ndis);
  const ifIndex = inventory.nextIfIndex++;
  const deviceName = typeof name === 'string' ? name : name(ifIndex);
  const adapter = new MiniportAdapter(miniport, deviceName, instanceName, ifIndex);
  ndis.register(adapter);
  inventory.addAdapter(adapter);
  return adapter;
}
