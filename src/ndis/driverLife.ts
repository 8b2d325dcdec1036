/**
 * What the library does in the life of a driver: what a driver leaves registered when its DriverEntry failed or after
 * its Unload is undone without calling the driver again.
 * Implements "DriverEntry of NDIS Protocol Drivers" and "Unloading a Protocol Driver" (network).
 */

import { type Driver, driverLifeOf, procedure } from '../kernel/index.ts';
import { freeEvent, signalEvent } from './events.ts';
import type { FilterDriver } from './filter/filterDriver.ts';
import { updateLinks } from './filter/links.ts';
import { NDIS_STATUS_SUCCESS } from './generated/constants/index.ts';
import { inventoryOf } from './inventory.ts';
import type { NdisLibrary } from './library.ts';
import type { MiniportDriver } from './miniport/miniportDriver.ts';
import { haltAll } from './miniport/register.ts';
import { abandonEvents } from './pnp/netPnPEvent.ts';
import { endOperation, forgetBinding } from './protocol/bind.ts';
import { finishClose } from './protocol/close.ts';
import type { Binding } from './protocol/protocolDriver.ts';
import { queueOperation } from './stack/queue.ts';

/** Takes a binding down whose protocol driver is gone; whoever waited for the driver goes on. */
function abandonBinding(ndis: NdisLibrary, binding: Binding): void {
  for (const context of [binding.bindContext, binding.unbindContext]) {
    if (!context.active) continue;
    signalEvent(ndis.kernel, context.event);
    endOperation(ndis, context);
  }
  for (const event of [binding.closeEvent, binding.drainEvent]) {
    signalEvent(ndis.kernel, event);
    freeEvent(ndis.kernel, event);
  }
  binding.closeEvent = 0;
  binding.drainEvent = 0;
  const { adapter } = binding;
  // With filter modules some may be with these and not with the miniport.
  adapter.sendsOutstanding -= Math.min(adapter.sendsOutstanding, binding.sendsOutstanding);
  adapter.receivesOutstanding -= Math.min(adapter.receivesOutstanding, binding.receivesOutstanding);
  finishClose(ndis, binding);
  forgetBinding(ndis, binding);
}

/** Takes the modules of a filter driver out of their stacks that is gone; whoever waited for the driver goes on. */
function abandonFilter(ndis: NdisLibrary, filter: FilterDriver): void {
  filter.closing = true;
  filter.handlers = null;
  for (const module of filter.modules) {
    module.handlers = null;
    if (module.pending !== null) signalEvent(ndis.kernel, module.pending.event);
    updateLinks(module.adapter);
    queueOperation(ndis, module.adapter, { kind: 'reconfigure', event: 0 });
  }
}

/** The next miniport of a driver that is gone which still has adapters: it is not called any more. */
function orphaned(ndis: NdisLibrary, driver: Driver): MiniportDriver | null {
  for (const miniport of inventoryOf(ndis).miniports) {
    if (miniport.driver !== driver || miniport.adapters.size === 0 || miniport.handlers === null) continue;
    ndis.kernel.report(
      'ADAPTERS_LEFT_AFTER_UNLOAD',
      driver,
      `${driver.name} is gone and ${[...miniport.adapters].map((adapter) => adapter.label).join(', ')} was not halted; ` +
        'leave the unload routine to NDIS, which halts the adapters first',
      'ndis/nc-ndis-miniport_unload',
    );
    miniport.handlers = null;
    for (const adapter of miniport.adapters) {
      adapter.running = false;
      adapter.returnLists = () => {};
    }
    return miniport;
  }
  return null;
}

/** Hooks the library into the loading and unloading of drivers. */
export function attachDriverLife(ndis: NdisLibrary): void {
  const abandon = procedure<unknown, { readonly driver: number }>('NdisAbandonDriver', {
    start: (_kernel, locals, step) => {
      const driver = ndis.kernel.drivers[locals.driver];
      for (const filter of inventoryOf(ndis).filters) {
        if (filter.driver === driver) abandonFilter(ndis, filter);
      }
      for (const protocol of inventoryOf(ndis).protocols) {
        if (protocol.driver !== driver) continue;
        protocol.closing = true;
        abandonEvents(ndis, protocol);
        for (const binding of protocol.bindings) abandonBinding(ndis, binding);
      }
      return step.go('miniports');
    },
    miniports: (_kernel, locals, step) => {
      const miniport = orphaned(ndis, ndis.kernel.drivers[locals.driver]);
      if (miniport === null) return step.done(NDIS_STATUS_SUCCESS);
      return step.run('miniports', haltAll, ndis, { miniport: miniport.handle });
    },
  });
  driverLifeOf(ndis.kernel).hooks.push({ name: 'ndis', entryFailed: abandon, unloaded: abandon });
}
