/**
 * Finding interfaces by index, NET_LUID and binding, and the interface stack table.
 * Implements nf-ndis-ndisifgetinterfaceindexfromnetluid, nf-ndis-ndisifgetnetluidfrominterfaceindex,
 * nf-ndis-ndisifquerybindingifindex, nf-ndis-ndisifaddifstackentry and nf-ndis-ndisifdeleteifstackentry.
 */

import type { Handle, OutPointer } from '../../kernel/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_STATUS_INTERFACE_NOT_FOUND,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { highestInterface, lowestInterface } from './adapterInterfaces.ts';
import { interfacesOf } from './networkInterface.ts';

const BINDING_PAGE = 'ndis/nf-ndis-ndisifquerybindingifindex';

/**
 * NdisIfGetInterfaceIndexFromNetLuid: the index of the interface with a NET_LUID. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_INTERFACE_NOT_FOUND.
 * Source: ndis/nf-ndis-ndisifgetinterfaceindexfromnetluid.
 */
export const NdisIfGetInterfaceIndexFromNetLuid = synchronous(
  'NDIS_STATUS NdisIfGetInterfaceIndexFromNetLuid(NET_LUID NetLuid, PNET_IFINDEX pIfIndex)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisifgetinterfaceindexfromnetluid',
  (ndis) =>
    (NetLuid: bigint, pIfIndex: OutPointer): number => {
      const known = interfacesOf(ndis).withNetLuid(NetLuid);
      if (known === null) return NDIS_STATUS_INTERFACE_NOT_FOUND;
      ndis.memory.u32[pIfIndex >> 2] = known.ifIndex;
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * NdisIfGetNetLuidFromInterfaceIndex: the NET_LUID of the interface with an index. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_INTERFACE_NOT_FOUND.
 * Source: ndis/nf-ndis-ndisifgetnetluidfrominterfaceindex.
 */
export const NdisIfGetNetLuidFromInterfaceIndex = synchronous(
  'NDIS_STATUS NdisIfGetNetLuidFromInterfaceIndex(NET_IFINDEX ifIndex, PNET_LUID pNetLuid)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisifgetnetluidfrominterfaceindex',
  (ndis) =>
    (ifIndex: number, pNetLuid: OutPointer): number => {
      const known = interfacesOf(ndis).at(ifIndex);
      if (known === null) return NDIS_STATUS_INTERFACE_NOT_FOUND;
      ndis.memory.data.setBigUint64(pNetLuid, known.netLuid, true);
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * NdisIfQueryBindingIfIndex: indexes and NET_LUIDs of the highest and the lowest interface below a binding: its topmost
 * filter module, or the adapter, and the adapter. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_INTERFACE_NOT_FOUND for a binding whose adapter is gone; a handle that is
 * none is also the finding BAD_HANDLE. Source: ndis/nf-ndis-ndisifquerybindingifindex.
 */
export const NdisIfQueryBindingIfIndex = synchronous(
  'NDIS_STATUS NdisIfQueryBindingIfIndex(NDIS_HANDLE NdisBindingHandle, PNET_IFINDEX pBoundIfIndex, PNET_LUID pBoundIfNetLuid, PNET_IFINDEX pLowestIfIndex, PNET_LUID pLowestIfNetLuid)',
  'PASSIVE_LEVEL',
  '6.0',
  BINDING_PAGE,
  (ndis, driver) =>
    (
      NdisBindingHandle: Handle,
      pBoundIfIndex: OutPointer,
      pBoundIfNetLuid: OutPointer,
      pLowestIfIndex: OutPointer,
      pLowestIfNetLuid: OutPointer,
    ): number => {
      const call = 'NdisIfQueryBindingIfIndex';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, call, BINDING_PAGE);
      if (binding === null) return NDIS_STATUS_INTERFACE_NOT_FOUND;
      const { memory } = ndis;
      const bound = highestInterface(binding.adapter);
      const lowest = lowestInterface(binding.adapter);
      if (interfacesOf(ndis).at(bound.ifIndex) === null) return NDIS_STATUS_INTERFACE_NOT_FOUND;
      memory.u32[pBoundIfIndex >> 2] = bound.ifIndex;
      memory.data.setBigUint64(pBoundIfNetLuid, bound.netLuid, true);
      memory.u32[pLowestIfIndex >> 2] = lowest.ifIndex;
      memory.data.setBigUint64(pLowestIfNetLuid, lowest.netLuid, true);
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * NdisIfAddIfStackEntry: says that one interface stands above another, which NDIS cannot know inside a MUX intermediate
 * driver. Saying it again changes nothing. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_INTERFACE_NOT_FOUND for an index that is not registered;
 * NDIS_STATUS_RESOURCES when the table has STACK_ENTRY_LIMIT lines. Source: ndis/nf-ndis-ndisifaddifstackentry.
 */
export const NdisIfAddIfStackEntry = synchronous(
  'NDIS_STATUS NdisIfAddIfStackEntry(NET_IFINDEX HigherLayerIfIndex, NET_IFINDEX LowerLayerIfIndex)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisifaddifstackentry',
  (ndis) =>
    (HigherLayerIfIndex: number, LowerLayerIfIndex: number): number => {
      const interfaces = interfacesOf(ndis);
      if (interfaces.at(HigherLayerIfIndex) === null || interfaces.at(LowerLayerIfIndex) === null)
        return NDIS_STATUS_INTERFACE_NOT_FOUND;
      return interfaces.addStackEntry(HigherLayerIfIndex, LowerLayerIfIndex)
        ? NDIS_STATUS_SUCCESS
        : NDIS_STATUS_RESOURCES;
    },
);

/**
 * NdisIfDeleteIfStackEntry: takes back what NdisIfAddIfStackEntry said; nothing happens where the table has no such
 * line. IRQL PASSIVE_LEVEL. Source: ndis/nf-ndis-ndisifdeleteifstackentry.
 */
export const NdisIfDeleteIfStackEntry = synchronous(
  'VOID NdisIfDeleteIfStackEntry(NET_IFINDEX HigherLayerIfIndex, NET_IFINDEX LowerLayerIfIndex)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisifdeleteifstackentry',
  (ndis) =>
    (HigherLayerIfIndex: number, LowerLayerIfIndex: number): void =>
      interfacesOf(ndis).removeStackEntry(HigherLayerIfIndex, LowerLayerIfIndex),
);
