import { describe, expect, test } from 'vitest';
import {
  type CondisStack,
  callParameters,
  clientVc,
  connectedCall,
  createCondisStack,
  endCall,
  type TestHandler,
} from '../../../test/support/condis.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';
import { DISPATCH_LEVEL, poolOf } from '../../kernel/index.ts';
import { type Address, poolType, readUnicodeString } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_OID_REQUEST,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INDICATION,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisRequestQueryInformation,
  NET_BUFFER_LIST,
  OID_GEN_SUPPORTED_LIST,
  VAR_STRING,
} from '../index.ts';
import { NBL_SOURCE_HANDLE, NBL_STATUS } from '../netBuffer/offsets.ts';

const pending = (() => NDIS_STATUS_PENDING) as TestHandler;

function memoryOf(s: CondisStack, size: number): Address {
  return poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, size, 1, 0);
}

/** A chain of lists without data; `source` is their SourceHandle. */
function lists(s: CondisStack, count: number, source: Address): Address {
  const { memory } = s.t;
  let first = 0;
  for (let i = 0; i < count; i++) {
    const list = memoryOf(s, NET_BUFFER_LIST.size);
    memory.writePointer(list, first);
    memory.writePointer(list + NBL_SOURCE_HANDLE, source);
    first = list;
  }
  return first;
}

function request(s: CondisStack, oid: number, length = 16): Address {
  const { memory } = s.t;
  const at = memoryOf(s, NDIS_OID_REQUEST.size + length);
  const view = NDIS_OID_REQUEST.at(memory, at);
  view.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
  view.Header.Revision = 1;
  view.Header.Size = NDIS_OID_REQUEST.size;
  view.RequestType = NdisRequestQueryInformation;
  memory.u32[(at + NDIS_OID_REQUEST.offset['DATA.Oid']) >> 2] = oid;
  memory.writePointer(
    at + NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBuffer'],
    at + NDIS_OID_REQUEST.size,
  );
  memory.u32[(at + NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBufferLength']) >> 2] = length;
  return at;
}

describe('data on VCs', () => {
  test.each([
    ['a stand-alone call manager', false],
    ['a miniport call manager', true],
  ])(
    'flows both ways and comes back, %s (network/sending-net-buffer-structures-from-condis-drivers)',
    async (_name, mcm) => {
      const s = await createCondisStack(createTestNdis(), { mcm });
      const vc = await connectedCall(s);
      const other = await connectedCall(s);
      const { ndis } = s.client.driver;
      const miniport = s.m.driver.ndis;
      const held: Address[] = [];
      s.miniport.on['SendNetBufferLists'] = ((_context: unknown, chain: Address) => {
        held.push(chain);
      }) as TestHandler;
      s.client.on['ReceiveNetBufferLists'] = ((
        _b: unknown,
        _vc: unknown,
        chain: Address,
        _n: number,
        flags: number,
      ) => {
        if ((flags & 2) === 0) ndis.NdisReturnNetBufferLists(s.clientBinding, chain, 0);
      }) as TestHandler;
      await s.t.run(() => {
        ndis.NdisCoSendNetBufferLists(vc, lists(s, 2, vc), 0);
        ndis.NdisCoSendNetBufferLists(other, lists(s, 1, other), 0);
        expect(s.miniport.last['SendNetBufferLists'][0]).toEqual({ of: 'CreateVc' });
        // Lists of two VCs go back in one chain.
        const last = s.t.memory.readPointer(held[0]);
        s.t.memory.writePointer(last, held[1]);
        miniport.NdisMCoSendNetBufferListsComplete(vc, held[0], 0);
        expect(s.client.log.filter((line) => line === 'SendNetBufferListsComplete')).toHaveLength(2);
        miniport.NdisMCoSendNetBufferListsComplete(vc, held[0], 0);
        miniport.NdisMCoIndicateReceiveNetBufferLists(vc, lists(s, 3, vc), 3, 0);
        expect(s.client.last['ReceiveNetBufferLists'][1]).toEqual({ of: 'client VC' });
        expect(s.m.log.filter((line) => line === 'return')).toHaveLength(1);
        miniport.NdisMCoIndicateReceiveNetBufferLists(vc, lists(s, 1, vc), 1, 2);
        expect(s.m.log.filter((line) => line === 'return')).toHaveLength(1);
      });
      expect(await endCall(s, vc)).toEqual([0, 0, 0]);
      expect(await endCall(s, other)).toEqual([0, 0, 0]);
      expect(s.t.findings()).toEqual(['COMPLETED_TWICE miniport']);
    },
  );

  test('what cannot be sent comes back with the reason (ndis/nf-ndis-ndiscosendnetbufferlists)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await clientVc(s);
    const { ndis } = s.client.driver;
    const send = (): number => {
      const chain = lists(s, 1, vc);
      ndis.NdisCoSendNetBufferLists(vc, chain, 0);
      return s.t.memory.u32[(chain + NBL_STATUS) >> 2];
    };
    await s.t.run(() => {
      expect(send()).toBe(NDIS_STATUS_FAILURE);
      ndis.NdisCoSendNetBufferLists(s.client.family, lists(s, 1, vc), 0);
      s.manager.driver.ndis.NdisCoSendNetBufferLists(vc, lists(s, 1, vc), 0);
    });
    const called = await connectedCall(s);
    s.manager.on['CloseCall'] = pending;
    await s.t.run(() => {
      ndis.NdisClCloseCall(called, 0, 0, 0);
      const chain = lists(s, 1, called);
      ndis.NdisCoSendNetBufferLists(called, chain, 0);
      expect(s.t.memory.u32[(chain + NBL_STATUS) >> 2]).toBe(NDIS_STATUS_CLOSING);
      const [adapter] = s.m.object().adapters;
      adapter.running = false;
      expect(send()).toBe(NDIS_STATUS_PAUSED);
      adapter.running = true;
    });
    expect(s.t.findings()).toEqual(['SEND_ON_INACTIVE_VC client', 'NOT_OPEN client', 'NOT_OPEN manager']);
  });

  test('lists with another SourceHandle, and lists received on a VC that is not active, are findings; a close with sends under way is (ndis/nf-ndis-ndisclclosecall)', async () => {
    const s = await createCondisStack(createTestNdis());
    const idle = await clientVc(s);
    const vc = await connectedCall(s);
    await s.t.run(() => {
      const chain = lists(s, 1, 0);
      s.client.driver.ndis.NdisCoSendNetBufferLists(vc, chain, 0);
      expect(s.t.memory.readPointer(chain + NBL_SOURCE_HANDLE)).toBe(vc);
      s.m.driver.ndis.NdisMCoIndicateReceiveNetBufferLists(idle, lists(s, 1, idle), 1, 0);
      s.client.driver.ndis.NdisClCloseCall(vc, 0, 0, 0);
      s.m.driver.ndis.NdisMCoSendNetBufferListsComplete(vc, chain, 0);
    });
    expect(s.m.log).toContain('return');
    expect(s.t.findings()).toEqual([
      'SOURCE_HANDLE_NOT_SET client',
      'RECEIVE_ON_INACTIVE_VC miniport',
      'CLOSED_WITH_SENDS client',
    ]);
  });

  test('a call manager has VCs of its own for signaling (network/creating-a-vc)', async () => {
    const s = await createCondisStack(createTestNdis());
    const { ndis } = s.manager.driver;
    const cell = s.manager.driver.cell();
    const parameters = callParameters(s.t);
    await s.t.run(() => {
      expect(ndis.NdisCoCreateVc(s.managerBinding, 0, { of: 'signaling' }, cell)).toBe(NDIS_STATUS_SUCCESS);
      const vc = cell.value;
      expect(ndis.NdisCmActivateVc(vc, parameters)).toBe(NDIS_STATUS_SUCCESS);
      const chain = lists(s, 1, vc);
      ndis.NdisCoSendNetBufferLists(vc, chain, 0);
      s.m.driver.ndis.NdisMCoSendNetBufferListsComplete(vc, chain, 0);
      expect(s.manager.last['SendNetBufferListsComplete'][0]).toEqual({ of: 'signaling' });
      s.m.driver.ndis.NdisMCoIndicateReceiveNetBufferLists(vc, lists(s, 1, vc), 1, 2);
      expect(s.manager.last['ReceiveNetBufferLists'][1]).toEqual({ of: 'signaling' });
      expect(ndis.NdisCmDeactivateVc(vc)).toBe(NDIS_STATUS_SUCCESS);
      expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_SUCCESS);
      expect(ndis.NdisCoCreateVc(s.managerBinding, 0, {}, cell)).toBe(NDIS_STATUS_SUCCESS);
    });
    expect(s.t.findings()).toEqual(['VC_HANDLE_NOT_NULL manager']);
  });
});

describe('requests', () => {
  test.each([
    ['a stand-alone call manager', false],
    ['a miniport call manager', true],
  ])(
    'go to the other end and to the miniport, at once and later, %s (network/condis-protocol-driver-oid-requests)',
    async (_name, mcm) => {
      const s = await createCondisStack(createTestNdis(), { mcm });
      const vc = await connectedCall(s);
      const { ndis } = s.client.driver;
      const { family, driver } = s.client;
      const ask = (af: Address, at: Address) => ndis.NdisCoOidRequest(s.clientBinding, af, vc, 0, at);
      await s.t.run(() => {
        expect(ask(family, request(s, OID_GEN_SUPPORTED_LIST))).toBe(NDIS_STATUS_SUCCESS);
        expect(s.manager.last['OidRequest'].slice(0, 3)).toEqual([{ of: 'OpenAf' }, { of: 'CreateVc' }, 0]);
        s.manager.on['OidRequest'] = pending;
        const asked = request(s, OID_GEN_SUPPORTED_LIST);
        expect(ask(family, asked)).toBe(NDIS_STATUS_PENDING);
        expect(ask(family, asked)).toBe(NDIS_STATUS_FAILURE);
        if (mcm)
          s.manager.driver.ndis.NdisMCmOidRequestComplete(family, vc, 0, asked, NDIS_STATUS_INVALID_LENGTH);
        else s.manager.driver.ndis.NdisCoOidRequestComplete(family, vc, 0, asked, NDIS_STATUS_INVALID_LENGTH);
        expect(s.client.last['OidRequestComplete'].slice(1, 3)).toEqual([{ of: 'client VC' }, 0]);
        expect(s.client.last['OidRequestComplete'][4]).toBe(NDIS_STATUS_INVALID_LENGTH);
        s.miniport.on['OidRequest'] = pending;
        expect(ask(0, asked)).toBe(NDIS_STATUS_PENDING);
        s.m.driver.ndis.NdisMCoOidRequestComplete(s.m.adapters[0], vc, asked, NDIS_STATUS_SUCCESS);
        expect(s.client.last['OidRequestComplete'][0]).toBe(0);
        s.m.driver.ndis.NdisMCoOidRequestComplete(s.m.adapters[0], vc, asked, NDIS_STATUS_SUCCESS);
        s.miniport.on['OidRequest'] = (() => NDIS_STATUS_NOT_SUPPORTED) as TestHandler;
        expect(ask(0, asked)).toBe(NDIS_STATUS_NOT_SUPPORTED);
        // The other way: from the call manager to the client.
        s.client.on['OidRequest'] = pending;
        const up = request(s, OID_GEN_SUPPORTED_LIST);
        const cmNdis = s.manager.driver.ndis;
        const status = mcm
          ? cmNdis.NdisMCmOidRequest(family, vc, 0, up)
          : cmNdis.NdisCoOidRequest(s.managerBinding, family, vc, 0, up);
        expect(status).toBe(NDIS_STATUS_PENDING);
        driver.ndis.NdisCoOidRequestComplete(family, vc, 0, up, NDIS_STATUS_SUCCESS);
        expect(s.manager.last['OidRequestComplete'].slice(0, 2)).toEqual([
          { of: 'OpenAf' },
          { of: 'CreateVc' },
        ]);
        if (mcm) expect(cmNdis.NdisMCmOidRequest(vc, 0, 0, up)).toBe(NDIS_STATUS_FAILURE);
      });
      expect(s.t.findings().slice(0, 2)).toEqual([
        'OID_REQUEST_REUSED client',
        'OID_REQUEST_NOT_PENDING miniport',
      ]);
    },
  );

  test('that nobody completes are given up when the binding is closed (ndis/nf-ndis-ndiscooidrequest)', async () => {
    const s = await createCondisStack(createTestNdis());
    s.miniport.on['OidRequest'] = pending;
    await s.t.run(() =>
      s.client.driver.ndis.NdisCoOidRequest(s.clientBinding, 0, 0, 0, request(s, OID_GEN_SUPPORTED_LIST)),
    );
    const [adapter] = s.m.object().adapters;
    s.t.halt(adapter);
    await runDown(s.t);
    expect(adapter.halted).toBe(true);
    expect(s.t.findings()).toContain('OID_REQUEST_NEVER_COMPLETED miniport');
  });
});

describe('status indications', () => {
  function indication(s: CondisStack, code: number): Address {
    const at = memoryOf(s, NDIS_STATUS_INDICATION.size);
    const view = NDIS_STATUS_INDICATION.at(s.t.memory, at);
    view.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    view.Header.Revision = 1;
    view.Header.Size = NDIS_STATUS_INDICATION.size;
    view.SourceHandle = s.m.adapters[0];
    view.StatusCode = code;
    return at;
  }
  const CODE = 0x4001_ffff;

  test('go to every protocol, or to the two ends of a VC (ndis/nf-ndis-ndismcoindicatestatusex)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await connectedCall(s);
    const { ndis } = s.m.driver;
    await s.t.run(() => {
      ndis.NdisMCoIndicateStatusEx(s.m.adapters[0], 0, indication(s, CODE));
      expect([s.client.last['Status'][1], s.manager.last['Status'][1]]).toEqual([0, 0]);
      ndis.NdisMCoIndicateStatusEx(s.m.adapters[0], vc, indication(s, CODE));
      expect([s.client.last['Status'][1], s.manager.last['Status'][1]]).toEqual([
        { of: 'client VC' },
        { of: 'CreateVc' },
      ]);
      const wrong = indication(s, CODE);
      s.t.memory.writePointer(wrong + NDIS_STATUS_INDICATION.offset.SourceHandle, 0);
      ndis.NdisMCoIndicateStatusEx(s.m.adapters[0], 0, wrong);
    });
    expect(s.t.findings()).toEqual(['BAD_STATUS_INDICATION miniport']);
  });
});

describe('names of VCs', () => {
  test('an instance name is the base name and an index, and stays (ndis/nf-ndis-ndiscoassigninstancename)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await clientVc(s);
    const { ndis } = s.client.driver;
    const string = memoryOf(s, 16);
    await s.t.run(() => {
      expect(ndis.NdisCoAssignInstanceName(vc, 'Line', string)).toBe(NDIS_STATUS_SUCCESS);
      const name = readUnicodeString(s.t.memory, string);
      expect(name).toMatch(/^Line:\d+$/);
      ndis.NdisFreeString(string as never);
      expect(ndis.NdisCoAssignInstanceName(vc, 'Other', string)).toBe(NDIS_STATUS_SUCCESS);
      expect(readUnicodeString(s.t.memory, string)).toBe(name);
      ndis.NdisFreeString(string as never);
      expect(ndis.NdisCoAssignInstanceName(vc, '', string)).toBe(NDIS_STATUS_FAILURE);
      poolOf(s.t.kernel).fail = () => true;
      expect(ndis.NdisCoAssignInstanceName(vc, 'Line', string)).toBe(NDIS_STATUS_RESOURCES);
      poolOf(s.t.kernel).fail = undefined;
    });
    expect(s.t.findings()).toEqual([]);
  });

  test('a TAPI call id leads back to the context of the client (ndis/nf-ndis-ndiscogettapicallid)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await clientVc(s);
    const { ndis, cell } = s.client.driver;
    const at = memoryOf(s, 256);
    const context = cell();
    await s.t.run(() => {
      s.t.kernel.irql = DISPATCH_LEVEL;
      s.t.memory.u32[at >> 2] = VAR_STRING.size;
      expect(ndis.NdisCoGetTapiCallId(vc, at)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
      const view = VAR_STRING.at(s.t.memory, at);
      expect(view.ulNeededSize).toBeGreaterThan(VAR_STRING.size);
      view.ulTotalSize = 256;
      expect(ndis.NdisCoGetTapiCallId(vc, at)).toBe(NDIS_STATUS_SUCCESS);
      expect(ndis.NdisCoGetTapiCallId(s.client.family, at)).toBe(NDIS_STATUS_INVALID_DATA);
      const start = at + view.ulStringOffset;
      let text = '';
      for (let i = 0; i + 2 < view.ulStringSize; i += 2)
        text += String.fromCharCode(s.t.memory.u16[(start + i) >> 1]);
      expect(ndis.NdisClGetProtocolVcContextFromTapiCallId(text as never, context)).toBe(NDIS_STATUS_SUCCESS);
      expect(s.t.memory.objects.valueAt(context.value)).toEqual({ of: 'client VC' });
      expect(ndis.NdisClGetProtocolVcContextFromTapiCallId('0' as never, context)).toBe(NDIS_STATUS_FAILURE);
      s.t.kernel.irql = 0;
    });
    expect(s.t.findings()).toEqual([]);
  });
});
