/**
 * Bus-master DMA of miniport drivers: a channel of an adapter, and lists for the data of net buffers.
 * Implements NdisMRegisterScatterGatherDma, NdisMDeregisterScatterGatherDma, NdisMAllocateNetBufferSGList,
 * NdisMFreeNetBufferSGList, NdisMGetDmaAlignment and MINIPORT_PROCESS_SG_LIST (ndis.h).
 */

import {
  type Context,
  type Driver,
  type DriverCallback,
  declareCallback,
  type Handle,
  initializeDpc,
  insertQueueDpc,
  libraryDpcRoutine,
  type OutPointer,
  type Pointer,
  poolOf,
  removeQueueDpc,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import {
  NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
  NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION,
  NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_SG_DMA_DESCRIPTION } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { DmaObject, MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE } from '../memory/sharedMemory.ts';
import { physicalDeviceOf } from '../miniport/adapterDevices.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { NB_CURRENT_MDL, NB_CURRENT_MDL_OFFSET, NB_DATA_LENGTH } from '../netBuffer/offsets.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { listSize, mapRegistersFor, measureList, writeList } from './scatterGather.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndismregisterscattergatherdma';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndismderegisterscattergatherdma';
const ALLOCATE_PAGE = 'ndis/nf-ndis-ndismallocatenetbuffersglist';
const FREE_PAGE = 'ndis/nf-ndis-ndismfreenetbuffersglist';
const ALIGNMENT_PAGE = 'ndis/nf-ndis-ndismgetdmaalignment';
/** Pool tag `NdSg`. */
const TAG = 0x6753_644e;
const KDPC_SIZE = 64;
/** Lists of one channel that may be out at a time. */
const LIST_LIMIT = 4096;
/** Bytes of a cache line. */
const DMA_ALIGNMENT = 64;

/** MiniportProcessSGList: gets the list of a net buffer, inside NdisMAllocateNetBufferSGList or later. */
export type MINIPORT_PROCESS_SG_LIST = (
  pDO: Address,
  Reserved: Address,
  pSGL: Address,
  Context: unknown,
) => void;
export const MINIPORT_PROCESS_SG_LIST = declareCallback<MINIPORT_PROCESS_SG_LIST>({
  prototype:
    'VOID MINIPORT_PROCESS_SG_LIST(PDEVICE_OBJECT pDO, PVOID Reserved, PSCATTER_GATHER_LIST pSGL, PVOID Context)',
  role: 'MiniportProcessSGList',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_process_sg_list',
});

interface OutstandingList {
  readonly netBuffer: Address;
  /** NDIS allocated it, so NDIS frees it. */
  readonly owned: boolean;
}

interface WaitingList {
  readonly list: Address;
  readonly context: Address;
}

/** What stands behind the handle of NdisMRegisterScatterGatherDma. */
export class ScatterGatherDma extends DmaObject {
  readonly adapter: MiniportAdapter;
  readonly driver: Driver;
  readonly process: DriverCallback<MINIPORT_PROCESS_SG_LIST>;
  /** Pages that one list may have. */
  readonly mapRegisters: number;
  readonly dpc: Address;
  readonly lists = new Map<Address, OutstandingList>();
  /** Lists that the driver gets from a DPC. */
  readonly waiting: WaitingList[] = [];

  constructor(
    adapter: MiniportAdapter,
    driver: Driver,
    process: DriverCallback<MINIPORT_PROCESS_SG_LIST>,
    complete: DmaObject['sharedMemoryComplete'],
    mapRegisters: number,
    dpc: Address,
  ) {
    super(adapter.context, complete);
    this.adapter = adapter;
    this.driver = driver;
    this.process = process;
    this.mapRegisters = mapRegisters;
    this.dpc = dpc;
  }
}

/** The channels of each adapter. */
const channelsOf = perNdis('scatter/gather channels', () => new Map<MiniportAdapter, ScatterGatherDma[]>());

/** The channel of an adapter; null where it registered none. */
export function channelOf(ndis: NdisLibrary, adapter: MiniportAdapter): ScatterGatherDma | null {
  return channelsOf(ndis).get(adapter)?.[0] ?? null;
}

/** Hands over what waits; the context of the KDPC is the handle of the channel. */
const dpcRoutineOf = perNdis('scatter/gather routine', (ndis) =>
  libraryDpcRoutine(ndis.kernel, (_dpc, handle) => {
    const dma = ndis.resolve(handle, ScatterGatherDma);
    if (dma === null) return;
    // What is added meanwhile queues the DPC anew.
    for (const { list, context } of dma.waiting.splice(0)) handOver(ndis, dma, list, context);
  }),
);

function handOver(ndis: NdisLibrary, dma: ScatterGatherDma, list: Address, context: Address): void {
  dma.process.invoke(physicalDeviceOf(ndis, dma.adapter), 0, list, ndis.contextValue(context));
}

const descriptionRule: HeaderRule = {
  structure: 'NDIS_SG_DMA_DESCRIPTION',
  type: NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION,
  revisions: [{ revision: 1, size: NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1, minorVersion: 0 }],
  page: REGISTER_PAGE,
};

/**
 * Registers a scatter/gather channel; ScatterGatherListSize gets the bytes that every list of it fits in.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_NOT_SUPPORTED without NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER;
 * NDIS_STATUS_BAD_VERSION for a wrong header; NDIS_STATUS_RESOURCES when memory is short; NDIS_STATUS_FAILURE for a wrong
 * handle and without a MiniportProcessSGList. IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndismregisterscattergatherdma.
 */
export const NdisMRegisterScatterGatherDma = synchronous(
  'NDIS_STATUS NdisMRegisterScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle, PNDIS_SG_DMA_DESCRIPTION DmaDescription, PNDIS_HANDLE NdisMiniportDmaHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  REGISTER_PAGE,
  (ndis, driver) =>
    (
      MiniportAdapterHandle: Handle,
      DmaDescription: Pointer<NDIS_SG_DMA_DESCRIPTION>,
      NdisMiniportDmaHandle: OutPointer,
    ): number => {
      const call = 'NdisMRegisterScatterGatherDma';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, REGISTER_PAGE);
      if (adapter === null) return NDIS_STATUS_FAILURE;
      if (((adapter.registration?.flags ?? 0) & NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER) === 0)
        return NDIS_STATUS_NOT_SUPPORTED;
      if (checkHeader(ndis, driver, call, DmaDescription, descriptionRule) === null)
        return NDIS_STATUS_BAD_VERSION;
      const { memory } = ndis;
      const given = NDIS_SG_DMA_DESCRIPTION.at(memory, DmaDescription);
      const { offset } = NDIS_SG_DMA_DESCRIPTION;
      const at = (member: 'ProcessSGListHandler' | 'SharedMemAllocateCompleteHandler') =>
        memory.readPointer(DmaDescription + offset[member]);
      const process = driver.callback(at('ProcessSGListHandler'), MINIPORT_PROCESS_SG_LIST);
      if (process === null) return NDIS_STATUS_FAILURE;
      const complete = driver.callback(
        at('SharedMemAllocateCompleteHandler'),
        MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE,
      );
      const mapRegisters = mapRegistersFor(given.MaximumPhysicalMapping);
      const dma = createChannel(ndis, adapter, driver, process, complete, mapRegisters);
      if (dma === null) return NDIS_STATUS_RESOURCES;
      given.ScatterGatherListSize = listSize(mapRegisters);
      memory.writePointer(NdisMiniportDmaHandle, dma.handle);
      return NDIS_STATUS_SUCCESS;
    },
);

function createChannel(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  driver: Driver,
  process: DriverCallback<MINIPORT_PROCESS_SG_LIST>,
  complete: DmaObject['sharedMemoryComplete'],
  mapRegisters: number,
): ScatterGatherDma | null {
  const dpc = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, KDPC_SIZE, TAG, 0);
  if (dpc === 0) return null;
  const dma = new ScatterGatherDma(adapter, driver, process, complete, mapRegisters, dpc);
  const handle = ndis.register(dma);
  initializeDpc(ndis.kernel, dpc, dpcRoutineOf(ndis), handle);
  const all = channelsOf(ndis);
  all.set(adapter, [...(all.get(adapter) ?? []), dma]);
  driver.own(`scatter/gather ${handle}`, {
    kind: 'scatter/gather DMA channel',
    name: `DMA of ${adapter.label}`,
    releasedBy: 'NdisMDeregisterScatterGatherDma',
    release: () => releaseChannel(ndis, dma),
  });
  return dma;
}

function releaseChannel(ndis: NdisLibrary, dma: ScatterGatherDma): void {
  const pool = poolOf(ndis.kernel);
  const all = channelsOf(ndis);
  all.set(
    dma.adapter,
    (all.get(dma.adapter) ?? []).filter((other) => other !== dma),
  );
  removeQueueDpc(ndis.kernel, dma.dpc);
  for (const [list, { owned }] of dma.lists) if (owned) pool.free(list, TAG);
  dma.lists.clear();
  dma.waiting.length = 0;
  dma.driver.disown(`scatter/gather ${dma.handle}`);
  pool.free(dma.dpc, TAG);
  ndis.unregister(dma);
}

/**
 * Deregisters a channel. Lists that are still out are a finding, and go with it. IRQL PASSIVE_LEVEL.
 * Page ndis/nf-ndis-ndismderegisterscattergatherdma.
 */
export const NdisMDeregisterScatterGatherDma = synchronous(
  'VOID NdisMDeregisterScatterGatherDma(NDIS_HANDLE NdisMiniportDmaHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  DEREGISTER_PAGE,
  (ndis, driver) =>
    (NdisMiniportDmaHandle: Handle): void => {
      const call = 'NdisMDeregisterScatterGatherDma';
      const dma = ndis.expect(NdisMiniportDmaHandle, ScatterGatherDma, driver, call, DEREGISTER_PAGE);
      if (dma === null) return;
      if (dma.lists.size > 0) {
        const text = `${call}: ${dma.lists.size} scatter/gather lists of ${dma.adapter.label} are out; free them first`;
        ndis.kernel.report('SG_LISTS_OUT', driver, text, DEREGISTER_PAGE);
      }
      releaseChannel(ndis, dma);
    },
);

/**
 * Makes the list for the data of a net buffer, from the beginning of its current MDL on, and hands it to
 * MiniportProcessSGList: inside the call or from a DPC, as the seed says.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES when memory is short, when the data needs more map registers than
 * MaximumPhysicalMapping reserved, when 4096 lists are out, and for a wrong handle (a finding).
 * IRQL DISPATCH_LEVEL. Page ndis/nf-ndis-ndismallocatenetbuffersglist.
 */
export const NdisMAllocateNetBufferSGList = synchronous(
  'NDIS_STATUS NdisMAllocateNetBufferSGList(NDIS_HANDLE NdisMiniportDmaHandle, PNET_BUFFER NetBuffer, PVOID Context, ULONG Flags, PVOID ScatterGatherListBuffer, ULONG ScatterGatherListBufferSize)',
  'DISPATCH_LEVEL',
  '6.0',
  ALLOCATE_PAGE,
  (ndis, driver) =>
    (
      NdisMiniportDmaHandle: Handle,
      NetBuffer: Address,
      Context: Context,
      _Flags: number,
      ScatterGatherListBuffer: Address,
      ScatterGatherListBufferSize: number,
    ): number => {
      const call = 'NdisMAllocateNetBufferSGList';
      const dma = ndis.expect(NdisMiniportDmaHandle, ScatterGatherDma, driver, call, ALLOCATE_PAGE);
      if (dma === null || dma.lists.size >= LIST_LIMIT) return NDIS_STATUS_RESOURCES;
      const { memory, kernel } = ndis;
      const mdl = memory.readPointer(NetBuffer + NB_CURRENT_MDL);
      const length =
        memory.u32[(NetBuffer + NB_CURRENT_MDL_OFFSET) >> 2] + memory.u32[(NetBuffer + NB_DATA_LENGTH) >> 2];
      const { elements, pages, bytes } = measureList(memory, mdl, 0, length);
      if (pages > dma.mapRegisters || bytes < length) return NDIS_STATUS_RESOURCES;
      const size = listSize(elements);
      const owned = ScatterGatherListBuffer === 0 || ScatterGatherListBufferSize < size;
      const list = owned
        ? poolOf(kernel).allocate(poolType.nonPagedNx, size, TAG, 0)
        : ScatterGatherListBuffer;
      if (list === 0) return NDIS_STATUS_RESOURCES;
      writeList(memory, list, mdl, 0, length);
      dma.lists.set(list, { netBuffer: NetBuffer, owned });
      if (dma.waiting.length === 0 && !kernel.random.chance(1, 8)) handOver(ndis, dma, list, Context);
      else {
        dma.waiting.push({ list, context: Context });
        insertQueueDpc(kernel, dma.dpc);
      }
      return NDIS_STATUS_SUCCESS;
    },
);

/**
 * Frees the list of a net buffer; the device must not use it any more. A list that is not out, or is of another net
 * buffer, is a finding. IRQL DISPATCH_LEVEL. Page ndis/nf-ndis-ndismfreenetbuffersglist.
 */
export const NdisMFreeNetBufferSGList = synchronous(
  'VOID NdisMFreeNetBufferSGList(NDIS_HANDLE NdisMiniportDmaHandle, PSCATTER_GATHER_LIST pSGL, PNET_BUFFER NetBuffer)',
  'DISPATCH_LEVEL',
  '6.0',
  FREE_PAGE,
  (ndis, driver) =>
    (NdisMiniportDmaHandle: Handle, pSGL: Address, NetBuffer: Address): void => {
      const call = 'NdisMFreeNetBufferSGList';
      const dma = ndis.expect(NdisMiniportDmaHandle, ScatterGatherDma, driver, call, FREE_PAGE);
      if (dma === null) return;
      const known = dma.lists.get(pSGL);
      if (known === undefined || known.netBuffer !== NetBuffer) {
        const wrong = known === undefined ? 'is no list that is out' : 'is the list of another net buffer';
        const text = `${call}: 0x${pSGL.toString(16)} ${wrong}; free each list once, with its net buffer`;
        ndis.kernel.report('BAD_SG_LIST', driver, text, FREE_PAGE);
        return;
      }
      dma.lists.delete(pSGL);
      const index = dma.waiting.findIndex(({ list }) => list === pSGL);
      if (index >= 0) dma.waiting.splice(index, 1);
      if (known.owned) poolOf(ndis.kernel).free(pSGL, TAG);
    },
);

/**
 * Alignment that buffers for DMA should have: a cache line of 64 bytes. Before a DMA channel is registered it is a
 * finding. IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndismgetdmaalignment.
 */
export const NdisMGetDmaAlignment = synchronous(
  'ULONG NdisMGetDmaAlignment(NDIS_HANDLE MiniportAdapterHandle)',
  'PASSIVE_LEVEL',
  '6.0',
  ALIGNMENT_PAGE,
  (ndis, driver) =>
    (MiniportAdapterHandle: Handle): number => {
      const call = 'NdisMGetDmaAlignment';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, ALIGNMENT_PAGE);
      if (adapter !== null && channelOf(ndis, adapter) === null && !hasSystemDma(ndis, adapter)) {
        const text = `${call}: ${adapter.label} has no DMA channel; call NdisMRegisterScatterGatherDma first`;
        ndis.kernel.report('NO_DMA_CHANNEL', driver, text, ALIGNMENT_PAGE);
      }
      return DMA_ALIGNMENT;
    },
);

/** Whether an adapter has a channel of the system's controller (systemDma.ts). */
export const systemDmaUsers = perNdis('users of system DMA', () => new Set<MiniportAdapter>());

function hasSystemDma(ndis: NdisLibrary, adapter: MiniportAdapter): boolean {
  return systemDmaUsers(ndis).has(adapter);
}

/** The adapter is over: channels that its driver left are findings, and go. */
export function releaseChannels(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  for (const dma of channelsOf(ndis).get(adapter)?.slice() ?? []) {
    const text = `${adapter.label} was halted and its DMA channel is registered; call NdisMDeregisterScatterGatherDma in MiniportHaltEx`;
    ndis.kernel.report('DMA_NOT_DEREGISTERED', dma.driver, text, DEREGISTER_PAGE);
    releaseChannel(ndis, dma);
  }
  channelsOf(ndis).delete(adapter);
}
