/**
 * The hardware of adapters: which function on the bus an adapter drives, the resources that were assigned to it, and what
 * its driver claimed of them. Implements "AllocatedResources" of ns-ndis-_ndis_miniport_init_parameters and
 * ns-wdm-_cm_partial_resource_descriptor.
 */

import {
  busOf,
  type Driver,
  type Handle,
  type InterruptSource,
  type PciFunction,
  poolOf,
} from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';

/** Pool tag `NdHw`. */
const TAG = 0x7748_644e;
const TYPE_PORT = 1;
const TYPE_INTERRUPT = 2;
const TYPE_MEMORY = 3;
const SHARE_DEVICE_EXCLUSIVE = 1;
const SHARE_SHARED = 3;
const FLAG_PORT_IO = 1;
const FLAG_LATCHED = 1;
const FLAG_MESSAGE = 2;
const LIST_HEADER = 8;
const DESCRIPTOR_SIZE = 20;
/** Interface type, bus number and the count before the CM_PARTIAL_RESOURCE_LIST in a CM_RESOURCE_LIST. */
const RESOURCE_LIST_HEADER = 12;
const INTERFACE_TYPE_PCI = 5;

/** What an adapter has of the bus. */
interface AdapterHardware {
  readonly target: PciFunction;
  /** CM_RESOURCE_LIST in kernel memory; 0 while nobody asked. */
  resources: Address;
}

const hardwareOf = perNdis('hardware', () => new Map<MiniportAdapter, AdapterHardware>());

/** The adapter drives this function from now on; called before it is initialized. */
export function connectHardware(ndis: NdisLibrary, adapter: MiniportAdapter, target: PciFunction): void {
  target.driver = adapter.miniport.driver;
  hardwareOf(ndis).set(adapter, { target, resources: 0 });
}

/** The function that an adapter drives; null for one without hardware. */
export function functionOf(ndis: NdisLibrary, adapter: MiniportAdapter): PciFunction | null {
  return hardwareOf(ndis).get(adapter)?.target ?? null;
}

/** The adapter is gone: its device is taken off the bus. */
export function releaseHardware(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const hardware = hardwareOf(ndis).get(adapter);
  if (hardware === undefined) return;
  hardwareOf(ndis).delete(adapter);
  if (hardware.resources !== 0) poolOf(ndis.kernel).free(hardware.resources, TAG);
  busOf(ndis.kernel).detach(hardware.target);
}

/** The function of the adapter behind a handle; a wrong handle is a finding, an adapter without hardware gives null. */
export function functionAt(
  ndis: NdisLibrary,
  handle: Handle,
  driver: Driver,
  call: string,
  page: string,
): PciFunction | null {
  const adapter = ndis.expect(handle, MiniportAdapter, driver, call, page);
  return adapter === null ? null : functionOf(ndis, adapter);
}

/** Where interrupts of the function may come from, in the order of their messages. */
export function interruptSources(target: PciFunction): readonly InterruptSource[] {
  return target.messagesEnabled ? target.messages : [target.line];
}

/**
 * CM_RESOURCE_LIST of an adapter, in memory that lives as long as it does; 0 without hardware and when memory is short.
 * Raw and translated resources are the same: bus addresses are system addresses here.
 */
export function resourceListOf(ndis: NdisLibrary, adapter: MiniportAdapter): Address {
  const hardware = hardwareOf(ndis).get(adapter);
  if (hardware === undefined) return 0;
  if (hardware.resources === 0) hardware.resources = makeResourceList(ndis, hardware.target);
  return hardware.resources;
}

/** The driver of an adapter knows lines only: its resources name the line from now on. */
export function useLineOf(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const hardware = hardwareOf(ndis).get(adapter);
  if (hardware === undefined || !hardware.target.messagesEnabled) return;
  hardware.target.useLine();
  if (hardware.resources !== 0) poolOf(ndis.kernel).free(hardware.resources, TAG);
  hardware.resources = 0;
}

/** CM_PARTIAL_RESOURCE_LIST (NDIS_RESOURCE_LIST) of an adapter; 0 as above. */
export function partialResourceListOf(ndis: NdisLibrary, adapter: MiniportAdapter): Address {
  const list = resourceListOf(ndis, adapter);
  return list === 0 ? 0 : list + RESOURCE_LIST_HEADER;
}

/** Bytes of the CM_PARTIAL_RESOURCE_LIST at `list`. */
export function partialResourceListSize(ndis: NdisLibrary, list: Address): number {
  return LIST_HEADER + DESCRIPTOR_SIZE * ndis.memory.u32[(list + 4) >> 2];
}

function makeResourceList(ndis: NdisLibrary, target: PciFunction): Address {
  const { memory, kernel } = ndis;
  const sources = interruptSources(target);
  const ranges = target.ranges.filter(({ bar }) => bar < target.device.bars.length);
  const count = ranges.length + sources.length;
  const size = RESOURCE_LIST_HEADER + LIST_HEADER + DESCRIPTOR_SIZE * count;
  const list = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, TAG, 0);
  if (list === 0) return 0;
  const { u8, u32, u16 } = memory;
  u32[list >> 2] = 1;
  u32[(list + 4) >> 2] = INTERFACE_TYPE_PCI;
  const partial = list + RESOURCE_LIST_HEADER;
  u16[partial >> 1] = 1;
  u16[(partial + 2) >> 1] = 1;
  u32[(partial + 4) >> 2] = count;
  let at = partial + LIST_HEADER;
  for (const { kind, start, length } of ranges) {
    u8[at] = kind === 'port' ? TYPE_PORT : TYPE_MEMORY;
    u8[at + 1] = SHARE_DEVICE_EXCLUSIVE;
    u16[(at + 2) >> 1] = kind === 'port' ? FLAG_PORT_IO : 0;
    u32[(at + 4) >> 2] = start;
    u32[(at + 12) >> 2] = length;
    at += DESCRIPTOR_SIZE;
  }
  for (const { irql, vector, affinity } of sources) {
    u8[at] = TYPE_INTERRUPT;
    u8[at + 1] = target.messagesEnabled ? SHARE_DEVICE_EXCLUSIVE : SHARE_SHARED;
    u16[(at + 2) >> 1] = target.messagesEnabled ? FLAG_LATCHED | FLAG_MESSAGE : 0;
    u32[(at + 4) >> 2] = irql;
    u32[(at + 8) >> 2] = vector;
    u32[(at + 12) >> 2] = Number(affinity & 0xffff_ffffn);
    u32[(at + 16) >> 2] = Number(affinity >> 32n);
    at += DESCRIPTOR_SIZE;
  }
  return list;
}
