/**
 * Initializing an adapter: MiniportAddDevice where registered, MiniportInitializeEx, then the protocols bind.
 * Implements "Initializing a Miniport Adapter" (network) and nc-ndis-miniport_initialize.
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_MINIPORT_INIT_PARAMETERS_REVISION_1,
  NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS,
  NDIS_SIZEOF_MINIPORT_INIT_PARAMETER_REVISION_1,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventPowerProfileChanged,
  NdisHaltDeviceInitializationFailed,
} from '../generated/constants/index.ts';
import { NDIS_MINIPORT_INIT_PARAMETERS } from '../generated/structures/index.ts';
import { partialResourceListOf } from '../hardware/adapterHardware.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateStructure, freeLibraryMemory } from '../libraryMemory.ts';
import { restoreAddressing } from '../oid/ownRequest.ts';
import { devicePnPEvent, powerProfileOf, sendDevicePnPEvent } from '../pnp/devicePnPEvents.ts';
import { deviceOf, deviceStates } from '../pnp/deviceStates.ts';
import { startDevice } from '../pnp/startDevice.ts';
import { powerHooksOf } from '../power/hooks.ts';
import { reconfigureStack } from '../stack/reconfigure.ts';
import { apply, mayHappen } from '../stateTable.ts';
import { scheduleCheckForHang } from './checkForHang.ts';
import { haltAdapter } from './halt.ts';
import { adapterStates, MiniportAdapter } from './miniportAdapter.ts';

const PAGE = 'ndis/nc-ndis-miniport_initialize';

/** Brings an adapter from Halted to Running. The value is the status of MiniportInitializeEx. */
export const initializeAdapter = procedure<NdisLibrary, { readonly adapter: Address; parameters: Address }>(
  'NdisInitializeAdapter',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null || adapter.state !== 'Halted') return step.done(NDIS_STATUS_FAILURE);
      const { addDevice } = adapter.miniport;
      if (addDevice === null || adapter.deviceAdded) return step.go('initialize', NDIS_STATUS_SUCCESS);
      adapter.addingDevice = true;
      return step.call('initialize', addDevice, adapter.handle, adapter.miniport.context);
    },
    initialize: (ndis, locals, step, result) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const handlers = adapter?.miniport.handlers;
      if (adapter === null || handlers === null || handlers === undefined)
        return step.done(NDIS_STATUS_FAILURE);
      if (adapter.addingDevice) adapter.deviceAdded = result === NDIS_STATUS_SUCCESS;
      adapter.addingDevice = false;
      if (result !== NDIS_STATUS_SUCCESS) return step.go('failed', result);
      // A driver that was halted for a sleeping state is not started anew.
      if (deviceOf(ndis, adapter).state === 'Started') return step.go('deviceStarted', NDIS_STATUS_SUCCESS);
      return step.run('deviceStarted', startDevice, ndis, {
        adapter: locals.adapter,
        irp: 0,
        requirements: 0,
      });
    },
    deviceStarted: (ndis, locals, step, result) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const handlers = adapter?.miniport.handlers;
      if (adapter === null || handlers === null || handlers === undefined)
        return step.done(NDIS_STATUS_FAILURE);
      if (result !== NDIS_STATUS_SUCCESS) return step.go('failed', result);
      locals.parameters = allocateInitParameters(ndis, adapter);
      if (locals.parameters === 0) return step.go('failed', NDIS_STATUS_RESOURCES);
      apply(ndis.kernel, adapterStates, adapter, 'MiniportInitializeEx', adapter.miniport.driver);
      adapter.initializing = true;
      return step.call(
        'returned',
        handlers.initialize,
        adapter.handle,
        adapter.miniport.context,
        locals.parameters,
      );
    },
    returned: (ndis, locals, step, result) => {
      freeLibraryMemory(ndis, locals.parameters);
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const handlers = adapter?.miniport.handlers;
      if (adapter === null || handlers === null || handlers === undefined)
        return step.done(NDIS_STATUS_FAILURE);
      adapter.initializing = false;
      const status = result === NDIS_STATUS_PENDING ? refusePending(ndis, adapter) : result;
      if (status !== NDIS_STATUS_SUCCESS) {
        apply(ndis.kernel, adapterStates, adapter, 'InitializeFailed', adapter.miniport.driver);
        return step.go('failed', status);
      }
      apply(ndis.kernel, adapterStates, adapter, 'InitializeComplete', adapter.miniport.driver);
      adapter.send = handlers.send.invoke;
      adapter.returnLists = handlers.returnLists.invoke;
      if (adapter.registration === null || adapter.general === null) {
        const lacking = adapter.registration === null ? 'registration' : 'general';
        ndis.kernel.report(
          'ATTRIBUTES_MISSING',
          adapter.miniport.driver,
          `MiniportInitializeEx of ${adapter.label} succeeded without its ${lacking} attributes; call NdisMSetMiniportAttributes`,
          PAGE,
        );
        return step.run('halted', haltAdapter, ndis, {
          adapter: locals.adapter,
          action: NdisHaltDeviceInitializationFailed,
        });
      }
      const device = deviceOf(ndis, adapter);
      // After a sleeping state the device was never stopped.
      if (mayHappen(deviceStates, device, 'IRP_MN_START_DEVICE')) {
        apply(ndis.kernel, deviceStates, device, 'IRP_MN_START_DEVICE', null);
      }
      const profile = powerProfileOf(ndis).value;
      const event = devicePnPEvent(adapter, NdisDevicePnPEventPowerProfileChanged, profile);
      return step.run('initialized', sendDevicePnPEvent, ndis, event);
    },
    initialized: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
      // Bindings that outlived the driver's halt for a sleeping state want what they wanted before.
      if (adapter.bindings.length === 0) return step.go('bind', NDIS_STATUS_SUCCESS);
      return step.run('bind', restoreAddressing, ndis, { adapter: locals.adapter });
    },
    bind: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
      scheduleCheckForHang(ndis, adapter);
      powerHooksOf(ndis).started(ndis, adapter);
      const inventory = inventoryOf(ndis);
      for (const protocol of inventory.protocols) {
        if (inventory.shouldBind(protocol, adapter)) adapter.bindRequests.push(protocol);
      }
      return step.run('over', reconfigureStack, ndis, { adapter: locals.adapter });
    },
    failed: (ndis, locals, step, result) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(result);
      ndis.kernel.note('initialize', `${adapter.label} failed with 0x${result.toString(16)}`);
      adapter.startStatus = result;
      return step.run('halted', haltAdapter, ndis, { adapter: locals.adapter, action: 0 });
    },
    halted: (_ndis, _locals, step) => step.done(NDIS_STATUS_FAILURE),
    over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
  },
);

/** NDIS_MINIPORT_INIT_PARAMETERS for `adapter`; 0 when memory is short. */
function allocateInitParameters(ndis: NdisLibrary, adapter: MiniportAdapter): Address {
  const address = allocateStructure(ndis, NDIS_MINIPORT_INIT_PARAMETERS, {
    Header: {
      Type: NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS,
      Revision: NDIS_MINIPORT_INIT_PARAMETERS_REVISION_1,
      Size: NDIS_SIZEOF_MINIPORT_INIT_PARAMETER_REVISION_1,
    },
    IMDeviceInstanceContext: adapter.deviceContext,
    MiniportAddDeviceContext: adapter.addDeviceContext,
    IfIndex: adapter.ifIndex,
    AllocatedResources: partialResourceListOf(ndis, adapter),
  });
  if (address === 0) return 0;
  NDIS_MINIPORT_INIT_PARAMETERS.at(ndis.memory, address).NetLuid.Value = adapter.netLuid;
  return address;
}

function refusePending(ndis: NdisLibrary, adapter: MiniportAdapter): number {
  ndis.kernel.report(
    'PENDING_FROM_INITIALIZE',
    adapter.miniport.driver,
    `MiniportInitializeEx of ${adapter.label} returned NDIS_STATUS_PENDING; it has to finish before it returns`,
    PAGE,
  );
  return NDIS_STATUS_FAILURE;
}
