/**
 * What the library does in the life of a driver: what a driver leaves registered when its DriverEntry failed or after
 * its Unload is undone without calling the driver again.
 * Implements "DriverEntry of NDIS Protocol Drivers" and "Unloading a Protocol Driver" (network).
 */

import { driverLifeOf, procedure } from '../kernel/index.ts';
import { NDIS_STATUS_SUCCESS } from './generated/constants/index.ts';
import { inventoryOf } from './inventory.ts';
import type { NdisLibrary } from './library.ts';
import { forgetBinding } from './protocol/bind.ts';
import { finishClose } from './protocol/close.ts';

/** Hooks the library into the loading and unloading of drivers. */
export function attachDriverLife(ndis: NdisLibrary): void {
  const abandon = procedure<unknown, { readonly driver: number }>('NdisAbandonProtocols', {
    start: (_kernel, locals, step) => {
      const driver = ndis.kernel.drivers[locals.driver];
      for (const protocol of inventoryOf(ndis).protocols) {
        if (protocol.driver !== driver) continue;
        protocol.closing = true;
        for (const binding of protocol.bindings) {
          finishClose(ndis, binding);
          forgetBinding(ndis, binding);
        }
      }
      return step.done(NDIS_STATUS_SUCCESS);
    },
  });
  driverLifeOf(ndis.kernel).hooks.push({ name: 'ndis', entryFailed: abandon, unloaded: abandon });
}
