/** The configuration space of an adapter's device. Implements NdisMGetBusData and NdisMSetBusData (ndis.h). */

import { busOf, type Driver, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import type { NdisLibrary } from '../library.ts';
import { functionAt } from './adapterHardware.ts';

const GET_PAGE = 'ndis/nf-ndis-ndismgetbusdata';
const SET_PAGE = 'ndis/nf-ndis-ndismsetbusdata';
/** PCI_WHICHSPACE_CONFIG; its ROM (PCI_WHICHSPACE_ROM) no device of the bus has. */
const CONFIGURATION_SPACE = 0;

/** Reads configuration space into memory. @returns the bytes read: 0 without such a device or space. */
export function readBusData(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  page: string,
  handle: Handle,
  space: number,
  offset: number,
  buffer: Address,
  length: number,
): number {
  const target = functionAt(ndis, handle, driver, call, page);
  if (target === null || space !== CONFIGURATION_SPACE || !isInMemory(ndis, buffer, length)) return 0;
  return busOf(ndis.kernel).readConfiguration(
    target,
    offset,
    ndis.memory.u8.subarray(buffer, buffer + length),
  );
}

/** Writes memory to configuration space. @returns the bytes written, as above. */
export function writeBusData(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  page: string,
  handle: Handle,
  space: number,
  offset: number,
  buffer: Address,
  length: number,
): number {
  const target = functionAt(ndis, handle, driver, call, page);
  if (target === null || space !== CONFIGURATION_SPACE || !isInMemory(ndis, buffer, length)) return 0;
  return busOf(ndis.kernel).writeConfiguration(
    target,
    offset,
    ndis.memory.u8.subarray(buffer, buffer + length),
  );
}

function isInMemory(ndis: NdisLibrary, buffer: Address, length: number): boolean {
  return buffer > 0 && length >= 0 && buffer + length <= ndis.memory.size;
}

/**
 * Reads the configuration space of a device. Any IRQL.
 * @returns the bytes read, 0 for another space than configuration space, beyond its end, for an adapter without hardware
 * and for a device that was pulled out, whose space reads as ones. Page ndis/nf-ndis-ndismgetbusdata.
 */
export const NdisMGetBusData = synchronous(
  'ULONG NdisMGetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset, PVOID Buffer, ULONG Length)',
  'any',
  '6.0',
  GET_PAGE,
  (ndis, driver) =>
    (
      NdisMiniportHandle: Handle,
      WhichSpace: number,
      Offset: number,
      Buffer: Address,
      Length: number,
    ): number => {
      const call = 'NdisMGetBusData';
      return readBusData(
        ndis,
        driver,
        call,
        GET_PAGE,
        NdisMiniportHandle,
        WhichSpace,
        Offset,
        Buffer,
        Length,
      );
    },
);

/**
 * Writes the configuration space of a device, as far as its bits can be written. Any IRQL.
 * @returns the bytes written, 0 as for NdisMGetBusData. Page ndis/nf-ndis-ndismsetbusdata.
 */
export const NdisMSetBusData = synchronous(
  'ULONG NdisMSetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset, PVOID Buffer, ULONG Length)',
  'any',
  '6.0',
  SET_PAGE,
  (ndis, driver) =>
    (
      NdisMiniportHandle: Handle,
      WhichSpace: number,
      Offset: number,
      Buffer: Address,
      Length: number,
    ): number => {
      const call = 'NdisMSetBusData';
      return writeBusData(
        ndis,
        driver,
        call,
        SET_PAGE,
        NdisMiniportHandle,
        WhichSpace,
        Offset,
        Buffer,
        Length,
      );
    },
);
