/**
 * Resources and bus-specific configuration of adapters for NDIS 3 to 5.1. Where a bus of that time is not there (EISA,
 * PCMCIA) the documented failure comes back. Implements NdisMQueryAdapterResources, NdisPciAssignResources,
 * NdisReadPciSlotInformation, NdisWritePciSlotInformation and their kin (ddk/ndis.h).
 */

import { busOf, type Driver, type Handle, type OutPointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import {
  functionAt,
  partialResourceListOf,
  partialResourceListSize,
  useLineOf,
} from '../../hardware/adapterHardware.ts';
import { readBusData, writeBusData } from '../../hardware/busData.ts';
import type { NdisLibrary } from '../../library.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';

/** The NDIS_RESOURCE_LIST of an adapter, which names its line; 0 without hardware. */
function resourcesAt(ndis: NdisLibrary, driver: Driver, handle: Handle, call: string): Address {
  const adapter = ndis.expect(handle, MiniportAdapter, driver, call, legacyPage(call));
  if (adapter === null) return 0;
  useLineOf(ndis, adapter);
  return partialResourceListOf(ndis, adapter);
}

/**
 * Copies the resources of the adapter that is being initialized. `Status` gets NDIS_STATUS_SUCCESS;
 * NDIS_STATUS_BUFFER_TOO_SHORT, with the size that is needed in `BufferSize`; NDIS_STATUS_FAILURE without hardware and for
 * a wrong handle. IRQL PASSIVE_LEVEL. ddk/ndis.h.
 */
export const NdisMQueryAdapterResources = legacyFunction(
  'VOID NdisMQueryAdapterResources(PNDIS_STATUS Status, NDIS_HANDLE WrapperConfigurationContext, PNDIS_RESOURCE_LIST ResourceList, PUINT BufferSize)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (
      Status: OutPointer,
      WrapperConfigurationContext: Handle,
      ResourceList: OutPointer,
      BufferSize: OutPointer,
    ): void => {
      const { u8, u32 } = ndis.memory;
      const list = resourcesAt(ndis, driver, WrapperConfigurationContext, 'NdisMQueryAdapterResources');
      if (list === 0) {
        u32[Status >> 2] = NDIS_STATUS_FAILURE;
        return;
      }
      const needed = partialResourceListSize(ndis, list);
      const short = u32[BufferSize >> 2] < needed;
      if (!short) u8.copyWithin(ResourceList, list, list + needed);
      u32[BufferSize >> 2] = needed;
      u32[Status >> 2] = short ? NDIS_STATUS_BUFFER_TOO_SHORT : NDIS_STATUS_SUCCESS;
    },
);

/**
 * Gives the resources of an adapter's device, which stay NDIS's. NDIS_STATUS_FAILURE without hardware and for a wrong
 * handle. IRQL PASSIVE_LEVEL. ddk/ndis.h.
 */
export const NdisPciAssignResources = legacyFunction(
  'NDIS_STATUS NdisPciAssignResources(NDIS_HANDLE NdisMacHandle, NDIS_HANDLE NdisWrapperHandle, NDIS_HANDLE WrapperConfigurationContext, ULONG SlotNumber, PNDIS_RESOURCE_LIST * AssignedResources)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (
      _NdisMacHandle: Handle,
      _NdisWrapperHandle: Handle,
      WrapperConfigurationContext: Handle,
      _SlotNumber: number,
      AssignedResources: OutPointer,
    ): number => {
      const list = resourcesAt(ndis, driver, WrapperConfigurationContext, 'NdisPciAssignResources');
      ndis.memory.writePointer(AssignedResources, list);
      return list === 0 ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
    },
);

/** Reads configuration space; the slot is that of the adapter, whatever is given. Bytes read, as NdisMGetBusData. */
export const NdisReadPciSlotInformation = legacyFunction(
  'ULONG NdisReadPciSlotInformation(NDIS_HANDLE NdisAdapterHandle, ULONG SlotNumber, ULONG Offset, PVOID Buffer, ULONG Length)',
  'any',
  (ndis, driver) =>
    (NdisAdapterHandle: Handle, _Slot: number, Offset: number, Buffer: Address, Length: number): number => {
      const call = 'NdisReadPciSlotInformation';
      return readBusData(ndis, driver, call, legacyPage(call), NdisAdapterHandle, 0, Offset, Buffer, Length);
    },
);

/** Writes configuration space; bytes written, as NdisMSetBusData. */
export const NdisWritePciSlotInformation = legacyFunction(
  'ULONG NdisWritePciSlotInformation(NDIS_HANDLE NdisAdapterHandle, ULONG SlotNumber, ULONG Offset, PVOID Buffer, ULONG Length)',
  'any',
  (ndis, driver) =>
    (NdisAdapterHandle: Handle, _Slot: number, Offset: number, Buffer: Address, Length: number): number => {
      const call = 'NdisWritePciSlotInformation';
      return writeBusData(ndis, driver, call, legacyPage(call), NdisAdapterHandle, 0, Offset, Buffer, Length);
    },
);

/** The machine has no EISA bus: `Status` gets NDIS_STATUS_FAILURE. IRQL PASSIVE_LEVEL. ddk/ndis.h. */
export const NdisReadEisaSlotInformation = legacyFunction(
  'VOID NdisReadEisaSlotInformation(PNDIS_STATUS Status, NDIS_HANDLE WrapperConfigurationContext, PUINT SlotNumber, PNDIS_EISA_FUNCTION_INFORMATION EisaData)',
  'PASSIVE_LEVEL',
  (ndis) =>
    (Status: OutPointer, _Context: Handle, _SlotNumber: OutPointer, _EisaData: OutPointer): void => {
      ndis.memory.u32[Status >> 2] = NDIS_STATUS_FAILURE;
    },
);

/** The machine has no EISA bus: `Status` gets NDIS_STATUS_FAILURE, and there are no functions. ddk/ndis.h. */
export const NdisReadEisaSlotInformationEx = legacyFunction(
  'VOID NdisReadEisaSlotInformationEx(PNDIS_STATUS Status, NDIS_HANDLE WrapperConfigurationContext, PUINT SlotNumber, PNDIS_EISA_FUNCTION_INFORMATION * EisaData, PUINT NumberOfFunctions)',
  'PASSIVE_LEVEL',
  (ndis) =>
    (
      Status: OutPointer,
      _Context: Handle,
      _SlotNumber: OutPointer,
      _EisaData: OutPointer,
      NumberOfFunctions: OutPointer,
    ): void => {
      ndis.memory.u32[Status >> 2] = NDIS_STATUS_FAILURE;
      ndis.memory.u32[NumberOfFunctions >> 2] = 0;
    },
);

/** The adapter sits in no PCMCIA slot: 0 bytes are read. Any IRQL. ddk/ndis.h. */
export const NdisReadPcmciaAttributeMemory = legacyFunction(
  'ULONG NdisReadPcmciaAttributeMemory(NDIS_HANDLE NdisAdapterHandle, ULONG Offset, PVOID Buffer, ULONG Length)',
  'any',
  () => (_Handle: Handle, _Offset: number, _Buffer: Address, _Length: number) => 0,
);

/** The adapter sits in no PCMCIA slot: 0 bytes are written. Any IRQL. ddk/ndis.h. */
export const NdisWritePcmciaAttributeMemory = legacyFunction(
  'ULONG NdisWritePcmciaAttributeMemory(NDIS_HANDLE NdisAdapterHandle, ULONG Offset, PVOID Buffer, ULONG Length)',
  'any',
  () => (_Handle: Handle, _Offset: number, _Buffer: Address, _Length: number) => 0,
);

/** The addresses of a range, where it is memory of the adapter's own device; a finding where it is not. */
function deviceRange(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
  address: number,
  length: number,
): boolean {
  const page = legacyPage(call);
  const target = functionAt(ndis, handle, driver, call, page);
  if (target !== null && busOf(ndis.kernel).ownerOf(address, length) === target) return true;
  const text = `${call}: ${length} bytes at physical 0x${address.toString(16)} are no memory of the adapter's device`;
  ndis.kernel.report('NO_HARDWARE', driver, text, page);
  return false;
}

/** Reads memory of the device before it is mapped, byte by byte; ones where it has none there. ddk/ndis.h. */
export const NdisImmediateReadSharedMemory = legacyFunction(
  'VOID NdisImmediateReadSharedMemory(NDIS_HANDLE WrapperConfigurationContext, ULONG SharedMemoryAddress, PUCHAR Buffer, ULONG Length)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (Context: Handle, SharedMemoryAddress: number, Buffer: OutPointer, Length: number): void => {
      const call = 'NdisImmediateReadSharedMemory';
      const there = deviceRange(ndis, driver, call, Context, SharedMemoryAddress, Length);
      for (let at = 0; at < Length; at++)
        ndis.memory.u8[Buffer + at] = there
          ? busOf(ndis.kernel).readMemory(SharedMemoryAddress + at, 1)
          : 0xff;
    },
);

/** Writes memory of the device before it is mapped, byte by byte. ddk/ndis.h. */
export const NdisImmediateWriteSharedMemory = legacyFunction(
  'VOID NdisImmediateWriteSharedMemory(NDIS_HANDLE WrapperConfigurationContext, ULONG SharedMemoryAddress, PUCHAR Buffer, ULONG Length)',
  'PASSIVE_LEVEL',
  (ndis, driver) =>
    (Context: Handle, SharedMemoryAddress: number, Buffer: OutPointer, Length: number): void => {
      const call = 'NdisImmediateWriteSharedMemory';
      if (!deviceRange(ndis, driver, call, Context, SharedMemoryAddress, Length)) return;
      for (let at = 0; at < Length; at++)
        busOf(ndis.kernel).writeMemory(SharedMemoryAddress + at, 1, ndis.memory.u8[Buffer + at]);
    },
);
