/**
 * Indicating receives: what a miniport driver for NDIS 5 calls through its block.
 * Implements FILTER_PACKET_INDICATION_HANDLER, the RCV_INDICATE and RCV_COMPLETE handlers of the media and
 * NDIS_M_TD_COMPLETE_HANDLER (ddk/ndis.h).
 */

import { type Context, type Driver, declareFunction, type Handle } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { legacyAdapterAt, oldFacts, throughBlock, withFilter } from './throughBlock.ts';

/** Most bytes of a header that a medium has. */
const HEADER_LIMIT = 64;
/** Most bytes of a frame. */
const FRAME_LIMIT = 0x1_0000;

/**
 * Indicates an array of packets: PacketIndicateHandler of NDIS_MINIPORT_BLOCK. Packets with the status
 * NDIS_STATUS_RESOURCES are the driver's again when the call returns; the others come back through
 * MiniportReturnPacket. For a serialized driver NDIS leaves in each status whether it did: NDIS_STATUS_PENDING stands
 * for a packet that comes later. IRQL <= DISPATCH_LEVEL.
 */
export const FILTER_PACKET_INDICATION_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID FILTER_PACKET_INDICATION_HANDLER(NDIS_HANDLE Miniport, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)',
    'nc',
  ),
  implement: (ndis: NdisLibrary, driver) => {
    const page = 'ndis/nc-ndis-filter_packet_indication_handler';
    return (Miniport: Handle, PacketArray: Address, NumberOfPackets: number): void => {
      const legacy = legacyAdapterAt(ndis, driver, Miniport, 'NdisMIndicateReceivePacket', page);
      if (legacy !== null) legacy.receives.packets(PacketArray, NumberOfPackets);
    };
  },
});

/** Indicates a frame by header and lookahead; a wrong length is a finding. */
function indicateFrame(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  filter: Address,
  receiveContext: Address,
  header: Address,
  headerSize: number,
  lookahead: Address,
  lookaheadSize: number,
  packetSize: number,
): void {
  const page = `ndis/nf-ndis-${call.toLowerCase()}`;
  const legacy = legacyAdapterAt(ndis, driver, filter, call, page);
  if (legacy === null) return;
  if (headerSize > HEADER_LIMIT || packetSize > FRAME_LIMIT || lookaheadSize > packetSize) {
    const text = `${call}: a header of ${headerSize} bytes and ${lookaheadSize} of ${packetSize} bytes behind it are no frame`;
    ndis.kernel.report('BAD_RECEIVE_INDICATION', driver, text, page);
    return;
  }
  legacy.receives.frame(receiveContext, header, headerSize, lookahead, lookaheadSize, packetSize);
}

/** A run of indications is over: nothing is left to do, for each frame went up when it was indicated. */
function completeFrames(ndis: NdisLibrary, driver: Driver, call: string, filter: Address): void {
  legacyAdapterAt(ndis, driver, filter, call, `ndis/nf-ndis-${call.toLowerCase()}`);
}

type IndicateHandler = (
  Filter: Address,
  MacReceiveContext: Context,
  Address: Address,
  HeaderBuffer: Address,
  HeaderBufferSize: number,
  LookaheadBuffer: Address,
  LookaheadBufferSize: number,
  PacketSize: number,
) => void;

/** Indicates the beginning of an Ethernet frame: EthRxIndicateHandler of NDIS_MINIPORT_BLOCK. IRQL <= DISPATCH_LEVEL. */
export const ETH_RCV_INDICATE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID ETH_RCV_INDICATE_HANDLER(PETH_FILTER Filter, NDIS_HANDLE MacReceiveContext, PCHAR Address, PVOID HeaderBuffer, UINT HeaderBufferSize, PVOID LookaheadBuffer, UINT LookaheadBufferSize, UINT PacketSize)',
    'nc',
  ),
  implement:
    (ndis: NdisLibrary, driver): IndicateHandler =>
    (filter, context, _address, ...rest) =>
      indicateFrame(ndis, driver, 'NdisMEthIndicateReceive', filter, context, ...rest),
});

/** Indicates the beginning of an FDDI frame: FddiRxIndicateHandler of NDIS_MINIPORT_BLOCK. IRQL <= DISPATCH_LEVEL. */
export const FDDI_RCV_INDICATE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID FDDI_RCV_INDICATE_HANDLER(PFDDI_FILTER Filter, NDIS_HANDLE MacReceiveContext, PCHAR Address, UINT AddressLength, PVOID HeaderBuffer, UINT HeaderBufferSize, PVOID LookaheadBuffer, UINT LookaheadBufferSize, UINT PacketSize)',
    'nc',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      Filter: Address,
      MacReceiveContext: Context,
      _Address: Address,
      _AddressLength: number,
      HeaderBuffer: Address,
      HeaderBufferSize: number,
      LookaheadBuffer: Address,
      LookaheadBufferSize: number,
      PacketSize: number,
    ): void =>
      indicateFrame(
        ndis,
        driver,
        'NdisMFddiIndicateReceive',
        Filter,
        MacReceiveContext,
        HeaderBuffer,
        HeaderBufferSize,
        LookaheadBuffer,
        LookaheadBufferSize,
        PacketSize,
      ),
});

/** Indicates the beginning of a Token Ring frame: TrRxIndicateHandler of NDIS_MINIPORT_BLOCK. IRQL <= DISPATCH_LEVEL. */
export const TR_RCV_INDICATE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID TR_RCV_INDICATE_HANDLER(PTR_FILTER Filter, NDIS_HANDLE MacReceiveContext, PVOID HeaderBuffer, UINT HeaderBufferSize, PVOID LookaheadBuffer, UINT LookaheadBufferSize, UINT PacketSize)',
    'nc',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      Filter: Address,
      MacReceiveContext: Context,
      HeaderBuffer: Address,
      HeaderBufferSize: number,
      LookaheadBuffer: Address,
      LookaheadBufferSize: number,
      PacketSize: number,
    ): void =>
      indicateFrame(
        ndis,
        driver,
        'NdisMTrIndicateReceive',
        Filter,
        MacReceiveContext,
        HeaderBuffer,
        HeaderBufferSize,
        LookaheadBuffer,
        LookaheadBufferSize,
        PacketSize,
      ),
});

/** Declares the handler that ends a run of indications of one medium. */
function completeHandler(prototype: string, call: string) {
  return declareFunction('ndis', {
    ...oldFacts(prototype, 'nc'),
    implement:
      (ndis: NdisLibrary, driver: Driver) =>
      (Filter: Address): void =>
        completeFrames(ndis, driver, call, Filter),
  });
}

/** Ends a run of Ethernet frames: EthRxCompleteHandler of NDIS_MINIPORT_BLOCK. IRQL <= DISPATCH_LEVEL. */
export const ETH_RCV_COMPLETE_HANDLER = completeHandler(
  'VOID ETH_RCV_COMPLETE_HANDLER(PETH_FILTER Filter)',
  'NdisMEthIndicateReceiveComplete',
);
/** Ends a run of FDDI frames: FddiRxCompleteHandler of NDIS_MINIPORT_BLOCK. IRQL <= DISPATCH_LEVEL. */
export const FDDI_RCV_COMPLETE_HANDLER = completeHandler(
  'VOID FDDI_RCV_COMPLETE_HANDLER(PFDDI_FILTER Filter)',
  'NdisMFddiIndicateReceiveComplete',
);
/** Ends a run of Token Ring frames: TrRxCompleteHandler of NDIS_MINIPORT_BLOCK. IRQL <= DISPATCH_LEVEL. */
export const TR_RCV_COMPLETE_HANDLER = completeHandler(
  'VOID TR_RCV_COMPLETE_HANDLER(PTR_FILTER Filter)',
  'NdisMTrIndicateReceiveComplete',
);

/**
 * MiniportTransferData, which returned NDIS_STATUS_PENDING, is done: TDCompleteHandler of NDIS_MINIPORT_BLOCK. Without
 * one it is the finding NOT_PENDING. IRQL <= DISPATCH_LEVEL.
 */
export const NDIS_M_TD_COMPLETE_HANDLER = declareFunction('ndis', {
  ...oldFacts(
    'VOID NDIS_M_TD_COMPLETE_HANDLER(NDIS_HANDLE MiniportAdapterHandle, PNDIS_PACKET Packet, NDIS_STATUS Status, UINT BytesTransferred)',
    'nc',
  ),
  implement: (ndis: NdisLibrary, driver) => {
    const call = 'NdisMTransferDataComplete';
    const page = 'ndis/nc-ndis-ndis_m_td_complete_handler';
    return (
      MiniportAdapterHandle: Handle,
      Packet: Address,
      Status: number,
      BytesTransferred: number,
    ): void => {
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, page);
      if (legacy === null || legacy.receives.transferred(Packet, Status >>> 0, BytesTransferred)) return;
      const text = `${call}: no transfer to the packet 0x${Packet.toString(16)} is pending`;
      ndis.kernel.report('NOT_PENDING', driver, text, page);
    };
  },
});

/** NdisMIndicateReceivePacket: indicates packets, through PacketIndicateHandler of the block. */
export const NdisMIndicateReceivePacket = throughBlock<
  (MiniportAdapterHandle: Handle, ReceivePackets: Address, NumberOfPackets: number) => void
>(
  'VOID NdisMIndicateReceivePacket(NDIS_HANDLE MiniportAdapterHandle, PPNDIS_PACKET ReceivePackets, UINT NumberOfPackets)',
  'PacketIndicateHandler',
);

type IndicateMacro = (
  MiniportAdapterHandle: Handle,
  MiniportReceiveContext: Context,
  HeaderBuffer: Address,
  HeaderBufferSize: number,
  LookaheadBuffer: Address,
  LookaheadBufferSize: number,
  PacketSize: number,
) => void;

const INDICATE =
  '(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE MiniportReceiveContext, PVOID HeaderBuffer, UINT HeaderBufferSize, PVOID LookaheadBuffer, UINT LookaheadBufferSize, UINT PacketSize)';

/** NdisMEthIndicateReceive: indicates the beginning of an Ethernet frame, through EthRxIndicateHandler of the block. */
export const NdisMEthIndicateReceive = throughBlock<IndicateMacro>(
  `VOID NdisMEthIndicateReceive${INDICATE}`,
  'EthRxIndicateHandler',
  {
    rearranged: (ndis, handle, [context, header, ...rest]) => [
      ...withFilter('EthDB')(ndis, handle, [context, header, header]),
      ...rest,
    ],
  },
);

/** NdisMEthIndicateReceiveComplete: ends a run of Ethernet frames, through EthRxCompleteHandler of the block. */
export const NdisMEthIndicateReceiveComplete = throughBlock<(MiniportAdapterHandle: Handle) => void>(
  'VOID NdisMEthIndicateReceiveComplete(NDIS_HANDLE MiniportAdapterHandle)',
  'EthRxCompleteHandler',
  { rearranged: withFilter('EthDB') },
);

/** FDDI_LENGTH_OF_LONG_ADDRESS and FDDI_LENGTH_OF_SHORT_ADDRESS, told apart by this bit of the frame control. */
const LONG_ADDRESS_BIT = 0x40;
const LONG_ADDRESS_LENGTH = 6;
const SHORT_ADDRESS_LENGTH = 2;

/** NdisMFddiIndicateReceive: indicates the beginning of an FDDI frame, through FddiRxIndicateHandler of the block. */
export const NdisMFddiIndicateReceive = throughBlock<IndicateMacro>(
  `VOID NdisMFddiIndicateReceive${INDICATE}`,
  'FddiRxIndicateHandler',
  {
    rearranged: (ndis, handle, [context, header, ...rest]) => {
      const long = (ndis.memory.u8[header] & LONG_ADDRESS_BIT) !== 0;
      const length = long ? LONG_ADDRESS_LENGTH : SHORT_ADDRESS_LENGTH;
      return [...withFilter('FddiDB')(ndis, handle, [context, header + 1, length, header]), ...rest];
    },
  },
);

/** NdisMFddiIndicateReceiveComplete: ends a run of FDDI frames, through FddiRxCompleteHandler of the block. */
export const NdisMFddiIndicateReceiveComplete = throughBlock<(MiniportAdapterHandle: Handle) => void>(
  'VOID NdisMFddiIndicateReceiveComplete(NDIS_HANDLE MiniportAdapterHandle)',
  'FddiRxCompleteHandler',
  { rearranged: withFilter('FddiDB') },
);

/** NdisMTrIndicateReceive: indicates the beginning of a Token Ring frame, through TrRxIndicateHandler of the block. */
export const NdisMTrIndicateReceive = throughBlock<IndicateMacro>(
  `VOID NdisMTrIndicateReceive${INDICATE}`,
  'TrRxIndicateHandler',
  { rearranged: withFilter('TrDB') },
);

/** NdisMTrIndicateReceiveComplete: ends a run of Token Ring frames, through TrRxCompleteHandler of the block. */
export const NdisMTrIndicateReceiveComplete = throughBlock<(MiniportAdapterHandle: Handle) => void>(
  'VOID NdisMTrIndicateReceiveComplete(NDIS_HANDLE MiniportAdapterHandle)',
  'TrRxCompleteHandler',
  { rearranged: withFilter('TrDB') },
);

/** NdisMTransferDataComplete: a transfer that was pending is done, through TDCompleteHandler of the block. */
export const NdisMTransferDataComplete = throughBlock<
  (MiniportAdapterHandle: Handle, Packet: Address, Status: number, BytesTransferred: number) => void
>(
  'VOID NdisMTransferDataComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_PACKET Packet, NDIS_STATUS Status, UINT BytesTransferred)',
  'TDCompleteHandler',
  { exported: NDIS_M_TD_COMPLETE_HANDLER },
);
