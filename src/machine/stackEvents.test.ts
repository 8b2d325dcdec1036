/** Events by which drivers hear what users change (network/handling-pnp-events-and-power-management-events-in-a-protocol-driver). */

import { expect, test } from 'vitest';
import { sniff } from '../../drivers/sniff/sniff.ts';
import { wireport } from '../../drivers/wireport/wireport.ts';
import {
  type DriverImage,
  type DriverImports,
  Machine,
  type NET_DEVICE_PNP_EVENT,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventBindList,
  NetEventIMReEnableDevice,
  NetEventPause,
  NetEventPnPCapabilities,
  NetEventReconfigure,
  NetEventRestart,
  readUnicodeString,
  Segment,
} from './index.ts';

/** A driver whose registering function is called with other characteristics. */
function withHandlers(
  image: DriverImage,
  call: 'NdisRegisterProtocolDriver' | 'NdisMRegisterMiniportDriver',
  change: (given: Record<string, unknown>, imports: DriverImports) => object,
): DriverImage {
  return (imports) => {
    const real: unknown = imports.ndis[call];
    // The characteristics are the literal that both functions have before the handle.
    const changed = (...args: unknown[]): unknown => {
      const at = args.length - 2;
      const given = args[at] as Record<string, unknown>;
      const arguments_ = [
        ...args.slice(0, at),
        { ...given, ...change(given, imports) },
        ...args.slice(at + 1),
      ];
      return typeof real === 'function' ? (Reflect.apply(real, null, arguments_) as unknown) : null;
    };
    // Functions are made when they are first asked for, so an object in front of them changes one.
    const front = new Proxy(
      {},
      { get: (_, name) => (name === call ? changed : Reflect.get(imports.ndis, name)) },
    );
    const ndis = front as DriverImports['ndis'];
    return image({ ...imports, ndis });
  };
}

async function stack() {
  const heard: string[] = [];
  const answers = new Map<number, number>();
  const protocol = withHandlers(sniff, 'NdisRegisterProtocolDriver', (given, { memory }) => ({
    NetPnPEventHandler: (context: unknown, notification: NET_PNP_EVENT_NOTIFICATION) => {
      const { NetEvent, Buffer, BufferLength } = notification.NetPnPEvent;
      if (NetEvent === NetEventPause || NetEvent === NetEventRestart)
        return Reflect.apply(given['NetPnPEventHandler'] as () => unknown, null, [
          context,
          notification,
        ]) as number;
      const text =
        NetEvent === NetEventIMReEnableDevice
          ? readUnicodeString(memory, Buffer)
          : [...memory.u8.subarray(Buffer, Buffer + BufferLength)].join(' ');
      heard.push(`${NetEvent} ${context === 0 ? 'all' : 'one'} ${text}`);
      return answers.get(NetEvent) ?? 0;
    },
  }));
  const miniport = withHandlers(wireport, 'NdisMRegisterMiniportDriver', (_given, { memory }) => ({
    DevicePnPEventNotifyHandler: (_context: unknown, event: NET_DEVICE_PNP_EVENT) => {
      heard.push(`device ${event.DevicePnPEvent} ${memory.u32[event.InformationBuffer >> 2]}`);
    },
  }));
  const machine = new Machine({ memorySize: 16 * 1024 * 1024 });
  expect(await machine.load('wireport', miniport)).toBe(0);
  expect(await machine.load('sniff', protocol)).toBe(0);
  const wire = new Segment({}).addPort();
  expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire })).toBe(true);
  await machine.settle();
  heard.length = 0;
  return { machine, heard, answers };
}

test('settings of a protocol changed: for all of its bindings or for one; what it answered is the result', async () => {
  const { machine, heard, answers } = await stack();
  expect(await machine.events.reconfigure('sniff', Uint8Array.of(1, 2))).toBe(0);
  answers.set(NetEventReconfigure, 0xc000009a);
  expect(await machine.events.reconfigure('sniff', Uint8Array.of(3), 'Ethernet')).toBe(0xc000009a);
  expect(heard).toEqual([`${NetEventReconfigure} all 1 2`, `${NetEventReconfigure} one 3`]);
  expect(machine.kernel.findings).toEqual([]);
});

test('the order of bindings comes as a REG_MULTI_SZ of device names (netpnp/ns-netpnp-_net_pnp_event)', async () => {
  const { machine, heard } = await stack();
  expect(await machine.events.setBindOrder('sniff', ['Ethernet'])).toBe(0);
  const [line] = heard;
  const bytes = line.split(' ').slice(2).map(Number);
  const text = String.fromCharCode(...bytes.filter((_, index) => index % 2 === 0));
  expect(text).toMatch(/^\\Device\\\{[^}]+\}\0\0$/);
  expect(line.startsWith(`${NetEventBindList} all `)).toBe(true);
});

test('an instance of an intermediate driver is named by its device', async () => {
  const { machine, heard } = await stack();
  expect(await machine.events.reEnableInstance('sniff', 'mux1.0')).toBe(0);
  expect(heard).toEqual([`${NetEventIMReEnableDevice} all \\Device\\mux1.0`]);
});

test('wake-up of an adapter and the power source', async () => {
  const { machine, heard } = await stack();
  await machine.events.setWakeUp('Ethernet', true);
  await machine.events.setWakeUp('Ethernet', false);
  await machine.events.setPowerSource('battery');
  await machine.events.setPowerSource('mains');
  expect(heard).toEqual([
    `${NetEventPnPCapabilities} one 1 0 0 0`,
    `${NetEventPnPCapabilities} one 0 0 0 0`,
    'device 5 0',
    'device 5 1',
  ]);
  expect(machine.kernel.findings).toEqual([]);
});

test('protocols and adapters that are not there are refused', async () => {
  const { machine } = await stack();
  await expect(machine.events.reconfigure('nobody')).rejects.toMatchObject({ code: 'NO_SUCH_DRIVER' });
  await expect(machine.events.setBindOrder('sniff', ['x'])).rejects.toMatchObject({
    code: 'NO_SUCH_ADAPTER',
  });
});
