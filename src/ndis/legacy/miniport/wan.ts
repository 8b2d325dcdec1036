/**
 * WAN adapters of drivers for NDIS 5 (NdisMediumWan): their packets are NDIS_WAN_PACKETs, which go straight between a
 * protocol driver of NDIS 5 and the miniport driver; no other driver understands them.
 * Implements WM_SEND_HANDLER, WAN_SEND_HANDLER, WAN_RECEIVE_HANDLER and their completions (ddk/ndis.h).
 */

import {
  type CallbackDeclaration,
  type DriverCallback,
  declareCallback,
  declareFunction,
  type Handle,
  type OutPointer,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisMediumWan,
} from '../../generated/constants/index.ts';
import { NDIS_OPEN_BLOCK } from '../../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { LegacyBinding, legacyBindingAt } from '../protocol/legacyBinding.ts';
import { type LegacyAdapter, legacyAdaptersOf } from './legacyAdapter.ts';
import { legacyAdapterAt, oldFacts } from './throughBlock.ts';

/** MiniportWanSend: transmits one packet on a link; what is pending comes back by NdisMWanSendComplete. */
export type WM_SEND_HANDLER = (
  MiniportAdapterContext: unknown,
  NdisLinkHandle: unknown,
  Packet: Address,
) => NDIS_STATUS;
export const WM_SEND_HANDLER = declareCallback<WM_SEND_HANDLER>({
  ...oldFacts(
    'NDIS_STATUS WM_SEND_HANDLER(NDIS_HANDLE MiniportAdapterContext, NDIS_HANDLE NdisLinkHandle, PNDIS_WAN_PACKET Packet)',
    'nc',
  ),
  role: 'MiniportWanSend',
});

/** ProtocolWanReceive: a packet came in on a link. */
export type WAN_RECEIVE_HANDLER = (
  NdisLinkHandle: unknown,
  Packet: Address,
  PacketSize: number,
) => NDIS_STATUS;
export const WAN_RECEIVE_HANDLER = declareCallback<WAN_RECEIVE_HANDLER>({
  ...oldFacts(
    'NDIS_STATUS WAN_RECEIVE_HANDLER(NDIS_HANDLE NdisLinkHandle, PUCHAR Packet, ULONG PacketSize)',
    'nc',
  ),
  role: 'ProtocolWanReceive',
});

/** ProtocolWanSendComplete: a packet that was pending is sent. */
export type WAN_SEND_COMPLETE_HANDLER = (
  ProtocolBindingContext: unknown,
  Packet: Address,
  Status: NDIS_STATUS,
) => void;
export const WAN_SEND_COMPLETE_HANDLER = declareCallback<WAN_SEND_COMPLETE_HANDLER>({
  ...oldFacts(
    'VOID WAN_SEND_COMPLETE_HANDLER(NDIS_HANDLE ProtocolBindingContext, PNDIS_WAN_PACKET Packet, NDIS_STATUS Status)',
    'nc',
  ),
  role: 'ProtocolWanSendComplete',
});

/** Handlers whose members of the characteristics have another type on other media, by their address. */
class WanHandlers {
  readonly known = new WeakMap<object, Map<string, DriverCallback>>();
  /** The binding that waits for each packet. */
  readonly senders = new Map<Address, LegacyBinding>();
}
const wanHandlersOf = perNdis('WAN handlers', () => new WanHandlers());

/** The handler at an address as one of a WAN driver. */
function handlerAt<F>(
  ndis: NdisLibrary,
  owner: LegacyBinding | LegacyAdapter,
  address: Address,
  declaration: CallbackDeclaration<F>,
): DriverCallback<F> | null {
  const { known } = wanHandlersOf(ndis);
  let ofOwner = known.get(owner);
  if (ofOwner === undefined) {
    ofOwner = new Map();
    known.set(owner, ofOwner);
  }
  const driver = owner instanceof LegacyBinding ? owner.binding.protocol.driver : owner.driver;
  const handler = ofOwner.get(declaration.role) ?? driver.callback(address, declaration);
  if (handler === null) return null;
  ofOwner.set(declaration.role, handler as DriverCallback);
  // Kept under the role of this declaration only.
  return handler as DriverCallback<F>;
}

/** The bindings of drivers for NDIS 5 above an adapter. */
function bindingsAbove(legacy: LegacyAdapter): LegacyBinding[] {
  return legacy.adapter.bindings
    .filter(({ openState }) => openState === 'open')
    .map(({ context }) => context)
    .filter((context) => context instanceof LegacyBinding);
}

/**
 * Sends a packet on a link of a WAN adapter: WanSendHandler of NDIS_OPEN_BLOCK, which the macro WanMiniportSend calls.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_PENDING, for which ProtocolWanSendComplete follows, or what MiniportWanSend returned;
 * NDIS_STATUS_FAILURE for a binding to anything else.
 */
export const WAN_SEND_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'NDIS_STATUS WAN_SEND_HANDLER(NDIS_HANDLE MacBindingHandle, NDIS_HANDLE LinkHandle, PVOID Packet)',
    'nc',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MacBindingHandle: Handle, LinkHandle: Address, Packet: Address): NDIS_STATUS => {
      const binding = legacyBindingAt(ndis, driver, MacBindingHandle, 'WanMiniportSend');
      const adapter = binding?.binding.adapter;
      const legacy = adapter === undefined ? undefined : legacyAdaptersOf(ndis).get(adapter);
      const send = legacy?.handlers.send ?? null;
      if (binding === null || legacy === undefined || send === null)
        return NDIS_STATUS_FAILURE as NDIS_STATUS;
      if (legacy.adapter.general?.mediaType !== NdisMediumWan || !legacy.adapter.running)
        return NDIS_STATUS_FAILURE as NDIS_STATUS;
      const handler = handlerAt(ndis, legacy, send.address, WM_SEND_HANDLER);
      if (handler === null) return NDIS_STATUS_FAILURE as NDIS_STATUS;
      const { senders } = wanHandlersOf(ndis);
      senders.set(Packet, binding);
      const status = handler.invoke(legacy.context, ndis.contextValue(LinkHandle), Packet);
      if (status >>> 0 !== NDIS_STATUS_PENDING) senders.delete(Packet);
      return status;
    },
});

function sendComplete(
  ndis: NdisLibrary,
  legacy: LegacyAdapter | null,
  packet: Address,
  status: number,
): void {
  if (legacy === null) return;
  const { senders } = wanHandlersOf(ndis);
  const binding = senders.get(packet);
  if (binding === undefined) {
    const text = `NdisMWanSendComplete of ${legacy.adapter.label}: the packet 0x${packet.toString(16)} is not outstanding`;
    const page = 'ndis/nf-ndis-ndismwansendcomplete';
    ndis.kernel.report('COMPLETED_UNKNOWN_PACKET', legacy.driver, text, page);
    return;
  }
  senders.delete(packet);
  const at = binding.block + NDIS_OPEN_BLOCK.offset.SendCompleteHandler;
  const handler = handlerAt(ndis, binding, ndis.memory.readPointer(at), WAN_SEND_COMPLETE_HANDLER);
  handler?.invoke(binding.context, packet, status as NDIS_STATUS);
}

/** Gives a received packet to the protocols above; NDIS_STATUS_NOT_ACCEPTED where none takes it. */
function receive(
  ndis: NdisLibrary,
  legacy: LegacyAdapter | null,
  statusAt: Address,
  link: Address,
  packet: Address,
  size: number,
): void {
  let accepted: number = legacy === null ? NDIS_STATUS_FAILURE : NDIS_STATUS_NOT_ACCEPTED;
  for (const binding of legacy === null ? [] : bindingsAbove(legacy)) {
    const at = binding.block + NDIS_OPEN_BLOCK.offset.ReceiveHandler;
    const handler = handlerAt(ndis, binding, ndis.memory.readPointer(at), WAN_RECEIVE_HANDLER);
    const status = handler?.invoke(ndis.contextValue(link), packet, size) ?? NDIS_STATUS_NOT_ACCEPTED;
    if (status === NDIS_STATUS_SUCCESS) accepted = status;
  }
  if (statusAt !== 0) ndis.memory.u32[statusAt >> 2] = accepted;
}

/** The packets of a link are all indicated: protocols for NDIS 5 hear of it by ProtocolReceiveComplete. */
function receiveComplete(legacy: LegacyAdapter | null): void {
  if (legacy === null) return;
  for (const binding of bindingsAbove(legacy)) binding.handlers.receiveComplete?.invoke(binding.context);
}

/** NdisMWanSendComplete: completes a packet for which MiniportWanSend returned NDIS_STATUS_PENDING. IRQL <= DISPATCH_LEVEL. */
export const NdisMWanSendComplete = declareFunction('ndis', {
  ...oldFacts(
    'VOID NdisMWanSendComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_WAN_PACKET Packet, NDIS_STATUS Status)',
    'nf',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, Packet: Address, Status: number): void => {
      const page = 'ndis/nf-ndis-ndismwansendcomplete';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, 'NdisMWanSendComplete', page);
      sendComplete(ndis, legacy, Packet, Status);
    },
});

/**
 * NdisMWanIndicateReceive: a packet came in on a link. `Status`: what the protocol said; NDIS_STATUS_NOT_ACCEPTED where
 * none took it, NDIS_STATUS_FAILURE for a wrong handle (a finding). IRQL <= DISPATCH_LEVEL.
 */
export const NdisMWanIndicateReceive = declareFunction('ndis', {
  ...oldFacts(
    'VOID NdisMWanIndicateReceive(PNDIS_STATUS Status, NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisLinkContext, PUCHAR PacketBuffer, UINT PacketSize)',
    'nf',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      Status: OutPointer,
      MiniportAdapterHandle: Handle,
      NdisLinkContext: Address,
      PacketBuffer: Address,
      PacketSize: number,
    ): void => {
      const page = 'ndis/nf-ndis-ndismwanindicatereceive';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, 'NdisMWanIndicateReceive', page);
      receive(ndis, legacy, Status, NdisLinkContext, PacketBuffer, PacketSize);
    },
});

/** NdisMWanIndicateReceiveComplete: a run of packets on a link is over. IRQL <= DISPATCH_LEVEL. */
export const NdisMWanIndicateReceiveComplete = declareFunction('ndis', {
  ...oldFacts(
    'VOID NdisMWanIndicateReceiveComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisLinkContext)',
    'nf',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, _NdisLinkContext: Address): void => {
      const call = 'NdisMWanIndicateReceiveComplete';
      const page = 'ndis/nf-ndis-ndismwanindicatereceivecomplete';
      receiveComplete(legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, page));
    },
});

/** WanSendCompleteHandler of NDIS_MINIPORT_BLOCK: NdisMWanSendComplete. */
export const NDIS_WM_SEND_COMPLETE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID NDIS_WM_SEND_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterHandle, PVOID Packet, NDIS_STATUS Status)',
    'nc',
  ),
  implement: NdisMWanSendComplete.implement,
});

/** WanRcvHandler of NDIS_MINIPORT_BLOCK: NdisMWanIndicateReceive. */
export const WAN_RCV_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID WAN_RCV_HANDLER(PNDIS_STATUS Status, NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisLinkContext, PUCHAR Packet, ULONG PacketSize)',
    'nc',
  ),
  implement: NdisMWanIndicateReceive.implement,
});

/** WanRcvCompleteHandler of NDIS_MINIPORT_BLOCK: NdisMWanIndicateReceiveComplete. */
export const WAN_RCV_COMPLETE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID WAN_RCV_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisLinkContext)',
    'nc',
  ),
  implement: NdisMWanIndicateReceiveComplete.implement,
});
