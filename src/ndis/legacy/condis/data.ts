/**
 * Packets on virtual connections, sent and received by drivers for NDIS 5. Implements NdisCoSendPackets,
 * NdisMCoSendComplete, NdisMCoIndicateReceivePacket, NdisMCoReceiveComplete and NdisMCoIndicateStatus (ddk/ndis.h).
 */

import { DISPATCH_LEVEL, type Driver, type Handle } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NdisMCoIndicateReceiveNetBufferLists } from '../../condis/coReceive.ts';
import { NdisCoSendNetBufferLists, NdisMCoSendNetBufferListsComplete } from '../../condis/coSend.ts';
import { NdisMCoIndicateStatusEx } from '../../condis/coStatus.ts';
import { VirtualConnection } from '../../condis/objects.ts';
import {
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { storePointer } from '../../netBuffer/mdl.ts';
import { NBL_NEXT } from '../../netBuffer/offsets.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import { type LegacyAdapter, legacyAdaptersOf } from '../miniport/legacyAdapter.ts';
import { indicateStatus } from '../miniport/status.ts';
import { legacyAdapterAt } from '../miniport/throughBlock.ts';
import { OOB_STATUS } from '../packet/offsets.ts';
import { oobOf } from '../packet/packetAccess.ts';
import { LegacyBinding } from '../protocol/legacyBinding.ts';
import { listShellsOf } from '../translation/listShells.ts';
import { completePacket } from './miniportEnds.ts';
import { endReceives } from './protocolEnds.ts';

/** The VC behind a handle on which a protocol driver for NDIS 5 sends; null, with a finding, where there is none. */
function sendingConnection(ndis: NdisLibrary, driver: Driver, handle: Handle): VirtualConnection | null {
  const call = 'NdisCoSendPackets';
  const connection = ndis.expect(handle, VirtualConnection, driver, call, legacyPage(call));
  if (connection === null) return null;
  const { owner } = connection;
  if (owner?.protocol.driver === driver && owner.context instanceof LegacyBinding) return connection;
  const text = `${call}: 0x${handle.toString(16)} is no VC on which ${driver.name} sends; the packets stay with the caller`;
  ndis.kernel.report('NOT_OPEN', driver, text, legacyPage(call));
  return null;
}

/** Hands packets to the miniport as one chain of lists. */
function sendPackets(
  ndis: NdisLibrary,
  driver: Driver,
  send: (vc: Handle, lists: Address, flags: number) => void,
  vc: Handle,
  array: Address,
  count: number,
): void {
  const connection = sendingConnection(ndis, driver, vc);
  if (connection === null) return;
  const { i32, u32 } = ndis.memory;
  const lists = listShellsOf(ndis);
  const refused: Address[] = [];
  let head: Address = 0;
  let tail: Address = 0;
  for (let index = 0; index < count; index++) {
    const packet = i32[(array + 8 * index) >> 2];
    if (!lists.mayLend(packet)) {
      reportInUse(ndis, driver, packet);
      continue;
    }
    const list = lists.forSend(packet, vc);
    if (list === 0) {
      refused.push(packet);
      continue;
    }
    u32[(oobOf(ndis.memory, packet) + OOB_STATUS) >> 2] = NDIS_STATUS_PENDING;
    if (head === 0) head = list;
    else storePointer(i32, tail + NBL_NEXT, list);
    tail = list;
  }
  const flags = ndis.kernel.irql === DISPATCH_LEVEL ? NDIS_SEND_FLAGS_DISPATCH_LEVEL : 0;
  const { ownerContext, owner } = connection;
  if (head !== 0) send(vc, head, flags);
  const handlers = owner?.context instanceof LegacyBinding ? owner.context.handlers.co : null;
  for (const packet of refused) {
    u32[(oobOf(ndis.memory, packet) + OOB_STATUS) >> 2] = NDIS_STATUS_RESOURCES;
    handlers?.sendComplete.invoke(NDIS_STATUS_RESOURCES as NDIS_STATUS, ownerContext, packet);
  }
}

function reportInUse(ndis: NdisLibrary, driver: Driver, packet: Address): void {
  ndis.kernel.report(
    'PACKET_IN_USE',
    driver,
    `NdisCoSendPackets: the packet 0x${packet.toString(16)} is sent or indicated already, or free; wait until it is back`,
    legacyPage('NdisCoSendPackets'),
  );
}

/**
 * NdisCoSendPackets: sends an array of packets on a VC, in order; each comes back through ProtocolCoSendComplete: with
 * NDIS_STATUS_PAUSED where the adapter or the binding does not run, NDIS_STATUS_CLOSING where the call is being closed,
 * NDIS_STATUS_FAILURE where the VC is not active (a finding), NDIS_STATUS_RESOURCES where memory is short. A handle on
 * which the driver does not send is a finding, and the packets stay with the caller. IRQL <= DISPATCH_LEVEL.
 */
export const NdisCoSendPackets = legacyFunction(
  'VOID NdisCoSendPackets(NDIS_HANDLE NdisVcHandle, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const send = NdisCoSendNetBufferLists.implement(ndis, driver);
    return (NdisVcHandle: Handle, PacketArray: Address, NumberOfPackets: number): void =>
      sendPackets(ndis, driver, send, NdisVcHandle, PacketArray, NumberOfPackets);
  },
);

/**
 * NdisMCoSendComplete: gives a packet of MiniportCoSendPackets back to who sent it. One that is not outstanding is the
 * finding COMPLETED_TWICE, a handle that is no VC BAD_HANDLE. IRQL <= DISPATCH_LEVEL.
 */
export const NdisMCoSendComplete = legacyFunction(
  'VOID NdisMCoSendComplete(NDIS_STATUS Status, NDIS_HANDLE NdisVcHandle, PNDIS_PACKET Packet)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const complete = NdisMCoSendNetBufferListsComplete.implement(ndis, driver);
    const call = 'NdisMCoSendComplete';
    return (Status: number, NdisVcHandle: Handle, Packet: Address): void => {
      if (ndis.expect(NdisVcHandle, VirtualConnection, driver, call, legacyPage(call)) === null) return;
      completePacket(ndis, driver, complete, Packet, Status >>> 0);
    };
  },
);

/** The adapter of a VC that a miniport driver for NDIS 5 has; null, with a finding, where there is none. */
function connectionAdapter(
  ndis: NdisLibrary,
  driver: Driver,
  handle: Handle,
  call: string,
): LegacyAdapter | null {
  const connection = ndis.expect(handle, VirtualConnection, driver, call, legacyPage(call));
  const legacy = connection === null ? undefined : legacyAdaptersOf(ndis).get(connection.adapter);
  if (legacy !== undefined && legacy.driver === driver) return legacy;
  if (connection === null) return null;
  const text = `${call}: the VC 0x${handle.toString(16)} is on no adapter of ${driver.name} for NDIS 5`;
  ndis.kernel.report('BAD_HANDLE', driver, text, legacyPage(call));
  return null;
}

/**
 * NdisMCoIndicateReceivePacket: indicates packets received on a VC to whom it belongs. Those with NDIS_STATUS_SUCCESS
 * come back through MiniportReturnPacket; those with NDIS_STATUS_RESOURCES are the driver's again when the call returns.
 * A VC that is not active is the finding RECEIVE_ON_INACTIVE_VC. IRQL <= DISPATCH_LEVEL.
 */
export const NdisMCoIndicateReceivePacket = legacyFunction(
  'VOID NdisMCoIndicateReceivePacket(NDIS_HANDLE NdisVcHandle, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const indicate = NdisMCoIndicateReceiveNetBufferLists.implement(ndis, driver);
    const call = 'NdisMCoIndicateReceivePacket';
    return (NdisVcHandle: Handle, PacketArray: Address, NumberOfPackets: number): void => {
      const legacy = connectionAdapter(ndis, driver, NdisVcHandle, call);
      legacy?.receives.packets(PacketArray, NumberOfPackets, (lists, count, flags) =>
        indicate(NdisVcHandle, lists, count, flags),
      );
    };
  },
);

/**
 * NdisMCoReceiveComplete: a run of packets on VCs is over: ProtocolReceiveComplete of the protocols that got some. A
 * wrong handle is the finding BAD_HANDLE. IRQL <= DISPATCH_LEVEL.
 */
export const NdisMCoReceiveComplete = legacyFunction(
  'VOID NdisMCoReceiveComplete(NDIS_HANDLE MiniportAdapterHandle)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const call = 'NdisMCoReceiveComplete';
    return (MiniportAdapterHandle: Handle): void => {
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      for (const { openState, context } of legacy?.adapter.bindings.slice() ?? [])
        if (openState === 'open' && context instanceof LegacyBinding) endReceives(context);
    };
  },
);

/**
 * NdisMCoIndicateStatus: reports a change in the status of an adapter to every protocol on it, or with a VC to its
 * client and its call manager alone. NDIS_STATUS_MEDIA_CONNECT, NDIS_STATUS_MEDIA_DISCONNECT and
 * NDIS_STATUS_LINK_SPEED_CHANGE of an adapter are NDIS_STATUS_LINK_STATE for drivers of NDIS 6. A wrong handle is the
 * finding BAD_HANDLE. IRQL <= DISPATCH_LEVEL.
 */
export const NdisMCoIndicateStatus = legacyFunction(
  'VOID NdisMCoIndicateStatus(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisVcHandle, NDIS_STATUS GeneralStatus, PVOID StatusBuffer, ULONG StatusBufferSize)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) => {
    const indicate = NdisMCoIndicateStatusEx.implement(ndis, driver);
    const call = 'NdisMCoIndicateStatus';
    return (
      MiniportAdapterHandle: Handle,
      NdisVcHandle: Handle,
      GeneralStatus: number,
      StatusBuffer: Address,
      StatusBufferSize: number,
    ): void => {
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, legacyPage(call));
      if (legacy === null) return;
      indicateStatus(
        legacy,
        GeneralStatus >>> 0,
        StatusBuffer,
        StatusBufferSize,
        (indication) => indicate(legacy.adapter.handle, NdisVcHandle, indication),
        NdisVcHandle !== 0,
      );
    };
  },
);
