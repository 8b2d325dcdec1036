/**
 * The device power state of an adapter, as a table, and what NDIS keeps of it.
 * Implements "Device Power States for Network Adapters" (network).
 */

import {
  NdisDeviceStateD0,
  NdisDeviceStateD1,
  NdisDeviceStateD2,
  NdisDeviceStateD3,
} from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { type Stateful, stateTable } from '../stateTable.ts';
import type { PowerCapabilities } from './capabilities.ts';

export type PowerState = 'D0' | 'D1' | 'D2' | 'D3';
export type PowerEvent = 'set D0' | 'set D1' | 'set D2' | 'set D3';

/** Between two sleeping states there is no way but through D0. */
export const powerStates = stateTable<PowerState, PowerEvent>(
  'device power of',
  'network/device-power-states-for-network-adapters',
  {
    'set D0': { D1: 'D0', D2: 'D0', D3: 'D0' },
    'set D1': { D0: 'D1' },
    'set D2': { D0: 'D2' },
    'set D3': { D0: 'D3' },
  },
);

const NUMBERS: Readonly<Record<PowerState, number>> = {
  D0: NdisDeviceStateD0,
  D1: NdisDeviceStateD1,
  D2: NdisDeviceStateD2,
  D3: NdisDeviceStateD3,
};

/** The NDIS_DEVICE_POWER_STATE of a state. */
export function powerNumber(state: PowerState): number {
  return NUMBERS[state];
}

/** The state of an NDIS_DEVICE_POWER_STATE; null for one that is none. */
export function powerStateOf(number: number): PowerState | null {
  for (const state of ['D0', 'D1', 'D2', 'D3'] as const) if (NUMBERS[state] === number) return state;
  return null;
}

/** What a binding asked for with OID_PM_PARAMETERS or OID_PNP_ENABLE_WAKE_UP. */
export interface WakeSettings {
  /** NDIS_PM_WOL_*_ENABLED. */
  readonly packetPatterns: number;
  /** NDIS_PM_PROTOCOL_OFFLOAD_*_ENABLED. */
  readonly protocolOffloads: number;
  /** NDIS_PM_WAKE_ON_*_ENABLED. */
  readonly wakeUpFlags: number;
  readonly mediaSpecificEvents: number;
}

/** Power of one adapter. */
export class AdapterPower implements Stateful<PowerState> {
  state: PowerState = 'D0';
  readonly label: string;
  /** What its driver said in its general attributes; null where it knows nothing of power. */
  capabilities: PowerCapabilities | null = null;
  /** From before the stack hears of a transition to a sleeping state until the adapter is back in D0. */
  lowering = false;
  /** Its driver was halted for the sleeping state and is initialized again for D0. */
  halted = false;
  /** The stack was paused for the sleeping state. */
  paused = false;
  /** IRP_MN_WAIT_WAKE is pending: the hardware may wake the adapter. */
  wakeArmed = false;
  /** The adapter itself asked for the transition to D0 that is under way or was last made. */
  woke = false;
  /** What bindings asked for, by the handle of the binding. */
  readonly settings = new Map<number, WakeSettings>();

  constructor(label: string) {
    this.label = label;
  }
}

const powers = perNdis('power of adapters', () => new WeakMap<MiniportAdapter, AdapterPower>());

/** The power of an adapter. */
export function powerOf(ndis: NdisLibrary, adapter: MiniportAdapter): AdapterPower {
  let power = powers(ndis).get(adapter);
  if (power === undefined) {
    power = new AdapterPower(adapter.label);
    powers(ndis).set(adapter, power);
  }
  return power;
}
