/**
 * Selective suspend of one adapter: the states of its idle notification, and what is held back while it sleeps.
 * Implements "Overview of NDIS Selective Suspend" (network).
 */

import type { Address } from '../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { type Stateful, stateTable } from '../stateTable.ts';

export type IdleState = 'Active' | 'Notified' | 'Suspending' | 'Suspended' | 'Cancelling' | 'Resuming';
export type IdleEvent =
  | 'MiniportIdleNotification'
  | 'Vetoed'
  | 'NdisMIdleNotificationConfirm'
  | 'LowPower'
  | 'MiniportCancelIdleNotification'
  | 'NdisMIdleNotificationComplete'
  | 'FullPower';

/** The documented steps of an idle notification. */
export const idleStates = stateTable<IdleState, IdleEvent>(
  'idle notification of',
  'network/overview-of-ndis-selective-suspend',
  {
    MiniportIdleNotification: { Active: 'Notified' },
    Vetoed: { Notified: 'Active' },
    NdisMIdleNotificationConfirm: { Notified: 'Suspending' },
    LowPower: { Suspending: 'Suspended' },
    MiniportCancelIdleNotification: { Notified: 'Cancelling', Suspended: 'Cancelling' },
    NdisMIdleNotificationComplete: { Notified: 'Resuming', Suspended: 'Resuming', Cancelling: 'Resuming' },
    FullPower: { Resuming: 'Active' },
  },
);

/** Lists that a protocol sent while the adapter slept. */
export interface HeldSend {
  readonly lists: Address;
  readonly port: number;
  readonly flags: number;
}

/** Selective suspend of one adapter. */
export class AdapterIdle implements Stateful<IdleState> {
  state: IdleState = 'Active';
  readonly label: string;
  /** Its driver and its configuration support it, and it is initialized. */
  enabled = false;
  /** *SSIdleTimeout in units of 100 ns. */
  timeout = 0;
  /** When the driver was last asked to do something, in units of 100 ns. */
  lastActivity = 0;
  /** Timer entry of the next look, 0 for none. */
  timer = 0;
  /** The notification that is under way may not be vetoed. */
  forced = false;
  /** The driver was told a low-power state. */
  lowered = false;
  /** Somebody wants it awake, while it cannot be cancelled yet. */
  cancelWanted = false;
  /** A thread of the library is waking it. */
  waking = false;
  /** Sends that wait for D0. */
  readonly held: HeldSend[] = [];
  /** Events of those who wait until it is awake. */
  readonly waiters: Address[] = [];

  constructor(label: string) {
    this.label = label;
  }
}

const idles = perNdis('selective suspend', () => new WeakMap<MiniportAdapter, AdapterIdle>());

/** Selective suspend of an adapter. */
export function idleOf(ndis: NdisLibrary, adapter: MiniportAdapter): AdapterIdle {
  let idle = idles(ndis).get(adapter);
  if (idle === undefined) {
    idle = new AdapterIdle(adapter.label);
    idles(ndis).set(adapter, idle);
  }
  return idle;
}
