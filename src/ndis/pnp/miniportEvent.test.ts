/** Events that miniports send up (ndis/nf-ndis-ndismnetpnpevent). */

import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createOidStack, type OidStack } from '../../../test/support/oidStack.ts';
import {
  NDIS_PORT,
  NDIS_PORT_CHARACTERISTICS,
  NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NET_PNP_EVENT_NOTIFICATION,
  NetEventPortActivation,
  NetEventPortDeactivation,
  NetEventQueryPower,
  portState,
} from '../index.ts';

/** An event in memory; `ports` are the numbers of its list, or of its array. */
function event(s: OidStack, code: number, ports: readonly number[] = []): number {
  const { memory, kernel } = s.t;
  const address = bytesAt(kernel, NET_PNP_EVENT_NOTIFICATION.size);
  const view = NET_PNP_EVENT_NOTIFICATION.at(memory, address);
  view.Header.Type = 0x80;
  view.Header.Revision = 1;
  view.Header.Size = NET_PNP_EVENT_NOTIFICATION.sizeAt('6.0');
  view.NetPnPEvent.NetEvent = code;
  if (code === NetEventPortDeactivation && ports.length > 0) {
    const numbers = bytesAt(kernel, 4 * ports.length);
    memory.u32.set(ports, numbers >> 2);
    view.NetPnPEvent.Buffer = numbers;
    view.NetPnPEvent.BufferLength = 4 * ports.length;
    return address;
  }
  let next = 0;
  for (const number of ports.toReversed()) {
    const port = NDIS_PORT.at(memory, bytesAt(kernel, NDIS_PORT.size));
    port.Next = next;
    port.PortCharacteristics.PortNumber = number;
    next = port.address;
  }
  view.NetPnPEvent.Buffer = next;
  return address;
}

async function stack(answers: readonly number[] = []) {
  const heard: number[] = [];
  const s = await createOidStack({}, 2, {
    protocol: {
      NetPnPEventHandler: (_context: unknown, notification: NET_PNP_EVENT_NOTIFICATION) => {
        const code = notification.NetPnPEvent.NetEvent;
        if (code !== NetEventPortActivation && code !== NetEventPortDeactivation) return NDIS_STATUS_SUCCESS;
        heard.push(code);
        return answers[heard.length - 1] ?? NDIS_STATUS_SUCCESS;
      },
    },
  });
  const send = (address: number, handle = s.m.adapters[0]) =>
    s.t.run(() => s.m.driver.ndis.NdisMNetPnPEvent(handle, address));
  return { s, heard, send };
}

async function allocatePort(s: OidStack): Promise<number> {
  const view = NDIS_PORT_CHARACTERISTICS.at(s.t.memory, bytesAt(s.t.kernel, NDIS_PORT_CHARACTERISTICS.size));
  view.Header.Type = 0x80;
  view.Header.Revision = 1;
  view.Header.Size = NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1;
  await s.t.run(() => s.m.driver.ndis.NdisMAllocatePort(s.m.adapters[0], view));
  return view.PortNumber;
}

describe('ports', () => {
  test('are activated and deactivated, and every protocol above hears of it', async () => {
    const { s, heard, send } = await stack([0xc000_0001]);
    const port = await allocatePort(s);
    expect(await send(event(s, NetEventPortActivation, [port]))).toBe(NDIS_STATUS_SUCCESS);
    expect(heard).toEqual([NetEventPortActivation, NetEventPortActivation]);
    expect(portState(s.t.ndis, s.adapter, port)).toBe('activated');
    expect(await send(event(s, NetEventPortActivation, [port]))).toBe(NDIS_STATUS_INVALID_PORT_STATE);
    expect(await send(event(s, NetEventPortDeactivation, [port]))).toBe(NDIS_STATUS_SUCCESS);
    expect(portState(s.t.ndis, s.adapter, port)).toBe('allocated');
  });

  test('that are not there change nothing', async () => {
    const { s, heard, send } = await stack();
    const port = await allocatePort(s);
    expect(await send(event(s, NetEventPortActivation, [port, 77]))).toBe(NDIS_STATUS_INVALID_PORT);
    expect(portState(s.t.ndis, s.adapter, port)).toBe('allocated');
    expect(await send(event(s, NetEventPortActivation))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(heard).toEqual([]);
  });

  test('in a list that runs in a circle are refused', async () => {
    const { s, send } = await stack();
    const port = await allocatePort(s);
    const address = event(s, NetEventPortActivation, [port]);
    const list = NET_PNP_EVENT_NOTIFICATION.at(s.t.memory, address).NetPnPEvent.Buffer;
    s.t.memory.writePointer(list, list);
    expect(await send(address)).toBe(NDIS_STATUS_INVALID_PARAMETER);
  });
});

test('a protocol may complete the event later', async () => {
  const { s, send, heard } = await stack([NDIS_STATUS_PENDING]);
  const port = await allocatePort(s);
  const address = event(s, NetEventPortActivation, [port]);
  const binding = s.protocols[0].bindings[0].handle.value;
  s.t.start(async () => {
    while (heard.length === 0) await s.protocols[0].driver.ntoskrnl.ZwYieldExecution();
    s.protocols[0].driver.ndis.NdisCompleteNetPnPEvent(binding, address, NDIS_STATUS_SUCCESS);
  });
  expect(await send(address)).toBe(NDIS_STATUS_SUCCESS);
  expect(heard).toHaveLength(2);
});

test('other events, wrong headers and wrong handles are refused', async () => {
  const { s, send } = await stack();
  expect(await send(event(s, NetEventQueryPower))).toBe(NDIS_STATUS_INVALID_PARAMETER);
  const spoilt = event(s, NetEventPortActivation, [0]);
  s.t.memory.u8[spoilt] = 1;
  expect(await send(spoilt)).toBe(NDIS_STATUS_INVALID_PARAMETER);
  expect(await send(event(s, NetEventPortActivation, [0]), 0x1234)).toBe(NDIS_STATUS_INVALID_PARAMETER);
  expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
});
