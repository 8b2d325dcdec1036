/**
 * Hardware that wakes its adapter, and the statuses by which drivers speak of sleeping states: the reason of a wake-up,
 * patterns and offloads that a driver gives up, capabilities that changed.
 * Implements "Low Power for Wake on LAN", "Issuing NDIS Wake Reason Status Indications" and the ndis-status-pm-* pages
 * (network).
 */

import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_PM_CAPABILITIES_CHANGE,
  NDIS_STATUS_PM_HARDWARE_CAPABILITIES,
  NDIS_STATUS_PM_OFFLOAD_REJECTED,
  NDIS_STATUS_PM_WAKE_REASON,
  NDIS_STATUS_PM_WOL_PATTERN_REJECTED,
  NdisDeviceStateD0,
  NdisRequestSetInformation,
  NdisWakeReasonPacket,
} from '../generated/constants/index.ts';
import {
  NDIS_PM_CAPABILITIES,
  NDIS_PM_COUNTED_STRING,
  NDIS_PM_WAKE_PACKET,
  NDIS_PM_WAKE_REASON,
  NDIS_PM_WOL_PATTERN,
} from '../generated/structures/index.ts';
import { inventoryOf } from '../inventory.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { ownRequest, requestOid } from '../oid/ownRequest.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import { queueOperation } from '../stack/queue.ts';
import { readCapabilities } from './capabilities.ts';
import { dropItemsOf, KIND_RULES, type PowerItemKind, powerItemsOf } from './powerItems.ts';
import { powerOf } from './powerStates.ts';
import { wakeIdle } from './selectiveSuspend.ts';

/** What is known of the whole system. */
export const systemPowerOf = perNdis('system power', () => ({ asleep: false }));

/**
 * The hardware of an adapter asserts its wake-up signal: the pending IRP_MN_WAIT_WAKE completes, and the adapter goes
 * back to D0, with every other one where the whole system sleeps.
 * @returns whether it could wake: it sleeps, and something was enabled that may wake it.
 */
export function signalWake(ndis: NdisLibrary, adapter: MiniportAdapter): boolean {
  const power = powerOf(ndis, adapter);
  if (!power.wakeArmed || power.state === 'D0' || adapter.halted) return false;
  if (adapter.suspended) {
    power.wakeArmed = false;
    wakeIdle(ndis, adapter);
    return true;
  }
  power.wakeArmed = false;
  power.woke = true;
  ndis.kernel.note('power', `${adapter.label} completes IRP_MN_WAIT_WAKE: its hardware wakes it`);
  const system = systemPowerOf(ndis);
  const adapters = system.asleep ? [...inventoryOf(ndis).adapters] : [adapter];
  system.asleep = false;
  for (const virtual of [false, true]) {
    for (const one of adapters) {
      if (one.virtual !== virtual || powerOf(ndis, one).state === 'D0') continue;
      queueOperation(ndis, one, { kind: 'power', query: false, state: NdisDeviceStateD0, event: 0 });
    }
  }
  return true;
}

/** NDIS writes the name of the pattern into the packet that a wake reason holds, before protocols see it. */
function nameWakePattern(ndis: NdisLibrary, adapter: MiniportAdapter, buffer: Address, size: number): void {
  const { memory } = ndis;
  if (size < NDIS_PM_WAKE_REASON.size) return;
  const { WakeReason, InfoBufferOffset: at, InfoBufferSize } = NDIS_PM_WAKE_REASON.at(memory, buffer);
  if (WakeReason !== NdisWakeReasonPacket || InfoBufferSize < NDIS_PM_WAKE_PACKET.size) return;
  if (at + NDIS_PM_WAKE_PACKET.size > size) return;
  const packet = buffer + at;
  const { PatternId } = NDIS_PM_WAKE_PACKET.at(memory, packet);
  const pattern = powerItemsOf(ndis, adapter).find('pattern', PatternId);
  if (pattern === undefined) return;
  const from = NDIS_PM_WOL_PATTERN.offset.FriendlyName;
  const name = pattern.bytes.subarray(from, from + NDIS_PM_COUNTED_STRING.size);
  memory.u8.set(name, packet + NDIS_PM_WAKE_PACKET.offset.PatternFriendlyName);
}

const REJECTIONS: ReadonlyMap<number, PowerItemKind> = new Map<number, PowerItemKind>([
  [NDIS_STATUS_PM_WOL_PATTERN_REJECTED, 'pattern'],
  [NDIS_STATUS_PM_OFFLOAD_REJECTED, 'offload'],
]);

/** Keeps what a status of the driver says of power, before it goes up. */
export function keepPowerStatus(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  status: number,
  buffer: Address,
  size: number,
): void {
  const kind = REJECTIONS.get(status);
  if (kind !== undefined && size >= 4) {
    const list = powerItemsOf(ndis, adapter);
    const item = list.find(kind, ndis.memory.data.getUint32(buffer, true));
    if (item !== undefined) list.drop(item);
  } else if (status === NDIS_STATUS_PM_WAKE_REASON) {
    nameWakePattern(ndis, adapter, buffer, size);
  } else if (
    (status === NDIS_STATUS_PM_CAPABILITIES_CHANGE || status === NDIS_STATUS_PM_HARDWARE_CAPABILITIES) &&
    size + 8 >= NDIS_PM_CAPABILITIES.size
  ) {
    const changed = readCapabilities(ndis, adapter, buffer);
    if (changed !== null) powerOf(ndis, adapter).capabilities = changed;
  }
}

/** A binding closes: its wishes count no more, and the driver is told of what it left behind. */
export function forgetPowerOf(ndis: NdisLibrary, binding: Binding): void {
  const { adapter } = binding;
  powerOf(ndis, adapter).settings.delete(binding.handle);
  for (const item of dropItemsOf(ndis, binding)) {
    if (!adapter.powered || adapter.halted || adapter.removing) continue;
    const buffer = allocateCertain(ndis.kernel, Math.max(8, item.bytes.length));
    const old = item.kind === 'old pattern';
    if (old) ndis.memory.u8.set(item.bytes, buffer);
    else ndis.memory.u32[buffer >> 2] = item.id;
    const request = ownRequest(adapter, {
      type: NdisRequestSetInformation,
      oid: KIND_RULES[item.kind].remove,
      buffer,
      length: old ? item.bytes.length : 4,
    });
    const finished = (): void => freeCertain(ndis.kernel, buffer);
    ndis.kernel.scheduler.createThread('NDIS power request', requestOid, ndis, request, { finished });
  }
}
