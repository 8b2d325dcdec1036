/**
 * Wake-up patterns and protocol offloads that bindings gave an adapter for its sleeping states: their list, and adding
 * one, where a lower priority makes room when the hardware has none.
 * Implements "Adding and Deleting Wake on LAN Patterns" and "Adding and Deleting Low Power Protocol Offloads" (network).
 */

import { procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_PM_MAX_PATTERN_ID,
  NDIS_PM_PRIVATE_PATTERN_ID,
  NDIS_STATUS_PM_OFFLOAD_REJECTED,
  NDIS_STATUS_PM_PROTOCOL_OFFLOAD_LIST_FULL,
  NDIS_STATUS_PM_WOL_PATTERN_LIST_FULL,
  NDIS_STATUS_PM_WOL_PATTERN_REJECTED,
  NDIS_STATUS_SUCCESS,
  NdisRequestSetInformation,
  OID_PM_ADD_PROTOCOL_OFFLOAD,
  OID_PM_ADD_WOL_PATTERN,
  OID_PM_REMOVE_PROTOCOL_OFFLOAD,
  OID_PM_REMOVE_WOL_PATTERN,
  OID_PNP_ADD_WAKE_UP_PATTERN,
  OID_PNP_REMOVE_WAKE_UP_PATTERN,
} from '../generated/constants/index.ts';
import { NDIS_PM_PROTOCOL_OFFLOAD, NDIS_PM_WOL_PATTERN } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { ownRequest, requestOid } from '../oid/ownRequest.ts';
import { asRequest, setBytesDone } from '../oid/requestFormat.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import { allocateCertain, freeCertain } from '../reserve.ts';
import { releaseIfDrained } from '../stack/drain.ts';
import { indicateStatus } from '../status/indicateStatus.ts';

/** Patterns and offloads that one adapter may have in its list; more are refused with NDIS_STATUS_RESOURCES. */
export const POWER_ITEM_LIMIT = 1024;

/** What is in the list. An old pattern is one of OID_PNP_ADD_WAKE_UP_PATTERN, which has no identifier. */
export type PowerItemKind = 'pattern' | 'offload' | 'old pattern';

export interface PowerItem {
  readonly kind: PowerItemKind;
  /** PatternId or ProtocolOffloadId; 0 for an old pattern. */
  readonly id: number;
  /** Handle of the binding that added it. */
  readonly binding: Address;
  /** 1 is the highest. */
  readonly priority: number;
  /** The buffer of the request that added it, with the identifier in it. */
  readonly bytes: Uint8Array;
}

/** What is particular to a kind: its OIDs, statuses, and where its structure keeps what NDIS writes. */
interface KindRules {
  readonly add: number;
  readonly remove: number;
  readonly listFull: number;
  readonly rejected: number;
  readonly idAt: number;
  readonly nextAt: number;
}

export const KIND_RULES: Readonly<Record<PowerItemKind, KindRules>> = {
  pattern: {
    add: OID_PM_ADD_WOL_PATTERN,
    remove: OID_PM_REMOVE_WOL_PATTERN,
    listFull: NDIS_STATUS_PM_WOL_PATTERN_LIST_FULL,
    rejected: NDIS_STATUS_PM_WOL_PATTERN_REJECTED,
    idAt: NDIS_PM_WOL_PATTERN.offset.PatternId,
    nextAt: NDIS_PM_WOL_PATTERN.offset.NextWoLPatternOffset,
  },
  offload: {
    add: OID_PM_ADD_PROTOCOL_OFFLOAD,
    remove: OID_PM_REMOVE_PROTOCOL_OFFLOAD,
    listFull: NDIS_STATUS_PM_PROTOCOL_OFFLOAD_LIST_FULL,
    rejected: NDIS_STATUS_PM_OFFLOAD_REJECTED,
    idAt: NDIS_PM_PROTOCOL_OFFLOAD.offset.ProtocolOffloadId,
    nextAt: NDIS_PM_PROTOCOL_OFFLOAD.offset.NextProtocolOffloadOffset,
  },
  'old pattern': {
    add: OID_PNP_ADD_WAKE_UP_PATTERN,
    remove: OID_PNP_REMOVE_WAKE_UP_PATTERN,
    listFull: 0,
    rejected: 0,
    idAt: 0,
    nextAt: 0,
  },
};

/** The list of one adapter. */
export class PowerItems {
  readonly items: PowerItem[] = [];
  #lastId = NDIS_PM_PRIVATE_PATTERN_ID;

  of(kind: PowerItemKind): PowerItem[] {
    return this.items.filter((item) => item.kind === kind);
  }

  find(kind: PowerItemKind, id: number): PowerItem | undefined {
    return this.items.find((item) => item.kind === kind && item.id === id);
  }

  drop(item: PowerItem): void {
    const index = this.items.indexOf(item);
    if (index >= 0) this.items.splice(index, 1);
  }

  /** An identifier that nothing in the list has. */
  nextId(): number {
    do {
      this.#lastId =
        this.#lastId >= NDIS_PM_MAX_PATTERN_ID ? NDIS_PM_PRIVATE_PATTERN_ID + 1 : this.#lastId + 1;
    } while (this.items.some(({ id }) => id === this.#lastId));
    return this.#lastId;
  }
}

const lists = perNdis('wake-up patterns and offloads', () => new WeakMap<MiniportAdapter, PowerItems>());

/** The list of an adapter. */
export function powerItemsOf(ndis: NdisLibrary, adapter: MiniportAdapter): PowerItems {
  let list = lists(ndis).get(adapter);
  if (list === undefined) {
    list = new PowerItems();
    lists(ndis).set(adapter, list);
  }
  return list;
}

/** A pattern or an offload was taken out, by NDIS or by the driver: who added it hears of it. */
export function rejectItem(ndis: NdisLibrary, adapter: MiniportAdapter, item: PowerItem): void {
  powerItemsOf(ndis, adapter).drop(item);
  const contents = new Uint8Array(Uint32Array.of(item.id).buffer);
  indicateStatus(ndis, adapter, KIND_RULES[item.kind].rejected, contents, item.binding);
}

/** A request of a binding that adds or removes an item. */
export interface ItemLocals {
  readonly adapter: Address;
  readonly binding: Address;
  /** The NDIS_OID_REQUEST of the binding. */
  readonly request: Address;
  readonly kind: PowerItemKind;
  readonly buffer: Address;
  readonly length: number;
  /** Of the item that is added or removed. */
  readonly id: number;
  readonly priority: number;
  /** The item that makes room, 0 for none; memory for its identifier. */
  victim: number;
  victimId: Address;
}

/** The request is complete: its binding hears of it. */
function completeRequest(ndis: NdisLibrary, locals: ItemLocals, status: number): void {
  const binding = ndis.resolve(locals.binding, Binding);
  if (binding === null) return;
  if (status === NDIS_STATUS_SUCCESS) setBytesDone(ndis.memory, locals.request, locals.length);
  const handler = binding.protocol.handlers?.oidRequestComplete;
  handler?.invoke(binding.context, asRequest(locals.request), status);
  binding.requestsOutstanding--;
  releaseIfDrained(ndis, binding);
}

/** Adds an item for a binding, and completes its request. */
export const addItem = procedure<NdisLibrary, ItemLocals>('NdisAddPowerItem', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over', NDIS_STATUS_SUCCESS);
    const { buffer, length } = locals;
    const { add: oid } = KIND_RULES[locals.kind];
    const request = ownRequest(adapter, { type: NdisRequestSetInformation, oid, buffer, length });
    return step.run('answered', requestOid, ndis, request);
  },
  answered: (ndis, locals, step, result) => {
    const status = result >>> 0;
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over', status);
    const { kind, id, binding, priority, buffer, length } = locals;
    const list = powerItemsOf(ndis, adapter);
    if (status === NDIS_STATUS_SUCCESS) {
      const bytes = ndis.memory.u8.slice(buffer, buffer + length);
      list.items.push({ kind, id, binding, priority, bytes });
      return step.go('over', status);
    }
    if (status !== KIND_RULES[kind].listFull) return step.go('over', status);
    let victim: PowerItem | undefined;
    for (const item of list.of(kind)) {
      if (item.priority > priority && item.priority >= (victim?.priority ?? 0)) victim = item;
    }
    if (victim === undefined) return step.go('over', status);
    locals.victim = victim.id;
    locals.victimId = allocateCertain(ndis.kernel, 8);
    ndis.memory.u32[locals.victimId >> 2] = victim.id;
    const fields = { oid: KIND_RULES[kind].remove, buffer: locals.victimId, length: 4 };
    const request = ownRequest(adapter, { type: NdisRequestSetInformation, ...fields });
    return step.run('madeRoom', requestOid, ndis, request);
  },
  madeRoom: (ndis, locals, step, result) => {
    freeCertain(ndis.kernel, locals.victimId);
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null || result >>> 0 !== NDIS_STATUS_SUCCESS) {
      return step.go('over', KIND_RULES[locals.kind].listFull);
    }
    const victim = powerItemsOf(ndis, adapter).find(locals.kind, locals.victim);
    if (victim !== undefined) rejectItem(ndis, adapter, victim);
    // Each round takes one item out, so that there are no more rounds than items.
    return step.go('start');
  },
  over: (ndis, locals, step, status) => {
    completeRequest(ndis, locals, status >>> 0);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** Removes an item for a binding, and completes its request. */
export const removeItem = procedure<NdisLibrary, ItemLocals>('NdisRemovePowerItem', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.go('over', NDIS_STATUS_SUCCESS);
    const { buffer, length } = locals;
    const { remove: oid } = KIND_RULES[locals.kind];
    const request = ownRequest(adapter, { type: NdisRequestSetInformation, oid, buffer, length });
    return step.run('over', requestOid, ndis, request);
  },
  over: (ndis, locals, step, result) => {
    const status = result >>> 0;
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter !== null && status === NDIS_STATUS_SUCCESS) {
      const list = powerItemsOf(ndis, adapter);
      const item =
        locals.kind === 'old pattern' ? oldItem(ndis, list, locals) : list.find(locals.kind, locals.id);
      if (item !== undefined) list.drop(item);
    }
    completeRequest(ndis, locals, status);
    return step.done(NDIS_STATUS_SUCCESS);
  },
});

/** The old pattern with the same contents as a request. */
function oldItem(ndis: NdisLibrary, list: PowerItems, { buffer, length }: ItemLocals): PowerItem | undefined {
  const wanted = ndis.memory.u8.subarray(buffer, buffer + length);
  return list
    .of('old pattern')
    .find(({ bytes }) => bytes.length === length && bytes.every((byte, index) => byte === wanted[index]));
}

/**
 * A binding closes. What it left in the list is a finding; NDIS takes it out, and out of the driver where that can be
 * told.
 */
export function dropItemsOf(ndis: NdisLibrary, binding: Binding): PowerItem[] {
  const { adapter } = binding;
  const list = powerItemsOf(ndis, adapter);
  const left = list.items.filter((item) => item.binding === binding.handle);
  for (const item of left) list.drop(item);
  if (left.length > 0) {
    ndis.kernel.report(
      'POWER_ITEMS_LEFT',
      binding.protocol.driver,
      `${binding.label} was closed with ${left.length} wake-up patterns or protocol offloads in its adapter; remove each with OID_PM_REMOVE_WOL_PATTERN or OID_PM_REMOVE_PROTOCOL_OFFLOAD first`,
      'network/adding-and-deleting-wake-on-lan-patterns',
    );
  }
  return left;
}
