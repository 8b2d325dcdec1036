/**
 * Selective suspend: an adapter that nobody used for a while is put to sleep with the consent of its driver, and woken
 * by the next send or request, or by its hardware.
 * Implements "Handling the NDIS Selective Suspend Idle Notification", "Canceling the NDIS Selective Suspend Idle
 * Notification" and "How NDIS Detects Idle Network Adapters" (network).
 */

import { procedure, registryOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { createEvent, freeEvent, signalEvent, waitFor } from '../events.ts';
import {
  NDIS_PM_SELECTIVE_SUSPEND_SUPPORTED,
  NDIS_STATUS_BUSY,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
  NdisRequestSetInformation,
  OID_PNP_SET_POWER,
} from '../generated/constants/index.ts';
import { inventoryOf } from '../inventory.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { ownRequest, requestOid } from '../oid/ownRequest.ts';
import { workOnQueue } from '../oid/requestQueue.ts';
import { oidRequestsOf } from '../oid/requestRecord.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import { queueOperation } from '../stack/queue.ts';
import { apply, mayHappen } from '../stateTable.ts';
import { currentCapabilities } from './capabilities.ts';
import { type AdapterIdle, idleOf, idleStates } from './idleStates.ts';
import { powerOf, powerStates } from './powerStates.ts';

const NOTIFY_PAGE = 'ndis/nc-ndis-miniport_idle_notification';
/** *SSIdleTimeout in seconds where the configuration has none, and its bounds. */
const DEFAULT_TIMEOUT = 5;
const TIMEOUT_MINIMUM = 1;
const TIMEOUT_MAXIMUM = 60;
const UNITS_PER_SECOND = 10_000_000;
/** Chains of lists that wait for an adapter to wake; further ones go to the driver, which fails them. */
const HELD_LIMIT = 4096;

function timeoutOf(ndis: NdisLibrary, adapter: MiniportAdapter): number {
  const value = registryOf(ndis.kernel).open(adapter.configurationKeyPath)?.get('*SSIdleTimeout');
  const seconds = value === undefined ? DEFAULT_TIMEOUT : Number(value);
  const whole = Number.isInteger(seconds) ? seconds : DEFAULT_TIMEOUT;
  return Math.min(TIMEOUT_MAXIMUM, Math.max(TIMEOUT_MINIMUM, whole)) * UNITS_PER_SECOND;
}

/** The adapter is initialized: where it supports selective suspend, NDIS watches it from now on. */
export function watchIdle(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const { capabilities } = powerOf(ndis, adapter);
  const { miniport } = adapter;
  if (capabilities === null || miniport.idleNotification === null) return;
  const { Flags } = currentCapabilities(ndis, adapter, capabilities);
  if ((Flags & NDIS_PM_SELECTIVE_SUSPEND_SUPPORTED) === 0) return;
  const idle = idleOf(ndis, adapter);
  idle.enabled = true;
  idle.timeout = timeoutOf(ndis, adapter);
  idle.lastActivity = ndis.kernel.clock.now;
  watchCalls(ndis, adapter, idle);
  scheduleCheck(ndis, adapter, idle);
}

/** The adapter is halted. */
export function unwatchIdle(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const idle = idleOf(ndis, adapter);
  idle.enabled = false;
  if (idle.timer !== 0) ndis.kernel.clock.timers.cancel(idle.timer);
  idle.timer = 0;
}

/** Lets the calls of the driver's handlers count as activity; adapters that are not watched pay nothing for it. */
function watchCalls(ndis: NdisLibrary, adapter: MiniportAdapter, idle: AdapterIdle): void {
  const handlers = adapter.miniport.handlers;
  if (handlers === null) return;
  const { clock } = ndis.kernel;
  const { invoke: send } = handlers.send;
  const { invoke: returnLists } = handlers.returnLists;
  adapter.send = (context, lists, port, flags) => {
    idle.lastActivity = clock.now;
    send(context, lists, port, flags);
  };
  adapter.returnLists = (context, lists, flags) => {
    idle.lastActivity = clock.now;
    returnLists(context, lists, flags);
  };
}

/** While the driver has an idle notification it gets no sends: they wait, and wake the adapter. */
function holdSends(ndis: NdisLibrary, adapter: MiniportAdapter, idle: AdapterIdle): void {
  const { send } = adapter;
  adapter.send = (context, lists, port, flags) => {
    if (idle.held.length >= HELD_LIMIT) return send(context, lists, port, flags);
    idle.held.push({ lists, port, flags });
    wakeIdle(ndis, adapter);
  };
}

function scheduleCheck(ndis: NdisLibrary, adapter: MiniportAdapter, idle: AdapterIdle): void {
  if (!idle.enabled) return;
  const { clock } = ndis.kernel;
  if (idle.timer !== 0) clock.timers.cancel(idle.timer);
  const run = (): void => {
    idle.timer = 0;
    if (adapter.handle === 0 || adapter.halted || !idle.enabled || idle.state !== 'Active') return;
    if (clock.now - idle.lastActivity < idle.timeout) return scheduleCheck(ndis, adapter, idle);
    if (isBusy(ndis, adapter)) idle.lastActivity = clock.now;
    else queueOperation(ndis, adapter, { kind: 'idle', forced: false, event: 0 });
    scheduleCheck(ndis, adapter, idle);
  };
  const due = Math.max(clock.now, idle.lastActivity) + idle.timeout;
  idle.timer = clock.timers.add(due, { kind: 'host', run }, true);
}

/** Whether something is under way at an adapter that no call shows. */
function isBusy(ndis: NdisLibrary, adapter: MiniportAdapter): boolean {
  const { sendsOutstanding, receivesOutstanding, powered, state, working } = adapter;
  return (
    sendsOutstanding > 0 ||
    receivesOutstanding > 0 ||
    !powered ||
    working ||
    state !== 'Running' ||
    !oidRequestsOf(ndis).of(adapter).drained
  );
}

/** Tells the driver of an adapter that it seems to be idle. */
export const notifyIdle = procedure<NdisLibrary, { readonly adapter: Address; readonly forced: boolean }>(
  'NdisIdleNotification',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const handler = adapter?.miniport.idleNotification;
      if (adapter === null || handler === null || handler === undefined)
        return step.done(NDIS_STATUS_SUCCESS);
      const idle = idleOf(ndis, adapter);
      const possible = idle.enabled && adapter.powered && adapter.state === 'Running' && !adapter.removing;
      if (!possible || !mayHappen(idleStates, idle, 'MiniportIdleNotification')) {
        return step.done(NDIS_STATUS_SUCCESS);
      }
      apply(ndis.kernel, idleStates, idle, 'MiniportIdleNotification', adapter.miniport.driver);
      idle.forced = locals.forced;
      adapter.suspended = true;
      holdSends(ndis, adapter, idle);
      return step.call('returned', handler, adapter.context, locals.forced ? 1 : 0);
    },
    returned: (ndis, locals, step, result) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      const status = result >>> 0;
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      const idle = idleOf(ndis, adapter);
      if (status === NDIS_STATUS_PENDING) return step.done(NDIS_STATUS_SUCCESS);
      reportAnswer(ndis, adapter, idle, status);
      if (idle.state === 'Notified') {
        apply(ndis.kernel, idleStates, idle, 'Vetoed', adapter.miniport.driver);
        backToWork(ndis, adapter, idle);
      }
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

function reportAnswer(ndis: NdisLibrary, adapter: MiniportAdapter, idle: AdapterIdle, status: number): void {
  const vetoed = idle.state === 'Notified';
  if (vetoed && !idle.forced && status === NDIS_STATUS_BUSY) return;
  const text = !vetoed
    ? 'and the notification was confirmed or completed; return NDIS_STATUS_PENDING'
    : idle.forced
      ? 'though ForceIdle was TRUE; the notification cannot be vetoed then'
      : 'which is neither NDIS_STATUS_PENDING nor the veto NDIS_STATUS_BUSY';
  ndis.kernel.report(
    'IDLE_NOTIFICATION_ANSWER',
    adapter.miniport.driver,
    `MiniportIdleNotification of ${adapter.label} returned 0x${status.toString(16)}, ${text}`,
    NOTIFY_PAGE,
  );
}

/** The adapter is in D0 and its driver has no idle notification: what waited goes on. */
function backToWork(ndis: NdisLibrary, adapter: MiniportAdapter, idle: AdapterIdle): void {
  adapter.suspended = false;
  idle.lastActivity = ndis.kernel.clock.now;
  idle.cancelWanted = false;
  idle.lowered = false;
  idle.waking = false;
  if (adapter.state !== 'Halted') watchCalls(ndis, adapter, idle);
  for (const { lists, port, flags } of idle.held.splice(0)) adapter.send(adapter.context, lists, port, flags);
  workOnQueue(ndis, oidRequestsOf(ndis).of(adapter));
  for (const event of idle.waiters.splice(0)) signalEvent(ndis.kernel, event);
  scheduleCheck(ndis, adapter, idle);
}

/** Cancels the idle notification of an adapter, and waits until it is back in D0. */
export const resumeFromIdle = procedure<NdisLibrary, { readonly adapter: Address; event: Address }>(
  'NdisCancelIdleNotification',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null || !adapter.suspended) return step.done(NDIS_STATUS_SUCCESS);
      const idle = idleOf(ndis, adapter);
      locals.event = createEvent(ndis.kernel);
      idle.waiters.push(locals.event);
      const handler = adapter.miniport.cancelIdleNotification;
      if (handler === null || !mayHappen(idleStates, idle, 'MiniportCancelIdleNotification')) {
        // On its way down it is cancelled when it is there; on its way up nothing is to be done.
        idle.cancelWanted = true;
        return step.go('wait');
      }
      apply(ndis.kernel, idleStates, idle, 'MiniportCancelIdleNotification', adapter.miniport.driver);
      return step.call('wait', handler, adapter.context);
    },
    wait: (_ndis, locals, step) => step.wait('over', waitFor(locals.event, 'NdisMIdleNotificationComplete')),
    over: (ndis, locals, step) => {
      freeEvent(ndis.kernel, locals.event);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** Somebody needs the adapter: counts as activity, and wakes it where it sleeps. */
export function wakeIdle(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const idle = idleOf(ndis, adapter);
  idle.lastActivity = ndis.kernel.clock.now;
  if (!adapter.suspended || idle.waking) return;
  idle.waking = true;
  const locals = { adapter: adapter.handle, event: 0 };
  ndis.kernel.scheduler.createThread('NDIS idle', resumeFromIdle, ndis, locals);
}

/** The driver completed its idle notification: the adapter goes back to D0. */
export const finishIdle = procedure<NdisLibrary, { readonly adapter: Address; buffer: Address }>(
  'NdisFinishIdle',
  {
    start: (ndis, locals, step) => {
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      const idle = idleOf(ndis, adapter);
      if (!idle.lowered || adapter.state === 'Halted') return step.go('over', NDIS_STATUS_SUCCESS);
      locals.buffer = allocateCertain(ndis.kernel, 8);
      ndis.memory.u32[locals.buffer >> 2] = NdisDeviceStateD0;
      const request = ownRequest(adapter, {
        type: NdisRequestSetInformation,
        oid: OID_PNP_SET_POWER,
        buffer: locals.buffer,
        length: 4,
        bypass: true,
      });
      return step.run('over', requestOid, ndis, request);
    },
    over: (ndis, locals, step, status) => {
      if (locals.buffer !== 0) freeCertain(ndis.kernel, locals.buffer);
      const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
      if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
      const power = powerOf(ndis, adapter);
      if (status >>> 0 !== NDIS_STATUS_SUCCESS && !adapter.removing) {
        ndis.kernel.report(
          'POWER_REQUEST_FAILED',
          adapter.miniport.driver,
          `MiniportOidRequest of ${adapter.label} failed OID_PNP_SET_POWER with 0x${(status >>> 0).toString(16)}; it must always succeed`,
          'network/oid-pnp-set-power',
        );
      }
      power.wakeArmed = false;
      if (power.state !== 'D0') apply(ndis.kernel, powerStates, power, 'set D0', null);
      const idle = idleOf(ndis, adapter);
      apply(ndis.kernel, idleStates, idle, 'FullPower', adapter.miniport.driver);
      backToWork(ndis, adapter, idle);
      return step.done(NDIS_STATUS_SUCCESS);
    },
  },
);

/** Completes idle notifications that drivers owe, each with a finding. Returns how many. */
export function completeStalledIdle(ndis: NdisLibrary): number {
  let count = 0;
  for (const adapter of inventoryOf(ndis).adapters) {
    const idle = idleOf(ndis, adapter);
    if (idle.state !== 'Cancelling') continue;
    count++;
    ndis.kernel.report(
      'NEVER_COMPLETED',
      adapter.miniport.driver,
      `the idle notification of ${adapter.label} was cancelled and never completed; call NdisMIdleNotificationComplete`,
      'ndis/nc-ndis-miniport_cancel_idle_notification',
    );
    completeIdle(ndis, adapter, idle);
  }
  return count;
}

/** The notification is over: a thread of the library brings the adapter back. */
export function completeIdle(ndis: NdisLibrary, adapter: MiniportAdapter, idle: AdapterIdle): void {
  apply(ndis.kernel, idleStates, idle, 'NdisMIdleNotificationComplete', adapter.miniport.driver);
  const locals = { adapter: adapter.handle, buffer: 0 };
  ndis.kernel.scheduler.createThread('NDIS idle', finishIdle, ndis, locals);
}
