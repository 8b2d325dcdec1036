/**
 * DMA of miniport drivers for NDIS 3 to 5.1: map registers, transfers of the system's controller, shared memory that
 * needs no update. Implements NdisMAllocateMapRegisters, NdisMFreeMapRegisters, NdisMInitializeScatterGatherDma,
 * NdisSetupDmaTransfer, NdisFreeDmaChannel and NdisUpdateSharedMemory (ddk/ndis.h).
 */

import type { Handle, OutPointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_ATTRIBUTE_BUS_MASTER,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import { NdisMDeregisterDmaChannel, setupTransfer } from '../../hardware/systemDma.ts';
import { perNdis } from '../../library.ts';
import type { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { legacyFunction, legacyMacro, legacyPage } from '../declareLegacy.ts';
import { PacketLists } from '../miniport/packetLists.ts';
import { legacyAdapterAt } from '../miniport/throughBlock.ts';

/** Map registers that an adapter may have. */
const MAP_REGISTER_LIMIT = 64;

const mapRegistersOf = perNdis('map registers', () => new Map<MiniportAdapter, number>());

/**
 * Reserves map registers for a bus master.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES for none, for more than 64 and where the adapter has some;
 * NDIS_STATUS_NOT_SUPPORTED without NDIS_ATTRIBUTE_BUS_MASTER; NDIS_STATUS_FAILURE for a wrong handle.
 * IRQL PASSIVE_LEVEL. ddk/ndis.h.
 */
export const NdisMAllocateMapRegisters = legacyFunction(
  'NDIS_STATUS NdisMAllocateMapRegisters(NDIS_HANDLE MiniportAdapterHandle, UINT DmaChannel, NDIS_DMA_SIZE DmaSize, ULONG PhysicalMapRegistersNeeded, ULONG MaximumPhysicalMapping)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (
      MiniportAdapterHandle: Handle,
      _DmaChannel: number,
      _DmaSize: number,
      PhysicalMapRegistersNeeded: number,
      _MaximumPhysicalMapping: number,
    ): number => {
      const call = 'NdisMAllocateMapRegisters';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      if (legacy === null) return NDIS_STATUS_FAILURE;
      if ((legacy.attributes & NDIS_ATTRIBUTE_BUS_MASTER) === 0) return NDIS_STATUS_NOT_SUPPORTED;
      const all = mapRegistersOf(ndis);
      const { adapter } = legacy;
      const wrong = PhysicalMapRegistersNeeded === 0 || PhysicalMapRegistersNeeded > MAP_REGISTER_LIMIT;
      if (wrong || all.has(adapter)) return NDIS_STATUS_RESOURCES;
      all.set(adapter, PhysicalMapRegistersNeeded);
      driver.own(`map registers ${adapter.ifIndex}`, {
        kind: 'map registers',
        name: `${PhysicalMapRegistersNeeded} map registers of ${adapter.label}`,
        releasedBy: 'NdisMFreeMapRegisters',
        release: () => all.delete(adapter),
      });
      return NDIS_STATUS_SUCCESS;
    },
);

/** Gives the map registers back; a finding where the adapter has none. IRQL PASSIVE_LEVEL. ddk/ndis.h. */
export const NdisMFreeMapRegisters = legacyFunction(
  'VOID NdisMFreeMapRegisters(NDIS_HANDLE MiniportAdapterHandle)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (MiniportAdapterHandle: Handle): void => {
      const call = 'NdisMFreeMapRegisters';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      if (legacy === null) return;
      driver.disown(`map registers ${legacy.adapter.ifIndex}`);
      if (mapRegistersOf(ndis).delete(legacy.adapter)) return;
      const text = `${call}: ${legacy.adapter.label} has no map registers; free them once`;
      ndis.kernel.report('NO_MAP_REGISTERS', driver, text, legacyPage(call));
    },
);

/**
 * Asks for scatter/gather lists: from then on each packet has its own as ScatterGatherListPacketInfo when the driver gets
 * it, until it completes the packet. A packet that is longer than `MaximumPhysicalMapping` fails with
 * NDIS_STATUS_RESOURCES, and so do packets when memory is short. Addresses have 64 bits for every driver.
 * @returns NDIS_STATUS_SUCCESS, also when called again; NDIS_STATUS_NOT_SUPPORTED without NDIS_ATTRIBUTE_BUS_MASTER;
 * NDIS_STATUS_RESOURCES for an adapter with map registers; NDIS_STATUS_FAILURE for a wrong handle and outside of
 * MiniportInitialize. IRQL PASSIVE_LEVEL. ddk/ndis.h.
 */
export const NdisMInitializeScatterGatherDma = legacyFunction(
  'NDIS_STATUS NdisMInitializeScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle, BOOLEAN Dma64BitAddresses, ULONG MaximumPhysicalMapping)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (MiniportAdapterHandle: Handle, _Dma64BitAddresses: boolean, MaximumPhysicalMapping: number): number => {
      const call = 'NdisMInitializeScatterGatherDma';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      if (legacy === null || !legacy.adapter.initializing) return NDIS_STATUS_FAILURE;
      if ((legacy.attributes & NDIS_ATTRIBUTE_BUS_MASTER) === 0) return NDIS_STATUS_NOT_SUPPORTED;
      if (mapRegistersOf(ndis).has(legacy.adapter)) return NDIS_STATUS_RESOURCES;
      legacy.packetLists ??= new PacketLists(ndis, MaximumPhysicalMapping >>> 0);
      return NDIS_STATUS_SUCCESS;
    },
);

/** NdisMSetupDmaTransfer by the name that ndis.sys exports. IRQL <= DISPATCH_LEVEL. ddk/ndis.h. */
export const NdisSetupDmaTransfer = legacyFunction(
  'VOID NdisSetupDmaTransfer(PNDIS_STATUS Status, PNDIS_HANDLE NdisDmaHandle, PNDIS_BUFFER Buffer, ULONG Offset, ULONG Length, BOOLEAN WriteToDevice)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (
      Status: OutPointer,
      NdisDmaHandle: Handle,
      Buffer: Address,
      Offset: number,
      Length: number,
      WriteToDevice: boolean,
    ): void => {
      const toDevice = Boolean(WriteToDevice);
      const call = 'NdisSetupDmaTransfer';
      ndis.memory.u32[Status >> 2] = setupTransfer(
        ndis,
        driver,
        call,
        NdisDmaHandle,
        Buffer,
        Offset,
        Length,
        toDevice,
      );
    },
);

/** NdisMDeregisterDmaChannel by its older name. IRQL PASSIVE_LEVEL. ddk/ndis.h. */
export const NdisFreeDmaChannel = legacyFunction(
  'VOID NdisFreeDmaChannel(PNDIS_HANDLE NdisDmaHandle)',
  'PASSIVE_LEVEL',
  (ndis, driver) => {
    const deregister = NdisMDeregisterDmaChannel.implement(ndis, driver);
    return (NdisDmaHandle: Handle): void => deregister(NdisDmaHandle);
  },
);

/** Nothing has to be done: device and processor see the same memory. IRQL <= DISPATCH_LEVEL. ddk/ndis.h. */
export const NdisUpdateSharedMemory = legacyFunction(
  'VOID NdisUpdateSharedMemory(NDIS_HANDLE NdisAdapterHandle, ULONG Length, PVOID VirtualAddress, NDIS_PHYSICAL_ADDRESS PhysicalAddress)',
  '<=DISPATCH_LEVEL',
  () =>
    (_Handle: Handle, _Length: number, _VirtualAddress: Address, _PhysicalAddress: bigint): void => {},
);

/** NdisUpdateSharedMemory as drivers write it. IRQL <= DISPATCH_LEVEL. ddk/ndis.h. */
export const NdisMUpdateSharedMemory = legacyMacro(
  'VOID NdisMUpdateSharedMemory(NDIS_HANDLE _H, ULONG _L, PVOID _V, NDIS_PHYSICAL_ADDRESS _P)',
  '<=DISPATCH_LEVEL',
  () =>
    (_H: Handle, _L: number, _V: Address, _P: bigint): void => {},
);
