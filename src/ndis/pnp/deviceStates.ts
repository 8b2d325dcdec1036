/**
 * What the Plug and Play manager made of an adapter's device, as a table, and what NDIS keeps of the requests that led
 * there. Implements "State Transitions for PnP Devices" (kernel).
 */

import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { type Stateful, stateTable } from '../stateTable.ts';

export type DeviceState =
  | 'NotStarted'
  | 'Started'
  | 'StopPending'
  | 'Stopped'
  | 'RemovePending'
  | 'SurpriseRemoved'
  | 'Removed';

/** The IRPs that change the state of a device. */
export type DeviceRequest =
  | 'IRP_MN_START_DEVICE'
  | 'IRP_MN_QUERY_STOP_DEVICE'
  | 'IRP_MN_CANCEL_STOP_DEVICE'
  | 'IRP_MN_STOP_DEVICE'
  | 'IRP_MN_QUERY_REMOVE_DEVICE'
  | 'IRP_MN_CANCEL_REMOVE_DEVICE'
  | 'IRP_MN_SURPRISE_REMOVAL'
  | 'IRP_MN_REMOVE_DEVICE';

/** The documented states of a device. */
export const deviceStates = stateTable<DeviceState, DeviceRequest>(
  'device',
  'kernel/state-transitions-for-pnp-devices',
  {
    IRP_MN_START_DEVICE: { NotStarted: 'Started', Stopped: 'Started' },
    IRP_MN_QUERY_STOP_DEVICE: { Started: 'StopPending' },
    IRP_MN_CANCEL_STOP_DEVICE: { StopPending: 'Started', Started: 'Started' },
    IRP_MN_STOP_DEVICE: { StopPending: 'Stopped' },
    IRP_MN_QUERY_REMOVE_DEVICE: { Started: 'RemovePending' },
    IRP_MN_CANCEL_REMOVE_DEVICE: { RemovePending: 'Started', Started: 'Started' },
    IRP_MN_SURPRISE_REMOVAL: {
      NotStarted: 'SurpriseRemoved',
      Started: 'SurpriseRemoved',
      StopPending: 'SurpriseRemoved',
      Stopped: 'SurpriseRemoved',
      RemovePending: 'SurpriseRemoved',
    },
    IRP_MN_REMOVE_DEVICE: {
      NotStarted: 'Removed',
      Started: 'Removed',
      StopPending: 'Removed',
      Stopped: 'Removed',
      RemovePending: 'Removed',
      SurpriseRemoved: 'Removed',
    },
  },
);

/** The device of one adapter. Plain data. */
export class AdapterDevice implements Stateful<DeviceState> {
  state: DeviceState = 'NotStarted';
  readonly label: string;
  /** How the stack answered the last query: NDIS_STATUS_SUCCESS, or what the first driver refused it with. */
  queryStatus = 0;
  /** MiniportDevicePnPEventNotify heard of it, or can hear of nothing. */
  removalTold = false;

  constructor(label: string) {
    this.label = label;
  }
}

const devices = perNdis('PnP devices', () => new WeakMap<MiniportAdapter, AdapterDevice>());

/** The device of an adapter. */
export function deviceOf(ndis: NdisLibrary, adapter: MiniportAdapter): AdapterDevice {
  let device = devices(ndis).get(adapter);
  if (device === undefined) {
    device = new AdapterDevice(adapter.label);
    devices(ndis).set(adapter, device);
  }
  return device;
}
