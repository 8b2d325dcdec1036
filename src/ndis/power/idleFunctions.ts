/**
 * What drivers with selective suspend call and register.
 * Implements nf-ndis-ndismidlenotificationconfirm, nf-ndis-ndismidlenotificationcomplete and the pages of the handlers.
 */

import { declareCallback, declareFunction, type Handle, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_PM_SELECTIVE_SUSPEND_ENABLED,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD2,
  NdisRequestSetInformation,
  OID_PM_PARAMETERS,
  OID_PNP_SET_POWER,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { ownRequest, requestOid } from '../oid/ownRequest.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import { apply, mayHappen } from '../stateTable.ts';
import type { NDIS_STATUS } from '../status.ts';
import { idleOf, idleStates } from './idleStates.ts';
import { powerOf, powerStateOf, powerStates } from './powerStates.ts';
import { completeIdle, resumeFromIdle } from './selectiveSuspend.ts';
import { combinedSettings, parametersBytes } from './wakeSettings.ts';

/** MiniportIdleNotification: the adapter seems idle; may it sleep? NDIS_STATUS_PENDING, or NDIS_STATUS_BUSY as a veto. */
export type MINIPORT_IDLE_NOTIFICATION = (
  MiniportAdapterContext: unknown,
  ForceIdle: boolean | number,
) => NDIS_STATUS | Promise<NDIS_STATUS>;
export const MINIPORT_IDLE_NOTIFICATION = declareCallback<MINIPORT_IDLE_NOTIFICATION>({
  prototype: 'NDIS_STATUS MINIPORT_IDLE_NOTIFICATION(NDIS_HANDLE MiniportAdapterContext, BOOLEAN ForceIdle)',
  role: 'MiniportIdleNotification',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.30',
  page: 'ndis/nc-ndis-miniport_idle_notification',
});

/** MiniportCancelIdleNotification: the adapter is needed; NdisMIdleNotificationComplete follows. */
export type MINIPORT_CANCEL_IDLE_NOTIFICATION = (MiniportAdapterContext: unknown) => void | Promise<void>;
export const MINIPORT_CANCEL_IDLE_NOTIFICATION = declareCallback<MINIPORT_CANCEL_IDLE_NOTIFICATION>({
  prototype: 'VOID MINIPORT_CANCEL_IDLE_NOTIFICATION(NDIS_HANDLE MiniportAdapterContext)',
  role: 'MiniportCancelIdleNotification',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.30',
  page: 'ndis/nc-ndis-miniport_cancel_idle_notification',
});

const CONFIRM_PAGE = 'ndis/nf-ndis-ndismidlenotificationconfirm';
const COMPLETE_PAGE = 'ndis/nf-ndis-ndismidlenotificationcomplete';
/** Bytes for the state, behind which NDIS_PM_PARAMETERS lies. */
const STATE_SIZE = 8;
const PARAMETERS_SIZE = 32;

const confirmIdle = procedure<
  NdisLibrary,
  { readonly adapter: Address; readonly state: number; buffer: Address }
>('NdisMIdleNotificationConfirm', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    const idle = idleOf(ndis, adapter);
    apply(ndis.kernel, idleStates, idle, 'NdisMIdleNotificationConfirm', adapter.miniport.driver);
    idle.lowered = true;
    const settings = idle.forced
      ? combinedSettings(ndis, adapter)
      : {
          packetPatterns: 0,
          protocolOffloads: 0,
          wakeUpFlags: NDIS_PM_SELECTIVE_SUSPEND_ENABLED,
          mediaSpecificEvents: 0,
        };
    const contents = parametersBytes(settings, adapter.miniport.minorVersion);
    locals.buffer = allocateCertain(ndis.kernel, STATE_SIZE + PARAMETERS_SIZE);
    ndis.memory.u32[locals.buffer >> 2] = locals.state;
    ndis.memory.u8.set(contents, locals.buffer + STATE_SIZE);
    const request = ownRequest(adapter, {
      type: NdisRequestSetInformation,
      oid: OID_PM_PARAMETERS,
      buffer: locals.buffer + STATE_SIZE,
      length: contents.length,
      bypass: true,
    });
    return step.run('parametersTold', requestOid, ndis, request);
  },
  parametersTold: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over', NDIS_STATUS_SUCCESS);
    const request = ownRequest(adapter, {
      type: NdisRequestSetInformation,
      oid: OID_PNP_SET_POWER,
      buffer: locals.buffer,
      length: 4,
      bypass: true,
    });
    return step.run('over', requestOid, ndis, request);
  },
  over: (ndis, locals, step) => {
    freeCertain(ndis.kernel, locals.buffer);
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const state = powerStateOf(locals.state);
    if (adapter === null || state === null) return step.done(NDIS_STATUS_SUCCESS);
    const power = powerOf(ndis, adapter);
    apply(ndis.kernel, powerStates, power, `set ${state}`, null);
    power.wakeArmed = true;
    const idle = idleOf(ndis, adapter);
    apply(ndis.kernel, idleStates, idle, 'LowPower', adapter.miniport.driver);
    if (idle.cancelWanted) {
      const again = { adapter: adapter.handle, event: 0 };
      ndis.kernel.scheduler.createThread('NDIS idle', resumeFromIdle, ndis, again);
    }
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/**
 * NdisMIdleNotificationConfirm: the idle adapter can be put into a low-power state, which is the lowest it supports. NDIS
 * tells the driver OID_PM_PARAMETERS and OID_PNP_SET_POWER before the call returns. For a notification that was
 * cancelled meanwhile nothing happens; without one it is the finding NOT_PENDING, a state that is no sleeping one
 * BAD_POWER_STATE. IRQL PASSIVE_LEVEL; waits. Source: ndis/nf-ndis-ndismidlenotificationconfirm.
 */
export const NdisMIdleNotificationConfirm = declareFunction('ndis', {
  prototype:
    'VOID NdisMIdleNotificationConfirm(NDIS_HANDLE MiniportAdapterHandle, NDIS_DEVICE_POWER_STATE IdlePowerState)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.30',
  page: CONFIRM_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    async (MiniportAdapterHandle: Handle, IdlePowerState: number): Promise<void> => {
      const call = 'NdisMIdleNotificationConfirm';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, CONFIRM_PAGE);
      if (adapter === null) return;
      const idle = idleOf(ndis, adapter);
      if (idle.state === 'Cancelling') return;
      if (!mayHappen(idleStates, idle, 'NdisMIdleNotificationConfirm')) {
        const text = `${call}: no idle notification of ${adapter.label} waits to be confirmed; it is ${idle.state}`;
        ndis.kernel.report('NOT_PENDING', driver, text, CONFIRM_PAGE);
        return;
      }
      let state = IdlePowerState;
      if ((powerStateOf(state) ?? 'D0') === 'D0') {
        const text = `${call}: ${IdlePowerState} is no sleeping state; NDIS takes NdisDeviceStateD2`;
        ndis.kernel.report('BAD_POWER_STATE', driver, text, CONFIRM_PAGE);
        state = NdisDeviceStateD2;
      }
      await ndis.kernel.scheduler.execute(confirmIdle, ndis, { adapter: adapter.handle, state, buffer: 0 });
    },
});

/**
 * NdisMIdleNotificationComplete: completes an idle notification, because NDIS cancelled it or the driver wants the adapter
 * back; NDIS takes it to D0 after the call. Without a notification that is pending it is the finding NOT_PENDING.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismidlenotificationcomplete.
 */
export const NdisMIdleNotificationComplete = declareFunction('ndis', {
  prototype: 'VOID NdisMIdleNotificationComplete(NDIS_HANDLE MiniportAdapterHandle)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.30',
  page: COMPLETE_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle): void => {
      const call = 'NdisMIdleNotificationComplete';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, COMPLETE_PAGE);
      if (adapter === null) return;
      const idle = idleOf(ndis, adapter);
      if (mayHappen(idleStates, idle, 'NdisMIdleNotificationComplete')) {
        completeIdle(ndis, adapter, idle);
        return;
      }
      const text = `${call}: no idle notification of ${adapter.label} is pending; it is ${idle.state}`;
      ndis.kernel.report('NOT_PENDING', driver, text, COMPLETE_PAGE);
    },
});
