/**
 * NDIS_EVENT: a notification event with NDIS' names.
 * Implements NdisInitializeEvent, NdisSetEvent, NdisResetEvent and NdisWaitEvent (ndis).
 */

import {
  declareFunction,
  initializeEvent,
  type Kernel,
  type Pointer,
  procedure,
  requireWaitable,
  resetEvent,
  STATUS_SUCCESS,
  setEvent,
  UNITS_PER_MILLISECOND,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { synchronous } from '../declareNdis.ts';
import type { NDIS_EVENT } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';

/** Makes a notification event, not signaled. Any IRQL. ndis/nf-ndis-ndisinitializeevent */
export const NdisInitializeEvent = synchronous(
  'VOID NdisInitializeEvent(PNDIS_EVENT Event)',
  'any',
  '5.1',
  'ndis/nf-ndis-ndisinitializeevent',
  ({ kernel }) =>
    (Event: Pointer<NDIS_EVENT>) =>
      initializeEvent(kernel, Event, false, false),
);

/** Signals the event until NdisResetEvent; who waits goes on. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndissetevent */
export const NdisSetEvent = synchronous(
  'VOID NdisSetEvent(PNDIS_EVENT Event)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndissetevent',
  ({ kernel }) =>
    (Event: Pointer<NDIS_EVENT>) => {
      setEvent(kernel, Event);
    },
);

/** Makes the event not signaled. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisresetevent */
export const NdisResetEvent = synchronous(
  'VOID NdisResetEvent(PNDIS_EVENT Event)',
  '<=DISPATCH_LEVEL',
  '5.1',
  'ndis/nf-ndis-ndisresetevent',
  ({ kernel }) =>
    (Event: Pointer<NDIS_EVENT>) => {
      resetEvent(kernel, Event);
    },
);

const waitEvent = procedure<Kernel, { readonly event: Address; readonly timeout: number | null }>(
  'NdisWaitEvent',
  {
    start: (_kernel, { event, timeout }, step) =>
      step.wait('over', { objects: [event], type: 'any', timeout, reason: 'NdisWaitEvent' }),
    over: (_kernel, _locals, step, status) => step.done(status === STATUS_SUCCESS ? 1 : 0),
  },
);

/**
 * Waits until the event is signaled or `MsToWait` milliseconds are over; 0 waits for ever. TRUE where it was
 * signaled. PASSIVE_LEVEL; at a raised IRQL that cannot wait it is a bug check. ndis/nf-ndis-ndiswaitevent
 */
export const NdisWaitEvent = declareFunction('ndis', {
  prototype: 'BOOLEAN NdisWaitEvent(PNDIS_EVENT Event, UINT MsToWait)',
  irql: 'PASSIVE_LEVEL',
  waits: 'always',
  since: '5.1',
  page: 'ndis/nf-ndis-ndiswaitevent',
  implement:
    ({ kernel }: NdisLibrary) =>
    (Event: Pointer<NDIS_EVENT>, MsToWait: number): Promise<number> => {
      requireWaitable(kernel, 'NdisWaitEvent', Event);
      const timeout = MsToWait === 0 ? null : (MsToWait >>> 0) * UNITS_PER_MILLISECOND;
      return kernel.scheduler.execute(waitEvent, kernel, { event: Event, timeout });
    },
});
