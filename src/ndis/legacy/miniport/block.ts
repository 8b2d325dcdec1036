/**
 * The NDIS_MINIPORT_BLOCK of an adapter in kernel memory: its address is the handle that the driver has, and the
 * macros of the headers call through it. Implements NDIS_MINIPORT_BLOCK (ddk/ndis.h) with its layout for x64.
 */

import type { Address } from '../../../memory/index.ts';
import { NDIS_MINIPORT_BLOCK } from '../../generated/structures/index.ts';
import { allocateStructure, allocateUnicodeString, freeLibraryMemory } from '../../libraryMemory.ts';
import { handlerAddress, type ProvidedHandler } from '../providedHandlers.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';

type BlockMember = keyof typeof NDIS_MINIPORT_BLOCK.offset;

/** Bytes behind the block in which handlers of the driver leave results. */
const SCRATCH_SIZE = 128;

/** Where handlers of the driver leave results, as offsets behind the block. */
const scratchOffsets = {
  openErrorStatus: 0,
  selectedMedium: 4,
  counts: 8,
  bytesTransferred: 16,
  media: 24,
} as const;

/** Where handlers of the driver leave results. */
export type Scratch = { readonly [K in keyof typeof scratchOffsets]: Address };

/** The places behind a block. */
export function scratchOf(block: Address): Scratch {
  const start = block + NDIS_MINIPORT_BLOCK.size;
  return {
    openErrorStatus: start + scratchOffsets.openErrorStatus,
    selectedMedium: start + scratchOffsets.selectedMedium,
    counts: start + scratchOffsets.counts,
    bytesTransferred: start + scratchOffsets.bytesTransferred,
    media: start + scratchOffsets.media,
  };
}

/** Makes the block of an adapter and lets its address stand for the adapter. False when memory is short. */
export function createBlock(
  legacy: LegacyAdapter,
  handlers: Readonly<Partial<Record<BlockMember, ProvidedHandler>>>,
): boolean {
  const { ndis, adapter, driver } = legacy;
  const { memory } = ndis;
  const block = allocateStructure(ndis, NDIS_MINIPORT_BLOCK, {}, SCRATCH_SIZE);
  const name = block === 0 ? 0 : allocateUnicodeString(ndis, adapter.deviceName);
  if (name === 0) {
    freeLibraryMemory(ndis, block);
    return false;
  }
  const { offset } = NDIS_MINIPORT_BLOCK;
  const set = (member: BlockMember, value: Address): void =>
    memory.writePointer(block + offset[member], value);
  memory.u8.copyWithin(block + offset.MiniportName, name, name + 16);
  set('pAdapterInstanceName', name);
  set('DriverHandle', adapter.miniport.handle);
  set('DeviceContext', adapter.deviceContext);
  set('PrimaryMiniport', block);
  // The filters of all media are the block itself: what the macros pass on leads back to the adapter.
  for (const filter of ['EthDB', 'TrDB', 'FddiDB', 'XXXDB'] as const) set(filter, block);
  // The table has members of the block only; their names were checked where it was written.
  for (const [member, handler] of Object.entries(handlers) as [BlockMember, ProvidedHandler][]) {
    set(member, handlerAddress(ndis, driver, handler));
  }
  legacy.block = block;
  ndis.registerBlock(adapter, block);
  return true;
}

/** Takes the block back: the driver's handle is not valid any more. */
export function releaseBlock(legacy: LegacyAdapter): void {
  const { ndis, block } = legacy;
  if (block === 0) return;
  legacy.block = 0;
  ndis.unregisterBlock(block);
  freeLibraryMemory(ndis, ndis.memory.readPointer(block + NDIS_MINIPORT_BLOCK.offset.pAdapterInstanceName));
  freeLibraryMemory(ndis, block);
}
