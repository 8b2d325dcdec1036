/**
 * Memory that a miniport driver and its network interface card share: nonpaged memory whose physical address is its
 * address. Implements "NdisMAllocateSharedMemory", "NdisAllocateSharedMemory" and their kin (ndis.h).
 */

import {
  type Context,
  type Driver,
  type DriverCallback,
  declareCallback,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
  poolOf,
  procedure,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_SHARED_MEMORY_PARAMETERS } from '../generated/structures/index.ts';
import { type NdisLibrary, NdisObject, perNdis } from '../library.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import {
  allocateFrom,
  freeTo,
  type SharedMemoryProvider,
  sharedMemoryProviderOf,
} from './sharedMemoryProvider.ts';

const ALLOCATE_PAGE = 'ndis/nf-ndis-ndismallocatesharedmemory';
const ASYNC_PAGE = 'ndis/nf-ndis-ndismallocatesharedmemoryasyncex';
const FREE_PAGE = 'ndis/nf-ndis-ndismfreesharedmemory';
const PROVIDER_PAGE = 'ndis/nf-ndis-ndisallocatesharedmemory';

/** Pool tag `NDsm`. */
const TAG = 0x6d73444e;
/** Requests of one library that may be under way. */
const PENDING_LIMIT = 1024;

/** Gives a miniport driver the memory it asked for; VirtualAddress is NULL where there was none. */
export type MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE = (
  MiniportAdapterContext: unknown,
  VirtualAddress: Address,
  PhysicalAddress: Address,
  Length: number,
  Context: unknown,
) => void | Promise<void>;
export const MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE = declareCallback<MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE>({
  prototype:
    'VOID MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE(NDIS_HANDLE MiniportAdapterContext, PVOID VirtualAddress, ' +
    'PNDIS_PHYSICAL_ADDRESS PhysicalAddress, ULONG Length, PVOID Context)',
  role: 'MiniportSharedMemoryAllocateComplete',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_allocate_shared_mem_complete',
});

/** What NDIS keeps behind the handle of NdisMRegisterScatterGatherDma, as far as shared memory needs it. */
export class DmaObject extends NdisObject {
  /** MiniportAdapterContext of the adapter. */
  readonly adapterContext: unknown;
  readonly sharedMemoryComplete: DriverCallback<MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE> | null;

  constructor(
    adapterContext: unknown,
    sharedMemoryComplete: DriverCallback<MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE> | null,
  ) {
    super();
    this.adapterContext = adapterContext;
    this.sharedMemoryComplete = sharedMemoryComplete;
  }
}

/** Memory behind the handle of NdisAllocateSharedMemory. */
class SharedMemory extends NdisObject {
  /** The provider that allocated it; null is NDIS. */
  readonly provider: SharedMemoryProvider | null;
  /** The provider's handle for it; its address where NDIS allocated it. */
  readonly context: Address;
  constructor(provider: SharedMemoryProvider | null, context: Address) {
    super();
    this.provider = provider;
    this.context = context;
  }
}

interface Block {
  readonly adapter: Handle;
  readonly length: number;
}

/** The blocks that miniport drivers have, by address. */
class SharedBlocks {
  readonly blocks = new Map<Address, Block>();
  pending = 0;
}
const sharedBlocksOf = perNdis('sharedMemory', () => new SharedBlocks());

function allocate(ndis: NdisLibrary, driver: Driver, adapter: Handle, length: number): Address {
  const address = poolOf(ndis.kernel).allocate(poolType.nonPagedNx, length, TAG, driver.id);
  if (address !== 0) sharedBlocksOf(ndis).blocks.set(address, { adapter, length });
  return address;
}

/** Stores a physical address, whose value is the address itself. */
function storePhysical(ndis: NdisLibrary, at: Address, address: Address): void {
  ndis.memory.u32[at >> 2] = address;
  ndis.memory.u32[(at >> 2) + 1] = 0;
}

/**
 * Allocates memory that the driver and its network interface card share; NULL at VirtualAddress when memory is short.
 * IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndismallocatesharedmemory.
 */
export const NdisMAllocateSharedMemory = declareFunction('ndis', {
  prototype:
    'VOID NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length, BOOLEAN Cached, ' +
    'PVOID * VirtualAddress, PNDIS_PHYSICAL_ADDRESS PhysicalAddress)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: ALLOCATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      Length: number,
      _Cached: boolean,
      VirtualAddress: OutPointer,
      PhysicalAddress: OutPointer,
    ): void => {
      const call = 'NdisMAllocateSharedMemory';
      const adapter = ndis.expect(MiniportAdapterHandle, NdisObject, driver, call, ALLOCATE_PAGE);
      const address = adapter === null ? 0 : allocate(ndis, driver, MiniportAdapterHandle, Length);
      ndis.memory.writePointer(VirtualAddress, address);
      storePhysical(ndis, PhysicalAddress, address);
    },
});

/**
 * Frees shared memory; handle and length must be those it was allocated with, others are a finding.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndismfreesharedmemory.
 */
export const NdisMFreeSharedMemory = declareFunction('ndis', {
  prototype:
    'VOID NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length, BOOLEAN Cached, ' +
    'PVOID VirtualAddress, NDIS_PHYSICAL_ADDRESS PhysicalAddress)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: FREE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      Length: number,
      _Cached: boolean,
      VirtualAddress: Address,
      PhysicalAddress: bigint,
    ): void => {
      const { blocks } = sharedBlocksOf(ndis);
      const block = blocks.get(VirtualAddress);
      const wrong =
        block === undefined
          ? 'is no shared memory'
          : block.length !== Length
            ? `has ${block.length} bytes, not ${Length}`
            : block.adapter !== MiniportAdapterHandle
              ? 'was allocated with another handle'
              : BigInt(PhysicalAddress) !== BigInt(VirtualAddress)
                ? 'has another physical address'
                : null;
      if (wrong !== null) {
        const text = `NdisMFreeSharedMemory: 0x${VirtualAddress.toString(16)} ${wrong}; free it as it was allocated`;
        ndis.kernel.report('SHARED_MEMORY_FREE', driver, text, FREE_PAGE);
        return;
      }
      blocks.delete(VirtualAddress);
      poolOf(ndis.kernel).free(VirtualAddress, TAG);
    },
});

interface Completion {
  readonly dma: Handle;
  readonly length: number;
  readonly context: Address;
  readonly driver: number;
  cell: Address;
}

/** Allocates what was asked for and tells the miniport driver, at PASSIVE_LEVEL in a thread of its own. */
const completeAllocation = procedure<NdisLibrary, Completion>('NdisMAllocateSharedMemoryAsyncEx', {
  start: (ndis, locals, step) => {
    const dma = ndis.resolve(locals.dma, DmaObject);
    if (dma === null || dma.sharedMemoryComplete === null) return step.go('over');
    const driver = ndis.kernel.drivers[locals.driver - 1];
    locals.cell = poolOf(ndis.kernel).allocate(poolType.nonPagedNx, 16, TAG, 0);
    const address = locals.cell === 0 ? 0 : allocate(ndis, driver, locals.dma, locals.length);
    if (locals.cell !== 0) storePhysical(ndis, locals.cell, address);
    const context = ndis.contextValue(locals.context);
    const physical = address === 0 ? 0 : locals.cell;
    const { adapterContext, sharedMemoryComplete } = dma;
    return step.call('over', sharedMemoryComplete, adapterContext, address, physical, locals.length, context);
  },
  over: (ndis, locals, step) => {
    sharedBlocksOf(ndis).pending--;
    if (locals.cell !== 0) poolOf(ndis.kernel).free(locals.cell, TAG);
    return step.done(0);
  },
});

/**
 * Asks for shared memory, which MiniportSharedMemoryAllocateComplete gets later, or NULL when memory is short.
 * @returns NDIS_STATUS_PENDING; NDIS_STATUS_FAILURE for a wrong handle, without such a function, and while
 * 1024 requests are under way.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndismallocatesharedmemoryasyncex.
 */
export const NdisMAllocateSharedMemoryAsyncEx = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMAllocateSharedMemoryAsyncEx(NDIS_HANDLE MiniportDmaHandle, ULONG Length, BOOLEAN Cached, PVOID Context)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: ASYNC_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportDmaHandle: Handle, Length: number, _Cached: boolean, Context: Context): number => {
      const call = 'NdisMAllocateSharedMemoryAsyncEx';
      const dma = ndis.expect(MiniportDmaHandle, DmaObject, driver, call, ASYNC_PAGE);
      const shared = sharedBlocksOf(ndis);
      if (dma === null || dma.sharedMemoryComplete === null || shared.pending >= PENDING_LIMIT) {
        return NDIS_STATUS_FAILURE;
      }
      shared.pending++;
      ndis.kernel.scheduler.createThread(call, completeAllocation, ndis, {
        dma: MiniportDmaHandle,
        length: Length,
        context: Context,
        driver: driver.id,
        cell: 0,
      });
      return NDIS_STATUS_PENDING;
    },
});

const parametersHeader: HeaderRule = {
  structure: 'NDIS_SHARED_MEMORY_PARAMETERS',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    { revision: 1, size: NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1, minorVersion: 20 },
    { revision: 2, size: NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2, minorVersion: 30 },
  ],
  page: PROVIDER_PAGE,
};

/**
 * Allocates shared memory from the provider that a driver registered for the adapter (NdisSetOptionalHandlers), which
 * fills the parameters in; else from NDIS, always in one piece: VirtualAddress gets its address, and SGListBuffer,
 * where it is large enough, one element.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_INVALID_PARAMETER for a wrong header or length 0; NDIS_STATUS_RESOURCES
 * when memory is short; NDIS_STATUS_FAILURE for a wrong handle; or the status with which the provider failed.
 * IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndisallocatesharedmemory.
 */
export const NdisAllocateSharedMemory = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisAllocateSharedMemory(NDIS_HANDLE NdisHandle, ' +
    'PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters, PNDIS_HANDLE pAllocationHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.20',
  page: PROVIDER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisHandle: Handle,
      SharedMemoryParameters: Pointer<NDIS_SHARED_MEMORY_PARAMETERS>,
      pAllocationHandle: OutPointer,
    ): number => {
      const call = 'NdisAllocateSharedMemory';
      const { memory } = ndis;
      memory.writePointer(pAllocationHandle, 0);
      const object = ndis.expect(NdisHandle, NdisObject, driver, call, PROVIDER_PAGE);
      if (object === null) return NDIS_STATUS_FAILURE;
      if (checkHeader(ndis, driver, call, SharedMemoryParameters, parametersHeader) === null) {
        return NDIS_STATUS_INVALID_PARAMETER;
      }
      const given = NDIS_SHARED_MEMORY_PARAMETERS.at(memory, SharedMemoryParameters);
      if (given.Length === 0) return NDIS_STATUS_INVALID_PARAMETER;
      const provider = sharedMemoryProviderOf(ndis, object);
      const { status, context } =
        provider === null ? allocateHere(ndis, driver, given) : allocateFrom(ndis, provider, given);
      if (status === NDIS_STATUS_PENDING) {
        ndis.kernel.note(call, 'NetAllocateSharedMemory returned NDIS_STATUS_PENDING; it has to finish');
        return NDIS_STATUS_FAILURE;
      }
      if (status !== NDIS_STATUS_SUCCESS) return status;
      const handle = ndis.register(new SharedMemory(provider, context));
      given.SharedMemoryHandle = handle;
      memory.writePointer(pAllocationHandle, handle);
      return NDIS_STATUS_SUCCESS;
    },
});

/** Allocates shared memory as NDIS's own provider. */
function allocateHere(ndis: NdisLibrary, driver: Driver, given: NDIS_SHARED_MEMORY_PARAMETERS) {
  const { memory } = ndis;
  const address = poolOf(ndis.kernel).allocate(poolType.nonPagedNx, given.Length, TAG, driver.id);
  if (address === 0) return { status: NDIS_STATUS_RESOURCES, context: 0 };
  given.VirtualAddress = address;
  if (given.SGListBuffer !== 0 && given.SGListBufferLength >= SG_LIST_OF_ONE) {
    const list = given.SGListBuffer;
    memory.u32[list >> 2] = 1;
    storePhysical(ndis, list + 16, address);
    memory.u32[(list + 24) >> 2] = given.Length;
  }
  return { status: NDIS_STATUS_SUCCESS, context: address };
}

/** Bytes of a SCATTER_GATHER_LIST with one element: header of 16, element of 24. */
const SG_LIST_OF_ONE = 40;

/** Frees memory of NdisAllocateSharedMemory, through the provider it came from. IRQL PASSIVE_LEVEL. Page ndis/nf-ndis-ndisfreesharedmemory. */
export const NdisFreeSharedMemory = declareFunction('ndis', {
  prototype: 'VOID NdisFreeSharedMemory(NDIS_HANDLE NdisHandle, NDIS_HANDLE AllocationHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.20',
  page: 'ndis/nf-ndis-ndisfreesharedmemory',
  implement:
    (ndis: NdisLibrary, driver) =>
    (_NdisHandle: Handle, AllocationHandle: Handle): void => {
      const page = 'ndis/nf-ndis-ndisfreesharedmemory';
      const shared = ndis.expect(AllocationHandle, SharedMemory, driver, 'NdisFreeSharedMemory', page);
      if (shared === null) return;
      ndis.unregister(shared);
      if (shared.provider !== null) freeTo(ndis, shared.provider, shared.context);
      else poolOf(ndis.kernel).free(shared.context, TAG);
    },
});
