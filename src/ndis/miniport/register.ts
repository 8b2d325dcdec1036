/**
 * Registering and deregistering miniport drivers, and how they are unloaded.
 * Implements nf-ndis-ndismregisterminiportdriver, nf-ndis-ndismderegisterminiportdriver and nc-ndis-miniport_unload.
 */

import {
  type Context,
  DRIVER_OBJECT,
  declareFunction,
  driverLifeOf,
  type Handle,
  type OutPointer,
  type Pointer,
  poolOf,
  procedure,
  type TextPointer,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { missingVcHandlers } from '../condis/register.ts';
import { createEvent, NDIS_POOL_TAG } from '../events.ts';
import {
  NDIS_STATUS_BAD_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisHaltDeviceDisabled,
} from '../generated/constants/index.ts';
import { NDIS_MINIPORT_DRIVER_CHARACTERISTICS } from '../generated/structures/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import { judgeSetOptions } from '../optionalHandlers/judge.ts';
import { freeOptionalHandlers } from '../optionalHandlers/optionalHandlers.ts';
import { uninstallProtocol } from '../protocol/register.ts';
import { queueOperation, waitForOperations } from '../stack/queue.ts';
import type { NDIS_STATUS } from '../status.ts';
import { readMiniportCharacteristics } from './characteristics.ts';
import { MiniportDriver } from './miniportDriver.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndismregisterminiportdriver';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndismderegisterminiportdriver';

interface RegisterLocals {
  readonly driver: number;
  readonly driverObject: Address;
  readonly context: Address;
  readonly characteristics: Address;
  readonly handleAt: Address;
  lacking: readonly string[];
  miniport: Address;
}

const registerMiniport = procedure<NdisLibrary, RegisterLocals>('NdisMRegisterMiniportDriver', {
  start: (ndis, locals, step) => {
    const driver = ndis.kernel.drivers[locals.driver];
    if (locals.driverObject === 0 || locals.driverObject !== driver.driverObject || locals.handleAt === 0) {
      ndis.kernel.note(
        'NdisMRegisterMiniportDriver',
        `${driver.name}: DriverObject is not that of DriverEntry`,
      );
      return step.done(NDIS_STATUS_FAILURE);
    }
    const read = readMiniportCharacteristics(ndis, driver, locals.characteristics);
    if (typeof read === 'number') return step.done(read);
    const miniport = new MiniportDriver(
      driver,
      read.minorVersion,
      read.flags,
      ndis.contextValue(locals.context),
    );
    miniport.handlers = read.handlers;
    locals.lacking = read.lacking;
    miniport.copy = copyOf(ndis, locals.characteristics);
    if (miniport.copy === 0) return step.done(NDIS_STATUS_RESOURCES);
    locals.miniport = ndis.register(miniport);
    ndis.memory.writePointer(locals.handleAt, miniport.handle);
    inventoryOf(ndis).miniports.add(miniport);
    driver.own(ownKey(miniport), {
      kind: 'miniport driver',
      name: driver.name,
      releasedBy: 'NdisMDeregisterMiniportDriver',
      release: () => forgetMiniport(ndis, miniport),
    });
    if (read.handlers.setOptions === null) return step.go('optionsSet', NDIS_STATUS_SUCCESS);
    miniport.settingOptions = true;
    return step.call('optionsSet', read.handlers.setOptions, miniport.handle, miniport.context);
  },
  optionsSet: (ndis, locals, step, result) => {
    const miniport = ndis.resolve(locals.miniport, MiniportDriver);
    if (miniport === null) return step.done(NDIS_STATUS_FAILURE);
    miniport.settingOptions = false;
    if (result !== NDIS_STATUS_SUCCESS) {
      const status = judgeSetOptions(ndis, miniport.driver, 'MiniportSetOptions', result);
      forgetMiniport(ndis, miniport);
      return step.done(status);
    }
    const lacking = miniport.connections === null ? locals.lacking : missingVcHandlers(miniport);
    if (lacking.length > 0) {
      const text = `${miniport.driver.name}: required but missing: ${lacking.join(', ')}`;
      ndis.kernel.note('NdisMRegisterMiniportDriver', text);
      forgetMiniport(ndis, miniport);
      return step.done(NDIS_STATUS_BAD_CHARACTERISTICS);
    }
    driverLifeOf(ndis.kernel).noteRegistration(miniport.driver, 'NdisMRegisterMiniportDriver');
    takeOverUnload(ndis, miniport, locals.driverObject);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** NDIS owns the unload routine of a miniport driver: its adapters are halted first, then MiniportDriverUnload runs. */
function takeOverUnload(ndis: NdisLibrary, miniport: MiniportDriver, driverObject: Address): void {
  const unload = () =>
    ndis.kernel.scheduler.execute(unloadMiniport, ndis, { miniport: miniport.handle, driverObject });
  DRIVER_OBJECT.at(ndis.memory, driverObject).DriverUnload = ndis.memory.callables.addressOf(
    unload,
    miniport.driver,
  );
}

const unloadMiniport = procedure<NdisLibrary, { readonly miniport: Address; readonly driverObject: Address }>(
  'NdisUnloadMiniport',
  {
    start: (ndis, locals, step) => step.run('halted', haltAll, ndis, { miniport: locals.miniport }),
    halted: (ndis, locals, step) => {
      const protocol = ndis.resolve(locals.miniport, MiniportDriver)?.associated;
      if (protocol === null || protocol === undefined) return step.go('unload');
      return step.run('unload', uninstallProtocol, ndis, { protocol: protocol.handle });
    },
    unload: (ndis, locals, step) => {
      const miniport = ndis.resolve(locals.miniport, MiniportDriver);
      const handlers = miniport?.handlers;
      if (miniport === null || handlers === null || handlers === undefined)
        return step.done(NDIS_STATUS_SUCCESS);
      miniport.unloading = true;
      return step.call('over', handlers.unload, locals.driverObject);
    },
    over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
  },
);

/** Halts every adapter of a miniport driver and waits. */
export const haltAll = procedure<NdisLibrary, { readonly miniport: Address }>('NdisHaltAll', {
  start: (ndis, locals, step) => {
    const miniport = ndis.resolve(locals.miniport, MiniportDriver);
    const events: Address[] = [];
    for (const adapter of miniport?.adapters ?? []) {
      const event = createEvent(ndis.kernel);
      queueOperation(ndis, adapter, { kind: 'halt', action: NdisHaltDeviceDisabled, event });
      events.push(event);
    }
    return step.run('over', waitForOperations, ndis, { events, index: 0 });
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/** A copy of the characteristics at `address` in non-paged pool, 0 when memory is short. */
function copyOf(ndis: NdisLibrary, address: Address): Address {
  const { size } = NDIS_MINIPORT_DRIVER_CHARACTERISTICS;
  const copy = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (copy === 0) return 0;
  const given = Math.min(size, ndis.memory.u16[(address + 2) >> 1]);
  ndis.memory.u8.copyWithin(copy, address, address + given);
  return copy;
}

function ownKey(miniport: MiniportDriver): string {
  return `miniport ${miniport.handle}`;
}

/** Takes a miniport driver out of the library. */
export function forgetMiniport(ndis: NdisLibrary, miniport: MiniportDriver): void {
  if (miniport.handle === 0) return;
  miniport.driver.disown(ownKey(miniport));
  inventoryOf(ndis).miniports.delete(miniport);
  if (miniport.associated !== null) miniport.associated.associated = null;
  freeOptionalHandlers(ndis, miniport);
  freeLibraryMemory(ndis, miniport.copy);
  miniport.copy = 0;
  ndis.unregister(miniport);
}

/**
 * NdisMRegisterMiniportDriver: registers the entry points of a miniport driver, or of the upper edge of an intermediate
 * driver with NDIS_INTERMEDIATE_DRIVER. The characteristics are copied; MiniportSetOptions runs inside the call. From
 * here on NDIS owns the unload routine. IRQL PASSIVE_LEVEL; may wait.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_BAD_VERSION (the trace says why),
 * NDIS_STATUS_RESOURCES, NDIS_STATUS_FAILURE, or what MiniportSetOptions failed with.
 * Source: ndis/nf-ndis-ndismregisterminiportdriver.
 */
export const NdisMRegisterMiniportDriver = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath, NDIS_HANDLE MiniportDriverContext, PNDIS_MINIPORT_DRIVER_CHARACTERISTICS MiniportDriverCharacteristics, PNDIS_HANDLE NdisMiniportDriverHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: REGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      DriverObject: Pointer<DRIVER_OBJECT>,
      _RegistryPath: TextPointer,
      MiniportDriverContext: Context,
      MiniportDriverCharacteristics: Pointer<NDIS_MINIPORT_DRIVER_CHARACTERISTICS>,
      NdisMiniportDriverHandle: OutPointer,
    ): Promise<NDIS_STATUS> =>
      ndis.kernel.scheduler.execute(registerMiniport, ndis, {
        driver: driver.id - 1,
        driverObject: DriverObject,
        context: MiniportDriverContext,
        characteristics: MiniportDriverCharacteristics,
        handleAt: NdisMiniportDriverHandle,
        lacking: [],
        miniport: 0,
      }),
});

const deregisterMiniport = procedure<NdisLibrary, { readonly miniport: Address }>(
  'NdisMDeregisterMiniportDriver',
  {
    start: (ndis, locals, step) => step.run('halted', haltAll, ndis, { miniport: locals.miniport }),
    halted: (ndis, locals, step) => {
      const miniport = ndis.resolve(locals.miniport, MiniportDriver);
      if (miniport !== null) forgetMiniport(ndis, miniport);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/**
 * NdisMDeregisterMiniportDriver: forgets a miniport driver. From MiniportDriverUnload, or from a DriverEntry that fails
 * after it registered; at any other time it is the finding DEREGISTER_OUT_OF_TIME. IRQL PASSIVE_LEVEL; waits for its
 * adapters to halt. Source: ndis/nf-ndis-ndismderegisterminiportdriver.
 */
export const NdisMDeregisterMiniportDriver = declareFunction('ndis', {
  prototype: 'VOID NdisMDeregisterMiniportDriver(NDIS_HANDLE NdisMiniportDriverHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: DEREGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    async (NdisMiniportDriverHandle: Handle): Promise<void> => {
      const call = 'NdisMDeregisterMiniportDriver';
      const miniport = ndis.expect(NdisMiniportDriverHandle, MiniportDriver, driver, call, DEREGISTER_PAGE);
      if (miniport === null) return;
      if (!miniport.unloading && driver.state !== 'loading') {
        ndis.kernel.report(
          'DEREGISTER_OUT_OF_TIME',
          driver,
          'NdisMDeregisterMiniportDriver was called outside of MiniportDriverUnload and DriverEntry',
          DEREGISTER_PAGE,
        );
      }
      await ndis.kernel.scheduler.execute(deregisterMiniport, ndis, { miniport: miniport.handle });
    },
});
