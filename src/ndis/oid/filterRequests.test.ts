/** Requests through filter modules: passed on, completed, made and cancelled by them, and what becomes of them. */

import { describe, expect, test } from 'vitest';
import { createFilterStack, type FilterStack } from '../../../test/support/filterStack.ts';
import { word } from '../../../test/support/oidStack.ts';
import {
  completeForDrivers,
  type NDIS_OID_REQUEST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_OID,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisRequestSetInformation,
  OID_GEN_BYTES_RCV,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_VENDOR_ID,
  queryStatistics,
} from '../index.ts';

const PRIVATE = 0xff010203;
const hex = (value: number) => value.toString(16);
/** Seeds of which some choose to call the next driver inside the call and some do not. */
const SEEDS = [1, 2, 3, 4];

function answers(x: FilterStack, bytes: readonly number[]): void {
  x.s.on.request = (request) => {
    x.order.push('miniport request');
    x.s.t.memory.u8.set(bytes, request.DATA.QUERY_INFORMATION.InformationBuffer);
    request.DATA.QUERY_INFORMATION.BytesWritten = bytes.length;
    return NDIS_STATUS_SUCCESS;
  };
}

describe.each(SEEDS)('a request of a protocol, seed %i (nc-ndis-filter_oid_request)', (seed) => {
  test('goes through the modules from the top, as clones, and its results come back up', async () => {
    const x = await createFilterStack({ seed });
    answers(x, [1, 2, 3, 4]);
    const { status, request } = await x.s.ask({ oid: OID_GEN_VENDOR_ID });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(request.bytes(4)).toEqual([1, 2, 3, 4]);
    expect(request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(4);
    const oid = hex(OID_GEN_VENDOR_ID);
    expect(x.order.filter((line) => !line.includes('complete'))).toEqual([
      `upper request ${oid}`,
      `lower request ${oid}`,
      'miniport request',
    ]);
    expect(x.s.bindings[0].requestsOutstanding).toBe(0);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('that a module completes itself goes no further, at once or later', async () => {
    const x = await createFilterStack({ seed });
    const [upper, lower] = x.filters;
    upper.onRequest = () => NDIS_STATUS_INVALID_OID;
    expect((await x.s.ask({ oid: PRIVATE })).status).toBe(NDIS_STATUS_INVALID_OID);
    upper.onRequest = (request) => {
      const { address } = request;
      x.s.t.start(() =>
        upper.f.driver.ndis.NdisFOidRequestComplete(upper.handle, address, NDIS_STATUS_SUCCESS),
      );
      return NDIS_STATUS_PENDING;
    };
    expect((await x.s.ask({ oid: PRIVATE })).status).toBe(NDIS_STATUS_SUCCESS);
    expect(lower.saw).toEqual([]);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('waits at a module while that has another (network/filtering-oid-requests-in-an-ndis-filter-driver)', async () => {
    const x = await createFilterStack({ seed });
    const [upper] = x.filters;
    const held: number[] = [];
    upper.onRequest = (request) => {
      held.push(request.address);
      return NDIS_STATUS_PENDING;
    };
    const requests = [1, 2, 3].map((id) => x.s.create({ oid: PRIVATE, id }));
    await x.s.t.run(async () => {
      for (const request of requests) await x.s.send(request);
    });
    await x.s.t.runAll();
    for (const [index, request] of requests.entries()) {
      expect(held).toHaveLength(index + 1);
      const { address } = request;
      await x.s.t.run(() => upper.f.driver.ndis.NdisFOidRequestComplete(upper.handle, address, 0));
      await x.s.t.runAll();
    }
    expect(x.s.completions.map(([address]) => address)).toEqual(requests.map(({ address }) => address));
    expect(x.s.t.findings()).toEqual([]);
  });

  test('may be changed on its way back (network/filtering-oid-requests-in-an-ndis-filter-driver)', async () => {
    const x = await createFilterStack({ seed }, ['only']);
    const [only] = x.filters;
    const { memory } = x.s.t;
    only.onRequest = async (request) => {
      const { address } = request;
      const { InformationBuffer: buffer } = request.DATA.QUERY_INFORMATION;
      const status = await only.pass(address);
      // NDIS answers in the place of the miniport driver, so it is there at once.
      if (status === NDIS_STATUS_SUCCESS) memory.u32[buffer >> 2] -= 4;
      return status;
    };
    const { status, request } = await x.s.ask({ oid: OID_GEN_MAXIMUM_FRAME_SIZE });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(request.bytes(4)).toEqual(word(1496));
  });
});

test('modules without a handler are passed by, and NDIS answers as without them', async () => {
  const without = { OidRequestHandler: null, OidRequestCompleteHandler: null };
  const x = await createFilterStack({}, ['upper', 'lower'], { filters: { upper: without, lower: without } });
  const asked = await x.s.t.run(() => x.s.send(x.s.create({ oid: OID_GEN_MAXIMUM_FRAME_SIZE })));
  expect(asked).toBe(NDIS_STATUS_SUCCESS);
  answers(x, []);
  await x.s.ask({ oid: PRIVATE });
  expect(x.order).toEqual(['miniport request']);
});

describe('requests that NDIS makes', () => {
  test('pass the modules too', async () => {
    const x = await createFilterStack();
    let result: unknown = null;
    void queryStatistics(x.s.t.ndis, x.s.adapter).then((value) => {
      result = value;
    });
    await x.s.t.runAll();
    expect(result).toMatchObject({ status: NDIS_STATUS_SUCCESS });
    expect(x.filters.map((filter) => filter.saw[0])).toEqual(['request 20106', 'request 20106']);
  });

  test('what the bindings want together is put together above the modules (oid-gen-current-packet-filter)', async () => {
    const x = await createFilterStack();
    const told: number[] = [];
    x.s.on.request = (request) => {
      told.push(x.s.t.memory.u32[request.DATA.SET_INFORMATION.InformationBuffer >> 2]);
      return NDIS_STATUS_SUCCESS;
    };
    const data = word(NDIS_PACKET_TYPE_DIRECTED);
    await x.s.ask({ type: NdisRequestSetInformation, oid: OID_GEN_CURRENT_PACKET_FILTER, data });
    await x.s.ask({ type: NdisRequestSetInformation, oid: OID_GEN_CURRENT_PACKET_FILTER, data });
    expect(told).toEqual([NDIS_PACKET_TYPE_DIRECTED]);
    expect(x.s.bindings[0].packetFilter).toBe(NDIS_PACKET_TYPE_DIRECTED);
    expect(x.order.filter((line) => line.includes('request'))).toHaveLength(2);
  });

  test('counters are made of statistics below the modules (oid-gen-bytes-rcv)', async () => {
    const x = await createFilterStack();
    const asked: number[] = [];
    x.s.on.request = (request) => {
      asked.push(request.DATA.Oid);
      return NDIS_STATUS_SUCCESS;
    };
    await x.s.ask({ oid: OID_GEN_BYTES_RCV, length: 8 });
    expect(x.filters[1].saw[0]).toBe(`request ${hex(OID_GEN_BYTES_RCV)}`);
    expect(asked).toEqual([0x20106]);
  });
});

describe('NdisFOidRequest (nf-ndis-ndisfoidrequest)', () => {
  /** A request of the upper module, through its imports. */
  const make = (x: FilterStack, request: number) =>
    x.s.t.run(() => x.filters[0].f.driver.ndis.NdisFOidRequest(x.filters[0].handle, request));

  test.each(SEEDS)(
    'makes a request of the drivers below; its completion is its own, seed %i',
    async (seed) => {
      const x = await createFilterStack({ seed });
      const [upper] = x.filters;
      const completed: [number, number][] = [];
      upper.onComplete = (request, status) => completed.push([request, status]);
      const request = x.s.create({ oid: PRIVATE });
      const status = await make(x, request.address);
      await x.s.t.runAll();
      if (status === NDIS_STATUS_PENDING) expect(completed).toEqual([[request.address, NDIS_STATUS_SUCCESS]]);
      else expect([status, completed]).toEqual([NDIS_STATUS_SUCCESS, []]);
      expect(request.view.RequestHandle).toBe(upper.handle);
      expect(x.filters[1].saw[0]).toBe(`request ${hex(PRIVATE)}`);
      expect(x.s.completions).toEqual([]);
      expect(x.s.t.findings()).toEqual([]);
    },
  );

  test('sets of a module go to the miniport as they are; NDIS makes no union of them', async () => {
    const x = await createFilterStack({}, ['only']);
    const [only] = x.filters;
    only.onComplete = () => {};
    const told: number[] = [];
    x.s.on.request = (request) => {
      told.push(x.s.t.memory.u32[request.DATA.SET_INFORMATION.InformationBuffer >> 2]);
      return NDIS_STATUS_SUCCESS;
    };
    const oid = OID_GEN_CURRENT_PACKET_FILTER;
    const request = x.s.create({ type: NdisRequestSetInformation, oid, data: word(0x20) });
    await make(x, request.address);
    await x.s.t.runAll();
    expect(told).toEqual([0x20]);
    expect(x.s.bindings[0].packetFilter).toBe(0);
  });

  test('refuses a wrong header, a request that was not cloned, one that is under way, and a handle that is none', async () => {
    const x = await createFilterStack();
    const [upper] = x.filters;
    const { ndis } = upper.f.driver;
    const wrong = x.s.create({ oid: PRIVATE });
    x.s.t.memory.u8[wrong.address] = 1;
    expect(await make(x, wrong.address)).toBe(NDIS_STATUS_INVALID_PARAMETER);
    upper.onRequest = (request) => ndis.NdisFOidRequest(upper.handle, request);
    expect((await x.s.ask({ oid: PRIVATE })).status).toBe(NDIS_STATUS_FAILURE);
    let held = 0;
    upper.onComplete = () => {};
    x.filters[1].onRequest = (request) => {
      held = request.address;
      return NDIS_STATUS_PENDING;
    };
    const twice = x.s.create({ oid: PRIVATE });
    await make(x, twice.address);
    await x.s.t.runAll();
    expect(await make(x, twice.address)).toBe(NDIS_STATUS_FAILURE);
    await x.s.t.run(() => x.filters[1].f.driver.ndis.NdisFOidRequestComplete(x.filters[1].handle, held, 0));
    expect(await x.s.t.run(() => ndis.NdisFOidRequest(44, twice.address))).toBe(NDIS_STATUS_FAILURE);
    expect(x.s.t.findings()).toEqual([
      'BAD_OID_REQUEST upper',
      'OID_REQUEST_NOT_CLONED upper',
      'OID_REQUEST_REUSED upper',
      'BAD_HANDLE upper',
    ]);
  });

  test('without FilterOidRequestComplete it is a finding, and while attaching too', async () => {
    const statuses: number[] = [];
    const x = await createFilterStack({}, ['only'], {
      filters: { only: { OidRequestHandler: null, OidRequestCompleteHandler: null } },
    });
    expect(await make(x, x.s.create({ oid: PRIVATE }).address)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    const y = await createFilterStack({}, ['only']);
    const [only] = y.filters;
    const { log, modules, driver } = only.f;
    log.push = (...lines: string[]) => Array.prototype.push.apply(log, lines);
    await y.s.t.run(() => driver.ndis.NdisFDeregisterFilterDriver(only.f.handle.value));
    expect(modules).toHaveLength(1);
    statuses.push(await make(y, y.s.create({ oid: PRIVATE }).address));
    expect(statuses).toEqual([NDIS_STATUS_CLOSING]);
    expect(x.s.t.findings()).toEqual(['OID_COMPLETION_MISSING only']);
    expect(y.s.t.findings()).toEqual(['BAD_HANDLE only']);
  });

  test('no more than 256 requests wait at one driver', async () => {
    const x = await createFilterStack();
    const [upper, lower] = x.filters;
    upper.onComplete = () => {};
    lower.onRequest = () => NDIS_STATUS_PENDING;
    const statuses: number[] = [];
    await x.s.t.run(async () => {
      for (let i = 0; i < 258; i++) {
        const { address } = x.s.create({ oid: PRIVATE });
        statuses.push(await upper.f.driver.ndis.NdisFOidRequest(upper.handle, address));
      }
    });
    expect(statuses.filter((status) => status === NDIS_STATUS_RESOURCES)).toHaveLength(1);
    expect(statuses.at(-1)).toBe(NDIS_STATUS_RESOURCES);
  });
});

describe('NdisFOidRequestComplete (nf-ndis-ndisfoidrequestcomplete)', () => {
  test('of what is not pending at the module is a finding: never pending, completed already, completed and then returned', async () => {
    const x = await createFilterStack({}, ['only']);
    const [only] = x.filters;
    const { ndis } = only.f.driver;
    const complete = (request: number, status: number, handle = only.handle) =>
      ndis.NdisFOidRequestComplete(handle, request, status);
    await x.s.t.run(() => complete(0x5000, 0));
    only.onRequest = (request) => {
      complete(request.address, NDIS_STATUS_PENDING);
      complete(request.address, 0);
      return NDIS_STATUS_SUCCESS;
    };
    expect((await x.s.ask({ oid: PRIVATE })).status).toBe(NDIS_STATUS_FAILURE);
    await x.s.t.run(() => complete(0x5000, 0, 77));
    expect(x.s.t.findings()).toEqual([
      'OID_REQUEST_NOT_PENDING only',
      'OID_COMPLETED_WITH_PENDING only',
      'OID_REQUEST_NOT_PENDING only',
      'OID_REQUEST_COMPLETED_TWICE only',
      'BAD_HANDLE only',
    ]);
  });

  test('that never comes is a finding of the lowest driver that has a request; the others then complete in order', async () => {
    const x = await createFilterStack();
    x.filters[1].onRequest = () => NDIS_STATUS_PENDING;
    const request = x.s.create({ oid: PRIVATE });
    await x.s.t.run(() => x.s.send(request));
    await x.s.t.runAll();
    for (let left = 4; left > 0 && completeForDrivers(x.s.t.ndis) > 0; left--) await x.s.t.runAll();
    expect(x.s.completions).toEqual([[request.address, NDIS_STATUS_REQUEST_ABORTED]]);
    expect(x.s.t.findings()).toEqual(['OID_REQUEST_NEVER_COMPLETED lower']);
  });
});

describe('cancelling (nc-ndis-filter_cancel_oid_request)', () => {
  test('goes from module to module to the driver that has the request; what waits is completed by NDIS', async () => {
    const x = await createFilterStack();
    let held = 0;
    x.s.on.request = (request) => {
      held = request.address;
      return NDIS_STATUS_PENDING;
    };
    x.s.on.cancel = (id) => {
      x.order.push(`miniport cancel ${String(id)}`);
      x.s.m.driver.ndis.NdisMOidRequestComplete(x.s.m.adapters[0], held, NDIS_STATUS_REQUEST_ABORTED);
    };
    const [a, b] = [x.s.create({ oid: PRIVATE, id: 77 }), x.s.create({ oid: PRIVATE, id: 77 })];
    await x.s.t.run(async () => {
      await x.s.send(a);
      await x.s.send(b);
    });
    await x.s.t.runAll();
    x.order.length = 0;
    const { ndis } = x.s.p.driver;
    await x.s.t.run(() => ndis.NdisCancelOidRequest(x.s.bindings[0].handle, 77));
    expect(x.order.slice(0, 3)).toEqual(['upper cancel 77', 'lower cancel 77', 'miniport cancel 77']);
    expect(x.s.completions).toEqual([
      [b.address, NDIS_STATUS_REQUEST_ABORTED],
      [a.address, NDIS_STATUS_REQUEST_ABORTED],
    ]);
    await x.s.t.run(() => ndis.NdisCancelOidRequest(x.s.bindings[0].handle, 77));
    expect(x.s.completions).toHaveLength(2);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('passes modules without the handler by', async () => {
    const x = await createFilterStack({}, ['upper', 'lower'], {
      filters: { upper: { CancelOidRequestHandler: null } },
    });
    x.s.on.request = () => NDIS_STATUS_PENDING;
    await x.s.t.run(() => x.s.send(x.s.create({ oid: PRIVATE, id: 5 })));
    await x.s.t.runAll();
    const { ndis } = x.s.p.driver;
    await x.s.t.run(() => ndis.NdisCancelOidRequest(x.s.bindings[0].handle, 5));
    expect(x.filters[1].saw.at(-1)).toBe('cancel 5');
  });

  test('by a module ends its own; a wrong handle is a finding (nf-ndis-ndisfcanceloidrequest)', async () => {
    const x = await createFilterStack({}, ['only']);
    const [only] = x.filters;
    const { ndis } = only.f.driver;
    const cancelled: unknown[] = [];
    x.s.on.request = () => NDIS_STATUS_PENDING;
    x.s.on.cancel = (id) => cancelled.push(id);
    const request = x.s.create({ oid: PRIVATE, id: 9 });
    await x.s.t.run(() => ndis.NdisFOidRequest(only.handle, request.address));
    await x.s.t.runAll();
    await x.s.t.run(() => ndis.NdisFCancelOidRequest(only.handle, 8));
    await x.s.t.run(() => ndis.NdisFCancelOidRequest(only.handle, 9));
    await x.s.t.run(() => ndis.NdisFCancelOidRequest(66, 9));
    expect(cancelled).toEqual([9]);
    expect(x.s.t.findings()).toEqual(['BAD_HANDLE only']);
  });
});

describe('direct requests (nc-ndis-filter_direct_oid_request)', () => {
  const direct = (x: FilterStack, address: number) =>
    x.s.t.run(() => x.s.p.driver.ndis.NdisDirectOidRequest(x.s.bindings[0].handle, address));

  test('go through the modules inside the call, at the IRQL of the caller, any number at once', async () => {
    const x = await createFilterStack();
    x.s.on.direct = (request) => {
      request.DATA.QUERY_INFORMATION.BytesWritten = 3;
      return NDIS_STATUS_SUCCESS;
    };
    const request = x.s.create({ oid: PRIVATE });
    expect(await direct(x, request.address)).toBe(NDIS_STATUS_SUCCESS);
    expect(request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(3);
    const held: number[] = [];
    x.s.on.direct = (copy) => {
      held.push(copy.address);
      return NDIS_STATUS_PENDING;
    };
    const two = [x.s.create({ oid: PRIVATE }), x.s.create({ oid: PRIVATE })];
    for (const one of two) expect(await direct(x, one.address)).toBe(NDIS_STATUS_PENDING);
    for (const copy of held.toReversed()) {
      await x.s.t.run(() => x.s.m.driver.ndis.NdisMDirectOidRequestComplete(x.s.m.adapters[0], copy, 0));
    }
    expect(x.s.completions.map(([address]) => address)).toEqual(
      two.map(({ address }) => address).toReversed(),
    );
    expect(x.order.filter((line) => line === `lower direct ${hex(PRIVATE)}`)).toHaveLength(3);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('that a module completes itself go no further', async () => {
    const x = await createFilterStack();
    x.filters[0].onDirect = () => NDIS_STATUS_INVALID_OID;
    expect(await direct(x, x.s.create({ oid: PRIVATE }).address)).toBe(NDIS_STATUS_INVALID_OID);
    expect(x.order).toEqual([`upper direct ${hex(PRIVATE)}`]);
    expect(x.s.completions).toEqual([]);
  });

  test('are cancelled through the modules (nc-ndis-filter_cancel_direct_oid_request)', async () => {
    const x = await createFilterStack();
    let held = 0;
    x.s.on.direct = (request) => {
      held = request.address;
      return NDIS_STATUS_PENDING;
    };
    x.s.on.cancelDirect = () =>
      x.s.m.driver.ndis.NdisMDirectOidRequestComplete(x.s.m.adapters[0], held, NDIS_STATUS_REQUEST_ABORTED);
    const request = x.s.create({ oid: PRIVATE, id: 3 });
    await direct(x, request.address);
    await x.s.t.run(() => x.s.p.driver.ndis.NdisCancelDirectOidRequest(x.s.bindings[0].handle, 3));
    expect(x.order.filter((line) => line.includes('cancel'))).toEqual([
      'upper cancel direct 3',
      'lower cancel direct 3',
    ]);
    expect(x.s.completions).toEqual([[request.address, NDIS_STATUS_REQUEST_ABORTED]]);
  });

  test('of a module need its completion handler; others and wrong handles are refused (nf-ndis-ndisfdirectoidrequest)', async () => {
    const x = await createFilterStack({}, ['upper', 'lower'], {
      filters: { upper: { DirectOidRequestHandler: null, DirectOidRequestCompleteHandler: null } },
    });
    const [upper, lower] = x.filters;
    const make = (filter: typeof upper, oid: number, handle = filter.handle) =>
      x.s.t.run(() => filter.f.driver.ndis.NdisFDirectOidRequest(handle, x.s.create({ oid }).address));
    expect(await make(upper, PRIVATE)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(await make(lower, PRIVATE)).toBe(NDIS_STATUS_SUCCESS);
    expect(await make(lower, OID_GEN_VENDOR_ID)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(await make(lower, PRIVATE, 12)).toBe(NDIS_STATUS_FAILURE);
    const { ndis } = lower.f.driver;
    await x.s.t.run(() => ndis.NdisFDirectOidRequestComplete(lower.handle, 0x7000, 0));
    await x.s.t.run(() => ndis.NdisFDirectOidRequestComplete(12, 0x7000, 0));
    await x.s.t.run(() => ndis.NdisFCancelDirectOidRequest(12, 1));
    expect(x.s.t.findings()).toEqual([
      'BAD_HANDLE lower',
      'OID_REQUEST_NOT_PENDING lower',
      'BAD_HANDLE lower',
      'BAD_HANDLE lower',
    ]);
  });
});

describe('synchronous requests (nf-ndis-filter_synchronous_oid_request)', () => {
  const miniport = (answer: (request: NDIS_OID_REQUEST) => number) => ({
    Header: { Type: 0x8a, Revision: 3, Size: 160 },
    MinorNdisVersion: 80,
    SynchronousOidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST) => answer(request),
  });
  const synchronous = (x: FilterStack, address: number) =>
    x.s.t.run(() => x.s.p.driver.ndis.NdisSynchronousOidRequest(x.s.bindings[0].handle, address));
  const oid = hex(PRIVATE);

  test('issue handlers run from the top, the miniport answers, complete handlers run from the bottom, each with what it left', async () => {
    const x = await createFilterStack({}, ['upper', 'lower'], {
      miniport: miniport(() => NDIS_STATUS_SUCCESS),
    });
    const [upper, lower] = x.filters;
    const contexts: unknown[] = [];
    for (const [index, filter] of [upper, lower].entries()) {
      filter.onSynchronous = (_request, slot) => {
        expect(x.s.t.memory.readPointer(slot)).toBe(0);
        x.s.t.memory.writePointer(slot, 0x1000 + index);
        return NDIS_STATUS_SUCCESS;
      };
      filter.onSynchronousComplete = (_request, _status, slot) => contexts.push(slot);
    }
    expect(await synchronous(x, x.s.create({ oid: PRIVATE }).address)).toBe(NDIS_STATUS_SUCCESS);
    expect(x.order).toEqual([
      `upper synchronous ${oid}`,
      `lower synchronous ${oid}`,
      'lower synchronous complete 0',
      'upper synchronous complete 0',
    ]);
    expect(contexts).toEqual([0x1001, 0x1000]);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('a module may complete one: the complete handlers above it run, its own does not; and change the status', async () => {
    const x = await createFilterStack({}, ['upper', 'lower'], {
      miniport: miniport(() => NDIS_STATUS_FAILURE),
    });
    const [upper, lower] = x.filters;
    lower.onSynchronous = () => 0xff;
    expect(await synchronous(x, x.s.create({ oid: PRIVATE }).address)).toBe(NDIS_STATUS_SUCCESS);
    expect(x.order).toEqual([
      `upper synchronous ${oid}`,
      `lower synchronous ${oid}`,
      'upper synchronous complete 0',
    ]);
    lower.onSynchronous = () => NDIS_STATUS_INVALID_DATA;
    expect(await synchronous(x, x.s.create({ oid: PRIVATE }).address)).toBe(NDIS_STATUS_INVALID_DATA);
    lower.onSynchronous = () => NDIS_STATUS_SUCCESS;
    upper.onSynchronousComplete = (_request, status) => {
      x.s.t.memory.u32[status >> 2] = NDIS_STATUS_INVALID_OID;
    };
    expect(await synchronous(x, x.s.create({ oid: PRIVATE }).address)).toBe(NDIS_STATUS_INVALID_OID);
  });

  test('cannot be pending, cloned or passed on: findings', async () => {
    const x = await createFilterStack({}, ['only'], { miniport: miniport(() => NDIS_STATUS_SUCCESS) });
    const [only] = x.filters;
    const { ndis } = only.f.driver;
    const cell = only.f.driver.cell();
    const statuses: number[] = [];
    only.onSynchronous = (request) => {
      statuses.push(ndis.NdisAllocateCloneOidRequest(only.handle, request, 1, cell));
      statuses.push(ndis.NdisFSynchronousOidRequest(only.handle, request));
      return NDIS_STATUS_PENDING;
    };
    expect(await synchronous(x, x.s.create({ oid: PRIVATE }).address)).toBe(NDIS_STATUS_FAILURE);
    expect(statuses).toEqual([NDIS_STATUS_FAILURE, NDIS_STATUS_FAILURE]);
    expect(x.s.t.findings()).toEqual([
      'SYNCHRONOUS_OID_CLONED only',
      'SYNCHRONOUS_OID_PASSED_ON only',
      'SYNCHRONOUS_OID_PENDING only',
    ]);
  });

  test('of a module go to the drivers below it; there is nobody to answer where none has the handler (nf-ndis-ndisfsynchronousoidrequest)', async () => {
    const x = await createFilterStack({}, ['upper', 'lower'], {
      miniport: miniport(() => NDIS_STATUS_SUCCESS),
    });
    const make = (filter: (typeof x.filters)[number], handle = filter.handle) =>
      x.s.t.run(() =>
        filter.f.driver.ndis.NdisFSynchronousOidRequest(handle, x.s.create({ oid: PRIVATE }).address),
      );
    expect(await make(x.filters[0])).toBe(NDIS_STATUS_SUCCESS);
    expect(x.order).toEqual([`lower synchronous ${oid}`, 'lower synchronous complete 0']);
    const y = await createFilterStack({}, ['only']);
    const status = await y.s.t.run(() =>
      y.filters[0].f.driver.ndis.NdisFSynchronousOidRequest(
        y.filters[0].handle,
        y.s.create({ oid: PRIVATE }).address,
      ),
    );
    expect(status).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(await make(x.filters[0], 13)).toBe(NDIS_STATUS_FAILURE);
  });
});

describe('detaching a module that has requests (network/detaching-a-filter-module)', () => {
  test.each(SEEDS)('waits for what it has; what waits goes on to the next driver, seed %i', async (seed) => {
    const x = await createFilterStack({ seed });
    const [upper] = x.filters;
    let held = 0;
    upper.onRequest = (request) => {
      held = request.address;
      return NDIS_STATUS_PENDING;
    };
    const [a, b] = [x.s.create({ oid: PRIVATE, id: 1 }), x.s.create({ oid: PRIVATE, id: 2 })];
    await x.s.t.run(async () => {
      await x.s.send(a);
      await x.s.send(b);
    });
    await x.s.t.runAll();
    x.s.t.start(() => upper.f.driver.ndis.NdisFDeregisterFilterDriver(upper.f.handle.value));
    await x.s.t.runAll();
    expect(upper.f.log).not.toContain('detach');
    expect(x.s.completions).toEqual([[b.address, NDIS_STATUS_SUCCESS]]);
    await x.s.t.run(() => upper.f.driver.ndis.NdisFOidRequestComplete(upper.handle, held, 0));
    await x.s.t.runAll();
    expect(upper.f.log.at(-1)).toBe('detach');
    expect(x.s.completions).toHaveLength(2);
    expect(x.s.adapter.filters).toHaveLength(1);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('a request of its own that it left is a finding, and its completion is dropped', async () => {
    const x = await createFilterStack({}, ['only']);
    const [only] = x.filters;
    const { ndis } = only.f.driver;
    let held = 0;
    x.s.on.request = (request) => {
      held = request.address;
      return NDIS_STATUS_PENDING;
    };
    const request = x.s.create({ oid: PRIVATE });
    await x.s.t.run(() => ndis.NdisFOidRequest(only.handle, request.address));
    await x.s.t.runAll();
    await x.s.t.run(() => ndis.NdisFDeregisterFilterDriver(only.f.handle.value));
    only.saw.length = 0;
    await x.s.t.run(() => x.s.m.driver.ndis.NdisMOidRequestComplete(x.s.m.adapters[0], held, 0));
    expect(only.saw).toEqual([]);
    expect(x.s.t.findings()).toEqual(['OID_REQUEST_OUTSTANDING_AT_DETACH only']);
  });
});
