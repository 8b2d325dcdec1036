/**
 * What else a miniport driver for NDIS 5 has: a device object of its own, shared memory that is allocated later, and a
 * second adapter of a bundle. Implements nf-ndis-ndismregisterdevice, nf-ndis-ndismderegisterdevice,
 * NdisMAllocateSharedMemoryAsync, NdisMPromoteMiniport and NdisMSetMiniportSecondary (ddk/ndis.h).
 */

import {
  type Context,
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
  procedure,
  type TextPointer,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
  NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import { NDIS_DEVICE_OBJECT_ATTRIBUTES, NDIS_MINIPORT_BLOCK } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { allocateStructure, freeLibraryMemory } from '../../libraryMemory.ts';
import { NdisMAllocateSharedMemory } from '../../memory/sharedMemory.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { mdlPages } from '../../netBuffer/mdlFunctions.ts';
import { NdisDeregisterDeviceEx, NdisRegisterDeviceEx } from '../../strings/device.ts';
import { legacyAdaptersOf } from './legacyAdapter.ts';
import { LegacyWrapper } from './legacyDriver.ts';
import { legacyAdapterAt, oldFacts } from './throughBlock.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndismregisterdevice';

/**
 * NdisMRegisterDevice: creates a device object with dispatch routines of its own and a symbolic link. IRQL
 * PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_NOT_SUPPORTED for a handle that NdisMInitializeWrapper did not give (a
 * finding); NDIS_STATUS_RESOURCES, or the status of IoCreateDevice or of the link.
 * Source: ndis/nf-ndis-ndismregisterdevice.
 */
export const NdisMRegisterDevice = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMRegisterDevice(NDIS_HANDLE NdisWrapperHandle, PNDIS_STRING DeviceName, PNDIS_STRING SymbolicName, PDRIVER_DISPATCH[] MajorFunctions, PDEVICE_OBJECT * pDeviceObject, NDIS_HANDLE * NdisDeviceHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '5.0',
  page: REGISTER_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const register = NdisRegisterDeviceEx.implement(ndis, driver);
    return (
      NdisWrapperHandle: Handle,
      DeviceName: TextPointer,
      SymbolicName: TextPointer,
      MajorFunctions: Address,
      pDeviceObject: OutPointer,
      NdisDeviceHandle: OutPointer,
    ): number => {
      const call = 'NdisMRegisterDevice';
      const wrapper = ndis.expect(NdisWrapperHandle, LegacyWrapper, driver, call, REGISTER_PAGE);
      if (wrapper === null) return NDIS_STATUS_NOT_SUPPORTED;
      const attributes = allocateStructure(ndis, NDIS_DEVICE_OBJECT_ATTRIBUTES, {
        Header: {
          Type: NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES,
          Revision: 1,
          Size: NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
        },
      });
      if (attributes === 0) return NDIS_STATUS_RESOURCES;
      const { offset } = NDIS_DEVICE_OBJECT_ATTRIBUTES;
      ndis.memory.writePointer(attributes + offset.DeviceName, DeviceName);
      ndis.memory.writePointer(attributes + offset.SymbolicName, SymbolicName);
      ndis.memory.writePointer(attributes + offset.MajorFunctions, MajorFunctions);
      const status = register(
        NdisWrapperHandle,
        // The address of a structure that this function filled.
        attributes as Pointer<NDIS_DEVICE_OBJECT_ATTRIBUTES>,
        pDeviceObject,
        NdisDeviceHandle,
      );
      freeLibraryMemory(ndis, attributes);
      return status;
    };
  },
});

/** NdisMDeregisterDevice: removes such a device and its link. NDIS_STATUS_SUCCESS. IRQL PASSIVE_LEVEL. Source: ndis/nf-ndis-ndismderegisterdevice. */
export const NdisMDeregisterDevice = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisMDeregisterDevice(NDIS_HANDLE NdisDeviceHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '5.0',
  page: 'ndis/nf-ndis-ndismderegisterdevice',
  implement: (ndis: NdisLibrary, driver) => {
    const deregister = NdisDeregisterDeviceEx.implement(ndis, driver);
    return (NdisDeviceHandle: Handle): number => {
      deregister(NdisDeviceHandle);
      return NDIS_STATUS_SUCCESS;
    };
  },
});

interface AllocationLocals {
  readonly adapter: Address;
  readonly handle: Handle;
  readonly length: number;
  readonly context: Address;
}

/** Allocates what was asked for and calls MiniportAllocateComplete. */
const completeAllocation = procedure<NdisLibrary, AllocationLocals>('NdisMAllocateSharedMemoryAsync', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const legacy = adapter === null ? undefined : legacyAdaptersOf(ndis).get(adapter);
    const complete = legacy?.handlers.allocateComplete;
    if (legacy === undefined || complete === null || complete === undefined) return step.done(0);
    const cells = allocateStructure(ndis, NDIS_MINIPORT_BLOCK, {});
    if (cells !== 0) {
      const allocate = NdisMAllocateSharedMemory.implement(ndis, legacy.driver);
      // Two cells of this block: where the addresses go.
      allocate(locals.handle, locals.length, false, cells as OutPointer, (cells + 8) as OutPointer);
    }
    const address = cells === 0 ? 0 : ndis.memory.readPointer(cells);
    const physical = address === 0 ? 0 : cells + 8;
    const context = ndis.contextValue(locals.context);
    legacy.lock.run(() => {
      complete.invoke(legacy.context, address, physical, locals.length, context);
      freeLibraryMemory(ndis, cells);
    });
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/**
 * NdisMAllocateSharedMemoryAsync: asks for shared memory, which MiniportAllocateComplete gets later, or NULL when
 * memory is short. NdisMFreeSharedMemory gives it back.
 * @returns NDIS_STATUS_PENDING; NDIS_STATUS_FAILURE for a wrong handle (a finding) and a driver without
 * AllocateCompleteHandler. IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismallocatesharedmemoryasync.
 */
export const NdisMAllocateSharedMemoryAsync = declareFunction('ndis', {
  ...oldFacts(
    'NDIS_STATUS NdisMAllocateSharedMemoryAsync(NDIS_HANDLE MiniportAdapterHandle, ULONG Length, BOOLEAN Cached, PVOID Context)',
    'nf',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, Length: number, _Cached: boolean, Context: Context): number => {
      const call = 'NdisMAllocateSharedMemoryAsync';
      const page = 'ndis/nf-ndis-ndismallocatesharedmemoryasync';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, page);
      if (legacy === null || legacy.handlers.allocateComplete === null) return NDIS_STATUS_FAILURE;
      ndis.kernel.scheduler.createThread(call, completeAllocation, ndis, {
        adapter: legacy.adapter.handle,
        handle: MiniportAdapterHandle,
        length: Length,
        context: Context,
      });
      return NDIS_STATUS_PENDING;
    },
});

/** Makes the block of `primary` what PrimaryMiniport of the block of an adapter points to. */
function setPrimary(ndis: NdisLibrary, block: Address, primary: Address): void {
  ndis.memory.writePointer(block + NDIS_MINIPORT_BLOCK.offset.PrimaryMiniport, primary);
}

/**
 * NdisMSetMiniportSecondary: makes an adapter the second one of a bundle whose first is another adapter of a driver for
 * NDIS 5. NDIS notes it in NDIS_MINIPORT_BLOCK.PrimaryMiniport; which adapter carries what is the drivers' affair.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE for a wrong handle (a finding), another medium, and an adapter as
 * its own primary. Source: ndis/nf-ndis-ndismsetminiportsecondary.
 */
export const NdisMSetMiniportSecondary = declareFunction('ndis', {
  ...oldFacts(
    'NDIS_STATUS NdisMSetMiniportSecondary(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE PrimaryMiniportAdapterHandle)',
    'nf',
  ),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, PrimaryMiniportAdapterHandle: Handle): number => {
      const call = 'NdisMSetMiniportSecondary';
      const page = 'ndis/nf-ndis-ndismsetminiportsecondary';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, call, page);
      const primary = legacyAdapterAt(ndis, driver, PrimaryMiniportAdapterHandle, call, page);
      if (legacy === null || primary === null || legacy === primary) return NDIS_STATUS_FAILURE;
      if (legacy.adapter.general?.mediaType !== primary.adapter.general?.mediaType)
        return NDIS_STATUS_FAILURE;
      setPrimary(ndis, legacy.block, primary.block);
      return NDIS_STATUS_SUCCESS;
    },
});

/**
 * NdisMPromoteMiniport: makes the second adapter of a bundle the first, after that one failed: PrimaryMiniport of both
 * blocks points to it. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE for a wrong handle (a finding) and an adapter that is no second one.
 * Source: ndis/nf-ndis-ndismpromoteminiport.
 */
export const NdisMPromoteMiniport = declareFunction('ndis', {
  ...oldFacts('NDIS_STATUS NdisMPromoteMiniport(NDIS_HANDLE MiniportAdapterHandle)', 'nf'),
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle): number => {
      const page = 'ndis/nf-ndis-ndismpromoteminiport';
      const legacy = legacyAdapterAt(ndis, driver, MiniportAdapterHandle, 'NdisMPromoteMiniport', page);
      if (legacy === null) return NDIS_STATUS_FAILURE;
      const { offset } = NDIS_MINIPORT_BLOCK;
      const primary = ndis.memory.readPointer(legacy.block + offset.PrimaryMiniport);
      if (primary === legacy.block) return NDIS_STATUS_FAILURE;
      for (const other of legacyAdaptersOf(ndis).values()) {
        const first = ndis.memory.readPointer(other.block + offset.PrimaryMiniport);
        if (first === primary) setPrimary(ndis, other.block, legacy.block);
      }
      return NDIS_STATUS_SUCCESS;
    },
});

/**
 * NDIS_BUFFER_TO_SPAN_PAGES: the pages that the bytes of a buffer touch, at least one. The headers make a function of
 * ndis of what once was a macro; no page describes it. Any IRQL.
 */
export const NDIS_BUFFER_TO_SPAN_PAGES = declareFunction('ndis', {
  prototype: 'ULONG NDIS_BUFFER_TO_SPAN_PAGES(PNDIS_BUFFER Buffer)',
  irql: 'any',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nf-ndis-ndis_buffer_to_span_pages',
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (Buffer: Address): number => Math.max(1, mdlPages(i32, Buffer));
  },
});
