/** TAP against the kernel's own network stack, in a network namespace of its own. */

import { execFile, execFileSync, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  FrameBatch,
  OUTCOME_LINK_DOWN,
  OUTCOME_SENT,
  OUTCOME_TOO_LONG,
  OUTCOME_TOO_SHORT,
} from '../frameBatch.ts';
import { batchOf, LiveTestHost, need, tagged } from '../testSupport.ts';
import { answer } from './echoStation.ts';
import { loadKoffi } from './koffiLibrary.ts';
import { TapWire, type TapWireOptions } from './tapWire.ts';
import { canMakeNetworks, enterFreshNetwork, ip, NETWORK_NEEDS } from './testNetwork.ts';

const run = promisify(execFile);
const PEER_NETWORK = `ndisbox-test-${process.pid}`;

beforeAll(() => {
  if (canMakeNetworks()) enterFreshNetwork();
});

afterAll(() => {
  if (canMakeNetworks()) execFileSync('sh', ['-c', `ip netns del ${PEER_NETWORK} 2>/dev/null || true`]);
});

function open(options: TapWireOptions, slotSize = 2048): { wire: TapWire; host: LiveTestHost } {
  const wire = new TapWire(options);
  const host = new LiveTestHost(slotSize);
  wire.open(host);
  host.wire = wire;
  return { wire, host };
}

describe('TAP', () => {
  test('the kernel pings a station behind it', async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const { wire, host } = open({ interfaceName: 'tap0', hostAddress: '192.0.2.1/24' });
    const { macAddress, maximumFrameSize, live } = wire.properties;
    expect([maximumFrameSize, live, macAddress?.length]).toEqual([1514, true, 6]);
    const reply = new FrameBatch(host.batch.memory, 1);
    host.onFrame = (batch, slot) => {
      if (macAddress === undefined || !answer(batch, slot, macAddress)) return;
      reply.offset[0] = batch.offset[slot];
      reply.length[0] = batch.length[slot];
      reply.count = 1;
      wire.send(reply);
    };
    const { stdout } = await run('ping', ['-c', '3', '-i', '0.01', '-W', '5', '192.0.2.2']);
    expect(stdout).toContain('3 received');
    expect(wire.counters.sent).toBeGreaterThanOrEqual(4);
    expect(ip('neigh show 192.0.2.2')).toContain(
      Buffer.from(macAddress ?? [])
        .toString('hex')
        .match(/../g)
        ?.join(':'),
    );
    wire.close();
    expect(() => ip('link show tap0')).toThrow();
  });

  test('runts and frames too long have outcomes; a slot too small drops and counts', async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const { wire, host } = open({ interfaceName: 'tap1', hostAddress: '192.0.2.1/24' }, 100);
    await host.until(() => wire.linkUp);
    const batch = batchOf(new Uint8Array(13), tagged(2), new Uint8Array(1519), tagged(2));
    batch.vlan[3] = 0x8100_0005;
    expect(wire.send(batch)).toBe(4);
    expect([...batch.outcome]).toEqual([OUTCOME_TOO_SHORT, OUTCOME_SENT, OUTCOME_TOO_LONG, OUTCOME_SENT]);
    ip('neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev tap1');
    const dropped = wire.counters.receiveDropped;
    const ping = run('ping', ['-c', '1', '-W', '0.2', '-s', '200', '192.0.2.9']).catch(() => {});
    await host.until(() => wire.counters.receiveDropped > dropped);
    expect(host.frames.every(({ frame }) => frame.length <= 100)).toBe(true);
    await ping;
    wire.close();
  });

  test('a link set down gives outcomes and is told, and so is its return', async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const { wire, host } = open({ interfaceName: 'tap2', bringUp: true });
    await host.until(() => wire.linkUp);
    ip('link set tap2 down');
    const batch = batchOf(tagged(2));
    expect(wire.send(batch)).toBe(1);
    expect(batch.outcome[0]).toBe(OUTCOME_LINK_DOWN);
    expect(wire.linkUp).toBe(false);
    ip('link set tap2 up');
    await host.until(() => wire.linkUp);
    expect(host.linkChanges.slice(-2)).toEqual([false, true]);
    wire.send(batch);
    expect(batch.outcome[0]).toBe(OUTCOME_SENT);
    expect(host.failures).toEqual([]);
    wire.close();
  });

  test('an interface deleted under the wire is told once, and everything later is refused', async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const { wire, host } = open({ interfaceName: 'tap3', bringUp: true });
    await host.until(() => wire.linkUp);
    ip('link del tap3');
    await host.until(() => host.failures.length > 0);
    expect(host.failures.map(({ code }) => code)).toEqual(['DEVICE_VANISHED']);
    expect(host.linkChanges.at(-1)).toBe(false);
    const batch = batchOf(tagged(1));
    expect(wire.send(batch)).toBe(1);
    expect(batch.outcome[0]).not.toBe(OUTCOME_SENT);
    expect(wire.receive(batch)).toBe(0);
    wire.close();
    wire.close();
    // The same wire opens again, and makes the interface again.
    wire.open(host);
    wire.close();
  });

  test('with offloads, TCP segments of up to 64 KB pass between two TAPs', async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    ip(`netns add ${PEER_NETWORK}`);
    const left = open({ interfaceName: 'tap4', offloads: true, hostAddress: '198.51.100.1/24' }, 65550);
    const right = open({ interfaceName: 'tap5', offloads: true }, 65550);
    ip(`link set tap5 netns ${PEER_NETWORK}`);
    ip(`-n ${PEER_NETWORK} addr add 198.51.100.2/24 dev tap5`);
    ip(`-n ${PEER_NETWORK} link set tap5 up`);
    let longest = 0;
    const forward = (to: TapWire): ((batch: FrameBatch, slot: number) => void) => {
      const out = new FrameBatch(new Uint8Array(0), 1);
      return (batch, slot) => {
        longest = Math.max(longest, batch.length[slot]);
        out.memory = batch.memory;
        out.offset[0] = batch.offset[slot];
        out.length[0] = batch.length[slot];
        out.copyOffloads(0, batch, slot);
        out.count = 1;
        to.send(out);
      };
    };
    left.host.onFrame = forward(right.wire);
    right.host.onFrame = forward(left.wire);
    const server = spawn('ip', [
      ...`netns exec ${PEER_NETWORK} ${process.execPath} -e`.split(' '),
      `let n=0;require('net').createServer(s=>{s.on('data',d=>n+=d.length);s.on('end',()=>s.end(String(n)))})
       .listen(7000,()=>console.log('ready'))`,
    ]);
    context.onTestFinished(() => {
      server.kill();
    });
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const size = 4 << 20;
    const answered = await new Promise<string>((resolve, reject) => {
      const socket = connect(7000, '198.51.100.2', () => socket.end(new Uint8Array(size)));
      socket.once('data', (data) => resolve(data.toString()));
      socket.once('error', reject);
    });
    expect(answered).toBe(String(size));
    expect(longest).toBeGreaterThan(9000);
    left.wire.close();
    right.wire.close();
  });

  test('busy polling delivers too, and ends with the wire', async (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const { wire, host } = open({
      interfaceName: 'tap6',
      hostAddress: '192.0.2.1/24',
      busyPollMicroseconds: 200,
    });
    ip('neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev tap6');
    await run('ping', ['-c', '5', '-i', '0.01', '-W', '0.05', '192.0.2.9']).catch(() => {});
    await host.until(() => host.frames.filter(({ frame }) => frame[23] === 1).length >= 5);
    wire.close();
  });
});

describe('what goes wrong at open', () => {
  test('no permission, and a name that another kind of interface has', (context) => {
    need(context, canMakeNetworks(), NETWORK_NEEDS);
    const wire = new TapWire({ interfaceName: 'tap7' });
    process.seteuid?.(65534);
    try {
      expect(() => wire.open(new LiveTestHost())).toThrow(
        expect.objectContaining({ code: 'DEVICE_NO_PERMISSION' }),
      );
    } finally {
      process.seteuid?.(0);
    }
    expect(() => new TapWire({ interfaceName: 'lo' }).open(new LiveTestHost())).toThrow(
      expect.objectContaining({ name: 'WireError', message: expect.stringContaining('What to do') }),
    );
    wire.open(new LiveTestHost());
    expect(() => new TapWire({ interfaceName: 'tap7' }).open(new LiveTestHost())).toThrow(
      expect.objectContaining({ code: 'DEVICE_BUSY' }),
    );
    wire.close();
  });

  test('koffi missing, or without what is needed of it', (context) => {
    need(context, process.platform === 'linux', 'needs Linux');
    const missing = (): never => {
      throw new Error('Cannot find module');
    };
    expect(() => loadKoffi('tap:x', missing)).toThrow(expect.objectContaining({ code: 'KOFFI_MISSING' }));
    expect(() => loadKoffi('tap:x', () => ({}))).toThrow(
      expect.objectContaining({ code: 'KOFFI_INCOMPATIBLE' }),
    );
  });
});
