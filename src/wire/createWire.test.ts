/** Wires from stack files: every mistake by its place; capture files on disk; the recorded example. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readAll } from './capture/testCaptures.ts';
import { CaptureWire } from './captureWire.ts';
import { createWire, type WireContext } from './createWire.ts';
import type { Segment } from './segment.ts';
import { batchOf, need, runWire, tagged } from './testSupport.ts';
import { VirtualClock, VirtualWireHost } from './virtualWireHost.ts';
import { WireError } from './wireError.ts';
import { parseWireOptions } from './wireOptions.ts';

const directory = mkdtempSync(join(tmpdir(), 'ndisbox-wire-'));
afterAll(() => rmSync(directory, { recursive: true }));
const context = (): WireContext => ({ segments: new Map<string, Segment>(), directory });
const EXAMPLE = new URL('../../examples/hosts.pcapng', import.meta.url).pathname;

describe('options', () => {
  test.each([
    [undefined, 'wire', 'an object'],
    [{}, 'wire.type', '"tap"'],
    [{ type: 'toString' }, 'wire.type', '"tap"'],
    [{ type: 'tap' }, 'wire.name', 'missing'],
    [{ type: 'tap', name: 'a name' }, 'wire.name', '15 characters'],
    [{ type: 'tap', name: 'tap0', nmae: 1 }, 'wire.nmae', 'not known'],
    [{ type: 'tap', name: 'tap0', offloads: 'yes' }, 'wire.offloads', 'true or false'],
    [{ type: 'tap', name: 'tap0', hostAddress: '192.0.2.300/24' }, 'wire.hostAddress', '192.0.2.1/24'],
    [{ type: 'packet', name: 'eth0', framesPerWake: 0 }, 'wire.framesPerWake', 'from 1 to'],
    [{ type: 'capture', pace: 'slow' }, 'wire.pace', '"recorded" or "fastest"'],
    [{ type: 'capture', sourceMacAddress: '2:0:0:0:0:1' }, 'wire.sourceMacAddress', 'MAC address'],
    [{ type: 'stream', path: '' }, 'wire.path', 'not empty'],
    [{ type: 'segment', name: 'lan', loss: 1.5 }, 'wire.loss', 'from 0 to 1'],
    [{ type: 'segment', name: 'lan', faults: { send: { lost: 1 } } }, 'wire.faults.send.lost', 'not known'],
  ])('%j is refused at %s', (options, option, words) => {
    expect(() => createWire(options, context())).toThrow(
      expect.objectContaining({
        code: 'WIRE_OPTIONS_INVALID',
        option,
        message: expect.stringContaining(words),
      }),
    );
  });

  test('any JSON is options or an error with a place', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record({ type: fc.constantFrom('tap', 'segment'), name: fc.jsonValue() }),
        ),
        (value) => {
          try {
            parseWireOptions(value);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
            expect(error).toMatchObject({
              code: 'WIRE_OPTIONS_INVALID',
              option: expect.stringMatching(/^wire/),
            });
          }
        },
      ),
    );
  });

  test('wires that name one segment meet on it; describing it twice is refused', () => {
    const shared = context();
    const left = createWire({ type: 'segment', name: 'lan', minimumDelay: 5 }, shared);
    const right = createWire({ type: 'segment', name: 'lan', macAddress: '02:00:00:00:00:09' }, shared);
    const clock = new VirtualClock();
    const [leftHost, rightHost] = [new VirtualWireHost(clock), new VirtualWireHost(clock)];
    left.open(leftHost);
    right.open(rightHost);
    left.send(batchOf(tagged(4)));
    expect(runWire(right, rightHost).map(({ stamp }) => stamp)).toEqual([5]);
    expect(right.properties.macAddress?.[5]).toBe(9);
    expect(() => createWire({ type: 'segment', name: 'lan', loss: 1 }, shared)).toThrow(
      expect.objectContaining({ code: 'WIRE_OPTIONS_INVALID' }),
    );
  });

  test.each(['tap', 'packet', 'stream'])('a %s wire is made without being opened', (type) => {
    const options = type === 'stream' ? { type, path: 'x.sock' } : { type, name: 'x0', offloads: true };
    expect(createWire(options, context()).properties.live).toBe(true);
  });
});

describe('files', () => {
  test('a missing capture and a file that is none are errors', () => {
    const host = new VirtualWireHost();
    const missing = createWire({ type: 'capture', play: 'none.pcapng' }, context());
    expect(() => missing.open(host)).toThrow(expect.objectContaining({ code: 'FILE_FAILED' }));
    writeFileSync(join(directory, 'text.pcapng'), 'this is no capture');
    createWire({ type: 'capture', play: 'text.pcapng' }, context()).open(host);
    expect(host.failures).toMatchObject([{ code: 'CAPTURE_NOT_A_CAPTURE' }]);
    const nowhere = createWire({ type: 'capture', record: 'no/such/directory.pcapng' }, context());
    expect(() => nowhere.open(host)).toThrow(expect.objectContaining({ code: 'FILE_FAILED' }));
  });

  test('what one wire records, through faults and recorder, another plays', () => {
    const host = new VirtualWireHost();
    const wire = createWire(
      { type: 'capture', record: 'out.pcapng', recordTo: 'both.pcapng', faults: {} },
      context(),
    );
    wire.open(host);
    wire.send(batchOf(tagged(1), tagged(2)));
    wire.close();
    for (const name of ['out.pcapng', 'both.pcapng']) {
      const player = createWire({ type: 'capture', play: name }, context());
      const playerHost = new VirtualWireHost();
      player.open(playerHost);
      expect(runWire(player, playerHost).map(({ frame }) => frame[0])).toEqual([1, 2]);
    }
  });

  test('tshark reads what is written: interfaces, comments, directions, stamps', (testContext) => {
    const found = spawnSync('tshark', ['--version'], { stdio: 'ignore' }).status === 0;
    need(testContext, found, 'needs tshark (Debian: apt install tshark)');
    const wire = createWire({ type: 'capture', record: 'shark.pcapng' }, context());
    const host = new VirtualWireHost(new VirtualClock(), 1_700_000_000_000_000_000n);
    wire.open(host);
    host.clock.now = 123_456_789;
    wire.send(batchOf(tagged(1)));
    wire.close();
    const fields = ['frame.time_epoch', 'frame.len', 'frame.interface_name', 'frame.packet_flags_direction'];
    const words = fields.flatMap((field) => ['-e', field]);
    const output = execFileSync('tshark', ['-r', join(directory, 'shark.pcapng'), '-T', 'fields', ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(output.trim().split('\t')).toEqual([
      '1700000000.123456789',
      '60',
      'capture:shark.pcapng',
      '0x00000002',
    ]);
  });
});

describe('the recorded example', () => {
  test('holds every kind of traffic and only whole frames with nanosecond stamps', () => {
    const { packets, records, error } = readAll(new Uint8Array(readFileSync(EXAMPLE)));
    expect(error).toBeUndefined();
    expect(records.find(({ kind }) => kind === 'interface')).toMatchObject({
      linkType: 1,
      timestampResolution: 9,
    });
    expect(packets.length).toBeGreaterThan(300);
    expect(packets.every(({ data, originalLength }) => data.length === originalLength)).toBe(true);
    const kinds = new Set<string>();
    for (const { data } of packets) {
      const type = (data[12] << 8) | data[13];
      if (type === 0x8100) kinds.add(`vlan ${((data[14] & 15) << 8) | data[15]}`);
      else if (type === 0x0806) kinds.add('arp');
      else if (type === 0x0800) kinds.add(`ipv4 ${data[23]}`);
      else if (type === 0x86dd) kinds.add(`ipv6 ${data[20]}`);
    }
    for (const kind of [
      'arp',
      'ipv4 1',
      'ipv4 6',
      'ipv4 17',
      'ipv6 58',
      'ipv6 6',
      'ipv6 17',
      'vlan 10',
      'vlan 20',
    ]) {
      expect(kinds, kind).toContain(kind);
    }
  });

  test('plays the frames of 192.0.2.1 alone', () => {
    const options = { type: 'capture', play: EXAMPLE, sourceMacAddress: '02:00:00:00:00:01' };
    const wire = createWire(options, context());
    const host = new VirtualWireHost();
    wire.open(host);
    const frames = runWire(wire, host);
    expect(frames.length).toBeGreaterThan(150);
    expect(frames.every(({ frame }) => frame[11] === 1 && frame[6] === 2)).toBe(true);
    expect(wire).toBeInstanceOf(CaptureWire);
    expect(host.failures).toEqual([]);
  });
});
