/**
 * The handlers of NDIS 6 that a miniport driver for NDIS 5 has for the rest of the library: each translates a call to
 * what the driver registered. They get the LegacyAdapter as their context.
 * Implements "NDIS 5.x drivers" on top of the nc-ndis-miniport_* pages.
 */

import type { CallbackDeclaration, Driver, DriverCallback } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventMaximum,
  OID_GEN_STATISTICS,
} from '../../generated/constants/index.ts';
import { NET_DEVICE_PNP_EVENT } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import {
  MINIPORT_CANCEL_SEND,
  MINIPORT_CHECK_FOR_HANG,
  MINIPORT_DEVICE_PNP_EVENT_NOTIFY,
  MINIPORT_HALT,
  MINIPORT_INITIALIZE,
  MINIPORT_PAUSE,
  MINIPORT_RESET,
  MINIPORT_RESTART,
  MINIPORT_RETURN_NET_BUFFER_LISTS,
  MINIPORT_SEND_NET_BUFFER_LISTS,
  MINIPORT_SHUTDOWN,
  MINIPORT_UNLOAD,
} from '../../miniport/callbacks.ts';
import type { MiniportDriver, MiniportHandlers } from '../../miniport/miniportDriver.ts';
import { MINIPORT_CANCEL_OID_REQUEST, MINIPORT_OID_REQUEST } from '../../oid/callbacks.ts';
import { isQuery, readRequest } from '../../oid/requestFormat.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { isDrained } from './drain.ts';
import { haltLegacy, initializeLegacy } from './initialize.ts';
import { LegacyAdapter } from './legacyAdapter.ts';
import { legacyDriversOf } from './legacyDriver.ts';
import { legacyOidRequest } from './requests.ts';
import { checkLegacyForHang, resetLegacy } from './reset.ts';
import { notifyLegacy, shutdownLegacy } from './shutdown.ts';
import { askStatistics } from './statistics.ts';

/** A handler that the library itself provides for a driver. */
function end<F>(driver: Driver, declaration: CallbackDeclaration<F>, invoke: F): DriverCallback<F> {
  return { declaration, driver, address: 0, invoke };
}

/** The adapter behind a context: the library sets no other for these drivers. */
function legacyOf(context: unknown): LegacyAdapter | null {
  return context instanceof LegacyAdapter ? context : null;
}

/** The address of a structure where a handler is declared to take its view: `invoke` gets addresses. */
function addressOf(view: unknown): Address {
  return view as Address;
}

/** The handlers of a driver for NDIS 5. */
export function legacyEnds(ndis: NdisLibrary, miniport: MiniportDriver): MiniportHandlers {
  const { driver } = miniport;
  const { scheduler } = ndis.kernel;
  // Intermediate drivers answer late when the driver below does; NDIS neither checks nor resets them.
  const handlers = legacyDriversOf(ndis).get(miniport)?.handlers;
  const resets = !miniport.intermediate && handlers !== undefined && handlers.reset !== null;
  return {
    setOptions: null,
    initialize: end(driver, MINIPORT_INITIALIZE, (adapter) =>
      scheduler.execute(initializeLegacy, ndis, { adapter, status: 0 }),
    ),
    halt: end(driver, MINIPORT_HALT, async (context) => {
      const legacy = legacyOf(context);
      if (legacy !== null) await scheduler.execute(haltLegacy, ndis, { adapter: legacy.adapter.handle });
    }),
    unload: end(driver, MINIPORT_UNLOAD, () => {}),
    pause: end(driver, MINIPORT_PAUSE, (context) => pauseLegacy(legacyOf(context))),
    restart: end(driver, MINIPORT_RESTART, () => NDIS_STATUS_SUCCESS as NDIS_STATUS),
    oidRequest: end(driver, MINIPORT_OID_REQUEST, (context, request) => {
      const legacy = legacyOf(context);
      if (legacy === null) return NDIS_STATUS_FAILURE;
      if (!asksStatistics(ndis, addressOf(request))) return legacyOidRequest(legacy, addressOf(request));
      const locals = { adapter: legacy.adapter.handle, request: addressOf(request) };
      return scheduler.execute(askStatistics, ndis, { ...locals, cell: 0, index: 0, query: null });
    }),
    send: end(driver, MINIPORT_SEND_NET_BUFFER_LISTS, (context, lists, _port, flags) => {
      // The context of an adapter that sends is its LegacyAdapter: initializing set it.
      (context as LegacyAdapter).sends.send(lists, flags);
    }),
    returnLists: end(driver, MINIPORT_RETURN_NET_BUFFER_LISTS, (context, lists) => {
      (context as LegacyAdapter).receives.returned(lists);
    }),
    cancelSend: end(driver, MINIPORT_CANCEL_SEND, (context, cancelId) => {
      const legacy = legacyOf(context);
      if (legacy !== null) legacy.sends.cancel(addressOf(cancelId), cancelId);
    }),
    checkForHang: resets
      ? end(driver, MINIPORT_CHECK_FOR_HANG, (context) => {
          const legacy = legacyOf(context);
          return legacy === null ? 0 : checkLegacyForHang(legacy);
        })
      : null,
    reset: resets
      ? end(driver, MINIPORT_RESET, (context, addressingReset) => {
          const legacy = legacyOf(context);
          return (
            legacy === null ? NDIS_STATUS_FAILURE : resetLegacy(legacy, addressingReset)
          ) as NDIS_STATUS;
        })
      : null,
    devicePnPEventNotify: end(driver, MINIPORT_DEVICE_PNP_EVENT_NOTIFY, async (context, event) => {
      const legacy = legacyOf(context);
      if (legacy === null || !knowsEvent(ndis, addressOf(event))) return;
      await scheduler.execute(notifyLegacy, ndis, { legacy, event: addressOf(event) });
    }),
    shutdown: end(driver, MINIPORT_SHUTDOWN, (context) => {
      const legacy = legacyOf(context);
      if (legacy !== null) shutdownLegacy(legacy);
    }),
    cancelOidRequest: end(driver, MINIPORT_CANCEL_OID_REQUEST, () => {}),
    directOidRequest: null,
    cancelDirectOidRequest: null,
    synchronousOidRequest: null,
  };
}

/** Whether a request is for the counters of NDIS 6, which a driver for NDIS 5 has in one OID each. */
function asksStatistics(ndis: NdisLibrary, request: Address): boolean {
  const { oid, type } = readRequest(ndis.memory, request);
  return oid === OID_GEN_STATISTICS && isQuery(type);
}

/** Whether the event is one that NDIS 5.1 has. */
function knowsEvent(ndis: NdisLibrary, event: Address): boolean {
  return NET_DEVICE_PNP_EVENT.at(ndis.memory, event).DevicePnPEvent < NdisDevicePnPEventMaximum;
}

/** The translation of MiniportPause: a driver for NDIS 5 knows none, so NDIS waits until everything is back. */
function pauseLegacy(legacy: LegacyAdapter | null): NDIS_STATUS {
  if (legacy === null) return NDIS_STATUS_SUCCESS as NDIS_STATUS;
  legacy.sends.abortQueued(NDIS_STATUS_PAUSED);
  if (isDrained(legacy)) return NDIS_STATUS_SUCCESS as NDIS_STATUS;
  legacy.pausing = true;
  return NDIS_STATUS_PENDING as NDIS_STATUS;
}
