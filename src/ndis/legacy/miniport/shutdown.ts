/**
 * Shutdown handlers of miniport drivers for NDIS 5, and their PnP events.
 * Implements NdisMRegisterAdapterShutdownHandler, NdisMDeregisterAdapterShutdownHandler and
 * W_PNP_EVENT_NOTIFY_HANDLER (ddk/ndis.h).
 */

import {
  type CallbackPointer,
  type Context,
  declareFunction,
  type Handle,
  procedure,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import { NET_DEVICE_PNP_EVENT } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { ADAPTER_SHUTDOWN_HANDLER } from './callbacks.ts';
import type { LegacyAdapter } from './legacyAdapter.ts';
import { legacyAdapterAt, oldFacts } from './throughBlock.ts';

/** The translation of MiniportShutdownEx. */
export function shutdownLegacy(legacy: LegacyAdapter): void {
  if (legacy.shutdown !== null) legacy.shutdown.handler.invoke(legacy.shutdown.context);
  else legacy.handlers.shutdown?.invoke(legacy.context);
}

/** Calls MiniportPnPEventNotify, for the translation of MiniportDevicePnPEventNotify. */
export const notifyLegacy = procedure<
  NdisLibrary,
  { readonly legacy: LegacyAdapter; readonly event: Address }
>('NdisNotifyLegacyMiniport', {
  start: (ndis, locals, step) => {
    const { pnpEventNotify } = locals.legacy.handlers;
    if (pnpEventNotify === null) return step.done(NDIS_STATUS_SUCCESS);
    const event = NET_DEVICE_PNP_EVENT.at(ndis.memory, locals.event);
    return step.call(
      'over',
      pnpEventNotify,
      locals.legacy.context,
      event.DevicePnPEvent,
      event.InformationBuffer,
      event.InformationBufferLength,
    );
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/**
 * NdisMRegisterAdapterShutdownHandler: names a function that runs with a context of its own when the system shuts down
 * or crashes; in place of AdapterShutdownHandler of the characteristics. IRQL PASSIVE_LEVEL.
 */
export const NdisMRegisterAdapterShutdownHandler = declareFunction('ndis', {
  ...oldFacts(
    'VOID NdisMRegisterAdapterShutdownHandler(NDIS_HANDLE MiniportHandle, PVOID ShutdownContext, ADAPTER_SHUTDOWN_HANDLER ShutdownHandler)',
    'nf',
  ),
  irql: 'PASSIVE_LEVEL',
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportHandle: Handle,
      ShutdownContext: Context,
      ShutdownHandler: CallbackPointer<ADAPTER_SHUTDOWN_HANDLER>,
    ): void => {
      const call = 'NdisMRegisterAdapterShutdownHandler';
      const page = 'ndis/nf-ndis-ndismregisteradaptershutdownhandler';
      const legacy = legacyAdapterAt(ndis, driver, MiniportHandle, call, page);
      if (legacy === null) return;
      const handler = driver.callback(ShutdownHandler, ADAPTER_SHUTDOWN_HANDLER);
      legacy.shutdown = handler === null ? null : { handler, context: ndis.contextValue(ShutdownContext) };
    },
});

/** NdisMDeregisterAdapterShutdownHandler: takes the shutdown handler back. IRQL PASSIVE_LEVEL. */
export const NdisMDeregisterAdapterShutdownHandler = declareFunction('ndis', {
  ...oldFacts('VOID NdisMDeregisterAdapterShutdownHandler(NDIS_HANDLE MiniportHandle)', 'nf'),
  irql: 'PASSIVE_LEVEL',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportHandle: Handle): void => {
      const call = 'NdisMDeregisterAdapterShutdownHandler';
      const page = 'ndis/nf-ndis-ndismderegisteradaptershutdownhandler';
      const legacy = legacyAdapterAt(ndis, driver, MiniportHandle, call, page);
      if (legacy !== null) legacy.shutdown = null;
    },
});
