/** Direct and synchronous requests, and clones. */

import { describe, expect, test } from 'vitest';
import { createOidStack, type OidStack } from '../../../test/support/oidStack.ts';
import { DISPATCH_LEVEL, poolOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
  NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OID_REQUEST,
  NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
  NDIS_SIZEOF_OID_REQUEST_REVISION_1,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES,
  OID_GEN_VENDOR_ID,
  OID_TCP_TASK_IPSEC_OFFLOAD_V2_ADD_SA,
} from '../index.ts';
import { DIRECT_REQUEST_LIMIT } from './requestRecord.ts';

const DIRECT = OID_TCP_TASK_IPSEC_OFFLOAD_V2_ADD_SA;
const handleOf = (s: OidStack) => s.p.bindings[0].handle.value;

describe('NdisDirectOidRequest (nf-ndis-ndisdirectoidrequest)', () => {
  const sendDirect = (s: OidStack, request: Address) =>
    s.t.run(() => s.p.driver.ndis.NdisDirectOidRequest(handleOf(s), request));

  test('runs the handler of the miniport inside the call, at DISPATCH_LEVEL too (nc-ndis-miniport_direct_oid_request)', async () => {
    const s = await createOidStack();
    const levels: number[] = [];
    s.on.direct = () => {
      levels.push(s.t.kernel.irql);
      return NDIS_STATUS_SUCCESS;
    };
    const request = s.create({ oid: DIRECT });
    const status = await s.t.run(() => {
      s.t.kernel.irql = DISPATCH_LEVEL;
      const returned = s.p.driver.ndis.NdisDirectOidRequest(handleOf(s), request.address);
      s.t.kernel.irql = 0;
      return returned;
    });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(levels).toEqual([DISPATCH_LEVEL]);
    expect(s.completions).toEqual([]);
    expect(s.t.findings()).toEqual([]);
  });

  test('is not serialized: several are pending, and each is completed by its pointer (nf-ndis-ndismdirectoidrequestcomplete)', async () => {
    const s = await createOidStack();
    s.on.direct = () => NDIS_STATUS_PENDING;
    s.on.request = () => NDIS_STATUS_PENDING;
    await s.t.run(() => s.send(s.create({ oid: 0xff000001 })));
    await s.t.runAll();
    const [a, b] = [s.create({ oid: DIRECT }), s.create({ oid: DIRECT })];
    expect(await sendDirect(s, a.address)).toBe(NDIS_STATUS_PENDING);
    expect(await sendDirect(s, b.address)).toBe(NDIS_STATUS_PENDING);
    expect(s.bindings[0].requestsOutstanding).toBe(3);
    const complete = (address: Address, status: number) =>
      s.t.run(() => s.m.driver.ndis.NdisMDirectOidRequestComplete(s.m.adapters[0], address, status));
    await complete(b.address, NDIS_STATUS_SUCCESS);
    await complete(a.address, NDIS_STATUS_INVALID_DATA);
    expect(s.completions).toEqual([
      [b.address, NDIS_STATUS_SUCCESS],
      [a.address, NDIS_STATUS_INVALID_DATA],
    ]);
    expect(s.t.findings()).toEqual([]);
    await complete(a.address, NDIS_STATUS_SUCCESS);
    expect(s.completions.length).toBe(2);
    expect(s.t.findings()).toEqual(['OID_REQUEST_NOT_PENDING miniport']);
  });

  test('fails as the miniport does, and for OIDs of the regular interface', async () => {
    const s = await createOidStack();
    s.on.direct = () => NDIS_STATUS_INVALID_DATA;
    expect(await sendDirect(s, s.create({ oid: DIRECT }).address)).toBe(NDIS_STATUS_INVALID_DATA);
    expect(await sendDirect(s, s.create({ oid: OID_GEN_VENDOR_ID }).address)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(await sendDirect(s, s.create({ oid: DIRECT, port: 3 }).address)).not.toBe(NDIS_STATUS_SUCCESS);
  });

  test('needs both handlers: NDIS_STATUS_NOT_SUPPORTED without one', async () => {
    const lacking = [
      { protocol: { DirectOidRequestCompleteHandler: null } },
      { miniport: { DirectOidRequestHandler: null, CancelDirectOidRequestHandler: null } },
    ];
    for (const changes of lacking) {
      const s = await createOidStack({}, 1, changes);
      expect(await sendDirect(s, s.create({ oid: DIRECT }).address)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    }
  });

  test('beyond the bound: NDIS_STATUS_RESOURCES', async () => {
    const s = await createOidStack();
    s.on.direct = () => NDIS_STATUS_PENDING;
    for (let i = 0; i < DIRECT_REQUEST_LIMIT; i++) await sendDirect(s, s.create({ oid: DIRECT }).address);
    expect(await sendDirect(s, s.create({ oid: DIRECT }).address)).toBe(NDIS_STATUS_RESOURCES);
  });

  test('NdisCancelDirectOidRequest asks the miniport once for the identifier (nf-ndis-ndiscanceldirectoidrequest)', async () => {
    const s = await createOidStack();
    const cancelled: unknown[] = [];
    s.on.direct = () => NDIS_STATUS_PENDING;
    const request = s.create({ oid: DIRECT, id: 31 });
    s.on.cancelDirect = (id) => {
      cancelled.push(id);
      const { ndis } = s.m.driver;
      ndis.NdisMDirectOidRequestComplete(s.m.adapters[0], request.address, NDIS_STATUS_REQUEST_ABORTED);
    };
    await sendDirect(s, request.address);
    await s.t.run(() => s.p.driver.ndis.NdisCancelDirectOidRequest(handleOf(s), 30));
    expect(cancelled).toEqual([]);
    await s.t.run(() => s.p.driver.ndis.NdisCancelDirectOidRequest(handleOf(s), 31));
    expect(cancelled).toEqual([31]);
    expect(s.completions).toEqual([[request.address, NDIS_STATUS_REQUEST_ABORTED]]);
    await s.t.run(() => s.p.driver.ndis.NdisCancelDirectOidRequest(1, 31));
    expect(s.t.findings()).toEqual(['BAD_HANDLE protocol']);
  });
});

describe('NdisSynchronousOidRequest (nf-ndis-ndissynchronousoidrequest)', () => {
  const create = (status: number) =>
    createOidStack({}, 1, {
      miniport: {
        Header: {
          Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
          Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
          Size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
        },
        MinorNdisVersion: 80,
        SynchronousOidRequestHandler: () => status,
      },
    });
  const send = (s: OidStack, oid: number) =>
    s.t.run(() => s.p.driver.ndis.NdisSynchronousOidRequest(handleOf(s), s.create({ oid }).address));

  test('gives what the miniport answers (nc-ndis-miniport_synchronous_oid_request)', async () => {
    const s = await create(NDIS_STATUS_SUCCESS);
    expect(await send(s, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES)).toBe(NDIS_STATUS_SUCCESS);
    const literal = {
      Header: { Type: NDIS_OBJECT_TYPE_OID_REQUEST, Revision: 1, Size: NDIS_SIZEOF_OID_REQUEST_REVISION_1 },
      DATA: { Oid: 0xff000001 },
    };
    const status = await s.t.run(() =>
      s.p.driver.ndis.NdisSynchronousOidRequest(handleOf(s), literal as object),
    );
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(s.bindings[0].requestsOutstanding).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('fails with the status of the miniport, and for OIDs of other interfaces', async () => {
    const s = await create(NDIS_STATUS_INVALID_DATA);
    expect(await send(s, 0xff000001)).toBe(NDIS_STATUS_INVALID_DATA);
    expect(await send(s, OID_GEN_VENDOR_ID)).toBe(NDIS_STATUS_NOT_SUPPORTED);
  });

  test('cannot be pending: a finding and NDIS_STATUS_FAILURE', async () => {
    const s = await create(NDIS_STATUS_PENDING);
    expect(await send(s, 0xff000001)).toBe(NDIS_STATUS_FAILURE);
    expect(s.t.findings()).toEqual(['SYNCHRONOUS_OID_PENDING miniport']);
  });

  test('needs the handler of the miniport', async () => {
    const s = await createOidStack();
    expect(await send(s, 0xff000001)).toBe(NDIS_STATUS_NOT_SUPPORTED);
  });
});

describe('clones (nf-ndis-ndisallocatecloneoidrequest)', () => {
  test('have the members of the request, travel like it, and are freed once (nf-ndis-ndisfreecloneoidrequest)', async () => {
    const s = await createOidStack();
    const { ndis } = s.p.driver;
    const cell = s.p.driver.cell();
    const request = s.create({ oid: 0xff000001, id: 3, length: 12 });
    const allocate = () =>
      ndis.NdisAllocateCloneOidRequest(handleOf(s), request.address, 0x31323334, cell.address);
    expect(await s.t.run(allocate)).toBe(NDIS_STATUS_SUCCESS);
    const clone = NDIS_OID_REQUEST.at(s.t.memory, cell.value);
    expect(cell.value).not.toBe(request.address);
    expect(clone.DATA.Oid).toBe(0xff000001);
    expect(clone.DATA.QUERY_INFORMATION.InformationBuffer).toBe(request.buffer);
    expect(s.p.driver.driver.owned.some((owned) => owned.kind === 'cloned OID request')).toBe(true);

    s.on.request = () => NDIS_STATUS_PENDING;
    await s.t.run(() => ndis.NdisOidRequest(handleOf(s), cell.value));
    await s.t.runAll();
    await s.t.run(() => ndis.NdisFreeCloneOidRequest(handleOf(s), cell.value));
    expect(s.t.findings()).toEqual(['CLONED_REQUEST_PENDING protocol']);
    await s.t.run(() => s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], cell.value, 0));
    await s.t.run(() => ndis.NdisFreeCloneOidRequest(handleOf(s), cell.value));
    expect(s.p.driver.driver.owned.some((owned) => owned.kind === 'cloned OID request')).toBe(false);
    await s.t.run(() => ndis.NdisFreeCloneOidRequest(handleOf(s), cell.value));
    expect(s.t.findings().slice(1)).toEqual(['NOT_A_CLONED_REQUEST protocol']);
  });

  test('a wrong handle: NDIS_STATUS_INVALID_PARAMETER; short memory: NDIS_STATUS_RESOURCES; both write NULL', async () => {
    const s = await createOidStack();
    const { ndis } = s.p.driver;
    const cell = s.p.driver.cell();
    const request = s.create({ oid: 0xff000001 });
    cell.value = 0x20000;
    const wrong = await s.t.run(() => ndis.NdisAllocateCloneOidRequest(12, request.address, 1, cell.address));
    expect([wrong, cell.value]).toEqual([NDIS_STATUS_INVALID_PARAMETER, 0]);
    poolOf(s.t.kernel).fail = () => true;
    cell.value = 0x20000;
    const short = await s.t.run(() =>
      ndis.NdisAllocateCloneOidRequest(handleOf(s), request.address, 1, cell.address),
    );
    expect([short, cell.value]).toEqual([NDIS_STATUS_RESOURCES, 0]);
    poolOf(s.t.kernel).fail = undefined;
    request.view.Header.Type = 3;
    const none = await s.t.run(() =>
      ndis.NdisAllocateCloneOidRequest(handleOf(s), request.address, 1, cell.address),
    );
    expect(none).toBe(NDIS_STATUS_FAILURE);
  });
});
