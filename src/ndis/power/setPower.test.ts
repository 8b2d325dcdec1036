import { describe, expect, test } from 'vitest';
import { createTestProtocol, registerProtocol } from '../../../test/support/drivers.ts';
import { createPowerStack } from '../../../test/support/powerStack.ts';
import {
  NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND,
  NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_NOT_SUPPORTED,
  NdisDeviceStateD0,
  NdisDeviceStateD1,
  NdisDeviceStateD2,
  NdisDeviceStateD3,
  NdisHaltDeviceFailed,
  NdisHaltDevicePoweredDown,
  NetEventSetPower,
  OID_PNP_SET_POWER,
  powerOf,
  queueOperation,
} from '../index.ts';

const [D0, D1, D2, D3] = [NdisDeviceStateD0, NdisDeviceStateD1, NdisDeviceStateD2, NdisDeviceStateD3];

describe('a driver that knows power', () => {
  test('sleeps after the stack heard of it and is paused, and is told first what may wake it (network/handling-a-set-power-request)', async () => {
    const s = await createPowerStack();
    await s.set(D3);
    expect(s.log).toEqual([
      'protocol:set power D3',
      'protocol:pause',
      'miniport:pause',
      'miniport:OID_PM_PARAMETERS 0 0 0',
      'miniport:OID_PNP_SET_POWER D3',
    ]);
    expect([powerOf(s.t.ndis, s.adapter).state, s.adapter.state]).toEqual(['D3', 'Paused']);
    s.log.length = 0;
    await s.set(D0);
    expect(s.log).toEqual([
      'miniport:OID_PNP_SET_POWER D0',
      'miniport:restart',
      'protocol:restart',
      'protocol:set power D0',
    ]);
    expect([powerOf(s.t.ndis, s.adapter).state, s.adapter.state]).toEqual(['D0', 'Running']);
    expect(s.t.findings()).toEqual([]);
  });

  test('goes from one sleeping state to another through D0 only (network/device-power-states-for-network-adapters)', async () => {
    const s = await createPowerStack();
    await s.set(D1);
    await s.set(D2);
    expect(s.log.filter((line) => line.includes('SET_POWER'))).toEqual([
      'miniport:OID_PNP_SET_POWER D1',
      'miniport:OID_PNP_SET_POWER D0',
      'miniport:OID_PNP_SET_POWER D2',
    ]);
    await s.set(D2);
    expect(s.log.filter((line) => line.includes('SET_POWER'))).toHaveLength(3);
  });

  test('is not paused where it and everybody above knows how to do without (ndis/ns-ndis-_ndis_miniport_adapter_registration_attributes)', async () => {
    const flags = NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND;
    const s = await createPowerStack({ flags });
    await s.set(D3);
    await s.set(D0);
    expect(s.log).toEqual([
      'protocol:set power D3',
      'miniport:OID_PM_PARAMETERS 0 0 0',
      'miniport:OID_PNP_SET_POWER D3',
      'miniport:OID_PNP_SET_POWER D0',
      'protocol:set power D0',
    ]);
    expect(s.adapter.state).toBe('Running');
    const old = await createPowerStack({ flags, protocol: { MinorNdisVersion: 20 } });
    await old.set(D3);
    expect(old.log).toContain('miniport:pause');
  });

  test('that refuses a query or a sleeping state is a finding, and the transition goes on (network/oid-pnp-query-power)', async () => {
    const s = await createPowerStack({ oid: (oid) => (oid === 0 ? undefined : NDIS_STATUS_FAILURE) });
    await s.query(D3);
    await s.set(D3);
    expect(s.log.slice(0, 2)).toEqual(['protocol:query power D3', 'miniport:OID_PNP_QUERY_POWER D3']);
    expect(powerOf(s.t.ndis, s.adapter).state).toBe('D3');
    expect(s.t.findings()).toEqual(['POWER_REQUEST_FAILED miniport', 'POWER_REQUEST_FAILED miniport']);
  });

  test('that cannot go back to D0 is halted as failed (network/required-and-optional-oids-for-power-management)', async () => {
    let refuses = false;
    const s = await createPowerStack({
      oid: (oid) => (refuses && oid === OID_PNP_SET_POWER ? NDIS_STATUS_FAILURE : undefined),
    });
    await s.set(D3);
    refuses = true;
    await s.set(D0);
    expect(s.log).toContain(`miniport:halt ${NdisHaltDeviceFailed}`);
    expect(s.adapter.halted).toBe(true);
    expect(s.t.findings()).toEqual(['POWER_REQUEST_FAILED miniport']);
  });

  test('a query is taken back by setting D0 (network/oid-pnp-set-power)', async () => {
    const s = await createPowerStack();
    await s.query(D3);
    await s.set(D0);
    expect(s.log).toEqual([
      'protocol:query power D3',
      'miniport:OID_PNP_QUERY_POWER D3',
      'protocol:set power D0',
    ]);
  });
});

describe('a driver that knows nothing of power', () => {
  test('is halted for D3, its bindings stay, and it is initialized and told what they want for D0 (network/power-management-for-old-miniport-drivers)', async () => {
    const s = await createPowerStack({ capabilities: null });
    const [binding] = s.adapter.bindings;
    binding.packetFilter = 1;
    await s.set(D2);
    expect(s.log).toEqual([
      'protocol:set power D3',
      'protocol:pause',
      'miniport:pause',
      `miniport:halt ${NdisHaltDevicePoweredDown}`,
    ]);
    expect([s.adapter.halted, powerOf(s.t.ndis, s.adapter).state, s.adapter.bindings]).toEqual([
      false,
      'D3',
      [binding],
    ]);
    s.log.length = 0;
    await s.set(D0);
    expect(s.log).toEqual([
      'miniport:initialize',
      'miniport:OID_GEN_CURRENT_PACKET_FILTER',
      'miniport:restart',
      'protocol:restart',
      'protocol:set power D0',
    ]);
    expect([s.adapter.state, s.adapter.bindings]).toEqual(['Running', [binding]]);
    expect(s.t.findings()).toEqual([]);
  });

  test('is told the state instead where it said so (network/power-management-for-old-miniport-drivers)', async () => {
    const flags = NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND;
    const s = await createPowerStack({ capabilities: null, flags });
    await s.set(D3);
    expect(s.log.slice(2)).toEqual(['miniport:pause', 'miniport:OID_PNP_SET_POWER D3']);
  });
});

describe('in a sleeping state', () => {
  test('requests of protocols are refused with NDIS_STATUS_LOW_POWER_STATE, and nothing is reset', async () => {
    const s = await createPowerStack({
      miniport: { ResetHandlerEx: () => 0, CheckForHangHandlerEx: () => 0 },
    });
    await s.set(D3);
    s.log.length = 0;
    const [p] = s.protocols;
    const handle = p.bindings[0].handle.value;
    const status = await s.t.run(() =>
      p.driver.ndis.NdisOidRequest(handle, {
        Header: { Type: 0x96, Revision: 1, Size: 0x98 },
        RequestType: 0,
      } as object),
    );
    expect(status).toBe(NDIS_STATUS_LOW_POWER_STATE);
    s.t.start(() => s.m.driver.ndis.NdisMSleep(5_000_000));
    s.m.driver.ndis.NdisMResetMiniport(s.m.adapters[0]);
    await s.t.runAll();
    expect(s.log).toEqual([]);
  });

  test('a protocol that registers is bound when the adapter is back in D0', async () => {
    const s = await createPowerStack();
    await s.set(D3);
    const late = createTestProtocol(s.t, 'late');
    await registerProtocol(s.t, late);
    await s.t.runAll();
    expect(late.log).toEqual([]);
    await s.set(D0);
    expect(s.adapter.bindings.map(({ state }) => state)).toEqual(['Running', 'Running']);
    expect(s.t.findings()).toEqual([]);
  });

  test('a protocol may be unbound and the adapter removed', async () => {
    const s = await createPowerStack({ protocols: 2 });
    await s.set(D3);
    const [p] = s.protocols;
    await s.t.run(() => p.driver.ndis.NdisUnbindAdapter(p.bindings[0].handle.value));
    await s.t.runAll();
    expect(s.adapter.bindings).toHaveLength(1);
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(s.adapter.halted).toBe(true);
    expect(s.t.findings()).toEqual([]);
  });

  test('a restart and a pause that somebody asks for wait for D0', async () => {
    const s = await createPowerStack();
    await s.set(D3);
    queueOperation(s.t.ndis, s.adapter, { kind: 'pause', reason: 1, event: 0 });
    queueOperation(s.t.ndis, s.adapter, { kind: 'restart', event: 0 });
    await s.t.runAll();
    expect(s.adapter.state).toBe('Paused');
    await s.set(D0);
    expect(s.adapter.state).toBe('Running');
  });
});

test('a protocol that knows nothing of power is unbound (network/handling-pnp-events-and-power-management-events-in-a-protocol-driver)', async () => {
  const s = await createPowerStack({
    protocols: 2,
    event: (code, protocol) =>
      code === NetEventSetPower && protocol === 1 ? NDIS_STATUS_NOT_SUPPORTED : undefined,
  });
  await s.set(D3);
  expect(s.adapter.bindings.map((binding) => binding.protocol.name)).toEqual(['protocol']);
});
