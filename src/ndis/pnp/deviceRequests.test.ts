import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis, type TestNdis } from '../../../test/support/ndis.ts';
import { place } from '../../../test/support/placed.ts';
import type { NET_PNP_EVENT_NOTIFICATION } from '../index.ts';
import {
  deviceOf,
  type MiniportAdapter,
  NDIS_MINIPORT_PNP_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventSurpriseRemoved,
  NdisHaltDeviceDisabled,
  NdisHaltDeviceStopped,
  NdisHaltDeviceSurpriseRemoved,
  NetEventCancelRemoveDevice,
  NetEventPause,
  NetEventQueryRemoveDevice,
  queueOperation,
  surpriseRemove,
} from '../index.ts';
import type { QueuedDeviceRequest } from './deviceRequests.ts';

/** An adapter with two protocols, and one log of what all of them were asked. */
async function stack(
  changes: { readonly miniport?: object; readonly answer?: (code: number) => number } = {},
) {
  const t = createTestNdis();
  const log: string[] = [];
  const m = createTestMiniport(t);
  m.log.push = (...lines: string[]) => log.push(...lines);
  const registered = await registerMiniport(t, m, {
    HaltHandlerEx: (_context: unknown, action: number) => {
      log.push(`halt ${action}`);
    },
    DevicePnPEventNotifyHandler: (_context: unknown, event: { DevicePnPEvent: number }) => {
      if (event.DevicePnPEvent === NdisDevicePnPEventSurpriseRemoved) log.push('surprise removed');
    },
    ...changes.miniport,
  });
  if (registered !== NDIS_STATUS_SUCCESS) throw new Error('not registered');
  for (const name of ['one', 'two']) {
    const p = createTestProtocol(t, name);
    p.log.push = (...lines: string[]) => log.push(...lines.map((line) => `${name}:${line}`));
    await registerProtocol(t, p, {
      NetPnPEventHandler: (_context: unknown, event: NET_PNP_EVENT_NOTIFICATION) => {
        const code = event.NetPnPEvent.NetEvent;
        if (code === NetEventQueryRemoveDevice) log.push(`${name}:query remove`);
        if (code === NetEventCancelRemoveDevice) log.push(`${name}:cancel remove`);
        if (code === NetEventPause) log.push(`${name}:pause`);
        return changes.answer?.(code) ?? NDIS_STATUS_SUCCESS;
      },
    });
  }
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  expect(adapter.state).toBe('Running');
  log.length = 0;
  return { t, m, log, adapter };
}

async function request(t: TestNdis, adapter: MiniportAdapter, what: QueuedDeviceRequest) {
  queueOperation(t.ndis, adapter, { kind: 'device', request: what, event: 0 });
  await t.runAll();
}

function without(log: readonly string[], ...ends: string[]): string[] {
  return log.filter((line) => !ends.some((end) => line.endsWith(end)));
}

describe('removal', () => {
  test('is asked of every protocol, and cancelled of every protocol (network/removing-a-nic)', async () => {
    const { t, adapter, log } = await stack();
    await request(t, adapter, 'IRP_MN_QUERY_REMOVE_DEVICE');
    expect(log).toEqual(['one:query remove', 'two:query remove']);
    expect(deviceOf(t.ndis, adapter).state).toBe('RemovePending');
    await request(t, adapter, 'IRP_MN_CANCEL_REMOVE_DEVICE');
    expect(log.slice(2)).toEqual(['one:cancel remove', 'two:cancel remove']);
    expect([deviceOf(t.ndis, adapter).state, adapter.state]).toEqual(['Started', 'Running']);
    expect(t.findings()).toEqual([]);
  });

  test('a protocol that cannot release the device refuses the query, and who comes after it is not asked', async () => {
    const { t, adapter, log } = await stack({
      answer: (code) => (code === NetEventQueryRemoveDevice ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS),
    });
    await request(t, adapter, 'IRP_MN_QUERY_REMOVE_DEVICE');
    expect(log).toEqual(['one:query remove']);
    expect(deviceOf(t.ndis, adapter).queryStatus).toBe(NDIS_STATUS_FAILURE);
    expect(t.findings()).toEqual([]);
  });

  test('pauses from the top, unbinds, and halts with NdisHaltDeviceDisabled', async () => {
    const { t, adapter, log } = await stack();
    t.halt(adapter);
    await t.runAll();
    expect(without(log, 'closeComplete', 'oid')).toEqual([
      'one:pause',
      'two:pause',
      'pause',
      'one:unbind',
      'two:unbind',
      `halt ${NdisHaltDeviceDisabled}`,
    ]);
    expect([adapter.halted, deviceOf(t.ndis, adapter).state]).toEqual([true, 'Removed']);
  });
});

describe('stopping', () => {
  test('unbinds, halts with NdisHaltDeviceStopped and keeps the device, which starts again (network/stopping-a-nic)', async () => {
    const { t, m, adapter, log } = await stack();
    await request(t, adapter, 'IRP_MN_QUERY_STOP_DEVICE');
    await request(t, adapter, 'IRP_MN_STOP_DEVICE');
    expect(without(log, 'closeComplete', 'oid')).toEqual([
      'one:query remove',
      'two:query remove',
      'one:pause',
      'two:pause',
      'pause',
      'one:unbind',
      'two:unbind',
      `halt ${NdisHaltDeviceStopped}`,
    ]);
    expect([adapter.state, adapter.halted, adapter.bindings.length]).toEqual(['Halted', false, 0]);
    await request(t, adapter, 'IRP_MN_START_DEVICE');
    expect([adapter.state, adapter.bindings.length, m.adapters.length]).toEqual(['Running', 2, 2]);
    expect(m.adapters[0]).toBe(m.adapters[1]);
    expect(t.findings()).toEqual([]);
  });

  test('without a query before it, or in a wrong state, a request changes nothing (kernel/state-transitions-for-pnp-devices)', async () => {
    const { t, adapter } = await stack();
    await request(t, adapter, 'IRP_MN_STOP_DEVICE');
    await request(t, adapter, 'IRP_MN_START_DEVICE');
    expect([deviceOf(t.ndis, adapter).state, adapter.state]).toEqual(['Started', 'Running']);
    expect(t.findings()).toEqual([]);
  });

  test('MiniportAddDevice and MiniportRemoveDevice belong to the device, not to its start (ndis/nc-ndis-miniport_add_device)', async () => {
    const calls: string[] = [];
    const t = createTestNdis();
    const m = createTestMiniport(t);
    await registerMiniport(t, m, {
      SetOptionsHandler: (handle: number) =>
        m.driver.ndis.NdisSetOptionalHandlers(
          handle,
          place(t, m.driver, NDIS_MINIPORT_PNP_CHARACTERISTICS, {
            Header: { Type: 0x92, Revision: 1, Size: 0x2c },
            MiniportAddDeviceHandler: () => {
              calls.push('add');
              return NDIS_STATUS_SUCCESS;
            },
            MiniportRemoveDeviceHandler: () => {
              calls.push('remove');
            },
          }),
        ),
    });
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    await request(t, adapter, 'IRP_MN_QUERY_STOP_DEVICE');
    await request(t, adapter, 'IRP_MN_STOP_DEVICE');
    await request(t, adapter, 'IRP_MN_START_DEVICE');
    expect(calls).toEqual(['add']);
    t.halt(adapter);
    await t.runAll();
    expect(calls).toEqual(['add', 'remove']);
  });
});

describe('surprise removal', () => {
  test('tells protocols, then the miniport, then takes the stack down (network/processing-the-surprise-removal-of-a-nic--windows-7-and-later-versions-)', async () => {
    const { t, adapter, log } = await stack();
    surpriseRemove(t.ndis, adapter, 0);
    await t.runAll();
    expect(without(log, 'closeComplete', 'oid')).toEqual([
      'one:query remove',
      'two:query remove',
      'surprise removed',
      'one:pause',
      'two:pause',
      'pause',
      'one:unbind',
      'two:unbind',
      `halt ${NdisHaltDeviceSurpriseRemoved}`,
    ]);
    expect(adapter.halted).toBe(true);
    expect(t.findings()).toEqual([]);
  });

  test('a miniport whose pause waits for its hardware hears of the removal at once', async () => {
    let handle = 0;
    const { t, m, adapter, log } = await stack({
      miniport: {
        PauseHandler: () => {
          log.push('pause');
          return NDIS_STATUS_PENDING;
        },
        DevicePnPEventNotifyHandler: (_context: unknown, event: { DevicePnPEvent: number }) => {
          if (event.DevicePnPEvent !== NdisDevicePnPEventSurpriseRemoved) return;
          log.push('surprise removed');
          m.driver.ndis.NdisMPauseComplete(handle);
        },
      },
    });
    handle = m.adapters[0];
    queueOperation(t.ndis, adapter, { kind: 'pause', reason: 1, event: 0 });
    queueOperation(t.ndis, adapter, { kind: 'restart', event: 0 });
    await t.runAll();
    expect(adapter.state).toBe('Pausing');
    surpriseRemove(t.ndis, adapter, 0);
    surpriseRemove(t.ndis, adapter, 0);
    await t.runAll();
    expect(adapter.halted).toBe(true);
    expect(log.filter((line) => line === 'surprise removed')).toHaveLength(1);
    expect(log).not.toContain('restart');
    expect(t.findings()).toEqual([]);
  });

  test('in the middle of initialization comes after it, and binds nothing', async () => {
    const { t, m } = await stack();
    const other = t.addAdapter(m.object(), 'Other');
    surpriseRemove(t.ndis, other, 0);
    await t.runAll();
    expect([other.halted, other.bindings.length]).toEqual([true, 0]);
    expect(t.findings()).toEqual([]);
  });
});
