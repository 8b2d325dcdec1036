/**
 * What stands for the connectionless handlers that a connection-oriented miniport driver may leave out: sends come back
 * and requests are answered with NDIS_STATUS_NOT_SUPPORTED.
 * Implements ns-ndis-_ndis_miniport_driver_characteristics (OidRequestHandler).
 */

import type { CallbackDeclaration, Driver, DriverCallback } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_STATUS_NOT_SUPPORTED } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MINIPORT_SEND_NET_BUFFER_LISTS } from '../miniport/callbacks.ts';
import { NBL_NEXT, NBL_SOURCE_HANDLE, NBL_STATUS } from '../netBuffer/offsets.ts';
import { MINIPORT_OID_REQUEST } from '../oid/callbacks.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { releaseIfDrained } from '../stack/drain.ts';

function callback<F>(driver: Driver, declaration: CallbackDeclaration<F>, invoke: F): DriverCallback<F> {
  return { declaration, driver, address: 0, invoke };
}

/** In place of MiniportOidRequest. */
export function refuseOidRequest(driver: Driver): DriverCallback<MINIPORT_OID_REQUEST> {
  return callback<MINIPORT_OID_REQUEST>(driver, MINIPORT_OID_REQUEST, () => NDIS_STATUS_NOT_SUPPORTED);
}

/** In place of MiniportSendNetBufferLists. */
export function refuseSend(
  ndis: NdisLibrary,
  driver: Driver,
): DriverCallback<MINIPORT_SEND_NET_BUFFER_LISTS> {
  return callback<MINIPORT_SEND_NET_BUFFER_LISTS>(
    driver,
    MINIPORT_SEND_NET_BUFFER_LISTS,
    (_context: unknown, lists: Address, _port: number, flags: number) => giveBack(ndis, lists, flags & 1),
  );
}

/** Completes lists, all of one sender: the whole chain came in one call. */
function giveBack(ndis: NdisLibrary, lists: Address, flags: number): void {
  const { i32, u32, objects } = ndis.memory;
  const binding = objects.valueAt(i32[(lists + NBL_SOURCE_HANDLE) >> 2]);
  if (!(binding instanceof Binding)) return;
  let count = 0;
  for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
    u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_NOT_SUPPORTED;
    count++;
  }
  binding.sendsOutstanding -= count;
  binding.adapter.sendsOutstanding -= count;
  binding.sendComplete(binding.context, lists, flags);
  releaseIfDrained(ndis, binding);
}
