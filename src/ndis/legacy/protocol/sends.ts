/**
 * Sends of NDIS 5 protocol drivers: each packet goes down as a list over the same buffers, and comes back through
 * ProtocolSendComplete. Implements NdisSend and NdisSendPackets (ddk/ndis.h), nf-ndis-ndiscancelsendpackets.
 */

import { DISPATCH_LEVEL } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_INVALID_PACKET,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { storePointer } from '../../netBuffer/mdl.ts';
import { NBL_NEXT, NBL_STATUS } from '../../netBuffer/offsets.ts';
import type { Binding } from '../../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyPage } from '../declareLegacy.ts';
import { OOB_STATUS } from '../packet/offsets.ts';
import { oobOf } from '../packet/packetAccess.ts';
import { completionToPacket, sendFlagsOfList } from '../translation/information.ts';
import { type ListShells, listShellsOf } from '../translation/listShells.ts';
import type { LegacyBinding } from './legacyBinding.ts';

/** Why a packet cannot be sent now, or null. */
function refusal(binding: Binding): NDIS_STATUS | null {
  if (binding.openState !== 'open') return NDIS_STATUS_CLOSING as NDIS_STATUS;
  const running = binding.state === 'Running' || binding.state === 'Restarting';
  // A driver for NDIS 5 does not know that a stack pauses: it is told by the status, not by a finding.
  return running && binding.adapter.running ? null : (NDIS_STATUS_PAUSED as NDIS_STATUS);
}

/** The list for a packet, or the status with which it is refused. */
function listOf(
  ndis: NdisLibrary,
  to: LegacyBinding,
  lists: ListShells,
  packet: Address,
  call: string,
): Address {
  if (!lists.mayLend(packet)) {
    ndis.kernel.report(
      'PACKET_IN_USE',
      to.binding.protocol.driver,
      `${call}: the packet 0x${packet.toString(16)} is sent or indicated already, or free; wait until it is back`,
      legacyPage(call),
    );
    return -1;
  }
  return lists.forSend(packet, to.binding.handle);
}

function levelFlag(ndis: NdisLibrary): number {
  return ndis.kernel.irql === DISPATCH_LEVEL ? NDIS_SEND_FLAGS_DISPATCH_LEVEL : 0;
}

/** NdisSend. */
export function sendPacket(ndis: NdisLibrary, to: LegacyBinding, packet: Address): NDIS_STATUS {
  const refused = refusal(to.binding);
  if (refused !== null) return refused;
  const { lists } = to;
  const list = listOf(ndis, to, lists, packet, 'NdisSend');
  if (list === 0) return NDIS_STATUS_RESOURCES as NDIS_STATUS;
  if (list < 0) return NDIS_STATUS_INVALID_PACKET as NDIS_STATUS;
  const flags = sendFlagsOfList(ndis.memory, packet) | levelFlag(ndis);
  to.legacy.functions.send(to.binding.handle, list, 0, flags);
  return NDIS_STATUS_PENDING as NDIS_STATUS;
}

/** NdisSendPackets: packets that want loopback and packets that do not go down in runs of their own, in order. */
export function sendPackets(ndis: NdisLibrary, to: LegacyBinding, array: Address, count: number): void {
  const { i32, u32 } = ndis.memory;
  const { lists } = to;
  const level = levelFlag(ndis);
  const refused = refusal(to.binding);
  let head: Address = 0;
  let tail: Address = 0;
  let flags = 0;
  const flush = (): void => {
    if (head !== 0) to.legacy.functions.send(to.binding.handle, head, 0, flags | level);
    head = 0;
  };
  for (let index = 0; index < count; index++) {
    const packet = i32[(array + index * 8) >> 2];
    const list = refused === null ? listOf(ndis, to, lists, packet, 'NdisSendPackets') : 0;
    if (list < 0) continue;
    const oob = (oobOf(ndis.memory, packet) + OOB_STATUS) >> 2;
    if (list === 0) {
      const status = refused ?? (NDIS_STATUS_RESOURCES as NDIS_STATUS);
      u32[oob] = status;
      flush();
      to.handlers.sendComplete?.invoke(to.context, packet, status);
      continue;
    }
    u32[oob] = NDIS_STATUS_PENDING;
    const wanted = sendFlagsOfList(ndis.memory, packet);
    if (head !== 0 && wanted !== flags) flush();
    if (head === 0) head = list;
    else storePointer(i32, tail + NBL_NEXT, list);
    tail = list;
    flags = wanted;
  }
  flush();
}

/** ProtocolSendNetBufferListsComplete: the packets of the lists go back to the driver, each with its status. */
export function completeSends(ndis: NdisLibrary, to: LegacyBinding, chain: Address): void {
  const { i32, u32 } = ndis.memory;
  const { lists } = to;
  const { sendComplete } = to.handlers;
  let list = chain;
  while (list !== 0) {
    const next = i32[(list + NBL_NEXT) >> 2];
    const status = u32[(list + NBL_STATUS) >> 2];
    const packet = lists.packetOf(list);
    completionToPacket(ndis.memory, list, packet);
    u32[(oobOf(ndis.memory, packet) + OOB_STATUS) >> 2] = status;
    lists.free(list);
    sendComplete?.invoke(to.context, packet, status as NDIS_STATUS);
    list = next;
  }
  if (to.pausing !== 0) finishPause(to);
}

/** ProtocolCoSendNetBufferListsComplete: the same for packets that were sent on a VC; `complete` tells the driver. */
export function completeConnectionSends(
  ndis: NdisLibrary,
  chain: Address,
  ownerOf: (list: Address) => LegacyBinding | null,
  complete: (packet: Address, status: number) => void,
): void {
  const { i32, u32 } = ndis.memory;
  const lists = listShellsOf(ndis);
  let list = chain;
  while (list !== 0) {
    const next = i32[(list + NBL_NEXT) >> 2];
    const status = u32[(list + NBL_STATUS) >> 2];
    const packet = lists.packetOf(list);
    const owner = ownerOf(list);
    completionToPacket(ndis.memory, list, packet);
    u32[(oobOf(ndis.memory, packet) + OOB_STATUS) >> 2] = status;
    lists.free(list);
    complete(packet, status);
    if (owner !== null && owner.pausing !== 0) finishPause(owner);
    list = next;
  }
}

/** Completes a pause that waits for sends, when the last one is back. */
function finishPause(to: LegacyBinding): void {
  // The library counts a list down before it calls the completion handler.
  if (to.binding.sendsOutstanding > 0) return;
  const notification = to.pausing;
  to.pausing = 0;
  to.legacy.functions.completePnPEvent(to.binding.handle, notification, NDIS_STATUS_SUCCESS);
}
