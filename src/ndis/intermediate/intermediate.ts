/**
 * Intermediate drivers: a protocol edge below, virtual miniports above.
 * Implements the nf-ndis-ndisim* pages and "Initializing an Intermediate Driver" (network).
 */

import { type Context, declareFunction, type Handle, type TextPointer } from '../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../memory/index.ts';
import { createEvent, signalEvent } from '../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_SUCCESS,
  NdisHaltDeviceInstanceDeInitialized,
} from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { createAdapter } from '../miniport/createAdapter.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { MiniportDriver } from '../miniport/miniportDriver.ts';
import { Binding, ProtocolDriver } from '../protocol/protocolDriver.ts';
import { queueOperation, waitForOperations } from '../stack/queue.ts';
import type { NDIS_STATUS } from '../status.ts';

/**
 * NdisIMAssociateMiniport: tells NDIS that a miniport edge and a protocol edge belong to one intermediate driver, so
 * that the protocol edge is never bound over the driver's own virtual miniports. IRQL PASSIVE_LEVEL.
 * Source: ndis/nf-ndis-ndisimassociateminiport.
 */
export const NdisIMAssociateMiniport = declareFunction('ndis', {
  prototype: 'VOID NdisIMAssociateMiniport(NDIS_HANDLE DriverHandle, NDIS_HANDLE ProtocolHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisimassociateminiport',
  implement:
    (ndis: NdisLibrary, driver) =>
    (DriverHandle: Handle, ProtocolHandle: Handle): void => {
      const page = 'ndis/nf-ndis-ndisimassociateminiport';
      const miniport = ndis.expect(DriverHandle, MiniportDriver, driver, 'NdisIMAssociateMiniport', page);
      const protocol = ndis.expect(ProtocolHandle, ProtocolDriver, driver, 'NdisIMAssociateMiniport', page);
      if (miniport === null || protocol === null) return;
      if (!miniport.intermediate) {
        ndis.kernel.report(
          'NOT_INTERMEDIATE',
          driver,
          'NdisIMAssociateMiniport: the miniport was registered without NDIS_INTERMEDIATE_DRIVER',
          page,
        );
        return;
      }
      miniport.associated = protocol;
      protocol.associated = miniport;
    },
});

/**
 * NdisIMInitializeDeviceInstanceEx: starts a virtual miniport, whose MiniportInitializeEx runs inside the call or
 * later; the seed chooses. Called from ProtocolBindAdapterEx after the underlying adapter is open. IRQL PASSIVE_LEVEL;
 * may wait.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_NOT_ACCEPTED where the instance exists already; NDIS_STATUS_FAILURE for a
 * handle that is no intermediate driver's. Source: ndis/nf-ndis-ndisiminitializedeviceinstanceex.
 */
export const NdisIMInitializeDeviceInstanceEx = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisIMInitializeDeviceInstanceEx(NDIS_HANDLE DriverHandle, PNDIS_STRING DriverInstance, NDIS_HANDLE DeviceContext)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisiminitializedeviceinstanceex',
  implement:
    (ndis: NdisLibrary, driver) =>
    (DriverHandle: Handle, DriverInstance: TextPointer, DeviceContext: Context): Promise<NDIS_STATUS> => {
      const page = 'ndis/nf-ndis-ndisiminitializedeviceinstanceex';
      const miniport = ndis.expect(
        DriverHandle,
        MiniportDriver,
        driver,
        'NdisIMInitializeDeviceInstanceEx',
        page,
      );
      if (miniport === null || !miniport.intermediate) return Promise.resolve(NDIS_STATUS_FAILURE);
      const name = instanceName(readUnicodeString(ndis.memory, DriverInstance));
      const inventory = inventoryOf(ndis);
      if (name === '' || inventory.adaptersByName.has(`\\DEVICE\\${name.toUpperCase()}`)) {
        return Promise.resolve(name === '' ? NDIS_STATUS_FAILURE : NDIS_STATUS_NOT_ACCEPTED);
      }
      const adapter = createAdapter(ndis, miniport, name, name);
      adapter.deviceContext = DeviceContext;
      const inline = ndis.kernel.random.chance(1, 2);
      const event = inline ? createEvent(ndis.kernel) : 0;
      queueOperation(ndis, adapter, { kind: 'initialize', event });
      if (!inline) return Promise.resolve(NDIS_STATUS_SUCCESS);
      return ndis.kernel.scheduler.execute(waitForOperations, ndis, { events: [event], index: 0 });
    },
});

/** The instance name in a DriverInstance such as `\Device\{GUID}`. */
function instanceName(text: string): string {
  return text.replace(/^\\device\\/i, '');
}

/**
 * NdisIMCancelInitializeDeviceInstance: takes back NdisIMInitializeDeviceInstanceEx before MiniportInitializeEx runs.
 * IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE when MiniportInitializeEx was called already or the instance is
 * unknown. Source: ndis/nf-ndis-ndisimcancelinitializedeviceinstance.
 */
export const NdisIMCancelInitializeDeviceInstance = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisIMCancelInitializeDeviceInstance(NDIS_HANDLE DriverHandle, PNDIS_STRING DeviceInstance)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisimcancelinitializedeviceinstance',
  implement:
    (ndis: NdisLibrary, driver) =>
    (DriverHandle: Handle, DeviceInstance: TextPointer): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndisimcancelinitializedeviceinstance';
      const miniport = ndis.expect(
        DriverHandle,
        MiniportDriver,
        driver,
        'NdisIMCancelInitializeDeviceInstance',
        page,
      );
      if (miniport === null) return NDIS_STATUS_FAILURE;
      const name = instanceName(readUnicodeString(ndis.memory, DeviceInstance));
      const inventory = inventoryOf(ndis);
      const adapter = inventory.adaptersByName.get(`\\DEVICE\\${name.toUpperCase()}`);
      if (adapter === undefined || adapter.miniport !== miniport || adapter.state !== 'Halted') {
        return NDIS_STATUS_FAILURE;
      }
      if (!adapter.operations.some((operation) => operation.kind === 'initialize'))
        return NDIS_STATUS_FAILURE;
      // Whoever waits for one of them goes on; the worker finds nothing left and drops the adapter.
      for (const operation of adapter.operations.splice(0)) signalEvent(ndis.kernel, operation.event);
      adapter.halted = true;
      inventory.removeAdapter(adapter);
      return NDIS_STATUS_SUCCESS;
    },
});

/**
 * NdisIMDeInitializeDeviceInstance: takes a virtual miniport down: the protocols above are unbound, then MiniportHaltEx
 * runs; the call returns when that is over. IRQL PASSIVE_LEVEL; waits.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_FAILURE for a handle that is no adapter.
 * Source: ndis/nf-ndis-ndisimdeinitializedeviceinstance.
 */
export const NdisIMDeInitializeDeviceInstance = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisIMDeInitializeDeviceInstance(NDIS_HANDLE NdisMiniportHandle)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisimdeinitializedeviceinstance',
  implement:
    (ndis: NdisLibrary) =>
    (NdisMiniportHandle: Handle): Promise<NDIS_STATUS> => {
      const adapter = ndis.resolve(NdisMiniportHandle, MiniportAdapter);
      if (adapter === null || adapter.halted) return Promise.resolve(NDIS_STATUS_FAILURE);
      const event = createEvent(ndis.kernel);
      queueOperation(ndis, adapter, { kind: 'halt', action: NdisHaltDeviceInstanceDeInitialized, event });
      return ndis.kernel.scheduler.execute(waitForOperations, ndis, { events: [event], index: 0 });
    },
});

/**
 * NdisIMGetBindingContext: the device context that the intermediate driver below gave its virtual miniport; NULL where
 * there is none. IRQL <= APC_LEVEL. Source: ndis/nf-ndis-ndisimgetbindingcontext.
 */
export const NdisIMGetBindingContext = declareFunction('ndis', {
  prototype: 'NDIS_HANDLE NdisIMGetBindingContext(NDIS_HANDLE NdisBindingHandle)',
  irql: '<=APC_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisimgetbindingcontext',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisBindingHandle: Handle): Address => {
      const page = 'ndis/nf-ndis-ndisimgetbindingcontext';
      const binding = ndis.expect(NdisBindingHandle, Binding, driver, 'NdisIMGetBindingContext', page);
      return binding?.adapter.deviceContext ?? 0;
    },
});
