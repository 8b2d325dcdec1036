/** What NDIS keeps for each binding, what the miniport driver is told of it, and what NDIS answers itself. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createOidStack, type OidStack, word } from '../../../test/support/oidStack.ts';
import * as constants from '../generated/constants/index.ts';
import {
  hostRequestOid,
  NDIS_PACKET_TYPE_ALL_LOCAL,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_STATISTICS_INFO,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_MULTICAST_FULL,
  NDIS_STATUS_MULTICAST_NOT_FOUND,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisRequestSetInformation,
  OID_802_3_ADD_MULTICAST_ADDRESS,
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_DELETE_MULTICAST_ADDRESS,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_BYTES_RCV,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_DRIVER_VERSION,
  OID_GEN_LINK_SPEED,
  OID_GEN_LINK_STATE,
  OID_GEN_MAC_OPTIONS,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_MEDIA_CONNECT_STATUS,
  OID_GEN_PHYSICAL_MEDIUM_EX,
  OID_GEN_STATISTICS,
  OID_GEN_SUPPORTED_LIST,
  OID_TCP_OFFLOAD_CURRENT_CONFIG,
  queryStatistics,
} from '../index.ts';
import { directOids, ndisHandlesOid, ndisHandlesQuery, synchronousOids } from './oidInterfaces.ts';

/** Records what the miniport is told, as OID and bytes. */
function listen(s: OidStack): [number, number[]][] {
  const told: [number, number[]][] = [];
  s.on.request = (request) => {
    const { Oid, InformationBuffer, InformationBufferLength } = request.DATA.SET_INFORMATION;
    const { u8 } = s.t.memory;
    told.push([Oid, [...u8.subarray(InformationBuffer, InformationBuffer + InformationBufferLength)]]);
    return NDIS_STATUS_SUCCESS;
  };
  return told;
}

const set = async (s: OidStack, protocol: number, oid: number, data: readonly number[]) =>
  (await s.ask({ type: NdisRequestSetInformation, oid, data }, protocol)).status;

const FILTER = OID_GEN_CURRENT_PACKET_FILTER;
const GROUP = (last: number) => [1, 0, 0x5e, 0, 0, last];

describe('packet filter (oid-gen-current-packet-filter)', () => {
  test('belongs to the binding; the miniport is told the union, and only when it changes', async () => {
    const s = await createOidStack({}, 2);
    const told = listen(s);
    expect(await set(s, 0, FILTER, word(NDIS_PACKET_TYPE_DIRECTED))).toBe(NDIS_STATUS_SUCCESS);
    expect(await set(s, 1, FILTER, word(NDIS_PACKET_TYPE_BROADCAST))).toBe(NDIS_STATUS_SUCCESS);
    expect(await set(s, 1, FILTER, word(NDIS_PACKET_TYPE_DIRECTED))).toBe(NDIS_STATUS_SUCCESS);
    expect(await set(s, 0, FILTER, word(0))).toBe(NDIS_STATUS_SUCCESS);
    expect(told).toEqual([
      [FILTER, word(NDIS_PACKET_TYPE_DIRECTED)],
      [FILTER, word(NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST)],
      [FILTER, word(NDIS_PACKET_TYPE_DIRECTED)],
    ]);
    expect(s.bindings.map((binding) => binding.packetFilter)).toEqual([0, NDIS_PACKET_TYPE_DIRECTED]);
    expect(s.adapter.packetFilter).toBe(NDIS_PACKET_TYPE_DIRECTED);
    const query = await s.ask({ oid: FILTER, length: 4 });
    expect(query.request.bytes(4)).toEqual(word(NDIS_PACKET_TYPE_DIRECTED));
    expect(s.t.findings()).toEqual([]);
  });

  test('stays as it was where the miniport refuses it', async () => {
    const s = await createOidStack();
    listen(s);
    await set(s, 0, FILTER, word(NDIS_PACKET_TYPE_DIRECTED));
    s.on.request = () => NDIS_STATUS_FAILURE;
    expect(await set(s, 0, FILTER, word(NDIS_PACKET_TYPE_MULTICAST))).toBe(NDIS_STATUS_FAILURE);
    expect(s.bindings[0].packetFilter).toBe(NDIS_PACKET_TYPE_DIRECTED);
    expect(s.adapter.packetFilter).toBe(NDIS_PACKET_TYPE_DIRECTED);
  });

  test('of a wrong length is refused with BytesNeeded', async () => {
    const s = await createOidStack();
    const { status, request } = await s.ask({ type: NdisRequestSetInformation, oid: FILTER, data: [1, 2] });
    expect(status).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(request.view.DATA.SET_INFORMATION.BytesNeeded).toBe(4);
  });

  test('NDIS_PACKET_TYPE_ALL_LOCAL is matched by NDIS, a miniport that does not support it is not told', async () => {
    const s = await createOidStack();
    const told = listen(s);
    await set(s, 0, FILTER, word(NDIS_PACKET_TYPE_ALL_LOCAL | NDIS_PACKET_TYPE_DIRECTED));
    expect(told).toEqual([[FILTER, word(NDIS_PACKET_TYPE_DIRECTED)]]);
    expect(s.bindings[0].packetFilter).toBe(NDIS_PACKET_TYPE_ALL_LOCAL | NDIS_PACKET_TYPE_DIRECTED);
  });

  test('NDIS loops frames back while a binding receives and the miniport does not (oid-gen-mac-options)', async () => {
    const s = await createOidStack();
    listen(s);
    expect(s.adapter.loopbackWanted).toBe(false);
    await set(s, 0, FILTER, word(NDIS_PACKET_TYPE_PROMISCUOUS));
    expect(s.adapter.loopbackWanted).toBe(true);
    await set(s, 0, FILTER, word(0));
    expect(s.adapter.loopbackWanted).toBe(false);
  });

  test('shrinks at the miniport when a binding closes (nf-ndis-ndiscloseadapterex)', async () => {
    const s = await createOidStack({}, 2);
    const told = listen(s);
    await set(s, 0, FILTER, word(NDIS_PACKET_TYPE_DIRECTED));
    await set(s, 1, FILTER, word(NDIS_PACKET_TYPE_PROMISCUOUS));
    await set(s, 1, OID_802_3_MULTICAST_LIST, GROUP(1));
    told.length = 0;
    await s.t.run(() =>
      s.protocols[1].driver.ndis.NdisUnbindAdapter(s.protocols[1].bindings[0].handle.value),
    );
    await s.t.runAll();
    expect(told).toEqual([
      [FILTER, word(NDIS_PACKET_TYPE_DIRECTED)],
      [OID_802_3_MULTICAST_LIST, []],
    ]);
    expect(s.t.findings()).toEqual([]);
  });

  test('the union is right after any sets by any bindings, whatever the seed', async () => {
    const step = fc.record({ protocol: fc.nat(2), filter: fc.nat(0x2f), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), fc.nat(1000), async (steps, seed) => {
        const s = await createOidStack({ seed }, 3);
        const model = [0, 0, 0];
        let told = 0;
        for (const { protocol, filter, fails } of steps) {
          s.on.request = (request) => {
            if (fails) return NDIS_STATUS_FAILURE;
            told = s.t.memory.u32[request.DATA.SET_INFORMATION.InformationBuffer >> 2];
            return NDIS_STATUS_SUCCESS;
          };
          if ((await set(s, protocol, FILTER, word(filter))) === NDIS_STATUS_SUCCESS)
            model[protocol] = filter;
          expect(told).toBe(model[0] | model[1] | model[2]);
        }
        expect(s.bindings.map((binding) => binding.packetFilter)).toEqual(model);
        expect(s.t.findings()).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('multicast addresses (oid-802-3-multicast-list)', () => {
  test('the miniport gets the union of all bindings, without duplicates', async () => {
    const s = await createOidStack({}, 2);
    const told = listen(s);
    const list = [...GROUP(1), ...GROUP(2), ...GROUP(1)];
    expect(await set(s, 0, OID_802_3_MULTICAST_LIST, list)).toBe(NDIS_STATUS_SUCCESS);
    expect(await set(s, 1, OID_802_3_MULTICAST_LIST, [...GROUP(3), ...GROUP(2)])).toBe(NDIS_STATUS_SUCCESS);
    expect(told[0][1]).toEqual([...GROUP(1), ...GROUP(2)]);
    expect(told[1][1]).toEqual([...GROUP(1), ...GROUP(2), ...GROUP(3)]);
    const query = await s.ask({ oid: OID_802_3_MULTICAST_LIST, length: 18 });
    expect(query.request.bytes(18)).toEqual([...GROUP(1), ...GROUP(2), ...GROUP(3)]);
  });

  test('no group address, or more than fit: NDIS_STATUS_MULTICAST_FULL; half an address: a wrong length', async () => {
    const s = await createOidStack();
    listen(s);
    expect(await set(s, 0, OID_802_3_MULTICAST_LIST, [2, 0, 0, 0, 0, 1])).toBe(NDIS_STATUS_MULTICAST_FULL);
    const many = Array.from({ length: 33 }, (_, index) => GROUP(index)).flat();
    expect(await set(s, 0, OID_802_3_MULTICAST_LIST, many)).toBe(NDIS_STATUS_MULTICAST_FULL);
    expect(await set(s, 0, OID_802_3_MULTICAST_LIST, [1, 0, 0])).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(s.bindings[0].multicastList.length).toBe(0);
  });

  test('an address is deleted as often as it was added; the miniport sees lists only (oid-802-3-add-multicast-address)', async () => {
    const s = await createOidStack();
    const told = listen(s);
    for (let i = 0; i < 2; i++) {
      expect(await set(s, 0, OID_802_3_ADD_MULTICAST_ADDRESS, GROUP(9))).toBe(NDIS_STATUS_SUCCESS);
    }
    expect(await set(s, 0, OID_802_3_DELETE_MULTICAST_ADDRESS, GROUP(9))).toBe(NDIS_STATUS_SUCCESS);
    expect([...s.bindings[0].multicastList]).toEqual(GROUP(9));
    expect(await set(s, 0, OID_802_3_DELETE_MULTICAST_ADDRESS, GROUP(9))).toBe(NDIS_STATUS_SUCCESS);
    expect(await set(s, 0, OID_802_3_DELETE_MULTICAST_ADDRESS, GROUP(9))).toBe(
      NDIS_STATUS_MULTICAST_NOT_FOUND,
    );
    expect(told).toEqual([
      [OID_802_3_MULTICAST_LIST, GROUP(9)],
      [OID_802_3_MULTICAST_LIST, []],
    ]);
  });
});

test('lookahead: the largest of the bindings; more than the miniport can is refused (oid-gen-current-lookahead)', async () => {
  const s = await createOidStack({}, 2);
  const told = listen(s);
  expect(await set(s, 0, OID_GEN_CURRENT_LOOKAHEAD, word(1000))).toBe(NDIS_STATUS_SUCCESS);
  expect(await set(s, 1, OID_GEN_CURRENT_LOOKAHEAD, word(200))).toBe(NDIS_STATUS_SUCCESS);
  expect(await set(s, 1, OID_GEN_CURRENT_LOOKAHEAD, word(1501))).toBe(NDIS_STATUS_INVALID_DATA);
  expect(told).toEqual([[OID_GEN_CURRENT_LOOKAHEAD, word(1000)]]);
  expect((await s.ask({ oid: OID_GEN_CURRENT_LOOKAHEAD })).request.bytes(4)).toEqual(word(1000));
});

describe('requests that NDIS answers (handledByNdis)', () => {
  test.each([
    [OID_GEN_MAXIMUM_FRAME_SIZE, word(1500)],
    [OID_GEN_MAC_OPTIONS, word(8)],
    [OID_GEN_PHYSICAL_MEDIUM_EX, word(0)],
    [OID_GEN_DRIVER_VERSION, [30, 6]],
    [OID_GEN_MEDIA_CONNECT_STATUS, word(0)],
    [OID_GEN_LINK_SPEED, word(10_000_000)],
    [OID_802_3_CURRENT_ADDRESS, [2, 0, 0, 0, 0, 1]],
    [OID_802_3_MAXIMUM_LIST_SIZE, word(32)],
    [OID_GEN_SUPPORTED_LIST, []],
  ])('OID 0x%s without the miniport', async (oid, bytes) => {
    const s = await createOidStack();
    const told = listen(s);
    const { status, request } = await s.ask({ oid });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(request.bytes(bytes.length)).toEqual(bytes);
    expect(request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(bytes.length);
    expect(told).toEqual([]);
  });

  test('too small a buffer: NDIS_STATUS_BUFFER_TOO_SHORT and BytesNeeded', async () => {
    const s = await createOidStack();
    const { status, request } = await s.ask({ oid: OID_GEN_LINK_STATE, length: 8 });
    expect(status).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    expect(request.view.DATA.QUERY_INFORMATION.BytesNeeded).toBe(40);
  });

  test('sets of them, and queries whose attributes nobody gave: NDIS_STATUS_NOT_SUPPORTED', async () => {
    const s = await createOidStack();
    const told = listen(s);
    expect(await set(s, 0, OID_GEN_MAXIMUM_FRAME_SIZE, word(9000))).toBe(NDIS_STATUS_NOT_SUPPORTED);
    const query = await s.ask({ oid: OID_TCP_OFFLOAD_CURRENT_CONFIG });
    expect(query.status).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(told).toEqual([]);
  });

  test('a byte counter comes from the statistics of the miniport, 32 or 64 bits (oid-gen-bytes-rcv)', async () => {
    const s = await createOidStack();
    s.on.request = (request) => {
      expect(request.DATA.Oid).toBe(OID_GEN_STATISTICS);
      const { InformationBuffer } = request.DATA.QUERY_INFORMATION;
      NDIS_STATISTICS_INFO.at(s.t.memory, InformationBuffer).ifHCInOctets = 0x1_0000_0002n;
      request.DATA.QUERY_INFORMATION.BytesWritten = NDIS_STATISTICS_INFO.size;
      return NDIS_STATUS_SUCCESS;
    };
    const wide = await s.ask({ oid: OID_GEN_BYTES_RCV, length: 8 });
    expect(wide.request.bytes(8)).toEqual([...word(2), ...word(1)]);
    expect(wide.request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(8);
    const narrow = await s.ask({ oid: OID_GEN_BYTES_RCV, length: 4 });
    expect(narrow.request.bytes(4)).toEqual(word(2));
    expect((await s.ask({ oid: OID_GEN_BYTES_RCV, length: 3 })).status).toBe(NDIS_STATUS_INVALID_LENGTH);
  });

  test('the tables agree with the facts', () => {
    const text = readFileSync(new URL('../../../facts/oids.json', import.meta.url), 'utf8');
    // The fact file is a JSON array of this shape.
    const facts = JSON.parse(text) as { name: string; handledByNdis?: string[]; iface?: string }[];
    const known = new Map<string, unknown>(Object.entries(constants));
    const expected = (choose: (fact: (typeof facts)[number]) => boolean) =>
      facts.filter((fact) => choose(fact) && known.has(fact.name)).map((fact) => known.get(fact.name));
    const whole = expected(({ handledByNdis: by }) => by?.length === 1 && by[0] === 'oid');
    expect(ndisHandlesOid).toEqual(new Set<unknown>(whole));
    const queries = expected(({ handledByNdis: by }) => by?.includes('query') === true);
    expect(ndisHandlesQuery).toEqual(new Set<unknown>(queries));
    expect(directOids).toEqual(new Set<unknown>(expected((fact) => fact.iface === 'direct')));
    expect(synchronousOids).toEqual(new Set<unknown>(expected((fact) => fact.iface === 'synchronous')));
  });
});

describe('requests of the host', () => {
  test('wait in the same queue and give bytes and status', async () => {
    const s = await createOidStack();
    s.on.request = (request) => {
      s.t.memory.u8[request.DATA.QUERY_INFORMATION.InformationBuffer] = 5;
      request.DATA.QUERY_INFORMATION.BytesWritten = 1;
      return NDIS_STATUS_SUCCESS;
    };
    const asked = [
      hostRequestOid(s.t.ndis, s.adapter, { oid: 0xff000001, buffer: new Uint8Array(16) }),
      hostRequestOid(s.t.ndis, s.adapter, { oid: OID_GEN_MAXIMUM_FRAME_SIZE, buffer: new Uint8Array(4) }),
      queryStatistics(s.t.ndis, s.adapter),
    ];
    await s.t.runAll();
    const [own, answered, statistics] = await Promise.all(asked);
    expect(own).toEqual({ status: 0, bytes: Uint8Array.of(5), needed: 0 });
    expect([...answered.bytes]).toEqual(word(1500));
    expect(statistics.bytes.length).toBe(1);
  });

  test('a request that was never completed is named when the adapter halts (nf-ndis-ndismoidrequestcomplete)', async () => {
    const s = await createOidStack();
    s.on.request = () => NDIS_STATUS_PENDING;
    const pending = hostRequestOid(s.t.ndis, s.adapter, { oid: 0xff000001, buffer: new Uint8Array(16) });
    await s.t.runAll();
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(s.adapter.state).toBe('Halted');
    expect((await pending).status).toBe(constants.NDIS_STATUS_REQUEST_ABORTED);
    expect(s.t.findings()).toEqual(['OID_REQUEST_NEVER_COMPLETED miniport']);
  });
});
