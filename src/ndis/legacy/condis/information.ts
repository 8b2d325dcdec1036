/**
 * MiniportQueryInformation and MiniportSetInformation of a connection-oriented miniport driver that has neither: it
 * answers by MiniportCoRequest. Implements W_CO_REQUEST_HANDLER (ddk/ndis.h).
 */

import type { DriverCallback } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { W_QUERY_INFORMATION_HANDLER, W_SET_INFORMATION_HANDLER } from '../miniport/callbacks.ts';
import type { W_CO_REQUEST_HANDLER } from './callbacks.ts';
import { end } from './ends.ts';
import { finishOldRequest, makeOldRequest } from './requestBlocks.ts';

/** What asks `handler` for queries and sets of the adapter. The counts of a pending one follow with its completion. */
export function informationEnds(ndis: NdisLibrary, handler: DriverCallback<W_CO_REQUEST_HANDLER>) {
  const { driver } = handler;
  const ask =
    (type: number) =>
    (context: unknown, oid: number, buffer: Address, length: number, counts: Address): NDIS_STATUS => {
      const asked = { driver, oidRequest: 0, counts };
      const request = makeOldRequest(ndis, asked, { type, oid, buffer, length });
      if (request === 0) return NDIS_STATUS_RESOURCES;
      const status = handler.invoke(context, 0, request);
      if (status >>> 0 !== NDIS_STATUS_PENDING) finishOldRequest(ndis, driver, request);
      return status;
    };
  return {
    query: end(driver, W_QUERY_INFORMATION_HANDLER, ask(NdisRequestQueryInformation)),
    set: end(driver, W_SET_INFORMATION_HANDLER, ask(NdisRequestSetInformation)),
  };
}
