/** A running stack of one adapter and some protocols whose handlers for requests and statuses a test supplies. */

import { type KernelOptions, poolOf } from '../../src/kernel/index.ts';
import { type Address, poolType } from '../../src/memory/index.ts';
import {
  type Binding,
  type MiniportAdapter,
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OID_REQUEST,
  NDIS_OID_REQUEST_REVISION_1,
  NDIS_SIZEOF_OID_REQUEST_REVISION_1,
  type NDIS_STATUS_INDICATION,
  NdisRequestMethod,
} from '../../src/ndis/index.ts';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
  type TestMiniport,
  type TestProtocol,
} from './drivers.ts';
import { createTestNdis, type TestNdis } from './ndis.ts';

/** A request in non-paged pool. */
export interface TestRequest {
  readonly address: Address;
  readonly buffer: Address;
  readonly view: NDIS_OID_REQUEST;
  /** The first bytes of the buffer. */
  bytes(count: number): number[];
}

export interface RequestOptions {
  readonly type?: number;
  readonly oid: number;
  readonly data?: readonly number[];
  readonly length?: number;
  readonly id?: Address;
  readonly port?: number;
}

/** Handlers that a test may replace at any time. */
export interface OidHandlers {
  request: (request: NDIS_OID_REQUEST) => number | Promise<number>;
  cancel: (id: unknown) => void;
  direct: (request: NDIS_OID_REQUEST) => number;
  cancelDirect: (id: unknown) => void;
  synchronous: (request: NDIS_OID_REQUEST) => number;
  complete: (request: Address, status: number) => void;
  directComplete: (request: Address, status: number) => void;
  status: (indication: NDIS_STATUS_INDICATION, protocol: number) => void;
}

export interface OidStack {
  readonly t: TestNdis;
  readonly m: TestMiniport;
  readonly p: TestProtocol;
  readonly protocols: readonly TestProtocol[];
  readonly adapter: MiniportAdapter;
  readonly bindings: readonly Binding[];
  readonly on: OidHandlers;
  /** Completions in order: address and status. */
  readonly completions: (readonly [Address, number])[];
  create(options: RequestOptions): TestRequest;
  /** Makes a request through the imports of a protocol. */
  send(request: TestRequest, protocol?: number): number | Promise<number>;
  /** Makes a request, waits until it is complete however it completes, and gives its final status. */
  ask(
    options: RequestOptions,
    protocol?: number,
  ): Promise<{ readonly status: number; readonly request: TestRequest }>;
}

/** Brings up an adapter with `protocolCount` protocols bound to it. */
export async function createOidStack(
  options: KernelOptions = {},
  protocolCount = 1,
  changes: {
    readonly miniport?: object | ((m: TestMiniport, t: TestNdis) => object);
    readonly protocol?: object;
  } = {},
): Promise<OidStack> {
  const t = createTestNdis(options);
  const m = createTestMiniport(t);
  const protocols = Array.from({ length: protocolCount }, (_, index) =>
    createTestProtocol(t, index === 0 ? 'protocol' : `protocol${index}`),
  );
  const completions: (readonly [Address, number])[] = [];
  const on: OidHandlers = {
    request: () => 0,
    cancel: () => {},
    direct: () => 0,
    cancelDirect: () => {},
    synchronous: () => 0,
    complete: () => {},
    directComplete: () => {},
    status: () => {},
  };
  const status = await registerMiniport(t, m, {
    MinorNdisVersion: 30,
    OidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST) => on.request(request),
    CancelOidRequestHandler: (_context: unknown, id: unknown) => on.cancel(id),
    DirectOidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST) => on.direct(request),
    CancelDirectOidRequestHandler: (_context: unknown, id: unknown) => on.cancelDirect(id),
    ...(typeof changes.miniport === 'function' ? changes.miniport(m, t) : changes.miniport),
  });
  if (status !== 0) throw new Error(`the miniport did not register: 0x${status.toString(16)}`);
  for (const [index, p] of protocols.entries()) {
    const registered = await registerProtocol(t, p, {
      OidRequestCompleteHandler: (_context: unknown, request: NDIS_OID_REQUEST, final: number) => {
        completions.push([request.address, final]);
        on.complete(request.address, final);
      },
      DirectOidRequestCompleteHandler: (_context: unknown, request: NDIS_OID_REQUEST, final: number) => {
        completions.push([request.address, final]);
        on.directComplete(request.address, final);
      },
      StatusHandlerEx: (_context: unknown, indication: NDIS_STATUS_INDICATION) =>
        on.status(indication, index),
      ...changes.protocol,
    });
    if (registered !== 0) throw new Error(`a protocol did not register: 0x${registered.toString(16)}`);
  }
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  const create = (wanted: RequestOptions) => createRequest(t, wanted);
  const send = (request: TestRequest, protocol = 0) => {
    const p = protocols[protocol];
    return p.driver.ndis.NdisOidRequest(p.bindings[0].handle.value, request.address);
  };
  return {
    t,
    m,
    p: protocols[0],
    protocols,
    adapter,
    bindings: protocols.map((p) => [...p.object().bindings][0]),
    on,
    completions,
    create,
    send,
    ask: async (wanted, protocol = 0) => {
      const request = create(wanted);
      const at = completions.length;
      const returned = await t.run(() => send(request, protocol));
      if (returned !== 0x103) return { status: returned, request };
      await t.runAll();
      const completion = completions.slice(at).find(([address]) => address === request.address);
      if (completion === undefined) throw new Error('the request was not completed');
      return { status: completion[1], request };
    },
  };
}

function createRequest(t: TestNdis, options: RequestOptions): TestRequest {
  const pool = poolOf(t.kernel);
  const address = pool.allocateZeroed(poolType.nonPagedNx, NDIS_OID_REQUEST.size, 1, 0);
  const length = options.length ?? options.data?.length ?? 64;
  const buffer = pool.allocateZeroed(poolType.nonPagedNx, Math.max(length, 8), 1, 0);
  const view = NDIS_OID_REQUEST.at(t.memory, address);
  view.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
  view.Header.Revision = NDIS_OID_REQUEST_REVISION_1;
  view.Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
  view.RequestType = options.type ?? 0;
  view.PortNumber = options.port ?? 0;
  view.RequestId = options.id ?? 0;
  view.DATA.Oid = options.oid;
  view.DATA.QUERY_INFORMATION.InformationBuffer = buffer;
  view.DATA.QUERY_INFORMATION.InformationBufferLength = length;
  if (options.type === NdisRequestMethod) view.DATA.METHOD_INFORMATION.OutputBufferLength = length;
  if (options.data !== undefined) t.memory.u8.set(options.data, buffer);
  return {
    address,
    buffer,
    view,
    bytes: (count) => [...t.memory.u8.subarray(buffer, buffer + count)],
  };
}

/** The bytes of a 32-bit number. */
export function word(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
}
