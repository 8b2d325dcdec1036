/**
 * Taking an adapter to a sleeping state and back to D0: the stack above hears of it and is paused, the driver is told
 * what may wake the adapter and then the state, or is halted where it knows nothing of power.
 * Implements "Handling a Set Power Request", "Low Power for Wake on LAN" and "Power Management for Old Miniport
 * Drivers" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { endAdapterConnections } from '../condis/teardown.ts';
import { waitFor } from '../events.ts';
import {
  NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND,
  NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND,
  NDIS_PAUSE_LOW_POWER,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventPowerProfileChanged,
  NdisDeviceStateD0,
  NdisDeviceStateD3,
  NdisHaltDeviceFailed,
  NdisHaltDevicePoweredDown,
  NdisRequestSetInformation,
  NetEventQueryPower,
  NetEventSetPower,
  OID_PNP_QUERY_POWER,
  OID_PNP_SET_POWER,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { cancelCheckForHang, scheduleCheckForHang } from '../miniport/checkForHang.ts';
import { haltAdapter } from '../miniport/halt.ts';
import { initializeAdapter } from '../miniport/initialize.ts';
import { adapterStates, MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { ownRequest, requestOid, updatePacketFilter } from '../oid/ownRequest.ts';
import { devicePnPEvent, powerProfileOf, sendDevicePnPEvent } from '../pnp/devicePnPEvents.ts';
import { netPnPEvent, sendNetPnPEvent } from '../pnp/netPnPEvents.ts';
import { unbindBinding } from '../protocol/unbind.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import { pauseStack, restartStack } from '../stack/pauseRestart.ts';
import { reconfigureStack } from '../stack/reconfigure.ts';
import { apply } from '../stateTable.ts';
import { powerNumber, powerOf, powerStateOf, powerStates } from './powerStates.ts';
import { combinedSettings, wakeRequest, wakes } from './wakeSettings.ts';

/** Minor version from which drivers take power transitions without a pause. */
const NO_PAUSE_FROM_MINOR = 30;
const QUERY_PAGE = 'network/oid-pnp-query-power';
const SET_PAGE = 'network/oid-pnp-set-power';
/** Bytes for the state, behind which the contents of a wake request lie. */
const STATE_SIZE = 8;
const CONTENTS_SIZE = 32;

/** Whether a driver is told of sleeping states; any other is halted for them, and knows D0 and D3 alone. */
export function knowsPower(ndis: NdisLibrary, adapter: MiniportAdapter): boolean {
  const flags = adapter.registration?.flags ?? 0;
  return (
    powerOf(ndis, adapter).capabilities !== null ||
    (flags & NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND) !== 0
  );
}

/** Whether the stack runs on while the adapter changes its state: its driver and every driver above it know how. */
function needsNoPause(adapter: MiniportAdapter): boolean {
  const flags = adapter.registration?.flags ?? 0;
  if ((flags & NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND) === 0) return false;
  const above = [
    ...adapter.bindings.map((binding) => binding.protocol.minorVersion),
    ...adapter.filters.map((module) => module.filter.minorVersion),
  ];
  return above.every((minorVersion) => minorVersion >= NO_PAUSE_FROM_MINOR);
}

export interface SetPowerLocals {
  readonly adapter: Address;
  /** NDIS_DEVICE_POWER_STATE. */
  readonly state: number;
  /** The state, and room for what the driver is told: memory of the library. */
  buffer: Address;
}

/** The locals of the procedures of this file. */
export function setPowerLocals(adapter: { readonly handle: Address }, state: number): SetPowerLocals {
  return { adapter: adapter.handle, state, buffer: 0 };
}

function writeState(ndis: NdisLibrary, locals: SetPowerLocals): void {
  locals.buffer = allocateCertain(ndis.kernel, STATE_SIZE + CONTENTS_SIZE);
  ndis.memory.u32[locals.buffer >> 2] = locals.state;
}

/** A set request of NDIS's own with `length` bytes at `buffer`. */
function ownSet(adapter: MiniportAdapter, oid: number, buffer: Address, length: number) {
  return ownRequest(adapter, { type: NdisRequestSetInformation, oid, buffer, length });
}

/** Asks the stack and the driver whether the adapter may sleep; a refusal is a finding, and does not count. */
export const queryPower = procedure<NdisLibrary, SetPowerLocals>('NdisQueryPower', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.halted || adapter.removing) return step.done(NDIS_STATUS_FAILURE);
    // What sleeps already was asked before.
    if (!adapter.powered) return step.done(NDIS_STATUS_SUCCESS);
    writeState(ndis, locals);
    return step.run(
      'asked',
      sendNetPnPEvent,
      ndis,
      netPnPEvent(adapter, NetEventQueryPower, locals.buffer, 4),
    );
  },
  asked: (ndis, locals, step, status) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over');
    if (status >>> 0 !== NDIS_STATUS_SUCCESS) {
      const text = `a driver above ${adapter.label} refused NetEventQueryPower with 0x${(status >>> 0).toString(16)}; a query for power is always to succeed`;
      ndis.kernel.note('power', text);
    }
    if (adapter.state === 'Halted' || !knowsPower(ndis, adapter)) return step.go('over');
    return step.run('answered', requestOid, ndis, ownSet(adapter, OID_PNP_QUERY_POWER, locals.buffer, 4));
  },
  answered: (ndis, locals, step, status) => {
    reportRefusal(ndis, locals.adapter, 'OID_PNP_QUERY_POWER', status, QUERY_PAGE);
    return step.go('over');
  },
  over: (ndis, locals, step) => {
    if (locals.buffer !== 0) freeCertain(ndis.kernel, locals.buffer);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

function reportRefusal(ndis: NdisLibrary, handle: Address, oid: string, result: number, page: string): void {
  const adapter = ndis.resolve(handle, MiniportAdapter);
  const status = result >>> 0;
  if (status === NDIS_STATUS_SUCCESS || adapter === null || adapter.removing) return;
  ndis.kernel.report(
    'POWER_REQUEST_FAILED',
    adapter.miniport.driver,
    `MiniportOidRequest of ${adapter.label} failed ${oid} with 0x${status.toString(16)}; it must always succeed`,
    page,
  );
}

/** Takes an adapter to a state. The value is NDIS_STATUS_SUCCESS, or NDIS_STATUS_FAILURE where it is not there. */
export const setPower = procedure<NdisLibrary, SetPowerLocals>('NdisSetPower', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.halted || adapter.removing) return step.done(NDIS_STATUS_FAILURE);
    const power = powerOf(ndis, adapter);
    const next = powerStateOf(locals.state);
    if (next === null) return step.done(NDIS_STATUS_FAILURE);
    if (next === power.state) {
      // Setting D0 again takes an earlier query back.
      if (next !== 'D0') return step.done(NDIS_STATUS_SUCCESS);
      writeState(ndis, locals);
      return step.run(
        'over',
        sendNetPnPEvent,
        ndis,
        netPnPEvent(adapter, NetEventSetPower, locals.buffer, 4),
      );
    }
    if (next === 'D0') return step.run('over', raisePower, ndis, setPowerLocals(adapter, locals.state));
    const state = knowsPower(ndis, adapter) ? locals.state : NdisDeviceStateD3;
    if (power.state === 'D0') return step.run('over', lowerPower, ndis, setPowerLocals(adapter, state));
    // There is no way from one sleeping state to another but through D0.
    return step.run('throughD0', raisePower, ndis, setPowerLocals(adapter, NdisDeviceStateD0));
  },
  throughD0: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.halted) return step.done(NDIS_STATUS_FAILURE);
    const state = knowsPower(ndis, adapter) ? locals.state : NdisDeviceStateD3;
    return step.run('over', lowerPower, ndis, setPowerLocals(adapter, state));
  },
  over: (ndis, locals, step, status) => {
    if (locals.buffer !== 0) freeCertain(ndis.kernel, locals.buffer);
    return step.done(status >>> 0);
  },
});

/** D0 to a sleeping state. */
const lowerPower = procedure<NdisLibrary, SetPowerLocals>('NdisLowerPower', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
    powerOf(ndis, adapter).lowering = true;
    writeState(ndis, locals);
    return step.run('told', sendNetPnPEvent, ndis, netPnPEvent(adapter, NetEventSetPower, locals.buffer, 4));
  },
  told: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.removing) return step.go('over', NDIS_STATUS_FAILURE);
    const paused = !knowsPower(ndis, adapter) || !needsNoPause(adapter);
    powerOf(ndis, adapter).paused = paused;
    if (!paused) return step.go('awaitReset');
    return step.run('awaitReset', pauseStack, ndis, {
      adapter: locals.adapter,
      reason: NDIS_PAUSE_LOW_POWER,
      parameters: 0,
    });
  },
  awaitReset: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.removing) return step.go('over', NDIS_STATUS_FAILURE);
    cancelCheckForHang(ndis, adapter);
    // A reset that begins from here on finds the adapter without power.
    adapter.powered = false;
    const event = adapter.pendingReset?.event ?? 0;
    return event === 0 ? step.go('tellWake') : step.wait('tellWake', waitFor(event, 'NdisMResetComplete'));
  },
  tellWake: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const handlers = adapter?.miniport.handlers;
    if (adapter === null || handlers === null || handlers === undefined || adapter.state === 'Halted')
      return step.go('lowered');
    const power = powerOf(ndis, adapter);
    if (!knowsPower(ndis, adapter)) {
      if (adapter.state !== 'Paused') return step.go('lowered');
      // Connections do not outlive the halt: who is bound has to close them, and binds again when power is back.
      const open = adapter.bindings.find((binding) => binding.state === 'Paused');
      if (adapter.miniport.connections !== null && open !== undefined) {
        return step.run('tellWake', unbindBinding, ndis, { binding: open.handle });
      }
      power.halted = true;
      apply(ndis.kernel, adapterStates, adapter, 'MiniportHaltEx', adapter.miniport.driver);
      return step.call('lowered', handlers.halt, adapter.context, NdisHaltDevicePoweredDown);
    }
    if (power.capabilities === null) return step.go('tellState', NDIS_STATUS_SUCCESS);
    const settings = combinedSettings(ndis, adapter);
    power.wakeArmed = wakes(settings);
    const { oid, contents } = wakeRequest(adapter, settings);
    const at = locals.buffer + STATE_SIZE;
    ndis.memory.u8.set(contents, at);
    return step.run('tellState', requestOid, ndis, ownSet(adapter, oid, at, contents.length));
  },
  tellState: (ndis, locals, step, status) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over', NDIS_STATUS_FAILURE);
    if (status >>> 0 !== NDIS_STATUS_SUCCESS) powerOf(ndis, adapter).wakeArmed = false;
    return step.run('stateTold', requestOid, ndis, ownSet(adapter, OID_PNP_SET_POWER, locals.buffer, 4));
  },
  stateTold: (ndis, locals, step, status) => {
    reportRefusal(ndis, locals.adapter, 'OID_PNP_SET_POWER', status, SET_PAGE);
    return step.go('lowered');
  },
  lowered: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const state = powerStateOf(locals.state);
    if (adapter !== null && state !== null) {
      apply(ndis.kernel, powerStates, powerOf(ndis, adapter), `set ${state}`, null);
      if (powerOf(ndis, adapter).halted) endAdapterConnections(ndis, adapter);
    }
    return step.go('over', NDIS_STATUS_SUCCESS);
  },
  over: (ndis, locals, step, status) => {
    freeCertain(ndis.kernel, locals.buffer);
    return step.done(status >>> 0);
  },
});

/** A sleeping state to D0. */
const raisePower = procedure<NdisLibrary, SetPowerLocals>('NdisRaisePower', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
    const power = powerOf(ndis, adapter);
    writeState(ndis, locals);
    power.wakeArmed = false;
    if (power.halted) {
      power.halted = false;
      markRaised(ndis, adapter);
      return step.run('profileTold', initializeAdapter, ndis, { adapter: locals.adapter, parameters: 0 });
    }
    if (adapter.state === 'Halted') return step.go('raised');
    return step.run('stateTold', requestOid, ndis, ownSet(adapter, OID_PNP_SET_POWER, locals.buffer, 4));
  },
  stateTold: (ndis, locals, step, status) => {
    reportRefusal(ndis, locals.adapter, 'OID_PNP_SET_POWER', status, SET_PAGE);
    if (status >>> 0 === NDIS_STATUS_SUCCESS) return step.go('raised');
    // The device is in a state from which nothing brings it back.
    return step.run('failed', haltAdapter, ndis, { adapter: locals.adapter, action: NdisHaltDeviceFailed });
  },
  failed: (_ndis, _locals, step) => step.go('over', NDIS_STATUS_FAILURE),
  raised: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over', NDIS_STATUS_FAILURE);
    markRaised(ndis, adapter);
    if (adapter.state === 'Halted') return step.go('restarted');
    scheduleCheckForHang(ndis, adapter);
    return step.run(
      'profileTold',
      sendDevicePnPEvent,
      ndis,
      devicePnPEvent(adapter, NdisDevicePnPEventPowerProfileChanged, powerProfileOf(ndis).value),
    );
  },
  profileTold: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.halted) return step.go('over', NDIS_STATUS_FAILURE);
    // What was unbound in the meantime took its wishes with it, and the driver could not be told.
    return step.run('filterTold', updatePacketFilter, ndis, { adapter: locals.adapter, status: 0 });
  },
  filterTold: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || !powerOf(ndis, adapter).paused) return step.go('restarted');
    return step.run('restarted', restartStack, ndis, { adapter: locals.adapter, parameters: 0 });
  },
  restarted: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over', NDIS_STATUS_FAILURE);
    powerOf(ndis, adapter).paused = false;
    return step.run('told', sendNetPnPEvent, ndis, netPnPEvent(adapter, NetEventSetPower, locals.buffer, 4));
  },
  told: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || adapter.halted) return step.go('over', NDIS_STATUS_FAILURE);
    // Bindings that were asked for while nothing could be bound.
    return step.run('bound', reconfigureStack, ndis, { adapter: locals.adapter });
  },
  bound: (_ndis, _locals, step) => step.go('over', NDIS_STATUS_SUCCESS),
  over: (ndis, locals, step, status) => {
    freeCertain(ndis.kernel, locals.buffer);
    return step.done(status >>> 0);
  },
});

function markRaised(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const power = powerOf(ndis, adapter);
  apply(ndis.kernel, powerStates, power, 'set D0', null);
  power.lowering = false;
  adapter.powered = true;
}

/** Whether an adapter is in a sleeping state, or on its way there. */
export function isLow(ndis: NdisLibrary, adapter: MiniportAdapter): boolean {
  return powerOf(ndis, adapter).lowering;
}

/** The number of D0, for hosts that know states by name only. */
export const WORKING_STATE = powerNumber('D0');
