/** Regular requests, from the protocol driver to the miniport driver and back. */

import { describe, expect, test } from 'vitest';
import { createOidStack, type TestRequest, word } from '../../../test/support/oidStack.ts';
import { DISPATCH_LEVEL } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  type NDIS_OID_REQUEST,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_OID,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisRequestClose,
  NdisRequestSetInformation,
  OID_GEN_INTERRUPT_MODERATION,
  OID_GEN_VENDOR_ID,
} from '../index.ts';
import { REQUEST_QUEUE_LIMIT } from './requestRecord.ts';

const PRIVATE = 0xff010203;

/** Seeds of which some choose to call the miniport inside NdisOidRequest and some do not. */
const SEEDS = [1, 2, 3, 4, 5, 6];

function answer(request: NDIS_OID_REQUEST, count: number): void {
  request.DATA.QUERY_INFORMATION.BytesWritten = count;
}

describe.each(SEEDS)('NdisOidRequest, seed %i (nf-ndis-ndisoidrequest)', (seed) => {
  test('reaches the miniport at PASSIVE_LEVEL and gives what it returned, in the call or by the completion function', async () => {
    const s = await createOidStack({ seed });
    const seen: number[] = [];
    s.on.request = (request) => {
      seen.push(request.DATA.Oid, s.t.kernel.irql);
      s.t.memory.u8[request.DATA.QUERY_INFORMATION.InformationBuffer] = 7;
      answer(request, 1);
      return NDIS_STATUS_SUCCESS;
    };
    const { status, request } = await s.ask({ oid: OID_GEN_VENDOR_ID });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(seen).toEqual([OID_GEN_VENDOR_ID, 0]);
    expect(request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(1);
    expect(request.bytes(1)).toEqual([7]);
    expect(request.view.RequestHandle).toBe(s.bindings[0].handle);
    expect(s.bindings[0].requestsOutstanding).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('gives the status of a miniport that fails the request', async () => {
    const s = await createOidStack({ seed });
    s.on.request = () => NDIS_STATUS_INVALID_OID;
    expect((await s.ask({ oid: PRIVATE })).status).toBe(NDIS_STATUS_INVALID_OID);
  });

  test('is pending when the miniport is, and is completed once by NdisMOidRequestComplete (nf-ndis-ndismoidrequestcomplete)', async () => {
    const s = await createOidStack({ seed });
    let pending: Address = 0;
    s.on.request = (request) => {
      pending = request.address;
      return NDIS_STATUS_PENDING;
    };
    const request = s.create({ oid: PRIVATE });
    expect(await s.t.run(() => s.send(request))).toBe(NDIS_STATUS_PENDING);
    await s.t.runAll();
    expect(s.completions).toEqual([]);
    expect(s.bindings[0].requestsOutstanding).toBe(1);
    await s.t.run(() =>
      s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], pending, NDIS_STATUS_SUCCESS),
    );
    expect(s.completions).toEqual([[request.address, NDIS_STATUS_SUCCESS]]);
    expect(s.bindings[0].requestsOutstanding).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('may be completed before the handler returned NDIS_STATUS_PENDING (nc-ndis-protocol_oid_request_complete)', async () => {
    const s = await createOidStack({ seed });
    s.on.request = (request) => {
      s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], request.address, NDIS_STATUS_SUCCESS);
      return NDIS_STATUS_PENDING;
    };
    const request = s.create({ oid: PRIVATE });
    expect(await s.t.run(() => s.send(request))).toBe(NDIS_STATUS_PENDING);
    await s.t.runAll();
    expect(s.completions).toEqual([[request.address, NDIS_STATUS_SUCCESS]]);
    expect(s.t.findings()).toEqual([]);
  });

  test('lets the handler of the miniport wait', async () => {
    const s = await createOidStack({ seed });
    s.on.request = async () => {
      const timer = s.m.driver.ntoskrnl;
      await timer.KeDelayExecutionThread(0, 0, interval(s.t.memory.i64, s.m.driver.cell().address));
      return NDIS_STATUS_SUCCESS;
    };
    const first = s.create({ oid: PRIVATE });
    await s.t.run(() => s.send(first));
    await s.t.runAll();
    expect(s.bindings[0].requestsOutstanding).toBe(0);
  });

  test('made at DISPATCH_LEVEL is queued, and the handler still runs at PASSIVE_LEVEL', async () => {
    const s = await createOidStack({ seed });
    const levels: number[] = [];
    s.on.request = () => {
      levels.push(s.t.kernel.irql);
      return NDIS_STATUS_SUCCESS;
    };
    const request = s.create({ oid: PRIVATE });
    const status = await s.t.run(() => {
      s.t.kernel.irql = DISPATCH_LEVEL;
      const returned = s.send(request);
      s.t.kernel.irql = 0;
      return [returned, levels.length];
    });
    expect(status).toEqual([NDIS_STATUS_PENDING, 0]);
    await s.t.runAll();
    expect(levels).toEqual([0]);
    expect(s.completions).toEqual([[request.address, NDIS_STATUS_SUCCESS]]);
    expect(s.t.findings()).toEqual([]);
  });

  test('made in a handler that may not wait is never a promise (nc-ndis-protocol_oid_request_complete)', async () => {
    const s = await createOidStack({ seed });
    const requests: TestRequest[] = [1, 2, 3, 4].map(() => s.create({ oid: PRIVATE }));
    const returned: unknown[] = [];
    s.on.request = (request) => {
      queueMicrotask(() => {});
      return request.address === requests[0].address ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
    };
    s.on.complete = () => {
      const next = requests[s.completions.length];
      if (next !== undefined) returned.push(s.send(next));
    };
    await s.t.run(() => s.send(requests[0]));
    await s.t.runAll();
    await s.t.run(() => s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], requests[0].address, 0));
    await s.t.runAll();
    expect(returned).toEqual([NDIS_STATUS_PENDING, NDIS_STATUS_PENDING, NDIS_STATUS_PENDING]);
    expect(s.completions.map(([address]) => address)).toEqual(requests.map((request) => request.address));
  });
});

function interval(i64: BigInt64Array, address: Address): Address {
  i64[address >> 3] = -10_000n;
  return address;
}

describe('requests that are refused (nf-ndis-ndisoidrequest)', () => {
  test('after the binding was closed: NDIS_STATUS_CLOSING and a finding', async () => {
    const s = await createOidStack();
    const handle = s.p.bindings[0].handle.value;
    s.t.halt(s.adapter);
    await s.t.runAll();
    const request = s.create({ oid: PRIVATE });
    const status = await s.t.run(() => s.p.driver.ndis.NdisOidRequest(handle, request.address));
    expect(status).toBe(NDIS_STATUS_CLOSING);
    expect(s.t.findings()).toEqual(['BAD_HANDLE protocol']);
  });

  test.each([
    ['a wrong header', (r: TestRequest) => (r.view.Header.Type = 1), NDIS_STATUS_FAILURE],
    ['a wrong size', (r: TestRequest) => (r.view.Header.Size = 8), NDIS_STATUS_FAILURE],
    [
      'an unknown type',
      (r: TestRequest) => (r.view.RequestType = NdisRequestClose),
      NDIS_STATUS_NOT_SUPPORTED,
    ],
    [
      'a buffer that is no memory',
      (r: TestRequest) => (r.view.DATA.QUERY_INFORMATION.InformationBuffer = 0),
      NDIS_STATUS_INVALID_DATA,
    ],
  ])('%s (ns-oidrequest-ndis_oid_request)', async (_what, spoil, expected) => {
    const s = await createOidStack();
    const request = s.create({ oid: PRIVATE });
    spoil(request);
    expect(await s.t.run(() => s.send(request))).toBe(expected);
    expect(s.t.findings()).toEqual(['BAD_OID_REQUEST protocol']);
  });

  test('a literal, which would be gone before the request is complete', async () => {
    const s = await createOidStack();
    const literal = { Header: { Type: 0x96, Revision: 1, Size: 236 } };
    const p = s.p.driver.ndis;
    expect(await s.t.run(() => p.NdisOidRequest(s.p.bindings[0].handle.value, literal as object))).toBe(
      NDIS_STATUS_FAILURE,
    );
    expect(s.t.findings()).toEqual(['BAD_OID_REQUEST protocol']);
  });

  test('to a port that does not exist: NDIS_STATUS_INVALID_PORT (network/ndis-port-states)', async () => {
    const s = await createOidStack();
    expect((await s.ask({ oid: PRIVATE, port: 9 })).status).toBe(NDIS_STATUS_INVALID_PORT);
  });

  test('while it is pending already: NDIS_STATUS_FAILURE and a finding', async () => {
    const s = await createOidStack();
    s.on.request = () => NDIS_STATUS_PENDING;
    const request = s.create({ oid: PRIVATE });
    await s.t.run(() => s.send(request));
    await s.t.runAll();
    expect(await s.t.run(() => s.send(request))).toBe(NDIS_STATUS_FAILURE);
    expect(s.t.findings()).toEqual(['OID_REQUEST_REUSED protocol']);
  });

  test('beyond the bound of the queue: NDIS_STATUS_RESOURCES', async () => {
    const s = await createOidStack();
    s.on.request = () => NDIS_STATUS_PENDING;
    const returned: number[] = [];
    for (let i = 0; i < REQUEST_QUEUE_LIMIT + 2; i++) {
      const request = s.create({ oid: PRIVATE });
      returned.push(await s.t.run(() => s.send(request)));
      if (i === 0) await s.t.runAll();
    }
    expect(returned.slice(0, -1).every((status) => status === NDIS_STATUS_PENDING)).toBe(true);
    expect(returned[returned.length - 1]).toBe(NDIS_STATUS_RESOURCES);
  });
});

describe('what a miniport does wrong', () => {
  const complete = (s: Awaited<ReturnType<typeof createOidStack>>, request: Address, status = 0) =>
    s.t.run(() => s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], request, status));

  test('completing twice is a finding, and the protocol hears of it once (rule NdisOidDoubleComplete)', async () => {
    const s = await createOidStack();
    s.on.request = () => NDIS_STATUS_PENDING;
    const request = s.create({ oid: PRIVATE });
    await s.t.run(() => s.send(request));
    await s.t.runAll();
    await complete(s, request.address);
    await complete(s, request.address);
    expect(s.completions.length).toBe(1);
    expect(s.t.findings()).toEqual(['OID_REQUEST_NOT_PENDING miniport']);
  });

  test('completing and then returning success is a finding (rule DoubleComplete)', async () => {
    const s = await createOidStack();
    s.on.request = (request) => {
      s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], request.address, 0);
      return NDIS_STATUS_SUCCESS;
    };
    await s.ask({ oid: PRIVATE });
    expect(s.completions.length).toBe(1);
    expect(s.t.findings()).toEqual(['OID_REQUEST_COMPLETED_TWICE miniport']);
  });

  test('completing with NDIS_STATUS_PENDING counts as failure (nf-ndis-ndismoidrequestcomplete)', async () => {
    const s = await createOidStack();
    s.on.request = () => NDIS_STATUS_PENDING;
    const request = s.create({ oid: PRIVATE });
    await s.t.run(() => s.send(request));
    await s.t.runAll();
    await complete(s, request.address, NDIS_STATUS_PENDING);
    expect(s.completions).toEqual([[request.address, NDIS_STATUS_FAILURE]]);
    expect(s.t.findings()).toEqual(['OID_COMPLETED_WITH_PENDING miniport']);
  });

  test('a wrong adapter handle is a finding', async () => {
    const s = await createOidStack();
    await s.t.run(() => s.m.driver.ndis.NdisMOidRequestComplete(12345, 0, 0));
    expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
  });

  test('more bytes than the buffer holds are a finding, and the count is cut (bug check 0x7C, 0x1D)', async () => {
    const s = await createOidStack();
    s.on.request = (request) => {
      answer(request, 5000);
      return NDIS_STATUS_SUCCESS;
    };
    const { request } = await s.ask({ oid: PRIVATE, length: 16 });
    expect(request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(16);
    expect(s.t.findings()).toEqual(['OID_REQUEST_INVALID_BUFFER miniport']);
  });

  test('a buffer that is too short without BytesNeeded is a finding (nf-ndis-ndisoidrequest)', async () => {
    const s = await createOidStack();
    s.on.request = () => NDIS_STATUS_BUFFER_TOO_SHORT;
    expect((await s.ask({ oid: PRIVATE, length: 4 })).status).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    expect(s.t.findings()).toEqual(['OID_BYTES_NEEDED_MISSING miniport']);
  });
});

describe('NdisCancelOidRequest (nf-ndis-ndiscanceloidrequest)', () => {
  test('ends queued requests with the identifier and asks the miniport for the one it has (nc-ndis-miniport_cancel_oid_request)', async () => {
    const s = await createOidStack({ seed: 2 });
    const cancelled: unknown[] = [];
    const active: Address[] = [];
    s.on.request = (request) => {
      active.push(request.address);
      return NDIS_STATUS_PENDING;
    };
    s.on.cancel = (id) => {
      cancelled.push(id);
      s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], active[0], NDIS_STATUS_REQUEST_ABORTED);
    };
    const [a, b, c] = [77, 77, 78].map((id) => s.create({ oid: PRIVATE, id }));
    for (const request of [a, b, c]) {
      await s.t.run(() => s.send(request));
      await s.t.runAll();
    }
    const { handle } = s.p.bindings[0];
    await s.t.run(() => s.p.driver.ndis.NdisCancelOidRequest(handle.value, 77));
    await s.t.runAll();
    expect(cancelled).toEqual([77]);
    expect(s.completions).toEqual([
      [b.address, NDIS_STATUS_REQUEST_ABORTED],
      [a.address, NDIS_STATUS_REQUEST_ABORTED],
    ]);
    expect(active).toEqual([a.address, c.address]);
    expect(s.t.findings()).toEqual([]);
  });

  test('with an identifier that nothing has does nothing, with a wrong handle it is a finding', async () => {
    const s = await createOidStack();
    s.on.request = () => NDIS_STATUS_PENDING;
    const request = s.create({ oid: PRIVATE, id: 5 });
    await s.t.run(() => s.send(request));
    await s.t.runAll();
    await s.t.run(() => s.p.driver.ndis.NdisCancelOidRequest(s.p.bindings[0].handle.value, 6));
    expect(s.completions).toEqual([]);
    await s.t.run(() => s.p.driver.ndis.NdisCancelOidRequest(4711, 5));
    expect(s.t.findings()).toEqual(['BAD_HANDLE protocol']);
  });
});

test('a set passes its data down and its count up (nc-ndis-miniport_oid_request)', async () => {
  const s = await createOidStack();
  s.on.request = (request) => {
    const { InformationBuffer, InformationBufferLength } = request.DATA.SET_INFORMATION;
    expect([...s.t.memory.u8.subarray(InformationBuffer, InformationBuffer + 4)]).toEqual(word(0x01020304));
    request.DATA.SET_INFORMATION.BytesRead = InformationBufferLength;
    return NDIS_STATUS_SUCCESS;
  };
  const oid = OID_GEN_INTERRUPT_MODERATION;
  const { request } = await s.ask({ type: NdisRequestSetInformation, oid, data: word(0x01020304) });
  expect(request.view.DATA.SET_INFORMATION.BytesRead).toBe(4);
});
