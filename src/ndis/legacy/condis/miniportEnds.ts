/**
 * The connection-oriented handlers of NDIS 6 that a miniport driver for NDIS 5 has for the rest of the library.
 * Implements the Co members of NDIS_MINIPORT_CHARACTERISTICS (ddk/ndis.h) on top of the nc-ndis-miniport_co_* pages.
 */

import { type Driver, poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import { NdisMCoSendNetBufferListsComplete } from '../../condis/coSend.ts';
import type { MiniportCoHandlers } from '../../condis/handlers.ts';
import {
  MINIPORT_CO_CREATE_VC,
  MINIPORT_CO_OID_REQUEST,
  MINIPORT_CO_SEND_NET_BUFFER_LISTS,
} from '../../condis/miniportCallbacks.ts';
import { VirtualConnection } from '../../condis/objects.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import {
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { MiniportDriver } from '../../miniport/miniportDriver.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE } from '../../netBuffer/offsets.ts';
import { readRequest } from '../../oid/requestFormat.ts';
import { drained } from '../miniport/drain.ts';
import { type LegacyAdapter, legacyAdaptersOf } from '../miniport/legacyAdapter.ts';
import type { LegacyCoHandlers } from '../miniport/legacyDriver.ts';
import { miniportSendsOf } from '../translation/index.ts';
import { addressOf, driverContext, end } from './ends.ts';
import { finishOldRequest, isOldType, makeOldFrom } from './requestBlocks.ts';

/** Packets that a driver gets in one array. */
const ARRAY_LIMIT = 64;

/** The adapter of the VC on which a list is sent. */
export function adapterOfList(ndis: NdisLibrary, list: Address): LegacyAdapter | null {
  const connection = ndis.memory.objects.valueAt(ndis.memory.i32[(list + NBL_SOURCE_HANDLE) >> 2]);
  if (!(connection instanceof VirtualConnection)) return null;
  return legacyAdaptersOf(ndis).get(connection.adapter) ?? null;
}

/** NdisMCoSendNetBufferListsComplete, as the driver itself would call it. */
export type Complete = (vc: Address, lists: Address, flags: number) => void;

/** Hands a chain of lists to the driver as packets; the lists are all of one VC. */
function sendLists(
  ndis: NdisLibrary,
  co: LegacyCoHandlers,
  complete: Complete,
  vcContext: unknown,
  lists: Address,
  flags: number,
): void {
  const { i32 } = ndis.memory;
  const legacy = adapterOfList(ndis, lists);
  const vc = i32[(lists + NBL_SOURCE_HANDLE) >> 2];
  const sends = miniportSendsOf(ndis);
  if (legacy !== null)
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) legacy.sends.outstanding++;
  const first = sends.translate(lists, flags);
  const { refused } = sends;
  if (first !== 0) sendPackets(ndis, co, complete, vcContext, first);
  if (refused === 0) return;
  if (legacy !== null)
    for (let list = refused; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) legacy.sends.outstanding--;
  complete(vc, refused, 0);
  if (legacy !== null) drained(legacy);
}

/** Calls MiniportCoSendPackets with arrays of the packets from `first` on. */
function sendPackets(
  ndis: NdisLibrary,
  co: LegacyCoHandlers,
  complete: Complete,
  vcContext: unknown,
  first: Address,
): void {
  const sends = miniportSendsOf(ndis);
  const pool = poolOf(ndis.kernel);
  let packet = first;
  while (packet !== 0) {
    // An array for each call: the driver may come back here before it returns.
    const array = pool.allocateZeroed(poolType.nonPagedNx, 8 * ARRAY_LIMIT, NDIS_POOL_TAG, 0);
    if (array === 0) return refusePackets(ndis, co.sendPackets.driver, complete, packet);
    let count = 0;
    while (packet !== 0 && count < ARRAY_LIMIT) {
      ndis.memory.writePointer(array + 8 * count++, packet);
      packet = sends.nextPacket(packet);
    }
    co.sendPackets.invoke(vcContext, array, count);
    pool.free(array, NDIS_POOL_TAG);
  }
}

/** Without memory for an array the packets come back. */
function refusePackets(ndis: NdisLibrary, driver: Driver, complete: Complete, first: Address): void {
  const sends = miniportSendsOf(ndis);
  let packet = first;
  while (packet !== 0) {
    const next = sends.nextPacket(packet);
    completePacket(ndis, driver, complete, packet, NDIS_STATUS_RESOURCES);
    packet = next;
  }
}

/** A packet of a VC is sent, or will not be; its list goes back with the last one of it. */
export function completePacket(
  ndis: NdisLibrary,
  driver: Driver,
  complete: Complete,
  packet: Address,
  status: number,
): void {
  const list = miniportSendsOf(ndis).complete(driver, 'NdisMCoSendComplete', packet, status);
  if (list === 0) return;
  const vc = ndis.memory.i32[(list + NBL_SOURCE_HANDLE) >> 2];
  const legacy = adapterOfList(ndis, list);
  if (legacy !== null) legacy.sends.outstanding--;
  complete(vc, list, 0);
  if (legacy !== null) drained(legacy);
}

/** NDIS_MINIPORT_CO_CHARACTERISTICS of a driver for NDIS 5. */
export function coMiniportEnds(
  ndis: NdisLibrary,
  miniport: MiniportDriver,
  co: LegacyCoHandlers,
): MiniportCoHandlers {
  const { driver } = miniport;
  const { createVc } = co;
  const complete = NdisMCoSendNetBufferListsComplete.implement(ndis, driver);
  return {
    createVc:
      createVc === null
        ? null
        : end(driver, MINIPORT_CO_CREATE_VC, (adapter, vc, contextAt) =>
            createVc.invoke(driverContext(adapter), vc, contextAt),
          ),
    deleteVc: co.deleteVc,
    activateVc: co.activateVc,
    deactivateVc: co.deactivateVc,
    send: end(driver, MINIPORT_CO_SEND_NET_BUFFER_LISTS, (vcContext, lists, flags) =>
      sendLists(ndis, co, complete, vcContext, lists, flags),
    ),
    oidRequest: end(driver, MINIPORT_CO_OID_REQUEST, (adapter, vcContext, view) => {
      const oidRequest = addressOf(view);
      if (!isOldType(readRequest(ndis.memory, oidRequest).type)) return NDIS_STATUS_NOT_SUPPORTED;
      const request = makeOldFrom(ndis, driver, oidRequest);
      if (request === 0) return NDIS_STATUS_RESOURCES;
      const status = co.request.invoke(driverContext(adapter), vcContext, request);
      if (status >>> 0 !== NDIS_STATUS_PENDING) finishOldRequest(ndis, driver, request);
      return status;
    }),
  };
}
