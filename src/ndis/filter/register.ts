/**
 * Registering and deregistering filter drivers.
 * Implements nf-ndis-ndisfregisterfilterdriver and nf-ndis-ndisfderegisterfilterdriver.
 */

import {
  type Context,
  type DRIVER_OBJECT,
  declareFunction,
  driverLifeOf,
  type Handle,
  type OutPointer,
  type Pointer,
  poolOf,
  procedure,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_FILTER_DRIVER_CHARACTERISTICS } from '../generated/structures/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import { judgeSetOptions } from '../optionalHandlers/judge.ts';
import { freeOptionalHandlers } from '../optionalHandlers/optionalHandlers.ts';
import { waitForOperations } from '../stack/queue.ts';
import { onStackThread } from '../stack/threads.ts';
import type { NDIS_STATUS } from '../status.ts';
import { readFilterCharacteristics } from './characteristics.ts';
import { FilterDriver } from './filterDriver.ts';
import { slotNames } from './order.ts';
import { queueFilterChanges } from './queue.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndisfregisterfilterdriver';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndisfderegisterfilterdriver';

interface RegisterLocals {
  readonly driver: number;
  readonly driverObject: Address;
  readonly context: Address;
  readonly characteristics: Address;
  readonly handleAt: Address;
  filter: Address;
}

const registerFilter = procedure<NdisLibrary, RegisterLocals>('NdisFRegisterFilterDriver', {
  start: (ndis, locals, step) => {
    const driver = ndis.kernel.drivers[locals.driver];
    if (locals.driverObject === 0 || locals.driverObject !== driver.driverObject || locals.handleAt === 0) {
      ndis.kernel.note(
        'NdisFRegisterFilterDriver',
        `${driver.name}: DriverObject is not that of DriverEntry`,
      );
      return step.done(NDIS_STATUS_INVALID_PARAMETER);
    }
    const read = readFilterCharacteristics(ndis, driver, locals.characteristics);
    if (typeof read === 'number') return step.done(read);
    const inventory = inventoryOf(ndis);
    for (const other of inventory.filters) {
      if (other.uniqueName.toLowerCase() !== read.uniqueName.toLowerCase()) continue;
      ndis.kernel.note(
        'NdisFRegisterFilterDriver',
        `${driver.name}: a filter ${read.uniqueName} is registered by ${other.driver.name}`,
      );
      return step.done(NDIS_STATUS_FAILURE);
    }
    const context = ndis.contextValue(locals.context);
    const filter = new FilterDriver(driver, read, read.minorVersion, read.flags, context);
    filter.handlers = read.handlers;
    filter.copy = copyOf(ndis, locals.characteristics);
    if (filter.copy === 0) return step.done(NDIS_STATUS_RESOURCES);
    locals.filter = ndis.register(filter);
    ndis.memory.writePointer(locals.handleAt, filter.handle);
    inventory.filters.add(filter);
    driver.own(ownKey(filter), {
      kind: 'filter driver',
      name: read.name,
      releasedBy: 'NdisFDeregisterFilterDriver',
      release: () => forgetFilter(ndis, filter),
    });
    if (read.handlers.setOptions === null) return step.go('optionsSet', NDIS_STATUS_SUCCESS);
    filter.settingOptions = true;
    return step.call('optionsSet', read.handlers.setOptions, filter.handle, filter.context);
  },
  optionsSet: (ndis, locals, step, result) => {
    const filter = ndis.resolve(locals.filter, FilterDriver);
    if (filter === null) return step.done(NDIS_STATUS_FAILURE);
    filter.settingOptions = false;
    if (result !== NDIS_STATUS_SUCCESS) {
      const status = judgeSetOptions(ndis, filter.driver, 'FilterSetOptions', result);
      forgetFilter(ndis, filter);
      return step.done(status);
    }
    driverLifeOf(ndis.kernel).noteRegistration(filter.driver, 'NdisFRegisterFilterDriver');
    filter.closing = false;
    const wait = ndis.options.bindInsideRegistration === true;
    const events = queueFilterChanges(ndis, inventoryOf(ndis).adapters, wait);
    if (events.length === 0) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('attached', waitForOperations, ndis, { events, index: 0 });
  },
  attached: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/** A copy of the characteristics at `address` in non-paged pool, 0 when memory is short. */
function copyOf(ndis: NdisLibrary, address: Address): Address {
  const { size } = NDIS_FILTER_DRIVER_CHARACTERISTICS;
  const copy = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (copy === 0) return 0;
  const given = Math.min(size, ndis.memory.u16[(address + 2) >> 1]);
  ndis.memory.u8.copyWithin(copy, address, address + given);
  return copy;
}

function ownKey(filter: FilterDriver): string {
  return `filter ${filter.handle}`;
}

/** Takes a filter driver without modules out of the library. */
export function forgetFilter(ndis: NdisLibrary, filter: FilterDriver): void {
  if (filter.handle === 0) return;
  filter.closing = true;
  filter.driver.disown(ownKey(filter));
  const inventory = inventoryOf(ndis);
  inventory.filters.delete(filter);
  for (const { failedFilters } of inventory.adapters) {
    for (const key of failedFilters) if (slotNames(key, filter)) failedFilters.delete(key);
  }
  freeOptionalHandlers(ndis, filter);
  freeLibraryMemory(ndis, filter.copy);
  filter.copy = 0;
  ndis.unregister(filter);
}

/** Detaches every module of a filter driver and waits. */
export const detachAll = procedure<NdisLibrary, { readonly filter: Address }>('NdisDetachAll', {
  start: (ndis, locals, step) => {
    const filter = ndis.resolve(locals.filter, FilterDriver);
    if (filter === null) return step.done(NDIS_STATUS_SUCCESS);
    filter.closing = true;
    // Where something is under way a module may be about to be attached: it is detached after that. A stack that lacks
    // this filter can do without it from now on.
    const adapters = new Set([...filter.modules].map((module) => module.adapter));
    for (const adapter of inventoryOf(ndis).adapters) {
      if (adapter.working || adapter.blockedBy !== null) adapters.add(adapter);
    }
    const events = queueFilterChanges(ndis, adapters, true);
    return step.run('over', waitForOperations, ndis, { events, index: 0 });
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

const deregisterFilter = procedure<NdisLibrary, { readonly filter: Address }>('NdisFDeregisterFilterDriver', {
  start: (ndis, locals, step) => step.run('detached', detachAll, ndis, { filter: locals.filter }),
  detached: (ndis, locals, step) => {
    const filter = ndis.resolve(locals.filter, FilterDriver);
    if (filter !== null) forgetFilter(ndis, filter);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/**
 * NdisFRegisterFilterDriver: registers the FilterXxx functions of a filter driver, from DriverEntry. The characteristics
 * are copied; the handle is written before FilterSetOptions runs, and modules are attached from right after it on,
 * inside the call where the machine was built with `bindInsideRegistration`. IRQL PASSIVE_LEVEL; may wait.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BAD_VERSION, NDIS_STATUS_BAD_CHARACTERISTICS (the trace says which member),
 * NDIS_STATUS_INVALID_PARAMETER for another DriverObject than that of DriverEntry and for a NULL handle pointer,
 * NDIS_STATUS_RESOURCES, NDIS_STATUS_FAILURE where a filter of this UniqueName is registered, or what FilterSetOptions
 * failed with. Source: ndis/nf-ndis-ndisfregisterfilterdriver.
 */
export const NdisFRegisterFilterDriver = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisFRegisterFilterDriver(PDRIVER_OBJECT DriverObject, NDIS_HANDLE FilterDriverContext, PNDIS_FILTER_DRIVER_CHARACTERISTICS FilterDriverCharacteristics, PNDIS_HANDLE NdisFilterDriverHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: REGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      DriverObject: Pointer<DRIVER_OBJECT>,
      FilterDriverContext: Context,
      FilterDriverCharacteristics: Pointer<NDIS_FILTER_DRIVER_CHARACTERISTICS>,
      NdisFilterDriverHandle: OutPointer,
    ): Promise<NDIS_STATUS> =>
      ndis.kernel.scheduler.execute(registerFilter, ndis, {
        driver: driver.id - 1,
        driverObject: DriverObject,
        context: FilterDriverContext,
        characteristics: FilterDriverCharacteristics,
        handleAt: NdisFilterDriverHandle,
        filter: 0,
      }),
});

/**
 * NdisFDeregisterFilterDriver: detaches the modules that are attached, waits for it, and forgets the filter driver. From
 * Unload or from a DriverEntry that fails; from any callback of NDIS it is the finding DEREGISTER_IN_CALLBACK. IRQL
 * PASSIVE_LEVEL; waits. Source: ndis/nf-ndis-ndisfderegisterfilterdriver.
 */
export const NdisFDeregisterFilterDriver = declareFunction('ndis', {
  prototype: 'VOID NdisFDeregisterFilterDriver(NDIS_HANDLE NdisFilterDriverHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: DEREGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    async (NdisFilterDriverHandle: Handle): Promise<void> => {
      const call = 'NdisFDeregisterFilterDriver';
      const filter = ndis.expect(NdisFilterDriverHandle, FilterDriver, driver, call, DEREGISTER_PAGE);
      if (filter === null) return;
      if (!onStackThread(ndis)) {
        await ndis.kernel.scheduler.execute(deregisterFilter, ndis, { filter: filter.handle });
        return;
      }
      ndis.kernel.report(
        'DEREGISTER_IN_CALLBACK',
        driver,
        `${call} was called from a function that NDIS called, where it would wait for itself; call it from Unload; it is done later`,
        DEREGISTER_PAGE,
      );
      filter.closing = true;
      ndis.kernel.scheduler.createThread('NDIS deregister', deregisterFilter, ndis, {
        filter: filter.handle,
      });
    },
});
