/** Packet sockets on a veth pair in a network namespace of its own. */

import { createSocket } from 'node:dgram';
import { beforeAll, expect, test } from 'vitest';
import { FrameBatch, OUTCOME_LINK_DOWN, OUTCOME_SENT } from '../frameBatch.ts';
import { batchOf, LiveTestHost, need, tagged } from '../testSupport.ts';
import { PacketSocketWire, type PacketSocketWireOptions } from './packetSocketWire.ts';
import { canMakeNetworks, enterFreshNetwork, ip, NETWORK_NEEDS } from './testNetwork.ts';

beforeAll(() => {
  if (!canMakeNetworks()) return;
  enterFreshNetwork();
  for (const pair of ['a', 'b', 'c']) {
    ip(`link add ${pair}0 type veth peer name ${pair}1`);
    ip(`link set ${pair}0 up`);
    ip(`link set ${pair}1 up`);
  }
});

function open(
  options: PacketSocketWireOptions,
  slotSize = 2048,
): { wire: PacketSocketWire; host: LiveTestHost } {
  const wire = new PacketSocketWire(options);
  const host = new LiveTestHost(slotSize);
  wire.open(host);
  host.wire = wire;
  return { wire, host };
}

/** A frame of a type that the kernel's stack does not use, so that the tests can tell theirs. */
function own(tag: number, length = 60): Uint8Array {
  const frame = new Uint8Array(length).fill(tag);
  frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, tag, 0x88, 0xb5]);
  return frame;
}

const isOwn = ({ frame }: { frame: Uint8Array }): boolean => frame[12] === 0x88 && frame[13] === 0xb5;

test('batches longer than a system call pass in order, and own frames do not come back', async (context) => {
  need(context, canMakeNetworks(), NETWORK_NEEDS);
  const left = open({ interfaceName: 'a0' });
  const right = open({ interfaceName: 'a1' });
  const batch = FrameBatch.allocate(200, 1514);
  for (let tag = 0; tag < 200; tag++) batch.append(own(tag, 60 + tag));
  batch.length[100] = 5;
  expect(left.wire.send(batch)).toBe(200);
  await right.host.until(() => right.host.frames.filter(isOwn).length >= 199);
  expect(right.host.frames.filter(isOwn).map(({ frame }) => frame)).toEqual(
    Array.from({ length: 200 }, (_unused, tag) => own(tag, 60 + tag)).filter((_frame, tag) => tag !== 100),
  );
  expect(left.host.frames.filter(isOwn)).toEqual([]);
  expect(left.wire.counters).toMatchObject({ sent: 199, sendDropped: 1 });
  left.wire.close();
  right.wire.close();
});

test('VLAN tags are put in on sending and taken out on receiving', async (context) => {
  need(context, canMakeNetworks(), NETWORK_NEEDS);
  const left = open({ interfaceName: 'a0' });
  const right = open({ interfaceName: 'a1' });
  const tags: number[] = [];
  right.host.onFrame = (received, slot) => {
    if (isOwn({ frame: received.frame(slot) })) tags.push(received.vlan[slot]);
  };
  const batch = batchOf(own(1), own(2), own(3));
  batch.vlan[1] = 0x8100_e00a;
  batch.vlan[2] = 0x88a8_0014;
  left.wire.send(batch);
  await right.host.until(() => tags.length === 3);
  expect(tags).toEqual([0, 0x8100_e00a, 0x88a8_0014]);
  left.wire.close();
  right.wire.close();
});

test('a checksum that the sending kernel left open is completed', async (context) => {
  need(context, canMakeNetworks(), NETWORK_NEEDS);
  ip('addr add 192.0.2.1/24 dev b1');
  ip('neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev b1');
  const { wire, host } = open({ interfaceName: 'b0' });
  const socket = createSocket('udp4');
  socket.send('odd', 7, '192.0.2.2');
  const isUdp = ({ frame }: { frame: Uint8Array }): boolean =>
    frame[12] === 8 && frame[13] === 0 && frame[23] === 17;
  await host.until(() => host.frames.some(isUdp));
  const frame = host.frames.find(isUdp)?.frame ?? new Uint8Array();
  let sum = 17 + 8 + 3;
  for (let at = 26; at < frame.length; at += 2) sum += (frame[at] << 8) | (frame[at + 1] ?? 0);
  expect(sum % 0xffff).toBe(0);
  socket.close();
  wire.close();
});

test('frames longer than their slot are dropped, those behind them move up', async (context) => {
  need(context, canMakeNetworks(), NETWORK_NEEDS);
  const left = open({ interfaceName: 'a0' });
  const right = open({ interfaceName: 'a1' }, 100);
  left.wire.send(batchOf(own(1), own(2, 300), own(3)));
  await right.host.until(() => right.host.frames.filter(isOwn).length >= 2);
  expect(right.host.frames.filter(isOwn).map(({ frame }) => frame)).toEqual([own(1), own(3)]);
  expect(right.wire.counters.receiveDropped).toBe(1);
  left.wire.close();
  right.wire.close();
});

test('a link set down and an interface removed are told', async (context) => {
  need(context, canMakeNetworks(), NETWORK_NEEDS);
  const { wire, host } = open({ interfaceName: 'c0' });
  expect(wire.linkUp).toBe(true);
  ip('link set c0 down');
  const batch = batchOf(own(1));
  wire.send(batch);
  expect(batch.outcome[0]).toBe(OUTCOME_LINK_DOWN);
  await host.until(() => !wire.linkUp);
  ip('link set c0 up');
  await host.until(() => wire.linkUp);
  wire.send(batch);
  expect(batch.outcome[0]).toBe(OUTCOME_SENT);
  expect(host.failures).toEqual([]);
  ip('link del c0');
  await host.until(() => host.failures.length > 0);
  expect(host.failures.map(({ code }) => code)).toEqual(['DEVICE_VANISHED']);
  wire.close();
});

test('a missing interface and a missing permission are errors with codes', (context) => {
  need(context, canMakeNetworks(), NETWORK_NEEDS);
  const missing = new PacketSocketWire({ interfaceName: 'nothere' });
  expect(() => missing.open(new LiveTestHost())).toThrow(expect.objectContaining({ code: 'DEVICE_MISSING' }));
  const wire = new PacketSocketWire({ interfaceName: 'a0' });
  process.seteuid?.(65534);
  try {
    expect(() => wire.open(new LiveTestHost())).toThrow(
      expect.objectContaining({ code: 'DEVICE_NO_PERMISSION' }),
    );
  } finally {
    process.seteuid?.(0);
  }
});

test('slots outside the memory are refused before the kernel writes there', (context) => {
  need(context, canMakeNetworks(), NETWORK_NEEDS);
  const { wire } = open({ interfaceName: 'a0' });
  const batch = batchOf(tagged(1));
  batch.offset[0] = batch.memory.length - 10;
  expect(() => wire.receive(batch)).toThrow(expect.objectContaining({ code: 'WIRE_MISUSE' }));
  batch.count = 1;
  expect(() => wire.send(batch)).toThrow(expect.objectContaining({ code: 'WIRE_MISUSE' }));
  wire.close();
});
