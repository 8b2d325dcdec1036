/**
 * What drivers call through NDIS_OPEN_BLOCK: the macros NdisSend, NdisSendPackets, NdisTransferData, NdisReset and
 * NdisRequest of the headers go through it. Implements the handler members of NDIS_OPEN_BLOCK (ddk/ndis.h).
 */

import { declareFunction, type Handle, type OutPointer, type Pointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_FAILURE } from '../../generated/constants/index.ts';
import type { NDIS_REQUEST } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyBindingAt } from './legacyBinding.ts';
import { transferData } from './receives.ts';
import { makeRequest } from './requests.ts';
import { resetFor } from './reset.ts';
import { sendPacket, sendPackets } from './sends.ts';

const FAILURE = NDIS_STATUS_FAILURE as NDIS_STATUS;

function facts(prototype: string) {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  const page = `ndis/nc-ndis-${name.toLowerCase()}`;
  return { prototype, irql: '<=DISPATCH_LEVEL', waits: 'never', since: '4.0', page } as const;
}

/** NDIS_OPEN_BLOCK.SendHandler: NdisSend. IRQL <= DISPATCH_LEVEL. */
export const SEND_HANDLER = declareFunction('ndis', {
  ...facts('NDIS_STATUS SEND_HANDLER(NDIS_HANDLE NdisBindingHandle, PNDIS_PACKET Packet)'),
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, Packet: Address): NDIS_STATUS => {
      const to = legacyBindingAt(ndis, driver, NdisBindingHandle, 'NdisSend');
      return to === null ? FAILURE : sendPacket(ndis, to, Packet);
    },
});

/** NDIS_OPEN_BLOCK.SendPacketsHandler: NdisSendPackets; its first argument is the binding here. IRQL <= DISPATCH_LEVEL. */
export const SEND_PACKETS_HANDLER = declareFunction('ndis', {
  ...facts(
    'VOID SEND_PACKETS_HANDLER(NDIS_HANDLE MiniportAdapterContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterContext: Handle, PacketArray: Address, NumberOfPackets: number): void => {
      const to = legacyBindingAt(ndis, driver, MiniportAdapterContext, 'NdisSendPackets');
      if (to !== null) sendPackets(ndis, to, PacketArray, NumberOfPackets);
    },
});

/** NDIS_OPEN_BLOCK.TransferDataHandler: NdisTransferData. IRQL <= DISPATCH_LEVEL. */
export const TRANSFER_DATA_HANDLER = declareFunction('ndis', {
  ...facts(
    'NDIS_STATUS TRANSFER_DATA_HANDLER(NDIS_HANDLE NdisBindingHandle, NDIS_HANDLE MacReceiveContext, UINT ByteOffset, UINT BytesToTransfer, PNDIS_PACKET Packet, PUINT BytesTransferred)',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisBindingHandle: Handle,
      MacReceiveContext: Handle,
      ByteOffset: number,
      BytesToTransfer: number,
      Packet: Address,
      BytesTransferred: OutPointer,
    ): NDIS_STATUS => {
      const to = legacyBindingAt(ndis, driver, NdisBindingHandle, 'NdisTransferData');
      if (to === null) return FAILURE;
      return transferData(ndis, to, MacReceiveContext, ByteOffset, BytesToTransfer, Packet, BytesTransferred);
    },
});

/** NDIS_OPEN_BLOCK.ResetHandler: NdisReset. IRQL <= DISPATCH_LEVEL. */
export const RESET_HANDLER = declareFunction('ndis', {
  ...facts('NDIS_STATUS RESET_HANDLER(NDIS_HANDLE NdisBindingHandle)'),
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle): NDIS_STATUS => {
      const to = legacyBindingAt(ndis, driver, NdisBindingHandle, 'NdisReset');
      return to === null ? FAILURE : resetFor(ndis, to);
    },
});

/** NDIS_OPEN_BLOCK.RequestHandler: NdisRequest. IRQL <= DISPATCH_LEVEL; at PASSIVE_LEVEL it may wait. */
export const REQUEST_HANDLER = declareFunction('ndis', {
  ...facts('NDIS_STATUS REQUEST_HANDLER(NDIS_HANDLE NdisBindingHandle, PNDIS_REQUEST NdisRequest)'),
  waits: 'depends',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle, NdisRequest: Pointer<NDIS_REQUEST>): NDIS_STATUS | Promise<NDIS_STATUS> => {
      const from = legacyBindingAt(ndis, driver, NdisBindingHandle, 'NdisRequest');
      return from === null ? FAILURE : makeRequest(ndis, from, NdisRequest);
    },
});
