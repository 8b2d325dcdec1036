/**
 * Intermediate drivers for NDIS 5: a miniport edge that is registered and not initialized until the protocol edge has
 * opened the adapter below and asks for it.
 * Implements nf-ndis-ndisimregisterlayeredminiport, nf-ndis-ndisimderegisterlayeredminiport,
 * nf-ndis-ndisimgetdevicecontext and nf-ndis-ndisimnotifypnpevent.
 */

import {
  declareFunction,
  type Handle,
  type OutPointer,
  type Pointer,
  procedure,
  type TextPointer,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  NET_PNP_EVENT_NOTIFICATION_REVISION_1,
} from '../../generated/constants/index.ts';
import {
  type NDIS_MINIPORT_CHARACTERISTICS,
  NET_PNP_EVENT,
  NET_PNP_EVENT_NOTIFICATION,
} from '../../generated/structures/index.ts';
import { NdisIMInitializeDeviceInstanceEx } from '../../intermediate/intermediate.ts';
import type { NdisLibrary } from '../../library.ts';
import { allocateStructure, freeLibraryMemory } from '../../libraryMemory.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { MiniportDriver } from '../../miniport/miniportDriver.ts';
import { forgetMiniport, haltAll } from '../../miniport/register.ts';
import { NdisMNetPnPEvent } from '../../pnp/miniportEvent.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyDriversOf, registrationStatusOf } from '../miniport/legacyDriver.ts';
import { registerLegacy } from '../miniport/register.ts';

const REGISTER_PAGE = 'ndis/nf-ndis-ndisimregisterlayeredminiport';
const DEREGISTER_PAGE = 'ndis/nf-ndis-ndisimderegisterlayeredminiport';
const CONTEXT_PAGE = 'ndis/nf-ndis-ndisimgetdevicecontext';
const NOTIFY_PAGE = 'ndis/nf-ndis-ndisimnotifypnpevent';

/**
 * NdisIMRegisterLayeredMiniport: registers the miniport edge of an intermediate driver for NDIS 4.0, 5.0 or 5.1. Nothing
 * is initialized: NdisIMInitializeDeviceInstance(Ex) does that. DriverEntry has to return the value of this call.
 * IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS and the driver's handle; NDIS_STATUS_BAD_VERSION, NDIS_STATUS_BAD_CHARACTERISTICS,
 * NDIS_STATUS_FAILURE for a wrong wrapper and a driver that is registered (findings).
 * Source: ndis/nf-ndis-ndisimregisterlayeredminiport.
 */
export const NdisIMRegisterLayeredMiniport = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisIMRegisterLayeredMiniport(NDIS_HANDLE NdisWrapperHandle, PNDIS_MINIPORT_CHARACTERISTICS MiniportCharacteristics, UINT CharacteristicsLength, PNDIS_HANDLE DriverHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '4.0',
  page: REGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      NdisWrapperHandle: Handle,
      MiniportCharacteristics: Pointer<NDIS_MINIPORT_CHARACTERISTICS>,
      CharacteristicsLength: number,
      DriverHandle: OutPointer,
    ): NDIS_STATUS => {
      const call = 'NdisIMRegisterLayeredMiniport';
      const miniport = registerLegacy(
        ndis,
        driver,
        call,
        REGISTER_PAGE,
        NdisWrapperHandle,
        MiniportCharacteristics,
        CharacteristicsLength,
        true,
      );
      const status = typeof miniport === 'number' ? miniport : NDIS_STATUS_SUCCESS;
      registrationStatusOf(ndis).set(driver, { call, status });
      ndis.memory.writePointer(DriverHandle, typeof miniport === 'number' ? 0 : miniport.handle);
      return status as NDIS_STATUS;
    },
});

const deregisterLayered = procedure<NdisLibrary, { readonly miniport: Address }>(
  'NdisIMDeregisterLayeredMiniport',
  {
    start: (ndis, locals, step) => step.run('halted', haltAll, ndis, { miniport: locals.miniport }),
    halted: (ndis, locals, step) => {
      const miniport = ndis.resolve(locals.miniport, MiniportDriver);
      if (miniport !== null) {
        const legacy = legacyDriversOf(ndis).get(miniport);
        if (legacy !== undefined) legacy.wrapper.miniport = null;
        registrationStatusOf(ndis).delete(miniport.driver);
        forgetMiniport(ndis, miniport);
      }
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/**
 * NdisIMDeregisterLayeredMiniport: forgets the miniport edge; from the unload handler, or a DriverEntry that fails after
 * it registered. Virtual miniports that are left are halted. IRQL PASSIVE_LEVEL; waits. A handle that is no
 * intermediate driver's is the finding BAD_HANDLE or NOT_INTERMEDIATE.
 * Source: ndis/nf-ndis-ndisimderegisterlayeredminiport.
 */
export const NdisIMDeregisterLayeredMiniport = declareFunction('ndis', {
  prototype: 'VOID NdisIMDeregisterLayeredMiniport(NDIS_HANDLE DriverHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: DEREGISTER_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    async (DriverHandle: Handle): Promise<void> => {
      const call = 'NdisIMDeregisterLayeredMiniport';
      const miniport = ndis.expect(DriverHandle, MiniportDriver, driver, call, DEREGISTER_PAGE);
      if (miniport === null) return;
      if (!miniport.intermediate) {
        const text = `${call}: ${driver.name} was registered as a miniport driver, not as an intermediate one`;
        ndis.kernel.report('NOT_INTERMEDIATE', driver, text, DEREGISTER_PAGE);
        return;
      }
      await ndis.kernel.scheduler.execute(deregisterLayered, ndis, { miniport: miniport.handle });
    },
});

/**
 * NdisIMGetDeviceContext: the context that the protocol edge gave NdisIMInitializeDeviceInstanceEx, for
 * MiniportInitialize of the virtual miniport; NULL where it gave none. IRQL <= DISPATCH_LEVEL.
 * Source: ndis/nf-ndis-ndisimgetdevicecontext.
 */
export const NdisIMGetDeviceContext = declareFunction('ndis', {
  prototype: 'NDIS_HANDLE NdisIMGetDeviceContext(NDIS_HANDLE MiniportAdapterHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '4.0',
  page: CONTEXT_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle): Address => {
      const call = 'NdisIMGetDeviceContext';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, CONTEXT_PAGE);
      return adapter?.deviceContext ?? 0;
    },
});

/** NdisIMInitializeDeviceInstance: NdisIMInitializeDeviceInstanceEx without a device context. IRQL PASSIVE_LEVEL. */
export const NdisIMInitializeDeviceInstance = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisIMInitializeDeviceInstance(NDIS_HANDLE DriverHandle, PNDIS_STRING DeviceInstance)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '4.0',
  page: 'ndis/nf-ndis-ndisiminitializedeviceinstance',
  inline: true,
  implement: (ndis: NdisLibrary, driver) => {
    const initialize = NdisIMInitializeDeviceInstanceEx.implement(ndis, driver);
    return (DriverHandle: Handle, DeviceInstance: TextPointer): Promise<NDIS_STATUS> =>
      // 0 is the context that says "none".
      initialize(DriverHandle, DeviceInstance, 0 as Parameters<typeof initialize>[2]);
  },
});

/**
 * NdisIMNotifyPnPEvent: passes a Plug and Play event that the protocol edge got on to the protocols above a virtual
 * miniport. IRQL PASSIVE_LEVEL; waits for them.
 * @returns what the protocols answered to a query, NDIS_STATUS_SUCCESS for every other event; NDIS_STATUS_FAILURE for
 * what is no virtual miniport (a finding). Source: ndis/nf-ndis-ndisimnotifypnpevent.
 */
export const NdisIMNotifyPnPEvent = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisIMNotifyPnPEvent(NDIS_HANDLE MiniportHandle, PNET_PNP_EVENT NetPnPEvent)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '5.1',
  page: NOTIFY_PAGE,
  implement: (ndis: NdisLibrary, driver) => {
    const notify = NdisMNetPnPEvent.implement(ndis, driver);
    return async (MiniportHandle: Handle, NetPnPEvent: Pointer<NET_PNP_EVENT>): Promise<NDIS_STATUS> => {
      const call = 'NdisIMNotifyPnPEvent';
      const adapter = ndis.expect(MiniportHandle, MiniportAdapter, driver, call, NOTIFY_PAGE);
      if (adapter === null || !adapter.virtual) return NDIS_STATUS_FAILURE as NDIS_STATUS;
      const notification = allocateStructure(ndis, NET_PNP_EVENT_NOTIFICATION, {
        Header: {
          Type: NDIS_OBJECT_TYPE_DEFAULT,
          Revision: NET_PNP_EVENT_NOTIFICATION_REVISION_1,
          Size: NET_PNP_EVENT_NOTIFICATION.sizeAt('6.0'),
        },
      });
      if (notification === 0) return NDIS_STATUS_FAILURE as NDIS_STATUS;
      const event = notification + NET_PNP_EVENT_NOTIFICATION.offset.NetPnPEvent;
      ndis.memory.u8.copyWithin(event, NetPnPEvent, NetPnPEvent + NET_PNP_EVENT.size);
      // The address of a structure that this function filled.
      const status = await notify(adapter.handle, notification as Pointer<NET_PNP_EVENT_NOTIFICATION>);
      freeLibraryMemory(ndis, notification);
      return (
        status >>> 0 === NDIS_STATUS_SUCCESS ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE
      ) as NDIS_STATUS;
    };
  },
});
