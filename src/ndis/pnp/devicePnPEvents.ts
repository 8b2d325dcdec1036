/**
 * Device events on their way down: through the filter modules, each deciding whether it passes them on, to
 * MiniportDevicePnPEventNotify. Implements "Filter Module PnP Event Notifications" (network),
 * nc-ndis-miniport_device_pnp_event_notify and ns-ndis-_net_device_pnp_event (ndis).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { FilterModule } from '../filter/filterModule.ts';
import { NDIS_STATUS_SUCCESS, NdisPowerProfileAcOnLine } from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { freeLibraryMemory } from '../libraryMemory.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import { allocateDeviceEvent } from './eventNotification.ts';

/** What supplies the machine with power, NdisPowerProfileXxx. */
export const powerProfileOf = perNdis('power profile', () => ({ value: NdisPowerProfileAcOnLine }));

/** A device event that NDIS sends, and what is kept of it. */
export interface DevicePnPEventLocals {
  readonly adapter: Address;
  /** NdisDevicePnPEventXxx. */
  readonly event: number;
  /** A ULONG for InformationBuffer; null for none. */
  readonly information: number | null;
  buffer: Address;
  notification: Address;
}

/** The locals of `sendDevicePnPEvent`. */
export function devicePnPEvent(
  adapter: MiniportAdapter,
  event: number,
  information: number | null = null,
): DevicePnPEventLocals {
  return { adapter: adapter.handle, event, information, buffer: 0, notification: 0 };
}

/** Sends a device event to an adapter. The value is NDIS_STATUS_SUCCESS. Run it at PASSIVE_LEVEL. */
export const sendDevicePnPEvent = procedure<NdisLibrary, DevicePnPEventLocals>('NdisSendDevicePnPEvent', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    if (locals.information !== null) {
      locals.buffer = allocateCertain(ndis.kernel, 4);
      ndis.memory.u32[locals.buffer >> 2] = locals.information;
    }
    const length = locals.information === null ? 0 : 4;
    locals.notification = allocateDeviceEvent(ndis, locals.event, locals.buffer, length);
    return step.run('over', passDeviceEvent, ndis, {
      adapter: locals.adapter,
      from: 0,
      notification: locals.notification,
    });
  },
  over: (ndis, locals, step) => {
    freeLibraryMemory(ndis, locals.notification);
    if (locals.buffer !== 0) freeCertain(ndis.kernel, locals.buffer);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** Takes a device event that is in memory down to the next driver below `from`, 0 standing for the top. */
export const passDeviceEvent = procedure<
  NdisLibrary,
  { readonly adapter: Address; readonly from: Address; readonly notification: Address }
>('NdisPassDevicePnPEvent', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    const { filters } = adapter;
    const from = ndis.resolve(locals.from, FilterModule);
    for (let i = from === null ? 0 : filters.indexOf(from) + 1; i < filters.length; i++) {
      const notify = filters[i].handlers?.devicePnPEventNotify ?? null;
      // The module passes the event on itself.
      if (notify !== null) return step.call('over', notify, filters[i].context, locals.notification);
    }
    const handler = adapter.miniport.handlers?.devicePnPEventNotify;
    if (handler === undefined) return step.done(NDIS_STATUS_SUCCESS);
    return step.call('over', handler, adapter.context, locals.notification);
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});
