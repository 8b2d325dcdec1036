/**
 * DMA through the controller of the system, for devices that cannot master the bus. Implements NdisMRegisterDmaChannel,
 * NdisMDeregisterDmaChannel, NdisMReadDmaCounter, NdisMSetupDmaTransfer and NdisMCompleteDmaTransfer (ndis.h).
 */

import {
  type Driver,
  type Handle,
  MDL,
  type OutPointer,
  type Pointer,
  systemDmaOf,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { macro, synchronous } from '../declareNdis.ts';
import {
  NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_DMA_DESCRIPTION } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { systemDmaUsers } from './scatterGatherDma.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndismregisterdmachannel';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndismderegisterdmachannel';
const COUNTER_PAGE = 'ndis/nf-ndis-ndismreaddmacounter';
const SETUP_PAGE = 'ndis/nf-ndis-ndismsetupdmatransfer';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndismcompletedmatransfer';
/** NdisInterfaceIsa. */
const INTERFACE_ISA = 1;

/** What stands behind the handle of NdisMRegisterDmaChannel. */
class DmaChannel extends NdisObject {
  readonly adapter: MiniportAdapter;
  readonly driver: Driver;
  readonly channel: number;
  readonly maximumLength: number;
  constructor(adapter: MiniportAdapter, driver: Driver, channel: number, maximumLength: number) {
    super();
    this.adapter = adapter;
    this.driver = driver;
    this.channel = channel;
    this.maximumLength = maximumLength;
  }
}

const channelsOf = perNdis('system DMA channels', () => new Set<DmaChannel>());

/**
 * Claims a channel of the system's DMA controller, the one that DmaDescription names or any.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCE_CONFLICT for a channel that is taken; NDIS_STATUS_RESOURCES when none
 * is free; NDIS_STATUS_FAILURE for a wrong handle, a channel that there is not, and a bus master that is not on ISA.
 * IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndismregisterdmachannel.
 */
export const NdisMRegisterDmaChannel = synchronous(
  'NDIS_STATUS NdisMRegisterDmaChannel(PNDIS_HANDLE MiniportDmaHandle, NDIS_HANDLE MiniportAdapterHandle, UINT DmaChannel, BOOLEAN Dma32BitAddresses, PNDIS_DMA_DESCRIPTION DmaDescription, ULONG MaximumLength)',
  'PASSIVE_LEVEL',
  '5.1',
  REGISTER_PAGE,
  (ndis, driver) =>
    (
      MiniportDmaHandle: OutPointer,
      MiniportAdapterHandle: Handle,
      _DmaChannel: number,
      _Dma32BitAddresses: boolean,
      DmaDescription: Pointer<NDIS_DMA_DESCRIPTION>,
      MaximumLength: number,
    ): number => {
      const call = 'NdisMRegisterDmaChannel';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, REGISTER_PAGE);
      if (adapter === null || isForeignMaster(adapter)) return NDIS_STATUS_FAILURE;
      const controller = systemDmaOf(ndis.kernel);
      const given = NDIS_DMA_DESCRIPTION.at(ndis.memory, DmaDescription);
      const named = Number(given.DmaChannelSpecified) !== 0;
      const channel = named ? given.DmaChannel : controller.firstFree();
      if (channel === null) return NDIS_STATUS_RESOURCES;
      const claimed = controller.claim(channel);
      if (claimed === null) return NDIS_STATUS_FAILURE;
      if (!claimed) return NDIS_STATUS_RESOURCE_CONFLICT;
      const object = new DmaChannel(adapter, driver, channel, MaximumLength >>> 0);
      ndis.memory.writePointer(MiniportDmaHandle, ndis.register(object));
      channelsOf(ndis).add(object);
      systemDmaUsers(ndis).add(adapter);
      driver.own(`DMA channel ${channel}`, {
        kind: 'DMA channel',
        name: `channel ${channel} of ${adapter.label}`,
        releasedBy: 'NdisMDeregisterDmaChannel',
        release: () => releaseChannel(ndis, object),
      });
      return NDIS_STATUS_SUCCESS;
    },
);

function isForeignMaster(adapter: MiniportAdapter): boolean {
  const { registration } = adapter;
  if (registration === null) return false;
  const master = (registration.flags & NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER) !== 0;
  return master && registration.interfaceType !== INTERFACE_ISA;
}

function releaseChannel(ndis: NdisLibrary, object: DmaChannel): void {
  systemDmaOf(ndis.kernel).release(object.channel);
  channelsOf(ndis).delete(object);
  const rest = [...channelsOf(ndis)].some(({ adapter }) => adapter === object.adapter);
  if (!rest) systemDmaUsers(ndis).delete(object.adapter);
  object.driver.disown(`DMA channel ${object.channel}`);
  ndis.unregister(object);
}

/** Gives a channel back. IRQL PASSIVE_LEVEL. A wrong handle is a finding. Page ndis/nf-ndis-ndismderegisterdmachannel. */
export const NdisMDeregisterDmaChannel = synchronous(
  'VOID NdisMDeregisterDmaChannel(NDIS_HANDLE MiniportDmaHandle)',
  'PASSIVE_LEVEL',
  '5.1',
  DEREGISTER_PAGE,
  (ndis, driver) =>
    (MiniportDmaHandle: Handle): void => {
      const call = 'NdisMDeregisterDmaChannel';
      const object = ndis.expect(MiniportDmaHandle, DmaChannel, driver, call, DEREGISTER_PAGE);
      if (object !== null) releaseChannel(ndis, object);
    },
);

/**
 * Bytes that are left of the transfer of a channel; 0 for a wrong handle, a finding. IRQL <= DISPATCH_LEVEL.
 * Page ndis/nf-ndis-ndismreaddmacounter.
 */
export const NdisMReadDmaCounter = synchronous(
  'ULONG NdisMReadDmaCounter(NDIS_HANDLE MiniportDmaHandle)',
  '<=DISPATCH_LEVEL',
  '5.1',
  COUNTER_PAGE,
  (ndis, driver) =>
    (MiniportDmaHandle: Handle): number => {
      const call = 'NdisMReadDmaCounter';
      const object = ndis.expect(MiniportDmaHandle, DmaChannel, driver, call, COUNTER_PAGE);
      return object === null ? 0 : systemDmaOf(ndis.kernel).remaining(object.channel);
    },
);

/** Programs the transfer of a part of a buffer; the status that comes back through `_S`. */
export function setupTransfer(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
  buffer: Address,
  offset: number,
  length: number,
  toDevice: boolean,
): number {
  const object = ndis.expect(handle, DmaChannel, driver, call, SETUP_PAGE);
  if (object === null) return NDIS_STATUS_RESOURCES;
  const { i32, u32 } = ndis.memory;
  const bytes = u32[(buffer + MDL.offset.ByteCount) >> 2];
  if (offset + length > bytes || length > object.maximumLength) return NDIS_STATUS_RESOURCES;
  const start = i32[(buffer + MDL.offset.StartVa) >> 2] + u32[(buffer + MDL.offset.ByteOffset) >> 2];
  const programmed = systemDmaOf(ndis.kernel).program(object.channel, start + offset, length, toDevice);
  return programmed ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

/**
 * Programs the controller for a transfer.
 * `_S` gets NDIS_STATUS_SUCCESS, or NDIS_STATUS_RESOURCES while a transfer is under way, for a length that the channel
 * cannot move or that goes beyond the buffer, and for a wrong handle (a finding).
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndismsetupdmatransfer.
 */
export const NdisMSetupDmaTransfer = macro(
  'VOID NdisMSetupDmaTransfer(PNDIS_STATUS _S, NDIS_HANDLE _H, PNDIS_BUFFER _B, ULONG _O, ULONG _L, BOOLEAN _M_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  SETUP_PAGE,
  (ndis, driver) =>
    (_S: OutPointer, _H: Handle, _B: Address, _O: number, _L: number, _M_: boolean): void => {
      const call = 'NdisMSetupDmaTransfer';
      ndis.memory.u32[_S >> 2] = setupTransfer(ndis, driver, call, _H, _B, _O, _L, Boolean(_M_));
    },
);

/**
 * Ends a transfer. `_S` gets NDIS_STATUS_SUCCESS, or NDIS_STATUS_RESOURCES where the device has not moved all of it, where
 * there is none, and for a wrong handle (a finding). IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndismcompletedmatransfer.
 */
export const NdisMCompleteDmaTransfer = macro(
  'VOID NdisMCompleteDmaTransfer(PNDIS_STATUS _S, NDIS_HANDLE _H, PNDIS_BUFFER _B, ULONG _O, ULONG _L, BOOLEAN _M_)',
  '<=DISPATCH_LEVEL',
  '5.1',
  COMPLETE_PAGE,
  (ndis, driver) =>
    (_S: OutPointer, _H: Handle, _B: Address, _O: number, _L: number, _M_: boolean): void => {
      const call = 'NdisMCompleteDmaTransfer';
      const object = ndis.expect(_H, DmaChannel, driver, call, COMPLETE_PAGE);
      const controller = systemDmaOf(ndis.kernel);
      const left = object === null ? 0 : controller.remaining(object.channel);
      const ended = object !== null && controller.complete(object.channel);
      ndis.memory.u32[_S >> 2] = ended && left === 0 ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
    },
);

/** The adapter is over: channels that its driver left are findings, and go. */
export function releaseSystemDma(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  for (const object of [...channelsOf(ndis)].filter((candidate) => candidate.adapter === adapter)) {
    const text = `${adapter.label} was halted and has DMA channel ${object.channel}; call NdisMDeregisterDmaChannel in MiniportHaltEx`;
    ndis.kernel.report('DMA_NOT_DEREGISTERED', object.driver, text, DEREGISTER_PAGE);
    releaseChannel(ndis, object);
  }
}
