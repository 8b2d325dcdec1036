/** What a miniport driver says of receive side scaling. Implements ns-ntddndis-_ndis_receive_scale_capabilities. */

import { type Address, FIRST_MAPPED_ADDRESS } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_RSS_CAPABILITIES,
  NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_1,
} from '../generated/constants/index.ts';
import { NDIS_RECEIVE_SCALE_CAPABILITIES } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';

/** A copy of the capabilities at `address`, as many bytes as their header says; null for none. */
export function readReceiveScaleCapabilities(ndis: NdisLibrary, address: Address): Uint8Array | null {
  const { memory } = ndis;
  if (address < FIRST_MAPPED_ADDRESS || address + NDIS_RECEIVE_SCALE_CAPABILITIES.size > memory.size)
    return null;
  const size = memory.data.getUint16(address + 2, true);
  const isGood =
    memory.u8[address] === NDIS_OBJECT_TYPE_RSS_CAPABILITIES &&
    size >= NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_1;
  if (!isGood) {
    ndis.kernel.note('NdisMSetMiniportAttributes', 'RecvScaleCapabilities has a wrong header; taken as none');
    return null;
  }
  return memory.u8.slice(address, address + Math.min(size, NDIS_RECEIVE_SCALE_CAPABILITIES.size));
}
