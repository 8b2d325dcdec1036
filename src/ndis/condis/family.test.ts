import { describe, expect, test } from 'vitest';
import { connectedCall, createCondisStack, FAMILY, offerFamily } from '../../../test/support/condis.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';
import {
  AddressFamily,
  connectionsOf,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
  NdisDeviceStateD3,
  queueOperation,
} from '../index.ts';

describe.each([
  ['a stand-alone call manager', false],
  ['a miniport call manager', true],
])('address families of %s', (_name, mcm) => {
  test.each([1, 2, 3, 4])(
    'a client is told of what is offered, opens it, and the call manager sees it, seed %i (network/registering-and-opening-an-address-family)',
    async (seed) => {
      const s = await createCondisStack(createTestNdis({ seed }), { mcm });
      expect(s.client.log.filter((line) => line !== 'OpenAfComplete')).toEqual(['AfRegisterNotify']);
      expect(s.manager.log.filter((line) => line !== 'AfRegisterNotify')).toEqual(['OpenAf']);
      expect(s.client.families.map(({ status }) => status)).toEqual([NDIS_STATUS_SUCCESS]);
      const family = s.t.ndis.resolve(s.client.family, AddressFamily);
      expect([family?.state, family?.number]).toEqual(['Open', FAMILY]);
      expect(s.t.findings()).toEqual([]);
    },
  );

  test('a client that closes its family has nothing left (ndis/nf-ndis-ndisclcloseaddressfamily)', async () => {
    const s = await createCondisStack(createTestNdis(), { mcm });
    const { family } = s.client;
    const { ndis } = s.client.driver;
    s.manager.on['CloseAf'] = () => NDIS_STATUS_NOT_ACCEPTED;
    expect(await s.t.run(() => ndis.NdisClCloseAddressFamily(family))).toBe(NDIS_STATUS_NOT_ACCEPTED);
    s.manager.on['CloseAf'] = undefined;
    expect(await s.t.run(() => ndis.NdisClCloseAddressFamily(family))).toBe(NDIS_STATUS_SUCCESS);
    expect(s.t.ndis.resolve(family, AddressFamily)).toBeNull();
    expect(await s.t.run(() => ndis.NdisClCloseAddressFamily(family))).toBe(NDIS_STATUS_FAILURE);
    expect(s.t.findings()).toEqual(['BAD_HANDLE client']);
  });
});

test('a stack that goes down with a family open: a finding, and nothing stays (ndis/nf-ndis-ndiscloseadapterex)', async () => {
  const s = await createCondisStack(createTestNdis());
  const [adapter] = s.m.object().adapters;
  s.t.halt(adapter);
  await runDown(s.t);
  expect(adapter.halted).toBe(true);
  expect(s.t.findings()[0]).toMatch(/^CONNECTIONS_LEFT_OPEN /);
  for (const finding of s.t.findings()) expect(finding).toMatch(/^(CONNECTIONS_LEFT_OPEN|NEVER_COMPLETED) /);
  expect(connectionsOf(s.t.ndis).adapters.size).toBe(0);
});

test.each([
  ['a stand-alone call manager', false],
  ['a miniport call manager', true],
])(
  'an adapter halted for sleep takes its connections down, and they are made again in D0: %s (network/power-management-for-old-miniport-drivers)',
  async (_, mcm) => {
    const s = await createCondisStack(createTestNdis(), { mcm });
    const [adapter] = s.m.object().adapters;
    await connectedCall(s);
    const { family } = s.client;
    const power = async (state: number) => {
      queueOperation(s.t.ndis, adapter, { kind: 'power', query: false, state, event: 0 });
      await runDown(s.t);
    };
    await power(NdisDeviceStateD3);
    expect([adapter.state, adapter.bindings.length]).toEqual(['Halted', 0]);
    expect(s.t.ndis.resolve(family, AddressFamily)).toBeNull();
    expect(connectionsOf(s.t.ndis).adapters.size).toBe(0);
    await power(NdisDeviceStateD0);
    if (mcm) await offerFamily(s.t, s.m);
    expect([adapter.state, adapter.bindings.length > 0]).toEqual(['Running', true]);
    const again = s.client.families.at(-1);
    expect(again?.status).toBe(NDIS_STATUS_SUCCESS);
    expect(s.t.ndis.resolve(again?.handle.value ?? 0, AddressFamily)?.state).toBe('Open');
    for (const finding of s.t.findings())
      expect(finding).toMatch(/^(CONNECTIONS_LEFT_OPEN|NEVER_COMPLETED) /);
  },
);
