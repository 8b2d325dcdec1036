/**
 * Queries that NDIS makes itself of a miniport driver for NDIS 5, and waits for: what the adapter is, from which the
 * attributes of NDIS 6 are made, and its counters.
 * Implements W_QUERY_INFORMATION_HANDLER (ddk/ndis.h) and "General Operational OIDs" (network).
 */

import { procedure } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { createEvent, freeEvent } from '../../events.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING } from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { oidName } from '../../names.ts';
import { legacyAdaptersOf, type PendingRequest } from './legacyAdapter.ts';
import { askDriver } from './requests.ts';

/** How long NDIS waits for a query of its own: twice the greatest usual time between two checks for a hang, in 100 ns. */
const PATIENCE = 80_000_000;
/** STATUS_TIMEOUT, the value of a wait that was too long. */
const TIMED_OUT = 0x102;

/** A query and its results. */
export interface OwnQueryLocals {
  readonly adapter: Address;
  readonly oid: number;
  readonly buffer: Address;
  readonly length: number;
  /** BytesWritten and BytesNeeded as the driver left them. */
  written: number;
  needed: number;
  asked: PendingRequest | null;
}

/** Asks the driver and waits; the value is the final status. Call it at PASSIVE_LEVEL. */
export const queryDriver = procedure<NdisLibrary, OwnQueryLocals>('NdisQueryLegacyMiniport', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const legacy = adapter === null ? undefined : legacyAdaptersOf(ndis).get(adapter);
    if (legacy === undefined || legacy.block === 0) return step.done(NDIS_STATUS_FAILURE);
    const event = createEvent(ndis.kernel);
    const asked: PendingRequest = {
      request: 0,
      kind: 'query',
      counts: legacy.scratch.counts,
      event,
      status: NDIS_STATUS_PENDING,
    };
    locals.asked = asked;
    const status = askDriver(legacy, asked, locals.oid, locals.buffer, locals.length);
    if (status !== NDIS_STATUS_PENDING) return step.go('over', status);
    const wait = {
      objects: [event],
      type: 'any',
      timeout: PATIENCE,
      reason: 'NdisMQueryInformationComplete',
    };
    return step.wait('completed', { ...wait, type: 'any' });
  },
  completed: (ndis, locals, step, result) => {
    if (result !== TIMED_OUT) return step.go('over', locals.asked?.status ?? NDIS_STATUS_FAILURE);
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const legacy = adapter === null ? undefined : legacyAdaptersOf(ndis).get(adapter);
    if (legacy !== undefined && legacy.request === locals.asked) legacy.request = null;
    if (adapter !== null) {
      ndis.kernel.report(
        'OID_REQUEST_NEVER_COMPLETED',
        adapter.miniport.driver,
        `MiniportQueryInformation of ${adapter.label} left ${oidName(locals.oid)} pending and did not call NdisMQueryInformationComplete`,
        'ndis/nc-ndis-w_query_information_handler',
      );
    }
    return step.go('over', NDIS_STATUS_FAILURE);
  },
  over: (ndis, locals, step, status) => {
    const asked = locals.asked;
    if (asked !== null) {
      locals.written = ndis.memory.u32[asked.counts >> 2];
      locals.needed = ndis.memory.u32[(asked.counts >> 2) + 1];
      freeEvent(ndis.kernel, asked.event);
    }
    return step.done(status);
  },
});

/** The locals of a query. */
export function ownQuery(adapter: Address, oid: number, buffer: Address, length: number): OwnQueryLocals {
  return { adapter, oid, buffer, length, written: 0, needed: 0, asked: null };
}
