/**
 * A new adapter in the library: it has its handle, its names and its network interface, and is Halted until its stack is
 * told to initialize. Implements "NET_LUID Values for Miniport Adapters and Filter Modules" (network).
 */

import { type HostKey, type Kernel, registryOf } from '../../kernel/index.ts';
import { allocateNetLuidIndex } from '../interface/netLuid.ts';
import { addProxyInterface, interfacesOf } from '../interface/networkInterface.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { adapterKeyPath, MiniportAdapter } from './miniportAdapter.ts';
import type { MiniportDriver } from './miniportDriver.ts';

/** IF_TYPE_ETHERNET_CSMACD: the interface type of an adapter whose INF file says nothing else. */
export const IF_TYPE_ETHERNET_CSMACD = 6;
/** Where the key of an adapter keeps its NET_LUID index. */
const NET_LUID_INDEX = 'NetLuidIndex';

/**
 * Adds an adapter of `miniport`.
 * @param name the part of its device name after `\\Device\\`, made of its interface index where it has none of its own.
 * @param instanceName what people read.
 * @param ifType the interface type (IANA) where its key has no `*IfType` from its INF file.
 */
export function createAdapter(
  ndis: NdisLibrary,
  miniport: MiniportDriver,
  name: string | ((ifIndex: number) => string),
  instanceName: string,
  ifType = IF_TYPE_ETHERNET_CSMACD,
): MiniportAdapter {
  const ifIndex = interfacesOf(ndis).takeIndex();
  const deviceName = typeof name === 'string' ? name : name(ifIndex);
  const configurationKeyPath =
    inventoryOf(ndis).configurationKeyOf(miniport, deviceName, ifIndex) ?? adapterKeyPath(ifIndex);
  const key = registryOf(ndis.kernel).create(configurationKeyPath);
  const given = key.get('*IfType');
  const type = typeof given === 'number' ? given : ifType;
  const adapter = new MiniportAdapter(miniport, deviceName, instanceName, {
    ifIndex,
    ifType: type,
    netLuidIndex: netLuidIndexOf(ndis.kernel, key, type),
    configurationKeyPath,
  });
  ndis.register(adapter);
  inventoryOf(ndis).addAdapter(adapter);
  addProxyInterface(ndis, adapter);
  return adapter;
}

/** The index that the interface with this key had before, or a new one that it keeps. */
export function netLuidIndexOf(kernel: Kernel, key: HostKey, ifType: number): number {
  const kept = key.get(NET_LUID_INDEX);
  if (typeof kept === 'number') return kept;
  const index = allocateNetLuidIndex(kernel, ifType);
  key.set(NET_LUID_INDEX, index);
  return index;
}
