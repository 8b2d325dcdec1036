/** A stack whose filter modules pass requests, statuses and events on and record them; tests change what they do. */

import type { KernelOptions } from '../../src/kernel/index.ts';
import type { Address } from '../../src/memory/index.ts';
import {
  NDIS_FILTER_CHARACTERISTICS_REVISION_3,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  type NET_DEVICE_PNP_EVENT,
  type NET_PNP_EVENT_NOTIFICATION,
} from '../../src/ndis/index.ts';
import { createTestFilter, registerFilter, type TestFilter } from './filter.ts';
import { createOidStack, type OidStack } from './oidStack.ts';

/** What a module does with what comes; the default passes it on. */
export interface PassingFilter {
  readonly f: TestFilter;
  /** NdisFilterHandle of its module. */
  readonly handle: Address;
  /** Everything it saw, in order. */
  readonly saw: string[];
  /** Passes a request on as a clone: the status for FilterOidRequest. */
  pass(request: Address): Promise<number>;
  passDirect(request: Address): number;
  onRequest: (request: NDIS_OID_REQUEST) => number | Promise<number>;
  onComplete: (clone: Address, status: number) => void;
  onCancel: (id: unknown) => void;
  onDirect: (request: NDIS_OID_REQUEST) => number;
  onDirectComplete: (clone: Address, status: number) => void;
  onCancelDirect: (id: unknown) => void;
  onSynchronous: (request: NDIS_OID_REQUEST, callContext: Address) => number;
  onSynchronousComplete: (request: NDIS_OID_REQUEST, status: Address, callContext: unknown) => void;
  onStatus: (indication: NDIS_STATUS_INDICATION) => void;
  onNetEvent: (notification: NET_PNP_EVENT_NOTIFICATION) => number | Promise<number>;
  onDeviceEvent: (event: NET_DEVICE_PNP_EVENT) => void | Promise<void>;
}

export interface FilterStack {
  readonly s: OidStack;
  /** From the top down. */
  readonly filters: readonly PassingFilter[];
  /** Everything that modules saw, `name what`, in order. */
  readonly order: string[];
}

const POOL_TAG = 0x746c6966;

function passingFilter(s: OidStack, name: string): PassingFilter {
  const f = createTestFilter(s.t, name);
  const { ndis } = f.driver;
  const { memory } = s.t;
  const cell = f.driver.cell();
  /** Who waits for a clone: the request that it was made of. */
  const originals = new Map<Address, Address>();
  const clone = (request: Address): Address => {
    const status = ndis.NdisAllocateCloneOidRequest(filter.handle, request, POOL_TAG, cell);
    if (status !== NDIS_STATUS_SUCCESS) throw new Error(`no clone: 0x${status.toString(16)}`);
    originals.set(cell.value, request);
    return cell.value;
  };
  const finish = (copy: Address): Address => {
    const request = originals.get(copy) ?? 0;
    originals.delete(copy);
    // BytesWritten or BytesRead, and BytesNeeded.
    memory.u8.copyWithin(request + 52, copy + 52, copy + 72);
    ndis.NdisFreeCloneOidRequest(filter.handle, copy);
    return request;
  };
  const filter: PassingFilter = {
    f,
    get handle() {
      return f.modules.at(-1)?.handle ?? 0;
    },
    saw: [],
    pass: async (request) => {
      const copy = clone(request);
      const status = await ndis.NdisFOidRequest(filter.handle, copy);
      if (status !== NDIS_STATUS_PENDING) finish(copy);
      return status;
    },
    passDirect: (request) => {
      const copy = clone(request);
      const status = ndis.NdisFDirectOidRequest(filter.handle, copy);
      if (status !== NDIS_STATUS_PENDING) finish(copy);
      return status;
    },
    onRequest: (request) => filter.pass(request.address),
    onComplete: (copy, status) => ndis.NdisFOidRequestComplete(filter.handle, finish(copy), status),
    onCancel: (id) => ndis.NdisFCancelOidRequest(filter.handle, id as Address),
    onDirect: (request) => filter.passDirect(request.address),
    onDirectComplete: (copy, status) =>
      ndis.NdisFDirectOidRequestComplete(filter.handle, finish(copy), status),
    onCancelDirect: (id) => ndis.NdisFCancelDirectOidRequest(filter.handle, id as Address),
    onSynchronous: () => NDIS_STATUS_SUCCESS,
    onSynchronousComplete: () => {},
    onStatus: (indication) => ndis.NdisFIndicateStatus(filter.handle, indication),
    onNetEvent: (notification) => ndis.NdisFNetPnPEvent(filter.handle, notification),
    onDeviceEvent: (event) => ndis.NdisFDevicePnPEventNotify(filter.handle, event),
  };
  return filter;
}

/** Registers the handlers of requests, statuses and events, with changes. */
async function register(s: OidStack, filter: PassingFilter, order: string[], changes: object): Promise<void> {
  const note = (line: string): void => {
    filter.saw.push(line);
    order.push(`${filter.f.driver.driver.name} ${line}`);
  };
  const hex = (value: number) => value.toString(16);
  const status = await registerFilter(s.t, filter.f, {
    Header: {
      Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
      Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_3,
      Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
    },
    MinorNdisVersion: 81,
    OidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST) => {
      note(`request ${hex(request.DATA.Oid)}`);
      return filter.onRequest(request);
    },
    OidRequestCompleteHandler: (_context: unknown, request: NDIS_OID_REQUEST, final: number) => {
      note(`complete ${hex(final)}`);
      filter.onComplete(request.address, final);
    },
    CancelOidRequestHandler: (_context: unknown, id: unknown) => {
      note(`cancel ${String(id)}`);
      filter.onCancel(id);
    },
    DirectOidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST) => {
      note(`direct ${hex(request.DATA.Oid)}`);
      return filter.onDirect(request);
    },
    DirectOidRequestCompleteHandler: (_context: unknown, request: NDIS_OID_REQUEST, final: number) => {
      note(`direct complete ${hex(final)}`);
      filter.onDirectComplete(request.address, final);
    },
    CancelDirectOidRequestHandler: (_context: unknown, id: unknown) => {
      note(`cancel direct ${String(id)}`);
      filter.onCancelDirect(id);
    },
    SynchronousOidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST, slot: Address) => {
      note(`synchronous ${hex(request.DATA.Oid)}`);
      return filter.onSynchronous(request, slot);
    },
    SynchronousOidRequestCompleteHandler: (
      _context: unknown,
      request: NDIS_OID_REQUEST,
      at: Address,
      slot: unknown,
    ) => {
      note(`synchronous complete ${hex(s.t.memory.u32[at >> 2])}`);
      filter.onSynchronousComplete(request, at, slot);
    },
    StatusHandler: (_context: unknown, indication: NDIS_STATUS_INDICATION) => {
      note(`status ${hex(indication.StatusCode)}`);
      filter.onStatus(indication);
    },
    NetPnPEventHandler: (_context: unknown, notification: NET_PNP_EVENT_NOTIFICATION) => {
      note(`event ${notification.NetPnPEvent.NetEvent}`);
      return filter.onNetEvent(notification);
    },
    DevicePnPEventNotifyHandler: (_context: unknown, event: NET_DEVICE_PNP_EVENT) => {
      note(`device event ${event.DevicePnPEvent}`);
      return filter.onDeviceEvent(event);
    },
    SendNetBufferListsHandler: null,
    SendNetBufferListsCompleteHandler: null,
    ReceiveNetBufferListsHandler: null,
    ReturnNetBufferListsHandler: null,
    ...changes,
  });
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`${filter.f.driver.driver.name}: 0x${hex(status)}`);
}

/** Puts filter modules on a running stack; the first name is the top. */
export async function createFilterStack(
  options: KernelOptions = {},
  names: readonly string[] = ['upper', 'lower'],
  changes: {
    readonly miniport?: object;
    readonly protocol?: object;
    readonly filters?: Readonly<Record<string, object>>;
  } = {},
): Promise<FilterStack> {
  const s = await createOidStack(options, 1, changes);
  const order: string[] = [];
  const filters = names.map((name) => passingFilter(s, name));
  for (const filter of filters.toReversed()) {
    await register(s, filter, order, changes.filters?.[filter.f.driver.driver.name] ?? {});
    await s.t.runAll();
  }
  const attached = s.adapter.filters.map((module) => module.filter.name);
  if (attached.join() !== names.join()) throw new Error(`the modules are in the order ${attached.join()}`);
  order.length = 0;
  for (const filter of filters) filter.saw.length = 0;
  return { s, filters, order };
}
