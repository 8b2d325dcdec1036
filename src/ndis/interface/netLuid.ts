/**
 * NET_LUID values: how they are built, and which indexes of each interface type are taken. The indexes are kept in the
 * registry, because an interface keeps its NET_LUID when the computer restarts.
 * Implements "NET_LUID Value" and "Using a NET_LUID Index" (network).
 */

import { type Kernel, LARGEST_VALUE, type OutPointer, registryOf } from '../../kernel/index.ts';
import { macro, synchronous } from '../declareNdis.ts';
import {
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';

/** The bits of a NET_LUID index. */
const INDEX_BITS = 0xff_ffffn;
/** The greatest index that is given out; 0 is not. A value of the registry has no more bits. */
const GREATEST_INDEX = LARGEST_VALUE * 8 - 1;
/** Where Windows keeps the indexes, below a key for each interface type. */
const INDEX_KEY = 'HKLM\\System\\CurrentControlSet\\Services\\NDIS\\IfTypes';
/** A bit for each index that is taken, index 0 the lowest bit of the first byte. */
const INDEX_VALUE = 'IfUsedNetLuidIndices';

/** The NET_LUID of an interface: its type in bits 48 to 63, its index in bits 24 to 47. */
export function makeNetLuid(ifType: number, index: number): bigint {
  return (BigInt(ifType & 0xffff) << 48n) | ((BigInt(index) & INDEX_BITS) << 24n);
}

function usedIndexes(kernel: Kernel, ifType: number): Uint8Array {
  const bits = registryOf(kernel).open(`${INDEX_KEY}\\${ifType}`)?.getRaw(INDEX_VALUE)?.data;
  return bits ?? new Uint8Array(0);
}

function keepIndexes(kernel: Kernel, ifType: number, bits: Uint8Array): void {
  registryOf(kernel).create(`${INDEX_KEY}\\${ifType}`).set(INDEX_VALUE, bits);
}

const isUsed = (bits: Uint8Array, index: number): boolean =>
  ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;

/** Takes the lowest free index of a type; 0 when all are taken. */
export function allocateNetLuidIndex(kernel: Kernel, ifType: number): number {
  const bits = usedIndexes(kernel, ifType);
  const open = bits.findIndex((byte) => byte !== 0xff);
  let index = open === -1 ? bits.length * 8 : open * 8;
  while (index === 0 || isUsed(bits, index)) index++;
  if (index > GREATEST_INDEX) return 0;
  const grown = new Uint8Array(Math.max(bits.length, (index >> 3) + 1));
  grown.set(bits);
  grown[index >> 3] |= 1 << (index & 7);
  keepIndexes(kernel, ifType, grown);
  return index;
}

/** Gives an index back; false where it was not taken. */
export function freeNetLuidIndex(kernel: Kernel, ifType: number, index: number): boolean {
  const bits = usedIndexes(kernel, ifType);
  if (index === 0 || !isUsed(bits, index)) return false;
  const rest = bits.slice();
  rest[index >> 3] &= ~(1 << (index & 7));
  keepIndexes(kernel, ifType, rest);
  return true;
}

/**
 * NdisIfAllocateNetLuidIndex: takes a 24-bit index for a NET_LUID of the interface type `ifType` (IANA) and remembers it
 * in the registry until NdisIfFreeNetLuidIndex. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_RESOURCES when every index of the type is taken.
 * Source: ndis/nf-ndis-ndisifallocatenetluidindex.
 */
export const NdisIfAllocateNetLuidIndex = synchronous(
  'NDIS_STATUS NdisIfAllocateNetLuidIndex(NET_IFTYPE ifType, PUINT32 pNetLuidIndex)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisifallocatenetluidindex',
  (ndis) =>
    (ifType: number, pNetLuidIndex: OutPointer): number => {
      const index = allocateNetLuidIndex(ndis.kernel, ifType);
      if (index === 0) return NDIS_STATUS_RESOURCES;
      ndis.memory.u32[pNetLuidIndex >> 2] = index;
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * NdisIfFreeNetLuidIndex: gives an index of the interface type `ifType` back. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_INVALID_PARAMETER for an index that is not allocated for the type.
 * Source: ndis/nf-ndis-ndisiffreenetluidindex.
 */
export const NdisIfFreeNetLuidIndex = synchronous(
  'NDIS_STATUS NdisIfFreeNetLuidIndex(NET_IFTYPE ifType, UINT32 NetLuidIndex)',
  'PASSIVE_LEVEL',
  '6.0',
  'ndis/nf-ndis-ndisiffreenetluidindex',
  (ndis) =>
    (ifType: number, NetLuidIndex: number): number =>
      freeNetLuidIndex(ndis.kernel, ifType, NetLuidIndex)
        ? NDIS_STATUS_SUCCESS
        : NDIS_STATUS_INVALID_PARAMETER,
);

/**
 * NDIS_MAKE_NET_LUID: builds a NET_LUID of an interface type and an index. Any IRQL.
 * Source: ntddndis/nf-ntddndis-ndis_make_net_luid.
 */
export const NDIS_MAKE_NET_LUID = macro(
  'VOID NDIS_MAKE_NET_LUID(PNET_LUID _pNetLuid, ULONG64 _IfType, ULONG64 _NetLuidIndex)',
  'any',
  '6.0',
  'ntddndis/nf-ntddndis-ndis_make_net_luid',
  (ndis) =>
    (_pNetLuid: OutPointer, _IfType: bigint, _NetLuidIndex: bigint): void => {
      ndis.memory.data.setBigUint64(_pNetLuid, makeNetLuid(Number(_IfType), Number(_NetLuidIndex)), true);
    },
);
