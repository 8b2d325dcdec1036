/**
 * The handlers of NDIS 6 that a protocol driver for NDIS 5 has for the rest of the library: each translates a call to
 * what the driver registered. They get the LegacyBinding as their context. Implements NDIS_PROTOCOL_CHARACTERISTICS
 * (ddk/ndis.h) on top of the nc-ndis-protocol_* pages.
 */

import { type CallbackDeclaration, type DriverCallback, poolOf, procedure } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import { NDIS_POOL_TAG } from '../../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NetEventPause,
  NetEventPnPCapabilities,
} from '../../generated/constants/index.ts';
import { NDIS_BIND_PARAMETERS, NET_PNP_EVENT_NOTIFICATION } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { PROTOCOL_OID_REQUEST_COMPLETE } from '../../oid/callbacks.ts';
import {
  PROTOCOL_BIND_ADAPTER_EX,
  PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX,
  PROTOCOL_NET_PNP_EVENT,
  PROTOCOL_OPEN_ADAPTER_COMPLETE_EX,
  PROTOCOL_RECEIVE_NET_BUFFER_LISTS,
  PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE,
  PROTOCOL_UNBIND_ADAPTER_EX,
  PROTOCOL_UNINSTALL,
} from '../../protocol/callbacks.ts';
import { ProtocolDriver, type ProtocolHandlers } from '../../protocol/protocolDriver.ts';
import { PROTOCOL_STATUS_EX } from '../../status/callbacks.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { LegacyBinding, type LegacyProtocol, legacyProtocolsOf } from './legacyBinding.ts';
import { receiveLists } from './receives.ts';
import { completeRequest } from './requests.ts';
import { completeSends } from './sends.ts';
import { indicateToLegacy } from './status.ts';

/** The address of a structure where a handler is declared to take its view: `invoke` gets addresses. */
function addressOf(view: unknown): Address {
  return view as Address;
}

/** Which handler of which protocol is called, and with what behind the variable at Status. */
interface CallLocals {
  readonly protocol: Address;
  readonly handler: 'bind' | 'unbind';
  readonly arguments: readonly unknown[];
  /** The variable at Status. */
  status: Address;
}

/** Calls a handler that writes its status to a variable, which says failure until the handler writes it. */
const callForStatus = procedure<NdisLibrary, CallLocals>('NdisCallLegacyForStatus', {
  start: (ndis, locals, step) => {
    const legacy = legacyAt(ndis, locals.protocol);
    locals.status = poolOf(ndis.kernel).allocateZeroed(poolType.nonPagedNx, 16, NDIS_POOL_TAG, 0);
    if (legacy === null || locals.status === 0) return step.done(NDIS_STATUS_RESOURCES);
    ndis.memory.u32[locals.status >> 2] = NDIS_STATUS_FAILURE;
    return step.call('over', legacy.handlers[locals.handler], locals.status, ...locals.arguments);
  },
  over: (ndis, locals, step) => {
    const status = ndis.memory.u32[locals.status >> 2];
    poolOf(ndis.kernel).free(locals.status, NDIS_POOL_TAG);
    return step.done(status);
  },
});

interface PlainLocals {
  readonly protocol: Address;
  readonly handler: 'openComplete' | 'closeComplete' | 'pnpEvent' | 'unload';
  readonly arguments: readonly unknown[];
}

/** Calls a handler that may wait; the value is what it returned. */
const callLegacy = procedure<NdisLibrary, PlainLocals>('NdisCallLegacyProtocol', {
  start: (ndis, locals, step) => {
    const handler = legacyAt(ndis, locals.protocol)?.handlers[locals.handler] ?? null;
    if (handler === null) return step.done(NDIS_STATUS_SUCCESS);
    return step.call('over', handler, ...locals.arguments);
  },
  over: (_ndis, _locals, step, result) => step.done(result),
});

function legacyAt(ndis: NdisLibrary, handle: Address): LegacyProtocol | null {
  const protocol = ndis.resolve(handle, ProtocolDriver);
  return protocol === null ? null : (legacyProtocolsOf(ndis).get(protocol) ?? null);
}

type Call = (handler: PlainLocals['handler'], ...given: readonly unknown[]) => Promise<NDIS_STATUS>;

/** The handlers of a protocol driver for NDIS 5. */
export function legacyEnds(legacy: LegacyProtocol): ProtocolHandlers {
  const { ndis, protocol, handlers } = legacy;
  const { driver } = protocol;
  const { scheduler } = ndis.kernel;
  const end = <F>(declaration: CallbackDeclaration<F>, invoke: F): DriverCallback<F> => ({
    declaration,
    driver,
    address: 0,
    invoke,
  });
  const call: Call = async (handler, ...given) =>
    (await scheduler.execute(callLegacy, ndis, {
      protocol: protocol.handle,
      handler,
      arguments: given,
    })) as NDIS_STATUS;
  const callWithStatus = async (handler: CallLocals['handler'], ...given: readonly unknown[]) =>
    (await scheduler.execute(callForStatus, ndis, {
      protocol: protocol.handle,
      handler,
      arguments: given,
      status: 0,
    })) as NDIS_STATUS;
  const contextOf = (context: unknown): unknown =>
    context instanceof LegacyBinding ? context.context : context;
  return {
    setOptions: null,
    bind: end(PROTOCOL_BIND_ADAPTER_EX, (_context, bindContext, parameters) => {
      const view = NDIS_BIND_PARAMETERS.at(ndis.memory, addressOf(parameters));
      return callWithStatus('bind', bindContext, view.AdapterName, view.ProtocolSection, 0);
    }),
    unbind: end(PROTOCOL_UNBIND_ADAPTER_EX, (unbindContext, context) =>
      callWithStatus('unbind', contextOf(context), unbindContext),
    ),
    openComplete: end(PROTOCOL_OPEN_ADAPTER_COMPLETE_EX, async (context, status) => {
      await call('openComplete', contextOf(context), status, NDIS_STATUS_SUCCESS);
    }),
    closeComplete: end(PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX, async (context) => {
      await call('closeComplete', contextOf(context), NDIS_STATUS_SUCCESS);
    }),
    netPnPEvent: end(PROTOCOL_NET_PNP_EVENT, (context, notification) =>
      notifyLegacy(legacy, context, addressOf(notification), call),
    ),
    uninstall:
      handlers.unload === null
        ? null
        : end(PROTOCOL_UNINSTALL, async () => {
            await call('unload');
          }),
    oidRequestComplete: end(PROTOCOL_OID_REQUEST_COMPLETE, (context, request, status) => {
      if (context instanceof LegacyBinding) completeRequest(ndis, context, addressOf(request), status);
    }),
    directOidRequestComplete: null,
    status: end(PROTOCOL_STATUS_EX, (context, indication) => {
      if (context instanceof LegacyBinding) indicateToLegacy(ndis, context, addressOf(indication));
    }),
    // An open binding has its LegacyBinding as context: NdisOpenAdapter set it.
    receive: end(PROTOCOL_RECEIVE_NET_BUFFER_LISTS, (context, lists, _port, _count, flags) =>
      receiveLists(ndis, context as LegacyBinding, lists, flags),
    ),
    sendComplete: end(PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE, (context, lists) =>
      completeSends(ndis, context as LegacyBinding, lists),
    ),
  };
}

/** ProtocolNetPnPEvent: the events that NDIS 5 knows go to ProtocolPnPEvent; a pause waits for what is sent. */
function notifyLegacy(
  legacy: LegacyProtocol,
  context: unknown,
  notification: Address,
  call: Call,
): NDIS_STATUS | Promise<NDIS_STATUS> {
  const { memory } = legacy.ndis;
  const at = notification + NET_PNP_EVENT_NOTIFICATION.offset.NetPnPEvent;
  const code = memory.u32[at >> 2];
  if (code === NetEventPause && context instanceof LegacyBinding && context.binding.sendsOutstanding > 0) {
    context.pausing = notification;
    return NDIS_STATUS_PENDING as NDIS_STATUS;
  }
  const { pnpEvent } = legacy.handlers;
  if (code > NetEventPnPCapabilities || pnpEvent === null) return NDIS_STATUS_SUCCESS as NDIS_STATUS;
  return call('pnpEvent', context instanceof LegacyBinding ? context.context : 0, at);
}
