/** Status indications, from a miniport driver or NDIS up to the protocol drivers. */

import { describe, expect, test } from 'vitest';
import { createOidStack, type OidStack, word } from '../../../test/support/oidStack.ts';
import { relayVariant } from '../../../test/support/relay.ts';
import { DISPATCH_LEVEL, PASSIVE_LEVEL } from '../../kernel/index.ts';
import {
  indicateStatus,
  NDIS_LINK_STATE,
  NDIS_LINK_STATE_REVISION_1,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_LINK_STATE_REVISION_1,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_MEDIA_CONNECT,
  NDIS_STATUS_NETWORK_CHANGE,
  NDIS_STATUS_OPER_STATUS,
  NDIS_STATUS_PORT_STATE,
  NDIS_STATUS_RESET_START,
  OID_GEN_LINK_STATE,
  OID_GEN_OPERATIONAL_STATUS,
} from '../index.ts';

const PRIVATE_STATUS = 0x40ff0001;

function indication(s: OidStack, fields: object): object {
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
      Revision: 1,
      Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
    },
    SourceHandle: s.m.adapters[0],
    StatusCode: PRIVATE_STATUS,
    ...fields,
  };
}

const indicate = (s: OidStack, fields: object) =>
  s.t.run(() => s.m.driver.ndis.NdisMIndicateStatusEx(s.m.adapters[0], indication(s, fields)));

/** The link state of a disconnected adapter, in memory of the driver. */
function linkDown(s: OidStack): { readonly StatusBuffer: number; readonly StatusBufferSize: number } {
  const { buffer } = s.create({ oid: 0, length: 64 });
  const link = NDIS_LINK_STATE.at(s.t.memory, buffer);
  link.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
  link.Header.Revision = NDIS_LINK_STATE_REVISION_1;
  link.Header.Size = NDIS_SIZEOF_LINK_STATE_REVISION_1;
  link.MediaConnectState = 2;
  link.XmitLinkSpeed = 100n;
  return { StatusBuffer: buffer, StatusBufferSize: NDIS_LINK_STATE.size };
}

function listen(s: OidStack): unknown[][] {
  const heard: unknown[][] = [];
  s.on.status = (view, protocol) => heard.push([protocol, view.StatusCode, view.PortNumber, s.t.kernel.irql]);
  return heard;
}

describe('NdisMIndicateStatusEx (nf-ndis-ndismindicatestatusex)', () => {
  test("reaches ProtocolStatusEx of every binding at the caller's IRQL (nc-ndis-protocol_status_ex)", async () => {
    const s = await createOidStack({}, 2);
    const heard = listen(s);
    await s.t.run(() => {
      s.t.kernel.irql = DISPATCH_LEVEL;
      s.m.driver.ndis.NdisMIndicateStatusEx(s.m.adapters[0], indication(s, {}));
      s.t.kernel.irql = 0;
    });
    expect(heard).toEqual([
      [0, PRIVATE_STATUS, 0, DISPATCH_LEVEL],
      [1, PRIVATE_STATUS, 0, DISPATCH_LEVEL],
    ]);
    expect(s.t.findings()).toEqual([]);
  });

  test('keeps the link state, answers queries from it, and adds the operational state (ndis-status-link-state)', async () => {
    const s = await createOidStack();
    const heard = listen(s);
    expect((await s.ask({ oid: OID_GEN_OPERATIONAL_STATUS })).request.bytes(4)).toEqual(word(1));
    await indicate(s, { StatusCode: NDIS_STATUS_LINK_STATE, ...linkDown(s) });
    expect(heard.map(([, status]) => status)).toEqual([NDIS_STATUS_LINK_STATE, NDIS_STATUS_OPER_STATUS]);
    expect(s.adapter.link).toMatchObject({ mediaConnectState: 2, xmitLinkSpeed: 100n });
    const { request } = await s.ask({ oid: OID_GEN_LINK_STATE });
    expect(NDIS_LINK_STATE.at(s.t.memory, request.buffer).MediaConnectState).toBe(2);
    expect((await s.ask({ oid: OID_GEN_OPERATIONAL_STATUS })).request.bytes(4)).toEqual(word(2));
    expect(s.t.findings()).toEqual([]);
  });

  test('goes to one binding where DestinationHandle names it (ns-ndis-_ndis_status_indication)', async () => {
    const s = await createOidStack({}, 2);
    const heard = listen(s);
    await indicate(s, { DestinationHandle: s.bindings[1].handle, RequestId: 5 });
    expect(heard.map(([protocol]) => protocol)).toEqual([1]);
  });

  test.each([
    ['another source', { SourceHandle: 5 }],
    ['a wrong header', { Header: { Type: 1, Revision: 1, Size: 112 } }],
    ['a buffer that is no memory (bug check 0x7C, 0x20)', { StatusBuffer: 0, StatusBufferSize: 8 }],
    ['a port that is not active (network/ndis-port-states)', { PortNumber: 4 }],
    ['a destination that is no binding', { DestinationHandle: 99, RequestId: 1 }],
    ['a link state without one', { StatusCode: NDIS_STATUS_LINK_STATE }],
    ['a network change without one', { StatusCode: NDIS_STATUS_NETWORK_CHANGE }],
    ['a port state without one', { StatusCode: NDIS_STATUS_PORT_STATE }],
    ['what NDIS indicates itself', { StatusCode: NDIS_STATUS_RESET_START }],
    ['what NDIS 6 does not have', { StatusCode: NDIS_STATUS_MEDIA_CONNECT }],
  ])('refuses %s with a finding, and nobody hears of it', async (_what, fields) => {
    const s = await createOidStack();
    const heard = listen(s);
    await indicate(s, fields);
    expect(heard).toEqual([]);
    expect(s.t.findings()).toEqual(['BAD_STATUS_INDICATION miniport']);
  });

  test('before the registration attributes are set it is a finding', async () => {
    const s = await createOidStack();
    s.adapter.registration = null;
    await indicate(s, {});
    expect(s.t.findings()).toEqual(['STATUS_BEFORE_ATTRIBUTES miniport']);
  });

  test('after MiniportHaltEx returned it is a finding (rule NdisMIndicateStatusEx)', async () => {
    const s = await createOidStack();
    s.t.halt(s.adapter);
    await s.t.runAll();
    await indicate(s, {});
    expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
  });

  test('for an adapter that is none it is a finding', async () => {
    const s = await createOidStack();
    await s.t.run(() => s.m.driver.ndis.NdisMIndicateStatusEx(44, indication(s, {})));
    expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
  });
});

test('NDIS indicates for itself (ndis-status-reset-start)', async () => {
  const s = await createOidStack();
  const heard = listen(s);
  await s.t.run(() => indicateStatus(s.t.ndis, s.adapter, NDIS_STATUS_RESET_START));
  // Nobody could wait for machine code, so it is called at DISPATCH_LEVEL: docs/decisions/0001-control-passing.md.
  const irql = relayVariant() === null ? PASSIVE_LEVEL : DISPATCH_LEVEL;
  expect(heard).toEqual([[0, NDIS_STATUS_RESET_START, 0, irql]]);
});
