/**
 * What a miniport driver for NDIS 5 does before it registers, and undoes where it cannot: the wrapper.
 * Implements nf-ndis-ndisminitializewrapper, nf-ndis-ndisterminatewrapper and nf-ndis-ndismregisterunloadhandler.
 */

import {
  type CallbackPointer,
  type Context,
  DRIVER_UNLOAD,
  declareFunction,
  type Handle,
  type OutPointer,
  procedure,
} from '../../../kernel/index.ts';
import { NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { forgetMiniport, haltAll } from '../../miniport/register.ts';
import { LegacyWrapper, registrationStatusOf } from './legacyDriver.ts';

const INITIALIZE_PAGE = 'ndis/nf-ndis-ndisminitializewrapper';
const TERMINATE_PAGE = 'ndis/nf-ndis-ndisterminatewrapper';
const UNLOAD_PAGE = 'ndis/nf-ndis-ndismregisterunloadhandler';

/** The wrappers that exist, so that a driver which calls twice is known. */
const wrappersOf = perNdis('wrappers', () => new Set<LegacyWrapper>());

function initializeWrapper(call: string) {
  return (ndis: NdisLibrary, driver: LegacyWrapper['driver']) =>
    (
      NdisWrapperHandle: OutPointer,
      SystemSpecific1: Context,
      _SystemSpecific2: Context,
      _SystemSpecific3: Context,
    ): void => {
      ndis.memory.writePointer(NdisWrapperHandle, 0);
      if (SystemSpecific1 !== driver.driverObject) {
        const text = `${call}: SystemSpecific1 is not the DRIVER_OBJECT that DriverEntry got; there is no wrapper`;
        ndis.kernel.report('BAD_DRIVER_OBJECT', driver, text, INITIALIZE_PAGE);
        return;
      }
      const wrapper = new LegacyWrapper(driver);
      wrappersOf(ndis).add(wrapper);
      ndis.memory.writePointer(NdisWrapperHandle, ndis.register(wrapper));
      driver.own(wrapperKey(wrapper), {
        kind: 'wrapper',
        name: driver.name,
        releasedBy: 'NdisTerminateWrapper',
        release: () => forgetWrapper(ndis, wrapper),
      });
    };
}

/**
 * NdisInitializeWrapper: tells NDIS that a miniport driver is about to register; gives the handle for it.
 * SystemSpecific1 and 2 are what DriverEntry got. NULL at NdisWrapperHandle, and the finding BAD_DRIVER_OBJECT, where
 * they are not. IRQL PASSIVE_LEVEL. Source: ndis/nf-ndis-ndisminitializewrapper.
 */
export const NdisInitializeWrapper = declareFunction('ndis', {
  prototype:
    'VOID NdisInitializeWrapper(PNDIS_HANDLE NdisWrapperHandle, PVOID SystemSpecific1, PVOID SystemSpecific2, PVOID SystemSpecific3)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '4.0',
  page: 'ndis/nf-ndis-ndisinitializewrapper',
  implement: initializeWrapper('NdisInitializeWrapper'),
});

/** NdisMInitializeWrapper: NdisInitializeWrapper, as miniport drivers write it. Source: ndis/nf-ndis-ndisminitializewrapper. */
export const NdisMInitializeWrapper = declareFunction('ndis', {
  prototype: 'VOID NdisMInitializeWrapper(PNDIS_HANDLE _a, PVOID _b, PVOID _c, PVOID _d)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '4.0',
  page: INITIALIZE_PAGE,
  inline: true,
  implement: initializeWrapper('NdisMInitializeWrapper'),
});

function wrapperKey(wrapper: LegacyWrapper): string {
  return `wrapper ${wrapper.handle}`;
}

/** Takes a wrapper out of the library. */
export function forgetWrapper(ndis: NdisLibrary, wrapper: LegacyWrapper): void {
  if (wrapper.handle === 0) return;
  wrapper.driver.disown(wrapperKey(wrapper));
  wrappersOf(ndis).delete(wrapper);
  ndis.unregister(wrapper);
}

/** Whether the driver has a wrapper other than this one. */
export function otherWrapper(ndis: NdisLibrary, wrapper: LegacyWrapper): boolean {
  for (const other of wrappersOf(ndis))
    if (other !== wrapper && other.driver === wrapper.driver && other.miniport !== null) return true;
  return false;
}

/** Halts what a wrapper registered and forgets both. */
const terminateWrapper = procedure<NdisLibrary, { readonly wrapper: Handle }>('NdisTerminateWrapper', {
  start: (ndis, locals, step) => {
    const miniport = ndis.resolve(locals.wrapper, LegacyWrapper)?.miniport ?? null;
    if (miniport === null || miniport.handle === 0) return step.go('over');
    return step.run('over', haltAll, ndis, { miniport: miniport.handle });
  },
  over: (ndis, locals, step) => {
    const wrapper = ndis.resolve(locals.wrapper, LegacyWrapper);
    if (wrapper === null) return step.done(NDIS_STATUS_SUCCESS);
    if (wrapper.miniport !== null) {
      forgetMiniport(ndis, wrapper.miniport);
      registrationStatusOf(ndis).delete(wrapper.driver);
    }
    forgetWrapper(ndis, wrapper);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/**
 * NdisTerminateWrapper: gives back what NdisMInitializeWrapper took; a driver whose registration failed has to call it.
 * What the wrapper registered is halted and forgotten. IRQL PASSIVE_LEVEL; may wait for adapters to halt. A handle that
 * is no wrapper is the finding BAD_HANDLE. Source: ndis/nf-ndis-ndisterminatewrapper.
 */
export const NdisTerminateWrapper = declareFunction('ndis', {
  prototype: 'VOID NdisTerminateWrapper(NDIS_HANDLE NdisWrapperHandle, PVOID SystemSpecific)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: TERMINATE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    async (NdisWrapperHandle: Handle, _SystemSpecific: Context): Promise<void> => {
      const call = 'NdisTerminateWrapper';
      const wrapper = ndis.expect(NdisWrapperHandle, LegacyWrapper, driver, call, TERMINATE_PAGE);
      if (wrapper === null) return;
      await ndis.kernel.scheduler.execute(terminateWrapper, ndis, { wrapper: wrapper.handle });
    },
});

/**
 * NdisMRegisterUnloadHandler: names the driver's Unload, which runs after its adapters were halted. From DriverEntry.
 * IRQL PASSIVE_LEVEL. Source: ndis/nf-ndis-ndismregisterunloadhandler.
 */
export const NdisMRegisterUnloadHandler = declareFunction('ndis', {
  prototype: 'VOID NdisMRegisterUnloadHandler(NDIS_HANDLE NdisWrapperHandle, PDRIVER_UNLOAD UnloadHandler)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '5.0',
  page: UNLOAD_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisWrapperHandle: Handle, UnloadHandler: CallbackPointer<DRIVER_UNLOAD>): void => {
      const call = 'NdisMRegisterUnloadHandler';
      const wrapper = ndis.expect(NdisWrapperHandle, LegacyWrapper, driver, call, UNLOAD_PAGE);
      if (wrapper !== null) wrapper.unload = driver.callback(UnloadHandler, DRIVER_UNLOAD);
    },
});
