/** Ports of adapters. */

import { describe, expect, test } from 'vitest';
import { createOidStack, type OidStack, word } from '../../../test/support/oidStack.ts';
import {
  changePortState,
  NDIS_PORT_CHARACTERISTICS,
  NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_SUCCESS,
  NdisPortType8021xSupplicant,
  OID_GEN_ENUMERATE_PORTS,
  OID_GEN_PORT_STATE,
} from '../index.ts';

/** Characteristics in memory, so that the number can be read back. */
function characteristics(s: OidStack): NDIS_PORT_CHARACTERISTICS {
  const { buffer } = s.create({ oid: 0, length: NDIS_PORT_CHARACTERISTICS.size });
  const view = NDIS_PORT_CHARACTERISTICS.at(s.t.memory, buffer);
  view.Header.Type = 0x80;
  view.Header.Revision = 1;
  view.Header.Size = NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1;
  view.Type = NdisPortType8021xSupplicant;
  return view;
}

const allocate = (s: OidStack, view: NDIS_PORT_CHARACTERISTICS) =>
  s.t.run(() => s.m.driver.ndis.NdisMAllocatePort(s.m.adapters[0], view));
const free = (s: OidStack, number: number) =>
  s.t.run(() => s.m.driver.ndis.NdisMFreePort(s.m.adapters[0], number));

describe('NdisMAllocatePort (nf-ndis-ndismallocateport)', () => {
  test('gives each port a number of its own, and a freed one again (nf-ndis-ndismfreeport)', async () => {
    const s = await createOidStack();
    const views = [characteristics(s), characteristics(s), characteristics(s)];
    for (const view of views.slice(0, 2)) expect(await allocate(s, view)).toBe(NDIS_STATUS_SUCCESS);
    expect(views.slice(0, 2).map((view) => view.PortNumber)).toEqual([1, 2]);
    expect(await free(s, 1)).toBe(NDIS_STATUS_SUCCESS);
    await allocate(s, views[2]);
    expect(views[2].PortNumber).toBe(1);
    expect(s.t.findings()).toEqual([]);
  });

  test.each([
    ['a wrong header', (view: NDIS_PORT_CHARACTERISTICS) => (view.Header.Revision = 0)],
    ['an unknown flag', (view: NDIS_PORT_CHARACTERISTICS) => (view.Flags = 2)],
    ['an unknown type', (view: NDIS_PORT_CHARACTERISTICS) => (view.Type = 5)],
    ['an unknown control state', (view: NDIS_PORT_CHARACTERISTICS) => (view.SendControlState = 3)],
  ])('%s: NDIS_STATUS_INVALID_DATA (ns-ntddndis-_ndis_port_characteristics)', async (_what, spoil) => {
    const s = await createOidStack();
    const view = characteristics(s);
    spoil(view);
    expect(await allocate(s, view)).toBe(NDIS_STATUS_INVALID_DATA);
  });

  test('before the registration attributes it is a finding; after the halt NDIS_STATUS_CLOSING (network/allocating-an-ndis-port)', async () => {
    const s = await createOidStack();
    const { registration } = s.adapter;
    s.adapter.registration = null;
    expect(await allocate(s, characteristics(s))).toBe(NDIS_STATUS_INVALID_DATA);
    expect(s.t.findings()).toEqual(['PORT_BEFORE_ATTRIBUTES miniport']);
    s.adapter.registration = registration;
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(await allocate(s, characteristics(s))).toBe(NDIS_STATUS_CLOSING);
  });

  test('a port that is left behind is named when the adapter is halted (network/freeing-an-ndis-port)', async () => {
    const s = await createOidStack();
    await allocate(s, characteristics(s));
    expect(s.m.driver.driver.owned.some((owned) => owned.kind === 'NDIS port')).toBe(true);
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(s.t.findings()).toEqual(['PORT_NOT_FREED miniport']);
    expect(s.m.driver.driver.owned.some((owned) => owned.kind === 'NDIS port')).toBe(false);
  });
});

test('NdisMFreePort: the default port, no port, an active port, a number that is none (nf-ndis-ndismfreeport)', async () => {
  const s = await createOidStack();
  await allocate(s, characteristics(s));
  expect(await free(s, 0)).toBe(NDIS_STATUS_INVALID_PORT);
  expect(await free(s, 7)).toBe(NDIS_STATUS_INVALID_PORT);
  expect(await free(s, 0x1000000)).toBe(NDIS_STATUS_INVALID_DATA);
  expect(changePortState(s.t.ndis, s.adapter, 1, 'activated')).toBe(true);
  expect(await free(s, 1)).toBe(NDIS_STATUS_INVALID_PORT_STATE);
  changePortState(s.t.ndis, s.adapter, 1, 'allocated');
  expect(await free(s, 1)).toBe(NDIS_STATUS_SUCCESS);
});

test('OID_GEN_ENUMERATE_PORTS lists the active ports, OID_GEN_PORT_STATE describes one (oid-gen-enumerate-ports)', async () => {
  const s = await createOidStack();
  await allocate(s, characteristics(s));
  const before = await s.ask({ oid: OID_GEN_ENUMERATE_PORTS, length: 256 });
  expect(before.request.bytes(8).slice(4)).toEqual(word(1));
  changePortState(s.t.ndis, s.adapter, 1, 'activated');
  const after = await s.ask({ oid: OID_GEN_ENUMERATE_PORTS, length: 256 });
  expect(after.request.bytes(8).slice(4)).toEqual(word(2));
  expect(after.request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(
    16 + 2 * NDIS_PORT_CHARACTERISTICS.size,
  );
  expect((await s.ask({ oid: OID_GEN_PORT_STATE, port: 1 })).status).toBe(NDIS_STATUS_SUCCESS);
  expect((await s.ask({ oid: OID_GEN_PORT_STATE, port: 2 })).status).toBe(NDIS_STATUS_INVALID_PORT);
});
