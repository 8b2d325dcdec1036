/** Copies of frames that NDIS loops back, from their indication until they are returned. See loopback.ts. */

import { poolOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NBL_NEXT } from '../netBuffer/offsets.ts';

/** Copies that were indicated and are not back, with the sender that does not get them. */
const copiesOf = perNdis('loopback copies', () => new Map<Address, Address>());

/** A copy is about to be indicated. `sender` is who does not get it, 0 where everyone may. */
export function addLoopbackList(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  list: Address,
  sender: Address,
): void {
  adapter.loopedOutstanding++;
  copiesOf(ndis).set(list, sender);
}

/** The sender of a frame that is not to get this copy of it; 0 for none, and for a list that is no copy. */
export function loopbackSender(ndis: NdisLibrary, list: Address): Address {
  return copiesOf(ndis).get(list) ?? 0;
}

/** Frees the looped-back copies of a returned chain; what is left belongs to the miniport. */
export function takeLoopbackLists(ndis: NdisLibrary, adapter: MiniportAdapter, lists: Address): Address {
  const { memory } = ndis;
  const copies = copiesOf(ndis);
  let head = 0;
  let tail = 0;
  for (let list = lists; list !== 0; ) {
    const next = memory.readPointer(list + NBL_NEXT);
    if (copies.delete(list)) {
      adapter.loopedOutstanding--;
      poolOf(ndis.kernel).free(list, NDIS_POOL_TAG);
    } else {
      if (head === 0) head = list;
      else memory.writePointer(tail + NBL_NEXT, list);
      tail = list;
    }
    list = next;
  }
  if (tail !== 0) memory.writePointer(tail + NBL_NEXT, 0);
  return head;
}
