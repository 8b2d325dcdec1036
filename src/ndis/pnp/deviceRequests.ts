/**
 * What NDIS does for the Plug and Play IRPs of an adapter's device: queries to the stack above, stopping and starting
 * again, and the removal of hardware that is gone already.
 * Implements "Stopping a NIC", "Removing a NIC" and "Processing the Surprise Removal of a NIC" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { signalEvent } from '../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventSurpriseRemoved,
  NdisHaltDeviceStopped,
  NdisHaltDeviceSurpriseRemoved,
  NetEventCancelRemoveDevice,
  NetEventQueryRemoveDevice,
} from '../generated/constants/index.ts';
import { functionOf } from '../hardware/adapterHardware.ts';
import type { NdisLibrary } from '../library.ts';
import { haltAdapter, takeDownStack } from '../miniport/halt.ts';
import { initializeAdapter } from '../miniport/initialize.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { queueOperation } from '../stack/queue.ts';
import { apply, mayHappen } from '../stateTable.ts';
import { devicePnPEvent, sendDevicePnPEvent } from './devicePnPEvents.ts';
import { type DeviceRequest, deviceOf, deviceStates } from './deviceStates.ts';
import { netPnPEvent, sendNetPnPEvent } from './netPnPEvents.ts';

/** Requests that an adapter's queue of operations knows by their IRP; starting and removing have operations of their own. */
export type QueuedDeviceRequest = Exclude<DeviceRequest, 'IRP_MN_REMOVE_DEVICE'>;

interface Locals {
  readonly adapter: Address;
  readonly request: QueuedDeviceRequest;
}

/**
 * Does what one IRP asks for. The value is NDIS_STATUS_SUCCESS, what refused a query, or NDIS_STATUS_FAILURE for a
 * request that the state of the device does not allow.
 */
export const handleDeviceRequest = procedure<NdisLibrary, Locals>('NdisDeviceRequest', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.halted) return step.done(NDIS_STATUS_FAILURE);
    const device = deviceOf(ndis, adapter);
    const { request } = locals;
    if (!mayHappen(deviceStates, device, request)) return step.done(NDIS_STATUS_FAILURE);
    switch (request) {
      case 'IRP_MN_QUERY_STOP_DEVICE':
      case 'IRP_MN_QUERY_REMOVE_DEVICE':
        apply(ndis.kernel, deviceStates, device, request, null);
        return step.run('asked', sendNetPnPEvent, ndis, netPnPEvent(adapter, NetEventQueryRemoveDevice));
      case 'IRP_MN_CANCEL_STOP_DEVICE':
      case 'IRP_MN_CANCEL_REMOVE_DEVICE':
        apply(ndis.kernel, deviceStates, device, request, null);
        return step.run('over', sendNetPnPEvent, ndis, netPnPEvent(adapter, NetEventCancelRemoveDevice));
      case 'IRP_MN_STOP_DEVICE':
        return step.run('stopped', takeDownStack, ndis, {
          adapter: locals.adapter,
          action: NdisHaltDeviceStopped,
        });
      case 'IRP_MN_START_DEVICE':
        return step.run('over', initializeAdapter, ndis, { adapter: locals.adapter, parameters: 0 });
      case 'IRP_MN_SURPRISE_REMOVAL':
        apply(ndis.kernel, deviceStates, device, request, null);
        return step.run('announced', sendNetPnPEvent, ndis, netPnPEvent(adapter, NetEventQueryRemoveDevice));
    }
  },
  asked: (ndis, locals, step, status) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter !== null) deviceOf(ndis, adapter).queryStatus = status >>> 0;
    return step.done(status >>> 0);
  },
  stopped: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
    apply(ndis.kernel, deviceStates, deviceOf(ndis, adapter), 'IRP_MN_STOP_DEVICE', null);
    return step.done(NDIS_STATUS_SUCCESS);
  },
  announced: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    // An adapter that is not initialized has no context by which its driver would know it.
    if (adapter === null || !canBeTold(ndis, adapter)) return step.go('takeDown');
    deviceOf(ndis, adapter).removalTold = true;
    return step.run(
      'takeDown',
      sendDevicePnPEvent,
      ndis,
      devicePnPEvent(adapter, NdisDevicePnPEventSurpriseRemoved),
    );
  },
  takeDown: (ndis, locals, step) =>
    step.run('over', haltAdapter, ndis, { adapter: locals.adapter, action: NdisHaltDeviceSurpriseRemoved }),
  over: (_ndis, _locals, step, status) => step.done(status),
});

function canBeTold(ndis: NdisLibrary, adapter: MiniportAdapter): boolean {
  const initialized = adapter.state !== 'Halted' && adapter.state !== 'Initializing';
  return initialized && !deviceOf(ndis, adapter).removalTold;
}

/** Tells a miniport driver at once, while the stack is busy with something else. */
const tellRemoval = procedure<NdisLibrary, { readonly adapter: Address }>('NdisTellSurpriseRemoval', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || !canBeTold(ndis, adapter)) return step.done(NDIS_STATUS_SUCCESS);
    deviceOf(ndis, adapter).removalTold = true;
    return step.run(
      'over',
      sendDevicePnPEvent,
      ndis,
      devicePnPEvent(adapter, NdisDevicePnPEventSurpriseRemoved),
    );
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/** Operations that need hardware, or prepare for a future that the adapter does not have. */
const POINTLESS_WITHOUT_HARDWARE: ReadonlySet<string> = new Set([
  'initialize',
  'reconfigure',
  'restart',
  'power',
  'device',
  'idle',
]);

/**
 * The hardware of an adapter is gone. What is under way at its stack comes to its end, helped by a driver that hears of
 * the removal at once; what waits and needs the hardware is dropped; then the stack is taken down as documented.
 * @param event signaled when the adapter is out of the library; 0 for none.
 */
export function surpriseRemove(ndis: NdisLibrary, adapter: MiniportAdapter, event: Address): void {
  const busy = adapter.working;
  if (!adapter.removing) {
    adapter.removing = true;
    functionOf(ndis, adapter)?.remove();
    adapter.bindRequests.length = 0;
    const kept = adapter.operations.filter(({ kind }) => !POINTLESS_WITHOUT_HARDWARE.has(kind));
    const dropped = adapter.operations.filter(({ kind }) => POINTLESS_WITHOUT_HARDWARE.has(kind));
    adapter.operations.splice(0, adapter.operations.length, ...kept);
    for (const operation of dropped) signalEvent(ndis.kernel, operation.event);
    // Nothing else could end what the busy stack waits for, where that needs the hardware.
    if (busy) {
      const locals = { adapter: adapter.handle };
      ndis.kernel.scheduler.createThread('NDIS surprise removal', tellRemoval, ndis, locals);
    }
  }
  queueOperation(ndis, adapter, { kind: 'device', request: 'IRP_MN_SURPRISE_REMOVAL', event });
}
