/** Events that NDIS sends up and down a stack: who gets them, how they are answered, and when. */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis, performOnThread } from '../../../test/support/ndis.ts';
import { createOidStack, type OidStack } from '../../../test/support/oidStack.ts';
import { STATUS_SUCCESS } from '../../kernel/index.ts';
import {
  completeForDrivers,
  devicePnPEvent,
  inventoryOf,
  type NDIS_OID_REQUEST,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventPowerProfileChanged,
  NdisDevicePnPEventSurpriseRemoved,
  NdisPowerProfileAcOnLine,
  type NET_DEVICE_PNP_EVENT,
  NET_PNP_EVENT_NOTIFICATION,
  NetEventAllowBindsAbove,
  NetEventAllowStart,
  NetEventBindList,
  NetEventBindsComplete,
  NetEventCancelRemoveDevice,
  NetEventInhibitBindsAbove,
  NetEventPnPCapabilities,
  NetEventPortActivation,
  NetEventPortDeactivation,
  NetEventQueryPower,
  NetEventQueryRemoveDevice,
  NetEventReconfigure,
  NetEventRequirePause,
  NetEventRestart,
  NetEventSetPower,
  netPnPEvent,
  sendDevicePnPEvent,
  sendNetPnPEvent,
} from '../index.ts';

const OF_PAUSE = 8;

/** What protocols heard: binding context or null, event, buffer. */
type Heard = [protocol: number, bound: boolean, event: number, buffer: number];

async function stack(answer: (event: number, protocol: number) => number = () => STATUS_SUCCESS) {
  const heard: Heard[] = [];
  const notifications: number[] = [];
  let protocol = 0;
  const s = await createOidStack({}, 2, {
    get protocol() {
      const index = protocol++;
      return {
        NetPnPEventHandler: (context: unknown, notification: NET_PNP_EVENT_NOTIFICATION) => {
          const { NetEvent, Buffer } = notification.NetPnPEvent;
          if (NetEvent >= OF_PAUSE && NetEvent <= NetEventRestart) return NDIS_STATUS_SUCCESS;
          heard.push([index, context !== 0, NetEvent, Buffer]);
          notifications.push(notification.address);
          return answer(NetEvent, index);
        },
      };
    },
  });
  const ownHeard = heard.splice(0);
  notifications.length = 0;
  return { s, heard, ownHeard, notifications };
}

describe('an event to an adapter', () => {
  test('reaches ProtocolNetPnPEvent of every binding with its context and its buffer (netpnp/ns-netpnp-_net_pnp_event)', async () => {
    const { s, heard } = await stack();
    const buffer = bytesAt(s.t.kernel, 8);
    for (const event of [NetEventSetPower, NetEventPnPCapabilities, NetEventCancelRemoveDevice]) {
      expect(await performOnThread(s.t, sendNetPnPEvent, netPnPEvent(s.adapter, event, buffer, 4))).toBe(0);
    }
    expect(heard).toEqual([
      [0, true, NetEventSetPower, buffer],
      [1, true, NetEventSetPower, buffer],
      [0, true, NetEventPnPCapabilities, buffer],
      [1, true, NetEventPnPCapabilities, buffer],
      [0, true, NetEventCancelRemoveDevice, buffer],
      [1, true, NetEventCancelRemoveDevice, buffer],
    ]);
    expect(s.t.findings()).toEqual([]);
  });

  test.each([
    ['NetEventQueryPower', NetEventQueryPower],
    ['NetEventQueryRemoveDevice', NetEventQueryRemoveDevice],
  ])('%s: the first refusal is the answer, and nobody else is asked', async (_name, event) => {
    const { s, heard } = await stack(() => NDIS_STATUS_FAILURE);
    expect(await performOnThread(s.t, sendNetPnPEvent, netPnPEvent(s.adapter, event))).toBe(
      NDIS_STATUS_FAILURE,
    );
    expect(heard).toEqual([[0, true, event, 0]]);
    expect(s.t.findings()).toEqual([]);
  });

  test('any other cannot be refused: the answer does not count, and a driver that tries is named (ndis/nc-ndis-protocol_net_pnp_event)', async () => {
    const { s, heard } = await stack(() => NDIS_STATUS_FAILURE);
    const event = netPnPEvent(s.adapter, NetEventCancelRemoveDevice);
    expect(await performOnThread(s.t, sendNetPnPEvent, event)).toBe(NDIS_STATUS_SUCCESS);
    expect(heard).toHaveLength(2);
    expect(s.t.findings().slice(-2)).toEqual([
      'NET_PNP_EVENT_FAILED protocol',
      'NET_PNP_EVENT_FAILED protocol1',
    ]);
  });

  test('a protocol that knows nothing of power is unbound (NDIS_STATUS_NOT_SUPPORTED for NetEventSetPower)', async () => {
    const { s } = await stack((event, protocol) =>
      event === NetEventSetPower && protocol === 1 ? NDIS_STATUS_NOT_SUPPORTED : NDIS_STATUS_SUCCESS,
    );
    await performOnThread(s.t, sendNetPnPEvent, netPnPEvent(s.adapter, NetEventSetPower));
    expect(s.adapter.bindings).toHaveLength(1);
    expect(s.t.findings()).toEqual(['NET_PNP_EVENT_FAILED protocol1']);
  });

  test('may be pending; the next binding hears of it when it is completed (ndis/nf-ndis-ndiscompletenetpnpevent)', async () => {
    const { s, heard, notifications } = await stack((event, protocol) =>
      event === NetEventQueryPower && protocol === 0 ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS,
    );
    expect(await performOnThread(s.t, sendNetPnPEvent, netPnPEvent(s.adapter, NetEventQueryPower))).not.toBe(
      0,
    );
    expect(heard).toHaveLength(1);
    const { ndis } = s.p.driver;
    const binding = s.bindings[0].handle;
    await s.t.run(() => ndis.NdisCompleteNetPnPEvent(binding, notifications[0], NDIS_STATUS_SUCCESS));
    await s.t.runAll();
    expect(heard).toHaveLength(2);
    await s.t.run(() => ndis.NdisCompleteNetPnPEvent(binding, notifications[0], NDIS_STATUS_SUCCESS));
    expect(s.t.findings()).toEqual(['NOT_PENDING protocol']);
  });

  test('that is never completed is a finding, and the stack goes on', async () => {
    const { s, heard } = await stack((event) =>
      event === NetEventSetPower ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS,
    );
    await performOnThread(s.t, sendNetPnPEvent, netPnPEvent(s.adapter, NetEventSetPower));
    for (let left = 4; left > 0 && completeForDrivers(s.t.ndis) > 0; left--) await s.t.runAll();
    expect(heard).toHaveLength(2);
    expect(s.t.findings()).toEqual(['NEVER_COMPLETED protocol', 'NEVER_COMPLETED protocol1']);
  });
});

describe('an event to one driver', () => {
  test('to a binding goes there alone; its answer is the value', async () => {
    const { s, heard } = await stack(() => NDIS_STATUS_FAILURE);
    const event = netPnPEvent(s.bindings[1], NetEventReconfigure);
    expect(await performOnThread(s.t, sendNetPnPEvent, event)).toBe(NDIS_STATUS_FAILURE);
    expect(heard).toEqual([[1, true, NetEventReconfigure, 0]]);
  });

  test('to a protocol has a NULL context (ndis/nc-ndis-protocol_net_pnp_event)', async () => {
    const { s, heard } = await stack();
    await performOnThread(s.t, sendNetPnPEvent, netPnPEvent(s.p.object(), NetEventBindList, 0x2_0000, 8));
    expect(heard).toEqual([[0, false, NetEventBindList, 0x2_0000]]);
  });
});

describe('NetEventBindsComplete', () => {
  test('comes once, after the first bindings, with a NULL context', async () => {
    const { s, ownHeard } = await stack();
    expect(ownHeard).toEqual([
      [0, false, NetEventBindsComplete, 0],
      [1, false, NetEventBindsComplete, 0],
    ]);
    s.t.addAdapter(s.m.object(), 'Ethernet 2');
    await s.t.runAll();
    expect(s.t.findings()).toEqual([]);
  });

  test.each([false, true])(
    'follows the binds to adapters that are there, inside the call %s',
    async (inside) => {
      const t = createTestNdis({ ndis: { bindInsideRegistration: inside } });
      const m = createTestMiniport(t);
      await registerMiniport(t, m);
      t.addAdapter(m.object(), 'Ethernet');
      t.addAdapter(m.object(), 'Ethernet 2');
      await t.runAll();
      const p = createTestProtocol(t);
      await registerProtocol(t, p, {
        NetPnPEventHandler: (_context: unknown, { NetPnPEvent }: NET_PNP_EVENT_NOTIFICATION) => {
          p.log.push(`event ${NetPnPEvent.NetEvent}`);
          return NDIS_STATUS_SUCCESS;
        },
      });
      if (inside) expect(p.log.at(-1)).toBe(`event ${NetEventBindsComplete}`);
      await t.runAll();
      expect(p.log.filter((line) => line === 'bind')).toHaveLength(2);
      expect(p.log.filter((line) => line === `event ${NetEventBindsComplete}`)).toHaveLength(1);
      expect(p.log.lastIndexOf('bind')).toBeLessThan(p.log.indexOf(`event ${NetEventBindsComplete}`));
    },
  );

  test('keeps the protocol until the driver is done with it', async () => {
    const t = createTestNdis();
    const p = createTestProtocol(t);
    let notification = 0;
    await registerProtocol(t, p, {
      NetPnPEventHandler: (_context: unknown, event: NET_PNP_EVENT_NOTIFICATION) => {
        notification = event.address;
        return NDIS_STATUS_PENDING;
      },
    });
    await t.runAll();
    let gone = false;
    const { ndis } = p.driver;
    t.start(async () => {
      await ndis.NdisDeregisterProtocolDriver(p.handle.value);
      gone = true;
    });
    await t.runAll();
    expect(gone).toBe(false);
    await t.run(() => ndis.NdisCompleteNetPnPEvent(0, notification, NDIS_STATUS_SUCCESS));
    await t.runAll();
    expect(gone).toBe(true);
    expect(t.findings()).toEqual([]);
  });
});

describe('MiniportDevicePnPEventNotify (ndis/nc-ndis-miniport_device_pnp_event_notify)', () => {
  async function listen() {
    const heard: [number, number | null][] = [];
    const s = await createOidStack({}, 1, {
      miniport: {
        DevicePnPEventNotifyHandler: (_context: unknown, event: NET_DEVICE_PNP_EVENT) => {
          const { InformationBuffer: buffer, DevicePnPEvent, InformationBufferLength } = event;
          heard.push([DevicePnPEvent, InformationBufferLength === 0 ? null : event.memory.u32[buffer >> 2]]);
        },
      },
    });
    return { s, heard };
  }

  test('gets the power profile when the adapter has initialized', async () => {
    const { heard } = await listen();
    expect(heard).toEqual([[NdisDevicePnPEventPowerProfileChanged, NdisPowerProfileAcOnLine]]);
  });

  test('gets what NDIS sends later; a surprise removal has no buffer', async () => {
    const { s, heard } = await listen();
    const event = devicePnPEvent(s.adapter, NdisDevicePnPEventSurpriseRemoved);
    await performOnThread(s.t, sendDevicePnPEvent, event);
    expect(heard.at(-1)).toEqual([NdisDevicePnPEventSurpriseRemoved, null]);
  });
});

/** A notification of a miniport's own, revision 2. */
function ownEvent(s: OidStack, code: number, ports: readonly number[] = [], revision = 2): number {
  const address = bytesAt(s.t.kernel, NET_PNP_EVENT_NOTIFICATION.size);
  const view = NET_PNP_EVENT_NOTIFICATION.at(s.t.memory, address);
  view.Header.Type = 0x80;
  view.Header.Revision = revision;
  view.Header.Size = NET_PNP_EVENT_NOTIFICATION.size;
  view.NetPnPEvent.NetEvent = code;
  if (ports.length === 0) return address;
  view.NetPnPEvent.Buffer = bytesAt(s.t.kernel, 4 * ports.length);
  view.NetPnPEvent.BufferLength = 4 * ports.length;
  s.t.memory.u32.set(ports, view.NetPnPEvent.Buffer >> 2);
  return address;
}

const send = (s: OidStack, address: number) =>
  s.t.run(() => s.m.driver.ndis.NdisMNetPnPEvent(s.m.adapters[0], address));

describe('events that NDIS keeps to itself (netpnp/ns-netpnp-_net_pnp_event)', () => {
  test('NetEventInhibitBindsAbove unbinds before it returns and keeps others away until NetEventAllowBindsAbove', async () => {
    const { s, heard } = await stack();
    expect(await send(s, ownEvent(s, NetEventInhibitBindsAbove))).toBe(NDIS_STATUS_SUCCESS);
    expect(s.adapter.bindings).toEqual([]);
    await s.t.run(() => s.p.driver.ndis.NdisReEnumerateProtocolBindings(s.p.handle.value));
    await s.t.runAll();
    expect(s.adapter.bindings).toEqual([]);
    expect(await send(s, ownEvent(s, NetEventAllowBindsAbove))).toBe(NDIS_STATUS_SUCCESS);
    await s.t.runAll();
    expect(s.adapter.bindings).toHaveLength(2);
    expect(heard).toEqual([]);
    expect(s.t.findings()).toEqual([]);
  });

  test('NetEventRequirePause pauses before it returns, whatever is asked of the stack, until NetEventAllowStart', async () => {
    const { s } = await stack();
    expect(await send(s, ownEvent(s, NetEventRequirePause))).toBe(NDIS_STATUS_SUCCESS);
    expect(s.adapter.state).toBe('Paused');
    await s.t.run(() => s.p.driver.ndis.NdisUnbindAdapter(s.bindings[0].handle));
    await s.t.run(() => s.p.driver.ndis.NdisReEnumerateProtocolBindings(s.p.handle.value));
    await s.t.runAll();
    expect(s.adapter.state).toBe('Paused');
    expect(await send(s, ownEvent(s, NetEventRequirePause))).toBe(NDIS_STATUS_SUCCESS);
    expect(await send(s, ownEvent(s, NetEventAllowStart))).toBe(NDIS_STATUS_SUCCESS);
    await s.t.runAll();
    expect(s.adapter.state).toBe('Running');
    expect(s.t.findings()).toEqual([]);
  });

  test('need revision 2 of the notification', async () => {
    const { s } = await stack();
    for (const code of [NetEventInhibitBindsAbove, NetEventRequirePause]) {
      expect(await send(s, ownEvent(s, code, [], 1))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    }
    expect(s.adapter.bindings).toHaveLength(2);
  });

  test('would wait for themselves in MiniportPause: a finding', async () => {
    const results: number[] = [];
    const s: OidStack = await createOidStack({}, 1, {
      miniport: {
        PauseHandler: async () => {
          const address = ownEvent(s, NetEventInhibitBindsAbove);
          results.push(await s.m.driver.ndis.NdisMNetPnPEvent(s.m.adapters[0], address));
          return NDIS_STATUS_SUCCESS;
        },
      },
    });
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(results).toEqual([NDIS_STATUS_FAILURE]);
    expect(s.t.findings()).toEqual(['PNP_EVENT_IN_CALLBACK miniport']);
  });

  test('and others are a finding while a request is not complete (ndis/nf-ndis-ndismnetpnpevent)', async () => {
    const { s } = await stack();
    let pending = 0;
    s.on.request = (request: NDIS_OID_REQUEST) => {
      pending = request.address;
      return NDIS_STATUS_PENDING;
    };
    await s.t.run(() => s.send(s.create({ oid: 0xff00_0001 })));
    await s.t.runAll();
    await send(s, ownEvent(s, NetEventAllowStart));
    await s.t.run(() => s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], pending, 0));
    expect(s.t.findings()).toEqual(['PNP_EVENT_DURING_OID_REQUEST miniport']);
  });
});

describe('the default port (network/deactivating-ndis-ports)', () => {
  test('hides among no others, and without it nothing is bound', async () => {
    const { s } = await stack();
    expect(await send(s, ownEvent(s, NetEventPortDeactivation, [0, 1]))).toBe(NDIS_STATUS_INVALID_PORT);
    expect(await send(s, ownEvent(s, NetEventPortDeactivation, [0]))).toBe(NDIS_STATUS_SUCCESS);
    expect(s.adapter.bindings).toEqual([]);
    const activation = ownEvent(s, NetEventPortActivation);
    NET_PNP_EVENT_NOTIFICATION.at(s.t.memory, activation).NetPnPEvent.Buffer = bytesAt(s.t.kernel, 512);
    expect(await send(s, activation)).toBe(NDIS_STATUS_SUCCESS);
    await s.t.runAll();
    expect(s.adapter.bindings).toHaveLength(2);
    expect(inventoryOf(s.t.ndis).protocols.size).toBe(2);
    expect(s.t.findings()).toEqual([]);
  });
});
