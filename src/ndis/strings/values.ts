/**
 * Halves of physical addresses, unaligned ULONGs, and what the library says of itself.
 * Implements NdisGetPhysicalAddressHigh and its kin, NdisRetrieveUlong, NdisStoreUlong, NdisGetVersion,
 * NdisGetDriverHandle and NdisGetRoutineAddress (ndis).
 */

import { type Driver, type Handle, type OutPointer, type TextPointer } from '../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../memory/index.ts';
import { macro, synchronous } from '../declareNdis.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { NDIS_LIBRARY_VERSION } from '../versions.ts';

const DRIVER_HANDLE_PAGE = 'ndis/nf-ndis-ndisgetdriverhandle';
const ROUTINE_PAGE = 'ndis/nf-ndis-ndisgetroutineaddress';

/** The upper 32 bits of a physical address. Any IRQL. ndis/nf-ndis-ndisgetphysicaladdresshigh */
export const NdisGetPhysicalAddressHigh = macro(
  'ULONG NdisGetPhysicalAddressHigh(NDIS_PHYSICAL_ADDRESS _PhysicalAddress)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndisgetphysicaladdresshigh',
  () =>
    (PhysicalAddress: bigint | number): number =>
      Number((BigInt(PhysicalAddress) >> 32n) & 0xffff_ffffn),
);

/** The lower 32 bits of a physical address. Any IRQL. ndis/nf-ndis-ndisgetphysicaladdresslow */
export const NdisGetPhysicalAddressLow = macro(
  'ULONG NdisGetPhysicalAddressLow(NDIS_PHYSICAL_ADDRESS _PhysicalAddress)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndisgetphysicaladdresslow',
  () =>
    (PhysicalAddress: bigint | number): number =>
      Number(BigInt(PhysicalAddress) & 0xffff_ffffn),
);

/** Sets the upper half of the physical address that lies at `_PhysicalAddress` (in C the variable itself). Any IRQL. ndis/nf-ndis-ndissetphysicaladdresshigh */
export const NdisSetPhysicalAddressHigh = macro(
  'VOID NdisSetPhysicalAddressHigh(NDIS_PHYSICAL_ADDRESS _PhysicalAddress, ULONG _Value)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndissetphysicaladdresshigh',
  ({ memory }) =>
    (PhysicalAddress: OutPointer, Value: number): void => {
      memory.data.setUint32(PhysicalAddress + 4, Value, true);
    },
);

/** Sets the lower half of the physical address that lies at `_PhysicalAddress` (in C the variable itself). Any IRQL. ndis/nf-ndis-ndissetphysicaladdresslow */
export const NdisSetPhysicalAddressLow = macro(
  'VOID NdisSetPhysicalAddressLow(NDIS_PHYSICAL_ADDRESS _PhysicalAddress, ULONG _Value)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndissetphysicaladdresslow',
  ({ memory }) =>
    (PhysicalAddress: OutPointer, Value: number): void => {
      memory.data.setUint32(PhysicalAddress, Value, true);
    },
);

/** Copies a ULONG from a place of any alignment. Any IRQL for non-paged memory. ndis/nf-ndis-ndisretrieveulong */
export const NdisRetrieveUlong = macro(
  'VOID NdisRetrieveUlong(PULONG Destination, PULONG Source)',
  'any',
  '6.0',
  'ndis/nf-ndis-ndisretrieveulong',
  ({ memory: { data } }) =>
    (Destination: OutPointer, Source: OutPointer): void => {
      data.setUint32(Destination, data.getUint32(Source, true), true);
    },
);

/** Stores a ULONG at a place of any alignment. Any IRQL for non-paged memory. ndis/nf-ndis-ndisstoreulong */
export const NdisStoreUlong = macro(
  'VOID NdisStoreUlong(PULONG Destination, ULONG Value)',
  'any',
  '6.0',
  'ndis/nf-ndis-ndisstoreulong',
  ({ memory: { data } }) =>
    (Destination: OutPointer, Value: number): void => {
      data.setUint32(Destination, Value, true);
    },
);

/** Major version in the high half, minor version in the low half: 6.85 is 0x00060055. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisgetversion */
export const NdisGetVersion = synchronous(
  'UINT NdisGetVersion(VOID)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndisgetversion',
  () => () => NDIS_LIBRARY_VERSION,
);

/**
 * The handle of the miniport driver below a binding; NULL for a wrong handle (a finding). Exported without a page in
 * the documentation; the headers of mingw-w64 declare it.
 */
export const NdisGetDriverHandle = synchronous(
  'VOID NdisGetDriverHandle(PNDIS_HANDLE NdisBindingHandle, PNDIS_HANDLE NdisDriverHandle)',
  '<=DISPATCH_LEVEL',
  '5.1',
  DRIVER_HANDLE_PAGE,
  (ndis, driver) =>
    (NdisBindingHandle: Handle, NdisDriverHandle: OutPointer): void => {
      const binding = ndis.expect(
        NdisBindingHandle,
        Binding,
        driver,
        'NdisGetDriverHandle',
        DRIVER_HANDLE_PAGE,
      );
      ndis.memory.writePointer(NdisDriverHandle, binding === null ? 0 : binding.adapter.miniport.handle);
    },
);

/** Makes an import of `driver` by name, null where the library exports no such function. */
export type RoutineSource = (driver: Driver, name: string) => object | null;

const routineSourceOf = perNdis('routineSource', (): { source: RoutineSource | null } => ({ source: null }));

/** Says where NdisGetRoutineAddress finds functions: whoever owns the import seam calls it once. */
export function attachRoutineSource(ndis: NdisLibrary, source: RoutineSource): void {
  routineSourceOf(ndis).source = source;
}

/** The callable address of a function that ndis exports, NULL for any other name. PASSIVE_LEVEL. ndis/nf-ndis-ndisgetroutineaddress */
export const NdisGetRoutineAddress = synchronous(
  'PVOID NdisGetRoutineAddress(PNDIS_STRING NdisRoutineName)',
  'PASSIVE_LEVEL',
  '5.1',
  ROUTINE_PAGE,
  (ndis, driver) => {
    const made = new Map<string, Address>();
    return (NdisRoutineName: TextPointer): Address => {
      const name = readUnicodeString(ndis.memory, NdisRoutineName);
      const known = made.get(name);
      if (known !== undefined) return known;
      const { source } = routineSourceOf(ndis);
      if (source === null) {
        ndis.kernel.note('NdisGetRoutineAddress', 'no source of functions is attached to this library');
        return 0;
      }
      const routine = source(driver, name);
      if (routine === null) return 0;
      const address = ndis.memory.callables.addressOf(routine, driver);
      made.set(name, address);
      return address;
    };
  },
);
