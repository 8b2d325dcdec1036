import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DriverImage, Machine, Segment } from '../../src/machine/index.ts';
import { need } from '../../src/wire/testSupport.ts';
import { arpRequest, ethernet, ip, mac } from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { echo } from '../echo/echo.ts';
import { wireport } from '../wireport/wireport.ts';
import { IOCTL_MONITOR_QUERY, monitor } from './monitor.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');
const request = arpRequest(HOST_MAC, HOST, OWN);

/** One block of a capture: its type and what follows its first length. */
interface Block {
  readonly type: number;
  readonly body: DataView;
}

function blocksOf(bytes: Uint8Array): Block[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Block[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    expect(view.getUint32(at + length - 4, true)).toBe(length);
    const body = new DataView(bytes.buffer, bytes.byteOffset + at + 8, length - 12);
    blocks.push({ type: view.getUint32(at, true), body });
    at += length;
  }
  return blocks;
}

/** A frame of the capture: interface, direction, bytes. */
function packetOf({ body }: Block) {
  const captured = body.getUint32(12, true);
  const frame = new Uint8Array(body.buffer, body.byteOffset + 20, captured).slice();
  const flags = body.getUint32(20 + ((captured + 3) & ~3) + 4, true);
  return { id: body.getUint32(0, true), original: body.getUint32(16, true), direction: flags & 3, frame };
}

async function stack(driver: DriverImage | Uint8Array, parameters = {}, seed = 1) {
  const segment = new Segment({});
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, seed, processors: 2 });
  machine.configureFilter('monitor', { type: 'monitoring' });
  expect(await machine.load('wireport', wireport)).toBe(0);
  expect(await machine.load('monitor', driver, parameters)).toBe(0);
  expect(await machine.load('echo', echo)).toBe(0);
  expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(
    true,
  );
  await machine.settle();
  const station = new TestStation(segment, machine, HOST_MAC);
  const device = await machine.openDevice('\\\\.\\Monitor');
  const read = async () => {
    const parts: Uint8Array[] = [];
    for (;;) {
      const { data, status } = await device.read(4096);
      expect(status).toBe(0);
      if (data.length === 0) return Uint8Array.from(parts.flatMap((part) => [...part]));
      parts.push(data.slice());
    }
  };
  const stop = async () => {
    await device.close();
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  };
  return { machine, station, device, read, stop };
}

describe.each(twins(monitor, 'monitor'))('monitor (%s)', (_kind, driver) => {
  for (let seed = 1; seed <= 3; seed++) {
    test(`what is read is a capture of what went both ways, seed ${seed}`, async () => {
      const { machine, station, read, stop } = await stack(driver, {}, seed);
      station.send(request, ethernet(OWN_MAC, HOST_MAC, 0x1234, new Uint8Array(1500).fill(7)));
      await machine.settle();
      const answers = station.received();
      expect(answers).toHaveLength(1);
      const [section, description, ...packets] = blocksOf(await read());
      expect([section.type, section.body.getUint32(0, true)]).toEqual([0x0a0d0d0a, 0x1a2b3c4d]);
      expect(description.type).toBe(1);
      const name = new Uint8Array(description.body.buffer, description.body.byteOffset + 12, 8);
      expect(String.fromCharCode(...name)).toBe('Ethernet');
      expect(packets.map(packetOf)).toEqual(
        [
          { id: 0, original: request.length, direction: 1, frame: request },
          {
            id: 0,
            original: 1514,
            direction: 1,
            frame: ethernet(OWN_MAC, HOST_MAC, 0x1234, new Uint8Array(1500).fill(7)),
          },
          { id: 0, original: answers[0].length, direction: 2, frame: answers[0] },
        ].toSorted((a, b) => a.direction - b.direction),
      );
      expect(await read()).toEqual(new Uint8Array(0));
      await stop();
    });
  }

  test('an adapter that comes later is described then', async () => {
    const { machine, read, stop } = await stack(driver);
    await read();
    expect(await machine.addAdapter('wireport', { name: 'Second', wire: new Segment({}).addPort() })).toBe(
      true,
    );
    await machine.settle();
    const [description] = blocksOf(await read());
    expect(description.type).toBe(1);
    const name = new Uint8Array(description.body.buffer, description.body.byteOffset + 12, 6);
    expect(String.fromCharCode(...name)).toBe('Second');
    await stop();
  });

  test('one program at a time; frames without room are dropped and counted, long ones are cut', async () => {
    const { machine, station, device, read, stop } = await stack(driver, {
      BufferBytes: 4096,
      SnapLength: 1000,
    });
    await expect(machine.openDevice('\\\\.\\Monitor')).rejects.toThrow();
    station.send(
      ...Array.from({ length: 5 }, (_, i) =>
        ethernet(OWN_MAC, HOST_MAC, 0x1234, new Uint8Array(1400).fill(i)),
      ),
    );
    await machine.settle();
    const { data } = await device.ioctl(IOCTL_MONITOR_QUERY, new Uint8Array(0), 24);
    const view = new DataView(data.buffer, data.byteOffset);
    expect([view.getUint32(0, true), view.getUint32(8, true), view.getUint32(16, true)]).toEqual([3, 2, 1]);
    expect((await device.ioctl(IOCTL_MONITOR_QUERY, new Uint8Array(0), 8)).status).toBe(0xc0000023);
    expect((await device.ioctl(0x120000)).status).toBe(0xc0000010);
    expect((await device.read(16)).status).toBe(0xc0000023);
    const packets = blocksOf(await read())
      .filter(({ type }) => type === 6)
      .map(packetOf);
    expect(packets.map(({ original, frame }) => [original, frame.length, frame[20]])).toEqual([
      [1414, 1000, 0],
      [1414, 1000, 1],
      [1414, 1000, 2],
    ]);
    await stop();
  });

  test('tshark reads it', async (context) => {
    const found = spawnSync('tshark', ['--version'], { stdio: 'ignore' }).status === 0;
    need(context, found, 'needs tshark (Debian: apt install tshark)');
    const { machine, station, read, stop } = await stack(driver);
    station.send(request);
    await machine.settle();
    const directory = mkdtempSync(join(tmpdir(), 'ndisbox-monitor-'));
    try {
      const file = join(directory, 'capture.pcapng');
      writeFileSync(file, await read());
      const fields = ['arp.opcode', 'frame.interface_name', 'frame.packet_flags_direction'];
      const words = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
      const { stdout, stderr } = spawnSync('tshark', words, { encoding: 'utf8' });
      expect(stderr.split('\n').filter((line) => line.includes('tshark:'))).toEqual([]);
      expect(stdout).toBe('1\tEthernet\t0x00000001\n2\tEthernet\t0x00000002\n');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    await stop();
  });
});
