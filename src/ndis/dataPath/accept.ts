/**
 * Packet filtering: whether a binding wants a received Ethernet frame.
 * Implements "OID_GEN_CURRENT_PACKET_FILTER" and "OID_802_3_MULTICAST_LIST" (network).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import {
  NDIS_PACKET_TYPE_ALL_LOCAL,
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
} from '../generated/constants/index.ts';
import {
  MDL_BYTE_COUNT,
  MDL_MAPPED_SYSTEM_VA,
  MDL_NEXT,
  NB_CURRENT_MDL,
  NB_CURRENT_MDL_OFFSET,
  NBL_FIRST_NET_BUFFER,
} from '../netBuffer/offsets.ts';
import type { Binding } from '../protocol/protocolDriver.ts';

/** Bytes of an Ethernet address. */
const ETHERNET_ADDRESS_LENGTH = 6;
/** MDLs of a chain that are looked at for an address. */
const MDL_LIMIT = 16;

/** Where the destination address of the first frame of a list starts, or 0 where it does not lie in one piece. */
function destination(memory: KernelMemory, list: Address): Address {
  const { i32, u32 } = memory;
  const buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
  if (buffer === 0) return 0;
  let mdl = i32[(buffer + NB_CURRENT_MDL) >> 2];
  let offset = u32[(buffer + NB_CURRENT_MDL_OFFSET) >> 2];
  for (let count = 0; mdl !== 0 && count < MDL_LIMIT; count++) {
    const bytes = u32[(mdl + MDL_BYTE_COUNT) >> 2];
    if (offset + ETHERNET_ADDRESS_LENGTH <= bytes) return i32[(mdl + MDL_MAPPED_SYSTEM_VA) >> 2] + offset;
    if (offset < bytes) return 0;
    offset -= bytes;
    mdl = i32[(mdl + MDL_NEXT) >> 2];
  }
  return 0;
}

/** Whether `binding` wants the list: by its packet filter, the adapter's address and its multicast list. */
export function accepts(memory: KernelMemory, binding: Binding, list: Address): boolean {
  const filter = binding.packetFilter;
  if ((filter & (NDIS_PACKET_TYPE_PROMISCUOUS | NDIS_PACKET_TYPE_ALL_LOCAL)) !== 0) return true;
  const { u8 } = memory;
  const at = destination(memory, list);
  // A frame whose address is split over two MDLs is rare; every binding with a filter gets it.
  if (at === 0) return true;
  if ((u8[at] & 1) === 0) {
    if ((filter & NDIS_PACKET_TYPE_DIRECTED) === 0) return false;
    const own = binding.adapter.general?.currentMacAddress;
    return own !== undefined && sameAddress(u8, at, own, 0);
  }
  if (isBroadcast(u8, at)) return (filter & NDIS_PACKET_TYPE_BROADCAST) !== 0;
  if ((filter & NDIS_PACKET_TYPE_ALL_MULTICAST) !== 0) return true;
  if ((filter & NDIS_PACKET_TYPE_MULTICAST) === 0) return false;
  const addresses = binding.multicastList;
  for (let i = 0; i + ETHERNET_ADDRESS_LENGTH <= addresses.length; i += ETHERNET_ADDRESS_LENGTH) {
    if (sameAddress(u8, at, addresses, i)) return true;
  }
  return false;
}

function isBroadcast(u8: Uint8Array, at: Address): boolean {
  return (u8[at] & u8[at + 1] & u8[at + 2] & u8[at + 3] & u8[at + 4] & u8[at + 5]) === 0xff;
}

function sameAddress(u8: Uint8Array, at: Address, other: Uint8Array, from: number): boolean {
  return (
    u8[at + 5] === other[from + 5] &&
    u8[at + 4] === other[from + 4] &&
    u8[at + 3] === other[from + 3] &&
    u8[at + 2] === other[from + 2] &&
    u8[at + 1] === other[from + 1] &&
    u8[at] === other[from]
  );
}
