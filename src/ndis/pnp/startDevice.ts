/**
 * Starting a device with the help of its driver: MiniportFilterResourceRequirements may change what the device asks of
 * the system, MiniportStartDevice sees what it got. Each gets the IRP.
 * Implements nc-ndis-miniport_pnp_irp and "Starting a NIC" (network).
 */

import {
  createPnpIrp,
  declareCallback,
  freePnpIrp,
  type IRP,
  IRP_MN_FILTER_RESOURCE_REQUIREMENTS,
  IRP_MN_START_DEVICE,
  type PciFunction,
  pnpInformation,
  poolOf,
  procedure,
  STATUS_SUCCESS,
  setPnpResult,
} from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { functionOf, interruptSources, resourceListOf } from '../hardware/adapterHardware.ts';
import type { NdisLibrary } from '../library.ts';
import { functionalDeviceOf } from '../miniport/adapterDevices.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import type { NDIS_STATUS } from '../status.ts';

/** MiniportFilterResourceRequirements and MiniportStartDevice: an IRP of the device, on its way. */
export type MINIPORT_PNP_IRP = (
  MiniportAddDeviceContext: unknown,
  Irp: IRP,
) => NDIS_STATUS | Promise<NDIS_STATUS>;
export const MINIPORT_PNP_IRP = declareCallback<MINIPORT_PNP_IRP>({
  prototype: 'NDIS_STATUS MINIPORT_PNP_IRP(NDIS_HANDLE MiniportAddDeviceContext, PIRP Irp)',
  role: 'MiniportPnpIrp',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: 'ndis/nc-ndis-miniport_pnp_irp',
});

/** Bytes of IO_RESOURCE_REQUIREMENTS_LIST before its descriptors, and of one descriptor. */
const LIST_HEADER = 40;
const DESCRIPTOR_SIZE = 32;
/** Descriptors of a changed list that are looked at. */
const DESCRIPTOR_LIMIT = 4096;
const INTERFACE_TYPE_PCI = 5;
const TYPE_PORT = 1;
const TYPE_INTERRUPT = 2;
const TYPE_MEMORY = 3;
const SHARE_DEVICE_EXCLUSIVE = 1;
const SHARE_SHARED = 3;
const FLAG_PORT_IO = 1;
const FLAG_LATCHED = 1;
const FLAG_MESSAGE = 2;
/** First of the tokens by which message interrupts stand in a list of requirements; the others count down from it. */
const MESSAGE_TOKEN = 0xffff_fffe;
/** IrqPolicySpecifiedProcessors. */
const POLICY_SPECIFIED_PROCESSORS = 4;

/** The IO_RESOURCE_REQUIREMENTS_LIST with which the bus answers for a function; one without descriptors for none. */
function requirementsOf(ndis: NdisLibrary, target: PciFunction | null): Address {
  const { memory, kernel } = ndis;
  const ranges = target?.ranges.filter(({ bar }) => bar < target.device.bars.length) ?? [];
  const sources = target === null ? [] : interruptSources(target);
  const count = ranges.length + sources.length;
  const size = LIST_HEADER + DESCRIPTOR_SIZE * count;
  const list = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, size, NDIS_POOL_TAG, 0);
  if (list === 0) return 0;
  const { u8, u16, u32 } = memory;
  u32[list >> 2] = size;
  u32[(list + 4) >> 2] = INTERFACE_TYPE_PCI;
  u32[(list + 12) >> 2] = target?.slot ?? 0;
  u32[(list + 28) >> 2] = 1;
  u16[(list + 32) >> 1] = 1;
  u16[(list + 34) >> 1] = 1;
  u32[(list + 36) >> 2] = count;
  let at = list + LIST_HEADER;
  for (const { kind, start, length } of ranges) {
    u8[at + 1] = kind === 'port' ? TYPE_PORT : TYPE_MEMORY;
    u8[at + 2] = SHARE_DEVICE_EXCLUSIVE;
    u16[(at + 4) >> 1] = kind === 'port' ? FLAG_PORT_IO : 0;
    u32[(at + 8) >> 2] = length;
    u32[(at + 12) >> 2] = length;
    u32[(at + 16) >> 2] = start;
    u32[(at + 24) >> 2] = start + length - 1;
    at += DESCRIPTOR_SIZE;
  }
  const messages = target?.messagesEnabled ?? false;
  for (const [index, { vector, affinity }] of sources.entries()) {
    u8[at + 1] = TYPE_INTERRUPT;
    u8[at + 2] = messages ? SHARE_DEVICE_EXCLUSIVE : SHARE_SHARED;
    u16[(at + 4) >> 1] = messages ? FLAG_LATCHED | FLAG_MESSAGE : 0;
    u32[(at + 8) >> 2] = messages ? MESSAGE_TOKEN - index : vector;
    u32[(at + 12) >> 2] = messages ? MESSAGE_TOKEN - index : vector;
    u32[(at + 24) >> 2] = Number(affinity & 0xffff_ffffn);
    u32[(at + 28) >> 2] = Number(affinity >> 32n);
    at += DESCRIPTOR_SIZE;
  }
  return list;
}

/** Takes over what a driver changed: the processors of its messages, or that it wants none. */
function applyRequirements(ndis: NdisLibrary, target: PciFunction, list: Address): void {
  const { memory } = ndis;
  if (list < FIRST_MAPPED_ADDRESS || list + LIST_HEADER > memory.size) return;
  const { u8, u16, u32 } = memory;
  const count = Math.min(u32[(list + 36) >> 2], DESCRIPTOR_LIMIT);
  let message = 0;
  for (let index = 0; index < count; index++) {
    const at = list + LIST_HEADER + DESCRIPTOR_SIZE * index;
    if (at + DESCRIPTOR_SIZE > memory.size) break;
    const isMessage = u8[at + 1] === TYPE_INTERRUPT && (u16[(at + 4) >> 1] & FLAG_MESSAGE) !== 0;
    if (!isMessage) continue;
    const source = target.messages.at(message++);
    if (source === undefined || u32[(at + 16) >> 2] !== POLICY_SPECIFIED_PROCESSORS) continue;
    const mask = BigInt(u32[(at + 24) >> 2]) | (BigInt(u32[(at + 28) >> 2]) << 32n);
    const present = (1n << BigInt(ndis.kernel.scheduler.processors.length)) - 1n;
    // Without a processor that is there, the choice stays with the system.
    if ((mask & present) !== 0n) source.affinity = mask & present;
  }
  if (message === 0 && target.messagesEnabled) target.useLine();
}

interface StartLocals {
  readonly adapter: Address;
  irp: Address;
  requirements: Address;
}

/** Starts the device of an adapter. The value is NDIS_STATUS_SUCCESS, or the status with which its driver failed it. */
export const startDevice = procedure<NdisLibrary, StartLocals>('NdisStartDevice', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const handler = adapter?.miniport.filterResourceRequirements;
    if (adapter === null || handler === null || handler === undefined) return step.go('startDevice');
    const target = functionOf(ndis, adapter);
    locals.requirements = requirementsOf(ndis, target);
    locals.irp = createPnpIrp(
      ndis.kernel,
      functionalDeviceOf(ndis, adapter),
      IRP_MN_FILTER_RESOURCE_REQUIREMENTS,
      [locals.requirements],
    );
    if (locals.requirements === 0 || locals.irp === 0) return step.go('requirementsOver');
    setPnpResult(ndis.kernel, locals.irp, STATUS_SUCCESS, locals.requirements);
    return step.call('filtered', handler, ndis.contextValue(adapter.addDeviceContext), locals.irp);
  },
  filtered: (ndis, locals, step, result) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    const target = adapter === null ? null : functionOf(ndis, adapter);
    const list = pnpInformation(ndis.kernel, locals.irp);
    if (result >>> 0 === NDIS_STATUS_SUCCESS) {
      if (target !== null) applyRequirements(ndis, target, list);
    } else {
      ndis.kernel.note(
        'start',
        `${adapter?.label ?? 'an adapter'}: MiniportFilterResourceRequirements failed; the requirements of the bus stand`,
      );
    }
    // A driver that put its own list into the IRP freed the first one; the manager frees what is there at the end.
    if (list !== locals.requirements && list >= FIRST_MAPPED_ADDRESS) poolOf(ndis.kernel).free(list);
    if (list !== locals.requirements) locals.requirements = 0;
    return step.go('requirementsOver');
  },
  requirementsOver: (ndis, locals, step) => {
    if (locals.requirements !== 0) poolOf(ndis.kernel).free(locals.requirements);
    if (locals.irp !== 0) freePnpIrp(ndis.kernel, locals.irp);
    locals.irp = 0;
    return step.go('startDevice');
  },
  startDevice: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_FAILURE);
    const handler = adapter.miniport.startDevice;
    if (handler === null) return step.done(NDIS_STATUS_SUCCESS);
    const resources = resourceListOf(ndis, adapter);
    const device = functionalDeviceOf(ndis, adapter);
    locals.irp = createPnpIrp(ndis.kernel, device, IRP_MN_START_DEVICE, [resources, resources]);
    if (locals.irp === 0) return step.done(NDIS_STATUS_RESOURCES);
    return step.call('started', handler, ndis.contextValue(adapter.addDeviceContext), locals.irp);
  },
  started: (ndis, locals, step, result) => {
    freePnpIrp(ndis.kernel, locals.irp);
    return step.done(result >>> 0);
  },
});
