/** Events through filter modules (network/filter-module-pnp-event-notifications). */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createFilterStack, type FilterStack } from '../../../test/support/filterStack.ts';
import { performOnThread } from '../../../test/support/ndis.ts';
import {
  devicePnPEvent,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDevicePnPEventSurpriseRemoved,
  NET_DEVICE_PNP_EVENT,
  NET_PNP_EVENT_NOTIFICATION,
  NetEventAllowBindsAbove,
  NetEventBindsComplete,
  NetEventFilterPreDetach,
  NetEventInhibitBindsAbove,
  NetEventPause,
  NetEventQueryPower,
  NetEventRestart,
  NetEventSetPower,
  netPnPEvent,
  sendDevicePnPEvent,
  sendNetPnPEvent,
} from '../index.ts';

async function listening(answer: (event: number) => number = () => NDIS_STATUS_SUCCESS) {
  const quiet: readonly number[] = [NetEventPause, NetEventRestart, NetEventBindsComplete];
  const lines: string[] = [];
  const x = await createFilterStack({}, ['upper', 'lower'], {
    protocol: {
      NetPnPEventHandler: (_context: unknown, { NetPnPEvent }: NET_PNP_EVENT_NOTIFICATION) => {
        if (quiet.includes(NetPnPEvent.NetEvent)) return NDIS_STATUS_SUCCESS;
        lines.push(`protocol event ${NetPnPEvent.NetEvent}`);
        return answer(NetPnPEvent.NetEvent);
      },
    },
    miniport: {
      DevicePnPEventNotifyHandler: (_context: unknown, event: NET_DEVICE_PNP_EVENT) => {
        lines.push(`miniport device event ${event.DevicePnPEvent}`);
      },
    },
  });
  lines.length = 0;
  return { x, lines };
}

const send = (x: FilterStack, event: number) =>
  performOnThread(x.s.t, sendNetPnPEvent, netPnPEvent(x.s.adapter, event));

describe('FilterNetPnPEvent (nc-ndis-filter_net_pnp_event)', () => {
  test('sees an event from the bottom up, then the protocols get it', async () => {
    const { x, lines } = await listening();
    expect(await send(x, NetEventSetPower)).toBe(NDIS_STATUS_SUCCESS);
    expect([...x.order, ...lines]).toEqual(['lower event 0', 'upper event 0', 'protocol event 0']);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('a module that does not pass it on keeps it from those above; its answer to a query counts', async () => {
    const { x, lines } = await listening();
    x.filters[1].onNetEvent = () => NDIS_STATUS_FAILURE;
    expect(await send(x, NetEventQueryPower)).toBe(NDIS_STATUS_FAILURE);
    expect(await send(x, NetEventSetPower)).toBe(NDIS_STATUS_SUCCESS);
    expect([...x.order, ...lines]).toEqual(['lower event 1', 'lower event 0']);
  });

  test('NdisFNetPnPEvent gives what refused a query above (nf-ndis-ndisfnetpnpevent)', async () => {
    const { x } = await listening(() => NDIS_STATUS_FAILURE);
    expect(await send(x, NetEventQueryPower)).toBe(NDIS_STATUS_FAILURE);
  });

  test('waits for a protocol that completes it later', async () => {
    const { x, lines } = await listening(() => NDIS_STATUS_PENDING);
    let notification = 0;
    x.filters[0].onNetEvent = async (view) => {
      notification = view.address;
      const status = await x.filters[0].f.driver.ndis.NdisFNetPnPEvent(x.filters[0].handle, view);
      lines.push('upper done');
      return status;
    };
    await send(x, NetEventQueryPower);
    expect(lines).toEqual(['protocol event 1']);
    const { ndis } = x.s.p.driver;
    await x.s.t.run(() =>
      ndis.NdisCompleteNetPnPEvent(x.s.bindings[0].handle, notification, NDIS_STATUS_SUCCESS),
    );
    await x.s.t.runAll();
    expect(lines).toEqual(['protocol event 1', 'upper done']);
  });

  test('hears that its module is to be detached (netpnp/ns-netpnp-_net_pnp_event)', async () => {
    const { x } = await listening();
    const { f } = x.filters[0];
    x.filters[0].onNetEvent = () => NDIS_STATUS_SUCCESS;
    await x.s.t.run(() => f.driver.ndis.NdisFDeregisterFilterDriver(f.handle.value));
    expect(x.filters[0].saw.at(-1)).toBe(`event ${NetEventFilterPreDetach}`);
    expect(x.filters[1].saw).not.toContain(`event ${NetEventFilterPreDetach}`);
  });

  test('a wrong handle, a wrong header, and FilterOidRequest as the caller', async () => {
    const { x } = await listening();
    const [upper] = x.filters;
    const { ndis } = upper.f.driver;
    const address = bytesAt(x.s.t.kernel, NET_PNP_EVENT_NOTIFICATION.size);
    const pass = (handle: number) => x.s.t.run(() => ndis.NdisFNetPnPEvent(handle, address));
    expect(await pass(21)).toBe(NDIS_STATUS_FAILURE);
    expect(await pass(upper.handle)).toBe(NDIS_STATUS_FAILURE);
    const view = NET_PNP_EVENT_NOTIFICATION.at(x.s.t.memory, address);
    view.Header.Type = 0x80;
    view.Header.Revision = 1;
    view.Header.Size = NET_PNP_EVENT_NOTIFICATION.size;
    upper.onRequest = async (request) => {
      await ndis.NdisFNetPnPEvent(upper.handle, address);
      return upper.pass(request.address);
    };
    await x.s.ask({ oid: 0xff00_0001 });
    expect(x.s.t.findings()).toEqual(['BAD_HANDLE upper', 'PNP_EVENT_DURING_OID_REQUEST upper']);
  });
});

describe('FilterDevicePnPEventNotify (nc-ndis-filter_device_pnp_event_notify)', () => {
  const remove = (x: FilterStack) =>
    performOnThread(
      x.s.t,
      sendDevicePnPEvent,
      devicePnPEvent(x.s.adapter, NdisDevicePnPEventSurpriseRemoved),
    );

  test('sees an event from the top down, then the miniport gets it (nf-ndis-ndisfdevicepnpeventnotify)', async () => {
    const { x, lines } = await listening();
    await remove(x);
    expect([...x.order, ...lines]).toEqual([
      'upper device event 2',
      'lower device event 2',
      'miniport device event 2',
    ]);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('a module that does not pass it on keeps it from those below', async () => {
    const { x, lines } = await listening();
    x.filters[0].onDeviceEvent = () => {};
    await remove(x);
    expect([...x.order, ...lines]).toEqual(['upper device event 2']);
  });

  test('a wrong handle or event goes nowhere', async () => {
    const { x, lines } = await listening();
    const [{ f, handle }] = x.filters;
    const address = bytesAt(x.s.t.kernel, NET_DEVICE_PNP_EVENT.size);
    await x.s.t.run(() => f.driver.ndis.NdisFDevicePnPEventNotify(21, address));
    await x.s.t.run(() => f.driver.ndis.NdisFDevicePnPEventNotify(handle, address));
    expect([...x.order, ...lines]).toEqual([]);
    expect(x.s.t.findings()).toEqual(['BAD_HANDLE upper']);
  });
});

test('NetEventInhibitBindsAbove detaches the modules until NetEventAllowBindsAbove (netpnp/ns-netpnp-_net_pnp_event)', async () => {
  const { x } = await listening();
  const send = (code: number) => {
    const address = bytesAt(x.s.t.kernel, NET_PNP_EVENT_NOTIFICATION.size);
    const view = NET_PNP_EVENT_NOTIFICATION.at(x.s.t.memory, address);
    Object.assign(view.Header, { Type: 0x80, Revision: 2, Size: NET_PNP_EVENT_NOTIFICATION.size });
    view.NetPnPEvent.NetEvent = code;
    return x.s.t.run(() => x.s.m.driver.ndis.NdisMNetPnPEvent(x.s.m.adapters[0], address));
  };
  expect(await send(NetEventInhibitBindsAbove)).toBe(NDIS_STATUS_SUCCESS);
  expect([x.s.adapter.filters, x.s.adapter.bindings]).toEqual([[], []]);
  expect(await send(NetEventAllowBindsAbove)).toBe(NDIS_STATUS_SUCCESS);
  await x.s.t.runAll();
  expect(x.s.adapter.filters.map((module) => [module.filter.name, module.state])).toEqual([
    ['upper', 'Running'],
    ['lower', 'Running'],
  ]);
  expect(x.s.adapter.bindings).toHaveLength(1);
  expect(x.s.t.findings()).toEqual([]);
});
