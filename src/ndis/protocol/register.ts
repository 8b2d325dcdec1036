/**
 * Registering and deregistering protocol drivers.
 * Implements nf-ndis-ndisregisterprotocoldriver, nf-ndis-ndisderegisterprotocoldriver and
 * nf-ndis-ndisreenumerateprotocolbindings.
 */

import {
  type Context,
  type Driver,
  declareFunction,
  driverLifeOf,
  type Handle,
  type OutPointer,
  type Pointer,
  poolOf,
  procedure,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { createEvent, freeEvent, NDIS_POOL_TAG, waitFor } from '../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_PROTOCOL_DRIVER_CHARACTERISTICS } from '../generated/structures/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import { judgeSetOptions } from '../optionalHandlers/judge.ts';
import { freeOptionalHandlers } from '../optionalHandlers/optionalHandlers.ts';
import { queueBindings, queueOperation, waitForOperations } from '../stack/queue.ts';
import { onStackThread } from '../stack/threads.ts';
import type { NDIS_STATUS } from '../status.ts';
import { announceBinds, bindFirst } from './bindsComplete.ts';
import { readProtocolCharacteristics } from './characteristics.ts';
import { ProtocolDriver } from './protocolDriver.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndisregisterprotocoldriver';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndisderegisterprotocoldriver';

interface RegisterLocals {
  readonly driver: number;
  readonly context: Address;
  readonly characteristics: Address;
  readonly handleAt: Address;
  protocol: Address;
}

const registerProtocol = procedure<NdisLibrary, RegisterLocals>('NdisRegisterProtocolDriver', {
  start: (ndis, locals, step) => {
    const driver = ndis.kernel.drivers[locals.driver];
    const read = readProtocolCharacteristics(ndis, driver, locals.characteristics);
    if (typeof read === 'number') return step.done(read);
    if (locals.handleAt === 0) return step.done(NDIS_STATUS_FAILURE);
    const protocol = new ProtocolDriver(
      driver,
      read.name,
      read.minorVersion,
      ndis.contextValue(locals.context),
    );
    protocol.handlers = read.handlers;
    protocol.copy = copyOf(ndis, locals.characteristics);
    if (protocol.copy === 0) return step.done(NDIS_STATUS_RESOURCES);
    admitProtocol(ndis, protocol, locals.handleAt, 'NdisDeregisterProtocolDriver');
    locals.protocol = protocol.handle;
    protocol.closing = true;
    if (read.handlers.setOptions === null) return step.go('optionsSet', NDIS_STATUS_SUCCESS);
    protocol.settingOptions = true;
    return step.call('optionsSet', read.handlers.setOptions, protocol.handle, protocol.context);
  },
  optionsSet: (ndis, locals, step, result) => {
    const protocol = ndis.resolve(locals.protocol, ProtocolDriver);
    if (protocol === null) return step.done(NDIS_STATUS_FAILURE);
    protocol.settingOptions = false;
    if (result !== NDIS_STATUS_SUCCESS) {
      const status = judgeSetOptions(ndis, protocol.driver, 'ProtocolSetOptions', result);
      forgetProtocol(ndis, protocol);
      return step.done(status);
    }
    driverLifeOf(ndis.kernel).noteRegistration(protocol.driver, 'NdisRegisterProtocolDriver');
    protocol.closing = false;
    const first = bindFirst(ndis, protocol, ndis.options.bindInsideRegistration === true);
    if (first === null) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('bound', announceBinds, ndis, first);
  },
  bound: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/** A copy of the characteristics at `address` in non-paged pool, 0 when memory is short. */
function copyOf(ndis: NdisLibrary, address: Address): Address {
  const { size } = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS;
  const copy = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (copy === 0) return 0;
  const given = Math.min(size, ndis.memory.u16[(address + 2) >> 1]);
  ndis.memory.u8.copyWithin(copy, address, address + given);
  return copy;
}

function ownKey(protocol: ProtocolDriver): string {
  return `protocol ${protocol.handle}`;
}

/** Gives a protocol its handle, which is written to `handleAt`, and notes that its driver owns it. */
export function admitProtocol(
  ndis: NdisLibrary,
  protocol: ProtocolDriver,
  handleAt: Address,
  releasedBy: string,
): void {
  ndis.memory.writePointer(handleAt, ndis.register(protocol));
  inventoryOf(ndis).protocols.add(protocol);
  protocol.driver.own(ownKey(protocol), {
    kind: 'protocol driver',
    name: protocol.name,
    releasedBy,
    release: () => forgetProtocol(ndis, protocol),
  });
}

/** Takes a protocol without bindings out of the library. */
export function forgetProtocol(ndis: NdisLibrary, protocol: ProtocolDriver): void {
  if (protocol.handle === 0) return;
  protocol.closing = true;
  protocol.driver.disown(ownKey(protocol));
  inventoryOf(ndis).protocols.delete(protocol);
  if (protocol.associated !== null) protocol.associated.associated = null;
  freeOptionalHandlers(ndis, protocol);
  freeLibraryMemory(ndis, protocol.copy);
  protocol.copy = 0;
  for (const adapter of inventoryOf(ndis).adapters) {
    const index = adapter.bindRequests.indexOf(protocol);
    if (index >= 0) adapter.bindRequests.splice(index, 1);
  }
  ndis.unregister(protocol);
}

/** Unbinds everything a protocol is bound to and waits. */
export const unbindAll = procedure<NdisLibrary, { readonly protocol: Address }>('NdisUnbindAll', {
  start: (ndis, locals, step) => {
    const protocol = ndis.resolve(locals.protocol, ProtocolDriver);
    if (protocol === null) return step.done(NDIS_STATUS_SUCCESS);
    protocol.closing = true;
    const events: Address[] = [];
    // One after the other: a binding that is being made is unbound after it was made.
    const adapters = new Set([...protocol.bindings].map((binding) => binding.adapter));
    for (const adapter of inventoryOf(ndis).adapters) if (adapter.working) adapters.add(adapter);
    for (const adapter of adapters) {
      const event = createEvent(ndis.kernel);
      queueOperation(ndis, adapter, { kind: 'unbindProtocol', protocol: locals.protocol, event });
      events.push(event);
    }
    return step.run('over', waitForOperations, ndis, { events, index: 0 });
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

const deregisterProtocol = procedure<NdisLibrary, { readonly protocol: Address }>(
  'NdisDeregisterProtocolDriver',
  {
    start: (ndis, locals, step) => step.run('unbound', unbindAll, ndis, { protocol: locals.protocol }),
    unbound: (ndis, locals, step) => {
      const protocol = ndis.resolve(locals.protocol, ProtocolDriver);
      if (protocol === null || !protocol.announcingBinds) return step.go('announced');
      // NetEventBindsComplete is with the driver: it must not be unloaded under it.
      protocol.announcedEvent = createEvent(ndis.kernel);
      return step.wait('announced', waitFor(protocol.announcedEvent, 'NetEventBindsComplete'));
    },
    announced: (ndis, locals, step) => {
      const protocol = ndis.resolve(locals.protocol, ProtocolDriver);
      if (protocol === null) return step.done(NDIS_STATUS_SUCCESS);
      freeEvent(ndis.kernel, protocol.announcedEvent);
      protocol.announcedEvent = 0;
      forgetProtocol(ndis, protocol);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** Uninstalls a protocol as a user would: unbinds it everywhere, then calls ProtocolUninstall. */
export const uninstallProtocol = procedure<NdisLibrary, { readonly protocol: Address }>(
  'NdisUninstallProtocol',
  {
    start: (ndis, locals, step) => step.run('unbound', unbindAll, ndis, { protocol: locals.protocol }),
    unbound: (ndis, locals, step) => {
      const uninstall = ndis.resolve(locals.protocol, ProtocolDriver)?.handlers?.uninstall;
      if (uninstall === null || uninstall === undefined) return step.done(NDIS_STATUS_SUCCESS);
      return step.call('over', uninstall);
    },
    over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
  },
);

/**
 * NdisRegisterProtocolDriver: registers the entry points of a protocol driver. The characteristics are copied; the
 * handle is written before ProtocolSetOptions and any bind run. Binding begins right after the call, or inside it
 * where the machine was built with `bindInsideRegistration`. IRQL PASSIVE_LEVEL; may wait.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BAD_VERSION, NDIS_STATUS_BAD_CHARACTERISTICS (the trace says which member),
 * NDIS_STATUS_RESOURCES, NDIS_STATUS_FAILURE, or what ProtocolSetOptions failed with.
 * Source: ndis/nf-ndis-ndisregisterprotocoldriver.
 */
export const NdisRegisterProtocolDriver = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisRegisterProtocolDriver(NDIS_HANDLE ProtocolDriverContext, PNDIS_PROTOCOL_DRIVER_CHARACTERISTICS ProtocolCharacteristics, PNDIS_HANDLE NdisProtocolHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: REGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      ProtocolDriverContext: Context,
      ProtocolCharacteristics: Pointer<NDIS_PROTOCOL_DRIVER_CHARACTERISTICS>,
      NdisProtocolHandle: OutPointer,
    ): Promise<NDIS_STATUS> =>
      ndis.kernel.scheduler.execute(registerProtocol, ndis, {
        driver: driver.id - 1,
        context: ProtocolDriverContext,
        characteristics: ProtocolCharacteristics,
        handleAt: NdisProtocolHandle,
        protocol: 0,
      }),
});

/**
 * NdisDeregisterProtocolDriver: unbinds what is bound, waits for it, and forgets the protocol. From Unload or from a
 * DriverEntry that fails; from any callback of NDIS it is the finding DEREGISTER_IN_CALLBACK. IRQL PASSIVE_LEVEL; waits.
 * Source: ndis/nf-ndis-ndisderegisterprotocoldriver.
 */
export const NdisDeregisterProtocolDriver = declareFunction('ndis', {
  prototype: 'VOID NdisDeregisterProtocolDriver(NDIS_HANDLE NdisProtocolHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: DEREGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    async (NdisProtocolHandle: Handle): Promise<void> => {
      const call = 'NdisDeregisterProtocolDriver';
      const protocol = ndis.expect(NdisProtocolHandle, ProtocolDriver, driver, call, DEREGISTER_PAGE);
      if (protocol === null) return;
      if (onStackThread(ndis)) {
        reportInCallback(ndis, driver);
        protocol.closing = true;
        // Done when the function of the driver that called this has returned: nobody waits for himself.
        ndis.kernel.scheduler.createThread('NDIS deregister', deregisterProtocol, ndis, {
          protocol: protocol.handle,
        });
        return;
      }
      await ndis.kernel.scheduler.execute(deregisterProtocol, ndis, { protocol: protocol.handle });
    },
});

function reportInCallback(ndis: NdisLibrary, driver: Driver): void {
  ndis.kernel.report(
    'DEREGISTER_IN_CALLBACK',
    driver,
    'NdisDeregisterProtocolDriver was called from a function that NDIS called, where it would wait for itself; call it from Unload; it is done later',
    DEREGISTER_PAGE,
  );
}

/**
 * NdisReEnumerateProtocolBindings: asks NDIS to call ProtocolBindAdapterEx for every adapter that the protocol should be
 * bound to and is not. The binds may come later. IRQL PASSIVE_LEVEL.
 * Source: ndis/nf-ndis-ndisreenumerateprotocolbindings.
 */
export const NdisReEnumerateProtocolBindings = declareFunction('ndis', {
  prototype: 'VOID NdisReEnumerateProtocolBindings(NDIS_HANDLE NdisProtocolHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisreenumerateprotocolbindings',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisProtocolHandle: Handle): void => {
      const page = 'ndis/nf-ndis-ndisreenumerateprotocolbindings';
      const protocol = ndis.expect(
        NdisProtocolHandle,
        ProtocolDriver,
        driver,
        'NdisReEnumerateProtocolBindings',
        page,
      );
      if (protocol !== null) queueBindings(ndis, protocol, inventoryOf(ndis).adapters, false);
    },
});
