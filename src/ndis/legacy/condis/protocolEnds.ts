/**
 * The connection-oriented handlers of NDIS 6 that a protocol driver for NDIS 5 has for the rest of the library.
 * Implements the Co members of NDIS_PROTOCOL_CHARACTERISTICS (ddk/ndis.h) on top of the nc-ndis-protocol_co_* pages.
 */

import { procedure } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import type { ProtocolCoHandlers } from '../../condis/handlers.ts';
import { VirtualConnection } from '../../condis/objects.ts';
import {
  PROTOCOL_CO_AF_REGISTER_NOTIFY,
  PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS,
  PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE,
  PROTOCOL_CO_STATUS_EX,
} from '../../condis/protocolCallbacks.ts';
import { NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { NBL_SOURCE_HANDLE } from '../../netBuffer/offsets.ts';
import { Binding } from '../../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { legacyAdaptersOf } from '../miniport/legacyAdapter.ts';
import type { LegacyProtocolCoHandlers } from '../protocol/characteristics.ts';
import { LegacyBinding, type LegacyProtocol } from '../protocol/legacyBinding.ts';
import { receiveOnConnection } from '../protocol/receives.ts';
import { completeConnectionSends } from '../protocol/sends.ts';
import { indicateToLegacy } from '../protocol/status.ts';
import { addressOf, driverContext, end } from './ends.ts';

/** The binding that sent a list on its VC. */
function ownerOf(ndis: NdisLibrary, list: Address): LegacyBinding | null {
  const connection = ndis.memory.objects.valueAt(ndis.memory.i32[(list + NBL_SOURCE_HANDLE) >> 2]);
  const context = connection instanceof VirtualConnection ? connection.owner?.context : null;
  return context instanceof LegacyBinding ? context : null;
}

/** Calls ProtocolReceiveComplete where packets came on VCs since it was last called. */
export function endReceives(to: LegacyBinding): void {
  if (!to.receivedOnConnection) return;
  to.receivedOnConnection = false;
  to.handlers.receiveComplete?.invoke(to.context);
}

/** Calls ProtocolCoAfRegisterNotify, which may wait. */
const notifyOfFamily = procedure<NdisLibrary, { readonly binding: Address; readonly family: Address }>(
  'NdisNotifyLegacyOfFamily',
  {
    start: (ndis, locals, step) => {
      const context = ndis.resolve(locals.binding, Binding)?.context;
      const handler = context instanceof LegacyBinding ? context.handlers.co?.familyNotify : null;
      if (handler === null || handler === undefined) return step.done(NDIS_STATUS_SUCCESS);
      return step.call('over', handler, driverContext(context), locals.family);
    },
    over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
  },
);

/** NDIS_PROTOCOL_CO_CHARACTERISTICS of a driver for NDIS 5. */
export function coProtocolEnds(legacy: LegacyProtocol, co: LegacyProtocolCoHandlers): ProtocolCoHandlers {
  const { ndis, protocol } = legacy;
  const { driver } = protocol;
  const { familyNotify, status: coStatus } = co;
  return {
    status:
      coStatus === null
        ? null
        : end(driver, PROTOCOL_CO_STATUS_EX, (binding, vcContext, indication) => {
            if (!(binding instanceof LegacyBinding)) return;
            indicateToLegacy(ndis, binding, addressOf(indication), (to, status, buffer, size) =>
              coStatus.invoke(to.context, vcContext, status as NDIS_STATUS, buffer, size),
            );
          }),
    familyNotify:
      familyNotify === null
        ? null
        : end(driver, PROTOCOL_CO_AF_REGISTER_NOTIFY, async (binding, family) => {
            if (!(binding instanceof LegacyBinding)) return;
            const locals = { binding: binding.binding.handle, family: addressOf(family) };
            await ndis.kernel.scheduler.execute(notifyOfFamily, ndis, locals);
          }),
    receive: end(driver, PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS, (binding, vcContext, lists, _count, flags) => {
      if (!(binding instanceof LegacyBinding)) return;
      binding.receivedOnConnection = true;
      receiveOnConnection(ndis, binding, lists, flags, (packet) =>
        co.receivePacket.invoke(binding.context, vcContext, packet),
      );
      // A miniport of NDIS 6 does not say when a run of packets is over: each indication is one.
      if (!legacyAdaptersOf(ndis).has(binding.binding.adapter)) endReceives(binding);
    }),
    sendComplete: end(driver, PROTOCOL_CO_SEND_NET_BUFFER_LISTS_COMPLETE, (vcContext, lists) =>
      completeConnectionSends(
        ndis,
        lists,
        (list) => ownerOf(ndis, list),
        (packet, status) => co.sendComplete.invoke(status as NDIS_STATUS, vcContext, packet),
      ),
    ),
  };
}
