import { describe, expect, test } from 'vitest';
import { createTestProtocol, registerProtocol, type TestProtocol } from '../../../../test/support/drivers.ts';
import { createLegacyMiniport, startLegacy } from '../../../../test/support/legacyMiniport.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import { poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import {
  MediaConnectStateDisconnected,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OID_REQUEST,
  NDIS_OID_REQUEST_REVISION_1,
  NDIS_SIZEOF_OID_REQUEST_REVISION_1,
  NDIS_STATISTICS_INFO,
  NDIS_STATUS_FAILURE,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_MEDIA_DISCONNECT,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_SUCCESS,
  NdisMediaStateConnected,
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_RCV_OK,
  OID_GEN_STATISTICS,
  OID_GEN_VENDOR_ID,
  OID_GEN_XMIT_OK,
} from '../../index.ts';

async function stack(attributes = NDIS_ATTRIBUTE_DESERIALIZE, changes: object = {}) {
  const t = createTestNdis({ seed: 3 });
  const m = createLegacyMiniport(t);
  m.attributes = attributes;
  const p: TestProtocol = createTestProtocol(t);
  const completed: number[] = [];
  const statuses: number[] = [];
  await registerProtocol(t, p, {
    OidRequestCompleteHandler: (_context: unknown, _request: unknown, status: number) =>
      void completed.push(status),
    StatusHandlerEx: (_context: unknown, indication: NDIS_STATUS_INDICATION) =>
      void statuses.push(indication.StatusCode),
  });
  const adapter = await startLegacy(t, m, changes);
  const [binding] = [...p.object().bindings];
  const ask = async (type: number, oid: number, length: number, data: readonly number[] = []) => {
    const request = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 512, 1, 0);
    const buffer = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 512, 1, 0);
    t.memory.u8.set(data, buffer);
    NDIS_OID_REQUEST.fill(t.memory, request, {
      Header: {
        Type: NDIS_OBJECT_TYPE_OID_REQUEST,
        Revision: NDIS_OID_REQUEST_REVISION_1,
        Size: NDIS_SIZEOF_OID_REQUEST_REVISION_1,
      },
      RequestType: type,
    });
    const query = NDIS_OID_REQUEST.at(t.memory, request).DATA.QUERY_INFORMATION;
    query.Oid = oid;
    query.InformationBuffer = buffer;
    query.InformationBufferLength = length;
    const status = await t.run(async () => p.driver.ndis.NdisOidRequest(binding.handle, request));
    await t.runAll();
    return {
      status,
      written: () => query.BytesWritten,
      bytes: () => [...t.memory.u8.subarray(buffer, buffer + length)],
    };
  };
  const final = (status: number): number =>
    status === NDIS_STATUS_PENDING ? (completed.at(-1) ?? -1) : status;
  return { t, m, p, adapter, binding, completed, statuses, ask, final };
}

describe('a request of a protocol driver for NDIS 6', () => {
  test.each([0, NDIS_ATTRIBUTE_DESERIALIZE])(
    'reaches MiniportQueryInformation and its answer comes back, attributes %i',
    async (attributes) => {
      const s = await stack(attributes);
      s.m.answers.set(OID_GEN_VENDOR_ID, [1, 2, 3, 4]);
      const asked = await s.ask(NdisRequestQueryInformation, OID_GEN_VENDOR_ID, 4);
      expect(s.final(asked.status)).toBe(NDIS_STATUS_SUCCESS);
      expect(asked.written()).toBe(4);
      expect(asked.bytes()).toEqual([1, 2, 3, 4]);
      expect(s.t.findings()).toEqual([]);
    },
  );

  test('reaches MiniportSetInformation', async () => {
    const s = await stack();
    const sets: number[][] = [];
    s.m.onSet = (oid, bytes) => {
      sets.push([oid, ...bytes]);
      return NDIS_STATUS_SUCCESS;
    };
    const asked = await s.ask(NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, 4, [5, 0, 0, 0]);
    expect(s.final(asked.status)).toBe(NDIS_STATUS_SUCCESS);
    expect(sets).toContainEqual([OID_GEN_CURRENT_PACKET_FILTER, 5, 0, 0, 0]);
    expect(s.binding.packetFilter).toBe(5);
  });

  test('may stay pending until NdisMQueryInformationComplete or NdisMSetInformationComplete', async () => {
    const s = await stack();
    s.m.onQuery = (oid, buffer, _length, written) => {
      if (oid !== OID_GEN_VENDOR_ID) return null;
      s.t.memory.u8[buffer] = 9;
      s.t.memory.u32[written >> 2] = 1;
      return NDIS_STATUS_PENDING;
    };
    s.m.onSet = () => NDIS_STATUS_PENDING;
    const asked = await s.ask(NdisRequestQueryInformation, OID_GEN_VENDOR_ID, 4);
    expect(asked.status).toBe(NDIS_STATUS_PENDING);
    expect(s.completed).toEqual([]);
    await s.t.run(() => s.m.driver.ndis.NdisMQueryInformationComplete(s.m.adapters[0], NDIS_STATUS_SUCCESS));
    expect(s.completed).toEqual([NDIS_STATUS_SUCCESS]);
    expect(asked.written()).toBe(1);
    await s.ask(NdisRequestSetInformation, 0xff01_0101, 4);
    await s.t.run(() => s.m.driver.ndis.NdisMSetInformationComplete(s.m.adapters[0], NDIS_STATUS_FAILURE));
    expect(s.completed).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE]);
    expect(s.t.findings()).toEqual([]);
    await s.t.run(() => s.m.driver.ndis.NdisMSetInformationComplete(s.m.adapters[0], NDIS_STATUS_SUCCESS));
    expect(s.t.findings()).toEqual(['NOT_PENDING legacy']);
  });

  test('for OID_GEN_STATISTICS is put together from the counters of NDIS 5 (network/oid-gen-statistics)', async () => {
    const s = await stack();
    s.m.answers.set(OID_GEN_XMIT_OK, [7, 0, 0, 0]);
    s.m.answers.set(OID_GEN_RCV_OK, [8, 1, 0, 0, 0, 0, 0, 0]);
    const { size } = NDIS_STATISTICS_INFO;
    const asked = await s.ask(NdisRequestQueryInformation, OID_GEN_STATISTICS, size);
    expect(s.final(asked.status)).toBe(NDIS_STATUS_SUCCESS);
    const data = new DataView(Uint8Array.from(asked.bytes()).buffer);
    expect(data.getBigUint64(NDIS_STATISTICS_INFO.offset.ifHCOutUcastPkts, true)).toBe(7n);
    expect(data.getBigUint64(NDIS_STATISTICS_INFO.offset.ifHCInUcastPkts, true)).toBe(264n);
  });

  test('fails with the status of the driver', async () => {
    const s = await stack();
    const asked = await s.ask(NdisRequestQueryInformation, OID_GEN_VENDOR_ID, 4);
    expect(s.final(asked.status)).toBe(NDIS_STATUS_NOT_SUPPORTED);
  });
});

describe('NdisMIndicateStatus (ndis/nf-ndis-ndismindicatestatus)', () => {
  test('a link that goes down is NDIS_STATUS_LINK_STATE to NDIS 6', async () => {
    const s = await stack();
    s.statuses.length = 0;
    await s.t.run(() => {
      const { ndis } = s.m.driver;
      ndis.NdisMIndicateStatus(s.m.adapters[0], NDIS_STATUS_MEDIA_DISCONNECT, 0, 0);
      ndis.NdisMIndicateStatusComplete(s.m.adapters[0]);
    });
    expect(s.statuses[0]).toBe(NDIS_STATUS_LINK_STATE);
    expect(s.adapter.link.mediaConnectState).toBe(MediaConnectStateDisconnected);
    expect(NdisMediaStateConnected).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('other codes go up as they are', async () => {
    const s = await stack();
    s.statuses.length = 0;
    await s.t.run(() => s.m.driver.ndis.NdisMIndicateStatus(s.m.adapters[0], 0x4001_00ff, 0, 0));
    expect(s.statuses).toEqual([0x4001_00ff]);
  });
});

describe('MiniportReset', () => {
  test.each([0, NDIS_ATTRIBUTE_DESERIALIZE])(
    'runs when MiniportCheckForHang asks for it, and may complete later, attributes %i',
    async (attributes) => {
      let hangs = true;
      const s = await stack(attributes, {
        CheckForHangHandler: () => {
          const answer = hangs;
          hangs = false;
          return answer;
        },
      });
      s.statuses.length = 0;
      const sets: number[] = [];
      s.m.onSet = (oid) => {
        sets.push(oid);
        return NDIS_STATUS_SUCCESS;
      };
      s.m.onReset = () => NDIS_STATUS_PENDING;
      s.binding.packetFilter = 1;
      await s.t.run(async () => s.p.driver.ntoskrnl.KeDelayExecutionThread(0, false, after(s.t, 5)));
      expect(s.m.log).toContain('reset');
      expect(s.statuses).toContain(NDIS_STATUS_RESET_START);
      await s.t.run(() => s.m.driver.ndis.NdisMResetComplete(s.m.adapters[0], NDIS_STATUS_SUCCESS, 1));
      await s.t.runAll();
      expect(s.statuses).toContain(NDIS_STATUS_RESET_END);
      expect(sets).toContain(OID_GEN_CURRENT_PACKET_FILTER);
      expect(s.t.findings()).toEqual([]);
    },
  );
});

/** A relative time in memory. */
function after(t: ReturnType<typeof createTestNdis>, seconds: number): Address {
  const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 16, 1, 0);
  t.memory.data.setBigInt64(at, BigInt(-seconds * 10_000_000), true);
  return at;
}
