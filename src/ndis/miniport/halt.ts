/**
 * Halting an adapter: the stack is paused, the bindings are undone, the filter modules are detached from the top, then
 * MiniportHaltEx runs.
 * Implements "Stopping a Driver Stack" (network) and nc-ndis-miniport_halt.
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { endAdapterConnections } from '../condis/teardown.ts';
import { waitFor } from '../events.ts';
import { detachModule } from '../filter/attach.ts';
import { NDIS_PAUSE_NDIS_INTERNAL, NDIS_STATUS_SUCCESS } from '../generated/constants/index.ts';
import { releaseHardware } from '../hardware/adapterHardware.ts';
import { releaseAdapterClaims } from '../hardware/release.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { endAdapterRequests } from '../oid/requestQueue.ts';
import { deviceOf, deviceStates } from '../pnp/deviceStates.ts';
import { releasePorts } from '../ports/ports.ts';
import { powerHooksOf } from '../power/hooks.ts';
import { unbindBinding } from '../protocol/unbind.ts';
import { pauseStack } from '../stack/pauseRestart.ts';
import { apply } from '../stateTable.ts';
import { releaseAdapterDevices } from './adapterDevices.ts';
import { cancelCheckForHang } from './checkForHang.ts';
import { adapterStates, MiniportAdapter } from './miniportAdapter.ts';

/**
 * Takes the stack of an adapter down: paused, unbound from the top, and halted with `action`. The adapter stays in the
 * library, where it may be initialized again.
 */
export const takeDownStack = procedure<NdisLibrary, { readonly adapter: Address; readonly action: number }>(
  'NdisTakeDownStack',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null || adapter.halted) return step.done(NDIS_STATUS_SUCCESS);
      adapter.bindRequests.length = 0;
      return step.run('unbindNext', pauseStack, ndis, {
        adapter: locals.adapter,
        reason: NDIS_PAUSE_NDIS_INTERNAL,
        parameters: 0,
      });
    },
    unbindNext: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const binding = adapter?.bindings.find((candidate) => candidate.state === 'Paused');
      if (adapter === null || binding === undefined) return step.go('detachNext');
      return step.run('unbindNext', unbindBinding, ndis, { binding: binding.handle });
    },
    detachNext: (ndis, locals, step) => {
      const module = ndis.resolve(locals.adapter, MiniportAdapter)?.filters[0];
      if (module === undefined) return step.go('awaitReset');
      return step.run('detachNext', detachModule, ndis, { module: module.handle });
    },
    awaitReset: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter !== null) cancelCheckForHang(ndis, adapter);
      if (adapter !== null) powerHooksOf(ndis).halted(ndis, adapter);
      const event = adapter?.pendingReset?.event ?? 0;
      return event === 0 ? step.go('halt') : step.wait('halt', waitFor(event, 'NdisMResetComplete'));
    },
    halt: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const handlers = adapter?.miniport.handlers;
      if (adapter === null || adapter.state !== 'Paused' || handlers === null || handlers === undefined) {
        return step.go('over');
      }
      apply(ndis.kernel, adapterStates, adapter, 'MiniportHaltEx', adapter.miniport.driver);
      return step.call('over', handlers.halt, adapter.context, locals.action);
    },
    over: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter !== null) {
        endAdapterConnections(ndis, adapter);
        endAdapterRequests(ndis, adapter);
        releasePorts(ndis, adapter);
        releaseAdapterClaims(ndis, adapter);
        adapter.bindRequests.length = 0;
      }
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** Takes an adapter down and out of the library, whatever its state: its device is removed. */
export const haltAdapter = procedure<NdisLibrary, { readonly adapter: Address; readonly action: number }>(
  'NdisHaltAdapter',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null || adapter.halted) return step.done(NDIS_STATUS_SUCCESS);
      const { action } = locals;
      return step.run('removeDevice', takeDownStack, ndis, { adapter: locals.adapter, action });
    },
    removeDevice: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const removeDevice = adapter?.miniport.removeDevice;
      if (adapter === null || removeDevice === null || removeDevice === undefined || !adapter.deviceAdded) {
        return step.go('over');
      }
      return step.call('over', removeDevice, ndis.contextValue(adapter.addDeviceContext));
    },
    over: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      releaseHardware(ndis, adapter);
      releaseAdapterDevices(ndis, adapter);
      apply(ndis.kernel, deviceStates, deviceOf(ndis, adapter), 'IRP_MN_REMOVE_DEVICE', null);
      adapter.halted = true;
      inventoryOf(ndis).removeAdapter(adapter);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);
