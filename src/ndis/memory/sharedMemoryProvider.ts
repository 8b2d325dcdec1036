/**
 * Providers of shared memory: drivers that take the place of NDIS in NdisAllocateSharedMemory for an adapter.
 * Implements nc-ndis-allocate_shared_memory_handler, nc-ndis-free_shared_memory_handler and
 * ns-ndis-_ndis_shared_memory_provider_characteristics.
 */

import { type Driver, type DriverCallback, declareCallback, type Handle } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import {
  type NDIS_SHARED_MEMORY_PARAMETERS,
  NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
} from '../generated/structures/index.ts';
import { type NdisLibrary, type NdisObject, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import type { NDIS_STATUS } from '../status.ts';

/** NetAllocateSharedMemory: allocates memory as the parameters ask and gives a handle for it. */
export type ALLOCATE_SHARED_MEMORY_HANDLER = (
  ProviderContext: unknown,
  SharedMemoryParameters: NDIS_SHARED_MEMORY_PARAMETERS,
  pSharedMemoryProviderContext: Address,
) => NDIS_STATUS;
export const ALLOCATE_SHARED_MEMORY_HANDLER = declareCallback<ALLOCATE_SHARED_MEMORY_HANDLER>({
  prototype:
    'NDIS_STATUS ALLOCATE_SHARED_MEMORY_HANDLER(NDIS_HANDLE ProviderContext, ' +
    'PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters, PNDIS_HANDLE pSharedMemoryProviderContext)',
  role: 'NetAllocateSharedMemory',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.20',
  page: 'ndis/nc-ndis-allocate_shared_memory_handler',
});

/** NetFreeSharedMemory: frees memory by the handle that NetAllocateSharedMemory gave. */
export type FREE_SHARED_MEMORY_HANDLER = (
  ProviderContext: unknown,
  SharedMemoryProviderContext: unknown,
) => void;
export const FREE_SHARED_MEMORY_HANDLER = declareCallback<FREE_SHARED_MEMORY_HANDLER>({
  prototype:
    'VOID FREE_SHARED_MEMORY_HANDLER(NDIS_HANDLE ProviderContext, NDIS_HANDLE SharedMemoryProviderContext)',
  role: 'NetFreeSharedMemory',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.20',
  page: 'ndis/nc-ndis-free_shared_memory_handler',
});

/** A driver that allocates shared memory for others. */
export interface SharedMemoryProvider {
  /** By whose handle it was registered: a miniport driver, a protocol driver or a binding. */
  readonly owner: NdisObject;
  readonly driver: Driver;
  readonly context: unknown;
  readonly allocate: DriverCallback<ALLOCATE_SHARED_MEMORY_HANDLER>;
  readonly free: DriverCallback<FREE_SHARED_MEMORY_HANDLER>;
  /** True while `allocate` runs: what it asks for itself comes from NDIS. */
  active: boolean;
}

const providersOf = perNdis('sharedMemoryProviders', () => new WeakMap<NdisObject, SharedMemoryProvider>());

/**
 * Registers the provider that the structure at `address` describes, in place of an earlier one of the same owner.
 * Both entry points are required.
 */
export function setSharedMemoryProvider(
  ndis: NdisLibrary,
  driver: Driver,
  owner: NdisObject,
  address: Address,
): NDIS_STATUS {
  const view = NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS.at(ndis.memory, address);
  const allocate = driver.callback(view.AllocateSharedMemoryHandler, ALLOCATE_SHARED_MEMORY_HANDLER);
  const free = driver.callback(view.FreeSharedMemoryHandler, FREE_SHARED_MEMORY_HANDLER);
  if (allocate === null || free === null) {
    const missing = allocate === null ? 'AllocateSharedMemoryHandler' : 'FreeSharedMemoryHandler';
    ndis.kernel.note('NdisSetOptionalHandlers', `${driver.name}: required but missing: ${missing}`);
    return NDIS_STATUS_FAILURE;
  }
  const context = ndis.contextValue(view.ProviderContext);
  providersOf(ndis).set(owner, { owner, driver, context, allocate, free, active: false });
  return NDIS_STATUS_SUCCESS;
}

/**
 * The provider for who asks with the handle of `object`, or null for NDIS itself. Of an adapter and its bindings it is
 * that of a binding to the adapter, else of a protocol bound to it, else of the miniport driver.
 */
export function sharedMemoryProviderOf(ndis: NdisLibrary, object: NdisObject): SharedMemoryProvider | null {
  const providers = providersOf(ndis);
  const adapter =
    object instanceof Binding ? object.adapter : object instanceof MiniportAdapter ? object : null;
  const owners: readonly NdisObject[] =
    adapter === null
      ? [object]
      : [...adapter.bindings, ...adapter.bindings.map(({ protocol }) => protocol), adapter.miniport];
  for (const owner of owners) {
    const provider = providers.get(owner);
    if (provider !== undefined && owner.handle !== 0) return provider.active ? null : provider;
  }
  return null;
}

/** Asks a provider for memory. `context` is its handle for the memory, which counts only with success. */
export function allocateFrom(
  ndis: NdisLibrary,
  provider: SharedMemoryProvider,
  parameters: NDIS_SHARED_MEMORY_PARAMETERS,
): { readonly status: NDIS_STATUS; readonly context: Handle } {
  const cell = allocateCertain(ndis.kernel, 16);
  ndis.memory.writePointer(cell, 0);
  provider.active = true;
  try {
    const status = provider.allocate.invoke(provider.context, parameters, cell);
    return { status, context: ndis.memory.readPointer(cell) };
  } finally {
    provider.active = false;
    freeCertain(ndis.kernel, cell);
  }
}

/** Gives memory back to its provider; where the provider is gone, its driver has freed the memory or leaks it. */
export function freeTo(ndis: NdisLibrary, provider: SharedMemoryProvider, context: Handle): void {
  if (provider.owner.handle !== 0) {
    provider.free.invoke(provider.context, ndis.contextValue(context));
    return;
  }
  ndis.kernel.note(
    'NdisFreeSharedMemory',
    `the provider ${provider.driver.name} is gone; its memory is not given back`,
  );
}
