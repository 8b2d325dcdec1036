/**
 * Registering a miniport driver for NDIS 4.0 to 5.1, and how it is unloaded. What is registered is a MiniportDriver
 * with translations for handlers, so that the rest of the library treats it as any other.
 * Implements NdisMRegisterMiniport (ddk/ndis.h) and "DriverEntry of NDIS Miniport Drivers".
 */

import {
  DRIVER_OBJECT,
  type Driver,
  declareFunction,
  driverLifeOf,
  type Handle,
  NT_SUCCESS,
  type Pointer,
  procedure,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { createEvent } from '../../events.ts';
import {
  NDIS_INTERMEDIATE_DRIVER,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import type { NDIS_MINIPORT_CHARACTERISTICS } from '../../generated/structures/index.ts';
import { inventoryOf } from '../../inventory.ts';
import type { NdisLibrary } from '../../library.ts';
import { MiniportDriver } from '../../miniport/miniportDriver.ts';
import { forgetMiniport, haltAll } from '../../miniport/register.ts';
import { uninstallProtocol } from '../../protocol/register.ts';
import { queueOperation, waitForOperations } from '../../stack/queue.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { coMiniportEnds } from '../condis/miniportEnds.ts';
import { readLegacyCharacteristics } from './characteristics.ts';
import { legacyEnds } from './ends.ts';
import { LegacyWrapper, legacyDriversOf, registrationStatusOf } from './legacyDriver.ts';
import { forgetWrapper, otherWrapper } from './wrapper.ts';

const PAGE = 'ndis/nf-ndis-ndismregisterminiport';

/** Registers the driver of a wrapper; the MiniportDriver, or the documented error. */
export function registerLegacy(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  page: string,
  wrapperHandle: Handle,
  characteristics: Address,
  length: number,
  intermediate: boolean,
): MiniportDriver | NDIS_STATUS {
  const wrapper = ndis.expect(wrapperHandle, LegacyWrapper, driver, call, page);
  if (wrapper === null) return NDIS_STATUS_FAILURE;
  if (wrapper.driver !== driver || wrapper.miniport !== null || otherWrapper(ndis, wrapper)) {
    const text = `${call}: ${driver.name} is registered already; one driver registers once`;
    ndis.kernel.report('REGISTERED_TWICE', driver, text, page);
    return NDIS_STATUS_FAILURE;
  }
  const read = readLegacyCharacteristics(ndis, driver, call, characteristics, length, intermediate);
  if (typeof read === 'number') return read;
  const miniport = new MiniportDriver(
    driver,
    read.version % 10,
    intermediate ? NDIS_INTERMEDIATE_DRIVER : 0,
    0,
  );
  miniport.majorVersion = Math.trunc(read.version / 10);
  legacyDriversOf(ndis).set(miniport, { wrapper, ...read });
  miniport.handlers = legacyEnds(ndis, miniport);
  const { co } = read.handlers;
  if (co !== null) miniport.connections = { co: coMiniportEnds(ndis, miniport, co), callManager: null };
  wrapper.miniport = miniport;
  ndis.register(miniport);
  inventoryOf(ndis).miniports.add(miniport);
  driver.own(`miniport ${miniport.handle}`, {
    kind: 'miniport driver',
    name: driver.name,
    releasedBy: intermediate ? 'NdisIMDeregisterLayeredMiniport' : 'NdisTerminateWrapper',
    release: () => forgetMiniport(ndis, miniport),
  });
  driverLifeOf(ndis.kernel).noteRegistration(driver, call);
  takeOverUnload(ndis, miniport, wrapper);
  return miniport;
}

/** NDIS owns the unload routine: adapters are halted first, then the handler of NdisMRegisterUnloadHandler runs. */
function takeOverUnload(ndis: NdisLibrary, miniport: MiniportDriver, wrapper: LegacyWrapper): void {
  const { driver } = miniport;
  const unload = () =>
    ndis.kernel.scheduler.execute(unloadLegacy, ndis, { wrapper: wrapper.handle, miniport: miniport.handle });
  DRIVER_OBJECT.at(ndis.memory, driver.driverObject).DriverUnload = ndis.memory.callables.addressOf(
    unload,
    driver,
  );
}

const unloadLegacy = procedure<NdisLibrary, { readonly wrapper: Address; readonly miniport: Address }>(
  'NdisUnloadLegacyMiniport',
  {
    start: (ndis, locals, step) => step.run('halted', haltAll, ndis, { miniport: locals.miniport }),
    halted: (ndis, locals, step) => {
      const protocol = ndis.resolve(locals.miniport, MiniportDriver)?.associated;
      if (protocol === null || protocol === undefined) return step.go('unload');
      return step.run('unload', uninstallProtocol, ndis, { protocol: protocol.handle });
    },
    unload: (ndis, locals, step) => {
      const wrapper = ndis.resolve(locals.wrapper, LegacyWrapper);
      if (wrapper === null || wrapper.unload === null) return step.go('over');
      return step.call('over', wrapper.unload, wrapper.driver.driverObject);
    },
    // A driver for NDIS 5 has nothing to call that would give these back when it is unloaded.
    over: (ndis, locals, step) => {
      const wrapper = ndis.resolve(locals.wrapper, LegacyWrapper);
      const miniport = ndis.resolve(locals.miniport, MiniportDriver);
      if (miniport !== null && !miniport.intermediate) forgetMiniport(ndis, miniport);
      if (wrapper !== null) forgetWrapper(ndis, wrapper);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

interface RegisterLocals {
  readonly driver: number;
  readonly wrapper: Handle;
  readonly characteristics: Address;
  readonly length: number;
}

const registerMiniport = procedure<NdisLibrary, RegisterLocals>('NdisMRegisterMiniport', {
  start: (ndis, locals, step) => {
    const driver = ndis.kernel.drivers[locals.driver];
    const call = 'NdisMRegisterMiniport';
    const { wrapper, characteristics, length } = locals;
    const miniport = registerLegacy(ndis, driver, call, PAGE, wrapper, characteristics, length, false);
    const status = typeof miniport === 'number' ? miniport : NDIS_STATUS_SUCCESS;
    registrationStatusOf(ndis).set(driver, { call, status });
    if (typeof miniport === 'number') return step.done(miniport);
    const events: Address[] = [];
    for (const adapter of inventoryOf(ndis).claimDevices(miniport)) {
      const event = createEvent(ndis.kernel);
      queueOperation(ndis, adapter, { kind: 'initialize', event });
      events.push(event);
    }
    return step.run('initialized', waitForOperations, ndis, { events, index: 0 });
  },
  initialized: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/**
 * NdisMRegisterMiniport: registers a miniport driver for NDIS 4.0, 5.0 or 5.1. The characteristics are copied, so the
 * caller may keep them on its stack. MiniportInitialize of each device that was there before runs inside the call;
 * devices that come later are initialized when they come. DriverEntry has to return the value of this call.
 * IRQL PASSIVE_LEVEL; waits.
 * @returns NDIS_STATUS_SUCCESS, also where a device failed to initialize; NDIS_STATUS_BAD_VERSION,
 * NDIS_STATUS_BAD_CHARACTERISTICS (the trace says why); NDIS_STATUS_FAILURE for a handle that is no wrapper of the
 * driver and for a driver that is registered (findings). Source: ndis/nf-ndis-ndismregisterminiport.
 */
export const NdisMRegisterMiniport = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMRegisterMiniport(NDIS_HANDLE NdisWrapperHandle, PNDIS_MINIPORT_CHARACTERISTICS MiniportCharacteristics, UINT CharacteristicsLength)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisWrapperHandle: Handle,
      MiniportCharacteristics: Pointer<NDIS_MINIPORT_CHARACTERISTICS>,
      CharacteristicsLength: number,
    ): Promise<NDIS_STATUS> =>
      ndis.kernel.scheduler.execute(registerMiniport, ndis, {
        driver: driver.id - 1,
        wrapper: NdisWrapperHandle,
        characteristics: MiniportCharacteristics,
        length: CharacteristicsLength,
      }),
});

/** Judges what a DriverEntry returned by what its registration returned. */
export function attachLegacyEntry(ndis: NdisLibrary): void {
  driverLifeOf(ndis.kernel).hooks.push({
    name: 'ndis 5',
    entryReturned: (driver, returned) => {
      const registration = registrationStatusOf(ndis).get(driver);
      if (registration === undefined || registration.status === returned) return returned;
      const { call, status } = registration;
      ndis.kernel.report(
        'WRONG_ENTRY_STATUS',
        driver,
        `DriverEntry of ${driver.name} returned 0x${returned.toString(16)}, but ${call} returned 0x${status.toString(16)}; return what it returned`,
        PAGE,
      );
      // What did not register cannot stay.
      return NT_SUCCESS(returned) && !NT_SUCCESS(status) ? status : returned;
    },
  });
}
